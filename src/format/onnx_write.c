/* A graph to ONNX: float32, N x C x H x W, dynamic batch, opset 14 (the first with HardSwish).
 *
 * An annotated graph (quant/) becomes QDQ: int8 weights and int32 biases behind DequantizeLinear,
 * one step an output channel, and a QuantizeLinear - DequantizeLinear pair behind every value that
 * has a quantisation, which runtimes fuse into integer kernels. Input and output stay float.
 *
 * Values that are vectors stay N x C x 1 x 1 up to the first dense layer, where one Flatten makes
 * them N x C.
 */
#include "format/deployed.h"
#include "format/onnx_builder.h"

#include <math.h>
#include <string.h>

/* A constant behind DequantizeLinear: `type` int8 or int32, steps[] along dimension 0. */
static const char *dequantised(onnx_builder *b,
                               const char *prefix,
                               const char *suffix,
                               int type,
                               int rank,
                               const int64_t *dim,
                               const float *values,
                               const float *steps)
{
    size_t channels = (size_t)dim[0], count = channels;
    for (int i = 1; i < rank; i++) {
        count *= (size_t)dim[i];
    }
    bool wide = type == ONNX__TENSOR_PROTO__DATA_TYPE__INT32;
    size_t element = wide ? 4 : 1;
    uint8_t *integers = onnx_take(b, count * element), *zeros = onnx_take(b, channels * element);
    if (!integers || !zeros) {
        return "";
    }
    for (size_t i = 0; i < count; i++) {
        double q = round((double)values[i] / (double)steps[i / (count / channels)]);
        if (wide) {
            int32_t v = (int32_t)fmax(INT32_MIN, fmin(INT32_MAX, q));
            memcpy(integers + 4 * i, &v, 4);
        } else {
            int8_t v = (int8_t)fmax(-127, fmin(127, q));
            memcpy(integers + i, &v, 1);
        }
    }
    const char *name = onnx_text(b, "%s%s", prefix, suffix);
    const char *inputs[3] = {onnx_constant_raw(b, name, ".q", type, element, rank, dim, integers),
                             onnx_floats(b, name, ".scale", 1, dim, steps),
                             onnx_constant_raw(b, name, ".zero", type, element, 1, dim, zeros)};
    Onnx__NodeProto *node = onnx_node(b, "DequantizeLinear", name, inputs, 3);
    onnx_attribute_int(b, node, "axis", 0);
    return onnx_output(node);
}

/* A weight in `dim`'s order: plain, or behind DequantizeLinear where it lies on a grid. */
static const char *weight_constant(onnx_builder *b,
                                   const smt_param *param,
                                   const char *node,
                                   int rank,
                                   const int64_t *dim,
                                   const float *values)
{
    int type = ONNX__TENSOR_PROTO__DATA_TYPE__INT8;
    return param->scale ? dequantised(b, node, ".weight", type, rank, dim, values, param->scale)
                        : onnx_floats(b, node, ".weight", rank, dim, values);
}

static const char *bias_constant(onnx_builder *b, const smt_graph *graph, const smt_node *node)
{
    const int64_t dim[1] = {node->shape.c};
    if (node->param[SMT_BIAS] < 0) {
        return NULL;
    }
    const smt_param *param = &graph->params[node->param[SMT_BIAS]];
    int type = ONNX__TENSOR_PROTO__DATA_TYPE__INT32;
    return param->scale
               ? dequantised(b, node->name, ".bias", type, 1, dim, param->data, param->scale)
               : onnx_floats(b, node->name, ".bias", 1, dim, param->data);
}

/* The value rounded to its grid and back. */
static const char *write_quantised(onnx_builder *b, const smt_node *node, const char *in)
{
    if (!(node->quant.scale > 0) || node->op == SMT_OP_SOFTMAX) {
        return in;
    }
    const int8_t zero = (int8_t)node->quant.zero_point;
    int type = ONNX__TENSOR_PROTO__DATA_TYPE__INT8;
    const char *inputs[3] = {in,
                             onnx_floats(b, node->name, ".scale", 0, NULL, &node->quant.scale),
                             onnx_constant_raw(b, node->name, ".zero", type, 1, 0, NULL, &zero)};
    const char *name = onnx_text(b, "%s.quantise", node->name);
    inputs[0] = onnx_output(onnx_node(b, "QuantizeLinear", name, inputs, 3));
    name = onnx_text(b, "%s.dequantise", node->name);
    return onnx_output(onnx_node(b, "DequantizeLinear", name, inputs, 3));
}

