#include "data/made.h"

#include <sys/stat.h>
#include <unistd.h>

/* The data set, which must be one; what is said meanwhile goes into `lines`. */
static smt_dataset *scanned(const char *root, made_lines *lines)
{
    smt_dataset *set = NULL;
    smt_log_set(made_keep, lines);
    assert_int_equal(smt_dataset_scan(root, &set, NULL), SMT_OK);
    smt_log_set(NULL, NULL);
    return set;
}

static void scans_class_folders(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-scan-XXXXXX";
    made_lines lines = {0};
    made_folder(root);
    made_new_image(root, "b/2.png", 1);
    made_new_image(root, "b/10.PNG", 2);
    made_new_image(root, "A b/1.jpeg", 3); /* by suffix; what is inside does not matter here */
    made_file(root, "b/notes.txt", "x");
    made_file(root, "README", "x");
    made_file(root, "b/.DS_Store", "x");
    made_file(root, "b/Thumbs.db", "x");
    made_file(root, ".git/config", "x");
    made_new_image(root, "b/@eaDir/2.png/SYNOPHOTO_THUMB_M.jpg", 4);
    made_new_image(root, "@eaDir/1.png", 4);
    made_new_image(root, "b/sub/1.png", 4);
    made_new_image(root, "loose.png", 5);
    made_file(root, "empty/readme.txt", "x");
    smt_dataset *set = scanned(root, &lines);
    assert_int_equal(set->class_count, 2);
    assert_string_equal(set->classes[0], "A b");
    assert_string_equal(set->classes[1], "b");
    assert_int_equal(set->sample_count, 3);
    assert_int_equal(set->samples[0].class_index, 0);
    assert_non_null(strstr(set->samples[1].path, "/b/10.PNG")); /* byte order */
    assert_int_equal(set->samples[1].split, SMT_SPLIT_NONE);
    assert_int_equal(set->ignored_count,
                     5); /* notes.txt, README, sub/, loose.png, empty/readme.txt */
    assert_true(
        made_said(&lines, "b/notes.txt: ignored: not an image file (.png .jpg .jpeg .jfif .tif"));
    assert_true(made_said(&lines, "loose.png: ignored: an image outside"));
    assert_true(made_said(&lines, "empty: class folder without images"));
    assert_false(made_said(&lines, ".DS_Store"));
    assert_false(made_said(&lines, "Thumbs.db"));
    smt_dataset_destroy(&set);
    assert_null(set);
    made_remove(root);
}

static void scans_splits(void **state)
{
    (void)state;
    static const char *const files[] = {"Train/Via/1.png",
                                        "train/Via/2.png",
                                        "validate/vias/1.png",
                                        "VALID/open/1.png",
                                        "test/VIAS/1.png",
                                        "test/ Open /1.png",
                                        "train/Gru\xcc\x88n/1.png", /* as a Mac writes it */
                                        "val/Gr\xc3\xbcn/1.png",
                                        "test/only_here/1.png"};
    char root[] = "/tmp/semtinel-scan-XXXXXX";
    made_folder(root);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        made_new_image(root, files[i], i);
    }
    made_new_image(root, "weights/w/1.png", 9);
    made_file(root, "Thumbs.db", "x");
    made_new_image(root, "@eaDir/1.png", 4);
    made_lines lines = {0};
    smt_dataset *set = scanned(root, &lines);
    assert_int_equal(set->class_count, 4);
    assert_string_equal(set->classes[0], "Gr\xc3\xbcn");
    assert_string_equal(set->classes[1], "Via"); /* train's spelling */
    assert_string_equal(set->classes[2], "only_here");
    assert_string_equal(set->classes[3], "open");
    assert_int_equal(set->sample_count, 9);
    size_t count[SMT_SPLIT_COUNT] = {0};
    for (size_t i = 0; i < set->sample_count; i++) {
        count[set->samples[i].split]++;
        assert_true(i == 0 || set->samples[i - 1].split <= set->samples[i].split);
    }
    assert_int_equal(count[SMT_SPLIT_TRAIN], 3);
    assert_int_equal(count[SMT_SPLIT_VAL], 3);
    assert_int_equal(count[SMT_SPLIT_TEST], 3);
    assert_true(made_said(&lines, "taken as class Via"));
    assert_true(made_said(&lines, "test/ Open : taken as class open"));
    assert_true(made_said(&lines, "weights: ignored"));
    assert_int_equal(set->ignored_count, 1);
    smt_dataset_destroy(&set);
    made_remove(root);
}

