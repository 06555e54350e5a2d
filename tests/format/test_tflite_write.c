/* Written .tflite files: run by the edge runtime they equal the graph's own execution; read back
 * they are the same network; flatc reads them by a schema of its own. */
#include "format/describe.h"
#include "format/tflite.h"
#include "format/tflite_write.h"

#include <semtinel/ops.h>

#include <edge.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const names[] = {"bridge", "clean", "crack", "via"};

/* A network with statistics as after training. */
static smt_model *trained(smt_padding padding, int channels, float width, bool wide)
{
    smt_mobilenet_options options = smt_mobilenet_defaults();
    smt_graph *graph = NULL;
    smt_model *model = NULL;
    options.width = width;
    options.classes = 4;
    options.input_size = 64;
    options.channels = channels;
    options.padding = padding;
    options.wide_head = wide;
    assert_int_equal(smt_mobilenetv3_small(&options, 3, &graph, NULL), SMT_OK);
    smt_rng rng = smt_rng_seed(5, 0);
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *n = &graph->nodes[i];
        for (int p = 0; n->op == SMT_OP_BATCH_NORM && p < SMT_NODE_PARAMS; p++) {
            smt_param *param = &graph->params[n->param[p]];
            for (size_t k = 0; k < param->count; k++) {
                double low = p == SMT_GAMMA || p == SMT_VARIANCE ? 0.5 : -0.5;
                param->data[k] = (float)smt_rng_uniform(&rng, low, low + 1);
            }
        }
    }
    assert_int_equal(smt_model_create(graph, &options, names, 4, &model, NULL), SMT_OK);
    return model;
}

/* Softmax outputs of the model's graph for `count` inputs. */
static void execute(const smt_model *model, const float *input, float *out)
{
    smt_graph *soft = NULL;
    smt_pool *pool = NULL;
    smt_exec *exec = NULL;
    smt_error error = {SMT_OK, ""};
    assert_int_equal(smt_graph_with_softmax(model->graph, &soft, &error), SMT_OK);
    assert_int_equal(smt_pool_create(1, &pool, &error), SMT_OK);
    assert_int_equal(
        smt_exec_create(soft, pool, &(smt_exec_options){.max_batch = 1}, &exec, &error), SMT_OK);
    memcpy(out, smt_exec_infer(exec, input, 1), 4 * sizeof *out);
    smt_exec_destroy(&exec);
    smt_pool_destroy(&pool);
    smt_graph_destroy(&soft);
}

static void run_edge_any(
    const void *data, size_t size, const void *input, size_t bytes, void *out, size_t out_bytes)
{
    smt_edge_model model;
    smt_edge_plan plan;
    smt_edge_runner runner;
    smt_edge_error error = {SMT_EDGE_OK, ""};
    if (smt_edge_open(data, size, &model, &error)) {
        fail_msg("%s", error.message);
    }
    size_t places_bytes = smt_edge_places_bytes(&model);
    void *places = smt_alloc(places_bytes, 1);
    if (smt_edge_make_plan(&model, smt_edge_kernels_best(), places, places_bytes, &plan, &error)) {
        fail_msg("%s", error.message);
    }
    void *arena = smt_alloc(plan.arena_bytes, 1);
    assert_int_equal(smt_edge_start(&plan, arena, plan.arena_bytes, &runner, &error), SMT_EDGE_OK);
    memcpy(smt_edge_input(&runner, 0), input, bytes);
    smt_edge_invoke(&runner, NULL, NULL);
    memcpy(out, smt_edge_output(&runner, 0), out_bytes);
    smt_free(arena);
    smt_free(places);
}

/* Four float outputs. */
static void run_edge(const void *data, size_t size, const void *input, size_t bytes, float *out)
{
    run_edge_any(data, size, input, bytes, out, 4 * sizeof *out);
}

