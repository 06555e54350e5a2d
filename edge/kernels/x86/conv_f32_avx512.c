/* float32 convolution and depthwise convolution with AVX-512.
 * Prepared memory of a convolution: bias [panels * 16], then panels of 16 channels, [terms][16]
 * each; of a depthwise one: nothing, the file's layout is right already.
 */
#include "x86.h"

#ifdef SMT_X86

static uint32_t panels(const smt_conv *p)
{
    return ((uint32_t)p->out_c + 15) / 16;
}

static uint32_t prepared(const smt_conv *p)
{
    return panels(p) * 64 * (1 + (uint32_t)x86_terms(p));
}

static void prepare(const smt_conv *p, void *memory)
{
    float *bias = memory, *to = bias + 16 * panels(p);
    const float *w = p->weights;
    int32_t terms = x86_terms(p);
    for (int32_t o = 0; o < 16 * (int32_t)panels(p); o++) {
        bias[o] = o < p->out_c && p->bias ? ((const float *)p->bias)[o] : 0.0f;
        for (int32_t k = 0; k < terms; k++)
            to[((size_t)(o / 16) * (size_t)terms + (size_t)k) * 16 + (size_t)(o % 16)] =
                o < p->out_c ? w[(size_t)o * (size_t)terms + (size_t)k] : 0.0f;
    }
}

static uint32_t scratch(const smt_conv *p)
{
    /* a tile of patches and the padding; pointwise convolutions read the image itself */
    return x86_is_pointwise(p) ? 0 : 4 * (X86_TILE * (uint32_t)x86_terms(p) + (uint32_t)p->in_c);
}

TARGET_AVX512 INLINE void block(const smt_conv *p,
                                int32_t rows,
                                int32_t vectors,
                                const float *a,
                                int32_t terms,
                                const float *w,
                                const float *bias,
                                int32_t o,
                                float *out)
{
    __m512 sum[8][4];
    for (int32_t v = 0; v < vectors; v++)
        for (int32_t r = 0; r < rows; r++)
            sum[r][v] = _mm512_loadu_ps(bias + 16 * v);
    for (int32_t k = 0; k < terms; k++) {
        __m512 b[4];
        for (int32_t v = 0; v < vectors; v++)
            b[v] = _mm512_loadu_ps(w + 16 * ((size_t)v * (size_t)terms + (size_t)k));
        for (int32_t r = 0; r < rows; r++) {
            __m512 x = _mm512_set1_ps(a[r * terms + k]);
            for (int32_t v = 0; v < vectors; v++)
                sum[r][v] = _mm512_fmadd_ps(x, b[v], sum[r][v]);
        }
    }
    const __m512 low = _mm512_set1_ps(p->low_f), high = _mm512_set1_ps(p->high_f);
    for (int32_t v = 0; v < vectors; v++) {
        int32_t left = p->out_c - o - 16 * v;
        __mmask16 active = lanes16(left);
        /* the sum is the second operand: max and min then keep a NaN */
        for (int32_t r = 0; r < rows; r++)
            _mm512_mask_storeu_ps(out + r * p->out_c + 16 * v,
                                  active,
                                  _mm512_min_ps(high, _mm512_max_ps(low, sum[r][v])));
    }
}

TARGET_AVX512 static void tile(const smt_conv *p, const float *a, int32_t rows, float *out)
{
    int32_t terms = x86_terms(p), count = (int32_t)panels(p);
    const float *bias = p->prepared, *w = bias + 16 * count;
    for (int32_t i = 0; i < count;) {
        const float *panel = w + (size_t)i * 16 * (size_t)terms;
        int32_t r = 0, o = 16 * i, vectors = count - i >= 2 ? 2 : 1;
        if (rows <= 2 && count - i >= 4)
            vectors = 4;
        if (rows > 2 && count - i == 3)
            vectors = 3;
#define BLOCK(n, v) block(p, n, v, a + r * terms, terms, panel, bias + o, o, out + r * p->out_c + o)
        if (vectors == 4) {
            for (; r < rows; r++)
                BLOCK(1, 4);
        } else if (vectors == 3) {
            for (; r + 8 <= rows; r += 8)
                BLOCK(8, 3);
            for (; r < rows; r++)
                BLOCK(1, 3);
        } else if (vectors == 2) {
            for (; r + 8 <= rows; r += 8)
                BLOCK(8, 2);
            for (; r < rows; r++)
                BLOCK(1, 2);
        } else {
            for (; r + 8 <= rows; r += 8)
                BLOCK(8, 1);
            for (; r < rows; r++)
                BLOCK(1, 1);
        }
#undef BLOCK
        i += vectors;
    }
}

