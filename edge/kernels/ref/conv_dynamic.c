/* Dynamic range: int8 weights, float32 activations, each image (each row of a dense layer)
 * quantised to int8 on its own grid. out = sum of (q - zero) * weight, times scale *
 * weight_scale[o], + bias[o]. */
#include "kernels/dynamic.h"
#include "kernels/ref/window.h"

/* The quantised image. */
static uint32_t scratch_bytes(const smt_conv *p)
{
    return (uint32_t)(p->in_h * p->in_w * p->in_c);
}

static edge_grid quantise(const float *x, int8_t *q, int32_t count)
{
    float least = 0, largest = 0;
    for (int32_t i = 0; i < count; i++) {
        if (x[i] > largest)
            largest = x[i];
        if (x[i] < least)
            least = x[i];
    }
    edge_grid grid = edge_grid_between(least, largest);
    for (int32_t i = 0; i < count; i++)
        q[i] = (int8_t)edge_grid_level(&grid, x[i]);
    return grid;
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
        edge_grid g = quantise(x + (int64_t)n * image, q, image);
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
        edge_grid g = quantise(x + (int64_t)n * image, q, image);
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
