/* Keras's weight files: the names, and reading.
 *
 * A weight file has a group for each layer. The root's attribute "layer_names" lists the layers, a
 * layer's attribute "weight_names" its datasets; either may be spread over "layer_names0",
 * "layer_names1", ... where it is longer than 64 KiB. */
#include "format/keras.h"

#include "format/formats.h"
#include "format/half.h"
#include "format/hdf5.h"
#include "format/metadata.h"
#include "format/tensor_file.h"

#include <stdio.h>
#include <string.h>

void smt_keras_layer(named_layer layer, bool norm, char *out, size_t size)
{
    static const char *const names[] = {[NAMED_STEM] = "Conv",
                                        [NAMED_EXPAND] = "expand",
                                        [NAMED_DEPTHWISE] = "depthwise",
                                        [NAMED_SQUEEZE] = "squeeze_excite/Conv",
                                        [NAMED_EXCITE] = "squeeze_excite/Conv_1",
                                        [NAMED_PROJECT] = "project",
                                        [NAMED_LAST] = "Conv_1",
                                        [NAMED_HEAD] = "Conv_2",
                                        [NAMED_CLASSIFIER] = "Logits"};
    char block[32] = "";
    if (layer.role >= NAMED_EXPAND && layer.role <= NAMED_PROJECT) {
        snprintf(
            block, sizeof block, layer.block ? "expanded_conv_%d/" : "expanded_conv/", layer.block);
    }
    snprintf(out, size, "%s%s%s", block, names[layer.role], norm ? "/BatchNorm" : "");
}

/* Small letters, '_' for '/', "_bn" for "_batchnorm": what Keras 3 made of the names. */
static void canonical(char *name)
{
    for (char *p = name; *p; p++) {
        *p = *p == '/' ? '_' : *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
    }
    size_t length = strlen(name);
    if (length > 10 && strcmp(name + length - 10, "_batchnorm") == 0) {
        strcpy(name + length - 10, "_bn");
    }
}

static void tensor_name(named_layer layer, named_part part, char *out, size_t size)
{
    static const char *const parts[] = {
        "kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"};
    char name[96];
    smt_keras_layer(layer, part >= NAMED_GAMMA, name, sizeof name);
    canonical(name);
    bool depthwise = layer.role == NAMED_DEPTHWISE && part == NAMED_KERNEL;
    snprintf(out, size, "%s/%s%s", name, depthwise ? "depthwise_" : "", parts[part]);
}

/* ---- reading -------------------------------------------------------------------------------- */

typedef struct keras_reader {
    hdf5_reader h;
    smt_tensor_file *out;
    size_t bytes; /* of datasets taken so far; a file cannot hold more than its size */
} keras_reader;

/* The texts of `name`, or of name0, name1, ... one after another. */
static smt_status
spread_texts(hdf5_reader *h, uint64_t object, const char *name, char ***texts, size_t *count)
{
    smt_status status = hdf5_texts(h, object, name, texts, count);
    for (int i = 0; !status && (i == 0 ? !*texts : true); i++) {
        char part[64], **more = NULL;
        size_t added = 0;
        snprintf(part, sizeof part, "%s%d", name, i);
        status = hdf5_texts(h, object, part, &more, &added);
        if (status || !more) {
            break;
        }
        char **larger = smt_realloc(*texts, *count, *count + added + 1, sizeof *larger);
        if (larger) {
            memcpy(larger + *count, more, added * sizeof *more);
            smt_free(more);
            *texts = larger;
            *count += added;
        } else {
            smt_list_free(&more, added);
            status = smt_fail(h->error, SMT_ERR_MEMORY, "%s: out of memory", h->path);
        }
    }
    if (status) {
        smt_list_free(texts, *count);
    }
    return status;
}

