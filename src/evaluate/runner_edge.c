/* .tflite files through the edge runtime: one plan, and one arena for every thread of the pool. */
#include "evaluate/runner.h"

#include "format/metadata.h"
#include "format/tflite.h"

#include <jansson.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct edge_runner {
    runner base;
    char *path;
    void *file;
    smt_pool *pool;
    smt_edge_model model;
    smt_edge_plan plan;
    void *places;
    int threads;
    smt_edge_runner *runners; /* one a thread */
    void **arenas;
    smt_edge_tensor input, output;
    int size, channels;
} edge_runner;

static void close_edge(runner *self)
{
    edge_runner *r = (edge_runner *)self;
    for (int i = 0; r->arenas && i < r->threads; i++) {
        smt_free(r->arenas[i]);
    }
    smt_free(r->arenas);
    smt_free(r->runners);
    smt_free(r->places);
    smt_free(r->file);
    smt_free(r->path);
    smt_free(r);
}

typedef struct job {
    edge_runner *runner;
    const smt_preprocess *preprocess;
    const uint8_t *pixels;
    float *outputs;
    size_t count;
    atomic_size_t done;
} job;

/* A pixel's value in the network's input type; the 256 of them make a table. */
typedef struct pixel_table {
    float real[256];
    uint8_t byte[256];
} pixel_table;

static void fill_table(const edge_runner *r, const smt_preprocess *preprocess, pixel_table *table)
{
    for (int p = 0; p < 256; p++) {
        double x = ((double)p - (double)preprocess->mean) / (double)preprocess->scale;
        table->real[p] = (float)x;
        if (r->input.type != SMT_EDGE_F32) {
            bool is_signed = r->input.type == SMT_EDGE_S8;
            double q = rint(x / (double)r->input.scales[0]) + r->input.zero_point;
            double low = is_signed ? -128 : 0, high = is_signed ? 127 : 255;
            int whole = (int)(q < low ? low : q > high ? high : q);
            table->byte[p] = (uint8_t)whole;
        }
    }
}

static void read_outputs(const edge_runner *r, const void *data, float *outputs)
{
    for (uint32_t c = 0; c < r->output.elements; c++) {
        if (r->output.type == SMT_EDGE_F32) {
            memcpy(&outputs[c], (const uint8_t *)data + 4 * c, 4);
        } else {
            int q = r->output.type == SMT_EDGE_S8 ? ((const int8_t *)data)[c]
                                                  : ((const uint8_t *)data)[c];
            outputs[c] = r->output.scales[0] * (float)(q - r->output.zero_point);
        }
    }
}

static void classify_one(void *context, int task, int worker)
{
    job *j = context;
    edge_runner *r = j->runner;
    if (smt_interrupted()) {
        return;
    }
    pixel_table table;
    fill_table(r, j->preprocess, &table);
    size_t side = (size_t)r->size * (size_t)r->size, channels = (size_t)r->channels;
    const uint8_t *in = j->pixels + (size_t)task * side;
    void *input = smt_edge_input(&r->runners[worker], 0);
    for (size_t i = 0; i < side; i++) {
        for (size_t c = 0; c < channels; c++) {
            if (r->input.type == SMT_EDGE_F32) {
                ((float *)input)[i * channels + c] = table.real[in[i]];
            } else {
                ((uint8_t *)input)[i * channels + c] = table.byte[in[i]];
            }
        }
    }
    smt_edge_invoke(&r->runners[worker], NULL, NULL);
    read_outputs(
        r, smt_edge_output(&r->runners[worker], 0), j->outputs + (size_t)task * r->output.elements);
    smt_progress("classifying", atomic_fetch_add(&j->done, 1) + 1, j->count);
}

static smt_status run_edge(runner *self,
                           const smt_preprocess *preprocess,
                           const uint8_t *pixels,
                           size_t count,
                           float *outputs,
                           smt_error *error)
{
    edge_runner *r = (edge_runner *)self;
    job j = {.runner = r,
             .preprocess = preprocess,
             .pixels = pixels,
             .outputs = outputs,
             .count = count};
    if (count > INT32_MAX) {
        return smt_fail(error, SMT_ERR_LIMIT, "%s: %zu images at once", r->path, count);
    }
    smt_pool_run(r->pool, (int)count, classify_one, &j);
    return smt_check_interrupted(error);
}

