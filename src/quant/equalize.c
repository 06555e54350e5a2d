/* Equalisation of channels across layers (Nagel et al. 2019, arXiv 1906.04721).
 *
 * One scale serves all channels of a value, so a channel that is much smaller than the largest
 * loses bits. Where only ReLU or nothing stands between linear layers, channel c can be divided by
 * s[c] > 0 in the layer that makes it and multiplied back in the layers that read it: the function
 * stays the same. All channels are brought to the same magnitude, the eighth-power mean of their
 * values: the largest value itself hangs on one pixel of one image, which calibration then cuts off
 * anyway. That makes the readers' weights uneven instead, which costs a depthwise layer nothing
 * (its weights have a scale for each channel) and a full convolution little: what rounding of
 * weights does is mostly a shift, and bias correction takes that off.
 *
 * Values that an addition ties together (the residual stream) share their
 * factors. A factor also passes global pooling and a product with a gate, so a
 * depthwise layer, its pooled vector and its gated value go together. Hard-swish
 * does not let a factor pass, unless it is split into a product (prepare.c). */
#include "quant/quantizer.h"

#include <math.h>
#include <string.h>

#define SMALLEST (1.0f / 32) /* of a factor */

typedef struct magnitudes {
    smt_graph *graph;
    smt_pool *pool;
    const smt_exec *exec;
    double **magnitude; /* [node][channel]: sum of the eighth powers, then their mean's root */
    int images;         /* of the batch */
} magnitudes;

static void measure_node(void *context, int node, int worker)
{
    (void)worker;
    const magnitudes *m = context;
    const float *values = node ? smt_exec_value(m->exec, node) : NULL;
    size_t channels = (size_t)m->graph->nodes[node].shape.c;
    size_t count = values ? smt_shape_count(m->graph->nodes[node].shape) * (size_t)m->images : 0;
    double *magnitude = m->magnitude[node];
    for (size_t p = 0; p < count; p += channels) {
        for (size_t c = 0; c < channels; c++) {
            double square = (double)values[p + c] * (double)values[p + c];
            magnitude[c] += square * square * square * square;
        }
    }
}

static void measure(void *context, const smt_exec *exec, int first, int images)
{
    (void)first;
    magnitudes *m = context;
    m->exec = exec;
    m->images = images;
    smt_pool_run(m->pool, m->graph->node_count, measure_node, m);
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
    bool linear = node->op == SMT_OP_CONV || node->op == SMT_OP_DEPTHWISE ||
                  node->op == SMT_OP_ADD || node->op == SMT_OP_MULTIPLY ||
                  node->op == SMT_OP_GLOBAL_POOL;
    return linear && (node->activation == SMT_ACT_NONE || node->activation == SMT_ACT_RELU);
}

/* The node hands the factors of its input k on to its own value. */
static bool carries(const smt_node *node, int k)
{
    return node->op == SMT_OP_ADD ||
           (k == 0 && (node->op == SMT_OP_MULTIPLY || node->op == SMT_OP_GLOBAL_POOL));
}

/* Whether the group of `leader` may be scaled. */
static bool eligible(const smt_graph *graph, const int *parent, int leader)
{
    bool read = false;
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        bool member = root(parent, i) == leader;
        if (member && !lets_pass(node)) {
            return false;
        }
        for (int k = 0; k < 2; k++) {
            if (node->input[k] < 0 || root(parent, node->input[k]) != leader ||
                (member && carries(node, k))) {
                continue;
            }
            if (!smt_op_is_layer(node->op)) {
                return false;
            }
            read = true;
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

static void scale_group(smt_graph *graph, const int *parent, int leader, double *const *magnitude)
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
            factor[c] = fmaxf(factor[c], (float)magnitude[i][c]);
            top = fmaxf(top, factor[c]);
        }
    }
    for (int c = 0; c < channels; c++) {
        factor[c] = factor[c] > 0 ? fmaxf(factor[c] / top, SMALLEST) : 1;
    }
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        if (root(parent, i) == leader && smt_op_is_layer(node->op)) {
            scale_output(graph, node, factor);
        }
    }
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        if (smt_op_is_layer(node->op) && root(parent, node->input[0]) == leader) {
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
    double **magnitude = smt_alloc(nodes, sizeof *magnitude),
           *values = smt_alloc(channels, sizeof *values);
    smt_status status = SMT_OK;
    if (!parent || !magnitude || !values) {
        status = smt_fail(error, SMT_ERR_MEMORY, "out of memory for equalisation");
        goto done;
    }
    channels = 0;
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        magnitude[i] = values + channels;
        channels += (size_t)node->shape.c;
        parent[i] = i;
        for (int k = 0; k < 2; k++) {
            if (node->input[k] >= 0 && carries(node, k)) {
                parent[root(parent, node->input[k])] = root(parent, i);
            }
        }
    }
    magnitudes m = {.graph = graph, .pool = pool, .magnitude = magnitude};
    status = quant_pass(graph, pool, images, count, measure, &m, error);
    for (int i = 0; i < graph->node_count; i++) {
        smt_shape shape = graph->nodes[i].shape;
        for (int c = 0; c < shape.c; c++) {
            magnitude[i][c] = pow(magnitude[i][c] / (shape.h * shape.w * (double)count), 0.125);
        }
    }
    for (int i = 0; i < graph->node_count && status == SMT_OK; i++) {
        if (root(parent, i) == i && eligible(graph, parent, i)) {
            scale_group(graph, parent, i, magnitude);
        }
    }
done:
    smt_free(values);
    smt_free(magnitude);
    smt_free(parent);
    return status;
}
