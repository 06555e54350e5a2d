#include "evaluate/runner.h"
#include "evaluate/scores.h"

#include <semtinel/format.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define VIEW_BLOCK 64 /* images whose turned copies are held at once */

struct smt_classifier {
    runner *runner;
    runner_facts facts;
    char *path;
    float *references;      /* what info.references points to */
    smt_familiar *familiar; /* made of them when first asked for: that takes longer than opening */
    smt_classifier_info info;
};

static void free_facts(runner_facts *facts)
{
    smt_list_free(&facts->classes, (size_t)facts->class_count);
    smt_free(facts->provenance);
    *facts = (runner_facts){0};
}

void smt_classifier_close(smt_classifier **classifier)
{
    if (classifier && *classifier) {
        if ((*classifier)->runner) {
            (*classifier)->runner->close((*classifier)->runner);
        }
        free_facts(&(*classifier)->facts);
        smt_familiar_destroy(&(*classifier)->familiar);
        smt_free((*classifier)->references);
        smt_free((*classifier)->path);
        smt_free(*classifier);
        *classifier = NULL;
    }
}

/* Readers number the outputs of a file without names: class0, class1, ... */
static bool only_numbered(const runner_facts *facts)
{
    for (int i = 0; i < facts->class_count; i++) {
        char number[32];
        snprintf(number, sizeof number, "class%d", i);
        if (strcmp(facts->classes[i], number)) {
            return false;
        }
    }
    return true;
}

static smt_status make_names(runner_facts *facts, const char *path, smt_error *error)
{
    char **names = smt_alloc((size_t)facts->outputs, sizeof *names);
    for (int i = 0; names && i < facts->outputs; i++) {
        names[i] = smt_format("class%d", i);
        if (!names[i]) {
            smt_list_free(&names, (size_t)i);
        }
    }
    if (!names) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    facts->classes = names;
    facts->class_count = facts->outputs;
    return SMT_OK;
}

/* References whose width is another network's are of no use, and familiarity stays unknown. */
static bool references_fit(const smt_classifier_info *info)
{
    int width = info->feature_width;
    return info->references && info->layout.pooled &&
           (width == info->layout.pooled || width == smt_feature_width(&info->layout));
}

static void use_references(smt_classifier *c)
{
    c->info.references = c->references;
    smt_familiar_destroy(&c->familiar);
    if (references_fit(&c->info)) {
        smt_normalise_rows(c->references,
                           (size_t)c->info.remembered,
                           (size_t)c->info.layout.pooled,
                           (size_t)c->info.feature_width);
    }
}

smt_status
smt_classifier_open(const char *path, smt_pool *pool, smt_classifier **out, smt_error *error)
{
    smt_classifier *c = smt_alloc(1, sizeof *c);
    if (!c) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    smt_status status = smt_model_file(path, &c->path, error);
    smt_error why = {0};
    const smt_model_format *format = status ? NULL : smt_format_of_file(c->path, &why);
    if (!status && !format) {
        status = smt_fail(error, why.status, "%s", why.message);
    }
    bool edge = !status && strcmp(format->name, "tflite") == 0;
    if (!status) {
        status = edge ? runner_open_edge(c->path, pool, &c->runner, &c->facts, error)
                      : runner_open_model(c->path, pool, &c->runner, &c->facts, error);
    }
    bool named = c->facts.class_count > 0 && !only_numbered(&c->facts);
    if (!status && !c->facts.class_count) {
        status = make_names(&c->facts, c->path, error);
    }
    if (status) {
        smt_classifier_close(&c);
        return status;
    }
    struct stat file;
    c->info.path = c->path;
    c->info.bytes = stat(c->path, &file) ? 0 : (size_t)file.st_size;
    c->info.format = format->name;
    c->info.precision = c->facts.precision;
    c->info.class_count = c->facts.class_count;
    c->info.classes = (const char *const *)c->facts.classes;
    c->info.named = named;
    c->info.input_size = c->facts.input_size;
    c->info.channels = c->facts.channels;
    c->info.preprocess = c->facts.preprocess;
    c->info.layout = c->facts.layout;
    c->info.provenance = c->facts.provenance ? c->facts.provenance : "{}";
    c->info.decision = smt_decision_load(c->info.provenance, c->info.classes, c->info.class_count);
    if (c->info.decision.watches && strcmp(c->info.format, "safetensors") == 0) {
        status = smt_familiarity_load(
            c->path, &c->references, &c->info.remembered, &c->info.feature_width, error);
        if (status) {
            smt_classifier_close(&c);
            return status;
        }
        use_references(c);
    }
    *out = c;
    return SMT_OK;
}

