/* The quantiser: that the simulation is what the edge runtime computes, that calibration holds what
 * it promises, that equalisation leaves the function alone, and that fine-tuning brings the int8
 * network nearer to the float one. */
#include "format/tflite_write.h"
#include "quant/quantizer.h"

#include <semtinel/csource.h>
#include <semtinel/format.h>

#include <edge.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SIDE 48
#define IMAGES 48
#define CLASSES 5
#define CHANNELS 256 /* at most, of a value that is looked at */

static smt_pool *pool;
static smt_model *model;
static float *images;
static uint8_t pixels[IMAGES * SIDE * SIDE];
static uint32_t numbers[IMAGES];
static const smt_pixels set = {.size = SIDE, .count = IMAGES, .data = pixels, .sample = numbers};

/* Gratings and blobs: the values of a network on noise alone say little. */
static void draw(void)
{
    smt_rng rng = smt_rng_seed(3, 3);
    for (int n = 0; n < IMAGES; n++) {
        numbers[n] = (uint32_t)n;
        double angle = smt_rng_uniform(&rng, 0, 3.14), period = smt_rng_uniform(&rng, 4, 20);
        double contrast = smt_rng_uniform(&rng, 20, 100), base = smt_rng_uniform(&rng, 80, 170);
        for (int y = 0; y < SIDE; y++) {
            for (int x = 0; x < SIDE; x++) {
                double phase = (x * cos(angle) + y * sin(angle)) / period * 6.283;
                double p = base + contrast * tanh(3 * sin(phase)) + 10 * smt_rng_normal(&rng);
                pixels[(n * SIDE + y) * SIDE + x] = (uint8_t)fmax(0, fmin(255, p));
            }
        }
    }
}

