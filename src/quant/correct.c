/* Bias correction (Nagel et al. 2019, arXiv 1906.04721, section 4.2): rounding moves a weight by
 * some part of its step, and where the input's mean is large against its variation, the sum of
 * these moves times the mean is a shift of the output. So does the rounding of the values
 * themselves where a channel hardly varies: it is always off by the same part of a step, which a
 * large weight behind it may magnify. With the means of the float network's values over the
 * calibration images, and of the same values rounded, the shift is known and taken off the bias. */
#include "quant/quantizer.h"

#include <math.h>

typedef struct mean_pass {
    const smt_graph *graph;
    smt_pool *pool;
    const smt_exec *exec;
    double **sum; /* [node][channel], of the means over the pixels */
    int count;
} mean_pass;

static void add_node(void *context, int node, int worker)
{
    (void)worker;
    const mean_pass *m = context;
    smt_shape shape = m->graph->nodes[node].shape;
    const float *values = smt_exec_value(m->exec, node);
    size_t channels = (size_t)shape.c, pixels = (size_t)shape.h * (size_t)shape.w;
    for (size_t p = 0; p < pixels * (size_t)m->count; p++) {
        for (size_t c = 0; c < channels; c++) {
            m->sum[node][c] += (double)values[p * channels + c] / (double)pixels;
        }
    }
}

static void add(void *context, const smt_exec *exec, int first, int images)
{
    (void)first;
    mean_pass *m = context;
    m->exec = exec;
    m->count = images;
    smt_pool_run(m->pool, m->graph->node_count, add_node, m);
}

void quant_shift_bias(const smt_graph *graph,
                      const smt_node *node,
                      const float *exact,
                      const float *rounded,
                      const double *mean,
                      const double *off,
                      float *bias)
{
    size_t inputs = (size_t)graph->nodes[node->input[0]].shape.c;
    for (int c = 0; c < node->shape.c; c++) {
        channel_view view = quant_channel(graph, node, c);
        double shift = 0;
        for (size_t k = 0; k < view.count; k++) {
            size_t at = view.first + k * view.step;
            shift += (double)(rounded[at] - exact[at]) * mean[at % inputs];
            shift += off ? (double)rounded[at] * off[at % inputs] : 0;
        }
        bias[c] -= (float)shift;
    }
}

/* Zeros. */
static smt_status means_create(const smt_graph *graph, double ***out, smt_error *error)
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
    for (size_t i = 0; i < nodes; i++) {
        sum[i] = values;
        values += (size_t)graph->nodes[i].shape.c;
    }
    *out = sum;
    return SMT_OK;
}

static void divide(const smt_graph *graph, double **sum, int count)
{
    for (int i = 0; i < graph->node_count; i++) {
        for (int c = 0; c < graph->nodes[i].shape.c; c++) {
            sum[i][c] /= count;
        }
    }
}

