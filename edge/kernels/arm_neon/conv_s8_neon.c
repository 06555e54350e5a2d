/* int8 convolution for AArch64: patches times packed weights.
 *
 * With the dot product, SDOT adds four products of one pixel and four channels a lane; the weights
 * of four channels lie as [terms / 4][4 channels][4 terms], and the four terms of a pixel are one
 * lane of its patch. Without it, the same layout is multiplied by widening. The zero point goes
 * into the bias: sum (q - zero) w = sum q w - zero sum w. Prepared memory: bias [panels * 4] int32,
 * then the panels.
 */
#include "neon.h"

#ifdef SMT_NEON

static uint32_t terms_of(const smt_conv *p)
{
    return (uint32_t)(p->filter_h * p->filter_w * p->in_c);
}

static uint32_t padded_terms(const smt_conv *p)
{
    return (terms_of(p) + 15) & ~15u;
}

static uint32_t panels(const smt_conv *p)
{
    return ((uint32_t)p->out_c + 3) / 4;
}

static uint32_t prepared(const smt_conv *p)
{
    return panels(p) * (16 + 4 * padded_terms(p));
}

static void prepare(const smt_conv *p, void *memory)
{
    int32_t *bias = memory;
    int8_t *to = (int8_t *)(bias + 4 * panels(p));
    const int8_t *w = p->weights;
    uint32_t terms = terms_of(p), padded = padded_terms(p);
    for (uint32_t o = 0; o < 4 * panels(p); o++) {
        bool real = o < (uint32_t)p->out_c;
        uint32_t sum = 0;
        for (uint32_t k = 0; k < padded; k++) {
            int32_t value = real && k < terms ? w[o * terms + k] : 0;
            sum += (uint32_t)value;
            to[(o / 4 * (padded / 4) + k / 4) * 16 + o % 4 * 4 + k % 4] = (int8_t)value;
        }
        uint32_t b = real && p->bias ? (uint32_t)((const int32_t *)p->bias)[o] : 0;
        bias[o] = (int32_t)(b - (uint32_t)p->in_zero * sum);
    }
}

static uint32_t scratch(const smt_conv *p)
{
    return NEON_TILE * padded_terms(p) + (uint32_t)p->in_c;
}

/* Adds four products of lane `lane` of x with each of four channels. */
#if defined(__ARM_FEATURE_DOTPROD)
#define DOT(sum, w, x, lane) vdotq_laneq_s32(sum, w, x, lane)
#else
INLINE int32x4_t dot(int32x4_t sum, int8x16_t w, int8x16_t x)
{
    int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(x)),
              high = vmull_s8(vget_high_s8(w), vget_high_s8(x));
    int32x4_t a = vpaddlq_s16(low), b = vpaddlq_s16(high);
    return vaddq_s32(sum, vpaddq_s32(a, b));
}
#define DOT(sum, w, x, lane)                                                                       \
    dot(sum, w, vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(x), lane)))
#endif

INLINE void block(const smt_conv *p,
                  int32_t rows,
                  const int8_t *a,
                  uint32_t padded,
                  const int8_t *w,
                  const int32_t *bias,
                  int32_t o,
                  int8_t *out)
{
    int32x4_t sum[8];
    UNROLL
    for (int32_t r = 0; r < rows; r++)
        sum[r] = vld1q_s32(bias);
    for (uint32_t k = 0; k < padded; k += 16, w += 64) {
        int8x16_t w0 = vld1q_s8(w), w1 = vld1q_s8(w + 16), w2 = vld1q_s8(w + 32),
                  w3 = vld1q_s8(w + 48);
        UNROLL
        for (int32_t r = 0; r < rows; r++) {
            int8x16_t x = vld1q_s8(a + (uint32_t)r * padded + k);
            sum[r] = DOT(sum[r], w0, x, 0);
            sum[r] = DOT(sum[r], w1, x, 1);
            sum[r] = DOT(sum[r], w2, x, 2);
            sum[r] = DOT(sum[r], w3, x, 3);
        }
    }
    int32_t left = p->out_c - o, multiplier[4] = {0}, count = left < 4 ? left : 4;
    int8_t shift[4] = {0};
    for (int32_t i = 0; i < count; i++) {
        multiplier[i] = p->multiplier[o + i];
        shift[i] = p->shift[o + i];
    }
    int32x4_t zero = vdupq_n_s32(p->out_zero), low = vdupq_n_s32(p->low),
              high = vdupq_n_s32(p->high);
    UNROLL
    for (int32_t r = 0; r < rows; r++) {
        int32_t y[4];
        int32x4_t v = vaddq_s32(neon_requantise(sum[r], multiplier, shift), zero);
        vst1q_s32(y, vminq_s32(vmaxq_s32(v, low), high));
        for (int32_t i = 0; i < count; i++)
            out[r * p->out_c + i] = (int8_t)y[i];
    }
}

static void run(const smt_conv *p, const void *in, void *out, void *memory)
{
    uint32_t padded = padded_terms(p), count = panels(p);
    int32_t pixels = p->batch * p->out_h * p->out_w;
    int8_t *a = memory, *pad = a + NEON_TILE * padded;
    const int32_t *bias = p->prepared;
    const int8_t *weights = (const int8_t *)(bias + 4 * count);
    for (int32_t i = 0; i < p->in_c; i++)
        pad[i] = (int8_t)p->in_zero;
    for (int32_t first = 0; first < pixels; first += NEON_TILE) {
        int32_t rows = pixels - first < NEON_TILE ? pixels - first : NEON_TILE;
        smt_gather(p, 1, in, first, rows, pad, a, padded);
        for (uint32_t i = 0; i < count; i++) {
            const int8_t *w = weights + (size_t)i * 4 * padded;
            int8_t *y = (int8_t *)out + (size_t)first * (size_t)p->out_c + 4 * i;
            int32_t r = 0, o = (int32_t)(4 * i);
            for (; r + 8 <= rows; r += 8)
                block(p, 8, a + (uint32_t)r * padded, padded, w, bias + o, o, y + r * p->out_c);
            for (; r < rows; r++)
                block(p, 1, a + (uint32_t)r * padded, padded, w, bias + o, o, y + r * p->out_c);
        }
    }
}

const smt_conv_kernel neon_conv_s8 = {
    .prepared = prepared, .prepare = prepare, .scratch = scratch, .run = run};

#endif
