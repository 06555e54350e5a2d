/* Dynamic range: int8 weights, float32 activations. Each image (each row of a dense layer) is
 * quantised to int8 by its largest magnitude, symmetrically: scale = max |x| / 127. Then out = sum
 * * scale * weight_scale[o] + bias[o]. */
#include "kernels/kernels.h"
#include "kernels/quant.h"

/* The quantised image. */
uint32_t smt_ref_dynamic_scratch(const smt_conv *p)
{
    return (uint32_t)(p->in_h * p->in_w * p->in_c);
}

static float quantise(const float *x, int8_t *q, int32_t count)
{
    float largest = 0;
    for (int32_t i = 0; i < count; i++) {
        float magnitude = x[i] < 0 ? -x[i] : x[i];
        if (magnitude > largest)
            largest = magnitude;
    }
    /* An infinite input would make every other one 0 / 0: saturate it instead. */
    if (largest > 3.0e38f)
        largest = 3.0e38f;
    float inverse = largest > 1e-30f ? 127.0f / largest : 0.0f;
    for (int32_t i = 0; i < count; i++)
        q[i] = (int8_t)edge_round_f32(x[i] * inverse, 127);
    return largest / 127.0f;
}

static float finish(const smt_conv *p, int32_t o, int32_t sum, float scale)
{
    float y = (float)sum * (scale * p->weight_scale[p->weight_scales == 1 ? 0 : o]);
    if (p->bias)
        y += ((const float *)p->bias)[o];
    return y < p->low_f ? p->low_f : y > p->high_f ? p->high_f : y;
}

/* in [batch][in_h][in_w][in_c], weights [out_c][filter_h][filter_w][in_c] -> out
 * [batch][out_h][out_w][out_c] */
void smt_ref_conv_dynamic(const smt_conv *p, const void *in, void *out, void *scratch)
{
    const float *x = in;
    float *y = out;
    int8_t *q = scratch;
    int32_t image = p->in_h * p->in_w * p->in_c;
    for (int32_t n = 0; n < p->batch; n++) {
        float scale = quantise(x + (int64_t)n * image, q, image);
        for (int32_t oy = 0; oy < p->out_h; oy++)
            for (int32_t ox = 0; ox < p->out_w; ox++) {
                const int8_t *w = p->weights;
                for (int32_t o = 0; o < p->out_c; o++) {
                    int32_t sum = 0;
                    for (int32_t ky = 0; ky < p->filter_h; ky++) {
                        int32_t iy = oy * p->stride_h - p->pad_h + ky * p->dilation_h;
                        for (int32_t kx = 0; kx < p->filter_w; kx++, w += p->in_c) {
                            int32_t ix = ox * p->stride_w - p->pad_w + kx * p->dilation_w;
                            if (iy < 0 || iy >= p->in_h || ix < 0 || ix >= p->in_w)
                                continue;
                            const int8_t *pixel = q + (iy * p->in_w + ix) * p->in_c;
                            for (int32_t c = 0; c < p->in_c; c++)
                                sum += pixel[c] * w[c];
                        }
                    }
                    *y++ = finish(p, o, sum, scale);
                }
            }
    }
}

/* in [batch][in_h][in_w][in_c], weights [filter_h][filter_w][out_c] -> out
 * [batch][out_h][out_w][out_c] */
void smt_ref_depthwise_dynamic(const smt_conv *p, const void *in, void *out, void *scratch)
{
    const float *x = in;
    float *y = out;
    int8_t *q = scratch;
    int32_t image = p->in_h * p->in_w * p->in_c, multiplier = p->out_c / p->in_c;
    for (int32_t n = 0; n < p->batch; n++) {
        float scale = quantise(x + (int64_t)n * image, q, image);
        for (int32_t oy = 0; oy < p->out_h; oy++)
            for (int32_t ox = 0; ox < p->out_w; ox++)
                for (int32_t o = 0; o < p->out_c; o++) {
                    const int8_t *w = (const int8_t *)p->weights + o;
                    int32_t sum = 0;
                    for (int32_t ky = 0; ky < p->filter_h; ky++) {
                        int32_t iy = oy * p->stride_h - p->pad_h + ky * p->dilation_h;
                        for (int32_t kx = 0; kx < p->filter_w; kx++, w += p->out_c) {
                            int32_t ix = ox * p->stride_w - p->pad_w + kx * p->dilation_w;
                            if (iy >= 0 && iy < p->in_h && ix >= 0 && ix < p->in_w)
                                sum += q[(iy * p->in_w + ix) * p->in_c + o / multiplier] * *w;
                        }
                    }
                    *y++ = finish(p, o, sum, scale);
                }
    }
}

const smt_conv_kernel smt_ref_conv_dynamic_kernel = {.scratch = smt_ref_dynamic_scratch,
                                                     .run = smt_ref_conv_dynamic};

const smt_conv_kernel smt_ref_depthwise_dynamic_kernel = {.scratch = smt_ref_dynamic_scratch,
                                                          .run = smt_ref_depthwise_dynamic};
