#include "image/golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka.h needs the three above. */
#include <cmocka.h>

typedef struct file_bytes {
    uint8_t *data;
    size_t size;
} file_bytes;

static file_bytes load_golden(const char *name)
{
    char path[512];
    void *data = NULL;
    file_bytes file = {0};
    snprintf(path, sizeof path, "%s/%s", GOLDEN_FOLDER, name);
    assert_int_equal(smt_file_load(path, 0, &data, &file.size, NULL), SMT_OK);
    file.data = data;
    return file;
}

static bool same(const smt_image *image, const golden_image *golden)
{
    if (image->width != golden->width || image->height != golden->height) {
        return false;
    }
    for (int i = 0; i < image->width * image->height; i++) {
        if (abs(image->pixels[i] - golden->pixels[i]) > golden->tolerance) {
            print_message("%s: pixel %d is %d, not %d\n",
                          golden->name,
                          i,
                          image->pixels[i],
                          golden->pixels[i]);
            return false;
        }
    }
    return true;
}

static FILE *open_golden(void)
{
    FILE *list = fopen(GOLDEN_FOLDER "/expected.txt", "r");
    assert_non_null(list);
    return list;
}

static void decodes_as_pillow_does(void **state)
{
    (void)state;
    FILE *list = open_golden();
    static golden_image golden;
    int count = 0, wrong = 0;
    while (golden_next(list, &golden)) {
        char path[512];
        smt_image image = {0};
        smt_error error = {0};
        snprintf(path, sizeof path, "%s/%s", GOLDEN_FOLDER, golden.name);
        if (smt_image_load(path, NULL, &image, &error) != SMT_OK) {
            print_message("%s: %s\n", golden.name, error.message);
            wrong++;
        } else {
            wrong += !same(&image, &golden);
        }
        smt_image_free(&image);
        count++;
    }
    fclose(list);
    assert_int_equal(wrong, 0);
    assert_true(count >= 80);
}

static bool is_kind(const char *name, const char *suffix)
{
    return strcmp(strrchr(name, '.'), suffix) == 0;
}

/* Every beginning of every file fails with a reason that names it, or has lost only padding. */
static void refuses_every_cut(void **state)
{
    (void)state;
    FILE *list = open_golden();
    static golden_image golden;
    while (golden_next(list, &golden)) {
        file_bytes file = load_golden(golden.name);
        for (size_t size = 0; size < file.size; size++) {
            smt_image image = {0};
            smt_error error = {0};
            uint8_t *part = malloc(
                size ? size : 1); /* its own block, so that a sanitizer sees any read beyond */
            assert_non_null(part);
            memcpy(part, file.data, size);
            smt_status status = smt_image_decode(part, size, golden.name, NULL, &image, &error);
            free(part);
            if (status == SMT_OK) {
                bool padding = is_kind(golden.name, ".tif") || is_kind(golden.name, ".bmp");
                if (!padding || !same(&image, &golden)) {
                    fail_msg("%s: accepted after %zu of %zu bytes", golden.name, size, file.size);
                }
                smt_image_free(&image);
                continue;
            }
            /* A cut TIFF can also look like one of a kind
             * that is not supported, as its tags are lost. */
            if (status != SMT_ERR_FORMAT &&
                !(is_kind(golden.name, ".tif") && status == SMT_ERR_UNSUPPORTED)) {
                fail_msg("%s cut to %zu bytes: %s", golden.name, size, error.message);
            }
            assert_int_equal(error.status, status);
            assert_non_null(strstr(error.message, golden.name));
            assert_null(image.pixels);
        }
        smt_free(file.data);
    }
    fclose(list);
}