/* Weights of convolutions from OHWI (or HWC) to OIHW. */
static const char *conv_weight(onnx_builder *b, const smt_graph *graph, const smt_node *node)
{
    bool depthwise = node->op == SMT_OP_DEPTHWISE;
    int in = graph->nodes[node->input[0]].shape.c, out = node->shape.c;
    int kernel = node->kernel_h * node->kernel_w, per_group = depthwise ? 1 : in;
    const smt_param *param = &graph->params[node->param[SMT_WEIGHT]];
    float *values = onnx_take(b, param->count * sizeof *values), *to = values;
    if (!to) {
        return NULL;
    }
    for (int o = 0; o < out; o++) {
        for (int i = 0; i < per_group; i++) {
            for (int k = 0; k < kernel; k++) {
                size_t at = depthwise
                                ? (size_t)k * (size_t)out + (size_t)o
                                : ((size_t)o * (size_t)kernel + (size_t)k) * (size_t)in + (size_t)i;
                *to++ = param->data[at];
            }
        }
    }
    const int64_t dim[4] = {out, per_group, node->kernel_h, node->kernel_w};
    return weight_constant(b, param, node->name, 4, dim, values);
}

static const char *
write_conv(onnx_builder *b, const smt_graph *graph, const smt_node *node, const char *in)
{
    int64_t groups = node->op == SMT_OP_DEPTHWISE ? node->shape.c : 1;
    const char *inputs[3] = {in, conv_weight(b, graph, node), bias_constant(b, graph, node)};
    Onnx__NodeProto *conv = onnx_node(b, "Conv", node->name, inputs, inputs[2] ? 3 : 2);
    const int64_t strides[2] = {node->stride, node->stride};
    const int64_t kernel[2] = {node->kernel_h, node->kernel_w};
    const int64_t pads[4] = {node->pad_top, node->pad_left, node->pad_bottom, node->pad_right};
    const int64_t dilations[2] = {1, 1};
    onnx_attribute_ints(b, conv, "kernel_shape", kernel, 2);
    onnx_attribute_ints(b, conv, "strides", strides, 2);
    onnx_attribute_ints(b, conv, "pads", pads, 4);
    onnx_attribute_ints(b, conv, "dilations", dilations, 2);
    onnx_attribute_int(b, conv, "group", groups);
    return onnx_output(conv);
}

static const char *
write_dense(onnx_builder *b, const smt_graph *graph, const smt_node *node, const char *in)
{
    const int64_t dim[2] = {node->shape.c, graph->nodes[node->input[0]].shape.c};
    const smt_param *param = &graph->params[node->param[SMT_WEIGHT]];
    const char *inputs[3] = {in,
                             weight_constant(b, param, node->name, 2, dim, param->data),
                             bias_constant(b, graph, node)};
    Onnx__NodeProto *gemm = onnx_node(b, "Gemm", node->name, inputs, inputs[2] ? 3 : 2);
    onnx_attribute_float(b, gemm, "alpha", 1);
    onnx_attribute_float(b, gemm, "beta", 1);
    onnx_attribute_int(b, gemm, "transB", 1);
    return onnx_output(gemm);
}

static const char *write_affine(onnx_builder *b,
                                const char *name,
                                const char *in,
                                const float *scale,
                                const float *offset,
                                int count,
                                bool flat)
{
    const int64_t dim[4] = {1, count, 1, 1};
    const char *multiply[2] = {in, onnx_floats(b, name, ".scale", flat ? 2 : 4, dim, scale)};
    const char *scaled =
        onnx_output(onnx_node(b, "Mul", onnx_text(b, "%s.mul", name), multiply, 2));
    const char *add[2] = {scaled, onnx_floats(b, name, ".offset", flat ? 2 : 4, dim, offset)};
    return onnx_output(onnx_node(b, "Add", name, add, 2));
}

static const char *write_activation(onnx_builder *b, const smt_node *node, const char *in)
{
    const char *name = onnx_text(b, "%s.act", node->name);
    switch (node->activation) {
    case SMT_ACT_RELU:
        return onnx_output(onnx_node(b, "Relu", name, &in, 1));
    case SMT_ACT_RELU6: {
        const float limits[2] = {0, 6};
        const char *inputs[3] = {in,
                                 onnx_floats(b, name, ".min", 0, NULL, &limits[0]),
                                 onnx_floats(b, name, ".max", 0, NULL, &limits[1])};
        return onnx_output(onnx_node(b, "Clip", name, inputs, 3));
    }
    case SMT_ACT_HARD_SWISH:
        return onnx_output(onnx_node(b, "HardSwish", name, &in, 1));
    case SMT_ACT_HARD_SIGMOID: {
        Onnx__NodeProto *made = onnx_node(b, "HardSigmoid", name, &in, 1);
        onnx_attribute_float(b, made, "alpha", 1.0f / 6);
        onnx_attribute_float(b, made, "beta", 0.5f);
        return onnx_output(made);
    }
    case SMT_ACT_NONE:
        break;
    }
    return in;
}

/* Appends the ONNX nodes of graph node i; names[] and flat[] hold the ONNX name of each value and
 * whether it is N x C. */
