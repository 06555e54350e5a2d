/* float32 convolution with AVX-512: patches times packed weights.
 * Prepared memory: bias [panels * 16], then panels of 16 channels, [terms][16] each.
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
    UNROLL
    for (int32_t v = 0; v < vectors; v++)
        UNROLL
    for (int32_t r = 0; r < rows; r++)
        sum[r][v] = _mm512_loadu_ps(bias + 16 * v);
    for (int32_t k = 0; k < terms; k++) {
        __m512 b[4];
        UNROLL
        for (int32_t v = 0; v < vectors; v++)
            b[v] = _mm512_loadu_ps(w + 16 * ((size_t)v * (size_t)terms + (size_t)k));
        UNROLL
        for (int32_t r = 0; r < rows; r++) {
            __m512 x = _mm512_set1_ps(a[r * terms + k]);
            UNROLL
            for (int32_t v = 0; v < vectors; v++)
                sum[r][v] = _mm512_fmadd_ps(x, b[v], sum[r][v]);
        }
    }
    const __m512 low = _mm512_set1_ps(p->low_f), high = _mm512_set1_ps(p->high_f);
    UNROLL
    for (int32_t v = 0; v < vectors; v++) {
        int32_t left = p->out_c - o - 16 * v;
        __mmask16 active = lanes16(left);
        /* the sum is the second operand: max and min then keep a NaN */
        UNROLL
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
        smt_gather(p, 4, in, first, rows, pad, a, 4 * (size_t)terms);
        tile(p, a, rows, y);
    }
}

const smt_conv_kernel x86_conv_f32_avx512 = {
    .prepared = prepared, .prepare = prepare, .scratch = scratch, .run = run};

#endif
