/* Percentile bootstrap over images (Efron and Tibshirani 1993, chapter 13). Accuracy and macro F1
 * of a resample are computed exactly as those of the whole, so a class that a resample misses is
 * left out of its mean. */
#include "base/f1.h"
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
    smt_class_count *counts = smt_alloc(classes, sizeof *counts);
    smt_status status = SMT_OK;
    if (!accuracy || !f1 || !counts) {
        status =
            smt_fail(error, SMT_ERR_MEMORY, "bootstrap of %d resamples: out of memory", resamples);
        goto done;
    }
    for (int r = 0; r < resamples; r++) {
        status = smt_check_interrupted(error);
        if (status) {
            goto done;
        }
        smt_rng rng = smt_rng_seed(seed, (uint64_t)r);
        memset(counts, 0, classes * sizeof *counts);
        size_t right = 0;
        for (size_t i = 0; i < outcome->count; i++) {
            size_t pick = smt_rng_below(&rng, (uint32_t)outcome->count);
            smt_count_answer(counts, outcome->truth[pick], outcome->predicted[pick]);
            right += outcome->truth[pick] == outcome->predicted[pick];
        }
        accuracy[r] = (double)right / (double)outcome->count;
        f1[r] = smt_macro_f1(counts, classes);
    }
    metrics->accuracy_95 = middle_95(accuracy, resamples);
    metrics->macro_f1_95 = middle_95(f1, resamples);
done:
    smt_free(accuracy);
    smt_free(f1);
    smt_free(counts);
    return status;
}
