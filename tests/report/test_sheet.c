/* Contact sheets and curves: the files are decoded again and looked into. */
#include <semtinel/report.h>

#include <cairo.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static uint32_t pixel(cairo_surface_t *surface, int x, int y)
{
    const unsigned char *row =
        cairo_image_surface_get_data(surface) + y * cairo_image_surface_get_stride(surface);
    uint32_t value;
    memcpy(&value, row + 4 * x, 4);
    return value & 0xffffff;
}

static void test_sheet(void **state)
{
    (void)state;
    uint8_t dark[64 * 32], light[16 * 16];
    memset(dark, 40, sizeof dark);
    memset(light, 200, sizeof light);
    const smt_image a = {64, 32, dark}, b = {16, 16, light};
    const smt_sheet_cell cells[3] = {
        {&a, "wide"},
        {&b, "caption with \xff bytes that are not UTF-8 and far too long"},
        {NULL, NULL}};
    const char *path = "test_sheet.png";
    smt_error error = {0};
    assert_int_equal(smt_sheet_save(path, "A title", cells, 3, 2, 64, &error), SMT_OK);
    cairo_surface_t *png = cairo_image_surface_create_from_png(path);
    assert_int_equal(cairo_surface_status(png), CAIRO_STATUS_SUCCESS);
    assert_int_equal(cairo_image_surface_get_width(png), 16 + 64 + 8 + 64 + 16);
    assert_int_equal(cairo_image_surface_get_height(png), 32 + 40 + 2 * (64 + 8 + 18));
    /* The wide image lies centred in its cell, the small one is enlarged to fill its own. */
    assert_int_equal(pixel(png, 16 + 32, 56 + 32), 0x282828);
    assert_int_equal(pixel(png, 16 + 32, 56 + 8), 0xffffff);
    assert_int_equal(pixel(png, 16 + 72 + 1, 56 + 1), 0xc8c8c8);
    assert_int_equal(pixel(png, 16 + 72 + 62, 56 + 62), 0xc8c8c8);
    cairo_surface_destroy(png);
    unlink(path);
}

/* Arrows that are in DejaVu Serif, not in DejaVu Sans, beside marks of which it is the other way:
 * as boxes they would look alike. */
static void test_other_fonts(void **state)
{
    (void)state;
    static const char *const captions[3] = {
        "\xe2\xa4\x80 \xe2\x9c\x93", "\xe2\xa4\x85 \xe2\x9c\x93", "\xe2\xa4\x80 \xe2\x9c\x97"};
    void *files[3];
    size_t sizes[3];
    for (int i = 0; i < 3; i++) {
        const smt_sheet_cell cell = {NULL, captions[i]};
        assert_int_equal(smt_sheet_save("test_fonts.png", NULL, &cell, 1, 1, 64, NULL), SMT_OK);
        assert_int_equal(smt_file_load("test_fonts.png", 0, &files[i], &sizes[i], NULL), SMT_OK);
    }
    for (int i = 1; i < 3; i++) {
        assert_true(sizes[0] != sizes[i] || memcmp(files[0], files[i], sizes[0]) != 0);
    }
    for (int i = 0; i < 3; i++) {
        smt_free(files[i]);
    }
    unlink("test_fonts.png");
}

/* Long names that differ at either end are told apart; a cut one is as wide as its cell. */
static void test_long_captions(void **state)
{
    (void)state;
    static const char *const captions[3] = {"a name that is longer than its cell, 1",
                                            "a name that is longer than its cell, 2",
                                            "\xc3\xa4 name that is longer than its cell, 1"};
    cairo_surface_t *png[3];
    for (int k = 0; k < 3; k++) {
        const smt_sheet_cell cell = {NULL, captions[k]};
        assert_int_equal(smt_sheet_save("test_caption.png", NULL, &cell, 1, 1, 100, NULL), SMT_OK);
        png[k] = cairo_image_surface_create_from_png("test_caption.png");
        assert_int_equal(cairo_image_surface_get_width(png[k]), 16 + 100 + 16);
        unlink("test_caption.png");
    }
    int differ[2] = {0};
    for (int y = 0; y < cairo_image_surface_get_height(png[0]); y++) {
        for (int x = 0; x < 132; x++) {
            differ[0] += pixel(png[0], x, y) != pixel(png[1], x, y);
            differ[1] += pixel(png[0], x, y) != pixel(png[2], x, y);
            assert_true((x >= 15 && x < 117) || pixel(png[0], x, y) == 0xffffff);
        }
    }
    assert_true(differ[0] > 0 && differ[1] > 0);
    for (int k = 0; k < 3; k++) {
        cairo_surface_destroy(png[k]);
    }
}

