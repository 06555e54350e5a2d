/* An ONNX file to a model: the graph, and what its metadata say of classes and preprocessing. */
#include "format/formats.h"
#include "format/metadata.h"
#include "format/named.h"
#include "format/onnx_internal.h"

#include <stdlib.h>
#include <string.h>

static const char *property(const Onnx__ModelProto *proto, const char *key)
{
    for (size_t i = 0; i < proto->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *entry = proto->metadata_props[i];
        if (entry->key && entry->value && strcmp(entry->key, key) == 0) {
            return entry->value;
        }
    }
    return NULL;
}

static float number(const char *text, float otherwise)
{
    char *end = NULL;
    float value = text ? strtof(text, &end) : 0;
    return text && end != text && value > -1e6f && value < 1e6f ? value : otherwise;
}

static smt_status read_any(const char *path,
                           const void *data,
                           size_t size,
                           bool *quantised,
                           smt_model **out,
                           smt_error *error)
{
    smt_graph *graph = NULL;
    smt_model *model = NULL;
    char **names = NULL;
    int classes = 0;
    smt_error own;
    error = error ? error : &own;
    Onnx__ModelProto *proto = onnx_unpack(path, data, size, error);
    smt_status status = proto ? SMT_OK : error->status;
    bool holds_int8 = proto && onnx_is_quantised(proto->graph);
    if (quantised) {
        *quantised = holds_int8;
    } else if (holds_int8) {
        status = smt_fail(error,
                          SMT_ERR_UNSUPPORTED,
                          "%s: an int8 network for other runtimes; give its float source, or for "
                          "predict and evaluate the .tflite that 'semtinel quantize' writes",
                          path);
    }
    status = status ? status : onnx_graph_of(path, proto->graph, &graph, error);
    if (status) {
        goto done;
    }
    classes = smt_class_outputs(graph);
    if (classes > SMT_CLASS_MAX) {
        status = smt_fail(error,
                          SMT_ERR_LIMIT,
                          "%s: %d outputs; at most %d classes",
                          path,
                          classes,
                          SMT_CLASS_MAX);
        goto done;
    }
    names = smt_class_names(property(proto, "classes"), classes);
    if (!names) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        goto done;
    }
    status = smt_model_create(graph, NULL, (const char *const *)names, classes, &model, error);
    graph = NULL;
    if (status) {
        goto done;
    }
    smt_preprocess guessed = smt_guess_preprocess(model->graph);
    model->preprocess.mean = number(property(proto, "mean"), guessed.mean);
    model->preprocess.scale = number(property(proto, "scale"), guessed.scale);
    if (model->preprocess.scale == 0) {
        model->preprocess.scale = guessed.scale;
    }
    const char *all = property(proto, "semtinel");
    status = all ? smt_metadata_apply(model, all, strlen(all), path, error) : SMT_OK;
    if (status) {
        smt_model_destroy(&model);
        goto done;
    }
    *out = model;
done:
    smt_list_free(&names, (size_t)classes);
    smt_graph_destroy(&graph);
    onnx_release(&proto);
    return status;
}

smt_status smt_onnx_read_memory(
    const char *path, const void *data, size_t size, smt_model **out, smt_error *error)
{
    return read_any(path, data, size, NULL, out, error);
}

smt_status smt_onnx_read_quantised(const char *path,
                                   const void *data,
                                   size_t size,
                                   bool *quantised,
                                   smt_model **out,
                                   smt_error *error)
{
    return read_any(path, data, size, quantised, out, error);
}

smt_status smt_onnx_read(const char *path, smt_model **out, smt_error *error)
{
    void *data = NULL;
    size_t size = 0;
    smt_status status = smt_file_load(path, 0, &data, &size, error);
    if (status == SMT_OK) {
        status = smt_onnx_read_memory(path, data, size, out, error);
        smt_free(data);
    }
    return status;
}

/* ModelProto begins with field 1, ir_version, a small
 * varint; other writers may begin with field 7 or 8. */
static bool probe(const uint8_t *head, size_t size)
{
    return size > 4 && head[0] == 8 && head[1] >= 3 && head[1] <= 20 && (head[2] & 7) == 2;
}

const smt_model_format smt_format_onnx = {
    .name = "onnx",
    .suffixes = ".onnx",
    .title = "ONNX",
    .probe = probe,
    .read = smt_onnx_read,
    .write = smt_onnx_write,
};
