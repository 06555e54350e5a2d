/* The reference requantisation on 16 lanes, exact for every input. */
#ifndef SEMTINEL_EDGE_REQUANTISE_AVX512_H
#define SEMTINEL_EDGE_REQUANTISE_AVX512_H

#include "requant_block.h"

#ifdef SMT_X86

typedef struct requant16 {
    __m512i multiplier, multiplier_odd, left, right, mask, half;
} requant16;

TARGET_AVX512 INLINE requant16 requant_from(__m512i multiplier, __m512i shift)
{
    requant16 r;
    const __m512i zero = _mm512_setzero_si512(), one = _mm512_set1_epi32(1);
    r.multiplier = multiplier;
    r.multiplier_odd = _mm512_srli_epi64(multiplier, 32);
    r.left = _mm512_max_epi32(shift, zero);
    r.right = _mm512_sub_epi32(r.left, shift);
    r.mask = _mm512_sub_epi32(_mm512_sllv_epi32(one, r.right), one);
    r.half = _mm512_srli_epi32(r.mask, 1);
    return r;
}

/* Lanes of `active` from the tables of 16 channels. */
TARGET_AVX512 INLINE requant16 requant_load(const int32_t *multiplier,
                                            const int8_t *shift,
                                            __mmask16 active)
{
    __m128i s = _mm_maskz_loadu_epi8(active, shift);
    return requant_from(_mm512_maskz_loadu_epi32(active, multiplier), _mm512_cvtepi8_epi32(s));
}

TARGET_AVX512 INLINE __m512i requant_apply(const requant16 *r, __m512i x)
{
    const __m512i round = _mm512_set1_epi64(1 << 30);
    x = _mm512_sllv_epi32(x, r->left);
    /* (x * multiplier + 2^30) >> 31 of even and odd lanes; the odd ones end in the upper halves */
    __m512i even = _mm512_add_epi64(_mm512_mul_epi32(x, r->multiplier), round);
    __m512i odd =
        _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(x, 32), r->multiplier_odd), round);
    x = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 31), _mm512_slli_epi64(odd, 1));
    /* divide by 2^right, half away from zero: up when the remainder exceeds half - (x >= 0) */
    __m512i rest = _mm512_and_si512(x, r->mask);
    __m512i threshold = _mm512_sub_epi32(r->half, _mm512_srai_epi32(x, 31));
    __mmask16 up = _mm512_cmpgt_epi32_mask(rest, threshold);
    x = _mm512_srav_epi32(x, r->right);
    return _mm512_mask_sub_epi32(x, up, x, _mm512_set1_epi32(-1));
}

typedef struct requant_fast {
    __m512i multiplier, multiplier_odd, round_even, round_odd, right;
} requant_fast;

TARGET_AVX512 INLINE requant_fast requant_fast_load(const requant_block *b)
{
    requant_fast r;
    r.multiplier = _mm512_loadu_si512(b->multiplier);
    r.multiplier_odd = _mm512_srli_epi64(r.multiplier, 32);
    r.round_even = _mm512_loadu_si512(b->round_even);
    r.round_odd = _mm512_loadu_si512(b->round_odd);
    r.right = _mm512_loadu_si512(b->right);
    return r;
}

/* The upper halves of (x or 2 x) * multiplier + round. */
TARGET_AVX512 INLINE __m512i requant_fast_product(const requant_fast *r, __m512i x)
{
    __m512i even = _mm512_add_epi64(_mm512_mul_epi32(x, r->multiplier), r->round_even);
    __m512i odd = _mm512_mul_epi32(_mm512_shuffle_epi32(x, (_MM_PERM_ENUM)0xf5), r->multiplier_odd);
    odd = _mm512_add_epi64(odd, r->round_odd);
    return _mm512_mask_shuffle_epi32(odd, 0x5555, even, (_MM_PERM_ENUM)0xf5);
}

/* clamped: the block's, a constant where this is called. */
TARGET_AVX512 INLINE __m512i requant_fast_shift(const requant_fast *r, __m512i x, bool clamped)
{
    if (clamped)
        return _mm512_srav_epi32(requant_fast_product(r, x), r->right);
    __m512i y = requant_fast_product(r, _mm512_add_epi32(x, x));
    y = _mm512_mask_sub_epi32(y, _mm512_movepi32_mask(x), y, _mm512_set1_epi32(1));
    return _mm512_srav_epi32(y, r->right);
}

TARGET_AVX512 INLINE __m128i
requant_fast_apply(const requant_fast *r, __m512i x, bool clamped, __m128i low, __m128i high)
{
    __m128i y = _mm512_cvtsepi32_epi8(requant_fast_shift(r, x, clamped));
    return _mm_min_epi8(_mm_max_epi8(y, low), high);
}

/* Four times 16 values, narrowed together, which is cheaper than one by one. */
TARGET_AVX512 INLINE __m512i requant_fast_four(
    const requant_fast *r, const __m512i x[4], bool clamped, __m512i low, __m512i high)
{
    const __m512i rows = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
    __m512i ab = _mm512_packs_epi32(requant_fast_shift(r, x[0], clamped),
                                    requant_fast_shift(r, x[1], clamped));
    __m512i cd = _mm512_packs_epi32(requant_fast_shift(r, x[2], clamped),
                                    requant_fast_shift(r, x[3], clamped));
    __m512i y = _mm512_permutexvar_epi32(rows, _mm512_packs_epi16(ab, cd));
    return _mm512_min_epi8(_mm512_max_epi8(y, low), high);
}

/* Four rows of 16 bytes, `stride` apart. */
TARGET_AVX512 INLINE void store_four(int8_t *to, int32_t stride, __m512i y)
{
    _mm_storeu_si128((__m128i *)(void *)to, _mm512_castsi512_si128(y));
    _mm_storeu_si128((__m128i *)(void *)(to + stride), _mm512_extracti32x4_epi32(y, 1));
    _mm_storeu_si128((__m128i *)(void *)(to + 2 * stride), _mm512_extracti32x4_epi32(y, 2));
    _mm_storeu_si128((__m128i *)(void *)(to + 3 * stride), _mm512_extracti32x4_epi32(y, 3));
}

/* For vpermb: [4 pixels][16 channels] to [16 channels][4 pixels]. */
TARGET_AVX512 INLINE __m512i turn_order(void)
{
    return _mm512_set_epi32(0x3f2f1f0f,
                            0x3e2e1e0e,
                            0x3d2d1d0d,
                            0x3c2c1c0c,
                            0x3b2b1b0b,
                            0x3a2a1a0a,
                            0x39291909,
                            0x38281808,
                            0x37271707,
                            0x36261606,
                            0x35251505,
                            0x34241404,
                            0x33231303,
                            0x32221202,
                            0x31211101,
                            0x30201000);
}

/* The first `left` bytes of 16: masked byte stores are slow on some processors. */
TARGET_AVX512 INLINE void store16(int8_t *to, int32_t left, __m128i y)
{
    if (left >= 16)
        _mm_storeu_si128((__m128i *)(void *)to, y);
    else if (left == 8)
        _mm_storel_epi64((__m128i *)(void *)to, y);
    else
        _mm_mask_storeu_epi8(to, lanes16(left), y);
}

/* Adds the zero point, clamps and narrows. */
TARGET_AVX512 INLINE __m128i requant_narrow(__m512i x, __m512i zero, __m512i low, __m512i high)
{
    x = _mm512_add_epi32(x, zero);
    return _mm512_cvtepi32_epi8(_mm512_min_epi32(_mm512_max_epi32(x, low), high));
}

#endif
#endif
