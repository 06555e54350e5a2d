/* Steps 1 to 3 of an image: see augment.c. */
#include "data/augment_parts.h"

#include "base/vector.h"

#include <math.h>
#include <string.h>

/* Returns the sum, for the mean grey. */
uint64_t smt_field_tone(
    const uint8_t *image, const uint16_t tone[256], int size, uint16_t *field, size_t stride)
{
    uint64_t total = 0;
    for (int y = 0; y < size; y++) {
        const uint8_t *in = image + (size_t)y * (size_t)size;
        uint16_t *out = field + (size_t)y * stride;
        uint32_t sum = 0;
        for (int x = 0; x < size; x++) {
            uint16_t value = tone[in[x]];
            out[x] = value;
            sum += value;
        }
        total += sum;
    }
    return total;
}

/* out = middle + weight (before + after - 2 middle), weight in units of 2^-15, at most 1/4. */
static SMT_VECTOR_CLONES void three_taps(const uint16_t *before,
                                         const uint16_t *middle,
                                         const uint16_t *after,
                                         int weight,
                                         int count,
                                         uint16_t *out)
{
    for (int x = 0; x < count; x++) {
        int change = (before[x] + after[x] - 2 * middle[x]) * weight + (1 << 14);
        out[x] = (uint16_t)(middle[x] + (change >> 15));
    }
}

/* rows: 2 x size. */
static void blur_once(uint16_t *field, size_t stride, int size, int weight, uint16_t *rows)
{
    size_t bytes = (size_t)size * sizeof *rows;
    uint16_t *above = rows, *here = rows + size;
    for (int y = 0; y < size; y++) {
        uint16_t *row = field + (size_t)y * stride;
        memcpy(here, row, bytes);
        three_taps(here, here + 1, here + 2, weight, size - 2, row + 1);
        row[0] = (uint16_t)(here[0] + ((2 * (here[1] - here[0]) * weight + (1 << 14)) >> 15));
        int end = size - 1;
        row[end] =
            (uint16_t)(here[end] + ((2 * (here[end - 1] - here[end]) * weight + (1 << 14)) >> 15));
    }
    memcpy(above, field + stride, bytes); /* the row above the first is the second, mirrored */
    for (int y = 0; y < size; y++) {
        uint16_t *row = field + (size_t)y * stride;
        memcpy(here, row, bytes);
        three_taps(above, here, y + 1 < size ? row + stride : above, weight, size, row);
        uint16_t *t = above;
        above = here;
        here = t;
    }
}

void smt_field_blur(uint16_t *field, size_t stride, int size, float variance, uint16_t *rows)
{
    if (variance < 0.02f || size < 3) {
        return; /* less than the bilinear sampling itself */
    }
    int passes = (int)ceilf(variance / 0.5f);
    int weight = (int)(variance / (2 * (float)passes) * 32768 + 0.5f);
    for (int i = 0; i < passes; i++) {
        blur_once(field, stride, size, weight, rows);
    }
}

void smt_field_margin(uint16_t *field, size_t stride, int size, int margin, const int *columns)
{
    for (int y = 0; y < size; y++) {
        uint16_t *row = field + (size_t)y * stride;
        for (int i = 1; i <= margin; i++) {
            row[-i] = row[columns[-i]];
            row[size - 1 + i] = row[columns[size - 1 + i]];
        }
    }
    size_t bytes = ((size_t)size + 2 * (size_t)margin) * sizeof *field;
    for (int i = 1; i <= margin; i++) {
        uint16_t *first = field - margin;
        memcpy(first - (size_t)i * stride, first + (size_t)columns[-i] * stride, bytes);
        memcpy(first + (size_t)(size - 1 + i) * stride,
               first + (size_t)columns[size - 1 + i] * stride,
               bytes);
    }
}
