/* Marks of the training images' files for the provenance, so that 'evaluate' knows them again
 * (evaluate/seen.c), and so does a training that begins with the model or learns from it. */
#include "train/train_data.h"

#include <jansson.h>

uint32_t *smt_part_marks(const smt_dataset *dataset, const smt_file_sum *sums, bool validation)
{
    uint32_t *marks = smt_alloc(dataset->sample_count, sizeof *marks);
    for (size_t i = 0; marks && i < dataset->sample_count; i++) {
        bool part = (dataset->samples[i].split == SMT_SPLIT_VAL) == validation;
        marks[i] = part ? smt_file_mark(&sums[i]) : 0;
    }
    return marks;
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

bool smt_seen_count(const smt_train_data *d, const char *seen, size_t *found)
{
    uint32_t *known = NULL;
    size_t count = 0;
    bool read = smt_marks_read(seen, &known, &count);
    *found = 0;
    for (size_t i = 0; read && i < d->pixels->count; i++) {
        *found += d->val_labels[i] >= 0 &&
                  smt_marks_hold(known, count, d->held_marks[d->pixels->sample[i]]);
    }
    smt_free(known);
    return read;
}
