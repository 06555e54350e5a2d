/* int8 depthwise convolution: four channels at a time, vertical pairs of taps.
 *
 * SMLAD adds two products to one sum, so two taps of one channel must lie in one word. For an
 * output row and four channels, each input column is widened once to words (row 0, row 1), (row 2,
 * row 3), ... of q - zero, one word a channel, with zero for rows and columns outside the image;
 * the last row of an odd window is paired with zero weights' row: nothing. The columns lie in
 * scratch memory and serve all windows across them. Weights are widened the same way, once, into
 * scratch. A column of a 3x3 window costs two LDMs and four SMLADs for each pair.
 *
 * The order is row by row; a row's channels are collected in scratch memory and then copied out, so
 * that a row of the output may lie where the image's rows above the next window were.
 */
#if defined(__GNUC__) && !defined(__clang__) /* dot() takes all fourteen registers */
#pragma GCC optimize("omit-frame-pointer")
#endif

#include "dsp.h"

#ifdef SMT_DSP

/* Four channels of two rows as four words. */
static inline void widen(uint32_t upper, uint32_t lower, uint32_t minus_zero, uint32_t *to)
{
    uint32_t lows = dsp_lows(upper, lower), highs = dsp_highs(upper, lower);
    to[0] = dsp_add_even(minus_zero, lows);
    to[1] = dsp_add_odd(minus_zero, lows);
    to[2] = dsp_add_even(minus_zero, highs);
    to[3] = dsp_add_odd(minus_zero, highs);
}

/* to [out_c / 4][filter_w][pairs][4] words */
static void widen_weights(const smt_conv *p, uint32_t *to)
{
    const int8_t *w = p->weights;
    int32_t line = p->filter_w * p->out_c;
    for (int32_t c = 0; c < p->out_c; c += 4)
        for (int32_t kx = 0; kx < p->filter_w; kx++)
            for (int32_t ky = 0; ky < p->filter_h; ky += 2, to += 4) {
                const int8_t *from = w + ky * line + kx * p->out_c + c;
                widen(dsp_word(from), ky + 1 < p->filter_h ? dsp_word(from + line) : 0, 0, to);
            }
}

/* The columns under one output row for channels c .. c + 3: to [columns][pairs][4] words. */
static void widen_columns(const smt_conv *p,
                          const int8_t *image,
                          int32_t y0,
                          int32_t c,
                          uint32_t minus_zero,
                          uint32_t *to)
{
    int32_t columns = dsp_columns(p), pairs = dsp_pairs(p), step = 4 * pairs;
    int32_t first = p->pad_w, last = p->in_w + p->pad_w < columns ? p->in_w + p->pad_w : columns;
    uint32_t zero = 0x01010101u * (uint8_t)p->in_zero;
    for (int32_t pair = 0; pair < pairs; pair++, to += 4) {
        int32_t upper = y0 + 2 * pair, lower = upper + 1;
        bool has_upper = upper >= 0 && upper < p->in_h;
        bool has_lower = 2 * pair + 1 < p->filter_h && lower >= 0 && lower < p->in_h;
        const int8_t *a = image + (has_upper ? upper * p->in_w * p->in_c + c : 0);
        const int8_t *b = image + (has_lower ? lower * p->in_w * p->in_c + c : 0);
        uint32_t *x = to;
        for (int32_t i = 0; i < first; i++, x += step)
            x[0] = x[1] = x[2] = x[3] = 0;
        if (has_upper && has_lower)
            for (int32_t i = first; i < last; i++, x += step, a += p->in_c, b += p->in_c)
                widen(dsp_word(a), dsp_word(b), minus_zero, x);
        else if (has_upper)
            for (int32_t i = first; i < last; i++, x += step, a += p->in_c)
                widen(dsp_word(a), zero, minus_zero, x);
        else if (has_lower)
            for (int32_t i = first; i < last; i++, x += step, b += p->in_c)
                widen(zero, dsp_word(b), minus_zero, x);
        else
            for (int32_t i = first; i < last; i++, x += step)
                x[0] = x[1] = x[2] = x[3] = 0;
        for (int32_t i = last; i < columns; i++, x += step)
            x[0] = x[1] = x[2] = x[3] = 0;
    }
}

/* `steps` words of four channels times the weights, added to the four sums. Always inlined: on its
 * own (-Og) with -fstack-protector-all it would lack a register. */
