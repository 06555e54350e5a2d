/* int8 depthwise convolution for AArch64: eight channels at a time, one tap after the other. */
#include "neon.h"

#ifdef SMT_NEON

static void run(const smt_conv *p, const void *in, void *out, void *memory)
{
    if (p->in_c != p->out_c || p->in_c % 8 != 0) {
        smt_ref_depthwise_s8(p, in, out, memory);
        return;
    }
    const int8_t *image = in, *weights = p->weights;
    const int32_t *bias = p->bias;
    size_t channels = (size_t)p->out_c;
    int16x8_t in_zero = vdupq_n_s16((int16_t)p->in_zero);
    int32x4_t zero = vdupq_n_s32(p->out_zero), low = vdupq_n_s32(p->low),
              high = vdupq_n_s32(p->high);
    int8_t *y = out;
    for (int32_t n = 0; n < p->batch; n++, image += (size_t)p->in_h * (size_t)p->in_w * channels)
        for (int32_t oy = 0; oy < p->out_h; oy++)
            for (int32_t ox = 0; ox < p->out_w; ox++, y += channels) {
                int32_t y0 = oy * p->stride_h - p->pad_h, x0 = ox * p->stride_w - p->pad_w;
                for (size_t c = 0; c < channels; c += 8) {
                    int32x4_t a = bias ? vld1q_s32(bias + c) : vdupq_n_s32(0);
                    int32x4_t b = bias ? vld1q_s32(bias + c + 4) : vdupq_n_s32(0);
                    for (int32_t ky = 0; ky < p->filter_h; ky++) {
                        int32_t iy = y0 + ky * p->dilation_h;
                        for (int32_t kx = 0; kx < p->filter_w; kx++) {
                            int32_t ix = x0 + kx * p->dilation_w;
                            if (iy < 0 || iy >= p->in_h || ix < 0 || ix >= p->in_w)
                                continue;
                            const int8_t *x =
                                image + ((size_t)iy * (size_t)p->in_w + (size_t)ix) * channels + c;
                            const int8_t *k =
                                weights + (size_t)(ky * p->filter_w + kx) * channels + c;
                            int16x8_t u = vsubq_s16(vmovl_s8(vld1_s8(x)), in_zero),
                                      v = vmovl_s8(vld1_s8(k));
                            a = vmlal_s16(a, vget_low_s16(u), vget_low_s16(v));
                            b = vmlal_s16(b, vget_high_s16(u), vget_high_s16(v));
                        }
                    }
                    a = vaddq_s32(neon_requantise(a, p->multiplier + c, p->shift + c), zero);
                    b = vaddq_s32(neon_requantise(b, p->multiplier + c + 4, p->shift + c + 4),
                                  zero);
                    a = vminq_s32(vmaxq_s32(a, low), high);
                    b = vminq_s32(vmaxq_s32(b, low), high);
                    vst1_s8(y + c, vmovn_s16(vcombine_s16(vmovn_s32(a), vmovn_s32(b))));
                }
            }
}

const smt_conv_kernel neon_depthwise_s8 = {.run = run};

void neon_map_s8(const int8_t table[256], const int8_t *in, int8_t *out, uint32_t count)
{
    /* four tables of 64 bytes; an index outside a table
     * gives 0, so the four results are joined by or */
    const uint8_t *t = (const uint8_t *)table;
    const uint8x16x4_t t0 = {{vld1q_u8(t), vld1q_u8(t + 16), vld1q_u8(t + 32), vld1q_u8(t + 48)}};
    const uint8x16x4_t t1 = {
        {vld1q_u8(t + 64), vld1q_u8(t + 80), vld1q_u8(t + 96), vld1q_u8(t + 112)}};
    const uint8x16x4_t t2 = {
        {vld1q_u8(t + 128), vld1q_u8(t + 144), vld1q_u8(t + 160), vld1q_u8(t + 176)}};
    const uint8x16x4_t t3 = {
        {vld1q_u8(t + 192), vld1q_u8(t + 208), vld1q_u8(t + 224), vld1q_u8(t + 240)}};
    uint32_t i = 0;
    for (; i + 16 <= count; i += 16) {
        uint8x16_t q = veorq_u8(vld1q_u8((const uint8_t *)in + i), vdupq_n_u8(128)); /* q + 128 */
        uint8x16_t y = vqtbl4q_u8(t0, q);
        y = vqtbx4q_u8(y, t1, vsubq_u8(q, vdupq_n_u8(64)));
        y = vqtbx4q_u8(y, t2, vsubq_u8(q, vdupq_n_u8(128)));
        y = vqtbx4q_u8(y, t3, vsubq_u8(q, vdupq_n_u8(192)));
        vst1q_u8((uint8_t *)out + i, y);
    }
    for (; i < count; i++)
        out[i] = table[in[i] + 128];
}

#endif
