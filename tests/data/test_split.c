#include <semtinel/split.h>

#include "data/made.h"

#include <signal.h>
#include <sys/resource.h>

static smt_pool *pool;

static int set_up(void **state)
{
    (void)state;
    return smt_pool_create(2, &pool, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    smt_pool_destroy(&pool);
    return 0;
}

/* ---- assignment, on made-up groups ----------------------------------------------------------- */

typedef struct labelled {
    smt_dataset set;
    uint32_t *group;
    smt_split *assigned;
} labelled;

/* count[c] images of class c in groups of group_size[c]. */
static void make_labels(labelled *l, int classes, const int *count, const int *group_size)
{
    *l = (labelled){.set = {.root = (char[]){"made"}, .class_count = classes}};
    for (int c = 0; c < classes; c++) {
        l->set.sample_count += (size_t)count[c];
    }
    l->set.samples = smt_alloc(l->set.sample_count, sizeof *l->set.samples);
    l->group = smt_alloc(l->set.sample_count, sizeof *l->group);
    l->assigned = smt_alloc(l->set.sample_count, sizeof *l->assigned);
    assert_true(l->set.samples && l->group && l->assigned);
    size_t n = 0;
    uint32_t group = 0;
    for (int c = 0; c < classes; c++) {
        for (int i = 0; i < count[c]; i++, n++) {
            l->set.samples[n].class_index = c;
            group += i % group_size[c] == 0;
            l->group[n] = group;
            l->assigned[n] = SMT_SPLIT_NONE;
        }
    }
}

static void free_labels(labelled *l)
{
    smt_free(l->set.samples);
    smt_free(l->group);
    smt_free(l->assigned);
}

static int in_part(const labelled *l, int class_index, smt_split part)
{
    int count = 0;
    for (size_t i = 0; i < l->set.sample_count; i++) {
        count += l->set.samples[i].class_index == class_index && l->assigned[i] == part;
    }
    return count;
}

static void parts_come_out(void **state)
{
    (void)state;
    static const int count[] = {100, 60, 20, 3, 2, 1, 100}, size[] = {1, 4, 1, 1, 1, 1, 25};
    labelled l;
    make_labels(&l, 7, count, size);
    smt_split_options options = smt_split_defaults();
    assert_int_equal(smt_split_assign(&l.set, l.group, NULL, &options, l.assigned, NULL), SMT_OK);
    assert_int_equal(in_part(&l, 0, SMT_SPLIT_TRAIN), 70);
    assert_int_equal(in_part(&l, 0, SMT_SPLIT_VAL), 15);
    assert_in_range(in_part(&l, 1, SMT_SPLIT_TRAIN), 40, 44);
    assert_in_range(in_part(&l, 1, SMT_SPLIT_TEST), 8, 12);
    assert_int_equal(in_part(&l, 2, SMT_SPLIT_TRAIN), 14);
    for (int part = 0; part < 3; part++) {
        assert_int_equal(in_part(&l, 3, (smt_split)part), 1); /* three images: one each */
        assert_true(in_part(&l, 6, (smt_split)part) >= 25);   /* four groups of 25 */
    }
    assert_int_equal(in_part(&l, 4, SMT_SPLIT_TRAIN), 1);
    assert_int_equal(in_part(&l, 5, SMT_SPLIT_TRAIN), 1); /* the only one trains */
    for (size_t i = 1; i < l.set.sample_count; i++) {
        if (l.group[i] == l.group[i - 1]) {
            assert_int_equal(l.assigned[i], l.assigned[i - 1]);
        }
    }
    free_labels(&l);
}

/* Groups of all classes, as lots are: with as many as there are parts, each part gets one. */
static void lots_reach_all_parts(void **state)
{
    (void)state;
    static const int count[] = {12, 9}, size[] = {1, 1};
    for (uint32_t lots = 3; lots < 7; lots++) {
        labelled l;
        make_labels(&l, 2, count, size);
        for (size_t i = 0; i < l.set.sample_count; i++) {
            l.group[i] = (uint32_t)i % lots;
        }
        smt_split_options options = smt_split_defaults();
        assert_int_equal(smt_split_assign(&l.set, l.group, NULL, &options, l.assigned, NULL),
                         SMT_OK);
        for (int part = 0; part < 3; part++) {
            assert_true(in_part(&l, 0, (smt_split)part) && in_part(&l, 1, (smt_split)part));
        }
        for (size_t i = lots; i < l.set.sample_count; i++) {
            assert_int_equal(l.assigned[i], l.assigned[i - lots]);
        }
        free_labels(&l);
    }
}

static void seeds_decide(void **state)
{
    (void)state;
    static const int count[] = {50, 50}, size[] = {1, 2};
    labelled a, b, c;
    make_labels(&a, 2, count, size);
    make_labels(&b, 2, count, size);
    make_labels(&c, 2, count, size);
    smt_split_options options = smt_split_defaults();
    assert_int_equal(smt_split_assign(&a.set, a.group, NULL, &options, a.assigned, NULL), SMT_OK);
    assert_int_equal(smt_split_assign(&b.set, b.group, NULL, &options, b.assigned, NULL), SMT_OK);
    options.seed = 2;
    assert_int_equal(smt_split_assign(&c.set, c.group, NULL, &options, c.assigned, NULL), SMT_OK);
    size_t bytes = a.set.sample_count * sizeof *a.assigned;
    assert_memory_equal(a.assigned, b.assigned, bytes);
    assert_true(memcmp(a.assigned, c.assigned, bytes) != 0);
    free_labels(&a);
    free_labels(&b);
    free_labels(&c);
}

static void unwanted_stay(void **state)
{
    (void)state;
    static const int count[] = {40}, size[] = {1};
    bool wanted[40];
    labelled l;
    make_labels(&l, 1, count, size);
    for (int i = 0; i < 40; i++) {
        wanted[i] = i % 2;
    }
    const smt_split_options options = {.train = 0.8, .val = 0.2, .seed = 1};
    assert_int_equal(smt_split_assign(&l.set, l.group, wanted, &options, l.assigned, NULL), SMT_OK);
    assert_int_equal(in_part(&l, 0, SMT_SPLIT_TRAIN), 16);
    assert_int_equal(in_part(&l, 0, SMT_SPLIT_VAL), 4);
    assert_int_equal(in_part(&l, 0, SMT_SPLIT_TEST), 0);
    assert_int_equal(in_part(&l, 0, SMT_SPLIT_NONE), 20);
    free_labels(&l);
}

static void bad_parts(void **state)
{
    (void)state;
    static const int count[] = {4}, size[] = {1};
    static const double parts[][3] = {
        {0, .5, .5}, {.7, .2, .2}, {.7, -.1, .4}, {NAN, .5, .5}, {.5, .2, .2}};
    labelled l;
    make_labels(&l, 1, count, size);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const smt_split_options options = {parts[i][0], parts[i][1], parts[i][2], 1, false};
        assert_int_equal(smt_split_assign(&l.set, l.group, NULL, &options, l.assigned, NULL),
                         SMT_ERR_ARGUMENT);
    }
    free_labels(&l);
}

