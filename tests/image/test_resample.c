#include "image/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka.h needs the three above. */
#include <cmocka.h>

#define ROOM 8192

static uint8_t picture_pixels[ROOM], wanted[ROOM];

static void compare(const smt_image *image, size_t count)
{
    assert_int_equal(count, (size_t)image->width * (size_t)image->height);
    for (size_t i = 0; i < count; i++) {
        if (abs(image->pixels[i] - wanted[i]) > 1) {
            fail_msg("%d x %d: pixel %zu is %d, not %d",
                     image->width,
                     image->height,
                     i,
                     image->pixels[i],
                     wanted[i]);
        }
    }
}

/* Against torch's area and linear interpolation. */
static void agrees_with_torch(void **state)
{
    (void)state;
    static char line[2 * ROOM + 256];
    FILE *file = fopen(GOLDEN_FOLDER "/resample.txt", "r");
    assert_non_null(file);
    smt_image picture = {.pixels = picture_pixels};
    int resized = 0;
    while (fgets(line, sizeof line, file)) {
        int at = 0;
        smt_image out = {0};
        int width, height;
        if (sscanf(line, "picture %d %d %n", &picture.width, &picture.height, &at) == 2) {
            assert_int_equal(golden_bytes(line + at, picture_pixels, ROOM),
                             picture.width * picture.height);
        } else if (sscanf(line, "resize %d %d %n", &width, &height, &at) == 2) {
            size_t count = golden_bytes(line + at, wanted, ROOM);
            assert_int_equal(smt_image_resize(&picture, width, height, &out, NULL), SMT_OK);
            compare(&out, count);
            resized++;
        }
        smt_image_free(&out);
    }
    fclose(file);
    assert_int_equal(resized, 9);
}

static smt_image random_image(int width, int height)
{
    smt_image image = {0};
    assert_int_equal(smt_image_create(width, height, &image, NULL), SMT_OK);
    smt_rng rng = smt_rng_seed(3, (uint64_t)width);
    for (int i = 0; i < width * height; i++) {
        image.pixels[i] = (uint8_t)smt_rng_next(&rng);
    }
    return image;
}

static void resizing_keeps_what_it_must(void **state)
{
    (void)state;
    static const int sides[][2] = {
        {1, 1}, {1, 9}, {9, 1}, {3, 5}, {31, 17}, {200, 3}, {64, 64}, {300, 300}};
    size_t count = sizeof sides / sizeof *sides;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            smt_image in = random_image(sides[i][0], sides[i][1]), out = {0};
            int low = 255, high = 0;
            for (int p = 0; p < in.width * in.height; p++) {
                low = in.pixels[p] < low ? in.pixels[p] : low;
                high = in.pixels[p] > high ? in.pixels[p] : high;
            }
            assert_int_equal(smt_image_resize(&in, sides[j][0], sides[j][1], &out, NULL), SMT_OK);
            for (int p = 0; p < out.width * out.height; p++) {
                assert_in_range(out.pixels[p], low, high); /* weights are a mean */
            }
            if (i == j) {
                assert_memory_equal(in.pixels, out.pixels, (size_t)in.width * (size_t)in.height);
            }
            smt_image_free(&out);
            memset(in.pixels, 200, (size_t)in.width * (size_t)in.height);
            assert_int_equal(smt_image_resize(&in, sides[j][0], sides[j][1], &out, NULL), SMT_OK);
            for (int p = 0; p < out.width * out.height; p++) {
                assert_int_equal(out.pixels[p], 200);
            }
            smt_image_free(&out);
            smt_image_free(&in);
        }
    }
}

static void refuses_wrong_arguments_and_short_memory(void **state)
{
    (void)state;
    smt_image in = random_image(40, 30), out = {0};
    smt_error error;
    assert_int_equal(smt_image_resize(&in, 0, 5, &out, &error), SMT_ERR_ARGUMENT);
    assert_int_equal(smt_image_resize(&in, 5, -1, &out, &error), SMT_ERR_ARGUMENT);
    assert_int_equal(smt_image_create(0, 1, &out, &error), SMT_ERR_ARGUMENT);
    assert_null(out.pixels);
    int failures = 0;
    for (long countdown = 0;; countdown++) {
        smt_alloc_fail_after(countdown);
        smt_status status = smt_image_resize(&in, 20, 50, &out, &error);
        smt_alloc_fail_after(-1);
        if (status == SMT_OK) {
            break;
        }
        assert_int_equal(status, SMT_ERR_MEMORY);
        assert_null(out.pixels);
        failures++;
    }
    assert_true(failures >= 7);
    smt_image_free(&out);
    smt_image_free(&in);
}

static void saves_what_it_can_load(void **state)
{
    (void)state;
    char path[] = "/tmp/semtinel-image-XXXXXX";
    assert_non_null(mkdtemp(path));
    char *name = smt_path_join(path, "a.png");
    smt_image in = random_image(37, 21), out = {0};
    smt_error error;
    assert_int_equal(smt_image_save_png(name, &in, &error), SMT_OK);
    assert_int_equal(smt_image_load(name, NULL, &out, &error), SMT_OK);
    assert_int_equal(out.width, 37);
    assert_int_equal(out.height, 21);
    assert_memory_equal(in.pixels, out.pixels, 37 * 21);
    smt_image_free(&out);
    remove(name);

    /* Nothing is left behind by a failure. */
    int failures = 0;
    for (long countdown = 0;; countdown++) {
        smt_alloc_fail_after(countdown);
        smt_status status = smt_image_save_png(name, &in, &error);
        smt_alloc_fail_after(-1);
        if (status == SMT_OK) {
            break;
        }
        assert_int_equal(status, SMT_ERR_MEMORY);
        char **names = NULL;
        size_t count = 0;
        assert_int_equal(smt_list_directory(path, &names, &count, NULL), SMT_OK);
        assert_int_equal(count, 0);
        smt_list_free(&names, count);
        failures++;
    }
    assert_true(failures >= 3);
    remove(name);
    smt_image none = {0};
    assert_int_equal(smt_image_save_png(name, &none, &error), SMT_ERR_ARGUMENT);
    assert_int_equal(smt_image_save_png("/dev/null/folder/a.png", &in, &error), SMT_ERR_IO);
    assert_non_null(strstr(error.message, "/dev/null/folder/a.png"));
    remove(path);
    smt_image_free(&in);
    smt_free(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_torch),
        cmocka_unit_test(resizing_keeps_what_it_must),
        cmocka_unit_test(refuses_wrong_arguments_and_short_memory),
        cmocka_unit_test(saves_what_it_can_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
