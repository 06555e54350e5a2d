/* Ranges of the values.
 *
 * Two passes over the calibration images: the extremes of every value, then its
 * histogram between them. From the histogram comes the range by the option's rule.
 * Some ranges are not measured: the input's follows from the preprocessing, the
 * squeeze-excite gate's (relu6) is 0 .. 6 by construction, and a hard-swish gives
 * 0 for everything below -3, so its input's range is cut there without loss. */
#include "quant/quantizer.h"

#include <math.h>

#define BINS 2048
#define RANGE_STEPS 60 /* each 6% narrower: down to a fortieth of the extremes */

typedef struct observer {
    double low, high;
    double *bins;            /* BINS: weight of the values there; NULL in the first pass */
    const float *importance; /* [channel] */
} observer;

typedef struct observation {
    const smt_graph *graph;
    observer *observers; /* [node] */
    smt_pool *pool;
    const smt_exec *exec;
    int count;
} observation;

static double energy(const float *values, size_t size, const float *importance, size_t channels)
{
    double sum = 0;
    for (size_t i = 0; i < size; i += channels) {
        for (size_t c = 0; c < channels; c++) {
            double value = (double)values[i + c];
            sum += (double)importance[c] * value * value;
        }
    }
    return sum / (double)size;
}

/* One node a task. An image counts by the error relative to its own values: one whose values are
 * ten times the others' would otherwise weigh as much as a hundred of them, and set a step that is
 * too coarse for all the rest. */
static void observe_node(void *context, int node, int worker)
{
    (void)worker;
    const observation *o = context;
    size_t size = smt_shape_count(o->graph->nodes[node].shape);
    const float *values = smt_exec_value(o->exec, node);
    observer *to = &o->observers[node];
    size_t count = size * (size_t)o->count;
    if (!to->bins) {
        float low = (float)to->low, high = (float)to->high;
        for (size_t i = 0; i < count; i++) {
            low = values[i] < low ? values[i] : low;
            high = values[i] > high ? values[i] : high;
            low = isnan(values[i]) ? -INFINITY : low; /* refused after the pass */
        }
        to->low = (double)low;
        to->high = (double)high;
        return;
    }
    float start = (float)to->low, factor = (float)((BINS - 1e-3) / (to->high - to->low));
    size_t channels = (size_t)o->graph->nodes[node].shape.c;
    for (const float *image = values; image < values + count; image += size) {
        double share = 1 / fmax(energy(image, size, to->importance, channels), 1e-12);
        for (size_t i = 0; i < size; i += channels) {
            for (size_t c = 0; c < channels; c++) {
                int bin = (int)((image[i + c] - start) * factor);
                to->bins[bin < 0       ? 0
                         : bin >= BINS ? BINS - 1
                                       : bin] += share * (double)to->importance[c];
            }
        }
    }
}

static void observe(void *context, const smt_exec *exec, int first, int images)
{
    (void)first;
    observation *o = context;
    o->exec = exec;
    o->count = images;
    smt_pool_run(o->pool, o->graph->node_count, observe_node, o);
}

smt_quant quant_of_range(double low, double high)
{
    low = fmin(low, 0);
    high = fmax(high, 0);
    double width = fmax(high - low, 1e-6);
    smt_quant quant = {.scale = (float)(width / 255)};
    double zero = round(-128 - low / (width / 255));
    quant.zero_point = (int)fmax(-128, fmin(127, zero));
    return quant;
}

/* Mean squared error of the histogram under a quantisation: rounding inside, cutting outside. */
static double histogram_error(const observer *o, double low, double high)
{
    double step = (high - low) / 255, width = (o->high - o->low) / BINS, error = 0;
    for (int i = 0; i < BINS; i++) {
        if (o->bins[i] > 0) {
            double value = o->low + (i + 0.5) * width;
            double cut = value < low ? low - value : value > high ? value - high : 0;
            error += o->bins[i] * (cut > 0 ? cut * cut : step * step / 12);
        }
    }
    return error;
}

static void range_by_error(const observer *o, double *low, double *high)
{
    double best = INFINITY, best_low = *low, best_high = *high;
    for (int i = 0; i < RANGE_STEPS; i++) {
        double h = *high * pow(0.94, i);
        for (int k = 0; k < (*low < 0 ? RANGE_STEPS : 1); k++) {
            double l = *low * pow(0.94, k);
            double error = histogram_error(o, l, h);
            if (error < best) {
                best = error;
                best_low = l;
                best_high = h;
            }
        }
    }
    *low = best_low;
    *high = best_high;
}

