/* The form of a network that is quantised: one node for each operator of the file to come. */
#include "base/guess.h"
#include "quant/quantizer.h"

#include <stdio.h>
#include <string.h>

static smt_status refuse(const smt_node *node, const char *why, smt_error *error)
{
    return smt_fail(
        error, SMT_ERR_UNSUPPORTED, "node '%s' (%s): %s", node->name, smt_op_name(node->op), why);
}

static smt_status check_node(const smt_node *node, smt_error *error)
{
    if (node->activation == SMT_ACT_HARD_SIGMOID) {
        return refuse(
            node, "a hard-sigmoid that no convolution follows cannot be quantised", error);
    }
    switch (node->op) {
    case SMT_OP_AFFINE:
        return refuse(node,
                      node->input[0] == 0
                          ? "networks with scaling inside cannot be quantised; give the one that "
                            "was exported without --raw-input, or train from it first"
                          : "a scaling that no layer takes into its weights cannot be quantised; "
                            "train from this network first",
                      error);
    case SMT_OP_BATCH_NORM:
        return refuse(
            node, "batch norm without a convolution before it cannot be quantised", error);
    case SMT_OP_ACTIVATION:
        return node->activation == SMT_ACT_HARD_SWISH
                   ? SMT_OK
                   : refuse(node, "cannot be quantised alone", error);
    case SMT_OP_QUANTIZE:
        return refuse(node, "is quantised already", error);
    default:
        return SMT_OK;
    }
}

/* x relu6(x + 3) / 6 with both factors by convolution: the layer's own, a sixth of it, and the
 * same again with 3 in its bias and relu6, whose range is fixed. A factor of a channel passes the
 * product, as it does not pass hard-swish, so that the channels can be evened out (equalize.c). */
static int
append_split(smt_graph *dst, const smt_graph *src, int i, const int *map, smt_error *error)
{
    char name[SMT_NAME_MAX];
    int part[2];
    for (int k = 1; k >= 0; k--) { /* the gate gives its name free first */
        part[k] = smt_graph_copy_node(dst, src, i, map, true, error);
        if (part[k] < 0) {
            return -1;
        }
        smt_node *node = &dst->nodes[part[k]];
        smt_param *weight = &dst->params[node->param[SMT_WEIGHT]];
        smt_param *bias = &dst->params[node->param[SMT_BIAS]];
        node->activation = k ? SMT_ACT_RELU6 : SMT_ACT_NONE;
        for (size_t w = 0; k == 0 && w < weight->count; w++) {
            weight->data[w] /= 6;
        }
        for (size_t c = 0; c < bias->count; c++) {
            bias->data[c] = k ? bias->data[c] + 3 : bias->data[c] / 6;
        }
        if (k) {
            snprintf(node->name, sizeof node->name, "%.74s.gate", src->nodes[i].name);
            snprintf(weight->name, sizeof weight->name, "%.80s.weight", node->name);
            snprintf(bias->name, sizeof bias->name, "%.80s.bias", node->name);
        }
    }
    snprintf(name, sizeof name, "%.80s.swish", src->nodes[i].name);
    return smt_graph_multiply(dst, name, part[0], part[1], error);
}

static bool is_split(const smt_graph *src, int i, const smt_quant_options *options)
{
    const smt_node *node = &src->nodes[i];
    if (!smt_op_is_layer(node->op)) {
        return false;
    }
    if (options->split_first && node->input[0] == 0) {
        return true;
    }
    for (int k = 0; k < options->split_count; k++) {
        if (!strcmp(options->split[k], node->name)) {
            return true;
        }
    }
    return false;
}

/* Appends src's node i to dst, a fused hard-swish behind it. */
static smt_status append(smt_graph *dst,
                         const smt_graph *src,
                         int i,
                         int *map,
                         const smt_quant_options *options,
                         smt_error *error)
{
    const smt_node *from = &src->nodes[i];
    smt_status status = check_node(from, error);
    if (status) {
        return status;
    }
    bool swish = from->activation == SMT_ACT_HARD_SWISH && from->op != SMT_OP_ACTIVATION;
    if (swish && is_split(src, i, options)) {
        map[i] = append_split(dst, src, i, map, error);
        return map[i] < 0 ? SMT_ERR_MEMORY : SMT_OK;
    }
    map[i] = smt_graph_copy_node(dst, src, i, map, smt_op_is_layer(from->op), error);
    if (map[i] < 0) {
        return SMT_ERR_MEMORY;
    }
    if (swish) {
        char name[SMT_NAME_MAX];
        snprintf(name, sizeof name, "%.80s.swish", from->name);
        dst->nodes[map[i]].activation = SMT_ACT_NONE;
        map[i] = smt_graph_activation(dst, name, map[i], SMT_ACT_HARD_SWISH, error);
    }
    return map[i] < 0 ? SMT_ERR_MEMORY : SMT_OK;
}

int quant_find_layer(const smt_graph *graph, const char *name, bool swish, smt_error *error)
{
    smt_guess guess = {0};
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        if (smt_op_is_layer(node->op) && (!swish || node->activation == SMT_ACT_HARD_SWISH)) {
            if (strcmp(node->name, name) == 0) {
                return i;
            }
            smt_nearest(&guess, name, node->name);
        }
    }
    char hint[SMT_HINT_MAX];
    smt_fail(error,
             SMT_ERR_ARGUMENT,
             "no layer with %s is called '%s'; %s",
             swish ? "weights and hard-swish" : "weights",
             name,
             smt_hint(&guess, hint, "'semtinel info' lists the names"));
    return -1;
}

smt_status quant_prepare(const smt_model *model,
                         const smt_quant_options *options,
                         smt_graph **out,
                         smt_error *error)
{
    smt_graph *folded = NULL, *gated = NULL, *graph = NULL;
    int *map = NULL;
    smt_status status = smt_graph_fold(model->graph, &folded, error);
    status = status ? status : smt_graph_free_gates(folded, &gated, error);
    for (int i = 0; i < options->split_count && !status; i++) {
        status =
            quant_find_layer(gated, options->split[i], true, error) < 0 ? SMT_ERR_ARGUMENT : SMT_OK;
    }
    status = status ? status : smt_graph_create(&graph, error);
    if (status) {
        goto done;
    }
    map = smt_alloc((size_t)gated->node_count, sizeof *map);
    if (!map) {
        status = smt_fail(error, SMT_ERR_MEMORY, "out of memory for a graph");
        goto done;
    }
    for (int i = 0; i < gated->node_count && status == SMT_OK; i++) {
        bool last = i == gated->node_count - 1;
        if (gated->nodes[i].op == SMT_OP_SOFTMAX && !last) {
            status =
                refuse(&gated->nodes[i], "a softmax inside the network cannot be quantised", error);
        } else if (gated->nodes[i].op != SMT_OP_SOFTMAX) {
            status = append(graph, gated, i, map, options, error);
        }
    }
    if (status == SMT_OK) {
        *out = graph;
        graph = NULL;
    }
done:
    smt_free(map);
    smt_graph_destroy(&graph);
    smt_graph_destroy(&gated);
    smt_graph_destroy(&folded);
    return status;
}
