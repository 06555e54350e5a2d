/* Writing a split data set and its manifest. */
#include <semtinel/split.h>

#include "base/json.h"
#include "data/names.h"
#include "data/tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool add_counts(json_t *root, const smt_audit *audit, const smt_split *assigned)
{
    const smt_dataset *set = audit->dataset;
    json_t *splits = json_object();
    bool ok = splits;
    for (int part = 0; part < SMT_SPLIT_NONE; part++) {
        json_t *classes = json_object();
        for (int c = 0; c < set->class_count; c++) {
            size_t count = 0;
            for (size_t i = 0; i < set->sample_count; i++) {
                count += audit->content[i] != SMT_CONTENT_UNREADABLE && (int)assigned[i] == part &&
                         set->samples[i].class_index == c;
            }
            ok = !smt_json_set(classes, set->classes[c], json_integer((json_int_t)count)) && ok;
        }
        ok = !json_object_set_new(splits, smt_split_name((smt_split)part), classes) && ok;
    }
    return !json_object_set_new(root, "counts", splits) && ok;
}

static smt_status save_manifest(const tree *t, json_t *root, smt_error *error)
{
    char *path = NULL, *text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(4));
    smt_status status = text ? tree_path(t, NULL, NULL, "split.json", &path, error)
                             : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", t->out);
    if (status == SMT_OK) {
        status = smt_file_save(path, text, strlen(text), error);
    }
    free(text);
    smt_free(path);
    return status;
}

/* Where the image goes: lot7/1.png becomes lot7_1.png. */
static smt_status place_of(tree *t,
                           const smt_dataset *set,
                           const smt_sample *sample,
                           smt_split part,
                           char **path,
                           smt_error *error)
{
    char *name = smt_strdup(data_below_class(set, sample));
    if (!name) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", t->out);
    }
    for (char *slash = name; (slash = strchr(slash, '/'));) {
        *slash = '_';
    }
    smt_status status = tree_free_path(
        t, smt_split_name(part), set->classes[sample->class_index], name, path, error);
    smt_free(name);
    return status;
}

smt_status smt_split_write(const smt_audit *audit,
                           const smt_split *assigned,
                           const smt_split_options *options,
                           const char *out,
                           smt_error *error)
{
    const smt_dataset *set = audit->dataset;
    tree t;
    smt_status status = tree_begin(out, set->root, &t, error);
    if (status) {
        return status;
    }
    char seed[24]; /* as text: JSON's integers end at 2^63 */
    snprintf(seed, sizeof seed, "%" PRIu64, options->seed);
    json_t *root = json_pack("{s:s, s:o, s:s, s:f, s:f, s:f}",
                             "made_by",
                             "semtinel split",
                             "source",
                             smt_json_text(set->root),
                             "seed",
                             seed,
                             "train",
                             options->train,
                             "val",
                             options->val,
                             "test",
                             options->test);
    json_t *files = json_array(), *skipped = json_array();
    bool ok = root && files && skipped && add_counts(root, audit, assigned);
    if (audit->named.pattern) {
        ok = !json_object_set_new(root, "group_by", smt_json_text(audit->named.pattern)) && ok;
    }
    size_t prefix = strlen(t.staging) + 1;
    for (size_t i = 0; i < set->sample_count && status == SMT_OK && ok; i++) {
        const smt_sample *sample = &set->samples[i];
        status = smt_check_interrupted(error);
        smt_progress("copying", i + 1, set->sample_count);
        if (!status && audit->content[i] == SMT_CONTENT_UNREADABLE) {
            ok = !json_array_append_new(skipped,
                                        json_pack("{s:o, s:o}",
                                                  "source",
                                                  smt_json_text(data_relative(set, sample->path)),
                                                  "reason",
                                                  smt_json_text(audit->reasons[i])));
            continue;
        }
        char *path = NULL;
        status = status ? status : place_of(&t, set, sample, assigned[i], &path, error);
        if (status == SMT_OK) {
            status = tree_copy(sample->path, path, options->link, error);
        }
        if (status == SMT_OK) {
            ok = !json_array_append_new(files,
                                        json_pack("{s:o, s:o, s:I}",
                                                  "file",
                                                  smt_json_text(path + prefix),
                                                  "source",
                                                  smt_json_text(data_relative(set, sample->path)),
                                                  "group",
                                                  (json_int_t)audit->group[i]));
        }
        smt_free(path);
    }
    ok = ok && !json_object_set(root, "files", files) && !json_object_set(root, "skipped", skipped);
    if (status == SMT_OK && !ok) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", out);
    }
    if (status == SMT_OK) {
        status = save_manifest(&t, root, error);
    }
    json_decref(root);
    json_decref(files);
    json_decref(skipped);
    if (status) {
        tree_abandon(&t);
        return status;
    }
    return tree_commit(&t, error);
}
