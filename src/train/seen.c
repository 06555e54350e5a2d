/* Marks of the training images' files for the provenance, so that 'evaluate' knows them again
 * (evaluate/seen.c). */
#include "train/train_data.h"

#include <jansson.h>
#include <string.h>

smt_status smt_train_data_mark(smt_train_data *d, smt_pool *pool, smt_error *error)
{
    const smt_dataset *set = d->dataset;
    uint32_t *marks = NULL;
    bool *trains = smt_alloc(set->sample_count, sizeof *trains);
    smt_status status =
        trains ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", set->root);
    for (size_t i = 0; !status && i < set->sample_count; i++) {
        smt_split split = set->samples[i].split;
        trains[i] = split != SMT_SPLIT_VAL && split != SMT_SPLIT_TEST;
    }
    status = status ? status : smt_dataset_marks(set, trains, pool, &marks, error);
    if (!status) {
        d->seen = smt_marks_text(marks, set->sample_count);
        status = d->seen ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", set->root);
    }
    smt_free(trains);
    smt_free(marks);
    return status;
}

char *smt_seen_before(const char *provenance)
{
    json_t *root = json_loads(provenance, 0, NULL);
    const char *text = json_string_value(json_object_get(json_object_get(root, "data"), "seen"));
    uint32_t *marks = NULL;
    size_t count = 0;
    char *out = NULL;
    if (smt_marks_read(text ? text : "", &marks, &count)) {
        out = smt_marks_text(marks, count < SMT_SEEN_MOST ? count : 0);
    }
    smt_free(marks);
    json_decref(root);
    return out;
}

char *smt_seen_join(const char *a, const char *b)
{
    char *both = smt_format("%s%s", a, b), *out = NULL;
    uint32_t *marks = NULL;
    size_t count = 0;
    if (both && smt_marks_read(both, &marks, &count)) {
        out = smt_marks_text(marks, count);
    }
    smt_free(both);
    smt_free(marks);
    return out;
}
