/* float32 convolution with AVX-512: pixels times packed weights.
 *
 * As in conv_s8, the rows of the image under a strip of output pixels are
 * copied, padded, to lines, and a row of a pixel's window is read where it
 * lies in its line. A pointwise convolution reads the image itself. Prepared
 * memory: bias [panels * 16], then panels of 16 channels, [terms][16] each.
 */
#include "x86.h"

#ifdef SMT_X86

static bool is_fast(const smt_conv *p)
{
    return p->dilation_w == 1;
}

static int32_t panels(const smt_conv *p)
{
    return (p->out_c + 15) / 16;
}

static uint32_t prepared(const smt_conv *p)
{
    return is_fast(p) ? X86_ALIGNMENT + (uint32_t)panels(p) * 64 * (1 + (uint32_t)x86_terms(p)) : 0;
}

/* [16][terms] to [terms][16], eight by eight: each line of the result is written at once. */
static void turn(const float *w, size_t terms, float *to)
{
    size_t k = 0;
    for (; k + 8 <= terms; k += 8)
        for (size_t i = 0; i < 16; i++) {
            const float *from = w + i * terms + k;
            for (size_t j = 0; j < 8; j++)
                to[16 * (k + j) + i] = from[j];
        }
    for (; k < terms; k++)
        for (size_t i = 0; i < 16; i++)
            to[16 * k + i] = w[i * terms + k];
}

static void prepare(const smt_conv *p, void *memory)
{
    if (!is_fast(p))
        return;
    float *bias = x86_align(memory), *to = bias + 16 * panels(p);
    const size_t terms = (size_t)x86_terms(p);
    for (int32_t o = 0; o < 16 * panels(p); o++)
        bias[o] = o < p->out_c && p->bias ? ((const float *)p->bias)[o] : 0.0f;
    for (int32_t first = 0; first < p->out_c; first += 16, to += 16 * terms) {
        const float *w = (const float *)p->weights + (size_t)first * terms;
        int32_t count = p->out_c - first < 16 ? p->out_c - first : 16;
        if (count == 16)
            turn(w, terms, to);
        for (size_t k = 0; k < terms && count < 16; k++)
            for (int32_t i = 0; i < 16; i++)
                to[16 * k + (size_t)i] = i < count ? w[(size_t)i * terms + k] : 0.0f;
    }
}

static int32_t line_floats(const smt_conv *p)
{
    return (((X86_TILE - 1) * p->stride_w + p->filter_w) * p->in_c + 15) & ~15;
}

static uint32_t scratch(const smt_conv *p)
{
    return x86_is_pointwise(p) || !is_fast(p) ? 0 : 4 * (uint32_t)(p->filter_h * line_floats(p));
}

/* Where the windows of a strip are: pixel r's row ky starts at first + ky * line + r * step. */
typedef struct strip {
    const float *first;
    int32_t line, step;
} strip;

TARGET_AVX512 INLINE void block(const smt_conv *p,
                                int32_t rows,
                                int32_t vectors,
                                const strip *from,
                                const float *w,
                                const float *bias,
                                int32_t o,
                                float *out)
{
    __m512 sum[8][4];
    const int32_t step = from->step, row = p->filter_w * p->in_c, panel = 16 * x86_terms(p);
    const float *line = from->first;
    UNROLL
    for (int32_t v = 0; v < vectors; v++)
        UNROLL
    for (int32_t r = 0; r < rows; r++)
        sum[r][v] = _mm512_load_ps(bias + 16 * v);
    for (int32_t ky = 0; ky < p->filter_h; ky++, line += from->line)
        for (int32_t k = 0; k < row; k++, w += 16) {
            __m512 b[4];
            UNROLL
            for (int32_t v = 0; v < vectors; v++)
                b[v] = _mm512_load_ps(w + v * panel);
            UNROLL
            for (int32_t r = 0; r < rows; r++) {
                __m512 x = _mm512_set1_ps(line[r * step + k]);
                UNROLL
                for (int32_t v = 0; v < vectors; v++)
                    sum[r][v] = _mm512_fmadd_ps(x, b[v], sum[r][v]);
            }
        }
    const __m512 low = _mm512_set1_ps(p->low_f), high = _mm512_set1_ps(p->high_f);
    UNROLL
    for (int32_t v = 0; v < vectors; v++) {
        __mmask16 active = lanes16(p->out_c - o - 16 * v);
        /* the sum is the second operand: max and min then keep a NaN */
        UNROLL
        for (int32_t r = 0; r < rows; r++)
            _mm512_mask_storeu_ps(out + r * p->out_c + 16 * v,
                                  active,
                                  _mm512_min_ps(high, _mm512_max_ps(low, sum[r][v])));
    }
}

