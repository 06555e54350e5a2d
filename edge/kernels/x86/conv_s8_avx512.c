/* int8 convolution with VNNI: patches (rows of the image, shifted to 0..255) times packed weights.
 *
 * vpdpbusd multiplies unsigned by signed bytes, four at a time. So the input is u = q + 128, and
 *     sum (q - zero) w = sum u w - (128 + zero) sum w,
 * whose second term is a constant of each output channel and goes into its bias, once.
 * Prepared memory: a requant_block for each panel of 16 channels, then the panels' weights, [terms
 * / 4][16][4] bytes each.
 */
#include "requantise_avx512.h"

#ifdef SMT_X86

/* A grey image and a window three pixels wide, the usual stem: each row of the window takes four
 * bytes, so that a patch is gathered by one load and one store a row. */
static bool is_stem(const smt_conv *p)
{
    return p->in_c == 1 && p->filter_w == 3 && p->dilation_w == 1 && p->in_w >= 4;
}

/* Where product k of a patch lies in it. */
static int32_t position(const smt_conv *p, int32_t k)
{
    return is_stem(p) ? k / 3 * 4 + k % 3 : k;
}

static uint32_t padded_terms(const smt_conv *p)
{
    if (is_stem(p))
        return 4 * (uint32_t)p->filter_h;
    return ((uint32_t)x86_terms(p) + 3) & ~3u;
}

static uint32_t panels(const smt_conv *p)
{
    return ((uint32_t)p->out_c + 15) / 16;
}

static uint32_t prepared(const smt_conv *p)
{
    return panels(p) * ((uint32_t)sizeof(requant_block) + 16 * padded_terms(p));
}

static void prepare(const smt_conv *p, void *memory)
{
    requant_block *heads = memory;
    int8_t *to = (int8_t *)(heads + panels(p));
    const int8_t *w = p->weights;
    int32_t terms = x86_terms(p), padded = (int32_t)padded_terms(p);
    for (int32_t panel = 0; panel < (int32_t)panels(p); panel++, to += 16 * padded) {
        int32_t first = 16 * panel, bias[16];
        int64_t largest[16];
        for (int32_t i = 0; i < 16; i++) {
            int32_t o = first + i, sum = 0;
            largest[i] = 0;
            for (int32_t k = 0; k < padded; k++)
                to[k / 4 * 64 + i * 4 + k % 4] = 0;
            for (int32_t k = 0; k < terms && o < p->out_c; k++) {
                int8_t value = w[(size_t)o * (size_t)terms + (size_t)k];
                int32_t at = position(p, k);
                sum += value;
                largest[i] += 255 * (value < 0 ? -value : value);
                to[at / 4 * 64 + i * 4 + at % 4] = value;
            }
            uint32_t b = o < p->out_c && p->bias ? (uint32_t)((const int32_t *)p->bias)[o] : 0;
            bias[i] = (int32_t)(b - (uint32_t)(128 + p->in_zero) * (uint32_t)sum);
        }
        requant_fill(&heads[panel], p, first, p->out_c - first, bias, largest);
    }
}

static uint32_t scratch(const smt_conv *p)
{
    return X86_TILE * padded_terms(p) + (uint32_t)p->in_c; /* a tile of patches, the padding */
}

