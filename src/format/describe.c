/* What is in a model file: by its graph where it can be imported, by its operators for .tflite, by
 * its tensors where it is not a network. */
#include "format/describe.h"
#include "format/keras.h"
#include "format/metadata.h"
#include "format/onnx.h"
#include "format/torch.h"

#include <stdlib.h>
#include <string.h>

static json_t *shape_json(smt_shape s)
{
    return json_pack("[i, i, i]", s.h, s.w, s.c);
}

static size_t params_of(const smt_graph *g, int i)
{
    size_t count = 0;
    for (int p = 0; p < SMT_NODE_PARAMS; p++) {
        count += g->nodes[i].param[p] >= 0 ? g->params[g->nodes[i].param[p]].count : 0;
    }
    return count;
}

static json_t *layer_json(const smt_graph *g, int i)
{
    const smt_node *n = &g->nodes[i];
    json_t *layer = json_pack("{s:s, s:s, s:o, s:s, s:I, s:I}",
                              "name",
                              n->name,
                              "operator",
                              smt_op_name(n->op),
                              "output",
                              shape_json(n->shape),
                              "type",
                              n->quant.scale > 0 ? "int8" : "float32",
                              "parameters",
                              (json_int_t)params_of(g, i),
                              "macs",
                              (json_int_t)smt_graph_macs(g, i));
    if (layer && n->activation != SMT_ACT_NONE) {
        json_object_set_new(layer, "activation", json_string(smt_activation_name(n->activation)));
    }
    if (layer && n->quant.scale > 0) {
        json_object_set_new(
            layer,
            "quantisation",
            json_pack(
                "{s:f, s:i}", "scale", (double)n->quant.scale, "zero_point", n->quant.zero_point));
    }
    if (layer && (n->op == SMT_OP_CONV || n->op == SMT_OP_DEPTHWISE)) {
        json_object_set_new(layer, "kernel", json_pack("[i, i]", n->kernel_h, n->kernel_w));
        json_object_set_new(layer, "stride", json_integer(n->stride));
        json_object_set_new(
            layer,
            "padding",
            json_pack("[i, i, i, i]", n->pad_top, n->pad_left, n->pad_bottom, n->pad_right));
    }
    return layer;
}

static void describe_model(const smt_model *model, json_t *root)
{
    const smt_graph *g = model->graph;
    json_t *layers = json_array();
    size_t parameters = 0;
    for (int i = 0; i < g->node_count; i++) {
        parameters += params_of(g, i);
        json_array_append_new(layers, layer_json(g, i));
    }
    if (model->arch.width > 0) {
        json_object_set_new(root, "architecture", smt_architecture_to_json(model));
    }
    json_object_set_new(
        root,
        "input",
        json_pack("{s:o, s:s}", "shape", shape_json(g->nodes[0].shape), "type", "float32"));
    if (model->size_assumed) {
        json_object_set_new(root, "input_size_assumed", json_true());
    }
    json_object_set_new(root,
                        "output",
                        json_pack("{s:o, s:s}",
                                  "shape",
                                  shape_json(g->nodes[g->node_count - 1].shape),
                                  "type",
                                  "float32"));
    json_object_set_new(root, "preprocess", smt_preprocess_to_json(&model->preprocess));
    json_object_set_new(root, "classes", smt_classes_to_json(model));
    json_object_set_new(root, "parameters", json_integer((json_int_t)parameters));
    json_object_set_new(root, "trainable", json_integer((json_int_t)smt_graph_parameter_count(g)));
    json_object_set_new(root, "macs", json_integer((json_int_t)smt_graph_macs(g, -1)));
    json_object_set_new(root, "layers", layers);
    json_t *provenance = json_loads(model->provenance, 0, NULL);
    json_object_set_new(root, "provenance", provenance ? provenance : json_object());
}

static void describe_tensors(const smt_tensor_file *file, json_t *root)
{
    static const char *const types[] = {"float32", "float16", "bfloat16", "float64"};
    json_t *tensors = json_array(), *metadata = json_object();
    size_t parameters = 0;
    for (size_t i = 0; i < file->count; i++) {
        const smt_tensor *t = &file->tensors[i];
        json_t *shape = json_array();
        for (int d = 0; d < t->rank; d++) {
            json_array_append_new(shape, json_integer(t->dim[d]));
        }
        parameters += t->count;
        json_array_append_new(tensors,
                              json_pack("{s:s, s:o, s:s, s:I}",
                                        "name",
                                        t->name,
                                        "shape",
                                        shape,
                                        "type",
                                        types[t->dtype],
                                        "values",
                                        (json_int_t)t->count));
    }
    for (size_t i = 0; i < file->metadata_count; i++) {
        json_object_set_new(metadata, file->keys[i], json_string(file->values[i]));
    }
    json_object_set_new(root, "parameters", json_integer((json_int_t)parameters));
    json_object_set_new(root, "tensors", tensors);
    json_object_set_new(root, "metadata", metadata);
}

