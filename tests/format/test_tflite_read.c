/* Imported TensorFlow Lite networks against PyTorch's execution of the same files
 * (tests/golden/make_tflite_golden.py), and batch norm put back around them. Needs the published
 * ImageNet files beside the data sets. */
#include "format/tflite.h"

#include <semtinel/ops.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static smt_model *import(const char *name)
{
    const char *data = getenv("SEMTINEL_DATA");
    char *path = smt_format("%s/weights/%s.tflite", data ? data : "../shared/data", name);
    smt_model *model = NULL;
    smt_error error = {SMT_OK, ""};
    if (!smt_path_exists(path)) {
        printf("skipped: %s is missing; set SEMTINEL_DATA\n", path);
        smt_free(path);
        skip();
    }
    if (smt_model_load(path, &model, &error)) {
        fail_msg("%s", error.message);
    }
    smt_free(path);
    return model;
}

static double worst_difference(const float *a, const float *b, size_t count)
{
    double worst = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
        squares += (double)a[i] * (double)a[i];
    }
    assert_true(squares > 0);
    return worst / sqrt(squares / (double)count);
}

static void check_import(const char *name, float scale, size_t outputs)
{
    smt_model *model = import(name);
    smt_error error = {SMT_OK, ""};
    smt_graph *g = model->graph;
    assert_true(model->preprocess.mean == 0 && model->preprocess.scale == scale);
    assert_int_equal(g->nodes[0].shape.h, 224);
    assert_int_equal(smt_shape_count(g->nodes[g->node_count - 1].shape), outputs);
    float *input = smt_alloc(224 * 224 * 3, sizeof *input);
    for (int y = 0; y < 224; y++) {
        for (int x = 0; x < 224; x++) {
            for (int c = 0; c < 3; c++) {
                input[(y * 224 + x) * 3 + c] =
                    (float)((7 * x + 13 * y + 29 * c + x * y % 31) % 256) / scale;
            }
        }
    }
    void *golden = NULL;
    size_t size = 0;
    char *path = smt_format("%s/golden/format/%s.f32", SMT_TEST_DIR, name);
    assert_int_equal(smt_file_load(path, 0, &golden, &size, &error), SMT_OK);
    assert_int_equal(size, outputs * sizeof(float));
    smt_pool *pool = NULL;
    smt_exec *exec = NULL;
    assert_int_equal(smt_pool_create(2, &pool, &error), SMT_OK);
    assert_int_equal(smt_exec_create(g, pool, &(smt_exec_options){.max_batch = 1}, &exec, &error),
                     SMT_OK);
    const float *result = smt_exec_infer(exec, input, 1);
    double worst = worst_difference(golden, result, outputs);
    if (worst > 1e-4) {
        fail_msg("%s differs from PyTorch by %g", name, worst);
    }
    smt_exec_destroy(&exec);
    smt_pool_destroy(&pool);
    smt_model_destroy(&model);
    smt_free(golden);
    smt_free(input);
    smt_free(path);
}

static void test_import_100(void **state)
{
    (void)state;
    check_import("imagenet-mobilenetv3-small-notop", 1, 576);
}

static void test_import_075(void **state)
{
    (void)state;
    check_import("imagenet-mobilenetv3-small-075", 255, 1024);
}

static smt_model *fresh(float width, bool wide, int channels)
{
    static const char *const names[] = {"bridge", "clean", "crack"};
    smt_mobilenet_options options = smt_mobilenet_defaults();
    options.width = width;
    options.classes = 3;
    options.channels = channels;
    options.wide_head = wide;
    smt_graph *graph = NULL;
    smt_model *model = NULL;
    assert_int_equal(smt_mobilenetv3_small(&options, 1, &graph, NULL), SMT_OK);
    assert_int_equal(smt_model_create(graph, &options, names, 3, &model, NULL), SMT_OK);
    return model;
}

/* Smooth blobs and stripes: count x 128 x 128 x channels, all channels equal. */
static float *pictures(int count, int channels, const smt_preprocess *p)
{
    float *images = smt_alloc((size_t)(count * 128 * 128 * channels), sizeof *images);
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < 128 * 128; k++) {
            double x = k % 128, y = k / 128; /* NOLINT: the row */
            double value = 128 + 60 * sin(x * (0.05 + 0.02 * i) + i) +
                           50 * cos(y * (0.11 - 0.01 * i)) + 17 * sin((x * y) * 0.01 * i);
            for (int c = 0; c < channels; c++) {
                images[(i * 128 * 128 + k) * channels + c] =
                    ((float)fmin(fmax(value, 0), 255) - p->mean) / p->scale;
            }
        }
    }
    return images;
}

