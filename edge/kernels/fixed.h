/* gemmlowp's fixed-point functions, as TensorFlow Lite's int8 SOFTMAX and LOGISTIC use them
 * (public/fixedpoint.h). Qm.n: an int32 with m integer and n = 31 - m fraction bits. */
#ifndef SEMTINEL_EDGE_FIXED_H
#define SEMTINEL_EDGE_FIXED_H

#include "kernels/quant.h"

/* x * 2^shift, saturating. */
static inline int32_t fixed_shift_left(int32_t x, int32_t shift)
{
    int64_t y = (int64_t)x * ((int64_t)1 << shift);
    return y > INT32_MAX ? INT32_MAX : y < INT32_MIN ? INT32_MIN : (int32_t)y;
}

/* exp(a) for a in [-1/4, 0), Q0.31: a Taylor polynomial around -1/8. */
static inline int32_t fixed_exp_quarter(int32_t a)
{
    const int32_t exp_eighth = 1895147668, third = 715827883;
    int32_t x = a + (1 << 28);
    int32_t x2 = edge_high_mul(x, x);
    int32_t x3 = edge_high_mul(x2, x);
    int32_t x4_4 = edge_round_shift(edge_high_mul(x2, x2), 2);
    int32_t tail = edge_round_shift(edge_high_mul(x4_4 + x3, third) + x2, 1);
    return edge_wrap_add(exp_eighth, edge_high_mul(exp_eighth, x + tail));
}

/* exp(a) for a <= 0 in Q(integer_bits), result Q0.31: exp of the remainder of 1/4 times exp(-2^k)
 * for each bit left. */
static inline int32_t fixed_exp_negative(int32_t a, int32_t integer_bits)
{
    static const int32_t factors[7] = {
        1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    int32_t fraction = 31 - integer_bits, quarter = 1 << (fraction - 2);
    int32_t remainder = (a & (quarter - 1)) - quarter;
    int32_t result = fixed_exp_quarter(fixed_shift_left(remainder, integer_bits));
    uint32_t rest = (uint32_t)remainder - (uint32_t)a;
    if (a == 0)
        return INT32_MAX;
    for (int32_t k = -2; k < integer_bits; k++)
        if (rest >> (fraction + k) & 1u)
            result = edge_high_mul(result, factors[k + 2]);
    return result;
}

/* 1 / (1 + a) for a in [0, 1], Q0.31: three Newton steps. */
static inline int32_t fixed_reciprocal(int32_t a)
{
    int64_t sum = (int64_t)a + INT32_MAX;
    int32_t half = (int32_t)((sum + 1) / 2);
    int32_t x = edge_wrap_add(1515870810,
                              edge_high_mul(half, -1010580540)); /* 48/17 - 32/17 * half, Q2.29 */
    for (int i = 0; i < 3; i++) {
        int32_t error = (1 << 29) - edge_high_mul(half, x);
        x = edge_wrap_add(x, fixed_shift_left(edge_high_mul(x, error), 2));
    }
    return fixed_shift_left(x, 1);
}

/* The largest difference that still fits Q(integer_bits) after a shift to the left by `shift`. */
static inline int32_t fixed_input_radius(int32_t integer_bits, int32_t shift)
{
    int64_t top = ((int64_t)((1 << integer_bits) - 1)) << (31 - integer_bits);
    if (shift < 0) {
        top = shift < -31 ? INT32_MAX : top << -shift;
        return top > INT32_MAX ? INT32_MAX : (int32_t)top;
    }
    return shift > 62 ? 0 : (int32_t)(top >> shift);
}

#endif
