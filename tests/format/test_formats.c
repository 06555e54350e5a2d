/* What holds for every format of the list: a network written and read back computes the same and
 * keeps its classes, preprocessing and provenance; content decides, not the name. */
#include <semtinel/format.h>
#include <semtinel/ops.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SIDE 64
#define CLASSES 3

static char folder[64];
static smt_model *model;
static float expected[CLASSES];

/* Class probabilities of one image. */
static void infer(const smt_model *m, bool pixels, float out[CLASSES])
{
    smt_error error = {0};
    smt_pool *pool = NULL;
    smt_exec *exec = NULL;
    smt_graph *graph = NULL;
    const smt_exec_options options = {.max_batch = 1};
    smt_rng rng = smt_rng_seed(9, 9);
    float image[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++) {
        float p = (float)smt_rng_below(&rng, 256);
        image[i] = pixels ? p : (p - 128) / 128;
    }
    assert_int_equal(smt_graph_with_softmax(m->graph, &graph, &error), SMT_OK);
    assert_int_equal(smt_pool_create(1, &pool, &error), SMT_OK);
    assert_int_equal(smt_exec_create(graph, pool, &options, &exec, &error), SMT_OK);
    memcpy(out, smt_exec_infer(exec, image, 1), CLASSES * sizeof *out);
    smt_exec_destroy(&exec);
    smt_pool_destroy(&pool);
    smt_graph_destroy(&graph);
}

static int setup(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_graph *graph = NULL;
    static const char *const classes[CLASSES] = {"bridge", "p\xc3\xa4rt", "a \"quoted\" one"};
    smt_mobilenet_options o = smt_mobilenet_defaults();
    strcpy(folder, "/tmp/semtinel-formats-XXXXXX");
    o.width = 0.25f;
    o.input_size = SIDE;
    o.classes = CLASSES;
    if (!mkdtemp(folder) || smt_mobilenetv3_small(&o, 3, &graph, &error) ||
        smt_model_create(graph, &o, classes, CLASSES, &model, &error)) {
        return -1;
    }
    for (int p = 0; p < graph->param_count; p++) {
        smt_rng rng = smt_rng_seed(4, (uint64_t)p);
        for (size_t i = 0; graph->params[p].rank == 1 && i < graph->params[p].count; i++) {
            graph->params[p].data[i] = (float)smt_rng_uniform(&rng, 0.5, 1.5);
        }
    }
    model->preprocess.normalise = true;
    smt_free(model->provenance);
    model->provenance = smt_strdup("{\"made_by\": \"test\"}");
    infer(model, false, expected);
    return model->provenance ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    smt_model_destroy(&model);
    return rmdir(folder);
}

static char *file_name(const smt_model_format *format)
{
    int length = (int)strcspn(format->suffixes, " ");
    return smt_format(
        "%s/%s%.*s", folder, format->suffixes[0] == '.' ? "model" : "", length, format->suffixes);
}

static void assert_kept(const smt_model *back, bool pixels, float tolerance)
{
    float got[CLASSES];
    infer(back, pixels, got);
    for (int i = 0; i < CLASSES; i++) {
        assert_true(fabsf(got[i] - expected[i]) <= tolerance);
        assert_string_equal(back->classes[i], model->classes[i]);
    }
    assert_true(fabsf(back->preprocess.scale - (pixels ? 1 : 128)) < 1e-6f);
    assert_true(fabsf(back->preprocess.mean - (pixels ? 0 : 128)) < 1e-6f);
    assert_true(back->preprocess.normalise);
    assert_non_null(strstr(back->provenance, "made_by"));
}

static void test_every_format(void **state)
{
    (void)state;
    int tried = 0;
    assert_true(fabsf(expected[0] - expected[1]) > 1e-4f);
    for (const smt_model_format *const *f = smt_formats(); *f; f++) {
        if (!(*f)->write) {
            continue;
        }
        char *path = file_name(*f), *renamed = smt_format("%s/renamed.bin", folder);
        assert_ptr_equal(smt_format_by_suffix(path), *f);
        assert_ptr_equal(smt_format_by_suffix(smt_path_name(path)), *f);
        for (int raw = 0; raw < 2; raw++) {
            for (int half = 0; half <= (*f)->half; half++) {
                smt_error error = {0};
                smt_model *back = NULL;
                const smt_write_options options = {.raw_input = raw, .half = half};
                smt_status status = (*f)->write(model, path, &options, &error);
                if (raw && (*f)->weights_only) {
                    assert_int_equal(status, SMT_ERR_UNSUPPORTED);
                    continue;
                }
                if (status) {
                    fail_msg("%s: %s", (*f)->name, error.message);
                }
                if ((*f)->read || strcmp((*f)->name, "saved_model") == 0) {
                    assert_int_equal(rename(path, renamed), 0);
                    if (smt_model_load(renamed, &back, &error)) {
                        fail_msg("%s: %s", (*f)->name, error.message);
                    }
                    assert_kept(back, raw, half ? 2e-3f : 1e-5f);
                    smt_model_destroy(&back);
                    char *json = NULL;
                    assert_int_equal(smt_describe(renamed, &json, &error), SMT_OK);
                    static const char *const keys[] = {"\"macs\"",
                                                       "\"parameters\"",
                                                       "\"layers\"",
                                                       "\"classes\"",
                                                       "\"bytes\"",
                                                       "\"bridge\"",
                                                       "\"preprocess\"",
                                                       "\"made_by\""};
                    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
                        if (!strstr(json, keys[k])) {
                            fail_msg("info on %s has no %s", (*f)->name, keys[k]);
                        }
                    }
                    smt_free(json);
                    tried++;
                }
                unlink(path);
                unlink(renamed);
            }
        }
        smt_free(path);
        smt_free(renamed);
    }
    /* safetensors 2, tflite 4, onnx 2, keras 1, SavedModel and GraphDef 2 each. */
    assert_int_equal(tried, 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_format),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
