/* report.html: the page is well put together, hostile
 * names stay text, and its data hold every image. */
#include "report/html.h"

#include <semtinel/format.h>
#include <semtinel/report.h>

#include <cairo.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define IMAGES 6
#define SIDE 32

static const char *names[3] = {"bridge", "</script><script>alert(1)</script>", "clean & \"dry\""};

/* An evaluation of six images in three classes, built by hand. */
typedef struct fixture {
    smt_evaluation evaluation;
    smt_class_map map;
    smt_pixels pixels;
    uint8_t data[IMAGES * SIDE * SIDE];
    int truth[IMAGES], predicted[IMAGES];
    float probabilities[IMAGES * 3], confidence[IMAGES], true_probability[IMAGES];
    bool in_top2[IMAGES], clean[IMAGES];
    char *files[IMAGES];
    char *classes[3];
    char *lines[1];
} fixture;

static fixture f;

static void setup(void)
{
    static char odd[] = "test/<img src=x onerror=alert(2)>\" x='.png", plain[] = "test/a.png",
                bytes[] = "test/\xff\xfe.png";
    static char line[] = "true <b> counts as other";
    static int from_model[3] = {0, 1, 2};
    static bool model_clean[3] = {false, false, true};
    memset(&f, 0, sizeof f);
    for (int i = 0; i < IMAGES; i++) {
        f.truth[i] = i % 3;
        f.clean[i] = i % 3 == 2;
        f.predicted[i] = i < 4 ? i % 3 : 0;
        f.confidence[i] = 0.4f + 0.1f * (float)i;
        f.true_probability[i] = f.truth[i] == f.predicted[i] ? f.confidence[i] : 0.1f;
        for (int c = 0; c < 3; c++) {
            f.probabilities[3 * i + c] =
                c == f.predicted[i] ? f.confidence[i] : (1 - f.confidence[i]) / 2;
        }
        f.in_top2[i] = true;
        f.files[i] = i == 4 ? odd : i == 5 ? bytes : plain;
        memset(f.data + i * SIDE * SIDE, 40 * i, SIDE * SIDE);
    }
    for (int c = 0; c < 3; c++) {
        f.classes[c] = smt_strdup(names[c]);
    }
    f.lines[0] = line;
    f.map = (smt_class_map){.class_count = 3,
                            .classes = f.classes,
                            .model_count = 3,
                            .from_model = from_model,
                            .model_clean = model_clean,
                            .line_count = 1,
                            .lines = f.lines};
    f.pixels = (smt_pixels){.size = SIDE, .count = IMAGES, .data = f.data};
    static char model[] = "run<1>", set[] = "data";
    f.evaluation = (smt_evaluation){.model = model,
                                    .set = set,
                                    .split = "test",
                                    .info = {.path = model,
                                             .format = "safetensors",
                                             .precision = "float32",
                                             .class_count = 3,
                                             .classes = names,
                                             .input_size = SIDE,
                                             .channels = 1,
                                             .decision = {.temperature = 1},
                                             .provenance = "{\"a\": \"</pre>\", "
                                                           "\"metrics\": {\"epoch\": 3}}"},
                                    .map = &f.map,
                                    .count = IMAGES,
                                    .files = f.files,
                                    .pixels = &f.pixels,
                                    .truth = f.truth,
                                    .predicted = f.predicted,
                                    .top = f.predicted,
                                    .clean = f.clean,
                                    .probabilities = f.probabilities,
                                    .confidence = f.confidence,
                                    .true_probability = f.true_probability,
                                    .in_top2 = f.in_top2};
    const smt_outcome outcome = {
        IMAGES, 3, f.truth, f.predicted, f.true_probability, f.confidence, f.in_top2};
    assert_int_equal(smt_metrics_create(&outcome, 50, 1, &f.evaluation.metrics, NULL), SMT_OK);
}

static void teardown(void)
{
    smt_metrics_destroy(&f.evaluation.metrics);
    for (int c = 0; c < 3; c++) {
        smt_free(f.classes[c]);
    }
}

static char *write_page(const smt_report_inputs *inputs)
{
    static void *page;
    size_t size = 0;
    smt_error error = {0};
    assert_int_equal(smt_report_html(&f.evaluation, inputs, "test_report.html", &error), SMT_OK);
    assert_int_equal(smt_file_load("test_report.html", 0, &page, &size, NULL), SMT_OK);
    unlink("test_report.html");
    assert_int_equal(strlen(page), size);
    return page;
}

