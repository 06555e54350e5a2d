/* Counts of (true class, predicted class), and what follows from them. */
#ifndef SMT_TRAIN_METRICS_H
#define SMT_TRAIN_METRICS_H

#include <semtinel/base.h>

typedef struct smt_tally {
    int classes;
    uint32_t *confusion; /* classes x classes, row: truth; owned by whoever made it */
} smt_tally;

/* logits: batch x classes; the highest one wins, the first of equals. */
void smt_tally_add(smt_tally *tally, const float *logits, const int *truth, int batch);
double smt_tally_accuracy(const smt_tally *tally); /* NaN without images */
/* As evaluate's: the mean F1 of the classes that occur or are predicted. NaN without images. */
double smt_tally_macro_f1(const smt_tally *tally);

#endif
