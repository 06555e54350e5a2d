/* Convolutions with AVX2: float32 by FMA, int8 by vpmaddwd on 16-bit pairs. Panels of 8 channels.
 * float32: bias [panels * 8], then [terms][8] a panel. int8: bias likewise, then [terms / 2][8][2]
 * int16 a panel; the input is widened to q - zero, so that nothing else has to be corrected.
 */
#include "requantise_avx2.h"

#ifdef SMT_X86

static uint32_t panels(const smt_conv *p)
{
    return ((uint32_t)p->out_c + 7) / 8;
}

/* ---- float32 --------------------------------------------------------------------------------- */

static uint32_t prepared_f32(const smt_conv *p)
{
    return panels(p) * 32 * (1 + (uint32_t)x86_terms(p));
}

static void prepare_f32(const smt_conv *p, void *memory)
{
    float *bias = memory, *to = bias + 8 * panels(p);
    const float *w = p->weights;
    size_t terms = (size_t)x86_terms(p);
    for (size_t o = 0; o < 8 * (size_t)panels(p); o++) {
        bool real = o < (size_t)p->out_c;
        bias[o] = real && p->bias ? ((const float *)p->bias)[o] : 0.0f;
        for (size_t k = 0; k < terms; k++)
            to[(o / 8 * terms + k) * 8 + o % 8] = real ? w[o * terms + k] : 0.0f;
    }
}

static uint32_t scratch_f32(const smt_conv *p)
{
    return x86_is_pointwise(p) ? 0 : 4 * (X86_TILE * (uint32_t)x86_terms(p) + (uint32_t)p->in_c);
}

TARGET_AVX2 INLINE void block_f32(const smt_conv *p,
                                  int32_t rows,
                                  int32_t vectors,
                                  const float *a,
                                  int32_t terms,
                                  const float *w,
                                  const float *bias,
                                  int32_t o,
                                  float *out)
{
    __m256 sum[4][2];
    UNROLL
    for (int32_t v = 0; v < vectors; v++)
        UNROLL
    for (int32_t r = 0; r < rows; r++)
        sum[r][v] = _mm256_loadu_ps(bias + 8 * v);
    for (int32_t k = 0; k < terms; k++) {
        __m256 b[2];
        UNROLL
        for (int32_t v = 0; v < vectors; v++)
            b[v] = _mm256_loadu_ps(w + 8 * ((size_t)v * (size_t)terms + (size_t)k));
        UNROLL
        for (int32_t r = 0; r < rows; r++) {
            __m256 x = _mm256_broadcast_ss(a + r * terms + k);
            UNROLL
            for (int32_t v = 0; v < vectors; v++)
                sum[r][v] = _mm256_fmadd_ps(x, b[v], sum[r][v]);
        }
    }
    const __m256 low = _mm256_set1_ps(p->low_f), high = _mm256_set1_ps(p->high_f);
    UNROLL
    for (int32_t v = 0; v < vectors; v++)
        UNROLL
    for (int32_t r = 0; r < rows; r++) {
        __m256 y = _mm256_min_ps(high, _mm256_max_ps(low, sum[r][v]));
        float *to = out + r * p->out_c + 8 * v, rest[8];
        if (o + 8 * v + 8 <= p->out_c) {
            _mm256_storeu_ps(to, y);
            continue;
        }
        _mm256_storeu_ps(rest, y);
        for (int32_t i = 0; o + 8 * v + i < p->out_c; i++)
            to[i] = rest[i];
    }
}

TARGET_AVX2 static void tile_f32(const smt_conv *p, const float *a, int32_t rows, float *out)
{
    int32_t terms = x86_terms(p), count = (int32_t)panels(p);
    const float *bias = p->prepared, *w = bias + 8 * count;
    for (int32_t i = 0; i < count;) {
        const float *panel = w + (size_t)i * 8 * (size_t)terms;
        int32_t r = 0, o = 8 * i;
#define BLOCK(n, v)                                                                                \
    block_f32(p, n, v, a + r * terms, terms, panel, bias + o, o, out + r * p->out_c + o)
        if (count - i >= 2) {
            for (; r + 4 <= rows; r += 4)
                BLOCK(4, 2);
            for (; r < rows; r++)
                BLOCK(1, 2);
            i += 2;
        } else {
            for (; r + 4 <= rows; r += 4)
                BLOCK(4, 1);
            for (; r < rows; r++)
                BLOCK(1, 1);
            i++;
        }
#undef BLOCK
    }
}

