/* Latency of .tflite networks, batch 1, one thread, for each kernel set, and throughput on one and
 * two threads.
 *
 *     bench_latency MODEL.tflite...
 *     bench_latency --make FOLDER      writes an untrained MobileNetV3-Small 128x128x1:
 * model.safetensors, .tflite, .onnx
 *
 * The minimum of many runs: what the machine does when nothing disturbs it. */
#include "semtinel/format.h"

#include <edge.h>
#include <stdio.h>
#include <string.h>

const smt_edge_kernels *smt_edge_kernels_avx2(void);

typedef struct instance {
    smt_edge_runner runner;
    void *arena;
} instance;

typedef struct batch {
    instance *instances;
    int each;
} batch;

static void run_many(void *context, int task, int worker)
{
    batch *b = context;
    (void)task;
    for (int i = 0; i < b->each; i++)
        smt_edge_invoke(&b->instances[worker].runner, NULL, NULL);
}

static bool start(const smt_edge_plan *plan, instance *out)
{
    out->arena = smt_alloc(1, plan->arena_bytes);
    return out->arena &&
           smt_edge_start(plan, out->arena, plan->arena_bytes, &out->runner, NULL) == SMT_EDGE_OK;
}

static double latency(const smt_edge_runner *runner)
{
    double best = 1e9, begin = smt_clock();
    for (int i = 0; i < 2000 && (i < 5 || smt_clock() - begin < 1.0); i++) {
        double t = smt_clock();
        smt_edge_invoke(runner, NULL, NULL);
        t = smt_clock() - t;
        best = t < best ? t : best;
    }
    return best;
}

/* Images a second on `threads` threads, one runner each: the best of five. */
static double throughput(const smt_edge_plan *plan, int threads)
{
    smt_pool *pool;
    instance instances[2];
    double best = 0;
    batch b = {instances, 50};
    if (smt_pool_create(threads, &pool, NULL))
        return 0;
    for (int i = 0; i < threads; i++)
        if (!start(plan, &instances[i]))
            return 0;
    for (int round = 0; round < 5; round++) {
        double t = smt_clock();
        smt_pool_run(pool, 4 * threads, run_many, &b);
        t = smt_clock() - t;
        double rate = 4.0 * threads * b.each / t;
        best = rate > best ? rate : best;
    }
    for (int i = 0; i < threads; i++)
        smt_free(instances[i].arena);
    smt_pool_destroy(&pool);
    return best;
}

static int measure(const char *path)
{
    void *file;
    size_t size;
    smt_error error;
    smt_edge_error detail;
    smt_edge_model model;
    smt_edge_plan plan;
    if (smt_file_load(path, 0, &file, &size, &error) ||
        smt_edge_open(file, size, &model, &detail)) {
        fprintf(stderr, "bench_latency: %s cannot be opened\n", path);
        return 1;
    }
    const smt_edge_kernels *sets[3] = {
        smt_edge_kernels_reference(), smt_edge_kernels_avx2(), smt_edge_kernels_best()};
    size_t bytes = smt_edge_places_bytes(&model);
    void *places = smt_alloc(1, bytes);
    for (int i = 0; i < 3; i++) {
        instance one;
        if (!sets[i] || smt_edge_make_plan(&model, sets[i], places, bytes, &plan, &detail) ||
            !start(&plan, &one))
            continue;
        printf("%s %s ms %.4f arena %u\n",
               path,
               smt_edge_kernels_name(sets[i]),
               latency(&one.runner) * 1e3,
               plan.arena_bytes);
        smt_free(one.arena);
    }
    double t1 = throughput(&plan, 1), t2 = throughput(&plan, 2);
    printf("%s images/s %.0f on one thread, %.0f on two: %.2f times\n", path, t1, t2, t2 / t1);
    smt_free(places);
    smt_free(file);
    return 0;
}

static int make(const char *folder)
{
    static const char *const files[] = {"model.safetensors", "model.tflite", "model.onnx"};
    static const char *const classes[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    smt_error error;
    smt_graph *graph = NULL;
    smt_model *model = NULL;
    smt_mobilenet_options options = smt_mobilenet_defaults();
    smt_write_options write = {.raw_input = false};
    options.classes = 8;
    if (smt_make_directory(folder, &error) || smt_mobilenetv3_small(&options, 1, &graph, &error) ||
        smt_model_create(graph, &options, classes, 8, &model, &error))
        return fprintf(stderr, "bench_latency: %s\n", error.message), 1;
    for (int i = 0; i < 3; i++) {
        char *path = smt_path_join(folder, files[i]);
        if (smt_format_by_suffix(path)->write(model, path, &write, &error))
            return fprintf(stderr, "bench_latency: %s\n", error.message), 1;
        smt_free(path);
    }
    smt_model_destroy(&model);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--make") == 0)
        return make(argv[2]);
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= measure(argv[i]);
    return failed;
}
