#include "image/golden.h"
#include "image/sem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
/* cmocka.h needs the three above. */
#include <cmocka.h>

typedef struct golden_sem {
    char path[512], vendor[16];
    double width, height;
    int databar;
} golden_sem;

static bool next(FILE *list, golden_sem *g)
{
    char line[512], name[64];
    while (fgets(line, sizeof line, list)) {
        if (line[0] != '#' && sscanf(line,
                                     "%63s %15s %lf %lf %d",
                                     name,
                                     g->vendor,
                                     &g->width,
                                     &g->height,
                                     &g->databar) == 5) {
            snprintf(g->path, sizeof g->path, "%s/%s", GOLDEN_FOLDER, name);
            if (strcmp(g->vendor, "-") == 0) {
                g->vendor[0] = 0;
            }
            return true;
        }
    }
    return false;
}

static bool close_to(double a, double b)
{
    return fabs(a - b) <= 1e-9 * fabs(b);
}

static void reads_what_microscopes_write(void **state)
{
    (void)state;
    FILE *list = fopen(GOLDEN_FOLDER "/sem.txt", "r");
    assert_non_null(list);
    golden_sem g;
    int count = 0;
    while (next(list, &g)) {
        smt_image whole = {0}, cropped = {0};
        smt_sem_metadata found = {0};
        smt_error error = {0};
        if (smt_image_load_sem(g.path, NULL, -1, &whole, &found, &error) != SMT_OK) {
            fail_msg("%s", error.message);
        }
        if (strcmp(found.vendor, g.vendor) != 0 || !close_to(found.pixel_width, g.width) ||
            !close_to(found.pixel_height, g.height) || found.databar_height != g.databar) {
            fail_msg("%s: \"%s\" %g %g %d",
                     g.path,
                     found.vendor,
                     found.pixel_width,
                     found.pixel_height,
                     found.databar_height);
        }
        assert_int_equal(smt_image_load(g.path, NULL, &cropped, NULL), SMT_OK);
        assert_int_equal(cropped.width, whole.width);
        assert_int_equal(cropped.height, whole.height - g.databar);
        assert_memory_equal(
            cropped.pixels, whole.pixels, (size_t)cropped.width * (size_t)cropped.height);
        smt_image_free(&whole);
        smt_image_free(&cropped);
        count++;
    }
    fclose(list);
    assert_int_equal(count, 12);
}

/* Memory that is short is never a reason to keep the strip. */
static void reports_every_failed_allocation(void **state)
{
    (void)state;
    FILE *list = fopen(GOLDEN_FOLDER "/sem.txt", "r");
    assert_non_null(list);
    golden_sem g;
    while (next(list, &g)) {
        int failures = 0;
        for (long countdown = 0;; countdown++) {
            smt_image image = {0};
            smt_sem_metadata found = {0};
            smt_alloc_fail_after(countdown);
            smt_status status = smt_image_load_sem(g.path, NULL, 0, &image, &found, NULL);
            smt_alloc_fail_after(-1);
            if (status == SMT_OK) {
                assert_int_equal(found.databar_height, g.databar);
                smt_image_free(&image);
                break;
            }
            assert_int_equal(status, SMT_ERR_MEMORY);
            assert_null(image.pixels);
            failures++;
        }
        assert_true(failures >= 4);
    }
    fclose(list);
}

static void survives_damaged_metadata(void **state)
{
    (void)state;
    FILE *list = fopen(GOLDEN_FOLDER "/sem.txt", "r");
    assert_non_null(list);
    golden_sem g;
    while (next(list, &g)) {
        void *data = NULL;
        size_t size = 0;
        assert_int_equal(smt_file_load(g.path, 0, &data, &size, NULL), SMT_OK);
        uint8_t *bytes = data;
        for (size_t i = 0; bytes[0] == 'I' && i < size; i++) {
            bytes[i] ^= 0x91;
            image_source source = {.data = bytes, .size = size, .name = g.path};
            smt_sem_metadata found = {0};
            assert_true(smt_sem_read_tags(&source, 24, 40, &found));
            source.size = i;
            assert_true(smt_sem_read_tags(&source, 24, 40, &found));
            bytes[i] ^= 0x91;
        }
        smt_free(data);
    }
    fclose(list);
}