static void check_unfold(const char *name, float width, bool wide, int channels, bool same_scaling)
{
    enum { COUNT = 8 };
    smt_model *source = import(name), *model = fresh(width, wide, channels);
    smt_transfer_report report = {.rows = NULL};
    smt_error error = {SMT_OK, ""};
    if (same_scaling) {
        model->preprocess = (smt_preprocess){.mean = 127.5f, .scale = 127.5f};
    }
    float *images = pictures(COUNT, channels, &model->preprocess);
    smt_pool *pool = NULL;
    smt_exec *exec = NULL;
    assert_int_equal(smt_pool_create(2, &pool, &error), SMT_OK);
    if (smt_model_init_from(model, source, images, COUNT, pool, &report, &error)) {
        fail_msg("%s", error.message);
    }
    /* With the source's own scaling the function is the same. With (p - 128) / 128, padding at the
     * border means 128 instead of 127.5. */
    double bound = same_scaling ? 1e-4 : 0.05;
    if (!(report.difference >= 0 && report.difference < bound)) {
        fail_msg("%s: features differ by %g", name, report.difference);
    }
    size_t classifier = (size_t)model->graph->nodes[model->graph->node_count - 2].shape.c * 3 + 3;
    assert_int_equal(report.total - report.taken, classifier);
    char *text = smt_transfer_report_text(&report);
    assert_non_null(text);
    assert_int_equal(strstr(text, "summed to 1") != NULL, channels == 1);
    smt_free(text);

    /* The statistics are those of the images: training mode
     * on the same batch gives what inference gives. */
    smt_exec_options options = {.max_batch = COUNT, .training = true};
    int drop = smt_graph_find(model->graph, "dropout");
    model->graph->nodes[drop].rate = 0;
    assert_int_equal(smt_exec_create(model->graph, pool, &options, &exec, &error), SMT_OK);
    float inferred[COUNT * 3];
    memcpy(inferred, smt_exec_infer(exec, images, COUNT), sizeof inferred);
    const float *trained = smt_exec_forward(exec, images, COUNT, &(smt_step){.dropout_seed = 1});
    double worst = worst_difference(inferred, trained, COUNT * 3);
    if (worst > 5e-3) {
        fail_msg("%s: training mode differs from inference by %g", name, worst);
    }
    smt_exec_destroy(&exec);
    smt_pool_destroy(&pool);
    smt_transfer_report_free(&report);
    smt_model_destroy(&model);
    smt_model_destroy(&source);
    smt_free(images);
}

static void test_unfold(void **state)
{
    (void)state;
    check_unfold("imagenet-mobilenetv3-small-notop", 1, false, 1, true);
    check_unfold("imagenet-mobilenetv3-small-notop", 1, false, 1, false);
    check_unfold("imagenet-mobilenetv3-small-075", 0.75f, false, 3, true);
    check_unfold("imagenet-mobilenetv3-small-075", 0.75f, true, 1, false);
}

/* A backbone that ends with the map itself, as those of Keras without a top do: it has features and
 * no classes, and the comparison pools them. */
static void test_unpooled(void **state)
{
    (void)state;
    static const char *const files[] = {"map.onnx", "map.pb", "map.tflite"};
    const smt_write_options plain = {.raw_input = false};
    smt_error error = {SMT_OK, ""};
    smt_pool *pool = NULL;
    smt_model *source = fresh(0.25f, false, 1);
    float *images = pictures(4, 1, &source->preprocess);
    assert_int_equal(smt_pool_create(1, &pool, &error), SMT_OK);
    source->graph->node_count = smt_graph_find(source->graph, "pool");
    smt_list_free(&source->classes, (size_t)source->class_count);
    source->class_count = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        smt_model *back = NULL, *model = fresh(0.25f, false, 1);
        smt_transfer_report report = {.rows = NULL};
        char *path = smt_format("/tmp/semtinel-%d-%s", (int)getpid(), files[i]);
        if (smt_format_by_suffix(path)->write(source, path, &plain, &error) ||
            smt_model_load(path, &back, &error) ||
            smt_model_init_from(model, back, images, 4, pool, &report, &error)) {
            fail_msg("%s", error.message);
        }
        assert_int_equal(back->class_count, 0);
        if (!(report.difference >= 0 && report.difference < 1e-4)) {
            fail_msg("%s: features differ by %g", files[i], report.difference);
        }
        unlink(path);
        smt_free(path);
        smt_transfer_report_free(&report);
        smt_model_destroy(&model);
        smt_model_destroy(&back);
    }
    smt_pool_destroy(&pool);
    smt_model_destroy(&source);
    smt_free(images);
}

static void test_wrong_network(void **state)
{
    (void)state;
    smt_model *source = import("imagenet-mobilenetv3-small-notop"), *model = fresh(0.75f, false, 1);
    smt_error error = {SMT_OK, ""};
    smt_graph *before = NULL;
    smt_pool *pool = NULL;
    float *images = pictures(1, 1, &model->preprocess);
    assert_int_equal(smt_pool_create(1, &pool, &error), SMT_OK);
    assert_int_equal(smt_graph_clone(model->graph, &before, &error), SMT_OK);
    assert_int_equal(smt_model_init_from(model, source, images, 1, pool, NULL, &error),
                     SMT_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "another network"));
    assert_non_null(strstr(error.message, "block3.project"));
    assert_non_null(strstr(error.message, "--width 1"));
    for (int i = 0; i < before->param_count; i++) {
        assert_memory_equal(before->params[i].data,
                            model->graph->params[i].data,
                            before->params[i].count * sizeof(float));
    }
    assert_int_equal(smt_model_init_from(model, source, images, 0, pool, NULL, &error),
                     SMT_ERR_ARGUMENT);
    smt_model_destroy(&model);
    smt_mobilenet_options options = smt_mobilenet_defaults();
    smt_graph *graph = NULL;
    options.padding = SMT_PAD_EXPLICIT;
    assert_int_equal(smt_mobilenetv3_small(&options, 1, &graph, &error), SMT_OK);
    assert_int_equal(smt_model_create(graph, &options, NULL, 0, &model, &error), SMT_OK);
    assert_int_equal(smt_model_init_from(model, source, images, 1, pool, NULL, &error),
                     SMT_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "--padding same"));
    smt_graph_destroy(&before);
    smt_pool_destroy(&pool);
    smt_model_destroy(&model);
    smt_model_destroy(&source);
    smt_free(images);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_import_100),
        cmocka_unit_test(test_import_075),
        cmocka_unit_test(test_unfold),
        cmocka_unit_test(test_unpooled),
        cmocka_unit_test(test_wrong_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
