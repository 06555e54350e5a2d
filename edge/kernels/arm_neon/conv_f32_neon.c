/* float32 convolutions for AArch64. Prepared memory: bias
 * [panels * 8], then panels of 8 channels, [terms][8] each. */
#include "neon.h"

#ifdef SMT_NEON

static uint32_t terms_of(const smt_conv *p)
{
    return (uint32_t)(p->filter_h * p->filter_w * p->in_c);
}

static uint32_t panels(const smt_conv *p)
{
    return ((uint32_t)p->out_c + 7) / 8;
}

static uint32_t prepared(const smt_conv *p)
{
    return panels(p) * 32 * (1 + terms_of(p));
}

static void prepare(const smt_conv *p, void *memory)
{
    float *bias = memory, *to = bias + 8 * panels(p);
    const float *w = p->weights;
    size_t terms = terms_of(p);
    for (size_t o = 0; o < 8 * (size_t)panels(p); o++) {
        bool real = o < (size_t)p->out_c;
        bias[o] = real && p->bias ? ((const float *)p->bias)[o] : 0.0f;
        for (size_t k = 0; k < terms; k++)
            to[(o / 8 * terms + k) * 8 + o % 8] = real ? w[o * terms + k] : 0.0f;
    }
}

static uint32_t scratch(const smt_conv *p)
{
    return 4 * (NEON_TILE * terms_of(p) + (uint32_t)p->in_c);
}

INLINE void block(const smt_conv *p,
                  int32_t rows,
                  const float *a,
                  uint32_t terms,
                  const float *w,
                  const float *bias,
                  int32_t o,
                  float *out)
{
    float32x4_t sum[4][2], low = vdupq_n_f32(p->low_f), high = vdupq_n_f32(p->high_f);
    UNROLL
    for (int32_t r = 0; r < rows; r++) {
        sum[r][0] = vld1q_f32(bias);
        sum[r][1] = vld1q_f32(bias + 4);
    }
    for (uint32_t k = 0; k < terms; k++, w += 8) {
        float32x4_t w0 = vld1q_f32(w), w1 = vld1q_f32(w + 4);
        UNROLL
        for (int32_t r = 0; r < rows; r++) {
            float x = a[(uint32_t)r * terms + k];
            sum[r][0] = vfmaq_n_f32(sum[r][0], w0, x);
            sum[r][1] = vfmaq_n_f32(sum[r][1], w1, x);
        }
    }
    int32_t count = p->out_c - o < 8 ? p->out_c - o : 8;
    UNROLL
    for (int32_t r = 0; r < rows; r++) {
        float y[8];
        vst1q_f32(y, vminq_f32(vmaxq_f32(sum[r][0], low), high));
        vst1q_f32(y + 4, vminq_f32(vmaxq_f32(sum[r][1], low), high));
        for (int32_t i = 0; i < count; i++)
            out[r * p->out_c + i] = y[i];
    }
}

static void run(const smt_conv *p, const void *in, void *out, void *memory)
{
    uint32_t terms = terms_of(p), count = panels(p);
    int32_t pixels = p->batch * p->out_h * p->out_w;
    float *a = memory, *pad = a + NEON_TILE * terms;
    const float *bias = p->prepared, *weights = bias + 8 * count;
    for (int32_t i = 0; i < p->in_c; i++)
        pad[i] = 0;
    for (int32_t first = 0; first < pixels; first += NEON_TILE) {
        int32_t rows = pixels - first < NEON_TILE ? pixels - first : NEON_TILE;
        smt_gather(p, 4, in, first, rows, pad, a, 4 * (size_t)terms);
        for (uint32_t i = 0; i < count; i++) {
            const float *w = weights + (size_t)i * 8 * terms;
            float *y = (float *)out + (size_t)first * (size_t)p->out_c + 8 * i;
            int32_t r = 0, o = (int32_t)(8 * i);
            for (; r + 4 <= rows; r += 4)
                block(p, 4, a + (uint32_t)r * terms, terms, w, bias + o, o, y + r * p->out_c);
            for (; r < rows; r++)
                block(p, 1, a + (uint32_t)r * terms, terms, w, bias + o, o, y + r * p->out_c);
        }
    }
}

const smt_conv_kernel neon_conv_f32 = {
    .prepared = prepared, .prepare = prepare, .scratch = scratch, .run = run};

static void depthwise(const smt_conv *p, const void *in, void *out, void *memory)
{
    if (p->in_c != p->out_c || p->in_c % 4 != 0) {
        smt_ref_depthwise_f32(p, in, out, memory);
        return;
    }
    const float *image = in, *weights = p->weights, *bias = p->bias;
    size_t channels = (size_t)p->out_c;
    float32x4_t low = vdupq_n_f32(p->low_f), high = vdupq_n_f32(p->high_f);
    float *y = out;
    for (int32_t n = 0; n < p->batch; n++, image += (size_t)p->in_h * (size_t)p->in_w * channels)
        for (int32_t oy = 0; oy < p->out_h; oy++)
            for (int32_t ox = 0; ox < p->out_w; ox++, y += channels) {
                int32_t y0 = oy * p->stride_h - p->pad_h, x0 = ox * p->stride_w - p->pad_w;
                for (size_t c = 0; c < channels; c += 4) {
                    float32x4_t sum = bias ? vld1q_f32(bias + c) : vdupq_n_f32(0);
                    for (int32_t ky = 0; ky < p->filter_h; ky++) {
                        int32_t iy = y0 + ky * p->dilation_h;
                        for (int32_t kx = 0; kx < p->filter_w; kx++) {
                            int32_t ix = x0 + kx * p->dilation_w;
                            if (iy < 0 || iy >= p->in_h || ix < 0 || ix >= p->in_w)
                                continue;
                            const float *x =
                                image + ((size_t)iy * (size_t)p->in_w + (size_t)ix) * channels + c;
                            const float *k =
                                weights + (size_t)(ky * p->filter_w + kx) * channels + c;
                            sum = vfmaq_f32(sum, vld1q_f32(x), vld1q_f32(k));
                        }
                    }
                    vst1q_f32(y + c, vminq_f32(vmaxq_f32(sum, low), high));
                }
            }
}

const smt_conv_kernel neon_depthwise_f32 = {.run = depthwise};

#endif
