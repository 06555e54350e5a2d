/* A balanced, augmented copy of a data set: only the training part grows; val and test pass through
 * unchanged, so that an augmented copy never crosses a split. */
#include <semtinel/split.h>

#include "data/names.h"
#include "data/tree.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

typedef struct job {
    uint32_t sample;
    int serial; /* 1, 2, ... of this sample */
    char *path;
} job;

typedef struct bench { /* one a worker; made anew where the size changes */
    smt_augmenter *augmenter;
    int size;
} bench;

typedef struct run {
    const smt_audit *audit;
    const smt_augment_set_options *options;
    tree tree;
    char **copies; /* sample_count: an image's path in the tree; NULL: it is not usable */
    job *jobs;
    size_t job_count;
    bench *tools;
    atomic_size_t done;
    atomic_bool failed;
    smt_error *errors; /* one a worker, for the reason */
    int *error_job;
} run;

smt_augment_set_options smt_augment_set_defaults(void)
{
    return (smt_augment_set_options){.augment = smt_augment_defaults(), .seed = 1};
}

static bool usable(const smt_audit *audit, size_t i)
{
    return audit->content[i] != SMT_CONTENT_UNREADABLE;
}

static smt_status make_one(run *r, const job *j, bench *tool, smt_error *error)
{
    const smt_sample *sample = &r->audit->dataset->samples[j->sample];
    smt_image image = {0}, square = {0};
    smt_status status = smt_image_load(sample->path, NULL, &image, error);
    int size = r->options->size;
    if (status == SMT_OK && !size) {
        size = image.width < image.height ? image.width : image.height;
        size = size < 16 ? 16 : size > 2048 ? 2048 : size;
    }
    if (status == SMT_OK) {
        status = smt_image_resize(&image, size, size, &square, error);
    }
    if (status == SMT_OK && tool->size != size) {
        smt_augmenter_destroy(&tool->augmenter);
        tool->size = 0;
        status = smt_augmenter_create(&r->options->augment, size, 1, &tool->augmenter, error);
        tool->size = status == SMT_OK ? size : 0;
    }
    if (status == SMT_OK) {
        /* By the path inside the data set: an image's copies do not depend on other images. */
        const char *name = data_relative(r->audit->dataset, sample->path);
        uint64_t stream = smt_hash64(smt_hash_text(name, strlen(name)), (uint64_t)j->serial);
        smt_augment_apply_u8(tool->augmenter,
                             0,
                             square.pixels,
                             smt_rng_seed(r->options->seed, stream),
                             square.pixels);
        status = smt_image_save_png(j->path, &square, error);
    }
    smt_image_free(&image);
    smt_image_free(&square);
    return status;
}

static void run_job(void *context, int task, int worker)
{
    run *r = context;
    if (smt_interrupted() || atomic_load(&r->failed)) {
        return;
    }
    smt_error reason = {SMT_OK, ""};
    if (make_one(r, &r->jobs[task], &r->tools[worker], &reason)) {
        r->errors[worker] = reason;
        r->error_job[worker] = task + 1;
        atomic_store(&r->failed, true);
    }
    smt_progress("augmenting", atomic_fetch_add(&r->done, 1) + 1, r->job_count);
}

/* Copies everything that is readable; makes no new image. */
static smt_status copy_all(run *r, smt_augment_set_result *result, smt_error *error)
{
    const smt_dataset *set = r->audit->dataset;
    smt_status status = SMT_OK;
    for (size_t i = 0; i < set->sample_count && status == SMT_OK; i++) {
        const smt_sample *sample = &set->samples[i];
        status = smt_check_interrupted(error);
        smt_progress("copying", i + 1, set->sample_count);
        if (status || !usable(r->audit, i)) {
            continue;
        }
        smt_split split = sample->split == SMT_SPLIT_NONE ? SMT_SPLIT_TRAIN : sample->split;
        status = tree_free_path(&r->tree,
                                smt_split_name(split),
                                set->classes[sample->class_index],
                                smt_path_name(sample->path),
                                &r->copies[i],
                                error);
        if (status == SMT_OK) {
            status = tree_copy(sample->path, r->copies[i], r->options->link, error);
        }
        if (split == SMT_SPLIT_TRAIN) {
            result->originals++;
        } else {
            result->copied++;
        }
    }
    return status;
}

