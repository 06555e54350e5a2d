/* Scans the data set, holds images out for validation where it has none, and takes its fingerprint.
 */
#include "train/train_data.h"

#include "data/names.h"

#include <semtinel/split.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- fingerprint ----------------------------------------------------------------------------- */

static uint64_t fold_text(uint64_t hash, const char *text)
{
    size_t length = strlen(text);
    return smt_hash64(hash, ((uint64_t)length << 32) ^ smt_crc32(0, text, length));
}

static uint64_t
fingerprint_of(const smt_dataset *dataset, const bool *wanted, const smt_file_sum *sums)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < dataset->sample_count; i++) {
        if (wanted[i]) {
            if (!dataset->samples[i].added) {
                /* With the slash before it, whether or not the root ends in one. */
                hash = fold_text(hash, data_relative(dataset, dataset->samples[i].path) - 1);
            }
            hash = smt_hash64(hash, (uint64_t)dataset->samples[i].class_index);
            hash = smt_hash64(hash, dataset->samples[i].split == SMT_SPLIT_VAL);
            hash = smt_hash64(hash, ((uint64_t)sums[i].size << 32) ^ sums[i].crc);
            hash = smt_hash64(hash, sums[i].read);
        }
    }
    return hash;
}

/* ---- copies ---------------------------------------------------------------------------------- */

typedef struct file {
    uint64_t content; /* size and CRC-32 */
    size_t sample;
} file;

static int by_content(const void *a, const void *b)
{
    const file *x = a, *y = b;
    if (x->content != y->content) {
        return x->content < y->content ? -1 : 1;
    }
    return (x->sample > y->sample) - (x->sample < y->sample);
}

/* Images that are copies of an earlier one but differ from it otherwise, and the first such pair.
 */
typedef struct copies {
    size_t count;
    bool added; /* one of them at least is not of the data set itself */
    const smt_sample *a, *b;
} copies;

static void count_copy(copies *c, const smt_sample *a, const smt_sample *b, bool differs)
{
    c->added = c->added || (differs && (a->added || b->added));
    if (differs && !c->count++) {
        c->a = a;
        c->b = b;
    }
}

static void
warn_of(const smt_dataset *set, const copies *c, const char *where, const char *consequence)
{
    if (c->count) {
        smt_log(SMT_LOG_WARNING,
                "%s: %zu %s of a file in %s, %s and %s for one: %s",
                set->root,
                c->count,
                smt_plural(c->count, "image is a copy", "images are copies"),
                where,
                c->a->path,
                c->b->path,
                consequence);
    }
}

/* Copies of one file in two classes: a wrong label. Copies in both parts: an example that is known.
 * False: no memory. */
static bool warn_of_copies(const smt_dataset *set, const bool *wanted, const smt_file_sum *sums)
{
    file *files = smt_alloc(set->sample_count + 1, sizeof *files);
    char *mislabelled = smt_format("a label is wrong ('semtinel audit %s' lists them)", set->root);
    bool complete = files && mislabelled;
    size_t count = 0;
    copies labels = {0}, parts = {0};
    for (size_t i = 0; complete && i < set->sample_count; i++) {
        if (wanted[i] && sums[i].read) {
            files[count++] = (file){((uint64_t)sums[i].size << 32) ^ sums[i].crc, i};
        }
    }
    if (complete) {
        qsort(files, count, sizeof *files, by_content);
    }
    for (size_t i = 0, first = 0; i < count; i++) {
        first = i && files[i].content == files[i - 1].content ? first : i;
        const smt_sample *a = &set->samples[files[first].sample];
        const smt_sample *b = &set->samples[files[i].sample];
        count_copy(&labels, a, b, a->class_index != b->class_index);
        count_copy(&parts, a, b, (a->split == SMT_SPLIT_VAL) != (b->split == SMT_SPLIT_VAL));
    }
    if (complete) {
        warn_of(set,
                &labels,
                "another class",
                labels.added ? "a label is wrong; delete one of each two ('semtinel audit' lists "
                               "those inside one folder)"
                             : mislabelled);
        warn_of(set,
                &parts,
                "the other part",
                "validation looks better than it is ('semtinel split' keeps copies together)");
    }
    smt_free(mislabelled);
    smt_free(files);
    return complete;
}

