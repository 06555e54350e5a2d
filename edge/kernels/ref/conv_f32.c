/* float32 convolution and depthwise convolution. */
#include "kernels/ref/window.h"

static uint32_t conv_lead(const smt_conv *p)
{
    return smt_conv_lead(p, 4, false, 1);
}

static uint32_t depthwise_lead(const smt_conv *p)
{
    return smt_conv_lead(p, 4, p->in_c == p->out_c, 1);
}

static float finish(const smt_conv *p, int32_t o, float sum)
{
    if (p->bias)
        sum += ((const float *)p->bias)[o];
    /* written so that a NaN stays one */
    return sum < p->low_f ? p->low_f : sum > p->high_f ? p->high_f : sum;
}

/* in [batch][in_h][in_w][in_c], weights [out_c][filter_h][filter_w][in_c]
 * -> out [batch][out_h][out_w][out_c] */
void smt_ref_conv_f32(const smt_conv *p, const void *in, void *out, void *scratch)
{
    const float *x = in;
    float *y = out;
    (void)scratch;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c)
        for (int32_t oy = 0; oy < p->out_h; oy++)
            for (int32_t ox = 0; ox < p->out_w; ox++) {
                const float *w = p->weights;
                for (int32_t o = 0; o < p->out_c; o++) {
                    float sum = 0;
                    for (int32_t ky = 0; ky < p->filter_h; ky++)
                        for (int32_t kx = 0; kx < p->filter_w; kx++, w += p->in_c) {
                            int32_t at = edge_window_pixel(p, oy, ox, ky, kx);
                            for (int32_t c = 0; at >= 0 && c < p->in_c; c++)
                                sum += x[at * p->in_c + c] * w[c];
                        }
                    *y++ = finish(p, o, sum);
                }
            }
}

/* in [batch][in_h][in_w][in_c], weights [filter_h][filter_w][out_c] -> out
 * [batch][out_h][out_w][out_c], output channel o from input channel o / (out_c / in_c) */
void smt_ref_depthwise_f32(const smt_conv *p, const void *in, void *out, void *scratch)
{
    const float *x = in;
    float *y = out;
    int32_t multiplier = p->out_c / p->in_c;
    (void)scratch;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c)
        for (int32_t oy = 0; oy < p->out_h; oy++)
            for (int32_t ox = 0; ox < p->out_w; ox++)
                for (int32_t o = 0; o < p->out_c; o++) {
                    const float *w = (const float *)p->weights + o;
                    float sum = 0;
                    for (int32_t ky = 0; ky < p->filter_h; ky++)
                        for (int32_t kx = 0; kx < p->filter_w; kx++, w += p->out_c) {
                            int32_t at = edge_window_pixel(p, oy, ox, ky, kx);
                            if (at >= 0)
                                sum += x[at * p->in_c + o / multiplier] * *w;
                        }
                    *y++ = finish(p, o, sum);
                }
}

const smt_conv_kernel smt_ref_conv_f32_kernel = {.lead = conv_lead, .run = smt_ref_conv_f32};

const smt_conv_kernel smt_ref_depthwise_f32_kernel = {.lead = depthwise_lead,
                                                      .run = smt_ref_depthwise_f32};
