/* float32 element-wise functions, arithmetic and means: plain loops, compiled once for each
 * processor (the including file defines TARGET, NAME and VECTOR_BYTES, of a register) and left to
 * the compiler's vectoriser. */
#include "kernels/math_f32.h"
#include "x86.h"

typedef float lanes_f32 __attribute__((vector_size(VECTOR_BYTES)));

TARGET void NAME(unary_f32)(smt_edge_code code, const float *in, float *out, uint32_t count)
{
    switch (code) {
    case SMT_EDGE_HARD_SWISH:
        for (uint32_t i = 0; i < count; i++) {
            float gate = in[i] + 3.0f;
            gate = gate < 0.0f ? 0.0f : gate > 6.0f ? 6.0f : gate;
            out[i] = in[i] * gate * (1.0f / 6.0f);
        }
        break;
    case SMT_EDGE_RELU6:
        for (uint32_t i = 0; i < count; i++)
            out[i] = in[i] < 0.0f ? 0.0f : in[i] > 6.0f ? 6.0f : in[i];
        break;
    case SMT_EDGE_RELU:
        for (uint32_t i = 0; i < count; i++)
            out[i] = in[i] < 0.0f ? 0.0f : in[i];
        break;
    default:
        smt_ref_unary_f32(code, in, out, count);
    }
}

TARGET INLINE void NAME(row_f32)(const smt_arithmetic *p,
                                 const float *a,
                                 const float *b,
                                 float *out,
                                 int32_t sa,
                                 int32_t sb,
                                 smt_edge_code code)
{
    float low = p->low_f, high = p->high_f;
    for (int32_t i = 0; i < p->shape[3]; i++) {
        float u = a[sa * i], v = b[sb * i];
        float y = code == SMT_EDGE_MUL ? u * v : code == SMT_EDGE_ADD ? u + v : u - v;
        out[i] = y < low ? low : y > high ? high : y;
    }
}

TARGET void
NAME(arithmetic_f32)(const smt_arithmetic *p, const float *a, const float *b, float *out)
{
    const int32_t *sa = p->stride_a, *sb = p->stride_b;
    bool whole = sa[3] == 1 && sb[3] == 1;
    for (int32_t i = 0; i < p->shape[0]; i++)
        for (int32_t j = 0; j < p->shape[1]; j++)
            for (int32_t k = 0; k < p->shape[2]; k++, out += p->shape[3]) {
                const float *x = a + i * sa[0] + j * sa[1] + k * sa[2],
                            *y = b + i * sb[0] + j * sb[1] + k * sb[2];
                if (whole && p->code == SMT_EDGE_MUL)
                    NAME(row_f32)(p, x, y, out, 1, 1, SMT_EDGE_MUL);
                else if (whole && p->code == SMT_EDGE_ADD)
                    NAME(row_f32)(p, x, y, out, 1, 1, SMT_EDGE_ADD);
                else
                    NAME(row_f32)(p, x, y, out, sa[3], sb[3], p->code);
            }
}

TARGET void NAME(mean_f32)(const smt_mean *p, const float *in, float *out)
{
    if (p->reduce[3] || !p->reduce[2] || (!p->reduce[1] && p->shape[1] != 1) || p->shape[0] != 1) {
        smt_ref_mean_f32(p, in, out);
        return;
    }
    const int32_t channels = p->shape[3], lanes = VECTOR_BYTES / 4;
    int32_t c = 0;
    for (; c + lanes <= channels; c += lanes) {
        lanes_f32 sum = {0}, x;
        for (int32_t i = 0; i < p->count; i++) {
            __builtin_memcpy(&x, in + (size_t)i * (size_t)channels + (size_t)c, sizeof x);
            sum += x;
        }
        sum /= (float)p->count;
        __builtin_memcpy(out + c, &sum, sizeof sum);
    }
    for (; c < channels; c++) {
        float sum = 0;
        for (int32_t i = 0; i < p->count; i++)
            sum += in[(size_t)i * (size_t)channels + (size_t)c];
        out[c] = sum / (float)p->count;
    }
}
