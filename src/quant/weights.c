/* Weights on their grids: int8, symmetric, one step an output channel. */
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

/* The step with the least squared error among some below the one that holds the largest weight. */
static float best_step(const float *weight, channel_view view, float largest)
{
    float best = largest / 127;
    double least = INFINITY;
    for (int i = 0; i < (view.count >= 16 ? 12 : 1); i++) {
        float step = largest / 127 * (1 - 0.03f * (float)i);
        double error = 0;
        for (size_t k = 0; k < view.count; k++) {
            float w = weight[view.first + k * view.step];
            float q = fmaxf(-127, fminf(127, roundf(w / step)));
            error += (double)((w - q * step) * (w - q * step));
        }
        if (error < least) {
            least = error;
            best = step;
        }
    }
    return best;
}

void quant_weight_scales(const smt_graph *graph,
                         const smt_node *node,
                         float input_scale,
                         float *scale)
{
    const float *weight = graph->params[node->param[SMT_WEIGHT]].data;
    const float *bias =
        node->param[SMT_BIAS] >= 0 ? graph->params[node->param[SMT_BIAS]].data : NULL;
    for (int c = 0; c < node->shape.c; c++) {
        channel_view view = quant_channel(graph, node, c);
        float largest = 0;
        for (size_t i = 0; i < view.count; i++) {
            largest = fmaxf(largest, fabsf(weight[view.first + i * view.step]));
        }
        scale[c] = fmaxf(largest > 0 ? best_step(weight, view, largest) : 0, 1e-9f);
        if (bias && input_scale > 0) {
            double smallest = fabs((double)bias[c]) / BIAS_LIMIT / (double)input_scale;
            scale[c] = fmaxf(scale[c], (float)smallest);
        }
    }
}
