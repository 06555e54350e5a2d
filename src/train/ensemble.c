/* Ensembles of trained networks: one model with the provenance of all. */
#include "base/json.h"
#include "train/train_data.h"

#include <stdlib.h>

/* What says which part of a folder without val/ was held out, and what was counted there. */
static bool same_images(const json_t *a, const json_t *b)
{
    static const char *const counted[] = {"train", "val", "val_held_out_of_train"};
    const json_t *of_a = json_object_get(a, "data"), *of_b = json_object_get(b, "data");
    const json_t *share_a = json_object_get(json_object_get(a, "options"), "val-share");
    const json_t *share_b = json_object_get(json_object_get(b, "options"), "val-share");
    bool same = json_equal(json_object_get(a, "seed"), json_object_get(b, "seed")) &&
                json_equal(share_a, share_b);
    for (size_t i = 0; i < sizeof counted / sizeof *counted && same; i++) {
        same = json_equal(json_object_get(of_a, counted[i]), json_object_get(of_b, counted[i]));
    }
    return same;
}

/* A member's provenance, shortened: marks stand once for all, a decision was that of one network.
 */
static json_t *shortened(const char *provenance, const char *name)
{
    json_t *root = json_loads(provenance, 0, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        root = json_object();
    }
    json_object_del(root, "decision");
    json_object_del(json_object_get(root, "data"), "seen");
    if (smt_json_set(root, "name", smt_json_text(name))) {
        json_decref(root);
        return NULL;
    }
    return root;
}

/* The marks of all members' training images; where a member keeps a part of them, of the smallest
 * of all. NULL: no memory. */
static char *all_seen(const smt_model *const *models, int count)
{
    char *all = smt_strdup("");
    for (int i = 0; i < count && all; i++) {
        json_t *root = json_loads(models[i]->provenance, 0, NULL);
        const json_t *seen = json_object_get(json_object_get(root, "data"), "seen");
        char *joined = smt_seen_join(all, json_is_string(seen) ? json_string_value(seen) : "");
        json_decref(root);
        smt_free(all);
        all = joined;
    }
    return all;
}

static char *provenance(const smt_model *const *models, const char *const *names, int count)
{
    char *seen = all_seen(models, count), *text = NULL, *dumped = NULL;
    json_t *root = json_object(), *members = json_array();
    int failed = !seen || json_object_set_new(root, "made_by", json_string("semtinel ensemble")) ||
                 json_object_set(root, "members", members);
    for (int i = 0; i < count && !failed; i++) {
        failed = json_array_append_new(members, shortened(models[i]->provenance, names[i]));
    }
    const json_t *first = json_array_get(members, 0);
    bool same = true;
    for (int i = 1; i < count && !failed; i++) {
        same = same && same_images(first, json_array_get(members, (size_t)i));
    }
    json_t *data = same ? json_deep_copy(json_object_get(first, "data")) : NULL;
    data = data ? data : json_object();
    failed = failed || json_object_set_new(data, "seen", json_string(seen)) ||
             json_object_set(root, "data", data);
    if (!failed && same) {
        static const char *const kept[] = {"seed", "options"};
        for (int k = 0; k < 2; k++) {
            json_t *value = json_object_get(first, kept[k]);
            failed = failed || (value && json_object_set(root, kept[k], value));
        }
    }
    dumped = failed ? NULL : json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9));
    text = dumped ? smt_strdup(dumped) : NULL;
    free(dumped);
    smt_free(seen);
    json_decref(data);
    json_decref(members);
    json_decref(root);
    return text;
}

smt_status smt_ensemble(const smt_model *const *models,
                        const char *const *names,
                        int count,
                        smt_model **out,
                        smt_error *error)
{
    smt_status status = smt_model_ensemble(models, count, out, error);
    if (!status) {
        smt_free((*out)->provenance);
        (*out)->provenance = provenance(models, names, count);
        if (!(*out)->provenance) {
            smt_model_destroy(out);
            status = smt_fail(error, SMT_ERR_MEMORY, "out of memory");
        }
    }
    return status;
}
