/* A set to plan with for exported C: its arenas fit the reference
 * kernels and the Cortex-M ones alike, so that one static plan serves
 * whatever the board compiles. It runs the reference kernels. */
#include "kernels/arm_dsp/dsp.h"

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t conv_lead(const smt_conv *p)
{
    return larger(smt_ref_conv_s8_lead(p), smt_dsp_conv_lead(p));
}

static uint32_t depthwise_lead(const smt_conv *p)
{
    return larger(smt_ref_depthwise_s8_lead(p), smt_dsp_depthwise_lead(p));
}

static const smt_conv_kernel conv_s8 = {.scratch = smt_dsp_conv_scratch,
                                        .lead = conv_lead,
                                        .run = smt_ref_conv_s8,
                                        .product_scratch = smt_dsp_product_scratch};
static const smt_conv_kernel depthwise_s8 = {
    .scratch = smt_dsp_depthwise_scratch, .lead = depthwise_lead, .run = smt_ref_depthwise_s8};

static const smt_edge_kernels portable = {
    .name = "portable int8",
    .keep_tables = true, /* exported C has them in flash */
    .conv_s8 = &conv_s8,
    .depthwise_s8 = &depthwise_s8,
    .map_s8 = smt_ref_map_s8,
    .arithmetic_s8 = smt_ref_arithmetic_s8,
    .mean_s8 = smt_ref_mean_s8,
    .pool_s8 = smt_ref_pool_s8,
    .softmax_s8 = smt_ref_softmax_s8,
};

const smt_edge_kernels *smt_edge_kernels_portable(void)
{
    return &portable;
}
