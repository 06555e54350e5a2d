#include "quant/quantizer.h"

#include <string.h>

smt_quant_options smt_quant_defaults(void)
{
    return (smt_quant_options){.method = SMT_RANGE_MSE,
                               .percentile = 99.99,
                               .equalize = true,
                               .correct_bias = true,
                               .split_first = true};
}

/* Whether a node is the layer, or the other half of one that is split (prepare.c). */
static bool is_part(const smt_node *node, const char *layer)
{
    size_t length = strlen(layer);
    return smt_op_is_layer(node->op) && strncmp(node->name, layer, length) == 0 &&
           (!node->name[length] || strcmp(node->name + length, ".gate") == 0);
}

static smt_status mark_float(smt_quantizer *q, const smt_quant_options *options, smt_error *error)
{
    for (int i = 0; i < options->keep_count; i++) {
        if (quant_find_layer(q->real, options->keep_float[i], false, error) < 0) {
            return SMT_ERR_ARGUMENT;
        }
        for (int n = 0; n < q->real->node_count; n++) {
            q->keep[n] = q->keep[n] || is_part(&q->real->nodes[n], options->keep_float[i]);
        }
    }
    return SMT_OK;
}

static smt_status check_options(const smt_quant_options *options, int count, smt_error *error)
{
    if (!options->pool || count < 1) {
        return smt_fail(error, SMT_ERR_ARGUMENT, "calibration needs a pool and at least one image");
    }
    if (!(options->percentile >= 50 && options->percentile <= 100)) {
        return smt_fail(
            error, SMT_ERR_ARGUMENT, "percentile %g is not in 50 .. 100", options->percentile);
    }
    return SMT_OK;
}

smt_status smt_quantizer_create(const smt_model *model,
                                const float *images,
                                int count,
                                const smt_quant_options *options,
                                smt_quantizer **out,
                                smt_error *error)
{
    smt_status status = check_options(options, count, error);
    if (status) {
        return status;
    }
    smt_quantizer *q = smt_alloc(1, sizeof *q);
    if (!q) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    q->pool = options->pool;
    status = quant_prepare(model, options, &q->real, error);
    if (status) {
        goto done;
    }
    size_t nodes = (size_t)q->real->node_count;
    q->ranges = smt_alloc(nodes, sizeof *q->ranges);
    q->steps = smt_alloc(nodes, sizeof *q->steps);
    q->keep = smt_alloc(nodes, sizeof *q->keep);
    q->made = smt_alloc(nodes, sizeof *q->made);
    q->value = smt_alloc(nodes, sizeof *q->value);
    if (!q->ranges || !q->steps || !q->keep || !q->made || !q->value) {
        status = smt_fail(error, SMT_ERR_MEMORY, "out of memory");
        goto done;
    }
    status = mark_float(q, options, error);
    if (status == SMT_OK && options->equalize) {
        status = quant_equalize(q->real, q->pool, images, count, error);
    }
    status = status ? status : smt_graph_clone(q->real, &q->reference, error);
    status = status ? status : quant_calibrate(q, images, count, options, error);
    status = status ? status : quant_simulate(q, error);
    if (status == SMT_OK && options->correct_bias) {
        status = quant_correct_bias(q, images, count, error);
    }
done:
    if (status) {
        smt_quantizer_destroy(&q);
    } else {
        *out = q;
    }
    return status;
}

void smt_quantizer_destroy(smt_quantizer **quantizer)
{
    if (quantizer && *quantizer) {
        smt_quantizer *q = *quantizer;
        for (int i = 0; q->steps && i < q->real->node_count; i++) {
            smt_free(q->steps[i]);
        }
        smt_free(q->steps);
        smt_graph_destroy(&q->real);
        smt_graph_destroy(&q->reference);
        smt_graph_destroy(&q->simulated);
        smt_free(q->ranges);
        smt_free(q->keep);
        smt_free(q->made);
        smt_free(q->value);
        smt_free(q);
        *quantizer = NULL;
    }
}
