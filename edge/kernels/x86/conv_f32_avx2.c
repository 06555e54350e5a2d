/* float32 convolution with AVX2, by FMA on panels of 8 channels: bias [panels * 8], then [terms][8]
 * a panel. */
#include "x86.h"

#ifdef SMT_X86

static uint32_t prepared_f32(const smt_conv *p)
{
    return x86_panels8(p) * 32 * (1 + (uint32_t)x86_terms(p));
}

static void prepare_f32(const smt_conv *p, void *memory)
{
    float *bias = memory, *to = bias + 8 * x86_panels8(p);
    const float *w = p->weights;
    size_t terms = (size_t)x86_terms(p);
    for (size_t o = 0; o < 8 * (size_t)x86_panels8(p); o++) {
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
    int32_t terms = x86_terms(p), count = (int32_t)x86_panels8(p);
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

#endif
