/* float32 depthwise convolution with AVX2: as in depthwise_f32_avx512.c, eight channels of some
 * image rows are copied to a plane [rows][columns][8] with the padding around, so that a tap is one
 * fused multiply-add from memory at a fixed distance. */
#include "plane.h"

#ifdef SMT_X86

/* PIXEL: bytes of a place of the plane */
enum { PIXEL = 32, MAX_TAPS = 25 };

static bool is_fast(const smt_conv *p)
{
    return p->in_c == p->out_c && p->in_c % 8 == 0 && p->filter_h * p->filter_w <= MAX_TAPS &&
           p->dilation_h == 1 && p->dilation_w == 1;
}

static uint32_t scratch(const smt_conv *p)
{
    return is_fast(p) ? plane_scratch(p, PIXEL) : 0;
}

/* Eight channels of `rows` rows from row y on; image stands at the first of them. */
TARGET_AVX2 static void
fill_plane(const smt_conv *p, const float *image, int32_t y, int32_t rows, float *plane)
{
    const int32_t wide = plane_columns(p), inside = plane_inside(p);
    for (int32_t end = y + rows; y < end; y++) {
        if (y < 0 || y >= p->in_h) {
            plane = plane_zeros(plane, wide);
            continue;
        }
        const float *from = image + (size_t)y * (size_t)p->in_w * (size_t)p->in_c;
        plane = plane_zeros(plane, p->pad_w);
        for (int32_t x = 0; x < inside; x++, plane += 8, from += p->in_c)
            _mm256_store_ps(plane, _mm256_loadu_ps(from));
        plane = plane_zeros(plane, wide - p->pad_w - inside);
    }
}

/* `pixels` (a constant where this is called) neighbours. */
TARGET_AVX2 INLINE void convolve(const smt_conv *p,
                                 int32_t pixels,
                                 const int32_t *offset,
                                 const float *from,
                                 const float *weights,
                                 __m256 bias,
                                 float *out)
{
    const int32_t step = 8 * p->stride_w, taps = p->filter_h * p->filter_w;
    const __m256 low = _mm256_set1_ps(p->low_f), high = _mm256_set1_ps(p->high_f);
    __m256 sum[8];
    UNROLL
    for (int32_t i = 0; i < pixels; i++)
        sum[i] = bias;
    for (int32_t t = 0; t < taps; t++, weights += p->out_c) {
        const __m256 w = _mm256_loadu_ps(weights);
        const float *at = from + offset[t];
        UNROLL
        for (int32_t i = 0; i < pixels; i++)
            sum[i] = _mm256_fmadd_ps(_mm256_load_ps(at + i * step), w, sum[i]);
    }
    UNROLL
    for (int32_t i = 0; i < pixels; i++)
        _mm256_storeu_ps(out + i * p->out_c, _mm256_min_ps(high, _mm256_max_ps(low, sum[i])));
}

TARGET_AVX2 static void run_image(const smt_conv *p, const float *image, float *out, float *plane)
{
    const int32_t taps = p->filter_h * p->filter_w, line = 8 * plane_columns(p),
                  tall = plane_band(p, PIXEL);
    const float *weights = p->weights, *bias = p->bias;
    int32_t offset[MAX_TAPS];
    for (int32_t t = 0; t < taps; t++)
        offset[t] = t / p->filter_w * line + t % p->filter_w * 8;
    for (int32_t c = 0; c < p->out_c; c += 8) {
        const __m256 start = bias ? _mm256_loadu_ps(bias + c) : _mm256_setzero_ps();
        for (int32_t oy = 0; oy < p->out_h; oy += tall) {
            const int32_t rows = p->out_h - oy < tall ? p->out_h - oy : tall;
            fill_plane(p,
                       image + c,
                       oy * p->stride_h - p->pad_h,
                       (rows - 1) * p->stride_h + p->filter_h,
                       plane);
            for (int32_t r = 0; r < rows; r++) {
                const float *from = plane + r * p->stride_h * line;
                float *to = out + (size_t)(oy + r) * (size_t)p->out_w * (size_t)p->out_c + c;
                int32_t ox = 0;
                for (; ox + 8 <= p->out_w; ox += 8, from += 64 * p->stride_w, to += 8 * p->out_c)
                    convolve(p, 8, offset, from, weights + c, start, to);
                for (; ox + 4 <= p->out_w; ox += 4, from += 32 * p->stride_w, to += 4 * p->out_c)
                    convolve(p, 4, offset, from, weights + c, start, to);
                for (; ox < p->out_w; ox++, from += 8 * p->stride_w, to += p->out_c)
                    convolve(p, 1, offset, from, weights + c, start, to);
            }
        }
    }
}

static void run(const smt_conv *p, const void *in, void *out, void *memory)
{
    if (!is_fast(p)) {
        smt_ref_depthwise_f32(p, in, out, memory);
        return;
    }
    size_t from = (size_t)p->in_h * (size_t)p->in_w * (size_t)p->in_c,
           to = (size_t)p->out_h * (size_t)p->out_w * (size_t)p->out_c;
    for (int32_t n = 0; n < p->batch; n++)
        run_image(p,
                  (const float *)in + (size_t)n * from,
                  (float *)out + (size_t)n * to,
                  x86_align(memory));
}

const smt_conv_kernel x86_depthwise_f32_avx2 = {.scratch = scratch, .run = run};

#endif
