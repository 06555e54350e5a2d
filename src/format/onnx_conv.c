/* ONNX's Conv: a plain or a depthwise convolution. */
#include "format/onnx_internal.h"

#include <string.h>

/* Whether weights and bias go with the input; *depthwise: which of the two convolutions it is. */
static smt_status check_weights(onnx_reader *r,
                                const Onnx__NodeProto *node,
                                int channels,
                                const onnx_constant *weight,
                                const onnx_constant *bias,
                                bool *depthwise)
{
    int64_t out = weight->dim[0], per_group = weight->dim[1];
    int64_t group = onnx_int(node, "group", 1);
    *depthwise = group == channels && per_group == 1 && out == channels && group > 1;
    if (!*depthwise && (group != 1 || per_group != channels)) {
        return onnx_node_fail(
            r,
            SMT_ERR_UNSUPPORTED,
            "has %lld groups and weights %lld x %lld x ... on %d channels; plain and depthwise "
            "convolutions are read",
            (long long)group,
            (long long)out,
            (long long)per_group,
            channels);
    }
    if (bias && bias->count != (size_t)out) {
        return onnx_node_fail(
            r, SMT_ERR_FORMAT, "has %zu biases for %lld filters", bias->count, (long long)out);
    }
    return SMT_OK;
}

/* The zeros that SAME puts before and after one axis. */
static void same_padding(int input, int kernel, int stride, int *before, int *after)
{
    int total = ((input + stride - 1) / stride - 1) * stride + kernel - input;
    total = total > 0 ? total : 0;
    *before = total / 2;
    *after = total - total / 2;
}

/* Fills the window of `spec` from weights and attributes; pad: zeros that a Pad before it added,
 * top, left, bottom, right. */
static smt_status read_window(onnx_reader *r,
                              const Onnx__NodeProto *node,
                              smt_shape shape,
                              const onnx_constant *weight,
                              const int pad[4],
                              smt_conv_spec *spec)
{
    int64_t out = weight->dim[0], kh = weight->dim[2], kw = weight->dim[3], stride[2] = {1, 1};
    const Onnx__AttributeProto *a = onnx_attribute(node, "strides");
    if (a && a->n_ints != 2) {
        return onnx_node_fail(r, SMT_ERR_FORMAT, "has %zu strides for two axes", a->n_ints);
    }
    for (size_t i = 0; a && i < 2; i++) {
        stride[i] = a->ints[i];
    }
    a = onnx_attribute(node, "dilations");
    for (size_t i = 0; a && i < a->n_ints; i++) {
        if (a->ints[i] != 1) {
            return onnx_node_fail(
                r, SMT_ERR_UNSUPPORTED, "has dilation %lld", (long long)a->ints[i]);
        }
    }
    if (stride[0] != stride[1] || stride[0] < 1 || stride[0] > SMT_STRIDE_MAX || kh < 1 || kw < 1 ||
        kh > SMT_KERNEL_MAX || kw > SMT_KERNEL_MAX || out < 1) {
        return onnx_node_fail(r,
                              SMT_ERR_UNSUPPORTED,
                              "has strides %lld, %lld and a kernel of %lld x %lld",
                              (long long)stride[0],
                              (long long)stride[1],
                              (long long)kh,
                              (long long)kw);
    }
    *spec = (smt_conv_spec){.filters = (int)out,
                            .kernel_h = (int)kh,
                            .kernel_w = (int)kw,
                            .stride = (int)stride[0],
                            .padding = SMT_PAD_EXPLICIT,
                            .pad = {pad[0], pad[1], pad[2], pad[3]},
                            .bias = true};
    a = onnx_attribute(node, "pads");
    if (a && a->n_ints != 4) {
        return onnx_node_fail(r, SMT_ERR_FORMAT, "has %zu pads for four sides", a->n_ints);
    }
    for (int i = 0; a && i < 4; i++) {
        if (a->ints[i] < 0 || a->ints[i] > SMT_KERNEL_MAX) {
            return onnx_node_fail(
                r, SMT_ERR_UNSUPPORTED, "has padding %lld", (long long)a->ints[i]);
        }
        spec->pad[i] += (int)a->ints[i];
    }
    a = onnx_attribute(node, "auto_pad");
    bool automatic = a && a->has_s && a->s.len == 10;
    if (automatic && memcmp(a->s.data, "SAME_LOWER", 10) == 0) {
        return onnx_node_fail(r, SMT_ERR_UNSUPPORTED, "has auto_pad SAME_LOWER");
    }
    int same[4];
    same_padding(shape.h, spec->kernel_h, spec->stride, &same[0], &same[2]);
    same_padding(shape.w, spec->kernel_w, spec->stride, &same[1], &same[3]);
    if ((automatic && memcmp(a->s.data, "SAME_UPPER", 10) == 0) ||
        memcmp(spec->pad, same, sizeof same) == 0) {
        spec->padding = SMT_PAD_SAME;
    }
    return SMT_OK;
}

/* OIHW to OHWI; for depthwise O is the channel and I is 1, and the result is HWC. */
static void copy_weights(const onnx_constant *weight, bool depthwise, float *to)
{
    int64_t out = weight->dim[0], in = weight->dim[1], window = weight->dim[2] * weight->dim[3];
    for (int64_t o = 0; o < out; o++) {
        for (int64_t i = 0; i < in; i++) {
            for (int64_t k = 0; k < window; k++) {
                int64_t at = depthwise ? k * out + o : (o * window + k) * in + i;
                to[at] = weight->data[(o * in + i) * window + k];
            }
        }
    }
}

smt_status onnx_conv(onnx_reader *r, const Onnx__NodeProto *node)
{
    onnx_value *in = onnx_input(r, node, 0);
    const onnx_constant *weight = onnx_constant_of(r, onnx_input(r, node, 1));
    const onnx_constant *bias = onnx_constant_of(r, onnx_input(r, node, 2));
    int from = 0, pad[4] = {0};
    smt_status status = SMT_OK;
    if (in && in->form == FORM_PADDED) {
        memcpy(pad, in->pad, sizeof pad);
        from = in->index;
    } else if ((status = onnx_plain(r, in, &from))) {
        return status;
    }
    if (!weight || weight->rank != 4 || (onnx_input(r, node, 2) && !bias)) {
        return onnx_node_fail(
            r, SMT_ERR_UNSUPPORTED, "needs constant 4-dimensional weights and a constant bias");
    }
    if (in->layout != LAYOUT_NCHW) {
        return onnx_node_fail(
            r, SMT_ERR_FORMAT, "reads '%s', which is not N x C x H x W", in->name);
    }
    smt_shape shape = r->graph->nodes[from].shape;
    bool depthwise;
    smt_conv_spec spec;
    if ((status = check_weights(r, node, shape.c, weight, bias, &depthwise)) ||
        (status = read_window(r, node, shape, weight, pad, &spec))) {
        return status;
    }
    char name[SMT_NAME_MAX];
    onnx_make_name(r, depthwise ? "depthwise" : "conv", name);
    int index = depthwise ? smt_graph_depthwise(r->graph, name, from, &spec, r->error)
                          : smt_graph_conv(r->graph, name, from, &spec, r->error);
    if (index >= 0) {
        const smt_node *made = &r->graph->nodes[index];
        copy_weights(weight, depthwise, r->graph->params[made->param[SMT_WEIGHT]].data);
        if (bias) {
            memcpy(r->graph->params[made->param[SMT_BIAS]].data,
                   bias->data,
                   bias->count * sizeof(float));
        }
    }
    return onnx_bind(r, node, index, FORM_NODE, LAYOUT_NCHW);
}
