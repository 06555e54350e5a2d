/* A model measured on a labelled set. */
#include "data/names.h"
#include "evaluate/folds.h"
#include "evaluate/scores.h"
#include "evaluate/seen.h"

#include <semtinel/evaluate.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

smt_evaluate_options smt_evaluate_defaults(void)
{
    return (smt_evaluate_options){
        .split = SMT_CHOOSE_AUTO, .resamples = SMT_BOOTSTRAP_RESAMPLES, .seed = 1};
}

void smt_evaluation_destroy(smt_evaluation **evaluation)
{
    if (evaluation && *evaluation) {
        smt_evaluation *e = *evaluation;
        smt_metrics_destroy(&e->metrics);
        smt_class_map_destroy(&e->map);
        smt_list_free(&e->files, e->count);
        if (!e->lent) {
            smt_pixels_destroy(&e->pixels);
        }
        smt_free(e->truth);
        smt_free(e->predicted);
        smt_free(e->top);
        smt_free(e->clean);
        smt_free(e->probabilities);
        smt_free(e->confidence);
        smt_free(e->familiarity);
        smt_free(e->true_probability);
        smt_free(e->in_top2);
        smt_free(e->model);
        smt_free(e->set);
        smt_folds_close(&e->folds);
        smt_free(e);
        *evaluation = NULL;
    }
}

/* Which split is measured; SMT_SPLIT_COUNT means all, or all but test. */
static smt_status
choose_split(const smt_dataset *dataset, smt_split_choice choice, smt_split *out, smt_error *error)
{
    size_t counts[SMT_SPLIT_COUNT] = {0};
    for (size_t i = 0; i < dataset->sample_count; i++) {
        counts[dataset->samples[i].split]++;
    }
    static const smt_split named[] = {[SMT_CHOOSE_TEST] = SMT_SPLIT_TEST,
                                      [SMT_CHOOSE_VAL] = SMT_SPLIT_VAL,
                                      [SMT_CHOOSE_TRAIN] = SMT_SPLIT_TRAIN};
    if (choice == SMT_CHOOSE_ALL || choice == SMT_CHOOSE_FOLDS) {
        *out = SMT_SPLIT_COUNT;
    } else if (choice == SMT_CHOOSE_AUTO) {
        *out = counts[SMT_SPLIT_TEST]  ? SMT_SPLIT_TEST
               : counts[SMT_SPLIT_VAL] ? SMT_SPLIT_VAL
                                       : SMT_SPLIT_COUNT;
    } else if (counts[named[choice]]) {
        *out = named[choice];
    } else {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: has no %s images; it has %zu train, %zu val, %zu test and %zu "
                        "undivided (--split chooses)",
                        dataset->root,
                        smt_split_name(named[choice]),
                        counts[SMT_SPLIT_TRAIN],
                        counts[SMT_SPLIT_VAL],
                        counts[SMT_SPLIT_TEST],
                        counts[SMT_SPLIT_NONE]);
    }
    return SMT_OK;
}

/* Images that trained the model are left out where nobody chose what is measured, else told. */
static smt_status judge_seen(smt_evaluation *e,
                             const smt_dataset *dataset,
                             bool automatic,
                             size_t *chosen,
                             bool *wanted,
                             smt_pool *pool,
                             smt_error *error)
{
    smt_seen found;
    smt_status status = smt_find_seen(&e->info, dataset, wanted, pool, &found, error);
    if (status || !found.count) {
        smt_free(found.seen);
        return status;
    }
    if (automatic && found.complete && found.count < *chosen) {
        for (size_t i = 0; i < dataset->sample_count; i++) {
            wanted[i] = wanted[i] && !found.seen[i];
        }
        *chosen -= found.count;
        e->split = "unseen";
        smt_log(
            SMT_LOG_INFO,
            "%s: %zu %s left out (--split all measures %s, too); %zu did not. What training held "
            "out "
            "chose its epoch and calibrate's thresholds; a test part ('semtinel split') does not",
            dataset->root,
            found.count,
            smt_plural(
                found.count, "image trained the model and is", "images trained the model and are"),
            smt_plural(found.count, "it", "them"),
            *chosen);
    } else {
        e->trained = found.count;
        e->trained_more = !found.complete;
        smt_log(
            SMT_LOG_WARNING,
            "%s: %s%zu of %zu images to measure %s among those that trained the model: they say "
            "nothing about new images ('semtinel split' makes a test part, before training)",
            dataset->root,
            found.complete ? "" : "at least ",
            found.count,
            *chosen,
            smt_plural(found.count, "is", "are"));
    }
    smt_free(found.seen);
    return SMT_OK;
}