/* Four int8 outputs. */
static void
run_edge_bytes(const void *data, size_t size, const void *input, size_t bytes, int8_t *out)
{
    run_edge_any(data, size, input, bytes, out, 4);
}

static void compare(const float *a, const float *b, double bound, const char *what)
{
    double worst = 0;
    for (int i = 0; i < 4; i++) {
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
    }
    if (!(worst < bound)) {
        fail_msg("%s: probabilities differ by %g (%g %g %g %g)",
                 what,
                 worst,
                 (double)b[0],
                 (double)b[1],
                 (double)b[2],
                 (double)b[3]);
    }
}

static int count_operators(const void *data, size_t size, smt_edge_code code)
{
    smt_edge_model file;
    smt_edge_operator op;
    int count = 0;
    assert_int_equal(smt_edge_open(data, size, &file, NULL), SMT_EDGE_OK);
    for (int32_t i = 0; i < file.operator_count; i++) {
        assert_true(smt_edge_get_operator(&file, i, &op));
        count += op.code == code;
    }
    return count;
}

static char *temporary(const char *suffix)
{
    char *path = smt_format("/tmp/smt-tflite-%ld%s", (long)getpid(), suffix);
    assert_non_null(path);
    return path;
}

static void check_float(smt_padding padding, int channels, float width, bool wide)
{
    smt_model *model = trained(padding, channels, width, wide), *back = NULL;
    smt_error error = {SMT_OK, ""};
    char *path = temporary(".tflite");
    size_t count = (size_t)(64 * 64 * channels), size = 0;
    float *pixels = smt_alloc(count, sizeof *pixels), *input = smt_alloc(count, sizeof *input);
    float expected[4], got[4];
    void *data = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t k = i / (size_t)channels; /* grey, copied to every channel */
        pixels[i] = (float)((k * 7 + k / 64 * 13 + (k * k) % 31) % 256);
        input[i] = (pixels[i] - 128) / 128;
    }
    execute(model, input, expected);
    assert_true(fabsf(expected[0] - expected[1]) > 1e-4f); /* not a constant function */
    const smt_model_format *format = smt_format_by_suffix(path);
    for (int raw = 0; raw < 2; raw++) {
        for (int half = 0; half < 2; half++) {
            smt_write_options options = {.raw_input = raw, .half = half};
            if (format->write(model, path, &options, &error)) {
                fail_msg("%s", error.message);
            }
            assert_int_equal(smt_file_load(path, 0, &data, &size, &error), SMT_OK);
            run_edge(data, size, raw ? pixels : input, count * sizeof *input, got);
            compare(expected, got, half ? 5e-3 : 2e-5, half ? "float16" : "float32");
            assert_int_equal(count_operators(data, size, SMT_EDGE_PAD), 0);
            assert_int_equal(count_operators(data, size, SMT_EDGE_HARD_SWISH), wide ? 19 : 18);
            assert_int_equal(count_operators(data, size, SMT_EDGE_MUL), raw ? 10 : 9);
            assert_int_equal(
                size < (half ? 2.2 : 4.3) * (double)smt_graph_parameter_count(model->graph) + 60000,
                1);
            smt_free(data);
            data = NULL;
            if (smt_model_load(path, &back, &error)) {
                fail_msg("%s", error.message);
            }
            assert_int_equal(back->class_count, 4);
            assert_string_equal(back->classes[3], "via");
            assert_true(back->preprocess.scale == (raw ? 1.0f : 128.0f));
            execute(back, raw ? pixels : input, got);
            compare(expected, got, half ? 5e-3 : 2e-5, "read back");
            smt_model_destroy(&back);
        }
    }
    unlink(path);
    smt_free(path);
    smt_free(pixels);
    smt_free(input);
    smt_model_destroy(&model);
}

static void test_float(void **state)
{
    (void)state;
    check_float(SMT_PAD_SAME, 1, 0.5f, false);
    check_float(SMT_PAD_SAME, 3, 0.25f, true);
    check_float(SMT_PAD_EXPLICIT, 1, 0.25f, false);
}