static int setup(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_mobilenet_options arch = smt_mobilenet_defaults();
    arch.width = 0.5f;
    arch.input_size = SIDE;
    arch.classes = CLASSES;
    smt_graph *graph = NULL;
    const char *const names[CLASSES] = {"a", "b", "c", "d", "e"};
    if (smt_pool_create(2, &pool, &error) || smt_mobilenetv3_small(&arch, 9, &graph, &error) ||
        smt_model_create(graph, &arch, names, CLASSES, &model, &error)) {
        return -1;
    }
    draw();
    images = smt_alloc(IMAGES * SIDE * SIDE, sizeof *images);
    for (int i = 0; i < IMAGES * SIDE * SIDE; i++) {
        images[i] = ((float)pixels[i] - 128) / 128;
    }
    /* Batch statistics of real values, so that the ranges are those of a trained network. */
    smt_exec *exec = NULL;
    const smt_exec_options training = {.max_batch = IMAGES, .training = true};
    if (smt_exec_create(graph, pool, &training, &exec, &error)) {
        return -1;
    }
    for (int i = 0; i < 60; i++) {
        const smt_step step = {.no_dropout = true};
        smt_exec_forward(exec, images, IMAGES, &step);
    }
    smt_exec_destroy(&exec);
    smt_param *classifier = &graph->params[graph->nodes[graph->node_count - 1].param[SMT_WEIGHT]];
    smt_rng rng = smt_rng_seed(4, 4);
    for (size_t i = 0; i < classifier->count; i++) {
        classifier->data[i] = (float)(0.3 * smt_rng_normal(&rng));
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    smt_model_destroy(&model);
    smt_free(images);
    smt_pool_destroy(&pool);
    return 0;
}

static smt_quantizer *make(smt_quant_options *options)
{
    smt_quantizer *q = NULL;
    smt_error error = {0};
    options->pool = pool;
    if (smt_quantizer_create(model, images, IMAGES, options, &q, &error)) {
        fail_msg("%s", error.message);
    }
    return q;
}

static double error_of(smt_quantizer *q)
{
    float exact[IMAGES * CLASSES], rounded[IMAGES * CLASSES];
    smt_error error;
    assert_int_equal(quant_logits(q->reference, pool, images, IMAGES, exact, &error), SMT_OK);
    assert_int_equal(quant_logits(q->simulated, pool, images, IMAGES, rounded, &error), SMT_OK);
    double signal = 0, noise = 0;
    for (int i = 0; i < IMAGES * CLASSES; i++) {
        signal += (double)exact[i] * (double)exact[i];
        noise += pow((double)exact[i] - (double)rounded[i], 2);
    }
    return sqrt(noise / signal);
}

/* The int8 input of the logits' operator in the edge runtime, one image at a time. */
typedef struct last_values {
    int8_t logits[CLASSES];
    int32_t softmax_input;
} last_values;

static void keep_logits(void *context,
                        const smt_edge_operator *op,
                        const smt_edge_tensor *output,
                        const void *data)
{
    last_values *to = context;
    (void)op;
    if (output->index == to->softmax_input) {
        memcpy(to->logits, data, CLASSES);
    }
}

static void test_simulation_is_edge(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_edge_error detail;
    smt_quant_options options = smt_quant_defaults();
    smt_quantizer *q = make(&options);
    smt_graph *annotated = NULL;
    void *file = NULL;
    size_t size = 0;
    assert_int_equal(smt_quantizer_export(q, &annotated, &error), SMT_OK);
    const smt_write_options how = {0};
    assert_int_equal(smt_tflite_build(annotated, model, &how, false, &file, &size, &error), SMT_OK);

    smt_edge_model net;
    smt_edge_plan plan;
    smt_edge_runner runner;
    assert_int_equal(smt_edge_open(file, size, &net, &detail), SMT_EDGE_OK);
    size_t places_bytes = smt_edge_places_bytes(&net);
    void *places = smt_alloc(places_bytes, 1);
    assert_int_equal(smt_edge_make_plan(
                         &net, smt_edge_kernels_reference(), places, places_bytes, &plan, &detail),
                     SMT_EDGE_OK);
    void *arena = smt_alloc(plan.arena_bytes, 1);
    assert_int_equal(smt_edge_start(&plan, arena, plan.arena_bytes, &runner, &detail), SMT_EDGE_OK);

    float simulated[IMAGES * CLASSES];
    assert_int_equal(quant_logits(q->simulated, pool, images, IMAGES, simulated, &error), SMT_OK);
    smt_edge_operator softmax;
    last_values last;
    assert_true(smt_edge_get_operator(&net, net.operator_count - 1, &softmax));
    assert_int_equal(softmax.code, SMT_EDGE_SOFTMAX);
    last.softmax_input = softmax.inputs[0];
    smt_edge_tensor logits;
    assert_true(smt_edge_get_tensor(&net, last.softmax_input, &logits));
    assert_int_equal(logits.scale_count, 1);
    int equal = 0;
    for (int n = 0; n < IMAGES; n++) {
        int8_t *input = smt_edge_input(&runner, 0);
        for (int i = 0; i < SIDE * SIDE; i++) {
            input[i] = (int8_t)(pixels[n * SIDE * SIDE + i] - 128);
        }
        smt_edge_invoke(&runner, keep_logits, &last);
        for (int c = 0; c < CLASSES; c++) {
            float step = simulated[n * CLASSES + c] / logits.scales[0] + (float)logits.zero_point;
            int difference = abs((int)lrintf(step) - last.logits[c]);
            assert_true(difference <= 1);
            equal += difference == 0;
        }
    }
    /* Additions alone are approximated: by plain rounding, which can differ next to a half. */
    assert_true(equal >= IMAGES * CLASSES * 99 / 100);
    smt_free(arena);
    smt_free(places);
    smt_free(file);
    smt_graph_destroy(&annotated);
    smt_quantizer_destroy(&q);
}

typedef struct peaks {
    int node, pixels, channels;
    float high[CHANNELS];
} peaks;

static void find_peaks(void *context, const smt_exec *exec, int first, int count)
{
    (void)first;
    peaks *p = context;
    const float *values = smt_exec_value(exec, p->node);
    for (int i = 0; i < count * p->pixels * p->channels; i++) {
        p->high[i % p->channels] = fmaxf(p->high[i % p->channels], values[i]);
    }
}

/* How many times as far a value's farthest channel reaches as its nearest. */
static float spread_of(smt_graph *graph, const char *name)
{
    smt_error error = {0};
    peaks p = {.node = smt_graph_find(graph, name)};
    smt_shape shape = graph->nodes[p.node].shape;
    p.pixels = shape.h * shape.w;
    p.channels = shape.c;
    assert_in_range(p.channels, 1, CHANNELS);
    assert_int_equal(quant_pass(graph, pool, images, IMAGES, find_peaks, &p, &error), SMT_OK);
    float low = INFINITY, high = 0;
    for (int c = 0; c < p.channels; c++) {
        low = p.high[c] > 0 ? fminf(low, p.high[c]) : low; /* some are 0 in all images */
        high = fmaxf(high, p.high[c]);
    }
    return high / low;
}

static void test_equalisation_keeps_the_function(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_graph *plain = NULL, *even = NULL;
    float before[IMAGES * CLASSES], after[IMAGES * CLASSES];
    smt_quant_options options = smt_quant_defaults();
    assert_int_equal(quant_prepare(model, &options, &plain, &error), SMT_OK);
    assert_int_equal(quant_prepare(model, &options, &even, &error), SMT_OK);
    assert_int_equal(quant_equalize(even, pool, images, IMAGES, &error), SMT_OK);
    assert_int_equal(quant_logits(plain, pool, images, IMAGES, before, &error), SMT_OK);
    assert_int_equal(quant_logits(even, pool, images, IMAGES, after, &error), SMT_OK);
    float largest = 0;
    for (int i = 0; i < IMAGES * CLASSES; i++) {
        largest = fmaxf(largest, fabsf(before[i]));
        assert_true(fabsf(before[i] - after[i]) <= 1e-4f * fmaxf(largest, 1));
    }
    float uneven = spread_of(plain, "block1.depthwise"),
          evened = spread_of(even, "block1.depthwise");
    print_message("channels differ by %.2f, evened out by %.2f\n", (double)uneven, (double)evened);
    assert_true(evened < 0.5f * uneven);
    smt_graph_destroy(&plain);
    smt_graph_destroy(&even);
}

/* Both convolutions and the product together are the layer with hard-swish. */
static void test_split_keeps_the_function(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_graph *whole = NULL, *halved = NULL;
    float before[IMAGES * CLASSES], after[IMAGES * CLASSES];
    const char *const layers[] = {"block3.depthwise", "block10.expand"};
    smt_quant_options options = smt_quant_defaults();
    options.split_first = false;
    assert_int_equal(quant_prepare(model, &options, &whole, &error), SMT_OK);
    options.split_first = true;
    options.split = layers;
    options.split_count = 2;
    assert_int_equal(quant_prepare(model, &options, &halved, &error), SMT_OK);
    assert_int_equal(halved->node_count, whole->node_count + 3); /* swish and its product: one */
    assert_int_equal(quant_logits(whole, pool, images, IMAGES, before, &error), SMT_OK);
    assert_int_equal(quant_logits(halved, pool, images, IMAGES, after, &error), SMT_OK);
    for (int i = 0; i < IMAGES * CLASSES; i++) {
        assert_true(fabsf(before[i] - after[i]) <= 1e-4f * fmaxf(fabsf(before[i]), 1));
    }
    smt_graph_destroy(&whole);
    smt_graph_destroy(&halved);
    options.split = &(const char *){"block0.depthwise"}; /* has ReLU */
    options.split_count = 1;
    assert_int_equal(quant_prepare(model, &options, &whole, &error), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "block0.depthwise"));
}