/* A map that is hot in its upper right corner tints that corner alone. */
static void test_overlay(void **state)
{
    (void)state;
    uint8_t grey[64 * 32], rgb[64 * 32 * 3];
    float map[4] = {0, 1, 0, 0};
    memset(grey, 100, sizeof grey);
    const smt_image image = {64, 32, grey};
    const smt_explanation hot = {.width = 2, .height = 2, .map = map};
    assert_int_equal(smt_overlay(&image, &hot, 64, 32, rgb, NULL), SMT_OK);
    static const int corners[4] = {0, 63, 31 * 64, 31 * 64 + 63};
    for (int k = 0; k < 4; k++) {
        const uint8_t *p = rgb + 3 * corners[k];
        assert_int_equal(p[0] > p[2] + 40, k == 1);
        assert_true(k == 1 || (p[0] == 100 && p[1] == 100 && p[2] == 100));
    }
}

static void test_sheet_refuses(void **state)
{
    (void)state;
    smt_error error = {0};
    assert_int_equal(smt_sheet_save("x.png", NULL, NULL, 0, 0, 64, &error), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "x.png"));
    smt_sheet_cell cells[500] = {{NULL, NULL}};
    assert_int_equal(smt_sheet_save("x.png", NULL, cells, 500, 1, 64, &error), SMT_ERR_LIMIT);
    assert_int_equal(smt_sheet_save("/dev/null/x.png", NULL, NULL, 0, 1, 64, &error), SMT_ERR_IO);
    assert_int_equal(smt_sheet_save("empty.png", NULL, NULL, 0, 1, 64, &error), SMT_OK);
    unlink("empty.png");
}

static bool has_colour(cairo_surface_t *png, int x0, int y0, int x1, int y1, uint32_t wanted)
{
    for (int y = y0; y < y1; y++) {
        for (int x = x0; x < x1; x++) {
            bool near = true;
            for (int shift = 0; shift < 24; shift += 8) {
                int difference =
                    (int)(pixel(png, x, y) >> shift & 255) - (int)(wanted >> shift & 255);
                near = near && difference > -3 && difference < 3;
            }
            if (near) {
                return true;
            }
        }
    }
    return false;
}

static void test_history(void **state)
{
    (void)state;
    smt_history_row rows[40];
    for (int i = 0; i < 40; i++) {
        double t = i / 39.0;
        rows[i] = (smt_history_row){i + 1,
                                    2.3 * exp(-3 * t) + 0.1,
                                    2.3 * exp(-2 * t) + 0.3,
                                    0.3 + 0.65 * t,
                                    0.3 + 0.5 * t,
                                    0.25 + 0.5 * sqrt(t),
                                    1e-3 * (1 - t)};
    }
    rows[5].val_loss = NAN;
    const char *path = "test_curves.png";
    assert_int_equal(smt_plot_history(path, rows, 40, 0, NULL), SMT_OK);
    cairo_surface_t *png = cairo_image_surface_create_from_png(path);
    assert_int_equal(cairo_surface_status(png), CAIRO_STATUS_SUCCESS);
    /* Training loss in blue and validation loss in vermillion inside the first panel; macro F1 in
     * green in the second. */
    assert_true(has_colour(png, 80, 80, 570, 450, 0x0072b2));
    assert_true(has_colour(png, 80, 80, 570, 450, 0xd55e00));
    assert_false(has_colour(png, 80, 80, 570, 450, 0x009e73));
    assert_true(has_colour(png, 680, 80, 1170, 450, 0x009e73));
    cairo_surface_destroy(png);
    if (!getenv("SMT_KEEP")) {
        unlink(path);
    }
    /* An epoch that the model has is not said to be the best: --keep last has another. */
    void *files[2];
    size_t sizes[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(smt_plot_history(path, rows, 40, i ? 40 : 0, NULL), SMT_OK);
        assert_int_equal(smt_file_load(path, 0, &files[i], &sizes[i], NULL), SMT_OK);
        unlink(path);
    }
    assert_true(sizes[0] != sizes[1] || memcmp(files[0], files[1], sizes[0]) != 0);
    smt_free(files[0]);
    smt_free(files[1]);
    rows[0].val_macro_f1 = rows[0].val_loss = rows[0].val_accuracy = NAN;
    assert_int_equal(smt_plot_history("test_one_epoch.png", rows, 1, 0, NULL), SMT_OK);
    unlink("test_one_epoch.png");
    assert_int_equal(smt_plot_history(path, rows, 0, 0, NULL), SMT_ERR_ARGUMENT);
}

/* Every allocation in turn fails: no crash, no file left. */
static void test_memory(void **state)
{
    (void)state;
    smt_history_row row = {1, 1, 1, 0.5, 0.5, 0.5, 1e-3};
    for (long n = 0; n < 4; n++) {
        smt_alloc_fail_after(n);
        smt_error error = {0};
        smt_status status = smt_plot_history("test_memory.png", &row, 1, 0, &error);
        smt_alloc_fail_after(-1);
        assert_int_equal(status, SMT_ERR_MEMORY);
        assert_false(smt_path_exists("test_memory.png"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sheet),
                                       cmocka_unit_test(test_other_fonts),
                                       cmocka_unit_test(test_long_captions),
                                       cmocka_unit_test(test_overlay),
                                       cmocka_unit_test(test_sheet_refuses),
                                       cmocka_unit_test(test_history),
                                       cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