/* A single convolution of every padding, kernel and stride, against the graph's own execution. */
static void test_paddings(void **state)
{
    (void)state;
    smt_pool *pool = NULL;
    smt_error error = {SMT_OK, ""};
    int needed_pad = 0;
    assert_int_equal(smt_pool_create(1, &pool, &error), SMT_OK);
    for (int kind = 0; kind < 500; kind++) {
        smt_graph *g = NULL;
        smt_exec *exec = NULL;
        smt_model *model = NULL;
        smt_rng rng = smt_rng_seed(77, (uint64_t)kind);
        int k = 1 + (int)smt_rng_below(&rng, 5), side = 6 + (int)smt_rng_below(&rng, 4);
        smt_conv_spec spec = {
            .filters = 4, .kernel_h = k, .padding = kind % 5 ? SMT_PAD_EXPLICIT : SMT_PAD_SAME};
        spec.kernel_w = 1 + (int)smt_rng_below(&rng, 5);
        spec.stride = 1 + (int)smt_rng_below(&rng, 3);
        for (int i = 0; i < 4; i++) {
            int limit = i % 2 ? spec.kernel_w : spec.kernel_h;
            spec.pad[i] = (int)smt_rng_below(&rng, (uint32_t)limit);
        }
        assert_int_equal(smt_graph_create(&g, &error), SMT_OK);
        assert_int_equal(smt_graph_input(g, "in", (smt_shape){side, side + 1, 4}, &error), 0);
        int conv = kind % 2 ? smt_graph_conv(g, "conv", 0, &spec, &error)
                            : smt_graph_depthwise(g, "conv", 0, &spec, &error);
        assert_int_equal(conv, 1);
        smt_param *weight = &g->params[g->nodes[conv].param[SMT_WEIGHT]];
        for (size_t i = 0; i < weight->count; i++) {
            weight->data[i] = (float)smt_rng_uniform(&rng, -1, 1);
        }
        assert_int_equal(smt_graph_global_pool(g, "pool", conv, &error), 2);
        float input[9 * 10 * 4], expected[4], got[4];
        for (size_t i = 0; i < 9 * 10 * 4; i++) {
            input[i] = (float)smt_rng_uniform(&rng, -1, 1);
        }
        assert_int_equal(
            smt_exec_create(g, pool, &(smt_exec_options){.max_batch = 1}, &exec, &error), SMT_OK);
        memcpy(expected, smt_exec_infer(exec, input, 1), sizeof expected);
        smt_exec_destroy(&exec);
        assert_int_equal(smt_model_create(g, NULL, NULL, 0, &model, &error), SMT_OK);
        void *data = NULL;
        size_t size = 0;
        smt_write_options options = {.raw_input = false};
        if (smt_tflite_build(model->graph, model, &options, false, &data, &size, &error)) {
            fail_msg("%s", error.message);
        }
        run_edge(
            data, size, input, smt_shape_count(model->graph->nodes[0].shape) * sizeof *input, got);
        compare(expected, got, 1e-5, "padding");
        needed_pad += count_operators(data, size, SMT_EDGE_PAD);
        /* And back: PAD and kernels with zeros are the same function. */
        smt_model *back = NULL;
        if (smt_tflite_read_memory(data, size, "back", &back, &error)) {
            fail_msg("%s", error.message);
        }
        assert_int_equal(
            smt_exec_create(back->graph, pool, &(smt_exec_options){.max_batch = 1}, &exec, &error),
            SMT_OK);
        compare(expected, smt_exec_infer(exec, input, 1), 1e-5, "padding read back");
        smt_exec_destroy(&exec);
        smt_model_destroy(&back);
        smt_model_destroy(&model);
        smt_free(data);
    }
    assert_true(needed_pad > 10 && needed_pad < 450);
    smt_pool_destroy(&pool);
}

