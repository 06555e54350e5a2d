/* A graph as a .tflite: tflite_write.h says how annotations become types.
 *
 * Every graph node has up to two tensors, float and int8. A node computes in one of the two; the
 * other one is made by QUANTIZE or DEQUANTIZE when a reader asks for it. TensorFlow Lite knows only
 * SAME and VALID padding: explicit padding (PyTorch's) becomes SAME by zeros behind the kernel,
 * which move the window's start to where it was - exact, and no PAD operator; where no such kernel
 * exists, PAD it is. */
#include "format/tflite_write.h"
#include "format/deployed.h"
#include "format/half.h"
#include "format/metadata.h"
#include "format/tflite.h"
#include "format/tflite_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct writer {
    const smt_graph *graph;
    tfl_file file;
    int (*tensor)[2]; /* [node][is_int8]: tensor, or -1 */
    int axes;         /* the constant {1, 2} of MEAN, or -1 */
    bool half;
    smt_error *error;
} writer;

static smt_status refuse(const writer *w, const smt_node *n, const char *why)
{
    return smt_fail(w->error,
                    SMT_ERR_UNSUPPORTED,
                    "TensorFlow Lite: node '%s' (%s): %s",
                    n->name,
                    smt_op_name(n->op),
                    why);
}

static const smt_param *param_of(const writer *w, const smt_node *n, int slot)
{
    return n->param[slot] >= 0 ? &w->graph->params[n->param[slot]] : NULL;
}

/* Whether node i computes in int8. A layer of an int8 network whose weights have no grid is
 * computed in float. */
static bool is_int8(const writer *w, int i)
{
    const smt_node *n = &w->graph->nodes[i];
    return n->quant.scale > 0 && (!smt_op_is_layer(n->op) || param_of(w, n, SMT_WEIGHT)->scale);
}

/* ---- tensors -------------------------------------------------------------------------------- */

/* FULLY_CONNECTED makes 1 x c, and what follows it element by element keeps that; all else is 1 x h
 * x w x c. */
static bool is_flat(const writer *w, const smt_node *n)
{
    if (n->op == SMT_OP_DENSE) {
        return true;
    }
    bool flat = n->op != SMT_OP_GLOBAL_POOL && !smt_op_is_layer(n->op) && n->input[0] >= 0;
    for (int k = 0; k < 2 && flat && n->input[k] >= 0; k++) {
        const int *made = w->tensor[n->input[k]];
        int t = made[0] >= 0 ? made[0] : made[1];
        flat = t >= 0 && w->file.tensors[t].rank == 2;
    }
    return flat;
}

static int value_tensor(writer *w, const smt_node *n, bool int8, const char *suffix)
{
    tfl_tensor t = {.type = int8 ? SMT_EDGE_S8 : SMT_EDGE_F32};
    snprintf(t.name, sizeof t.name, "%s%s", n->name, suffix);
    if (is_flat(w, n)) {
        t.rank = 2;
        t.shape[0] = 1;
        t.shape[1] = n->shape.c;
    } else {
        t.rank = 4;
        t.shape[0] = 1;
        t.shape[1] = n->shape.h;
        t.shape[2] = n->shape.w;
        t.shape[3] = n->shape.c;
    }
    if (int8) {
        t.scale_count = 1;
        t.scale = n->quant.scale;
        t.zero_point = n->quant.zero_point;
    }
    return tfl_add_tensor(&w->file, &t);
}

/* An operator with `output` as its result. */
static void emit(writer *w,
                 smt_edge_code code,
                 int version,
                 int a,
                 int b,
                 int c,
                 int output,
                 smt_edge_activation activation)
{
    tfl_operator op = {
        .code = code, .version = version, .output = output, .activation = activation};
    op.inputs[0] = a;
    op.inputs[1] = b;
    op.inputs[2] = c;
    op.input_count = c >= 0 ? 3 : b >= 0 ? 2 : 1;
    tfl_add_operator(&w->file, &op);
}

