/* One network through every road that a classifier takes: checkpoint and .tflite give the same
 * probabilities. */
#include <semtinel/evaluate.h>
#include <semtinel/format.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SIDE 32
#define IMAGES 37 /* more than a batch, and no multiple of it */
#define CLASSES 5

static const char *const names[CLASSES] = {"bridge", "clean", "crack", "\xc3\xa9tat", "other"};
static smt_pool *pool;
static uint8_t pixels[IMAGES * SIDE * SIDE];

static smt_model *make_model(int channels)
{
    smt_mobilenet_options arch = smt_mobilenet_defaults();
    arch.width = 0.25f;
    arch.input_size = SIDE;
    arch.channels = channels;
    arch.classes = CLASSES;
    smt_graph *graph = NULL;
    smt_model *model = NULL;
    assert_int_equal(smt_mobilenetv3_small(&arch, 3, &graph, NULL), SMT_OK);
    assert_int_equal(smt_model_create(graph, &arch, names, CLASSES, &model, NULL), SMT_OK);
    /* Random batch statistics, so that folding has something to fold. */
    smt_rng rng = smt_rng_seed(5, 0);
    for (int i = 0; i < model->graph->param_count; i++) {
        smt_param *p = &model->graph->params[i];
        bool variance = strstr(p->name, ".variance");
        for (size_t k = 0; !p->trainable && k < p->count; k++) {
            p->data[k] = (float)(variance ? smt_rng_uniform(&rng, 0.02, 0.2)
                                          : smt_rng_uniform(&rng, -0.1, 0.1));
        }
    }
    return model;
}

static int setup(void **state)
{
    (void)state;
    smt_rng rng = smt_rng_seed(1, 2);
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)smt_rng_next(&rng);
    }
    return smt_pool_create(2, &pool, NULL) != SMT_OK;
}

static int teardown(void **state)
{
    (void)state;
    smt_pool_destroy(&pool);
    return 0;
}

static void run(const char *path, float *probabilities, const char *format)
{
    smt_classifier *classifier = NULL;
    smt_error error = {0};
    assert_int_equal(smt_classifier_open(path, pool, &classifier, &error), SMT_OK);
    const smt_classifier_info *info = smt_classifier_about(classifier);
    assert_string_equal(info->format, format);
    assert_string_equal(info->precision, "float32");
    assert_int_equal(info->class_count, CLASSES);
    assert_true(info->named);
    for (int c = 0; c < CLASSES; c++) {
        assert_string_equal(info->classes[c], names[c]);
    }
    assert_int_equal(info->input_size, SIDE);
    assert_true(info->bytes > 10000);
    assert_int_equal(smt_classifier_run(classifier, pixels, IMAGES, probabilities, &error), SMT_OK);
    for (int i = 0; i < IMAGES; i++) {
        double sum = 0;
        for (int c = 0; c < CLASSES; c++) {
            sum += (double)probabilities[i * CLASSES + c];
        }
        assert_float_equal(sum, 1, 1e-5);
    }
    smt_classifier_close(&classifier);
}

static void test_roads(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 3; channels += 2) {
        smt_model *model = make_model(channels);
        static float checkpoint[IMAGES * CLASSES], tflite[IMAGES * CLASSES];
        smt_error error = {0};
        assert_int_equal(
            smt_model_save(model, "test_classifier.safetensors", SMT_DTYPE_F32, NULL, &error),
            SMT_OK);
        const smt_model_format *format = smt_format_by_suffix("test_classifier.tflite");
        assert_non_null(format);
        const smt_write_options options = {0};
        assert_int_equal(format->write(model, "test_classifier.tflite", &options, &error), SMT_OK);
        run("test_classifier.safetensors", checkpoint, "safetensors");
        run("test_classifier.tflite", tflite, "tflite");
        double largest = 0, spread = 0;
        for (int i = 0; i < IMAGES * CLASSES; i++) {
            largest = fmax(largest, fabs((double)checkpoint[i] - (double)tflite[i]));
            spread = fmax(spread, fabs((double)checkpoint[i] - (double)checkpoint[i % CLASSES]));
        }
        assert_true(largest < 1e-4);
        assert_true(spread > 1e-3); /* images do differ */
        smt_model_destroy(&model);
        unlink("test_classifier.safetensors");
        unlink("test_classifier.tflite");
    }
}

