/* int8 convolution: four pixels at a time against one output channel after the other.
 *
 * The patches of four pixels are widened to q - zero in 16 bits and interleaved in
 * scratch memory, [terms / 4][4 pixels] [4 terms], the four terms in the order 0 2 1 3
 * in which SXTB16 leaves the four weights of a word. One word of weights then serves
 * four pixels: a load, two extensions, two LDMs of patches and eight SMLADs for
 * sixteen products. Weights are read from flash as they lie there: nothing is packed
 * and no RAM is used for them, but for the few of a stem whose rows do not fill words.
 */
#include "dsp.h"

#ifdef SMT_DSP

/* The patch of output pixel (oy, ox) as bytes; pointwise convolutions of
 * whole words have it in the image. Behind its last byte anything may
 * follow up to a whole word, and up to three bytes more are written. */
static const int8_t *
patch(const smt_conv *p, const int8_t *image, int32_t oy, int32_t ox, int8_t *bytes)
{
    int32_t y0 = oy * p->stride_h - p->pad_h, x0 = ox * p->stride_w - p->pad_w, channels = p->in_c;
    if (p->filter_h == 1 && p->filter_w == 1 && channels % 4 == 0)
        return image + (y0 * p->in_w + x0) * channels;
    int8_t *to = bytes;
    int32_t window = p->filter_w * channels, line = p->in_w * channels, rows = p->filter_h;
    if (x0 >= 0 && y0 >= 0 && p->dilation_w == 1 && y0 + (rows - 1) * p->dilation_h < p->in_h &&
        x0 * channels + ((window + 3) & ~3) <= line) { /* whole words lie inside */
        const int8_t *row = image + y0 * line + x0 * channels;
        int32_t jump = p->dilation_h * line;
        do {
            const int8_t *from = row;
            int8_t *end = to + window;
            do {
                uint32_t word = dsp_word(from);
                __builtin_memcpy(to, &word, 4);
                to += 4;
                from += 4;
            } while (to < end);
            to = end;
            row += jump;
        } while (--rows > 0);
        return bytes;
    }
    for (int32_t ky = 0, y = y0; ky < rows; ky++, y += p->dilation_h)
        for (int32_t kx = 0; kx < p->filter_w; kx++) {
            int32_t x = x0 + kx * p->dilation_w;
            bool outside = y < 0 || y >= p->in_h || x < 0 || x >= p->in_w;
            const int8_t *from = image + (outside ? 0 : y * line + x * channels);
            for (int32_t c = 0; c < channels; c++)
                *to++ = outside ? (int8_t)p->in_zero : from[c];
        }
    return bytes;
}

/* Widens one patch, of whole words, into the columns of its pixel, `stride` words apart. What lies
 * behind its last byte meets no weight, or a zero. */
static void
widen(const int8_t *from, const int8_t *end, uint32_t minus_zero, uint32_t *to, int32_t stride)
{
    do {
        uint32_t word = dsp_word(from);
        to[0] = dsp_add_even(minus_zero, word);
        to[1] = dsp_add_odd(minus_zero, word);
        from += 4;
        to += stride;
    } while (from < end);
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
#ifdef __OPTIMIZE__
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
    if (quads & 1) {
        if (quads == 3) /* a stem of 3 x 3 */
            DOT(QUAD QUAD QUAD);
        else
            DOT(QUAD);
    } else if (quads & 2)
        DOT(QUAD QUAD);
    else if (quads)
        DOT(QUAD QUAD QUAD QUAD);
#undef DOT
#undef QUAD
#else /* without optimisation GCC does not find the thirteen registers */
    for (; x < end; w += 4, x += 2 * DSP_PIXELS) {
        even = dsp_add_even(0, dsp_word(w));
        odd = dsp_add_odd(0, dsp_word(w));
        a = __smlad((int16x2_t)x[1], (int16x2_t)odd, __smlad((int16x2_t)x[0], (int16x2_t)even, a));
        b = __smlad((int16x2_t)x[3], (int16x2_t)odd, __smlad((int16x2_t)x[2], (int16x2_t)even, b));
        c = __smlad((int16x2_t)x[5], (int16x2_t)odd, __smlad((int16x2_t)x[4], (int16x2_t)even, c));
        d = __smlad((int16x2_t)x[7], (int16x2_t)odd, __smlad((int16x2_t)x[6], (int16x2_t)even, d));
    }
#endif
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
    for (int32_t i = 0; i < rest; i++)
        sum += (int16_t)(quad[i & 1] >> (i & 2) * 8) * w[i];
    return sum;
}

/* The tables of all channels in registers: stores through `out` could alias anything that is
 * reached through p. */
typedef struct channels {
    const int8_t *weights, *shift;
    const int32_t *bias, *multiplier;
    int32_t count, quads, rest; /* rest: products a channel beyond its quads */
    int32_t low, high, out_zero;
    bool fast;  /* dsp_requantise() holds */
    bool plain; /* and there is no rest and nothing to clamp */
} channels;

