/* Percentile bootstrap over images (Efron and Tibshirani 1993, chapter 13). Accuracy and macro F1
 * of a resample are computed exactly as those of the whole, so a class that a resample misses is
 * left out of its mean. */
#include "evaluate/scores.h"

#include <math.h>
#include <string.h>

/* Linear between order statistics, as numpy.percentile. */
static double percentile(const double *sorted, int count, double share)
{
    double at = share * (count - 1);
    int low = (int)floor(at);
    int high = low + 1 < count ? low + 1 : low;
    return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

static smt_interval middle_95(double *values, int count)
{
    smt_sort_doubles(values, (size_t)count);
    return (smt_interval){percentile(values, count, 0.025), percentile(values, count, 0.975)};
}

/* Images of a class, those taken for it, and those of it taken for it. */
typedef struct tally {
    size_t support, predicted, right;
} tally;

static double macro_f1_of(const tally *tallies, size_t classes)
{
    double sum = 0;
    int active = 0;
    for (size_t c = 0; c < classes; c++) {
        size_t whole = tallies[c].support + tallies[c].predicted;
        sum += whole ? (double)(2 * tallies[c].right) / (double)whole : 0;
        active += whole > 0;
    }
    return active ? sum / active : 0;
}

smt_status smt_bootstrap(smt_metrics *metrics,
                         const smt_outcome *outcome,
                         int resamples,
                         uint64_t seed,
                         smt_error *error)
{
    metrics->accuracy_95 = (smt_interval){metrics->accuracy, metrics->accuracy};
    metrics->macro_f1_95 = (smt_interval){metrics->macro.f1, metrics->macro.f1};
    if (!resamples || !outcome->count) {
        return SMT_OK;
    }
    size_t classes = (size_t)outcome->class_count;
    double *accuracy = smt_alloc((size_t)resamples, sizeof *accuracy);
    double *f1 = smt_alloc((size_t)resamples, sizeof *f1);
    tally *tallies = smt_alloc(classes, sizeof *tallies);
    smt_status status = SMT_OK;
    if (!accuracy || !f1 || !tallies) {
        status =
            smt_fail(error, SMT_ERR_MEMORY, "bootstrap of %d resamples: out of memory", resamples);
        goto done;
    }
    for (int r = 0; r < resamples; r++) {
        smt_rng rng = smt_rng_seed(seed, (uint64_t)r);
        memset(tallies, 0, classes * sizeof *tallies);
        size_t right = 0;
        for (size_t i = 0; i < outcome->count; i++) {
            size_t pick = smt_rng_below(&rng, (uint32_t)outcome->count);
            bool hit = outcome->truth[pick] == outcome->predicted[pick];
            tallies[outcome->truth[pick]].support++;
            tallies[outcome->predicted[pick]].predicted++;
            tallies[outcome->truth[pick]].right += hit;
            right += hit;
        }
        accuracy[r] = (double)right / (double)outcome->count;
        f1[r] = macro_f1_of(tallies, classes);
    }
    metrics->accuracy_95 = middle_95(accuracy, resamples);
    metrics->macro_f1_95 = middle_95(f1, resamples);
done:
    smt_free(accuracy);
    smt_free(f1);
    smt_free(tallies);
    return status;
}
