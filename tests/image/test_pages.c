/* Files of several images. */
#include "pages.h"

#include "image/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka.h needs the headers above. */
#include <cmocka.h>

#define PAGES 40

static void fill(smt_image images[PAGES])
{
    for (int i = 0; i < PAGES; i++) {
        assert_int_equal(smt_image_create(5 + i, 7, &images[i], NULL), SMT_OK);
        for (int p = 0; p < images[i].width * images[i].height; p++) {
            images[i].pixels[p] = (uint8_t)(p * 3 + i);
        }
    }
}

static char *write_file(const void *data, size_t size)
{
    static char path[] = "/tmp/semtinel-pages-XXXXXX";
    memcpy(strrchr(path, '-'), "-XXXXXX", 7);
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(smt_file_save(path, data, size, NULL), SMT_OK);
    return path;
}

static void reads_every_page(void **state)
{
    (void)state;
    smt_image images[PAGES];
    fill(images);
    for (int kind = 0; kind < 4; kind++) {
        pages_bytes bytes = pages_make(images, PAGES, kind % 2, kind / 2);
        assert_non_null(bytes.data);
        char *path = write_file(bytes.data, bytes.size);
        smt_image_file *file = NULL;
        assert_int_equal(smt_image_file_open(path, &file, NULL), SMT_OK);
        assert_int_equal(file->count, PAGES);
        assert_string_equal(file->suffix, ".tif");
        for (int i = PAGES - 1; i >= 0; i--) {
            smt_image page = {0};
            assert_int_equal(smt_image_file_load(file, (size_t)i, NULL, 0, &page, NULL), SMT_OK);
            assert_int_equal(page.width, images[i].width);
            assert_int_equal(page.height, images[i].height);
            assert_memory_equal(
                page.pixels, images[i].pixels, (size_t)page.width * (size_t)page.height);
            smt_image_free(&page);
        }
        smt_error error = {0};
        smt_image page = {0};
        assert_int_equal(smt_image_file_load(file, PAGES, NULL, 0, &page, &error),
                         SMT_ERR_ARGUMENT);
        assert_non_null(strstr(error.message, "holds 40 images, not a number 41"));
        smt_image_limits narrow = {.max_side = 20};
        assert_int_equal(smt_image_file_load(file, 30, &narrow, 0, &page, &error), SMT_ERR_LIMIT);
        assert_non_null(strstr(error.message, "page 31"));
        smt_image_file_close(&file);
        assert_null(file);
        unlink(path);
        smt_free(bytes.data);
    }
    for (int i = 0; i < PAGES; i++) {
        smt_image_free(&images[i]);
    }
}

/* Files of other kinds hold one image, the same that smt_image_load gives. */
static void reads_single_images(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"grey8.png", ".png"}, {"grey.jpg", ".jpg"}, {"rgb.bmp", ".bmp"}, {"tiled.tif", ".tif"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        smt_image_file *file = NULL;
        smt_image whole = {0}, image = {0};
        snprintf(path, sizeof path, "%s/%s", GOLDEN_FOLDER, names[i][0]);
        assert_int_equal(smt_image_file_open(path, &file, NULL), SMT_OK);
        assert_int_equal(file->count, 1);
        assert_string_equal(file->suffix, names[i][1]);
        assert_int_equal(smt_image_load(path, NULL, &whole, NULL), SMT_OK);
        assert_int_equal(smt_image_file_load(file, 0, NULL, 0, &image, NULL), SMT_OK);
        assert_int_equal(whole.width, image.width);
        assert_int_equal(whole.height, image.height);
        assert_memory_equal(whole.pixels, image.pixels, (size_t)image.width * (size_t)image.height);
        smt_image_free(&whole);
        smt_image_free(&image);
        smt_image_file_close(&file);
    }
}

static smt_status open_bytes(const uint8_t *data, size_t size, size_t *count, smt_error *error)
{
    char *path = write_file(data, size);
    smt_image_file *file = NULL;
    smt_status status = smt_image_file_open(path, &file, error);
    if (!status) {
        *count = file->count;
        for (size_t i = 0; i < file->count; i++) { /* any result, without a wrong read */
            smt_image image = {0};
            smt_image_file_load(file, i, NULL, 0, &image, NULL);
            smt_image_free(&image);
        }
    }
    smt_image_file_close(&file);
    unlink(path);
    return status;
}