/* What is left of one channel of four pixels where it is not plain. */
static __attribute__((noinline)) void finish_four(const smt_conv *p,
                                                  const channels *k,
                                                  int32_t o,
                                                  const int8_t *w,
                                                  const uint32_t *x,
                                                  int32_t s[4])
{
    int32_t right = -k->shift[o];
    x += k->quads * 2 * DSP_PIXELS;
    for (int32_t i = 0; i < DSP_PIXELS; i++, x += 2) {
        int32_t sum = dot_rest(w, x, k->rest, s[i]);
        s[i] = k->fast
                   ? edge_clamp(dsp_requantise(
                                    sum, k->multiplier[o], dsp_round(k->out_zero, right), right),
                                k->low,
                                k->high)
                   : dsp_finish(p, o, sum);
    }
}

/* All channels of four pixels; `out` points to the first, the others are `count` bytes apart. */
static void four_pixels(const smt_conv *p, const channels *all, const uint32_t *x, int8_t *out)
{
    channels k = *all;
    const int8_t *w = k.weights;
    for (int32_t o = 0; o < k.count; o++, out++) {
        int32_t s0 = k.bias ? k.bias[o] : 0, s1 = s0, s2 = s0, s3 = s0;
        w = dot4(w, x, k.quads, &s0, &s1, &s2, &s3);
        if (k.plain) {
            int32_t right = -k.shift[o], multiplier = k.multiplier[o],
                    round = dsp_round(k.out_zero, right);
            s0 = dsp_saturate8(dsp_requantise(s0, multiplier, round, right));
            s1 = dsp_saturate8(dsp_requantise(s1, multiplier, round, right));
            s2 = dsp_saturate8(dsp_requantise(s2, multiplier, round, right));
            s3 = dsp_saturate8(dsp_requantise(s3, multiplier, round, right));
        } else {
            int32_t s[4] = {s0, s1, s2, s3};
            finish_four(p, all, o, w, x, s);
            w += k.rest;
            s0 = s[0];
            s1 = s[1];
            s2 = s[2];
            s3 = s[3];
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

/* p's channels; rows of weights that do not fill words are copied to *memory, which moves on. */
static channels channels_of(const smt_conv *p, int8_t **memory)
{
    int32_t terms = dsp_terms(p);
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
                    dsp_is_fast(p, terms),
                    false};
    if (dsp_padded_weights(p)) {
        pad_weights(p, terms, *memory);
        all.weights = *memory;
        all.quads = (terms + 3) / 4;
        all.rest = 0;
        *memory += dsp_padded_weights(p);
    }
    all.plain = all.fast && all.rest == 0 && p->low == -128 && p->high == 127;
    return all;
}

/* One convolution, or with `product` that of a (p) and b, which share their patches. */
static void
convolve(const smt_conv *p, const smt_product *product, const void *in, void *out, void *memory)
{
    int32_t terms = dsp_terms(p), pixels = p->out_h * p->out_w, quads = (terms + 3) / 4;
    uint32_t *x = memory;
    int8_t *bytes = (int8_t *)(x + quads * 2 * DSP_PIXELS), *y = out, *rest = bytes + quads * 4 + 4;
    const int8_t *image = in;
    uint32_t minus_zero = (uint32_t)(-p->in_zero) & 0xffffu;
    minus_zero |= minus_zero << 16;
    channels all = channels_of(p, &rest), other;
    smt_arithmetic mul;
    if (product) {
        other = channels_of(product->b, &rest);
        mul = *product->mul;
        mul.shape[0] = mul.shape[1] = mul.shape[2] = 1;
        mul.stride_a[3] = mul.stride_b[3] = 1;
    }
    for (int32_t n = 0; n < p->batch; n++, image += p->in_h * p->in_w * p->in_c) {
        int32_t oy = 0, ox = 0;
        for (int32_t left = pixels; left > 0;) {
            int32_t count = left >= DSP_PIXELS ? DSP_PIXELS : 1;
            for (int32_t i = 0; i < count; i++) {
                const int8_t *from = patch(p, image, oy, ox, bytes);
                widen(from, from + terms, minus_zero, x + 2 * i, 2 * count);
                if (++ox == p->out_w) {
                    ox = 0;
                    oy++;
                }
            }
            void (*multiply)(const smt_conv *, const channels *, const uint32_t *, int8_t *) =
                count == DSP_PIXELS ? four_pixels : one_pixel;
            multiply(p, &all, x, y);
            if (product) {
                multiply(product->b, &other, x, rest);
                mul.shape[3] = count * p->out_c;
                dsp_arithmetic_s8(&mul, y, rest, y);
            }
            y += count * p->out_c;
            left -= count;
        }
    }
}

static void run(const smt_conv *p, const void *in, void *out, void *memory)
{
    convolve(p, NULL, in, out, memory);
}

static void run_product(const smt_product *p, const void *in, void *out, void *memory)
{
    convolve(p->a, p, in, out, memory);
}

const smt_conv_kernel dsp_conv_s8 = {.scratch = smt_dsp_conv_scratch,
                                     .lead = smt_dsp_conv_lead,
                                     .run = run,
                                     .product = run_product,
                                     .product_scratch = smt_dsp_product_scratch};

#endif
