/* Times a .tflite file through the edge runtime. */
#include "cli/bench.h"
#include "format/tflite.h"

#include <stdio.h>
#include <string.h>

typedef struct instance {
    smt_edge_runner runner;
    void *arena;
} instance;

typedef struct network {
    void *file, *places;
    smt_edge_model model;
    smt_edge_plan plan;
    instance *instances; /* one a thread */
    int count;
} network;

static void network_free(network *n)
{
    for (int i = 0; n->instances && i < n->count; i++) {
        smt_free(n->instances[i].arena);
    }
    smt_free(n->instances);
    smt_free(n->places);
    smt_free(n->file);
}

/* One more runner, with inputs of zeros. */
static smt_status add_instance(network *n, const char *path, smt_error *error)
{
    smt_edge_error detail;
    instance *i = &n->instances[n->count];
    i->arena = smt_alloc_unset(1, n->plan.arena_bytes);
    if (!i->arena) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory for the arena", path);
    }
    n->count++;
    if (smt_edge_start(&n->plan, i->arena, n->plan.arena_bytes, &i->runner, &detail)) {
        return smt_fail_edge(error, path, &detail);
    }
    for (int32_t k = 0; k < n->model.input_count; k++) {
        smt_edge_tensor tensor;
        smt_edge_get_tensor(&n->model, n->model.inputs[k], &tensor);
        memset(smt_edge_input(&i->runner, k), 0, tensor.bytes);
    }
    return SMT_OK;
}

static smt_status open_network(
    network *n, const char *path, const smt_edge_kernels *kernels, int threads, smt_error *error)
{
    size_t bytes;
    smt_edge_error detail;
    smt_status status = smt_file_load(path, 0, &n->file, &bytes, error);
    if (status) {
        return status;
    }
    if (smt_edge_open(n->file, bytes, &n->model, &detail)) {
        return smt_fail_edge(error, path, &detail);
    }
    bytes = smt_edge_places_bytes(&n->model);
    n->places = smt_alloc(1, bytes);
    n->instances = smt_alloc((size_t)threads, sizeof *n->instances);
    if (!n->places || !n->instances) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    if (smt_edge_make_plan(&n->model, kernels, n->places, bytes, &n->plan, &detail)) {
        return smt_fail_edge(error, path, &detail);
    }
    return add_instance(n, path, error);
}

typedef struct tracer {
    bench_report *report;
    const smt_edge_place *places;
    int run;
    double last;
} tracer;

static void
note(void *context, const smt_edge_operator *op, const smt_edge_tensor *output, const void *data)
{
    (void)data;
    tracer *t = context;
    bench_operator *row = &t->report->operators[op->index];
    double now = smt_clock();
    if (t->places[output->index].first == SMT_EDGE_FACTOR) /* its time is the product's */
        now = t->last;
    const int32_t *shape = output->shape;
    row->name = smt_edge_code_name((int32_t)op->code);
    row->seconds[t->run] = now - t->last;
    row->h = output->rank == 4 ? shape[1] : 1;
    row->w = output->rank == 4 ? shape[2] : 1;
    row->c = shape[output->rank > 0 ? output->rank - 1 : 0];
    t->last = smt_clock();
}

static void run_many(void *context, int task, int worker)
{
    (void)task;
    smt_edge_invoke(&((network *)context)->instances[worker].runner, NULL, NULL);
}

/* Images a second: the best of some rounds. */
static smt_status throughput(network *n, int threads, int images, double *rate, smt_error *error)
{
    smt_pool *pool;
    smt_status status = smt_pool_create(threads, &pool, error);
    if (status) {
        return status;
    }
    for (int round = 0; round < 5 && !smt_interrupted(); round++) {
        double start = smt_clock();
        smt_pool_run(pool, images, run_many, n);
        double r = images / (smt_clock() - start);
        *rate = r > *rate ? r : *rate;
    }
    smt_pool_destroy(&pool);
    return smt_check_interrupted(error);
}

smt_status bench_edge(const char *path,
                      const smt_edge_kernels *kernels,
                      bench_report *report,
                      smt_error *error)
{
    network n = {0};
    double start = smt_clock();
    smt_status status = open_network(&n, path, kernels, report->threads, error);
    if (status) {
        goto done;
    }
    const smt_edge_runner *runner = &n.instances[0].runner;
    smt_edge_invoke(runner, NULL, NULL);
    report->load = smt_clock() - start;
    report->resident = bench_resident();
    report->runtime = "edge";
    report->arena = n.plan.arena_bytes;
    report->prepared = n.plan.prepared_bytes;
    snprintf(report->kernels, sizeof report->kernels, "%s", smt_edge_kernels_name(n.plan.kernels));
    status = bench_report_reserve(report, n.model.operator_count, error);
    for (int i = 0; i < report->runs && !status; i++) {
        start = smt_clock();
        smt_edge_invoke(runner, NULL, NULL);
        report->seconds[i] = smt_clock() - start;
        status = smt_check_interrupted(error);
    }
    for (int i = 0; i < report->runs && !status; i++) {
        tracer t = {.report = report, .places = n.plan.places, .run = i, .last = smt_clock()};
        smt_edge_invoke(runner, note, &t);
        status = smt_check_interrupted(error);
    }
    for (int i = 1; i < report->threads && !status; i++) {
        status = add_instance(&n, path, error);
    }
    int images = report->runs * report->threads;
    status = status ? status : throughput(&n, 1, report->runs, &report->one, error);
    status = status ? status : throughput(&n, report->threads, images, &report->many, error);
done:
    network_free(&n);
    return status;
}