static smt_status load_pixels(smt_evaluation *e,
                              const smt_dataset *dataset,
                              smt_split split,
                              const smt_evaluate_options *options,
                              smt_pool *pool,
                              smt_error *error)
{
    const smt_evaluation *earlier = options->earlier;
    if (earlier && earlier->info.input_size == e->info.input_size &&
        earlier->info.preprocess.cut_percent == e->info.preprocess.cut_percent) {
        e->pixels = earlier->pixels;
        e->lent = true;
        e->skipped = earlier->skipped;
        e->trained = earlier->trained;
        e->trained_more = earlier->trained_more;
        e->split = earlier->split;
        return SMT_OK;
    }
    bool *wanted = smt_alloc(dataset->sample_count, sizeof *wanted);
    if (!wanted) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    }
    size_t chosen = 0;
    for (size_t i = 0; i < dataset->sample_count; i++) {
        wanted[i] = options->split == SMT_CHOOSE_FOLDS
                        ? dataset->samples[i].split != SMT_SPLIT_TEST
                        : split == SMT_SPLIT_COUNT || dataset->samples[i].split == split;
        chosen += wanted[i];
    }
    bool automatic = options->split == SMT_CHOOSE_AUTO && split == SMT_SPLIT_COUNT;
    smt_status status = SMT_OK;
    if (options->split != SMT_CHOOSE_FOLDS) {
        status = judge_seen(e, dataset, automatic, &chosen, wanted, pool, error);
    }
    status = status ? status
                    : smt_pixels_load(dataset,
                                      wanted,
                                      e->info.input_size,
                                      e->info.preprocess.cut_percent,
                                      pool,
                                      &e->pixels,
                                      error);
    smt_free(wanted);
    if (status) {
        return status;
    }
    e->skipped = e->pixels->failed_count;
    return SMT_OK;
}

static smt_status allocate(smt_evaluation *e, const smt_dataset *dataset, smt_error *error)
{
    size_t n = e->pixels->count;
    e->truth = smt_alloc(n, sizeof *e->truth);
    e->predicted = smt_alloc(n, sizeof *e->predicted);
    e->top = smt_alloc(n, sizeof *e->top);
    e->clean = smt_alloc(n, sizeof *e->clean);
    e->confidence = smt_alloc(n, sizeof *e->confidence);
    e->familiarity = smt_alloc(n, sizeof *e->familiarity);
    e->true_probability = smt_alloc(n, sizeof *e->true_probability);
    e->in_top2 = smt_alloc(n, sizeof *e->in_top2);
    e->probabilities = smt_alloc(n * (size_t)e->info.class_count, sizeof *e->probabilities);
    e->files = smt_alloc(n, sizeof *e->files);
    bool complete = e->truth && e->predicted && e->top && e->clean && e->familiarity &&
                    e->confidence && e->true_probability && e->in_top2 && e->probabilities &&
                    e->files;
    for (size_t i = 0; complete && i < n; i++) {
        e->files[i] =
            smt_strdup(data_relative(dataset, dataset->samples[e->pixels->sample[i]].path));
        complete = e->files[i];
        e->count += complete;
    }
    return complete ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
}

static bool is_other(const char *name)
{
    char canonical[SMT_CANONICAL];
    smt_class_canonical(name, canonical);
    return strcmp(canonical, "other") == 0;
}

bool smt_evaluation_folded(const smt_evaluation *e)
{
    return e->split && strcmp(e->split, "folds") == 0;
}