/* Rounding moves the mean of a linear layer's output; the bias takes just that back. */
static void test_bias_correction(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_graph *exact = NULL, *rounded = NULL;
    double **mean = NULL, **moved = NULL, before = 0, after = 0;
    smt_quant_options options = smt_quant_defaults();
    assert_int_equal(quant_prepare(model, &options, &exact, &error), SMT_OK);
    assert_int_equal(quant_prepare(model, &options, &rounded, &error), SMT_OK);
    int index = smt_graph_find(exact, "block1.project");
    const smt_node *node = &exact->nodes[index];
    smt_param *weight = &rounded->params[node->param[SMT_WEIGHT]];
    quant_round_weights(weight->count, 1, 0.05f, weight->data, weight->data);
    assert_int_equal(quant_means(exact, pool, images, IMAGES, &mean, &error), SMT_OK);
    assert_int_equal(quant_means(rounded, pool, images, IMAGES, &moved, &error), SMT_OK);
    for (int c = 0; c < node->shape.c; c++) {
        before += fabs(mean[index][c] - moved[index][c]);
    }
    quant_means_free(&moved);
    quant_shift_bias(exact,
                     node,
                     exact->params[node->param[SMT_WEIGHT]].data,
                     weight->data,
                     mean[node->input[0]],
                     NULL,
                     rounded->params[node->param[SMT_BIAS]].data);
    assert_int_equal(quant_means(rounded, pool, images, IMAGES, &moved, &error), SMT_OK);
    for (int c = 0; c < node->shape.c; c++) {
        after += fabs(mean[index][c] - moved[index][c]);
    }
    if (!(before > 0.01 && after < 1e-3 * before)) {
        fail_msg("means move by %g, after correction by %g", before, after);
    }
    quant_means_free(&mean);
    quant_means_free(&moved);
    smt_graph_destroy(&exact);
    smt_graph_destroy(&rounded);
}

/* How far the means of a layer's outputs lie from the float network's. */
static double shift_of(const smt_quantizer *q, int node, double *const *mean)
{
    smt_error error = {0};
    double **simulated = NULL, shift = 0;
    assert_int_equal(quant_means(q->simulated, pool, images, IMAGES, &simulated, &error), SMT_OK);
    for (int c = 0; c < q->real->nodes[node].shape.c; c++) {
        shift += fabs(simulated[q->made[node]][c] - mean[node][c]);
    }
    quant_means_free(&simulated);
    return shift;
}

/* A value of five steps only: the layer behind is off by what each channel is rounded by. */
static void check_correction(const char *coarse, const char *behind)
{
    smt_error error = {0};
    double **mean = NULL;
    smt_quant_options options = smt_quant_defaults();
    options.correct_bias = false;
    smt_quantizer *q = make(&options);
    int value = smt_graph_find(q->real, coarse), reader = smt_graph_find(q->real, behind);
    const smt_node *node = &q->simulated->nodes[q->value[value]];
    q->simulated->params[node->param[SMT_RANGE]].data[1] *= 48;
    quant_refresh(q);
    assert_int_equal(quant_means(q->reference, pool, images, IMAGES, &mean, &error), SMT_OK);
    double before = shift_of(q, reader, mean);
    assert_int_equal(quant_correct_bias(q, images, IMAGES, &error), SMT_OK);
    double after = shift_of(q, reader, mean);
    print_message("means move by %.4f, corrected by %.4f\n", before, after);
    assert_true(after < 0.5 * before);
    quant_means_free(&mean);
    smt_quantizer_destroy(&q);
}

static void test_bias_correction_of_values(void **state)
{
    (void)state;
    check_correction("block1.depthwise", "block1.project");
    check_correction("block0.depthwise", "block0.project"); /* behind the product with the gate */
}

/* A bias far beyond its layer's products makes the weights' step so large that it fits int32. */
static void test_large_bias(void **state)
{
    (void)state;
    smt_quant_options options = smt_quant_defaults();
    smt_quantizer *q = make(&options);
    int layer = smt_graph_find(q->real, "block1.project");
    const smt_node *value = &q->simulated->nodes[q->value[layer]];
    float *bias = q->real->params[q->real->nodes[layer].param[SMT_BIAS]].data;
    const float *source = q->simulated->params[value->param[SMT_SOURCE]].data;
    bias[0] = -1e8f;
    quant_refresh(q);
    double stored = 1e8 / ((double)source[0] * (double)source[1]);
    assert_true(stored > INT32_MAX / 3.0 && stored < INT32_MAX / 1.5);
    smt_quantizer_destroy(&q);
}