/* A safetensors file is described by its network; beside that, what it stores besides, such
 * as familiar features; another program's file by its tensors. */
static smt_status describe_safetensors(
    const void *data, size_t size, const char *path, json_t *root, smt_error *error)
{
    smt_tensor_file *file = NULL;
    smt_model *model = NULL;
    smt_status status = smt_safetensors_parse(data, size, path, &file, error);
    if (status) {
        return status;
    }
    if (!smt_tensor_file_get(file, "semtinel") && smt_torchvision_names(file)) {
        status = smt_torchvision_model(file, path, &model, error);
        if (!status) {
            describe_model(model, root);
        }
    } else if (!smt_tensor_file_get(file, "semtinel")) {
        describe_tensors(file, root);
    } else {
        status = smt_model_from_tensors(file, path, &model, error);
        if (!status) {
            size_t state = 0;
            bool half = false;
            for (size_t i = 0; i < file->count; i++) {
                state += strncmp(file->tensors[i].name, "state.", 6) ? 0 : file->tensors[i].count;
                half |= file->tensors[i].dtype == SMT_DTYPE_F16;
            }
            describe_model(model, root);
            if (half) {
                json_object_set_new(root, "float16", json_true());
            }
            json_object_set_new(root, "state_values", json_integer((json_int_t)state));
        }
    }
    smt_model_destroy(&model);
    smt_tensor_file_destroy(&file);
    return status;
}

/* Keras's weights of another network are described by their tensors. */
static smt_status
describe_keras(const void *data, size_t size, const char *path, json_t *root, smt_error *error)
{
    smt_tensor_file *file = NULL;
    smt_model *model = NULL;
    smt_status status = smt_h5_parse(path, data, size, &file, error);
    if (!status && smt_keras_model(file, path, &model, error) == SMT_ERR_MEMORY) {
        status = SMT_ERR_MEMORY;
    }
    if (!status && model) {
        describe_model(model, root);
    } else if (!status) {
        describe_tensors(file, root);
    }
    smt_model_destroy(&model);
    smt_tensor_file_destroy(&file);
    return status;
}

static smt_status describe_file(const smt_model_format *format,
                                const char *path,
                                const void *data,
                                size_t size,
                                json_t *root,
                                smt_error *error)
{
    smt_model *model = NULL;
    smt_status status;
    if (strcmp(format->name, "tflite") == 0) {
        status = smt_describe_tflite(data, size, path, root, error);
        /* A file whose shapes were left unset: the importer infers them. */
        if (!status && json_object_get(root, "cannot_run") &&
            format->read(path, &model, NULL) == SMT_OK) {
            describe_model(model, root);
        }
    } else if (strcmp(format->name, "safetensors") == 0) {
        status = describe_safetensors(data, size, path, root, error);
    } else if (strcmp(format->name, "keras") == 0) {
        status = describe_keras(data, size, path, root, error);
    } else if (strcmp(format->name, "onnx") == 0) {
        bool quantised = false;
        status = smt_onnx_read_quantised(path, data, size, &quantised, &model, error);
        if (!status) {
            describe_model(model, root);
        }
        if (quantised) {
            json_object_set_new(root, "int8", json_true());
        }
    } else if (!format->read) {
        status = smt_fail(
            error, SMT_ERR_UNSUPPORTED, "%s: %s files are written only", path, format->title);
    } else {
        status = format->read(path, &model, error);
        if (!status) {
            describe_model(model, root);
        }
    }
    smt_model_destroy(&model);
    return status;
}

smt_status smt_describe(const char *path, char **json, smt_error *error)
{
    smt_status status;
    void *data = NULL;
    size_t size = 0;
    char *file = NULL, *name = NULL, *dumped = NULL;
    json_t *root = NULL;
    const smt_model_format *format;
    status = smt_model_file(path, &file, error);
    if (status) {
        return status;
    }
    path = file;
    smt_error detail = {SMT_ERR_FORMAT, ""};
    format = smt_format_of_file(path, &detail);
    if (!format) {
        status = smt_fail(error, detail.status, "%s", detail.message);
        goto done;
    }
    status = smt_file_load(path, 0, &data, &size, error);
    if (status) {
        goto done;
    }
    root = json_object();
    name = smt_utf8(path);
    if (!root || !name) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        goto done;
    }
    json_object_set_new(root, "file", json_string(name));
    json_object_set_new(root, "format", json_string(format->title));
    json_object_set_new(root, "bytes", json_integer((json_int_t)size));
    json_object_set_new(root, "crc32", json_sprintf("%08x", (unsigned)smt_crc32(0, data, size)));
    status = describe_file(format, path, data, size, root, error);
    if (!status) {
        dumped = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
        char *copy = dumped ? smt_strdup(dumped) : NULL;
        if (copy) {
            *json = copy;
        } else {
            status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        }
    }
done:
    free(dumped);
    json_decref(root);
    smt_free(name);
    smt_free(data);
    smt_free(file);
    return status;
}