/* Runs and reports that were written into the data set do not become classes. */
static void results_are_no_class(void **state)
{
    (void)state;
    static const char *const results[] = {"run/model.safetensors",
                                          "scores/metrics.json",
                                          "int8/precision.json",
                                          "why/explanations.csv"};
    char root[] = "/tmp/semtinel-scan-XXXXXX", name[64];
    made_folder(root);
    made_new_image(root, "open/1.png", 1);
    made_new_image(root, "runs/1.png", 2);
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        made_file(root, results[i], "");
        snprintf(name, sizeof name, "%.*s/curves.png", (int)strcspn(results[i], "/"), results[i]);
        made_new_image(root, name, 3 + i);
    }
    made_lines lines = {0};
    smt_dataset *set = scanned(root, &lines);
    assert_int_equal(set->class_count, 2);
    assert_string_equal(set->classes[1], "runs");
    assert_int_equal(set->ignored_count, 4);
    assert_true(made_said(&lines, "why: ignored: results of semtinel"));
    smt_dataset_destroy(&set);
    made_remove(root);
}

static void a_class_may_be_called_test(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-scan-XXXXXX";
    made_folder(root);
    made_new_image(root, "test/1.png", 1);
    made_new_image(root, "open/1.png", 2);
    smt_dataset *set = NULL;
    assert_int_equal(smt_dataset_scan(root, &set, NULL), SMT_OK);
    assert_int_equal(set->class_count, 2);
    assert_string_equal(set->classes[1], "test");
    assert_int_equal(set->samples[0].split, SMT_SPLIT_NONE);
    smt_dataset_destroy(&set);
    made_remove(root);
}

/* A folder that was made and not filled yet hides no classes, and is no stray beside train/. */
static void an_empty_split_hides_nothing(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-scan-XXXXXX";
    made_folder(root);
    made_new_image(root, "open/1.png", 1);
    made_file(root, "val/Thumbs.db", "x");
    made_lines lines = {0};
    smt_dataset *set = scanned(root, &lines);
    assert_int_equal(set->class_count, 1);
    assert_int_equal(set->samples[0].split, SMT_SPLIT_NONE);
    assert_true(made_said(&lines, "val: class folder without images, skipped"));
    smt_dataset_destroy(&set);
    made_new_image(root, "train/open/1.png", 2);
    lines = (made_lines){0};
    set = scanned(root, &lines);
    assert_int_equal(set->sample_count, 1);
    assert_int_equal(set->samples[0].split, SMT_SPLIT_TRAIN);
    assert_int_equal(lines.count, 1); /* open/ */
    smt_dataset_destroy(&set);
    made_remove(root);
}

static void odd_names(void **state)
{
    (void)state;
    static const char *const classes[] = {
        "-rf", "a b", "line\nbreak", "\xe6\xa9\x8b", "gr\xfcn", "%s%n", "C++", "C"};
    static const char *const named[] = {
        "%s%n", "-rf", "C", "C++", "a b", "gr\xc3\xbcn", "line\nbreak", "\xe6\xa9\x8b"};
    char root[] = "/tmp/semtinel-scan-XXXXXX", name[256];
    made_folder(root);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        snprintf(name, sizeof name, "%s/--help \n\x1b[31m%%n.png", classes[i]);
        made_new_image(root, name, i);
        snprintf(name, sizeof name, "%s/\x1b[2J\n%%s.txt", classes[i]);
        made_file(root, name, "");
    }
    made_lines lines = {0};
    smt_dataset *set = scanned(root, &lines);
    assert_int_equal(set->class_count, 8);
    assert_int_equal(set->sample_count, 8);
    assert_int_equal(lines.count, 8);
    for (int i = 0; i < lines.count; i++) {
        assert_null(strchr(lines.text[i], '\n'));
        assert_null(strchr(lines.text[i], '\x1b'));
    }
    for (int i = 0; i < 8; i++) {
        assert_string_equal(set->classes[i], named[i]);
    }
    smt_dataset_destroy(&set);
    made_remove(root);
}