static void test_importance(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_graph *graph = NULL;
    float **importance = NULL;
    smt_quant_options options = smt_quant_defaults();
    assert_int_equal(quant_prepare(model, &options, &graph, &error), SMT_OK);
    int pool_node = smt_graph_find(graph, "pool"), last = graph->node_count - 1;
    smt_param *classifier = &graph->params[graph->nodes[last].param[SMT_WEIGHT]];
    int inputs = graph->nodes[pool_node].shape.c;
    for (int c = 0; c < CLASSES; c++) { /* input 3 counts four times as much in the deviation */
        for (int i = 0; i < inputs; i++) {
            classifier->data[c * inputs + i] = i == 3 ? 4.0f : 1.0f;
        }
    }
    assert_int_equal(quant_importance(graph, &importance, &error), SMT_OK);
    assert_true(fabsf(importance[pool_node][3] / importance[pool_node][4] - 16) < 1e-3f);
    for (int i = 0; i < graph->node_count; i++) {
        double sum = 0;
        for (int c = 0; c < graph->nodes[i].shape.c; c++) {
            sum += (double)importance[i][c];
        }
        assert_true(fabs(sum / graph->nodes[i].shape.c - 1) < 1e-3);
        smt_free(importance[i]);
    }
    smt_free(importance);
    smt_graph_destroy(&graph);
}

static void check_fixed_ranges(const smt_quantizer *q)
{
    for (int i = 0; i < q->real->node_count; i++) {
        const smt_node *node = &q->real->nodes[i];
        if (node->op == SMT_OP_INPUT) {
            assert_true(q->ranges[i].scale == 1.0f / 128 && q->ranges[i].zero_point == 0);
        }
        if (node->activation == SMT_ACT_RELU6) {
            assert_true(fabsf(q->ranges[i].scale - 6.0f / 255) < 1e-7f &&
                        q->ranges[i].zero_point == -128);
        }
        if (node->activation == SMT_ACT_RELU) { /* never negative */
            assert_int_equal(q->ranges[i].zero_point, -128);
        }
        assert_true(q->ranges[i].scale > 0);
        assert_true(q->ranges[i].zero_point >= -128 && q->ranges[i].zero_point <= 127);
    }
}

static void test_fixed_ranges(void **state)
{
    (void)state;
    smt_quant_options options = smt_quant_defaults();
    smt_quantizer *q = make(&options);
    check_fixed_ranges(q);
    smt_quantizer_destroy(&q);
}

static void test_ranges(void **state)
{
    (void)state;
    smt_quant q = quant_of_range(0.5, 2); /* must hold 0 */
    assert_int_equal(q.zero_point, -128);
    assert_true(fabsf(q.scale - 2.0f / 255) < 1e-7f);
    q = quant_of_range(-1, 1);
    assert_true(q.zero_point == 0 || q.zero_point == -1 || q.zero_point == 1);
    q = quant_of_range(0, 0);
    assert_true(q.scale > 0);
    float weights[] = {-2, 2, 0.013f, -0.017f};
    quant_round_weights(4, 1, 0.01f, weights, weights);
    static const float steps[] = {-127, 127, 1, -2};
    for (int i = 0; i < 4; i++) {
        assert_true(fabsf(weights[i] - 0.01f * steps[i]) < 1e-6f);
    }
}

/* The values of a node on all images; freed with smt_free. */
typedef struct kept_values {
    int node;
    size_t size; /* of an image */
    float *values;
} kept_values;

static void keep_values(void *context, const smt_exec *exec, int first, int count)
{
    kept_values *kept = context;
    memcpy(kept->values + (size_t)first * kept->size,
           smt_exec_value(exec, kept->node),
           (size_t)count * kept->size * sizeof(float));
}

static kept_values values_of(smt_graph *graph, const char *name)
{
    smt_error error = {0};
    kept_values kept = {.node = smt_graph_find(graph, name)};
    kept.size = smt_shape_count(graph->nodes[kept.node].shape);
    kept.values = smt_alloc(IMAGES * kept.size, sizeof(float));
    assert_int_equal(quant_pass(graph, pool, images, IMAGES, keep_values, &kept, &error), SMT_OK);
    return kept;
}

static double low_end(smt_quant q)
{
    return (double)q.scale * (-128 - q.zero_point);
}

static double high_end(smt_quant q)
{
    return (double)q.scale * (127 - q.zero_point);
}

/* All values lie in 100 percent; of 50 about a quarter lies beyond each end. Logits are not cut. */
static void test_percentiles(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_quant_options options = smt_quant_defaults();
    options.method = SMT_RANGE_MINMAX;
    smt_quantizer *widest = make(&options);
    options.method = SMT_RANGE_PERCENTILE;
    options.percentile = 100;
    smt_quantizer *all = make(&options);
    options.percentile = 50;
    smt_quantizer *half = make(&options);
    int linear = smt_graph_find(all->real, "block1.project"), last = all->real->node_count - 1;
    assert_true(fabs(low_end(all->ranges[linear]) / low_end(widest->ranges[linear]) - 1) < 1e-4);
    assert_true(fabs(high_end(all->ranges[linear]) / high_end(widest->ranges[linear]) - 1) < 1e-4);
    assert_memory_equal(&half->ranges[last], &widest->ranges[last], sizeof *half->ranges);
    kept_values kept = values_of(half->reference, "block1.project");
    double below = 0, above = 0, count = (double)(IMAGES * kept.size);
    for (size_t i = 0; i < IMAGES * kept.size; i++) {
        below += (double)kept.values[i] < low_end(half->ranges[linear]);
        above += (double)kept.values[i] > high_end(half->ranges[linear]);
    }
    print_message("of 50%%: %.3f below, %.3f above\n", below / count, above / count);
    assert_true(fabs(below / count - 0.25) < 0.1 && fabs(above / count - 0.25) < 0.1);
    smt_free(kept.values);

    /* Such ranges change some classes, and fidelity counts them. */
    float exact[IMAGES * CLASSES], rounded[IMAGES * CLASSES];
    smt_fidelity fidelity;
    assert_int_equal(quant_logits(half->reference, pool, images, IMAGES, exact, &error), SMT_OK);
    assert_int_equal(quant_logits(half->simulated, pool, images, IMAGES, rounded, &error), SMT_OK);
    assert_int_equal(smt_quantizer_fidelity(half, images, IMAGES, &fidelity, &error), SMT_OK);
    int same = 0;
    for (int n = 0; n < IMAGES; n++) {
        same +=
            smt_argmax(exact + n * CLASSES, CLASSES) == smt_argmax(rounded + n * CLASSES, CLASSES);
    }
    assert_in_range(same, 1, IMAGES - 1);
    assert_true(fabs(fidelity.agreement - (double)same / IMAGES) < 1e-9);
    smt_quantizer_destroy(&widest);
    smt_quantizer_destroy(&all);
    smt_quantizer_destroy(&half);
}