static float element(const hdf5_dataset *d, size_t i)
{
    if (d->dtype == SMT_DTYPE_F16) {
        return smt_half_to_float((uint16_t)(d->data[2 * i] | d->data[2 * i + 1] << 8));
    }
    if (d->dtype == SMT_DTYPE_F64) {
        double wide;
        memcpy(&wide, d->data + 8 * i, 8);
        return (float)wide;
    }
    float value;
    memcpy(&value, d->data + 4 * i, 4);
    return value;
}

/* The dataset `weight` ("Conv/kernel:0") of layer `layer`. */
static smt_status
take_weight(keras_reader *k, uint64_t group, const char *layer, const char *weight)
{
    hdf5_dataset d;
    uint64_t object = 0;
    smt_error *error = k->h.error;
    const char *slash = strrchr(weight, '/');
    char *owner = slash ? smt_format("%.*s", (int)(slash - weight), weight) : smt_strdup(layer);
    char *name = NULL;
    smt_status status = SMT_OK;
    if (owner) {
        const char *last = slash ? slash + 1 : weight;
        canonical(owner);
        name = smt_format("%s/%.*s", owner, (int)strcspn(last, ":"), last);
    }
    if (!name) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", k->h.path);
        goto done;
    }
    status = hdf5_find(&k->h, group, weight, &object);
    if (!status && !object) {
        status = smt_fail(error,
                          SMT_ERR_FORMAT,
                          "%s: layer '%s' lists the weight '%s', which is not there",
                          k->h.path,
                          layer,
                          weight);
    }
    status = status ? status : hdf5_read_dataset(&k->h, object, weight, &d);
    if (status) {
        goto done;
    }
    k->bytes += d.count * 2;
    if (k->bytes > k->h.size) {
        status = smt_fail(error,
                          SMT_ERR_FORMAT,
                          "%s: damaged: several weights lie at one place ('%s')",
                          k->h.path,
                          weight);
        goto done;
    }
    if (k->out->count >= SMT_TENSOR_MAX || smt_tensor_file_find(k->out, name)) {
        status = smt_fail(error,
                          SMT_ERR_FORMAT,
                          "%s: '%s' is listed twice, or one of more than %d weights",
                          k->h.path,
                          name,
                          SMT_TENSOR_MAX);
        goto done;
    }
    smt_tensor *made = smt_tensor_file_append(k->out,
                                              name,
                                              d.dtype == SMT_DTYPE_F64 ? SMT_DTYPE_F32 : d.dtype,
                                              d.rank,
                                              d.dim,
                                              d.count,
                                              error);
    if (!made) {
        status = SMT_ERR_MEMORY;
        goto done;
    }
    for (size_t i = 0; i < d.count; i++) {
        made->data[i] = element(&d, i);
    }
done:
    smt_free(owner);
    smt_free(name);
    return status;
}

static smt_status take_layer(keras_reader *k, uint64_t base, const char *layer)
{
    char **names = NULL;
    size_t count = 0;
    uint64_t group = 0;
    smt_status status = hdf5_find(&k->h, base, layer, &group);
    if (!status && !group) {
        return smt_fail(k->h.error,
                        SMT_ERR_FORMAT,
                        "%s: lists the layer '%s', which is not there",
                        k->h.path,
                        layer);
    }
    status = status ? status : spread_texts(&k->h, group, "weight_names", &names, &count);
    for (size_t i = 0; i < count && !status; i++) {
        status = take_weight(k, group, layer, names[i]);
    }
    smt_list_free(&names, count);
    return status;
}

static smt_status no_layers(hdf5_reader *h)
{
    uint64_t newer = 0;
    smt_status status = hdf5_find(h, h->root, "layers", &newer);
    if (!status) {
        status = newer ? smt_fail(h->error,
                                  SMT_ERR_UNSUPPORTED,
                                  "%s: Keras 3's .weights.h5, which has no names of layers; save "
                                  "the model as FILE.h5, or export it to .tflite or .onnx",
                                  h->path)
                       : smt_fail(h->error,
                                  SMT_ERR_UNSUPPORTED,
                                  "%s: an HDF5 file without Keras's layer_names",
                                  h->path);
    }
    return status;
}