/* A hard sigmoid that cannot be freed becomes ADD, RELU6 and MUL. */
static void test_gate_without_convolution(void **state)
{
    (void)state;
    smt_graph *g = NULL;
    smt_model *model = NULL;
    smt_error error = {SMT_OK, ""};
    smt_conv_spec spec = {.filters = 4,
                          .kernel_h = 1,
                          .kernel_w = 1,
                          .stride = 1,
                          .bias = true,
                          .activation = SMT_ACT_HARD_SIGMOID};
    assert_int_equal(smt_graph_create(&g, &error), SMT_OK);
    assert_int_equal(smt_graph_input(g, "in", (smt_shape){1, 1, 4}, &error), 0);
    assert_int_equal(smt_graph_conv(g, "gate", 0, &spec, &error), 1);
    assert_int_equal(smt_graph_multiply(g, "out", 0, 1, &error), 2);
    float *w = g->params[0].data;
    w[0] = w[5] = w[10] = w[15] = 2;
    g->params[1].data[3] = 1;
    assert_int_equal(smt_model_create(g, NULL, NULL, 0, &model, &error), SMT_OK);
    void *data = NULL;
    size_t size = 0;
    smt_write_options options = {.raw_input = false};
    assert_int_equal(smt_tflite_build(g, model, &options, false, &data, &size, &error), SMT_OK);
    const float input[4] = {-2, 0.25f, 0.5f, 3};
    float got[4], expected[4] = {0, 0.25f * 3.5f / 6, 0.5f * 4 / 6, 3};
    run_edge(data, size, input, sizeof input, got);
    compare(expected, got, 1e-6, "gate");
    smt_free(data);
    smt_model_destroy(&model);
}

/* x * s + t, of which only what changes something is written. */
static void test_affine(void **state)
{
    (void)state;
    static const float factors[] = {3, 1, 3, 1}, terms[] = {2, 2, 0, 0};
    const smt_write_options options = {.raw_input = false};
    for (int k = 0; k < 4; k++) {
        smt_graph *g = NULL;
        smt_model *model = NULL;
        smt_error error = {SMT_OK, ""};
        void *data = NULL;
        size_t size = 0;
        assert_int_equal(smt_graph_create(&g, &error), SMT_OK);
        assert_int_equal(smt_graph_input(g, "in", (smt_shape){1, 1, 4}, &error), 0);
        assert_int_equal(smt_graph_affine(g, "out", 0, &error), 1);
        g->nodes[1].activation = SMT_ACT_RELU;
        for (int c = 0; c < 4; c++) {
            g->params[0].data[c] = factors[k];
            g->params[1].data[c] = terms[k];
        }
        assert_int_equal(smt_model_create(g, NULL, NULL, 0, &model, &error), SMT_OK);
        assert_int_equal(smt_tflite_build(g, model, &options, false, &data, &size, &error), SMT_OK);
        assert_int_equal(count_operators(data, size, SMT_EDGE_MUL), k == 1 ? 0 : 1);
        assert_int_equal(count_operators(data, size, SMT_EDGE_ADD), k < 2 ? 1 : 0);
        const float input[4] = {-2, 5, -7, 0.5f};
        const float expected[4] = {0, 5 * factors[k] + terms[k], 0, 0.5f * factors[k] + terms[k]};
        float got[4];
        run_edge(data, size, input, sizeof input, got);
        compare(expected, got, 1e-6, "affine");
        smt_free(data);
        smt_model_destroy(&model);
    }
}

/* input 2 x 2 x 4, depthwise, conv, pool, dense, softmax,
 * on grids of int8; layer "conv" may stay in float. */