bool smt_evaluation_knows(const smt_evaluation *e, size_t i)
{
    const float *row = e->probabilities + i * (size_t)e->info.class_count;
    int c = 0;
    while (c < e->info.class_count &&
           (e->map->from_model[c] != e->truth[i] || (smt_evaluation_folded(e) && row[c] == 0))) {
        c++;
    }
    return c < e->info.class_count;
}

size_t smt_evaluation_known(const smt_evaluation *e, size_t *right)
{
    bool pooled = false;
    for (int c = 0; c < e->info.class_count; c++) {
        pooled = pooled || (is_other(e->map->classes[e->map->from_model[c]]) &&
                            !is_other(e->info.classes[c]));
    }
    size_t known = 0;
    *right = 0;
    for (size_t i = 0; i < e->count; i++) {
        if (smt_evaluation_knows(e, i) && !(pooled && is_other(e->map->classes[e->truth[i]]))) {
            known++;
            *right += e->predicted[i] == e->truth[i];
        }
    }
    return known;
}

/* Some class is reached from both sides. If it is `other` alone, nothing was measured, and all
 * would be right. */
static bool shares_class(const smt_class_map *map)
{
    for (int i = 0; i < map->model_count; i++) {
        for (int k = 0; k < map->set_count; k++) {
            if (map->from_set[k] == map->from_model[i] &&
                !is_other(map->classes[map->from_model[i]])) {
                return true;
            }
        }
    }
    return false;
}

/* images: of each class of the set, or NULL. */
static smt_status match_classes(const smt_classifier_info *info,
                                const smt_dataset *dataset,
                                const size_t *images,
                                const smt_evaluate_options *options,
                                smt_class_map **out,
                                smt_error *error)
{
    smt_status status = smt_class_map_create(info->classes,
                                             info->class_count,
                                             (const char *const *)dataset->classes,
                                             images,
                                             dataset->class_count,
                                             options->overrides,
                                             options->override_count,
                                             options->apart,
                                             out,
                                             error);
    if (!status && !shares_class(*out)) {
        int named = 0; /* one that is measured */
        while (images && named < dataset->class_count - 1 && !images[named]) {
            named++;
        }
        smt_class_map_destroy(out);
        return smt_fail(
            error,
            SMT_ERR_ARGUMENT,
            "%s and %s: no class in common ('%s', ... and '%s', ...), so everything would count as "
            "other; 'semtinel evaluate' names the model's classes with --classes, and matches them "
            "with --map",
            info->path,
            dataset->root,
            info->classes[0],
            dataset->classes[named]);
    }
    return status;
}

smt_status smt_evaluate_check(const smt_classifier_info *info,
                              const smt_dataset *dataset,
                              const smt_evaluate_options *options,
                              smt_error *error)
{
    smt_class_map *map = NULL;
    smt_status status = match_classes(info, dataset, NULL, options, &map, error);
    smt_class_map_destroy(&map);
    return status;
}

static smt_status map_classes(smt_evaluation *e,
                              const smt_dataset *dataset,
                              const smt_evaluate_options *options,
                              smt_error *error)
{
    size_t *images = smt_alloc((size_t)dataset->class_count, sizeof *images);
    if (!images) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    }
    for (size_t i = 0; i < e->pixels->count; i++) {
        images[dataset->samples[e->pixels->sample[i]].class_index]++;
    }
    smt_status status = match_classes(&e->info, dataset, images, options, &e->map, error);
    smt_free(images);
    for (int i = 0; !status && !options->earlier && i < e->map->line_count; i++) {
        smt_log(SMT_LOG_INFO, "%s", e->map->lines[i]);
    }
    return status;
}

/* Second largest, for the top-2 measure; -1 for a network with one output. */
static int second(const float *row, int count, int best)
{
    int next = -1;
    for (int i = 0; i < count; i++) {
        if (i != best && (next < 0 || row[i] > row[next])) {
            next = i;
        }
    }
    return next;
}

