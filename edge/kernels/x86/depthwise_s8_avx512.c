/* int8 depthwise convolution with VNNI: 16 channels by 4 taps of a row in a register.
 *
 * Sixteen channels of some image rows are turned to a plane of registers [16 channels][4
 * neighbouring pixels], shifted to unsigned bytes, with the padding around: vpdpbusd then adds the
 * products of four taps for each channel, and every register is turned once, however many windows
 * it belongs to. Weights are packed the same way, each row of the window padded to a multiple of 4
 * by zeros; what the shift adds goes into the bias, as in conv_s8. Channels are the outer loop, so
 * that the weights of a block stay in registers. Prepared memory: a requant_block for each block of
 * 16 channels, then [groups][16][4] bytes each. The last block starts at out_c - 16, so that no
 * lane is idle or reads past the row.
 */
#include "requantise_avx512.h"

#ifdef SMT_X86

enum { MAX_GROUPS = 16, PLANE_BYTES = 16384 };

static int32_t groups(const smt_conv *p)
{
    return p->filter_h * ((p->filter_w + 3) / 4);
}

static int32_t blocks(const smt_conv *p)
{
    return (p->out_c + 15) / 16;
}

static bool is_fast(const smt_conv *p)
{
    return p->in_c == p->out_c && p->out_c >= 16 && groups(p) <= MAX_GROUPS && p->dilation_h == 1 &&
           p->dilation_w == 1 && (p->filter_w <= 4 || 4 % p->stride_w == 0);
}

static int32_t first_channel(const smt_conv *p, int32_t block)
{
    return 16 * block + 16 <= p->out_c ? 16 * block : p->out_c - 16;
}

static uint32_t prepared(const smt_conv *p)
{
    return is_fast(p) ? X86_ALIGNMENT + (uint32_t)blocks(p) * ((uint32_t)sizeof(requant_block) +
                                                               64 * (uint32_t)groups(p))
                      : 0;
}

static void prepare(const smt_conv *p, void *memory)
{
    if (!is_fast(p))
        return;
    requant_block *heads = x86_align(memory);
    int32_t wide = (p->filter_w + 3) & ~3;
    int8_t *to = (int8_t *)(heads + blocks(p));
    const int8_t *w = p->weights;
    for (int32_t i = 0; i < blocks(p); i++, to += 64 * groups(p)) {
        int32_t first = first_channel(p, i), bias[16];
        int64_t largest[16];
        for (int32_t c = 0; c < 16; c++) {
            int32_t sum = 0;
            largest[c] = 0;
            for (int32_t t = 0; t < 4 * groups(p); t++) {
                int32_t ky = t / wide, kx = t % wide;
                int8_t value =
                    kx < p->filter_w ? w[(ky * p->filter_w + kx) * p->out_c + first + c] : 0;
                sum += value;
                largest[c] += 255 * (value < 0 ? -value : value);
                to[t / 4 * 64 + c * 4 + t % 4] = value;
            }
            uint32_t b = p->bias ? (uint32_t)((const int32_t *)p->bias)[first + c] : 0;
            bias[c] = (int32_t)(b - (uint32_t)(128 + p->in_zero) * (uint32_t)sum);
        }
        requant_fill(&heads[i], p, first, 16, bias, largest);
    }
}

/* Registers of a row of the plane: they start at every stride-th column, where windows start and
 * where their further groups of 4 columns do. */
static int32_t registers(const smt_conv *p)
{
    return p->out_w + (p->filter_w > 4 ? (p->filter_w - 1) / 4 * (4 / p->stride_w) : 0);
}

/* Distance in bytes of the groups of a window's row. */
static int32_t group_bytes(const smt_conv *p)
{
    return 256 / p->stride_w;
}

/* Output rows that one plane serves. */
static int32_t band(const smt_conv *p)
{
    int32_t rows = PLANE_BYTES / (64 * registers(p)),
            count = rows >= p->filter_h ? (rows - p->filter_h) / p->stride_h + 1 : 1;
    return count < p->out_h ? count : p->out_h;
}

static int32_t plane_rows(const smt_conv *p)
{
    return (band(p) - 1) * p->stride_h + p->filter_h;
}

static uint32_t scratch(const smt_conv *p)
{
    return is_fast(p) ? X86_ALIGNMENT + 64 * (uint32_t)(registers(p) * plane_rows(p)) : 0;
}

/* The pixels of a row enter a register one after the other;
 * `count` registers, each after `step` further pixels. */
typedef struct turner {
    __m512i pixels, order, top;
    __m128i zero;
} turner;

TARGET_AVX512 INLINE void enter(turner *t, __m128i pixel)
{
    t->pixels = _mm512_alignr_epi64(_mm512_broadcast_i32x4(pixel), t->pixels, 2);
}

TARGET_AVX512 INLINE __m512i turned(const turner *t)
{
    return _mm512_xor_si512(_mm512_permutexvar_epi8(t->order, t->pixels), t->top);
}