/* The tensor whose scale and zero point tell the input's range. */
static smt_edge_tensor quantised_input(const edge_runner *r)
{
    smt_edge_tensor t = r->input;
    smt_edge_operator op;
    if (t.type == SMT_EDGE_F32 && smt_edge_get_operator(&r->model, 0, &op) &&
        op.code == SMT_EDGE_QUANTIZE && op.inputs[0] == r->model.inputs[0]) {
        smt_edge_get_tensor(&r->model, op.outputs[0], &t);
    }
    return t;
}

/* Without metadata: bytes 0 .. 255 are spread over a quantised input's range; that of a float
 * network is told from its scaling, as on import. */
static smt_status
guess_preprocess(const edge_runner *r, size_t size, smt_preprocess *p, smt_error *error)
{
    smt_edge_tensor input = quantised_input(r);
    smt_model *model = NULL;
    smt_status status = SMT_OK;
    *p = (smt_preprocess){.mean = 127.5f, .scale = 127.5f};
    if (input.type != SMT_EDGE_F32 && input.scale_count == 1) {
        int least = input.type == SMT_EDGE_S8 ? -128 : 0;
        float low = input.scales[0] * (float)(least - input.zero_point);
        p->scale = 1.0f / input.scales[0];
        p->mean = -low / input.scales[0];
    } else {
        status = smt_tflite_read_memory(r->file, size, r->path, &model, NULL);
        *p = model ? model->preprocess : *p;
        smt_model_destroy(&model);
    }
    return status == SMT_ERR_MEMORY ? smt_fail(error, status, "%s: out of memory", r->path)
                                    : SMT_OK;
}

static smt_status take_metadata(const edge_runner *r, runner_facts *facts, smt_error *error)
{
    for (int32_t i = 0; i < r->model.metadata_count; i++) {
        smt_edge_metadata blob;
        if (!smt_edge_get_metadata(&r->model, i, &blob) || !blob.size || blob.data[0] != '{') {
            continue;
        }
        json_t *root = json_loadb((const char *)blob.data, blob.size, 0, NULL);
        const json_t *classes = json_object_get(root, "classes");
        if (!json_is_array(classes)) {
            json_decref(root);
            continue;
        }
        const char **names = NULL;
        int count = 0;
        smt_status status = smt_classes_from_json(classes, r->path, &names, &count, error);
        const json_t *preprocess = json_object_get(root, "preprocess");
        if (!status && preprocess) {
            status = smt_preprocess_from_json(preprocess, r->path, &facts->preprocess, error);
        }
        if (!status && (uint32_t)count != r->output.elements) {
            status = smt_fail(error,
                              SMT_ERR_FORMAT,
                              "%s: %d class names in the metadata for a network with %u outputs",
                              r->path,
                              count,
                              r->output.elements);
        }
        facts->classes = status ? NULL : smt_list_copy(names, (size_t)count);
        facts->class_count = facts->classes ? count : 0;
        char *provenance = json_dumps(json_object_get(root, "provenance"), JSON_INDENT(1));
        facts->provenance = smt_strdup(provenance ? provenance : "{}");
        free(provenance);
        smt_free(names);
        json_decref(root);
        if (!status && (!facts->classes || !facts->provenance)) {
            status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", r->path);
        }
        return status;
    }
    return SMT_OK;
}

static bool usable(const smt_edge_tensor *t)
{
    return t->type == SMT_EDGE_F32 ||
           ((t->type == SMT_EDGE_S8 || t->type == SMT_EDGE_U8) && t->scale_count == 1);
}

/* float16 and int8 weights under float arithmetic count as what the arithmetic is, not the file. */
static const char *precision_of(const smt_edge_model *model)
{
    bool whole = false, hybrid = false;
    for (int32_t i = 0; i < model->operator_count; i++) {
        smt_edge_operator op;
        smt_edge_tensor in, weights;
        if (smt_edge_get_operator(model, i, &op) &&
            (op.code == SMT_EDGE_CONV_2D || op.code == SMT_EDGE_FULLY_CONNECTED) &&
            op.input_count > 1 && smt_edge_get_tensor(model, op.inputs[0], &in) &&
            smt_edge_get_tensor(model, op.inputs[1], &weights)) {
            whole = whole || in.type == SMT_EDGE_S8;
            hybrid = hybrid || (in.type == SMT_EDGE_F32 && weights.type == SMT_EDGE_S8);
        }
    }
    return whole ? "int8" : hybrid ? "dynamic" : "float32";
}

