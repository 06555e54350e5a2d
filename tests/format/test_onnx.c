/* ONNX: a torchvision export against PyTorch's logits, the way out and back, and files that are not
 * what they seem. */
#include "format/damage.h"
#include "format/onnx_builder.h"
#include "format/onnx_internal.h"

#include <semtinel/format.h>
#include <semtinel/ops.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define IMAGES 2
#define CLASSES 5
#define SIDE 128

static const float mean[3] = {0.485f, 0.456f, 0.406f}, deviation[3] = {0.229f, 0.224f, 0.225f};
static uint8_t *onnx, *pixels;
static size_t onnx_size;
static float *logits;

static void *load(const char *name, size_t *size)
{
    char *path = smt_format("%s/golden/format/%s", SMT_TEST_DIR, name);
    void *data = NULL;
    smt_error error;
    if (smt_file_load(path, 0, &data, size, &error)) {
        fail_msg("%s", error.message);
    }
    smt_free(path);
    return data;
}

static int setup(void **state)
{
    (void)state;
    size_t size;
    onnx = load("torchvision.onnx", &onnx_size);
    pixels = load("images.u8", &size);
    assert_int_equal(size, IMAGES * SIDE * SIDE * 3);
    logits = load("logits.f32", &size);
    assert_int_equal(size, IMAGES * CLASSES * sizeof(float));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    smt_free(onnx);
    smt_free(pixels);
    smt_free(logits);
    return 0;
}

/* Runs the graph on the golden images, normalised as
 * torchvision does unless the graph does it itself. */
static void assert_logits(const smt_model *model, bool normalise, float tolerance)
{
    smt_error error;
    smt_pool *pool = NULL;
    smt_exec *exec = NULL;
    const smt_exec_options options = {.max_batch = IMAGES};
    assert_int_equal(smt_pool_create(1, &pool, &error), SMT_OK);
    assert_int_equal(smt_exec_create(model->graph, pool, &options, &exec, &error), SMT_OK);
    float *input = smt_alloc(IMAGES * SIDE * SIDE * 3, sizeof *input);
    for (int i = 0; i < IMAGES * SIDE * SIDE * 3; i++) {
        float p = (float)pixels[i] / 255;
        input[i] = normalise ? (p - mean[i % 3]) / deviation[i % 3] : p;
    }
    const float *out = smt_exec_infer(exec, input, IMAGES);
    float largest = 0, worst = 0;
    for (int i = 0; i < IMAGES * CLASSES; i++) {
        largest = fmaxf(largest, fabsf(logits[i]));
        worst = fmaxf(worst, fabsf(out[i] - logits[i]));
    }
    assert_true(worst <= tolerance * largest);
    smt_free(input);
    smt_exec_destroy(&exec);
    smt_pool_destroy(&pool);
}

static void test_read(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_model *model = NULL;
    assert_int_equal(smt_onnx_read_memory("a.onnx", onnx, onnx_size, &model, &error), SMT_OK);
    assert_int_equal(model->class_count, CLASSES);
    assert_logits(model, true, 1e-4f);
    smt_model_destroy(&model);
}

static void test_pth(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_model *model = NULL;
    char *path = smt_format("%s/golden/format/torchvision.pth", SMT_TEST_DIR);
    assert_int_equal(smt_model_load(path, &model, &error), SMT_OK);
    smt_free(path);
    assert_int_equal(model->class_count, CLASSES);
    assert_logits(model, false, 1e-4f);
    smt_model_destroy(&model);
}

/* Written and read again, the graph computes the same;
 * with softmax at its end, classes and provenance kept. */