/* Decodes base64, all of it; returns how many '=' it ends with. */
static size_t decode(const char *text, uint8_t *data, size_t *size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(text), padding = 0;
    *size = 0;
    assert_int_equal(length % 4, 0);
    for (size_t i = 0; i < length; i += 4) {
        uint32_t group = 0;
        for (size_t k = i; k < i + 4; k++) {
            const char *digit = strchr(digits, text[k]);
            assert_true(digit || (text[k] == '=' && k + 2 >= length));
            group = group << 6 | (digit ? (uint32_t)(digit - digits) : 0);
            padding += !digit;
        }
        for (int k = 16; k >= 0; k -= 8) {
            data[(*size)++] = (uint8_t)(group >> k);
        }
    }
    *size -= padding;
    return padding;
}

/* Pictures are whole PNG files and nothing more, at every length. */
static void test_pictures(void **state)
{
    (void)state;
    smt_rng rng = smt_rng_seed(1, 1);
    int paddings[3] = {0};
    for (int side = 1; side <= 24; side++) {
        static uint8_t pixels[24 * 24], file[4096];
        for (int i = 0; i < side * side; i++) {
            pixels[i] = (uint8_t)smt_rng_below(&rng, 256);
        }
        size_t size = 0;
        char *text = html_png(&(smt_image){side, side, pixels}, side);
        assert_true(text && strlen(text) < sizeof file);
        size_t padding = decode(text, file, &size);
        assert_true(padding < 3);
        paddings[padding]++;
        smt_image image = {0};
        assert_int_equal(smt_image_decode(file, size, "picture", NULL, &image, NULL), SMT_OK);
        assert_memory_equal(image.pixels, pixels, (size_t)(side * side));
        assert_memory_equal(file + size - 8, "IEND\xae\x42\x60\x82", 8);
        smt_image_free(&image);
        smt_free(text);
    }
    assert_true(paddings[0] && paddings[1] && paddings[2]);
}

static void test_page(void **state)
{
    (void)state;
    setup();
    f.evaluation.skipped = 3;
    smt_history_row history[3];
    for (int i = 0; i < 3; i++) {
        history[i] =
            (smt_history_row){i + 1, 1.0 / (i + 1), NAN, 0.5, NAN, i == 1 ? 0.7 : 0.6, 1e-3};
    }
    const smt_report_inputs inputs = {
        .command = "semtinel evaluate <x>", .history = history, .history_count = 3};
    char *page = write_page(&inputs);
    assert_non_null(strstr(page, "<!DOCTYPE html>"));
    assert_non_null(strstr(page, "default-src 'none'"));
    assert_null(strstr(page, "http://"));
    assert_null(strstr(page, "https://"));
    /* Names stay text. */
    assert_null(strstr(page, "alert(1)</script>"));
    assert_null(strstr(page, "<img src=x"));
    assert_null(strstr(page, "\"</pre>\""));
    assert_non_null(strstr(page, "&gt;&quot; x=&#39;.png"));
    /* The first epoch's loss of 1 is near the top of a chart up to 1.05. */
    assert_non_null(strstr(page, "d=\"M52.0 25.4L"));
    assert_non_null(strstr(page, "<b>3</b><span>images skipped: unreadable"));
    /* The curves belong to the model, whose epoch need not be the one of the best score. */
    assert_non_null(strstr(page,
                           "The model is that of epoch 3, marked by a dashed line: "
                           "validation macro F1 0.600."));
    assert_non_null(strstr(page, "training ends at 0.333."));
    /* There is no epoch between two. */
    assert_non_null(strstr(page, ">2</text>"));
    assert_null(strstr(page, ">1.5</text>"));
    /* On a narrow screen a table is scrolled, not the page. */
    static const char scroll[] = "<div class=\"scroll\">";
    for (const char *p = page; (p = strstr(p, "<table")); p++) {
        assert_memory_equal(p - strlen(scroll), scroll, strlen(scroll));
    }
    /* Every picture has a text for those who do not see it. */
    for (const char *p = page; (p = strstr(p, "<img ")); p++) {
        assert_memory_equal(p, "<img alt=\"", 10);
    }
    /* The data are JSON that holds every image with its place in the matrix. */
    static const char mark[] = "id=\"data\">";
    char *data = strstr(page, mark) + strlen(mark), *end = strstr(data, "</script>");
    assert_non_null(end);
    json_t *json = json_loadb(data, (size_t)(end - data), 0, NULL);
    assert_non_null(json);
    const json_t *images = json_object_get(json, "images");
    assert_int_equal(json_array_size(images), IMAGES);
    assert_string_equal(json_string_value(json_array_get(json_object_get(json, "classes"), 1)),
                        names[1]);
    for (size_t i = 0; i < IMAGES; i++) {
        const json_t *row = json_array_get(images, i);
        assert_int_equal(json_integer_value(json_array_get(row, 1)), f.truth[i]);
        assert_int_equal(json_integer_value(json_array_get(row, 2)), f.predicted[i]);
        /* A PNG's first bytes in base64. */
        assert_memory_equal(json_string_value(json_array_get(row, 4)), "iVBORw0KGgo", 11);
    }
    assert_string_equal(json_string_value(json_array_get(json_array_get(images, 5), 0)),
                        "test/\xef\xbf\xbd\xef\xbf\xbd.png");
    json_decref(json);
    smt_free(page);
    teardown();
}

