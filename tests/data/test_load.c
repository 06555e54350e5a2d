#include <semtinel/data.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the three above. */
#include <cmocka.h>

#define SAMPLES 12

static char folder[] = "/tmp/semtinel-load-XXXXXX";
static smt_sample samples[SAMPLES];
static smt_dataset dataset = {.root = folder, .sample_count = SAMPLES, .samples = samples};

/* Images of 16 x 16 and of other sizes; 3 is damaged, 7 is missing. */
static int set_up(void **state)
{
    (void)state;
    smt_rng rng = smt_rng_seed(1, 0);
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < SAMPLES; i++) {
        samples[i].path = smt_format("%s/%d.png", folder, i);
        assert_non_null(samples[i].path);
        smt_image image;
        assert_int_equal(smt_image_create(i % 2 ? 16 : 20 + i, 16 + i % 3, &image, NULL), SMT_OK);
        for (int p = 0; p < image.width * image.height; p++) {
            image.pixels[p] = (uint8_t)smt_rng_next(&rng);
        }
        if (i == 3) {
            assert_int_equal(smt_file_save(samples[i].path, "\x89PNG\r\n\x1a\nnonsense", 16, NULL),
                             SMT_OK);
        } else if (i != 7) {
            assert_int_equal(smt_image_save_png(samples[i].path, &image, NULL), SMT_OK);
        }
        smt_image_free(&image);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        remove(samples[i].path);
        smt_free(samples[i].path);
    }
    remove(folder);
    return 0;
}

typedef struct lines {
    int count;
    char text[4][512];
} lines;

static void keep_line(void *context, smt_log_level level, const char *line)
{
    lines *kept = context;
    if (level == SMT_LOG_WARNING) {
        assert_true(kept->count < 4);
        snprintf(kept->text[kept->count++], sizeof kept->text[0], "%s", line);
    }
}

static void count_progress(void *context, const char *label, size_t done, size_t total)
{
    (void)label;
    assert_true(done <= total);
    (*(size_t *)context)++;
}

static void sums_tell_how_far_they_are(void **state)
{
    (void)state;
    bool wanted[SAMPLES] = {true, true};
    size_t steps = 0;
    smt_file_sum *sums = NULL;
    smt_pool *pool = NULL;
    assert_int_equal(smt_pool_create(1, &pool, NULL), SMT_OK);
    smt_progress_set(count_progress, &steps);
    assert_int_equal(smt_dataset_sums(&dataset, wanted, pool, &sums, NULL), SMT_OK);
    smt_progress_set(NULL, NULL);
    assert_int_equal(steps, 1 + SAMPLES);
    assert_true(sums[1].read && !sums[2].read);
    smt_free(sums);
    smt_alloc_fail_after(1); /* a file that memory is short for is not unreadable */
    assert_int_equal(smt_dataset_sums(&dataset, wanted, pool, &sums, NULL), SMT_ERR_MEMORY);
    smt_alloc_fail_after(-1);
    smt_pool_destroy(&pool);
}

