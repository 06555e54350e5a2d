/* The annotated graph: what the writers of format/ need of a quantisation. */
#include "quant/quantizer.h"

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
        node->quant = q->ranges[i];
        if (!smt_op_is_layer(node->op)) {
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

/* Rounds a layer's weights in place. mean: of its input's channels, or NULL. */
static smt_status
round_layer(smt_graph *graph, const smt_node *node, const double *mean, smt_error *error)
{
    smt_param *weight = &graph->params[node->param[SMT_WEIGHT]];
    float *steps = smt_alloc((size_t)node->shape.c, sizeof *steps);
    float *exact = smt_alloc(weight->count, sizeof *exact);
    smt_status status = SMT_OK;
    if (!steps || !exact) {
        status =
            smt_fail(error, SMT_ERR_MEMORY, "out of memory for the weights of '%s'", node->name);
        goto done;
    }
    memcpy(exact, weight->data, weight->count * sizeof *exact);
    quant_weight_steps(graph, node, steps);
    for (int c = 0; c < node->shape.c; c++) {
        channel_view view = quant_channel(graph, node, c);
        float *channel = weight->data + view.first;
        quant_round_weights(view.count, view.step, steps[c], channel, channel);
    }
    if (mean) {
        float *bias = graph->params[node->param[SMT_BIAS]].data;
        quant_shift_bias(graph, node, exact, weight->data, mean, NULL, bias);
    }
    status = annotate_weight(graph, node, steps, 0, error);
done:
    smt_free(exact);
    smt_free(steps);
    return status;
}

smt_status smt_quantize_dynamic(const smt_model *model,
                                const float *images,
                                int count,
                                const smt_quant_options *options,
                                smt_graph **out,
                                smt_error *error)
{
    smt_graph *real = NULL, *graph = NULL;
    double **mean = NULL;
    smt_status status = quant_prepare(model, options, &real, error);
    if (status == SMT_OK && images && options->equalize) {
        status = quant_equalize(real, options->pool, images, count, error);
    }
    if (status == SMT_OK && images && options->correct_bias) {
        status = quant_means(real, options->pool, images, count, &mean, error);
    }
    status = status ? status : smt_graph_with_softmax(real, &graph, error);
    for (int i = 0; status == SMT_OK && i < real->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        if (smt_op_is_layer(node->op)) {
            status = round_layer(graph, node, mean ? mean[node->input[0]] : NULL, error);
        }
    }
    if (status == SMT_OK) {
        *out = graph;
        graph = NULL;
    }
    quant_means_free(&mean);
    smt_graph_destroy(&graph);
    smt_graph_destroy(&real);
    return status;
}
