/* What rounding loses at the logits: all of it, and each layer's alone, with only its weights and
 * value rounded. */
#include "quant/quantizer.h"

#include <math.h>
#include <string.h>

static smt_fidelity compare(const float *exact, const float *rounded, int count, int classes)
{
    double signal = 0, noise = 0, same = 0;
    for (int n = 0; n < count; n++) {
        const float *a = exact + (size_t)n * (size_t)classes,
                    *b = rounded + (size_t)n * (size_t)classes;
        for (int c = 0; c < classes; c++) {
            signal += (double)a[c] * (double)a[c];
            noise += ((double)a[c] - (double)b[c]) * ((double)a[c] - (double)b[c]);
        }
        same += smt_argmax(a, classes) == smt_argmax(b, classes);
    }
    return (smt_fidelity){.noise_db = 10 * log10(fmax(signal, 1e-30) / fmax(noise, 1e-30)),
                          .agreement = same / count};
}

static int classes_of(const smt_quantizer *q)
{
    return q->reference->nodes[q->reference->node_count - 1].shape.c;
}

smt_status smt_quantizer_fidelity(
    smt_quantizer *q, const float *images, int count, smt_fidelity *out, smt_error *error)
{
    size_t values = (size_t)count * (size_t)classes_of(q);
    float *exact = smt_alloc(values, sizeof *exact), *rounded = smt_alloc(values, sizeof *rounded);
    smt_status status =
        exact && rounded
            ? quant_logits(q->reference, q->pool, images, count, exact, error)
            : smt_fail(error, SMT_ERR_MEMORY, "out of memory for the logits of %d images", count);
    status = status ? status : quant_logits(q->simulated, q->pool, images, count, rounded, error);
    if (!status) {
        *out = compare(exact, rounded, count, classes_of(q));
    }
    smt_free(exact);
    smt_free(rounded);
    return status;
}

/* The reference network with `layer` int8: its weights
 * from the simulated graph, its value rounded plainly. */
static smt_status one_layer(const smt_quantizer *q, int layer, smt_graph **out, smt_error *error)
{
    smt_graph *graph = NULL;
    const smt_graph *from = q->reference;
    int *map = smt_alloc((size_t)from->node_count, sizeof *map);
    smt_status status =
        map ? smt_graph_create(&graph, error) : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    for (int i = 0; i < from->node_count && status == SMT_OK; i++) {
        map[i] = smt_graph_copy_node(graph, from, i, map, false, error);
        if (map[i] >= 0 && i == layer) {
            const smt_node *made = &q->simulated->nodes[q->made[i]];
            for (int p = SMT_WEIGHT; p <= SMT_BIAS; p++) {
                const smt_param *rounded = &q->simulated->params[made->param[p]];
                memcpy(graph->params[graph->nodes[map[i]].param[p]].data,
                       rounded->data,
                       rounded->count * sizeof *rounded->data);
            }
            map[i] = smt_graph_quantize(
                graph, "rounded", map[i], SMT_ROUND_PLAIN, SMT_ACT_NONE, q->ranges[i], error);
        }
        status = map[i] < 0 ? SMT_ERR_MEMORY : SMT_OK;
    }
    smt_free(map);
    if (status) {
        smt_graph_destroy(&graph);
        return status;
    }
    *out = graph;
    return SMT_OK;
}

smt_status smt_quantizer_sensitivity(smt_quantizer *q,
                                     const float *images,
                                     int count,
                                     smt_sensitivity **rows,
                                     int *row_count,
                                     smt_error *error)
{
    int classes = classes_of(q), layers = 0;
    size_t values = (size_t)count * (size_t)classes;
    for (int i = 0; i < q->reference->node_count; i++) {
        layers += smt_op_is_layer(q->reference->nodes[i].op);
    }
    float *exact = smt_alloc(values, sizeof *exact), *rounded = smt_alloc(values, sizeof *rounded);
    smt_sensitivity *table = smt_alloc((size_t)layers + 1, sizeof *table);
    smt_status status = SMT_OK;
    if (!exact || !rounded || !table) {
        status = smt_fail(
            error, SMT_ERR_MEMORY, "out of memory for the sensitivity of %d layers", layers);
        goto done;
    }
    status = quant_logits(q->reference, q->pool, images, count, exact, error);
    int row = 0;
    for (int i = 0; i < q->reference->node_count && status == SMT_OK; i++) {
        const smt_node *node = &q->reference->nodes[i];
        if (!smt_op_is_layer(node->op)) {
            continue;
        }
        smt_graph *graph = NULL;
        status = one_layer(q, i, &graph, error);
        status = status ? status : quant_logits(graph, q->pool, images, count, rounded, error);
        smt_graph_destroy(&graph);
        if (status == SMT_OK) {
            double scale = (double)q->ranges[i].scale;
            memcpy(table[row].name, node->name, sizeof table[row].name);
            table[row].range_low = scale * (-128 - q->ranges[i].zero_point);
            table[row].range_high = scale * (127 - q->ranges[i].zero_point);
            table[row++].fidelity = compare(exact, rounded, count, classes);
            smt_progress("sensitivity of layers", (size_t)row, (size_t)layers);
        }
    }
    if (status == SMT_OK) {
        *rows = table;
        *row_count = layers;
        table = NULL;
    }
done:
    smt_free(table);
    smt_free(rounded);
    smt_free(exact);
    return status;
}
