/* A decision as JSON inside a model's provenance, under "decision". */
#include "base/json.h"
#include "evaluate/scores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The values by class, without those of `none`. */
static json_t *by_class(const float *values, float none, const smt_evaluation *e)
{
    json_t *object = json_object();
    for (int c = 0; c < e->info.class_count; c++) {
        if (values[c] != none &&
            smt_json_set(object, e->info.classes[c], json_real((double)values[c]))) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *
describe(const smt_decision *decision, const smt_calibration *c, const smt_evaluation *e)
{
    json_t *json = json_pack("{s:f,s:i,s:o,s:s,s:I,s:[f,f],s:[f,f]}",
                             "temperature",
                             (double)decision->temperature,
                             "views",
                             decision->views,
                             "fitted_on",
                             smt_json_text(e->set),
                             "split",
                             e->split,
                             "images",
                             (json_int_t)e->count,
                             "calibration_error",
                             c->error_before,
                             c->error_after,
                             "log_loss",
                             c->loss_before,
                             c->loss_after);
    if (json && decision->rejects) {
        json_t *rejection =
            json_pack("{s:o,s:b,s:o,s:o,s:o,s:f}",
                      "target",
                      smt_json_text(decision->target),
                      "per_class",
                      (int)decision->per_class,
                      "purity_of",
                      by_class(decision->purity, 0, e),
                      "thresholds",
                      by_class(decision->threshold, -1, e),
                      "purity",
                      c->rejection.accepted ? json_real(c->rejection.purity) : json_null(),
                      "coverage",
                      c->rejection.coverage);
        if (decision->watches &&
            json_object_set_new(
                rejection, "least_familiarity", json_real((double)decision->least_familiarity))) {
            json_decref(rejection);
            json_decref(json);
            return NULL;
        }
        if (json_object_set_new(json, "rejection", rejection)) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}

smt_status smt_decision_store(const char *provenance,
                              const smt_decision *decision,
                              const smt_calibration *calibration,
                              const smt_evaluation *evaluation,
                              char **out,
                              smt_error *error)
{
    json_t *root = json_loads(provenance, 0, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        root = json_object();
    }
    char *dumped = NULL;
    if (json_object_set_new(root, "decision", describe(decision, calibration, evaluation)) == 0) {
        dumped = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9));
    }
    char *copy = dumped ? smt_strdup(dumped) : NULL;
    free(dumped);
    json_decref(root);
    if (!copy) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for the decision");
    }
    *out = copy;
    return SMT_OK;
}

smt_decision smt_decision_load(const char *provenance, const char *const *classes, int class_count)
{
    smt_decision d = {.temperature = 1, .views = 1};
    json_t *root = json_loads(provenance, 0, NULL);
    const json_t *json = json_object_get(root, "decision");
    double temperature = json_number_value(json_object_get(json, "temperature"));
    if (temperature >= SMT_LEAST_TEMPERATURE && temperature <= SMT_MOST_TEMPERATURE) {
        d.temperature = (float)temperature;
    }
    json_int_t views = json_integer_value(json_object_get(json, "views"));
    if (views == 2 || views == 4 || views == SMT_VIEWS_MOST) {
        d.views = (int)views;
    }
    const json_t *rejection = json_object_get(json, "rejection");
    const json_t *thresholds = json_object_get(rejection, "thresholds");
    const json_t *purity_of = json_object_get(rejection, "purity_of");
    d.rejects = json_is_object(thresholds) && class_count <= SMT_CLASS_MAX;
    for (int c = 0; c < class_count && d.rejects; c++) {
        char *name = smt_utf8(classes[c]);
        const json_t *value = name ? json_object_get(thresholds, name) : NULL;
        double purity = name ? json_number_value(json_object_get(purity_of, name)) : 0;
        smt_free(name);
        d.purity[c] = purity > 0 && purity <= 1 ? (float)purity : 0;
        d.rejects = json_is_number(value) && isfinite(json_number_value(value));
        d.threshold[c] = (float)json_number_value(value);
    }
    if (d.rejects) {
        const char *target = json_string_value(json_object_get(rejection, "target"));
        snprintf(d.target, sizeof d.target, "%s", target ? target : "");
        d.per_class = json_is_true(json_object_get(rejection, "per_class"));
        const json_t *least = json_object_get(rejection, "least_familiarity");
        d.watches = json_is_number(least);
        d.least_familiarity = (float)json_number_value(least);
    }
    json_decref(root);
    return d;
}

static bool is_text(const json_t *json, const char *text)
{
    char *clean = smt_utf8(text);
    bool same = clean && json_is_string(json) && strcmp(json_string_value(json), clean) == 0;
    smt_free(clean);
    return same;
}

/* "data" is "data/", too. */
static bool is_folder(const json_t *json, const char *path)
{
    const char *known = json_string_value(json);
    return is_text(json, path) ||
           (known && smt_path_inside(path, known) && smt_path_inside(known, path));
}

bool smt_decision_fitted_here(const smt_evaluation *e)
{
    json_t *root = json_loads(e->info.provenance, 0, NULL);
    const json_t *json = json_object_get(root, "decision");
    const json_t *part = json_object_get(json, "split");
    /* What training held out is what it has not seen, where no newer images came. */
    bool within = is_text(part, "all") || (is_text(part, "val") && !strcmp(e->split, "unseen")) ||
                  (is_text(part, "folds") && strcmp(e->split, "test") && strcmp(e->split, "all"));
    bool newer = (json_int_t)e->count > json_integer_value(json_object_get(json, "images"));
    bool here = is_folder(json_object_get(json, "fitted_on"), e->set) &&
                (is_text(part, e->split) || (within && !newer));
    json_decref(root);
    return here;
}
