/* One ONNX node to semtinel's graph.
 *
 * Exporters write the same network in many ways: batch norm as one node, or as Mul and Add;
 * hard-swish as one node, or as Add 3, Clip, Mul, Mul; the classifier as Gemm or as MatMul and Add.
 * Constants that scale or shift a convolution (onnx_conv.c) are folded into it; composed
 * activations are followed step by step through value_form and become one activation on the node
 * before them.
 */
#include "format/onnx_internal.h"

#include <math.h>
#include <string.h>

/* y = x * scale[c] + offset[c], folded into the node before where nothing else reads that. NULL: 1
 * or 0. A count of 1 stands for all channels. */
static smt_status affine(onnx_reader *r,
                         const Onnx__NodeProto *node,
                         onnx_value *in,
                         const float *scale,
                         size_t scale_count,
                         const float *offset,
                         size_t offset_count)
{
    int from = 0;
    smt_status status = onnx_plain(r, in, &from);
    if (status) {
        return status;
    }
    const smt_node *before = &r->graph->nodes[from];
    size_t channels = (size_t)before->shape.c;
    if ((scale && scale_count != 1 && scale_count != channels) ||
        (offset && offset_count != 1 && offset_count != channels)) {
        return onnx_node_fail(r,
                              SMT_ERR_UNSUPPORTED,
                              "combines %zu channels with a constant of %zu values",
                              channels,
                              scale ? scale_count : offset_count);
    }
    bool foldable =
        smt_op_is_layer(before->op) && before->activation == SMT_ACT_NONE && in->uses == 1;
    if (!foldable && before->op != SMT_OP_AFFINE) {
        char name[SMT_NAME_MAX];
        onnx_make_name(r, "affine", name);
        from = smt_graph_affine(r->graph, name, from, r->error);
        if (from < 0) {
            return onnx_bind(r, node, from, FORM_NODE, in->layout);
        }
        before = &r->graph->nodes[from];
        for (size_t c = 0; c < channels; c++) {
            r->graph->params[before->param[SMT_SCALE]].data[c] = 1;
        }
    }
    float *weight =
        r->graph->params[before->param[SMT_WEIGHT]].data; /* SMT_SCALE of an affine node */
    float *bias = r->graph->params[before->param[SMT_BIAS]].data;
    size_t per_channel = r->graph->params[before->param[SMT_WEIGHT]].count / channels;
    bool channel_last = before->op == SMT_OP_DEPTHWISE;
    for (size_t c = 0; c < channels; c++) {
        float s = scale ? scale[scale_count == 1 ? 0 : c] : 1;
        float o = offset ? offset[offset_count == 1 ? 0 : c] : 0;
        for (size_t i = 0; i < per_channel; i++) {
            weight[channel_last ? i * channels + c : c * per_channel + i] *= s;
        }
        bias[c] = bias[c] * s + o;
    }
    return onnx_bind(r, node, from, FORM_NODE, in->layout);
}

static smt_status batch_norm(onnx_reader *r, const Onnx__NodeProto *node)
{
    const onnx_constant *part[4];
    onnx_value *in = onnx_input(r, node, 0);
    int from = 0;
    smt_status status = onnx_plain(r, in, &from);
    if (status) {
        return status;
    }
    size_t channels = (size_t)r->graph->nodes[from].shape.c;
    for (size_t i = 0; i < 4; i++) {
        part[i] = onnx_constant_of(r, onnx_input(r, node, i + 1));
        if (!part[i] || part[i]->count != channels) {
            return onnx_node_fail(
                r, SMT_ERR_FORMAT, "needs four constants of %zu values", channels);
        }
    }
    float epsilon = onnx_float(node, "epsilon", 1e-5f);
    float *scale = smt_alloc(2 * channels, sizeof *scale);
    if (!scale) {
        return onnx_node_fail(r, SMT_ERR_MEMORY, "out of memory");
    }
    float *offset = scale + channels;
    for (size_t c = 0; c < channels; c++) {
        float variance = part[3]->data[c] + epsilon;
        if (!(variance > 0)) {
            smt_free(scale);
            return onnx_node_fail(
                r, SMT_ERR_FORMAT, "has variance %g in channel %zu", (double)part[3]->data[c], c);
        }
        scale[c] = part[0]->data[c] / sqrtf(variance);
        offset[c] = part[1]->data[c] - part[2]->data[c] * scale[c];
    }
    status = affine(r, node, in, scale, channels, offset, channels);
    smt_free(scale);
    return status;
}