TARGET_AVX2 static void run_f32(const smt_conv *p, const void *in, void *out, void *memory)
{
    int32_t terms = x86_terms(p), pixels = p->batch * p->out_h * p->out_w;
    float *a = memory, *pad = a + X86_TILE * terms;
    bool direct = x86_is_pointwise(p);
    for (int32_t i = 0; i < p->in_c && !direct; i++)
        pad[i] = 0;
    for (int32_t first = 0; first < pixels; first += X86_TILE) {
        int32_t rows = pixels - first < X86_TILE ? pixels - first : X86_TILE;
        float *y = (float *)out + (size_t)first * (size_t)p->out_c;
        const float *patches = direct ? (const float *)in + (size_t)first * (size_t)terms : a;
        if (!direct)
            smt_gather(p, 4, in, first, rows, pad, a, 4 * (size_t)terms);
        tile_f32(p, patches, rows, y);
    }
}

const smt_conv_kernel x86_conv_f32_avx2 = {
    .prepared = prepared_f32, .prepare = prepare_f32, .scratch = scratch_f32, .run = run_f32};

TARGET_AVX2 static void depthwise_f32(const smt_conv *p, const void *in, void *out, void *memory)
{
    if (p->in_c != p->out_c || p->in_c % 8 != 0) {
        smt_ref_depthwise_f32(p, in, out, memory);
        return;
    }
    const float *image = in, *w = p->weights, *bias = p->bias;
    const __m256 low = _mm256_set1_ps(p->low_f), high = _mm256_set1_ps(p->high_f);
    size_t channels = (size_t)p->out_c;
    float *y = out;
    for (int32_t n = 0; n < p->batch; n++, image += (size_t)p->in_h * (size_t)p->in_w * channels)
        for (int32_t oy = 0; oy < p->out_h; oy++)
            for (int32_t ox = 0; ox < p->out_w; ox++, y += channels) {
                int32_t y0 = oy * p->stride_h - p->pad_h, x0 = ox * p->stride_w - p->pad_w;
                for (size_t c = 0; c < channels; c += 8) {
                    __m256 sum = bias ? _mm256_loadu_ps(bias + c) : _mm256_setzero_ps();
                    for (int32_t ky = 0; ky < p->filter_h; ky++) {
                        int32_t iy = y0 + ky * p->dilation_h;
                        for (int32_t kx = 0; kx < p->filter_w; kx++) {
                            int32_t ix = x0 + kx * p->dilation_w;
                            if (iy < 0 || iy >= p->in_h || ix < 0 || ix >= p->in_w)
                                continue;
                            const float *x =
                                image + ((size_t)iy * (size_t)p->in_w + (size_t)ix) * channels + c;
                            const float *k = w + (size_t)(ky * p->filter_w + kx) * channels + c;
                            sum = _mm256_fmadd_ps(_mm256_loadu_ps(x), _mm256_loadu_ps(k), sum);
                        }
                    }
                    _mm256_storeu_ps(y + c, _mm256_min_ps(high, _mm256_max_ps(low, sum)));
                }
            }
}

const smt_conv_kernel x86_depthwise_f32_avx2 = {.run = depthwise_f32};

/* ---- int8 ------------------------------------------------------------------------------------ */

static uint32_t even_terms(const smt_conv *p)
{
    return ((uint32_t)x86_terms(p) + 1) & ~1u;
}

static uint32_t prepared_s8(const smt_conv *p)
{
    return panels(p) * (32 + 16 * even_terms(p));
}

static void prepare_s8(const smt_conv *p, void *memory)
{
    int32_t *bias = memory;
    int16_t *to = (int16_t *)(void *)(bias + 8 * panels(p));
    const int8_t *w = p->weights;
    size_t terms = (size_t)x86_terms(p), even = even_terms(p);
    for (size_t o = 0; o < 8 * (size_t)panels(p); o++) {
        bool real = o < (size_t)p->out_c;
        bias[o] = real && p->bias ? ((const int32_t *)p->bias)[o] : 0;
        for (size_t k = 0; k < even; k++)
            to[(o / 8 * (even / 2) + k / 2) * 16 + o % 8 * 2 + k % 2] =
                real && k < terms ? w[o * terms + k] : 0;
    }
}

static uint32_t scratch_s8(const smt_conv *p)
{
    /* patches as q - zero and as bytes, the padding */
    return X86_TILE * 3 * even_terms(p) + (uint32_t)p->in_c;
}

/* The tables of eight channels from channel o on. */
TARGET_AVX2 INLINE requant8 requant8_load(const smt_conv *p, int32_t o)
{
    if (o + 8 <= p->out_c)
        return requant8_from(
            load_256(p->multiplier + o),
            _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(p->shift + o))));
    int32_t m[8] = {0}, s[8] = {0};
    for (int32_t i = 0; o + i < p->out_c; i++) {
        m[i] = p->multiplier[o + i];
        s[i] = p->shift[o + i];
    }
    return requant8_from(load_256(m), load_256(s));
}