/* ---- folders --------------------------------------------------------------------------------- */

/* 12 + 8 images, two of them copies, one broken; names that need care. */
static void make_source(const char *root)
{
    char name[128];
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "a b/-%d \"x\",\n.png", i);
        made_new_image(root, name, (uint64_t)i);
    }
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "\xe6\xa9\x8b/%d.png", i);
        made_new_image(root, name, (uint64_t)(i < 2 ? 100 : 100 + i));
    }
    made_file(root, "a b/broken.png", "nothing");
}

/* A temporary folder: where a set lies in it, where another is written, and the open set. */
typedef struct place {
    char root[40], source[64], out[64];
    smt_dataset *set;
    smt_audit *audit;
} place;

static void make_place(place *p)
{
    *p = (place){.root = "/tmp/semtinel-split-XXXXXX"};
    made_folder(p->root);
    snprintf(p->source, sizeof p->source, "%s/src", p->root);
    snprintf(p->out, sizeof p->out, "%s/deep/out", p->root);
}

static void open_set(place *p, const char *folder)
{
    smt_error error = {SMT_OK, ""};
    if (smt_dataset_scan(folder, &p->set, &error) ||
        smt_audit_run(p->set, NULL, pool, &p->audit, &error)) {
        fail_msg("%s", error.message);
    }
}

static void close_set(place *p)
{
    smt_audit_destroy(&p->audit);
    smt_dataset_destroy(&p->set);
}

static void remove_place(place *p)
{
    close_set(p);
    made_remove(p->root);
}

static smt_split *assign(const place *p, const smt_split_options *options)
{
    smt_split *assigned = smt_alloc(p->set->sample_count, sizeof *assigned);
    bool *wanted = smt_alloc(p->set->sample_count, sizeof *wanted);
    assert_true(assigned && wanted);
    for (size_t i = 0; i < p->set->sample_count; i++) {
        wanted[i] = p->audit->content[i] != SMT_CONTENT_UNREADABLE;
    }
    assert_int_equal(smt_split_assign(p->set, p->audit->group, wanted, options, assigned, NULL),
                     SMT_OK);
    smt_free(wanted);
    return assigned;
}

