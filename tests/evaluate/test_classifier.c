/* One network through every road that a classifier takes:
 * checkpoint and .tflite give the same probabilities. */
#include "data/made.h"
#include "evaluate/scores.h"

#include <semtinel/format.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
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
    /* Random batch statistics, so that folding has something to fold; of smaller variances every
     * answer would be quite sure. */
    smt_rng rng = smt_rng_seed(5, 0);
    for (int i = 0; i < model->graph->param_count; i++) {
        smt_param *p = &model->graph->params[i];
        bool variance = strstr(p->name, ".variance");
        for (size_t k = 0; !p->trainable && k < p->count; k++) {
            p->data[k] = (float)(variance ? smt_rng_uniform(&rng, 0.3, 0.9)
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

static void quarter_turn(const uint8_t *image, uint8_t *out)
{
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            out[x * SIDE + SIDE - 1 - y] = image[y * SIDE + x];
        }
    }
}

/* Eight views are the four quarter turns of the image and of its mirror image; the temperature is
 * that of their mean. */
static void test_views(void **state)
{
    (void)state;
    smt_model *model = make_model(1);
    smt_classifier *classifier = NULL;
    smt_error error = {0};
    assert_int_equal(smt_model_save(model, "test_views.safetensors", SMT_DTYPE_F32, NULL, NULL),
                     SMT_OK);
    assert_int_equal(smt_classifier_open("test_views.safetensors", pool, &classifier, &error),
                     SMT_OK);
    uint8_t view[8][SIDE * SIDE];
    memcpy(view[0], pixels, SIDE * SIDE);
    for (int i = 0; i < SIDE * SIDE; i++) {
        view[4][i] = view[0][i / SIDE * SIDE + SIDE - 1 - i % SIDE];
    }
    for (int k = 0; k < 8; k++) {
        if (k % 4) {
            quarter_turn(view[k - 1], view[k]);
        }
    }
    float each[8 * CLASSES], got[CLASSES];
    assert_int_equal(smt_classifier_run(classifier, view[0], 8, each, &error), SMT_OK);
    const smt_decision decision = {.temperature = 0.5f, .views = 8};
    smt_classifier_decide(classifier, &decision);
    assert_int_equal(smt_classifier_run(classifier, pixels, 1, got, &error), SMT_OK);
    double wanted[CLASSES], sum = 0;
    for (int c = 0; c < CLASSES; c++) {
        double mean = 0;
        for (int k = 0; k < 8; k++) {
            mean += (double)each[k * CLASSES + c] / 8;
        }
        wanted[c] = mean * mean;
        sum += wanted[c];
    }
    for (int c = 0; c < CLASSES; c++) {
        assert_true(fabs((double)got[c] - wanted[c] / sum) < 1e-6);
    }
    smt_classifier_close(&classifier);
    smt_model_destroy(&model);
    unlink("test_views.safetensors");
}

/* A checkpoint remembers images: those it has seen are
 * familiar, and what it remembers survives the file. */
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
    smt_interrupt();
    assert_int_equal(smt_classifier_features(classifier, pixels, IMAGES, &features, &width, &error),
                     SMT_ERR_INTERRUPTED);
    smt_interrupt_clear();
    assert_null(features);
    assert_int_equal(smt_classifier_features(classifier, pixels, IMAGES, &features, &width, &error),
                     SMT_OK);
    const smt_feature_layout *layout = &smt_classifier_about(classifier)->layout;
    int pooled = layout->pooled;
    assert_int_equal(width, pooled + layout->depth[0] + layout->depth[1] + layout->depth[2]);
    assert_true(layout->depth[0] && layout->depth[1] && layout->depth[2]);
    /* As earlier versions wrote it, the pooled features alone. By the definition: the largest
     * cosine to the 20. */
    float *alone = malloc((size_t)(IMAGES * pooled) * sizeof *alone);
    for (int i = 0; i < IMAGES; i++) {
        memcpy(alone + i * pooled, features + i * width, (size_t)pooled * sizeof *alone);
    }
    assert_int_equal(smt_classifier_remember(classifier, alone, 0, pooled, &error),
                     SMT_ERR_ARGUMENT);
    assert_int_equal(smt_classifier_remember(classifier, alone, 20, pooled, &error), SMT_OK);
    assert_int_equal(
        smt_classifier_run_scored(classifier, pixels, IMAGES, probabilities, familiarity, &error),
        SMT_OK);
    for (int i = 0; i < IMAGES; i++) {
        double best = -1;
        for (int k = 0; k < 20; k++) {
            double dot = 0, a = 0, b = 0;
            for (int c = 0; c < pooled; c++) {
                double x = (double)alone[i * pooled + c], y = (double)alone[k * pooled + c];
                dot += x * y;
                a += x * x;
                b += y * y;
            }
            best = fmax(best, dot / sqrt(a * b));
        }
        assert_true(fabs((double)familiarity[i] - best) < 1e-5);
        assert_true(i >= 20 || familiarity[i] > 0.9999f);
    }
    free(alone);
    /* Of more than it remembers, evenly picked ones: row i points to (1, i). */
    enum { MANY = SMT_REMEMBERED + 200 };
    float *many = calloc((size_t)(MANY * pooled), sizeof *many);
    for (int i = 0; i < MANY; i++) {
        many[i * pooled] = 1;
        many[i * pooled + 1] = (float)i;
    }
    assert_int_equal(smt_classifier_remember(classifier, many, MANY, pooled, &error), SMT_OK);
    const smt_classifier_info *about = smt_classifier_about(classifier);
    assert_int_equal(about->remembered, SMT_REMEMBERED);
    for (int i = 0; i < SMT_REMEMBERED; i++) {
        const float *row = about->references + i * pooled;
        int wanted = i * MANY / SMT_REMEMBERED;
        assert_float_equal(row[1] / row[0], wanted, 0.01);
    }
    free(many);
    /* All of it: what is remembered is more familiar than usual, each against the others is as
     * usual, by definition 0 in the mean. */
    assert_int_equal(smt_classifier_remember(classifier, features, 20, width, &error), SMT_OK);
    assert_int_equal(
        smt_classifier_run_scored(classifier, pixels, IMAGES, probabilities, familiarity, &error),
        SMT_OK);
    assert_int_equal(smt_familiarity_of_each(layout, features, 20, each, &error), SMT_OK);
    double mean = 0;
    for (int i = 0; i < 20; i++) {
        mean += (double)each[i] / 20;
        assert_true(familiarity[i] > each[i]);
    }
    assert_true(fabs(mean) < 1e-4);
    smt_tensor_file *extra = NULL;
    assert_int_equal(smt_familiarity_store(smt_classifier_about(classifier), &extra, &error),
                     SMT_OK);
    smt_free(model->provenance);
    model->provenance = smt_strdup(
        "{\"decision\": {\"rejection\": {\"least_familiarity\": 0.5, \"thresholds\": {\"bridge\": "
        "0, \"clean\": 0, \"crack\": 0, \"\xc3\xa9tat\": 0, \"other\": 0}}}}");
    assert_int_equal(
        smt_model_save(model, "test_familiar.safetensors", SMT_DTYPE_F32, extra, &error), SMT_OK);
    smt_tensor_file_destroy(&extra);
    smt_classifier_close(&classifier);
    assert_int_equal(smt_classifier_open("test_familiar.safetensors", pool, &classifier, &error),
                     SMT_OK);
    assert_int_equal(smt_classifier_about(classifier)->remembered, 20);
    assert_true(smt_classifier_about(classifier)->decision.watches);
    /* Made ready when first asked for; no memory then is an error, and asking again is good. */
    smt_status status = SMT_ERR_MEMORY;
    long allowed = 0;
    for (; status == SMT_ERR_MEMORY; allowed++) {
        smt_alloc_fail_after(allowed);
        status = smt_classifier_run_scored(classifier, pixels, IMAGES, probabilities, each, &error);
        smt_alloc_fail_after(-1);
    }
    assert_int_equal(status, SMT_OK);
    assert_true(allowed > 5);
    for (int i = 0; i < IMAGES; i++) {
        assert_float_equal(familiarity[i], each[i], 1e-4);
    }
    smt_free(features);
    smt_classifier_close(&classifier);
    smt_model_destroy(&model);
    unlink("test_familiar.safetensors");
}

