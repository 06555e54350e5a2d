/* Cross-validation (Stone 1974): every image is classified by a network that was trained without it
 * and its near-duplicates. 'semtinel train --folds' trains these networks. */
#include "evaluate/folds.h"

#include "evaluate/held_out.h"
#include "evaluate/seen.h"

#include <semtinel/split.h>

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct smt_folds {
    const smt_classifier_info *info;
    int count;
    smt_classifier *network[SMT_FOLDS_MAX];
    int *fold; /* of each sample; below 0: none */
};

void smt_folds_close(smt_folds **folds)
{
    if (folds && *folds) {
        for (int k = 0; k < SMT_FOLDS_MAX; k++) {
            smt_classifier_close(&(*folds)->network[k]);
        }
        smt_free((*folds)->fold);
        smt_free(*folds);
        *folds = NULL;
    }
}

/* Of the model's class c, the network's; -1: it has none of that name. */
static int class_of(const smt_classifier_info *network, const char *name)
{
    int c = network->class_count - 1;
    while (c >= 0 && strcmp(network->classes[c], name)) {
        c--;
    }
    return c;
}

/* Where images were renamed, the counts are the same and the folds are others: then most images of
 * fold k trained network k. (A few may be copies that no group tells, such as black images.) */
static smt_status count_known(const smt_folds *f,
                              const smt_dataset *dataset,
                              int k,
                              bool *most,
                              smt_pool *pool,
                              smt_error *error)
{
    size_t count = 0;
    smt_seen found = {0};
    bool *wanted = smt_alloc(dataset->sample_count, sizeof *wanted);
    if (!wanted) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    }
    for (size_t i = 0; i < dataset->sample_count; i++) {
        wanted[i] = f->fold[i] == k;
        count += wanted[i];
    }
    smt_status status =
        smt_find_seen(smt_classifier_about(f->network[k]), dataset, wanted, pool, &found, error);
    *most = !status && 2 * found.count > count;
    smt_free(found.seen);
    smt_free(wanted);
    return status;
}

/* Each network k was trained on the data set as it is, but for fold k. */
static bool
trained_without(const smt_folds *f, const smt_dataset *dataset, int k, const json_t *data)
{
    for (int c = 0; c < dataset->class_count; c++) {
        size_t train = 0, val = 0;
        for (size_t i = 0; i < dataset->sample_count; i++) {
            if (dataset->samples[i].class_index == c && f->fold[i] >= 0) {
                (f->fold[i] == k ? &val : &train)[0]++;
            }
        }
        /* A class of that fold alone is none of the network's. */
        if (train && !smt_counted(data, dataset->classes[c], train, val)) {
            return false;
        }
    }
    return true;
}

/* Images alike, of one lot, or a single one are all in one fold. */
static void warn_of_lone_classes(const smt_folds *f, const smt_dataset *dataset)
{
    for (int c = 0; c < dataset->class_count; c++) {
        size_t count = 0;
        int fold = -1;
        bool lone = true;
        for (size_t i = 0; i < dataset->sample_count; i++) {
            if (dataset->samples[i].class_index == c && f->fold[i] >= 0) {
                lone = lone && (fold < 0 || fold == f->fold[i]);
                fold = f->fold[i];
                count++;
            }
        }
        if (lone && count) {
            smt_log(SMT_LOG_WARNING,
                    "%s: class %s: %zu %s, in one fold only, whose network has no example of the "
                    "class: %s, whatever the run itself makes of it",
                    dataset->root,
                    dataset->classes[c],
                    count,
                    smt_plural(count, "image", "images"),
                    smt_plural(count, "it counts as a mistake", "they count as mistakes"));
        }
    }
}

/* The folder of the model's file. */
static char *run_of(const smt_classifier_info *info)
{
    int before = (int)(smt_path_name(info->path) - info->path);
    return before ? smt_format("%.*s", before - 1, info->path) : smt_strdup(".");
}

bool smt_folds_trainable(const smt_classifier_info *info)
{
    char *run = run_of(info), *state = run ? smt_path_join(run, "checkpoint.safetensors") : NULL;
    bool trainable = state && smt_path_exists(state);
    smt_free(state);
    smt_free(run);
    return trainable;
}