/* The tensor of node i's value in the wanted type. */
static int value_of(writer *w, int i, bool int8)
{
    int *have = w->tensor[i];
    if (have[int8] < 0) {
        const smt_node *n = &w->graph->nodes[i];
        have[int8] = value_tensor(w, n, int8, int8 ? ".int8" : ".float");
        emit(w,
             int8 ? SMT_EDGE_QUANTIZE : SMT_EDGE_DEQUANTIZE,
             int8 ? 1 : 2,
             have[!int8],
             -1,
             -1,
             have[int8],
             SMT_EDGE_NO_ACTIVATION);
    }
    return have[int8];
}

static int constant(writer *w, const tfl_tensor *shape, void *data, size_t bytes)
{
    tfl_tensor t = *shape;
    t.buffer = tfl_add_buffer(&w->file, data, bytes);
    return t.buffer < 0 ? -1 : tfl_add_tensor(&w->file, &t);
}

/* A float constant; in a float16 file it is stored so, behind a DEQUANTIZE. */
static int float_constant(
    writer *w, const tfl_tensor *shape, const float *values, size_t count, bool may_halve)
{
    tfl_tensor t = *shape;
    bool half = w->half && may_halve;
    void *data = smt_alloc(count, half ? 2 : 4);
    for (size_t i = 0; data && half && i < count; i++) {
        ((uint16_t *)data)[i] = smt_half_from_float(values[i]);
    }
    if (data && !half) {
        memcpy(data, values, count * 4);
    }
    if (!half) {
        t.type = SMT_EDGE_F32;
        return constant(w, &t, data, count * 4);
    }
    t.type = SMT_EDGE_F16;
    size_t length = strlen(t.name);
    snprintf(t.name + length, sizeof t.name - length, ".half");
    int stored = constant(w, &t, data, count * 2);
    t.type = SMT_EDGE_F32;
    t.name[length] = 0;
    int wide = tfl_add_tensor(&w->file, &t);
    emit(w, SMT_EDGE_DEQUANTIZE, 3, stored, -1, -1, wide, SMT_EDGE_NO_ACTIVATION);
    return wide;
}

/* Channel of element i of a weight: the last dimension for depthwise, else the first. */
static size_t channel_of(const smt_node *n, size_t i, size_t count)
{
    size_t channels = (size_t)n->shape.c;
    return n->op == SMT_OP_DEPTHWISE ? i % channels : i / (count / channels);
}

static smt_status check_finite(const writer *w, const smt_node *n, const smt_param *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (!isfinite(p->data[i]) || (w->half && fabsf(p->data[i]) >= 65520.0f)) {
            return refuse(w,
                          n,
                          w->half ? "a weight is too large for float16"
                                  : "a weight is not a finite number");
        }
    }
    return SMT_OK;
}

