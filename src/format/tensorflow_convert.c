/* One TensorFlow node in ONNX's words: channels first, OIHW kernels. */
#include "format/tensorflow_internal.h"

#include <string.h>

/* Binds the node at hand to what was made. */
static smt_status bind(tf_reader *r, const Onnx__NodeProto *made, bool flat)
{
    tf_node *node = &r->nodes[r->at];
    if (onnx_builder_status(r->b)) {
        return onnx_builder_status(r->b);
    }
    node->value = onnx_output(made);
    node->flat = flat;
    return SMT_OK;
}

static const char *name_at_hand(const tf_reader *r)
{
    return r->nodes[r->at].name;
}

/* One value a channel (or one for all) in the shape that broadcasts over channels first. */
static smt_status channel_constant(
    tf_reader *r, const tf_constant *c, bool flat, const char *suffix, const char **name)
{
    const int64_t dim[3] = {(int64_t)c->count, 1, 1};
    smt_status status = tf_spend(r, c->count);
    if (!status && c->count > 1 && (size_t)c->dim[c->rank - 1] != c->count) {
        status = tf_fail(
            r, SMT_ERR_UNSUPPORTED, "combines with a constant that is not one value a channel", "");
    }
    if (!status) {
        *name = onnx_floats(r->b,
                            name_at_hand(r),
                            suffix,
                            c->count == 1 ? 0
                            : flat        ? 1
                                          : 3,
                            dim,
                            c->data);
    }
    return status;
}

/* Add, Mul, Sub, BiasAdd of a value and a constant or of two values. */
static smt_status binary(tf_reader *r, const char *op)
{
    const tf_constant *constant;
    tf_node *a, *b = NULL;
    smt_status status = tf_constant_of(r, 0, &constant);
    bool swapped = !status && constant;
    if (swapped && strcmp(op, "Sub") == 0) {
        return tf_fail(r, SMT_ERR_UNSUPPORTED, "subtracts from a constant", "");
    }
    status = status ? status : tf_value_of(r, swapped, &a);
    if (!status && !swapped) {
        status = tf_constant_of(r, 1, &constant);
    }
    if (!status && !constant) {
        status = tf_value_of(r, 1, &b);
    }
    if (status) {
        return status;
    }
    const char *inputs[2] = {a->value, b ? b->value : NULL};
    if (constant) {
        status = channel_constant(r, constant, a->flat, "/constant", &inputs[1]);
    }
    return status ? status : bind(r, onnx_node(r->b, op, name_at_hand(r), inputs, 2), a->flat);
}

static smt_status unary(tf_reader *r, const char *op)
{
    tf_node *a;
    smt_status status = tf_value_of(r, 0, &a);
    if (status) {
        return status;
    }
    const char *inputs[3] = {a->value, NULL, NULL};
    int count = 1;
    if (strcmp(op, "Relu6") == 0) {
        const float limits[2] = {0, 6};
        inputs[1] = onnx_floats(r->b, name_at_hand(r), "/low", 0, NULL, &limits[0]);
        inputs[2] = onnx_floats(r->b, name_at_hand(r), "/high", 0, NULL, &limits[1]);
        op = "Clip";
        count = 3;
    }
    return bind(r, onnx_node(r->b, op, name_at_hand(r), inputs, count), a->flat);
}

/* The node is what its input is. */
static smt_status alias(tf_reader *r)
{
    tf_node *a;
    smt_status status = tf_input(r, 0, &a);
    if (status || !a) {
        return status ? status : tf_fail(r, SMT_ERR_FORMAT, "has no input", "");
    }
    tf_node *node = &r->nodes[r->at];
    if (!a->value && strcmp(a->op, "Const")) {
        return tf_fail(r, SMT_ERR_UNSUPPORTED, "passes on what is not computed", "");
    }
    node->value = a->value;
    node->flat = a->flat;
    if (!a->value) { /* a constant behind Identity, as freezing leaves it */
        node->op = a->op;
        node->body = a->body;
    }
    return SMT_OK;
}

static smt_status pad(tf_reader *r)
{
    const tf_constant *c;
    tf_node *a;
    smt_status status = tf_value_of(r, 0, &a);
    status = status ? status : tf_constant_of(r, 1, &c);
    if (!status && (!c || c->count != 8)) {
        status = tf_fail(r, SMT_ERR_UNSUPPORTED, "is not a constant padding of an image", "");
    }
    if (status) {
        return status;
    }
    /* Pairs for N, H, W, C become the starts and the ends of N, C, H, W. */
    static const int order[4] = {0, 3, 1, 2};
    int64_t amounts[8];
    const int64_t dim = 8;
    for (int i = 0; i < 4; i++) {
        for (int end = 0; end < 2; end++) {
            float p = c->data[2 * order[i] + end];
            amounts[4 * end + i] = p >= 0 && p <= 64 ? (int64_t)p : -1;
        }
    }
    const char *inputs[2] = {a->value,
                             onnx_constant_raw(r->b,
                                               name_at_hand(r),
                                               "/pads",
                                               ONNX__TENSOR_PROTO__DATA_TYPE__INT64,
                                               8,
                                               1,
                                               &dim,
                                               amounts)};
    return bind(r, onnx_node(r->b, "Pad", name_at_hand(r), inputs, 2), false);
}

