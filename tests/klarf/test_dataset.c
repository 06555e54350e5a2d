/* The images of KLARFs as class folders, and where images are looked for. */
#include "data/made.h"

#include "klarf/samples.h"
#include "pages.h"

#define PAGES 4

static void make_pages(const char *root, const char *relative, smt_image images[PAGES])
{
    char path[512];
    for (int i = 0; i < PAGES; i++) {
        made_texture((uint64_t)i, 24, &images[i]);
    }
    pages_bytes bytes = pages_make(images, PAGES, false, false);
    assert_non_null(bytes.data);
    made_path(root, relative, path, sizeof path);
    assert_int_equal(smt_file_save(path, bytes.data, bytes.size, NULL), SMT_OK);
    smt_free(bytes.data);
}

/* The lot of flat12.klarf in a folder of its own, named in other cases than the KLARF's. */
static smt_klarf *make_lot(const char *root, smt_image images[PAGES])
{
    char path[512];
    size_t size = 0;
    char *text = sample_text("flat12.klarf", &size);
    make_pages(root, "PAGES.TIF", images);
    made_new_image(root, "sub dir/single one.png", 9);
    made_path(root, "sub dir/single one.png", path, sizeof path);
    FILE *single = fopen(path, "ab"); /* a byte more than it would have if it were saved again */
    assert_non_null(single);
    assert_int_equal(fputc('\n', single), '\n');
    assert_int_equal(fclose(single), 0);
    made_path(root, "lot.001", path, sizeof path);
    assert_int_equal(smt_file_save(path, text, size, NULL), SMT_OK);
    smt_free(text);
    smt_klarf *klarf = NULL;
    assert_int_equal(smt_klarf_load(path, &klarf, NULL), SMT_OK);
    return klarf;
}

static void free_images(smt_image images[PAGES])
{
    for (int i = 0; i < PAGES; i++) {
        smt_image_free(&images[i]);
    }
}

static void check_page(const char *root, const char *relative, const smt_image *image)
{
    char path[512];
    smt_image found = {0};
    snprintf(path, sizeof path, "%s/%s", root, relative);
    assert_int_equal(smt_image_load(path, NULL, &found, NULL), SMT_OK);
    assert_int_equal(found.width, image->width);
    assert_memory_equal(found.pixels, image->pixels, (size_t)image->width * (size_t)image->height);
    smt_image_free(&found);
}

static void interrupt(void *context, const char *label, size_t done, size_t total)
{
    (void)context, (void)label, (void)done, (void)total;
    smt_interrupt();
}

