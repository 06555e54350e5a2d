/* semtinel bench: speed and memory of a network (bench_model.c) or of training, on this machine. */
#include "cli/bench.h"
#include "cli/cli.h"
#include "cli/kernels.h"

#include <semtinel/model.h>
#include <semtinel/ops.h>
#include <semtinel/optimizer.h>

#include <jansson.h>
#include <stdio.h>
#include <sys/resource.h>

#define WARM_UP 3

static const cli_command command = {
    .name = "bench",
    .arguments = "MODEL | --train",
    .summary = "Measure the speed and memory of a network or of training steps on this machine.",
    .details =
        "MODEL: latency of one image on one thread, images/s on one thread and on all, the time "
        "from opening the file to the first result, working and resident memory, and the median "
        "time of every operator. A .tflite file runs through the edge runtime, anything else (a "
        "run, .safetensors, .onnx, .pth) through the training engine in float32.\n\n"
        "--train: a step is forward, loss, backward and Adam on one batch of random images; "
        "loading and augmenting are not part of it. Rates are images/s of the median step and of "
        "the fastest one, which other programs disturb least.",
    .examples = "  semtinel bench model-int8.tflite\n"
                "  semtinel bench run --threads 2 --json\n"
                "  semtinel bench --train\n"
                "  semtinel bench --train --threads 1 --batch 64 --size 224 --json\n",
    .min_operands = 0,
    .max_operands = 1,
};

typedef struct bench {
    bool train, json;
    int batch, steps, runs;
    double width;
    smt_mobilenet_options model;
} bench;

typedef struct result {
    double median, fastest; /* seconds a step */
    size_t network;         /* bytes of the engine: activations, gradients, workspaces */
    size_t before, peak;    /* resident bytes of the process, before the network and at most */
} result;

static size_t peak_memory(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (size_t)usage.ru_maxrss * 1024;
}

typedef struct trainer {
    smt_pool *pool;
    smt_graph *graph;
    smt_exec *exec;
    smt_optimizer *optimizer;
    smt_slot *slots;
    size_t *counts;
    int slot_count;
    float *images, *target, *gradient;
} trainer;

static void trainer_destroy(trainer *t)
{
    smt_optimizer_destroy(&t->optimizer);
    smt_exec_destroy(&t->exec);
    smt_graph_destroy(&t->graph);
    smt_pool_destroy(&t->pool);
    smt_free(t->slots);
    smt_free(t->counts);
    smt_free(t->images);
    smt_free(t->target);
    smt_free(t->gradient);
}

static smt_status trainer_create(const bench *b, trainer *t, smt_error *error)
{
    *t = (trainer){0};
    smt_status status = smt_pool_create(cli_shared.threads, &t->pool, error);
    if (!status) {
        status = smt_mobilenetv3_small(&b->model, cli_shared.seed, &t->graph, error);
    }
    if (!status) {
        smt_exec_options options = {.max_batch = b->batch, .training = true};
        status = smt_exec_create(t->graph, t->pool, &options, &t->exec, error);
    }
    if (status) {
        return status;
    }
    size_t side = (size_t)b->model.input_size, batch = (size_t)b->batch;
    size_t pixels = side * side * (size_t)b->model.channels, classes = (size_t)b->model.classes;
    t->images = smt_alloc(batch * pixels, sizeof(float));
    t->target = smt_alloc(batch * classes, sizeof(float));
    t->gradient = smt_alloc(batch * classes, sizeof(float));
    t->slots = smt_alloc((size_t)t->graph->param_count, sizeof *t->slots);
    t->counts = smt_alloc((size_t)t->graph->param_count, sizeof *t->counts);
    if (!t->images || !t->target || !t->gradient || !t->slots || !t->counts) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for a batch of %d images", b->batch);
    }
    smt_rng rng = smt_rng_seed(cli_shared.seed, 1);
    for (size_t i = 0; i < batch * pixels; i++) {
        t->images[i] = (float)smt_rng_normal(&rng);
    }
    for (size_t i = 0; i < batch; i++) {
        t->target[i * classes + smt_rng_below(&rng, (uint32_t)classes)] = 1.0f;
    }
    for (int i = 0; i < t->graph->param_count; i++) {
        smt_param *param = &t->graph->params[i];
        if (param->trainable) {
            t->slots[t->slot_count] = (smt_slot){.weight = param->data,
                                                 .gradient = smt_exec_gradient(t->exec, i),
                                                 .count = param->count,
                                                 .rate = 1.0f};
            t->counts[t->slot_count++] = param->count;
        }
    }
    smt_optimizer_options options = smt_optimizer_defaults();
    options.kind = SMT_OPTIMIZER_ADAM;
    options.weight_decay = 0.0;
    return smt_optimizer_create(&options, t->counts, t->slot_count, &t->optimizer, error);
}

static void step(const bench *b, trainer *t, int number)
{
    const float *logits = smt_exec_forward(
        t->exec, t->images, b->batch, &(smt_step){.dropout_seed = (uint64_t)number});
    smt_loss_cross_entropy(logits, t->target, NULL, 0.0f, b->batch, b->model.classes, t->gradient);
    smt_exec_backward(t->exec, t->gradient);
    smt_optimizer_step(t->optimizer, t->pool, t->slots, 1e-3, -1.0);
}