static void test_round_trip(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_mobilenet_options arch = smt_mobilenet_defaults();
    arch.width = 0.25f;
    arch.input_size = 64;
    arch.classes = 3;
    smt_graph *graph = NULL;
    smt_model *model = NULL, *back = NULL;
    const char *const names[] = {"bridge", "clean, or so", "open"};
    assert_int_equal(smt_mobilenetv3_small(&arch, 5, &graph, &error), SMT_OK);
    assert_int_equal(smt_model_create(graph, &arch, names, 3, &model, &error), SMT_OK);
    char path[] = "/tmp/semtinel-onnx-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    for (int raw = 0; raw < 2; raw++) {
        const smt_write_options options = {.raw_input = raw};
        assert_int_equal(smt_onnx_write(model, path, &options, &error), SMT_OK);
        assert_int_equal(smt_onnx_read(path, &back, &error), SMT_OK);
        assert_string_equal(back->classes[1], "clean, or so");
        assert_int_equal(back->graph->nodes[back->graph->node_count - 1].op, SMT_OP_SOFTMAX);
        assert_true(back->preprocess.mean == (raw ? 0 : 128) &&
                    back->preprocess.scale == (raw ? 1 : 128));

        smt_pool *pool = NULL;
        smt_exec *a = NULL, *b = NULL;
        const smt_exec_options run = {.max_batch = 1};
        assert_int_equal(smt_pool_create(1, &pool, &error), SMT_OK);
        assert_int_equal(smt_exec_create(model->graph, pool, &run, &a, &error), SMT_OK);
        assert_int_equal(smt_exec_create(back->graph, pool, &run, &b, &error), SMT_OK);
        float *x = smt_alloc(64 * 64, sizeof *x), *y = smt_alloc(64 * 64, sizeof *y);
        smt_rng rng = smt_rng_seed(1, 1);
        for (int i = 0; i < 64 * 64; i++) {
            float p = (float)smt_rng_below(&rng, 256);
            x[i] = (p - 128) / 128;
            y[i] = raw ? p : x[i];
        }
        float expected[3];
        memcpy(expected, smt_exec_infer(a, x, 1), sizeof expected);
        smt_softmax(expected, 1, 3);
        const float *got = smt_exec_infer(b, y, 1);
        for (int i = 0; i < 3; i++) {
            assert_true(fabsf(got[i] - expected[i]) < 1e-5f);
        }
        smt_free(x);
        smt_free(y);
        smt_exec_destroy(&a);
        smt_exec_destroy(&b);
        smt_pool_destroy(&pool);
        smt_model_destroy(&back);
    }
    unlink(path);
    smt_model_destroy(&model);
}

static smt_status read_file(const char *name, const void *data, size_t size, smt_error *error)
{
    smt_model *model = NULL;
    smt_status status = smt_onnx_read_memory(name, data, size, &model, error);
    smt_model_destroy(&model);
    return status;
}

/* Every cut is refused, or (a cut of trailing metadata) read whole; nothing crashes. */
static void test_cut(void **state)
{
    (void)state;
    assert_true(damage_cut(read_file, onnx, onnx_size, 4096, 997) >= 4096);
}

static void test_changed(void **state)
{
    (void)state;
    assert_in_range(damage_change(read_file, onnx, onnx_size, 20000, 400), 50, 399);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    for (long n = 0; n < 3000; n += n < 200 ? 1 : 37) {
        smt_error error = {0};
        smt_model *model = NULL;
        smt_alloc_fail_after(n);
        smt_status status = smt_onnx_read_memory("a.onnx", onnx, onnx_size, &model, &error);
        smt_alloc_fail_after(-1);
        if (status == SMT_OK) {
            smt_model_destroy(&model);
            assert_true(n > 100);
            return;
        }
        assert_int_equal(status, SMT_ERR_MEMORY);
    }
    fail_msg("the reader never finished");
}

/* An int8 network (QDQ): refused as a source of weights, described with its quantisation. */
static void test_quantised(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_graph *graph = NULL;
    smt_model *model = NULL, *back = NULL;
    void *data = NULL;
    size_t size = 0;
    bool quantised = false;
    char path[] = "/tmp/semtinel-onnx-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    static const char *const classes[2] = {"a", "b"};
    const smt_conv_spec spec = {.filters = 2,
                                .kernel_h = 3,
                                .kernel_w = 3,
                                .stride = 2,
                                .bias = true,
                                .activation = SMT_ACT_RELU};
    assert_int_equal(smt_graph_create(&graph, &error), SMT_OK);
    int input = smt_graph_input(graph, "input", (smt_shape){8, 8, 1}, &error);
    int conv = smt_graph_conv(graph, "conv", input, &spec, &error);
    int pool = smt_graph_global_pool(graph, "pool", conv, &error);
    graph->nodes[input].quant = (smt_quant){0.0078125f, 0};
    graph->nodes[conv].quant = (smt_quant){0.5f, -128};
    graph->nodes[pool].quant = (smt_quant){0.25f, 3};
    smt_param *weight = &graph->params[graph->nodes[conv].param[SMT_WEIGHT]],
              *bias = &graph->params[graph->nodes[conv].param[SMT_BIAS]];
    assert_int_equal(smt_param_scales(weight, 2, &error), SMT_OK);
    assert_int_equal(smt_param_scales(bias, 2, &error), SMT_OK);
    for (int c = 0; c < 2; c++) {
        weight->scale[c] = 0.125f * (float)(c + 1);
        bias->scale[c] = weight->scale[c] * 0.0078125f;
        bias->data[c] = 1000 * bias->scale[c];
        for (int i = 0; i < 9; i++) {
            weight->data[9 * c + i] = weight->scale[c] * (float)(10 * i - 40);
        }
    }
    assert_int_equal(smt_model_create(graph, NULL, classes, 2, &model, &error), SMT_OK);
    assert_int_equal(smt_onnx_write_annotated(graph, model, path, NULL, &error), SMT_OK);
    assert_int_equal(smt_onnx_read(path, &back, &error), SMT_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "int8"));
    assert_int_equal(smt_file_load(path, 0, &data, &size, &error), SMT_OK);
    if (smt_onnx_read_quantised(path, data, size, &quantised, &back, &error)) {
        fail_msg("%s", error.message);
    }
    assert_true(quantised);
    assert_int_equal(back->graph->node_count, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(fabsf(back->graph->nodes[i].quant.scale - graph->nodes[i].quant.scale) < 1e-9f);
        assert_int_equal(back->graph->nodes[i].quant.zero_point, graph->nodes[i].quant.zero_point);
    }
    const smt_node *read = &back->graph->nodes[1];
    assert_int_equal(read->activation, SMT_ACT_RELU);
    assert_memory_equal(
        back->graph->params[read->param[SMT_WEIGHT]].data, weight->data, 18 * sizeof(float));
    assert_memory_equal(
        back->graph->params[read->param[SMT_BIAS]].data, bias->data, 2 * sizeof(float));
    smt_free(data);
    smt_model_destroy(&back);
    smt_model_destroy(&model);
    unlink(path);
}

