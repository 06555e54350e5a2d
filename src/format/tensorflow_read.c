/* TensorFlow's frozen graphs to a model.
 *
 * Each node is put into ONNX's words in memory (tensorflow_convert.c), and the ONNX reader makes
 * the graph: it knows already how exporters compose hard-swish, batch norm and classifiers. */
#include "format/formats.h"
#include "format/metadata.h"
#include "format/named.h"
#include "format/onnx_internal.h"
#include "format/sniff.h"
#include "format/tensorflow_internal.h"

#include <string.h>

/* The GraphDef in a SavedModel, or the file itself. */
static pb_span graph_def(const void *data, size_t size)
{
    pb_span file = {data, size}, rest = file;
    pb_field f, inner;
    if (pb_next(&rest, &f) == PB_FIELD && f.number == TF_SAVED_VERSION && f.wire == PB_VARINT &&
        pb_find(rest, TF_SAVED_META, &f) && f.wire == PB_BYTES &&
        pb_find(f.bytes, TF_META_GRAPH, &inner) && inner.wire == PB_BYTES) {
        return inner.bytes;
    }
    return file;
}

static smt_status model_of(tf_reader *r, smt_graph *graph, smt_model **out)
{
    int classes = smt_class_outputs(graph);
    classes = classes <= SMT_CLASS_MAX ? classes : 0;
    char **names = smt_class_names(NULL, classes);
    smt_model *model = NULL;
    if (!names) {
        smt_graph_destroy(&graph);
        return smt_fail(r->error, SMT_ERR_MEMORY, "%s: out of memory", r->path);
    }
    smt_status status =
        smt_model_create(graph, NULL, (const char *const *)names, classes, &model, r->error);
    smt_list_free(&names, (size_t)classes);
    if (!status) {
        model->preprocess = smt_guess_preprocess(model->graph);
        if (r->metadata) {
            status = smt_metadata_apply(model, r->metadata, strlen(r->metadata), r->path, r->error);
        }
    }
    if (status) {
        smt_model_destroy(&model);
        return status;
    }
    *out = model;
    return SMT_OK;
}

smt_status smt_tensorflow_read_memory(
    const char *path, const void *data, size_t size, smt_model **out, smt_error *error)
{
    smt_error own;
    tf_reader r = {
        .path = path, .file = data, .error = error ? error : &own, .budget = size + 65536};
    smt_graph *graph = NULL;
    const char *what = smt_sniff(data, size);
    if (what) {
        return smt_fail(error, SMT_ERR_FORMAT, "%s: not a TensorFlow graph: it is %s", path, what);
    }
    smt_status status = onnx_builder_create(path, &r.b, r.error);
    status = status ? status : tf_gather(&r, graph_def(data, size));
    const char *last = NULL;
    for (r.at = 0; r.at < r.count && !status; r.at++) {
        status = tf_convert(&r);
        last = r.nodes[r.at].value ? r.nodes[r.at].value : last;
    }
    if (!status && (!r.input || !last || last == r.input)) {
        status = smt_fail(
            r.error, SMT_ERR_FORMAT, "%s: a graph that computes nothing from an image", path);
    }
    if (!status) {
        onnx_graph_output(r.b, last, last, 0);
        status = onnx_builder_status(r.b);
    }
    status = status ? status : onnx_graph_of(path, onnx_builder_graph(r.b), &graph, r.error);
    status = status ? status : model_of(&r, graph, out);
    onnx_builder_destroy(&r.b);
    return status;
}

static smt_status read_model(const char *path, smt_model **out, smt_error *error)
{
    void *data = NULL;
    size_t size = 0;
    smt_status status = smt_file_load(path, 0, &data, &size, error);
    if (status == SMT_OK) {
        status = smt_tensorflow_read_memory(path, data, size, out, error);
        smt_free(data);
    }
    return status;
}

/* A GraphDef begins with a node, which begins with its name;
 * a SavedModel with its version, 1, and the MetaGraphDef. */
static bool probe(const uint8_t *head, size_t size)
{
    uint64_t length;
    if (size < 16) {
        return false;
    }
    if (head[0] == 0x08) {
        return head[1] == 1 && head[2] == 0x12;
    }
    pb_span rest = {head + 1, size - 1};
    if (head[0] != 0x0a || pb_next_varint(&rest, &length) != PB_FIELD || rest.size < 4 ||
        rest.at[0] != 0x0a || !rest.at[1] || rest.at[1] > 120 ||
        rest.size < 4 + (size_t)rest.at[1]) {
        return false;
    }
    for (size_t i = 0; i < rest.at[1]; i++) {
        if (rest.at[2 + i] < 33 || rest.at[2 + i] > 126) {
            return false;
        }
    }
    return rest.at[2 + rest.at[1]] == 0x12;
}

const smt_model_format smt_format_saved_model = {
    .name = "saved_model",
    .suffixes = "saved_model.pb",
    .title = "TensorFlow SavedModel",
    .write = smt_tensorflow_write,
};

const smt_model_format smt_format_tensorflow = {
    .name = "tensorflow",
    .suffixes = ".pb",
    .title = "TensorFlow graph",
    .probe = probe,
    .read = read_model,
    .write = smt_tensorflow_write,
};
