/* AVX2 and FMA: 8 floats a vector. Compiled for any x86-64
 * and called only where the processor has it (kernels.c). */
#if defined(__x86_64__)
#include <immintrin.h>
#include <stddef.h>
#include <string.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#define TABLE ops_kernels_avx2
#define NAME_TEXT "avx2"
#define ROWS 4

#define LANES_F 8
#define V_F __m256
#define LOAD_F(p) _mm256_loadu_ps(p)
#define STORE_F(p, v) _mm256_storeu_ps(p, v)
#define SET_F(s) _mm256_set1_ps(s)
#define ADD_F(a, b) _mm256_add_ps(a, b)
#define SUB_F(a, b) _mm256_sub_ps(a, b)
#define MUL_F(a, b) _mm256_mul_ps(a, b)
#define FMA_F(a, b, c) _mm256_fmadd_ps(a, b, c)
#define MAX_F(a, b) _mm256_max_ps(a, b)
#define MIN_F(a, b) _mm256_min_ps(a, b)
#define ABOVE_F(x, t, a, b) _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, t, _CMP_GT_OQ))
#define LOAD_PART(p, n) _mm256_maskload_ps(p, first_lanes(n))
#define STORE_PART(p, n, v) _mm256_maskstore_ps(p, first_lanes(n), v)
#define LOW_HALF(v) _mm256_castps256_ps128(v)
#define TOTAL(v) lane_total(v)

#define LANES_H 4
#define V_H __m128
#define LOAD_H(p) _mm_loadu_ps(p)
#define STORE_H(p, v) _mm_storeu_ps(p, v)
#define SET_H(s) _mm_set1_ps(s)
#define ADD_H(a, b) _mm_add_ps(a, b)
#define SUB_H(a, b) _mm_sub_ps(a, b)
#define MUL_H(a, b) _mm_mul_ps(a, b)
#define FMA_H(a, b, c) _mm_fmadd_ps(a, b, c)
#define MAX_H(a, b) _mm_max_ps(a, b)
#define MIN_H(a, b) _mm_min_ps(a, b)
#define ABOVE_H(x, t, a, b) _mm_blendv_ps(b, a, _mm_cmp_ps(x, t, _CMP_GT_OQ))

static inline float lane_total(__m256 v)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static inline __m256i first_lanes(int n)
{
    static const int lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    __m256i mask;
    memcpy(&mask, lanes + 8 - n, sizeof mask);
    return mask;
}

#include "ops/kernels_turn.inc"
#include "ops/kernels_vector.inc"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#else
typedef int ops_no_avx2; /* ISO C wants a declaration in every file */
#endif