static void writes_class_folders(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-klarf-XXXXXX", out[512], path[1024];
    made_folder(root);
    snprintf(out, sizeof out, "%s/set", root);
    smt_image images[PAGES];
    smt_klarf *klarf = make_lot(root, images);
    smt_klarf_dataset_options options = {.column = "CLASSNUMBER", .keep_unclassified = true};
    smt_klarf_dataset_result result;
    made_lines lines = {0};
    smt_error error = {0};
    /* Ctrl-C behind the first defect, which has two images: nothing of it stays. */
    smt_progress_set(interrupt, NULL);
    assert_int_equal(smt_klarf_write_dataset(&klarf, 1, &options, out, &result, &error),
                     SMT_ERR_INTERRUPTED);
    smt_progress_set(NULL, NULL);
    smt_interrupt_clear();
    assert_int_equal(result.images, 2);
    assert_false(smt_path_exists(out));
    smt_log_set(made_keep, &lines);
    assert_int_equal(smt_klarf_write_dataset(&klarf, 1, &options, out, &result, &error), SMT_OK);
    smt_log_set(NULL, NULL);
    assert_int_equal(result.defects, 5);
    assert_int_equal(result.copied, 3);
    assert_int_equal(result.images, 4);
    assert_int_equal(result.without, 1);
    assert_int_equal(result.unclassified, 1); /* 99 */
    assert_int_equal(result.lost, 1);         /* and its file is not there */
    assert_true(made_said(&lines, "the image /mnt/tool/images/W02 all.tif is not there"));
    check_page(out, "Bridges/LOT_A7_W01_1_1.png", &images[0]);
    check_page(out, "Bridges/LOT_A7_W01_1_2.png", &images[1]);
    check_page(out, "Particle _ residue/LOT_A7_W01_2_1.png", &images[2]);
    /* Byte for byte. */
    void *from = NULL, *to = NULL;
    size_t from_size = 0, to_size = 0;
    snprintf(path, sizeof path, "%s/sub dir/single one.png", root);
    assert_int_equal(smt_file_load(path, 0, &from, &from_size, NULL), SMT_OK);
    snprintf(path, sizeof path, "%s/Bridges/LOT_A7_W01_4_1.png", out);
    assert_int_equal(smt_file_load(path, 0, &to, &to_size, NULL), SMT_OK);
    assert_int_equal(from_size, to_size);
    assert_memory_equal(from, to, to_size);
    smt_free(from);
    smt_free(to);
    snprintf(path, sizeof path, "%s/defects.csv", out);
    assert_int_equal(smt_file_load(path, 0, &to, &to_size, NULL), SMT_OK);
    assert_non_null(strstr(to, "residue/LOT_A7_W01_2_1.png,"));
    assert_non_null(strstr(to, ",3,"));
    assert_non_null(strstr(to, "LOT A7,W01,2,31,-5000.0000,3250.0000\n"));
    assert_non_null(strstr(to, "LOT A7,W01,4,10,,52.0000\n"));
    smt_free(to);
    /* It is a data set, without a stray file. */
    smt_dataset *set = NULL;
    assert_int_equal(smt_dataset_scan(out, &set, NULL), SMT_OK);
    assert_int_equal(set->class_count, 2);
    assert_int_equal(set->sample_count, 4);
    assert_int_equal(set->ignored_count, 0);
    smt_dataset_destroy(&set);
    /* Not once more into the same folder. */
    assert_int_equal(smt_klarf_write_dataset(&klarf, 1, &options, out, &result, &error),
                     SMT_ERR_IO);
    smt_klarf_destroy(&klarf);
    free_images(images);
    made_remove(root);
}

/* The manual class where there is one; only images of a type; and the folder of the images given.
 */
static void chooses_column_and_type(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-klarf-XXXXXX", out[512], folder[512];
    made_folder(root);
    snprintf(out, sizeof out, "%s/set", root);
    snprintf(folder, sizeof folder, "%s/sub dir", root);
    smt_image images[PAGES];
    smt_klarf *klarf = make_lot(root, images);
    smt_klarf_dataset_options options = {.type = "0", .folder = folder};
    smt_klarf_dataset_result result;
    assert_int_equal(smt_klarf_write_dataset(&klarf, 1, &options, out, &result, NULL), SMT_OK);
    assert_string_equal(result.column, "MANSEMCLASS");
    assert_int_equal(result.without, 2); /* defect 2 has an image of type 1 */
    assert_int_equal(result.unclassified, 2);
    assert_int_equal(result.images, 1);
    char path[600];
    snprintf(path, sizeof path, "%s/Particle _ residue/LOT_A7_W01_4_1.png", out);
    assert_true(smt_path_exists(path));
    /* Nothing to copy: nothing is left. */
    snprintf(out, sizeof out, "%s/none", root);
    options.type = "7";
    smt_error error = {0};
    assert_int_equal(smt_klarf_write_dataset(&klarf, 1, &options, out, &result, &error),
                     SMT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "no image to copy"));
    assert_false(smt_path_exists(out));
    options.column = "CLASNUMBER";
    assert_int_equal(smt_klarf_write_dataset(&klarf, 1, &options, out, &result, &error),
                     SMT_ERR_ARGUMENT);
    assert_false(smt_path_exists(out));
    smt_klarf_destroy(&klarf);
    free_images(images);
    made_remove(root);
}

