/* Grad-CAM against CAM: between the last feature maps and the outputs of MobileNetV3-Small lie only
 * a mean and a dense layer, so the map must be the feature maps weighted by the class's row of
 * weights (Zhou et al. 2016). */
#include <semtinel/evaluate.h>
#include <semtinel/format.h>
#include <semtinel/ops.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SIDE 96
#define CLASSES 4

static const char *const names[CLASSES] = {"a", "b", "c", "d"};
static smt_pool *pool;
static uint8_t pixels[SIDE * SIDE];

static smt_model *make_model(void)
{
    smt_mobilenet_options arch = smt_mobilenet_defaults();
    arch.width = 0.25f;
    arch.input_size = SIDE;
    arch.classes = CLASSES;
    arch.dropout = 0.5f;
    smt_graph *graph = NULL;
    smt_model *model = NULL;
    assert_int_equal(smt_mobilenetv3_small(&arch, 9, &graph, NULL), SMT_OK);
    assert_int_equal(smt_model_create(graph, &arch, names, CLASSES, &model, NULL), SMT_OK);
    return model;
}

static int setup(void **state)
{
    (void)state;
    smt_rng rng = smt_rng_seed(4, 4);
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(smt_rng_next(&rng) >> (i / SIDE < SIDE / 2 ? 56 : 59));
    }
    return smt_pool_create(2, &pool, NULL) != SMT_OK;
}

static int teardown(void **state)
{
    (void)state;
    smt_pool_destroy(&pool);
    return 0;
}

static void test_cam(void **state)
{
    (void)state;
    smt_model *model = make_model();
    assert_int_equal(smt_model_save(model, "test_explain.safetensors", SMT_DTYPE_F32, NULL, NULL),
                     SMT_OK);
    smt_explainer *explainer = NULL;
    smt_error error = {0};
    assert_int_equal(smt_explainer_open("test_explain.safetensors", NULL, pool, &explainer, &error),
                     SMT_OK);

    const smt_graph *graph = model->graph;
    int pooling = smt_graph_find(graph, "pool"), maps = graph->nodes[pooling].input[0];
    const smt_param *weight = &graph->params[graph->nodes[graph->node_count - 1].param[SMT_WEIGHT]];
    smt_exec *exec = NULL;
    const smt_exec_options options = {.max_batch = 1, .training = true};
    assert_int_equal(smt_exec_create(model->graph, pool, &options, &exec, NULL), SMT_OK);
    static float input[SIDE * SIDE];
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        input[i] = ((float)pixels[i] - 128) / 128;
    }
    assert_non_null(smt_exec_infer(exec, input, 1));
    const float *value = smt_exec_value(exec, maps);
    smt_shape shape = graph->nodes[maps].shape;
    int found = 0;
    for (int c = 0; c < CLASSES; c++) {
        smt_explanation e = {0};
        assert_int_equal(smt_explain(explainer, pixels, c, &e, &error), SMT_OK);
        assert_int_equal(e.class_index, c);
        assert_int_equal(e.width, shape.w);
        assert_int_equal(e.height, shape.h);
        double top = 0, expected[64], mass = 0, centre = 0, middle = 0, area = 0;
        int peak = 0;
        for (int i = 0; i < shape.h * shape.w; i++) {
            double sum = 0;
            for (int k = 0; k < shape.c; k++) {
                sum += (double)weight->data[c * shape.c + k] * (double)value[i * shape.c + k];
            }
            expected[i] = fmax(0, sum / (shape.h * shape.w));
            top = fmax(top, expected[i]);
            mass += expected[i];
            centre += expected[i] * (i % shape.w + 0.5) / shape.w;
            middle += expected[i] * (i / shape.w + 0.5) / shape.h;
            peak = expected[i] > expected[peak] ? i : peak;
        }
        assert_true(fabs((double)e.strength - top) < 1e-4 * top + 1e-9);
        for (int i = 0; i < shape.h * shape.w && top > 0; i++) {
            assert_true(fabs((double)e.map[i] - expected[i] / top) < 1e-3);
            area += (e.map[i] > 0.5f) / (double)(shape.h * shape.w);
        }
        if (top > 0) {
            assert_true(fabs((double)e.centre_x - centre / mass) < 1e-3);
            assert_true(fabs((double)e.centre_y - middle / mass) < 1e-3);
            assert_true(fabs((double)e.peak_x - (peak % shape.w + 0.5) / shape.w) < 1e-6);
            assert_true(fabs((double)e.peak_y - (peak / shape.w + 0.5) / shape.h) < 1e-6);
            assert_true(fabs((double)e.area - area) < 1e-6);
            found++;
        }
        smt_explanation_free(&e);
    }
    assert_true(found > 0);
    smt_explanation e = {0};
    assert_int_equal(smt_explain(explainer, pixels, CLASSES, &e, &error), SMT_ERR_ARGUMENT);
    assert_null(e.map);
    smt_exec_destroy(&exec);
    smt_explainer_close(&explainer);

    assert_int_equal(
        smt_explainer_open("test_explain.safetensors", "no such", pool, &explainer, &error),
        SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "no such"));
    assert_int_equal(
        smt_explainer_open("test_explain.safetensors", "pool", pool, &explainer, &error),
        SMT_ERR_ARGUMENT);
    assert_null(explainer);
    smt_model_destroy(&model);
    unlink("test_explain.safetensors");
}

