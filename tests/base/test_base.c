#include "base/f1.h"

#include <semtinel/base.h>

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/semtinel-base-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void test_alloc(void **state)
{
    (void)state;
    char *block = smt_alloc(3, 5);
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % 64, 0);
    for (int i = 0; i < 15; i++) {
        assert_int_equal(block[i], 0);
        block[i] = (char)i;
    }
    block = smt_realloc(block, 15, 100, 1);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(block[i], i < 15 ? i : 0);
    }
    smt_free(block);
    assert_null(smt_alloc(SIZE_MAX / 2, 3));

    smt_alloc_fail_after(1);
    void *first = smt_alloc(1, 1);
    void *second = smt_alloc(1, 1);
    void *third = smt_alloc(1, 1);
    smt_alloc_fail_after(-1);
    assert_non_null(first);
    assert_null(second);
    assert_null(third);
    smt_free(first);
}

static void test_error(void **state)
{
    (void)state;
    smt_error error = {0};
    assert_int_equal(smt_fail(&error, SMT_ERR_FORMAT, "%s: byte %d", "a.png", 7), SMT_ERR_FORMAT);
    assert_string_equal(error.message, "a.png: byte 7");
    smt_fail(&error, SMT_ERR_IO, "reading: %s", error.message);
    assert_string_equal(error.message, "reading: a.png: byte 7");
    assert_int_equal(smt_fail(NULL, SMT_ERR_IO, "x"), SMT_ERR_IO);

    /* A path longer than the line loses its middle, not
     * the reason behind it, and no character is cut. */
    static char path[4096];
    for (size_t length = 1000; length < 4000; length += 37) {
        size_t at = 0;
        while (at + 3 <= length) { /* the euro sign, three bytes */
            memcpy(path + at, "\xe2\x82\xac", 4);
            at += 3;
        }
        smt_fail(&error, SMT_ERR_IO, "a/%s: cannot write: no\nspace", path);
        assert_memory_equal(error.message, "a/\xe2\x82\xac", 5);
        assert_non_null(strstr(error.message, ": cannot write: no?space"));
        char *clean = smt_utf8(error.message);
        assert_string_equal(clean, error.message);
        smt_free(clean);
        assert_true(strlen(error.message) > 900);
    }
}

/* xoshiro256** with state 1, 2, 3, 4: the first outputs of its authors' reference code. */
static void test_rng_reference(void **state)
{
    (void)state;
    smt_rng rng = {{1, 2, 3, 4}};
    const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    for (size_t i = 0; i < 4; i++) {
        assert_true(smt_rng_next(&rng) == expected[i]);
    }
}

static void test_rng_distributions(void **state)
{
    (void)state;
    smt_rng rng = smt_rng_seed(7, 1);
    double sum = 0, squares = 0;
    int counts[5] = {0};
    const int n = 200000;
    for (int i = 0; i < n; i++) {
        double x = smt_rng_normal(&rng);
        sum += x;
        squares += x * x;
        counts[smt_rng_below(&rng, 5)]++;
    }
    assert_true(fabs(sum / n) < 0.01);
    assert_true(fabs(squares / n - 1) < 0.02);
    for (int i = 0; i < 5; i++) {
        assert_true(abs(counts[i] - n / 5) < n / 100);
    }
    smt_rng a = smt_rng_seed(7, 1), b = smt_rng_seed(7, 2);
    assert_false(smt_rng_next(&a) == smt_rng_next(&b));
}

static void test_rng_shuffle(void **state)
{
    (void)state;
    uint32_t items[100];
    for (uint32_t i = 0; i < 100; i++) {
        items[i] = i;
    }
    smt_rng rng = smt_rng_seed(1, 1);
    smt_rng_shuffle(&rng, items, 100);
    bool seen[100] = {false};
    int moved = 0;
    for (uint32_t i = 0; i < 100; i++) {
        assert_false(seen[items[i]]);
        seen[items[i]] = true;
        moved += items[i] != i;
    }
    assert_true(moved > 80);
}

typedef struct tally {
    int done[1000];
    int workers;
} tally;