/* No damaged byte may crash; what comes out is an image or an error, never both. */
static void survives_every_damaged_byte(void **state)
{
    (void)state;
    static const uint8_t flips[] = {0xff, 0x01, 0x80};
    FILE *list = open_golden();
    static golden_image golden;
    while (golden_next(list, &golden)) {
        file_bytes file = load_golden(golden.name);
        for (size_t i = 0; i < file.size; i++) {
            for (size_t f = 0; f < sizeof flips; f++) {
                /* 1 Mi pixels: a damaged width must not make the test slow. */
                smt_image_limits limits = {.max_pixels = (size_t)1 << 20};
                smt_image image = {0};
                smt_error error = {0};
                file.data[i] ^= flips[f];
                smt_status status =
                    smt_image_decode(file.data, file.size, golden.name, &limits, &image, &error);
                file.data[i] ^= flips[f];
                assert_true((status == SMT_OK) == (image.pixels != NULL));
                assert_true(status == SMT_OK || error.message[0]);
                smt_image_free(&image);
            }
        }
        smt_free(file.data);
    }
    fclose(list);
}

static void reports_every_failed_allocation(void **state)
{
    (void)state;
    FILE *list = open_golden();
    static golden_image golden;
    int failures = 0;
    while (golden_next(list, &golden)) {
        file_bytes file = load_golden(golden.name);
        for (long countdown = 0;; countdown++) {
            smt_image image = {0};
            smt_error error = {0};
            smt_alloc_fail_after(countdown);
            smt_status status =
                smt_image_decode(file.data, file.size, golden.name, NULL, &image, &error);
            smt_alloc_fail_after(-1);
            if (status == SMT_OK) {
                assert_true(same(&image, &golden));
                smt_image_free(&image);
                break;
            }
            if (status != SMT_ERR_MEMORY) {
                fail_msg("%s, allocation %ld: %s", golden.name, countdown, error.message);
            }
            assert_null(image.pixels);
            failures++;
            assert_true(countdown < 100);
        }
        smt_free(file.data);
    }
    fclose(list);
    assert_true(failures > 200);
}

static void expect(const void *data, size_t size, smt_status wanted, const char *part)
{
    smt_image image = {0};
    smt_error error = {0};
    smt_status status = smt_image_decode(data, size, "some file", NULL, &image, &error);
    if (status != wanted || !strstr(error.message, part)) {
        fail_msg("wanted %s with \"%s\", got %s: %s",
                 smt_status_name(wanted),
                 part,
                 smt_status_name(status),
                 error.message);
    }
    assert_memory_equal(error.message, "some file: ", 11);
    assert_null(strchr(error.message, '\n'));
}

static void names_what_is_no_image(void **state)
{
    (void)state;
    expect("", 0, SMT_ERR_FORMAT, "empty");
    expect("hello, world", 12, SMT_ERR_FORMAT, "not a PNG");
    expect("version https://git-lfs.github.com/spec/v1\noid", 46, SMT_ERR_FORMAT, "git lfs pull");
    expect("GIF89a..........", 16, SMT_ERR_UNSUPPORTED, "GIF");
    expect("RIFF\0\0\0\0WAVEfmt ", 16, SMT_ERR_FORMAT, "not a PNG");
    expect("RIFF\x16\0\0\0WEBPVP8 ", 16, SMT_ERR_FORMAT, "WebP ends early");
    expect("RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x0c\0\0\x06\0\0",
           30,
           SMT_ERR_UNSUPPORTED,
           "animated WebP");
    expect("\0\0\0\x1c"
           "ftypavif....",
           16,
           SMT_ERR_UNSUPPORTED,
           "AVIF");
    expect("\x89PNG\r\n\x1a\n", 8, SMT_ERR_FORMAT, "ends early");
    expect("\xff\xd8\xff", 3, SMT_ERR_FORMAT, "JPEG");
    expect("II*\0", 4, SMT_ERR_FORMAT, "TIFF");
    expect("BM", 2, SMT_ERR_FORMAT, "ends early");

    smt_image image = {0};
    smt_error error = {0};
    assert_int_equal(smt_image_load("/dev/null/a.png", NULL, &image, &error), SMT_ERR_IO);
    assert_non_null(strstr(error.message, "/dev/null/a.png"));
    assert_int_equal(smt_image_load("/", NULL, &image, &error), SMT_ERR_IO);
}

