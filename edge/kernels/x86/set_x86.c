#include "x86.h"

#ifdef SMT_X86

#include <cpuid.h>

/* What no fast version exists of: too rare, or too small, to matter. */
#define FROM_REFERENCE                                                                             \
    .pool_s8 = smt_ref_pool_s8, .softmax_s8 = smt_ref_softmax_s8, .pool_f32 = smt_ref_pool_f32,    \
    .softmax_f32 = smt_ref_softmax_f32, .quantise_f32 = smt_ref_quantise_f32,                      \
    .dequantise = smt_ref_dequantise

static const smt_edge_kernels avx2 = {
    .name = "AVX2",
    .keep_tables = true,
    .conv_s8 = &x86_conv_s8_avx2,
    .depthwise_s8 = &x86_depthwise_s8_avx2,
    .conv_f32 = &x86_conv_f32_avx2,
    .depthwise_f32 = &x86_depthwise_f32_avx2,
    .conv_dynamic = &x86_conv_dynamic_avx2,
    .depthwise_dynamic = &x86_depthwise_dynamic_avx2,
    .map_s8 = x86_map_s8_avx2,
    .arithmetic_s8 = x86_arithmetic_s8_avx2,
    .mean_s8 = x86_mean_s8_avx2,
    .unary_f32 = x86_unary_f32_avx2,
    .arithmetic_f32 = x86_arithmetic_f32_avx2,
    .mean_f32 = x86_mean_f32_avx2,
    FROM_REFERENCE,
};

static const smt_edge_kernels avx512 = {
    .name = "AVX-512 VNNI",
    .keep_tables = true,
    .conv_s8 = &x86_conv_s8_avx512,
    .depthwise_s8 = &x86_depthwise_s8_avx512,
    .conv_f32 = &x86_conv_f32_avx512,
    .depthwise_f32 = &x86_depthwise_f32_avx512,
    .conv_dynamic = &x86_conv_dynamic_avx512,
    .depthwise_dynamic = &x86_depthwise_dynamic_avx512,
    .map_s8 = x86_map_s8_avx512,
    .arithmetic_s8 = x86_arithmetic_s8_avx512,
    .mean_s8 = x86_mean_s8_avx512,
    .unary_f32 = x86_unary_f32_avx512,
    .arithmetic_f32 = x86_arithmetic_f32_avx512,
    .mean_f32 = x86_mean_f32_avx512,
    FROM_REFERENCE,
};

/* The register state that the system saves: bits 1, 2 for AVX, 5 to 7 for AVX-512. */
static uint32_t saved_state(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

const smt_edge_kernels *smt_edge_kernels_avx2(void)
{
    uint32_t a, b, c, d, leaf1_c;
    const uint32_t fma_osxsave_avx = 1u << 12 | 1u << 27 | 1u << 28;
    if (!__get_cpuid(1, &a, &b, &leaf1_c, &d) || (leaf1_c & fma_osxsave_avx) != fma_osxsave_avx ||
        (saved_state() & 6u) != 6u || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & 1u << 5))
        return NULL;
    return &avx2;
}

const smt_edge_kernels *smt_edge_kernels_avx512(void)
{
    uint32_t a, b, c, d;
    const uint32_t foundation = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F, DQ, BW, VL */
    const uint32_t bytes = 1u << 1 | 1u << 11;                             /* VBMI, VNNI */
    if (!smt_edge_kernels_avx2() || (saved_state() & 0xe6u) != 0xe6u ||
        !__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & foundation) != foundation ||
        (c & bytes) != bytes)
        return NULL;
    return &avx512;
}

#else

const smt_edge_kernels *smt_edge_kernels_avx2(void)
{
    return NULL;
}

const smt_edge_kernels *smt_edge_kernels_avx512(void)
{
    return NULL;
}

#endif