static void add_one(void *context, int task, int worker)
{
    tally *t = context;
    t->done[task]++;
    assert_true(worker >= 0 && worker < t->workers);
}

static void test_pool(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        smt_pool *pool = NULL;
        assert_int_equal(smt_pool_create(threads, &pool, NULL), SMT_OK);
        assert_int_equal(smt_pool_threads(pool), threads);
        tally t = {.workers = threads};
        for (int run = 0; run < 200; run++) {
            smt_pool_run(pool, run * 5, add_one, &t);
        }
        for (int i = 0; i < 1000; i++) {
            assert_int_equal(t.done[i], 199 - i / 5);
        }
        smt_pool_destroy(&pool);
        assert_null(pool);
    }
    smt_error error;
    smt_pool *pool = NULL;
    assert_int_equal(smt_pool_create(-1, &pool, &error), SMT_ERR_ARGUMENT);
    assert_int_equal(smt_pool_create(3, &pool, &error), SMT_OK);
    /* Short runs, one upon another, each with its own context: a worker that comes late to one must
     * not take a task of it, nor one of the next with the context of the last. */
    for (int run = 0; run < 20000; run++) {
        tally t = {.workers = 3};
        int tasks = 2 + run % 7;
        smt_pool_run(pool, tasks, add_one, &t);
        for (int i = 0; i < 10; i++) {
            assert_int_equal(t.done[i], i < tasks);
        }
    }
    smt_pool_destroy(&pool);
}

/* 0 threads: as many as there are cores for this process, not for the machine. */
static void test_cores(void **state)
{
    (void)state;
    cpu_set_t all, one;
    smt_pool *pool = NULL;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_int_equal(smt_cores(), CPU_COUNT(&all));
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &all)) {
        cpu++;
    }
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(smt_cores(), 1);
    assert_int_equal(smt_pool_create(0, &pool, NULL), SMT_OK);
    assert_int_equal(smt_pool_threads(pool), 1);
    smt_pool_destroy(&pool);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

static void test_file_csv(void **state)
{
    (void)state;
    smt_error error;
    char *path = smt_path_join(folder, "fields.csv");
    smt_file *file = NULL;
    assert_int_equal(smt_file_create(path, &file, &error), SMT_OK);
    const char *fields[] = {"plain", "a,b", "say \"x\"", "two\nlines", " blank", "", NULL};
    for (int i = 0; fields[i]; i++) {
        smt_file_csv_field(file, fields[i]);
        smt_file_write(file, ",", 1);
    }
    assert_int_equal(smt_file_commit(&file, &error), SMT_OK);
    void *data = NULL;
    size_t size = 0;
    assert_int_equal(smt_file_load(path, 0, &data, &size, &error), SMT_OK);
    assert_string_equal(data, "plain,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\" blank\",,");
    smt_free(data);
    assert_int_equal(unlink(path), 0);
    smt_free(path);
}

/* The temporary beside it has room for no longer name. */
static void test_file_of_a_long_name(void **state)
{
    (void)state;
    smt_error error;
    char name[256];
    memset(name, 'x', 255);
    name[255] = 0;
    char *path = smt_path_join(folder, name);
    assert_int_equal(smt_file_save(path, "abc", 3, &error), SMT_OK);
    assert_int_equal(unlink(path), 0);
    smt_free(path);
}

/* In a container every run has one and the same process number, also after one that was killed. */
static void test_file_beside_a_killed_ones(void **state)
{
    (void)state;
    smt_error error;
    char *path = smt_path_join(folder, "again.bin"), left[4200];
    smt_file *file = NULL;
    unsigned number;
    assert_int_equal(smt_file_create(path, &file, &error), SMT_OK);
    assert_int_equal(sscanf(strrchr(smt_file_temporary(file), '.'), ".%u", &number), 1);
    smt_file_abandon(&file);
    snprintf(left, sizeof left, "%s.tmp.%ld.%u", path, (long)getpid(), number + 1);
    FILE *stream = fopen(left, "wb");
    assert_non_null(stream);
    fclose(stream);
    assert_int_equal(smt_file_save(path, "abc", 3, &error), SMT_OK);
    assert_int_equal(unlink(left), 0);
    assert_int_equal(unlink(path), 0);

    snprintf(left, sizeof left, "%s/.semtinel.%ld", folder, (long)getpid());
    stream = fopen(left, "wb");
    assert_non_null(stream);
    fclose(stream);
    assert_int_equal(smt_check_output(folder, true, &error), SMT_OK);
    smt_free(path);
}