static char *network_path(const smt_classifier_info *info, int k)
{
    char *run = run_of(info), *folder = run ? smt_format(SMT_FOLD_FOLDER, run, k + 1) : NULL;
    char *path = folder ? smt_path_join(folder, "model.safetensors") : NULL;
    smt_free(folder);
    smt_free(run);
    return path;
}

bool smt_folds_trained(const smt_classifier_info *info)
{
    char *first = network_path(info, 0);
    bool trained = first && smt_path_exists(first);
    smt_free(first);
    return trained;
}

static smt_status open_network(smt_folds *f, int k, smt_pool *pool, json_t **out, smt_error *error)
{
    char *path = network_path(f->info, k);
    smt_status status = path ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    if (!status && smt_path_missing(path)) {
        status =
            k ? smt_fail(error,
                         SMT_ERR_ARGUMENT,
                         "%s: is missing, one of %d; 'semtinel train' with --folds %d and "
                         "--resume trains it",
                         path,
                         f->count,
                         f->count)
              : smt_fail(
                    error,
                    SMT_ERR_ARGUMENT,
                    "%s: has no networks of a cross-validation beside it%s",
                    f->info->path,
                    smt_folds_trainable(f->info)
                        ? "; 'semtinel train' with --folds 5 trains them, after a run "
                          "too, with --resume"
                        : ", nor the state of a training that could add them: only a run "
                          "of 'semtinel train' has such, no ensemble, adapted run or "
                          "copy; images that did not train it tell then (--split val or test)");
    }
    status = status ? status : smt_classifier_open(path, pool, &f->network[k], error);
    if (!status) {
        *out = json_loads(smt_classifier_about(f->network[k])->provenance, 0, NULL);
    }
    smt_free(path);
    return status;
}

/* Of the first network: into how many folds, and by which seed. */
static smt_status divide(
    smt_folds *f, const smt_dataset *dataset, const json_t *root, smt_pool *pool, smt_error *error)
{
    const json_t *data = json_object_get(root, "data");
    json_int_t count = json_integer_value(json_object_get(data, "folds"));
    const char *group = json_string_value(json_object_get(data, "group"));
    const char *seed = json_string_value(json_object_get(root, "seed"));
    f->fold = smt_alloc(dataset->sample_count, sizeof *f->fold);
    if (!f->fold) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    }
    if (count < 2 || count > SMT_FOLDS_MAX || !seed) {
        return smt_fail(error,
                        SMT_ERR_FORMAT,
                        "%s: is no network of a cross-validation",
                        smt_classifier_about(f->network[0])->path);
    }
    f->count = (int)count;
    return smt_dataset_folds(
        dataset, f->count, group, strtoull(seed, NULL, 10), f->fold, pool, error);
}

/* The value is the same, as far as a provenance that was written again has its digits. */
static bool same_value(const json_t *a, const json_t *b)
{
    double x = json_number_value(a), y = json_number_value(b);
    return json_is_number(a) && json_is_number(b) ? fabs(x - y) <= 1e-6 * fabs(x)
                                                  : json_equal(a, b);
}

/* A network of a fold is trained as the model is, but keeps its last epoch. */
static bool same_training(const char *model, const json_t *network)
{
    json_t *root = json_loads(model, 0, NULL), *value;
    json_t *options = json_object_get(root, "options");
    const json_t *others = json_object_get(network, "options");
    const char *name;
    bool same = options &&
                json_equal(json_object_get(root, "init"), json_object_get(network, "init")) &&
                json_equal(json_object_get(root, "seed"), json_object_get(network, "seed"));
    json_object_foreach(options, name, value)
    {
        bool own = !strcmp(name, "keep") || !strcmp(name, "patience") || !strcmp(name, "epochs");
        same = same && (own || same_value(value, json_object_get(others, name)));
    }
    json_decref(root);
    return same;
}