/* `rows` pixels times `vectors` panels. a: [rows][padded]; head, w: of the first panel. */
TARGET_AVX512 INLINE void block(const smt_conv *p,
                                int32_t rows,
                                int32_t vectors,
                                const uint8_t *a,
                                int32_t padded,
                                const int8_t *w,
                                const requant_block *head,
                                int32_t o,
                                int8_t *out)
{
    __m512i sum[8][4];
    UNROLL
    for (int32_t v = 0; v < vectors; v++)
        UNROLL
    for (int32_t r = 0; r < rows; r++)
        sum[r][v] = _mm512_loadu_si512(head[v].bias);
    for (int32_t k = 0; k < padded; k += 4) {
        __m512i b[4];
        UNROLL
        for (int32_t v = 0; v < vectors; v++)
            b[v] = _mm512_loadu_si512(w + 16 * (v * padded + k));
        UNROLL
        for (int32_t r = 0; r < rows; r++) {
            int32_t four;
            __builtin_memcpy(&four, a + r * padded + k, 4);
            __m512i x = _mm512_set1_epi32(four);
            UNROLL
            for (int32_t v = 0; v < vectors; v++)
                sum[r][v] = _mm512_dpbusd_epi32(sum[r][v], x, b[v]);
        }
    }
    const __m128i low8 = _mm_set1_epi8((char)p->low), high8 = _mm_set1_epi8((char)p->high);
    const __m512i low64 = _mm512_set1_epi8((char)p->low), high64 = _mm512_set1_epi8((char)p->high);
    UNROLL
    for (int32_t v = 0; v < vectors; v++) {
        int32_t left = p->out_c - o - 16 * v;
        int8_t *to = out + 16 * v;
        if (head[v].fast) {
            requant_fast q = requant_fast_load(&head[v]);
            bool clamped = p->low >= p->out_zero;
            if (rows == 8 && left >= 16 && clamped) {
                requant_fast_store4(&q, &sum[0][v], 4, true, low64, high64, to, p->out_c);
                requant_fast_store4(
                    &q, &sum[4][v], 4, true, low64, high64, to + 4 * p->out_c, p->out_c);
                continue;
            }
            if (rows == 8 && left >= 16) {
                requant_fast_store4(&q, &sum[0][v], 4, false, low64, high64, to, p->out_c);
                requant_fast_store4(
                    &q, &sum[4][v], 4, false, low64, high64, to + 4 * p->out_c, p->out_c);
                continue;
            }
            UNROLL
            for (int32_t r = 0; r < rows; r++)
                store16(to + r * p->out_c, left, requant_fast_apply(&q, sum[r][v], low8, high8));
            continue;
        }
        const __m512i zero = _mm512_set1_epi32(p->out_zero);
        const __m512i low = _mm512_set1_epi32(p->low), high = _mm512_set1_epi32(p->high);
        requant16 q =
            requant_load(p->multiplier + o + 16 * v, p->shift + o + 16 * v, lanes16(left));
        UNROLL
        for (int32_t r = 0; r < rows; r++) {
            __m512i y = requant_apply(&q, sum[r][v]);
            store16(to + r * p->out_c, left, requant_narrow(y, zero, low, high));
        }
    }
}

/* One tile of `rows` pixels, all output channels. */
TARGET_AVX512 static void tile(const smt_conv *p, const uint8_t *a, int32_t rows, int8_t *out)
{
    int32_t padded = (int32_t)padded_terms(p), count = (int32_t)panels(p);
    const requant_block *heads = p->prepared;
    const int8_t *w = (const int8_t *)(heads + count);
    for (int32_t i = 0; i < count;) {
        const int8_t *panel = w + (size_t)i * 16 * (size_t)padded;
        int32_t r = 0, o = 16 * i, vectors = count - i >= 2 ? 2 : 1;
        if (rows == 1 && count - i >= 4)
            vectors = 4;
#define BLOCK(n, v)                                                                                \
    block(p, n, v, a + r * padded, padded, panel, heads + i, o, out + r * p->out_c + o)
        if (vectors == 4) {
            BLOCK(1, 4);
        } else if (vectors == 2) {
            for (; r + 8 <= rows; r += 8)
                BLOCK(8, 2);
            for (; r < rows; r++)
                BLOCK(1, 2);
        } else {
            for (; r + 8 <= rows; r += 8)
                BLOCK(8, 1);
            for (; r < rows; r++)
                BLOCK(1, 1);
        }
#undef BLOCK
        i += vectors;
    }
}