void smt_classifier_decide(smt_classifier *classifier, const smt_decision *decision)
{
    classifier->info.decision = *decision;
}

void smt_classifier_set_views(smt_classifier *classifier, int views)
{
    classifier->info.decision.views = views;
}

const smt_classifier_info *smt_classifier_about(const smt_classifier *classifier)
{
    return &classifier->info;
}

smt_status smt_classifier_rename(smt_classifier *classifier,
                                 const char *const *names,
                                 int count,
                                 smt_error *error)
{
    if (count != classifier->facts.outputs) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: %d class names for a network with %d outputs",
                        classifier->path,
                        count,
                        classifier->facts.outputs);
    }
    char **copies = smt_list_copy(names, (size_t)count);
    if (!copies) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", classifier->path);
    }
    smt_list_free(&classifier->facts.classes, (size_t)classifier->facts.class_count);
    classifier->facts.classes = copies;
    classifier->info.classes = (const char *const *)copies;
    classifier->info.named = true;
    return SMT_OK;
}

static bool all_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return true;
}

smt_status smt_classifier_features(smt_classifier *classifier,
                                   const uint8_t *pixels,
                                   size_t count,
                                   float **features,
                                   int *width,
                                   smt_error *error)
{
    runner *r = classifier->runner;
    if (!r->features) {
        return smt_fail(
            error,
            SMT_ERR_UNSUPPORTED,
            "%s: a %s file does not show its features; use the checkpoint that it was made from",
            classifier->path,
            classifier->info.format);
    }
    return r->features(r, &classifier->facts.preprocess, pixels, count, features, width, error);
}

smt_status smt_classifier_remember(
    smt_classifier *classifier, const float *features, size_t count, int width, smt_error *error)
{
    size_t kept = count < SMT_REMEMBERED ? count : SMT_REMEMBERED, values = (size_t)width;
    if (!kept) {
        return smt_fail(error, SMT_ERR_ARGUMENT, "%s: no features to remember", classifier->path);
    }
    float *rows = smt_alloc(kept, values * sizeof *rows);
    if (!rows) {
        return smt_fail(
            error, SMT_ERR_MEMORY, "%s: out of memory for %zu features", classifier->path, kept);
    }
    for (size_t i = 0; i < kept; i++) {
        memcpy(rows + i * values, features + i * count / kept * values, values * sizeof *rows);
    }
    smt_free(classifier->references);
    classifier->references = rows;
    classifier->info.remembered = (int)kept;
    classifier->info.feature_width = width;
    use_references(classifier);
    return SMT_OK;
}

smt_status smt_classifier_familiarity(smt_classifier *classifier,
                                      const uint8_t *pixels,
                                      size_t count,
                                      float *familiarity,
                                      smt_error *error)
{
    const smt_classifier_info *info = &classifier->info;
    for (size_t i = 0; i < count; i++) {
        familiarity[i] = NAN;
    }
    if (!references_fit(info) || !count) {
        return SMT_OK;
    }
    float *features = NULL;
    int width = 0;
    smt_status status =
        smt_classifier_features(classifier, pixels, count, &features, &width, error);
    if (!status && !classifier->familiar) {
        status = smt_familiar_create(info->references,
                                     (size_t)info->remembered,
                                     (size_t)info->feature_width,
                                     &info->layout,
                                     &classifier->familiar,
                                     error);
    }
    if (!status) {
        smt_normalise_rows(features, count, (size_t)info->layout.pooled, (size_t)width);
    }
    for (size_t i = 0; i < count && !status; i++) {
        familiarity[i] =
            smt_familiar_score(classifier->familiar, features + i * (size_t)width, SIZE_MAX);
    }
    smt_free(features);
    return status;
}