/* A history is a file that may say anything. */
static void test_long_losses(void **state)
{
    (void)state;
    setup();
    const smt_history_row row = {1, 1e300, 1e300, 0, 0, 0, 0};
    const smt_report_inputs inputs = {.history = &row, .history_count = 1};
    char *page = write_page(&inputs);
    assert_non_null(strstr(page, "Loss over 1 epoch; training ends at 1000000"));
    assert_non_null(strstr(page, "</html>"));
    smt_free(page);
    teardown();
}

/* Images that trained the model are counted; of marks of a part of them, at least so many. */
static void test_trained(void **state)
{
    (void)state;
    setup();
    const smt_report_inputs inputs = {.command = "semtinel evaluate"};
    for (int partly = 0; partly < 2; partly++) {
        f.evaluation.trained = 2;
        f.evaluation.trained_more = partly;
        char *page = write_page(&inputs);
        assert_non_null(strstr(page, partly ? "<strong>At least 2 of " : "<strong>2 of "));
        smt_free(page);
    }
    f.evaluation.trained = 0;
    char *page = write_page(&inputs);
    assert_null(strstr(page, "images trained the model"));
    smt_free(page);
    teardown();
}

/* An interval of no width is not all that is said where every image is right: 0.05^(1/6). */
static void test_all_right(void **state)
{
    (void)state;
    setup();
    const smt_report_inputs inputs = {.command = "semtinel evaluate"};
    for (int right = 0; right < 2; right++) {
        f.evaluation.metrics->accuracy = right ? 1 : 0.5;
        char *page = write_page(&inputs);
        assert_int_equal(strstr(page,
                                "All are right, as in one case of twenty at an accuracy of "
                                "0.607.") != NULL,
                         right);
        smt_free(page);
    }
    teardown();
}

/* A common purity stands above the thresholds by class, those of single classes beside them. */
static void test_thresholds(void **state)
{
    (void)state;
    setup();
    const smt_report_inputs inputs = {.command = "semtinel evaluate"};
    smt_decision *decision = &f.evaluation.info.decision;
    decision->rejects = decision->per_class = true;
    for (int own = 0; own < 2; own++) {
        decision->purity[2] = own ? 0.75f : 0;
        char *page = write_page(&inputs);
        assert_int_equal(strstr(page, ">purity asked</th>") != NULL, own);
        assert_non_null(strstr(page,
                               own ? "<th scope=\"row\">bridge</th><td></td><td>none</td>"
                                   : "<th scope=\"row\">bridge</th><td>none</td>"));
        assert_int_equal(strstr(page, "</th><td>0.75</td><td>none</td>") != NULL, own);
        smt_free(page);
    }
    teardown();
}

static void interrupt(void *context, const char *label, size_t done, size_t total)
{
    (void)context, (void)label, (void)done, (void)total;
    smt_interrupt();
}

static void test_failures(void **state)
{
    (void)state;
    setup();
    const smt_report_inputs inputs = {0};
    smt_error error = {0};
    assert_int_equal(smt_report_html(&f.evaluation, &inputs, "/dev/null/r.html", &error),
                     SMT_ERR_IO);
    assert_non_null(strstr(error.message, "/dev/null/r.html"));
    for (long n = 0;; n++) {
        smt_alloc_fail_after(n);
        smt_status status = smt_report_html(&f.evaluation, &inputs, "test_memory.html", &error);
        smt_alloc_fail_after(-1);
        if (status == SMT_OK || n > 400) {
            break;
        }
        assert_false(smt_path_exists("test_memory.html"));
    }
    unlink("test_memory.html");
    /* Among the pictures, and among the images behind the matrix. */
    for (int late = 0; late < 2; late++) {
        late ? smt_progress_set(interrupt, NULL) : smt_interrupt();
        assert_int_equal(smt_report_html(&f.evaluation, &inputs, "test_memory.html", &error),
                         SMT_ERR_INTERRUPTED);
        smt_progress_set(NULL, NULL);
        smt_interrupt_clear();
        assert_false(smt_path_exists("test_memory.html"));
    }
    teardown();
}