/* The constant's channels must lie along the value's channel axis. */
static bool along_channels(const onnx_value *value, const onnx_constant *c)
{
    if (c->count == 1) {
        return true;
    }
    int axis = value->layout == LAYOUT_NCHW ? c->rank - 3 : c->rank - 1;
    return axis >= 0 && (size_t)c->dim[axis] == c->count;
}

static smt_status add(onnx_reader *r, const Onnx__NodeProto *node)
{
    bool subtract = strcmp(node->op_type, "Sub") == 0;
    onnx_value *a = onnx_input(r, node, 0), *b = onnx_input(r, node, 1);
    const onnx_constant *c = onnx_constant_of(r, b);
    if (!c && onnx_constant_of(r, a) && !subtract) {
        c = onnx_constant_of(r, a);
        a = b;
    }
    if (c && a && a->form == FORM_NODE) {
        if (onnx_is_scalar(c, 3) && !subtract) {
            return onnx_advance(r, node, a, FORM_PLUS3);
        }
        if (!along_channels(a, c)) {
            return onnx_node_fail(
                r, SMT_ERR_UNSUPPORTED, "adds a constant that is not one value a channel");
        }
        float *negative = NULL;
        if (subtract) {
            negative = smt_alloc(c->count, sizeof *negative);
            if (!negative) {
                return onnx_node_fail(r, SMT_ERR_MEMORY, "out of memory");
            }
            for (size_t i = 0; i < c->count; i++) {
                negative[i] = -c->data[i];
            }
        }
        smt_status status = affine(r, node, a, NULL, 0, negative ? negative : c->data, c->count);
        smt_free(negative);
        return status;
    }
    int left = 0, right = 0;
    smt_status status =
        subtract ? onnx_node_fail(r, SMT_ERR_UNSUPPORTED, "subtracts two computed values") : SMT_OK;
    status = status ? status : onnx_plain(r, a, &left);
    status = status ? status : onnx_plain(r, b, &right);
    if (status) {
        return status;
    }
    char name[SMT_NAME_MAX];
    onnx_make_name(r, "add", name);
    return onnx_bind(r,
                     node,
                     smt_graph_add(r->graph, name, left, right, SMT_ACT_NONE, r->error),
                     FORM_NODE,
                     a->layout);
}

/* x * c, or x / c as x * (1 / c). */
static smt_status scale_by(
    onnx_reader *r, const Onnx__NodeProto *node, onnx_value *a, const onnx_constant *c, bool divide)
{
    bool sixth = onnx_is_scalar(c, divide ? 6.0f : 1.0f / 6);
    if (sixth && a->form == FORM_CLIP) {
        return onnx_advance(r, node, a, FORM_GATE);
    }
    if (sixth && a->form == FORM_PRODUCT) {
        onnx_value base = {.index = a->index, .uses = a->base_uses};
        return onnx_bind(
            r, node, onnx_activate(r, &base, 2, SMT_ACT_HARD_SWISH), FORM_NODE, a->layout);
    }
    if (!along_channels(a, c)) {
        return onnx_node_fail(
            r, SMT_ERR_UNSUPPORTED, "scales by a constant that is not one value a channel");
    }
    float *factor = smt_alloc(c->count, sizeof *factor);
    if (!factor) {
        return onnx_node_fail(r, SMT_ERR_MEMORY, "out of memory");
    }
    smt_status status = SMT_OK;
    for (size_t i = 0; i < c->count; i++) {
        if (divide && c->data[i] == 0) {
            status = onnx_node_fail(r, SMT_ERR_FORMAT, "divides by zero");
        }
        factor[i] = divide && c->data[i] != 0 ? 1 / c->data[i] : c->data[i];
    }
    status = status ? status : affine(r, node, a, factor, c->count, NULL, 0);
    smt_free(factor);
    return status;
}

