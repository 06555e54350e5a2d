/* int8 convolution with VNNI: pixels (shifted to 0..255) times packed weights.
 *
 * vpdpbusd multiplies unsigned by signed bytes, four at a time. So the input is u = q + 128, and
 *     sum (q - zero) w = sum u w - (128 + zero) sum w,
 * whose second term is a constant of each output channel and goes into its bias, once.
 *
 * The rows of the image under a strip of output pixels are copied, shifted and padded, to lines. A
 * row of a pixel's window is then a run of bytes in a line, which is read four by four where it
 * lies; the last four may reach past the window, where the weights are zero. A pointwise
 * convolution has one line and all pixels of all images in one row.
 *
 * Prepared memory: a requant_block for each panel of 16 channels, then the panels' weights, [filter
 * rows][fours][16][4] bytes each.
 */
#include "requantise_avx512.h"

#ifdef SMT_X86

static bool is_fast(const smt_conv *p)
{
    return p->dilation_w == 1;
}

/* Bytes of a row of the window, and the same rounded up to fours. */
static int32_t window(const smt_conv *p)
{
    return p->filter_w * p->in_c;
}

static int32_t padded_window(const smt_conv *p)
{
    return (window(p) + 3) & ~3;
}

static int32_t padded_terms(const smt_conv *p)
{
    return p->filter_h * padded_window(p);
}

static int32_t panels(const smt_conv *p)
{
    return (p->out_c + 15) / 16;
}

static uint32_t prepared(const smt_conv *p)
{
    if (!is_fast(p))
        return 0;
    return X86_ALIGNMENT +
           (uint32_t)panels(p) * ((uint32_t)sizeof(requant_block) + 16 * (uint32_t)padded_terms(p));
}

static void prepare(const smt_conv *p, void *memory)
{
    if (!is_fast(p))
        return;
    requant_block *heads = x86_align(memory);
    int8_t *to = (int8_t *)(heads + panels(p));
    const int32_t row = window(p), terms = padded_terms(p);
    for (int32_t panel = 0; panel < panels(p); panel++, to += 16 * terms) {
        int32_t first = 16 * panel, bias[16];
        int64_t largest[16];
        for (int32_t i = 0; i < 16; i++) {
            int32_t o = first + i, sum = 0, size = 0, count = o < p->out_c ? p->filter_h * row : 0;
            const int8_t *from = (const int8_t *)p->weights + (size_t)o * (size_t)count;
            for (int32_t k = 0; k < count; k++) {
                sum += from[k];
                size += from[k] < 0 ? -from[k] : from[k];
            }
            int8_t *four = to + 4 * i;
            for (int32_t ky = 0; ky < p->filter_h; ky++)
                for (int32_t x = 0; x < row; x += 4, four += 64) {
                    int32_t n = !count ? 0 : row - x < 4 ? row - x : 4;
                    if (n == 4) {
                        __builtin_memcpy(four, from, 4);
                    } else {
                        __builtin_memset(four, 0, 4);
                        __builtin_memcpy(four, from, (size_t)n);
                    }
                    from += n;
                }
            largest[i] = (int64_t)255 * size;
            uint32_t b = o < p->out_c && p->bias ? (uint32_t)((const int32_t *)p->bias)[o] : 0;
            bias[i] = (int32_t)(b - (uint32_t)(128 + p->in_zero) * (uint32_t)sum);
        }
        requant_fill(&heads[panel], p, first, p->out_c - first, bias, largest);
    }
}

/* Bytes of a line: the windows of a strip, and what the last four bytes may reach beyond. */
static int32_t line_bytes(const smt_conv *p)
{
    return (((X86_TILE - 1) * p->stride_w + p->filter_w) * p->in_c + 3 + 63) & ~63;
}

static uint32_t scratch(const smt_conv *p)
{
    return is_fast(p) ? (uint32_t)(p->filter_h * line_bytes(p)) : 0;
}

/* Where the windows of a strip are: pixel r's row ky starts at first + ky * line + r * step. */
typedef struct strip {
    const uint8_t *first;
    int32_t line, step;
} strip;

