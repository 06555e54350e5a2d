/* smt_graph_check: every rule of graph.h, for graphs that did not come from the builders alone. */
#include "graph/internal.h"

#include <string.h>

static bool same_geometry(const smt_node *a, const smt_node *b)
{
    return a->shape.h == b->shape.h && a->shape.w == b->shape.w && a->shape.c == b->shape.c &&
           a->pad_top == b->pad_top && a->pad_left == b->pad_left &&
           a->pad_bottom == b->pad_bottom && a->pad_right == b->pad_right;
}

static smt_status
check_params(const smt_graph *graph, int index, unsigned char *owned, smt_error *error)
{
    const smt_node *n = &graph->nodes[index];
    for (int i = 0; i < SMT_NODE_PARAMS; i++) {
        smt_param_slot slot = smt_graph_slot(graph, n, i);
        int p = n->param[i];
        if (p == -1 && (!slot.suffix || slot.optional)) {
            continue;
        }
        if (p < 0 || p >= graph->param_count || !slot.suffix || owned[p]) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "node %d '%s' (%s): its param %d is missing, shared or not allowed",
                            index,
                            n->name,
                            smt_op_name(n->op),
                            i);
        }
        owned[p] = 1;
        const smt_param *param = &graph->params[p];
        size_t count = 1;
        bool ok = param->rank == slot.rank && param->data;
        for (int d = 0; ok && d < slot.rank; d++) {
            ok = param->dim[d] == slot.dim[d];
            count *= (size_t)slot.dim[d];
        }
        if (!ok || param->count != count || count > SMT_PARAM_MAX) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "node %d '%s': its %s does not have the shape that the node needs",
                            index,
                            n->name,
                            slot.suffix + 1);
        }
        size_t length = strlen(n->name);
        if (strncmp(param->name, n->name, length) || strcmp(param->name + length, slot.suffix)) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "node %d '%s': its %s has another name",
                            index,
                            n->name,
                            slot.suffix + 1);
        }
    }
    return SMT_OK;
}

smt_status smt_graph_check(const smt_graph *graph, smt_error *error)
{
    if (graph->node_count < 1 || graph->node_count > SMT_NODE_MAX ||
        graph->nodes[0].op != SMT_OP_INPUT) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "a graph has 1 .. %d nodes, the first of which is its input",
                        SMT_NODE_MAX);
    }
    unsigned char *owned = smt_alloc((size_t)graph->param_count, 1);
    if (!owned) {
        return smt_fail(error, SMT_ERR_MEMORY, "graph: out of memory for checking");
    }
    smt_status status = SMT_OK;
    for (int i = 0; !status && i < graph->node_count; i++) {
        smt_node node = graph->nodes[i];
        status = smt_graph_derive(graph, i, &node, error);
        if (!status && !same_geometry(&node, &graph->nodes[i])) {
            status =
                smt_fail(error,
                         SMT_ERR_ARGUMENT,
                         "node %d '%s': shape %d x %d x %d or its padding contradicts its inputs",
                         i,
                         node.name,
                         graph->nodes[i].shape.h,
                         graph->nodes[i].shape.w,
                         graph->nodes[i].shape.c);
        }
        if (!status) {
            status = check_params(graph, i, owned, error);
        }
    }
    for (int i = 0; !status && i < graph->param_count; i++) {
        if (!owned[i]) {
            status = smt_fail(
                error, SMT_ERR_ARGUMENT, "param '%s' belongs to no node", graph->params[i].name);
        }
    }
    smt_free(owned);
    return status;
}
