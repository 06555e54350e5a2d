/* Networks in float32 through ops, in batches of fixed size. */
#include "evaluate/runner.h"
#include "evaluate/scores.h"

#include <semtinel/format.h>
#include <semtinel/ops.h>

#include <math.h>
#include <string.h>

#define BATCH 32

typedef struct model_runner {
    runner base;
    char *path;
    smt_model *model;
    smt_exec *exec;
    smt_pool *pool;
    smt_exec *keeper; /* keeps all values, for features; made when first needed */
    float *input;     /* BATCH x size x size x channels */
    int size, channels, outputs;
    int nodes[SMT_FEATURE_DEPTHS]; /* whose maps are summed up; 0: no such depth */
    smt_feature_layout layout;
} model_runner;

static void close_model(runner *self)
{
    model_runner *r = (model_runner *)self;
    smt_exec_destroy(&r->exec);
    smt_exec_destroy(&r->keeper);
    smt_model_destroy(&r->model);
    smt_free(r->input);
    smt_free(r->path);
    smt_free(r);
}

static void
fill_input(model_runner *r, const smt_preprocess *preprocess, const uint8_t *in, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float value = ((float)in[i] - preprocess->mean) / preprocess->scale;
        for (int c = 0; c < r->channels; c++) {
            r->input[i * (size_t)r->channels + (size_t)c] = value;
        }
    }
}

/* The pooling after which no gate follows: what the classifier reads. */
static int find_pooling(const smt_graph *graph)
{
    for (int i = graph->node_count - 1; i > 0 && graph->nodes[i].op != SMT_OP_MULTIPLY; i--) {
        if (graph->nodes[i].op == SMT_OP_GLOBAL_POOL) {
            return i;
        }
    }
    return -1;
}

/* The last maps of a half, a quarter and an eighth of the image's side. */
static void find_depths(model_runner *r)
{
    const smt_graph *graph = r->model->graph;
    int pooling = find_pooling(graph);
    r->layout.pooled = pooling < 0 ? 0 : graph->nodes[pooling].shape.c;
    for (int k = 0; k < SMT_FEATURE_DEPTHS && pooling >= 0; k++) {
        int part = 2 << k, side = (r->size + part - 1) / part;
        for (int i = 1; i < pooling && side > 1; i++) {
            smt_shape shape = graph->nodes[i].shape;
            if (shape.h == side && shape.w == side && shape.c <= SMT_DEPTH_CHANNELS) {
                r->nodes[k] = i;
            }
        }
        r->layout.depth[k] = r->nodes[k] ? 2 * graph->nodes[r->nodes[k]].shape.c : 0;
    }
}

/* Mean and standard deviation of each channel of a map. */
static void sum_up(const float *map, smt_shape shape, float *out)
{
    double mean[SMT_DEPTH_CHANNELS] = {0}, square[SMT_DEPTH_CHANNELS] = {0};
    size_t pixels = (size_t)shape.h * (size_t)shape.w, channels = (size_t)shape.c;
    for (size_t p = 0; p < pixels; p++) {
        for (size_t c = 0; c < channels; c++) {
            double value = (double)map[p * channels + c];
            mean[c] += value / (double)pixels;
            square[c] += value * value / (double)pixels;
        }
    }
    for (size_t c = 0; c < channels; c++) {
        out[c] = (float)mean[c];
        out[channels + c] = (float)sqrt(fmax(square[c] - mean[c] * mean[c], 0));
    }
}

/* The rows of one batch, of values that the keeper holds. */
static void take_rows(const model_runner *r, int pooling, int batch, float *rows, size_t width)
{
    const smt_graph *graph = r->model->graph;
    size_t pooled = (size_t)r->layout.pooled;
    for (size_t i = 0; i < (size_t)batch; i++) {
        float *row = rows + i * width;
        memcpy(row, smt_exec_value(r->keeper, pooling) + i * pooled, pooled * sizeof *row);
        row += pooled;
        for (int k = 0; k < SMT_FEATURE_DEPTHS; k++) {
            if (r->nodes[k]) {
                smt_shape shape = graph->nodes[r->nodes[k]].shape;
                const float *map = smt_exec_value(r->keeper, r->nodes[k]);
                sum_up(map + i * smt_shape_count(shape), shape, row);
                row += r->layout.depth[k];
            }
        }
    }
}

