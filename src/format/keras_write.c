/* A graph's weights as Keras's weight file. Layers get their names by their place in MobileNetV3's
 * order, so imported networks are written too. */
#include "format/deployed.h"
#include "format/hdf5.h"
#include "format/keras.h"
#include "format/metadata.h"

#include <string.h>

#define MAX_LAYERS 256

typedef struct keras_writer {
    const smt_graph *graph;
    const char *path;
    hdf5_writer *file;
    char *layers[MAX_LAYERS]; /* names in order; owned */
    int layer_count;
    smt_error *error;
} keras_writer;

/* How far the walk over MobileNetV3-Small has come. */
typedef struct place {
    named_role last; /* role of the layer before */
    int block;       /* -1 before the first */
} place;

static int after(const smt_graph *g, int i, bool depthwise)
{
    int count = 0;
    for (i++; i < g->node_count; i++) {
        count += depthwise ? g->nodes[i].op == SMT_OP_DEPTHWISE : smt_op_is_layer(g->nodes[i].op);
    }
    return count;
}

/* The role of layer i, told from its kind, its input and what came before. */
static bool next_role(const smt_graph *g, int i, place *at, named_layer *out)
{
    const smt_node *n = &g->nodes[i];
    bool pooled = g->nodes[n->input[0]].op == SMT_OP_GLOBAL_POOL, fits = true;
    named_role role = NAMED_CLASSIFIER;
    if (n->op == SMT_OP_DEPTHWISE) {
        role = NAMED_DEPTHWISE;
        fits = at->last == NAMED_EXPAND || (at->last == NAMED_STEM && at->block < 0);
        at->block += at->last == NAMED_STEM;
    } else if (at->block < 0 && at->last != NAMED_STEM) {
        role = NAMED_STEM;
    } else if (at->last == NAMED_DEPTHWISE) {
        role = pooled ? NAMED_SQUEEZE : NAMED_PROJECT;
    } else if (at->last == NAMED_SQUEEZE) {
        role = NAMED_EXCITE;
    } else if (at->last == NAMED_EXCITE) {
        role = NAMED_PROJECT;
    } else if (at->last == NAMED_PROJECT && after(g, i, true)) {
        role = NAMED_EXPAND;
        at->block++;
    } else if (at->last == NAMED_PROJECT) {
        role = NAMED_LAST;
        fits = at->block == NAMED_BLOCKS - 1;
    } else if (at->last == NAMED_LAST && after(g, i, false)) {
        role = NAMED_HEAD;
    } else {
        fits = at->last == NAMED_LAST || at->last == NAMED_HEAD;
    }
    at->last = role;
    *out = (named_layer){.role = role, .block = at->block};
    return fits;
}

/* Kernels to height x width x in x out, or height x width x channels x 1. */
static void put_kernel(keras_writer *w, hdf5_node *group, const char *name, const smt_node *n)
{
    const float *from = w->graph->params[n->param[SMT_WEIGHT]].data;
    bool depthwise = n->op == SMT_OP_DEPTHWISE;
    int h = depthwise || n->op == SMT_OP_CONV ? n->kernel_h : 1,
        width = depthwise || n->op == SMT_OP_CONV ? n->kernel_w : 1;
    int in = w->graph->nodes[n->input[0]].shape.c, out = n->shape.c;
    const int64_t dim[4] = {h, width, in, depthwise ? 1 : out};
    float *to = hdf5_add_dataset(w->file, group, name, 4, dim);
    size_t area = (size_t)h * (size_t)width, inputs = (size_t)in, outputs = (size_t)out;
    if (to && depthwise) {
        memcpy(to, from, area * inputs * sizeof *to);
    } else if (to) {
        for (size_t o = 0; o < outputs; o++) {
            for (size_t k = 0; k < area; k++) {
                for (size_t i = 0; i < inputs; i++) {
                    to[(k * inputs + i) * outputs + o] = from[(o * area + k) * inputs + i];
                }
            }
        }
    }
}