smt_status quant_means(smt_graph *graph,
                       smt_pool *pool,
                       const float *images,
                       int count,
                       double ***out,
                       smt_error *error)
{
    double **sum = NULL;
    smt_status status = means_create(graph, &sum, error);
    if (status) {
        return status;
    }
    mean_pass m = {.graph = graph, .pool = pool, .sum = sum};
    status = quant_pass(graph, pool, images, count, add, &m, error);
    divide(graph, sum, count);
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

/* ---- both in one run ----------------------------------------------------------------------- */

typedef struct rounding_pass {
    const smt_quantizer *q;
    const smt_exec *exec; /* of the float network */
    float **error;        /* [node][image * channels + channel]: mean over the pixels */
    double **middle;      /* [node][channel]: over the images */
    int first, images, total;
} rounding_pass;

/* What the int8 network would hold in place of the float network's value x of node i or, behind a
 * table, of its input. */
static float rounded(const smt_quantizer *q, int i, const float *table, float x)
{
    smt_quant quant = table ? q->ranges[q->real->nodes[i].input[0]] : q->ranges[i];
    float step = roundf(x / quant.scale) + (float)quant.zero_point;
    step = fminf(fmaxf(step, -128), 127);
    if (table) {
        return q->ranges[i].scale * (table[(int)step + 128] - (float)q->ranges[i].zero_point);
    }
    return quant.scale * (step - (float)quant.zero_point);
}

static void round_node(void *context, int i, int worker)
{
    (void)worker;
    const rounding_pass *r = context;
    const smt_quantizer *q = r->q;
    const smt_node *node = &q->real->nodes[i], *value = &q->simulated->nodes[q->value[i]];
    if (node->op == SMT_OP_INPUT) { /* pixels are on the grid */
        return;
    }
    const float *table = value->rounding == SMT_ROUND_TABLE
                             ? q->simulated->params[value->param[SMT_SOURCE]].data + 2
                             : NULL;
    const float *exact = smt_exec_value(r->exec, i);
    const float *from = table ? smt_exec_value(r->exec, node->input[0]) : exact;
    size_t channels = (size_t)node->shape.c, pixels = (size_t)node->shape.h * (size_t)node->shape.w;
    for (int n = 0; n < r->images; n++) {
        float *error = r->error[i] + (size_t)(r->first + n) * channels;
        for (size_t p = 0; p < pixels; p++, from += channels, exact += channels) {
            for (size_t c = 0; c < channels; c++) {
                error[c] += (rounded(q, i, table, from[c]) - exact[c]) / (float)pixels;
            }
        }
    }
}

/* One run of the float network serves the means of its values and what rounding adds to them. */
typedef struct correction_pass {
    mean_pass mean;
    rounding_pass rounding;
} correction_pass;

static void visit(void *context, const smt_exec *exec, int first, int images)
{
    correction_pass *pass = context;
    rounding_pass *r = &pass->rounding;
    add(&pass->mean, exec, first, images);
    r->exec = exec;
    r->first = first;
    r->images = images;
    smt_pool_run(r->q->pool, r->q->real->node_count, round_node, r);
}

/* The mean of the middle half: a few images far outside the ranges must not decide. */
static void find_middle(const rounding_pass *r, int i, float *sorted)
{
    size_t total = (size_t)r->total, skip = total / 4;
    size_t channels = (size_t)r->q->real->nodes[i].shape.c;
    for (size_t c = 0; c < channels; c++) {
        for (size_t n = 0; n < total; n++) {
            sorted[n] = r->error[i][n * channels + c];
        }
        smt_sort_floats(sorted, total);
        double sum = 0;
        for (size_t n = skip; n < total - skip; n++) {
            sum += (double)sorted[n];
        }
        r->middle[i][c] = sum / (double)(total - 2 * skip);
    }
}

/* [node][channel]: the means of the float network's values, and what rounding adds to them. */
static smt_status measure(smt_quantizer *q,
                          const float *images,
                          int count,
                          double ***mean,
                          double ***off,
                          smt_error *error)
{
    int nodes = q->real->node_count;
    correction_pass pass = {.mean = {.graph = q->reference, .pool = q->pool},
                            .rounding = {.q = q, .total = count}};
    rounding_pass *r = &pass.rounding;
    smt_status status = means_create(q->reference, &pass.mean.sum, error);
    status = status ? status : means_create(q->real, &r->middle, error);
    r->error = smt_alloc((size_t)nodes, sizeof *r->error);
    float *sorted = smt_alloc((size_t)count, sizeof *sorted);
    bool complete = r->error && sorted;
    for (int i = 0; i < nodes && complete; i++) {
        r->error[i] =
            smt_alloc((size_t)q->real->nodes[i].shape.c * (size_t)count, sizeof **r->error);
        complete = r->error[i] != NULL;
    }
    if (!status && !complete) {
        status = smt_fail(error, SMT_ERR_MEMORY, "out of memory for bias correction");
    }
    status =
        status ? status : quant_pass(q->reference, q->pool, images, count, visit, &pass, error);
    if (status == SMT_OK) {
        divide(q->reference, pass.mean.sum, count);
        for (int i = 0; i < nodes; i++) {
            find_middle(r, i, sorted);
        }
        *mean = pass.mean.sum;
        *off = r->middle;
    } else {
        quant_means_free(&pass.mean.sum);
        quant_means_free(&r->middle);
    }
    for (int i = 0; i < nodes && r->error; i++) {
        smt_free(r->error[i]);
    }
    smt_free(r->error);
    smt_free(sorted);
    return status;
}

/* Errors of inputs go on through all that has no bias to take them off. */
static void carry_errors(const smt_quantizer *q, double *const *mean, double **error)
{
    for (int i = 0; i < q->real->node_count; i++) {
        const smt_node *node = &q->real->nodes[i];
        for (int c = 0; c < node->shape.c && !smt_op_is_layer(node->op); c++) {
            for (int k = 0; k < 2 && node->input[k] >= 0; k++) {
                double factor = node->op == SMT_OP_MULTIPLY ? mean[node->input[1 - k]][c]
                                : node->op == SMT_OP_ADD || node->op == SMT_OP_GLOBAL_POOL ? 1
                                                                                           : 0;
                error[i][c] += factor * error[node->input[k]][c];
            }
        }
    }
}

smt_status quant_correct_bias(smt_quantizer *q, const float *images, int count, smt_error *error)
{
    double **mean = NULL, **off = NULL;
    smt_status status = measure(q, images, count, &mean, &off, error);
    if (status == SMT_OK) {
        carry_errors(q, mean, off);
    }
    for (int i = 0; i < q->real->node_count && status == SMT_OK; i++) {
        const smt_node *node = &q->real->nodes[i];
        if (smt_op_is_layer(node->op) && !q->keep[i]) {
            const smt_node *made = &q->simulated->nodes[q->made[i]];
            quant_shift_bias(q->real,
                             node,
                             q->real->params[node->param[SMT_WEIGHT]].data,
                             q->simulated->params[made->param[SMT_WEIGHT]].data,
                             mean[node->input[0]],
                             off[node->input[0]],
                             q->real->params[node->param[SMT_BIAS]].data);
        }
    }
    quant_means_free(&mean);
    quant_means_free(&off);
    quant_refresh(q);
    return status;
}
