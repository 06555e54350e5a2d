/* int8 convolution: four pixels at a time against one output channel after the other.
 *
 * The patches of four pixels are widened to q - zero in 16 bits and interleaved in scratch memory,
 * [terms / 4][4 pixels] [4 terms], the four terms in the order 0 2 1 3 in which SXTB16 leaves the
 * four weights of a word. One word of weights then serves four pixels: a load, two extensions, two
 * LDMs of patches and eight SMLADs for sixteen products. Weights are read from flash as they lie
 * there: nothing is packed and no RAM is used for them, but for the few of a stem whose rows do not
 * fill words.
 */
#include "dsp.h"

#ifdef SMT_DSP

/* The patch of output pixel (oy, ox) as bytes; pointwise convolutions have it in the image. */
static const int8_t *
patch(const smt_conv *p, const int8_t *image, int32_t oy, int32_t ox, int8_t *bytes)
{
    int32_t y0 = oy * p->stride_h - p->pad_h, x0 = ox * p->stride_w - p->pad_w, channels = p->in_c;
    if (p->filter_h == 1 && p->filter_w == 1)
        return image + (y0 * p->in_w + x0) * channels;
    int8_t *to = bytes;
    int32_t window = p->filter_w * channels, line = p->in_w * channels;
    bool inside = x0 >= 0 && x0 + p->filter_w <= p->in_w && p->dilation_w == 1;
    for (int32_t ky = 0, y = y0; ky < p->filter_h; ky++, y += p->dilation_h) {
        const int8_t *row = image + y * line;
        if (inside && y >= 0 && y < p->in_h) {
            const int8_t *from = row + x0 * channels;
            int8_t *end = to + window;
            do
                *to++ = *from++;
            while (to < end);
            continue;
        }
        for (int32_t kx = 0; kx < p->filter_w; kx++) {
            int32_t x = x0 + kx * p->dilation_w;
            bool outside = y < 0 || y >= p->in_h || x < 0 || x >= p->in_w;
            const int8_t *from = row + x * channels;
            for (int32_t c = 0; c < channels; c++)
                *to++ = outside ? (int8_t)p->in_zero : from[c];
        }
    }
    return bytes;
}

/* Widens one patch into the columns of its pixel, `stride` words apart. A last quad is filled up
 * with zeros. */
static void
widen(const int8_t *from, int32_t terms, uint32_t minus_zero, uint32_t *to, int32_t stride)
{
    int32_t k = 0;
    for (; k + 4 <= terms; k += 4, to += stride) {
        uint32_t word = dsp_word(from + k);
        to[0] = dsp_add_even(minus_zero, word);
        to[1] = dsp_add_odd(minus_zero, word);
    }
    if (k < terms) {
        int32_t zero = -(int16_t)minus_zero, q[4];
        for (int32_t i = 0; i < 4; i++)
            q[i] = k + i < terms ? from[k + i] - zero : 0;
        to[0] = dsp_lows((uint32_t)q[0], (uint32_t)q[2]);
        to[1] = dsp_lows((uint32_t)q[1], (uint32_t)q[3]);
    }
}

