#include "dsp.h"

#ifdef SMT_DSP

/* int8 only: nothing of float32 is linked. */
static const smt_edge_kernels dsp = {
    .name = "Cortex-M DSP",
    .conv_s8 = &dsp_conv_s8,
    .depthwise_s8 = &dsp_depthwise_s8,
    .map_s8 = dsp_map_s8,
    .arithmetic_s8 = dsp_arithmetic_s8,
    .mean_s8 = dsp_mean_s8,
    .pool_s8 = smt_ref_pool_s8,
    .softmax_s8 = smt_ref_softmax_s8,
};

const smt_edge_kernels *smt_edge_kernels_dsp(void)
{
    return &dsp;
}

#endif
