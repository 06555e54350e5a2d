#include "train/statistics.h"

#include <string.h>

static bool is_statistic(const smt_graph *graph, int param)
{
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        if (node->op == SMT_OP_BATCH_NORM &&
            (node->param[SMT_MEAN] == param || node->param[SMT_VARIANCE] == param)) {
            return true;
        }
    }
    return false;
}

/* The statistics of all batch norms, one after another, and what is summed up of them. */
typedef struct statistics {
    smt_graph *graph;
    bool *wanted; /* [param] */
    float *old;
    double *sums;
} statistics;

static smt_status take(statistics *s, smt_graph *graph, smt_error *error)
{
    size_t count = 0;
    s->graph = graph;
    s->wanted = smt_alloc((size_t)graph->param_count, sizeof *s->wanted);
    for (int i = 0; s->wanted && i < graph->param_count; i++) {
        s->wanted[i] = is_statistic(graph, i);
        count += s->wanted[i] ? graph->params[i].count : 0;
    }
    s->old = smt_alloc(count, sizeof *s->old);
    s->sums = smt_alloc(count, sizeof *s->sums);
    if (!s->wanted || !s->old || !s->sums) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for batch-norm statistics");
    }
    float *at = s->old;
    for (int i = 0; i < graph->param_count; i++) {
        if (s->wanted[i]) {
            memcpy(at, graph->params[i].data, graph->params[i].count * sizeof *at);
            at += graph->params[i].count;
        }
    }
    return SMT_OK;
}

/* After a step: its statistics times its images are added up, and the old ones stand again. */
static void add(statistics *s, int images)
{
    size_t at = 0;
    for (int i = 0; i < s->graph->param_count; i++) {
        const smt_param *p = &s->graph->params[i];
        for (size_t k = 0; s->wanted[i] && k < p->count; k++, at++) {
            s->sums[at] += (double)p->data[k] * images;
            p->data[k] = s->old[at];
        }
    }
}

static void put(statistics *s, double images)
{
    size_t at = 0;
    for (int i = 0; i < s->graph->param_count; i++) {
        const smt_param *p = &s->graph->params[i];
        for (size_t k = 0; s->wanted[i] && k < p->count; k++, at++) {
            p->data[k] = (float)(s->sums[at] / images);
        }
    }
}

/* The running statistics after one step with momentum 1 - share are the mixture for its batch. */
static smt_status create_exec(
    smt_graph *graph, smt_pool *pool, const smt_norm_pass *pass, smt_exec **out, smt_error *error)
{
    float *kept = smt_alloc((size_t)graph->node_count, sizeof *kept);
    if (!kept) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for batch-norm statistics");
    }
    for (int i = 0; i < graph->node_count; i++) {
        kept[i] = graph->nodes[i].momentum;
        graph->nodes[i].momentum = (float)(1 - pass->share);
    }
    const smt_exec_options options = {.max_batch = pass->batch, .training = true};
    smt_status status = smt_exec_create(graph, pool, &options, out, error);
    for (int i = 0; i < graph->node_count; i++) {
        graph->nodes[i].momentum = kept[i];
    }
    smt_free(kept);
    return status;
}

smt_status smt_measure_batch_norm(smt_graph *graph,
                                  smt_pool *pool,
                                  const smt_norm_pass *pass,
                                  smt_error *error)
{
    if ((float)(1 - pass->share) >= 1) {
        return SMT_OK; /* nothing of the measured statistics would remain */
    }
    statistics s = {0};
    smt_exec *exec = NULL;
    double images = 0;
    const smt_step how = {.no_dropout = true, .use_updated = pass->share < 1};
    smt_status status = take(&s, graph, error);
    status = status ? status : create_exec(graph, pool, pass, &exec, error);
    for (int count = 0; !status && (count = pass->next(pass->context, pass->input)) > 0;) {
        if (smt_interrupted()) {
            status = smt_fail(error, SMT_ERR_INTERRUPTED, "interrupted");
        } else if (!smt_exec_forward(exec, pass->input, count, &how)) {
            status = smt_fail(error, SMT_ERR_MEMORY, "out of memory for a batch of %d", count);
        } else {
            add(&s, count);
            images += count;
        }
    }
    if (!status && images > 0) {
        put(&s, images);
    }
    smt_exec_destroy(&exec);
    smt_free(s.wanted);
    smt_free(s.old);
    smt_free(s.sums);
    return status;
}
