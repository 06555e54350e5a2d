/* The integer arithmetic of TensorFlow Lite Micro's reference
 * kernels (gemmlowp's fixed point), without libm. */
#ifndef SEMTINEL_EDGE_QUANT_H
#define SEMTINEL_EDGE_QUANT_H

#include <stdint.h>

/* "Saturating rounding doubling high multiply": round(a * b / 2^31). The textbook form adds 2^30 or
 * 1 - 2^30 by the sign of the product and divides truncating; an arithmetic shift after adding 2^30
 * gives the same in all cases. */
static inline int32_t edge_high_mul(int32_t a, int32_t b)
{
    if (a == INT32_MIN && b == INT32_MIN)
        return INT32_MAX;
    return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* x / 2^shift, rounded half away from zero; 0 <= shift <= 31. */
static inline int32_t edge_round_shift(int32_t x, int32_t shift)
{
    int32_t mask = (int32_t)((1u << shift) - 1);
    int32_t threshold = (mask >> 1) + (x < 0);
    return (x >> shift) + ((x & mask) > threshold);
}

/* x * 2^shift, wrapping: no accepted network gets there,
 * and a damaged one must not cause undefined behaviour. */
static inline int32_t edge_shift_left(int32_t x, int32_t shift)
{
    return (int32_t)((uint32_t)x << shift);
}

static inline int32_t edge_wrap_add(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

/* x * multiplier * 2^(shift - 31) with two roundings; -31 <= shift <= 30. */
static inline int32_t edge_requantise(int32_t x, int32_t multiplier, int32_t shift)
{
    int32_t left = shift > 0 ? shift : 0;
    return edge_round_shift(edge_high_mul(edge_shift_left(x, left), multiplier), left - shift);
}

static inline int32_t edge_clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* real > 0 as multiplier * 2^(shift - 31), multiplier in [2^30, 2^31); too small a value gives 0,
 * too large a one is saturated. frexp and round by the bits of the double. */
static inline void edge_quantise_multiplier(double real, int32_t *multiplier, int32_t *shift)
{
    union {
        double value;
        uint64_t bits;
    } u = {real};
    int32_t exponent = (int32_t)(u.bits >> 52 & 0x7ff) - 1022;
    uint64_t mantissa = (u.bits & 0xfffffffffffffu) | 0x10000000000000u;
    uint64_t rounded = (mantissa + (1u << 21)) >> 22;
    if (rounded == (uint64_t)1 << 31) {
        rounded >>= 1;
        exponent++;
    }
    *multiplier = (int32_t)rounded;
    *shift = exponent;
    if (!(real > 0) || exponent < -31) {
        *multiplier = 0;
        *shift = 0;
    } else if (exponent > 30) {
        *multiplier = INT32_MAX;
        *shift = 30;
    }
}

/* round half away from zero, saturated to +-limit (NaN: 0). */
static inline int32_t edge_round_f32(float x, int32_t limit)
{
    float bound = (float)limit;
    if (!(x == x))
        return 0;
    if (x >= bound)
        return limit;
    if (x <= -bound)
        return -limit;
    int32_t whole =
        (int32_t)x; /* truncates; |x| < 2^23 after the clamp above, for every limit in use */
    float rest = x - (float)whole;
    return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

#endif