/* HWIO to OIHW; depthwise, height x width x channels x 1, likewise with one input a filter. */
static smt_status convolution(tf_reader *r, bool depthwise)
{
    const tf_constant *c;
    const tf_node *node = &r->nodes[r->at];
    tf_node *a;
    int64_t stride[4] = {1, 1, 1, 1}, dilation[4] = {1, 1, 1, 1};
    smt_status status = tf_value_of(r, 0, &a);
    status = status ? status : tf_constant_of(r, 1, &c);
    if (status) {
        return status;
    }
    bool same = tf_attribute_is(node, "padding", "SAME"),
         valid = tf_attribute_is(node, "padding", "VALID");
    pb_span unused;
    if (!c || c->rank != 4 || (depthwise && c->dim[3] != 1)) {
        return tf_fail(r, SMT_ERR_UNSUPPORTED, "needs constant weights of 4 dimensions", "");
    }
    if ((tf_attribute(node, "data_format", &unused) &&
         !tf_attribute_is(node, "data_format", "NHWC")) ||
        (!same && !valid)) {
        return tf_fail(r, SMT_ERR_UNSUPPORTED, "is not NHWC with padding SAME or VALID", "");
    }
    (void)tf_attribute_list(node, "strides", stride, 4);
    (void)tf_attribute_list(node, "dilations", dilation, 4);
    size_t area = (size_t)(c->dim[0] * c->dim[1]), in = (size_t)c->dim[2], out = (size_t)c->dim[3];
    status = tf_spend(r, c->count);
    float *values = status ? NULL : onnx_take(r->b, c->count * sizeof *values);
    if (!values) {
        return status ? status : onnx_builder_status(r->b);
    }
    if (depthwise) {
        out = in;
        in = 1;
    }
    for (size_t o = 0; o < out; o++) {
        for (size_t i = 0; i < in; i++) {
            for (size_t k = 0; k < area; k++) {
                values[(o * in + i) * area + k] = c->data[(k * in + i) * out + o];
            }
        }
    }
    const int64_t dim[4] = {(int64_t)out, (int64_t)in, c->dim[0], c->dim[1]};
    const char *inputs[2] = {a->value,
                             onnx_floats(r->b, name_at_hand(r), "/weight", 4, dim, values)};
    Onnx__NodeProto *made = onnx_node(r->b, "Conv", name_at_hand(r), inputs, 2);
    onnx_attribute_ints(r->b, made, "strides", stride + 1, 2);
    onnx_attribute_ints(r->b, made, "dilations", dilation + 1, 2);
    onnx_attribute_int(r->b, made, "group", depthwise ? (int64_t)out : 1);
    onnx_attribute_text(r->b, made, "auto_pad", same ? "SAME_UPPER" : "VALID");
    return bind(r, made, false);
}

static smt_status batch_norm(tf_reader *r)
{
    tf_node *a;
    smt_status status = tf_value_of(r, 0, &a);
    const char *inputs[5] = {status ? NULL : a->value};
    static const char *const suffix[4] = {"/scale", "/offset", "/mean", "/variance"};
    for (int i = 0; i < 4 && !status; i++) {
        const tf_constant *c;
        status = tf_constant_of(r, i + 1, &c);
        if (!status && !c) {
            status =
                tf_fail(r, SMT_ERR_UNSUPPORTED, "needs constant statistics (a frozen graph)", "");
        }
        if (!status) {
            const int64_t dim = (int64_t)c->count;
            status = tf_spend(r, c->count);
            inputs[i + 1] = onnx_floats(r->b, name_at_hand(r), suffix[i], 1, &dim, c->data);
        }
    }
    if (status) {
        return status;
    }
    uint64_t bits =
        tf_attribute_number(&r->nodes[r->at], "epsilon", TF_ATTR_FLOAT, 0x38d1b717); /* 1e-4 */
    Onnx__NodeProto *made = onnx_node(r->b, "BatchNormalization", name_at_hand(r), inputs, 5);
    onnx_attribute_float(r->b, made, "epsilon", tf_element(TF_FLOAT, (uint32_t)bits));
    return bind(r, made, false);
}

static smt_status pool(tf_reader *r)
{
    const tf_constant *c;
    tf_node *a;
    smt_status status = tf_value_of(r, 0, &a);
    status = status ? status : tf_constant_of(r, 1, &c);
    if (status) {
        return status;
    }
    if (!c || c->count != 2 || c->data[0] + c->data[1] != 3 ||
        (c->data[0] != 1 && c->data[0] != 2)) {
        return tf_fail(r, SMT_ERR_UNSUPPORTED, "is not a mean over height and width", "");
    }
    bool keep = tf_attribute_number(&r->nodes[r->at], "keep_dims", TF_ATTR_BOOL, 0) != 0;
    const char *pooled = keep ? name_at_hand(r) : onnx_text(r->b, "%.180s/pool", name_at_hand(r));
    Onnx__NodeProto *made =
        onnx_node(r->b, "GlobalAveragePool", pooled, (const char *[]){a->value}, 1);
    if (!keep) {
        const char *input = onnx_output(made);
        made = onnx_node(r->b, "Flatten", name_at_hand(r), &input, 1);
    }
    return bind(r, made, !keep);
}

