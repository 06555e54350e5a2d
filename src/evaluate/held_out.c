/* Training on a folder without val/ holds a part of it out; the same part again, for calibrating on
 * images that the model was not trained on. */
#include "evaluate/held_out.h"

#include <semtinel/evaluate.h>
#include <semtinel/split.h>

#include <stdlib.h>

static bool has_val(const smt_dataset *dataset)
{
    for (size_t i = 0; i < dataset->sample_count; i++) {
        if (dataset->samples[i].split == SMT_SPLIT_VAL) {
            return true;
        }
    }
    return false;
}

bool smt_counted(const json_t *data, const char *class_name, size_t train, size_t val)
{
    json_int_t counts[3];
    static const char *const names[] = {"train", "added", "val"};
    for (int i = 0; i < 3; i++) {
        counts[i] =
            json_integer_value(json_object_get(json_object_get(data, names[i]), class_name));
    }
    return counts[0] - counts[1] == (json_int_t)train && counts[2] == (json_int_t)val;
}

/* As many readable images of each class on both sides as the training counted. Where images came or
 * went, the part would be another, with images in it that the model was trained on. */
static bool same_counts(const smt_dataset *dataset, const json_t *data)
{
    for (int c = 0; c < dataset->class_count; c++) {
        size_t images[2] = {0, 0};
        for (size_t i = 0; i < dataset->sample_count; i++) {
            const smt_sample *s = &dataset->samples[i];
            if (s->class_index == c && s->split != SMT_SPLIT_TEST && !s->unreadable) {
                images[s->split == SMT_SPLIT_VAL]++;
            }
        }
        if (!smt_counted(data, dataset->classes[c], images[0], images[1])) {
            return false;
        }
    }
    return true;
}

smt_status smt_held_out_again(const smt_classifier_info *info,
                              smt_dataset *dataset,
                              smt_pool *pool,
                              smt_error *error)
{
    json_t *root = json_loads(info->provenance, 0, NULL);
    const json_t *data = json_object_get(root, "data");
    const json_t *share = json_object_get(json_object_get(root, "options"), "val-share");
    const char *seed = json_string_value(json_object_get(root, "seed"));
    smt_status status = SMT_OK;
    if (!has_val(dataset) && json_is_true(json_object_get(data, "val_held_out_of_train")) &&
        json_is_number(share) && seed) {
        double part = json_number_value(share);
        part = part >= 0 && part <= 0.5 ? part : 0;
        status = smt_dataset_hold_out(dataset, part, strtoull(seed, NULL, 10), pool, error);
        if (!status && !same_counts(dataset, data)) {
            status = smt_fail(error,
                              SMT_ERR_ARGUMENT,
                              "%s: has no val images, and is not as it was when a part of it was "
                              "held out for %s; if it is another set, --split all takes all of it; "
                              "'semtinel split' makes a val part before training",
                              dataset->root,
                              info->path);
        }
    }
    json_decref(root);
    return status;
}