static void test_file_whole(void **state)
{
    (void)state;
    smt_error error;
    char *path = smt_path_join(folder, "whole.bin");
    smt_file *file = NULL;
    assert_int_equal(smt_file_create(path, &file, &error), SMT_OK);
    smt_file_write(file, "abc", 3);
    assert_false(smt_path_exists(path));
    smt_file_printf(file, "%d", 42);
    assert_int_equal(smt_file_commit(&file, &error), SMT_OK);
    assert_null(file);

    void *data = NULL;
    size_t size = 0;
    assert_int_equal(smt_file_load(path, 0, &data, &size, &error), SMT_OK);
    assert_int_equal(size, 5);
    assert_string_equal(data, "abc42");
    smt_free(data);
    assert_int_equal(smt_file_load(path, 4, &data, &size, &error), SMT_ERR_LIMIT);
    /* Files that do not tell their size: an empty one, and those of /proc. */
    assert_int_equal(smt_file_load("/proc/self/status", 4, &data, &size, &error), SMT_ERR_LIMIT);
    assert_int_equal(smt_file_load("/proc/self/comm", 64, &data, &size, &error), SMT_OK);
    assert_in_range(size, 1, 64);
    smt_free(data);
    assert_int_equal(smt_file_load("/dev/null", 4, &data, &size, &error), SMT_OK);
    assert_int_equal(size, 0);
    smt_free(data);

    assert_int_equal(smt_file_create(path, &file, &error), SMT_OK);
    smt_file_write(file, "zzz", 3);
    smt_file_abandon(&file);
    assert_int_equal(smt_file_load(path, 0, &data, &size, &error), SMT_OK);
    assert_string_equal(data, "abc42");
    smt_free(data);

    char **names = NULL;
    size_t count = 0;
    assert_int_equal(smt_list_directory(folder, &names, &count, &error), SMT_OK);
    assert_int_equal(count, 1);
    assert_string_equal(names[0], "whole.bin");
    smt_list_free(&names, count);
    smt_free(path);
}

static void test_file_errors(void **state)
{
    (void)state;
    smt_error error;
    smt_file *file = NULL;
    assert_int_equal(smt_file_create("/nowhere/at/all.txt", &file, &error), SMT_ERR_IO);
    assert_non_null(strstr(error.message, "/nowhere/at/all.txt"));
    assert_int_equal(smt_file_create(folder, &file, &error), SMT_ERR_IO);
    void *data = NULL;
    size_t size = 0;
    assert_int_equal(smt_file_load(folder, 0, &data, &size, &error), SMT_ERR_IO);
    assert_int_equal(smt_file_load("/nowhere", 0, &data, &size, &error), SMT_ERR_IO);

    /* A full disk (here: a limit on file size) is told at
     * commit; the old file stays, no temporary does. */
    char *path = smt_path_join(folder, "full.bin");
    assert_int_equal(smt_file_save(path, "old", 3, &error), SMT_OK);
    struct rlimit old, small = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    char *block = smt_alloc(1, 1 << 20);
    smt_status status = smt_file_save(path, block, 1 << 20, &error);
    setrlimit(RLIMIT_FSIZE, &old);
    smt_free(block);
    assert_int_equal(status, SMT_ERR_IO);
    assert_non_null(strstr(error.message, path));
    char **names = NULL;
    size_t count = 0;
    assert_int_equal(smt_list_directory(folder, &names, &count, &error), SMT_OK);
    assert_int_equal(count, 1);
    smt_list_free(&names, count);
    assert_int_equal(smt_file_load(path, 0, &data, &size, &error), SMT_OK);
    assert_string_equal(data, "old");
    smt_free(data);
    smt_free(path);
}

/* A link stays a link and the file behind it is replaced, with its permissions; pipes and devices
 * are written to. */
