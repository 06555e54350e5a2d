/* int8 functions by table, arithmetic and means with AVX2. */
#include "kernels/quant.h"
#include "requantise_avx2.h"

#ifdef SMT_X86

/* Row i of 16 results, looked up by the lower four bits of q; table[q + 128]: the row of q = 0 is
 * the ninth. */
TARGET_AVX2 INLINE __m256i look_up(const int8_t *table, int32_t i, __m256i entry)
{
    const __m128i row = _mm_loadu_si128((const __m128i *)(const void *)(table + (16 * i ^ 128)));
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(row), entry);
}

/* Of the results of all rows, bits 4 to 7 of q select one, each shifted to the sign's place. */
TARGET_AVX2 INLINE __m256i map32(const int8_t *table, __m256i q)
{
    const __m256i entry = _mm256_and_si256(q, _mm256_set1_epi8(15));
    __m256i bit = _mm256_slli_epi16(q, 3), found[8];
    UNROLL
    for (int32_t i = 0; i < 8; i++)
        found[i] =
            _mm256_blendv_epi8(look_up(table, 2 * i, entry), look_up(table, 2 * i + 1, entry), bit);
    UNROLL
    for (int32_t rows = 4; rows; rows /= 2) {
        bit = _mm256_slli_epi16(q, rows == 4 ? 2 : rows == 2 ? 1 : 0);
        UNROLL
        for (int32_t i = 0; i < rows; i++)
            found[i] = _mm256_blendv_epi8(found[2 * i], found[2 * i + 1], bit);
    }
    return found[0];
}

TARGET_AVX2 void
x86_map_s8_avx2(const int8_t table[256], const int8_t *in, int8_t *out, uint32_t count)
{
    uint32_t i = 0;
    for (; i + 32 <= count; i += 32)
        _mm256_storeu_si256((__m256i *)(void *)(out + i), map32(table, load_256(in + i)));
    smt_ref_map_s8(table, in + i, out + i, count - i);
}

/* Eight bytes less the zero point; beyond `count` whatever. */
TARGET_AVX2 INLINE __m256i eight(const int8_t *in, bool spread, int32_t count, __m256i zero)
{
    __m128i bytes = _mm_setzero_si128();
    if (spread)
        bytes = _mm_set1_epi8(*in);
    else if (count >= 8)
        bytes = _mm_loadl_epi64((const __m128i *)(const void *)in);
    else
        __builtin_memcpy(&bytes, in, (size_t)count);
    return _mm256_sub_epi32(_mm256_cvtepi8_epi32(bytes), zero);
}

typedef struct arithmetic8 {
    requant8 a, b, out;
    __m256i zero_a, zero_b, zero, low, high;
} arithmetic8;

TARGET_AVX2 INLINE requant8 uniform(int32_t multiplier, int32_t shift)
{
    return requant8_from(_mm256_set1_epi32(multiplier), _mm256_set1_epi32(shift));
}

/* `code` is a constant where this is called. */
TARGET_AVX2 INLINE void row_s8(const smt_arithmetic *p,
                               const arithmetic8 *q,
                               smt_edge_code code,
                               const int8_t *a,
                               const int8_t *b,
                               int8_t *out)
{
    const bool spread_a = !p->stride_a[3], spread_b = !p->stride_b[3];
    for (int32_t i = 0; i < p->shape[3]; i += 8) {
        int32_t left = p->shape[3] - i;
        __m256i x = eight(spread_a ? a : a + i, spread_a, left, q->zero_a),
                y = eight(spread_b ? b : b + i, spread_b, left, q->zero_b);
        if (code == SMT_EDGE_MUL) {
            x = _mm256_mullo_epi32(x, y);
        } else {
            x = requant8_apply(&q->a, _mm256_slli_epi32(x, 20));
            y = requant8_apply(&q->b, _mm256_slli_epi32(y, 20));
            x = code == SMT_EDGE_ADD ? _mm256_add_epi32(x, y) : _mm256_sub_epi32(x, y);
        }
        x = requant8_clamp(requant8_apply(&q->out, x), q->zero, q->low, q->high);
        store8(out + i, left, x);
    }
}

/* The first `count` of 16 bytes less the zero point, in 16 bits; beyond whatever. */
TARGET_AVX2 INLINE __m256i sixteen(const int8_t *in, bool spread, int32_t count, __m256i zero)
{
    __m128i bytes = spread ? _mm_set1_epi8(*in) : load16(in, count);
    return _mm256_sub_epi16(_mm256_cvtepi8_epi16(bytes), zero);
}

