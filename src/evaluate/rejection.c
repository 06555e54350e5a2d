/* Thresholds on the calibrated confidence: below it a prediction goes to review. Solved on
 * validation images by scanning the predictions from the most confident to the least. */
#include "evaluate/scores.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct vote {
    float confidence;
    bool right;
} vote;

static int surest_first(const void *a, const void *b)
{
    float x = ((const vote *)a)->confidence, y = ((const vote *)b)->confidence;
    return (x < y) - (x > y);
}

/* A class with fewer predictions than this keeps the threshold of all classes: so few say nothing
 * about it. */
#define FEWEST 5

/* The smallest threshold that reaches the target on these votes; equal confidences stand or fall
 * together. */
static float solve(vote *votes, size_t count, smt_rejection_target target, double value)
{
    const float never = 2.0f; /* no confidence reaches it */
    float best = target == SMT_REJECT_BY_RATE || !count ? 0.0f : never;
    size_t right = 0;
    qsort(votes, count, sizeof *votes, surest_first);
    for (size_t i = 0; i < count; i++) {
        right += votes[i].right;
        if (i + 1 < count && votes[i + 1].confidence == votes[i].confidence) {
            continue;
        }
        double accepted = (double)(i + 1);
        if (target == SMT_REJECT_BY_PURITY && (double)right >= value * accepted) {
            best = votes[i].confidence;
        }
        if (target == SMT_REJECT_BY_RATE && (double)count - accepted <= value * (double)count) {
            return votes[i].confidence;
        }
    }
    return best;
}

static smt_status solve_thresholds(const smt_evaluation *e,
                                   const smt_decision_options *options,
                                   const float *confidence,
                                   smt_decision *decision,
                                   smt_error *error)
{
    vote *votes = smt_alloc(e->count, sizeof *votes);
    if (!votes) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", e->set);
    }
    /* c = -1: all classes together, which every class starts from. */
    for (int c = -1; c < (options->per_class ? e->info.class_count : 0); c++) {
        size_t count = 0;
        for (size_t i = 0; i < e->count; i++) {
            if (c < 0 || e->top[i] == c) {
                votes[count++] = (vote){confidence[i], e->truth[i] == e->predicted[i]};
            }
        }
        float threshold = solve(votes, count, options->target, options->value);
        for (int k = 0; k < e->info.class_count; k++) {
            if (c < 0 || (k == c && count >= FEWEST)) {
                decision->threshold[k] = threshold;
            }
        }
    }
    smt_free(votes);
    return SMT_OK;
}

bool smt_decision_accepts(const smt_decision *decision, int class_index, float confidence)
{
    return !decision->rejects || confidence >= decision->threshold[class_index];
}

static bool is_clean(const char *name)
{
    char canonical[SMT_CANONICAL];
    smt_class_canonical(name, canonical);
    return strncmp(canonical, "clean", 5) == 0;
}

static smt_rejection
measure(const smt_evaluation *e, const smt_decision *decision, const float *confidence)
{
    smt_rejection r = {.count = e->count};
    bool clean[2 * SMT_CLASS_MAX + 1];
    for (int c = 0; c < e->map->class_count; c++) {
        clean[c] = is_clean(e->map->classes[c]);
    }
    for (size_t i = 0; i < e->count; i++) {
        bool accepted = smt_decision_accepts(decision, e->top[i], confidence[i]);
        bool escape = !clean[e->truth[i]] && clean[e->predicted[i]];
        r.accepted += accepted;
        r.right += accepted && e->truth[i] == e->predicted[i];
        r.defects += !clean[e->truth[i]];
        r.escapes_before += escape;
        r.escapes += escape && accepted;
    }
    r.coverage = r.count ? (double)r.accepted / (double)r.count : 0;
    r.purity = r.accepted ? (double)r.right / (double)r.accepted : 0;
    return r;
}

smt_rejection smt_rejection_measure(const smt_evaluation *evaluation)
{
    return measure(evaluation, &evaluation->info.decision, evaluation->confidence);
}

smt_status smt_decision_fit(const smt_evaluation *e,
                            const smt_decision_options *options,
                            smt_decision *decision,
                            smt_calibration *calibration,
                            smt_error *error)
{
    if (options->target != SMT_REJECT_NONE && !(options->value >= 0 && options->value <= 1)) {
        return smt_fail(
            error, SMT_ERR_ARGUMENT, "purity or rejection rate %g: not in 0 .. 1", options->value);
    }
    float *confidence = smt_alloc(e->count, sizeof *confidence);
    if (!confidence) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", e->set);
    }
    smt_decision d = {.temperature = 1, .per_class = options->per_class};
    smt_calibration c = {.loss_before = smt_loss_at(e, 1),
                         .error_before = smt_error_at(e, 1, confidence)};
    if (!options->keep_temperature) {
        d.temperature = (float)smt_fit_temperature(e);
    }
    c.temperature = (double)d.temperature;
    c.loss_after = smt_loss_at(e, c.temperature);
    c.error_after = smt_error_at(e, c.temperature, confidence);
    smt_status status = SMT_OK;
    if (options->target != SMT_REJECT_NONE) {
        d.rejects = true;
        snprintf(d.target,
                 sizeof d.target,
                 "%s %g",
                 options->target == SMT_REJECT_BY_PURITY ? "purity" : "rejection",
                 options->value);
        status = solve_thresholds(e, options, confidence, &d, error);
    }
    if (!status) {
        c.rejection = measure(e, &d, confidence);
        *decision = d;
        *calibration = c;
    }
    smt_free(confidence);
    return status;
}

double smt_coverage_curve(const smt_evaluation *e, smt_coverage_point *points)
{
    vote *votes = smt_alloc(e->count, sizeof *votes);
    if (!votes) {
        return -1;
    }
    for (size_t i = 0; i < e->count; i++) {
        votes[i] = (vote){e->confidence[i], e->truth[i] == e->predicted[i]};
    }
    qsort(votes, e->count, sizeof *votes, surest_first);
    size_t right = 0;
    double area = 0;
    for (size_t i = 0; i < e->count; i++) {
        right += votes[i].right;
        double accuracy = (double)right / (double)(i + 1);
        points[i] = (smt_coverage_point){
            (double)votes[i].confidence, (double)(i + 1) / (double)e->count, accuracy};
        area += (1 - accuracy) / (double)e->count;
    }
    smt_free(votes);
    return area;
}