/* The weight of a layer, its kernel extended by zeros to kernel_h x kernel_w. */
static int weight_tensor(writer *w, const smt_node *n, int kernel_h, int kernel_w)
{
    const smt_param *p = param_of(w, n, SMT_WEIGHT);
    tfl_tensor t = {.type = SMT_EDGE_F32, .rank = n->op == SMT_OP_DENSE ? 2 : 4};
    snprintf(t.name, sizeof t.name, "%s", p->name);
    size_t out = (size_t)n->shape.c, outer = 1, inner = 1; /* around the two kernel dimensions */
    int in = w->graph->nodes[n->input[0]].shape.c;
    if (n->op == SMT_OP_DENSE) {
        t.shape[0] = n->shape.c;
        t.shape[1] = in;
        inner = p->count;
    } else {
        t.shape[0] = n->op == SMT_OP_CONV ? n->shape.c : 1;
        t.shape[1] = kernel_h;
        t.shape[2] = kernel_w;
        t.shape[3] = n->op == SMT_OP_CONV ? in : n->shape.c;
        outer = n->op == SMT_OP_CONV ? out : 1;
        inner = (size_t)t.shape[3];
    }
    size_t count = outer * inner * (size_t)kernel_h * (size_t)kernel_w;
    float *values = smt_alloc(count, sizeof *values);
    if (!values) {
        w->file.failed = true;
        return -1;
    }
    int rows = n->op == SMT_OP_DENSE ? 1 : n->kernel_h,
        columns = n->op == SMT_OP_DENSE ? 1 : n->kernel_w;
    for (size_t o = 0; o < outer; o++) {
        for (int y = 0; y < rows; y++) {
            for (int x = 0; x < columns; x++) {
                size_t from =
                    ((o * (size_t)rows + (size_t)y) * (size_t)columns + (size_t)x) * inner;
                size_t to =
                    ((o * (size_t)kernel_h + (size_t)y) * (size_t)kernel_w + (size_t)x) * inner;
                memcpy(values + to, p->data + from, inner * sizeof *values);
            }
        }
    }
    int made;
    if (!p->scale) {
        made = float_constant(w, &t, values, count, true);
    } else {
        int8_t *q = smt_alloc(count, 1);
        for (size_t i = 0; q && i < count; i++) {
            float scale = p->scale[p->scale_count > 1 ? channel_of(n, i, count) : 0];
            float step = roundf(values[i] / scale);
            q[i] = (int8_t)(step < -127 ? -127 : step > 127 ? 127 : step);
        }
        t.type = SMT_EDGE_S8;
        t.scales = p->scale;
        t.scale = p->scale[0];
        t.scale_count = p->scale_count;
        t.axis = p->scale_count > 1 && n->op == SMT_OP_DEPTHWISE ? 3 : 0;
        made = constant(w, &t, q, count);
    }
    smt_free(values);
    return made;
}

static int bias_tensor(writer *w, const smt_node *n)
{
    const smt_param *p = param_of(w, n, SMT_BIAS);
    if (!p) {
        return -1;
    }
    tfl_tensor t = {.type = SMT_EDGE_F32, .rank = 1, .shape = {n->shape.c}};
    snprintf(t.name, sizeof t.name, "%s", p->name);
    if (!p->scale) {
        return float_constant(w, &t, p->data, p->count, true);
    }
    int32_t *q = smt_alloc(p->count, sizeof *q);
    for (size_t i = 0; q && i < p->count; i++) {
        double step = round((double)p->data[i] / (double)p->scale[p->scale_count > 1 ? i : 0]);
        q[i] = (int32_t)(step < INT32_MIN ? INT32_MIN : step > INT32_MAX ? INT32_MAX : step);
    }
    t.type = SMT_EDGE_S32;
    t.scales = p->scale;
    t.scale = p->scale[0];
    t.scale_count = p->scale_count;
    return constant(w, &t, q, p->count * sizeof *q);
}

/* ---- operators ------------------------------------------------------------------------------ */

/* The activation that TensorFlow Lite can fuse; *after is what needs operators of its own. */
static smt_edge_activation fused(smt_activation activation, smt_activation *after)
{
    *after = SMT_ACT_NONE;
    switch (activation) {
    case SMT_ACT_RELU:
        return SMT_EDGE_ACT_RELU;
    case SMT_ACT_RELU6:
        return SMT_EDGE_ACT_RELU6;
    case SMT_ACT_HARD_SWISH:
    case SMT_ACT_HARD_SIGMOID:
        *after = activation;
        return SMT_EDGE_NO_ACTIVATION;
    case SMT_ACT_NONE:
        break;
    }
    return SMT_EDGE_NO_ACTIVATION;
}

static int scalar(writer *w, const smt_node *n, const char *suffix, float value)
{
    tfl_tensor t = {.type = SMT_EDGE_F32, .rank = 1, .shape = {1}};
    snprintf(t.name, sizeof t.name, "%s%s", n->name, suffix);
    return float_constant(w, &t, &value, 1, false);
}