/* to = from ^ 0x80, i.e. q + 128 */
TARGET_AVX512 static void shift_bytes(uint8_t *to, const int8_t *from, int32_t count)
{
    const __m512i top = _mm512_set1_epi8(-128);
    int32_t i = 0;
    for (; i + 64 <= count; i += 64)
        _mm512_storeu_si512(to + i, _mm512_xor_si512(_mm512_loadu_si512(from + i), top));
    if (i < count) {
        __mmask64 rest = ((__mmask64)1 << (count - i)) - 1;
        __m512i v = _mm512_xor_si512(_mm512_maskz_loadu_epi8(rest, from + i), top);
        _mm512_mask_storeu_epi8(to + i, rest, v);
    }
}

/* The patches of a stem, already shifted: rows first .. first + rows - 1. */
static void
gather_stem(const smt_conv *p, const uint8_t *in, int32_t first, int32_t rows, uint8_t *a)
{
    int32_t ox = first % p->out_w, oy = first / p->out_w % p->out_h,
            n = first / p->out_w / p->out_h;
    const uint8_t *image = in + (size_t)n * (size_t)(p->in_h * p->in_w);
    uint32_t zero = 0x01010101u * (uint8_t)(p->in_zero ^ 128);
    for (int32_t r = 0; r < rows; r++) {
        int32_t y = oy * p->stride_h - p->pad_h, x = ox * p->stride_w - p->pad_w;
        /* four pixels from x on, moved into the image where they would leave it */
        int32_t at = x < 0 ? 0 : x + 4 > p->in_w ? p->in_w - 4 : x, off = 8 * (x - at);
        uint32_t outside_low = off < 0 ? (uint32_t)(((uint64_t)1 << -off) - 1) : 0;
        uint32_t outside_high = off > 0 ? ~(uint32_t)(((uint64_t)1 << (32 - off)) - 1) : 0;
        for (int32_t ky = 0; ky < p->filter_h; ky++, y += p->dilation_h, a += 4) {
            uint32_t four = zero;
            if (y >= 0 && y < p->in_h) {
                __builtin_memcpy(&four, image + (size_t)y * (size_t)p->in_w + (size_t)at, 4);
                four ^= 0x80808080u;
                if (off != 0) {
                    four = (uint32_t)(off < 0 ? (uint64_t)four << -off : (uint64_t)four >> off);
                    four = (four & ~(outside_low | outside_high)) |
                           (zero & (outside_low | outside_high));
                }
            }
            __builtin_memcpy(a, &four, 4);
        }
        if (++ox == p->out_w) {
            ox = 0;
            if (++oy == p->out_h) {
                oy = 0;
                image += (size_t)(p->in_h * p->in_w);
            }
        }
    }
}

TARGET_AVX512 static void run(const smt_conv *p, const void *in, void *out, void *memory)
{
    int32_t terms = x86_terms(p), padded = (int32_t)padded_terms(p);
    int32_t pixels = p->batch * p->out_h * p->out_w;
    uint8_t *a = memory, *pad = a + X86_TILE * padded;
    bool direct = x86_is_pointwise(p) && terms == padded;
    for (int32_t i = 0; i < p->in_c && !direct; i++)
        pad[i] = (uint8_t)p->in_zero;
    for (int32_t first = 0; first < pixels; first += X86_TILE) {
        int32_t rows = pixels - first < X86_TILE ? pixels - first : X86_TILE;
        const uint8_t *from = (const uint8_t *)in + (size_t)first * (size_t)terms;
        if (is_stem(p)) {
            gather_stem(p, in, first, rows, a);
            tile(p, a, rows, (int8_t *)out + (size_t)first * (size_t)p->out_c);
            continue;
        }
        if (!direct)
            smt_gather(p, 1, in, first, rows, pad, a, (size_t)padded);
        shift_bytes(a, direct ? (const int8_t *)from : (const int8_t *)a, rows * padded);
        tile(p, a, rows, (int8_t *)out + (size_t)first * (size_t)p->out_c);
    }
}

const smt_conv_kernel x86_conv_s8_avx512 = {
    .prepared = prepared, .prepare = prepare, .scratch = scratch, .run = run};

#endif
