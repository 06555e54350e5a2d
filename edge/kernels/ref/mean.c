/* MEAN over any dimensions. */
#include "kernels/kernels.h"
#include "kernels/quant.h"

/* Extents of the loops over what stays, and over what is summed. */
#define KEPT(d) (p->reduce[d] ? 1 : p->shape[d])
#define GONE(d) (p->reduce[d] ? p->shape[d] : 1)

void smt_ref_mean_s8(const smt_mean *p, const int8_t *in, int8_t *out)
{
    const int32_t *n = p->shape;
    for (int32_t a = 0; a < KEPT(0); a++)
        for (int32_t b = 0; b < KEPT(1); b++)
            for (int32_t c = 0; c < KEPT(2); c++)
                for (int32_t d = 0; d < KEPT(3); d++) {
                    int32_t sum = 0;
                    for (int32_t i = a; i < a + GONE(0); i++)
                        for (int32_t j = b; j < b + GONE(1); j++)
                            for (int32_t k = c; k < c + GONE(2); k++)
                                for (int32_t l = d; l < d + GONE(3); l++)
                                    sum += in[((i * n[1] + j) * n[2] + k) * n[3] + l];
                    sum = edge_requantise(sum - p->count * p->in_zero, p->multiplier, p->shift);
                    *out++ = (int8_t)edge_clamp(edge_wrap_add(sum, p->out_zero), -128, 127);
                }
}

void smt_ref_mean_f32(const smt_mean *p, const float *in, float *out)
{
    const int32_t *n = p->shape;
    for (int32_t a = 0; a < KEPT(0); a++)
        for (int32_t b = 0; b < KEPT(1); b++)
            for (int32_t c = 0; c < KEPT(2); c++)
                for (int32_t d = 0; d < KEPT(3); d++) {
                    float sum = 0;
                    for (int32_t i = a; i < a + GONE(0); i++)
                        for (int32_t j = b; j < b + GONE(1); j++)
                            for (int32_t k = c; k < c + GONE(2); k++)
                                for (int32_t l = d; l < d + GONE(3); l++)
                                    sum += in[((i * n[1] + j) * n[2] + k) * n[3] + l];
                    *out++ = sum / (float)p->count;
                }
}
