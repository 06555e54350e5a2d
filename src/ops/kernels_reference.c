/* The truth beside the fast kernels: each loop as its
 * formula says, in scalar code, with sums in double. */
#include "ops/kernels.h"

#include <string.h>

static void product(const ops_product *q)
{
    for (int i = 0; i < q->m; i++) {
        for (int j = 0; j < q->n; j++) {
            double sum = q->accumulate ? (double)q->c[i * q->c_row + j] : 0.0;
            for (int p = 0; p < q->k; p++) {
                sum +=
                    (double)q->a[i * q->a_row + p * q->a_column] * (double)q->b[p * q->b_row + j];
            }
            q->c[i * q->c_row + j] = (float)sum;
        }
    }
}

static void product_rows(const ops_product *q)
{
    for (int i = 0; i < q->m; i++) {
        for (int j = 0; j < q->n; j++) {
            double sum = q->accumulate ? (double)q->c[i * q->c_row + j] : 0.0;
            for (int p = 0; p < q->k; p++) {
                sum += (double)q->a[i * q->a_row + p] * (double)q->b[j * q->b_row + p];
            }
            q->c[i * q->c_row + j] = (float)sum;
        }
    }
}

/* Offset of pixel (y, x) of an image in a tensor of w x c rows. */
static size_t at(int image, int h, int w, int c, int y, int x)
{
    return (((size_t)image * (size_t)h + (size_t)y) * (size_t)w + (size_t)x) * (size_t)c;
}

typedef void (*tap_function)(void *context, size_t in, size_t out, int tap);

/* Calls tap() for every pair of input and output pixel that the window joins. */
static void each_tap(const ops_window *s, tap_function tap, void *context)
{
    for (int image = 0; image < s->images; image++) {
        for (int oy = 0; oy < s->oh; oy++) {
            for (int ox = 0; ox < s->ow; ox++) {
                for (int ky = 0; ky < s->kernel_h; ky++) {
                    for (int kx = 0; kx < s->kernel_w; kx++) {
                        int y = oy * s->stride + ky - s->pad_top;
                        int x = ox * s->stride + kx - s->pad_left;
                        if (y >= 0 && y < s->h && x >= 0 && x < s->w) {
                            tap(context,
                                at(image, s->h, s->w, s->c, y, x),
                                at(image, s->oh, s->ow, s->c, oy, ox),
                                ky * s->kernel_w + kx);
                        }
                    }
                }
            }
        }
    }
}

typedef struct taps {
    int c;
    const float *in, *out, *weight;
    float *result;
} taps;

static void tap_forward(void *context, size_t in, size_t out, int tap)
{
    const taps *t = context;
    for (int c = 0; c < t->c; c++) {
        t->result[out + (size_t)c] += t->in[in + (size_t)c] * t->weight[tap * t->c + c];
    }
}

static void tap_data(void *context, size_t in, size_t out, int tap)
{
    const taps *t = context;
    for (int c = 0; c < t->c; c++) {
        t->result[in + (size_t)c] += t->out[out + (size_t)c] * t->weight[tap * t->c + c];
    }
}

static void tap_weight(void *context, size_t in, size_t out, int tap)
{
    const taps *t = context;
    for (int c = 0; c < t->c; c++) {
        t->result[tap * t->c + c] += t->in[in + (size_t)c] * t->out[out + (size_t)c];
    }
}

static void depthwise_forward(
    const ops_window *s, const float *x, const float *weight, const float *bias, float *y)
{
    size_t pixels = (size_t)s->images * (size_t)s->oh * (size_t)s->ow;
    for (size_t p = 0; p < pixels; p++) {
        for (int c = 0; c < s->c; c++) {
            y[p * (size_t)s->c + (size_t)c] = bias ? bias[c] : 0.0f;
        }
    }
    each_tap(s, tap_forward, &(taps){.c = s->c, .in = x, .weight = weight, .result = y});
}

static void depthwise_data(const ops_window *s, const float *dy, const float *weight, float *dx)
{
    memset(dx, 0, sizeof *dx * (size_t)s->images * (size_t)s->h * (size_t)s->w * (size_t)s->c);
    each_tap(s, tap_data, &(taps){.c = s->c, .out = dy, .weight = weight, .result = dx});
}

static void depthwise_weight(const ops_window *s, const float *x, const float *dy, float *dweight)
{
    each_tap(s, tap_weight, &(taps){.c = s->c, .in = x, .out = dy, .result = dweight});
}

static void norm_statistics(
    size_t pixels, int c, const float *x, const float *shift, double *sum, double *square)
{
    for (size_t p = 0; p < pixels; p++, x += c) {
        for (int i = 0; i < c; i++) {
            double d = (double)x[i] - (double)shift[i];
            sum[i] += d;
            square[i] += d * d;
        }
    }
}