static smt_graph *annotated(bool keep_conv_float, bool dynamic)
{
    smt_graph *g = NULL;
    smt_error error = {SMT_OK, ""};
    smt_conv_spec spec = {.filters = 4,
                          .kernel_h = 1,
                          .kernel_w = 1,
                          .stride = 1,
                          .bias = true,
                          .activation = SMT_ACT_RELU6};
    assert_int_equal(smt_graph_create(&g, &error), SMT_OK);
    assert_int_equal(smt_graph_input(g, "in", (smt_shape){2, 2, 4}, &error), 0);
    assert_int_equal(smt_graph_depthwise(g, "deep", 0, &spec, &error), 1);
    assert_int_equal(smt_graph_conv(g, "conv", 1, &spec, &error), 2);
    assert_int_equal(smt_graph_global_pool(g, "pool", 2, &error), 3);
    assert_int_equal(smt_graph_dense(g, "dense", 3, 4, true, SMT_ACT_NONE, &error), 4);
    assert_int_equal(smt_graph_softmax(g, "softmax", 4, &error), 5);
    static const smt_quant quants[] = {{1.0f / 128, 0},
                                       {6.0f / 255, -128},
                                       {6.0f / 255, -128},
                                       {6.0f / 255, -128},
                                       {0.1f, 3},
                                       {1.0f / 256, -128}};
    smt_rng rng = smt_rng_seed(8, 8);
    for (int i = 0; i < g->node_count; i++) {
        smt_node *n = &g->nodes[i];
        n->quant = dynamic ? (smt_quant){0, 0} : quants[i];
        if (n->param[SMT_WEIGHT] < 0) {
            continue;
        }
        smt_param *w = &g->params[n->param[SMT_WEIGHT]], *b = &g->params[n->param[SMT_BIAS]];
        bool grid = !(keep_conv_float && n->op == SMT_OP_CONV);
        if (grid) {
            assert_int_equal(smt_param_scales(w, 4, &error), SMT_OK);
        }
        if (grid && !dynamic) {
            assert_int_equal(smt_param_scales(b, 4, &error), SMT_OK);
        }
        for (int c = 0; c < 4; c++) {
            float scale = 0.01f * (float)(c + 1);
            b->data[c] = (float)smt_rng_uniform(&rng, 0, 1);
            if (w->scale) {
                w->scale[c] = scale;
            }
            if (b->scale) {
                b->scale[c] = scale * quants[n->input[0]].scale;
                b->data[c] = b->scale[c] * roundf(b->data[c] / b->scale[c]);
            }
            for (size_t k = 0; k < w->count / 4; k++) {
                size_t at =
                    n->op == SMT_OP_DEPTHWISE ? k * 4 + (size_t)c : (size_t)c * (w->count / 4) + k;
                w->data[at] = scale * (float)((int)smt_rng_below(&rng, 255) - 127);
            }
        }
    }
    return g;
}

/* int8 networks follow the float function as closely as their grids allow, whatever the ends and
 * the types inside. */
