/* The builders: each fills a node and appends it. */
#include "base/room.h"
#include "graph/internal.h"

#include <stdio.h>
#include <string.h>

static int
add_param(smt_graph *graph, const smt_node *node, const smt_param_slot *slot, smt_error *error)
{
    size_t count = 1;
    for (int i = 0; i < slot->rank; i++) {
        count *= (size_t)slot->dim[i]; /* at most SMT_SIDE_MAX^2 * SMT_KERNEL_MAX^2 < 2^54 */
    }
    if (count > SMT_PARAM_MAX) {
        smt_fail(error,
                 SMT_ERR_LIMIT,
                 "node '%s': %zu values in its %s; at most %d are allowed",
                 node->name,
                 count,
                 slot->suffix + 1,
                 SMT_PARAM_MAX);
        return -1;
    }
    float *data = smt_alloc(count, sizeof *data);
    if (!data || !SMT_ROOM(graph->params, graph->param_count, graph->param_capacity)) {
        smt_free(data);
        smt_fail(
            error, SMT_ERR_MEMORY, "node '%s': out of memory for %zu weights", node->name, count);
        return -1;
    }
    smt_param *param = &graph->params[graph->param_count];
    memset(param, 0, sizeof *param);
    size_t length = strlen(node->name);
    memcpy(param->name, node->name, length);
    snprintf(param->name + length, sizeof param->name - length, "%s", slot->suffix);
    param->rank = slot->rank;
    memcpy(param->dim, slot->dim, sizeof param->dim);
    param->count = count;
    param->data = data;
    param->trainable = slot->trainable;
    return graph->param_count++;
}

int smt_graph_append(smt_graph *graph, const smt_node *from, bool bias, smt_error *error)
{
    smt_node node = *from;
    int index = graph->node_count;
    if (index >= SMT_NODE_MAX) {
        smt_fail(error, SMT_ERR_LIMIT, "node '%s': more than %d nodes", node.name, SMT_NODE_MAX);
        return -1;
    }
    if (smt_graph_derive(graph, index, &node, error)) {
        return -1;
    }
    if (!SMT_ROOM(graph->nodes, index, graph->node_capacity)) {
        smt_fail(error, SMT_ERR_MEMORY, "node '%s': out of memory", node.name);
        return -1;
    }
    int params_before = graph->param_count;
    for (int i = 0; i < SMT_NODE_PARAMS; i++) {
        smt_param_slot slot = smt_graph_slot(graph, &node, i);
        node.param[i] = -1;
        if (!slot.suffix || (slot.optional && !bias)) {
            continue;
        }
        node.param[i] = add_param(graph, &node, &slot, error);
        if (node.param[i] < 0) {
            while (graph->param_count > params_before) {
                smt_free(graph->params[--graph->param_count].data);
            }
            return -1;
        }
    }
    graph->nodes[index] = node;
    graph->node_count++;
    return index;
}

int smt_graph_copy_node(
    smt_graph *dst, const smt_graph *src, int index, const int *map, bool bias, smt_error *error)
{
    const smt_node *from = &src->nodes[index];
    smt_node node = *from;
    for (int i = 0; i < 2; i++) {
        node.input[i] = from->input[i] >= 0 ? map[from->input[i]] : -1;
    }
    bool has_bias = from->op != SMT_OP_BATCH_NORM && from->op != SMT_OP_AFFINE &&
                    from->op != SMT_OP_QUANTIZE && from->param[SMT_BIAS] >= 0;
    int made = smt_graph_append(dst, &node, bias || has_bias, error);
    if (made < 0) {
        return -1;
    }
    for (int i = 0; i < SMT_NODE_PARAMS; i++) {
        if (from->param[i] >= 0) {
            smt_param *to = &dst->params[dst->nodes[made].param[i]];
            const smt_param *source = &src->params[from->param[i]];
            if (smt_param_copy_values(to, source)) {
                smt_fail(error, SMT_ERR_MEMORY, "node '%s': out of memory", node.name);
                return -1;
            }
            to->trainable = source->trainable;
        }
    }
    return made;
}

int smt_graph_input(smt_graph *graph, const char *name, smt_shape shape, smt_error *error)
{
    smt_node node = smt_node_blank(SMT_OP_INPUT, name);
    node.shape = shape;
    return smt_graph_append(graph, &node, false, error);
}

static smt_node node_on(smt_op op, const char *name, int input, smt_activation activation)
{
    smt_node node = smt_node_blank(op, name);
    node.input[0] = input;
    node.activation = activation;
    return node;
}

/* A node that is its input and its activation: nothing else to say of it. */
static int add_plain(smt_graph *graph,
                     smt_op op,
                     const char *name,
                     int input,
                     smt_activation activation,
                     smt_error *error)
{
    smt_node node = node_on(op, name, input, activation);
    return smt_graph_append(graph, &node, false, error);
}

