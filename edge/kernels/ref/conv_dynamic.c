/* Dynamic range: int8 weights, float32 activations. Each image (each row of a dense layer) is
 * quantised to int8 between its least and its largest value, as TensorFlow Lite's hybrid
 * convolutions with a scale per channel do (AsymmetricQuantizeFloats): scale = (max - min) / 255,
 * both widened to hold 0, and the zero point where 0 lies. Then out = sum of (q - zero) * weight,
 * times scale * weight_scale[o], + bias[o]. */
#include "kernels/quant.h"
#include "kernels/ref/window.h"

/* The quantised image. */
static uint32_t scratch_bytes(const smt_conv *p)
{
    return (uint32_t)(p->in_h * p->in_w * p->in_c);
}

typedef struct grid {
    float scale;
    int32_t zero;
} grid;

static grid quantise(const float *x, int8_t *q, int32_t count)
{
    float least = 0, largest = 0;
    for (int32_t i = 0; i < count; i++) {
        if (x[i] > largest)
            largest = x[i];
        if (x[i] < least)
            least = x[i];
    }
    /* An infinite input would make every other one 0 / 0: saturate it instead. */
    if (largest > 1.5e38f)
        largest = 1.5e38f;
    if (least < -1.5e38f)
        least = -1.5e38f;
    float scale = (largest - least) / 255.0f;
    float inverse = largest - least > 1e-30f ? 255.0f / (largest - least) : 0.0f;
    grid g = {scale, edge_round_f32(-128.0f - least * inverse, 128)};
    g.zero = g.zero > 127 ? 127 : g.zero;
    for (int32_t i = 0; i < count; i++) {
        int32_t value = edge_round_f32(x[i] * inverse, 256) + g.zero;
        q[i] = (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
    }
    return g;
}

static float finish(const smt_conv *p, int32_t o, int32_t sum, float scale)
{
    float y = (float)sum * (scale * p->weight_scale[p->weight_scales == 1 ? 0 : o]);
    if (p->bias)
        y += ((const float *)p->bias)[o];
    return y < p->low_f ? p->low_f : y > p->high_f ? p->high_f : y;
}

/* in [batch][in_h][in_w][in_c], weights [out_c][filter_h][filter_w][in_c]
 * -> out [batch][out_h][out_w][out_c] */
static void conv(const smt_conv *p, const void *in, void *out, void *scratch)
{
    const float *x = in;
    float *y = out;
    int8_t *q = scratch;
    int32_t image = p->in_h * p->in_w * p->in_c;
    for (int32_t n = 0; n < p->batch; n++) {
        grid g = quantise(x + (int64_t)n * image, q, image);
        for (int32_t oy = 0; oy < p->out_h; oy++)
            for (int32_t ox = 0; ox < p->out_w; ox++) {
                const int8_t *w = p->weights;
                for (int32_t o = 0; o < p->out_c; o++) {
                    int32_t sum = 0;
                    for (int32_t ky = 0; ky < p->filter_h; ky++)
                        for (int32_t kx = 0; kx < p->filter_w; kx++, w += p->in_c) {
                            int32_t at = edge_window_pixel(p, oy, ox, ky, kx);
                            for (int32_t c = 0; at >= 0 && c < p->in_c; c++)
                                sum += (q[at * p->in_c + c] - g.zero) * w[c];
                        }
                    *y++ = finish(p, o, sum, g.scale);
                }
            }
    }
}

/* in [batch][in_h][in_w][in_c], weights [filter_h][filter_w][out_c]
 * -> out [batch][out_h][out_w][out_c] */
static void depthwise(const smt_conv *p, const void *in, void *out, void *scratch)
{
    const float *x = in;
    float *y = out;
    int8_t *q = scratch;
    int32_t image = p->in_h * p->in_w * p->in_c, multiplier = p->out_c / p->in_c;
    for (int32_t n = 0; n < p->batch; n++) {
        grid g = quantise(x + (int64_t)n * image, q, image);
        for (int32_t oy = 0; oy < p->out_h; oy++)
            for (int32_t ox = 0; ox < p->out_w; ox++)
                for (int32_t o = 0; o < p->out_c; o++) {
                    const int8_t *w = (const int8_t *)p->weights + o;
                    int32_t sum = 0;
                    for (int32_t ky = 0; ky < p->filter_h; ky++)
                        for (int32_t kx = 0; kx < p->filter_w; kx++, w += p->out_c) {
                            int32_t at = edge_window_pixel(p, oy, ox, ky, kx);
                            if (at >= 0)
                                sum += (q[at * p->in_c + o / multiplier] - g.zero) * *w;
                        }
                    *y++ = finish(p, o, sum, g.scale);
                }
    }
}

const smt_conv_kernel smt_ref_conv_dynamic_kernel = {.scratch = scratch_bytes, .run = conv};

const smt_conv_kernel smt_ref_depthwise_dynamic_kernel = {.scratch = scratch_bytes,
                                                          .run = depthwise};