/* The value `before` with an activation that is not fused, as node n's tensor. */
static smt_status
activate(writer *w, const smt_node *n, int before, smt_activation activation, bool int8, int output)
{
    if (activation == SMT_ACT_HARD_SWISH) {
        emit(w, SMT_EDGE_HARD_SWISH, 1, before, -1, -1, output, SMT_EDGE_NO_ACTIVATION);
        return SMT_OK;
    }
    if (int8) {
        return refuse(w, n, "a hard sigmoid has no int8 operator; free the gates first");
    }
    int sum = value_tensor(w, n, false, ".plus3");
    int sixth = scalar(w, n, ".sixth", 1.0f / 6.0f), three = scalar(w, n, ".three", 3.0f);
    emit(w, SMT_EDGE_ADD, 1, before, three, -1, sum, SMT_EDGE_ACT_RELU6);
    emit(w, SMT_EDGE_MUL, 1, sum, sixth, -1, output, SMT_EDGE_NO_ACTIVATION);
    return SMT_OK;
}

/* How a convolution pads in TensorFlow Lite's terms: fills op->padding and the kernel to write;
 * true: needs PAD. */
static bool plan_padding(const writer *w, const smt_node *n, tfl_operator *op, int kernel[2])
{
    smt_shape in = w->graph->nodes[n->input[0]].shape;
    kernel[0] = n->kernel_h;
    kernel[1] = n->kernel_w;
    op->padding = SMT_EDGE_SAME;
    if (n->padding == SMT_PAD_SAME) {
        return false;
    }
    op->padding = SMT_EDGE_VALID;
    if (!n->pad_top && !n->pad_left && !n->pad_bottom && !n->pad_right) {
        return false;
    }
    for (int extra = 0; extra <= 2 * n->stride; extra++) {
        int k[2] = {n->kernel_h + extra, n->kernel_w + extra};
        if (smt_same_fits(in.h, n->shape.h, k[0], n->stride, n->pad_top) &&
            smt_same_fits(in.w, n->shape.w, k[1], n->stride, n->pad_left)) {
            op->padding = SMT_EDGE_SAME;
            memcpy(kernel, k, sizeof k);
            return false;
        }
    }
    return true;
}

static int add_pad(writer *w, const smt_node *n, int input, bool int8)
{
    const smt_node *from = &w->graph->nodes[n->input[0]];
    tfl_tensor pads = {.type = SMT_EDGE_S32, .rank = 2, .shape = {4, 2}};
    int32_t *values = smt_alloc(8, sizeof *values);
    snprintf(pads.name, sizeof pads.name, "%s.pads", n->name);
    if (values) {
        values[2] = n->pad_top;
        values[3] = n->pad_bottom;
        values[4] = n->pad_left;
        values[5] = n->pad_right;
    }
    int amounts = constant(w, &pads, values, 8 * sizeof *values);
    smt_node padded = *from;
    padded.op = SMT_OP_CONV; /* a map, whatever made it */
    padded.shape.h += n->pad_top + n->pad_bottom;
    padded.shape.w += n->pad_left + n->pad_right;
    snprintf(padded.name, sizeof padded.name, "%s", n->name);
    int output = value_tensor(w, &padded, int8, ".padded");
    emit(w, SMT_EDGE_PAD, int8 ? 2 : 1, input, amounts, -1, output, SMT_EDGE_NO_ACTIVATION);
    return output;
}

static int
layer_version(const smt_node *n, bool int8, bool weight_int8, bool per_channel, bool bias)
{
    if (!weight_int8) {
        return n->op == SMT_OP_DENSE && !bias ? 6 : 1;
    }
    switch (n->op) {
    case SMT_OP_CONV:
        return int8 ? 3 : per_channel ? 5 : 2;
    case SMT_OP_DEPTHWISE:
        return int8 ? 3 : per_channel ? 6 : 4;
    default:
        return int8 ? (bias ? 4 : 6) : per_channel ? 12 : 3;
    }
}

