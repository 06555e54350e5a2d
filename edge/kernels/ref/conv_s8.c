/* int8 convolution and depthwise convolution, the truth that all fast kernels are compared with. */
#include "kernels/quant.h"
#include "kernels/ref/window.h"

uint32_t smt_conv_lead(const smt_conv *p, uint32_t element, bool by_channel, int32_t ahead)
{
    if (p->batch != 1)
        return SMT_NO_OVERLAP;
    /* For output pixel (y, x) let `write` be the end of what is written once it is done, and `need`
     * the lowest input address that it or a later pixel reads: the corner of its window or the
     * start of the next row of windows. Both are piecewise linear in y and x, with breaks only
     * where the windows leave the padding, so the largest difference is at one of a few points. */
    int64_t row = (int64_t)p->in_w * p->in_c, lead = 0;
    int64_t ys[5] = {0,
                     p->pad_h / p->stride_h - 1,
                     p->pad_h / p->stride_h,
                     p->pad_h / p->stride_h + 1,
                     p->out_h - 1};
    int64_t xs[5] = {0,
                     p->pad_w / p->stride_w - 1,
                     p->pad_w / p->stride_w,
                     p->pad_w / p->stride_w + 1,
                     p->out_w - 1};
    for (int i = 0; i < 5; i++) {
        int64_t y = ys[i] < 0 ? 0 : ys[i] >= p->out_h ? p->out_h - 1 : ys[i];
        int64_t top = y * p->stride_h > p->pad_h ? y * p->stride_h - p->pad_h : 0;
        int64_t next = (y + 1) * p->stride_h > p->pad_h ? (y + 1) * p->stride_h - p->pad_h : 0;
        for (int j = 0; j < 5; j++) {
            int64_t x = xs[j] < 0 ? 0 : xs[j] >= p->out_w ? p->out_w - 1 : xs[j];
            int64_t left = x * p->stride_w > p->pad_w ? x * p->stride_w - p->pad_w : 0;
            int64_t need = top * row + left * p->in_c;
            if (y + 1 < p->out_h && next * row < need)
                need = next * row;
            int64_t write = (y * p->out_w + x + (by_channel ? 0 : ahead)) * p->out_c;
            if (write - need > lead)
                lead = write - need;
        }
    }
    lead *= element;
    return lead < UINT32_MAX / 2 ? (uint32_t)lead : SMT_NO_OVERLAP;
}

uint32_t smt_ref_conv_s8_lead(const smt_conv *p)
{
    return smt_conv_lead(p, 1, false, 1);
}

uint32_t smt_ref_depthwise_s8_lead(const smt_conv *p)
{
    return smt_conv_lead(p, 1, p->in_c == p->out_c, 1);
}

static int8_t finish(const smt_conv *p, int32_t o, int32_t sum)
{
    if (p->bias)
        sum = edge_wrap_add(sum, ((const int32_t *)p->bias)[o]);
    sum = edge_requantise(sum, p->multiplier[o], p->shift[o]);
    return (int8_t)edge_clamp(edge_wrap_add(sum, p->out_zero), p->low, p->high);
}

/* in [batch][in_h][in_w][in_c], weights [out_c][filter_h][filter_w][in_c]
 * -> out [batch][out_h][out_w][out_c] */
void smt_ref_conv_s8(const smt_conv *p, const void *in, void *out, void *scratch)
{
    const int8_t *x = in;
    int8_t *y = out;
    (void)scratch;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c)
        for (int32_t oy = 0; oy < p->out_h; oy++)
            for (int32_t ox = 0; ox < p->out_w; ox++) {
                const int8_t *w = p->weights;
                for (int32_t o = 0; o < p->out_c; o++) {
                    int32_t sum = 0;
                    for (int32_t ky = 0; ky < p->filter_h; ky++)
                        for (int32_t kx = 0; kx < p->filter_w; kx++, w += p->in_c) {
                            int32_t at = edge_window_pixel(p, oy, ox, ky, kx);
                            for (int32_t c = 0; at >= 0 && c < p->in_c; c++)
                                sum += (x[at * p->in_c + c] - p->in_zero) * w[c];
                        }
                    *y++ = finish(p, o, sum);
                }
            }
}

/* in [batch][in_h][in_w][in_c], weights [filter_h][filter_w][out_c] -> out
 * [batch][out_h][out_w][out_c], output channel o from input channel o / (out_c / in_c) */
void smt_ref_depthwise_s8(const smt_conv *p, const void *in, void *out, void *scratch)
{
    const int8_t *x = in;
    int8_t *y = out;
    int32_t multiplier = p->out_c / p->in_c;
    (void)scratch;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c)
        for (int32_t oy = 0; oy < p->out_h; oy++)
            for (int32_t ox = 0; ox < p->out_w; ox++)
                for (int32_t o = 0; o < p->out_c; o++) {
                    const int8_t *w = (const int8_t *)p->weights + o;
                    int32_t sum = 0;
                    for (int32_t ky = 0; ky < p->filter_h; ky++)
                        for (int32_t kx = 0; kx < p->filter_w; kx++, w += p->out_c) {
                            int32_t at = edge_window_pixel(p, oy, ox, ky, kx);
                            if (at >= 0)
                                sum += (x[at * p->in_c + o / multiplier] - p->in_zero) * *w;
                        }
                    *y++ = finish(p, o, sum);
                }
}

const smt_conv_kernel smt_ref_conv_s8_kernel = {.lead = smt_ref_conv_s8_lead,
                                                .run = smt_ref_conv_s8};

const smt_conv_kernel smt_ref_depthwise_s8_kernel = {.lead = smt_ref_depthwise_s8_lead,
                                                     .run = smt_ref_depthwise_s8};