/* One row of the plane from the 16 channels of the row at `from`; NULL: outside the image. */
TARGET_AVX512 INLINE void
fill_row(const smt_conv *p, turner *t, const int8_t *from, int32_t step, int32_t count, uint8_t *to)
{
    if (!from) {
        t->pixels = _mm512_broadcast_i32x4(t->zero);
        const __m512i empty = turned(t);
        for (int32_t i = 0; i < count; i++)
            _mm512_store_si512(to + 64 * i, empty);
        return;
    }
    const __m128i zero = t->zero;
    const int32_t in_w = p->in_w, pixel = p->in_c;
    int32_t x = -p->pad_w, i = 1;
#define PIXEL(x)                                                                                   \
    ((x) >= 0 && (x) < in_w ? _mm_loadu_si128((const __m128i *)(const void *)(from + (x)*pixel))   \
                            : zero)
    t->pixels = _mm512_setzero_si512(); /* no row waits for the one before */
    enter(t, PIXEL(x));
    enter(t, PIXEL(x + 1));
    enter(t, PIXEL(x + 2));
    enter(t, PIXEL(x + 3));
    x += 4;
    _mm512_store_si512(to, turned(t));
    if (x >= 0) /* the pixels of these are all inside */
        for (const int8_t *next = from + x * pixel; i < count && x + step <= in_w; i++, x += step) {
            UNROLL
            for (int32_t j = 0; j < step; j++, next += pixel)
                enter(t, _mm_loadu_si128((const __m128i *)(const void *)next));
            _mm512_store_si512(to + 64 * i, turned(t));
        }
    for (; i < count; i++, x += step) {
        UNROLL
        for (int32_t j = 0; j < step; j++)
            enter(t, PIXEL(x + j));
        _mm512_store_si512(to + 64 * i, turned(t));
    }
#undef PIXEL
}

/* Rows y .. y + rows - 1 of the 16 channels at `image`. */
TARGET_AVX512 static void
fill_plane(const smt_conv *p, const int8_t *image, int32_t y, int32_t rows, uint8_t *plane)
{
    const int32_t count = registers(p), step = p->stride_w;
    turner t = {_mm512_setzero_si512(),
                turn_order(),
                _mm512_set1_epi8(-128),
                _mm_set1_epi8((char)p->in_zero)};
    for (int32_t end = y + rows; y < end; y++, plane += 64 * count) {
        const int8_t *from = image + (size_t)(y < 0 ? 0 : y) * (size_t)p->in_w * (size_t)p->in_c;
        if (y < 0 || y >= p->in_h)
            fill_row(p, &t, NULL, 1, count, plane);
        else if (step == 1)
            fill_row(p, &t, from, 1, count, plane);
        else if (step == 2)
            fill_row(p, &t, from, 2, count, plane);
        else
            fill_row(p, &t, from, step, count, plane);
    }
}

/* `pixels` results of 16 channels: fours of neighbours, `four` bytes of the plane apart. */
TARGET_AVX512 INLINE void sums(int32_t pixels,
                               int32_t h,
                               int32_t across,
                               const uint8_t *from,
                               int32_t line,
                               int32_t group,
                               int32_t four,
                               const __m512i *weights,
                               __m512i bias,
                               __m512i *sum)
{
    UNROLL
    for (int32_t i = 0; i < pixels; i++)
        sum[i] = bias;
    for (int32_t ky = 0; ky < h; ky++, from += line)
        for (int32_t g = 0; g < across; g++) {
            UNROLL
            for (int32_t i = 0; i < pixels; i++) {
                const uint8_t *x = from + i / 4 * four + i % 4 * 64 + g * group;
                sum[i] =
                    _mm512_dpbusd_epi32(sum[i], _mm512_load_si512(x), weights[ky * across + g]);
            }
        }
}

/* `rows` output rows of 16 channels from a plane. h, w, clamped: constants where this is called.
 * Eight pixels at a time, for the latency of the sums: neighbours, or of two rows of four. */