/* Hitachi's text tells of one image as it was written: not of a renamed or a scaled one. */
static void sidecars_belong_to_their_image(void **state)
{
    (void)state;
    static const char text[] = "[SemImageFile]\r\nImageName=A.BMP\r\nDataSize=24x40\r\n";
    static const struct {
        const char *name;
        int width, strip;
    } cases[] = {{"a.bmp", 24, 8}, {"a.bmp", 12, 0}, {"b.bmp", 24, 0}, {"a.bm", 24, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        smt_sem_metadata found = {0};
        smt_sem_read_sidecar(text, cases[i].name, cases[i].width, 48, &found);
        assert_int_equal(found.databar_height, cases[i].strip);
        assert_string_equal(found.vendor, cases[i].strip ? "Hitachi" : "");
    }
}

static void sidecars_may_hold_anything(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[",
        "[]",
        "[MAIN]",
        "[MAIN]\nPixelSizeX",
        "[MAIN]\nPixelSizeX=",
        "[MAIN]\nPixelSizeX=nan\n",
        "[MAIN]\r\nPixelSizeX=1e999\nImageStripSize=-5",
        "[SemImageFile]",
        "[SemImageFile]\nDataSize=99999999999x1",
        "[SemImageFile]\nDataSize=x",
        "$",
        "$CM_FULL_SIZE",
        "$CM_FULL_SIZE ",
        "$CM_FULL_SIZE 24 99",
        "$CM_FORMAT \n$$SM_MICRON_BAR 0\n$$SM_MICRON_MARKER 5um",
        "$CM_FORMAT x\n$$SM_MICRON_BAR 10\n$$SM_MICRON_MARKER um",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        smt_sem_metadata found = {0};
        smt_sem_read_sidecar(texts[i], "a.png", 24, 40, &found);
        assert_true(found.databar_height == 0);
        assert_true(!(found.pixel_width > 0));
    }
    assert_true(close_to(smt_parse_length("5um"), 5e-6));
    assert_true(close_to(smt_parse_length(" 2.5 \xc2\xb5m"), 2.5e-6));
    assert_true(close_to(smt_parse_length("3 mm"), 3e-3));
    assert_true(smt_parse_length("nm") == 0 && smt_parse_length("1e999 nm") == 0 &&
                smt_parse_length("5 inches") == 0);
    const char *ini = "a = 1\n[s]\n b=2\r\n\r\nab=3\n[s2]\na=4\nc";
    assert_true(smt_ini_number(ini, NULL, "a") == 1);
    assert_true(smt_ini_number(ini, "s", "b") == 2);
    assert_true(smt_ini_number(ini, "s", "ab") == 3);
    assert_true(smt_ini_number(ini, "s2", "a") == 4);
    assert_null(smt_ini_value(ini, "s", "a"));
    assert_null(smt_ini_value(ini, "s2", "c"));
    assert_null(smt_ini_value(ini, "t", "a"));
}

/* Rows first .. last are the panel; `ground` even rows of the specimen lie above it. */
static int panel_under(int height, int first, int last, uint8_t level, int letters, int ground)
{
    smt_image image = {0};
    assert_int_equal(smt_image_create(64, height, &image, NULL), SMT_OK);
    smt_rng rng = smt_rng_seed(4, (uint64_t)height);
    for (int i = 0; i < 64 * height; i++) {
        int y = i / 64;
        image.pixels[i] =
            y >= first && y <= last && i % 64 >= letters ? level : (uint8_t)smt_rng_next(&rng);
        image.pixels[i] = y < first && y >= first - ground ? 100 : image.pixels[i];
    }
    int rows = smt_sem_find_panel(&image);
    smt_image_free(&image);
    return rows;
}

static int panel_of(int height, int first, int last, uint8_t level, int letters)
{
    return panel_under(height, first, last, level, letters, 0);
}

static void finds_panels_and_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(panel_of(100, 85, 99, 255, 0), 15);
    assert_int_equal(panel_of(100, 85, 99, 255, 30), 15); /* half lettering */
    assert_int_equal(panel_of(100, 85, 99, 0, 10), 15);
    assert_int_equal(panel_under(100, 85, 99, 255, 0, 4), 15);
    assert_int_equal(panel_of(100, 85, 98, 255, 0), 15); /* an orphan row below */
    assert_int_equal(panel_of(100, 80, 97, 255, 0), 0);  /* two: no panel */
    assert_int_equal(panel_of(100, 92, 99, 255, 0), 0);  /* too thin */
    assert_int_equal(panel_of(100, 60, 99, 255, 0), 0);  /* too high: the specimen's background */
    assert_int_equal(panel_of(100, 0, 99, 255, 0), 0);   /* an empty image */
    assert_int_equal(panel_of(100, 20, 40, 255, 0), 0);  /* not at the bottom */
    assert_int_equal(panel_of(100, 200, 200, 255, 0), 0);
}

