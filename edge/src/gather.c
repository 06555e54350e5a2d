#include "kernels/gather.h"

/* window: filter_w * in_c * element, a constant where this is called for stems, whose rows of a few
 * bytes would cost more in a call of memcpy than in the copy. */
static inline void gather(const smt_conv *p,
                          uint32_t element,
                          const void *in,
                          int32_t first,
                          int32_t rows,
                          const void *pad,
                          void *out,
                          size_t out_stride,
                          size_t window)
{
    int32_t ox = first % p->out_w, oy = first / p->out_w % p->out_h,
            n = first / p->out_w / p->out_h;
    size_t bytes = (size_t)p->in_c * element, line = (size_t)p->in_w * bytes;
    size_t terms = (size_t)p->filter_h * window;
    const uint8_t *image = (const uint8_t *)in + (size_t)n * (size_t)p->in_h * line;
    uint8_t *row = out;
    for (int32_t r = 0; r < rows; r++, row += out_stride) {
        int32_t y0 = oy * p->stride_h - p->pad_h, x0 = ox * p->stride_w - p->pad_w;
        bool inside = p->dilation_w == 1 && x0 >= 0 && x0 + p->filter_w <= p->in_w;
        uint8_t *to = row;
        bool whole = false; /* copied without a question */
        if (inside && y0 >= 0 && y0 + (p->filter_h - 1) * p->dilation_h < p->in_h) {
            const uint8_t *from = image + (size_t)y0 * line + (size_t)x0 * bytes;
            size_t jump = (size_t)p->dilation_h * line;
            for (int32_t ky = 0; ky < p->filter_h; ky++, to += window, from += jump)
                __builtin_memcpy(to, from, window);
            whole = true;
        }
        for (int32_t ky = whole ? p->filter_h : 0; ky < p->filter_h; ky++) {
            int32_t y = y0 + ky * p->dilation_h;
            const uint8_t *from = image + (size_t)(y < 0 ? 0 : y) * line;
            if (inside && y >= 0 && y < p->in_h) {
                __builtin_memcpy(to, from + (size_t)x0 * bytes, window);
                to += window;
                continue;
            }
            for (int32_t kx = 0; kx < p->filter_w; kx++, to += bytes) {
                int32_t x = x0 + kx * p->dilation_w;
                bool outside = y < 0 || y >= p->in_h || x < 0 || x >= p->in_w;
                __builtin_memcpy(to, outside ? pad : from + (size_t)x * bytes, bytes);
            }
        }
        for (size_t i = terms; i < out_stride; i++)
            row[i] = 0;
        if (++ox == p->out_w) {
            ox = 0;
            if (++oy == p->out_h) {
                oy = 0;
                image += (size_t)p->in_h * line;
            }
        }
    }
}

void smt_gather(const smt_conv *p,
                uint32_t element,
                const void *in,
                int32_t first,
                int32_t rows,
                const void *pad,
                void *out,
                size_t out_stride)
{
    size_t window = (size_t)p->filter_w * (size_t)p->in_c * element;
    if (window == 3)
        gather(p, 1, in, first, rows, pad, out, out_stride, 3);
    else if (window == 9)
        gather(p, 1, in, first, rows, pad, out, out_stride, 9);
    else if (window == 12)
        gather(p, element, in, first, rows, pad, out, out_stride, 12);
    else if (window == 36)
        gather(p, element, in, first, rows, pad, out, out_stride, 36);
    else
        gather(p, element, in, first, rows, pad, out, out_stride, window);
}