__attribute__((always_inline)) static inline void dot(const uint32_t *x,
                                                      const uint32_t *w,
                                                      int32_t steps,
                                                      int32_t *s0,
                                                      int32_t *s1,
                                                      int32_t *s2,
                                                      int32_t *s3)
{
    int32_t a = *s0, b = *s1, c = *s2, d = *s3;
#if defined(__OPTIMIZE__) && !defined(__clang__)
/* lr: where a core counts loops in it (Cortex-M55), GCC would else take it for the loop around. */
#define STEP                                                                                       \
    "ldmia %[x]!, {r4, r5, r6, r8}\n\t"                                                            \
    "ldmia %[w]!, {r9, r10, r11, lr}\n\t"                                                          \
    "smlad %[a], r4, r9, %[a]\n\t"                                                                 \
    "smlad %[b], r5, r10, %[b]\n\t"                                                                \
    "smlad %[c], r6, r11, %[c]\n\t"                                                                \
    "smlad %[d], r8, lr, %[d]\n\t"
#define DOT(body)                                                                                  \
    __asm__ volatile(                                                                              \
        body                                                                                       \
        : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [w] "+r"(w), [x] "+r"(x)             \
        :                                                                                          \
        : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "lr", "cc", "memory")
    switch (steps) {
    case 15: /* 5x5 */
        DOT(STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP);
        break;
    case 6: /* 3x3 */
        DOT(STEP STEP STEP STEP STEP STEP);
        break;
    default:
        for (; steps > 0; steps--)
            DOT(STEP);
    }
#undef DOT
#undef STEP
#else /* a frame pointer takes one of the fourteen registers */
    for (; steps > 0; steps--, x += 4, w += 4) {
        a = __smlad((int16x2_t)x[0], (int16x2_t)w[0], a);
        b = __smlad((int16x2_t)x[1], (int16x2_t)w[1], b);
        c = __smlad((int16x2_t)x[2], (int16x2_t)w[2], c);
        d = __smlad((int16x2_t)x[3], (int16x2_t)w[3], d);
    }
#endif
    *s0 = a;
    *s1 = b;
    *s2 = c;
    *s3 = d;
}

/* One output row of channels c .. c + 3. Not inlined: dot() takes all fourteen registers. */
__attribute__((noinline)) static void convolve_row(
    const smt_conv *p, const uint32_t *x, const uint32_t *w, int32_t c, bool fast, int8_t *out)
{
    const int32_t *bias = p->bias;
    int32_t pairs = dsp_pairs(p), steps = pairs * p->filter_w, jump = 4 * pairs * p->stride_w;
    int32_t b[4], right[4], round[4], low = p->low, high = p->high;
    bool whole = low == -128 && high == 127;
    int32_t m[4], step = p->out_c;
    for (int32_t i = 0; i < 4; i++) {
        m[i] = p->multiplier[c + i];
        b[i] = bias ? bias[c + i] : 0;
        right[i] = -p->shift[c + i];
        round[i] = fast ? dsp_round(p->out_zero, right[i]) : 0;
    }
    for (const int8_t *end = out + p->out_w * step; out < end; x += jump, out += step) {
        int32_t s0 = b[0], s1 = b[1], s2 = b[2], s3 = b[3];
        dot(x, w, steps, &s0, &s1, &s2, &s3);
        if (fast) {
            s0 = dsp_saturate8(dsp_requantise(s0, m[0], round[0], right[0]));
            s1 = dsp_saturate8(dsp_requantise(s1, m[1], round[1], right[1]));
            s2 = dsp_saturate8(dsp_requantise(s2, m[2], round[2], right[2]));
            s3 = dsp_saturate8(dsp_requantise(s3, m[3], round[3], right[3]));
            if (!whole) {
                s0 = edge_clamp(s0, low, high);
                s1 = edge_clamp(s1, low, high);
                s2 = edge_clamp(s2, low, high);
                s3 = edge_clamp(s3, low, high);
            }
        } else {
            s0 = dsp_finish(p, c, s0);
            s1 = dsp_finish(p, c + 1, s1);
            s2 = dsp_finish(p, c + 2, s2);
            s3 = dsp_finish(p, c + 3, s3);
        }
        uint32_t lows = (uint32_t)(s0 & 255) | (uint32_t)(s1 & 255) << 8,
                 highs = (uint32_t)(s2 & 255) | (uint32_t)s3 << 8;
        *(uint32_t *)(void *)out = dsp_lows(lows, highs);
    }
}

static void run(const smt_conv *p, const void *in, void *out, void *memory)
{
    if (!dsp_depthwise_is_fast(p)) {
        smt_ref_depthwise_s8(p, in, out, memory);
        return;
    }
    uint32_t *weights = memory, *columns = weights + dsp_pairs(p) * p->filter_w * p->out_c;
    uint32_t minus_zero = (uint32_t)(-p->in_zero) & 0xffffu;
    minus_zero |= minus_zero << 16;
    bool fast = dsp_is_fast(p, p->filter_h * p->filter_w);
    const int8_t *image = in;
    uint32_t *y = out, *row = columns + 4 * dsp_pairs(p) * dsp_columns(p);
    int32_t block = 4 * dsp_pairs(p) * p->filter_w;
    widen_weights(p, weights);
    for (int32_t n = 0; n < p->batch; n++, image += p->in_h * p->in_w * p->in_c)
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            for (int32_t c = 0; c < p->out_c; c += 4) {
                widen_columns(p, image, oy * p->stride_h - p->pad_h, c, minus_zero, columns);
                convolve_row(p, columns, weights + c / 4 * block, c, fast, (int8_t *)row + c);
            }
            const uint32_t *from = row;
            for (uint32_t *end = y + p->out_w * p->out_c / 4; y < end;)
                *y++ = *from++;
        }
}

const smt_conv_kernel dsp_depthwise_s8 = {
    .scratch = smt_dsp_depthwise_scratch, .lead = smt_dsp_depthwise_lead, .run = run};

#endif