static void test_refuses(void **state)
{
    (void)state;
    smt_classifier *classifier = NULL;
    smt_error error = {0};
    assert_int_equal(smt_classifier_open("nothing.tflite", pool, &classifier, &error), SMT_ERR_IO);
    assert_non_null(strstr(error.message, "nothing.tflite"));
    /* The right identifier and nothing behind it. */
    static const unsigned char torn[16] = {0x1c, 0, 0, 0, 'T', 'F', 'L', '3'};
    assert_int_equal(smt_file_save("torn.tflite", torn, sizeof torn, NULL), SMT_OK);
    assert_int_equal(smt_classifier_open("torn.tflite", pool, &classifier, &error), SMT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "torn.tflite"));
    assert_null(classifier);
    unlink("torn.tflite");
}

static void test_rename_and_damage(void **state)
{
    (void)state;
    smt_model *model = make_model(1);
    model->graph->params[model->graph->param_count - 1].data[0] = NAN;
    smt_error error = {0};
    smt_classifier *classifier = NULL;
    static float probabilities[IMAGES * CLASSES];
    static const char *const others[CLASSES] = {"a", "b", "c", "d", "e"};
    assert_int_equal(smt_model_save(model, "test_damage.safetensors", SMT_DTYPE_F32, NULL, &error),
                     SMT_OK);
    smt_status status = smt_classifier_open("test_damage.safetensors", pool, &classifier, &error);
    if (status == SMT_OK) {
        assert_int_equal(smt_classifier_rename(classifier, others, 3, &error), SMT_ERR_ARGUMENT);
        assert_int_equal(smt_classifier_rename(classifier, others, CLASSES, &error), SMT_OK);
        assert_string_equal(smt_classifier_about(classifier)->classes[4], "e");
        status = smt_classifier_run(classifier, pixels, IMAGES, probabilities, &error);
    }
    /* A weight that is no number is found, in the file or at the latest in the result. */
    assert_int_equal(status, SMT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "test_damage.safetensors"));
    smt_classifier_close(&classifier);
    smt_model_destroy(&model);
    unlink("test_damage.safetensors");
}

/* A checkpoint remembers images: those it has seen are familiar, and what it remembers survives the
 * file. */