static smt_status multiply(onnx_reader *r, const Onnx__NodeProto *node)
{
    onnx_value *a = onnx_input(r, node, 0), *b = onnx_input(r, node, 1);
    if (!a || !b) {
        return onnx_node_fail(r, SMT_ERR_FORMAT, "needs two inputs");
    }
    if (onnx_constant_of(r, a)) {
        onnx_value *t = a;
        a = b;
        b = t;
    }
    if (onnx_constant_of(r, b) && !onnx_constant_of(r, a)) {
        return scale_by(r, node, a, onnx_constant_of(r, b), false);
    }
    /* v * relu6(v + 3) [/ 6], in either order: readers of v are the Add and this node. */
    for (int order = 0; order < 2; order++) {
        onnx_value *v = order ? b : a, *g = order ? a : b;
        if (v->form == FORM_NODE && (g->form == FORM_GATE || g->form == FORM_CLIP) &&
            g->index == v->index) {
            onnx_value base = {.index = v->index, .uses = v->uses};
            if (g->form == FORM_CLIP) {
                return onnx_advance(r, node, v, FORM_PRODUCT);
            }
            return onnx_bind(
                r, node, onnx_activate(r, &base, 2, SMT_ACT_HARD_SWISH), FORM_NODE, v->layout);
        }
    }
    int left = 0, right = 0;
    smt_status status = onnx_plain(r, a, &left);
    status = status ? status : onnx_plain(r, b, &right);
    if (status) {
        return status;
    }
    if (smt_graph_is_gate(r->graph, left, right)) {
        int t = left;
        left = right;
        right = t;
    }
    char name[SMT_NAME_MAX];
    onnx_make_name(r, "multiply", name);
    return onnx_bind(
        r, node, smt_graph_multiply(r->graph, name, left, right, r->error), FORM_NODE, LAYOUT_NCHW);
}

static smt_status divide(onnx_reader *r, const Onnx__NodeProto *node)
{
    onnx_value *a = onnx_input(r, node, 0);
    const onnx_constant *c = onnx_constant_of(r, onnx_input(r, node, 1));
    if (!a || !c) {
        return onnx_node_fail(r, SMT_ERR_UNSUPPORTED, "divides by something that is not constant");
    }
    return scale_by(r, node, a, c, true);
}

static smt_status clip(onnx_reader *r, const Onnx__NodeProto *node)
{
    onnx_value *in = onnx_input(r, node, 0);
    const onnx_constant *low = onnx_constant_of(r, onnx_input(r, node, 1)),
                        *high = onnx_constant_of(r, onnx_input(r, node, 2));
    float from = low && low->count == 1 ? low->data[0] : onnx_float(node, "min", -INFINITY);
    float to = high && high->count == 1 ? high->data[0] : onnx_float(node, "max", INFINITY);
    if (from != 0 || (to != 6 && to != INFINITY)) {
        return onnx_node_fail(
            r, SMT_ERR_UNSUPPORTED, "clips to %g .. %g; 0 .. 6 is read", (double)from, (double)to);
    }
    if (in && in->form == FORM_PLUS3 && to == 6) {
        return onnx_advance(r, node, in, FORM_CLIP);
    }
    int index = 0;
    smt_status status = onnx_plain(r, in, &index);
    if (status) {
        return status;
    }
    return onnx_bind(r,
                     node,
                     onnx_activate(r, in, 1, to == 6 ? SMT_ACT_RELU6 : SMT_ACT_RELU),
                     FORM_NODE,
                     in->layout);
}

static smt_status activation(onnx_reader *r, const Onnx__NodeProto *node, smt_activation kind)
{
    onnx_value *in = onnx_input(r, node, 0);
    int index = 0;
    smt_status status = onnx_plain(r, in, &index);
    return status ? status
                  : onnx_bind(r, node, onnx_activate(r, in, 1, kind), FORM_NODE, in->layout);
}

static smt_status relu(onnx_reader *r, const Onnx__NodeProto *node)
{
    return activation(r, node, SMT_ACT_RELU);
}

static smt_status hard_swish(onnx_reader *r, const Onnx__NodeProto *node)
{
    return activation(r, node, SMT_ACT_HARD_SWISH);
}

