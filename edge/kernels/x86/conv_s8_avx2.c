/* int8 convolution with AVX2, by vpmaddwd on 16-bit pairs; the input is widened to q - zero, so
 * that nothing else has to be corrected.
 *
 * Prepared memory: a requant_block for each panel of 16 channels, then the panels' weights,
 * [terms / 2][16][2] bytes each; of the last panel [terms / 2][8][2] if it has 8 channels or fewer.
 * They are widened where they are used: a network of them does not fit the second-level cache, so
 * that fetching twice the bytes costs more. */
#include "requantise_avx2.h"

#ifdef SMT_X86

static uint32_t even_terms(const smt_conv *p)
{
    return ((uint32_t)x86_terms(p) + 1) & ~1u;
}

static int32_t panels(const smt_conv *p)
{
    return (p->out_c + 15) / 16;
}

static uint32_t prepared_s8(const smt_conv *p)
{
    return X86_ALIGNMENT + (uint32_t)panels(p) * (uint32_t)sizeof(requant_block) +
           8 * x86_panels8(p) * even_terms(p);
}

static void prepare_s8(const smt_conv *p, void *memory)
{
    requant_block *heads = x86_align(memory);
    int8_t *to = (int8_t *)(heads + panels(p));
    const int8_t *w = p->weights;
    const int32_t terms = x86_terms(p), even = (int32_t)even_terms(p);
    for (int32_t first = 0; first < p->out_c; first += 16) {
        const int32_t wide = p->out_c - first <= 8 ? 8 : 16;
        int32_t bias[16];
        int64_t largest[16];
        __builtin_memset(to, 0, (size_t)(even * wide));
        for (int32_t i = 0; i < wide; i++) {
            const int32_t o = first + i, count = o < p->out_c ? terms : 0;
            const int8_t *from = w + (size_t)o * (size_t)count;
            int8_t *pair = to + 2 * i;
            int32_t size = 0;
            for (int32_t k = 0; k < count; k += 2, pair += 2 * wide) {
                const int32_t n = count - k < 2 ? 1 : 2;
                for (int32_t j = 0; j < n; j++) {
                    size += from[k + j] < 0 ? -from[k + j] : from[k + j];
                    pair[j] = from[k + j];
                }
            }
            largest[i] = (int64_t)255 * size;
            bias[i] = count && p->bias ? ((const int32_t *)p->bias)[o] : 0;
        }
        requant_fill(&heads[first / 16], p, first, p->out_c - first, bias, largest);
        to += even * wide;
    }
}

static uint32_t scratch_s8(const smt_conv *p)
{
    /* patches as q - zero and as bytes, the padding */
    return X86_TILE * 3 * even_terms(p) + (uint32_t)p->in_c;
}

/* Sums to bytes, as block_s8 below. */
TARGET_AVX2 INLINE void finish(const smt_conv *p,
                               const requant_block *head,
                               requant_way way,
                               int32_t rows,
                               int32_t vectors,
                               __m256i sum[4][2],
                               int32_t o,
                               int8_t *out)
{
    const __m256i zero = _mm256_set1_epi32(p->out_zero);
    UNROLL
    for (int32_t v = 0; v < vectors; v++) {
        if (way != REQUANT_EXACT) {
            const requant8_fast q = requant8_fast_load(head, v);
            UNROLL
            for (int32_t r = 0; r < rows; r++)
                sum[r][v] = requant8_fast_apply(&q, sum[r][v], way);
        } else {
            const requant8 q = requant8_load(p, o + 8 * v);
            UNROLL
            for (int32_t r = 0; r < rows; r++)
                sum[r][v] = _mm256_add_epi32(requant8_apply(&q, sum[r][v]), zero);
        }
    }
    const __m128i low = _mm_set1_epi8((char)p->low), high = _mm_set1_epi8((char)p->high);
    UNROLL
    for (int32_t r = 0; r < rows; r++)
        store16_avx2(out + r * p->out_c,
                     p->out_c - o,
                     clamp16(middle_swapped(narrow16(sum[r][0], sum[r][vectors - 1])), low, high));
}

/* rows and vectors (of 8 channels) are constants where this is called. */
TARGET_AVX2 INLINE void block_s8(const smt_conv *p,
                                 const requant_block *head,
                                 int32_t rows,
                                 int32_t vectors,
                                 const int16_t *a,
                                 int32_t even,
                                 const int8_t *w,
                                 int32_t o,
                                 int8_t *out)
{
    __m256i sum[4][2];
    UNROLL
    for (int32_t r = 0; r < rows; r++)
        UNROLL
    for (int32_t v = 0; v < vectors; v++)
        sum[r][v] = load_256(head->bias + 8 * v);
    for (int32_t k = 0; k < even; k += 2, w += 16 * vectors) {
        __m256i b[2];
        UNROLL
        for (int32_t v = 0; v < vectors; v++)
            b[v] =
                _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(w + 16 * v)));
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
    const requant_way way = requant_way_of(head);
    if (way == REQUANT_CLAMPED)
        finish(p, head, REQUANT_CLAMPED, rows, vectors, sum, o, out);
    else if (way == REQUANT_FAST)
        finish(p, head, REQUANT_FAST, rows, vectors, sum, o, out);
    else
        finish(p, head, REQUANT_EXACT, rows, vectors, sum, o, out);
}

