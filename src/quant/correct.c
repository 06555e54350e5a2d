/* Bias correction (Nagel et al. 2019, arXiv 1906.04721, section 4.2): rounding moves a weight by
 * some part of its step, and where the input's mean is large against its variation, the sum of
 * these moves times the mean is a shift of the output. With the means of the float network's values
 * over the calibration images the shift is known, and taken off the bias. */
#include "quant/quantizer.h"

typedef struct mean_pass {
    const smt_graph *graph;
    smt_pool *pool;
    const smt_exec *exec;
    const float *images;
    double **sum; /* [node][channel], of the means over the pixels */
    int first, count;
} mean_pass;

static void add_node(void *context, int node, int worker)
{
    (void)worker;
    const mean_pass *m = context;
    smt_shape shape = m->graph->nodes[node].shape;
    const float *values = node ? smt_exec_value(m->exec, node)
                               : m->images + (size_t)m->first * smt_shape_count(shape);
    size_t channels = (size_t)shape.c, pixels = (size_t)shape.h * (size_t)shape.w;
    for (size_t p = 0; p < pixels * (size_t)m->count; p++) {
        for (size_t c = 0; c < channels; c++) {
            m->sum[node][c] += (double)values[p * channels + c] / (double)pixels;
        }
    }
}

static void add(void *context, const smt_exec *exec, int first, int images)
{
    mean_pass *m = context;
    m->exec = exec;
    m->first = first;
    m->count = images;
    smt_pool_run(m->pool, m->graph->node_count, add_node, m);
}

void quant_shift_bias(const smt_graph *graph,
                      const smt_node *node,
                      const float *exact,
                      const float *rounded,
                      const double *mean,
                      float *bias)
{
    size_t inputs = (size_t)graph->nodes[node->input[0]].shape.c;
    for (int c = 0; c < node->shape.c; c++) {
        channel_view view = quant_channel(graph, node, c);
        double shift = 0;
        for (size_t k = 0; k < view.count; k++) {
            size_t at = view.first + k * view.step;
            shift += (double)(rounded[at] - exact[at]) * mean[at % inputs];
        }
        bias[c] -= (float)shift;
    }
}

smt_status quant_means(smt_graph *graph,
                       smt_pool *pool,
                       const float *images,
                       int count,
                       double ***out,
                       smt_error *error)
{
    size_t nodes = (size_t)graph->node_count, channels = 0;
    for (size_t i = 0; i < nodes; i++) {
        channels += (size_t)graph->nodes[i].shape.c;
    }
    double **sum = smt_alloc(nodes, sizeof *sum), *values = smt_alloc(channels, sizeof *values);
    if (!sum || !values) {
        smt_free(sum);
        smt_free(values);
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for bias correction");
    }
    size_t at = 0;
    for (size_t i = 0; i < nodes; i++) {
        sum[i] = values + at;
        at += (size_t)graph->nodes[i].shape.c;
    }
    mean_pass m = {.graph = graph, .pool = pool, .images = images, .sum = sum};
    smt_status status = quant_pass(graph, pool, images, count, add, &m, error);
    for (size_t i = 0; i < channels; i++) {
        values[i] /= count;
    }
    if (status) {
        quant_means_free(&sum);
        return status;
    }
    *out = sum;
    return SMT_OK;
}

void quant_means_free(double ***means)
{
    if (*means) {
        smt_free((*means)[0]);
        smt_free(*means);
        *means = NULL;
    }
}

smt_status quant_correct_bias(smt_quantizer *q, const float *images, int count, smt_error *error)
{
    double **mean = NULL;
    smt_status status = quant_means(q->reference, q->pool, images, count, &mean, error);
    if (status) {
        return status;
    }
    for (int i = 0; i < q->real->node_count; i++) {
        const smt_node *node = &q->real->nodes[i];
        if (quant_has_weight(node) && !q->keep[i]) {
            const smt_node *made = &q->simulated->nodes[q->made[i]];
            quant_shift_bias(q->real,
                             node,
                             q->real->params[node->param[SMT_WEIGHT]].data,
                             q->simulated->params[made->param[SMT_WEIGHT]].data,
                             mean[node->input[0]],
                             q->real->params[node->param[SMT_BIAS]].data);
        }
    }
    quant_means_free(&mean);
    quant_refresh(q);
    return SMT_OK;
}
