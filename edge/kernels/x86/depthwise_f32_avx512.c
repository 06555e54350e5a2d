/* float32 depthwise convolution with AVX-512.
 *
 * Sixteen channels of some image rows are copied to a plane [rows][columns][16] with the padding
 * around, so that a tap is one fused multiply-add from memory at a fixed distance, without a
 * question whether it lies inside. Channels are the outer loop: the weights of a 3x3 or 5x5 window
 * stay in registers.
 */
#include "plane.h"

#ifdef SMT_X86

/* PIXEL: bytes of a place of the plane */
enum { PIXEL = 64, MAX_TAPS = 25 };

static bool is_fast(const smt_conv *p)
{
    return p->in_c == p->out_c && p->filter_h * p->filter_w <= MAX_TAPS && p->dilation_h == 1 &&
           p->dilation_w == 1;
}

static uint32_t scratch(const smt_conv *p)
{
    return is_fast(p) ? plane_scratch(p, PIXEL) : 0;
}

/* Zeros in those parts of `rows` rows from row y on that are outside the image. */
TARGET_AVX512 static void clear_outside(const smt_conv *p, int32_t y, int32_t rows, float *plane)
{
    const int32_t wide = plane_columns(p);
    const __m512 zero = _mm512_setzero_ps();
    for (int32_t end = y + rows; y < end; y++)
        for (int32_t x = 0; x < wide; x++, plane += 16) {
            if (x == p->pad_w && y >= 0 && y < p->in_h) {
                int32_t inside = wide - x < p->in_w ? wide - x : p->in_w;
                x += inside;
                plane += 16 * inside;
                if (x == wide)
                    break;
            }
            _mm512_store_ps(plane, zero);
        }
}

/* Up to 16 channels of `rows` rows of the image at `image`, from row y on. What is outside the
 * image is in the plane already. */
TARGET_AVX512 static void fill_plane(
    const smt_conv *p, const float *image, uint16_t active, int32_t y, int32_t rows, float *plane)
{
    const int32_t wide = plane_columns(p), end = y + rows < p->in_h ? y + rows : p->in_h;
    const int32_t inside = wide - p->pad_w < p->in_w ? wide - p->pad_w : p->in_w;
    for (int32_t row = y < 0 ? 0 : y; row < end; row++) {
        const float *from = image + (size_t)row * (size_t)p->in_w * (size_t)p->in_c;
        float *to = plane + 16 * ((row - y) * wide + p->pad_w);
        for (int32_t x = 0; x < inside; x++, from += p->in_c)
            _mm512_store_ps(to + 16 * x, _mm512_maskz_loadu_ps(active, from));
    }
}

/* `pixels` results: fours of neighbours, `four` floats of the plane apart. */
TARGET_AVX512 INLINE void sums(int32_t pixels,
                               int32_t h,
                               int32_t w,
                               const float *from,
                               int32_t line,
                               int32_t step,
                               int32_t four,
                               const __m512 *weights,
                               __m512 bias,
                               __m512 *sum)
{
    UNROLL
    for (int32_t i = 0; i < pixels; i++)
        sum[i] = bias;
    for (int32_t ky = 0; ky < h; ky++, from += line)
        for (int32_t kx = 0; kx < w; kx++) {
            UNROLL
            for (int32_t i = 0; i < pixels; i++) {
                __m512 x = _mm512_load_ps(from + i / 4 * four + (i % 4) * step + 16 * kx);
                sum[i] = _mm512_fmadd_ps(x, weights[ky * w + kx], sum[i]);
            }
        }
}

/* `rows` output rows of 16 channels from a plane. h, w, stride: constants where this is called.
 * Eight pixels at a time, for the latency of the sums: neighbours, or of two rows of four. */
