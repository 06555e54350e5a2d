#include <semtinel/base.h>

#include <stdlib.h>

static int by_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int by_float(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void smt_sort_doubles(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_double);
}

void smt_sort_floats(float *values, size_t count)
{
    qsort(values, count, sizeof *values, by_float);
}

int smt_argmax(const float *values, int count)
{
    int best = 0;
    for (int i = 1; i < count; i++) {
        best = values[i] > values[best] ? i : best;
    }
    return best;
}