/* A strip below noise: lettered rows, `strokes` to each, between blank ones unless it is thin; grey
 * levels off by at most `off`, as compression leaves them. */
typedef struct strip {
    int rows, strokes, off, frame; /* frame: rows of ink at the top and at the bottom */
    uint8_t paper, ink;
} strip;
static int gap; /* the level between the strokes, if not 0 */

static int suspected(const strip *s, int height)
{
    enum { WIDTH = 96 };
    smt_image image = {0};
    assert_int_equal(smt_image_create(WIDTH, height, &image, NULL), SMT_OK);
    smt_rng rng = smt_rng_seed(5, 1);
    for (int i = 0; i < WIDTH * height; i++) {
        int x = i % WIDTH, y = i / WIDTH - (height - s->rows), last = s->rows - 1;
        int blank = s->rows < 5 ? 0 : 2;
        bool frame = y < s->frame || y > last - s->frame,
             text = y >= blank && y <= last - blank && x / 6 < s->strokes;
        bool ink = frame || (text && x % 6 < 2);
        int level = ink ? s->ink : text && gap ? gap : s->paper;
        level += (int)smt_rng_below(&rng, 2 * (uint32_t)s->off + 1);
        level -= s->off;
        level = level < 0 ? 0 : level > 255 ? 255 : level;
        image.pixels[i] = (uint8_t)(y < 0 ? smt_rng_below(&rng, 256) : (uint32_t)level);
    }
    int rows = smt_sem_suspect_strip(&image);
    smt_image_free(&image);
    return rows;
}

static void suspects_strips_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        strip strip;
        int rows;
    } cases[] = {
        {{12, 10, 0, 0, 0, 255}, 12},  {{12, 10, 0, 0, 255, 0}, 12},
        {{12, 16, 6, 0, 20, 230}, 12}, /* compressed, and letters all over it */
        {{12, 10, 0, 1, 30, 255}, 11}, /* framed; its upper line may as well be the specimen's */
        {{12, 10, 0, 2, 0, 255}, 10},  /* the same, thicker */
        {{6, 5, 3, 0, 5, 200}, 6},     /* thin, as in a small image */
        {{12, 10, 0, 0, 240, 0}, 12},  /* nearly white */
        {{12, 10, 0, 0, 0, 80}, 12},   /* faint letters */
        {{12, 10, 0, 0, 0, 65}, 12},   {{4, 10, 0, 0, 0, 255}, 4},
        {{24, 10, 0, 0, 0, 255}, 24},  /* a fifth of the height */
        {{12, 3, 0, 0, 0, 255}, 0},    /* a scale bar, or the specimen */
        {{12, 0, 0, 0, 0, 255}, 0},    /* dark, without letters */
        {{12, 10, 0, 0, 120, 255}, 0}, /* grey paper is the specimen */
        {{12, 10, 0, 0, 60, 255}, 0},  {{12, 10, 0, 0, 220, 0}, 0},
        {{12, 10, 20, 0, 25, 255}, 0}, /* and so is noise */
        {{12, 10, 0, 0, 0, 64}, 0},    /* letters have contrast */
        {{12, 10, 0, 0, 20, 70}, 0},   /* the same on grey */
        {{3, 10, 0, 0, 0, 255}, 0},    /* too thin */
        {{5, 10, 0, 0, 0, 255}, 0},    /* one row is no text */
        {{25, 10, 0, 0, 0, 255}, 0},   /* too high */
        {{120, 10, 0, 0, 0, 255}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(suspected(&cases[i].strip, 120), cases[i].rows);
    }
    strip thin = {.rows = 11, .strokes = 10, .ink = 255};
    assert_int_equal(suspected(&thin, 480), 0);
    thin.rows = 12; /* a 40th of the height */
    assert_int_equal(suspected(&thin, 480), 12);
    thin.rows = 4; /* a fifth */
    assert_int_equal(suspected(&thin, 20), 4);
    assert_int_equal(suspected(&thin, 19), 0);
    const strip joined = {.rows = 12, .strokes = 5, .ink = 255};
    gap = 31; /* a stroke ends where less than half of what begins one is left */
    assert_int_equal(suspected(&joined, 120), 12);
    gap = 32;
    assert_int_equal(suspected(&joined, 120), 0);
    gap = 0;
    uint8_t pixels[4 * 3] = {0};
    const smt_image tiny = {4, 3, pixels};
    assert_int_equal(smt_sem_suspect_strip(&tiny), 0);
}

