/* What holds for every format of the list: a network written and read back computes the same and
 * keeps its classes, preprocessing and provenance; content decides, not the name. */
#include "format/network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];
static smt_model *model;
static float expected[NETWORK_CLASSES];

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/semtinel-formats-XXXXXX");
    if (!mkdtemp(folder)) {
        return -1;
    }
    model = network_made(0.25f, 64, SMT_PAD_SAME, false);
    smt_free(model->provenance);
    model->provenance = smt_strdup("{\"made_by\": \"test\"}");
    network_infer(model, false, expected);
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
    float got[NETWORK_CLASSES];
    network_infer(back, pixels, got);
    for (int i = 0; i < NETWORK_CLASSES; i++) {
        assert_true(fabsf(got[i] - expected[i]) <= tolerance);
        assert_string_equal(back->classes[i], model->classes[i]);
    }
    assert_true(fabsf(back->preprocess.scale - (pixels ? 1 : 128)) < 1e-6f);
    assert_true(fabsf(back->preprocess.mean - (pixels ? 0 : 128)) < 1e-6f);
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

static void spoil(uint8_t *data, size_t size, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; i + length <= size; i++) {
        if (memcmp(data + i, word, length) == 0) {
            data[i + length - 1] ^= 1;
        }
    }
}

/* Scaling inside a graph, as Keras puts it there, without metadata that tell of it. */
static void test_scaling_inside(void **state)
{
    (void)state;
    static const char *const names[] = {"scaled.onnx", "scaled.pb", "scaled.tflite"};
    const smt_write_options raw = {.raw_input = true};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        smt_error error = {0};
        smt_model *back = NULL;
        void *data = NULL;
        size_t size = 0;
        char *path = smt_path_join(folder, names[i]);
        assert_int_equal(smt_format_by_suffix(path)->write(model, path, &raw, &error), SMT_OK);
        assert_int_equal(smt_file_load(path, 0, &data, &size, &error), SMT_OK);
        spoil(data, size, "semtinel");
        spoil(data, size, "\004mean");
        spoil(data, size, "\005scale");
        assert_int_equal(smt_file_save(path, data, size, &error), SMT_OK);
        if (smt_model_load(path, &back, &error)) {
            fail_msg("%s", error.message);
        }
        assert_string_equal(back->provenance, "{}");
        if (back->preprocess.mean > 0 || back->preprocess.scale > 1) {
            fail_msg("%s: takes (p - %g) / %g instead of pixels",
                     names[i],
                     (double)back->preprocess.mean,
                     (double)back->preprocess.scale);
        }
        smt_model_destroy(&back);
        unlink(path);
        smt_free(data);
        smt_free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_format),
        cmocka_unit_test(test_scaling_inside),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