static void assert_refused(const void *data, size_t size, const char *word)
{
    smt_error error = {0};
    smt_model *model = NULL;
    assert_int_not_equal(smt_onnx_read_memory("x.onnx", data, size, &model, &error), SMT_OK);
    if (!strstr(error.message, word) || !strstr(error.message, "x.onnx")) {
        fail_msg("'%s' does not say '%s'", error.message, word);
    }
}

static void test_wrong_files(void **state)
{
    (void)state;
    static const char lfs[] = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n";
    static const char script[] = "#!/usr/bin/python3\nimport torch\nprint(torch)\n";
    static const char keras[] =
        "PK\3\4\24\0\0\0\0\0\0\0!\0metadata.json{\"keras_version\": \"3\"}config.json";
    assert_refused(lfs, sizeof lfs - 1, "git lfs pull");
    assert_refused(script, sizeof script - 1, "Python script");
    assert_refused(keras, sizeof keras - 1, "Keras");
    assert_refused("", 0, "empty");
    assert_refused("\x08\x07\x12\x7f", 4, "cut or damaged");
}

/* Begins a file for an 8 x 8 image; path: a template, then the file's name. */
static onnx_builder *begin(char *path)
{
    smt_error error = {0};
    onnx_builder *b = NULL;
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    assert_int_equal(onnx_builder_create(path, &b, &error), SMT_OK);
    onnx_graph_input(b, "input", (smt_shape){8, 8, 1});
    return b;
}

/* A model of one node on a 8 x 8 image, saved and handed to the reader; `change` spoils it. */
typedef void (*spoiler)(onnx_builder *b, Onnx__NodeProto *node);

static void assert_node_refused(const char *op, spoiler change, const char *word)
{
    smt_error error = {0};
    char path[] = "/tmp/semtinel-onnx-XXXXXX";
    onnx_builder *b = begin(path);
    const char *inputs[2] = {"input", "weight"};
    const int64_t dim[4] = {2, 1, 3, 3};
    const float weight[18] = {1};
    onnx_floats(b, "weight", "", 4, dim, weight);
    Onnx__NodeProto *node = onnx_node(b, op, "node", inputs, 2);
    if (change) {
        change(b, node);
    }
    onnx_graph_output(b, "node", "out", 2);
    assert_int_equal(onnx_save(b, path), SMT_OK);
    smt_model *model = NULL;
    assert_int_not_equal(smt_onnx_read(path, &model, &error), SMT_OK);
    if (!strstr(error.message, word) || !strstr(error.message, path)) {
        fail_msg("'%s' does not say '%s'", error.message, word);
    }
    onnx_builder_destroy(&b);
    unlink(path);
}

static void cycle(onnx_builder *b, Onnx__NodeProto *node)
{
    (void)b;
    node->input[0] = node->output[0];
}

static void dilate(onnx_builder *b, Onnx__NodeProto *node)
{
    const int64_t two[2] = {2, 2};
    onnx_attribute_ints(b, node, "dilations", two, 2);
}

static void stride(onnx_builder *b, Onnx__NodeProto *node)
{
    const int64_t huge[2] = {INT64_MAX, INT64_MAX};
    onnx_attribute_ints(b, node, "strides", huge, 2);
}