/* Adds `quads` times four products of each of four pixels to sum; returns the weights' end. */
static inline const int8_t *dot4(const int8_t *w,
                                 const uint32_t *x,
                                 int32_t quads,
                                 int32_t *s0,
                                 int32_t *s1,
                                 int32_t *s2,
                                 int32_t *s3)
{
    const uint32_t *end = x + quads * 2 * DSP_PIXELS;
    uint32_t even, odd;
    int32_t a = *s0, b = *s1, c = *s2, d = *s3;
#define QUAD                                                                                       \
    "ldr %[odd], [%[w]], #4\n\t"                                                                   \
    "ldmia %[x]!, {r4, r5, r6, r8}\n\t"                                                            \
    "sxtb16 %[even], %[odd]\n\t"                                                                   \
    "sxtb16 %[odd], %[odd], ror #8\n\t"                                                            \
    "smlad %[a], r4, %[even], %[a]\n\t"                                                            \
    "smlad %[b], r6, %[even], %[b]\n\t"                                                            \
    "smlad %[a], r5, %[odd], %[a]\n\t"                                                             \
    "smlad %[b], r8, %[odd], %[b]\n\t"                                                             \
    "ldmia %[x]!, {r4, r5, r6, r8}\n\t"                                                            \
    "smlad %[c], r4, %[even], %[c]\n\t"                                                            \
    "smlad %[d], r6, %[even], %[d]\n\t"                                                            \
    "smlad %[c], r5, %[odd], %[c]\n\t"                                                             \
    "smlad %[d], r8, %[odd], %[d]\n\t"
#define DOT(body)                                                                                  \
    __asm__ volatile("1:\n\t" body "cmp %[x], %[end]\n\t"                                          \
                     "bne 1b\n\t"                                                                  \
                     : [a] "+r"(a),                                                                \
                       [b] "+r"(b),                                                                \
                       [c] "+r"(c),                                                                \
                       [d] "+r"(d),                                                                \
                       [w] "+r"(w),                                                                \
                       [x] "+r"(x),                                                                \
                       [even] "=&r"(even),                                                         \
                       [odd] "=&r"(odd)                                                            \
                     : [end] "r"(end)                                                              \
                     : "r4", "r5", "r6", "r8", "cc", "memory")
    if (quads & 1)
        DOT(QUAD);
    else if (quads & 2)
        DOT(QUAD QUAD);
    else if (quads)
        DOT(QUAD QUAD QUAD QUAD);
#undef DOT
#undef QUAD
    *s0 = a;
    *s1 = b;
    *s2 = c;
    *s3 = d;
    return w;
}

/* The products that do not fill a word of weights; the patches hold them in the last quad as 0 2
 * 1 3. */
static int32_t dot_rest(const int8_t *w, const uint32_t *quad, int32_t rest, int32_t sum)
{
    const int16_t *v = (const int16_t *)(const void *)quad;
    for (int32_t i = 0; i < rest; i++)
        sum += v[i == 1 ? 2 : i == 2 ? 1 : i] * w[i];
    return sum;
}

/* The tables of all channels in registers: stores through `out` could alias anything that is
 * reached through p. */
typedef struct channels {
    const int8_t *weights, *shift;
    const int32_t *bias, *multiplier;
    int32_t count, quads, rest; /* rest: products a channel beyond its quads */
    int32_t low, high, out_zero;
    bool fast;
} channels;

/* All channels of four pixels; `out` points to the first, the others are `count` bytes apart. */
static void four_pixels(const smt_conv *p, const channels *all, const uint32_t *x, int8_t *out)
{
    channels k = *all;
    const int8_t *w = k.weights;
    bool whole = k.low == -128 && k.high == 127;
    for (int32_t o = 0; o < k.count; o++, out++) {
        int32_t s0 = k.bias ? k.bias[o] : 0, s1 = s0, s2 = s0, s3 = s0;
        w = dot4(w, x, k.quads, &s0, &s1, &s2, &s3);
        if (k.rest) {
            const uint32_t *last = x + k.quads * 2 * DSP_PIXELS;
            s0 = dot_rest(w, last, k.rest, s0);
            s1 = dot_rest(w, last + 2, k.rest, s1);
            s2 = dot_rest(w, last + 4, k.rest, s2);
            s3 = dot_rest(w, last + 6, k.rest, s3);
            w += k.rest;
        }
        if (k.fast) {
            int32_t right = -k.shift[o], multiplier = k.multiplier[o],
                    round = dsp_round(k.out_zero, right);
            s0 = dsp_saturate8(dsp_requantise(s0, multiplier, round, right));
            s1 = dsp_saturate8(dsp_requantise(s1, multiplier, round, right));
            s2 = dsp_saturate8(dsp_requantise(s2, multiplier, round, right));
            s3 = dsp_saturate8(dsp_requantise(s3, multiplier, round, right));
            if (!whole) {
                s0 = edge_clamp(s0, k.low, k.high);
                s1 = edge_clamp(s1, k.low, k.high);
                s2 = edge_clamp(s2, k.low, k.high);
                s3 = edge_clamp(s3, k.low, k.high);
            }
        } else {
            s0 = dsp_finish(p, o, s0);
            s1 = dsp_finish(p, o, s1);
            s2 = dsp_finish(p, o, s2);
            s3 = dsp_finish(p, o, s3);
        }
        int8_t *to = out;
        *to = (int8_t)s0;
        to += k.count;
        *to = (int8_t)s1;
        to += k.count;
        *to = (int8_t)s2;
        to += k.count;
        *to = (int8_t)s3;
    }
}

