/* The annotated graph: what the writers of format/ need of a quantisation. */
#include "quant/quantizer.h"

#include <math.h>
#include <string.h>

/* The weight's grid, and the bias's steps. */
static smt_status annotate_weight(
    smt_graph *graph, const smt_node *node, const float *steps, float input_scale, smt_error *error)
{
    smt_param *weight = &graph->params[node->param[SMT_WEIGHT]];
    smt_status status = smt_param_scales(weight, node->shape.c, error);
    if (status) {
        return status;
    }
    memcpy(weight->scale, steps, (size_t)node->shape.c * sizeof *steps);
    if (input_scale > 0) {
        smt_param *bias = &graph->params[node->param[SMT_BIAS]];
        status = smt_param_scales(bias, node->shape.c, error);
        for (int c = 0; c < node->shape.c && status == SMT_OK; c++) {
            bias->scale[c] = input_scale * steps[c];
        }
    }
    return status;
}

smt_status smt_quantizer_export(const smt_quantizer *q, smt_graph **out, smt_error *error)
{
    smt_graph *graph = NULL;
    smt_status status = smt_graph_with_softmax(q->real, &graph, error);
    for (int i = 0; i < q->real->node_count && status == SMT_OK; i++) {
        smt_node *node = &graph->nodes[i];
        const smt_node *value = &q->simulated->nodes[q->value[i]];
        node->quant.scale = q->simulated->params[value->param[SMT_SCALE]].data[0];
        node->quant.zero_point = q->ranges[i].zero_point;
        if (!quant_has_weight(node)) {
            continue;
        }
        const smt_node *made = &q->simulated->nodes[q->made[i]];
        for (int p = SMT_WEIGHT; p <= SMT_BIAS; p++) {
            const smt_param *from = &q->simulated->params[made->param[p]];
            memcpy(
                graph->params[node->param[p]].data, from->data, from->count * sizeof *from->data);
        }
        if (!q->keep[i]) {
            const float *source = q->simulated->params[value->param[SMT_SOURCE]].data;
            status = annotate_weight(graph, node, source + 1, source[0], error);
        }
    }
    if (status) {
        smt_graph_destroy(&graph);
        return status;
    }
    graph->nodes[graph->node_count - 1].quant =
        (smt_quant){.scale = 1.0f / 256, .zero_point = -128};
    *out = graph;
    return SMT_OK;
}

smt_status smt_quantize_dynamic(const smt_model *model, smt_graph **out, smt_error *error)
{
    smt_graph *folded = NULL, *gated = NULL, *graph = NULL;
    float *steps = NULL;
    smt_status status = smt_graph_fold(model->graph, &folded, error);
    status = status ? status : smt_graph_free_gates(folded, &gated, error);
    status = status ? status : smt_graph_with_softmax(gated, &graph, error);
    for (int i = 0; status == SMT_OK && i < graph->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        if (!quant_has_weight(node)) {
            continue;
        }
        steps = smt_alloc((size_t)node->shape.c, sizeof *steps);
        if (!steps) {
            status =
                smt_fail(error, SMT_ERR_MEMORY, "out of memory for the scales of '%s'", node->name);
            break;
        }
        quant_weight_scales(graph, node, 0, steps);
        float *weight = graph->params[node->param[SMT_WEIGHT]].data;
        for (int c = 0; c < node->shape.c; c++) {
            channel_view view = quant_channel(graph, node, c);
            for (size_t k = 0; k < view.count; k++) {
                float *w = &weight[view.first + k * view.step];
                *w = steps[c] * fmaxf(-127, fminf(127, roundf(*w / steps[c])));
            }
        }
        status = annotate_weight(graph, node, steps, 0, error);
        smt_free(steps);
        steps = NULL;
    }
    if (status == SMT_OK) {
        *out = graph;
        graph = NULL;
    }
    smt_free(steps);
    smt_graph_destroy(&graph);
    smt_graph_destroy(&gated);
    smt_graph_destroy(&folded);
    return status;
}