static void one_stride(onnx_builder *b, Onnx__NodeProto *node)
{
    const int64_t one[1] = {2};
    onnx_attribute_ints(b, node, "strides", one, 1);
}

static void three_pads(onnx_builder *b, Onnx__NodeProto *node)
{
    const int64_t three[3] = {1, 1, 1};
    onnx_attribute_ints(b, node, "pads", three, 3);
}

static void missing_weight(onnx_builder *b, Onnx__NodeProto *node)
{
    (void)b;
    node->input[1] = node->name;
}

static void foreign(onnx_builder *b, Onnx__NodeProto *node)
{
    static char domain[] = "pkg.onnxscript.torch_lib";
    (void)b;
    node->domain = domain;
}

static void clip(onnx_builder *b, Onnx__NodeProto *node)
{
    onnx_attribute_float(b, node, "min", 0);
    onnx_attribute_float(b, node, "max", 3);
}

static void test_bad_nodes(void **state)
{
    (void)state;
    assert_node_refused("aten_relu", foreign, "export without functions");
    assert_node_refused("Einsum", NULL, "node 0 (Einsum");
    assert_node_refused("Conv", cycle, "cycle");
    assert_node_refused("Conv", dilate, "dilation 2");
    assert_node_refused("Conv", stride, "strides");
    assert_node_refused("Conv", one_stride, "1 strides for two axes");
    assert_node_refused("Conv", three_pads, "3 pads for four sides");
    assert_node_refused("Conv", missing_weight, "constant");
    assert_node_refused("Clip", clip, "0 .. 6 is read");
}

/* Constants behind a convolution go into it: ((3 x + 1 - 5) / 2 - 4) / sqrt(variance + 1e-5) * 6 +
 * 7, the variance being 0. */
static void test_folded_constants(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_model *model = NULL;
    char path[] = "/tmp/semtinel-onnx-XXXXXX";
    onnx_builder *b = begin(path);
    const struct {
        const char *name;
        int rank;
        float value;
    } constants[] = {{"weight", 4, 3},
                     {"bias", 1, 1},
                     {"five", 0, 5},
                     {"two", 0, 2},
                     {"gamma", 1, 6},
                     {"beta", 1, 7},
                     {"mean", 1, 4},
                     {"variance", 1, 0}};
    const int64_t dim[4] = {1, 1, 1, 1};
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
        onnx_floats(b, constants[i].name, "", constants[i].rank, dim, &constants[i].value);
    }
    onnx_node(b, "Conv", "conv", (const char *[]){"input", "weight", "bias"}, 3);
    onnx_node(b, "Sub", "less", (const char *[]){"conv", "five"}, 2);
    onnx_node(b, "Div", "half", (const char *[]){"less", "two"}, 2);
    onnx_node(b,
              "BatchNormalization",
              "norm",
              (const char *[]){"half", "gamma", "beta", "mean", "variance"},
              5);
    onnx_node(b, "GlobalAveragePool", "pool", (const char *[]){"norm"}, 1);
    onnx_node(b, "Flatten", "flat", (const char *[]){"pool"}, 1);
    onnx_graph_output(b, "flat", "out", 1);
    assert_int_equal(onnx_save(b, path), SMT_OK);
    if (smt_onnx_read(path, &model, &error)) {
        fail_msg("%s", error.message);
    }
    const smt_node *conv = &model->graph->nodes[1];
    assert_int_equal(conv->op, SMT_OP_CONV);
    float weight = model->graph->params[conv->param[SMT_WEIGHT]].data[0],
          bias = model->graph->params[conv->param[SMT_BIAS]].data[0];
    float scale = 6 / sqrtf(1e-5f);
    assert_true(fabsf(weight / (1.5f * scale) - 1) < 1e-5f);
    assert_true(fabsf(bias / (-6 * scale + 7) - 1) < 1e-5f);
    smt_model_destroy(&model);
    onnx_builder_destroy(&b);
    unlink(path);
}

/* Functions that no node calls do not matter, whatever is in them. */
static void test_functions(void **state)
{
    (void)state;
    /* ModelProto.functions{node{attribute{g{}}}}, before and after the rest. */
    static const uint8_t function[] = {0xca, 1, 6, 0x3a, 4, 0x2a, 2, 0x32, 0};
    smt_error error = {0};
    smt_model *model = NULL;
    uint8_t *both = smt_alloc(onnx_size + 2 * sizeof function, 1);
    memcpy(both, function, sizeof function);
    memcpy(both + sizeof function, onnx, onnx_size);
    memcpy(both + sizeof function + onnx_size, function, sizeof function);
    if (smt_onnx_read_memory("a.onnx", both, onnx_size + 2 * sizeof function, &model, &error)) {
        fail_msg("%s", error.message);
    }
    assert_logits(model, true, 1e-4f);
    smt_model_destroy(&model);
    smt_free(both);
}