/* The layer's group, with the weights' full names. parts[0] may be a kernel: `n` computes then. */
static smt_status
put_layer(keras_writer *w, const char *layer, const smt_node *n, const char *const *parts)
{
    const char *names[4];
    char *made[4] = {NULL};
    int count = 0;
    smt_status status = SMT_OK;
    char *kept = smt_strdup(layer);
    hdf5_node *group = kept ? hdf5_group(w->file, hdf5_root(w->file), layer) : NULL;
    if (!group || w->layer_count == MAX_LAYERS) {
        smt_free(kept);
        return smt_fail(w->error, SMT_ERR_MEMORY, "%s: out of memory", w->path);
    }
    w->layers[w->layer_count++] = kept;
    for (int i = 0; i < 4 && parts[i]; i++) {
        if (n->param[i] < 0) {
            continue;
        }
        made[i] = smt_format("%s/%s:0", layer, parts[i]);
        if (!made[i]) {
            status = smt_fail(w->error, SMT_ERR_MEMORY, "%s: out of memory", w->path);
            break;
        }
        names[count++] = made[i];
        if (smt_op_is_layer(n->op) && i == SMT_WEIGHT) {
            put_kernel(w, group, made[i], n);
        } else {
            const smt_param *param = &w->graph->params[n->param[i]];
            const int64_t dim = (int64_t)param->count;
            float *to = hdf5_add_dataset(w->file, group, made[i], 1, &dim);
            if (to) {
                memcpy(to, param->data, param->count * sizeof *to);
            }
        }
    }
    hdf5_add_texts(w->file, group, "weight_names", names, count);
    for (int i = 0; i < 4; i++) {
        smt_free(made[i]);
    }
    return status;
}

static smt_status put_layers(keras_writer *w)
{
    static const char *const conv[4] = {"kernel", "bias"},
                             *const deep[4] = {"depthwise_kernel", "bias"},
                             *const norm[4] = {"gamma", "beta", "moving_mean", "moving_variance"};
    place at = {.last = NAMED_CLASSIFIER, .block = -1};
    named_layer layer = {.role = NAMED_CLASSIFIER};
    smt_status status = SMT_OK;
    for (int i = 0; i < w->graph->node_count && !status; i++) {
        const smt_node *n = &w->graph->nodes[i];
        char name[96];
        if (smt_op_is_layer(n->op)) {
            if (!next_role(w->graph, i, &at, &layer)) {
                return smt_fail(w->error,
                                SMT_ERR_UNSUPPORTED,
                                "%s: layer '%s' has no place in Keras's MobileNetV3Small; .tflite, "
                                ".onnx and .pb hold it",
                                w->path,
                                n->name);
            }
            /* An even kernel is an odd one behind zeros, which make such padding SAME. */
            if (n->op != SMT_OP_DENSE && (!smt_pads_same(w->graph, n) || n->kernel_h % 2 == 0)) {
                return smt_fail(w->error,
                                SMT_ERR_UNSUPPORTED,
                                "%s: layer '%s' pads as PyTorch does; Keras's MobileNetV3Small "
                                "would compute something else; .tflite, .onnx and .pb hold it",
                                w->path,
                                n->name);
            }
            if (layer.role == NAMED_EXCITE && n->activation != SMT_ACT_HARD_SIGMOID) {
                return smt_fail(w->error,
                                SMT_ERR_UNSUPPORTED,
                                "%s: the gate '%s' is no hard sigmoid, as Keras's are",
                                w->path,
                                n->name);
            }
            smt_keras_layer(layer, false, name, sizeof name);
            status = put_layer(w, name, n, n->op == SMT_OP_DEPTHWISE ? deep : conv);
        } else if (n->op == SMT_OP_BATCH_NORM) {
            smt_keras_layer(layer, true, name, sizeof name);
            status = put_layer(w, name, n, norm);
        }
    }
    if (!status && at.block != NAMED_BLOCKS - 1) {
        status =
            smt_fail(w->error, SMT_ERR_UNSUPPORTED, "%s: not a MobileNetV3-Small network", w->path);
    }
    return status;
}