static smt_status hard_sigmoid(onnx_reader *r, const Onnx__NodeProto *node)
{
    float alpha = onnx_float(node, "alpha", 0.2f), beta = onnx_float(node, "beta", 0.5f);
    if (fabsf(alpha - 1.0f / 6) > 1e-5f || fabsf(beta - 0.5f) > 1e-6f) {
        return onnx_node_fail(r,
                              SMT_ERR_UNSUPPORTED,
                              "has alpha %g and beta %g; MobileNetV3's are 1/6 and 1/2",
                              (double)alpha,
                              (double)beta);
    }
    return activation(r, node, SMT_ACT_HARD_SIGMOID);
}

static smt_status pool(onnx_reader *r, const Onnx__NodeProto *node)
{
    onnx_value *in = onnx_input(r, node, 0);
    int index = 0;
    smt_status status = onnx_plain(r, in, &index);
    if (status) {
        return status;
    }
    if (in->layout != LAYOUT_NCHW) {
        return onnx_node_fail(
            r, SMT_ERR_UNSUPPORTED, "pools '%s', which is not N x C x H x W", in->name);
    }
    bool keep = true;
    if (strcmp(node->op_type, "ReduceMean") == 0) {
        int64_t axes[2] = {0, 0};
        size_t count = 0;
        const Onnx__AttributeProto *a = onnx_attribute(node, "axes");
        const onnx_constant *c = onnx_constant_of(r, onnx_input(r, node, 1));
        if (a) {
            count = a->n_ints;
            for (size_t i = 0; i < count && i < 2; i++) {
                axes[i] = a->ints[i];
            }
        } else if (c) {
            count = c->count;
            for (size_t i = 0; i < count && i < 2; i++) {
                axes[i] = (int64_t)c->data[i];
            }
        }
        int64_t first = axes[0] < 0 ? axes[0] + 4 : axes[0],
                second = axes[1] < 0 ? axes[1] + 4 : axes[1];
        if (count != 2 || first + second != 5 || (first != 2 && first != 3)) {
            return onnx_node_fail(
                r, SMT_ERR_UNSUPPORTED, "averages over other axes than height and width");
        }
        keep = onnx_int(node, "keepdims", 1) != 0;
    }
    char name[SMT_NAME_MAX];
    onnx_make_name(r, "pool", name);
    int made = smt_graph_global_pool(r->graph, name, index, r->error);
    return onnx_bind(r, node, made, FORM_NODE, keep ? LAYOUT_NCHW : LAYOUT_FLAT);
}

static smt_status dense(onnx_reader *r, const Onnx__NodeProto *node)
{
    bool gemm = strcmp(node->op_type, "Gemm") == 0;
    onnx_value *in = onnx_input(r, node, 0);
    const onnx_constant *weight = onnx_constant_of(r, onnx_input(r, node, 1));
    const onnx_constant *bias = onnx_constant_of(r, onnx_input(r, node, 2));
    int index = 0;
    smt_status status = onnx_plain(r, in, &index);
    if (status) {
        return status;
    }
    smt_shape shape = r->graph->nodes[index].shape;
    bool transposed = gemm && onnx_int(node, "transB", 0) != 0;
    if (!weight || weight->rank != 2 || shape.h != 1 || shape.w != 1 ||
        weight->dim[transposed ? 1 : 0] != shape.c || (gemm && onnx_int(node, "transA", 0)) ||
        onnx_float(node, "alpha", 1) != 1 || (bias && onnx_float(node, "beta", 1) != 1)) {
        return onnx_node_fail(r,
                              SMT_ERR_UNSUPPORTED,
                              "needs constant weights of %d inputs, alpha 1 and beta 1",
                              shape.c);
    }
    int64_t out = weight->dim[transposed ? 0 : 1];
    if (out < 1 || (bias && bias->count != (size_t)out) ||
        (gemm && onnx_input(r, node, 2) && !bias)) {
        return onnx_node_fail(
            r, SMT_ERR_FORMAT, "has a bias that does not fit %lld outputs", (long long)out);
    }
    char name[SMT_NAME_MAX];
    onnx_make_name(r, "dense", name);
    int made = smt_graph_dense(r->graph, name, index, (int)out, true, SMT_ACT_NONE, r->error);
    if (made >= 0) {
        const smt_node *dense_node = &r->graph->nodes[made];
        float *to = r->graph->params[dense_node->param[SMT_WEIGHT]].data;
        for (int64_t o = 0; o < out; o++) {
            for (int64_t i = 0; i < shape.c; i++) {
                to[o * shape.c + i] = weight->data[transposed ? o * shape.c + i : i * out + o];
            }
        }
        if (bias) {
            memcpy(r->graph->params[dense_node->param[SMT_BIAS]].data,
                   bias->data,
                   (size_t)out * sizeof(float));
        }
    }
    return onnx_bind(r, node, made, FORM_NODE, LAYOUT_FLAT);
}