/* Where metadata tell of the strip there is nothing to suspect. */
static void suspects_what_is_not_told(void **state)
{
    (void)state;
    FILE *list = fopen(GOLDEN_FOLDER "/sem.txt", "r");
    assert_non_null(list);
    golden_sem g;
    while (next(list, &g)) {
        smt_image image = {0};
        smt_sem_metadata found = {0};
        assert_int_equal(smt_image_load_sem(g.path, NULL, 0, &image, &found, NULL), SMT_OK);
        assert_int_equal(found.suspect_percent > 0, false);
        smt_image_free(&image);
    }
    fclose(list);
}

static void cuts_whole_rows(void **state)
{
    (void)state;
    static const struct {
        int height;
        float percent;
        int rows;
    } cases[] = {{960, 6.3f, 60},
                 {64, 12.5f, 8},
                 {64, 14.1f, 9},
                 {9, 0, 0},
                 {9, -1, 0},
                 {1, 50, 0},
                 {2, 50, 1},
                 {100, 0.4f, 0},
                 {100, 0.6f, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(smt_image_cut_rows(cases[i].height, cases[i].percent), cases[i].rows);
    }
}

static void set_tag(uint8_t *tiff, unsigned tag, unsigned value)
{
    uint8_t *directory = tiff + (tiff[4] | tiff[5] << 8);
    for (int i = 0; i < directory[0]; i++) {
        uint8_t *entry = directory + 2 + 12 * i;
        if ((unsigned)(entry[0] | entry[1] << 8) == tag) {
            entry[8] = (uint8_t)value;
            return;
        }
    }
    fail();
}

/* A strip of 7 rows is cut off: what is left looks as if it had never been there. */
static void stretches_without_the_strip(void **state)
{
    (void)state;
    static const char told[] = GOLDEN_FOLDER "/sem_tescan.png"; /* the name of a sidecar's image */
    for (int i = 0; i < 4; i++) {
        int bits = i % 2 ? 16 : 32;
        const char *path = i < 2 ? told : "untold";
        float cut_percent = i < 2 ? 1.0f : 24.2f; /* where nothing tells of the 7 of 29 rows */
        void *data = NULL;
        size_t size = 0, row = bits == 16 ? 41 * 2 : 20 * 4; /* pixels are at 8 */
        smt_image cut = {0}, alone = {0};
        assert_int_equal(smt_file_load(GOLDEN_FOLDER "/signed16.tif", 0, &data, &size, NULL),
                         SMT_OK);
        if (bits == 32) { /* taken for real numbers */
            set_tag(data, 256, 20);
            set_tag(data, 258, 32);
            set_tag(data, 339, 3);
        }
        for (size_t k = 0; k < 7 * row / 4; k++) { /* large and small ones, of both types */
            memcpy((uint8_t *)data + 8 + 22 * row + 4 * k,
                   k % 2 ? "\xff\x7f\xff\x7e" : "\0\x80\0\xfe",
                   4);
        }
        assert_int_equal(
            smt_image_decode_sem(data, size, path, NULL, cut_percent, &cut, NULL, NULL), SMT_OK);
        set_tag(data, 257, 22);
        assert_int_equal(smt_image_decode(data, size, "alone", NULL, &alone, NULL), SMT_OK);
        assert_int_equal(cut.height, alone.height);
        assert_memory_equal(cut.pixels, alone.pixels, (size_t)cut.width * (size_t)cut.height);
        smt_image_free(&cut);
        smt_image_free(&alone);
        smt_free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_microscopes_write),
        cmocka_unit_test(reports_every_failed_allocation),
        cmocka_unit_test(survives_damaged_metadata),
        cmocka_unit_test(sidecars_belong_to_their_image),
        cmocka_unit_test(sidecars_may_hold_anything),
        cmocka_unit_test(finds_panels_and_nothing_else),
        cmocka_unit_test(suspects_strips_and_nothing_else),
        cmocka_unit_test(suspects_what_is_not_told),
        cmocka_unit_test(stretches_without_the_strip),
        cmocka_unit_test(cuts_whole_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