smt_status smt_h5_parse(
    const char *path, const void *data, size_t size, smt_tensor_file **out, smt_error *error)
{
    smt_error own;
    error = error ? error : &own;
    keras_reader k = {.bytes = 0};
    char **layers = NULL, **metadata = NULL;
    size_t count = 0, texts = 0;
    uint64_t base = 0;
    smt_status status = hdf5_open(&k.h, path, data, size, error);
    status = status ? status : smt_tensor_file_create(&k.out, error);
    status = status ? status : hdf5_find(&k.h, k.h.root, "model_weights", &base);
    base = base ? base : k.h.root;
    status = status ? status : spread_texts(&k.h, base, "layer_names", &layers, &count);
    if (!status && !layers) {
        status = no_layers(&k.h);
    }
    for (size_t i = 0; i < count && !status; i++) {
        status = take_layer(&k, base, layers[i]);
    }
    status = status ? status : hdf5_texts(&k.h, k.h.root, SMT_KERAS_METADATA, &metadata, &texts);
    if (!status && texts) {
        status = smt_tensor_file_set(k.out, SMT_KERAS_METADATA, metadata[0], error);
    }
    smt_list_free(&layers, count);
    smt_list_free(&metadata, texts);
    if (status) {
        smt_tensor_file_destroy(&k.out);
        return status;
    }
    *out = k.out;
    return SMT_OK;
}

/* Our own files know their input size. */
static smt_status resize(smt_model *model, const char *metadata, smt_error *error)
{
    json_t *root = json_loads(metadata, 0, NULL);
    const json_t *architecture = json_object_get(root, "architecture"),
                 *input = json_object_get(root, "input"); /* height, width, channels */
    json_int_t side = json_integer_value(json_object_get(architecture, "input_size")),
               height = side ? side : json_integer_value(json_array_get(input, 0)),
               width = side ? side : json_integer_value(json_array_get(input, 1));
    smt_graph *graph = NULL;
    smt_status status = SMT_OK;
    if (height > 0 && height <= SMT_SIDE_MAX && width > 0 && width <= SMT_SIDE_MAX) {
        status = smt_graph_with_size(model->graph, (int)height, (int)width, &graph, error);
    }
    if (graph) {
        smt_graph_destroy(&model->graph);
        model->graph = graph;
        model->size_assumed = false;
    }
    json_decref(root);
    return status;
}

smt_status
smt_keras_model(const smt_tensor_file *file, const char *path, smt_model **out, smt_error *error)
{
    static const smt_naming naming = {.name = tensor_name,
                                      .hwio = true,
                                      .padding = SMT_PAD_SAME,
                                      .momentum = 0.999f,
                                      .preprocess = {.mean = 127.5f, .scale = 127.5f}};
    smt_model *model = NULL;
    const char *metadata = smt_tensor_file_get(file, SMT_KERAS_METADATA);
    smt_status status = smt_named_model(file, &naming, path, &model, error);
    if (!status && metadata) {
        status = smt_metadata_apply(model, metadata, strlen(metadata), path, error);
        status = status ? status : resize(model, metadata, error);
    }
    if (status) {
        smt_model_destroy(&model);
        return status;
    }
    *out = model;
    return SMT_OK;
}

static smt_status read_model(const char *path, smt_model **out, smt_error *error)
{
    void *data = NULL;
    size_t size = 0;
    smt_tensor_file *file = NULL;
    smt_status status = smt_file_load(path, 0, &data, &size, error);
    status = status ? status : smt_h5_parse(path, data, size, &file, error);
    status = status ? status : smt_keras_model(file, path, out, error);
    smt_tensor_file_destroy(&file);
    smt_free(data);
    return status;
}

static bool probe(const uint8_t *head, size_t size)
{
    return size >= 8 && memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0;
}

const smt_model_format smt_format_keras = {
    .name = "keras",
    .suffixes = ".h5 .hdf5",
    .title = "Keras weights",
    .weights_only = true,
    .probe = probe,
    .read = read_model,
    .write = smt_keras_write,
};
