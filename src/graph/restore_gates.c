/* smt_graph_restore_gates: the reverse of smt_graph_free_gates, for networks from files.
 * Recognised, each read once only, x any trunk whose product is read by linear layers:
 *
 *     x * relu6(z)               our own exports
 *     x * (relu6(z) * s)         Keras and slim; s is 1/6, or 0.16667 rounded by hand
 *
 * Both become x * hard_sigmoid(z - 3), with 6 s into the weights of the readers. */
#include "graph/internal.h"

/* One number s with affine node n = s * x, or 0. */
static float uniform_scale(const smt_graph *g, const smt_node *n)
{
    const smt_param *scale = &g->params[n->param[SMT_SCALE]],
                    *offset = &g->params[n->param[SMT_OFFSET]];
    for (size_t c = 0; c < scale->count; c++) {
        if (scale->data[c] < scale->data[0] || scale->data[c] > scale->data[0] ||
            offset->data[c] < 0 || offset->data[c] > 0) {
            return 0;
        }
    }
    return n->activation == SMT_ACT_NONE ? scale->data[0] : 0;
}

/* The gate layer of product m and, if there is one, the affine node between (else -1). False:
 * nothing to restore. */
static bool find_gate(const smt_graph *g, int m, int *gate, int *between, float *factor)
{
    const smt_node *product = &g->nodes[m];
    if (product->op != SMT_OP_MULTIPLY || product->activation != SMT_ACT_NONE) {
        return false;
    }
    *gate = product->input[1];
    *between = -1;
    *factor = 6;
    if (g->nodes[*gate].op == SMT_OP_AFFINE && smt_graph_users(g, *gate) == 1) {
        *between = *gate;
        *factor = 6 * uniform_scale(g, &g->nodes[*gate]);
        *gate = g->nodes[*gate].input[0];
    }
    const smt_node *n = &g->nodes[*gate];
    if (!(*factor > 0) || !smt_op_is_layer(n->op) || n->activation != SMT_ACT_RELU6 ||
        n->shape.h != 1 || n->shape.w != 1 || product->shape.c != n->shape.c ||
        smt_graph_users(g, *gate) != 1) {
        return false;
    }
    return smt_graph_only_layers_read(g, m);
}

smt_status smt_graph_restore_gates(const smt_graph *g, smt_graph **out, smt_error *error)
{
    smt_error detail = {SMT_ERR_MEMORY, "out of memory"};
    smt_graph *made = NULL;
    size_t count = (size_t)g->node_count;
    int *map = smt_alloc(count, sizeof *map);
    bool *is_gate = smt_alloc(count, sizeof *is_gate), *dropped = smt_alloc(count, sizeof *dropped);
    float *factors = smt_alloc(count, sizeof *factors); /* of products; 0: none */
    if (!map || !is_gate || !dropped || !factors || smt_graph_create(&made, &detail)) {
        goto failed;
    }
    for (int i = 0; i < g->node_count; i++) {
        int gate, between;
        float factor;
        if (find_gate(g, i, &gate, &between, &factor)) {
            factors[i] = factor;
            is_gate[gate] = true;
            if (between >= 0) {
                dropped[between] = true;
            }
        }
    }
    for (int i = 0; i < g->node_count; i++) {
        const smt_node *n = &g->nodes[i];
        if (dropped[i]) {
            map[i] = map[n->input[0]];
            continue;
        }
        map[i] = smt_graph_copy_node(made, g, i, map, is_gate[i], &detail);
        if (map[i] < 0) {
            goto failed;
        }
        smt_node *copy = &made->nodes[map[i]];
        if (is_gate[i]) {
            smt_param *bias = &made->params[copy->param[SMT_BIAS]];
            copy->activation = SMT_ACT_HARD_SIGMOID;
            for (size_t c = 0; c < bias->count; c++) {
                bias->data[c] -= 3.0f;
            }
        }
        if (smt_op_is_layer(n->op) && factors[n->input[0]] > 0) {
            smt_param *weight = &made->params[copy->param[SMT_WEIGHT]];
            for (size_t k = 0; k < weight->count; k++) {
                weight->data[k] *= factors[n->input[0]];
            }
        }
    }
    smt_free(map);
    smt_free(is_gate);
    smt_free(dropped);
    smt_free(factors);
    *out = made;
    return SMT_OK;
failed:
    smt_free(map);
    smt_free(is_gate);
    smt_free(dropped);
    smt_free(factors);
    smt_graph_destroy(&made);
    return smt_fail(error, detail.status, "restoring gates: %s", detail.message);
}

smt_status
smt_graph_with_size(const smt_graph *g, int height, int width, smt_graph **out, smt_error *error)
{
    smt_error detail = {SMT_ERR_MEMORY, "out of memory"};
    smt_graph *made = NULL;
    int *map = smt_alloc((size_t)g->node_count, sizeof *map);
    if (!map || smt_graph_create(&made, &detail)) {
        goto failed;
    }
    for (int i = 0; i < g->node_count; i++) {
        if (g->nodes[i].op == SMT_OP_INPUT) {
            map[i] = smt_graph_input(
                made, g->nodes[i].name, (smt_shape){height, width, g->nodes[i].shape.c}, &detail);
        } else {
            map[i] = smt_graph_copy_node(made, g, i, map, false, &detail);
        }
        if (map[i] < 0) {
            goto failed;
        }
    }
    smt_free(map);
    *out = made;
    return SMT_OK;
failed:
    smt_free(map);
    smt_graph_destroy(&made);
    return smt_fail(
        error, detail.status, "a network for %d x %d pixels: %s", height, width, detail.message);
}