/* `rows` pixels from *at on, eight at a time, times `vectors` panels. */
TARGET_AVX512 INLINE void column(const smt_conv *p,
                                 int32_t vectors,
                                 strip at,
                                 int32_t rows,
                                 const float *w,
                                 const float *bias,
                                 int32_t o,
                                 float *out)
{
    int32_t r = 0;
    for (; r + 8 <= rows; r += 8, at.first += 8 * at.step, out += 8 * p->out_c)
        block(p, 8, vectors, &at, w, bias, o, out);
    for (; r < rows; r++, at.first += at.step, out += p->out_c)
        block(p, 1, vectors, &at, w, bias, o, out);
}

/* A strip of `rows` pixels, all output channels. */
TARGET_AVX512 static void run_strip(const smt_conv *p, const strip *from, int32_t rows, float *out)
{
    const int32_t count = panels(p), panel = 16 * x86_terms(p);
    const float *bias = x86_align_const(p->prepared), *w = bias + 16 * count;
    for (int32_t i = 0, vectors; i < count; i += vectors, w += vectors * panel) {
        int32_t left = count - i;
        float *y = out + 16 * i;
        vectors = rows <= 2 && left >= 4 ? 4 : rows > 2 && left == 3 ? 3 : left >= 2 ? 2 : 1;
        if (vectors == 4)
            for (int32_t r = 0; r < rows; r++) {
                strip at = {from->first + r * from->step, from->line, from->step};
                block(p, 1, 4, &at, w, bias + 16 * i, 16 * i, y + r * p->out_c);
            }
        else if (vectors == 3)
            column(p, 3, *from, rows, w, bias + 16 * i, 16 * i, y);
        else if (vectors == 2)
            column(p, 2, *from, rows, w, bias + 16 * i, 16 * i, y);
        else
            column(p, 1, *from, rows, w, bias + 16 * i, 16 * i, y);
    }
}

/* Columns x .. x + columns - 1 of row y of an image, padded with zeros. */
TARGET_AVX512 static void
fill_line(const smt_conv *p, const float *image, int32_t y, int32_t x, int32_t columns, float *to)
{
    int32_t before = x < 0 ? -x : 0, end = x + columns < p->in_w ? columns : p->in_w - x;
    if (y < 0 || y >= p->in_h)
        before = end = columns;
    const float *from = image + ((size_t)(y < 0 ? 0 : y) * (size_t)p->in_w + (size_t)(x + before)) *
                                    (size_t)p->in_c;
    for (int32_t i = 0; i < before * p->in_c; i++)
        to[i] = 0;
    if (end > before)
        x86_copy_f32(to + before * p->in_c, from, (end - before) * p->in_c);
    for (int32_t i = end * p->in_c; i < columns * p->in_c; i++)
        to[i] = 0;
}

TARGET_AVX512 static void run(const smt_conv *p, const void *in, void *out, void *memory)
{
    if (!is_fast(p)) {
        smt_ref_conv_f32(p, in, out, memory);
        return;
    }
    const float *image = in;
    float *y = out;
    if (x86_is_pointwise(p)) {
        int32_t pixels = p->batch * p->out_h * p->out_w;
        for (int32_t first = 0, rows; first < pixels; first += rows, y += rows * p->out_c) {
            rows = pixels - first < X86_TILE ? pixels - first : X86_TILE;
            const strip from = {image + (size_t)first * (size_t)p->in_c, 0, p->in_c};
            run_strip(p, &from, rows, y);
        }
        return;
    }
    const strip from = {memory, line_floats(p), p->stride_w * p->in_c};
    for (int32_t n = 0; n < p->batch;
         n++, image += (size_t)p->in_h * (size_t)p->in_w * (size_t)p->in_c)
        for (int32_t oy = 0; oy < p->out_h; oy++)
            for (int32_t ox = 0, rows; ox < p->out_w; ox += rows, y += rows * p->out_c) {
                rows = p->out_w - ox < X86_TILE ? p->out_w - ox : X86_TILE;
                for (int32_t ky = 0; ky < p->filter_h; ky++)
                    fill_line(p,
                              image,
                              oy * p->stride_h - p->pad_h + ky * p->dilation_h,
                              ox * p->stride_w - p->pad_w,
                              (rows - 1) * p->stride_w + p->filter_w,
                              (float *)memory + ky * from.line);
                run_strip(p, &from, rows, y);
            }
}

const smt_conv_kernel x86_conv_f32_avx512 = {
    .prepared = prepared, .prepare = prepare, .scratch = scratch, .run = run};

#endif
