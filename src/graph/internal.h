/* Shared by the files of graph/: appending nodes, shape inference and the layout of parameters. */
#ifndef SMT_GRAPH_INTERNAL_H
#define SMT_GRAPH_INTERNAL_H

#include <semtinel/graph.h>

/* An all-zero node without inputs and params. */
smt_node smt_node_blank(smt_op op, const char *name);

bool smt_same_shape(smt_shape a, smt_shape b);

/* Checks node's inputs (all smaller than `index`) and
 * attributes, and fills node->shape and the padding. */
smt_status smt_graph_derive(const smt_graph *graph, int index, smt_node *node, smt_error *error);

typedef struct smt_param_slot {
    const char *suffix; /* ".weight"; NULL: the operator has no such param */
    int rank;
    int dim[4];
    bool trainable;
    bool optional;
} smt_param_slot;
/* What param `slot` of a derived node must look like. */
smt_param_slot smt_graph_slot(const smt_graph *graph, const smt_node *node, int slot);

/* Derives, allocates zeroed params (the optional one
 * if `bias`) and appends; the node's index or -1. */
int smt_graph_append(smt_graph *graph, const smt_node *node, bool bias, smt_error *error);

/* Appends a copy of src's node with its params' values; its inputs are looked up in `map` (src
 * index -> index in dst). `bias` asks for a bias even where the node has none (then zero). The new
 * index or -1. */
int smt_graph_copy_node(
    smt_graph *dst, const smt_graph *src, int index, const int *map, bool bias, smt_error *error);

/* Whether some node reads node m, and all that do are layers. */
bool smt_graph_only_layers_read(const smt_graph *g, int m);

/* Data and scales of a param of the same count. */
smt_status smt_param_copy_values(smt_param *to, const smt_param *from);

#endif