static void norm_forward(const ops_norm *norm, size_t pixels, const float *x, float *y)
{
    for (size_t p = 0; p < pixels; p++, x += norm->c, y += norm->c) {
        for (int i = 0; i < norm->c; i++) {
            y[i] = ops_activate(norm->activation, x[i] * norm->scale[i] + norm->offset[i]);
        }
    }
}

static void norm_reduce(const ops_norm *norm,
                        size_t pixels,
                        const float *x,
                        const float *dy,
                        double *sum_g,
                        double *sum_gx)
{
    for (size_t p = 0; p < pixels; p++, x += norm->c, dy += norm->c) {
        for (int i = 0; i < norm->c; i++) {
            float g = dy[i] * ops_slope(norm->activation, x[i] * norm->scale[i] + norm->offset[i]);
            sum_g[i] += (double)g;
            sum_gx[i] += (double)g * ((double)x[i] - (double)norm->mean[i]);
        }
    }
}

static void
norm_backward(const ops_norm *norm, size_t pixels, const float *x, const float *dy, float *dx)
{
    for (size_t p = 0; p < pixels; p++, x += norm->c, dy += norm->c, dx += norm->c) {
        for (int i = 0; i < norm->c; i++) {
            float g = dy[i] * ops_slope(norm->activation, x[i] * norm->scale[i] + norm->offset[i]);
            dx[i] = norm->scale[i] * g - norm->slope[i] * (x[i] - norm->mean[i]) - norm->level[i];
        }
    }
}

static void activate(smt_activation activation, size_t count, const float *x, float *y)
{
    for (size_t i = 0; i < count; i++) {
        y[i] = ops_activate(activation, x[i]);
    }
}

static void activate_backward(
    smt_activation activation, size_t count, const float *x, const float *dy, float *dx)
{
    for (size_t i = 0; i < count; i++) {
        dx[i] = dy[i] * ops_slope(activation, x[i]);
    }
}

static void add(size_t count, const float *a, const float *b, float *y)
{
    for (size_t i = 0; i < count; i++) {
        y[i] = a[i] + b[i];
    }
}

static void add_bias(size_t pixels, int c, const float *bias, float *x)
{
    for (size_t p = 0; p < pixels; p++, x += c) {
        for (int i = 0; i < c; i++) {
            x[i] += bias[i];
        }
    }
}

static void sum_pixels(size_t pixels, int c, const float *x, float factor, float *sum)
{
    for (int i = 0; i < c; i++) {
        double s = 0.0;
        for (size_t p = 0; p < pixels; p++) {
            s += (double)x[p * (size_t)c + (size_t)i];
        }
        sum[i] += (float)(s * (double)factor);
    }
}

static void scale_pixels(size_t pixels, int c, const float *x, const float *gate, float *y)
{
    for (size_t p = 0; p < pixels; p++, x += c, y += c) {
        for (int i = 0; i < c; i++) {
            y[i] = x[i] * gate[i];
        }
    }
}

static void dot_pixels(size_t pixels, int c, const float *a, const float *b, float *sum)
{
    for (int i = 0; i < c; i++) {
        double s = 0.0;
        for (size_t p = 0; p < pixels; p++) {
            s += (double)a[p * (size_t)c + (size_t)i] * (double)b[p * (size_t)c + (size_t)i];
        }
        sum[i] += (float)s;
    }
}

static void
spread_pixels(size_t pixels, int c, const float *level, float factor, bool accumulate, float *x)
{
    for (size_t p = 0; p < pixels; p++, x += c) {
        for (int i = 0; i < c; i++) {
            x[i] = (accumulate ? x[i] : 0.0f) + level[i] * factor;
        }
    }
}

static void transpose(int rows, int columns, const float *from, float *to)
{
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
            to[(size_t)j * (size_t)rows + (size_t)i] =
                from[(size_t)i * (size_t)columns + (size_t)j];
        }
    }
}

static void sum_parts(size_t count, int parts, size_t stride, const float *x, float *y)
{
    for (size_t i = 0; i < count; i++) {
        float sum = x[i];
        for (int s = 1; s < parts; s++) {
            sum += x[(size_t)s * stride + i];
        }
        y[i] = sum;
    }
}

const ops_kernels ops_kernels_reference = {
    .name = "reference",
    .product = product,
    .product_rows = product_rows,
    .depthwise_forward = depthwise_forward,
    .depthwise_data = depthwise_data,
    .depthwise_weight = depthwise_weight,
    .norm_statistics = norm_statistics,
    .norm_forward = norm_forward,
    .norm_reduce = norm_reduce,
    .norm_backward = norm_backward,
    .activate = activate,
    .activate_backward = activate_backward,
    .add = add,
    .add_bias = add_bias,
    .sum_pixels = sum_pixels,
    .scale_pixels = scale_pixels,
    .dot_pixels = dot_pixels,
    .spread_pixels = spread_pixels,
    .transpose = transpose,
    .sum_parts = sum_parts,
};