static smt_status check(const smt_folds *f,
                        const smt_dataset *dataset,
                        int k,
                        const json_t *root,
                        smt_pool *pool,
                        smt_error *error)
{
    const smt_classifier_info *network = smt_classifier_about(f->network[k]);
    const json_t *data = json_object_get(root, "data");
    if (!same_training(f->info->provenance, root) ||
        json_integer_value(json_object_get(data, "folds")) != f->count ||
        json_integer_value(json_object_get(data, "fold")) != k ||
        network->input_size != f->info->input_size ||
        network->preprocess.cut_percent != f->info->preprocess.cut_percent) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: is of another training; 'semtinel train' with --folds %d trains all "
                        "of them again",
                        network->path,
                        f->count);
    }
    bool known = false;
    smt_status status = count_known(f, dataset, k, &known, pool, error);
    if (!status && (known || !trained_without(f, dataset, k, data))) {
        status = smt_fail(error,
                          SMT_ERR_ARGUMENT,
                          "%s: is not as it was when the networks of its folds were trained for "
                          "%s: images came, went or were renamed, or it is another set",
                          dataset->root,
                          f->info->path);
    }
    return status;
}

smt_status smt_folds_open(const smt_classifier_info *info,
                          const smt_dataset *dataset,
                          smt_pool *pool,
                          smt_folds **out,
                          smt_error *error)
{
    if (strcmp(info->format, "safetensors")) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: the networks of a cross-validation are those of a run, not of a %s "
                        "file; evaluate the run, and this file on images of its own (--split test)",
                        info->path,
                        info->format);
    }
    smt_folds *f = smt_alloc(1, sizeof *f);
    if (!f) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    f->info = info;
    f->count = 1;
    smt_status status = SMT_OK;
    for (int k = 0; k < f->count && !status; k++) {
        json_t *root = NULL;
        status = open_network(f, k, pool, &root, error);
        if (!status && !k) {
            status = divide(f, dataset, root, pool, error);
        }
        status = status ? status : check(f, dataset, k, root, pool, error);
        json_decref(root);
    }
    if (status) {
        smt_folds_close(&f);
        return status;
    }
    warn_of_lone_classes(f, dataset);
    *out = f;
    return SMT_OK;
}

/* The images of fold k: rows[0 .. count) of pixels. */
static smt_status run_network(const smt_folds *f,
                              int k,
                              const smt_pixels *pixels,
                              const size_t *rows,
                              size_t count,
                              float *probabilities,
                              smt_error *error)
{
    const smt_classifier_info *network = smt_classifier_about(f->network[k]);
    size_t area = (size_t)pixels->size * (size_t)pixels->size;
    size_t classes = (size_t)network->class_count, all = (size_t)f->info->class_count;
    uint8_t *images = smt_alloc(count, area);
    float *said = smt_alloc(count, classes * sizeof *said);
    smt_status status =
        images && said ? SMT_OK
                       : smt_fail(error, SMT_ERR_MEMORY, "out of memory for %zu images", count);
    for (size_t i = 0; i < count && !status; i++) {
        memcpy(images + i * area, pixels->data + rows[i] * area, area);
    }
    status = status ? status : smt_classifier_run(f->network[k], images, count, said, error);
    for (size_t c = 0; c < all && !status; c++) {
        int of_network = class_of(network, f->info->classes[c]);
        for (size_t i = 0; i < count; i++) {
            float given = of_network < 0 ? 0 : said[i * classes + (size_t)of_network];
            probabilities[rows[i] * all + c] = of_network >= 0 && given == 0 ? FLT_MIN : given;
        }
    }
    smt_free(images);
    smt_free(said);
    return status;
}

smt_status smt_folds_run(smt_folds *folds,
                         const smt_decision *decision,
                         const smt_dataset *dataset,
                         const smt_pixels *pixels,
                         float *probabilities,
                         smt_error *error)
{
    size_t *rows = smt_alloc(pixels->count, sizeof *rows);
    smt_status status = rows ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < pixels->count && !status; i++) {
        if (folds->fold[pixels->sample[i]] < 0) {
            status = smt_fail(error,
                              SMT_ERR_IO,
                              "%s: was not read once, but a second time; try again",
                              dataset->samples[pixels->sample[i]].path);
        }
    }
    for (int k = 0; k < folds->count && !status; k++) {
        size_t count = 0;
        for (size_t i = 0; i < pixels->count; i++) {
            if (folds->fold[pixels->sample[i]] == k) {
                rows[count++] = i;
            }
        }
        if (count) {
            smt_classifier_decide(folds->network[k], decision);
            status = run_network(folds, k, pixels, rows, count, probabilities, error);
        }
    }
    smt_free(rows);
    return status;
}