/* Tensors with absurd shapes, lengths that do not fit, and data in a file that is not there. */
static void test_bad_tensors(void **state)
{
    (void)state;
    int64_t huge[3] = {1 << 20, 1 << 20, 1 << 20}, negative[1] = {-4}, four[1] = {4};
    Onnx__TensorProto tensor = ONNX__TENSOR_PROTO__INIT;
    char name[] = "w";
    uint8_t bytes[16] = {0};
    onnx_constant out;
    smt_error error;
    tensor.name = name;
    tensor.data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor.dims = huge;
    tensor.n_dims = 3;
    assert_int_equal(onnx_tensor_decode("a.onnx", &tensor, &out, &error), SMT_ERR_LIMIT);
    tensor.dims = negative;
    tensor.n_dims = 1;
    assert_int_equal(onnx_tensor_decode("a.onnx", &tensor, &out, &error), SMT_ERR_LIMIT);
    tensor.dims = four;
    tensor.has_raw_data = 1;
    tensor.raw_data.data = bytes;
    tensor.raw_data.len = 15;
    assert_int_equal(onnx_tensor_decode("a.onnx", &tensor, &out, &error), SMT_ERR_FORMAT);
    tensor.name = NULL;
    assert_int_equal(onnx_tensor_decode("a.onnx", &tensor, &out, &error), SMT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "tensor '' holds 15"));
    tensor.name = name;
    tensor.raw_data.len = 16;
    tensor.data_type = 8;
    assert_int_equal(onnx_tensor_decode("a.onnx", &tensor, &out, &error), SMT_ERR_UNSUPPORTED);

    Onnx__StringStringEntryProto entry = ONNX__STRING_STRING_ENTRY_PROTO__INIT,
                                 *entries[1] = {&entry};
    char key[] = "location", outside[] = "../../etc/passwd", absent[] = "no-such-weights.bin";
    entry.key = key;
    entry.value = outside;
    tensor.data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor.has_raw_data = 0;
    tensor.has_data_location = 1;
    tensor.data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    tensor.n_external_data = 1;
    tensor.external_data = entries;
    assert_int_equal(onnx_tensor_decode("a.onnx", &tensor, &out, &error), SMT_ERR_FORMAT);
    entry.value = absent;
    assert_int_equal(onnx_tensor_decode("a.onnx", &tensor, &out, &error), SMT_ERR_IO);
    assert_non_null(strstr(error.message, absent));
}

/* A graph nested in an attribute must be refused before protobuf-c recurses into it. */
static void test_nesting(void **state)
{
    (void)state;
    enum { DEPTH = 20000 };
    /* Built from the inside: attribute{g{node{attribute{g...}}}};
     * each level adds the tags and lengths. */
    size_t capacity = DEPTH * 24, used = 0;
    uint8_t *nest = smt_alloc(capacity, 1);
    const uint8_t tags[3] = {
        0x32, 0x2a, 0x0a}; /* AttributeProto.g, NodeProto.attribute, GraphProto.node */
    for (int level = 0; level < DEPTH * 3 / 3; level++) {
        for (int t = 0; t < 3; t++) {
            uint8_t head[6];
            size_t n = 0;
            head[n++] = tags[t];
            for (size_t rest = used;; rest >>= 7) {
                head[n++] = (uint8_t)((rest & 127) | (rest > 127 ? 128 : 0));
                if (rest <= 127) {
                    break;
                }
            }
            assert_true(used + n <= capacity);
            memmove(nest + n, nest, used);
            memcpy(nest, head, n);
            used += n;
        }
        if (used > 60000) {
            break;
        }
    }
    uint8_t *file = smt_alloc(used + 8, 1);
    size_t n = 0;
    file[n++] = 0x3a; /* ModelProto.graph */
    for (size_t rest = used;; rest >>= 7) {
        file[n++] = (uint8_t)((rest & 127) | (rest > 127 ? 128 : 0));
        if (rest <= 127) {
            break;
        }
    }
    memcpy(file + n, nest, used);
    assert_refused(file, n + used, "graph of its own");
    smt_free(file);
    smt_free(nest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_pth),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_quantised),
        cmocka_unit_test(test_wrong_files),
        cmocka_unit_test(test_bad_nodes),
        cmocka_unit_test(test_folded_constants),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_bad_tensors),
        cmocka_unit_test(test_nesting),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
