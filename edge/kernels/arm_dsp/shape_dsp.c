/* Memory and overlap of the DSP kernels: plain C, so that a host can plan for them. */
#include "dsp.h"

uint32_t smt_dsp_conv_scratch(const smt_conv *p)
{
    uint32_t quads = ((uint32_t)dsp_terms(p) + 3) / 4;
    return quads * 8 * DSP_PIXELS + quads * 4 + 4 +
           dsp_padded_weights(p); /* the patches, one as bytes, the weights */
}

/* And the second factor's weights and four pixels. */
uint32_t smt_dsp_product_scratch(const smt_conv *p)
{
    return smt_dsp_conv_scratch(p) + dsp_padded_weights(p) + DSP_PIXELS * (uint32_t)p->out_c;
}

uint32_t smt_dsp_conv_lead(const smt_conv *p)
{
    return smt_conv_lead(p, 1, false, DSP_PIXELS);
}

/* The weights of all channels, the columns of one row, one row of the output. */
uint32_t smt_dsp_depthwise_scratch(const smt_conv *p)
{
    if (!dsp_depthwise_is_fast(p))
        return 0;
    return 4 * (uint32_t)dsp_pairs(p) *
               ((uint32_t)(p->filter_w * p->out_c) + 4 * (uint32_t)dsp_columns(p)) +
           (uint32_t)(p->out_w * p->out_c);
}

/* The end of row y against the first row of window y +
 * 1, at the points where that one's slope changes. */
uint32_t smt_dsp_depthwise_lead(const smt_conv *p)
{
    if (!dsp_depthwise_is_fast(p))
        return smt_ref_depthwise_s8_lead(p);
    if (p->batch != 1)
        return SMT_NO_OVERLAP;
    int64_t most = 0,
            points[4] = {1, p->pad_h / p->stride_h, p->pad_h / p->stride_h + 1, p->out_h - 1};
    for (int i = 0; i < 4; i++) {
        int64_t y = points[i] < p->out_h - 1 ? points[i] : p->out_h - 1;
        int64_t top = y * p->stride_h > p->pad_h ? y * p->stride_h - p->pad_h : 0;
        int64_t ahead = (y * p->out_w - top * p->in_w) * p->out_c;
        most = ahead > most ? ahead : most;
    }
    return most < INT32_MAX ? (uint32_t)most : SMT_NO_OVERLAP;
}