/* One pixel, its terms in consecutive words: dense layers and the gates of squeeze-excite. */
static void one_pixel(const smt_conv *p, const channels *all, const uint32_t *x, int8_t *out)
{
    channels k = *all;
    const int8_t *w = k.weights;
    for (int32_t o = 0; o < k.count; o++) {
        int32_t sum = k.bias ? k.bias[o] : 0;
        const uint32_t *v = x;
        for (const uint32_t *end = x + 2 * k.quads; v < end; w += 4, v += 2) {
            uint32_t word = dsp_word(w);
            sum = __smlad((int16x2_t)v[0], (int16x2_t)dsp_add_even(0, word), sum);
            sum = __smlad((int16x2_t)v[1], (int16x2_t)dsp_add_odd(0, word), sum);
        }
        sum = dot_rest(w, v, k.rest, sum);
        w += k.rest;
        if (k.fast) {
            int32_t right = -k.shift[o];
            sum = dsp_requantise(sum, k.multiplier[o], dsp_round(k.out_zero, right), right);
            out[o] = (int8_t)edge_clamp(sum, k.low, k.high);
        } else {
            out[o] = (int8_t)dsp_finish(p, o, sum);
        }
    }
}

/* Copies the rows of weights to whole words, zeros behind. */
static void pad_weights(const smt_conv *p, int32_t terms, int8_t *to)
{
    const int8_t *w = p->weights;
    for (int32_t o = 0; o < p->out_c; o++) {
        for (int32_t k = 0; k < terms; k++)
            *to++ = *w++;
        for (int32_t k = terms; k & 3; k++)
            *to++ = 0;
    }
}

static void run(const smt_conv *p, const void *in, void *out, void *memory)
{
    int32_t terms = dsp_terms(p), pixels = p->out_h * p->out_w, quads = (terms + 3) / 4;
    uint32_t *x = memory;
    int8_t *bytes = (int8_t *)(x + quads * 2 * DSP_PIXELS), *y = out;
    const int8_t *image = in;
    uint32_t minus_zero = (uint32_t)(-p->in_zero) & 0xffffu;
    minus_zero |= minus_zero << 16;
    channels all = {p->weights,
                    p->shift,
                    p->bias,
                    p->multiplier,
                    p->out_c,
                    terms / 4,
                    terms & 3,
                    p->low,
                    p->high,
                    p->out_zero,
                    dsp_is_fast(p, terms)};
    if (dsp_padded_weights(p)) {
        int8_t *padded = bytes + quads * 4;
        pad_weights(p, terms, padded);
        all.weights = padded;
        all.quads = quads;
        all.rest = 0;
    }
    for (int32_t n = 0; n < p->batch; n++, image += p->in_h * p->in_w * p->in_c) {
        int32_t oy = 0, ox = 0;
        for (int32_t left = pixels; left > 0;) {
            int32_t count = left >= DSP_PIXELS ? DSP_PIXELS : 1;
            for (int32_t i = 0; i < count; i++) {
                widen(patch(p, image, oy, ox, bytes), terms, minus_zero, x + 2 * i, 2 * count);
                if (++ox == p->out_w) {
                    ox = 0;
                    oy++;
                }
            }
            if (count == DSP_PIXELS)
                four_pixels(p, &all, x, y);
            else
                one_pixel(p, &all, x, y);
            y += count * p->out_c;
            left -= count;
        }
    }
}

const smt_conv_kernel dsp_conv_s8 = {
    .scratch = smt_dsp_conv_scratch, .lead = smt_dsp_conv_lead, .run = run};

#endif
