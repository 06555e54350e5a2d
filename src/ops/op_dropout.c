/* Inverted dropout (Srivastava et al. 2014): in training each element survives with probability 1 -
 * rate and is divided by it. The mask is drawn again in backward from (seed, node, image), so it
 * needs no memory and does not depend on how the batch is cut. */
#include "ops/operators.h"

#include <string.h>

static void apply(const ops_call *call, const float *from, float *to)
{
    size_t count = smt_shape_count(call->node->shape);
    double rate = (double)call->node->rate;
    if (!call->training || !(rate > 0.0)) {
        if (from != to) {
            memmove(to, from, (size_t)call->images * count * sizeof *to);
        }
        return;
    }
    uint64_t node = smt_crc32(0, call->node->name, strlen(call->node->name));
    uint64_t threshold = (uint64_t)(rate * 4294967296.0); /* of 32 bits: drawn below it, dropped */
    float factor = (float)(1.0 / (1.0 - rate));
    for (int i = 0; i < call->images; i++) {
        smt_rng rng = smt_rng_seed(call->seed, smt_hash64(node, (uint64_t)(call->first + i)));
        for (size_t j = 0; j < count; j++, from++, to++) {
            *to = (smt_rng_next(&rng) >> 32) < threshold ? 0.0f : *from * factor;
        }
    }
}

static void forward(const ops_call *call)
{
    apply(call, call->x[0], call->y);
}

static void backward(const ops_call *call)
{
    apply(call, call->dy, call->dx[0]);
}

const ops_operator ops_dropout = {.forward = forward, .backward = backward};