static void range_by_percentile(const observer *o, double percentile, double *low, double *high)
{
    double total = 0, seen = 0, share = (1 - percentile / 100) / 2;
    for (int i = 0; i < BINS; i++) {
        total += o->bins[i];
    }
    double width = (o->high - o->low) / BINS, from = *low, to = *high;
    bool started = false;
    for (int i = 0; i < BINS; i++) {
        seen += o->bins[i];
        if (!started && seen > share * total) {
            from = o->low + i * width;
            started = true;
        }
        if (seen >= (1 - share) * total) {
            to = o->low + (i + 1) * width;
            break;
        }
    }
    *low = fmax(*low, from);
    *high = fmin(*high, to);
}

/* The hard-swish that alone reads the value, or -1. */
static int swish_of(const smt_graph *graph, int node)
{
    bool alone = smt_graph_users(graph, node) == 1;
    for (int i = node + 1; alone && i < graph->node_count; i++) {
        if (graph->nodes[i].input[0] == node) {
            return graph->nodes[i].op == SMT_OP_ACTIVATION ? i : -1;
        }
    }
    return -1;
}

/* What hard-swish cuts off at its upper end need not be told apart before it. */
static void cut_by_swish(const smt_graph *graph, smt_quant *ranges, int node)
{
    int swish = swish_of(graph, node);
    if (swish < 0) {
        return;
    }
    smt_quant from = ranges[node], to = ranges[swish];
    double low = (double)from.scale * (-128 - from.zero_point);
    double high = (double)from.scale * (127 - from.zero_point);
    double end = (double)to.scale * (127 - to.zero_point);
    end = end < 3 ? (sqrt(9 + 24 * end) - 3) / 2 : end; /* x (x + 3) / 6 = end */
    if (end < high) {
        ranges[node] = quant_of_range(low, end);
    }
}

static smt_quant
choose(const smt_graph *graph, int i, observer *o, const smt_quant_options *options)
{
    const smt_node *node = &graph->nodes[i];
    if (node->op == SMT_OP_INPUT) {
        return (smt_quant){.scale = 1.0f / 128, .zero_point = 0};
    }
    if (node->activation == SMT_ACT_RELU6) {
        return quant_of_range(0, 6);
    }
    double low = fmin(o->low, 0), high = fmax(o->high, 0);
    if (high - low < 1e-6) {
        return quant_of_range(0, 1e-3);
    }
    if (swish_of(graph, i) >= 0 && low < -3) {
        /* What lies below does not count as an error of rounding or cutting. */
        low = -3;
        double width = (o->high - o->low) / BINS;
        for (int b = 0; b < BINS && o->low + (b + 1) * width < -3; b++) {
            o->bins[b] = 0;
        }
    }
    bool logits = i == graph->node_count - 1;
    if (!logits && options->method == SMT_RANGE_MSE) {
        range_by_error(o, &low, &high);
    } else if (!logits && options->method == SMT_RANGE_PERCENTILE) {
        range_by_percentile(o, options->percentile, &low, &high);
    }
    return quant_of_range(low, high);
}

smt_status quant_calibrate(smt_quantizer *q,
                           const float *images,
                           int count,
                           const smt_quant_options *options,
                           smt_error *error)
{
    size_t nodes = (size_t)q->real->node_count;
    float **importance = NULL;
    observer *observers = smt_alloc(nodes, sizeof *observers);
    double *bins = smt_alloc(nodes * BINS, sizeof *bins);
    observation o = {.graph = q->real, .observers = observers, .pool = q->pool};
    smt_status status = SMT_OK;
    if (!observers || !bins) {
        status = smt_fail(
            error, SMT_ERR_MEMORY, "out of memory for the histograms of %zu values", nodes);
        goto done;
    }
    for (size_t i = 0; i < nodes; i++) {
        observers[i].low = INFINITY;
        observers[i].high = -INFINITY;
    }
    status = quant_importance(q->real, &importance, error);
    status = status ? status : quant_pass(q->real, q->pool, images, count, observe, &o, error);
    for (size_t i = 0; i < nodes && importance; i++) {
        if (!status && !(isfinite(observers[i].low) && isfinite(observers[i].high))) {
            status = smt_fail(error,
                              SMT_ERR_FORMAT,
                              "node '%s' gives values that are not finite: the network is damaged",
                              q->real->nodes[i].name);
        }
        observers[i].high = fmax(observers[i].high, observers[i].low + 1e-9);
        observers[i].bins = bins + i * BINS;
        observers[i].importance = importance[i];
    }
    status = status ? status : quant_pass(q->real, q->pool, images, count, observe, &o, error);
    for (int i = 0; i < q->real->node_count && status == SMT_OK; i++) {
        q->ranges[i] = choose(q->real, i, &observers[i], options);
    }
    for (int i = 0; i < q->real->node_count && status == SMT_OK; i++) {
        cut_by_swish(q->real, q->ranges, i);
    }
done:
    for (size_t i = 0; importance && i < nodes; i++) {
        smt_free(importance[i]);
    }
    smt_free(importance);
    smt_free(bins);
    smt_free(observers);
    return status;
}