static void writes_splits(void **state)
{
    (void)state;
    char path[128];
    place p;
    make_place(&p);
    make_source(p.source);
    for (int link = 0; link < 2; link++) {
        open_set(&p, p.source);
        smt_split_options options = {
            .train = 0.5, .val = 0.25, .test = 0.25, .seed = 3, .link = link};
        smt_split *assigned = assign(&p, &options);
        assert_int_equal(smt_split_write(p.audit, assigned, &options, p.out, NULL), SMT_OK);
        /* Again: now it is not empty, and stays as it is. */
        smt_error error = {SMT_OK, ""};
        assert_int_equal(smt_split_write(p.audit, assigned, &options, p.out, &error), SMT_ERR_IO);
        assert_non_null(strstr(error.message, "not empty"));
        close_set(&p);
        open_set(&p, p.out);
        assert_int_equal(p.set->sample_count, 20);
        assert_int_equal(p.set->class_count, 2);
        assert_int_equal(p.audit->pair_count, 1);
        assert_false(smt_pair_crosses_splits(p.audit, &p.audit->pairs[0]));
        assert_int_equal(p.audit->summary.images[SMT_SPLIT_TRAIN], 10);
        struct stat info;
        assert_int_equal(stat(p.set->samples[0].path, &info), 0);
        assert_int_equal(info.st_nlink, link ? 2 : 1);
        assert_int_equal(made_count(p.out),
                         4); /* three parts and split.json: nothing else is left */
        snprintf(path, sizeof path, "%s/split.json", p.out);
        assert_true(smt_path_exists(path));
        close_set(&p);
        smt_free(assigned);
        made_remove(p.out);
    }
    remove_place(&p);
}

static void merged_names_do_not_collide(void **state)
{
    (void)state;
    place p;
    make_place(&p);
    made_new_image(p.source, "train/a/1.png", 1);
    made_new_image(p.source, "val/a/1.png", 2);
    made_new_image(p.source, "test/A/1.png", 3);
    open_set(&p, p.source);
    smt_split_options options = {.train = 1, .seed = 3};
    smt_split *assigned = assign(&p, &options);
    assert_int_equal(smt_split_write(p.audit, assigned, &options, p.out, NULL), SMT_OK);
    close_set(&p);
    open_set(&p, p.out);
    assert_int_equal(p.set->sample_count, 3);
    assert_int_equal(p.set->class_count, 1);
    assert_string_equal(smt_path_name(p.set->samples[1].path), "1-3.png");
    smt_free(assigned);
    remove_place(&p);
}

/* A failure on the way leaves nothing behind. */
static void failures_leave_nothing(void **state)
{
    (void)state;
    char inside[80];
    place p;
    make_place(&p);
    snprintf(inside, sizeof inside, "%s/new", p.source);
    make_source(p.source);
    open_set(&p, p.source);
    smt_split_options options = smt_split_defaults();
    smt_split *assigned = assign(&p, &options);
    smt_error error = {SMT_OK, ""};
    assert_int_equal(smt_split_write(p.audit, assigned, &options, inside, &error),
                     SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "lies inside"));
    assert_false(smt_path_exists(inside));
    /* Files beyond 2000 bytes fail as on a full disk. */
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old, tight;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = 2000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    smt_status status = smt_split_write(p.audit, assigned, &options, p.out, &error);
    smt_augment_set_options augment = smt_augment_set_defaults();
    augment.per_class = 20;
    augment.all_train = true;
    smt_status second = smt_augment_set(p.audit, &augment, pool, p.out, NULL, &error);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(status, SMT_ERR_IO);
    assert_int_equal(second, SMT_ERR_IO);
    assert_non_null(strstr(error.message, "cannot write"));
    assert_false(smt_path_exists(p.out));
    smt_interrupt();
    assert_int_equal(smt_split_write(p.audit, assigned, &options, p.out, &error),
                     SMT_ERR_INTERRUPTED);
    assert_int_equal(smt_augment_set(p.audit, &augment, pool, p.out, NULL, &error),
                     SMT_ERR_INTERRUPTED);
    smt_interrupt_clear();
    assert_false(smt_path_exists(p.out));
    /* An empty folder that was there before stays, empty. */
    assert_int_equal(smt_make_directory(p.out, NULL), SMT_OK);
    remove(p.set->samples[5].path); /* vanishes after the audit */
    assert_int_equal(smt_split_write(p.audit, assigned, &options, p.out, &error), SMT_ERR_IO);
    assert_true(smt_path_is_directory(p.out));
    assert_int_equal(made_count(p.out), 0);
    smt_free(assigned);
    remove_place(&p);
}

static uint32_t group_of(const place *p, const char *relative)
{
    for (size_t i = 0; i < p->set->sample_count; i++) {
        if (strcmp(p->set->samples[i].path + strlen(p->source) + 1, relative) == 0) {
            return p->audit->group[i];
        }
    }
    fail_msg("%s is missing", relative);
    return 0;
}