/* Rows as a network might give them: pooled features of two kinds, and three depths. */
enum { POOLED = 6, DEPTH = 4, WIDTH = POOLED + 3 * DEPTH, ROWS = 120 };
static const smt_feature_layout made_layout = {POOLED, {DEPTH, DEPTH, DEPTH}};

/* Of many images each is measured against those that are remembered, every second one here: the
 * second and the fourth are alike, but not remembered. */
static void test_familiarity_of_many(void **state)
{
    (void)state;
    enum { MANY = 2 * SMT_REMEMBERED };
    const smt_feature_layout layout = {.pooled = 2};
    static float rows[MANY][2], each[MANY];
    for (int i = 0; i < MANY; i++) {
        rows[i][0] = 1;
        rows[i][1] = i == 1 || i == 3 ? 5 : 0;
    }
    assert_int_equal(smt_familiarity_of_each(&layout, rows[0], MANY, each, NULL), SMT_OK);
    assert_true(each[0] > 0.999f && each[2] > 0.999f);
    assert_true(each[1] < 0.5f && each[3] < 0.5f);
}

static void make_row(smt_rng *rng, float *row)
{
    int kind = (int)smt_rng_uniform(rng, 0, 2);
    for (int k = 0; k < POOLED; k++) {
        row[k] = (float)(fabs(smt_rng_normal(rng)) * 0.3 + (k % 2 == kind ? 3 : 0.2));
    }
    for (int k = POOLED; k < WIDTH; k++) {
        row[k] = (float)(5 + 0.5 * smt_rng_normal(rng));
    }
}