static smt_status pad(onnx_reader *r, const Onnx__NodeProto *node)
{
    onnx_value *in = onnx_input(r, node, 0);
    const onnx_constant *pads = onnx_constant_of(r, onnx_input(r, node, 1)),
                        *fill = onnx_constant_of(r, onnx_input(r, node, 2));
    int index = 0;
    smt_status status = onnx_plain(r, in, &index);
    if (status) {
        return status;
    }
    const Onnx__AttributeProto *mode = onnx_attribute(node, "mode");
    bool constant_mode =
        !mode || (mode->has_s && mode->s.len == 8 && memcmp(mode->s.data, "constant", 8) == 0);
    if (!pads || pads->count != 8 || (fill && !onnx_is_scalar(fill, 0)) || !constant_mode ||
        in->layout != LAYOUT_NCHW) {
        return onnx_node_fail(
            r, SMT_ERR_UNSUPPORTED, "is not a constant zero padding of an N x C x H x W value");
    }
    static const int axis[4] = {2, 3, 6, 7};
    int amount[4];
    for (int i = 0; i < 8; i++) {
        float p = pads->data[i];
        if (p < 0 || p > 64 || (p != 0 && i % 4 < 2)) {
            return onnx_node_fail(
                r, SMT_ERR_UNSUPPORTED, "pads dimension %d by %g", i % 4, (double)p);
        }
    }
    for (int i = 0; i < 4; i++) {
        amount[i] = (int)pads->data[axis[i]];
    }
    status = onnx_bind(r, node, index, FORM_PADDED, in->layout);
    if (status == SMT_OK) {
        memcpy(onnx_value_of(r, node->output[0])->pad, amount, sizeof amount);
    }
    return status;
}

/* Changes of form that move no data: all that MobileNetV3
 * needs after pooling, and the transpose at the input. */
static smt_status reshape(onnx_reader *r, const Onnx__NodeProto *node)
{
    onnx_value *in = onnx_input(r, node, 0);
    int index = 0;
    smt_status status = onnx_plain(r, in, &index);
    if (status) {
        return status;
    }
    smt_shape shape = r->graph->nodes[index].shape;
    if (strcmp(node->op_type, "Transpose") == 0) {
        const Onnx__AttributeProto *perm = onnx_attribute(node, "perm");
        static const int64_t to_nchw[4] = {0, 3, 1, 2}, to_nhwc[4] = {0, 2, 3, 1};
        if (perm && perm->n_ints == 4) {
            if (in->layout == LAYOUT_NHWC && memcmp(perm->ints, to_nchw, sizeof to_nchw) == 0) {
                return onnx_bind(r, node, index, FORM_NODE, LAYOUT_NCHW);
            }
            if (in->layout == LAYOUT_NCHW && memcmp(perm->ints, to_nhwc, sizeof to_nhwc) == 0) {
                return onnx_bind(r, node, index, FORM_NODE, LAYOUT_NHWC);
            }
        }
        return onnx_node_fail(
            r, SMT_ERR_UNSUPPORTED, "permutes other dimensions than NCHW <-> NHWC");
    }
    if (shape.h != 1 || shape.w != 1) {
        return onnx_node_fail(r,
                              SMT_ERR_UNSUPPORTED,
                              "reshapes %d x %d x %d; only vectors may be",
                              shape.h,
                              shape.w,
                              shape.c);
    }
    bool flat = strcmp(node->op_type, "Unsqueeze") != 0;
    const onnx_constant *target = onnx_constant_of(r, onnx_input(r, node, 1));
    if (strcmp(node->op_type, "Reshape") == 0) {
        flat = !target || target->count < 4;
    }
    return onnx_bind(r, node, index, FORM_NODE, flat ? LAYOUT_FLAT : LAYOUT_NCHW);
}

