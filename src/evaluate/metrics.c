/* Counts become scores. The conventions are scikit-learn's: a quotient with denominator 0 is 0, and
 * a class that neither occurs nor is predicted is left out of the means. */
#include "base/f1.h"
#include "evaluate/scores.h"

#include <math.h>
#include <stdlib.h>

static double quotient(size_t part, size_t whole)
{
    return whole ? (double)part / (double)whole : 0.0;
}

static smt_class_score score_of(const size_t *confusion, int classes, int c)
{
    smt_class_score score = {0};
    size_t right = confusion[(size_t)c * (size_t)classes + (size_t)c];
    for (int i = 0; i < classes; i++) {
        score.support += confusion[(size_t)c * (size_t)classes + (size_t)i];
        score.predicted += confusion[(size_t)i * (size_t)classes + (size_t)c];
    }
    score.precision = quotient(right, score.predicted);
    score.recall = quotient(right, score.support);
    score.f1 = smt_f1(&(smt_class_count){score.support, score.predicted, right});
    return score;
}

static bool active(const smt_class_score *score)
{
    return score->support + score->predicted > 0;
}

static void average(smt_metrics *m)
{
    int used = 0;
    for (int c = 0; c < m->class_count; c++) {
        const smt_class_score *s = &m->classes[c];
        double weight = quotient(s->support, m->count);
        used += active(s);
        m->macro.precision += s->precision;
        m->macro.recall += s->recall;
        m->macro.f1 += s->f1;
        m->weighted.precision += weight * s->precision;
        m->weighted.recall += weight * s->recall;
        m->weighted.f1 += weight * s->f1;
    }
    if (used) {
        m->macro.precision /= used;
        m->macro.recall /= used;
        m->macro.f1 /= used;
    }
    m->macro.support = m->weighted.support = m->macro.predicted = m->weighted.predicted = m->count;
}

static int bin_of(double confidence)
{
    /* Bin b holds (b / n, (b + 1) / n], as Guo et al. define it. */
    int b = (int)ceil(confidence * SMT_CALIBRATION_BINS) - 1;
    return b < 0 ? 0 : b >= SMT_CALIBRATION_BINS ? SMT_CALIBRATION_BINS - 1 : b;
}

/* Draws which predictions are right by their confidences: what a classifier with the same
 * confidences shows that means them. */
static void calibration_chance(const smt_outcome *outcome, smt_metrics *m)
{
    enum { DRAWS = 1000, STREAM = 0x63616c69 };
    smt_rng rng = smt_rng_seed(outcome->count, STREAM);
    double errors[DRAWS], sum = 0;
    for (int draw = 0; draw < DRAWS; draw++) {
        double gap[SMT_CALIBRATION_BINS] = {0}, error = 0;
        for (size_t i = 0; i < outcome->count; i++) {
            double confidence = (double)outcome->confidence[i];
            bool right = smt_rng_uniform(&rng, 0, 1) < confidence;
            gap[bin_of(confidence)] += (double)right - confidence;
        }
        for (int b = 0; b < SMT_CALIBRATION_BINS; b++) {
            error += fabs(gap[b]) / (double)outcome->count;
        }
        errors[draw] = error;
        sum += error;
    }
    smt_sort_doubles(errors, DRAWS);
    m->calibration_chance = sum / DRAWS;
    m->calibration_chance_95 = errors[DRAWS * 95 / 100];
}

const char *smt_calibration_verdict(const smt_metrics *m)
{
    return m->calibration_error > m->calibration_chance_95 ? "this is more than chance"
                                                           : "no miscalibration is shown";
}

typedef struct claim {
    float confidence;
    double right;
} claim;

static int surer(const void *a, const void *b)
{
    float x = ((const claim *)a)->confidence, y = ((const claim *)b)->confidence;
    return (x > y) - (x < y);
}

/* Bins of equal counts (Nixon et al. 2019, "Measuring calibration in deep learning"). Equal
 * confidences take the mean of what is right among them, so that their order does not count.
 * Negative: no memory. */
static double equal_count_error(const smt_outcome *outcome)
{
    size_t n = outcome->count;
    double error = 0;
    claim *claims = smt_alloc(n, sizeof *claims);
    if (!claims) {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        claims[i] = (claim){outcome->confidence[i], outcome->truth[i] == outcome->predicted[i]};
    }
    qsort(claims, n, sizeof *claims, surer);
    for (size_t start = 0, end; start < n; start = end) {
        double right = 0;
        for (end = start; end < n && claims[end].confidence == claims[start].confidence; end++) {
            right += claims[end].right;
        }
        for (size_t i = start; i < end; i++) {
            claims[i].right = right / (double)(end - start);
        }
    }
    for (size_t b = 0; b < SMT_CALIBRATION_BINS; b++) {
        double gap = 0;
        for (size_t i = n * b / SMT_CALIBRATION_BINS; i < n * (b + 1) / SMT_CALIBRATION_BINS; i++) {
            gap += claims[i].right - (double)claims[i].confidence;
        }
        error += fabs(gap) / (double)n;
    }
    smt_free(claims);
    return error;
}

