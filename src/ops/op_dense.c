/* Fully connected: y[image][out] = sum of x[image][in] * W[out][in], plus the bias. A chunk of
 * images has too few rows to pay for reading the weights, so training runs it on the whole batch,
 * cut in shares of each result: the outputs of y, the rows of dW, the inputs of dx. */
#include "ops/operators.h"

#include <string.h>

/* The share of `count` columns or rows, in whole vectors. */
static int share(const ops_call *call, int count, int *first)
{
    int parts = call->parts > 1 ? call->parts : 1, unit = 16;
    int units = (count + unit - 1) / unit;
    *first = (int)((int64_t)units * call->part / parts) * unit;
    int end = (int)((int64_t)units * (call->part + 1) / parts) * unit;
    return (end < count ? end : count) - *first;
}

static void forward(const ops_call *call)
{
    int in = call->in[0].c, out = call->node->shape.c, first, count = share(call, out, &first);
    if (count <= 0) {
        return;
    }
    for (int i = 0; i < call->images; i++) {
        float *y = call->y + (ptrdiff_t)i * out + first;
        if (call->bias) {
            memcpy(y, call->bias + first, (size_t)count * sizeof *y);
        } else {
            memset(y, 0, (size_t)count * sizeof *y);
        }
    }
    call->kernels->product_rows(&(ops_product){.m = call->images,
                                               .n = count,
                                               .k = in,
                                               .a = call->x[0],
                                               .a_row = in,
                                               .b = call->weight + (ptrdiff_t)first * in,
                                               .b_row = in,
                                               .c = call->y + first,
                                               .c_row = out,
                                               .accumulate = true});
}

static void backward(const ops_call *call)
{
    int in = call->in[0].c, out = call->node->shape.c, first, count = share(call, out, &first);
    if (call->dweight && count > 0) {
        call->kernels->product(&(ops_product){.m = count,
                                              .n = in,
                                              .k = call->images,
                                              .a = call->dy + first,
                                              .a_row = 1,
                                              .a_column = out,
                                              .b = call->x[0],
                                              .b_row = in,
                                              .c = call->dweight + (ptrdiff_t)first * in,
                                              .c_row = in,
                                              .accumulate = !call->overwrite});
    }
    if (call->dbias && call->part == 0) {
        if (call->overwrite) {
            memset(call->dbias, 0, sizeof(float) * (size_t)out);
        }
        call->kernels->sum_pixels((size_t)call->images, out, call->dy, 1.0f, call->dbias);
    }
    count = share(call, in, &first);
    if (call->dx[0] && count > 0) {
        call->kernels->product(&(ops_product){.m = call->images,
                                              .n = count,
                                              .k = out,
                                              .a = call->dy,
                                              .a_row = out,
                                              .a_column = 1,
                                              .b = call->weight + first,
                                              .b_row = in,
                                              .c = call->dx[0] + first,
                                              .c_row = in,
                                              .accumulate = call->add[0]});
    }
}

const ops_operator ops_dense = {
    .forward = forward, .backward = backward, .reads_inputs = true, .adds = true};