/* Lots stay together over the classes; a copy of an image of another lot joins both lots. */
static void lots_stay_together(void **state)
{
    (void)state;
    char name[64];
    place p;
    make_place(&p);
    for (int i = 0; i < 24; i++) { /* six lots, two images of each in each class */
        snprintf(name, sizeof name, "%s/lot%d/%d.png", i % 2 ? "a" : "b", i / 4, i % 4);
        made_new_image(p.source, name, (uint64_t)i);
    }
    made_new_image(p.source, "a/lot5/copy.png", 1); /* of a/lot0/1.png */
    made_new_image(p.source, "a/stray.png", 100);
    made_file(p.source, "b/lot3/broken.png", "no image");
    smt_error error = {SMT_OK, ""};
    assert_int_equal(smt_dataset_scan_lots(p.source, true, &p.set, &error), SMT_OK);
    assert_int_equal(p.set->sample_count, 27);
    assert_int_equal(p.set->class_count, 2);
    smt_audit_options by_lot = smt_audit_defaults();
    by_lot.group = "lot([0-9])/";
    assert_int_equal(smt_audit_run(p.set, &by_lot, pool, &p.audit, NULL), SMT_OK);
    assert_int_equal(p.audit->named.count, 6);
    assert_int_equal(p.audit->named.matched, 26);
    assert_int_equal(p.audit->named.crossing, 0);
    assert_int_equal(p.audit->group_count, 7); /* lots 0 and 5 together, four, the two others */
    assert_int_equal(group_of(&p, "a/lot0/1.png"), group_of(&p, "b/lot5/0.png"));
    assert_int_equal(group_of(&p, "a/lot1/1.png"), group_of(&p, "b/lot1/2.png"));
    assert_int_not_equal(group_of(&p, "a/lot1/1.png"), group_of(&p, "a/lot2/1.png"));
    assert_int_not_equal(group_of(&p, "b/lot3/broken.png"), group_of(&p, "b/lot3/0.png"));
    for (size_t i = 0, most = 0; i < p.set->sample_count; i++) { /* numbers rise by one */
        assert_true(p.audit->group[i] <= most);
        most += p.audit->group[i] == most;
    }
    smt_split_options options = {.train = 0.5, .val = 0.25, .test = 0.25, .seed = 3};
    smt_split *assigned = assign(&p, &options);
    assert_int_equal(smt_split_write(p.audit, assigned, &options, p.out, NULL), SMT_OK);
    smt_free(assigned);
    close_set(&p);
    open_set(&p, p.out);
    assert_int_equal(p.set->sample_count, 26);
    smt_split part[6] = {SMT_SPLIT_NONE,
                         SMT_SPLIT_NONE,
                         SMT_SPLIT_NONE,
                         SMT_SPLIT_NONE,
                         SMT_SPLIT_NONE,
                         SMT_SPLIT_NONE};
    size_t in[SMT_SPLIT_COUNT] = {0};
    for (size_t i = 0; i < p.set->sample_count; i++) {
        const char *file = smt_path_name(p.set->samples[i].path);
        if (strcmp(file, "stray.png") != 0) {
            assert_int_equal(strncmp(file, "lot", 3), 0);
            smt_split *lot = &part[file[3] - '0'];
            assert_true(*lot == SMT_SPLIT_NONE || *lot == p.set->samples[i].split);
            *lot = p.set->samples[i].split;
        }
        in[p.set->samples[i].split]++;
    }
    assert_int_equal(part[0], part[5]);
    assert_true(in[SMT_SPLIT_TRAIN] && in[SMT_SPLIT_VAL] && in[SMT_SPLIT_TEST]);
    remove_place(&p);
}

static void patterns_without_groups(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *says;
    } bad[] = {{"(", "'(' is no extended regular expression"},
               {"wafer", "'wafer' matches no image's path below its class folder, such as 1-x.png"},
               {"[a-z]*", "matches no image"}, /* the empty text at the beginning */
               {"x", "'x' matches the same text in all images"}};
    place p;
    make_place(&p);
    made_new_image(p.source, "train/a/1-x.png", 1);
    made_new_image(p.source, "train/b/2-x.png", 2);
    open_set(&p, p.source);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        smt_error error = {SMT_OK, ""};
        smt_audit_options options = smt_audit_defaults();
        smt_audit *audit = NULL;
        options.group = bad[i].pattern;
        assert_int_equal(smt_audit_run(p.set, &options, pool, &audit, &error), SMT_ERR_ARGUMENT);
        assert_null(audit);
        assert_non_null(strstr(error.message, bad[i].says));
    }
    remove_place(&p);
}

/* The what-th of six functions that allocate; the last grows the set. */
static smt_status attempt(int what, place *p, smt_pool *one)
{
    smt_split_options options = smt_split_defaults();
    smt_augment_set_options augment = smt_augment_set_defaults();
    smt_split assigned[3] = {SMT_SPLIT_TRAIN, SMT_SPLIT_VAL, SMT_SPLIT_TEST};
    const smt_label label = {p->set->samples[0].path, "a", 0.5, true};
    augment.per_class = 2;
    switch (what) {
    case 0:
        return smt_split_assign(p->set, p->audit->group, NULL, &options, assigned, NULL);
    case 1:
        return smt_split_write(p->audit, assigned, &options, p->out, NULL);
    case 2:
        return smt_augment_set(p->audit, &augment, one, p->out, NULL, NULL);
    case 3:
        return smt_label_write(&label, 1, false, p->out, NULL);
    case 4: {
        smt_audit_options by_name = smt_audit_defaults();
        smt_audit *audit = NULL;
        by_name.group = ".";
        smt_status status = smt_audit_run(p->set, &by_name, one, &audit, NULL);
        assert_true(status || audit->named.crossing == 1);
        smt_audit_destroy(&audit);
        return status;
    }
    default:
        return smt_dataset_add(p->set, p->source, NULL);
    }
}

