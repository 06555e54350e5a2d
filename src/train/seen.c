/* Marks of the training images' files for the provenance, so that 'evaluate' knows them again
 * (evaluate/seen.c). */
#include "train/train_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
    uint32_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

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
        size_t count = 0;
        qsort(marks, set->sample_count, sizeof *marks, ascending);
        d->seen = smt_alloc(8 * SMT_SEEN_MOST + 1, 1);
        for (size_t i = 0; d->seen && i < set->sample_count && count < SMT_SEEN_MOST; i++) {
            if (marks[i] && (!i || marks[i] != marks[i - 1])) {
                snprintf(d->seen + 8 * count++, 9, "%08x", (unsigned)marks[i]);
            }
        }
        status = d->seen ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", set->root);
    }
    smt_free(trains);
    smt_free(marks);
    return status;
}
