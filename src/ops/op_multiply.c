/* y = a * b: b is a gate, one number a channel of each image (squeeze-excite), or has a's shape. */
#include "ops/operators.h"

#include <string.h>

static bool is_gate(const ops_call *call)
{
    return ops_pixels(call->in[1]) == 1 && ops_pixels(call->in[0]) > 1;
}

static void products(const float *a, const float *b, size_t count, float *y)
{
    for (size_t i = 0; i < count; i++) {
        y[i] = a[i] * b[i];
    }
}

static void forward(const ops_call *call)
{
    size_t pixels = ops_pixels(call->node->shape), c = (size_t)call->node->shape.c;
    if (!is_gate(call)) {
        products(call->x[0], call->x[1], (size_t)call->images * pixels * c, call->y);
        return;
    }
    for (size_t i = 0; i < (size_t)call->images; i++) {
        call->kernels->scale_pixels(pixels,
                                    (int)c,
                                    call->x[0] + i * pixels * c,
                                    call->x[1] + i * c,
                                    call->y + i * pixels * c);
    }
}

static void backward(const ops_call *call)
{
    size_t pixels = ops_pixels(call->node->shape), c = (size_t)call->node->shape.c;
    size_t count = (size_t)call->images * pixels * c;
    if (!is_gate(call)) {
        for (int i = 1; i >= 0; i--) { /* dx[0] may be dy's own memory */
            if (call->dx[i]) {
                products(call->dy, call->x[1 - i], count, call->dx[i]);
            }
        }
        return;
    }
    /* The gate first: dx[0] may be dy's own memory. */
    for (size_t i = 0; call->dx[1] && i < (size_t)call->images; i++) {
        float *gate = call->dx[1] + i * c;
        memset(gate, 0, c * sizeof *gate);
        call->kernels->dot_pixels(
            pixels, (int)c, call->dy + i * pixels * c, call->x[0] + i * pixels * c, gate);
    }
    for (size_t i = 0; call->dx[0] && i < (size_t)call->images; i++) {
        call->kernels->scale_pixels(pixels,
                                    (int)c,
                                    call->dy + i * pixels * c,
                                    call->x[1] + i * c,
                                    call->dx[0] + i * pixels * c);
    }
}

const ops_operator ops_multiply = {
    .forward = forward, .backward = backward, .reads_inputs = true, .cheap = true};