static void failing_allocations(void **state)
{
    (void)state;
    place p;
    make_place(&p);
    made_new_image(p.source, "train/a/1.png", 1);
    made_new_image(p.source, "train/b/2.png", 2);
    made_new_image(p.source, "test/b/2.png", 3);
    smt_pool *one = NULL;
    open_set(&p, p.source);
    assert_int_equal(smt_pool_create(1, &one, NULL), SMT_OK);
    for (int what = 0; what < 6; what++) {
        smt_status status = SMT_ERR_MEMORY;
        for (long n = 0; status; n++) {
            smt_alloc_fail_after(n);
            status = attempt(what, &p, one);
            smt_alloc_fail_after(-1);
            assert_true(status == SMT_OK || status == SMT_ERR_MEMORY);
            assert_true(status == SMT_OK || !smt_path_exists(p.out));
            assert_int_equal(p.set->sample_count, what == 5 && !status ? 5 : 3);
            assert_true(n < 1000);
        }
        made_remove(p.out);
    }
    smt_pool_destroy(&one);
    remove_place(&p);
}

/* ---- holding out ----------------------------------------------------------------------------- */

static void note_read(void *context, const char *label, size_t done, size_t total)
{
    (void)done;
    if (strcmp(label, "reading") == 0) {
        *(size_t *)context = total;
    }
}

static void holds_out(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-split-XXXXXX", name[64];
    made_folder(root);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "train/%s/%d.png", i % 2 ? "a" : "b", i);
        made_new_image(
            root, name, (uint64_t)(i / 4)); /* each texture in four copies, two of each class */
    }
    made_new_image(root, "test/a/1.png", 50);
    smt_dataset *set = NULL;
    made_lines lines = {0};
    size_t read = 0;
    smt_log_set(made_keep, &lines);
    smt_progress_set(note_read, &read);
    assert_int_equal(smt_dataset_scan(root, &set, NULL), SMT_OK);
    assert_int_equal(smt_dataset_hold_out(set, 0.2, 1, pool, NULL), SMT_OK);
    smt_progress_set(NULL, NULL);
    smt_log_set(NULL, NULL);
    assert_true(made_said(&lines, "4 of 20 training images held out"));
    assert_int_equal(read, 20); /* not the test image */
    size_t count[SMT_SPLIT_COUNT] = {0};
    for (size_t i = 0; i < set->sample_count; i++) {
        count[set->samples[i].split]++;
        assert_true(i == 0 || set->samples[i - 1].split <= set->samples[i].split);
    }
    assert_int_equal(count[SMT_SPLIT_TRAIN], 16);
    assert_int_equal(count[SMT_SPLIT_VAL], 4);
    assert_int_equal(count[SMT_SPLIT_TEST], 1);
    smt_audit *audit = NULL;
    assert_int_equal(smt_audit_run(set, NULL, pool, &audit, NULL), SMT_OK);
    assert_int_equal(audit->summary.leaks[SMT_SPLIT_VAL], 0);
    smt_audit_destroy(&audit);
    /* A second call finds a val part and does nothing. */
    assert_int_equal(smt_dataset_hold_out(set, 0.5, 1, pool, NULL), SMT_OK);
    count[SMT_SPLIT_VAL] = 0;
    for (size_t i = 0; i < set->sample_count; i++) {
        count[SMT_SPLIT_VAL] += set->samples[i].split == SMT_SPLIT_VAL;
    }
    assert_int_equal(count[SMT_SPLIT_VAL], 4);
    assert_int_equal(smt_dataset_hold_out(set, 0.9, 1, pool, NULL), SMT_ERR_ARGUMENT);
    smt_dataset_destroy(&set);
    made_remove(root);
}

/* Of a class of one good image and many damaged ones, the good one trains, and no damaged one takes
 * a place among the validation images. */
static void holds_out_readable_images(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-split-XXXXXX", name[64];
    made_folder(root);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "train/%s/%d.png", i ? "good" : "damaged", i);
        made_new_image(root, name, (uint64_t)i);
        snprintf(name, sizeof name, "train/damaged/cut%d.png", i);
        made_file(root, name, "\x89PNG");
    }
    for (uint64_t seed = 1; seed <= 5; seed++) {
        smt_dataset *set = NULL;
        assert_int_equal(smt_dataset_scan(root, &set, NULL), SMT_OK);
        assert_int_equal(smt_dataset_hold_out(set, 0.2, seed, pool, NULL), SMT_OK);
        size_t held = 0, unreadable = 0;
        for (size_t i = 0; i < set->sample_count; i++) {
            const smt_sample *sample = &set->samples[i];
            held += sample->split == SMT_SPLIT_VAL;
            unreadable += sample->unreadable;
            assert_true(sample->split == SMT_SPLIT_TRAIN || sample->class_index == 1);
        }
        assert_int_equal(held, 2);
        assert_int_equal(unreadable, 10);
        smt_dataset_destroy(&set);
    }
    made_remove(root);
}