static smt_status pass_on(onnx_reader *r, const Onnx__NodeProto *node)
{
    onnx_value *in = onnx_input(r, node, 0);
    if (!in || in->form == FORM_NONE) {
        int index = 0;
        return onnx_plain(r, in, &index);
    }
    onnx_value *out = onnx_value_of(r, node->output[0]);
    in->uses += out->uses - 1;
    smt_status status = onnx_bind(r, node, in->index, in->form, in->layout);
    memcpy(out->pad, in->pad, sizeof out->pad);
    out->base_uses = in->base_uses;
    return status;
}

static smt_status softmax(onnx_reader *r, const Onnx__NodeProto *node)
{
    onnx_value *in = onnx_input(r, node, 0);
    int index = 0;
    smt_status status = onnx_plain(r, in, &index);
    if (status) {
        return status;
    }
    char name[SMT_NAME_MAX];
    onnx_make_name(r, "softmax", name);
    return onnx_bind(
        r, node, smt_graph_softmax(r->graph, name, index, r->error), FORM_NODE, in->layout);
}

static smt_status constant(onnx_reader *r, const Onnx__NodeProto *node)
{
    const Onnx__AttributeProto *a = onnx_attribute(node, "value");
    if (!a || !a->t) {
        return onnx_node_fail(r, SMT_ERR_UNSUPPORTED, "is a Constant without a tensor");
    }
    smt_status status =
        onnx_tensor_decode(r->path, a->t, &r->constants[r->constant_count], r->error);
    if (status) {
        return status;
    }
    return onnx_bind(r, node, r->constant_count++, FORM_CONST, LAYOUT_FLAT);
}

static const struct {
    const char *op;
    smt_status (*convert)(onnx_reader *r, const Onnx__NodeProto *node);
} converters[] = {
    {"Conv", onnx_conv},
    {"BatchNormalization", batch_norm},
    {"Add", add},
    {"Sub", add},
    {"Mul", multiply},
    {"Div", divide},
    {"Clip", clip},
    {"Relu", relu},
    {"HardSwish", hard_swish},
    {"HardSigmoid", hard_sigmoid},
    {"GlobalAveragePool", pool},
    {"ReduceMean", pool},
    {"Gemm", dense},
    {"MatMul", dense},
    {"Pad", pad},
    {"Reshape", reshape},
    {"Flatten", reshape},
    {"Squeeze", reshape},
    {"Unsqueeze", reshape},
    {"Transpose", reshape},
    {"Identity", pass_on},
    {"Dropout", pass_on},
    {"Softmax", softmax},
    {"Constant", constant},
    {"QuantizeLinear", onnx_quantise},
    {"DequantizeLinear", onnx_quantise},
};

smt_status onnx_convert(onnx_reader *r, const Onnx__NodeProto *node)
{
    const char *op = node->op_type ? node->op_type : "";
    if (node->n_output < 1 || !node->output[0]) {
        return onnx_node_fail(r, SMT_ERR_FORMAT, "has no output");
    }
    if (node->domain && *node->domain && strcmp(node->domain, "ai.onnx")) {
        return onnx_node_fail(
            r,
            SMT_ERR_UNSUPPORTED,
            "is of the domain '%s'; only standard ONNX is read, so export without functions: "
            "torch.onnx.export(..., dynamo=False), or inline them with onnx.inliner",
            node->domain);
    }
    for (size_t i = 0; i < sizeof converters / sizeof *converters; i++) {
        if (strcmp(op, converters[i].op) == 0) {
            return converters[i].convert(r, node);
        }
    }
    return onnx_node_fail(
        r,
        SMT_ERR_UNSUPPORTED,
        "is of a type that is not read (read are Conv, BatchNormalization, Add, Sub, Mul, Div, "
        "Clip, Relu, HardSwish, HardSigmoid, GlobalAveragePool, ReduceMean, Gemm, MatMul, Pad, "
        "Reshape, Flatten, Squeeze, Unsqueeze, Transpose, Identity, Dropout, Softmax, Constant)");
}
