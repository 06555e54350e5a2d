/* Bias correction (Nagel et al. 2019, section 4.2, measured rather than derived): rounding shifts
 * the mean of a channel; the shift, measured on the calibration images, is taken off the bias.
 * Layers are corrected in order of execution, a few at a time, as each correction changes what
 * comes after. */
#include "quant/quantizer.h"

#include <string.h>

#define ROUNDS 14

typedef struct means {
    smt_quantizer *q;
    bool simulated; /* which graph is passed */
    const smt_exec *exec;
    double **sum; /* [real node][channel] of the layers with weights; NULL otherwise */
    int images;
    double sign;
} means;

static void add_node(void *context, int node, int worker)
{
    (void)worker;
    means *m = context;
    if (!m->sum[node]) {
        return;
    }
    const float *values = smt_exec_value(m->exec, m->simulated ? m->q->value[node] : node);
    int channels = m->q->real->nodes[node].shape.c;
    size_t pixels = smt_shape_count(m->q->real->nodes[node].shape) / (size_t)channels;
    for (size_t p = 0; p < pixels * (size_t)m->images; p++) {
        for (int c = 0; c < channels; c++) {
            m->sum[node][c] +=
                m->sign * (double)values[p * (size_t)channels + (size_t)c] / (double)pixels;
        }
    }
}

static void add(void *context, const smt_exec *exec, int first, int images)
{
    (void)first;
    means *m = context;
    m->exec = exec;
    m->images = images;
    smt_pool_run(m->q->pool, m->q->real->node_count, add_node, m);
}

/* Layers [from, to) by their count among those with weights. */
static void
correct(smt_quantizer *q, double *const *target, double *const *got, int from, int to, int count)
{
    int layer = 0;
    for (int i = 0; i < q->real->node_count; i++) {
        const smt_node *node = &q->real->nodes[i];
        if (!quant_has_weight(node)) {
            continue;
        }
        if (layer >= from && layer < to && !q->keep[i]) {
            float *bias = q->real->params[node->param[SMT_BIAS]].data;
            for (int c = 0; c < node->shape.c; c++) {
                bias[c] += (float)((target[i][c] - got[i][c]) / count);
            }
        }
        layer++;
    }
}

smt_status quant_correct_bias(smt_quantizer *q, const float *images, int count, smt_error *error)
{
    size_t nodes = (size_t)q->real->node_count, channels = 0;
    int layers = 0;
    for (size_t i = 0; i < nodes; i++) {
        bool weighted = quant_has_weight(&q->real->nodes[i]);
        channels += weighted ? (size_t)q->real->nodes[i].shape.c : 0;
        layers += weighted;
    }
    double **target = smt_alloc(nodes, sizeof *target), **got = smt_alloc(nodes, sizeof *got);
    double *values = smt_alloc(2 * channels, sizeof *values);
    smt_status status = SMT_OK;
    if (!target || !got || !values) {
        status = smt_fail(error, SMT_ERR_MEMORY, "out of memory for bias correction");
        goto done;
    }
    size_t at = 0;
    for (size_t i = 0; i < nodes; i++) {
        if (quant_has_weight(&q->real->nodes[i])) {
            target[i] = values + at;
            got[i] = values + channels + at;
            at += (size_t)q->real->nodes[i].shape.c;
        }
    }
    /* The target is what the float network gave before any correction. */
    means m = {.q = q, .sum = target, .sign = 1};
    status = quant_pass(q->reference, q->pool, images, count, add, &m, error);
    for (int round = 0; round < ROUNDS && status == SMT_OK; round++) {
        memset(values + channels, 0, channels * sizeof *values);
        m = (means){.q = q, .simulated = true, .sum = got, .sign = 1};
        status = quant_pass(q->simulated, q->pool, images, count, add, &m, error);
        if (status == SMT_OK) {
            correct(q, target, got, layers * round / ROUNDS, layers * (round + 1) / ROUNDS, count);
            quant_refresh(q);
        }
        smt_progress("correcting biases", (size_t)(round + 1), ROUNDS);
    }
done:
    smt_free(values);
    smt_free(got);
    smt_free(target);
    return status;
}