static void test_int8(void **state)
{
    (void)state;
    smt_error error = {SMT_OK, ""};
    for (int kind = 0; kind < 6; kind++) {
        bool float_io = kind == 1 || kind == 4, raw = kind == 2 || kind == 4, keep = kind == 3,
             dynamic = kind == 5;
        smt_graph *g = annotated(keep, dynamic);
        smt_model *model = NULL;
        smt_pool *pool = NULL;
        smt_exec *exec = NULL;
        float input[16], expected[4], got[4];
        int8_t q[16], q_out[4];
        uint8_t pixels[16];
        smt_rng rng = smt_rng_seed(4, (uint64_t)kind);
        for (int i = 0; i < 16; i++) {
            q[i] = (int8_t)((int)smt_rng_below(&rng, 256) - 128);
            pixels[i] = (uint8_t)(q[i] + 128);
            input[i] = (float)q[i] / 128;
        }
        assert_int_equal(smt_pool_create(1, &pool, &error), SMT_OK);
        assert_int_equal(
            smt_exec_create(g, pool, &(smt_exec_options){.max_batch = 1}, &exec, &error), SMT_OK);
        memcpy(expected, smt_exec_infer(exec, input, 1), sizeof expected);
        smt_exec_destroy(&exec);
        smt_pool_destroy(&pool);
        assert_int_equal(smt_model_create(g, NULL, names, 4, &model, &error), SMT_OK);
        void *data = NULL;
        size_t size = 0;
        smt_write_options options = {.raw_input = raw};
        if (smt_tflite_build(g, model, &options, float_io, &data, &size, &error)) {
            fail_msg("%s", error.message);
        }
        assert_int_equal(count_operators(data, size, SMT_EDGE_QUANTIZE),
                         kind == 0 || dynamic ? 0 : 1);
        assert_int_equal(count_operators(data, size, SMT_EDGE_DEQUANTIZE),
                         float_io || keep ? 1 : 0);
        if (float_io || dynamic) {
            float values[16];
            for (int i = 0; i < 16; i++) {
                values[i] = raw ? (float)pixels[i] : input[i];
            }
            run_edge(data, size, values, sizeof values, got);
        } else {
            run_edge_bytes(data, size, raw ? (const void *)pixels : q, 16, q_out);
            for (int i = 0; i < 4; i++) {
                got[i] = (float)(q_out[i] + 128) / 256;
            }
        }
        compare(expected, got, dynamic ? 0.02 : 0.03, "int8");
        smt_free(data);
        smt_model_destroy(&model);
    }
    /* What int8 cannot hold is refused by name. */
    smt_graph *g = annotated(false, false);
    smt_model *model = NULL;
    void *data = NULL;
    size_t size = 0;
    smt_write_options options = {.raw_input = false};
    g->nodes[2].activation = SMT_ACT_HARD_SWISH;
    assert_int_equal(smt_model_create(g, NULL, names, 4, &model, &error), SMT_OK);
    assert_int_equal(smt_tflite_build(g, model, &options, false, &data, &size, &error),
                     SMT_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "'conv'"));
    g->nodes[2].activation = SMT_ACT_HARD_SIGMOID;
    assert_int_equal(smt_tflite_build(g, model, &options, false, &data, &size, &error),
                     SMT_ERR_UNSUPPORTED);
    g->nodes[2].activation = SMT_ACT_NONE;
    g->nodes[0].quant.scale = 0.5f;
    options.raw_input = true;
    assert_int_equal(smt_tflite_build(g, model, &options, false, &data, &size, &error),
                     SMT_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "grey level"));
    smt_model_destroy(&model);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    smt_model *model = trained(SMT_PAD_SAME, 1, 0.25f, false), *back = NULL;
    smt_error error = {SMT_OK, ""};
    char *path = temporary(".memory.tflite");
    const smt_model_format *format = smt_format_by_suffix(path);
    smt_write_options options = {.half = true};
    bool done = false;
    for (long after = 0; !done; after += after < 60 ? 1 : 17) {
        assert_true(after < 100000);
        smt_alloc_fail_after(after);
        done = format->write(model, path, &options, &error) == SMT_OK;
        smt_alloc_fail_after(-1);
        assert_int_equal(smt_path_exists(path), done);
        assert_true(done || error.status == SMT_ERR_MEMORY);
    }
    for (long after = 0; !back; after += after < 60 ? 1 : 17) {
        assert_true(after < 100000);
        smt_alloc_fail_after(after);
        smt_status status = format->read(path, &back, &error);
        smt_alloc_fail_after(-1);
        assert_int_equal(status == SMT_OK, back != NULL);
    }
    unlink(path);
    smt_free(path);
    smt_model_destroy(&back);
    smt_model_destroy(&model);
}

/* Every cut and many flips of a real file: a message, never a crash; what is read passes the
 * graph's own check. */
