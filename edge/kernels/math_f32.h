/* float functions without libm. */
#ifndef SEMTINEL_EDGE_MATH_F32_H
#define SEMTINEL_EDGE_MATH_F32_H

#include <stdint.h>

/* exp(x) to about 2 units in the last place: x = n ln 2 + r, |r| <= ln
 * 2 / 2, a polynomial of degree 6 (Cephes' expf) and 2^n by the
 * exponent's bits. Saturates at 0 and at about 2^127; NaN stays NaN. */
static inline float edge_exp_f32(float x)
{
    if (!(x == x))
        return x;
    if (x < -87.0f)
        return 0.0f;
    x = x > 88.0f ? 88.0f : x;
    int32_t n = (int32_t)(x * 1.44269504089f + (x < 0 ? -0.5f : 0.5f));
    float r = x - (float)n * 0.693359375f + (float)n * 2.12194440e-4f;
    float y = 1.9875691500e-4f;
    y = y * r + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * r * r + r + 1.0f;
    union {
        uint32_t bits;
        float value;
    } power = {(uint32_t)(n + 127) << 23};
    return y * power.value;
}

static inline float edge_f16_to_f32(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = half >> 10 & 31u,
             mantissa = half & 0x3ffu;
    union {
        uint32_t bits;
        float value;
    } u;
    if (exponent == 0) { /* zero and subnormals: mantissa * 2^-24 */
        u.value = (float)mantissa * 5.9604644775390625e-8f;
        u.bits |= sign;
        return u.value;
    }
    u.bits = sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | mantissa << 13;
    return u.value;
}

#endif
