/* The few figures that training needs to choose its best epoch. */
#include "train/metrics.h"

#include <math.h>

void smt_tally_add(smt_tally *tally, const float *logits, const int *truth, int batch)
{
    int classes = tally->classes;
    for (int i = 0; i < batch; i++) {
        int best = smt_argmax(logits + (size_t)i * (size_t)classes, classes);
        tally->confusion[truth[i] * classes + best]++;
    }
}

double smt_tally_accuracy(const smt_tally *tally)
{
    uint32_t right = 0, all = 0;
    for (int t = 0; t < tally->classes; t++) {
        for (int p = 0; p < tally->classes; p++) {
            uint32_t n = tally->confusion[t * tally->classes + p];
            all += n;
            right += t == p ? n : 0;
        }
    }
    return all ? (double)right / all : (double)NAN;
}

double smt_tally_macro_f1(const smt_tally *tally)
{
    double sum = 0;
    int counted = 0;
    for (int c = 0; c < tally->classes; c++) {
        uint32_t truth = 0, predicted = 0;
        for (int k = 0; k < tally->classes; k++) {
            truth += tally->confusion[c * tally->classes + k];
            predicted += tally->confusion[k * tally->classes + c];
        }
        if (truth + predicted) {
            counted++;
            sum += 2.0 * tally->confusion[c * tally->classes + c] / (truth + predicted);
        }
    }
    return counted ? sum / counted : (double)NAN;
}