/* rows and vectors (panels) are constants where this is called. */
TARGET_AVX2 INLINE void block_s8(const smt_conv *p,
                                 int32_t rows,
                                 int32_t vectors,
                                 const int16_t *a,
                                 int32_t even,
                                 const int16_t *w,
                                 const int32_t *bias,
                                 int32_t o,
                                 int8_t *out)
{
    __m256i sum[4][2];
    UNROLL
    for (int32_t r = 0; r < rows; r++)
        UNROLL
    for (int32_t v = 0; v < vectors; v++)
        sum[r][v] = load_256(bias + 8 * v);
    for (int32_t k = 0; k < even; k += 2) {
        __m256i b[2];
        UNROLL
        for (int32_t v = 0; v < vectors; v++)
            b[v] = load_256(w + 8 * ((size_t)v * (size_t)even + (size_t)k));
        UNROLL
        for (int32_t r = 0; r < rows; r++) {
            int32_t two;
            __builtin_memcpy(&two, a + r * even + k, 4);
            __m256i x = _mm256_set1_epi32(two);
            UNROLL
            for (int32_t v = 0; v < vectors; v++)
                sum[r][v] = _mm256_add_epi32(sum[r][v], _mm256_madd_epi16(x, b[v]));
        }
    }
    const __m256i zero = _mm256_set1_epi32(p->out_zero), low = _mm256_set1_epi32(p->low),
                  high = _mm256_set1_epi32(p->high);
    UNROLL
    for (int32_t v = 0; v < vectors; v++) {
        const requant8 q = requant8_load(p, o + 8 * v);
        UNROLL
        for (int32_t r = 0; r < rows; r++)
            store8(out + r * p->out_c + 8 * v,
                   p->out_c - o - 8 * v,
                   requant8_clamp(requant8_apply(&q, sum[r][v]), zero, low, high));
    }
}

TARGET_AVX2 static void tile_s8(const smt_conv *p, const int16_t *a, int32_t rows, int8_t *out)
{
    int32_t even = (int32_t)even_terms(p), count = (int32_t)panels(p);
    const int32_t *bias = p->prepared;
    const int16_t *w = (const int16_t *)(const void *)(bias + 8 * count);
    for (int32_t i = 0; i < count;) {
        const int16_t *panel = w + (size_t)i * 8 * (size_t)even;
        int32_t r = 0, o = 8 * i;
#define BLOCK(n, v)                                                                                \
    block_s8(p, n, v, a + r * even, even, panel, bias + o, o, out + r * p->out_c + o)
        if (count - i >= 2) {
            for (; r + 4 <= rows; r += 4)
                BLOCK(4, 2);
            for (; r < rows; r++)
                BLOCK(1, 2);
            i += 2;
        } else {
            for (; r + 4 <= rows; r += 4)
                BLOCK(4, 1);
            for (; r < rows; r++)
                BLOCK(1, 1);
            i++;
        }
#undef BLOCK
    }
}

/* q - zero of each. */
TARGET_AVX2 static void widen(const int8_t *from, int32_t count, int32_t zero, int16_t *to)
{
    const __m256i less = _mm256_set1_epi16((int16_t)zero);
    int32_t i = 0;
    for (; i + 16 <= count; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(from + i));
        _mm256_storeu_si256((__m256i *)(void *)(to + i),
                            _mm256_sub_epi16(_mm256_cvtepi8_epi16(bytes), less));
    }
    for (; i < count; i++)
        to[i] = (int16_t)(from[i] - zero);
}

TARGET_AVX2 static void run_s8(const smt_conv *p, const void *in, void *out, void *memory)
{
    const int32_t even = (int32_t)even_terms(p), pixels = p->batch * p->out_h * p->out_w;
    const bool direct = x86_is_pointwise(p) && even == p->in_c;
    int16_t *a = memory;
    int8_t *bytes = (int8_t *)(a + X86_TILE * even), *pad = bytes + X86_TILE * even;
    for (int32_t i = 0; i < p->in_c && !direct; i++)
        pad[i] = (int8_t)p->in_zero;
    for (int32_t first = 0; first < pixels; first += X86_TILE) {
        int32_t rows = pixels - first < X86_TILE ? pixels - first : X86_TILE;
        const int8_t *patches = direct ? (const int8_t *)in + (size_t)first * (size_t)even : bytes;
        if (!direct)
            smt_gather(p, 1, in, first, rows, pad, bytes, (size_t)even);
        widen(patches, rows * even, p->in_zero, a);
        tile_s8(p, a, rows, (int8_t *)out + (size_t)first * (size_t)p->out_c);
    }
}

const smt_conv_kernel x86_conv_s8_avx2 = {
    .prepared = prepared_s8, .prepare = prepare_s8, .scratch = scratch_s8, .run = run_s8};

#endif