TARGET_AVX2 static void tile_s8(const smt_conv *p, const int16_t *a, int32_t rows, int8_t *out)
{
    const int32_t even = (int32_t)even_terms(p);
    const requant_block *head = x86_align_const(p->prepared);
    const int8_t *w = (const int8_t *)(head + panels(p));
    for (int32_t o = 0; o < p->out_c; o += 16, head++, w += 16 * even) {
        int32_t r = 0;
#define BLOCK(n, v) block_s8(p, head, n, v, a + r * even, even, w, o, out + r * p->out_c + o)
        if (p->out_c - o > 8) {
            for (; r + 4 <= rows; r += 4)
                BLOCK(4, 2);
            for (; r < rows; r++)
                BLOCK(1, 2);
        } else {
            for (; r + 4 <= rows; r += 4)
                BLOCK(4, 1);
            for (; r < rows; r++)
                BLOCK(1, 1);
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

/* The patches of `rows` pixels as q - zero. memory: that of scratch_s8(), its padding filled. */
TARGET_AVX2 static const int16_t *
patches_s8(const smt_conv *p, const void *in, int32_t first, int32_t rows, void *memory)
{
    const int32_t even = (int32_t)even_terms(p);
    int16_t *a = memory;
    int8_t *bytes = (int8_t *)(a + X86_TILE * even), *pad = bytes + X86_TILE * even;
    if (x86_is_pointwise(p) && even == p->in_c) {
        widen((const int8_t *)in + (size_t)first * (size_t)even, rows * even, p->in_zero, a);
    } else {
        smt_gather(p, 1, in, first, rows, pad, bytes, (size_t)even);
        widen(bytes, rows * even, p->in_zero, a);
    }
    return a;
}

static void fill_padding(const smt_conv *p, void *memory)
{
    int8_t *pad = (int8_t *)memory + X86_TILE * 3 * even_terms(p);
    for (int32_t i = 0; i < p->in_c; i++)
        pad[i] = (int8_t)p->in_zero;
}

TARGET_AVX2 static void run_s8(const smt_conv *p, const void *in, void *out, void *memory)
{
    const int32_t pixels = p->batch * p->out_h * p->out_w;
    fill_padding(p, memory);
    for (int32_t first = 0; first < pixels; first += X86_TILE) {
        int32_t rows = pixels - first < X86_TILE ? pixels - first : X86_TILE;
        tile_s8(p,
                patches_s8(p, in, first, rows, memory),
                rows,
                (int8_t *)out + (size_t)first * (size_t)p->out_c);
    }
}

static uint32_t product_scratch_s8(const smt_conv *p)
{
    return X86_TILE * (uint32_t)p->out_c + scratch_s8(p);
}

/* Both factors from the same patches, a tile of the second beside the first. */
TARGET_AVX2 static void product_s8(const smt_product *p, const void *in, void *out, void *memory)
{
    const smt_conv *a = p->a;
    const int32_t pixels = a->out_h * a->out_w;
    smt_arithmetic mul = *p->mul;
    mul.shape[0] = mul.shape[1] = mul.shape[2] = 1;
    mul.stride_a[3] = mul.stride_b[3] = 1;
    int8_t *other = memory;
    void *rest = other + X86_TILE * a->out_c;
    fill_padding(a, rest);
    for (int32_t first = 0; first < pixels; first += X86_TILE) {
        const int32_t rows = pixels - first < X86_TILE ? pixels - first : X86_TILE;
        const int16_t *patches = patches_s8(a, in, first, rows, rest);
        int8_t *y = (int8_t *)out + (size_t)first * (size_t)a->out_c;
        tile_s8(a, patches, rows, y);
        tile_s8(p->b, patches, rows, other);
        mul.shape[3] = rows * a->out_c;
        x86_arithmetic_s8_avx2(&mul, y, other, y);
    }
}

const smt_conv_kernel x86_conv_s8_avx2 = {.prepared = prepared_s8,
                                          .prepare = prepare_s8,
                                          .scratch = scratch_s8,
                                          .run = run_s8,
                                          .product = product_s8,
                                          .product_scratch = product_scratch_s8};

#endif