/* A strip in a good part of the images, which a network learns instead of the specimen. */
static smt_status warn_of_strips(const smt_train_data *d, smt_error *error)
{
    smt_strips strips;
    char *text = NULL;
    bool complete = smt_strips_count(d->dataset, d->pixels->suspect_percent, &strips);
    if (complete && strips.common) {
        text = smt_strips_text(d->dataset, &strips);
        complete = text;
    }
    if (text) {
        smt_log(SMT_LOG_WARNING, "%s: %s", d->dataset->root, text);
    }
    smt_free(text);
    return complete ? SMT_OK
                    : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", d->dataset->root);
}

/* ---- the two parts --------------------------------------------------------------------------- */

/* They train nothing, so they have no mark, and are no copies of each other: all empty files would
 * be. */
static void forget_unreadable(const smt_train_data *d, smt_file_sum *sums)
{
    for (size_t i = 0, good = 0; i < d->dataset->sample_count; i++) {
        bool readable = good < d->pixels->count && d->pixels->sample[good] == i;
        sums[i].read = sums[i].read && readable;
        good += readable;
    }
}

/* The fingerprint, and the marks of the two parts. */
static smt_status
take_fingerprint(smt_train_data *d, const bool *wanted, smt_pool *pool, smt_error *error)
{
    smt_file_sum *sums = NULL;
    smt_status status = smt_dataset_sums(d->dataset, wanted, pool, &sums, error);
    for (size_t i = 0; !status && i < d->pixels->count; i++) {
        size_t sample = d->pixels->sample[i];
        if (!sums[sample].read) { /* --resume would take the data set for another */
            status = smt_fail(error,
                              SMT_ERR_IO,
                              "%s: was read once, but not a second time; try again",
                              d->dataset->samples[sample].path);
        }
    }
    if (!status) {
        d->fingerprint = fingerprint_of(d->dataset, wanted, sums);
        forget_unreadable(d, sums);
        uint32_t *marks = smt_part_marks(d->dataset, sums, false);
        d->seen = marks ? smt_marks_text(marks, d->dataset->sample_count) : NULL;
        d->held_marks = smt_part_marks(d->dataset, sums, true);
        smt_free(marks);
        status = d->seen && d->held_marks && warn_of_copies(d->dataset, wanted, sums)
                     ? SMT_OK
                     : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", d->dataset->root);
    }
    smt_free(sums);
    return status;
}

/* There must be something to train on; says whether there is something to validate with. */
static smt_status choose(const smt_dataset *dataset, bool *has_val, smt_error *error)
{
    size_t count[SMT_SPLIT_COUNT] = {0};
    for (size_t i = 0; i < dataset->sample_count; i++) {
        count[dataset->samples[i].split]++;
    }
    if (!count[SMT_SPLIT_NONE] && !count[SMT_SPLIT_TRAIN]) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: no image in a train folder; put class folders into %s/train",
                        dataset->root,
                        dataset->root);
    }
    *has_val = count[SMT_SPLIT_VAL] > 0;
    return SMT_OK;
}

/* Numbers the classes that have training images, in the data set's order, and names those left out.
 */