/* Squared error of the values in a range: an image counts by its own values, a channel by what the
 * network makes of it. */
static double
error_in(const kept_values *kept, const float *importance, size_t channels, double low, double high)
{
    smt_quant q = quant_of_range(low, high);
    double error = 0;
    for (int n = 0; n < IMAGES; n++) {
        const float *values = kept->values + (size_t)n * kept->size;
        double wrong = 0, energy = 0;
        for (size_t i = 0; i < kept->size; i++) {
            double value = (double)values[i], weight = (double)importance[i % channels];
            double step = fmax(-128, fmin(127, round(value / (double)q.scale) + q.zero_point));
            double off = (double)q.scale * (step - q.zero_point) - value;
            wrong += weight * off * off;
            energy += weight * value * value;
        }
        error += wrong / energy;
    }
    return error;
}

/* No range beside the chosen one has a smaller error. */
static void test_least_error(void **state)
{
    (void)state;
    static const char *const names[] = {"block1.project", "block4.project", "block0.depthwise"};
    smt_error error = {0};
    float **importance = NULL;
    smt_quant_options options = smt_quant_defaults();
    smt_quantizer *q = make(&options);
    assert_int_equal(quant_importance(q->reference, &importance, &error), SMT_OK);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        kept_values kept = values_of(q->reference, names[k]);
        size_t channels = (size_t)q->reference->nodes[kept.node].shape.c;
        const float *counts = importance[kept.node];
        double low = low_end(q->ranges[kept.node]), high = high_end(q->ranges[kept.node]);
        double chosen = error_in(&kept, counts, channels, low, high);
        for (double part = 0.6; part < 1.7; part += 0.2) {
            assert_true(chosen < 1.05 * error_in(&kept, counts, channels, low * part, high));
            assert_true(chosen < 1.05 * error_in(&kept, counts, channels, low, high * part));
        }
        smt_free(kept.values);
    }
    for (int i = 0; i < q->reference->node_count; i++) {
        smt_free(importance[i]);
    }
    smt_free(importance);
    smt_quantizer_destroy(&q);
}

/* Both halves of a layer that is split are kept, and no other. */
static void test_layers_in_float(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_graph *graph = NULL;
    smt_quant_options options = smt_quant_defaults();
    options.keep_float = &(const char *){"stem"};
    options.keep_count = 1;
    smt_quantizer *q = make(&options);
    assert_int_equal(smt_quantizer_export(q, &graph, &error), SMT_OK);
    int kept = 0;
    for (int i = 0; i < q->real->node_count; i++) {
        const smt_node *node = &q->real->nodes[i];
        if (!smt_op_is_layer(node->op)) {
            continue;
        }
        bool in_float = !strcmp(node->name, "stem") || !strcmp(node->name, "stem.gate");
        const smt_param *exact = &q->real->params[node->param[SMT_WEIGHT]];
        const smt_param *made = &graph->params[graph->nodes[i].param[SMT_WEIGHT]];
        assert_int_equal(made->scale == NULL, in_float);
        assert_int_equal(memcmp(exact->data, made->data, exact->count * sizeof(float)) == 0,
                         in_float);
        kept += in_float;
    }
    assert_int_equal(kept, 2);
    smt_graph_destroy(&graph);
    smt_quantizer_destroy(&q);
}

