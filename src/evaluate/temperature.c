/* Fitting a temperature (Guo et al. 2017, "On calibration of modern neural
 * networks"): one number that divides the logits. */
#include "evaluate/scores.h"

#include <math.h>

/* Probabilities of image i at another temperature than the evaluation's. */
static void reheat(const smt_evaluation *e, size_t i, double temperature, float *row)
{
    int classes = e->info.class_count;
    for (int c = 0; c < classes; c++) {
        row[c] = e->probabilities[i * (size_t)classes + (size_t)c];
    }
    smt_to_probabilities(row, classes, true, temperature / (double)e->info.decision.temperature);
    if (smt_evaluation_folded(e)) { /* classes that the network has not stay at 0 */
        double sum = 0;
        for (int c = 0; c < classes; c++) {
            row[c] = e->probabilities[i * (size_t)classes + (size_t)c] > 0 ? row[c] : 0;
            sum += (double)row[c];
        }
        for (int c = 0; c < classes; c++) {
            row[c] = (float)((double)row[c] / sum);
        }
    }
}

double smt_loss_at(const smt_evaluation *e, double temperature)
{
    float row[SMT_CLASS_MAX];
    double loss = 0;
    for (size_t i = 0; i < e->count; i++) {
        reheat(e, i, temperature, row);
        double given = 0;
        for (int c = 0; c < e->info.class_count; c++) {
            given += e->map->from_model[c] == e->truth[i] ? (double)row[c] : 0;
        }
        loss -= log(fmax(given, 1e-15));
    }
    return e->count ? loss / (double)e->count : 0;
}

double smt_error_at(const smt_evaluation *e, double temperature, float *confidence)
{
    float row[SMT_CLASS_MAX];
    for (size_t i = 0; i < e->count; i++) {
        reheat(e, i, temperature, row);
        confidence[i] = row[e->top[i]];
    }
    smt_calibration_bin bins[SMT_CALIBRATION_BINS];
    const smt_outcome outcome = {.count = e->count,
                                 .class_count = e->map->class_count,
                                 .truth = e->truth,
                                 .predicted = e->predicted,
                                 .confidence = confidence};
    return smt_calibration_error(&outcome, bins);
}

double smt_uncalibrated_error(const smt_evaluation *e)
{
    float *confidence = smt_alloc(e->count, sizeof *confidence);
    double error = confidence ? smt_error_at(e, 1.0, confidence) : (double)NAN;
    smt_free(confidence);
    return error;
}

/* Twice the gain in log likelihood that chance alone reaches in one of twenty cases (chi squared,
 * one degree of freedom). */
#define BY_CHANCE 3.841

/* An image of a class that its network does not know is a mistake at any temperature, and says
 * nothing of it. */
static bool all_right(const smt_evaluation *e)
{
    size_t i = 0;
    while (i < e->count && (e->predicted[i] == e->truth[i] || !smt_evaluation_knows(e, i))) {
        i++;
    }
    return i == e->count;
}

/* Golden-section search over the logarithm: the loss is convex in 1 / temperature, so it has one
 * minimum. On a hundred images that minimum lies up to a fifth off, so it counts only where it is
 * more than chance. Without a mistake it lies at 0, where every confidence is 1. */
double smt_fit_temperature(const smt_evaluation *e)
{
    if (all_right(e)) {
        return 1;
    }
    const double golden = 0.6180339887498949;
    double low = log(SMT_LEAST_TEMPERATURE), high = log(SMT_MOST_TEMPERATURE);
    double a = high - golden * (high - low), b = low + golden * (high - low);
    double at_a = smt_loss_at(e, exp(a)), at_b = smt_loss_at(e, exp(b));
    while (high - low > 1e-5) {
        if (at_a < at_b) {
            high = b;
            b = a;
            at_b = at_a;
            a = high - golden * (high - low);
            at_a = smt_loss_at(e, exp(a));
        } else {
            low = a;
            a = b;
            at_a = at_b;
            b = low + golden * (high - low);
            at_b = smt_loss_at(e, exp(b));
        }
    }
    double fitted = exp((low + high) / 2);
    double gain = 2 * (double)e->count * (smt_loss_at(e, 1) - smt_loss_at(e, fitted));
    return gain > BY_CHANCE ? fitted : 1;
}