static smt_status number_classes(smt_train_data *d, int *class_of, smt_error *error)
{
    const smt_dataset *set = d->dataset;
    size_t classes = (size_t)set->class_count;
    size_t *images = smt_alloc(classes, sizeof *images);
    size_t *others = smt_alloc(classes, sizeof *others);
    d->classes = smt_alloc(classes, sizeof *d->classes);
    smt_status status = SMT_OK;
    if (!images || !others || !d->classes) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", set->root);
        goto done;
    }
    for (size_t i = 0; i < d->pixels->count; i++) {
        const smt_sample *sample = &set->samples[d->pixels->sample[i]];
        (sample->split == SMT_SPLIT_VAL ? others : images)[sample->class_index]++;
    }
    for (size_t c = 0; c < classes; c++) {
        class_of[c] = -1;
        if (images[c]) {
            d->classes[d->class_count] = smt_strdup(set->classes[c]);
            if (!d->classes[d->class_count]) {
                status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", set->root);
                goto done;
            }
            class_of[c] = d->class_count++;
        } else if (others[c]) {
            smt_log(SMT_LOG_WARNING,
                    "%s: class %s has no training image that can be read: skipped, with %zu "
                    "validation %s",
                    set->root,
                    set->classes[c],
                    others[c],
                    smt_plural(others[c], "image", "images"));
        }
    }
    if (d->class_count > SMT_CLASS_MAX) {
        status = smt_fail(error,
                          SMT_ERR_LIMIT,
                          "%s: %d classes; the limit is %d",
                          set->root,
                          d->class_count,
                          SMT_CLASS_MAX);
    } else if (d->class_count < 2) {
        status = smt_fail(error,
                          SMT_ERR_ARGUMENT,
                          "%s: only %s%s has training images that can be read; a classifier needs "
                          "two classes or more",
                          set->root,
                          d->class_count ? "class " : "no class",
                          d->class_count ? d->classes[0] : "");
    }
done:
    smt_free(images);
    smt_free(others);
    return status;
}

static smt_status count_images(smt_train_data *d, smt_error *error)
{
    size_t classes = (size_t)d->class_count;
    d->train_images = smt_alloc(classes, sizeof *d->train_images);
    d->added_images = smt_alloc(classes, sizeof *d->added_images);
    d->val_images = smt_alloc(classes, sizeof *d->val_images);
    if (!d->train_images || !d->added_images || !d->val_images) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", d->dataset->root);
    }
    for (size_t i = 0; i < d->pixels->count; i++) {
        if (d->train_labels[i] >= 0) {
            d->train_images[d->train_labels[i]]++;
            d->added_images[d->train_labels[i]] +=
                d->dataset->samples[d->pixels->sample[i]].added > 0;
            d->train_count++;
        }
        if (d->val_labels[i] >= 0) {
            d->val_images[d->val_labels[i]]++;
            d->val_count++;
        }
    }
    return SMT_OK;
}

static smt_status label(smt_train_data *d, smt_error *error)
{
    const smt_dataset *set = d->dataset;
    int *class_of = smt_alloc((size_t)set->class_count, sizeof *class_of);
    d->train_labels = smt_alloc(d->pixels->count, sizeof *d->train_labels);
    d->val_labels = smt_alloc(d->pixels->count, sizeof *d->val_labels);
    smt_status status = SMT_OK;
    if (!class_of || !d->train_labels || !d->val_labels) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", set->root);
        goto done;
    }
    status = number_classes(d, class_of, error);
    if (status) {
        goto done;
    }
    for (size_t i = 0; i < d->pixels->count; i++) {
        const smt_sample *sample = &set->samples[d->pixels->sample[i]];
        bool val = sample->split == SMT_SPLIT_VAL;
        d->train_labels[i] = val ? -1 : class_of[sample->class_index];
        d->val_labels[i] = val ? class_of[sample->class_index] : -1;
    }
    status = count_images(d, error);
done:
    smt_free(class_of);
    return status;
}