/* Weights alone: on their grids, channels evened out and biases corrected as the options say. */
static void test_dynamic(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_graph *exact = NULL, *graph[3] = {NULL};
    double **mean = NULL, **moved = NULL, shift[3] = {0};
    smt_quant_options options = smt_quant_defaults();
    options.pool = pool;
    assert_int_equal(quant_prepare(model, &options, &exact, &error), SMT_OK);
    assert_int_equal(quant_means(exact, pool, images, IMAGES, &mean, &error), SMT_OK);
    int stem = smt_graph_find(exact, "stem");
    for (int k = 0; k < 3; k++) {
        options.correct_bias = k == 1;
        options.equalize = k == 2;
        assert_int_equal(smt_quantize_dynamic(model, images, IMAGES, &options, &graph[k], &error),
                         SMT_OK);
        assert_int_equal(quant_means(graph[k], pool, images, IMAGES, &moved, &error), SMT_OK);
        for (int c = 0; c < exact->nodes[stem].shape.c; c++) {
            shift[k] += fabs(moved[stem][c] - mean[stem][c]);
        }
        quant_means_free(&moved);
        const smt_node *node = &graph[k]->nodes[stem];
        const smt_param *weight = &graph[k]->params[node->param[SMT_WEIGHT]];
        for (size_t i = 0; i < weight->count; i++) {
            float step =
                weight->data[i] / weight->scale[i / (weight->count / (size_t)node->shape.c)];
            assert_true(fabsf(step - roundf(step)) < 1e-3f && fabsf(step) < 127.5f);
        }
    }
    print_message("means move by %.4f, corrected by %.4f\n", shift[0], shift[1]);
    assert_true(shift[1] < 0.5 * shift[0]);
    assert_true(spread_of(graph[2], "block1.depthwise") <
                0.5f * spread_of(graph[1], "block1.depthwise"));
    quant_means_free(&mean);
    smt_graph_destroy(&exact);
    for (int k = 0; k < 3; k++) {
        smt_graph_destroy(&graph[k]);
    }
}

/* What hard-swish makes 0 is no part of its input's range, nor what its output cuts off. */
static void test_ranges_of_swish(void **state)
{
    (void)state;
    int cut = 0;
    for (int method = SMT_RANGE_MSE; method <= SMT_RANGE_MINMAX; method++) {
        smt_quant_options options = smt_quant_defaults();
        options.method = (smt_range_method)method;
        smt_quantizer *q = make(&options);
        for (int i = 0; i < q->real->node_count; i++) {
            const smt_node *node = &q->real->nodes[i];
            if (node->op != SMT_OP_ACTIVATION) {
                continue;
            }
            smt_quant from = q->ranges[node->input[0]], to = q->ranges[i];
            float low = from.scale * (float)(-128 - from.zero_point),
                  high = from.scale * (float)(127 - from.zero_point),
                  end = to.scale * (float)(127 - to.zero_point);
            assert_true(low >= -3 - from.scale);
            assert_true(high * fminf(high + 3, 6) / 6 <= end + 2 * from.scale);
            assert_true(method != SMT_RANGE_MINMAX ||
                        high * fminf(high + 3, 6) / 6 >= end - 2 * from.scale);
            cut += method == SMT_RANGE_MINMAX && low < -3 + from.scale;
        }
        smt_quantizer_destroy(&q);
    }
    assert_true(cut > 0);
}

/* Where every other channel is -5 and the rest are 1, the range need not reach below 0: hard-swish
 * makes 0 of -5 and of 0. */
static void test_below_swish(void **state)
{
    (void)state;
    const smt_graph *graph = model->graph;
    const smt_param *gamma = &graph->params[smt_graph_find_param(graph, "block3.expand.bn.gamma")];
    const smt_param *beta = &graph->params[smt_graph_find_param(graph, "block3.expand.bn.beta")];
    float kept[2][CHANNELS];
    memcpy(kept[0], gamma->data, gamma->count * sizeof *kept[0]);
    memcpy(kept[1], beta->data, beta->count * sizeof *kept[1]);
    for (size_t c = 0; c < beta->count; c++) {
        gamma->data[c] = 1e-3f;
        beta->data[c] = c % 2 ? -5 : 1;
    }
    smt_quant_options options = smt_quant_defaults();
    smt_quantizer *q = make(&options);
    smt_quant range = q->ranges[smt_graph_find(q->real, "block3.expand")];
    assert_true(range.scale * (float)(-128 - range.zero_point) > -0.5f);
    smt_quantizer_destroy(&q);
    memcpy(gamma->data, kept[0], gamma->count * sizeof *kept[0]);
    memcpy(beta->data, kept[1], beta->count * sizeof *kept[1]);
}

/* What lies below the end of hard-swish counts where another node reads the value, too. */
static void test_below_shared_swish(void **state)
{
    (void)state;
    smt_error e = {0};
    smt_graph *g = NULL;
    smt_model *shared = NULL;
    smt_quantizer *q = NULL;
    const smt_conv_spec one = {
        .filters = 2, .kernel_h = 1, .kernel_w = 1, .stride = 1, .bias = true};
    assert_int_equal(smt_graph_create(&g, &e), SMT_OK);
    int in = smt_graph_input(g, "input", (smt_shape){SIDE, SIDE, 1}, &e);
    int conv = smt_graph_conv(g, "conv", in, &one, &e);
    int swish = smt_graph_activation(g, "swish", conv, SMT_ACT_HARD_SWISH, &e);
    int sum = smt_graph_add(g, "sum", conv, swish, SMT_ACT_NONE, &e);
    int pool_node = smt_graph_global_pool(g, "pool", sum, &e);
    int head = smt_graph_dense(g, "head", pool_node, 2, true, SMT_ACT_NONE, &e);
    assert_int_equal(smt_model_create(g, NULL, NULL, 0, &shared, &e), SMT_OK);
    for (int k = 0; k < 2; k++) {
        g->params[g->nodes[conv].param[SMT_WEIGHT]].data[k] = 1;
        g->params[g->nodes[conv].param[SMT_BIAS]].data[k] = k ? 5 : -5;
        g->params[g->nodes[head].param[SMT_WEIGHT]].data[3 * k] = 1;
    }
    smt_quant_options options = smt_quant_defaults();
    options.pool = pool;
    assert_int_equal(smt_quantizer_create(shared, images, IMAGES, &options, &q, &e), SMT_OK);
    assert_true(low_end(q->ranges[smt_graph_find(q->real, "conv")]) < -5);
    smt_quantizer_destroy(&q);
    smt_model_destroy(&shared);
}

