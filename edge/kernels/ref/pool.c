/* AVERAGE_POOL_2D and MAX_POOL_2D: only the window's part inside the image counts. */
#include "kernels/kernels.h"
#include "kernels/quant.h"

typedef struct window {
    int32_t top, bottom, left, right;
} window;

static window clip(const smt_pool *p, int32_t y, int32_t x)
{
    int32_t top = y * p->stride_h - p->pad_h, left = x * p->stride_w - p->pad_w;
    window w = {top, top + p->filter_h, left, left + p->filter_w};
    w.top = w.top < 0 ? 0 : w.top;
    w.left = w.left < 0 ? 0 : w.left;
    w.bottom = w.bottom > p->in_h ? p->in_h : w.bottom;
    w.right = w.right > p->in_w ? p->in_w : w.right;
    return w;
}

static int32_t pool_s8(const smt_pool *p, const int8_t *in, window w)
{
    int32_t sum = 0, largest = -128;
    for (int32_t y = w.top; y < w.bottom; y++)
        for (int32_t x = w.left; x < w.right; x++) {
            int32_t q = in[(y * p->in_w + x) * p->channels];
            sum += q;
            largest = q > largest ? q : largest;
        }
    if (p->max)
        return largest;
    int32_t count = (w.bottom - w.top) * (w.right - w.left);
    if (count <= 0) /* a window that lies in the padding altogether */
        return 0;
    return sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
}

static float pool_f32(const smt_pool *p, const float *in, window w)
{
    float sum = 0, largest = -3.402823466e38f;
    for (int32_t y = w.top; y < w.bottom; y++)
        for (int32_t x = w.left; x < w.right; x++) {
            float v = in[(y * p->in_w + x) * p->channels];
            sum += v;
            largest = v > largest ? v : largest;
        }
    int32_t count = (w.bottom - w.top) * (w.right - w.left);
    return p->max ? largest : count > 0 ? sum / (float)count : 0.0f;
}

/* in [batch][in_h][in_w][channels] -> out [batch][out_h][out_w][channels] */
void smt_ref_pool_s8(const smt_pool *p, const int8_t *in, int8_t *out)
{
    for (int32_t n = 0; n < p->batch; n++, in += p->in_h * p->in_w * p->channels)
        for (int32_t y = 0; y < p->out_h; y++)
            for (int32_t x = 0; x < p->out_w; x++) {
                window w = clip(p, y, x);
                for (int32_t c = 0; c < p->channels; c++)
                    *out++ = (int8_t)edge_clamp(pool_s8(p, in + c, w), p->low, p->high);
            }
}

void smt_ref_pool_f32(const smt_pool *p, const float *in, float *out)
{
    for (int32_t n = 0; n < p->batch; n++, in += p->in_h * p->in_w * p->channels)
        for (int32_t y = 0; y < p->out_h; y++)
            for (int32_t x = 0; x < p->out_w; x++) {
                window w = clip(p, y, x);
                for (int32_t c = 0; c < p->channels; c++) {
                    float v = pool_f32(p, in + c, w);
                    *out++ = v < p->low_f ? p->low_f : v > p->high_f ? p->high_f : v;
                }
            }
}