static smt_status
write_node(onnx_builder *b, const smt_graph *graph, int i, const char **names, bool *flat)
{
    const smt_node *node = &graph->nodes[i];
    const char *in = node->input[0] >= 0 ? names[node->input[0]] : NULL;
    flat[i] = node->input[0] >= 0 && flat[node->input[0]];
    bool needs_flat = node->op == SMT_OP_DENSE || node->op == SMT_OP_SOFTMAX;
    if (needs_flat && !flat[i]) {
        Onnx__NodeProto *flatten =
            onnx_node(b, "Flatten", onnx_text(b, "%s.flatten", node->name), &in, 1);
        onnx_attribute_int(b, flatten, "axis", 1);
        in = onnx_output(flatten);
        flat[i] = true;
    }
    const char *out = in;
    switch (node->op) {
    case SMT_OP_INPUT:
        out = "input";
        break;
    case SMT_OP_AFFINE:
        out = write_affine(b,
                           node->name,
                           in,
                           graph->params[node->param[SMT_SCALE]].data,
                           graph->params[node->param[SMT_OFFSET]].data,
                           node->shape.c,
                           flat[i]);
        break;
    case SMT_OP_CONV:
    case SMT_OP_DEPTHWISE:
        out = write_conv(b, graph, node, in);
        break;
    case SMT_OP_DENSE:
        out = write_dense(b, graph, node, in);
        break;
    case SMT_OP_ADD:
    case SMT_OP_MULTIPLY: {
        const char *inputs[2] = {in, names[node->input[1]]};
        out = onnx_output(
            onnx_node(b, node->op == SMT_OP_ADD ? "Add" : "Mul", node->name, inputs, 2));
        break;
    }
    case SMT_OP_GLOBAL_POOL:
        out = onnx_output(onnx_node(b, "GlobalAveragePool", node->name, &in, 1));
        break;
    case SMT_OP_SOFTMAX: {
        Onnx__NodeProto *softmax = onnx_node(b, "Softmax", node->name, &in, 1);
        onnx_attribute_int(b, softmax, "axis", 1);
        out = onnx_output(softmax);
        break;
    }
    case SMT_OP_ACTIVATION:
    case SMT_OP_DROPOUT:
        break;
    case SMT_OP_BATCH_NORM:
    case SMT_OP_QUANTIZE:
    case SMT_OP_COUNT:
        return onnx_builder_fail(b,
                                 SMT_ERR_ARGUMENT,
                                 "node '%s': %s cannot be written",
                                 node->name,
                                 smt_op_name(node->op));
    }
    names[i] = write_quantised(b, node, write_activation(b, node, out));
    return SMT_OK;
}

/* Pixels 0..255 to what the network takes. */
static const char *
write_raw_input(onnx_builder *b, const smt_graph *graph, const smt_preprocess *raw)
{
    int channels = graph->nodes[0].shape.c;
    const char *name = smt_raw_input_name(graph);
    float *scale = onnx_take(b, 2 * (size_t)channels * sizeof *scale);
    for (int c = 0; scale && c < channels; c++) {
        scale[c] = 1 / raw->scale;
        scale[channels + c] = -raw->mean / raw->scale;
    }
    return scale ? write_affine(b, name, "input", scale, scale + channels, channels, false) : "";
}

/* Appends all nodes of a folded graph; `raw`: preprocessing to do inside, or NULL. */
static smt_status write_graph(onnx_builder *b, const smt_graph *graph, const smt_preprocess *raw)
{
    size_t count = (size_t)graph->node_count;
    const char **names = onnx_take(b, count * sizeof *names);
    bool *flat = onnx_take(b, count * sizeof *flat);
    if (!names || !flat) {
        return onnx_builder_status(b);
    }
    onnx_graph_input(b, "input", graph->nodes[0].shape);
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        if (node->op == SMT_OP_INPUT && raw) {
            names[i] = write_quantised(b, node, write_raw_input(b, graph, raw));
            continue;
        }
        smt_status status = write_node(b, graph, i, names, flat);
        if (status) {
            return status;
        }
    }
    onnx_graph_output(b, names[count - 1], "probabilities", graph->nodes[count - 1].shape.c);
    return onnx_builder_status(b);
}

smt_status smt_onnx_write_annotated(const smt_graph *graph,
                                    const smt_model *model,
                                    const char *path,
                                    const smt_write_options *options,
                                    smt_error *error)
{
    bool raw_input = options && options->raw_input;
    onnx_builder *b = NULL;
    smt_status status = onnx_builder_create(path, &b, error);
    status = status ? status : write_graph(b, graph, smt_raw_scaling(model, raw_input));
    status = status ? status : onnx_metadata(b, model, raw_input);
    status = status ? status : onnx_save(b, path);
    onnx_builder_destroy(&b);
    return status;
}

smt_status smt_onnx_write(const smt_model *model,
                          const char *path,
                          const smt_write_options *options,
                          smt_error *error)
{
    smt_graph *graph = NULL;
    smt_status status = smt_deployed_graph(model, &graph, error);
    status = status ? status : smt_onnx_write_annotated(graph, model, path, options, error);
    smt_graph_destroy(&graph);
    return status;
}
