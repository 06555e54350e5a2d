/* smt_graph_sum: several networks on one input as one graph. */
#include "graph/internal.h"

#include <stdio.h>
#include <string.h>

/* Appends `one`, whose input becomes node 0, with "netNUMBER." before its names; its last node's
 * index, or -1. */
static int append(smt_graph *sum, const smt_graph *one, int number, smt_error *error)
{
    smt_graph *named = NULL;
    int last = -1;
    int *map = smt_alloc((size_t)one->node_count, sizeof *map); /* map[0]: node 0 */
    if (!map || smt_graph_clone(one, &named, error)) {
        smt_free(map);
        smt_fail(error, SMT_ERR_MEMORY, "out of memory");
        return -1;
    }
    for (int i = 1; i < named->node_count; i++) {
        char name[SMT_NAME_MAX]; /* one that is too long is refused by the copy */
        snprintf(name, sizeof name, "net%d.%.80s", number, one->nodes[i].name);
        memcpy(named->nodes[i].name, name, sizeof name);
        last = map[i] = smt_graph_copy_node(sum, named, i, map, false, error);
        if (last < 0) {
            break;
        }
    }
    smt_graph_destroy(&named);
    smt_free(map);
    return last;
}

smt_status
smt_graph_sum(const smt_graph *const *graphs, int count, smt_graph **out, smt_error *error)
{
    smt_error detail = {SMT_ERR_MEMORY, "out of memory"};
    smt_graph *graph = NULL;
    if (smt_graph_create(&graph, &detail) ||
        smt_graph_input(graph, graphs[0]->nodes[0].name, graphs[0]->nodes[0].shape, &detail) < 0) {
        goto failed;
    }
    for (int g = 0, sum = -1; g < count; g++) {
        smt_shape a = graph->nodes[0].shape, b = graphs[g]->nodes[0].shape;
        if (!smt_same_shape(a, b)) {
            smt_fail(&detail,
                     SMT_ERR_ARGUMENT,
                     "inputs of %d x %d x %d and of %d x %d x %d",
                     a.h,
                     a.w,
                     a.c,
                     b.h,
                     b.w,
                     b.c);
            goto failed;
        }
        int last = append(graph, graphs[g], g + 1, &detail);
        if (last >= 0 && g) {
            char name[SMT_NAME_MAX];
            snprintf(name, sizeof name, "sum%d", g + 1);
            last = smt_graph_add(graph, name, sum, last, SMT_ACT_NONE, &detail);
        }
        if (last < 0) {
            goto failed;
        }
        sum = last;
    }
    *out = graph;
    return SMT_OK;
failed:
    smt_graph_destroy(&graph);
    return smt_fail(error, detail.status, "sum of networks: %s", detail.message);
}