static smt_status write_layer(writer *w, int i, int output, smt_edge_activation activation)
{
    const smt_node *n = &w->graph->nodes[i];
    bool int8 = is_int8(w, i);
    const smt_param *weight = param_of(w, n, SMT_WEIGHT), *bias = param_of(w, n, SMT_BIAS);
    smt_status status = check_finite(w, n, weight);
    if (!status && bias) {
        status = check_finite(w, n, bias);
    }
    if (status) {
        return status;
    }
    tfl_operator op = {
        .code = n->op == SMT_OP_CONV        ? SMT_EDGE_CONV_2D
                : n->op == SMT_OP_DEPTHWISE ? SMT_EDGE_DEPTHWISE_CONV_2D
                                            : SMT_EDGE_FULLY_CONNECTED,
        .version =
            layer_version(n, int8, weight->scale != NULL, weight->scale_count > 1, bias != NULL),
        .output = output,
        .activation = activation,
        .stride = n->stride,
    };
    int kernel[2] = {1, 1};
    bool pad = n->op != SMT_OP_DENSE && plan_padding(w, n, &op, kernel);
    op.inputs[0] = value_of(w, n->input[0], int8);
    if (pad) {
        op.inputs[0] = add_pad(w, n, op.inputs[0], int8);
    }
    op.inputs[1] = weight_tensor(w, n, kernel[0], kernel[1]);
    op.inputs[2] = bias_tensor(w, n);
    op.input_count = bias ? 3 : 2;
    tfl_add_operator(&w->file, &op);
    return SMT_OK;
}

static bool is_all(const smt_param *param, float value)
{
    for (size_t i = 0; i < param->count; i++) {
        if (param->data[i] < value || param->data[i] > value) {
            return false;
        }
    }
    return true;
}

/* A product and a sum, without the one that changes nothing. */
static smt_status write_affine(writer *w, int i, int output, smt_edge_activation activation)
{
    const smt_node *n = &w->graph->nodes[i];
    if (is_int8(w, i)) {
        return refuse(w, n, "scaling inside an int8 network");
    }
    tfl_tensor t = {.type = SMT_EDGE_F32, .rank = 1, .shape = {n->shape.c}};
    const smt_param *scale = &w->graph->params[n->param[SMT_SCALE]];
    const smt_param *offset = &w->graph->params[n->param[SMT_OFFSET]];
    bool adds = !is_all(offset, 0);
    int value = value_of(w, n->input[0], false);
    if (!adds || !is_all(scale, 1)) {
        int product = adds ? value_tensor(w, n, false, ".scaled") : output;
        snprintf(t.name, sizeof t.name, "%s", scale->name);
        int factor = float_constant(w, &t, scale->data, scale->count, false);
        emit(w,
             SMT_EDGE_MUL,
             1,
             value,
             factor,
             -1,
             product,
             adds ? SMT_EDGE_NO_ACTIVATION : activation);
        value = product;
    }
    if (adds) {
        snprintf(t.name, sizeof t.name, "%s", offset->name);
        int term = float_constant(w, &t, offset->data, offset->count, false);
        emit(w, SMT_EDGE_ADD, 1, value, term, -1, output, activation);
    }
    return SMT_OK;
}

static int mean_axes(writer *w)
{
    if (w->axes < 0) {
        tfl_tensor t = {.name = "axes", .type = SMT_EDGE_S32, .rank = 1, .shape = {2}};
        int32_t *values = smt_alloc(2, sizeof *values);
        if (values) {
            values[0] = 1;
            values[1] = 2;
        }
        w->axes = constant(w, &t, values, 2 * sizeof *values);
    }
    return w->axes;
}

