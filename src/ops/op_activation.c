/* A node that is only an activation function. */
#include "ops/operators.h"

static void forward(const ops_call *call)
{
    size_t count = (size_t)call->images * smt_shape_count(call->node->shape);
    call->kernels->activate(call->node->activation, count, call->x[0], call->y);
}

static void backward(const ops_call *call)
{
    size_t count = (size_t)call->images * smt_shape_count(call->node->shape);
    call->kernels->activate_backward(
        call->node->activation, count, call->x[0], call->dy, call->dx[0]);
}

const ops_operator ops_activation = {.forward = forward,
                                     .backward = backward,
                                     .reads_inputs = true,
                                     .cheap = true,
                                     .activates = true};
