/* A graph's memory, names and counts. */
#include "graph/internal.h"

#include <string.h>

smt_status smt_graph_create(smt_graph **out, smt_error *error)
{
    smt_graph *graph = smt_alloc(1, sizeof *graph);
    if (!graph) {
        return smt_fail(error, SMT_ERR_MEMORY, "graph: out of memory");
    }
    *out = graph;
    return SMT_OK;
}

void smt_graph_destroy(smt_graph **graph)
{
    if (!graph || !*graph) {
        return;
    }
    for (int i = 0; i < (*graph)->param_count; i++) {
        smt_free((*graph)->params[i].data);
        smt_free((*graph)->params[i].scale);
    }
    smt_free((*graph)->params);
    smt_free((*graph)->nodes);
    smt_free(*graph);
    *graph = NULL;
}

smt_status smt_param_scales(smt_param *param, int count, smt_error *error)
{
    float *scale = count ? smt_alloc((size_t)count, sizeof *scale) : NULL;
    if (count && !scale) {
        return smt_fail(
            error, SMT_ERR_MEMORY, "%s: out of memory for %d scales", param->name, count);
    }
    smt_free(param->scale);
    param->scale = scale;
    param->scale_count = count;
    return SMT_OK;
}

smt_status smt_param_copy_values(smt_param *to, const smt_param *from)
{
    memcpy(to->data, from->data, to->count * sizeof *to->data);
    smt_status status = smt_param_scales(to, from->scale_count, NULL);
    if (status == SMT_OK && from->scale_count) {
        memcpy(to->scale, from->scale, (size_t)from->scale_count * sizeof *to->scale);
    }
    return status;
}

smt_status smt_graph_clone(const smt_graph *graph, smt_graph **out, smt_error *error)
{
    smt_graph *copy = NULL;
    smt_status status = smt_graph_create(&copy, error);
    if (status) {
        return status;
    }
    copy->nodes = smt_alloc((size_t)graph->node_count, sizeof *copy->nodes);
    copy->params = smt_alloc((size_t)graph->param_count, sizeof *copy->params);
    if (!copy->nodes || !copy->params) {
        goto memory;
    }
    if (graph->node_count) {
        memcpy(copy->nodes, graph->nodes, (size_t)graph->node_count * sizeof *copy->nodes);
    }
    copy->node_count = graph->node_count;
    copy->node_capacity = (size_t)graph->node_count;
    copy->param_capacity = (size_t)graph->param_count;
    for (int i = 0; i < graph->param_count; i++) {
        const smt_param *from = &graph->params[i];
        smt_param *to = &copy->params[i];
        *to = *from;
        to->scale = NULL;
        to->data = smt_alloc(from->count, sizeof *to->data);
        if (!to->data) {
            goto memory;
        }
        copy->param_count++;
        if (smt_param_copy_values(to, from)) {
            goto memory;
        }
    }
    *out = copy;
    return SMT_OK;
memory:
    smt_graph_destroy(&copy);
    return smt_fail(error, SMT_ERR_MEMORY, "graph: out of memory for a copy");
}

int smt_graph_find(const smt_graph *graph, const char *name)
{
    for (int i = 0; i < graph->node_count; i++) {
        if (strcmp(graph->nodes[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

int smt_graph_find_param(const smt_graph *graph, const char *name)
{
    for (int i = 0; i < graph->param_count; i++) {
        if (strcmp(graph->params[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

int smt_graph_users(const smt_graph *graph, int index)
{
    int users = 0;
    for (int i = index + 1; i < graph->node_count; i++) {
        users += graph->nodes[i].input[0] == index || graph->nodes[i].input[1] == index;
    }
    return users;
}

static bool is_vector(const smt_graph *graph, int index)
{
    return graph->nodes[index].shape.h == 1 && graph->nodes[index].shape.w == 1;
}

bool smt_graph_is_gate(const smt_graph *graph, int a, int b)
{
    return is_vector(graph, a) && (a > b || !is_vector(graph, b));
}

bool smt_graph_only_layers_read(const smt_graph *g, int m)
{
    int users = 0, layers = 0;
    for (int i = m + 1; i < g->node_count; i++) {
        bool reads = g->nodes[i].input[0] == m || g->nodes[i].input[1] == m;
        users += reads;
        layers += reads && smt_op_is_layer(g->nodes[i].op);
    }
    return users > 0 && layers == users;
}

size_t smt_shape_count(smt_shape shape)
{
    return (size_t)shape.h * (size_t)shape.w * (size_t)shape.c;
}

const char *smt_op_name(smt_op op)
{
    static const char *const names[SMT_OP_COUNT] = {
        [SMT_OP_INPUT] = "input",
        [SMT_OP_AFFINE] = "affine",
        [SMT_OP_CONV] = "conv",
        [SMT_OP_DEPTHWISE] = "depthwise",
        [SMT_OP_BATCH_NORM] = "batch_norm",
        [SMT_OP_ACTIVATION] = "activation",
        [SMT_OP_ADD] = "add",
        [SMT_OP_MULTIPLY] = "multiply",
        [SMT_OP_GLOBAL_POOL] = "global_pool",
        [SMT_OP_DENSE] = "dense",
        [SMT_OP_DROPOUT] = "dropout",
        [SMT_OP_SOFTMAX] = "softmax",
        [SMT_OP_QUANTIZE] = "quantize",
    };
    return (unsigned)op < SMT_OP_COUNT ? names[op] : "unknown";
}

const char *smt_activation_name(smt_activation activation)
{
    switch (activation) {
    case SMT_ACT_NONE:
        return "none";
    case SMT_ACT_RELU:
        return "relu";
    case SMT_ACT_RELU6:
        return "relu6";
    case SMT_ACT_HARD_SWISH:
        return "hard_swish";
    case SMT_ACT_HARD_SIGMOID:
        return "hard_sigmoid";
    }
    return "unknown";
}

size_t smt_graph_parameter_count(const smt_graph *graph)
{
    size_t count = 0;
    for (int i = 0; i < graph->param_count; i++) {
        count += graph->params[i].trainable ? graph->params[i].count : 0;
    }
    return count;
}

uint64_t smt_graph_macs(const smt_graph *graph, int node)
{
    if (node < 0) {
        uint64_t sum = 0;
        for (int i = 0; i < graph->node_count; i++) {
            sum += smt_graph_macs(graph, i);
        }
        return sum;
    }
    const smt_node *n = &graph->nodes[node];
    uint64_t outputs = smt_shape_count(n->shape);
    uint64_t window = (uint64_t)n->kernel_h * (uint64_t)n->kernel_w;
    switch (n->op) {
    case SMT_OP_CONV:
        return outputs * window * (uint64_t)graph->nodes[n->input[0]].shape.c;
    case SMT_OP_DEPTHWISE:
        return outputs * window;
    case SMT_OP_DENSE:
        return outputs * (uint64_t)graph->nodes[n->input[0]].shape.c;
    default:
        return 0;
    }
}