/* Reserves the name: an empty file stands there until the image takes its place. A serial whose
 * name is taken is passed over: where the source was augmented before, it would draw the same
 * image. */
static smt_status plan_one(run *r, uint32_t i, int serial, smt_error *error)
{
    const smt_dataset *set = r->audit->dataset;
    const char *name = smt_path_name(r->copies[i]); /* may be "1-2.png", where there were two */
    job *j = &r->jobs[r->job_count];
    smt_status status = SMT_OK;
    for (bool taken = true; taken && status == SMT_OK; serial++) {
        char *own =
            smt_format("%.*s-aug-%d.png", (int)(smt_path_suffix(name) - name), name, serial);
        smt_free(j->path);
        *j = (job){.sample = i, .serial = serial};
        status = own ? tree_path(&r->tree,
                                 smt_split_name(SMT_SPLIT_TRAIN),
                                 set->classes[set->samples[i].class_index],
                                 own,
                                 &j->path,
                                 error)
                     : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", r->tree.out);
        taken = status == SMT_OK && smt_path_exists(j->path);
        smt_free(own);
    }
    if (status == SMT_OK) {
        r->job_count++;
        FILE *stream = fopen(j->path, "wbx");
        if (!stream || fclose(stream)) {
            status = smt_fail(error, SMT_ERR_IO, "%s: cannot write: %s", j->path, strerror(errno));
        }
    }
    return status;
}

/* Deals the missing images of each class to its originals,
 * round by round in an order drawn by the seed. */
static smt_status plan(run *r, smt_error *error)
{
    const smt_dataset *set = r->audit->dataset;
    size_t *have = smt_alloc((size_t)set->class_count, sizeof *have);
    uint32_t *order = smt_alloc(set->sample_count, sizeof *order);
    smt_status status = SMT_OK;
    size_t target = (size_t)r->options->per_class, total = 0;
    if (!have || !order) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", set->root);
        goto done;
    }
    for (size_t i = 0; i < set->sample_count; i++) {
        smt_split split = set->samples[i].split;
        if (usable(r->audit, i) && (split == SMT_SPLIT_TRAIN || split == SMT_SPLIT_NONE)) {
            have[set->samples[i].class_index]++;
        }
    }
    for (int c = 0; c < set->class_count && !r->options->per_class; c++) {
        target = have[c] > target ? have[c] : target;
    }
    for (int c = 0; c < set->class_count; c++) {
        total += have[c] && have[c] < target ? target - have[c] : 0;
        if (have[c] > target) {
            smt_log(SMT_LOG_WARNING,
                    "class %s has %zu training images, more than %zu: all are kept",
                    set->classes[c],
                    have[c],
                    target);
        } else if (!have[c]) {
            smt_log(SMT_LOG_WARNING, "class %s has no training image to augment", set->classes[c]);
        }
    }
    if (total > INT32_MAX / 2) {
        status = smt_fail(error, SMT_ERR_LIMIT, "%zu new images are too many", total);
        goto done;
    }
    r->jobs = smt_alloc(total, sizeof *r->jobs);
    if (!r->jobs) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", set->root);
        goto done;
    }
    for (int c = 0; c < set->class_count; c++) {
        size_t n = 0;
        for (uint32_t i = 0; i < set->sample_count; i++) {
            smt_split split = set->samples[i].split;
            if (set->samples[i].class_index == c && usable(r->audit, i) &&
                (split == SMT_SPLIT_TRAIN || split == SMT_SPLIT_NONE)) {
                order[n++] = i;
            }
        }
        smt_rng rng =
            smt_rng_seed(r->options->seed, smt_hash_text(set->classes[c], strlen(set->classes[c])));
        smt_rng_shuffle(&rng, order, n);
        for (size_t k = 0; n && n + k < target && status == SMT_OK; k++) {
            status = plan_one(r, order[k % n], (int)(k / n) + 1, error);
        }
    }
done:
    smt_free(have);
    smt_free(order);
    return status;
}