static smt_status dense(tf_reader *r)
{
    const tf_constant *c;
    tf_node *a;
    smt_status status = tf_value_of(r, 0, &a);
    status = status ? status : tf_constant_of(r, 1, &c);
    if (status) {
        return status;
    }
    if (!c || c->rank != 2 ||
        tf_attribute_number(&r->nodes[r->at], "transpose_a", TF_ATTR_BOOL, 0)) {
        return tf_fail(r, SMT_ERR_UNSUPPORTED, "needs a constant matrix and a vector", "");
    }
    status = tf_spend(r, c->count);
    if (status) {
        return status;
    }
    uint64_t transposed = tf_attribute_number(&r->nodes[r->at], "transpose_b", TF_ATTR_BOOL, 0);
    const char *inputs[2] = {a->value,
                             onnx_floats(r->b, name_at_hand(r), "/weight", 2, c->dim, c->data)};
    Onnx__NodeProto *made = onnx_node(r->b, "Gemm", name_at_hand(r), inputs, 2);
    onnx_attribute_int(r->b, made, "transB", transposed ? 1 : 0);
    return bind(r, made, true);
}

static smt_status placeholder(tf_reader *r)
{
    tf_node *node = &r->nodes[r->at];
    pb_span value;
    pb_field f;
    int64_t dim[4];
    if (r->input) {
        return tf_fail(r, SMT_ERR_UNSUPPORTED, "is a second input; one image is read", "");
    }
    if (!tf_attribute(node, "shape", &value) || !pb_find(value, TF_ATTR_SHAPE, &f) ||
        tf_read_shape(f.bytes, dim) != 4) {
        return tf_fail(r, SMT_ERR_FORMAT, "has no shape of 4 dimensions", "");
    }
    if (dim[1] < 1 || dim[1] > 4096 || dim[2] < 1 || dim[2] > 4096 ||
        (dim[3] != 1 && dim[3] != 3)) {
        return tf_fail(r,
                       SMT_ERR_UNSUPPORTED,
                       "is not N x height x width x 1 or 3 of a fixed size up to 4096",
                       "");
    }
    if (tf_attribute(node, TF_METADATA, &value) && pb_find(value, TF_ATTR_TEXT, &f) &&
        f.wire == PB_BYTES) {
        r->metadata = onnx_take(r->b, f.bytes.size + 1);
        if (r->metadata) {
            memcpy(r->metadata, f.bytes.at, f.bytes.size);
        }
    }
    onnx_graph_input(r->b, node->name, (smt_shape){(int)dim[1], (int)dim[2], (int)dim[3]});
    r->input = node->name;
    node->value = node->name;
    return onnx_builder_status(r->b);
}

smt_status tf_convert(tf_reader *r)
{
    const char *op = r->nodes[r->at].op;
    tf_node *a;
#define IS(name) (strcmp(op, name) == 0)
    if (IS("Const") || IS("NoOp")) {
        return SMT_OK;
    }
    if (IS("Placeholder")) {
        return placeholder(r);
    }
    if (IS("Conv2D") || IS("DepthwiseConv2dNative")) {
        return convolution(r, IS("DepthwiseConv2dNative"));
    }
    if (IS("FusedBatchNorm") || IS("FusedBatchNormV2") || IS("FusedBatchNormV3")) {
        return batch_norm(r);
    }
    if (IS("Add") || IS("AddV2") || IS("BiasAdd") || IS("Mul") || IS("Sub")) {
        return binary(r, IS("Mul") || IS("Sub") ? op : "Add");
    }
    if (IS("Relu") || IS("Relu6") || IS("Softmax")) {
        return unary(r, op);
    }
    if (IS("Mean")) {
        return pool(r);
    }
    if (IS("MatMul")) {
        return dense(r);
    }
    if (IS("Pad")) {
        return pad(r);
    }
    if (IS("Reshape") || IS("Squeeze")) {
        smt_status status = tf_value_of(r, 0, &a);
        return status ? status
                      : bind(r,
                             onnx_node(
                                 r->b, "Flatten", name_at_hand(r), (const char *[]){a->value}, 1),
                             true);
    }
    if (IS("Identity") || IS("StopGradient")) {
        return alias(r);
    }
    if (IS("VarHandleOp") || IS("VariableV2") || IS("ReadVariableOp")) {
        return tf_fail(
            r, SMT_ERR_UNSUPPORTED, "is a variable; freeze the graph to constants first", "");
    }
#undef IS
    return tf_fail(r,
                   SMT_ERR_UNSUPPORTED,
                   "is of a type that is not read (read are Placeholder, Const, Conv2D, "
                   "DepthwiseConv2dNative, FusedBatchNorm, Add, AddV2, BiasAdd, Sub, Mul, Relu, "
                   "Relu6, Mean, MatMul, Pad, Reshape, Squeeze, Identity, Softmax)",
                   "");
}
