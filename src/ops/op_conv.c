/* Convolution as a matrix product. A 1 x 1 convolution multiplies the pixels' rows with the weights
 * directly; a larger window first copies each output pixel's window into a row (im2col), which pays
 * for the few such layers here (the stem).
 *
 *   forward    y[pixel][out]      = rows[pixel][in'] * W^T[in'][out]          in' = kernel_h *
 * kernel_w * in data       drows[pixel][in']  = dy[pixel][out] * W[out][in'] weight dW[out][in'] +=
 * dy^T[out][pixel] * rows[pixel][in']
 */
#include "ops/operators.h"

#include <string.h>

static bool is_pointwise(const smt_node *node)
{
    return node->kernel_h == 1 && node->kernel_w == 1 && node->stride == 1 && node->pad_top == 0 &&
           node->pad_left == 0;
}

static size_t row_length(const smt_node *node, smt_shape in)
{
    return (size_t)node->kernel_h * (size_t)node->kernel_w * (size_t)in.c;
}

static size_t scratch(const smt_node *node, smt_shape in, bool backward)
{
    if (is_pointwise(node)) {
        return 0;
    }
    size_t rows = ops_pixels(node->shape) * row_length(node, in);
    return backward ? 2 * rows : rows;
}

/* rows: images x oh x ow x kernel_h x kernel_w x in, zero outside the image. */
static void gather(const ops_call *call, float *rows)
{
    const smt_node *node = call->node;
    smt_shape in = call->in[0];
    size_t c = (size_t)in.c;
    for (int image = 0; image < call->images; image++) {
        const float *x = call->x[0] + (size_t)image * smt_shape_count(in);
        for (int oy = 0; oy < node->shape.h; oy++) {
            for (int ox = 0; ox < node->shape.w; ox++) {
                for (int ky = 0; ky < node->kernel_h; ky++) {
                    int iy = oy * node->stride + ky - node->pad_top;
                    int ix = ox * node->stride - node->pad_left;
                    const float *from = x + ((ptrdiff_t)iy * in.w + ix) * (ptrdiff_t)in.c;
                    for (int kx = 0; kx < node->kernel_w; kx++, rows += c) {
                        bool inside = iy >= 0 && iy < in.h && ix + kx >= 0 && ix + kx < in.w;
                        for (size_t i = 0; i < c; i++) {
                            rows[i] = inside ? from[(size_t)kx * c + i] : 0.0f;
                        }
                    }
                }
            }
        }
    }
}

/* The transpose of gather: adds each row element to the pixel that it came from. */
static void scatter(const ops_call *call, const float *rows, float *dx)
{
    const smt_node *node = call->node;
    smt_shape in = call->in[0];
    for (int image = 0; image < call->images; image++, dx += smt_shape_count(in)) {
        for (int oy = 0; oy < node->shape.h; oy++) {
            for (int ox = 0; ox < node->shape.w; ox++) {
                for (int ky = 0; ky < node->kernel_h; ky++) {
                    for (int kx = 0; kx < node->kernel_w; kx++, rows += in.c) {
                        int iy = oy * node->stride + ky - node->pad_top;
                        int ix = ox * node->stride + kx - node->pad_left;
                        if (iy >= 0 && iy < in.h && ix >= 0 && ix < in.w) {
                            float *to =
                                dx + ((size_t)iy * (size_t)in.w + (size_t)ix) * (size_t)in.c;
                            for (int c = 0; c < in.c; c++) {
                                to[c] += rows[c];
                            }
                        }
                    }
                }
            }
        }
    }
}

static void forward(const ops_call *call)
{
    const smt_node *node = call->node;
    size_t pixels = (size_t)call->images * ops_pixels(node->shape);
    int length = (int)row_length(node, call->in[0]);
    const float *rows = call->x[0];
    if (!is_pointwise(node)) {
        gather(call, call->scratch);
        rows = call->scratch;
    }
    call->kernels->product(&(ops_product){.m = (int)pixels,
                                          .n = node->shape.c,
                                          .k = length,
                                          .a = rows,
                                          .a_row = length,
                                          .a_column = 1,
                                          .b = call->packed,
                                          .b_row = node->shape.c,
                                          .c = call->y,
                                          .c_row = node->shape.c});
    if (call->bias) {
        call->kernels->add_bias(pixels, node->shape.c, call->bias, call->y);
    }
}

static void backward(const ops_call *call)
{
    const smt_node *node = call->node;
    size_t pixels = (size_t)call->images * ops_pixels(node->shape);
    int length = (int)row_length(node, call->in[0]), filters = node->shape.c;
    bool pointwise = is_pointwise(node);
    if (call->dweight) {
        const float *rows = call->x[0];
        if (!pointwise) {
            gather(call, call->scratch);
            rows = call->scratch;
        }
        call->kernels->product(&(ops_product){.m = filters,
                                              .n = length,
                                              .k = (int)pixels,
                                              .a = call->dy,
                                              .a_row = 1,
                                              .a_column = filters,
                                              .b = rows,
                                              .b_row = length,
                                              .c = call->dweight,
                                              .c_row = length,
                                              .accumulate = !call->overwrite});
    }
    if (call->dbias) {
        if (call->overwrite) {
            memset(call->dbias, 0, sizeof *call->dbias * (size_t)filters);
        }
        call->kernels->sum_pixels(pixels, filters, call->dy, 1.0f, call->dbias);
    }
    if (call->dx[0]) {
        float *rows = pointwise ? call->dx[0] : call->scratch + pixels * (size_t)length;
        call->kernels->product(&(ops_product){.m = (int)pixels,
                                              .n = length,
                                              .k = filters,
                                              .a = call->dy,
                                              .a_row = filters,
                                              .a_column = 1,
                                              .b = call->weight,
                                              .b_row = length,
                                              .c = rows,
                                              .c_row = length,
                                              .accumulate = pointwise && call->add[0]});
        if (!pointwise) {
            if (!call->add[0]) {
                memset(call->dx[0],
                       0,
                       sizeof(float) * (size_t)call->images * smt_shape_count(call->in[0]));
            }
            scatter(call, rows, call->dx[0]);
        }
    }
}

const ops_operator ops_conv = {.forward = forward,
                               .backward = backward,
                               .scratch = scratch,
                               .reads_inputs = true,
                               .adds = true};