static smt_familiar *remember_rows(const float *rows, size_t count)
{
    smt_familiar *familiar = NULL;
    assert_int_equal(smt_familiar_create(rows, count, WIDTH, &made_layout, &familiar, NULL),
                     SMT_OK);
    return familiar;
}

/* The shortcut by which a remembered row is measured as if it were not, against forgetting it; and
 * what the earlier depths tell where the pooled features tell nothing. */
static void test_depths(void **state)
{
    (void)state;
    static float rows[ROWS * WIDTH], others[ROWS * WIDTH];
    smt_rng rng = smt_rng_seed(17, 0);
    for (size_t i = 0; i < ROWS; i++) {
        make_row(&rng, rows + i * WIDTH);
    }
    smt_normalise_rows(rows, ROWS, POOLED, WIDTH);
    smt_familiar *all = remember_rows(rows, ROWS);
    double itself = 0;
    for (size_t i = 0; i < ROWS; i++) {
        memcpy(others, rows, sizeof rows);
        memmove(
            others + i * WIDTH, others + (i + 1) * WIDTH, (ROWS - 1 - i) * WIDTH * sizeof *others);
        smt_familiar *rest = remember_rows(others, ROWS - 1);
        double forgotten = (double)smt_familiar_score(rest, rows + i * WIDTH, SIZE_MAX);
        double shortcut = (double)smt_familiar_score(all, rows + i * WIDTH, i);
        assert_true(fabs(shortcut - forgotten) < 0.05 * (1 + fabs(forgotten)));
        itself += (double)smt_familiar_score(all, rows + i * WIDTH, SIZE_MAX) - shortcut;
        smt_familiar_destroy(&rest);
    }
    assert_true(itself / ROWS > 0.2); /* what is remembered is nearer than it would be otherwise */
    /* The same pooled features, one value of an earlier depth six deviations off: strange. */
    float row[WIDTH];
    memcpy(row, rows, sizeof row);
    float usual = smt_familiar_score(all, row, SIZE_MAX);
    row[POOLED] = 8;
    assert_true(smt_familiar_score(all, row, SIZE_MAX) < usual - 0.3f);
    smt_familiar_destroy(&all);
    /* Too few to have a spread: the cosine. */
    for (size_t count = 4; count <= 8; count++) {
        smt_familiar *few = remember_rows(rows, count);
        assert_int_equal(fabsf(smt_familiar_score(few, rows, SIZE_MAX) - 1) < 1e-6f, count < 8);
        smt_familiar_destroy(&few);
    }
}

/* Two values that are always equal: nine tenths of their covariance and a tenth of the unit matrix
 * divide squared distances along the diagonal by 1.9, across it by 0.1. */
static void test_shrinkage(void **state)
{
    (void)state;
    const smt_feature_layout layout = {.pooled = 1, .depth = {2}};
    static const float asked[3][3] = {{1, 1, 1}, {1, 1, -1}, {1, 2, 2}};
    float rows[16][3];
    double score[3];
    smt_familiar *familiar = NULL;
    for (int i = 0; i < 16; i++) {
        rows[i][0] = 1;
        rows[i][1] = rows[i][2] = (float)((i % 2 ? 1 : -1) * (1 + i / 2 % 2));
    }
    assert_int_equal(smt_familiar_create(rows[0], 16, 3, &layout, &familiar, NULL), SMT_OK);
    for (int i = 0; i < 3; i++) {
        score[i] = (double)smt_familiar_score(familiar, asked[i], SIZE_MAX);
    }
    /* Twice as far is four times the squared distance. */
    double ratio = (score[0] - score[1]) / (score[0] - score[2]);
    assert_true(fabs(ratio - log(1.9 / 0.1) / log(4)) < 1e-4);
    smt_familiar_destroy(&familiar);
}