static smt_status add_extra(const smt_train_job *job,
                            const smt_train_options *options,
                            smt_train_data *d,
                            smt_error *error)
{
    smt_status status = job->extra(job->context,
                                   options,
                                   (const char *const *)d->classes,
                                   d->class_count,
                                   &d->extra,
                                   &d->extra_labels,
                                   error);
    if (!status && d->extra) {
        size_t side = (size_t)d->extra->size;
        uint64_t bytes = smt_crc32(0, d->extra->data, d->extra->count * side * side);
        uint64_t labels = smt_crc32(0, d->extra_labels, d->extra->count * sizeof *d->extra_labels);
        d->mixed = (smt_extra){d->extra->count, (bytes << 32) | labels};
    }
    return status;
}

smt_status smt_train_data_load(const smt_train_job *job,
                               const smt_train_options *options,
                               const smt_extra *mixed,
                               smt_train_data **out,
                               smt_error *error)
{
    bool *wanted = NULL;
    smt_train_data *d = smt_alloc(1, sizeof *d);
    if (!d) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", job->dataset);
    }
    bool has_val = false;
    smt_status status = smt_dataset_scan(job->dataset, &d->dataset, error);
    if (!status) {
        status = choose(d->dataset, &has_val, error);
    }
    if (!status && job->group && !job->folds) {
        status = smt_dataset_check_group(d->dataset, job->group, error);
    }
    if (!status && job->folds) {
        status = smt_dataset_hold_out_fold(
            d->dataset, job->folds, job->fold, job->group, options->seed, job->pool, error);
    } else if (!status && !has_val && options->val_share > 0) {
        d->held_out = true;
        status =
            smt_dataset_hold_out(d->dataset, options->val_share, options->seed, job->pool, error);
    }
    for (int i = 0; !status && i < job->also_count; i++) {
        status = smt_dataset_add(d->dataset, job->also[i], error);
    }
    if (!status && job->also_count) {
        status = smt_dataset_leave_out_copies(d->dataset, job->pool, error);
    }
    if (status) {
        goto done;
    }
    wanted = smt_alloc(d->dataset->sample_count, sizeof *wanted);
    if (!wanted) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", job->dataset);
        goto done;
    }
    for (size_t i = 0; i < d->dataset->sample_count; i++) {
        wanted[i] = d->dataset->samples[i].split != SMT_SPLIT_TEST;
    }
    status = smt_pixels_load(d->dataset,
                             wanted,
                             options->arch.input_size,
                             (float)options->cut_bottom,
                             job->pool,
                             &d->pixels,
                             error);
    status = status ? status : take_fingerprint(d, wanted, job->pool, error);
    status = status ? status : warn_of_strips(d, error);
    if (!status) {
        status = label(d, error);
    }
    /* Weights of the user's own keep more of what they are good at without further images; a batch
     * of one or two has no room for any. */
    bool own_weights = job->init && !job->init_optional;
    bool usual = !own_weights && lrint(SMT_EXTRA_SHARE * options->batch) > 0;
    d->mixed = *mixed;
    if (!status && job->extra && !mixed->count &&
        (options->extra_share > 0 || (options->extra_share < 0 && usual))) {
        status = add_extra(job, options, d, error);
    }
    if (d->mixed.count) {
        d->fingerprint = smt_hash64(d->fingerprint, d->mixed.fingerprint);
    }
done:
    smt_free(wanted);
    if (status) {
        smt_train_data_free(&d);
    } else {
        *out = d;
    }
    return status;
}

void smt_train_data_free(smt_train_data **data)
{
    if (!data || !*data) {
        return;
    }
    smt_train_data *d = *data;
    smt_list_free(&d->classes, (size_t)d->class_count);
    smt_free(d->train_labels);
    smt_free(d->val_labels);
    smt_free(d->train_images);
    smt_free(d->added_images);
    smt_free(d->val_images);
    smt_free(d->extra_labels);
    smt_free(d->seen);
    smt_free(d->held_marks);
    smt_pixels_destroy(&d->extra);
    smt_pixels_destroy(&d->pixels);
    smt_dataset_destroy(&d->dataset);
    smt_free(d);
    *data = NULL;
}