static void judge(smt_evaluation *e, const smt_dataset *dataset)
{
    int classes = e->info.class_count;
    for (size_t i = 0; i < e->count; i++) {
        const float *row = e->probabilities + i * (size_t)classes;
        int best = smt_argmax(row, classes), next = second(row, classes, best);
        int of_set = dataset->samples[e->pixels->sample[i]].class_index;
        e->truth[i] = e->map->from_set[of_set];
        e->clean[i] = e->map->set_clean[of_set];
        e->top[i] = best;
        e->predicted[i] = e->map->from_model[best];
        e->confidence[i] = row[best];
        e->in_top2[i] = e->predicted[i] == e->truth[i] ||
                        (next >= 0 && e->map->from_model[next] == e->truth[i]);
        for (int c = 0; c < classes; c++) {
            e->true_probability[i] += e->map->from_model[c] == e->truth[i] ? row[c] : 0;
        }
    }
}

smt_status smt_evaluate(smt_classifier *classifier,
                        const smt_dataset *dataset,
                        const smt_evaluate_options *options,
                        smt_pool *pool,
                        smt_evaluation **out,
                        smt_error *error)
{
    smt_split split = SMT_SPLIT_COUNT;
    bool folded = options->split == SMT_CHOOSE_FOLDS;
    smt_status status = choose_split(dataset, options->split, &split, error);
    if (status) {
        return status;
    }
    smt_evaluation *e = smt_alloc(1, sizeof *e);
    if (!e) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    }
    e->info = *smt_classifier_about(classifier);
    e->split = folded ? "folds" : split == SMT_SPLIT_COUNT ? "all" : smt_split_name(split);
    e->model = smt_strdup(e->info.path);
    e->set = smt_strdup(dataset->root);
    if (!e->model || !e->set) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    }
    if (!options->earlier) {
        char mean[64] = "";
        if (e->info.decision.views > 1) {
            snprintf(mean, sizeof mean, ", the mean of %d views of each", e->info.decision.views);
        }
        smt_log(SMT_LOG_INFO,
                "measuring on %s of %s%s",
                folded                     ? "all images but those of test"
                : split == SMT_SPLIT_COUNT ? "all images"
                                           : e->split,
                dataset->root,
                mean);
        if (options->split == SMT_CHOOSE_AUTO && split == SMT_SPLIT_VAL) {
            smt_log(
                SMT_LOG_INFO,
                "it has no test part; of a run on this set, val chose the epoch and calibrate's "
                "thresholds");
        }
    }
    const smt_evaluation *earlier = options->earlier;
    smt_folds *folds = earlier && !strcmp(earlier->model, e->model) ? earlier->folds : NULL;
    if (!status && folded && !folds) {
        status = smt_folds_open(&e->info, dataset, pool, &e->folds, error);
        folds = e->folds;
    }
    status = status ? status : load_pixels(e, dataset, split, options, pool, error);
    status = status ? status : allocate(e, dataset, error);
    status = status ? status : map_classes(e, dataset, options, error);
    if (!status) {
        double start = smt_clock();
        status = folded ? smt_folds_run(
                              folds, &e->info.decision, dataset, e->pixels, e->probabilities, error)
                        : smt_classifier_run(
                              classifier, e->pixels->data, e->count, e->probabilities, error);
        e->seconds = smt_clock() - start;
    }
    for (size_t i = 0; i < e->count && folded && !status; i++) {
        e->familiarity[i] = NAN; /* the model has seen them */
    }
    if (!status && !folded) {
        status = smt_classifier_familiarity(
            classifier, e->pixels->data, e->count, e->familiarity, error);
    }
    if (!status) {
        judge(e, dataset);
        const smt_outcome outcome = {.count = e->count,
                                     .class_count = e->map->class_count,
                                     .truth = e->truth,
                                     .predicted = e->predicted,
                                     .true_probability = e->true_probability,
                                     .confidence = e->confidence,
                                     .in_top2 = e->in_top2};
        status =
            smt_metrics_create(&outcome, options->resamples, options->seed, &e->metrics, error);
    }
    if (status) {
        smt_evaluation_destroy(&e);
        return status;
    }
    *out = e;
    return SMT_OK;
}
