/* Convolution as a matrix product. A 1 x 1 convolution multiplies the pixels' rows with the weights
 * directly. A larger window first copies, for one row of outputs, the input columns that it needs:
 * column[ix][ky][in], with zeros outside the image. The window of output ox is then the run of
 * kernel_w * kernel_h * in floats from column ox * stride on: rows that overlap, but rows of a
 * matrix. So the packed weights are [kernel_w][kernel_h][in][out].
 *
 *   forward  y[pixel][out]     = rows[pixel][in'] * packed[in'][out]
 *   weight   dW^T[in'][out]   += rows^T[in'][pixel] * dy[pixel][out]
 *   data     drows[pixel][in'] = dy[pixel][out] * W[out][in'], each then added to its pixel
 *
 * with in' = kernel_w * kernel_h * in. */
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

/* Columns that one row of outputs looks at. */
static int column_count(const smt_node *node)
{
    return (node->shape.w - 1) * node->stride + node->kernel_w;
}

static size_t strip_floats(const smt_node *node, smt_shape in)
{
    return (size_t)column_count(node) * (size_t)node->kernel_h * (size_t)in.c;
}

static size_t scratch(const smt_node *node, smt_shape in, ops_direction direction)
{
    if (is_pointwise(node)) {
        return 0;
    }
    size_t length = row_length(node, in);
    switch (direction) {
    case OPS_FORWARD:
        break;
    case OPS_BACKWARD:
        return strip_floats(node, in) + length * (size_t)node->shape.c;
    case OPS_BACKWARD_DATA:
        return strip_floats(node, in) + length * ((size_t)node->shape.c + ops_pixels(node->shape));
    }
    return strip_floats(node, in);
}

/* strip: column_count x kernel_h x in, what output row oy of the image x looks at. */
static void gather(const smt_node *node, smt_shape in, const float *x, int oy, float *strip)
{
    size_t c = (size_t)in.c, pitch = (size_t)node->kernel_h * c;
    int columns = column_count(node),
        end = in.w + node->pad_left < columns ? in.w + node->pad_left : columns;
    for (int ky = 0; ky < node->kernel_h; ky++) {
        int iy = oy * node->stride + ky - node->pad_top;
        float *to = strip + (size_t)ky * c;
        if (iy < 0 || iy >= in.h) {
            for (int i = 0; i < columns; i++, to += pitch) {
                memset(to, 0, c * sizeof *to);
            }
            continue;
        }
        const float *from = x + (size_t)iy * (size_t)in.w * c;
        int i = 0;
        for (; i < node->pad_left && i < columns; i++, to += pitch) {
            memset(to, 0, c * sizeof *to);
        }
        if (c == 1) {
            for (; i < end; i++, to += pitch, from++) {
                *to = *from;
            }
        } else if (c == 3) {
            for (; i < end; i++, to += pitch, from += 3) {
                to[0] = from[0];
                to[1] = from[1];
                to[2] = from[2];
            }
        } else {
            for (; i < end; i++, to += pitch, from += c) {
                memcpy(to, from, c * sizeof *to);
            }
        }
        for (; i < columns; i++, to += pitch) {
            memset(to, 0, c * sizeof *to);
        }
    }
}

/* Adds each element of rows (images x oh x ow x kernel_h
 * x kernel_w x in) to the pixel that it came from. */
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

static void window_forward(const ops_call *call)
{
    const smt_node *node = call->node;
    int pitch = node->kernel_h * call->in[0].c, filters = node->shape.c;
    for (int image = 0; image < call->images; image++) {
        const float *x = call->x[0] + (size_t)image * smt_shape_count(call->in[0]);
        float *y = call->y + (size_t)image * smt_shape_count(node->shape);
        for (int oy = 0; oy < node->shape.h; oy++, y += node->shape.w * filters) {
            gather(node, call->in[0], x, oy, call->scratch);
            call->kernels->product(&(ops_product){.m = node->shape.w,
                                                  .n = filters,
                                                  .k = pitch * node->kernel_w,
                                                  .a = call->scratch,
                                                  .a_row = (ptrdiff_t)node->stride * pitch,
                                                  .a_column = 1,
                                                  .b = call->packed,
                                                  .b_row = filters,
                                                  .c = y,
                                                  .c_row = filters});
        }
    }
}

static void window_weight(const ops_call *call)
{
    const smt_node *node = call->node;
    int in = call->in[0].c, pitch = node->kernel_h * in, filters = node->shape.c,
        length = pitch * node->kernel_w;
    float *strip = call->scratch,
          *turned = strip + (size_t)call->images * strip_floats(node, call->in[0]);
    for (int image = 0; image < call->images; image++) {
        const float *x = call->x[0] + (size_t)image * smt_shape_count(call->in[0]);
        const float *dy = call->dy + (size_t)image * smt_shape_count(node->shape);
        for (int oy = 0; oy < node->shape.h; oy++, dy += node->shape.w * filters) {
            gather(node, call->in[0], x, oy, strip);
            call->kernels->product(&(ops_product){.m = length,
                                                  .n = filters,
                                                  .k = node->shape.w,
                                                  .a = strip,
                                                  .a_row = 1,
                                                  .a_column = (ptrdiff_t)node->stride * pitch,
                                                  .b = dy,
                                                  .b_row = filters,
                                                  .c = turned,
                                                  .c_row = filters,
                                                  .accumulate = image > 0 || oy > 0});
        }
    }
    for (int out = 0; out < filters; out++) {
        for (int ky = 0; ky < node->kernel_h; ky++) {
            for (int kx = 0; kx < node->kernel_w; kx++) {
                for (int c = 0; c < in; c++) {
                    float *to =
                        &call->dweight[((out * node->kernel_h + ky) * node->kernel_w + kx) * in +
                                       c];
                    float from = turned[((kx * node->kernel_h + ky) * in + c) * filters + out];
                    *to = call->overwrite ? from : *to + from;
                }
            }
        }
    }
}

