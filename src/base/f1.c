#include "base/f1.h"

double smt_f1(const smt_class_count *count)
{
    size_t whole = count->support + count->predicted;
    return whole ? (double)(2 * count->right) / (double)whole : 0;
}

double smt_macro_f1(const smt_class_count *counts, size_t classes)
{
    double sum = 0;
    size_t active = 0;
    for (size_t c = 0; c < classes; c++) {
        sum += smt_f1(&counts[c]);
        active += counts[c].support + counts[c].predicted > 0;
    }
    return active ? sum / (double)active : 0;
}
