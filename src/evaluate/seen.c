/* The images that a model was trained on, by the marks of their files in its provenance
 * (train/seen.c). */
#include "evaluate/seen.h"

#include <jansson.h>

smt_status smt_find_seen(const smt_classifier_info *info,
                         const smt_dataset *dataset,
                         const bool *wanted,
                         smt_pool *pool,
                         smt_seen *out,
                         smt_error *error)
{
    *out = (smt_seen){.complete = true};
    json_t *root = json_loads(info->provenance, 0, NULL);
    const json_t *seen = json_object_get(json_object_get(root, "data"), "seen");
    const char *text = json_string_value(seen);
    uint32_t *known = NULL;
    smt_file_sum *sums = NULL;
    size_t count = 0;
    smt_status status = SMT_OK;
    if (!text) {
        goto done;
    }
    out->seen = smt_alloc(dataset->sample_count, sizeof *out->seen);
    if (!out->seen || !smt_marks_read(text, &known, &count)) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
        goto done;
    }
    out->complete = count < SMT_SEEN_MOST;
    status = smt_dataset_sums(dataset, wanted, pool, &sums, error);
    for (size_t i = 0; !status && i < dataset->sample_count; i++) {
        out->seen[i] = smt_marks_hold(known, count, smt_file_mark(&sums[i]));
        out->count += out->seen[i];
    }
done:
    if (status) {
        smt_free(out->seen);
        *out = (smt_seen){0};
    }
    smt_free(known);
    smt_free(sums);
    json_decref(root);
    return status;
}
