/* The simulated network: every value followed by its
 * QUANTIZE node, weights and biases on their grids. */
#include "quant/quantizer.h"

#include "edge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* TensorFlow Lite's arithmetic decides how each operator's result is rounded. Addition and
 * concatenation work at 20 spare bits, which is plain rounding. */
static smt_rounding rounding_of(const smt_node *node)
{
    if (smt_op_is_layer(node->op) || node->op == SMT_OP_MULTIPLY) {
        return SMT_ROUND_PRODUCT;
    }
    if (node->op == SMT_OP_GLOBAL_POOL) {
        return SMT_ROUND_MEAN;
    }
    return node->op == SMT_OP_ACTIVATION ? SMT_ROUND_TABLE : SMT_ROUND_PLAIN;
}

static smt_status append(smt_quantizer *q, int i, smt_error *error)
{
    const smt_node *from = &q->real->nodes[i];
    smt_graph *graph = q->simulated;
    char name[SMT_NAME_MAX];
    smt_rounding rounding = q->keep[i] ? SMT_ROUND_PLAIN : rounding_of(from);
    snprintf(name, sizeof name, "%.80s.q", from->name);
    if (rounding == SMT_ROUND_TABLE) {
        /* The table computes the function itself. */
        q->made[i] = -1;
        q->value[i] = smt_graph_quantize(
            graph, name, q->value[from->input[0]], rounding, from->activation, q->ranges[i], error);
    } else {
        q->made[i] = smt_graph_copy_node(graph, q->real, i, q->value, false, error);
        if (q->made[i] < 0) {
            return SMT_ERR_MEMORY;
        }
        q->value[i] = smt_graph_quantize(
            graph, name, q->made[i], rounding, SMT_ACT_NONE, q->ranges[i], error);
    }
    if (q->value[i] < 0) {
        return SMT_ERR_MEMORY;
    }
    /* Ranges that are fixed by construction stay. */
    bool fixed = from->op == SMT_OP_INPUT || from->activation == SMT_ACT_RELU6;
    graph->params[graph->nodes[q->value[i]].param[SMT_RANGE]].trainable = !fixed;
    return SMT_OK;
}

/* A value that is never negative keeps its lower end. */
static void refresh_range(smt_quantizer *q, int i)
{
    smt_node *value = &q->simulated->nodes[q->value[i]];
    smt_param *range = &q->simulated->params[value->param[SMT_RANGE]];
    if (range->trainable) {
        bool positive = q->ranges[i].zero_point == -128;
        range->data[0] = positive ? 0 : fminf(range->data[0], 0);
        range->data[1] = fmaxf(range->data[1], range->data[0] + 1e-5f);
        value->quant = quant_of_range((double)range->data[0], (double)range->data[1]);
        value->quant.zero_point = positive ? -128 : value->quant.zero_point;
        q->ranges[i] = value->quant;
    }
}

static void refresh_weight(smt_quantizer *q, int i, float *source)
{
    const smt_node *node = &q->real->nodes[i];
    const smt_node *made = &q->simulated->nodes[q->made[i]];
    const smt_param *weight = &q->real->params[node->param[SMT_WEIGHT]];
    const smt_param *bias = &q->real->params[node->param[SMT_BIAS]];
    float *to = q->simulated->params[made->param[SMT_WEIGHT]].data;
    float *to_bias = q->simulated->params[made->param[SMT_BIAS]].data;
    if (q->keep[i]) {
        memcpy(to, weight->data, weight->count * sizeof *to);
        memcpy(to_bias, bias->data, bias->count * sizeof *to_bias);
        return;
    }
    source[0] = q->ranges[node->input[0]].scale;
    for (int c = 0; c < node->shape.c; c++) {
        channel_view view = quant_channel(q->real, node, c);
        float step = fmaxf(q->steps[i][c], quant_least_step(bias->data[c], source[0]));
        source[1 + c] = step;
        quant_round_weights(
            view.count, view.step, step, weight->data + view.first, to + view.first);
        double bias_step = (double)source[0] * (double)step;
        to_bias[c] = (float)(bias_step * round((double)bias->data[c] / bias_step));
    }
}

static void refresh_table(smt_quantizer *q, int i, float *source)
{
    smt_quant from = q->ranges[q->real->nodes[i].input[0]], to = q->ranges[i];
    int8_t table[256];
    source[0] = from.scale;
    source[1] = (float)from.zero_point;
    smt_edge_element_table(
        SMT_EDGE_HARD_SWISH, from.scale, from.zero_point, to.scale, to.zero_point, table);
    for (int k = 0; k < 256; k++) {
        source[2 + k] = (float)table[k];
    }
}

static void refresh_node(void *context, int i, int worker)
{
    (void)worker;
    smt_quantizer *q = context;
    const smt_node *node = &q->real->nodes[i], *value = &q->simulated->nodes[q->value[i]];
    float *source =
        value->param[SMT_SOURCE] >= 0 ? q->simulated->params[value->param[SMT_SOURCE]].data : NULL;
    if (smt_op_is_layer(node->op)) {
        refresh_weight(q, i, source);
    } else if (node->op == SMT_OP_MULTIPLY) {
        source[0] = q->ranges[node->input[0]].scale;
        for (int c = 0; c < node->shape.c; c++) {
            source[1 + c] = q->ranges[node->input[1]].scale;
        }
    } else if (node->op == SMT_OP_GLOBAL_POOL) {
        smt_shape in = q->real->nodes[node->input[0]].shape;
        source[0] = q->ranges[node->input[0]].scale;
        source[1] = (float)(in.h * in.w);
    } else if (value->rounding == SMT_ROUND_TABLE) {
        refresh_table(q, i, source);
    }
}

void quant_refresh(smt_quantizer *q)
{
    for (int i = 0; i < q->real->node_count; i++) {
        refresh_range(q, i);
    }
    smt_pool_run(q->pool, q->real->node_count, refresh_node, q);
}

smt_status quant_simulate(smt_quantizer *q, smt_error *error)
{
    smt_status status = smt_graph_create(&q->simulated, error);
    for (int i = 0; i < q->real->node_count && status == SMT_OK; i++) {
        status = append(q, i, error);
    }
    for (int i = 0; i < q->real->node_count && status == SMT_OK; i++) {
        const smt_node *node = &q->real->nodes[i];
        if (smt_op_is_layer(node->op)) {
            q->steps[i] = smt_alloc((size_t)node->shape.c, sizeof **q->steps);
            if (!q->steps[i]) {
                status = smt_fail(error, SMT_ERR_MEMORY, "out of memory for the weights' steps");
            } else {
                quant_weight_steps(q->real, node, q->steps[i]);
            }
        }
    }
    if (status == SMT_OK) {
        quant_refresh(q);
    }
    return status;
}