static int add_window(smt_graph *graph,
                      smt_op op,
                      const char *name,
                      int input,
                      const smt_conv_spec *spec,
                      smt_error *error)
{
    smt_node node = node_on(op, name, input, spec->activation);
    node.shape.c = spec->filters;
    node.kernel_h = spec->kernel_h;
    node.kernel_w = spec->kernel_w;
    node.stride = spec->stride;
    node.padding = spec->padding;
    node.pad_top = spec->pad[0];
    node.pad_left = spec->pad[1];
    node.pad_bottom = spec->pad[2];
    node.pad_right = spec->pad[3];
    return smt_graph_append(graph, &node, spec->bias, error);
}

int smt_graph_conv(
    smt_graph *graph, const char *name, int input, const smt_conv_spec *spec, smt_error *error)
{
    return add_window(graph, SMT_OP_CONV, name, input, spec, error);
}

int smt_graph_depthwise(
    smt_graph *graph, const char *name, int input, const smt_conv_spec *spec, smt_error *error)
{
    return add_window(graph, SMT_OP_DEPTHWISE, name, input, spec, error);
}

int smt_graph_batch_norm(smt_graph *graph,
                         const char *name,
                         int input,
                         float epsilon,
                         float momentum,
                         smt_activation activation,
                         smt_error *error)
{
    smt_node node = node_on(SMT_OP_BATCH_NORM, name, input, activation);
    node.epsilon = epsilon;
    node.momentum = momentum;
    int index = smt_graph_append(graph, &node, false, error);
    if (index >= 0) {
        smt_param *gamma = &graph->params[graph->nodes[index].param[SMT_GAMMA]];
        smt_param *variance = &graph->params[graph->nodes[index].param[SMT_VARIANCE]];
        for (size_t i = 0; i < gamma->count; i++) {
            gamma->data[i] = variance->data[i] = 1.0f;
        }
    }
    return index;
}

int smt_graph_affine(smt_graph *graph, const char *name, int input, smt_error *error)
{
    return add_plain(graph, SMT_OP_AFFINE, name, input, SMT_ACT_NONE, error);
}

int smt_graph_activation(
    smt_graph *graph, const char *name, int input, smt_activation activation, smt_error *error)
{
    return add_plain(graph, SMT_OP_ACTIVATION, name, input, activation, error);
}

int smt_graph_add(
    smt_graph *graph, const char *name, int a, int b, smt_activation activation, smt_error *error)
{
    smt_node node = node_on(SMT_OP_ADD, name, a, activation);
    node.input[1] = b;
    return smt_graph_append(graph, &node, false, error);
}

int smt_graph_multiply(smt_graph *graph, const char *name, int a, int b, smt_error *error)
{
    smt_node node = node_on(SMT_OP_MULTIPLY, name, a, SMT_ACT_NONE);
    node.input[1] = b;
    return smt_graph_append(graph, &node, false, error);
}

int smt_graph_global_pool(smt_graph *graph, const char *name, int input, smt_error *error)
{
    return add_plain(graph, SMT_OP_GLOBAL_POOL, name, input, SMT_ACT_NONE, error);
}

int smt_graph_dense(smt_graph *graph,
                    const char *name,
                    int input,
                    int units,
                    bool bias,
                    smt_activation activation,
                    smt_error *error)
{
    smt_node node = node_on(SMT_OP_DENSE, name, input, activation);
    node.shape.c = units;
    return smt_graph_append(graph, &node, bias, error);
}

int smt_graph_dropout(smt_graph *graph, const char *name, int input, float rate, smt_error *error)
{
    smt_node node = node_on(SMT_OP_DROPOUT, name, input, SMT_ACT_NONE);
    node.rate = rate;
    return smt_graph_append(graph, &node, false, error);
}

int smt_graph_softmax(smt_graph *graph, const char *name, int input, smt_error *error)
{
    return add_plain(graph, SMT_OP_SOFTMAX, name, input, SMT_ACT_NONE, error);
}

int smt_graph_quantize(smt_graph *graph,
                       const char *name,
                       int input,
                       smt_rounding rounding,
                       smt_activation activation,
                       smt_quant quant,
                       smt_error *error)
{
    smt_node node = node_on(SMT_OP_QUANTIZE, name, input, activation);
    node.rounding = rounding;
    node.quant = quant;
    int index = smt_graph_append(graph, &node, false, error);
    if (index >= 0) {
        float *range = graph->params[graph->nodes[index].param[SMT_RANGE]].data;
        range[0] = quant.scale * (float)(-128 - quant.zero_point);
        range[1] = quant.scale * (float)(127 - quant.zero_point);
    }
    return index;
}