/* probabilities: softmax(outputs / temperature). */
static smt_status run_once(smt_classifier *classifier,
                           const uint8_t *pixels,
                           size_t count,
                           double temperature,
                           float *probabilities,
                           smt_error *error)
{
    int classes = classifier->info.class_count;
    smt_status status = classifier->runner->run(
        classifier->runner, &classifier->facts.preprocess, pixels, count, probabilities, error);
    for (size_t i = 0; i < count && !status; i++) {
        float *row = probabilities + i * (size_t)classes;
        if (!all_finite(row, (size_t)classes)) {
            return smt_fail(error,
                            SMT_ERR_FORMAT,
                            "%s: the network's output is not finite; its weights are damaged",
                            classifier->path);
        }
        smt_to_probabilities(row, classes, classifier->facts.probabilities, temperature);
    }
    return status;
}

/* The image as it is (0), mirrored in x (1), in y (2), along the diagonal (4), and their sums. */
static void turn(const uint8_t *image, int size, int view, uint8_t *out)
{
    for (int y = 0; y < size; y++) {
        int v = view & 2 ? size - 1 - y : y;
        for (int x = 0; x < size; x++) {
            int u = view & 1 ? size - 1 - x : x;
            *out++ = view & 4 ? image[u * size + v] : image[v * size + u];
        }
    }
}

/* The temperature is that of the mean, as it was fitted. */
static smt_status run_views(smt_classifier *classifier,
                            const uint8_t *pixels,
                            size_t count,
                            float *probabilities,
                            smt_error *error)
{
    const smt_classifier_info *info = &classifier->info;
    size_t classes = (size_t)info->class_count;
    size_t side = (size_t)info->input_size * (size_t)info->input_size;
    size_t most = count < VIEW_BLOCK ? count : VIEW_BLOCK;
    uint8_t *turned = smt_alloc(most, side);
    float *rows = smt_alloc(most, classes * sizeof *rows);
    smt_status status =
        turned && rows ? SMT_OK
                       : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", classifier->path);
    memset(probabilities, 0, count * classes * sizeof *probabilities);
    smt_progress("classifying all views", 0, count);
    for (size_t first = 0; first < count && !status; first += most) {
        size_t some = count - first < most ? count - first : most;
        float *sums = probabilities + first * classes;
        for (int view = 0; view < info->decision.views && !status; view++) {
            for (size_t i = 0; i < some; i++) {
                turn(pixels + (first + i) * side, info->input_size, view, turned + i * side);
            }
            status = run_once(classifier, turned, some, 1, rows, error);
            for (size_t i = 0; i < some * classes && !status; i++) {
                sums[i] += rows[i] / (float)info->decision.views;
            }
        }
        for (size_t i = 0; i < some && !status; i++) {
            smt_to_probabilities(
                sums + i * classes, info->class_count, true, (double)info->decision.temperature);
        }
        smt_progress("classifying all views", first + some, count);
        status = status ? status : smt_check_interrupted(error);
    }
    smt_free(turned);
    smt_free(rows);
    return status;
}

smt_status smt_classifier_run(smt_classifier *classifier,
                              const uint8_t *pixels,
                              size_t count,
                              float *probabilities,
                              smt_error *error)
{
    const smt_decision *decision = &classifier->info.decision;
    return decision->views > 1 ? run_views(classifier, pixels, count, probabilities, error)
                               : run_once(classifier,
                                          pixels,
                                          count,
                                          (double)decision->temperature,
                                          probabilities,
                                          error);
}

smt_status smt_classifier_run_scored(smt_classifier *classifier,
                                     const uint8_t *pixels,
                                     size_t count,
                                     float *probabilities,
                                     float *familiarity,
                                     smt_error *error)
{
    smt_status status = smt_classifier_run(classifier, pixels, count, probabilities, error);
    return !status && familiarity
               ? smt_classifier_familiarity(classifier, pixels, count, familiarity, error)
               : status;
}