/* Results of up to 8 channels: two pixels in a register. */
TARGET_AVX512 INLINE void
finish_half(const smt_conv *p, const requant_fast *q, const __m512i *sum, bool clamped, int8_t *out)
{
    const __m512i low = _mm512_set1_epi8((char)p->low), high = _mm512_set1_epi8((char)p->high);
    const int32_t left = p->out_c % 16;
    __m512i pair[4];
    UNROLL
    for (int32_t i = 0; i < 4; i++)
        pair[i] = _mm512_inserti64x4(sum[2 * i], _mm512_castsi512_si256(sum[2 * i + 1]), 1);
    __m512i y = requant_fast_four(q, pair, clamped, low, high);
    UNROLL
    for (int32_t i = 0; i < 4; i++) {
        __m128i two = _mm512_castsi512_si128(y);
        store16(out, left, two);
        store16(out + p->out_c, left, _mm_srli_si128(two, 8));
        y = _mm512_alignr_epi64(y, y, 2);
        out += 2 * p->out_c;
    }
}

/* Results of eight pixels, 16 channels. */
TARGET_AVX512 INLINE void finish_eight(
    const smt_conv *p, const requant_fast *q, const __m512i *sum, bool clamped, int8_t *out)
{
    const __m512i low = _mm512_set1_epi8((char)p->low), high = _mm512_set1_epi8((char)p->high);
    store_four(out, p->out_c, requant_fast_four(q, sum, clamped, low, high));
    store_four(out + 4 * p->out_c, p->out_c, requant_fast_four(q, sum + 4, clamped, low, high));
}

/* Results of `rows` pixels, whatever they are. */
TARGET_AVX512 INLINE void finish(const smt_conv *p,
                                 const requant_block *head,
                                 const __m512i *sum,
                                 int32_t rows,
                                 int32_t o,
                                 int8_t *out)
{
    int32_t left = p->out_c - o;
    if (head->fast) {
        const __m128i low = _mm_set1_epi8((char)p->low), high = _mm_set1_epi8((char)p->high);
        requant_fast q = requant_fast_load(head);
        UNROLL
        for (int32_t r = 0; r < rows; r++, out += p->out_c)
            store16(out, left, requant_fast_apply(&q, sum[r], head->clamped, low, high));
        return;
    }
    const __m512i zero = _mm512_set1_epi32(p->out_zero);
    const __m512i low = _mm512_set1_epi32(p->low), high = _mm512_set1_epi32(p->high);
    requant16 q = requant_load(p->multiplier + o, p->shift + o, lanes16(left));
    UNROLL
    for (int32_t r = 0; r < rows; r++, out += p->out_c)
        store16(out, left, requant_narrow(requant_apply(&q, sum[r]), zero, low, high));
}

/* `rows` pixels times `vectors` panels. head, w: of the first panel. */
TARGET_AVX512 INLINE void block(const smt_conv *p,
                                int32_t rows,
                                int32_t vectors,
                                const strip *from,
                                const int8_t *w,
                                const requant_block *head,
                                int32_t o,
                                int8_t *out)
{
    __m512i sum[8][8]; /* [vectors][rows] */
    const int32_t row = padded_window(p), panel = 16 * padded_terms(p), step = from->step;
    const uint8_t *line = from->first;
    UNROLL
    for (int32_t v = 0; v < vectors; v++)
        UNROLL
    for (int32_t r = 0; r < rows; r++)
        sum[v][r] = _mm512_loadu_si512(head[v].bias);
    for (int32_t ky = 0; ky < p->filter_h; ky++, line += from->line)
        for (int32_t k = 0; k < row; k += 4, w += 64) {
            __m512i b[8];
            UNROLL
            for (int32_t v = 0; v < vectors; v++)
                b[v] = _mm512_loadu_si512(w + v * panel);
            UNROLL
            for (int32_t r = 0; r < rows; r++) {
                int32_t four;
                __builtin_memcpy(&four, line + r * step + k, 4);
                __m512i x = _mm512_set1_epi32(four);
                UNROLL
                for (int32_t v = 0; v < vectors; v++)
                    sum[v][r] = _mm512_dpbusd_epi32(sum[v][r], x, b[v]);
            }
        }
    UNROLL
    for (int32_t v = 0; v < vectors; v++, o += 16, out += 16) {
        int32_t left = p->out_c - o;
        if (rows < 8 || !head[v].fast || (left < 16 && left > 8)) {
            finish(p, &head[v], sum[v], rows, o, out);
            continue;
        }
        requant_fast q = requant_fast_load(&head[v]);
        if (left >= 16 && head[v].clamped)
            finish_eight(p, &q, sum[v], true, out);
        else if (left >= 16)
            finish_eight(p, &q, sum[v], false, out);
        else if (head[v].clamped)
            finish_half(p, &q, sum[v], true, out);
        else
            finish_half(p, &q, sum[v], false, out);
    }
}