static void loads_in_order_and_names_the_unreadable(void **state)
{
    (void)state;
    lines kept = {0};
    size_t steps = 0;
    smt_pixels *pixels = NULL;
    smt_log_set(keep_line, &kept);
    smt_progress_set(count_progress, &steps);
    assert_int_equal(smt_pixels_load(&dataset, NULL, 16, 0, NULL, &pixels, NULL), SMT_OK);
    smt_progress_set(NULL, NULL);
    smt_log_set(NULL, NULL);
    assert_int_equal(steps, SAMPLES);
    assert_int_equal(pixels->count, SAMPLES - 2);
    assert_int_equal(pixels->failed_count, 2);
    assert_int_equal(pixels->size, 16);
    assert_int_equal(kept.count, 2);
    assert_non_null(strstr(kept.text[0], "/3.png: "));
    assert_non_null(strstr(kept.text[1], "/7.png"));
    size_t slot = 0;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        if (i == 3 || i == 7) {
            continue;
        }
        smt_image image = {0}, resized = {0};
        assert_int_equal(pixels->sample[slot], i);
        assert_int_equal(smt_image_load(samples[i].path, NULL, &image, NULL), SMT_OK);
        assert_int_equal(smt_image_resize(&image, 16, 16, &resized, NULL), SMT_OK);
        assert_memory_equal(resized.pixels, pixels->data + slot * 256, 256);
        smt_image_free(&image);
        smt_image_free(&resized);
        slot++;
    }
    smt_pixels_destroy(&pixels);
    assert_null(pixels);
    smt_pixels_destroy(&pixels);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    bool wanted[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
        wanted[i] = i != 4;
    }
    smt_pixels *one = NULL, *many = NULL;
    smt_pool *pool = NULL;
    assert_int_equal(smt_pool_create(4, &pool, NULL), SMT_OK);
    assert_int_equal(smt_pixels_load(&dataset, wanted, 9, 0, NULL, &one, NULL), SMT_OK);
    for (int round = 0; round < 20; round++) {
        assert_int_equal(smt_pixels_load(&dataset, wanted, 9, 0, pool, &many, NULL), SMT_OK);
        assert_int_equal(one->count, SAMPLES - 3);
        assert_int_equal(one->count, many->count);
        assert_memory_equal(one->data, many->data, one->count * 81);
        assert_memory_equal(one->sample, many->sample, one->count * sizeof *one->sample);
        smt_pixels_destroy(&many);
    }
    smt_pixels_destroy(&one);
    smt_pool_destroy(&pool);
}

/* Only what was looked at counts as an image without an info strip. */
static void strips_of_what_was_loaded(void **state)
{
    (void)state;
    bool wanted[SAMPLES] = {true, true, true, true};
    smt_pixels *pixels = NULL;
    assert_int_equal(smt_pixels_load(&dataset, wanted, 16, 0, NULL, &pixels, NULL), SMT_OK);
    for (int i = 0; i < SAMPLES; i++) {
        assert_int_equal((int)pixels->suspect_percent[i], i < 3 ? 0 : -1);
    }
    smt_pixels_destroy(&pixels);
}

static void fails_when_nothing_is_readable(void **state)
{
    (void)state;
    bool wanted[SAMPLES] = {false};
    smt_pixels *pixels = NULL;
    smt_error error = {0};
    assert_int_equal(smt_pixels_load(&dataset, wanted, 16, 0, NULL, &pixels, &error), SMT_OK);
    assert_int_equal(pixels->count, 0);
    smt_pixels_destroy(&pixels);
    wanted[3] = wanted[7] = true;
    assert_int_equal(smt_pixels_load(&dataset, wanted, 16, 0, NULL, &pixels, &error),
                     SMT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "no image of 2 can be read"));
    assert_non_null(strstr(error.message, "/3.png"));
    assert_null(pixels);
    assert_int_equal(smt_pixels_load(&dataset, NULL, 0, 0, NULL, &pixels, &error),
                     SMT_ERR_ARGUMENT);
    assert_int_equal(smt_pixels_load(&dataset, NULL, 5000, 0, NULL, &pixels, &error),
                     SMT_ERR_ARGUMENT);
}

static void stops_when_interrupted_or_out_of_memory(void **state)
{
    (void)state;
    smt_pixels *pixels = NULL;
    smt_error error = {0};
    smt_interrupt();
    assert_int_equal(smt_pixels_load(&dataset, NULL, 16, 0, NULL, &pixels, &error),
                     SMT_ERR_INTERRUPTED);
    smt_interrupt_clear();
    assert_null(pixels);
    int failures = 0;
    for (long countdown = 0;; countdown++) {
        smt_alloc_fail_after(countdown);
        smt_status status = smt_pixels_load(&dataset, NULL, 16, 0, NULL, &pixels, &error);
        smt_alloc_fail_after(-1);
        if (status == SMT_OK) {
            break;
        }
        assert_int_equal(status, SMT_ERR_MEMORY);
        assert_null(pixels);
        failures++;
    }
    assert_true(failures > 40);
    smt_pixels_destroy(&pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_tell_how_far_they_are),
        cmocka_unit_test(loads_in_order_and_names_the_unreadable),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(strips_of_what_was_loaded),
        cmocka_unit_test(fails_when_nothing_is_readable),
        cmocka_unit_test(stops_when_interrupted_or_out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
