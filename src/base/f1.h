/* F1 from counts, for training and for evaluation. */
#ifndef SEMTINEL_BASE_F1_H
#define SEMTINEL_BASE_F1_H

#include <stddef.h>

/* Images of a class, those taken for it, and those of it taken for it. */
typedef struct smt_class_count {
    size_t support, predicted, right;
} smt_class_count;

static inline void smt_count_answer(smt_class_count *counts, int truth, int predicted)
{
    counts[truth].support++;
    counts[predicted].predicted++;
    counts[truth].right += truth == predicted;
}

/* 0 for a class that neither occurs nor is predicted. */
double smt_f1(const smt_class_count *count);
/* The mean over the classes that occur or are predicted; 0 where there are none. */
double smt_macro_f1(const smt_class_count *counts, size_t classes);

#endif