TARGET_AVX512 INLINE void convolve(const smt_conv *p,
                                   int32_t h,
                                   int32_t w,
                                   int32_t stride,
                                   const float *plane,
                                   int32_t rows,
                                   int32_t c,
                                   float *out)
{
    const uint16_t active = lanes16(p->out_c - c);
    const __m512 low = _mm512_set1_ps(p->low_f), high = _mm512_set1_ps(p->high_f);
    const float *weights = (const float *)p->weights + c, *bias = p->bias;
    const __m512 start = bias ? _mm512_maskz_loadu_ps(active, bias + c) : _mm512_setzero_ps();
    const int32_t line = 16 * plane_columns(p), step = 16 * stride;
    __m512 k[MAX_TAPS], sum[8];
    for (int32_t t = 0; t < h * w; t++)
        k[t] = _mm512_maskz_loadu_ps(active, weights + t * p->out_c);
    for (int32_t oy = 0, pixels; oy < rows; oy++, plane += line * stride) {
        const float *from = plane;
        bool pair = p->out_w == 4 && oy + 2 <= rows;
        for (int32_t ox = 0; ox < p->out_w; ox += pixels, from += pixels * step) {
            pixels = pair || ox + 8 <= p->out_w ? 8 : 1;
            if (pair)
                sums(8, h, w, from, line, step, line * stride, k, start, sum);
            else if (pixels == 8)
                sums(8, h, w, from, line, step, 4 * step, k, start, sum);
            else
                sums(1, h, w, from, line, step, 0, k, start, sum);
            /* the sum is the second operand: max and min then keep a NaN */
            for (int32_t i = 0; i < pixels; i++, out += p->out_c)
                _mm512_mask_storeu_ps(out, active, _mm512_min_ps(high, _mm512_max_ps(low, sum[i])));
        }
        if (pair) {
            oy++;
            plane += line * stride;
        }
    }
}

/* Any window and strides, pixel by pixel. */
TARGET_AVX512 static void
convolve_any(const smt_conv *p, const float *plane, int32_t rows, int32_t c, float *out)
{
    const uint16_t active = lanes16(p->out_c - c);
    const __m512 low = _mm512_set1_ps(p->low_f), high = _mm512_set1_ps(p->high_f);
    const float *bias = p->bias;
    const __m512 start = bias ? _mm512_maskz_loadu_ps(active, bias + c) : _mm512_setzero_ps();
    const int32_t line = 16 * plane_columns(p);
    for (int32_t oy = 0; oy < rows; oy++, plane += line * p->stride_h)
        for (int32_t ox = 0; ox < p->out_w; ox++, out += p->out_c) {
            const float *weights = (const float *)p->weights + c;
            __m512 sum = start;
            for (int32_t ky = 0; ky < p->filter_h; ky++)
                for (int32_t kx = 0; kx < p->filter_w; kx++, weights += p->out_c)
                    sum = _mm512_fmadd_ps(
                        _mm512_load_ps(plane + ky * line + 16 * (ox * p->stride_w + kx)),
                        _mm512_maskz_loadu_ps(active, weights),
                        sum);
            _mm512_mask_storeu_ps(out, active, _mm512_min_ps(high, _mm512_max_ps(low, sum)));
        }
}

TARGET_AVX512 static void run(const smt_conv *p, const void *in, void *out, void *memory)
{
    if (!is_fast(p)) {
        smt_ref_depthwise_f32(p, in, out, memory);
        return;
    }
    size_t image_count = (size_t)p->in_h * (size_t)p->in_w * (size_t)p->in_c;
    size_t row_count = (size_t)p->out_w * (size_t)p->out_c;
    float *plane = x86_align(memory);
    for (int32_t b = 0; b < p->batch; b++)
        for (int32_t oy = 0, rows; oy < p->out_h; oy += rows) {
            rows = p->out_h - oy < plane_band(p, PIXEL) ? p->out_h - oy : plane_band(p, PIXEL);
            int32_t y = oy * p->stride_h - p->pad_h,
                    plane_rows = (rows - 1) * p->stride_h + p->filter_h;
            clear_outside(p, y, plane_rows, plane);
            for (int32_t c = 0; c < p->out_c; c += 16) {
                fill_plane(p,
                           (const float *)in + (size_t)b * image_count + c,
                           lanes16(p->out_c - c),
                           y,
                           plane_rows,
                           plane);
                float *to = (float *)out + (size_t)(b * p->out_h + oy) * row_count + c;
                if (p->stride_h != p->stride_w || p->filter_h != p->filter_w || p->stride_h > 2 ||
                    (p->filter_h != 3 && p->filter_h != 5))
                    convolve_any(p, plane, rows, c, to);
                else if (p->filter_h == 3 && p->stride_h == 1)
                    convolve(p, 3, 3, 1, plane, rows, c, to);
                else if (p->filter_h == 3)
                    convolve(p, 3, 3, 2, plane, rows, c, to);
                else if (p->stride_h == 1)
                    convolve(p, 5, 5, 1, plane, rows, c, to);
                else
                    convolve(p, 5, 5, 2, plane, rows, c, to);
            }
        }
}

const smt_conv_kernel x86_depthwise_f32_avx512 = {.scratch = scratch, .run = run};

#endif