static bool ends_with_softmax(const smt_edge_model *model)
{
    for (int32_t i = model->operator_count - 1; i >= 0; i--) {
        smt_edge_operator op;
        if (!smt_edge_get_operator(model, i, &op)) {
            return false;
        }
        if (op.code != SMT_EDGE_QUANTIZE && op.code != SMT_EDGE_DEQUANTIZE &&
            op.code != SMT_EDGE_RESHAPE) {
            return op.code == SMT_EDGE_SOFTMAX || op.code == SMT_EDGE_LOGISTIC;
        }
    }
    return false;
}

static smt_status check_interface(edge_runner *r, smt_error *error)
{
    if (r->model.input_count != 1 || r->model.output_count != 1 ||
        !smt_edge_get_tensor(&r->model, r->model.inputs[0], &r->input) ||
        !smt_edge_get_tensor(&r->model, r->model.outputs[0], &r->output)) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: %d inputs and %d outputs; a classifier has one of each",
                        r->path,
                        r->model.input_count,
                        r->model.output_count);
    }
    const int32_t *shape = r->input.shape;
    if (r->input.rank != 4 || shape[0] != 1 || shape[1] != shape[2] ||
        (shape[3] != 1 && shape[3] != 3) || r->output.elements < 1 ||
        r->output.elements > SMT_CLASS_MAX || !usable(&r->input) || !usable(&r->output)) {
        return smt_fail(
            error,
            SMT_ERR_UNSUPPORTED,
            "%s: input %s of rank %d (%d x %d x %d x %d), output %s of %u values; a classifier of "
            "square images with 1 or 3 channels in float32, int8 or uint8 is needed",
            r->path,
            smt_edge_type_name(r->input.type),
            r->input.rank,
            shape[0],
            shape[1],
            shape[2],
            shape[3],
            smt_edge_type_name(r->output.type),
            r->output.elements);
    }
    r->size = shape[1];
    r->channels = shape[3];
    return SMT_OK;
}

static smt_status start(edge_runner *r, smt_error *error)
{
    smt_edge_error detail = {0};
    size_t bytes = smt_edge_places_bytes(&r->model);
    r->threads = smt_pool_threads(r->pool);
    r->places = smt_alloc(bytes, 1);
    r->runners = smt_alloc((size_t)r->threads, sizeof *r->runners);
    r->arenas = smt_alloc((size_t)r->threads, sizeof *r->arenas);
    if (!r->places || !r->runners || !r->arenas) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", r->path);
    }
    if (smt_edge_make_plan(
            &r->model, smt_edge_kernels_best(), r->places, bytes, &r->plan, &detail)) {
        return smt_fail_edge(error, r->path, &detail);
    }
    for (int i = 0; i < r->threads; i++) {
        r->arenas[i] = smt_alloc_unset(r->plan.arena_bytes, 1);
        if (!r->arenas[i]) {
            return smt_fail(error,
                            SMT_ERR_MEMORY,
                            "%s: out of memory for its %u bytes",
                            r->path,
                            r->plan.arena_bytes);
        }
        if (smt_edge_start(&r->plan, r->arenas[i], r->plan.arena_bytes, &r->runners[i], &detail)) {
            return smt_fail_edge(error, r->path, &detail);
        }
    }
    return SMT_OK;
}

smt_status runner_open_edge(
    const char *path, smt_pool *pool, runner **out, runner_facts *facts, smt_error *error)
{
    edge_runner *r = smt_alloc(1, sizeof *r);
    if (!r) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    r->base = (runner){.close = close_edge, .run = run_edge};
    r->pool = pool;
    r->path = smt_strdup(path);
    size_t size = 0;
    smt_edge_error detail = {0};
    smt_status status =
        r->path ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    status = status ? status : smt_file_load(path, 0, &r->file, &size, error);
    if (!status && smt_edge_open(r->file, size, &r->model, &detail)) {
        status = smt_fail_edge(error, r->path, &detail);
    }
    status = status ? status : check_interface(r, error);
    status = status ? status : start(r, error);
    if (!status) {
        facts->input_size = r->size;
        facts->channels = r->channels;
        facts->outputs = (int)r->output.elements;
        facts->precision = precision_of(&r->model);
        facts->probabilities = ends_with_softmax(&r->model);
        status = take_metadata(r, facts, error);
    }
    if (!status && facts->preprocess.scale == 0) {
        status = guess_preprocess(r, size, &facts->preprocess, error);
    }
    if (status) {
        close_edge(&r->base);
        return status;
    }
    *out = &r->base;
    return SMT_OK;
}
