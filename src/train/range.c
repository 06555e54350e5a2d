/* Range decay: keeps the channels of a value of like size, for int8. */
#include "train/range.h"

#include <math.h>

/* What the networks have that were trained from random weights on simulated images: gammas of 0.5
 * to 1.7, upper ends of 4 to 7. */
#define GAMMA_LOW 0.5f
#define END_HIGH 5.0f

/* Batch norm makes a channel's mean beta and its deviation gamma; few values lie above this. */
static float upper_end(float gamma, float beta)
{
    return beta + 3.5f * fabsf(gamma);
}

/* True if batch norm behind the next convolution takes each channel's scale away again. */
static bool is_renormalised(const smt_graph *graph, int node)
{
    for (int i = node + 1; i < graph->node_count; i++) {
        if (graph->nodes[i].input[0] == node) {
            return graph->nodes[i].op == SMT_OP_DEPTHWISE;
        }
    }
    return false;
}

void smt_range_decay(smt_graph *graph, double share)
{
    const float part = (float)(share < 0.5 ? share : 0.5);
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        if (node->op != SMT_OP_BATCH_NORM || node->activation != SMT_ACT_HARD_SWISH) {
            continue;
        }
        bool renormalised = is_renormalised(graph, i);
        float *gamma = graph->params[node->param[SMT_GAMMA]].data;
        float *beta = graph->params[node->param[SMT_BETA]].data;
        for (int c = 0; c < node->shape.c; c++) {
            if (renormalised && fabsf(gamma[c]) < GAMMA_LOW) {
                gamma[c] += part * (copysignf(GAMMA_LOW, gamma[c]) - gamma[c]);
            }
            float end = upper_end(gamma[c], beta[c]);
            if (end > END_HIGH) {
                float keep = 1 - part * (1 - END_HIGH / end);
                gamma[c] *= keep;
                beta[c] *= beta[c] > 0 ? keep : 1;
            }
        }
    }
}
