/* The grid on which dynamic range puts an image (a row of a dense layer): as TensorFlow Lite's
 * hybrid convolutions with a scale per channel do (AsymmetricQuantizeFloats), scale = (max - min) /
 * 255, both widened to hold 0, and the zero point where 0 lies. */
#ifndef SEMTINEL_EDGE_DYNAMIC_H
#define SEMTINEL_EDGE_DYNAMIC_H

#include "kernels/quant.h"

typedef struct edge_grid {
    float scale, inverse;
    int32_t zero;
} edge_grid;

/* least <= 0 <= largest, of the values that are numbers. */
static inline edge_grid edge_grid_between(float least, float largest)
{
    /* An infinite input would make every other one 0 / 0: saturate it instead. */
    if (largest > 1.5e38f)
        largest = 1.5e38f;
    if (least < -1.5e38f)
        least = -1.5e38f;
    float inverse = largest - least > 1e-30f ? 255.0f / (largest - least) : 0.0f;
    int32_t zero = edge_round_f32(-128.0f - least * inverse, 128);
    edge_grid grid = {(largest - least) / 255.0f, inverse, zero > 127 ? 127 : zero};
    return grid;
}

/* NaN: the zero point. */
static inline int32_t edge_grid_level(const edge_grid *grid, float x)
{
    return edge_clamp(edge_round_f32(x * grid->inverse, 256) + grid->zero, -128, 127);
}

#endif
