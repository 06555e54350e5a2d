/* Times a network in float32 through the training engine's inference. */
#include "cli/bench.h"

#include <semtinel/format.h>
#include <semtinel/ops.h>

#include <string.h>

#define BATCH 32

typedef struct network {
    smt_model *model;
    smt_pool *one_thread;
    smt_exec *exec; /* batch 1, one thread */
    float *input;   /* BATCH images of zeros */
} network;

static void network_free(network *n)
{
    smt_exec_destroy(&n->exec);
    smt_model_destroy(&n->model);
    smt_pool_destroy(&n->one_thread);
    smt_free(n->input);
}

static smt_status open_network(network *n, const char *path, smt_error *error)
{
    const smt_exec_options options = {.max_batch = 1};
    smt_status status = smt_model_load(path, &n->model, error);
    status = status ? status : smt_pool_create(1, &n->one_thread, error);
    if (status) {
        return status;
    }
    size_t image = smt_shape_count(n->model->graph->nodes[0].shape);
    n->input = smt_alloc(BATCH * image, sizeof *n->input);
    if (!n->input) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    return smt_exec_create(n->model->graph, n->one_thread, &options, &n->exec, error);
}

/* Images a second in batches: the best of some rounds. */
static smt_status
throughput(const network *n, int threads, int batches, double *rate, smt_error *error)
{
    const smt_exec_options options = {.max_batch = BATCH};
    smt_pool *pool = NULL;
    smt_exec *exec = NULL;
    smt_status status = smt_pool_create(threads, &pool, error);
    status = status ? status : smt_exec_create(n->model->graph, pool, &options, &exec, error);
    for (int round = 0; round < 5 && !status && !smt_interrupted(); round++) {
        double start = smt_clock();
        for (int i = 0; i < batches; i++) {
            smt_exec_infer(exec, n->input, BATCH);
        }
        double r = (double)batches * BATCH / (smt_clock() - start);
        *rate = r > *rate ? r : *rate;
    }
    status = status ? status : smt_check_interrupted(error);
    smt_exec_destroy(&exec);
    smt_pool_destroy(&pool);
    return status;
}

/* The operators of one run each, by node; nodes that compute nothing keep 0. */
static smt_status time_operators(network *n, bench_report *report, smt_error *error)
{
    const smt_graph *graph = n->model->graph;
    double *seconds = smt_alloc((size_t)graph->node_count, sizeof *seconds);
    if (!seconds) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    for (int k = 1; k < graph->node_count; k++) {
        const smt_node *node = &graph->nodes[k];
        bench_operator *row = &report->operators[k - 1];
        row->name = smt_op_name(node->op);
        row->h = node->shape.h;
        row->w = node->shape.w;
        row->c = node->shape.c;
    }
    smt_exec_time(n->exec, seconds);
    for (int i = 0; i < report->runs && !smt_interrupted(); i++) {
        memset(seconds, 0, (size_t)graph->node_count * sizeof *seconds);
        smt_exec_infer(n->exec, n->input, 1);
        for (int k = 1; k < graph->node_count; k++) {
            report->operators[k - 1].seconds[i] = seconds[k];
        }
    }
    smt_exec_time(n->exec, NULL);
    smt_free(seconds);
    return SMT_OK;
}

smt_status bench_engine(const char *path, bench_report *report, smt_error *error)
{
    network n = {0};
    double start = smt_clock();
    smt_status status = open_network(&n, path, error);
    if (status) {
        goto done;
    }
    if (!smt_exec_infer(n.exec, n.input, 1)) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        goto done;
    }
    report->load = smt_clock() - start;
    report->resident = bench_resident();
    report->runtime = "training engine";
    report->arena = smt_exec_memory(n.exec);
    status = bench_report_reserve(report, n.model->graph->node_count - 1, error);
    for (int i = 0; i < report->runs && !status; i++) {
        start = smt_clock();
        smt_exec_infer(n.exec, n.input, 1);
        report->seconds[i] = smt_clock() - start;
        status = smt_check_interrupted(error);
    }
    status = status ? status : time_operators(&n, report, error);
    int batches = (report->runs + BATCH - 1) / BATCH;
    status = status ? status : throughput(&n, 1, batches, &report->one, error);
    status = status ? status : throughput(&n, report->threads, batches, &report->many, error);
done:
    network_free(&n);
    return status;
}
