/* int8 depthwise convolution with AVX2.
 *
 * Sixteen channels of some image rows are widened to a plane [rows][columns][16] of q - zero in 16
 * bits, with zeros around for the padding, so that a tap is a load at a fixed distance. Two taps go
 * through one vpmaddwd, their values interleaved; a place of the plane holds channels 0 - 3, 8 -
 * 11, 4 - 7, 12 - 15, so that the sums have them in order. */
#include "plane.h"
#include "requantise_avx2.h"

#ifdef SMT_X86

/* PIXEL: bytes of a place of the plane */
enum { PIXEL = 32, MAX_TAPS = 25, MAX_PAIRS = (MAX_TAPS + 1) / 2 };

typedef struct channel_block {
    requant_block head;
    int16_t weights[MAX_PAIRS][32];
} channel_block;

static bool is_fast(const smt_conv *p)
{
    return p->in_c == p->out_c && p->out_c <= 1 << 20 && p->filter_h * p->filter_w <= MAX_TAPS &&
           p->dilation_h == 1 && p->dilation_w == 1;
}

static uint32_t blocks(const smt_conv *p)
{
    return ((uint32_t)p->out_c + 15) / 16;
}

static uint32_t prepared(const smt_conv *p)
{
    return is_fast(p) ? blocks(p) * (uint32_t)sizeof(channel_block) : 0;
}

static void prepare(const smt_conv *p, void *memory)
{
    if (!is_fast(p))
        return;
    const int32_t taps = p->filter_h * p->filter_w;
    channel_block *b = memory;
    for (int32_t c = 0; c < p->out_c; c += 16, b++) {
        int32_t bias[16];
        int64_t largest[16];
        for (int32_t i = 0; i < 16; i++) {
            const int32_t o = c + i;
            const bool real = o < p->out_c;
            largest[i] = 0;
            for (int32_t t = 0; t < 2 * MAX_PAIRS; t++) {
                int8_t value =
                    real && t < taps ? ((const int8_t *)p->weights)[t * p->out_c + o] : 0;
                largest[i] += 255 * (value < 0 ? -value : value);
                b->weights[t / 2][2 * i + t % 2] = value;
            }
            bias[i] = real && p->bias ? ((const int32_t *)p->bias)[o] : 0;
        }
        requant_fill(&b->head, p, c, p->out_c - c, bias, largest);
    }
}

static uint32_t scratch(const smt_conv *p)
{
    return is_fast(p) ? plane_scratch(p, PIXEL) : 0;
}

/* Channels c to c + 15 of `rows` rows from row y on. */
TARGET_AVX2 static void fill_plane(
    const smt_conv *p, const int8_t *image, int32_t c, int32_t y, int32_t rows, int16_t *plane)
{
    const int32_t wide = plane_columns(p), inside = plane_inside(p), left = p->in_c - c;
    const __m256i zero = _mm256_set1_epi16((int16_t)p->in_zero);
    for (int32_t end = y + rows; y < end; y++) {
        if (y < 0 || y >= p->in_h) {
            plane = plane_zeros(plane, wide);
            continue;
        }
        const int8_t *from = image + (size_t)y * (size_t)p->in_w * (size_t)p->in_c + (size_t)c;
        plane = plane_zeros(plane, p->pad_w);
        for (int32_t x = 0; x < inside; x++, plane += 16, from += p->in_c) {
            __m128i bytes = middle_swapped(load16(from, left));
            __m256i v = _mm256_sub_epi16(_mm256_cvtepi8_epi16(bytes), zero);
            _mm256_store_si256((__m256i *)(void *)plane, v);
        }
        plane = plane_zeros(plane, wide - p->pad_w - inside);
    }
}

/* Where the two taps of each pair lie in the plane. */
typedef struct tap_pairs {
    int32_t count, offset[MAX_PAIRS][2];
} tap_pairs;

typedef struct finish16 {
    requant8_fast fast[2];
    requant8 exact[2];
    __m256i zero;
    __m128i low, high;
} finish16;

TARGET_AVX2 INLINE __m128i finish(const finish16 *f, requant_way way, const __m256i sum[2])
{
    __m256i y[2];
    UNROLL
    for (int32_t i = 0; i < 2; i++)
        y[i] = way != REQUANT_EXACT
                   ? requant8_fast_apply(&f->fast[i], sum[i], way)
                   : _mm256_add_epi32(requant8_apply(&f->exact[i], sum[i]), f->zero);
    return clamp16(middle_swapped(narrow16(y[0], y[1])), f->low, f->high);
}