/* Input scaling inside the graph has no place among weights: it joins the preprocessing. */
static smt_status absorb_scaling(const keras_writer *w, smt_preprocess *p)
{
    const smt_graph *g = w->graph;
    for (int i = 0; i < g->node_count; i++) {
        const smt_node *n = &g->nodes[i];
        if (n->op != SMT_OP_AFFINE) {
            continue;
        }
        const smt_param *scale = &g->params[n->param[SMT_SCALE]],
                        *offset = &g->params[n->param[SMT_OFFSET]];
        smt_op before = g->nodes[n->input[0]].op;
        bool even = (before == SMT_OP_INPUT || before == SMT_OP_AFFINE) && scale->data[0] > 0;
        for (size_t c = 1; c < scale->count; c++) {
            even &= memcmp(scale->data, scale->data + c, sizeof(float)) == 0 &&
                    memcmp(offset->data, offset->data + c, sizeof(float)) == 0;
        }
        if (!even) {
            return smt_fail(w->error,
                            SMT_ERR_UNSUPPORTED,
                            "%s: '%s' scales channels apart, which a file of weights cannot hold",
                            w->path,
                            n->name);
        }
        /* s (p - m) / d + t = (p - (m - t d / s)) / (d / s) */
        p->mean -= offset->data[0] * p->scale / scale->data[0];
        p->scale /= scale->data[0];
    }
    return SMT_OK;
}

/* Networks of other files may keep parts of batch norm and gates as nodes of their own: they go
 * into the weights. Others keep their batch norm. */
static smt_status simplified(const smt_model *model, smt_graph **out, smt_error *error)
{
    const smt_graph *g = model->graph;
    smt_graph *folded = NULL;
    for (int i = 0; i < g->node_count; i++) {
        const smt_node *n = &g->nodes[i];
        if (n->activation == SMT_ACT_RELU6 ||
            (n->op == SMT_OP_AFFINE && g->nodes[n->input[0]].op != SMT_OP_INPUT)) {
            smt_status status = smt_graph_fold(g, &folded, error);
            status = status ? status : smt_graph_restore_gates(folded, out, error);
            smt_graph_destroy(&folded);
            return status;
        }
    }
    return smt_graph_clone(g, out, error);
}

smt_status smt_keras_write(const smt_model *model,
                           const char *path,
                           const smt_write_options *options,
                           smt_error *error)
{
    smt_error own;
    error = error ? error : &own;
    if (options && options->raw_input) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: --raw-input does not apply to a file of weights; its metadata say how "
                        "the input is scaled",
                        path);
    }
    if (model->members) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: Keras's MobileNetV3Small is one network, and this is an ensemble; "
                        "write its members",
                        path);
    }
    keras_writer w = {.path = path, .error = error};
    smt_model described = *model;
    smt_graph *graph = NULL;
    smt_bytes bytes = {0};
    char *metadata = NULL;
    smt_status status = simplified(model, &graph, error);
    w.graph = graph;
    status = status ? status : absorb_scaling(&w, &described.preprocess);
    if (status) {
        goto done;
    }
    w.file = hdf5_create();
    metadata = smt_metadata_text(&described, false);
    if (!w.file || !metadata) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        goto done;
    }
    status = put_layers(&w);
    if (!status) {
        static const char *const backend = "tensorflow", *const version = "2.15.0";
        const char *text = metadata;
        hdf5_node *root = hdf5_root(w.file);
        hdf5_add_texts(w.file, root, "layer_names", (const char *const *)w.layers, w.layer_count);
        hdf5_add_texts(w.file, root, "backend", &backend, -1);
        hdf5_add_texts(w.file, root, "keras_version", &version, -1);
        hdf5_add_texts(w.file, root, SMT_KERAS_METADATA, &text, -1);
        status = hdf5_finish(w.file, path, &bytes, error);
    }
    status = status ? status : smt_file_save(path, bytes.data, bytes.size, error);
done:
    for (int i = 0; i < w.layer_count; i++) {
        smt_free(w.layers[i]);
    }
    smt_bytes_free(&bytes);
    smt_free(metadata);
    smt_graph_destroy(&graph);
    hdf5_destroy(&w.file);
    return status;
}