static void window_data(const ops_call *call)
{
    const smt_node *node = call->node;
    size_t pixels = (size_t)call->images * ops_pixels(node->shape);
    int length = (int)row_length(node, call->in[0]), filters = node->shape.c;
    float *rows = call->scratch + (size_t)call->images * (strip_floats(node, call->in[0]) +
                                                          (size_t)length * (size_t)filters);
    call->kernels->product(&(ops_product){.m = (int)pixels,
                                          .n = length,
                                          .k = filters,
                                          .a = call->dy,
                                          .a_row = filters,
                                          .a_column = 1,
                                          .b = call->weight,
                                          .b_row = length,
                                          .c = rows,
                                          .c_row = length});
    if (!call->add[0]) {
        memset(call->dx[0], 0, sizeof(float) * (size_t)call->images * smt_shape_count(call->in[0]));
    }
    scatter(call, rows, call->dx[0]);
}

static void forward(const ops_call *call)
{
    const smt_node *node = call->node;
    size_t pixels = (size_t)call->images * ops_pixels(node->shape);
    if (ops_conv_is_dense(node, call->in[0])) {
        ops_dense.forward(call);
        return;
    }
    if (!is_pointwise(node)) {
        window_forward(call);
    } else {
        call->kernels->product(&(ops_product){.m = (int)pixels,
                                              .n = node->shape.c,
                                              .k = call->in[0].c,
                                              .a = call->x[0],
                                              .a_row = call->in[0].c,
                                              .a_column = 1,
                                              .b = call->packed,
                                              .b_row = node->shape.c,
                                              .c = call->y,
                                              .c_row = node->shape.c});
    }
    if (call->bias) {
        call->kernels->add_bias(pixels, node->shape.c, call->bias, call->y);
    }
}

static void backward(const ops_call *call)
{
    const smt_node *node = call->node;
    size_t pixels = (size_t)call->images * ops_pixels(node->shape);
    int in = call->in[0].c, filters = node->shape.c;
    bool pointwise = is_pointwise(node);
    if (call->dweight && pointwise) {
        call->kernels->product(&(ops_product){.m = filters,
                                              .n = in,
                                              .k = (int)pixels,
                                              .a = call->dy,
                                              .a_row = 1,
                                              .a_column = filters,
                                              .b = call->x[0],
                                              .b_row = in,
                                              .c = call->dweight,
                                              .c_row = in,
                                              .accumulate = !call->overwrite});
    } else if (call->dweight) {
        window_weight(call);
    }
    if (call->dbias) {
        if (call->overwrite) {
            memset(call->dbias, 0, sizeof *call->dbias * (size_t)filters);
        }
        call->kernels->sum_pixels(pixels, filters, call->dy, 1.0f, call->dbias);
    }
    if (call->dx[0] && pointwise) {
        call->kernels->product(&(ops_product){.m = (int)pixels,
                                              .n = in,
                                              .k = filters,
                                              .a = call->dy,
                                              .a_row = filters,
                                              .a_column = 1,
                                              .b = call->weight,
                                              .b_row = in,
                                              .c = call->dx[0],
                                              .c_row = in,
                                              .accumulate = call->add[0]});
    } else if (call->dx[0]) {
        window_data(call);
    }
}

bool ops_conv_is_dense(const smt_node *node, smt_shape in)
{
    return is_pointwise(node) && ops_pixels(in) == 1;
}

bool ops_conv_needs_pack(const smt_node *node, smt_shape in)
{
    return node->op == SMT_OP_CONV && !ops_conv_is_dense(node, in);
}

void ops_conv_pack(const ops_kernels *kernels,
                   const smt_node *node,
                   const smt_param *weight,
                   float *packed)
{
    int filters = node->shape.c, length = (int)(weight->count / (size_t)filters);
    int area = node->kernel_h * node->kernel_w, in = length / area;
    if (area == 1) {
        kernels->transpose(filters, length, weight->data, packed);
        return;
    }
    for (int kx = 0; kx < node->kernel_w; kx++) {
        for (int ky = 0; ky < node->kernel_h; ky++) {
            for (int c = 0; c < in; c++) {
                for (int out = 0; out < filters; out++, packed++) {
                    *packed =
                        weight->data[((out * node->kernel_h + ky) * node->kernel_w + kx) * in + c];
                }
            }
        }
    }
}

const ops_operator ops_conv = {.forward = forward,
                               .backward = backward,
                               .scratch = scratch,
                               .reads_inputs = true,
                               .adds = true};