/* `pixels` (a constant where this is called) neighbours. */
TARGET_AVX2 INLINE void convolve(const smt_conv *p,
                                 requant_way way,
                                 int32_t pixels,
                                 const channel_block *b,
                                 const finish16 *f,
                                 const tap_pairs *taps,
                                 const int16_t *from,
                                 int32_t left,
                                 int8_t *out)
{
    const int32_t step = 16 * p->stride_w;
    __m256i sum[4][2];
    UNROLL
    for (int32_t i = 0; i < pixels; i++) {
        sum[i][0] = load_256(b->head.bias);
        sum[i][1] = load_256(b->head.bias + 8);
    }
    for (int32_t k = 0; k < taps->count; k++) {
        const __m256i first = load_256(b->weights[k]), second = load_256(b->weights[k] + 16);
        const int16_t *even = from + taps->offset[k][0], *odd = from + taps->offset[k][1];
        UNROLL
        for (int32_t i = 0; i < pixels; i++) {
            __m256i x = load_256(even + i * step), y = load_256(odd + i * step);
            sum[i][0] =
                _mm256_add_epi32(sum[i][0], _mm256_madd_epi16(_mm256_unpacklo_epi16(x, y), first));
            sum[i][1] =
                _mm256_add_epi32(sum[i][1], _mm256_madd_epi16(_mm256_unpackhi_epi16(x, y), second));
        }
    }
    UNROLL
    for (int32_t i = 0; i < pixels; i++)
        store16_avx2(out + i * p->out_c, left, finish(f, way, sum[i]));
}

/* A row of the output. */
TARGET_AVX2 INLINE void convolve_row(const smt_conv *p,
                                     requant_way way,
                                     const channel_block *b,
                                     const finish16 *f,
                                     const tap_pairs *taps,
                                     const int16_t *from,
                                     int32_t left,
                                     int8_t *to)
{
    int32_t x = 0;
    for (; x + 4 <= p->out_w; x += 4, from += 64 * p->stride_w, to += 4 * p->out_c)
        convolve(p, way, 4, b, f, taps, from, left, to);
    for (; x < p->out_w; x++, from += 16 * p->stride_w, to += p->out_c)
        convolve(p, way, 1, b, f, taps, from, left, to);
}

TARGET_AVX2 static void
run_image(const smt_conv *p, const int8_t *image, int8_t *out, int16_t *plane)
{
    const int32_t count = p->filter_h * p->filter_w, line = 16 * plane_columns(p),
                  tall = plane_band(p, PIXEL);
    tap_pairs taps = {.count = (count + 1) / 2};
    for (int32_t t = 0; t < 2 * taps.count; t++) {
        int32_t tap = t < count ? t : count - 1; /* its weight is 0 */
        taps.offset[t / 2][t % 2] = tap / p->filter_w * line + tap % p->filter_w * 16;
    }
    const channel_block *b = p->prepared;
    for (int32_t c = 0; c < p->out_c; c += 16, b++) {
        const int32_t left = p->out_c - c;
        const requant_way way = requant_way_of(&b->head);
        const finish16 f = {{requant8_fast_load(&b->head, 0), requant8_fast_load(&b->head, 1)},
                            {requant8_load(p, c), requant8_load(p, c + 8)},
                            _mm256_set1_epi32(p->out_zero),
                            _mm_set1_epi8((char)p->low),
                            _mm_set1_epi8((char)p->high)};
        for (int32_t oy = 0; oy < p->out_h; oy += tall) {
            const int32_t rows = p->out_h - oy < tall ? p->out_h - oy : tall;
            fill_plane(p,
                       image,
                       c,
                       oy * p->stride_h - p->pad_h,
                       (rows - 1) * p->stride_h + p->filter_h,
                       plane);
            for (int32_t r = 0; r < rows; r++) {
                const int16_t *from = plane + r * p->stride_h * line;
                int8_t *to = out + (size_t)(oy + r) * (size_t)p->out_w * (size_t)p->out_c + c;
                if (way == REQUANT_CLAMPED)
                    convolve_row(p, REQUANT_CLAMPED, b, &f, &taps, from, left, to);
                else if (way == REQUANT_FAST)
                    convolve_row(p, REQUANT_FAST, b, &f, &taps, from, left, to);
                else
                    convolve_row(p, REQUANT_EXACT, b, &f, &taps, from, left, to);
            }
        }
    }
}

static void run(const smt_conv *p, const void *in, void *out, void *memory)
{
    if (!is_fast(p)) {
        smt_ref_depthwise_s8(p, in, out, memory);
        return;
    }
    size_t from = (size_t)p->in_h * (size_t)p->in_w * (size_t)p->in_c,
           to = (size_t)p->out_h * (size_t)p->out_w * (size_t)p->out_c;
    for (int32_t n = 0; n < p->batch; n++)
        run_image(p,
                  (const int8_t *)in + (size_t)n * from,
                  (int8_t *)out + (size_t)n * to,
                  x86_align(memory));
}

const smt_conv_kernel x86_depthwise_s8_avx2 = {
    .prepared = prepared, .prepare = prepare, .scratch = scratch, .run = run};

#endif
