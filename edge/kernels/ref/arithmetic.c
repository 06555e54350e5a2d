/* ADD, SUB, MUL with spreading (broadcast) of either input, int8 and float32. */
#include "kernels/kernels.h"
#include "kernels/quant.h"

/* The inputs' common scale is twice the larger one, so
 * that values shifted by 20 bits cannot overflow. */
static int32_t combine_s8(const smt_arithmetic *p, int32_t a, int32_t b)
{
    a -= p->zero_a;
    b -= p->zero_b;
    if (p->code == SMT_EDGE_MUL) {
        a = edge_requantise(a * b, p->multiplier_out, p->shift_out);
    } else {
        a = edge_requantise(a * (1 << 20), p->multiplier_a, p->shift_a);
        b = edge_requantise(b * (1 << 20), p->multiplier_b, p->shift_b);
        a = p->code == SMT_EDGE_ADD ? a + b : a - b;
        a = edge_requantise(a, p->multiplier_out, p->shift_out);
    }
    return edge_clamp(edge_wrap_add(a, p->zero_out), p->low, p->high);
}

void smt_ref_arithmetic_s8(const smt_arithmetic *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    const int32_t *sa = p->stride_a, *sb = p->stride_b;
    for (int32_t i = 0; i < p->shape[0]; i++)
        for (int32_t j = 0; j < p->shape[1]; j++)
            for (int32_t k = 0; k < p->shape[2]; k++) {
                const int8_t *ra = a + i * sa[0] + j * sa[1] + k * sa[2];
                const int8_t *rb = b + i * sb[0] + j * sb[1] + k * sb[2];
                for (int32_t c = 0; c < p->shape[3]; c++)
                    *out++ = (int8_t)combine_s8(p, ra[c * sa[3]], rb[c * sb[3]]);
            }
}

void smt_ref_arithmetic_f32(const smt_arithmetic *p, const float *a, const float *b, float *out)
{
    const int32_t *sa = p->stride_a, *sb = p->stride_b;
    for (int32_t i = 0; i < p->shape[0]; i++)
        for (int32_t j = 0; j < p->shape[1]; j++)
            for (int32_t k = 0; k < p->shape[2]; k++) {
                const float *ra = a + i * sa[0] + j * sa[1] + k * sa[2];
                const float *rb = b + i * sb[0] + j * sb[1] + k * sb[2];
                for (int32_t c = 0; c < p->shape[3]; c++) {
                    float u = ra[c * sa[3]], v = rb[c * sb[3]];
                    float y = p->code == SMT_EDGE_MUL   ? u * v
                              : p->code == SMT_EDGE_ADD ? u + v
                                                        : u - v;
                    *out++ = y < p->low_f ? p->low_f : y > p->high_f ? p->high_f : y;
                }
            }
}