/* One calibration image in a hundred with values far
 * beyond all others' must not cost these their steps. */
static void test_outlier(void **state)
{
    (void)state;
    enum { SIZE = SIDE * SIDE, TIMES = 16, COUNT = TIMES * IMAGES + 1 };
    float *many = smt_alloc((size_t)COUNT * SIZE, sizeof *many);
    assert_non_null(many);
    for (int i = 0; i < TIMES; i++) {
        memcpy(many + i * IMAGES * SIZE, images, IMAGES * SIZE * sizeof *many);
    }
    for (int i = 0; i < SIZE; i++) {
        many[(COUNT - 1) * SIZE + i] = 30 * images[i];
    }
    smt_quant_options options = smt_quant_defaults();
    options.pool = pool;
    double errors[2];
    for (int with = 0; with < 2; with++) {
        smt_quantizer *q = NULL;
        smt_error error;
        assert_int_equal(smt_quantizer_create(model, many, COUNT - 1 + with, &options, &q, &error),
                         SMT_OK);
        errors[with] = error_of(q);
        smt_quantizer_destroy(&q);
    }
    smt_free(many);
    print_message("error: %.4f, with an outlier %.4f\n", errors[0], errors[1]);
    assert_true(errors[1] < 4 * errors[0]); /* over 100 where squared errors are just added up */
}

/* Ranges that cut a tenth of all values off are repaired
 * by distillation: weights and scales find their way. */
static void test_training(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_quant_options options = smt_quant_defaults();
    options.method = SMT_RANGE_PERCENTILE;
    options.percentile = 90;
    options.correct_bias = false;
    smt_quantizer *q = make(&options);
    double before = error_of(q);
    smt_qat_options training = smt_qat_defaults();
    training.epochs = 60;
    training.rate = 2e-3; /* few steps */
    training.scale_rate = 1;
    training.batch = 16;
    assert_int_equal(
        smt_quantizer_train(q, &set, &model->preprocess, &training, NULL, NULL, &error), SMT_OK);
    double after = error_of(q);
    if (!(after < 0.9 * before)) {
        fail_msg("error %g before, %g after", before, after);
    }
    check_fixed_ranges(q);
    smt_quantizer_destroy(&q);
}

static void watch_held(void *context, int epoch, double loss, double agreement, double held)
{
    (void)agreement;
    double *seen = context;
    assert_true(isfinite(held) && isfinite(loss) == (epoch > 0));
    seen[epoch] = held;
}

/* Steps that ruin the network leave what calibration had made of it. */
static void test_training_keeps_best(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_quant_options options = smt_quant_defaults();
    smt_quantizer *q = make(&options);
    double before = error_of(q), held[3] = {0};
    smt_qat_options training = smt_qat_defaults();
    training.epochs = 2;
    training.rate = 0.5;
    training.batch = 16;
    assert_int_equal(
        smt_quantizer_train(q, &set, &model->preprocess, &training, watch_held, held, &error),
        SMT_OK);
    assert_true(held[1] > 2 * held[0] && held[2] > 2 * held[0]);
    double after = error_of(q);
    if (!(fabs(after - before) < 0.02 * before)) {
        fail_msg("error %g before, %g after", before, after);
    }
    smt_quantizer_destroy(&q);
}

/* What the reports say of each epoch, from 0. */
typedef struct told {
    double loss[3], agreement[3], held[3];
} told;

static void write_down(void *context, int epoch, double loss, double agreement, double held)
{
    told *to = context;
    to->loss[epoch] = loss;
    to->agreement[epoch] = agreement;
    to->held[epoch] = held;
}

/* Fine-tuning on the images, each `every`-th of them from `first` on turned into its negative. */
static told tell(int first, int every)
{
    told out = {0};
    smt_error error = {0};
    smt_pixels changed = set;
    smt_quant_options options = smt_quant_defaults();
    smt_quantizer *q = make(&options);
    smt_qat_options training = smt_qat_defaults();
    training.epochs = 2;
    training.rate = 2e-3;
    training.batch = 16;
    changed.data = smt_alloc(IMAGES, SIDE * SIDE);
    assert_non_null(changed.data);
    for (int i = 0; i < IMAGES * SIDE * SIDE; i++) {
        int n = i / (SIDE * SIDE) - first;
        changed.data[i] = n >= 0 && n % every == 0 ? (uint8_t)(255 - pixels[i]) : pixels[i];
    }
    assert_int_equal(
        smt_quantizer_train(q, &changed, &model->preprocess, &training, write_down, &out, &error),
        SMT_OK);
    smt_free(changed.data);
    smt_quantizer_destroy(&q);
    return out;
}

/* Every sixth image is held back: no step sees it, and it alone says which state is kept. */
static void test_training_holds_back(void **state)
{
    (void)state;
    told plain = tell(IMAGES, 1), held = tell(5, 6), seen = tell(4, 6);
    for (int epoch = 1; epoch <= 2; epoch++) { /* the second follows from the first's steps */
        assert_true(plain.loss[epoch] > 0);
        assert_true(held.loss[epoch] == plain.loss[epoch]);
        assert_true(held.agreement[epoch] == plain.agreement[epoch]);
        assert_true(seen.loss[epoch] != plain.loss[epoch]);
    }
    assert_true(held.held[0] != plain.held[0]);
    assert_true(seen.held[0] == plain.held[0]);
    assert_true(seen.held[1] != plain.held[1]);
}