/* Every image that is not of test, whatever its part, is in one of five folds, with its copies; the
 * folds are alike, and one of them held out is the same one. */
static void folds(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-split-XXXXXX", name[64];
    made_folder(root);
    for (int i = 0; i < 60; i++) { /* pairs of copies */
        const char *part = i % 4 ? "train" : "val";
        snprintf(name, sizeof name, "%s/%s/%d.png", part, i < 40 ? "a" : "b", i);
        made_new_image(root, name, (uint64_t)(i / 2));
    }
    made_file(root, "train/b/damaged.png", "\x89PNG");
    made_new_image(root, "test/a/1.png", 50);
    smt_dataset *set = NULL;
    assert_int_equal(smt_dataset_scan(root, &set, NULL), SMT_OK);
    assert_int_equal(set->sample_count, 62);
    int fold[62], again[62], of_texture[30];
    size_t count[5][2] = {{0}};
    assert_int_equal(smt_dataset_folds(set, 5, NULL, 1, fold, pool, NULL), SMT_OK);
    memset(of_texture, -1, sizeof of_texture);
    for (size_t i = 0; i < set->sample_count; i++) {
        const smt_sample *sample = &set->samples[i];
        int number = atoi(smt_path_name(sample->path));
        if (sample->split == SMT_SPLIT_TEST || strstr(sample->path, "damaged")) {
            assert_true(fold[i] < 0);
            continue;
        }
        assert_in_range(fold[i], 0, 4);
        count[fold[i]][sample->class_index]++;
        int *texture = &of_texture[number / 2];
        assert_true(*texture < 0 || *texture == fold[i]);
        *texture = fold[i];
    }
    for (int k = 0; k < 5; k++) {
        assert_int_equal(count[k][0], 8);
        assert_int_equal(count[k][1], 4);
    }
    assert_int_equal(smt_dataset_folds(set, 5, NULL, 1, again, pool, NULL), SMT_OK);
    assert_memory_equal(fold, again, sizeof fold);
    assert_int_equal(smt_dataset_folds(set, 5, NULL, 2, again, pool, NULL), SMT_OK);
    assert_memory_not_equal(fold, again, sizeof fold);
    assert_int_equal(smt_dataset_folds(set, 1, NULL, 1, again, pool, NULL), SMT_ERR_ARGUMENT);
    assert_int_equal(smt_dataset_folds(set, SMT_FOLDS_MAX + 1, NULL, 1, again, pool, NULL),
                     SMT_ERR_ARGUMENT);
    /* Numbers of one first digit are a wafer, too. */
    assert_int_equal(smt_dataset_folds(set, 2, "^[1-5]", 1, again, pool, NULL), SMT_OK);
    for (size_t i = 0; i < set->sample_count; i++) {
        for (size_t k = 0; k < i; k++) {
            const char *a = smt_path_name(set->samples[i].path);
            const char *b = smt_path_name(set->samples[k].path);
            bool one = again[i] >= 0 && again[k] >= 0 && a[0] == b[0] && a[0] >= '1' && a[0] <= '5';
            assert_true(!one || again[i] == again[k]);
        }
    }
    assert_int_equal(smt_dataset_folds(set, 2, "^x", 1, again, pool, NULL), SMT_ERR_ARGUMENT);
    assert_int_equal(smt_dataset_hold_out_fold(set, 5, 3, NULL, 1, pool, NULL), SMT_OK);
    size_t held = 0;
    for (size_t i = 0; i < set->sample_count; i++) {
        const smt_sample *sample = &set->samples[i];
        bool damaged = strstr(sample->path, "damaged");
        assert_true(sample->unreadable == damaged);
        if (sample->split != SMT_SPLIT_TEST && !damaged) {
            bool third = of_texture[atoi(smt_path_name(sample->path)) / 2] == 3;
            assert_int_equal(sample->split, third ? SMT_SPLIT_VAL : SMT_SPLIT_TRAIN);
            held += third;
        }
    }
    assert_int_equal(held, 12);
    smt_dataset_destroy(&set);
    made_remove(root);
}

/* ---- adding ---------------------------------------------------------------------------------- */

static size_t count_added(const smt_dataset *set, int class_index, smt_split split)
{
    size_t count = 0;
    for (size_t i = 0; i < set->sample_count; i++) {
        const smt_sample *sample = &set->samples[i];
        count += sample->added && sample->class_index == class_index && sample->split == split;
    }
    return count;
}

