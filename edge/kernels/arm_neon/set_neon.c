#include "neon.h"

#ifdef SMT_NEON

static const smt_edge_kernels neon = {
#if defined(__ARM_FEATURE_DOTPROD)
    .name = "NEON dot product",
#else
    .name = "NEON",
#endif
    .keep_tables = true,
    .conv_s8 = &neon_conv_s8,
    .depthwise_s8 = &neon_depthwise_s8,
    .conv_f32 = &neon_conv_f32,
    .depthwise_f32 = &neon_depthwise_f32,
    .conv_dynamic = &neon_conv_dynamic,
    .depthwise_dynamic = &neon_depthwise_dynamic,
    .map_s8 = neon_map_s8,
    .arithmetic_s8 = smt_ref_arithmetic_s8,
    .mean_s8 = smt_ref_mean_s8,
    .pool_s8 = smt_ref_pool_s8,
    .softmax_s8 = smt_ref_softmax_s8,
    .unary_f32 = smt_ref_unary_f32,
    .arithmetic_f32 = smt_ref_arithmetic_f32,
    .mean_f32 = smt_ref_mean_f32,
    .pool_f32 = smt_ref_pool_f32,
    .softmax_f32 = smt_ref_softmax_f32,
    .quantise_f32 = smt_ref_quantise_f32,
    .dequantise = smt_ref_dequantise,
};

const smt_edge_kernels *smt_edge_kernels_neon(void)
{
    return &neon;
}

#else

const smt_edge_kernels *smt_edge_kernels_neon(void)
{
    return NULL;
}

#endif