static smt_status write_node(writer *w, int i)
{
    const smt_node *n = &w->graph->nodes[i];
    bool int8 = is_int8(w, i);
    smt_activation after;
    smt_edge_activation activation = fused(n->activation, &after);
    smt_status status = SMT_OK;
    if (n->op == SMT_OP_BATCH_NORM || n->op == SMT_OP_DROPOUT || n->op == SMT_OP_QUANTIZE) {
        return refuse(w, n, "belongs to training; fold the graph first");
    }
    if (after == SMT_ACT_HARD_SWISH && int8 && n->op != SMT_OP_ACTIVATION) {
        return refuse(w, n, "in int8 a hard-swish stands in a node of its own");
    }
    int a = n->op == SMT_OP_INPUT || smt_op_is_layer(n->op) ? -1 : value_of(w, n->input[0], int8);
    int b = n->input[1] >= 0 ? value_of(w, n->input[1], int8) : -1;
    /* With an activation that cannot be fused, the operator's result is an intermediate. */
    bool split = after != SMT_ACT_NONE && n->op != SMT_OP_ACTIVATION;
    int result = value_tensor(w, n, int8, "");
    int output =
        split ? value_tensor(w, n, int8, after == SMT_ACT_HARD_SWISH ? ".swish" : ".gate") : result;
    switch (n->op) {
    case SMT_OP_CONV:
    case SMT_OP_DEPTHWISE:
    case SMT_OP_DENSE:
        status = write_layer(w, i, result, activation);
        break;
    case SMT_OP_AFFINE:
        status = write_affine(w, i, result, activation);
        break;
    case SMT_OP_ACTIVATION:
        if (n->activation == SMT_ACT_RELU || n->activation == SMT_ACT_RELU6) {
            emit(w,
                 n->activation == SMT_ACT_RELU ? SMT_EDGE_RELU : SMT_EDGE_RELU6,
                 int8 ? 2 : 1,
                 a,
                 -1,
                 -1,
                 result,
                 SMT_EDGE_NO_ACTIVATION);
        } else if (n->activation == SMT_ACT_NONE) {
            status = refuse(w, n, "an activation node without activation");
        } else {
            status = activate(w, n, a, n->activation, int8, result);
        }
        break;
    case SMT_OP_ADD:
        emit(w, SMT_EDGE_ADD, int8 ? 2 : 1, a, b, -1, result, activation);
        break;
    case SMT_OP_MULTIPLY:
        emit(w, SMT_EDGE_MUL, int8 ? 2 : 1, a, b, -1, result, activation);
        break;
    case SMT_OP_GLOBAL_POOL:
        emit(w, SMT_EDGE_MEAN, int8 ? 2 : 1, a, mean_axes(w), -1, result, SMT_EDGE_NO_ACTIVATION);
        break;
    case SMT_OP_SOFTMAX:
        emit(w, SMT_EDGE_SOFTMAX, int8 ? 2 : 1, a, -1, -1, result, SMT_EDGE_NO_ACTIVATION);
        break;
    default:
        status = refuse(w, n, "has no TensorFlow Lite operator");
        break;
    }
    if (!status && split) {
        status = activate(w, n, result, after, int8, output);
    }
    w->tensor[i][int8] = output;
    return status;
}

/* The network's input. raw_input: pixels 0..255 as float with the scaling after it, or as uint8 for
 * an int8 network. */
