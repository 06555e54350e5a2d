/* Fully connected: y[image][out] = x[image][in] * W^T[in][out] + b. The exec runs it on the whole
 * batch at once, since a chunk has too few rows to pay for reading the weights. */
#include "ops/operators.h"

#include <string.h>

static void forward(const ops_call *call)
{
    int in = call->in[0].c, out = call->node->shape.c;
    call->kernels->product(&(ops_product){.m = call->images,
                                          .n = out,
                                          .k = in,
                                          .a = call->x[0],
                                          .a_row = in,
                                          .a_column = 1,
                                          .b = call->packed,
                                          .b_row = out,
                                          .c = call->y,
                                          .c_row = out});
    if (call->bias) {
        call->kernels->add_bias((size_t)call->images, out, call->bias, call->y);
    }
}

static void backward(const ops_call *call)
{
    int in = call->in[0].c, out = call->node->shape.c;
    if (call->dweight) {
        call->kernels->product(&(ops_product){.m = out,
                                              .n = in,
                                              .k = call->images,
                                              .a = call->dy,
                                              .a_row = 1,
                                              .a_column = out,
                                              .b = call->x[0],
                                              .b_row = in,
                                              .c = call->dweight,
                                              .c_row = in,
                                              .accumulate = !call->overwrite});
    }
    if (call->dbias) {
        if (call->overwrite) {
            memset(call->dbias, 0, sizeof(float) * (size_t)out);
        }
        call->kernels->sum_pixels((size_t)call->images, out, call->dy, 1.0f, call->dbias);
    }
    if (call->dx[0]) {
        call->kernels->product(&(ops_product){.m = call->images,
                                              .n = in,
                                              .k = out,
                                              .a = call->dy,
                                              .a_row = out,
                                              .a_column = 1,
                                              .b = call->weight,
                                              .b_row = in,
                                              .c = call->dx[0],
                                              .c_row = in,
                                              .accumulate = call->add[0]});
    }
}

const ops_operator ops_dense = {
    .forward = forward, .backward = backward, .reads_inputs = true, .adds = true};