/* A model that memory is short for is not left out without a word. */
static void test_measured_files(void **state)
{
    (void)state;
    setup();
    char folder[] = "/tmp/semtinel-report-XXXXXX";
    smt_mobilenet_options options = smt_mobilenet_defaults();
    smt_graph *graph = NULL;
    smt_model *model = NULL;
    smt_pool *pool = NULL;
    smt_report_file *rows = NULL;
    size_t count = 0;
    smt_status status = SMT_ERR_MEMORY;
    options.width = 0.25f;
    options.input_size = SIDE;
    options.classes = 3;
    assert_non_null(mkdtemp(folder));
    char *path = smt_path_join(folder, "model.safetensors");
    assert_int_equal(smt_pool_create(1, &pool, NULL), SMT_OK);
    assert_int_equal(smt_mobilenetv3_small(&options, 1, &graph, NULL), SMT_OK);
    assert_int_equal(smt_model_create(graph, &options, names, 3, &model, NULL), SMT_OK);
    assert_int_equal(smt_model_save(model, path, SMT_DTYPE_F32, NULL, NULL), SMT_OK);
    for (long n = 0; status; n += 7) {
        assert_true(n < 100000);
        smt_alloc_fail_after(n);
        status = smt_report_measure_files(folder, &f.evaluation, pool, &rows, &count, NULL);
        smt_alloc_fail_after(-1);
        assert_int_equal(status, rows ? SMT_OK : SMT_ERR_MEMORY);
    }
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].images, IMAGES);
    smt_free(rows);
    smt_interrupt();
    assert_int_equal(smt_report_measure_files(folder, &f.evaluation, pool, &rows, &count, NULL),
                     SMT_ERR_INTERRUPTED);
    smt_interrupt_clear();
    unlink(path);
    rmdir(folder);
    smt_free(path);
    smt_model_destroy(&model);
    smt_pool_destroy(&pool);
    teardown();
}

static void *confusion_plot(const char *path, size_t *size)
{
    void *data = NULL;
    assert_int_equal(smt_plot_confusion(&f.evaluation, path, NULL), SMT_OK);
    assert_int_equal(smt_file_load(path, 0, &data, size, NULL), SMT_OK);
    unlink(path);
    return data;
}

/* Of few classes, too, the line above them shows every digit; images that trained are told of. */
static void test_confusion_plot(void **state)
{
    (void)state;
    setup();
    size_t sizes[3];
    char *svg = confusion_plot("test_confusion.svg", sizes);
    assert_non_null(strstr(svg, "<svg"));
    assert_non_null(strstr(svg, "</svg>"));
    smt_free(svg);
    smt_metrics *m = f.evaluation.metrics;
    m->count = 12345;
    f.evaluation.split = "unseen";
    void *png[3];
    for (int i = 0; i < 3; i++) {
        m->accuracy_95 = (smt_interval){i ? 0.612 : 0.611, 0.622};
        f.evaluation.trained = i == 2;
        png[i] = confusion_plot("test_confusion.png", &sizes[i]);
        assert_true(!i || sizes[i] != sizes[i - 1] || memcmp(png[i], png[i - 1], sizes[i]));
    }
    for (int i = 0; i < 3; i++) {
        smt_free(png[i]);
    }
    teardown();
}

/* What was asked for stands above the curve only if the figures beside it stay on the page. */
static void test_coverage_plot(void **state)
{
    (void)state;
    setup();
    smt_decision *decision = &f.evaluation.info.decision;
    decision->rejects = true;
    strcpy(decision->target, "purity 0.95, of CLEAN_LAYER 0.995, sure 0.95");
    assert_int_equal(smt_plot_coverage(&f.evaluation, "test_coverage.png", NULL), SMT_OK);
    cairo_surface_t *png = cairo_image_surface_create_from_png("test_coverage.png");
    unlink("test_coverage.png");
    const unsigned char *row = cairo_image_surface_get_data(png);
    int width = cairo_image_surface_get_width(png), height = cairo_image_surface_get_height(png);
    assert_true(width > 0 && height > 0);
    for (int y = 0; y < height; y++, row += cairo_image_surface_get_stride(png)) {
        assert_int_equal(row[4 * (width - 1)], 255);
    }
    cairo_surface_destroy(png);
    teardown();
}