static smt_status features_of_model(runner *self,
                                    const smt_preprocess *preprocess,
                                    const uint8_t *pixels,
                                    size_t count,
                                    float **out,
                                    int *width,
                                    smt_error *error)
{
    model_runner *r = (model_runner *)self;
    const smt_graph *graph = r->model->graph;
    int node = find_pooling(graph);
    if (node < 0) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: has no pooling whose features could be taken",
                        r->path);
    }
    size_t side = (size_t)r->size * (size_t)r->size, values = (size_t)smt_feature_width(&r->layout);
    const smt_exec_options options = {.max_batch = BATCH, .training = true};
    float *features = smt_alloc(count, values * sizeof *features);
    smt_status status =
        features ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", r->path);
    if (!status && !r->keeper) {
        status = smt_exec_create(r->model->graph, r->pool, &options, &r->keeper, error);
    }
    for (size_t first = 0; first < count && !status; first += BATCH) {
        int batch = (int)(count - first < BATCH ? count - first : BATCH);
        fill_input(r, preprocess, pixels + first * side, (size_t)batch * side);
        if (smt_exec_infer(r->keeper, r->input, batch)) {
            take_rows(r, node, batch, features + first * values, values);
        } else {
            status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory for its features", r->path);
        }
        smt_progress("features", first + (size_t)batch, count);
        status = status ? status : smt_check_interrupted(error);
    }
    if (status) {
        smt_free(features);
        return status;
    }
    *out = features;
    *width = (int)values;
    return SMT_OK;
}

static smt_status run_model(runner *self,
                            const smt_preprocess *preprocess,
                            const uint8_t *pixels,
                            size_t count,
                            float *outputs,
                            smt_error *error)
{
    model_runner *r = (model_runner *)self;
    size_t side = (size_t)r->size * (size_t)r->size, outs = (size_t)r->outputs;
    smt_status status = SMT_OK;
    for (size_t first = 0; first < count && !status; first += BATCH) {
        int batch = (int)(count - first < BATCH ? count - first : BATCH);
        fill_input(r, preprocess, pixels + first * side, (size_t)batch * side);
        const float *out = smt_exec_infer(r->exec, r->input, batch);
        if (!out) {
            return smt_fail(
                error, SMT_ERR_MEMORY, "%s: the network cannot run a batch of %d", r->path, batch);
        }
        memcpy(outputs + first * outs, out, (size_t)batch * outs * sizeof *out);
        smt_progress("classifying", first + (size_t)batch, count);
        status = smt_check_interrupted(error);
    }
    return status;
}

static smt_status copy_facts(const model_runner *r, runner_facts *facts, smt_error *error)
{
    const smt_model *m = r->model;
    facts->input_size = r->size;
    facts->channels = r->channels;
    facts->outputs = r->outputs;
    facts->precision = "float32";
    facts->preprocess = m->preprocess;
    facts->layout = r->layout;
    facts->probabilities = m->graph->nodes[m->graph->node_count - 1].op == SMT_OP_SOFTMAX;
    facts->provenance = smt_strdup(m->provenance ? m->provenance : "{}");
    bool complete = facts->provenance;
    if (m->class_count == r->outputs && m->classes) {
        facts->classes = smt_list_copy((const char *const *)m->classes, (size_t)r->outputs);
        facts->class_count = facts->classes ? r->outputs : 0;
        complete = complete && facts->classes;
    }
    return complete ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", r->path);
}

smt_status runner_open_model(
    const char *path, smt_pool *pool, runner **out, runner_facts *facts, smt_error *error)
{
    model_runner *r = smt_alloc(1, sizeof *r);
    if (!r) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    r->base = (runner){.close = close_model, .run = run_model, .features = features_of_model};
    r->pool = pool;
    r->path = smt_strdup(path);
    smt_status status =
        r->path ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    status = status ? status : smt_model_load(path, &r->model, error);
    if (status) {
        goto done;
    }
    smt_model_note_size(r->model, path);
    const smt_graph *graph = r->model->graph;
    smt_shape in = graph->nodes[0].shape;
    r->size = in.h;
    r->channels = in.c;
    r->outputs = (int)smt_shape_count(graph->nodes[graph->node_count - 1].shape);
    if (in.h != in.w || (in.c != 1 && in.c != 3) || r->outputs < 1 || r->outputs > SMT_CLASS_MAX) {
        status = smt_fail(error,
                          SMT_ERR_UNSUPPORTED,
                          "%s: input %d x %d x %d and %d outputs; a classifier of square images "
                          "with 1 or 3 channels and 1 .. %d classes is needed",
                          path,
                          in.h,
                          in.w,
                          in.c,
                          r->outputs,
                          SMT_CLASS_MAX);
        goto done;
    }
    find_depths(r);
    r->input = smt_alloc(BATCH * smt_shape_count(in), sizeof *r->input);
    if (!r->input) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        goto done;
    }
    const smt_exec_options options = {.max_batch = BATCH};
    status = smt_exec_create(r->model->graph, pool, &options, &r->exec, error);
    status = status ? status : copy_facts(r, facts, error);
done:
    if (status) {
        close_model(&r->base);
        return status;
    }
    *out = &r->base;
    return SMT_OK;
}