/* A row of products by a block; way: not REQUANT_EXACT. */
TARGET_AVX2 INLINE void products_s8(const smt_arithmetic *p,
                                    const requant_block *head,
                                    requant_way way,
                                    const int8_t *a,
                                    const int8_t *b,
                                    int8_t *out)
{
    const bool spread_a = !p->stride_a[3], spread_b = !p->stride_b[3];
    const requant8_fast q = requant8_fast_load(head, 0);
    const __m256i zero_a = _mm256_set1_epi16((int16_t)p->zero_a),
                  zero_b = _mm256_set1_epi16((int16_t)p->zero_b);
    const __m128i low = _mm_set1_epi8((char)p->low), high = _mm_set1_epi8((char)p->high);
    for (int32_t i = 0; i < p->shape[3]; i += 16) {
        const int32_t left = p->shape[3] - i;
        __m256i x = sixteen(spread_a ? a : a + i, spread_a, left, zero_a),
                y = sixteen(spread_b ? b : b + i, spread_b, left, zero_b);
        const __m256i lower = _mm256_mullo_epi16(x, y), upper = _mm256_mulhi_epi16(x, y);
        /* 0 - 3, 8 - 11 and 4 - 7, 12 - 15, which narrowing puts in order */
        x = requant8_fast_apply(&q, _mm256_unpacklo_epi16(lower, upper), way);
        y = requant8_fast_apply(&q, _mm256_unpackhi_epi16(lower, upper), way);
        store16_avx2(out + i, left, clamp16(narrow16(x, y), low, high));
    }
}

/* The block of products: as that of a convolution of eight channels alike. */
static void products_head(const smt_arithmetic *p, requant_block *head)
{
    int32_t multiplier[8], bias[8] = {0};
    int8_t shift[8];
    int64_t largest[8];
    for (int32_t i = 0; i < 8; i++) {
        multiplier[i] = p->multiplier_out;
        shift[i] = (int8_t)p->shift_out;
        largest[i] = 255 * 255;
    }
    const smt_conv alike = {
        .multiplier = multiplier, .shift = shift, .out_zero = p->zero_out, .low = p->low};
    requant_fill(head, &alike, 0, 8, bias, largest);
}

TARGET_AVX2 void
x86_arithmetic_s8_avx2(const smt_arithmetic *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    const int32_t *sa = p->stride_a, *sb = p->stride_b;
    if (p->shape[3] < 8 || sa[3] > 1 || sb[3] > 1) {
        smt_ref_arithmetic_s8(p, a, b, out);
        return;
    }
    const arithmetic8 q = {.a = uniform(p->multiplier_a, p->shift_a),
                           .b = uniform(p->multiplier_b, p->shift_b),
                           .out = uniform(p->multiplier_out, p->shift_out),
                           .zero_a = _mm256_set1_epi32(p->zero_a),
                           .zero_b = _mm256_set1_epi32(p->zero_b),
                           .zero = _mm256_set1_epi32(p->zero_out),
                           .low = _mm256_set1_epi32(p->low),
                           .high = _mm256_set1_epi32(p->high)};
    requant_block head = {.fast = 0};
    if (p->code == SMT_EDGE_MUL)
        products_head(p, &head);
    const requant_way way = requant_way_of(&head);
    for (int32_t i = 0; i < p->shape[0]; i++)
        for (int32_t j = 0; j < p->shape[1]; j++)
            for (int32_t k = 0; k < p->shape[2]; k++, out += p->shape[3]) {
                const int8_t *x = a + i * sa[0] + j * sa[1] + k * sa[2],
                             *y = b + i * sb[0] + j * sb[1] + k * sb[2];
                if (way == REQUANT_CLAMPED)
                    products_s8(p, &head, REQUANT_CLAMPED, x, y, out);
                else if (way == REQUANT_FAST)
                    products_s8(p, &head, REQUANT_FAST, x, y, out);
                else if (p->code == SMT_EDGE_MUL)
                    row_s8(p, &q, SMT_EDGE_MUL, x, y, out);
                else if (p->code == SMT_EDGE_ADD)
                    row_s8(p, &q, SMT_EDGE_ADD, x, y, out);
                else
                    row_s8(p, &q, SMT_EDGE_SUB, x, y, out);
            }
}

/* Over rows and columns of one image, the case of global pooling. */
TARGET_AVX2 void x86_mean_s8_avx2(const smt_mean *p, const int8_t *in, int8_t *out)
{
    if (p->reduce[3] || !p->reduce[2] || (!p->reduce[1] && p->shape[1] != 1) || p->shape[0] != 1) {
        smt_ref_mean_s8(p, in, out);
        return;
    }
    const int32_t channels = p->shape[3];
    const requant8 q = uniform(p->multiplier, p->shift);
    const __m256i start = _mm256_set1_epi32(-p->count * p->in_zero), none = _mm256_setzero_si256();
    const __m256i zero = _mm256_set1_epi32(p->out_zero);
    const __m256i low = _mm256_set1_epi32(-128), high = _mm256_set1_epi32(127);
    for (int32_t c = 0; c < channels; c += 8) {
        const int8_t *from = in + c;
        __m256i sum = start;
        for (int32_t i = 0; i < p->count; i++, from += channels)
            sum = _mm256_add_epi32(sum, eight(from, false, channels - c, none));
        store8(out + c, channels - c, requant8_clamp(requant8_apply(&q, sum), zero, low, high));
    }
}

#endif
