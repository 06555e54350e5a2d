/* int8 depthwise convolution with VNNI: 16 channels by 4 taps of a row in a register.
 *
 * Sixteen channels of some image rows are copied to a plane [rows][columns][16], shifted to
 * unsigned bytes, with the padding around: four neighbouring pixels are then one register, vpermb
 * turns it to [16 channels][4 taps], and vpdpbusd adds the four products of each channel. Weights
 * are packed the same way, each row of the window padded to a multiple of 4 by zeros; what the
 * shift adds goes into the bias, as in conv_s8. Channels are the outer loop, so that the weights of
 * a block stay in registers. Prepared memory: a requant_block for each block of 16 channels, then
 * [groups][16][4] bytes each. The last block starts at out_c - 16, so that no lane is idle or reads
 * past the row.
 */
#include "requantise_avx512.h"

#ifdef SMT_X86

enum { MAX_GROUPS = 24, PLANE_BYTES = 24576 };

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
           p->dilation_w == 1;
}

static int32_t first_channel(const smt_conv *p, int32_t block)
{
    return 16 * block + 16 <= p->out_c ? 16 * block : p->out_c - 16;
}

static uint32_t prepared(const smt_conv *p)
{
    return is_fast(p)
               ? (uint32_t)blocks(p) * ((uint32_t)sizeof(requant_block) + 64 * (uint32_t)groups(p))
               : 0;
}

static void prepare(const smt_conv *p, void *memory)
{
    if (!is_fast(p))
        return;
    requant_block *heads = memory;
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

/* Columns of the plane, with room for the last register to reach past the window. */
static int32_t columns(const smt_conv *p)
{
    return (p->out_w - 1) * p->stride_w + ((p->filter_w + 3) & ~3);
}

/* Output rows that one plane serves. */
static int32_t band(const smt_conv *p)
{
    int32_t rows = PLANE_BYTES / (16 * columns(p)),
            count = rows >= p->filter_h ? (rows - p->filter_h) / p->stride_h + 1 : 1;
    return count < p->out_h ? count : p->out_h;
}

static uint32_t scratch(const smt_conv *p)
{
    return is_fast(p) ? 16 * (uint32_t)(columns(p) * ((band(p) - 1) * p->stride_h + p->filter_h))
                      : 0;
}

TARGET_AVX512 INLINE void store_plane(int8_t *to, __m128i x)
{
    _mm_storeu_si128((__m128i *)(void *)to, x);
}

/* Rows y .. y + rows - 1 of the 16 channels at `image`. */
TARGET_AVX512 static void
fill_plane(const smt_conv *p, const int8_t *image, int32_t y, int32_t rows, int8_t *plane)
{
    const __m128i top = _mm_set1_epi8(-128), zero = _mm_set1_epi8((char)(p->in_zero ^ -128));
    int32_t wide = columns(p), inside = wide - p->pad_w < p->in_w ? wide - p->pad_w : p->in_w;
    for (int32_t end = y + rows; y < end; y++, plane += 16 * wide) {
        bool empty = y < 0 || y >= p->in_h;
        int32_t x = 0;
        for (; x < (empty ? wide : p->pad_w); x++)
            store_plane(plane + 16 * x, zero);
        if (empty)
            continue;
        const int8_t *from = image + (size_t)y * (size_t)p->in_w * (size_t)p->in_c;
        for (int32_t i = 0; i < inside; i++, x++, from += p->in_c)
            store_plane(plane + 16 * x,
                        _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)from), top));
        for (; x < wide; x++)
            store_plane(plane + 16 * x, zero);
    }
}

/* `rows` output rows of 16 channels from a plane. h, w: the window, constants where this is called.
 */