/* A strip of `rows` pixels, all output channels. */
TARGET_AVX512 static void run_strip(const smt_conv *p, const strip *from, int32_t rows, int8_t *out)
{
    const int32_t count = panels(p), panel = 16 * padded_terms(p);
    const requant_block *head = x86_align_const(p->prepared);
    const int8_t *w = (const int8_t *)(head + count);
    for (int32_t i = 0, vectors; i < count; i += vectors, w += vectors * panel, head += vectors) {
        strip at = *from;
        int8_t *y = out + 16 * i;
        int32_t r = 0, left = count - i;
        vectors = rows == 1 && left >= 8 ? 8 : left >= 2 ? 2 : 1;
        if (vectors == 8)
            block(p, 1, 8, &at, w, head, 16 * i, y), r = 1;
        for (; r + 8 <= rows; r += 8, at.first += 8 * at.step, y += 8 * p->out_c)
            if (vectors == 2)
                block(p, 8, 2, &at, w, head, 16 * i, y);
            else
                block(p, 8, 1, &at, w, head, 16 * i, y);
        for (; r < rows; r++, at.first += at.step, y += p->out_c)
            if (vectors == 2)
                block(p, 1, 2, &at, w, head, 16 * i, y);
            else
                block(p, 1, 1, &at, w, head, 16 * i, y);
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

static void fill(uint8_t *to, int32_t zero, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        to[i] = (uint8_t)(zero ^ 128);
}

/* Columns x .. x + columns - 1 of row y of an image, padded. */
static void fill_line(
    const smt_conv *p, const int8_t *image, int32_t y, int32_t x, int32_t columns, uint8_t *to)
{
    int32_t before = x < 0 ? -x : 0, end = x + columns < p->in_w ? columns : p->in_w - x;
    if (y < 0 || y >= p->in_h)
        before = end = columns;
    fill(to, p->in_zero, before * p->in_c);
    if (end > before)
        shift_bytes(to + before * p->in_c,
                    image + ((size_t)y * (size_t)p->in_w + (size_t)(x + before)) * (size_t)p->in_c,
                    (end - before) * p->in_c);
    fill(to + end * p->in_c, p->in_zero, (columns - end) * p->in_c);
}

TARGET_AVX512 static void run(const smt_conv *p, const void *in, void *out, void *memory)
{
    if (!is_fast(p)) {
        smt_ref_conv_s8(p, in, out, memory);
        return;
    }
    smt_conv flat = *p;
    if (x86_is_pointwise(p)) { /* one row of pixels, so that strips are long */
        flat.in_w = flat.out_w = p->batch * p->out_h * p->out_w;
        flat.in_h = flat.out_h = flat.batch = 1;
    }
    const int8_t *image = in;
    int8_t *y = out;
    const strip from = {memory, line_bytes(p), p->stride_w * p->in_c};
    for (int32_t n = 0; n < flat.batch;
         n++, image += (size_t)p->in_h * (size_t)p->in_w * (size_t)p->in_c)
        for (int32_t oy = 0; oy < flat.out_h; oy++)
            for (int32_t ox = 0, rows; ox < flat.out_w; ox += rows, y += rows * p->out_c) {
                rows = flat.out_w - ox < X86_TILE ? flat.out_w - ox : X86_TILE;
                for (int32_t ky = 0; ky < p->filter_h; ky++)
                    fill_line(&flat,
                              image,
                              oy * p->stride_h - p->pad_h + ky * p->dilation_h,
                              ox * p->stride_w - p->pad_w,
                              (rows - 1) * p->stride_w + p->filter_w,
                              (uint8_t *)memory + ky * from.line);
                run_strip(&flat, &from, rows, y);
            }
}

const smt_conv_kernel x86_conv_s8_avx512 = {
    .prepared = prepared, .prepare = prepare, .scratch = scratch, .run = run};

#endif
