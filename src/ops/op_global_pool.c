/* Mean over height and width. */
#include "ops/operators.h"

#include <string.h>

static void forward(const ops_call *call)
{
    size_t pixels = ops_pixels(call->in[0]), c = (size_t)call->in[0].c;
    memset(call->y, 0, (size_t)call->images * c * sizeof *call->y);
    for (size_t i = 0; i < (size_t)call->images; i++) {
        call->kernels->sum_pixels(
            pixels, (int)c, call->x[0] + i * pixels * c, 1.0f / (float)pixels, call->y + i * c);
    }
}

static void backward(const ops_call *call)
{
    size_t pixels = ops_pixels(call->in[0]), c = (size_t)call->in[0].c;
    for (size_t i = 0; i < (size_t)call->images; i++) {
        call->kernels->spread_pixels(pixels,
                                     (int)c,
                                     call->dy + i * c,
                                     1.0f / (float)pixels,
                                     call->add[0],
                                     call->dx[0] + i * pixels * c);
    }
}

const ops_operator ops_global_pool = {.forward = forward, .backward = backward, .adds = true};
