/* y = x * scale[c] + offset[c] with constants: a network's own normalisation of its input. */
#include "ops/operators.h"

static void forward(const ops_call *call)
{
    size_t pixels = (size_t)call->images * ops_pixels(call->node->shape);
    ops_norm norm = {.c = call->node->shape.c, .scale = call->weight, .offset = call->bias};
    call->kernels->norm_forward(&norm, pixels, call->x[0], call->y);
}

static void backward(const ops_call *call)
{
    size_t pixels = (size_t)call->images * ops_pixels(call->node->shape);
    call->kernels->scale_pixels(pixels, call->node->shape.c, call->dy, call->weight, call->dx[0]);
}

const ops_operator ops_affine = {.forward = forward, .backward = backward};