/* A column of manual classes that holds none does not count; nor is there a page 0. */
static void manual_classes_are_given(void **state)
{
    (void)state;
    static const char edited[] = "10  0 0 1 1 0 0;";
    char root[] = "/tmp/semtinel-klarf-XXXXXX", path[512];
    made_folder(root);
    smt_image images[PAGES];
    smt_klarf *klarf = make_lot(root, images);
    smt_klarf_destroy(&klarf);
    void *text = NULL;
    size_t size = 0;
    made_path(root, "lot.001", path, sizeof path);
    assert_int_equal(smt_file_load(path, 0, &text, &size, NULL), SMT_OK);
    char *row = strstr(text, "10 31 0 1 1 1 0;");
    assert_non_null(row);
    memcpy(row, edited, strlen(edited));
    assert_int_equal(smt_file_save(path, text, size, NULL), SMT_OK);
    assert_int_equal(smt_klarf_load(path, &klarf, NULL), SMT_OK);
    const smt_klarf_dataset_options options = {0};
    smt_klarf_dataset_result result;
    made_path(root, "set", path, sizeof path);
    assert_int_equal(smt_klarf_write_dataset(&klarf, 1, &options, path, &result, NULL), SMT_OK);
    assert_string_equal(result.column, "CLASSNUMBER");
    assert_int_equal(result.images, 3);
    assert_int_equal(result.lost, 1);
    smt_klarf_destroy(&klarf);
    smt_free(text);
    free_images(images);
    made_remove(root);
}

static void
check_found(const smt_klarf_finder *finder, const char *root, const char *name, const char *wanted)
{
    char *path = NULL, *whole = smt_path_join(root, wanted ? wanted : "-");
    assert_int_equal(smt_klarf_find(finder, name, &path, NULL), SMT_OK);
    if (!wanted != !path || (path && strcmp(path, whole))) {
        fail_msg("%s: found %s, not %s", name, path ? path : "nothing", wanted ? whole : "nothing");
    }
    smt_free(path);
    smt_free(whole);
}

static void finds_images_inside_only(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-klarf-XXXXXX", folder[512];
    made_folder(root);
    made_file(root, "outside.tif", "x");
    made_file(root, "lot/a.tif", "x");
    made_file(root, "lot/Mixed.TIF", "x");
    made_file(root, "lot/gro\xc3\x9f.tif", "x");
    made_file(root, "lot/sub/b.tif", "x");
    made_file(root, "lot/c.tif/inner.tif", "x");
    snprintf(folder, sizeof folder, "%s/lot", root);
    size_t size = 0;
    char *text = sample_text("flat12.klarf", &size), path[600];
    snprintf(path, sizeof path, "%s/lot.001", folder);
    smt_klarf *klarf = NULL;
    smt_klarf_finder *finder = NULL;
    assert_int_equal(smt_klarf_parse(text, size, path, &klarf, NULL), SMT_OK);
    assert_int_equal(smt_klarf_finder_create(klarf, NULL, &finder, NULL), SMT_OK);
    check_found(finder, folder, "a.tif", "a.tif");
    check_found(finder, folder, "sub/b.tif", "sub/b.tif");
    check_found(finder, folder, "sub\\b.tif", "sub/b.tif");
    check_found(finder, folder, "mixed.tif", "Mixed.TIF");
    check_found(finder, folder, "elsewhere/MIXED.tif", "Mixed.TIF");
    check_found(finder, folder, "D:\\images\\A.TIF", "a.tif");
    check_found(finder, folder, "\\\\server\\share\\a.tif", "a.tif");
    check_found(finder, folder, "C:a.tif", "a.tif");
    check_found(finder, folder, "../a.tif", "a.tif");
    check_found(finder, folder, "D:\\gro\xdf.tif", "gro\xc3\x9f.tif"); /* Latin-1 */
    check_found(finder, folder, "b.tif", NULL); /* in a folder that is not named */
    /* Outside, by any road. */
    check_found(finder, folder, "../outside.tif", NULL);
    check_found(finder, folder, "sub/../../outside.tif", NULL);
    check_found(finder, folder, "sub\\..\\..\\outside.tif", NULL);
    char absolute[600];
    snprintf(absolute, sizeof absolute, "%s/outside.tif", root);
    check_found(finder, folder, absolute, NULL);
    check_found(finder, folder, "/etc/passwd", NULL);
    /* No files. */
    check_found(finder, folder, "c.tif", NULL);
    check_found(finder, folder, "", NULL);
    check_found(finder, folder, "..", NULL);
    check_found(finder, folder, "sub/", NULL);
    check_found(finder, folder, "C:", NULL);
    smt_klarf_finder_destroy(&finder);
    assert_null(finder);
    assert_int_equal(smt_klarf_finder_create(klarf, root, &finder, NULL), SMT_OK);
    check_found(finder, root, "elsewhere/outside.tif", "outside.tif");
    check_found(finder, root, "lot/a.tif", "lot/a.tif");
    smt_klarf_finder_destroy(&finder);
    assert_int_equal(smt_klarf_finder_create(klarf, "/no/such/folder", &finder, NULL), SMT_ERR_IO);
    smt_klarf_destroy(&klarf);
    smt_free(text);
    made_remove(root);
}