static smt_status write_provenance(run *r, smt_error *error)
{
    const smt_dataset *set = r->audit->dataset;
    char *path = NULL;
    smt_file *file = NULL;
    smt_status status = tree_path(&r->tree, NULL, NULL, "augmented.csv", &path, error);
    if (status == SMT_OK) {
        status = smt_file_create(path, &file, error);
    }
    smt_free(path);
    if (status) {
        return status;
    }
    size_t prefix = strlen(r->tree.staging) + 1;
    smt_file_printf(file, "file,source,class,seed,serial\n");
    for (size_t i = 0; i < r->job_count; i++) {
        const smt_sample *sample = &set->samples[r->jobs[i].sample];
        smt_file_csv_field(file, r->jobs[i].path + prefix);
        smt_file_write(file, ",", 1);
        smt_file_csv_field(file, data_relative(set, sample->path));
        smt_file_write(file, ",", 1);
        smt_file_csv_field(file, set->classes[sample->class_index]);
        smt_file_printf(
            file, ",%llu,%d\n", (unsigned long long)r->options->seed, r->jobs[i].serial);
    }
    return smt_file_commit(&file, error);
}

static smt_status check(const smt_audit *audit, const smt_augment_set_options *o, smt_error *error)
{
    const smt_dataset *set = audit->dataset;
    const smt_audit_summary *sum = &audit->summary;
    smt_status status = smt_augment_check(&o->augment, error);
    if (status) {
        return status;
    }
    if (o->per_class < 0 || o->per_class > 1000000 ||
        (o->size && (o->size < 16 || o->size > 2048))) {
        return smt_fail(
            error,
            SMT_ERR_ARGUMENT,
            "augment: per_class %d is outside 0 .. 1000000, or size %d outside 16 .. 2048",
            o->per_class,
            o->size);
    }
    if (sum->images[SMT_SPLIT_NONE] && !o->all_train) {
        return smt_fail(
            error,
            SMT_ERR_ARGUMENT,
            "%s: has no splits, and copies made before splitting would end up on both sides; run "
            "'semtinel split' first, or say --all-train if none of it will be used for testing",
            set->root);
    }
    if (!sum->images[SMT_SPLIT_NONE] && !sum->images[SMT_SPLIT_TRAIN]) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: has no train/ folder, so there is nothing to augment",
                        set->root);
    }
    return SMT_OK;
}

smt_status smt_augment_set(const smt_audit *audit,
                           const smt_augment_set_options *options,
                           smt_pool *pool,
                           const char *out,
                           smt_augment_set_result *result,
                           smt_error *error)
{
    run r = {.audit = audit, .options = options};
    smt_augment_set_result counts = {0, 0, 0};
    int workers = smt_pool_threads(pool);
    smt_status status = check(audit, options, error);
    if (status == SMT_OK) {
        status = tree_begin(out, audit->dataset->root, &r.tree, error);
    }
    if (status) {
        return status;
    }
    r.copies = smt_alloc(audit->dataset->sample_count, sizeof *r.copies);
    r.tools = smt_alloc((size_t)workers, sizeof *r.tools);
    r.errors = smt_alloc((size_t)workers, sizeof *r.errors);
    r.error_job = smt_alloc((size_t)workers, sizeof *r.error_job);
    if (!r.copies || !r.tools || !r.errors || !r.error_job) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", out);
    }
    if (status == SMT_OK) {
        status = copy_all(&r, &counts, error);
    }
    if (status == SMT_OK) {
        status = plan(&r, error);
    }
    if (status == SMT_OK) {
        smt_pool_run(pool, (int)r.job_count, run_job, &r);
        counts.augmented = r.job_count;
        status = smt_check_interrupted(error);
    }
    for (int w = 0; w < workers && status == SMT_OK; w++) {
        if (r.error_job[w]) {
            status = smt_fail(error, r.errors[w].status, "%s", r.errors[w].message);
        }
    }
    if (status == SMT_OK) {
        status = write_provenance(&r, error);
    }
    for (int w = 0; r.tools && w < workers; w++) {
        smt_augmenter_destroy(&r.tools[w].augmenter);
    }
    for (size_t i = 0; i < r.job_count; i++) {
        smt_free(r.jobs[i].path);
    }
    smt_list_free(&r.copies, audit->dataset->sample_count);
    smt_free(r.jobs);
    smt_free(r.tools);
    smt_free(r.errors);
    smt_free(r.error_job);
    if (status) {
        tree_abandon(&r.tree);
        return status;
    }
    status = tree_commit(&r.tree, error);
    if (status == SMT_OK && result) {
        *result = counts;
    }
    return status;
}