static smt_status measure(const bench *b, result *r, int *threads, smt_error *error)
{
    trainer t;
    double *times = smt_alloc((size_t)b->steps, sizeof *times);
    r->before = peak_memory();
    smt_status status =
        times ? trainer_create(b, &t, error) : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    if (!times) {
        return status;
    }
    for (int i = 0; i < WARM_UP + b->steps && !status; i++) {
        double start = smt_clock();
        step(b, &t, i);
        if (i >= WARM_UP) {
            times[i - WARM_UP] = smt_clock() - start;
        }
        status = smt_check_interrupted(error);
    }
    if (!status) {
        smt_sort_doubles(times, (size_t)b->steps);
        r->median = times[b->steps / 2];
        r->fastest = times[0];
        r->network = smt_exec_memory(t.exec);
        r->peak = peak_memory();
        *threads = smt_pool_threads(t.pool);
    }
    trainer_destroy(&t);
    smt_free(times);
    return status;
}

static int print_json(const bench *b, const result *r, int threads)
{
    json_t *object = json_pack("{s:i, s:i, s:i, s:i, s:f, s:b, s:i, s:f, s:f, s:f, s:I, s:I, s:I}",
                               "threads",
                               threads,
                               "batch",
                               b->batch,
                               "size",
                               b->model.input_size,
                               "channels",
                               b->model.channels,
                               "width",
                               b->width,
                               "wide_head",
                               (int)b->model.wide_head,
                               "steps",
                               b->steps,
                               "images_per_second",
                               b->batch / r->median,
                               "images_per_second_fastest",
                               b->batch / r->fastest,
                               "step_ms",
                               1e3 * r->median,
                               "engine_bytes",
                               (json_int_t)r->network,
                               "bytes_before",
                               (json_int_t)r->before,
                               "peak_bytes",
                               (json_int_t)r->peak);
    return bench_print_json(object);
}

int cli_bench(int argc, char **argv)
{
    bench b = {
        .batch = 32, .steps = 15, .runs = 200, .width = 1.0, .model = smt_mobilenet_defaults()};
    const bench usual = b;
    int three = 0, set = 0;
    const cli_option options[] = {
        {"train", 0, CLI_FLAG(&b.train), "measure training steps"},
        {"batch", 'b', CLI_INT(&b.batch, 1, 4096, "N"), "images in a batch"},
        {"size", 0, CLI_INT(&b.model.input_size, 32, 512, "PX"), "side of the input"},
        {"width", 0, CLI_REAL(&b.width, 0.25, 2.0, "X"), "width multiplier of the network"},
        {"channels", 0, CLI_CHOICE(&three, "1|3"), "channels of the input"},
        {"wide-head",
         0,
         CLI_FLAG(&b.model.wide_head),
         "with the layer of 1024 units before the classifier"},
        {"steps", 0, CLI_INT(&b.steps, 1, 100000, "N"), "steps to time, after three others"},
        {"runs", 0, CLI_INT(&b.runs, 1, 100000, "N"), "of a network: runs to time"},
        {"kernels",
         0,
         CLI_CHOICE(&set, CLI_KERNELS),
         "of a .tflite: the fastest for this processor, those for AVX2, or portable C"},
        {"json", 0, CLI_FLAG(&b.json), "print one JSON object"},
        {.name = NULL}};
    char **operands;
    int operand_count;
    int code = cli_parse(&command, options, argc, argv, &operands, &operand_count);
    if (code >= 0) {
        return code;
    }
    if (b.train == (operand_count == 1)) {
        return cli_usage(&command, "say what to measure: a model, or --train");
    }
    if (b.train && b.runs != usual.runs) {
        return cli_usage(&command, "--runs is of a network; --train has --steps");
    }
    if (!b.train && (b.batch != usual.batch || b.steps != usual.steps || b.width != usual.width ||
                     b.model.input_size != usual.model.input_size || b.model.wide_head || three)) {
        return cli_usage(&command,
                         "--batch, --size, --width, --channels, --wide-head and --steps are of "
                         "--train; a network is what it is");
    }
    if (set && (b.train || !(smt_path_missing(operands[0]) || bench_through_edge(operands[0])))) {
        return cli_usage(&command, "--kernels is of .tflite files");
    }
    smt_error error = {0};
    if (!b.train) {
        const smt_edge_kernels *kernels = NULL;
        return cli_kernels(set, &kernels, &error)
                   ? cli_report(&error)
                   : bench_model(operands[0], kernels, b.runs, b.json);
    }
    b.model.channels = three ? 3 : 1;
    b.model.width = (float)b.width;
    result r = {0};
    int threads = 0;
    if (measure(&b, &r, &threads, &error)) {
        return cli_report(&error);
    }
    if (b.json) {
        return print_json(&b, &r, threads);
    }
    printf("MobileNetV3-Small, width %g%s, %d x %d x %d, batch %d, %d %s\n",
           b.width,
           b.model.wide_head ? ", wide head" : "",
           b.model.input_size,
           b.model.input_size,
           b.model.channels,
           b.batch,
           threads,
           smt_plural((size_t)threads, "thread", "threads"));
    printf("  %.1f images/s (median of %d %s of %.2f ms; fastest %.1f images/s)\n",
           b.batch / r.median,
           b.steps,
           smt_plural((size_t)b.steps, "step", "steps"),
           1e3 * r.median,
           b.batch / r.fastest);
    printf("  memory: %.1f MB for activations, gradients and workspaces; process at most %.1f MB\n",
           1e-6 * (double)r.network,
           1e-6 * (double)r.peak);
    return EXIT_DONE;
}