static void test_sensitivity(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_quant_options options = smt_quant_defaults();
    smt_quantizer *q = make(&options);
    smt_sensitivity *rows = NULL;
    int count = 0;
    assert_int_equal(smt_quantizer_sensitivity(q, images, 16, &rows, &count, &error), SMT_OK);
    assert_int_equal(count, 54); /* the first layer twice */
    assert_string_equal(rows[0].name, "stem.gate");
    assert_string_equal(rows[1].name, "stem");
    smt_fidelity whole;
    assert_int_equal(smt_quantizer_fidelity(q, images, IMAGES, &whole, &error), SMT_OK);
    assert_true(fabs(whole.noise_db + 20 * log10(error_of(q))) < 1e-6);
    assert_int_equal(smt_quantizer_fidelity(q, images, 16, &whole, &error), SMT_OK);
    assert_true(whole.agreement > 0 && whole.agreement <= 1);
    for (int i = 0; i < count; i++) {
        assert_true(rows[i].fidelity.agreement >= 0 && rows[i].fidelity.agreement <= 1);
        assert_true(isfinite(rows[i].fidelity.noise_db));
        smt_quant range = q->ranges[smt_graph_find(q->real, rows[i].name)];
        assert_true(rows[i].range_low == (double)range.scale * (-128 - range.zero_point));
        assert_true(rows[i].range_high == (double)range.scale * (127 - range.zero_point));
        assert_true(rows[i].range_low <= 0 && rows[i].range_high > 0);
        assert_true(rows[i].fidelity.noise_db > whole.noise_db); /* all layers together lose more */
    }
    smt_sensitivity *kept = rows;
    smt_interrupt();
    assert_int_equal(smt_quantizer_sensitivity(q, images, 16, &rows, &count, &error),
                     SMT_ERR_INTERRUPTED);
    smt_interrupt_clear();
    assert_ptr_equal(rows, kept);
    smt_free(rows);
    smt_quantizer_destroy(&q);
}

static void test_refusals(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_quantizer *q = NULL;
    const char *const unknown[] = {"block99.expand"};
    smt_quant_options options = smt_quant_defaults();
    assert_int_equal(smt_quantizer_create(model, images, IMAGES, &options, &q, &error),
                     SMT_ERR_ARGUMENT);
    options.pool = pool;
    options.keep_float = unknown;
    options.keep_count = 1;
    assert_int_equal(smt_quantizer_create(model, images, IMAGES, &options, &q, &error),
                     SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "block99.expand"));
    options.keep_count = 0;
    images[5] = NAN;
    assert_int_not_equal(smt_quantizer_create(model, images, IMAGES, &options, &q, &error), SMT_OK);
    images[5] = ((float)pixels[5] - 128) / 128;
    for (long n = 0; n < 400; n += 7) {
        smt_alloc_fail_after(n);
        smt_status status = smt_quantizer_create(model, images, 8, &options, &q, &error);
        smt_alloc_fail_after(-1);
        assert_int_equal(status, SMT_ERR_MEMORY);
        assert_null(q);
    }
}

/* Nobody need say why there is no decision. */
static void test_csource_without_reason(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_quantizer *q = NULL;
    smt_graph *graph = NULL;
    smt_write_options plain = {0};
    smt_quant_options options = smt_quant_defaults();
    char folder[] = "/tmp/semtinel-csource-XXXXXX", **names = NULL;
    size_t count = 0;
    options.pool = pool;
    assert_int_equal(smt_quantizer_create(model, images, 8, &options, &q, &error), SMT_OK);
    assert_int_equal(smt_quantizer_export(q, &graph, &error), SMT_OK);
    assert_non_null(mkdtemp(folder));
    char *file = smt_path_join(folder, "net.tflite");
    assert_int_equal(smt_quantized_save(graph, model, file, &plain, false, &error), SMT_OK);
    assert_int_equal(smt_csource_export(file, folder, NULL, NULL, &error), SMT_OK);
    smt_free(file);
    assert_int_equal(smt_list_directory(folder, &names, &count, &error), SMT_OK);
    assert_int_equal(count, 5); /* the file, .h, .c, _check.c, README.md */
    for (size_t i = 0; i < count; i++) {
        char *path = smt_path_join(folder, names[i]);
        unlink(path);
        smt_free(path);
    }
    rmdir(folder);
    smt_list_free(&names, count);
    smt_graph_destroy(&graph);
    smt_quantizer_destroy(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simulation_is_edge),
        cmocka_unit_test(test_equalisation_keeps_the_function),
        cmocka_unit_test(test_split_keeps_the_function),
        cmocka_unit_test(test_bias_correction),
        cmocka_unit_test(test_bias_correction_of_values),
        cmocka_unit_test(test_large_bias),
        cmocka_unit_test(test_importance),
        cmocka_unit_test(test_fixed_ranges),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_percentiles),
        cmocka_unit_test(test_least_error),
        cmocka_unit_test(test_layers_in_float),
        cmocka_unit_test(test_dynamic),
        cmocka_unit_test(test_ranges_of_swish),
        cmocka_unit_test(test_below_swish),
        cmocka_unit_test(test_below_shared_swish),
        cmocka_unit_test(test_outlier),
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_training_keeps_best),
        cmocka_unit_test(test_training_holds_back),
        cmocka_unit_test(test_sensitivity),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_csource_without_reason),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