TARGET_AVX512 INLINE void convolve(const smt_conv *p,
                                   int32_t h,
                                   int32_t w,
                                   const int8_t *plane,
                                   int32_t rows,
                                   const requant_block *head,
                                   const int8_t *packed,
                                   int32_t c,
                                   int8_t *out)
{
    const __m512i order = _mm512_set_epi32(0x3f2f1f0f,
                                           0x3e2e1e0e,
                                           0x3d2d1d0d,
                                           0x3c2c1c0c,
                                           0x3b2b1b0b,
                                           0x3a2a1a0a,
                                           0x39291909,
                                           0x38281808,
                                           0x37271707,
                                           0x36261606,
                                           0x35251505,
                                           0x34241404,
                                           0x33231303,
                                           0x32221202,
                                           0x31211101,
                                           0x30201000);
    const __m128i low8 = _mm_set1_epi8((char)p->low), high8 = _mm_set1_epi8((char)p->high);
    const __m512i bias = _mm512_loadu_si512(head->bias);
    const requant_fast fast = requant_fast_load(head);
    const int32_t across = (w + 3) / 4, line = 16 * columns(p);
    __m512i weights[MAX_GROUPS];
    for (int32_t g = 0; g < h * across; g++)
        weights[g] = _mm512_loadu_si512(packed + 64 * g);
    for (int32_t oy = 0; oy < rows; oy++, plane += line * p->stride_h) {
        const int8_t *from = plane;
        for (int32_t ox = 0; ox < p->out_w; ox++, out += p->out_c, from += 16 * p->stride_w) {
            __m512i sum = bias;
            for (int32_t ky = 0; ky < h; ky++)
                for (int32_t g = 0; g < across; g++) {
                    __m512i x = _mm512_loadu_si512(from + ky * line + 64 * g);
                    sum = _mm512_dpbusd_epi32(
                        sum, _mm512_permutexvar_epi8(order, x), weights[ky * across + g]);
                }
            __m128i y;
            if (head->fast) {
                y = requant_fast_apply(&fast, sum, low8, high8);
            } else {
                requant16 q = requant_load(p->multiplier + c, p->shift + c, 0xffff);
                y = requant_narrow(requant_apply(&q, sum),
                                   _mm512_set1_epi32(p->out_zero),
                                   _mm512_set1_epi32(p->low),
                                   _mm512_set1_epi32(p->high));
            }
            _mm_storeu_si128((__m128i *)(void *)out, y);
        }
    }
}

TARGET_AVX512 static void run(const smt_conv *p, const void *in, void *out, void *memory)
{
    if (!is_fast(p)) {
        smt_ref_depthwise_s8(p, in, out, memory);
        return;
    }
    const requant_block *heads = p->prepared;
    const int8_t *packed = (const int8_t *)(heads + blocks(p));
    size_t image_bytes = (size_t)p->in_h * (size_t)p->in_w * (size_t)p->in_c;
    size_t row_bytes = (size_t)p->out_w * (size_t)p->out_c;
    for (int32_t b = 0; b < p->batch; b++)
        for (int32_t i = 0; i < blocks(p); i++) {
            int32_t c = first_channel(p, i), rows;
            const int8_t *image = (const int8_t *)in + (size_t)b * image_bytes + c,
                         *w = packed + 64 * groups(p) * i;
            for (int32_t oy = 0; oy < p->out_h; oy += rows) {
                rows = p->out_h - oy < band(p) ? p->out_h - oy : band(p);
                int8_t *y = (int8_t *)out + (size_t)(b * p->out_h + oy) * row_bytes + c;
                fill_plane(p,
                           image,
                           oy * p->stride_h - p->pad_h,
                           (rows - 1) * p->stride_h + p->filter_h,
                           memory);
                if (p->filter_h == 3 && p->filter_w == 3)
                    convolve(p, 3, 3, memory, rows, &heads[i], w, c, y);
                else if (p->filter_h == 5 && p->filter_w == 5)
                    convolve(p, 5, 5, memory, rows, &heads[i], w, c, y);
                else
                    convolve(p, p->filter_h, p->filter_w, memory, rows, &heads[i], w, c, y);
            }
        }
}

const smt_conv_kernel x86_depthwise_s8_avx512 = {
    .prepared = prepared, .prepare = prepare, .scratch = scratch, .run = run};

#endif