static smt_status
measure_probabilities(const smt_outcome *outcome, smt_metrics *m, smt_error *error)
{
    m->log_loss = m->top2 = NAN;
    m->calibration_error = m->calibration_error_equal = NAN;
    m->calibration_chance = m->calibration_chance_95 = NAN;
    double count = (double)outcome->count;
    if (outcome->true_probability && outcome->count) {
        double sum = 0;
        for (size_t i = 0; i < outcome->count; i++) {
            sum -= log(fmax((double)outcome->true_probability[i], 1e-15));
        }
        m->log_loss = sum / count;
    }
    if (outcome->in_top2 && outcome->count) {
        size_t hits = 0;
        for (size_t i = 0; i < outcome->count; i++) {
            hits += outcome->in_top2[i];
        }
        m->top2 = (double)hits / count;
    }
    if (outcome->confidence && outcome->count) {
        calibration_chance(outcome, m);
        m->calibration_error_equal = equal_count_error(outcome);
        m->calibration_error = smt_calibration_error(outcome, m->bins);
    }
    return m->calibration_error_equal < 0
               ? smt_fail(
                     error, SMT_ERR_MEMORY, "metrics of %zu images: out of memory", outcome->count)
               : SMT_OK;
}

double smt_calibration_error(const smt_outcome *outcome, smt_calibration_bin *bins)
{
    double error = 0;
    for (int b = 0; b < SMT_CALIBRATION_BINS; b++) {
        bins[b] = (smt_calibration_bin){0};
    }
    for (size_t i = 0; i < outcome->count; i++) {
        double confidence = (double)outcome->confidence[i];
        int b = bin_of(confidence);
        bins[b].count++;
        bins[b].confidence += confidence;
        bins[b].accuracy += outcome->truth[i] == outcome->predicted[i];
    }
    for (int b = 0; b < SMT_CALIBRATION_BINS; b++) {
        if (bins[b].count) {
            error += fabs(bins[b].accuracy - bins[b].confidence) / (double)outcome->count;
            bins[b].confidence /= (double)bins[b].count;
            bins[b].accuracy /= (double)bins[b].count;
        }
    }
    return error;
}

smt_status smt_metrics_create(
    const smt_outcome *outcome, int resamples, uint64_t seed, smt_metrics **out, smt_error *error)
{
    int classes = outcome->class_count;
    if (classes < 1 || classes > 2 * SMT_CLASS_MAX + 1 || resamples < 0 ||
        outcome->count > UINT32_MAX) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "metrics of %zu images in %d classes with %d resamples: out of range",
                        outcome->count,
                        classes,
                        resamples);
    }
    for (size_t i = 0; i < outcome->count; i++) {
        if (outcome->truth[i] < 0 || outcome->truth[i] >= classes || outcome->predicted[i] < 0 ||
            outcome->predicted[i] >= classes) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "image %zu: class %d taken for %d; there are %d classes",
                            i,
                            outcome->truth[i],
                            outcome->predicted[i],
                            classes);
        }
    }
    smt_metrics *m = smt_alloc(1, sizeof *m);
    if (m) {
        m->confusion = smt_alloc((size_t)classes * (size_t)classes, sizeof *m->confusion);
        m->classes = smt_alloc((size_t)classes, sizeof *m->classes);
    }
    if (!m || !m->confusion || !m->classes) {
        smt_metrics_destroy(&m);
        return smt_fail(error, SMT_ERR_MEMORY, "metrics of %d classes: out of memory", classes);
    }
    m->count = outcome->count;
    m->class_count = classes;
    size_t right = 0;
    for (size_t i = 0; i < outcome->count; i++) {
        m->confusion[(size_t)outcome->truth[i] * (size_t)classes + (size_t)outcome->predicted[i]]++;
        right += outcome->truth[i] == outcome->predicted[i];
    }
    m->accuracy = quotient(right, m->count);
    for (int c = 0; c < classes; c++) {
        m->classes[c] = score_of(m->confusion, classes, c);
    }
    average(m);
    smt_status status = measure_probabilities(outcome, m, error);
    status = status ? status : smt_bootstrap(m, outcome, resamples, seed, error);
    if (status) {
        smt_metrics_destroy(&m);
        return status;
    }
    *out = m;
    return SMT_OK;
}

void smt_metrics_destroy(smt_metrics **metrics)
{
    if (metrics && *metrics) {
        smt_free((*metrics)->confusion);
        smt_free((*metrics)->classes);
        smt_free(*metrics);
        *metrics = NULL;
    }
}

double smt_all_right_accuracy(const smt_metrics *metrics)
{
    return metrics->count ? pow(0.05, 1 / (double)metrics->count) : 0;
}

bool smt_metrics_active(const smt_metrics *metrics, int class_index)
{
    return active(&metrics->classes[class_index]);
}