/* Exported files end in a softmax: their maps are those of the checkpoint all the same. */
static void test_exported(void **state)
{
    (void)state;
    static const char *const paths[] = {"exported.safetensors", "exported.tflite", "exported.onnx"};
    smt_model *model = make_model();
    smt_graph *graph = model->graph;
    smt_param *bias = &graph->params[graph->nodes[graph->node_count - 1].param[SMT_BIAS]];
    bias->data[1] = 40; /* a network that is sure */
    smt_explanation e[3] = {{0}};
    for (int i = 0; i < 3; i++) {
        const smt_write_options how = {0};
        smt_explainer *explainer = NULL;
        assert_int_equal(smt_format_by_suffix(paths[i])->write(model, paths[i], &how, NULL),
                         SMT_OK);
        assert_int_equal(smt_explainer_open(paths[i], NULL, pool, &explainer, NULL), SMT_OK);
        assert_int_equal(smt_explain(explainer, pixels, 1, &e[i], NULL), SMT_OK);
        assert_true(e[i].strength > 0);
        assert_true(fabsf(e[i].strength - e[0].strength) < 1e-3f * e[0].strength);
        assert_int_equal(e[i].width * e[i].height, e[0].width * e[0].height);
        for (int k = 0; k < e[0].width * e[0].height; k++) {
            assert_true(fabsf(e[i].map[k] - e[0].map[k]) < 1e-3f);
        }
        smt_explainer_close(&explainer);
        unlink(paths[i]);
    }
    for (int i = 0; i < 3; i++) {
        smt_explanation_free(&e[i]);
    }
    smt_model_destroy(&model);
}

/* A network of another program: branches with maps of different sizes, and sums of a vector with
 * itself, over which a walk along every path would not end. */
static void test_sums(void **state)
{
    (void)state;
    smt_graph *graph = NULL;
    smt_model *model = NULL;
    assert_int_equal(smt_graph_create(&graph, NULL), SMT_OK);
    int input = smt_graph_input(graph, "input", (smt_shape){SIDE, SIDE, 1}, NULL), sum = -1;
    for (int b = 0; b < 2; b++) {
        char name[16];
        snprintf(name, sizeof name, "conv%d", b);
        const smt_conv_spec spec = {
            .filters = 3, .kernel_h = 3, .kernel_w = 3, .stride = 2 + 2 * b};
        int maps = smt_graph_conv(graph, name, input, &spec, NULL);
        smt_param *weight = &graph->params[graph->nodes[maps].param[SMT_WEIGHT]];
        for (size_t i = 0; i < weight->count; i++) {
            weight->data[i] = 0.1f;
        }
        snprintf(name, sizeof name, "pool%d", b);
        int pool_node = smt_graph_global_pool(graph, name, maps, NULL);
        snprintf(name, sizeof name, "dense%d", b);
        int dense = smt_graph_dense(graph, name, pool_node, CLASSES, true, SMT_ACT_NONE, NULL);
        sum = b ? smt_graph_add(graph, "sum", sum, dense, SMT_ACT_NONE, NULL) : dense;
    }
    for (int i = 0; i < 64; i++) {
        char name[16];
        snprintf(name, sizeof name, "double%d", i);
        sum = smt_graph_add(graph, name, sum, sum, SMT_ACT_NONE, NULL);
    }
    assert_true(sum > 0);
    assert_int_equal(smt_model_create(graph, NULL, names, CLASSES, &model, NULL), SMT_OK);
    smt_error error = {0};
    const smt_write_options how = {0};
    if (smt_format_by_suffix("x.onnx")->write(model, "test_explain.onnx", &how, &error)) {
        fail_msg("%s", error.message);
    }
    smt_explainer *explainer = NULL;
    if (smt_explainer_open("test_explain.onnx", NULL, pool, &explainer, &error)) {
        fail_msg("%s", error.message);
    }
    smt_explanation e = {0};
    assert_int_equal(smt_explain(explainer, pixels, 1, &e, &error), SMT_OK);
    assert_int_equal(e.width, SIDE / 4); /* the last branch's */
    smt_explanation_free(&e);
    smt_explainer_close(&explainer);
    smt_model_destroy(&model);
    unlink("test_explain.onnx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cam), cmocka_unit_test(test_exported), cmocka_unit_test(test_sums)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