static void test_damaged(void **state)
{
    (void)state;
    smt_model *model = trained(SMT_PAD_SAME, 1, 0.25f, false), *back = NULL;
    smt_graph *folded = NULL;
    smt_error error = {SMT_OK, ""};
    void *data = NULL;
    size_t size = 0;
    smt_write_options options = {.half = true};
    assert_int_equal(smt_graph_fold(model->graph, &folded, &error), SMT_OK);
    assert_int_equal(smt_tflite_build(folded, model, &options, false, &data, &size, &error),
                     SMT_OK);
    for (size_t cut = 0; cut < size; cut += 1 + cut / 50) {
        void *copy = smt_alloc(cut, 1);
        memcpy(copy, data, cut);
        assert_int_not_equal(smt_tflite_read_memory(copy, cut, "cut.tflite", &back, &error),
                             SMT_OK);
        assert_non_null(strstr(error.message, "cut.tflite"));
        smt_free(copy);
    }
    smt_rng rng = smt_rng_seed(3, 3);
    for (int i = 0; i < 300; i++) {
        uint32_t at = smt_rng_below(&rng, 30000), bit = smt_rng_below(&rng, 8);
        ((uint8_t *)data)[at] ^= (uint8_t)(1u << bit);
        if (smt_tflite_read_memory(data, size, "flipped", &back, &error) == SMT_OK) {
            assert_int_equal(smt_graph_check(back->graph, &error), SMT_OK);
            smt_model_destroy(&back);
        } else {
            assert_true(strlen(error.message) > 10);
        }
        ((uint8_t *)data)[at] ^= (uint8_t)(1u << bit);
    }
    /* An input of 2^30 rows: both readers of the file say why it is refused. */
    smt_shape in = folded->nodes[0].shape;
    const int32_t shape[] = {1, in.h, in.w, in.c}, rows = 1 << 30;
    uint8_t *at = memmem(data, size, shape, sizeof shape);
    assert_non_null(at);
    memcpy(at + sizeof *shape, &rows, sizeof rows);
    assert_int_equal(smt_tflite_read_memory(data, size, "huge", &back, &error), SMT_ERR_LIMIT);
    json_t *root = json_object();
    assert_int_equal(smt_describe_tflite(data, size, "huge", root, &error), SMT_ERR_LIMIT);
    json_decref(root);
    smt_free(data);
    smt_graph_destroy(&folded);
    smt_model_destroy(&model);
}

static void test_flatc(void **state)
{
    (void)state;
    if (system("flatc --version > /dev/null 2>&1")) {
        printf("skipped: flatc is not installed\n");
        skip();
    }
    smt_model *model = trained(SMT_PAD_SAME, 1, 0.25f, false);
    smt_error error = {SMT_OK, ""};
    char *path = temporary(".tflite"), *json = temporary(".json");
    const smt_model_format *format = smt_format_by_suffix(path);
    smt_write_options options = {.half = true, .raw_input = true};
    assert_int_equal(format->write(model, path, &options, &error), SMT_OK);
    char *command = smt_format("flatc --json --strict-json --raw-binary -o /tmp "
                               "'%s/format/tflite.fbs' -- %s 2>&1 >/dev/null",
                               SMT_TEST_DIR,
                               path);
    assert_int_equal(system(command), 0);
    void *data = NULL;
    size_t size = 0;
    assert_int_equal(smt_file_load(json, 0, &data, &size, &error), SMT_OK);
    assert_non_null(strstr(data, "\"builtin_code\": \"HARD_SWISH\""));
    assert_non_null(strstr(data, "\"builtin_options_type\": \"ReducerOptions\""));
    assert_non_null(strstr(data, "\"name\": \"block10.se.scale\""));
    assert_null(strstr(data, "PAD"));
    smt_free(data);
    smt_free(command);
    unlink(path);
    unlink(json);
    smt_free(path);
    smt_free(json);
    smt_model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float),
        cmocka_unit_test(test_paddings),
        cmocka_unit_test(test_gate_without_convolution),
        cmocka_unit_test(test_affine),
        cmocka_unit_test(test_int8),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_flatc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
