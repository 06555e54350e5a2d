/* smt_graph_free_gates: hard sigmoid without an operator of its own.
 *
 * A squeeze-excite gate is hard_sigmoid(z) = relu6(z + 3) / 6, multiplied onto the trunk, which a
 * convolution then projects. The 3 goes into the bias of the layer that makes z, relu6 is that
 * layer's activation, and the 1/6 goes into the weights of whatever linear layers read the product:
 * (x * relu6(z + 3)) * (w / 6). Formats without a hard sigmoid (TFLite) need no further operator,
 * and in int8 the gate's range is fixed: [0, 6]. */
#include "graph/internal.h"

/* Whether the product at node m has a gate that can be freed. */
static bool is_free(const smt_graph *g, int m)
{
    const smt_node *product = &g->nodes[m];
    if (product->op != SMT_OP_MULTIPLY || product->activation != SMT_ACT_NONE) {
        return false;
    }
    const smt_node *gate = &g->nodes[product->input[1]];
    if (!smt_op_is_layer(gate->op) || gate->activation != SMT_ACT_HARD_SIGMOID ||
        smt_graph_users(g, product->input[1]) != 1) {
        return false;
    }
    return smt_graph_only_layers_read(g, m);
}

smt_status smt_graph_free_gates(const smt_graph *g, smt_graph **out, smt_error *error)
{
    smt_error detail = {SMT_ERR_MEMORY, "out of memory"};
    smt_graph *freed = NULL;
    int *map = smt_alloc((size_t)g->node_count, sizeof *map);
    bool *gate = smt_alloc((size_t)g->node_count, sizeof *gate);
    bool *product = smt_alloc((size_t)g->node_count, sizeof *product);
    if (!map || !gate || !product || smt_graph_create(&freed, &detail)) {
        goto failed;
    }
    for (int i = 0; i < g->node_count; i++) {
        product[i] = is_free(g, i);
        if (product[i]) {
            gate[g->nodes[i].input[1]] = true;
        }
    }
    for (int i = 0; i < g->node_count; i++) {
        const smt_node *n = &g->nodes[i];
        map[i] = smt_graph_copy_node(freed, g, i, map, gate[i], &detail);
        if (map[i] < 0) {
            goto failed;
        }
        smt_node *made = &freed->nodes[map[i]];
        if (gate[i]) {
            smt_param *bias = &freed->params[made->param[SMT_BIAS]];
            made->activation = SMT_ACT_RELU6;
            for (size_t c = 0; c < bias->count; c++) {
                bias->data[c] += 3.0f;
            }
        }
        if (smt_op_is_layer(n->op) && product[n->input[0]]) {
            smt_param *weight = &freed->params[made->param[SMT_WEIGHT]];
            for (size_t k = 0; k < weight->count; k++) {
                weight->data[k] = (float)((double)weight->data[k] / 6.0);
            }
        }
    }
    smt_free(map);
    smt_free(gate);
    smt_free(product);
    *out = freed;
    return SMT_OK;
failed:
    smt_free(map);
    smt_free(gate);
    smt_free(product);
    smt_graph_destroy(&freed);
    return smt_fail(error, detail.status, "freeing gates: %s", detail.message);
}

smt_status smt_graph_with_softmax(const smt_graph *graph, smt_graph **out, smt_error *error)
{
    smt_graph *copy = NULL;
    smt_status status = smt_graph_clone(graph, &copy, error);
    if (!status && copy->nodes[copy->node_count - 1].op != SMT_OP_SOFTMAX) {
        smt_error detail = {SMT_OK, ""};
        const char *name = smt_graph_find(copy, "softmax") < 0 ? "softmax" : "probabilities";
        if (smt_graph_softmax(copy, name, copy->node_count - 1, &detail) < 0) {
            smt_graph_destroy(&copy);
            return smt_fail(error, detail.status, "adding softmax: %s", detail.message);
        }
    }
    if (!status) {
        *out = copy;
    }
    return status;
}