TARGET_AVX512 INLINE void convolve(const smt_conv *p,
                                   int32_t h,
                                   int32_t w,
                                   bool clamped,
                                   const uint8_t *plane,
                                   int32_t rows,
                                   const requant_block *head,
                                   const int8_t *packed,
                                   int8_t *out)
{
    const __m512i low = _mm512_set1_epi8((char)p->low), high = _mm512_set1_epi8((char)p->high);
    const __m512i bias = _mm512_load_si512(head->bias);
    const requant_fast q = requant_fast_load(head);
    const int32_t across = (w + 3) / 4, channels = p->out_c;
    const int32_t line = 64 * registers(p), group = group_bytes(p);
    __m512i weights[MAX_GROUPS], sum[8];
    for (int32_t g = 0; g < h * across; g++)
        weights[g] = _mm512_load_si512(packed + 64 * g);
    for (int32_t oy = 0; oy < rows; oy++, plane += line * p->stride_h) {
        const uint8_t *from = plane;
        int32_t ox = 0;
        if (p->out_w == 4 && oy + 2 <= rows) {
            sums(8, h, across, from, line, group, line * p->stride_h, weights, bias, sum);
            store_four(out, channels, requant_fast_four(&q, sum, clamped, low, high));
            store_four(
                out + 4 * channels, channels, requant_fast_four(&q, sum + 4, clamped, low, high));
            out += 8 * channels;
            oy++;
            plane += line * p->stride_h;
            continue;
        }
        for (; ox + 8 <= p->out_w; ox += 8, from += 512, out += 8 * channels) {
            sums(8, h, across, from, line, group, 256, weights, bias, sum);
            store_four(out, channels, requant_fast_four(&q, sum, clamped, low, high));
            store_four(
                out + 4 * channels, channels, requant_fast_four(&q, sum + 4, clamped, low, high));
        }
        for (; ox < p->out_w; ox++, from += 64, out += channels) {
            sums(1, h, across, from, line, group, 0, weights, bias, sum);
            __m128i y = requant_fast_apply(
                &q, sum[0], clamped, _mm512_castsi512_si128(low), _mm512_castsi512_si128(high));
            store16(out, 16, y);
        }
    }
}

/* The same for blocks whose numbers are not small. */
TARGET_AVX512 static void convolve_exactly(const smt_conv *p,
                                           const uint8_t *plane,
                                           int32_t rows,
                                           const requant_block *head,
                                           const int8_t *packed,
                                           int32_t c,
                                           int8_t *out)
{
    const int32_t line = 64 * registers(p), group = group_bytes(p);
    const __m512i bias = _mm512_load_si512(head->bias), zero = _mm512_set1_epi32(p->out_zero);
    const __m512i low = _mm512_set1_epi32(p->low), high = _mm512_set1_epi32(p->high);
    const requant16 q = requant_load(p->multiplier + c, p->shift + c, 0xffff);
    __m512i weights[MAX_GROUPS], sum;
    for (int32_t g = 0; g < groups(p); g++)
        weights[g] = _mm512_load_si512(packed + 64 * g);
    for (int32_t oy = 0; oy < rows; oy++, plane += line * p->stride_h) {
        const uint8_t *from = plane;
        for (int32_t ox = 0; ox < p->out_w; ox++, from += 64, out += p->out_c) {
            sums(1, p->filter_h, (p->filter_w + 3) / 4, from, line, group, 0, weights, bias, &sum);
            store16(out, 16, requant_narrow(requant_apply(&q, sum), zero, low, high));
        }
    }
}

TARGET_AVX512 static void run(const smt_conv *p, const void *in, void *out, void *memory)
{
    if (!is_fast(p)) {
        smt_ref_depthwise_s8(p, in, out, memory);
        return;
    }
    const requant_block *heads = x86_align_const(p->prepared);
    uint8_t *plane = x86_align(memory);
    const int8_t *packed = (const int8_t *)(heads + blocks(p));
    size_t image_bytes = (size_t)p->in_h * (size_t)p->in_w * (size_t)p->in_c;
    size_t row_bytes = (size_t)p->out_w * (size_t)p->out_c;
    for (int32_t b = 0; b < p->batch; b++)
        for (int32_t i = 0; i < blocks(p); i++) {
            int32_t c = first_channel(p, i), rows;
            const int8_t *image = (const int8_t *)in + (size_t)b * image_bytes + c,
                         *packed_at = packed + 64 * groups(p) * i;
            for (int32_t oy = 0; oy < p->out_h; oy += rows) {
                rows = p->out_h - oy < band(p) ? p->out_h - oy : band(p);
                int8_t *y = (int8_t *)out + (size_t)(b * p->out_h + oy) * row_bytes + c;
                fill_plane(p,
                           image,
                           oy * p->stride_h - p->pad_h,
                           (rows - 1) * p->stride_h + p->filter_h,
                           plane);
#define CONVOLVE(h, w)                                                                             \
    (heads[i].clamped ? convolve(p, h, w, true, plane, rows, &heads[i], packed_at, y)              \
                      : convolve(p, h, w, false, plane, rows, &heads[i], packed_at, y))
                if (!heads[i].fast)
                    convolve_exactly(p, plane, rows, &heads[i], packed_at, c, y);
                else if (p->filter_h == 3 && p->filter_w == 3)
                    CONVOLVE(3, 3);
                else if (p->filter_h == 5 && p->filter_w == 5)
                    CONVOLVE(5, 5);
                else
                    CONVOLVE(p->filter_h, p->filter_w);
#undef CONVOLVE
            }
        }
}

const smt_conv_kernel x86_depthwise_s8_avx512 = {
    .prepared = prepared, .prepare = prepare, .scratch = scratch, .run = run};

#endif