static void links_and_pipes(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-scan-XXXXXX", path[256];
    made_folder(root);
    made_new_image(root, "a/1.png", 1);
    snprintf(path, sizeof path, "%s/a/loop", root);
    assert_int_equal(symlink("..", path), 0);
    snprintf(path, sizeof path, "%s/a/self.png", root);
    assert_int_equal(symlink("self.png", path), 0);
    snprintf(path, sizeof path, "%s/a/gone.png", root);
    assert_int_equal(symlink("/nowhere/at/all.png", path), 0);
    snprintf(path, sizeof path, "%s/a/pipe.png", root);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/loop", root);
    assert_int_equal(symlink(".", path), 0);
    smt_dataset *set = NULL;
    assert_int_equal(smt_dataset_scan(root, &set, NULL), SMT_OK);
    assert_int_equal(set->class_count, 1);
    /* Links that lead nowhere are images that cannot be read, which is for the reader to say; the
     * pipe would block. */
    assert_int_equal(set->sample_count, 3);
    assert_true(set->ignored_count >= 2);
    smt_dataset_destroy(&set);
    made_remove(root);
}

static void expect_failure(const char *root, smt_status status, const char *part)
{
    smt_error error = {SMT_OK, ""};
    smt_dataset *set = NULL;
    assert_int_equal(smt_dataset_scan(root, &set, &error), status);
    assert_null(set);
    if (!strstr(error.message, part) || !strstr(error.message, root)) {
        fail_msg("'%s' does not name %s and '%s'", error.message, root, part);
    }
}

static void refuses(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-scan-XXXXXX", path[256];
    made_folder(root);
    expect_failure(root, SMT_ERR_FORMAT, "no images");
    made_file(root, "lot1/bridge/1.png", "");
    expect_failure(root, SMT_ERR_FORMAT, "if they are classes, move their images up");
    snprintf(path, sizeof path, "%s/lot1", root);
    made_remove(path);
    made_file(root, "file", "x");
    snprintf(path, sizeof path, "%s/file", root);
    expect_failure(path, SMT_ERR_IO, "is a file");
    snprintf(path, sizeof path, "%s/missing", root);
    expect_failure(path, SMT_ERR_IO, "No such file");
    made_new_image(root, "1.png", 1);
    made_new_image(root, "2.png", 2);
    made_lines lines = {0};
    smt_log_set(made_keep, &lines);
    expect_failure(root, SMT_ERR_FORMAT, "2 images but no class folders");
    smt_log_set(NULL, NULL);
    assert_int_equal(lines.count, 0); /* what the error says is not said of each file before */
    made_file(root, "test/bridge/readme.txt", "");
    smt_log_set(made_keep, &lines);
    expect_failure(root, SMT_ERR_FORMAT, "test/, beside which no others are read");
    smt_log_set(NULL, NULL);
    snprintf(path, sizeof path, "%s/test", root);
    made_remove(path);
    made_new_image(root, "train/1.png", 1);
    made_new_image(root, "val/1.png", 2);
    expect_failure(root, SMT_ERR_FORMAT, "train holds images but no class folders");
    made_remove(root);
}

