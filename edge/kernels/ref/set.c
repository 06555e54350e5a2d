#include "kernels/kernels.h"

static const smt_edge_kernels reference = {
    .name = "reference",
    .conv_s8 = &smt_ref_conv_s8_kernel,
    .depthwise_s8 = &smt_ref_depthwise_s8_kernel,
    .conv_f32 = &smt_ref_conv_f32_kernel,
    .depthwise_f32 = &smt_ref_depthwise_f32_kernel,
    .conv_dynamic = &smt_ref_conv_dynamic_kernel,
    .depthwise_dynamic = &smt_ref_depthwise_dynamic_kernel,
    .map_s8 = smt_ref_map_s8,
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

const smt_edge_kernels *smt_edge_kernels_reference(void)
{
    return &reference;
}

const char *smt_edge_kernels_name(const smt_edge_kernels *kernels)
{
    return kernels->name;
}