static void test_file_links(void **state)
{
    (void)state;
    smt_error error;
    char *file = smt_path_join(folder, "file"), *link_path = smt_path_join(folder, "link");
    char *pipe_path = smt_path_join(folder, "pipe");
    assert_int_equal(smt_file_save(file, "old", 3, &error), SMT_OK);
    assert_int_equal(symlink("file", link_path), 0);
    assert_int_equal(chmod(file, 0620), 0);
    assert_int_equal(smt_file_save(link_path, "new", 3, &error), SMT_OK);
    struct stat info;
    assert_int_equal(stat(file, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0620); /* as it was allowed, so the new one is */
    assert_int_equal(lstat(link_path, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    void *data = NULL;
    size_t size = 0;
    assert_int_equal(smt_file_load(file, 0, &data, &size, &error), SMT_OK);
    assert_string_equal(data, "new");
    smt_free(data);
    assert_int_equal(unlink(file), 0); /* the link leads nowhere now, and gets its file */
    assert_int_equal(smt_file_save(link_path, "anew", 4, &error), SMT_OK);
    assert_int_equal(lstat(link_path, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(lstat(file, &info), 0);
    assert_int_equal(info.st_size, 4);

    /* As /dev/stdout leads to a file that was removed. */
    char *open_path = smt_path_join(folder, "open"), text[64];
    int removed = open(file, O_RDWR);
    assert_true(removed >= 0);
    snprintf(text, sizeof text, "/proc/self/fd/%d", removed);
    if (smt_path_exists(text)) {
        assert_int_equal(unlink(file), 0);
        assert_int_equal(symlink(text, open_path), 0);
        assert_int_equal(smt_file_save(open_path, "straight", 8, &error), SMT_OK);
        assert_int_equal(lstat(open_path, &info), 0);
        assert_true(S_ISLNK(info.st_mode));
        assert_int_equal(fstat(removed, &info), 0);
        assert_int_equal(info.st_size, 8);
    }
    close(removed);
    smt_free(open_path);

    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    int reader = open(pipe_path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    assert_int_equal(smt_file_save(pipe_path, "data", 4, &error), SMT_OK);
    char got[8] = "";
    assert_int_equal(read(reader, got, sizeof got), 4);
    assert_string_equal(got, "data");
    smt_file *abandoned = NULL;
    assert_int_equal(smt_file_create(pipe_path, &abandoned, &error), SMT_OK);
    smt_file_abandon(&abandoned);
    close(reader);
    assert_int_equal(lstat(pipe_path, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    assert_int_equal(smt_file_save("/dev/null", "x", 1, &error), SMT_OK);
    assert_int_equal(lstat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
    assert_int_equal(smt_file_save("/dev/full", "x", 1, &error), SMT_ERR_IO);
    smt_free(pipe_path);
    smt_free(link_path);
    smt_free(file);
}

static void test_paths(void **state)
{
    (void)state;
    smt_error error;
    char *deep = smt_path_join(folder, "a/b/c");
    assert_int_equal(smt_make_directory(deep, &error), SMT_OK);
    assert_true(smt_path_is_directory(deep));
    assert_int_equal(smt_make_directory(deep, &error), SMT_OK);
    char *file = smt_path_join(deep, "x");
    assert_int_equal(smt_file_save(file, "", 0, &error), SMT_OK);
    assert_int_equal(smt_make_directory(file, &error), SMT_ERR_IO);
    assert_string_equal(smt_path_name(file), "x");
    assert_string_equal(smt_path_suffix("a.b/c.tar.PNG"), ".PNG");
    assert_string_equal(smt_path_suffix("a.b/c"), "");
    assert_string_equal(smt_path_suffix("a/.png"), "");
    char *joined = smt_path_join("dir/", "name");
    assert_string_equal(joined, "dir/name");
    smt_free(joined);

    char *beside = smt_path_join(folder, "a/bb"), *up = smt_path_join(deep, "up");
    assert_int_equal(smt_make_directory(beside, &error), SMT_OK);
    assert_int_equal(symlink("..", up), 0); /* a/b/c/up is a/b */
    char *outer = smt_path_join(folder, "a/b");
    assert_true(smt_path_inside(deep, outer));
    assert_true(smt_path_inside(deep, deep));
    assert_true(smt_path_inside(deep, up));
    assert_true(smt_path_inside(deep, "/"));
    assert_false(smt_path_inside(outer, deep));
    assert_false(smt_path_inside(beside, outer));
    assert_false(smt_path_inside("/nowhere", "/"));

    /* Where something could be written, without writing it. */
    char *deeper = smt_path_join(deep, "new/er"), *below = smt_path_join(file, "sub");
    assert_int_equal(smt_check_output(deeper, true, &error), SMT_OK);
    assert_int_equal(smt_check_output(deep, true, &error), SMT_OK);
    assert_int_equal(smt_check_output(file, false, &error), SMT_OK);
    assert_int_equal(smt_check_output(below, true, &error), SMT_ERR_IO);
    assert_non_null(strstr(error.message, "is a file"));
    assert_int_equal(smt_check_output(deep, false, &error), SMT_ERR_IO);
    assert_int_equal(smt_check_output(deeper, false, &error), SMT_ERR_IO);
    assert_int_equal(smt_check_output("/proc/none", true, &error), SMT_ERR_IO);
    assert_int_equal(smt_check_output("/dev/null", false, &error), SMT_OK);
    assert_int_equal(smt_check_output("-", false, &error), SMT_ERR_ARGUMENT);
    assert_int_equal(smt_check_output("-", true, &error), SMT_ERR_ARGUMENT);
    assert_int_equal(smt_check_output("", false, &error), SMT_ERR_ARGUMENT);
    assert_int_equal(smt_check_output("", true, &error), SMT_ERR_ARGUMENT);
    assert_string_equal(smt_plural(0, "image", "images"), "images");
    assert_string_equal(smt_plural(1, "image", "images"), "image");
    char **names = NULL;
    size_t count = 0;
    assert_int_equal(smt_list_directory(deep, &names, &count, &error), SMT_OK);
    assert_int_equal(count, 2); /* the file and the link */
    smt_list_free(&names, count);
    char *part = smt_path_existing(deeper), *here = smt_path_existing("no/such/place");
    assert_string_equal(part, deep);
    assert_string_equal(here, ".");
    smt_free(part);
    part = smt_path_existing("/nowhere/at/all");
    assert_string_equal(part, "/");
    smt_free(part);
    smt_free(here);
    smt_free(below);
    smt_free(deeper);
    smt_free(outer);
    smt_free(up);
    smt_free(beside);
    smt_free(file);
    smt_free(deep);
}

static void test_utf8_names(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"gr\xc3\xbcn", "gr\xc3\xbcn"},
                                           {"gr\xfcn \x85", "gr\xc3\xbcn _"},
                                           {"gr\xf6n", "gr\xc3\xb6n"},
                                           {"a\nb", "a\nb"},
                                           {"", ""}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *name = smt_utf8_name(names[i][0]);
        assert_string_equal(name, names[i][1]);
        smt_free(name);
    }
}

static void test_utf8_classes(void **state)
{
    (void)state;
    /* u and a diaeresis, two jamo, Latin-1, composed already */
    static const char *const names[][2] = {{"gru\xcc\x88n", "gr\xc3\xbcn"},
                                           {"\xe1\x84\x80\xe1\x85\xa1", "\xea\xb0\x80"},
                                           {"gr\xfcn", "gr\xc3\xbcn"},
                                           {"gr\xc3\xbcn", "gr\xc3\xbcn"},
                                           {"", ""}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *name = smt_utf8_class(names[i][0]);
        assert_string_equal(name, names[i][1]);
        smt_free(name);
    }
}

static void test_utf8_columns(void **state)
{
    (void)state;
    assert_int_equal(smt_utf8_length(""), 0);
    assert_int_equal(smt_utf8_length("via"), 3);
    assert_int_equal(smt_utf8_length("Br\xc3\xbc"
                                     "cke \xe2\x82\xac"),
                     8);
    char line[32];
    snprintf(line, sizeof line, "%-*s|", smt_utf8_pad("\xc3\xbc", 3), "\xc3\xbc");
    assert_string_equal(line, "\xc3\xbc  |");
    static const char *const names[] = {
        "via",
        "Br\xc3\xbc"
        "cke 12",
        "a name that is wider than what a list on a terminal holds"};
    assert_int_equal(smt_utf8_widest(names, 3, 5), 9);
    assert_int_equal(smt_utf8_widest(names, 3, 24), 24);
}

static void test_shell_word(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"runs/a-1.b", "runs/a-1.b"},
        {"", "''"},
        {"my run", "'my run'"},
        {"it's $HOME", "'it'\\''s $HOME'"},
        {"''", "''\\'''\\'''"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *word = smt_shell_word(cases[i][0]);
        assert_string_equal(word, cases[i][1]);
        smt_free(word);
    }
}

static void test_crc(void **state)
{
    (void)state;
    assert_int_equal(smt_crc32(0, "123456789", 9), 0xcbf43926u);
    assert_int_equal(smt_crc32(smt_crc32(0, "1234", 4), "56789", 5), 0xcbf43926u);
    assert_int_equal(smt_crc32(0xcbf43926u, NULL, 0), 0xcbf43926u);
}

static void *keep_creating(void *path)
{
    smt_file *file = NULL;
    for (int i = 0; i < 100000; i++) {
        smt_status status = smt_file_create(path, &file, NULL);
        if (status) {
            return status == SMT_ERR_INTERRUPTED ? path : NULL;
        }
        smt_file_abandon(&file);
    }
    return NULL;
}

/* What a second signal does while another thread writes; nothing can be written after it. */
static void test_file_abandon_all(void **state)
{
    (void)state;
    char *path = smt_path_join(folder, "left.bin"), *other = smt_path_join(folder, "other.bin");
    smt_file *open_one = NULL;
    pthread_t thread;
    void *refused = NULL;
    assert_int_equal(smt_file_create(path, &open_one, NULL), SMT_OK);
    assert_int_equal(pthread_create(&thread, NULL, keep_creating, other), 0);
    smt_file_abandon_all();
    char **names = NULL;
    size_t count = 0;
    assert_int_equal(pthread_join(thread, &refused), 0);
    assert_ptr_equal(refused, other);
    assert_int_equal(smt_list_directory(folder, &names, &count, NULL), SMT_OK);
    assert_int_equal(count, 0);
    smt_list_free(&names, count);
    smt_file_abandon(&open_one);
    smt_free(path);
    smt_free(other);
}

static void test_macro_f1(void **state)
{
    (void)state;
    /* sklearn.metrics: y_true 0 0 0 1 1 2 2 2 2, y_pred 0 1 0 1 3 2 2 0 2,
     * f1_score(average="macro") = (2/3 + 1/2 + 6/7 + 0) / 4; class 3 has no true image, class 4 is
     * not predicted either. */
    static const int truth[] = {0, 0, 0, 1, 1, 2, 2, 2, 2},
                     predicted[] = {0, 1, 0, 1, 3, 2, 2, 0, 2};
    smt_class_count counts[5] = {0};
    assert_true(smt_macro_f1(counts, 5) == 0);
    for (int i = 0; i < 9; i++) {
        smt_count_answer(counts, truth[i], predicted[i]);
    }
    assert_true(fabs(smt_macro_f1(counts, 5) - (2.0 / 3 + 0.5 + 6.0 / 7) / 4) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_rng_reference),
        cmocka_unit_test(test_rng_distributions),
        cmocka_unit_test(test_rng_shuffle),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_cores),
        cmocka_unit_test_setup_teardown(test_file_csv, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_file_of_a_long_name, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_file_beside_a_killed_ones, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_file_whole, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_file_errors, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_file_links, make_folder, remove_folder),
        cmocka_unit_test(test_utf8_names),
        cmocka_unit_test(test_utf8_classes),
        cmocka_unit_test(test_utf8_columns),
        cmocka_unit_test(test_shell_word),
        cmocka_unit_test_setup_teardown(test_paths, make_folder, remove_folder),
        cmocka_unit_test(test_crc),
        cmocka_unit_test(test_macro_f1),
        /* the last: no file can be written after it */
        cmocka_unit_test_setup_teardown(test_file_abandon_all, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
