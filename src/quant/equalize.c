/* Equalisation of channels across layers (Nagel et al. 2019, arXiv 1906.04721; the exponent as in
 * SmoothQuant, Xiao et al. 2022, arXiv 2211.10438).
 *
 * One scale serves all channels of a value, so a channel that is much smaller than the largest
 * loses bits. Where only ReLU or nothing stands between two linear layers, channel c can be divided
 * by s[c] > 0 in the layer that makes it and multiplied back in the layers that read it: the
 * function stays the same. A depthwise reader takes any factor for free, as its weights have a
 * scale for each channel; a full convolution mixes channels, so there the factor is tempered by the
 * exponent 1/2. Values that an addition ties together (the residual stream) share their factors.
 *
 * Hard-swish does not let a factor pass, so what stands around it stays as it is. */
#include "quant/quantizer.h"

#include <math.h>
#include <string.h>

#define SMALLEST (1.0f / 32) /* of a factor */

typedef struct extremes {
    smt_graph *graph;
    smt_pool *pool;
    const smt_exec *exec;
    float **largest; /* [node][channel] */
    int images;
} extremes;

static void measure_node(void *context, int node, int worker)
{
    (void)worker;
    const extremes *e = context;
    const float *values = node ? smt_exec_value(e->exec, node) : NULL;
    int channels = e->graph->nodes[node].shape.c;
    size_t pixels =
        values ? smt_shape_count(e->graph->nodes[node].shape) / (size_t)channels * (size_t)e->images
               : 0;
    float *largest = e->largest[node];
    for (size_t p = 0; p < pixels; p++) {
        for (int c = 0; c < channels; c++) {
            float v = fabsf(values[p * (size_t)channels + (size_t)c]);
            largest[c] = v > largest[c] ? v : largest[c];
        }
    }
}

static void measure(void *context, const smt_exec *exec, int first, int images)
{
    (void)first;
    extremes *e = context;
    e->exec = exec;
    e->images = images;
    smt_pool_run(e->pool, e->graph->node_count, measure_node, e);
}

static int root(const int *parent, int i)
{
    while (parent[i] != i) {
        i = parent[i];
    }
    return i;
}

static bool lets_pass(const smt_node *node)
{
    bool linear = node->op == SMT_OP_CONV || node->op == SMT_OP_DEPTHWISE || node->op == SMT_OP_ADD;
    return linear && (node->activation == SMT_ACT_NONE || node->activation == SMT_ACT_RELU);
}

/* Whether the group of `leader` may be scaled; *exponent: 1 if all readers are depthwise. */
static bool eligible(const smt_graph *graph, const int *parent, int leader, float *exponent)
{
    bool read = false;
    *exponent = 1;
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        bool member = root(parent, i) == leader;
        if (member && !lets_pass(node)) {
            return false;
        }
        for (int k = 0; k < 2; k++) {
            if (node->input[k] < 0 || root(parent, node->input[k]) != leader ||
                (member && node->op == SMT_OP_ADD)) {
                continue;
            }
            if (node->op != SMT_OP_CONV && node->op != SMT_OP_DEPTHWISE) {
                return false;
            }
            read = true;
            *exponent = node->op == SMT_OP_DEPTHWISE ? *exponent : 0.5f;
        }
    }
    return read;
}

static void scale_output(smt_graph *graph, const smt_node *node, const float *factor)
{
    float *weight = graph->params[node->param[SMT_WEIGHT]].data;
    float *bias = graph->params[node->param[SMT_BIAS]].data;
    for (int c = 0; c < node->shape.c; c++) {
        channel_view view = quant_channel(graph, node, c);
        for (size_t i = 0; i < view.count; i++) {
            weight[view.first + i * view.step] /= factor[c];
        }
        bias[c] /= factor[c];
    }
}

static void scale_input(smt_graph *graph, const smt_node *node, const float *factor)
{
    smt_param *weight = &graph->params[node->param[SMT_WEIGHT]];
    int channels = graph->nodes[node->input[0]].shape.c;
    for (size_t i = 0; i < weight->count; i++) {
        weight->data[i] *= factor[i % (size_t)channels]; /* the input channel is last, in HWC too */
    }
}

static void
scale_group(smt_graph *graph, const int *parent, int leader, float exponent, float *const *largest)
{
    float factor[4096];
    int channels = graph->nodes[leader].shape.c;
    if (channels > 4096) {
        return;
    }
    float top = 0;
    memset(factor, 0, sizeof factor);
    for (int i = 0; i < graph->node_count; i++) {
        for (int c = 0; root(parent, i) == leader && c < channels; c++) {
            factor[c] = fmaxf(factor[c], largest[i][c]);
            top = fmaxf(top, factor[c]);
        }
    }
    for (int c = 0; c < channels; c++) {
        float ratio = factor[c] > 0 && top > 0 ? powf(factor[c] / top, exponent) : 1;
        factor[c] = fmaxf(ratio, SMALLEST);
    }
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        if (root(parent, i) == leader && node->op != SMT_OP_ADD) {
            scale_output(graph, node, factor);
        }
    }
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        bool inside = root(parent, i) == leader && node->op == SMT_OP_ADD;
        if (!inside && node->input[0] >= 0 && root(parent, node->input[0]) == leader) {
            scale_input(graph, node, factor);
        }
    }
}

smt_status
quant_equalize(smt_graph *graph, smt_pool *pool, const float *images, int count, smt_error *error)
{
    size_t nodes = (size_t)graph->node_count, channels = 0;
    for (int i = 0; i < graph->node_count; i++) {
        channels += (size_t)graph->nodes[i].shape.c;
    }
    int *parent = smt_alloc(nodes, sizeof *parent);
    float **largest = smt_alloc(nodes, sizeof *largest),
          *values = smt_alloc(channels, sizeof *values);
    smt_status status = SMT_OK;
    if (!parent || !largest || !values) {
        status = smt_fail(error, SMT_ERR_MEMORY, "out of memory for equalisation");
        goto done;
    }
    channels = 0;
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        largest[i] = values + channels;
        channels += (size_t)node->shape.c;
        parent[i] = i;
        for (int k = 0; node->op == SMT_OP_ADD && k < 2; k++) {
            parent[root(parent, node->input[k])] = root(parent, i);
        }
    }
    extremes e = {.graph = graph, .pool = pool, .largest = largest};
    status = quant_pass(graph, pool, images, count, measure, &e, error);
    for (int i = 0; i < graph->node_count && status == SMT_OK; i++) {
        float exponent;
        if (root(parent, i) == i && eligible(graph, parent, i, &exponent)) {
            scale_group(graph, parent, i, exponent, largest);
        }
    }
done:
    smt_free(values);
    smt_free(largest);
    smt_free(parent);
    return status;
}
