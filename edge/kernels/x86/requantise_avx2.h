/* The reference requantisation on 8 lanes, exact for every input. */
#ifndef SEMTINEL_EDGE_REQUANTISE_AVX2_H
#define SEMTINEL_EDGE_REQUANTISE_AVX2_H

#include "requant_block.h"

#ifdef SMT_X86

typedef struct requant8 {
    __m256i multiplier, multiplier_odd, left, right, mask, half;
} requant8;

TARGET_AVX2 INLINE __m256i load_256(const void *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

TARGET_AVX2 INLINE requant8 requant8_from(__m256i multiplier, __m256i shift)
{
    requant8 r;
    const __m256i one = _mm256_set1_epi32(1);
    r.multiplier = multiplier;
    r.multiplier_odd = _mm256_srli_epi64(multiplier, 32);
    r.left = _mm256_max_epi32(shift, _mm256_setzero_si256());
    r.right = _mm256_sub_epi32(r.left, shift);
    r.mask = _mm256_sub_epi32(_mm256_sllv_epi32(one, r.right), one);
    r.half = _mm256_srli_epi32(r.mask, 1);
    return r;
}

TARGET_AVX2 INLINE __m256i requant8_apply(const requant8 *r, __m256i x)
{
    const __m256i round = _mm256_set1_epi64x(1 << 30);
    x = _mm256_sllv_epi32(x, r->left);
    /* (x * multiplier + 2^30) >> 31 of even and odd lanes; the odd ones end in the upper halves */
    __m256i even = _mm256_add_epi64(_mm256_mul_epi32(x, r->multiplier), round);
    __m256i odd =
        _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(x, 32), r->multiplier_odd), round);
    x = _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xaa);
    /* divide by 2^right, half away from zero: up when the remainder exceeds half - (x >= 0) */
    __m256i threshold = _mm256_sub_epi32(r->half, _mm256_srai_epi32(x, 31));
    __m256i up = _mm256_cmpgt_epi32(_mm256_and_si256(x, r->mask), threshold);
    return _mm256_sub_epi32(_mm256_srav_epi32(x, r->right), up);
}

/* Adds the zero point and clamps. */
TARGET_AVX2 INLINE __m256i requant8_clamp(__m256i x, __m256i zero, __m256i low, __m256i high)
{
    return _mm256_min_epi32(_mm256_max_epi32(_mm256_add_epi32(x, zero), low), high);
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

/* How a block's sums become bytes; where this is a parameter, callers give a constant. */
typedef enum requant_way {
    REQUANT_EXACT,  /* by requant8, for every input */
    REQUANT_FAST,   /* by requant8_fast, for a fast block */
    REQUANT_CLAMPED /* the same, for one that is clamped too */
} requant_way;

static inline requant_way requant_way_of(const requant_block *b)
{
    return !b->fast ? REQUANT_EXACT : b->clamped ? REQUANT_CLAMPED : REQUANT_FAST;
}

/* Half of a fast block. */
typedef struct requant8_fast {
    __m256i multiplier, multiplier_odd, round_even, round_odd, right;
} requant8_fast;

TARGET_AVX2 INLINE requant8_fast requant8_fast_load(const requant_block *b, int32_t half)
{
    requant8_fast r;
    r.multiplier = load_256(b->multiplier + 8 * half);
    r.multiplier_odd = _mm256_srli_epi64(r.multiplier, 32);
    r.round_even = load_256(b->round_even + 4 * half);
    r.round_odd = load_256(b->round_odd + 4 * half);
    r.right = load_256(b->right + 8 * half);
    return r;
}

/* With the zero point, not yet clamped. way: not REQUANT_EXACT. */
TARGET_AVX2 INLINE __m256i requant8_fast_apply(const requant8_fast *r, __m256i x, requant_way way)
{
    const bool clamped = way == REQUANT_CLAMPED;
    __m256i y = clamped ? x : _mm256_add_epi32(x, x);
    /* the upper halves of y * multiplier + round */
    __m256i even = _mm256_add_epi64(_mm256_mul_epi32(y, r->multiplier), r->round_even);
    __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(y, 32), r->multiplier_odd);
    odd = _mm256_add_epi64(odd, r->round_odd);
    y = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
    if (!clamped)
        y = _mm256_add_epi32(y, _mm256_srai_epi32(x, 31));
    return _mm256_srav_epi32(y, r->right);
}

/* Twice eight values to bytes, in the order 0 - 3, 8 - 11, 4 - 7, 12 - 15. */
TARGET_AVX2 INLINE __m128i narrow16(__m256i first, __m256i second)
{
    __m256i y = _mm256_packs_epi32(first, second);
    return _mm_packs_epi16(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
}

/* Puts those in order, which is its own inverse. */
TARGET_AVX2 INLINE __m128i middle_swapped(__m128i bytes)
{
    return _mm_shuffle_epi32(bytes, 0xd8);
}

TARGET_AVX2 INLINE __m128i clamp16(__m128i bytes, __m128i low, __m128i high)
{
    return _mm_min_epi8(_mm_max_epi8(bytes, low), high);
}

/* What does not fill a register; not inline, or full ones went through memory too. */
TARGET_AVX2 __attribute__((noinline)) static void store_part(int8_t *to, int32_t count, __m128i y)
{
    __builtin_memcpy(to, &y, (size_t)count);
}

TARGET_AVX2 __attribute__((noinline)) static __m128i load_part(const int8_t *from, int32_t count)
{
    __m128i y = _mm_setzero_si128();
    __builtin_memcpy(&y, from, (size_t)count);
    return y;
}

/* The first `count` of 16 bytes, and zeros. */
TARGET_AVX2 INLINE __m128i load16(const int8_t *from, int32_t count)
{
    return count >= 16  ? _mm_loadu_si128((const __m128i *)(const void *)from)
           : count == 8 ? _mm_loadl_epi64((const __m128i *)(const void *)from)
                        : load_part(from, count);
}

/* The first `count` of 16 bytes. */
TARGET_AVX2 INLINE void store16_avx2(int8_t *to, int32_t count, __m128i y)
{
    if (count >= 16)
        _mm_storeu_si128((__m128i *)(void *)to, y);
    else if (count == 8)
        _mm_storel_epi64((__m128i *)(void *)to, y);
    else
        store_part(to, count, y);
}

/* The first `count` (8 or fewer) of eight values of -128 .. 127 as bytes. */
TARGET_AVX2 INLINE void store8(int8_t *to, int32_t count, __m256i x)
{
    __m128i y = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    y = _mm_packs_epi16(y, y);
    if (count >= 8)
        _mm_storel_epi64((__m128i *)(void *)to, y);
    else
        __builtin_memcpy(to, &y, (size_t)count);
}

#endif
#endif
