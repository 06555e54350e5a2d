/* Weights on their grids: int8, symmetric, one step an output channel. */
#include "base/vector.h"
#include "quant/quantizer.h"

#include <math.h>

/* A bias must fit int32 with room for the accumulated products. */
#define BIAS_LIMIT 1073741824.0 /* 2^30 */

channel_view quant_channel(const smt_graph *graph, const smt_node *node, int channel)
{
    const smt_param *weight = &graph->params[node->param[SMT_WEIGHT]];
    size_t channels = (size_t)node->shape.c, each = weight->count / channels;
    if (node->op == SMT_OP_DEPTHWISE) {
        return (channel_view){(size_t)channel, channels, each};
    }
    return (channel_view){(size_t)channel * each, 1, each};
}

static SMT_VECTOR_CLONES void
round_weights(size_t count, size_t pitch, float step, const float *from, float *to)
{
    float inverse = 1 / step;
    for (size_t i = 0; i < count; i++) {
        float q = from[i * pitch] * inverse;
        q = q < -127 ? -127 : q > 127 ? 127 : q;
        to[i * pitch] = step * (float)(int32_t)(q + copysignf(0.5f, q));
    }
}

void quant_round_weights(size_t count, size_t pitch, float step, const float *from, float *to)
{
    round_weights(count, pitch, step, from, to);
}

void quant_weight_steps(const smt_graph *graph, const smt_node *node, float *steps)
{
    const float *weight = graph->params[node->param[SMT_WEIGHT]].data;
    for (int c = 0; c < node->shape.c; c++) {
        channel_view view = quant_channel(graph, node, c);
        float largest = 0;
        for (size_t i = 0; i < view.count; i++) {
            largest = fmaxf(largest, fabsf(weight[view.first + i * view.step]));
        }
        steps[c] = fmaxf(largest / 127, 1e-9f);
    }
}

float quant_least_step(float bias, float input_scale)
{
    return (float)(fabs((double)bias) / BIAS_LIMIT / (double)input_scale);
}
