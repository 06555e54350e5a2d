/* smt_graph_fold: what training needs and inference does not.
 *
 * Batch norm at inference is y = x * s + t with s = gamma / sqrt(variance +
 * epsilon), t = beta - mean * s. After a linear layer without activation, s goes
 * into the layer's weights (per output channel) and t into its bias. Affine nodes
 * fold alike, and an activation node becomes the activation of the layer before
 * it. Where no such layer is before them but a dense one behind, s goes into the columns of its
 * weights and t, through them, into its bias. Else a batch norm becomes an affine node. Dropout
 * goes. */
#include "graph/internal.h"

#include <math.h>

/* The node that can be absorbed into the layer which so far ends at node `end`, or -1. */
static int absorbable(const smt_graph *g, int end)
{
    if (g->nodes[end].activation != SMT_ACT_NONE || smt_graph_users(g, end) != 1) {
        return -1;
    }
    for (int i = end + 1; i < g->node_count; i++) {
        smt_op op = g->nodes[i].op;
        if (g->nodes[i].input[0] == end) {
            return op == SMT_OP_BATCH_NORM || op == SMT_OP_AFFINE || op == SMT_OP_ACTIVATION ? i
                                                                                             : -1;
        }
    }
    return -1;
}

/* s and t of channel c; identity for an activation node. */
static void scale_of(const smt_graph *g, const smt_node *n, int c, double *s, double *t)
{
    *s = 1;
    *t = 0;
    if (n->op == SMT_OP_AFFINE) {
        *s = (double)g->params[n->param[SMT_SCALE]].data[c];
        *t = (double)g->params[n->param[SMT_OFFSET]].data[c];
    } else if (n->op == SMT_OP_BATCH_NORM) {
        double variance = (double)g->params[n->param[SMT_VARIANCE]].data[c];
        *s = (double)g->params[n->param[SMT_GAMMA]].data[c] / sqrt(variance + (double)n->epsilon);
        *t = (double)g->params[n->param[SMT_BETA]].data[c] -
             (double)g->params[n->param[SMT_MEAN]].data[c] * *s;
    }
}

static void absorb(smt_graph *out, int layer, const smt_graph *g, const smt_node *norm)
{
    smt_node *n = &out->nodes[layer];
    n->activation = norm->activation;
    n->quant = norm->quant;
    if (norm->op == SMT_OP_ACTIVATION) {
        return;
    }
    smt_param *weight = &out->params[n->param[SMT_WEIGHT]],
              *bias = &out->params[n->param[SMT_BIAS]];
    size_t channels = bias->count, each = weight->count / channels;
    bool last = n->op == SMT_OP_DEPTHWISE; /* where the output channel is in the weights' order */
    for (size_t c = 0; c < channels; c++) {
        double s, t;
        scale_of(g, norm, (int)c, &s, &t);
        for (size_t k = 0; k < each; k++) {
            float *w = &weight->data[last ? k * channels + c : c * each + k];
            *w = (float)((double)*w * s);
        }
        bias->data[c] = (float)((double)bias->data[c] * s + t);
    }
}

/* Whether node i is a scaling that a dense layer alone reads. A convolution would not do: what it
 * pads with is not scaled. */
static bool dense_reads(const smt_graph *g, int i)
{
    const smt_node *n = &g->nodes[i];
    if ((n->op != SMT_OP_BATCH_NORM && n->op != SMT_OP_AFFINE) || n->activation != SMT_ACT_NONE ||
        smt_graph_users(g, i) != 1) {
        return false;
    }
    int reader = i + 1;
    while (g->nodes[reader].input[0] != i && g->nodes[reader].input[1] != i) {
        reader++;
    }
    return g->nodes[reader].op == SMT_OP_DENSE;
}

static void absorb_before(smt_graph *out, int dense, const smt_graph *g, const smt_node *norm)
{
    smt_node *n = &out->nodes[dense];
    smt_param *weight = &out->params[n->param[SMT_WEIGHT]],
              *bias = &out->params[n->param[SMT_BIAS]];
    size_t each = weight->count / bias->count;
    for (size_t o = 0; o < bias->count; o++) {
        double sum = (double)bias->data[o];
        for (size_t k = 0; k < each; k++) {
            double s, t;
            scale_of(g, norm, (int)(k % (size_t)norm->shape.c), &s, &t);
            float *w = &weight->data[o * each + k];
            sum += (double)*w * t;
            *w = (float)((double)*w * s);
        }
        bias->data[o] = (float)sum;
    }
}

/* A batch norm that stands alone. */
static int
add_affine(smt_graph *out, const smt_graph *g, int index, const int *map, smt_error *error)
{
    const smt_node *norm = &g->nodes[index];
    smt_node node = smt_node_blank(SMT_OP_AFFINE, norm->name);
    node.input[0] = map[norm->input[0]];
    node.activation = norm->activation;
    node.quant = norm->quant;
    int made = smt_graph_append(out, &node, false, error);
    for (int c = 0; made >= 0 && c < norm->shape.c; c++) {
        double s, t;
        scale_of(g, norm, c, &s, &t);
        out->params[out->nodes[made].param[SMT_SCALE]].data[c] = (float)s;
        out->params[out->nodes[made].param[SMT_OFFSET]].data[c] = (float)t;
    }
    return made;
}

smt_status smt_graph_fold(const smt_graph *g, smt_graph **out, smt_error *error)
{
    smt_error detail = {SMT_ERR_MEMORY, "out of memory"};
    smt_graph *folded = NULL;
    int *map = smt_alloc((size_t)g->node_count, sizeof *map);        /* -1: not made yet */
    bool *behind = smt_alloc((size_t)g->node_count, sizeof *behind); /* goes into what reads it */
    if (!map || !behind || smt_graph_create(&folded, &detail)) {
        goto failed;
    }
    for (int i = 0; i < g->node_count; i++) {
        map[i] = -1;
        behind[i] = false;
    }
    for (int i = 0; i < g->node_count; i++) {
        const smt_node *n = &g->nodes[i];
        if (map[i] >= 0) {
            continue;
        }
        behind[i] = dense_reads(g, i);
        if (n->op == SMT_OP_DROPOUT || behind[i]) {
            map[i] = map[n->input[0]];
            continue;
        }
        if (n->op == SMT_OP_BATCH_NORM) {
            map[i] = add_affine(folded, g, i, map, &detail);
        } else {
            int next = smt_op_is_layer(n->op) ? absorbable(g, i) : -1;
            bool scaled = n->input[0] >= 0 && behind[n->input[0]];
            map[i] = smt_graph_copy_node(folded, g, i, map, next >= 0 || scaled, &detail);
            if (scaled && map[i] >= 0) {
                absorb_before(folded, map[i], g, &g->nodes[n->input[0]]);
            }
            for (; next >= 0 && map[i] >= 0; next = absorbable(g, next)) {
                absorb(folded, map[i], g, &g->nodes[next]);
                map[next] = map[i];
            }
        }
        if (map[i] < 0) {
            goto failed;
        }
    }
    smt_free(behind);
    smt_free(map);
    *out = folded;
    return SMT_OK;
failed:
    smt_free(behind);
    smt_free(map);
    smt_graph_destroy(&folded);
    return smt_fail(error, detail.status, "folding batch norm: %s", detail.message);
}