/* Remembered images are measured as new ones are, also where they are hardly more than a depth has
 * values, or fewer: else a threshold that they chose would send too many new ones to review. */
static void test_remembered_and_new(void **state)
{
    (void)state;
    enum { VALUES = 48, IMAGES_EACH = 30, SETS = 20 };
    static const struct {
        int values, images;
        double apart; /* at most, in deviations of a score */
    } cases[] = {{24, 30, 0.1}, {48, 24, 1.1}};
    static float rows[2 * IMAGES_EACH * (1 + 3 * VALUES)];
    for (int c = 0; c < 2; c++) {
        int values = cases[c].values, images = cases[c].images;
        size_t width = 1 + 3 * (size_t)values;
        const smt_feature_layout layout = {1, {values, values, values}};
        double apart = 0;
        for (uint64_t set = 0; set < SETS; set++) {
            smt_rng rng = smt_rng_seed(set, 4);
            for (int i = 0; i < 2 * images; i++) {
                float *row = rows + (size_t)i * width;
                double common = smt_rng_normal(&rng);
                row[0] = 1;
                for (size_t k = 1; k < width; k++) {
                    row[k] = (float)(5 + 0.5 * (common + smt_rng_normal(&rng)));
                }
            }
            smt_familiar *f = NULL;
            assert_int_equal(smt_familiar_create(rows, (size_t)images, width, &layout, &f, NULL),
                             SMT_OK);
            for (int i = 0; i < 2 * images; i++) {
                double score = (double)smt_familiar_score(
                    f, rows + (size_t)i * width, i < images ? (size_t)i : SIZE_MAX);
                apart += (i < images ? score : -score) / images / SETS;
            }
            smt_familiar_destroy(&f);
        }
        assert_true(fabs(apart) < cases[c].apart);
    }
}

/* Images that trained the model are left out. Where it keeps marks of a part of them only, none of
 * the others can be called new: all are measured, and that is told. */
static void test_trained(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-seen-XXXXXX", path[4096];
    static uint32_t marks[SMT_SEEN_MOST];
    void *data = NULL;
    size_t size = 0;
    smt_dataset *set = NULL;
    made_folder(root);
    made_new_image(root, "bridge/a.png", 1);
    made_new_image(root, "bridge/b.png", 2);
    made_new_image(root, "crack/c.png", 3);
    made_path(root, "bridge/a.png", path, sizeof path);
    assert_int_equal(smt_file_load(path, 0, &data, &size, NULL), SMT_OK);
    const smt_file_sum sum = {smt_crc32(0, data, size), size, true};
    smt_free(data);
    assert_int_equal(smt_dataset_scan(root, &set, NULL), SMT_OK);
    for (int whole = 1; whole >= 0; whole--) {
        for (uint32_t i = 0; i < SMT_SEEN_MOST; i++) {
            marks[i] = i ? i : smt_file_mark(&sum);
        }
        char *text = smt_marks_text(marks, whole ? 1 : SMT_SEEN_MOST);
        smt_model *model = make_model(1);
        smt_classifier *classifier = NULL;
        smt_evaluation *e = NULL;
        smt_free(model->provenance);
        model->provenance = smt_format("{\"data\": {\"seen\": \"%s\"}}", text);
        assert_int_equal(smt_model_save(model, "test_seen.safetensors", SMT_DTYPE_F32, NULL, NULL),
                         SMT_OK);
        assert_int_equal(smt_classifier_open("test_seen.safetensors", pool, &classifier, NULL),
                         SMT_OK);
        smt_evaluate_options options = smt_evaluate_defaults();
        options.resamples = 0;
        assert_int_equal(smt_evaluate(classifier, set, &options, pool, &e, NULL), SMT_OK);
        assert_string_equal(e->split, whole ? "unseen" : "all");
        assert_int_equal(e->count, whole ? 2 : 3);
        assert_int_equal(e->trained, whole ? 0 : 1);
        assert_int_equal(e->trained_more, !whole);
        smt_evaluation_destroy(&e);
        smt_classifier_close(&classifier);
        smt_model_destroy(&model);
        smt_free(text);
    }
    unlink("test_seen.safetensors");
    smt_dataset_destroy(&set);
    made_remove(root);
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
                                       cmocka_unit_test(test_views),
                                       cmocka_unit_test(test_familiarity),
                                       cmocka_unit_test(test_familiarity_of_many),
                                       cmocka_unit_test(test_remembered_and_new),
                                       cmocka_unit_test(test_depths),
                                       cmocka_unit_test(test_shrinkage),
                                       cmocka_unit_test(test_trained),
                                       cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