static void put32le(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static void put32be(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

/* Changes 4 bytes at `offset`; for PNG the header's checksum follows. */
static void expect_changed(
    const char *name, size_t offset, uint32_t value, bool big, smt_status wanted, const char *part)
{
    file_bytes file = load_golden(name);
    assert_true(offset + 4 <= file.size);
    (big ? put32be : put32le)(file.data + offset, value);
    if (is_kind(name, ".png")) {
        put32be(file.data + 29, smt_crc32(0, file.data + 12, 17));
    }
    expect(file.data, file.size, wanted, part);
    smt_free(file.data);
}

/* Offset of a tag's value in the first directory of a little-endian TIFF. */
static size_t tag_offset(const char *name, unsigned tag)
{
    file_bytes file = load_golden(name);
    size_t at = (size_t)file.data[4] | (size_t)file.data[5] << 8;
    size_t count = (size_t)file.data[at] | (size_t)file.data[at + 1] << 8, found = 0;
    for (size_t i = 0; i < count; i++) {
        size_t entry = at + 2 + 12 * i;
        if ((unsigned)(file.data[entry] | file.data[entry + 1] << 8) == tag) {
            found = entry + 8;
        }
    }
    smt_free(file.data);
    assert_true(found > 0);
    return found;
}

static void refuses_hostile_headers(void **state)
{
    (void)state;
    /* PNG: IHDR's width is at 16, height at 20. */
    expect_changed("grey8.png", 16, 0x7fffffff, true, SMT_ERR_LIMIT, "exceed");
    expect_changed("grey8.png", 20, 32769, true, SMT_ERR_LIMIT, "exceed");
    expect_changed("grey8.png", 16, 0, true, SMT_ERR_FORMAT, "PNG");
    expect_changed("grey8.png", 16, 0x80000000u, true, SMT_ERR_FORMAT, "PNG");
    expect_changed("grey8.png",
                   16,
                   32768,
                   true,
                   SMT_ERR_FORMAT,
                   "ends early"); /* deflate cannot gain that much */
    expect_changed("rgb16_interlaced.png", 16, 32768, true, SMT_ERR_FORMAT, "ends early");

    /* BMP: width at 18, height at 22, bits at 28, compression at 30, pixel offset at 10. */
    expect_changed("rgb.bmp", 18, 0x80000000u, false, SMT_ERR_FORMAT, "negative");
    expect_changed("rgb.bmp", 22, 0x80000000u, false, SMT_ERR_LIMIT, "exceed");
    expect_changed("rgb.bmp", 22, 0xffffffffu - 5000u, false, SMT_ERR_FORMAT, "ends early");
    expect_changed("rgb.bmp", 18, 0, false, SMT_ERR_FORMAT, "0 x");
    expect_changed("rgb.bmp", 10, 0xfffffff0u, false, SMT_ERR_FORMAT, "ends early");
    expect_changed("rgb.bmp", 10, 4, false, SMT_ERR_FORMAT, "inside the header");
    expect_changed("rgb.bmp", 14, 0xffffffffu, false, SMT_ERR_UNSUPPORTED, "header");
    expect_changed("rgb.bmp", 30, 4, false, SMT_ERR_UNSUPPORTED, "compression 4");
    expect_changed("rgb565.bmp", 54, 0x5000, false, SMT_ERR_FORMAT, "mask");
    expect_changed("rle8.bmp", 18, 3, false, SMT_ERR_FORMAT, "leaves the image");

    /* WebP, lossy: the width is at 26, the height at 28, 14 bits each; lossless: both at 21. */
    expect_changed("lossy.webp", 26, 0x3fff3fffu, false, SMT_ERR_LIMIT, "exceed");
    expect_changed("lossless.webp", 21, 0x0fffffffu, false, SMT_ERR_LIMIT, "exceed");
    expect_changed("lossy.webp", 4, 0x7fffffffu, false, SMT_ERR_FORMAT, "ends early");

    /* TIFF */
    expect_changed("white_is_zero.tif",
                   tag_offset("white_is_zero.tif", 256),
                   0xffffffffu,
                   false,
                   SMT_ERR_LIMIT,
                   "exceed");
    expect_changed("white_is_zero.tif",
                   tag_offset("white_is_zero.tif", 257),
                   30000,
                   false,
                   SMT_ERR_FORMAT,
                   "TIFF");
    expect_changed("white_is_zero.tif",
                   tag_offset("white_is_zero.tif", 273),
                   0x7fffffff,
                   false,
                   SMT_ERR_FORMAT,
                   "TIFF");
    expect_changed("white_is_zero.tif",
                   tag_offset("white_is_zero.tif", 262),
                   32844,
                   false,
                   SMT_ERR_UNSUPPORTED,
                   "colour model");
    expect_changed("white_is_zero.tif",
                   tag_offset("white_is_zero.tif", 259),
                   34712,
                   false,
                   SMT_ERR_UNSUPPORTED,
                   "compression");
    expect_changed("white_is_zero.tif",
                   tag_offset("white_is_zero.tif", 277),
                   60000,
                   false,
                   SMT_ERR_UNSUPPORTED,
                   "samples");
    expect_changed(
        "tiled.tif", tag_offset("tiled.tif", 322), 0x7ffffff0, false, SMT_ERR_LIMIT, "exceed");
    expect_changed(
        "signed16.tif", tag_offset("signed16.tif", 258), 12, false, SMT_ERR_UNSUPPORTED, "bits");
    expect_changed("signed16.tif",
                   tag_offset("signed16.tif", 339),
                   9,
                   false,
                   SMT_ERR_FORMAT,
                   "some file: damaged or incomplete TIFF: ");
    expect_changed(
        "signed16.tif", tag_offset("signed16.tif", 339), 3, false, SMT_ERR_UNSUPPORTED, "real");
    expect_changed("white_is_zero.tif",
                   4,
                   8,
                   false,
                   SMT_ERR_FORMAT,
                   "TIFF"); /* the directory lies in the pixels */

    /* JPEG: a frame of 65535 x 65535, more than libjpeg allows, and of 60138 x 60138. */
    file_bytes file = load_golden("grey.jpg");
    size_t frame = 0;
    while (frame + 9 < file.size && !(file.data[frame] == 0xff && file.data[frame + 1] == 0xc0)) {
        frame++;
    }
    memset(file.data + frame + 5, 0xff, 4);
    expect(file.data, file.size, SMT_ERR_LIMIT, "scale the image down");
    memset(file.data + frame + 5, 0xea, 4);
    expect(file.data, file.size, SMT_ERR_LIMIT, "60138 x 60138");
    smt_free(file.data);
}

/* Offset of what a tag's value points to. */
static size_t array_offset(const char *name, unsigned tag)
{
    file_bytes file = load_golden(name);
    const uint8_t *at = file.data + tag_offset(name, tag);
    size_t found = (size_t)at[0] | (size_t)at[1] << 8;
    smt_free(file.data);
    return found;
}

/* Decodes both files, which are freed, to the same pixels. */
static void expect_same(file_bytes a, file_bytes b)
{
    smt_image of_a = {0}, of_b = {0};
    assert_int_equal(smt_image_decode(a.data, a.size, "a.tif", NULL, &of_a, NULL), SMT_OK);
    assert_int_equal(smt_image_decode(b.data, b.size, "b.tif", NULL, &of_b, NULL), SMT_OK);
    assert_memory_equal(of_a.pixels, of_b.pixels, (size_t)of_a.width * (size_t)of_a.height);
    smt_image_free(&of_a);
    smt_image_free(&of_b);
    smt_free(a.data);
    smt_free(b.data);
}

/* As few programs write them: golden files, changed. */
static void reads_rare_tiffs(void **state)
{
    (void)state;
    static const char map[] = "palette_by_hand.tif", reals[] = "float32.tif";
    file_bytes a = load_golden(map), b = load_golden(map);
    for (size_t i = 0; i < 768; i++) { /* colours whose upper byte was left empty */
        a.data[array_offset(map, 320) + 2 * i + 1] = 0;
    }
    expect_same(a, b);

    enum { COUNT = 13 * 7 };
    float values[COUNT], low = INFINITY, high = -INFINITY;
    a = load_golden(reals);
    b = load_golden(reals);
    size_t at = array_offset(reals, 273);
    memcpy(values, a.data + at, sizeof values);
    put32le(a.data + tag_offset(reals, 262), 0); /* the smallest is white */
    for (int i = 0; i < COUNT; i++) {
        b.data[at + 4 * (size_t)i + 3] ^= 0x80;
        low = fminf(low, values[i]);
        high = fmaxf(high, values[i]);
    }
    expect_same(a, b);

    a = load_golden(reals);
    b = load_golden(reals);
    const float odd[3] = {INFINITY, NAN, -INFINITY}, like[3] = {high, low, low};
    memcpy(a.data + at, odd, sizeof odd);
    memcpy(b.data + at, like, sizeof like);
    expect_same(a, b);

    static const char shorts[] = "signed16.tif"; /* 41 x 29, taken for signed bytes */
    a = load_golden(shorts);
    b = load_golden(shorts);
    put32le(a.data + tag_offset(shorts, 258), 8);
    put32le(b.data + tag_offset(shorts, 258), 8);
    put32le(b.data + tag_offset(shorts, 339), 1);
    for (size_t i = 0; i < (size_t)41 * 29; i++) {
        b.data[array_offset(shorts, 273) + i] ^= 0x80;
    }
    expect_same(a, b);
}

/* 20 x 29 samples of 32 bits in signed16.tif; the caller frees data. */
static file_bytes with_samples(const void *samples, uint16_t format)
{
    static const char name[] = "signed16.tif";
    file_bytes file = load_golden(name);
    put32le(file.data + tag_offset(name, 256), 20);
    put32le(file.data + tag_offset(name, 258), 32);
    put32le(file.data + tag_offset(name, 339), format);
    memcpy(file.data + array_offset(name, 273), samples, 4 * 20 * 29);
    return file;
}

/* What lies beyond the ranks of the stretch may lie anywhere. */
static void is_not_flattened_by_outliers(void **state)
{
    (void)state;
    enum { COUNT = 20 * 29, REAL = 3, INT = 2 };
    float real[COUNT], odd_real[COUNT];
    int32_t whole[COUNT], odd_whole[COUNT];
    for (int i = 0; i < COUNT; i++) {
        whole[i] = odd_whole[i] = i * 37 % COUNT - 300;
        real[i] = odd_real[i] = (float)whole[i] / 1000;
    }
    for (int i = 0; i < COUNT; i++) {
        if (whole[i] == -300 || whole[i] == COUNT - 301) {
            odd_whole[i] = whole[i] < 0 ? INT32_MIN : INT32_MAX;
            odd_real[i] = whole[i] < 0 ? -3e38f : 1e30f;
        }
    }
    expect_same(with_samples(real, REAL), with_samples(odd_real, REAL));
    expect_same(with_samples(whole, INT), with_samples(odd_whole, INT));
    expect_same(with_samples(real, REAL), with_samples(whole, INT));

    smt_image image = {0};
    file_bytes file = with_samples(odd_real, REAL);
    assert_int_equal(smt_image_decode(file.data, file.size, "a.tif", NULL, &image, NULL), SMT_OK);
    for (int i = 0; i < COUNT; i++) { /* ranks 1 and 578 become black and white */
        double grey = (whole[i] + 299) * 255.0 / (COUNT - 3);
        assert_true(fabs(fmin(fmax(grey, 0), 255) - image.pixels[i]) < 0.51);
    }
    smt_image_free(&image);
    smt_free(file.data);

    /* A single point on an even ground is no outlier: it is all that there is. */
    memset(real, 0, sizeof real);
    real[77] = 5;
    file = with_samples(real, REAL);
    assert_int_equal(smt_image_decode(file.data, file.size, "a.tif", NULL, &image, NULL), SMT_OK);
    assert_int_equal(image.pixels[76], 0);
    assert_int_equal(image.pixels[77], 255);
    smt_image_free(&image);
    smt_free(file.data);

    file = load_golden("signed16.tif"); /* 41 x 29 */
    uint8_t *samples = file.data + array_offset("signed16.tif", 273);
    memset(samples, 0, (size_t)2 * 41 * 29);
    samples[2 * 77] = 5;
    assert_int_equal(smt_image_decode(file.data, file.size, "a.tif", NULL, &image, NULL), SMT_OK);
    assert_int_equal(image.pixels[76], 0);
    assert_int_equal(image.pixels[77], 255);
    smt_image_free(&image);
    smt_free(file.data);
}

/* Grey whose alpha, or whatever else, lies in planes of its own. */
static void reads_one_plane_of_several(void **state)
{
    (void)state;
    file_bytes a = load_golden("tiled_planar.tif"); /* its red is the grey of tiled.tif */
    put32le(a.data + tag_offset("tiled_planar.tif", 262), 1);
    expect_same(a, load_golden("tiled.tif"));

    static const char strips[] = "planar.tif";
    a = load_golden(strips);
    file_bytes b = load_golden(strips);
    put32le(a.data + tag_offset(strips, 262), 1);
    uint8_t *offsets = b.data + array_offset(strips, 273);
    memcpy(offsets + 4, offsets, 4); /* red thrice is grey */
    memcpy(offsets + 8, offsets, 4);
    expect_same(a, b);

    /* The luma of a JPEG with a strip for each of its planes. */
    enum { HEAD = 256, OFFSETS = 160, SIZES = 180 };
    static const uint16_t entries[][3] = {{256, 1, 40},
                                          {257, 1, 24},
                                          {258, 1, 8},
                                          {259, 1, 7},
                                          {262, 1, 6},
                                          {273, 3, OFFSETS},
                                          {277, 1, 3},
                                          {278, 1, 24},
                                          {279, 3, SIZES},
                                          {284, 1, 2}};
    b = load_golden("grey.jpg");
    a = (file_bytes){.data = smt_alloc(HEAD + b.size, 1), .size = HEAD + b.size};
    assert_non_null(a.data);
    memcpy(a.data, "II*\0\x08\0\0\0\x0a", 9);
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        uint8_t *entry = a.data + 10 + 12 * i;
        put32le(entry, 4u << 16 | entries[i][0]);
        put32le(entry + 4, entries[i][1]);
        put32le(entry + 8, entries[i][2]);
    }
    for (size_t i = 0; i < 3; i++) {
        put32le(a.data + OFFSETS + 4 * i, HEAD);
        put32le(a.data + SIZES + 4 * i, (uint32_t)b.size);
    }
    memcpy(a.data + HEAD, b.data, b.size);
    expect_same(a, b);
}

/* Strips that lie nowhere, reach beyond the file or are too short; a tile that is. */
static void refuses_misplaced_strips(void **state)
{
    (void)state;
    static const char name[] = "strips.tif";
    size_t offset = array_offset(name, 273) + 4, bytes = array_offset(name, 279) + 4;
    expect_changed(name, offset, 0, false, SMT_ERR_FORMAT, "TIFF");
    expect_changed(name, offset, 239, false, SMT_ERR_FORMAT, "TIFF");
    expect_changed(name, bytes, 200, false, SMT_ERR_FORMAT, "TIFF");
    expect_changed(name, bytes, 38, false, SMT_ERR_FORMAT, "TIFF");
    bytes = array_offset("tiled.tif", 325) + 8; /* of a tile of 256 */
    expect_changed("tiled.tif", bytes, 255, false, SMT_ERR_FORMAT, "TIFF");
}

static void obeys_the_callers_limits(void **state)
{
    (void)state;
    FILE *list = open_golden();
    static golden_image golden;
    while (golden_next(list, &golden)) {
        smt_image_limits side = {.max_side = 2}, area = {.max_pixels = 8};
        file_bytes file = load_golden(golden.name);
        smt_image image = {0};
        assert_int_equal(smt_image_decode(file.data, file.size, golden.name, &side, &image, NULL),
                         SMT_ERR_LIMIT);
        assert_int_equal(smt_image_decode(file.data, file.size, golden.name, &area, &image, NULL),
                         SMT_ERR_LIMIT);
        smt_free(file.data);
    }
    fclose(list);
}

static void refuses_tiles_beyond_the_image(void **state)
{
    (void)state;
    file_bytes file = load_golden("tiled.tif"); /* 40 x 24 pixels in tiles of 16 x 16 */
    smt_image_limits limits = {.max_pixels = 4000};
    smt_image image = {0};
    smt_error error = {0};
    const uint16_t height = 240;
    memcpy(file.data + tag_offset("tiled.tif", 323), &height, sizeof height);
    assert_int_equal(smt_image_decode(file.data, file.size, "x", &limits, &image, &error),
                     SMT_ERR_LIMIT);
    assert_string_equal(error.message,
                        "x: tiles of 16 x 240 pixels go far beyond the image; save it without "
                        "tiles");
    smt_free(file.data);
}

static void count_lines(void *context, smt_log_level level, const char *line)
{
    assert_int_equal(level, SMT_LOG_DEBUG);
    assert_non_null(strstr(line, "damaged but readable"));
    (*(int *)context)++;
}

/* Libraries' warnings go to the log. Here: bytes between the segments of a JPEG. */
static void logs_warnings(void **state)
{
    (void)state;
    file_bytes file = load_golden("grey.jpg");
    uint8_t *longer = smt_alloc(file.size + 3, 1);
    assert_non_null(longer);
    memcpy(longer, file.data, 20); /* SOI and JFIF */
    memcpy(longer + 23, file.data + 20, file.size - 20);
    int lines = 0;
    smt_image image = {0};
    smt_log_set(count_lines, &lines);
    assert_int_equal(
        smt_image_decode(longer, file.size + 3, "damaged but readable", NULL, &image, NULL),
        SMT_OK);
    smt_log_set(NULL, NULL);
    assert_int_equal(lines, 1);
    smt_image_free(&image);
    smt_free(longer);
    smt_free(file.data);
}

static void knows_suffixes(void **state)
{
    (void)state;
    assert_true(smt_image_suffix("a.png"));
    assert_true(smt_image_suffix("x/y.z/a.JPeG"));
    assert_true(smt_image_suffix("a.b.TIF"));
    assert_true(smt_image_suffix("as saved by Windows.jfif"));
    assert_true(smt_image_suffix("a.tiff"));
    assert_true(smt_image_suffix("a.bmp"));
    assert_true(smt_image_suffix("a.webp"));
    assert_false(smt_image_suffix("a.gif"));
    assert_false(smt_image_suffix("png"));
    assert_false(smt_image_suffix("folder.png/.png"));
    assert_false(smt_image_suffix("folder.png/file"));
    assert_false(smt_image_suffix("a.png.txt"));
    assert_false(smt_image_suffix(""));
}

/* CRC-32 of Pillow's convert("RGB").convert("L") of some of the shared images. */
static const struct {
    const char *path;
    uint32_t crc;
} shared_images[] = {
#include "image/shared_crc.inc"
};

static void decodes_the_shared_images(void **state)
{
    (void)state;
    const char *root = getenv("SEMTINEL_DATA");
    if (!root || !smt_path_is_directory(root)) {
        print_message("no folder SEMTINEL_DATA: the shared images are not tested\n");
        skip();
    }
    for (size_t i = 0; i < sizeof shared_images / sizeof *shared_images; i++) {
        char *path = smt_path_join(root, shared_images[i].path);
        assert_non_null(path);
        smt_image image = {0};
        smt_error error = {0};
        if (!smt_path_exists(path)) {
            smt_free(path);
            continue;
        }
        if (smt_image_load(path, NULL, &image, &error) != SMT_OK) {
            fail_msg("%s", error.message);
        }
        uint32_t crc = smt_crc32(0, image.pixels, (size_t)image.width * (size_t)image.height);
        if (crc != shared_images[i].crc) {
            fail_msg("%s: %08x, not %08x", path, crc, shared_images[i].crc);
        }
        smt_image_free(&image);
        smt_free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_as_pillow_does),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(survives_every_damaged_byte),
        cmocka_unit_test(reports_every_failed_allocation),
        cmocka_unit_test(names_what_is_no_image),
        cmocka_unit_test(refuses_hostile_headers),
        cmocka_unit_test(reads_rare_tiffs),
        cmocka_unit_test(is_not_flattened_by_outliers),
        cmocka_unit_test(reads_one_plane_of_several),
        cmocka_unit_test(refuses_misplaced_strips),
        cmocka_unit_test(obeys_the_callers_limits),
        cmocka_unit_test(refuses_tiles_beyond_the_image),
        cmocka_unit_test(logs_warnings),
        cmocka_unit_test(knows_suffixes),
        cmocka_unit_test(decodes_the_shared_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