/* A thousand classes made an image of 28000 x 28000 pixels, an SVG of 269 MB and a million cells in
 * report.html. */
static void test_many_classes(void **state)
{
    (void)state;
    enum { CLASSES = 1000, COUNT = 3000 };
    static int truth[COUNT], predicted[COUNT];
    static char *classes[CLASSES];
    setup();
    smt_evaluation e = f.evaluation;
    smt_class_map map = f.map;
    smt_metrics *metrics = NULL;
    for (int c = 0; c < CLASSES; c++) {
        classes[c] = smt_format("class %d", c);
    }
    for (int i = 0; i < COUNT; i++) {
        truth[i] = i % CLASSES;
        predicted[i] = i % 3 ? truth[i] : i * 7 % CLASSES;
    }
    const smt_outcome outcome = {
        .count = COUNT, .class_count = CLASSES, .truth = truth, .predicted = predicted};
    assert_int_equal(smt_metrics_create(&outcome, 10, 1, &metrics, NULL), SMT_OK);
    map.class_count = CLASSES;
    map.classes = classes;
    e.map = &map;
    e.metrics = metrics;
    const smt_report_inputs inputs = {0};
    static const char *const paths[] = {"test_many.svg", "test_many.png", "test_many.html"};
    assert_int_equal(smt_plot_confusion(&e, paths[0], NULL), SMT_OK);
    assert_int_equal(smt_plot_confusion(&e, paths[1], NULL), SMT_OK);
    assert_int_equal(smt_report_html(&e, &inputs, paths[2], NULL), SMT_OK);
    for (int i = 0; i < 3; i++) {
        void *data = NULL;
        size_t size = 0;
        assert_int_equal(smt_file_load(paths[i], 0, &data, &size, NULL), SMT_OK);
        assert_in_range(size, 1000, 1000000);
        assert_true(i < 2 || strstr(data, "class 1 predicted as class 7: 1, 33.3 percent"));
        smt_free(data);
        unlink(paths[i]);
    }
    for (int c = 0; c < CLASSES; c++) {
        smt_free(classes[c]);
    }
    smt_metrics_destroy(&metrics);
    teardown();
}

static void test_history_file(void **state)
{
    (void)state;
    static const char csv[] = "epoch,other,val_macro_f1,train_loss\r\n1,x,0.25,2.5\r\n2,y,nan,"
                              "\r\n2,z,0.9,9\r\njunk\r\n3,z,0.5,1";
    assert_int_equal(smt_file_save("test_history.csv", csv, strlen(csv), NULL), SMT_OK);
    smt_history_row *rows = NULL;
    size_t count = 0;
    assert_int_equal(smt_history_load("test_history.csv", &rows, &count, NULL), SMT_OK);
    assert_int_equal(count, 3);
    assert_float_equal(rows[0].val_macro_f1, 0.25, 0);
    assert_float_equal(rows[0].train_loss, 2.5, 0);
    assert_true(isnan(rows[0].learning_rate) && isnan(rows[1].val_macro_f1) &&
                isnan(rows[1].train_loss));
    assert_int_equal(rows[2].epoch, 3);
    smt_free(rows);
    smt_error error = {0};
    assert_int_equal(smt_file_save("test_history.csv", "epoch\n", 6, NULL), SMT_OK);
    assert_int_equal(smt_history_load("test_history.csv", &rows, &count, &error), SMT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "test_history.csv"));
    unlink("test_history.csv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pictures),
                                       cmocka_unit_test(test_page),
                                       cmocka_unit_test(test_long_losses),
                                       cmocka_unit_test(test_trained),
                                       cmocka_unit_test(test_all_right),
                                       cmocka_unit_test(test_thresholds),
                                       cmocka_unit_test(test_failures),
                                       cmocka_unit_test(test_measured_files),
                                       cmocka_unit_test(test_confusion_plot),
                                       cmocka_unit_test(test_coverage_plot),
                                       cmocka_unit_test(test_many_classes),
                                       cmocka_unit_test(test_history_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
