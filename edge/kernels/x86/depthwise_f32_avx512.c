/* float32 depthwise convolution with AVX-512.
 *
 * Sixteen channels of some image rows are copied to a plane [rows][columns][16] with the padding
 * around, so that a tap is one fused multiply-add from memory at a fixed distance, without a
 * question whether it lies inside. Channels are the outer loop: the weights of a 3x3 or 5x5 window
 * stay in registers.
 */
#include "x86.h"

#ifdef SMT_X86

enum { PLANE_BYTES = 24576, MAX_TAPS = 25 };

static bool is_fast(const smt_conv *p)
{
    return p->in_c == p->out_c && p->filter_h * p->filter_w <= MAX_TAPS && p->dilation_h == 1 &&
           p->dilation_w == 1;
}

static int32_t columns(const smt_conv *p)
{
    return (p->out_w - 1) * p->stride_w + p->filter_w;
}

/* Output rows that one plane serves. */
static int32_t band(const smt_conv *p)
{
    int32_t rows = PLANE_BYTES / (64 * columns(p)),
            count = rows >= p->filter_h ? (rows - p->filter_h) / p->stride_h + 1 : 1;
    return count < p->out_h ? count : p->out_h;
}

static uint32_t scratch(const smt_conv *p)
{
    return is_fast(p) ? 64 * (uint32_t)(columns(p) * ((band(p) - 1) * p->stride_h + p->filter_h))
                      : 0;
}

/* Rows y .. y + rows - 1 of up to 16 channels at `image`. */
TARGET_AVX512 static void fill_plane(
    const smt_conv *p, const float *image, uint16_t active, int32_t y, int32_t rows, float *plane)
{
    const __m512 zero = _mm512_setzero_ps();
    int32_t wide = columns(p), inside = wide - p->pad_w < p->in_w ? wide - p->pad_w : p->in_w;
    for (int32_t end = y + rows; y < end; y++, plane += 16 * wide) {
        bool empty = y < 0 || y >= p->in_h;
        int32_t x = 0;
        for (; x < (empty ? wide : p->pad_w); x++)
            _mm512_storeu_ps(plane + 16 * x, zero);
        if (empty)
            continue;
        const float *from = image + (size_t)y * (size_t)p->in_w * (size_t)p->in_c;
        for (int32_t i = 0; i < inside; i++, x++, from += p->in_c)
            _mm512_storeu_ps(plane + 16 * x, _mm512_maskz_loadu_ps(active, from));
        for (; x < wide; x++)
            _mm512_storeu_ps(plane + 16 * x, zero);
    }
}

/* `rows` output rows of 16 channels from a plane. h, w: the window, constants where this is called.
 */
TARGET_AVX512 INLINE void convolve(const smt_conv *p,
                                   int32_t h,
                                   int32_t w,
                                   const float *plane,
                                   int32_t rows,
                                   int32_t c,
                                   uint16_t active,
                                   float *out)
{
    const __m512 low = _mm512_set1_ps(p->low_f), high = _mm512_set1_ps(p->high_f);
    const float *weights = (const float *)p->weights + c, *bias = p->bias;
    const __m512 start = bias ? _mm512_maskz_loadu_ps(active, bias + c) : _mm512_setzero_ps();
    const int32_t line = 16 * columns(p);
    __m512 k[MAX_TAPS];
    for (int32_t t = 0; t < h * w; t++)
        k[t] = _mm512_maskz_loadu_ps(active, weights + t * p->out_c);
    for (int32_t oy = 0; oy < rows; oy++, plane += line * p->stride_h) {
        const float *from = plane;
        for (int32_t ox = 0; ox < p->out_w; ox++, out += p->out_c, from += 16 * p->stride_w) {
            __m512 sum = start, other = _mm512_setzero_ps();
            for (int32_t ky = 0; ky < h; ky++)
                for (int32_t kx = 0; kx < w; kx++) {
                    __m512 x = _mm512_loadu_ps(from + ky * line + 16 * kx);
                    if (ky & 1) /* two chains, for the latency */
                        other = _mm512_fmadd_ps(x, k[ky * w + kx], other);
                    else
                        sum = _mm512_fmadd_ps(x, k[ky * w + kx], sum);
                }
            /* the sum is the second operand: max and min then keep a NaN */
            sum = _mm512_min_ps(high, _mm512_max_ps(low, _mm512_add_ps(sum, other)));
            if (active == 0xffff)
                _mm512_storeu_ps(out, sum);
            else
                _mm512_mask_storeu_ps(out, active, sum);
        }
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
    for (int32_t b = 0; b < p->batch; b++)
        for (int32_t c = 0, rows; c < p->out_c; c += 16) {
            uint16_t active = lanes16(p->out_c - c);
            const float *image = (const float *)in + (size_t)b * image_count + c;
            for (int32_t oy = 0; oy < p->out_h; oy += rows) {
                rows = p->out_h - oy < band(p) ? p->out_h - oy : band(p);
                float *y = (float *)out + (size_t)(b * p->out_h + oy) * row_count + c;
                fill_plane(p,
                           image,
                           active,
                           oy * p->stride_h - p->pad_h,
                           (rows - 1) * p->stride_h + p->filter_h,
                           memory);
                if (p->filter_h == 3 && p->filter_w == 3)
                    convolve(p, 3, 3, memory, rows, c, active, y);
                else if (p->filter_h == 5 && p->filter_w == 5)
                    convolve(p, 5, 5, memory, rows, c, active, y);
                else
                    convolve(p, p->filter_h, p->filter_w, memory, rows, c, active, y);
            }
        }
}

const smt_conv_kernel x86_depthwise_f32_avx512 = {.scratch = scratch, .run = run};

#endif
