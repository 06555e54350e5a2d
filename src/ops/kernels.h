/* The inner loops of the operators, as a table of functions: one scalar reference, and the same
 * loops with vectors over channels for each instruction set. All activations are NHWC float32;
 * `pixels` counts images x height x width. The caller cuts a batch in chunks, so kernels are
 * single-threaded, and give the same bits for the same arguments. */
#ifndef SMT_OPS_KERNELS_H
#define SMT_OPS_KERNELS_H

#include <semtinel/graph.h>

/* c[i][j] = (accumulate ? c[i][j] : 0) + sum over p < k of a[i * a_row + p * a_column] * b[p *
 * b_row + j], i < m, j < n. */
typedef struct ops_product {
    int m, n, k;
    const float *a;
    ptrdiff_t a_row, a_column;
    const float *b;
    ptrdiff_t b_row;
    float *c;
    ptrdiff_t c_row;
    bool accumulate;
} ops_product;

/* A sliding window: input h x w x c, output oh x ow. */
typedef struct ops_window {
    int images;
    int h, w, c, oh, ow;
    int kernel_h, kernel_w, stride, pad_top, pad_left;
} ops_window;

/* Batch norm of one node, each array [c]: y = act(x * scale + offset), scale = gamma /
 * sqrt(variance + epsilon). */
typedef struct ops_norm {
    int c;
    smt_activation activation;
    const float *scale, *offset;
    const float *mean;
    /* Backward: with g = dy * act'(x * scale + offset),
     * dx = scale * g - slope * (x - mean) - level. */
    const float *slope, *level;
} ops_norm;

typedef struct ops_kernels {
    const char *name;
    void (*product)(const ops_product *product);
    /* The same with b by rows: c[i][j] = (accumulate ? c[i][j] : 0) + sum of a[i * a_row + p] * b[j
     * * b_row + p]; a_column is not used. For long k and few rows, where turning b does not pay. */
    void (*product_rows)(const ops_product *product);
    /* y: images x oh x ow x c; weight: kernel_h x kernel_w x c; bias: c or NULL. */
    void (*depthwise_forward)(
        const ops_window *window, const float *x, const float *weight, const float *bias, float *y);
    /* dx: images x h x w x c, overwritten. */
    void (*depthwise_data)(const ops_window *window,
                           const float *dy,
                           const float *weight,
                           float *dx);
    /* dweight: kernel_h x kernel_w x c, added to. */
    void (*depthwise_weight)(const ops_window *window,
                             const float *x,
                             const float *dy,
                             float *dweight);
    /* sum[c] += x - shift[c], square[c] += (x - shift[c])^2 over all
     * pixels: the variance of shifted data, which does not cancel when
     * the shift is near the mean (Chan, Golub and LeVeque 1983). */
    void (*norm_statistics)(
        size_t pixels, int c, const float *x, const float *shift, double *sum, double *square);
    void (*norm_forward)(const ops_norm *norm,
                         size_t pixels,
                         const float *x,
                         float *y); /* y may be x */
    /* sum_g[c] += g, sum_gx[c] += g * (x - mean). */
    void (*norm_reduce)(const ops_norm *norm,
                        size_t pixels,
                        const float *x,
                        const float *dy,
                        double *sum_g,
                        double *sum_gx);
    void (*norm_backward)(
        const ops_norm *norm, size_t pixels, const float *x, const float *dy, float *dx);
    /* y = act(x); dx = dy * act'(x); in place allowed. */
    void (*activate)(smt_activation activation, size_t count, const float *x, float *y);
    void (*activate_backward)(
        smt_activation activation, size_t count, const float *x, const float *dy, float *dx);
    void (*add)(size_t count, const float *a, const float *b, float *y); /* y may be a or b */
    /* x[pixel][c] += bias[c]. */
    void (*add_bias)(size_t pixels, int c, const float *bias, float *x);
    /* sum[c] += x[pixel][c] * factor. */
    void (*sum_pixels)(size_t pixels, int c, const float *x, float factor, float *sum);
    /* One image: y[pixel][c] = x[pixel][c] * gate[c]. */
    void (*scale_pixels)(size_t pixels, int c, const float *x, const float *gate, float *y);
    /* sum[c] += a[pixel][c] * b[pixel][c]. */
    void (*dot_pixels)(size_t pixels, int c, const float *a, const float *b, float *sum);
    /* One image: x[pixel][c] = (accumulate ? x : 0) + level[c] * factor. */
    void (*spread_pixels)(
        size_t pixels, int c, const float *level, float factor, bool accumulate, float *x);
    /* to[j][i] = from[i][j]; from: rows x columns. */
    void (*transpose)(int rows, int columns, const float *from, float *to);
    /* y[i] = sum over s < parts of x[s * stride + i], in the order of s. */
    void (*sum_parts)(size_t count, int parts, size_t stride, const float *x, float *y);
} ops_kernels;

extern const ops_kernels ops_kernels_reference;
extern const ops_kernels ops_kernels_portable; /* 4 floats a vector: SSE2, NEON */
#if defined(__x86_64__)
extern const ops_kernels ops_kernels_avx2;
extern const ops_kernels ops_kernels_avx512;
#endif

/* The fastest table that this processor runs. */
const ops_kernels *ops_kernels_best(void);
/* The tables that this processor runs, the reference first; returns their number. */
int ops_kernels_list(const ops_kernels *tables[4]);

static inline float ops_clamp(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

/* Scalar activation and its derivative. */
static inline float ops_activate(smt_activation activation, float x)
{
    switch (activation) {
    case SMT_ACT_RELU:
        return x > 0.0f ? x : 0.0f;
    case SMT_ACT_RELU6:
        return ops_clamp(x, 0.0f, 6.0f);
    case SMT_ACT_HARD_SWISH:
        return x * ops_clamp(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f);
    case SMT_ACT_HARD_SIGMOID:
        return ops_clamp(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f);
    case SMT_ACT_NONE:
        break;
    }
    return x;
}

static inline float ops_slope(smt_activation activation, float x)
{
    switch (activation) {
    case SMT_ACT_RELU:
        return x > 0.0f ? 1.0f : 0.0f;
    case SMT_ACT_RELU6:
        return x > 0.0f && x < 6.0f ? 1.0f : 0.0f;
    case SMT_ACT_HARD_SWISH:
        return x < -3.0f ? 0.0f : x > 3.0f ? 1.0f : x * (1.0f / 3.0f) + 0.5f;
    case SMT_ACT_HARD_SIGMOID:
        return x > -3.0f && x < 3.0f ? 1.0f / 6.0f : 0.0f;
    case SMT_ACT_NONE:
        break;
    }
    return 1.0f;
}

#endif
