/* Walks a .tflite and rebuilds it as a graph.
 *
 * Each tensor of the file stands for a graph node, for a constant, or for a node with zeros around
 * it (PAD, which a VALID convolution takes over as explicit padding). Arithmetic with constants
 * becomes AFFINE nodes, pooling over the whole map becomes a global pool, and reshapes of vectors
 * vanish. smt_graph_fold then fuses what the converter left apart. Shapes are inferred again: files
 * with a dynamic batch do not hold them. */
#include "format/half.h"
#include "format/metadata.h"
#include "format/named.h"
#include "format/sniff.h"
#include "format/tflite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CONSTANT_MAX (1u << 26) /* elements of one constant */

typedef struct place {
    int node; /* -1: not made yet, or a constant */
    bool padded;
    int pad[4]; /* top, left, bottom, right */
} place;

typedef struct reader {
    const char *path;
    smt_edge_model file;
    smt_graph *graph;
    place *places; /* by tensor */
    smt_edge_operator op;
    smt_error *error;
} reader;

static smt_status refuse(reader *r, smt_status status, const char *format, ...) SMT_PRINTF(3, 4);
static smt_status refuse(reader *r, smt_status status, const char *format, ...)
{
    char why[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    return smt_fail(r->error,
                    status,
                    "%s: operator %d (%s): %s",
                    r->path,
                    (int)r->op.index,
                    smt_edge_code_name(r->op.code),
                    why);
}

/* ---- constants ------------------------------------------------------------------------------ */

/* The constant that tensor `index` is, through DEQUANTIZE if need be; false: it is computed. */
static bool find_constant(const reader *r, int32_t index, smt_edge_tensor *t)
{
    if (!smt_edge_get_tensor(&r->file, index, t)) {
        return false;
    }
    if (t->data) {
        return true;
    }
    for (int32_t i = 0; i < r->file.operator_count; i++) {
        smt_edge_operator op;
        if (smt_edge_get_operator(&r->file, i, &op) && op.outputs[0] == index) {
            return op.code == SMT_EDGE_DEQUANTIZE &&
                   smt_edge_get_tensor(&r->file, op.inputs[0], t) && t->data;
        }
    }
    return false;
}

/* Copies a constant as float32; the caller frees *out. */
static smt_status load_constant(reader *r, const smt_edge_tensor *t, float **out)
{
    if (t->elements > CONSTANT_MAX) {
        return refuse(r, SMT_ERR_LIMIT, "a constant of %u values", (unsigned)t->elements);
    }
    bool quantised = t->type == SMT_EDGE_S8 && t->scale_count > 0;
    if (t->type != SMT_EDGE_F32 && t->type != SMT_EDGE_F16 && !quantised) {
        return refuse(r,
                      SMT_ERR_UNSUPPORTED,
                      "a constant of type %s in a float network",
                      smt_edge_type_name(t->type));
    }
    float *values = smt_alloc(t->elements, sizeof *values);
    if (!values) {
        return smt_fail(r->error, SMT_ERR_MEMORY, "%s: out of memory", r->path);
    }
    size_t inner = 1; /* elements between two steps along the quantised axis */
    for (int32_t i = t->axis + 1; quantised && i < t->rank; i++) {
        inner *= (size_t)t->shape[i];
    }
    const uint8_t *bytes = t->data;
    for (size_t i = 0; i < t->elements; i++) {
        if (t->type == SMT_EDGE_F32) {
            memcpy(&values[i], bytes + 4 * i, 4);
        } else if (t->type == SMT_EDGE_F16) {
            uint16_t half;
            memcpy(&half, bytes + 2 * i, 2);
            values[i] = smt_half_to_float(half);
        } else {
            size_t c = t->scale_count > 1 ? i / inner % (size_t)t->shape[t->axis] : 0;
            values[i] = t->scales[c] * (float)((int8_t)bytes[i] - t->zero_point);
        }
        if (!isfinite(values[i])) {
            smt_free(values);
            return refuse(r, SMT_ERR_FORMAT, "weight %zu is not a finite number", i);
        }
    }
    *out = values;
    return SMT_OK;
}

static smt_status fill(reader *r, int param, int32_t tensor)
{
    smt_edge_tensor t;
    float *values = NULL;
    smt_param *p = &r->graph->params[param];
    if (!find_constant(r, tensor, &t)) {
        return refuse(r, SMT_ERR_UNSUPPORTED, "its weights are computed, not constant");
    }
    if (t.elements != p->count) {
        return refuse(r,
                      SMT_ERR_FORMAT,
                      "%u weights where its shapes need %zu",
                      (unsigned)t.elements,
                      p->count);
    }
    smt_status status = load_constant(r, &t, &values);
    if (!status) {
        memcpy(p->data, values, p->count * sizeof *values);
    }
    smt_free(values);
    return status;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

/* The output tensor's name if it can be a node's, cut at the
 * first ';' (converters join names so), else OP_INDEX. */
static const char *name_node(const reader *r, char *text, size_t size)
{
    smt_edge_tensor t;
    bool ok = smt_edge_get_tensor(&r->file, r->op.outputs[0], &t) && t.name_length > 0;
    size_t length = 0;
    for (; ok && length < t.name_length && t.name[length] != ';'; length++) {
        ok = (unsigned char)t.name[length] > 32 && (unsigned char)t.name[length] < 127;
    }
    if (ok && length && length <= SMT_NODE_NAME_MAX) {
        snprintf(text, size, "%.*s", (int)length, t.name);
        if (smt_graph_find(r->graph, text) < 0) {
            return text;
        }
    }
    snprintf(text, size, "%s_%d", smt_edge_code_name(r->op.code), (int)r->op.index);
    return text;
}

/* Takes the new node (or -1) as the operator's output. */
static smt_status made(reader *r, int node)
{
    if (node < 0) {
        smt_error inner = *r->error;
        /* A builder's refusal is the file's fault here, not the caller's. */
        smt_status status = inner.status == SMT_ERR_ARGUMENT ? SMT_ERR_FORMAT : inner.status;
        return refuse(r, status, "%.200s", inner.message);
    }
    r->places[r->op.outputs[0]] = (place){.node = node};
    return SMT_OK;
}

/* The node that input `i` of the operator stands for. */
static smt_status input_node(reader *r, int i, int *node)
{
    int32_t tensor = i < r->op.input_count ? r->op.inputs[i] : -1;
    if (tensor < 0 || r->places[tensor].node < 0) {
        return refuse(
            r, SMT_ERR_UNSUPPORTED, "its input %d is not computed from the network's input", i);
    }
    if (r->places[tensor].padded) {
        return refuse(r, SMT_ERR_UNSUPPORTED, "it reads a padded value; only convolutions can");
    }
    *node = r->places[tensor].node;
    return SMT_OK;
}

static smt_status activation_of(reader *r, smt_activation *out)
{
    switch (r->op.activation) {
    case SMT_EDGE_NO_ACTIVATION:
        *out = SMT_ACT_NONE;
        return SMT_OK;
    case SMT_EDGE_ACT_RELU:
        *out = SMT_ACT_RELU;
        return SMT_OK;
    case SMT_EDGE_ACT_RELU6:
        *out = SMT_ACT_RELU6;
        return SMT_OK;
    default:
        return refuse(r, SMT_ERR_UNSUPPORTED, "activation RELU_N1_TO_1");
    }
}

static smt_status fill_layer(reader *r, int node, bool bias)
{
    smt_status status = made(r, node);
    if (!status) {
        status = fill(r, r->graph->nodes[node].param[SMT_WEIGHT], r->op.inputs[1]);
    }
    if (!status && bias) {
        status = fill(r, r->graph->nodes[node].param[SMT_BIAS], r->op.inputs[2]);
    }
    return status;
}

static smt_status add_conv(reader *r)
{
    char name[SMT_NAME_MAX];
    const smt_edge_operator *op = &r->op;
    bool depthwise = op->code == SMT_EDGE_DEPTHWISE_CONV_2D;
    bool bias = op->input_count > 2 && op->inputs[2] >= 0;
    smt_edge_tensor w;
    smt_conv_spec spec = {.stride = op->stride_h, .bias = bias};
    smt_status status = activation_of(r, &spec.activation);
    if (status) {
        return status;
    }
    place from = op->inputs[0] >= 0 ? r->places[op->inputs[0]] : (place){.node = -1};
    if (from.node < 0) {
        return refuse(r, SMT_ERR_UNSUPPORTED, "its input is not computed from the network's input");
    }
    if (!find_constant(r, op->inputs[1], &w) || w.rank != 4) {
        return refuse(r, SMT_ERR_UNSUPPORTED, "its weights are computed, or not of rank 4");
    }
    if (op->dilation_h != 1 || op->dilation_w != 1 || op->stride_h != op->stride_w) {
        return refuse(r,
                      SMT_ERR_UNSUPPORTED,
                      "dilation %d x %d, strides %d x %d",
                      (int)op->dilation_h,
                      (int)op->dilation_w,
                      (int)op->stride_h,
                      (int)op->stride_w);
    }
    int channels = r->graph->nodes[from.node].shape.c;
    if (w.shape[3] != channels || (depthwise && w.shape[0] != 1)) {
        return refuse(r,
                      SMT_ERR_UNSUPPORTED,
                      "weights %d x %d x %d x %d on %d channels (groups or a depth multiplier)",
                      (int)w.shape[0],
                      (int)w.shape[1],
                      (int)w.shape[2],
                      (int)w.shape[3],
                      channels);
    }
    spec.filters = w.shape[0];
    spec.kernel_h = w.shape[1];
    spec.kernel_w = w.shape[2];
    spec.padding = op->padding == SMT_EDGE_SAME ? SMT_PAD_SAME : SMT_PAD_EXPLICIT;
    if (from.padded) {
        if (spec.padding == SMT_PAD_SAME) {
            return refuse(r, SMT_ERR_UNSUPPORTED, "SAME padding after PAD");
        }
        memcpy(spec.pad, from.pad, sizeof spec.pad);
    }
    name_node(r, name, sizeof name);
    int node = depthwise ? smt_graph_depthwise(r->graph, name, from.node, &spec, r->error)
                         : smt_graph_conv(r->graph, name, from.node, &spec, r->error);
    return fill_layer(r, node, bias);
}

static smt_status add_dense(reader *r)
{
    char name[SMT_NAME_MAX];
    bool bias = r->op.input_count > 2 && r->op.inputs[2] >= 0;
    smt_edge_tensor w;
    smt_activation activation = SMT_ACT_NONE;
    int input = -1;
    smt_status status = activation_of(r, &activation);
    if (!status) {
        status = input_node(r, 0, &input);
    }
    if (status) {
        return status;
    }
    smt_shape shape = r->graph->nodes[input].shape;
    if (!find_constant(r, r->op.inputs[1], &w) || w.rank != 2) {
        return refuse(r, SMT_ERR_UNSUPPORTED, "its weights are computed, or not of rank 2");
    }
    if (shape.h != 1 || shape.w != 1 || w.shape[1] != shape.c) {
        return refuse(r,
                      SMT_ERR_UNSUPPORTED,
                      "a flattened map of %d x %d x %d as input; only vectors can be",
                      shape.h,
                      shape.w,
                      shape.c);
    }
    name_node(r, name, sizeof name);
    int node = smt_graph_dense(r->graph, name, input, w.shape[0], bias, activation, r->error);
    return fill_layer(r, node, bias);
}

/* a * constant, a + constant, a - constant, constant - a: an affine node. */
static smt_status add_affine(reader *r, int operand, const smt_edge_tensor *constant)
{
    char name[SMT_NAME_MAX];
    int input = -1;
    float *values = NULL;
    smt_activation activation = SMT_ACT_NONE;
    smt_status status = activation_of(r, &activation);
    if (!status) {
        status = input_node(r, operand, &input);
    }
    if (status) {
        return status;
    }
    size_t channels = (size_t)r->graph->nodes[input].shape.c;
    bool along_channels = constant->rank > 0 && constant->elements == (uint32_t)channels &&
                          constant->shape[constant->rank - 1] == (int32_t)channels;
    if (constant->elements != 1 && !along_channels) {
        return refuse(r,
                      SMT_ERR_UNSUPPORTED,
                      "a constant of %u values with %zu channels",
                      (unsigned)constant->elements,
                      channels);
    }
    status = load_constant(r, constant, &values);
    if (status) {
        return status;
    }
    int node = smt_graph_affine(r->graph, name_node(r, name, sizeof name), input, r->error);
    status = made(r, node);
    if (!status) {
        smt_node *n = &r->graph->nodes[node];
        n->activation = activation;
        float *scale = r->graph->params[n->param[SMT_SCALE]].data;
        float *offset = r->graph->params[n->param[SMT_OFFSET]].data;
        for (size_t c = 0; c < channels; c++) {
            float value = values[constant->elements == 1 ? 0 : c];
            bool product = r->op.code == SMT_EDGE_MUL, difference = r->op.code == SMT_EDGE_SUB;
            scale[c] = product ? value : difference && operand == 1 ? -1.0f : 1.0f;
            offset[c] = product ? 0.0f : difference && operand == 0 ? -value : value;
        }
    }
    smt_free(values);
    return status;
}

static smt_status add_arithmetic(reader *r)
{
    char name[SMT_NAME_MAX];
    int a = -1, b = -1;
    smt_edge_tensor constant;
    smt_activation activation = SMT_ACT_NONE;
    for (int i = 0; i < 2; i++) {
        if (r->op.inputs[i] >= 0 && find_constant(r, r->op.inputs[i], &constant)) {
            return add_affine(r, 1 - i, &constant);
        }
    }
    smt_status status = activation_of(r, &activation);
    if (status || (status = input_node(r, 0, &a)) || (status = input_node(r, 1, &b))) {
        return status;
    }
    if (r->op.code == SMT_EDGE_SUB) {
        return refuse(r, SMT_ERR_UNSUPPORTED, "a difference of two computed values");
    }
    name_node(r, name, sizeof name);
    if (r->op.code == SMT_EDGE_ADD) {
        return made(r, smt_graph_add(r->graph, name, a, b, activation, r->error));
    }
    bool swap = smt_graph_is_gate(r->graph, a, b);
    int node = smt_graph_multiply(r->graph, name, swap ? b : a, swap ? a : b, r->error);
    status = made(r, node);
    if (!status) {
        r->graph->nodes[node].activation = activation;
    }
    return status;
}

static smt_status add_mean(reader *r)
{
    char name[SMT_NAME_MAX];
    int input = -1;
    unsigned axes = 0;
    smt_edge_tensor t, source;
    smt_status status = input_node(r, 0, &input);
    if (status) {
        return status;
    }
    bool ok = find_constant(r, r->op.inputs[1], &t) && t.type == SMT_EDGE_S32 && t.elements <= 4 &&
              smt_edge_get_tensor(&r->file, r->op.inputs[0], &source);
    for (uint32_t i = 0; ok && i < t.elements; i++) {
        int32_t axis;
        memcpy(&axis, (const uint8_t *)t.data + 4 * i, 4);
        axis += axis < 0 ? source.rank : 0;
        ok = axis >= 0 && axis < 4;
        axes |= ok ? 1u << axis : 0;
    }
    if (!ok || axes != 6) {
        return refuse(r, SMT_ERR_UNSUPPORTED, "a mean over other axes than height and width");
    }
    return made(r,
                smt_graph_global_pool(r->graph, name_node(r, name, sizeof name), input, r->error));
}

static smt_status add_pool(reader *r)
{
    char name[SMT_NAME_MAX];
    int input = -1;
    smt_status status = input_node(r, 0, &input);
    if (status) {
        return status;
    }
    smt_shape s = r->graph->nodes[input].shape;
    if (r->op.activation != SMT_EDGE_NO_ACTIVATION || r->op.filter_h != s.h ||
        r->op.filter_w != s.w) {
        return refuse(r,
                      SMT_ERR_UNSUPPORTED,
                      "a window of %d x %d on a map of %d x %d; only pooling over the whole map "
                      "can be imported",
                      (int)r->op.filter_h,
                      (int)r->op.filter_w,
                      s.h,
                      s.w);
    }
    if (s.h == 1 && s.w == 1) {
        return made(r, input);
    }
    /* With SAME padding the output could still be larger than 1 x 1. */
    if (r->op.padding == SMT_EDGE_SAME && (r->op.stride_h < s.h || r->op.stride_w < s.w)) {
        return refuse(r, SMT_ERR_UNSUPPORTED, "a moving window of the map's size");
    }
    return made(r,
                smt_graph_global_pool(r->graph, name_node(r, name, sizeof name), input, r->error));
}

static smt_status add_reshape(reader *r)
{
    int input = -1;
    smt_status status = input_node(r, 0, &input);
    if (status) {
        return status;
    }
    smt_shape s = r->graph->nodes[input].shape;
    if (s.h != 1 || s.w != 1) {
        return refuse(r,
                      SMT_ERR_UNSUPPORTED,
                      "it flattens a map of %d x %d x %d; only vectors can be reshaped",
                      s.h,
                      s.w,
                      s.c);
    }
    return made(r, input);
}

static smt_status add_activation(reader *r, smt_activation activation)
{
    char name[SMT_NAME_MAX];
    int input = -1;
    smt_status status = input_node(r, 0, &input);
    return status
               ? status
               : made(r,
                      smt_graph_activation(
                          r->graph, name_node(r, name, sizeof name), input, activation, r->error));
}

static smt_status add_pad(reader *r)
{
    int input = -1;
    int32_t pads[8];
    smt_edge_tensor t;
    smt_status status = input_node(r, 0, &input);
    if (status) {
        return status;
    }
    if (!find_constant(r, r->op.inputs[1], &t) || t.type != SMT_EDGE_S32 || t.elements != 8) {
        return refuse(r, SMT_ERR_UNSUPPORTED, "its paddings are not eight constant int32");
    }
    memcpy(pads, t.data, sizeof pads);
    bool ok = !pads[0] && !pads[1] && !pads[6] && !pads[7];
    for (int i = 2; i < 6; i++) {
        ok = ok && pads[i] >= 0 && pads[i] <= SMT_KERNEL_MAX;
    }
    if (!ok) {
        return refuse(r, SMT_ERR_UNSUPPORTED, "paddings other than of height and width");
    }
    r->places[r->op.outputs[0]] = (place){
        .node = input,
        .padded = true,
        .pad = {pads[2], pads[4], pads[3], pads[5]},
    };
    return SMT_OK;
}

static smt_status add_operator(reader *r)
{
    char name[SMT_NAME_MAX];
    int input = -1;
    smt_status status;
    smt_edge_tensor t;
    switch (r->op.code) {
    case SMT_EDGE_CONV_2D:
    case SMT_EDGE_DEPTHWISE_CONV_2D:
        return add_conv(r);
    case SMT_EDGE_FULLY_CONNECTED:
        return add_dense(r);
    case SMT_EDGE_ADD:
    case SMT_EDGE_SUB:
    case SMT_EDGE_MUL:
        return add_arithmetic(r);
    case SMT_EDGE_MEAN:
        return add_mean(r);
    case SMT_EDGE_AVERAGE_POOL_2D:
        return add_pool(r);
    case SMT_EDGE_RESHAPE:
        return add_reshape(r);
    case SMT_EDGE_RELU:
        return add_activation(r, SMT_ACT_RELU);
    case SMT_EDGE_RELU6:
        return add_activation(r, SMT_ACT_RELU6);
    case SMT_EDGE_HARD_SWISH:
        return add_activation(r, SMT_ACT_HARD_SWISH);
    case SMT_EDGE_PAD:
        return add_pad(r);
    case SMT_EDGE_SOFTMAX:
        if (fabsf(r->op.beta - 1.0f) > 1e-6f) {
            return refuse(
                r, SMT_ERR_UNSUPPORTED, "beta %g; only 1 can be imported", (double)r->op.beta);
        }
        status = input_node(r, 0, &input);
        return status ? status
                      : made(r,
                             smt_graph_softmax(
                                 r->graph, name_node(r, name, sizeof name), input, r->error));
    case SMT_EDGE_DEQUANTIZE:
    case SMT_EDGE_QUANTIZE:
        if (r->op.code == SMT_EDGE_DEQUANTIZE &&
            smt_edge_get_tensor(&r->file, r->op.inputs[0], &t) && t.data) {
            return SMT_OK; /* found from its reader by find_constant */
        }
        return refuse(r,
                      SMT_ERR_UNSUPPORTED,
                      "an int8 network; it can be evaluated and run, but only float networks can "
                      "be imported: take the one that it was made from");
    default:
        return refuse(r,
                      SMT_ERR_UNSUPPORTED,
                      "this operator is not part of the networks that can be imported");
    }
}

/* ---- the file ------------------------------------------------------------------------------- */

static smt_status add_input(reader *r)
{
    smt_edge_tensor t;
    if (r->file.input_count != 1 || r->file.output_count != 1 ||
        !smt_edge_get_tensor(&r->file, r->file.inputs[0], &t)) {
        return smt_fail(r->error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: %d inputs and %d outputs; one of each can be imported",
                        r->path,
                        (int)r->file.input_count,
                        (int)r->file.output_count);
    }
    if (t.type != SMT_EDGE_F32) {
        return smt_fail(r->error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: its input is %s; it can be evaluated and run, but only float networks "
                        "can be imported: take the one that it was made from",
                        r->path,
                        smt_edge_type_name(t.type));
    }
    if (t.rank != 4 || t.shape[0] != 1) {
        return smt_fail(r->error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: an input of rank %d and batch %d; rank 4 and batch 1 can be imported",
                        r->path,
                        (int)t.rank,
                        (int)t.shape[0]);
    }
    int node = smt_graph_input(
        r->graph, "input", (smt_shape){t.shape[1], t.shape[2], t.shape[3]}, r->error);
    if (node < 0) {
        smt_error inner = *r->error;
        return smt_fail(r->error, SMT_ERR_FORMAT, "%s: %s", r->path, inner.message);
    }
    r->places[r->file.inputs[0]].node = node;
    return SMT_OK;
}

static smt_status apply_metadata(reader *r, smt_model *model)
{
    for (int32_t i = 0; i < r->file.metadata_count; i++) {
        smt_edge_metadata m;
        if (smt_edge_get_metadata(&r->file, i, &m) &&
            m.name_length == strlen(SMT_TFLITE_METADATA) &&
            memcmp(m.name, SMT_TFLITE_METADATA, m.name_length) == 0) {
            return smt_metadata_apply(model, (const char *)m.data, m.size, r->path, r->error);
        }
    }
    return SMT_OK;
}

smt_status smt_fail_edge(smt_error *error, const char *path, const smt_edge_error *detail)
{
    static const smt_status codes[] = {[SMT_EDGE_ERR_ARGUMENT] = SMT_ERR_ARGUMENT,
                                       [SMT_EDGE_ERR_FORMAT] = SMT_ERR_FORMAT,
                                       [SMT_EDGE_ERR_UNSUPPORTED] = SMT_ERR_UNSUPPORTED,
                                       [SMT_EDGE_ERR_LIMIT] = SMT_ERR_LIMIT,
                                       [SMT_EDGE_ERR_MEMORY] = SMT_ERR_MEMORY};
    return smt_fail(error, codes[detail->status], "%s: %s", path, detail->message);
}

static smt_status open_file(reader *r, const void *data, size_t size)
{
    smt_edge_error detail = {SMT_EDGE_OK, ""};
    smt_edge_status opened = smt_edge_open_to_walk(data, size, &r->file, &detail);
    if (!opened) {
        return SMT_OK;
    }
    const char *what = opened == SMT_EDGE_ERR_FORMAT ? smt_sniff(data, size) : NULL;
    if (what && !strstr(what, "TensorFlow Lite")) {
        return smt_fail(
            r->error, SMT_ERR_FORMAT, "%s: %s; it is %s", r->path, detail.message, what);
    }
    return smt_fail_edge(r->error, r->path, &detail);
}

/* The operators one after another; r->graph then ends with the file's output. */
static smt_status read_graph(reader *r)
{
    r->places = smt_alloc((size_t)r->file.tensor_count, sizeof *r->places);
    if (!r->places) {
        return smt_fail(r->error, SMT_ERR_MEMORY, "%s: out of memory", r->path);
    }
    for (int32_t i = 0; i < r->file.tensor_count; i++) {
        r->places[i].node = -1;
    }
    smt_status status = smt_graph_create(&r->graph, r->error);
    status = status ? status : add_input(r);
    for (int32_t i = 0; !status && i < r->file.operator_count; i++) {
        status =
            smt_edge_get_operator(&r->file, i, &r->op)
                ? add_operator(r)
                : smt_fail(r->error, SMT_ERR_FORMAT, "%s: operator %d is damaged", r->path, (int)i);
    }
    if (status) {
        return status;
    }
    /* A graph ends with its output; whatever a file computes after it is not wanted. */
    const place *end = &r->places[r->file.outputs[0]];
    if (end->node < 0 || end->padded || end->node != r->graph->node_count - 1) {
        return smt_fail(r->error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: its output is not what its last operator computes",
                        r->path);
    }
    return SMT_OK;
}

smt_status smt_tflite_read_memory(
    const void *data, size_t size, const char *path, smt_model **out, smt_error *error)
{
    smt_error local = {SMT_OK, ""};
    reader r = {.path = path, .error = &local};
    smt_graph *folded = NULL;
    smt_model *model = NULL;
    smt_status status = open_file(&r, data, size);
    status = status ? status : read_graph(&r);
    status = status ? status : smt_graph_fold(r.graph, &folded, &local);
    status = status ? status : smt_graph_check(folded, &local);
    if (status) {
        goto done;
    }
    smt_preprocess guessed = smt_guess_preprocess(folded);
    status = smt_model_create(folded, NULL, NULL, 0, &model, &local);
    folded = NULL;
    if (!status) {
        model->preprocess = guessed;
        status = apply_metadata(&r, model);
    }
    if (!status) {
        *out = model;
        model = NULL;
    }
done:
    if (status && error) {
        *error = local;
        error->status = status;
    }
    smt_free(r.places);
    smt_graph_destroy(&folded);
    smt_graph_destroy(&r.graph);
    smt_model_destroy(&model);
    return status;
}

smt_status smt_tflite_read(const char *path, smt_model **out, smt_error *error)
{
    void *data = NULL;
    size_t size = 0;
    smt_status status = smt_file_load(path, 0, &data, &size, error);
    if (!status) {
        status = smt_tflite_read_memory(data, size, path, out, error);
    }
    smt_free(data);
    return status;
}