static void adds_and_keeps_apart(void **state)
{
    (void)state;
    char own[] = "/tmp/semtinel-own-XXXXXX", other[] = "/tmp/semtinel-other-XXXXXX", name[64];
    made_folder(own);
    made_folder(other);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "%s/%d.png", i < 10 ? "bridge" : "clean", i);
        made_new_image(own, name, (uint64_t)i);
        /* Copies of all of them, whatever will be held out, and as many of their own. */
        snprintf(name, sizeof name, "train/%s/%d.png", i < 10 ? "Bridges" : "clean", i);
        made_new_image(other, name, (uint64_t)i);
        snprintf(name, sizeof name, "train/%s/new%d.png", i < 10 ? "Bridges" : "clean", i);
        made_new_image(other, name, (uint64_t)(100 + i));
    }
    made_new_image(other, "train/unheard/1.png", 200);
    made_new_image(other, "val/clean/1.png", 201);
    made_new_image(other, "test/clean/1.png", 202);
    smt_dataset *set = NULL;
    made_lines lines = {0};
    smt_log_set(made_keep, &lines);
    assert_int_equal(smt_dataset_scan(own, &set, NULL), SMT_OK);
    assert_int_equal(smt_dataset_hold_out(set, 0.2, 1, pool, NULL), SMT_OK);
    assert_true(made_said(&lines, "4 of 20 training images held out"));
    assert_int_equal(smt_dataset_add(set, other, NULL), SMT_OK);
    smt_log_set(NULL, NULL);
    assert_int_equal(set->class_count, 2);
    assert_int_equal(set->sample_count, 60);
    assert_int_equal(count_added(set, 0, SMT_SPLIT_TRAIN), 20);
    assert_int_equal(count_added(set, 1, SMT_SPLIT_TRAIN), 20);
    assert_true(made_said(&lines, "unheard is no class of"));
    assert_true(made_said(&lines, "Bridges counts as bridge"));
    assert_true(made_said(&lines, "40 more training images"));

    /* Copies of the own images that are held out train no longer. */
    lines.count = 0;
    smt_log_set(made_keep, &lines);
    assert_int_equal(smt_dataset_leave_out_copies(set, pool, NULL), SMT_OK);
    smt_log_set(NULL, NULL);
    assert_true(made_said(&lines, "4 added images left out"));
    for (int c = 0; c < 2; c++) {
        assert_int_equal(count_added(set, c, SMT_SPLIT_TRAIN), 18);
        assert_int_equal(count_added(set, c, SMT_SPLIT_VAL), 0);
    }
    for (size_t i = 1; i < set->sample_count; i++) {
        assert_true(set->samples[i - 1].added <= set->samples[i].added);
    }
    smt_dataset_destroy(&set);

    /* So with a val/ folder, of which nothing moves, nor an image of its own that is in both. */
    made_new_image(own, "val/clean/0.png", 15);
    made_new_image(own, "train/bridge/0.png", 0);
    made_new_image(own, "train/clean/0.png", 15);
    made_new_image(own, "test/clean/0.png", 3);
    size_t read = 0;
    assert_int_equal(smt_dataset_scan(own, &set, NULL), SMT_OK);
    assert_int_equal(set->sample_count, 4);
    assert_int_equal(smt_dataset_add(set, other, NULL), SMT_OK);
    smt_progress_set(note_read, &read);
    assert_int_equal(smt_dataset_leave_out_copies(set, pool, NULL), SMT_OK);
    smt_progress_set(NULL, NULL);
    assert_int_equal(read, 43); /* not the test image */
    assert_int_equal(set->samples[0].split, SMT_SPLIT_TRAIN);
    assert_int_equal(set->samples[1].split, SMT_SPLIT_TRAIN);
    assert_int_equal(set->samples[2].split, SMT_SPLIT_VAL);
    assert_int_equal(set->samples[3].split, SMT_SPLIT_TEST);
    assert_int_equal(count_added(set, 0, SMT_SPLIT_TRAIN), 20);
    assert_int_equal(count_added(set, 1, SMT_SPLIT_TRAIN), 19);
    smt_dataset_destroy(&set);

    /* No class in common, no folder. */
    smt_error error = {0};
    assert_int_equal(smt_dataset_scan(own, &set, NULL), SMT_OK);
    assert_int_equal(smt_dataset_add(set, "/nowhere", &error), SMT_ERR_IO);
    made_remove(other);
    made_folder(strcpy(other, "/tmp/semtinel-other-XXXXXX"));
    made_new_image(other, "unheard/1.png", 1);
    assert_int_equal(smt_dataset_add(set, other, &error), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "none of its folders"));
    assert_int_equal(set->sample_count, 4);
    smt_dataset_destroy(&set);
    made_remove(own);
    made_remove(other);
}

/* ---- augmenting ------------------------------------------------------------------------------ */