TARGET_AVX512 static void run(const smt_conv *p, const void *in, void *out, void *memory)
{
    int32_t terms = x86_terms(p), pixels = p->batch * p->out_h * p->out_w;
    float *a = memory, *pad = a + X86_TILE * terms;
    bool direct = x86_is_pointwise(p);
    for (int32_t i = 0; i < p->in_c && !direct; i++)
        pad[i] = 0;
    for (int32_t first = 0; first < pixels; first += X86_TILE) {
        int32_t rows = pixels - first < X86_TILE ? pixels - first : X86_TILE;
        float *y = (float *)out + (size_t)first * (size_t)p->out_c;
        if (direct) {
            tile(p, (const float *)in + (size_t)first * (size_t)terms, rows, y);
            continue;
        }
        x86_gather(p, 4, in, first, rows, pad, a, 4 * (size_t)terms);
        tile(p, a, rows, y);
    }
}

const smt_conv_kernel x86_conv_f32_avx512 = {
    .prepared = prepared, .prepare = prepare, .scratch = scratch, .run = run};

/* ---- depthwise ------------------------------------------------------------------------------- */

TARGET_AVX512 static void depthwise(const smt_conv *p, const void *in, void *out, void *memory)
{
    if (p->in_c != p->out_c) {
        smt_ref_depthwise_f32(p, in, out, memory);
        return;
    }
    const float *image = in, *w = p->weights, *bias = p->bias;
    const __m512 low = _mm512_set1_ps(p->low_f), high = _mm512_set1_ps(p->high_f);
    float *y = out;
    int32_t channels = p->out_c;
    for (int32_t n = 0; n < p->batch;
         n++, image += (size_t)p->in_h * (size_t)p->in_w * (size_t)channels)
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            int32_t y0 = oy * p->stride_h - p->pad_h;
            for (int32_t ox = 0; ox < p->out_w; ox++, y += channels) {
                int32_t x0 = ox * p->stride_w - p->pad_w;
                for (int32_t c = 0; c < channels; c += 32) {
                    int32_t left = channels - c;
                    __mmask32 m = left >= 32 ? 0xffffffffu : (1u << left) - 1;
                    __mmask16 m0 = (__mmask16)m, m1 = (__mmask16)(m >> 16);
                    __m512 s0 = _mm512_setzero_ps(), s1 = s0;
                    if (bias) {
                        s0 = _mm512_maskz_loadu_ps(m0, bias + c);
                        s1 = _mm512_maskz_loadu_ps(m1, bias + c + 16);
                    }
                    for (int32_t ky = 0; ky < p->filter_h; ky++) {
                        int32_t iy = y0 + ky * p->dilation_h;
                        if (iy < 0 || iy >= p->in_h)
                            continue;
                        for (int32_t kx = 0; kx < p->filter_w; kx++) {
                            int32_t ix = x0 + kx * p->dilation_w;
                            if (ix < 0 || ix >= p->in_w)
                                continue;
                            const float *x =
                                image +
                                ((size_t)iy * (size_t)p->in_w + (size_t)ix) * (size_t)channels + c;
                            const float *k =
                                w + (size_t)(ky * p->filter_w + kx) * (size_t)channels + c;
                            s0 = _mm512_fmadd_ps(
                                _mm512_maskz_loadu_ps(m0, x), _mm512_maskz_loadu_ps(m0, k), s0);
                            s1 = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(m1, x + 16),
                                                 _mm512_maskz_loadu_ps(m1, k + 16),
                                                 s1);
                        }
                    }
                    _mm512_mask_storeu_ps(y + c, m0, _mm512_min_ps(high, _mm512_max_ps(low, s0)));
                    _mm512_mask_storeu_ps(
                        y + c + 16, m1, _mm512_min_ps(high, _mm512_max_ps(low, s1)));
                }
            }
        }
}

const smt_conv_kernel x86_depthwise_f32_avx512 = {.run = depthwise};

#endif
