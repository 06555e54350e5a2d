/* A network's answers as probabilities at a temperature, which divides the logits. Logits are
 * recovered from probabilities as their logarithms, to which softmax is blind but for a constant,
 * so this works behind a .tflite whose last operator is a softmax as well. */
#include "evaluate/scores.h"

#include <math.h>

/* An int8 softmax gives 0 to what is below 1/512; its logarithm must stay finite. What a float
 * network gives less than this counts as it is. */
#define LEAST 1e-7

void smt_to_probabilities(float *row, int classes, bool probabilities, double temperature)
{
    if (probabilities && temperature == 1.0) {
        return;
    }
    double top = -INFINITY, sum = 0, least = LEAST;
    for (int c = 0; c < classes; c++) {
        least = row[c] > 0 ? fmin((double)row[c], least) : least;
    }
    for (int c = 0; c < classes; c++) {
        double logit = probabilities ? log(fmax((double)row[c], least)) : (double)row[c];
        top = fmax(top, logit / temperature);
    }
    double e[SMT_CLASS_MAX];
    for (int c = 0; c < classes; c++) {
        double logit = probabilities ? log(fmax((double)row[c], least)) : (double)row[c];
        e[c] = exp(logit / temperature - top);
        sum += e[c];
    }
    for (int c = 0; c < classes; c++) {
        row[c] = (float)(e[c] / sum);
    }
}

void smt_decision_powers(const smt_decision *decision, float *table)
{
    int most = 255 * decision->views;
    for (int s = 0; s <= most; s++) {
        double p = fmax((double)s / (256 * decision->views), LEAST);
        /* The most probable class has p >= 1 / 2048: at the least temperature its power, so scaled,
         * is no denormal yet. */
        table[s] = (float)ldexp(pow(p, 1 / (double)decision->temperature), 100);
    }
}