static smt_status write_input(writer *w, const smt_model *model, bool raw, bool float_io)
{
    const smt_node *n = &w->graph->nodes[0];
    bool int8 = is_int8(w, 0);
    if (raw && int8 && !float_io) {
        tfl_tensor t = {
            .name = "pixels",
            .type = SMT_EDGE_U8,
            .rank = 4,
            .shape = {1, n->shape.h, n->shape.w, n->shape.c},
            .scale_count = 1,
            .scale = n->quant.scale,
            .zero_point = n->quant.zero_point + 128,
        };
        w->file.input = tfl_add_tensor(&w->file, &t);
        w->tensor[0][1] = value_tensor(w, n, true, "");
        emit(w,
             SMT_EDGE_QUANTIZE,
             1,
             w->file.input,
             -1,
             -1,
             w->tensor[0][1],
             SMT_EDGE_NO_ACTIVATION);
        double low = (double)n->quant.scale * (-128 - n->quant.zero_point) *
                         (double)model->preprocess.scale +
                     (double)model->preprocess.mean;
        double step = (double)n->quant.scale * (double)model->preprocess.scale;
        return fabs(low) < 0.01 && fabs(step - 1) < 1e-4
                   ? SMT_OK
                   : refuse(w,
                            n,
                            "raw uint8 pixels need an input scale of one grey level and (p - 128) "
                            "/ 128");
    }
    const smt_preprocess *scaling = smt_raw_scaling(model, raw);
    if (!scaling) {
        bool stored_int8 = int8 && !float_io;
        w->tensor[0][stored_int8] = value_tensor(w, n, stored_int8, "");
        w->file.input = w->tensor[0][stored_int8];
        return SMT_OK;
    }
    int pixels = value_tensor(w, n, false, ".pixels");
    int product = value_tensor(w, n, false, ".product");
    int scale = scalar(w, n, ".scale", 1.0f / scaling->scale);
    int offset = scalar(w, n, ".offset", -scaling->mean / scaling->scale);
    w->tensor[0][0] = value_tensor(w, n, false, "");
    emit(w, SMT_EDGE_MUL, 1, pixels, scale, -1, product, SMT_EDGE_NO_ACTIVATION);
    emit(w, SMT_EDGE_ADD, 1, product, offset, -1, w->tensor[0][0], SMT_EDGE_NO_ACTIVATION);
    w->file.input = pixels;
    return SMT_OK;
}

static void write_metadata(writer *w, const smt_model *model, bool raw)
{
    char *text = smt_metadata_text(model, raw);
    if (!text) {
        w->file.failed = true;
        return;
    }
    tfl_add_metadata(&w->file, SMT_TFLITE_METADATA, text, strlen(text));
    smt_free(text);
    char *labels = smt_classes_to_lines(model);
    if (!labels) {
        w->file.failed = true;
        return;
    }
    if (*labels) {
        tfl_add_metadata(&w->file, "labels.txt", labels, strlen(labels));
    }
    smt_free(labels);
}

smt_status smt_tflite_build(const smt_graph *graph,
                            const smt_model *model,
                            const smt_write_options *options,
                            bool float_io,
                            void **data,
                            size_t *size,
                            smt_error *error)
{
    writer w = {.graph = graph, .axes = -1, .half = options->half, .error = error};
    char description[128];
    smt_status status = SMT_OK;
    int last = graph->node_count - 1;
    w.tensor = smt_alloc((size_t)graph->node_count, sizeof *w.tensor);
    if (!w.tensor) {
        return smt_fail(error, SMT_ERR_MEMORY, "TensorFlow Lite file: out of memory");
    }
    for (int i = 0; i < graph->node_count; i++) {
        w.tensor[i][0] = w.tensor[i][1] = -1;
    }
    status = write_input(&w, model, options->raw_input, float_io);
    for (int i = 1; !status && i < graph->node_count; i++) {
        status = write_node(&w, i);
    }
    if (status) {
        goto done;
    }
    w.file.output = value_of(&w, last, is_int8(&w, last) && !float_io);
    /* Scale and zero point of uint8 pixels are of what preprocessing makes of them. */
    write_metadata(&w, model, options->raw_input && (float_io || !is_int8(&w, 0)));
    snprintf(description, sizeof description, "semtinel %s", smt_version());
    w.file.description = description;
    status = tfl_serialise(&w.file, data, size, error);
done:
    tfl_free(&w.file);
    smt_free(w.tensor);
    return status;
}
