/* What the x86 kernels share. Functions carry target attributes, so that one library runs on every
 * x86-64 and picks its set once, by what the processor has. */
#ifndef SEMTINEL_EDGE_X86_H
#define SEMTINEL_EDGE_X86_H

#include "kernels/gather.h"
#include "kernels/kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define SMT_X86 1
#include <immintrin.h>

#define TARGET_AVX2 __attribute__((target("avx2,fma")))
#define TARGET_AVX512                                                                              \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx2,fma")))
/* Loops over registers must be unrolled, or the registers live in memory. */
#define UNROLL _Pragma("GCC unroll 8")
#define INLINE static inline __attribute__((always_inline))

/* Pixels gathered at a time: the patches of a tile stay in
 * the first-level cache while all output channels pass. */
enum { X86_TILE = 32 };

/* What the kernels keep for themselves starts at a multiple of a register's size; the caller's
 * memory is aligned to SMT_EDGE_ARENA_ALIGNMENT only, so that much more is asked for. */
enum { X86_ALIGNMENT = 64 };

static inline void *x86_align(void *memory)
{
    return (uint8_t *)memory + (-(uintptr_t)memory & (X86_ALIGNMENT - 1));
}

static inline const void *x86_align_const(const void *memory)
{
    return (const uint8_t *)memory + (-(uintptr_t)memory & (X86_ALIGNMENT - 1));
}

/* A mask of the first `left` of 16 lanes. */
static inline uint16_t lanes16(int32_t left)
{
    return (uint16_t)(left >= 16 ? 0xffffu : (1u << left) - 1);
}

TARGET_AVX512 INLINE void x86_copy_f32(float *to, const float *from, int32_t count)
{
    for (int32_t i = 0; i < count; i += 16) {
        __mmask16 active = lanes16(count - i);
        _mm512_mask_storeu_ps(to + i, active, _mm512_maskz_loadu_ps(active, from + i));
    }
}

static inline bool x86_is_pointwise(const smt_conv *p)
{
    return p->filter_h == 1 && p->filter_w == 1 && p->stride_h == 1 && p->stride_w == 1;
}

static inline int32_t x86_terms(const smt_conv *p)
{
    return p->filter_h * p->filter_w * p->in_c;
}

/* Panels of eight output channels, the last one filled up. */
static inline uint32_t x86_panels8(const smt_conv *p)
{
    return ((uint32_t)p->out_c + 7) / 8;
}

extern const smt_conv_kernel x86_conv_s8_avx2, x86_depthwise_s8_avx2;
extern const smt_conv_kernel x86_conv_f32_avx2, x86_depthwise_f32_avx2;
extern const smt_conv_kernel x86_conv_dynamic_avx2, x86_depthwise_dynamic_avx2;
extern const smt_conv_kernel x86_conv_s8_avx512, x86_depthwise_s8_avx512;
extern const smt_conv_kernel x86_conv_f32_avx512, x86_depthwise_f32_avx512;
extern const smt_conv_kernel x86_conv_dynamic_avx512, x86_depthwise_dynamic_avx512;
void x86_map_s8_avx512(const int8_t table[256], const int8_t *in, int8_t *out, uint32_t count);
void x86_arithmetic_s8_avx512(const smt_arithmetic *p,
                              const int8_t *a,
                              const int8_t *b,
                              int8_t *out);
void x86_mean_s8_avx512(const smt_mean *p, const int8_t *in, int8_t *out);
void x86_unary_f32_avx512(smt_edge_code code, const float *in, float *out, uint32_t count);
void x86_arithmetic_f32_avx512(const smt_arithmetic *p, const float *a, const float *b, float *out);
void x86_mean_f32_avx512(const smt_mean *p, const float *in, float *out);
void x86_map_s8_avx2(const int8_t table[256], const int8_t *in, int8_t *out, uint32_t count);
void x86_arithmetic_s8_avx2(const smt_arithmetic *p, const int8_t *a, const int8_t *b, int8_t *out);
void x86_mean_s8_avx2(const smt_mean *p, const int8_t *in, int8_t *out);
void x86_unary_f32_avx2(smt_edge_code code, const float *in, float *out, uint32_t count);
void x86_arithmetic_f32_avx2(const smt_arithmetic *p, const float *a, const float *b, float *out);
void x86_mean_f32_avx2(const smt_mean *p, const float *in, float *out);
#endif
#endif