/* Defects take turns between files, which are read once; what is not to be had is told once. */
static void keeps_files_open(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-klarf-XXXXXX";
    made_folder(root);
    smt_image images[PAGES];
    smt_klarf *klarf = make_lot(root, images);
    smt_klarf_images *files = NULL;
    size_t lost = 0;
    assert_int_equal(smt_klarf_images_create(klarf, NULL, &lost, &files, NULL), SMT_OK);
    const smt_image_file *first = NULL, *file = NULL;
    const smt_klarf_image turns[] = {{.file = "pages.tif", .page = 1},
                                     {.file = "sub dir/single one.png", .page = 1},
                                     {.file = "gone.tif", .page = 1},
                                     {.file = "pages.tif", .page = 5}};
    made_lines lines = {0};
    smt_log_set(made_keep, &lines);
    for (int i = 0; i < 8; i++) {
        assert_false(smt_klarf_images_closes(files, &turns[i % 4]));
        assert_int_equal(smt_klarf_images_take(files, &turns[i % 4], "7", &file, NULL), SMT_OK);
        assert_true((file != NULL) == (i % 4 < 2));
        first = i ? first : file;
        assert_true(i % 4 || file == first);
    }
    smt_log_set(NULL, NULL);
    assert_int_equal(lost, 4);
    assert_int_equal(lines.count, 3); /* of gone.tif once */
    assert_true(made_said(&lines, "holds 4 images, not the number 5 of defect 7"));
    char names[80][16]; /* and there is an end to that */
    int before = 0;
    for (int i = 0; i < 80; i++) {
        snprintf(names[i], sizeof names[i], "gone%d.tif", i);
        const smt_klarf_image image = {.file = names[i], .page = 1};
        before += smt_klarf_images_closes(files, &image);
        assert_int_equal(smt_klarf_images_take(files, &image, "7", &file, NULL), SMT_OK);
    }
    assert_int_equal(before, 1);
    smt_klarf_images_destroy(&files);
    smt_klarf_destroy(&klarf);
    free_images(images);
    made_remove(root);
}

static void stands_a_lack_of_memory(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-klarf-XXXXXX", out[512];
    made_folder(root);
    snprintf(out, sizeof out, "%s/set", root);
    smt_image images[PAGES];
    smt_klarf *klarf = make_lot(root, images);
    smt_klarf_dataset_options options = {.column = "CLASSNUMBER"};
    smt_klarf_dataset_result result;
    smt_status status = SMT_ERR_MEMORY;
    for (long n = 0; n < 2000 && status; n++) {
        smt_error error = {0};
        smt_alloc_fail_after(n);
        status = smt_klarf_write_dataset(&klarf, 1, &options, out, &result, &error);
        smt_alloc_fail_after(-1);
        if (status && status != SMT_ERR_MEMORY) {
            fail_msg("%ld: %s", n, error.message);
        }
        assert_true(smt_path_exists(out) == !status);
    }
    assert_int_equal(status, SMT_OK);
    assert_int_equal(result.images, 4);
    smt_klarf_destroy(&klarf);
    free_images(images);
    made_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_class_folders),
        cmocka_unit_test(chooses_column_and_type),
        cmocka_unit_test(manual_classes_are_given),
        cmocka_unit_test(finds_images_inside_only),
        cmocka_unit_test(keeps_files_open),
        cmocka_unit_test(stands_a_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
