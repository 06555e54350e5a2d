/* Depthwise convolution: each channel has its own window.
 * The loops are kernels of their own (kernels.h). */
#include "ops/operators.h"

#include <string.h>

static ops_window window_of(const ops_call *call)
{
    const smt_node *node = call->node;
    return (ops_window){.images = call->images,
                        .h = call->in[0].h,
                        .w = call->in[0].w,
                        .c = call->in[0].c,
                        .oh = node->shape.h,
                        .ow = node->shape.w,
                        .kernel_h = node->kernel_h,
                        .kernel_w = node->kernel_w,
                        .stride = node->stride,
                        .pad_top = node->pad_top,
                        .pad_left = node->pad_left};
}

static void forward(const ops_call *call)
{
    ops_window window = window_of(call);
    call->kernels->depthwise_forward(&window, call->x[0], call->weight, call->bias, call->y);
}

static void backward(const ops_call *call)
{
    ops_window window = window_of(call);
    size_t c = (size_t)window.c;
    if (call->dweight) {
        if (call->overwrite) {
            memset(call->dweight,
                   0,
                   sizeof(float) * (size_t)window.kernel_h * (size_t)window.kernel_w * c);
        }
        call->kernels->depthwise_weight(&window, call->x[0], call->dy, call->dweight);
    }
    if (call->dbias) {
        if (call->overwrite) {
            memset(call->dbias, 0, sizeof(float) * c);
        }
        size_t pixels = (size_t)call->images * ops_pixels(call->node->shape);
        call->kernels->sum_pixels(pixels, window.c, call->dy, 1.0f, call->dbias);
    }
    if (call->dx[0]) {
        call->kernels->depthwise_data(&window, call->dy, call->weight, call->dx[0]);
    }
}

const ops_operator ops_depthwise = {.forward = forward, .backward = backward, .reads_inputs = true};