/* The folder above a data set: its name is told, not that of each class. */
static void a_data_set_one_level_down_is_named(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-scan-XXXXXX";
    made_folder(root);
    made_file(root, "sets/train/bridge/1.png", "");
    made_file(root, "sets/val/bridge/2.png", "");
    made_lines lines = {0};
    smt_log_set(made_keep, &lines);
    expect_failure(root, SMT_ERR_FORMAT, "/sets");
    smt_log_set(NULL, NULL);
    made_remove(root);
}

/* Sixty classes that keep their images in folders of lots and
 * wafers are one mistake, not sixty or six hundred. */
static void nested_folders_are_counted(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-scan-XXXXXX", name[64];
    made_folder(root);
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "class%02d/lot/wafer/1.png", i);
        made_file(root, name, "");
    }
    made_lines lines = {0};
    smt_log_set(made_keep, &lines);
    expect_failure(root,
                   SMT_ERR_FORMAT,
                   "folders hold folders, not images; if they are parts, call them train");
    smt_log_set(NULL, NULL);
    assert_true(lines.count <= 21);
    smt_dataset *set = NULL;
    assert_int_equal(smt_dataset_scan_lots(root, true, &set, NULL), SMT_OK);
    assert_int_equal(set->sample_count, 60);
    assert_int_equal(set->class_count, 60);
    assert_string_equal(smt_path_name(set->samples[7].path), "1.png");
    assert_int_equal(set->samples[7].class_index, 7);
    smt_dataset_destroy(&set);
    made_remove(root);
}

static void unreadable_folder(void **state)
{
    (void)state;
    if (geteuid() == 0) {
        print_message("the superuser reads every folder\n");
        skip();
    }
    char root[] = "/tmp/semtinel-scan-XXXXXX", path[256];
    made_folder(root);
    made_new_image(root, "a/1.png", 1);
    made_new_image(root, "b/1.png", 2);
    snprintf(path, sizeof path, "%s/b", root);
    chmod(path, 0);
    expect_failure(root, SMT_ERR_IO, "Permission denied");
    chmod(path, 0700);
    made_remove(root);
}

static void many_strays_are_counted(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-scan-XXXXXX", name[64];
    made_folder(root);
    made_new_image(root, "a/1.png", 1);
    for (int i = 0; i < 35; i++) {
        snprintf(name, sizeof name, "a/%d.txt", i);
        made_file(root, name, "");
    }
    made_lines lines = {0};
    smt_dataset *set = scanned(root, &lines);
    assert_int_equal(lines.count, 21);
    assert_true(made_said(&lines, "15 more files and folders ignored"));
    assert_int_equal(set->ignored_count, 35);
    smt_dataset_destroy(&set);
    made_remove(root);
}

static void failing_allocations(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-scan-XXXXXX", name[64];
    made_folder(root);
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "%s/c%d/%d.png", i % 2 ? "train" : "val", i % 3, i);
        made_new_image(root, name, (uint64_t)i);
    }
    smt_status status = SMT_ERR_MEMORY;
    for (long n = 0; status; n++) {
        smt_dataset *set = NULL;
        smt_error error = {SMT_OK, ""};
        smt_alloc_fail_after(n);
        status = smt_dataset_scan(root, &set, &error);
        smt_alloc_fail_after(-1);
        assert_true(status == SMT_OK || (status == SMT_ERR_MEMORY && !set && error.message[0]));
        smt_dataset_destroy(&set);
        assert_true(n < 1000);
    }
    made_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scans_class_folders),
        cmocka_unit_test(scans_splits),
        cmocka_unit_test(results_are_no_class),
        cmocka_unit_test(a_class_may_be_called_test),
        cmocka_unit_test(an_empty_split_hides_nothing),
        cmocka_unit_test(odd_names),
        cmocka_unit_test(links_and_pipes),
        cmocka_unit_test(refuses),
        cmocka_unit_test(a_data_set_one_level_down_is_named),
        cmocka_unit_test(nested_folders_are_counted),
        cmocka_unit_test(unreadable_folder),
        cmocka_unit_test(many_strays_are_counted),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
