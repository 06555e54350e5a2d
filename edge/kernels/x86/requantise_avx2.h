/* The reference requantisation on 8 lanes, exact for every input. */
#ifndef SEMTINEL_EDGE_REQUANTISE_AVX2_H
#define SEMTINEL_EDGE_REQUANTISE_AVX2_H

#include "x86.h"

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