static void test_familiarity(void **state)
{
    (void)state;
    smt_model *model = make_model(1);
    assert_int_equal(smt_model_save(model, "test_familiar.safetensors", SMT_DTYPE_F32, NULL, NULL),
                     SMT_OK);
    smt_classifier *classifier = NULL;
    smt_error error = {0};
    static float probabilities[IMAGES * CLASSES], familiarity[IMAGES], each[IMAGES];
    assert_int_equal(smt_classifier_open("test_familiar.safetensors", pool, &classifier, &error),
                     SMT_OK);
    assert_int_equal(
        smt_classifier_run_scored(classifier, pixels, IMAGES, probabilities, familiarity, &error),
        SMT_OK);
    assert_true(isnan(familiarity[0]));
    float *features = NULL;
    int width = 0;
    assert_int_equal(smt_classifier_features(classifier, pixels, IMAGES, &features, &width, &error),
                     SMT_OK);
    assert_int_equal(smt_classifier_remember(classifier, features, 20, width, &error), SMT_OK);
    assert_int_equal(
        smt_classifier_run_scored(classifier, pixels, IMAGES, probabilities, familiarity, &error),
        SMT_OK);
    assert_int_equal(smt_familiarity_of_each(features, IMAGES, width, each, &error), SMT_OK);
    for (int i = 0; i < IMAGES; i++) {
        /* By the definition: the largest cosine to the 20, and to all others. */
        double best = -1, best_other = -1;
        for (int k = 0; k < IMAGES; k++) {
            double dot = 0, a = 0, b = 0;
            for (int c = 0; c < width; c++) {
                double x = (double)features[i * width + c], y = (double)features[k * width + c];
                dot += x * y;
                a += x * x;
                b += y * y;
            }
            best = k < 20 ? fmax(best, dot / sqrt(a * b)) : best;
            best_other = k != i ? fmax(best_other, dot / sqrt(a * b)) : best_other;
        }
        assert_true(fabs((double)familiarity[i] - best) < 1e-5);
        assert_true(fabs((double)each[i] - best_other) < 1e-5);
        assert_true(i >= 20 || familiarity[i] > 0.9999f);
    }
    smt_tensor_file *extra = NULL;
    assert_int_equal(smt_familiarity_store(smt_classifier_about(classifier), &extra, &error),
                     SMT_OK);
    smt_free(model->provenance);
    model->provenance =
        smt_strdup("{\"decision\": {\"rejection\": {\"least_familiarity\": 0.5, \"thresholds\": "
                   "{\"bridge\": 0, "
                   "\"clean\": 0, \"crack\": 0, \"\xc3\xa9tat\": 0, \"other\": 0}}}}");
    assert_int_equal(
        smt_model_save(model, "test_familiar.safetensors", SMT_DTYPE_F32, extra, &error), SMT_OK);
    smt_tensor_file_destroy(&extra);
    smt_classifier_close(&classifier);
    assert_int_equal(smt_classifier_open("test_familiar.safetensors", pool, &classifier, &error),
                     SMT_OK);
    assert_int_equal(smt_classifier_about(classifier)->remembered, 20);
    assert_true(smt_classifier_about(classifier)->decision.watches);
    assert_int_equal(
        smt_classifier_run_scored(classifier, pixels, IMAGES, probabilities, each, &error), SMT_OK);
    for (int i = 0; i < IMAGES; i++) {
        assert_true(fabs((double)familiarity[i] - (double)each[i]) <
                    2e-3); /* float16 in the file */
    }
    smt_free(features);
    smt_classifier_close(&classifier);
    smt_model_destroy(&model);
    unlink("test_familiar.safetensors");
}

/* Allocations that fail one after the other: an error, never a crash or a leak. */
static void test_memory(void **state)
{
    (void)state;
    smt_model *model = make_model(1);
    assert_int_equal(smt_model_save(model, "test_memory.safetensors", SMT_DTYPE_F32, NULL, NULL),
                     SMT_OK);
    const smt_write_options options = {0};
    assert_int_equal(
        smt_format_by_suffix("x.tflite")->write(model, "test_memory.tflite", &options, NULL),
        SMT_OK);
    smt_model_destroy(&model);
    static const char *const files[2] = {"test_memory.safetensors", "test_memory.tflite"};
    for (int i = 0; i < 2; i++) {
        smt_status status = SMT_ERR_MEMORY;
        for (long n = 0; status && n < 3000; n += n < 60 ? 1 : 37) {
            smt_classifier *classifier = NULL;
            smt_error error = {0};
            smt_alloc_fail_after(n);
            status = smt_classifier_open(files[i], pool, &classifier, &error);
            smt_alloc_fail_after(-1);
            if (status) {
                assert_null(classifier);
                assert_true(error.message[0]);
            }
            smt_classifier_close(&classifier);
        }
        assert_int_equal(status, SMT_OK);
        unlink(files[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_roads),
                                       cmocka_unit_test(test_refuses),
                                       cmocka_unit_test(test_rename_and_damage),
                                       cmocka_unit_test(test_familiarity),
                                       cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
