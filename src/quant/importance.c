/* How much an error of a channel matters, by its way to the logits.
 *
 * An error of variance 1 in channel c of a layer's input adds the sum of w[o][c]^2 to the variance
 * of output o. Followed back from the logits through all layers, with activations taken as the
 * identity and gates as 1, this gives each channel a weight: calibration then cuts a range where a
 * few unimportant channels reach far, and the fine steps go to those that the next layer amplifies.
 * The squeeze-excite branch is left out where the main branch reads the same value. */
#include "quant/quantizer.h"

/* Adds what reader `node` makes of its input's channels. */
static void add_reader(const smt_graph *graph, const smt_node *node, const float *own, float *to)
{
    int inputs = graph->nodes[node->input[0]].shape.c;
    if (!smt_op_is_layer(node->op)) {
        for (int c = 0; c < inputs; c++) {
            to[c] += own[c];
        }
        return;
    }
    const smt_param *weight = &graph->params[node->param[SMT_WEIGHT]];
    size_t channels = (size_t)node->shape.c, each = weight->count / channels;
    for (size_t i = 0; i < weight->count; i++) {
        size_t o = node->op == SMT_OP_DEPTHWISE ? i % channels : i / each;
        to[i % (size_t)inputs] += own[o] * weight->data[i] * weight->data[i];
    }
}

static void normalise(float *values, int count)
{
    double sum = 0;
    for (int c = 0; c < count; c++) {
        sum += (double)values[c];
    }
    for (int c = 0; c < count; c++) {
        values[c] = sum > 0 ? (float)((double)values[c] * count / sum) : 1;
    }
}

smt_status quant_importance(const smt_graph *graph, float ***out, smt_error *error)
{
    float **table = smt_alloc((size_t)graph->node_count, sizeof *table);
    bool complete = table != NULL;
    for (int i = 0; complete && i < graph->node_count; i++) {
        table[i] = smt_alloc((size_t)graph->nodes[i].shape.c, sizeof **table);
        complete = table[i] != NULL;
    }
    if (!complete) {
        for (int i = 0; table && i < graph->node_count; i++) {
            smt_free(table[i]);
        }
        smt_free(table);
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for the importance of channels");
    }
    for (int i = graph->node_count - 1; i >= 0; i--) {
        bool main_branch = false;
        for (int pass = 0; pass < 2; pass++) {
            for (int r = i + 1; r < graph->node_count; r++) {
                const smt_node *reader = &graph->nodes[r];
                bool pool = reader->op == SMT_OP_GLOBAL_POOL;
                for (int k = 0; k < 2; k++) {
                    if (reader->input[k] == i && (pass ? pool && !main_branch : !pool)) {
                        add_reader(graph, reader, table[r], table[i]);
                        main_branch = main_branch || !pass;
                    }
                }
            }
        }
        normalise(table[i], graph->nodes[i].shape.c);
    }
    *out = table;
    return SMT_OK;
}
