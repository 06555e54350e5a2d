/* Two folders of class folders as one data set. */
#include "data/names.h"

#include <string.h>

/* to[c]: the class of `set` for each of `more`. */
static smt_status
match_classes(const smt_dataset *set, const smt_dataset *more, int *to, smt_error *error)
{
    int known = 0;
    for (int c = 0; c < more->class_count; c++) {
        to[c] = data_find_class(set, more->classes[c], true);
        known += to[c] >= 0;
    }
    if (!known) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: none of its folders is named like a class of %s",
                        more->root,
                        set->root);
    }
    for (int c = 0; c < more->class_count; c++) {
        if (to[c] < 0) {
            smt_log(SMT_LOG_WARNING,
                    "%s: %s is no class of %s: its images are left out",
                    more->root,
                    more->classes[c],
                    set->root);
        } else if (strcmp(set->classes[to[c]], more->classes[c]) != 0) {
            smt_log(SMT_LOG_INFO,
                    "%s: %s counts as %s",
                    more->root,
                    more->classes[c],
                    set->classes[to[c]]);
        }
    }
    return SMT_OK;
}

smt_status smt_dataset_add(smt_dataset *dataset, const char *root, smt_error *error)
{
    smt_dataset *more = NULL;
    smt_status status = smt_dataset_scan(root, &more, error);
    if (status) {
        return status;
    }
    size_t count = dataset->sample_count, most = count + more->sample_count;
    int *to = smt_alloc((size_t)more->class_count, sizeof *to);
    smt_sample *samples = smt_alloc(most, sizeof *samples);
    status = to && samples ? match_classes(dataset, more, to, error)
                           : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", root);
    if (status) {
        goto done;
    }
    memcpy(samples, dataset->samples, count * sizeof *samples);
    for (size_t i = 0; i < more->sample_count; i++) {
        smt_sample *sample = &more->samples[i];
        bool trains = sample->split == SMT_SPLIT_TRAIN || sample->split == SMT_SPLIT_NONE;
        if (trains && to[sample->class_index] >= 0) {
            samples[count++] = (smt_sample){.path = sample->path,
                                            .class_index = to[sample->class_index],
                                            .split = SMT_SPLIT_TRAIN,
                                            .added = dataset->added_count + 1};
            sample->path = NULL; /* `dataset` owns it now */
        }
    }
    if (count == dataset->sample_count) {
        status = smt_fail(
            error, SMT_ERR_ARGUMENT, "%s: no training image of a class of %s", root, dataset->root);
        goto done;
    }
    smt_log(SMT_LOG_INFO,
            "%s: %zu more training %s",
            root,
            count - dataset->sample_count,
            smt_plural(count - dataset->sample_count, "image", "images"));
    smt_free(dataset->samples);
    dataset->samples = samples;
    dataset->sample_count = count;
    dataset->added_count++;
    samples = NULL;
done:
    smt_free(samples);
    smt_free(to);
    smt_dataset_destroy(&more);
    return status;
}