static uint32_t folder_sum(const char *folder)
{
    char **names = NULL;
    size_t count = 0;
    uint32_t crc = 0;
    assert_int_equal(smt_list_directory(folder, &names, &count, NULL), SMT_OK);
    for (size_t i = 0; i < count; i++) {
        char *path = smt_path_join(folder, names[i]);
        void *data = NULL;
        size_t size = 0;
        crc = smt_crc32(crc, names[i], strlen(names[i]));
        if (smt_path_is_directory(path)) {
            crc ^= folder_sum(path);
        } else {
            assert_int_equal(smt_file_load(path, 0, &data, &size, NULL), SMT_OK);
            crc = smt_crc32(crc, data, size);
            smt_free(data);
        }
        smt_free(path);
    }
    smt_list_free(&names, count);
    return crc;
}

static void augments_train_only(void **state)
{
    (void)state;
    char name[128];
    place p;
    make_place(&p);
    for (int i = 0; i < 9; i++) {
        snprintf(name, sizeof name, "train/%s/%d,\"\n.png", i < 2 ? "few" : "many", i);
        made_new_image(p.source, name, (uint64_t)i);
    }
    made_new_image(p.source, "train/few/0,\"\n-aug-1.png", 30); /* a name that is taken */
    made_new_image(p.source, "val/few/v.png", 40);
    made_new_image(p.source, "test/many/t.png", 41);
    made_file(p.source, "train/many/broken.png", "x");
    uint32_t sums[3] = {0};
    for (int run = 0; run < 3; run++) {
        smt_pool *with = NULL;
        assert_int_equal(smt_pool_create(run == 0 ? 1 : 3, &with, NULL), SMT_OK);
        open_set(&p, p.source);
        smt_augment_set_options options = smt_augment_set_defaults();
        smt_augment_set_result result;
        options.per_class = 8;
        options.seed = run < 2 ? 1 : 2;
        assert_int_equal(smt_augment_set(p.audit, &options, with, p.out, &result, NULL), SMT_OK);
        assert_int_equal(result.originals, 10);
        assert_int_equal(result.augmented, 5 + 1);
        assert_int_equal(result.copied, 2);
        close_set(&p);
        open_set(&p, p.out);
        assert_int_equal(p.set->sample_count, 18);
        assert_int_equal(p.audit->summary.content[SMT_CONTENT_UNREADABLE], 0);
        size_t count[2] = {0};
        for (size_t i = 0; i < p.set->sample_count; i++) {
            if (p.set->samples[i].split == SMT_SPLIT_TRAIN) {
                count[p.set->samples[i].class_index]++;
            }
        }
        assert_int_equal(count[0], 8);
        assert_int_equal(count[1], 8);
        sums[run] = folder_sum(p.out);
        close_set(&p);
        smt_pool_destroy(&with);
        made_remove(p.out);
    }
    assert_int_equal(sums[0], sums[1]); /* threads do not matter, the seed does */
    assert_int_not_equal(sums[1], sums[2]);
    remove_place(&p);
}

static void refuses_to_mix(void **state)
{
    (void)state;
    place p;
    make_place(&p);
    made_new_image(p.source, "a/1.png", 1);
    made_new_image(p.source, "b/1.png", 2);
    made_new_image(p.source, "b/2.png", 3);
    open_set(&p, p.source);
    smt_augment_set_options options = smt_augment_set_defaults();
    smt_augment_set_result result;
    smt_error error = {SMT_OK, ""};
    assert_int_equal(smt_augment_set(p.audit, &options, pool, p.out, &result, &error),
                     SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "semtinel split"));
    assert_non_null(strstr(error.message, "--all-train"));
    assert_false(smt_path_exists(p.out));
    options.all_train = true;
    assert_int_equal(smt_augment_set(p.audit, &options, pool, p.out, &result, &error), SMT_OK);
    assert_int_equal(result.originals, 3);
    assert_int_equal(result.augmented, 1); /* per_class 0: as many as the largest */
    remove_place(&p);
    make_place(&p);
    made_new_image(p.source, "test/a/1.png", 1);
    open_set(&p, p.source);
    assert_int_equal(smt_augment_set(p.audit, &options, pool, p.out, &result, &error),
                     SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "no train/"));
    remove_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_come_out),
        cmocka_unit_test(lots_reach_all_parts),
        cmocka_unit_test(seeds_decide),
        cmocka_unit_test(unwanted_stay),
        cmocka_unit_test(bad_parts),
        cmocka_unit_test(writes_splits),
        cmocka_unit_test(merged_names_do_not_collide),
        cmocka_unit_test(lots_stay_together),
        cmocka_unit_test(patterns_without_groups),
        cmocka_unit_test(failures_leave_nothing),
        cmocka_unit_test(failing_allocations),
        cmocka_unit_test(holds_out),
        cmocka_unit_test(holds_out_readable_images),
        cmocka_unit_test(folds),
        cmocka_unit_test(adds_and_keeps_apart),
        cmocka_unit_test(augments_train_only),
        cmocka_unit_test(refuses_to_mix),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
