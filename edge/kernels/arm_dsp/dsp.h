/* The Cortex-M DSP extension (M4, M7, M33 and others): two 16-bit products a step. */
#ifndef SEMTINEL_EDGE_DSP_H
#define SEMTINEL_EDGE_DSP_H

#include "kernels/kernels.h"
#include "kernels/quant.h"

/* ---- shapes: also on the host, which plans arenas for these kernels ------------------------- */

enum { DSP_PIXELS = 4 }; /* of a convolution at a time */

static inline int32_t dsp_terms(const smt_conv *p)
{
    return p->filter_h * p->filter_w * p->in_c;
}

/* Rows of weights that do not fill words are copied to
 * rows that do, when they are as few as a stem's. */
static inline uint32_t dsp_padded_weights(const smt_conv *p)
{
    uint32_t terms = (uint32_t)dsp_terms(p), bytes = (terms + 3) / 4 * 4 * (uint32_t)p->out_c;
    return terms % 4 != 0 && bytes <= 4096 ? bytes : 0;
}

/* Pairs of rows of a depthwise window; columns under one row of windows. */
static inline int32_t dsp_pairs(const smt_conv *p)
{
    return (p->filter_h + 1) / 2;
}

static inline int32_t dsp_columns(const smt_conv *p)
{
    return (p->out_w - 1) * p->stride_w + p->filter_w;
}

static inline bool dsp_depthwise_is_fast(const smt_conv *p)
{
    return p->in_c == p->out_c && p->out_c % 4 == 0 && p->dilation_h == 1 && p->dilation_w == 1 &&
           p->filter_h <= 7;
}

uint32_t smt_dsp_conv_scratch(const smt_conv *p);
uint32_t smt_dsp_product_scratch(const smt_conv *p);
uint32_t smt_dsp_conv_lead(const smt_conv *p);
uint32_t smt_dsp_depthwise_scratch(const smt_conv *p);
uint32_t smt_dsp_depthwise_lead(const smt_conv *p);

/* ---- instructions ---------------------------------------------------------------------------- */

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__aarch64__)
#define SMT_DSP 1

#include <arm_acle.h>

static inline uint32_t dsp_word(const void *from)
{
    uint32_t word;
    __builtin_memcpy(&word, from, 4);
    return word;
}

#define DSP_INSTRUCTION(name, text)                                                                \
    static inline uint32_t name(uint32_t a, uint32_t b)                                            \
    {                                                                                              \
        uint32_t y;                                                                                \
        __asm__(text : "=r"(y) : "r"(a), "r"(b));                                                  \
        return y;                                                                                  \
    }

/* The halves of a plus bytes 0 and 2 (even), 1 and 3 (odd) of b, extended. */
DSP_INSTRUCTION(dsp_add_even, "sxtab16 %0, %1, %2")
DSP_INSTRUCTION(dsp_add_odd, "sxtab16 %0, %1, %2, ror #8")
/* Halves (low of a, low of b) and (high of a, high of b). */
DSP_INSTRUCTION(dsp_lows, "pkhbt %0, %1, %2, lsl #16")
DSP_INSTRUCTION(dsp_highs, "pkhtb %0, %2, %1, asr #16")

#undef DSP_INSTRUCTION

static inline int32_t dsp_mul_high_round(int32_t a, int32_t b)
{
    int32_t y;
    __asm__("smmulr %0, %1, %2" : "=r"(y) : "r"(a), "r"(b));
    return y;
}

static inline int32_t dsp_saturate8(int32_t x)
{
    int32_t y;
    __asm__("ssat %0, #8, %1" : "=r"(y) : "r"(x));
    return y;
}

/* The reference requantisation, for |x| < 2^30 and 1 <= right <= 20: the rounded doubled product is
 * one instruction on 2 * x, and the zero point joins the rounding constant, zero * 2^right +
 * 2^(right - 1), before the last shift. */
static inline int32_t dsp_requantise(int32_t x, int32_t multiplier, int32_t round, int32_t right)
{
    x = dsp_mul_high_round(x + x, multiplier);
    return (x + (x >> 31) + round) >> right;
}

static inline int32_t dsp_round(int32_t zero, int32_t right)
{
    return (int32_t)((uint32_t)(2 * zero + 1) << (right - 1));
}

/* Does dsp_requantise() hold for every channel, with sums of at most `terms` products? */
static inline bool dsp_is_fast(const smt_conv *p, int32_t terms)
{
    const int32_t *bias = p->bias;
    if (terms > 8192)
        return false;
    for (int32_t o = 0; o < p->out_c; o++) {
        int32_t b = bias ? bias[o] : 0;
        if (b >= 1 << 29 || b <= -(1 << 29) || p->shift[o] > -1 || p->shift[o] < -20)
            return false;
    }
    return true;
}

static inline int32_t dsp_finish(const smt_conv *p, int32_t o, int32_t sum)
{
    sum = edge_wrap_add(edge_requantise(sum, p->multiplier[o], p->shift[o]), p->out_zero);
    return edge_clamp(sum, p->low, p->high);
}

extern const smt_conv_kernel dsp_conv_s8, dsp_depthwise_s8;
void dsp_map_s8(const int8_t table[256], const int8_t *in, int8_t *out, uint32_t count);
void dsp_arithmetic_s8(const smt_arithmetic *p, const int8_t *a, const int8_t *b, int8_t *out);
void dsp_mean_s8(const smt_mean *p, const int8_t *in, int8_t *out);

#endif
#endif