static bool has_more(const uint8_t *data, size_t size)
{
    char *path = write_file(data, size);
    smt_image image = {0};
    smt_sem_metadata metadata = {0};
    assert_int_equal(smt_image_load_sem(path, NULL, 0, &image, &metadata, NULL), SMT_OK);
    smt_image_free(&image);
    unlink(path);
    return metadata.more_pages;
}

static void tells_of_further_pages(void **state)
{
    (void)state;
    smt_image images[PAGES];
    fill(images);
    for (int kind = 0; kind < 4; kind++) {
        bool big_endian = kind % 2, big = kind / 2;
        size_t entry = big ? 20 : 12, directory = (big ? 16 : 6) + 8 * entry;
        for (size_t count = 1; count <= 3; count++) {
            pages_bytes bytes = pages_make(images, count, big_endian, big);
            size_t whole = bytes.size;
            assert_int_equal(has_more(bytes.data, whole), count > 1);
            /* Of the second page, "compression 1" becomes "of the kind 1", a smaller copy. */
            size_t second = (big ? 16 : 8) + directory + (size_t)images[0].width * 7;
            if (count > 1) {
                bytes.size = second + (big ? 8 : 2) + 3 * entry;
                pages_put(&bytes, 254, 2);
                assert_int_equal(has_more(bytes.data, whole), count > 2);
            }
            if (count == 2) { /* and the chain a circle */
                bytes.size = second + directory - (big ? 8 : 4);
                pages_put(&bytes, second, big ? 8 : 4);
                assert_false(has_more(bytes.data, whole));
            }
            smt_free(bytes.data);
        }
    }
    for (int i = 0; i < PAGES; i++) {
        smt_image_free(&images[i]);
    }
}

static void stands_damaged_chains(void **state)
{
    (void)state;
    smt_image images[PAGES];
    fill(images);
    pages_bytes bytes = pages_make(images, 3, false, false);
    size_t count = 0, step = 2 + 8 * 12, before = 3;
    smt_error error = {0};
    /* A cut file keeps the pages whose directories it has. */
    for (size_t size = bytes.size; size-- > 0;) {
        smt_status status = open_bytes(bytes.data, size, &count, &error);
        if (!status) {
            assert_true(count <= before);
            before = count;
        } else {
            assert_true(size < 8 + step + 4);
        }
    }
    assert_int_equal(before, 1);
    /* The second page's link leads to the first, and then to itself. */
    size_t second = 8 + step + 4 + (size_t)images[0].width * 7, link = second + step;
    bytes.size = link;
    pages_put(&bytes, 8, 4);
    assert_int_equal(open_bytes(bytes.data, bytes.size, &count, &error), SMT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "lead back to an earlier one"));
    bytes.size = link;
    pages_put(&bytes, second, 4);
    assert_int_equal(open_bytes(bytes.data, bytes.size, &count, &error), SMT_ERR_FORMAT);
    /* No page at all, and no image at all. */
    assert_int_equal(open_bytes((const uint8_t *)"II*\0\0\0\0\0", 8, &count, &error),
                     SMT_ERR_FORMAT);
    assert_int_equal(open_bytes((const uint8_t *)"FileVersion", 11, &count, &error),
                     SMT_ERR_FORMAT);
    assert_int_equal(open_bytes((const uint8_t *)"", 0, &count, &error), SMT_ERR_FORMAT);
    smt_free(bytes.data);
    for (int i = 0; i < PAGES; i++) {
        smt_image_free(&images[i]);
    }
}

static void stands_a_lack_of_memory(void **state)
{
    (void)state;
    smt_image images[PAGES];
    fill(images);
    pages_bytes bytes = pages_make(images, PAGES, false, false);
    char *path = write_file(bytes.data, bytes.size);
    smt_status status = SMT_ERR_MEMORY;
    for (long n = 0; n < 100 && status; n++) {
        smt_image_file *file = NULL;
        smt_image page = {0};
        smt_alloc_fail_after(n);
        status = smt_image_file_open(path, &file, NULL);
        status = status ? status : smt_image_file_load(file, 7, NULL, 0, &page, NULL);
        smt_alloc_fail_after(-1);
        assert_true(!status || status == SMT_ERR_MEMORY);
        smt_image_free(&page);
        smt_image_file_close(&file);
    }
    assert_int_equal(status, SMT_OK);
    unlink(path);
    smt_free(bytes.data);
    for (int i = 0; i < PAGES; i++) {
        smt_image_free(&images[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_page),
        cmocka_unit_test(reads_single_images),
        cmocka_unit_test(tells_of_further_pages),
        cmocka_unit_test(stands_damaged_chains),
        cmocka_unit_test(stands_a_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
