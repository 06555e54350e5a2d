/* AVX-512: 16 floats a vector. Compiled for any x86-64 and
 * called only where the processor has it (kernels.c). */
#if defined(__x86_64__)
#include <immintrin.h>
#include <stddef.h>

#if defined(__clang__)
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,prefer-vector-width=512")
#endif

#define TABLE ops_kernels_avx512
#define NAME_TEXT "avx512"
#define ROWS 8

#define LANES_F 16
#define V_F __m512
#define LOAD_F(p) _mm512_loadu_ps(p)
#define STORE_F(p, v) _mm512_storeu_ps(p, v)
#define SET_F(s) _mm512_set1_ps(s)
#define ADD_F(a, b) _mm512_add_ps(a, b)
#define SUB_F(a, b) _mm512_sub_ps(a, b)
#define MUL_F(a, b) _mm512_mul_ps(a, b)
#define FMA_F(a, b, c) _mm512_fmadd_ps(a, b, c)
#define MAX_F(a, b) _mm512_max_ps(a, b)
#define MIN_F(a, b) _mm512_min_ps(a, b)
#define ABOVE_F(x, t, a, b) _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, t, _CMP_GT_OQ), b, a)
#define LOAD_PART(p, n) _mm512_maskz_loadu_ps((__mmask16)((1u << (n)) - 1u), p)
#define STORE_PART(p, n, v) _mm512_mask_storeu_ps(p, (__mmask16)((1u << (n)) - 1u), v)
#define LOW_HALF(v) _mm512_castps512_ps256(v)
#define TOTAL(v) _mm512_reduce_add_ps(v)

#define LANES_H 8
#define V_H __m256
#define LOAD_H(p) _mm256_loadu_ps(p)
#define STORE_H(p, v) _mm256_storeu_ps(p, v)
#define SET_H(s) _mm256_set1_ps(s)
#define ADD_H(a, b) _mm256_add_ps(a, b)
#define SUB_H(a, b) _mm256_sub_ps(a, b)
#define MUL_H(a, b) _mm256_mul_ps(a, b)
#define FMA_H(a, b, c) _mm256_fmadd_ps(a, b, c)
#define MAX_H(a, b) _mm256_max_ps(a, b)
#define MIN_H(a, b) _mm256_min_ps(a, b)
#define ABOVE_H(x, t, a, b) _mm256_mask_blend_ps(_mm256_cmp_ps_mask(x, t, _CMP_GT_OQ), b, a)

#include "ops/kernels_turn.inc"
#include "ops/kernels_vector.inc"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#else
typedef int ops_no_avx512; /* ISO C wants a declaration in every file */
#endif
