/* A video that is written can be read back: size, rate, number and content of its frames. */
#include "report/video.h"

#include <semtinel/report.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WIDTH 64
#define HEIGHT 48
#define FRAMES 12

static void fill(uint32_t *page, int frame)
{
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        /* A grey step that moves through levels, left half dark, right half light; red below. */
        uint32_t grey = i % WIDTH < WIDTH / 2 ? 20u + 10u * (uint32_t)frame : 220;
        page[i] = i < WIDTH * 32 ? grey * 0x010101u : 0xff0000;
    }
}

static smt_status write_video(const char *path, smt_error *error)
{
    static uint32_t page[WIDTH * HEIGHT];
    video_writer *writer = NULL;
    smt_status status = video_create(path, WIDTH, HEIGHT, 20, &writer, error);
    for (int i = 0; i < FRAMES && !status; i += 2) {
        fill(page, i);
        status = video_add(writer, (const uint8_t *)page, 4 * WIDTH, 2, error);
    }
    if (!status) {
        status = video_finish(&writer, error);
    }
    video_abandon(&writer);
    return status;
}

static void check(const char *path, int expected, int step)
{
    smt_error error = {0};
    smt_frames *reader = NULL;
    assert_int_equal(smt_frames_open(path, &reader, &error), SMT_OK);
    int count = 0;
    for (;; count++) {
        smt_image image = {0};
        bool found = false;
        assert_int_equal(smt_frames_next(reader, &image, &found, &error), SMT_OK);
        if (!found) {
            break;
        }
        assert_int_equal(image.width, WIDTH);
        assert_int_equal(image.height, HEIGHT);
        int level = image.pixels[24 * WIDTH + 8], wanted = 20 + 10 * (count * step / 2 * 2);
        assert_true(abs(level - wanted) <= 8);
        assert_true(abs(image.pixels[24 * WIDTH + 56] - 220) <= 8);
        int red = image.pixels[42 * WIDTH + 32]; /* as blue it would be 18 to 29 */
        assert_in_range(red, 40, 90);
        smt_image_free(&image);
    }
    assert_int_equal(count, expected);
    smt_frames_close(&reader);
}

static void test_mp4(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_status status = write_video("test_video.mp4", &error);
    if (status == SMT_ERR_UNSUPPORTED) {
        print_message("skipped: %s\n", error.message);
        skip();
    }
    assert_int_equal(status, SMT_OK);
    void *data = NULL;
    size_t size = 0;
    assert_int_equal(smt_file_load("test_video.mp4", 0, &data, &size, NULL), SMT_OK);
    /* The index stands before the pictures, so that a browser can start at once. */
    const char *file = data;
    size_t moov = 0, mdat = 0;
    for (size_t i = 0; i + 4 < size; i++) {
        moov = !moov && memcmp(file + i, "moov", 4) == 0 ? i : moov;
        mdat = !mdat && memcmp(file + i, "mdat", 4) == 0 ? i : mdat;
    }
    assert_true(moov > 0 && mdat > moov);
    smt_free(data);
    check("test_video.mp4", FRAMES, 1);
    unlink("test_video.mp4");
}

static void test_gif(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_status status = write_video("test_video.gif", &error);
    if (status == SMT_ERR_UNSUPPORTED) {
        print_message("skipped: %s\n", error.message);
        skip();
    }
    assert_int_equal(status, SMT_OK);
    check("test_video.gif", FRAMES / 2, 2);
    /* Each page stays for its two frames, in hundredths of a second, also the last. */
    void *data = NULL;
    size_t size = 0;
    int pages = 0;
    assert_int_equal(smt_file_load("test_video.gif", 0, &data, &size, NULL), SMT_OK);
    const uint8_t *bytes = data;
    for (size_t i = 0; i + 8 < size; i++) {
        if (memcmp(bytes + i, "\x21\xf9\x04", 3) == 0 && bytes[i + 7] == 0) {
            assert_int_equal(bytes[i + 4] | bytes[i + 5] << 8, 2 * 100 / 20);
            pages++;
        }
    }
    assert_int_equal(pages, FRAMES / 2);
    smt_free(data);
    unlink("test_video.gif");
}

/* FFmpeg's scaler writes beyond rows of a few pixels, the last one of an image too. */
static void test_narrow(void **state)
{
    (void)state;
    enum { MANY = 32 };
    uint32_t page[64] = {0};
    smt_error error = {0};
    video_writer *writer = NULL;
    smt_status status = video_create("test_narrow.gif", 1, 64, 20, &writer, &error);
    if (status == SMT_ERR_UNSUPPORTED) {
        print_message("skipped: %s\n", error.message);
        skip();
    }
    for (uint32_t i = 0; i < MANY && !status; i++) {
        page[0] = 7 * i * 0x010101u;
        status = video_add(writer, (const uint8_t *)page, 4, 1, &error);
    }
    assert_int_equal(status, SMT_OK);
    assert_int_equal(video_finish(&writer, &error), SMT_OK);
    smt_frames *reader = NULL;
    smt_image images[MANY] = {{0}};
    bool found = false;
    assert_int_equal(smt_frames_open("test_narrow.gif", &reader, &error), SMT_OK);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(smt_frames_next(reader, &images[i], &found, &error), SMT_OK);
        assert_true(found && images[i].width == 1 && images[i].height == 64);
    }
    for (int i = 0; i < MANY; i++) { /* none of them was written into by another */
        assert_true(abs(images[i].pixels[0] - 7 * i) <= 4 && images[i].pixels[1] == 0);
        smt_image_free(&images[i]);
    }
    smt_frames_close(&reader);
    unlink("test_narrow.gif");
}

static void test_bad(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_frames *reader = NULL;
    smt_status status = smt_frames_open("nothing.mp4", &reader, &error);
    assert_true(status == SMT_ERR_FORMAT || status == SMT_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "nothing.mp4"));
    assert_int_equal(smt_file_save("test_bad.mp4", "no video at all", 15, NULL), SMT_OK);
    assert_int_not_equal(smt_frames_open("test_bad.mp4", &reader, &error), SMT_OK);
    assert_null(reader);
    unlink("test_bad.mp4");
    video_writer *writer = NULL;
    status = video_create("/dev/null/x.mp4", WIDTH, HEIGHT, 20, &writer, &error);
    assert_true(status == SMT_ERR_IO || status == SMT_ERR_UNSUPPORTED);
    /* An abandoned video leaves nothing. */
    if (video_create("test_gone.mp4", WIDTH, HEIGHT, 20, &writer, &error) == SMT_OK) {
        video_abandon(&writer);
    }
    assert_null(writer);
    assert_false(smt_path_exists("test_gone.mp4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mp4),
                                       cmocka_unit_test(test_gif),
                                       cmocka_unit_test(test_narrow),
                                       cmocka_unit_test(test_bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
