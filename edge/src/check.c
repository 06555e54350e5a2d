/* Does an operator fit its tensors? Types, ranks, shapes, axes and scales, one function a family.
 * Called once, by smt_edge_open(), for operators whose tensor indices are in range. */
#include "reader.h"

typedef struct context {
    const smt_edge_model *model;
    const smt_edge_operator *op;
    smt_edge_tensor in, second, third, out; /* second, third: only when present */
    bool has_second, has_third;
    smt_edge_error *error;
} context;

static smt_edge_status refuse(const context *c, const char *why)
{
    return edge_fail(
        c->error, SMT_EDGE_ERR_UNSUPPORTED, "operator %o: %s", c->op->index, c->op->code, why);
}

static smt_edge_status wrong(const context *c, const char *why)
{
    return edge_fail(
        c->error, SMT_EDGE_ERR_FORMAT, "operator %o: %s", c->op->index, c->op->code, why);
}

static smt_edge_status refuse_types(const context *c)
{
    return edge_fail(c->error,
                     SMT_EDGE_ERR_UNSUPPORTED,
                     "operator %o: %s%s%s to %s is not supported",
                     c->op->index,
                     c->op->code,
                     smt_edge_type_name((int32_t)c->in.type),
                     c->has_second ? ", " : "",
                     c->has_second ? smt_edge_type_name((int32_t)c->second.type) : "",
                     smt_edge_type_name((int32_t)c->out.type));
}

static bool same_shape(const smt_edge_tensor *a, const smt_edge_tensor *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < SMT_EDGE_RANK; i++)
        if (a->shape[i] != b->shape[i])
            return false;
    return true;
}

static bool same_scale(const smt_edge_tensor *a, const smt_edge_tensor *b)
{
    return a->scale_count == 1 && b->scale_count == 1 && a->scales[0] == b->scales[0] &&
           a->zero_point == b->zero_point;
}

/* A tensor of activations: one scale when it is quantised. */
static bool is_activation(const smt_edge_tensor *t)
{
    return t->type == SMT_EDGE_F32 ||
           ((t->type == SMT_EDGE_S8 || t->type == SMT_EDGE_U8) && t->scale_count == 1);
}

static smt_edge_status check_window(const context *c, int32_t filter_h, int32_t filter_w)
{
    const smt_edge_operator *op = c->op;
    int32_t high, wide;
    if (op->stride_h < 1 || op->stride_w < 1 || op->dilation_h < 1 || op->dilation_w < 1 ||
        filter_h < 1 || filter_w < 1 || op->stride_h > 0xfff || op->stride_w > 0xfff ||
        op->dilation_h > 0xfff || op->dilation_w > 0xfff || filter_h > 0xfff || filter_w > 0xfff)
        return wrong(c, "stride, dilation or window out of range");
    smt_edge_pad_before(op->padding, c->in.shape[1], filter_h, op->stride_h, op->dilation_h, &high);
    smt_edge_pad_before(op->padding, c->in.shape[2], filter_w, op->stride_w, op->dilation_w, &wide);
    if (c->in.shape[0] != c->out.shape[0] || c->out.shape[1] != high || c->out.shape[2] != wide)
        return wrong(c,
                     "the output's shape does not follow from the input's (made for any batch "
                     "size? convert it with batch 1, a float file by 'semtinel export')");
    return SMT_EDGE_OK;
}

/* A constant, or the DEQUANTIZE of one: known before the network runs. */
static bool is_static(const context *c, const smt_edge_tensor *t)
{
    smt_edge_operator op;
    smt_edge_tensor in;
    if (t->data)
        return true;
    for (int32_t i = c->op->index - 1; i >= 0; i--)
        if (!edge_read_operator(c->model, i, &op, NULL) && op.outputs[0] == t->index)
            return op.code == SMT_EDGE_DEQUANTIZE &&
                   smt_edge_get_tensor(c->model, op.inputs[0], &in) && in.data;
    return false;
}

/* Weights and bias of a convolution or dense layer with
 * `channels` outputs along `axis`, `terms` products each. */
static smt_edge_status
check_weights(const context *c, int32_t channels, int32_t axis, int64_t terms)
{
    const smt_edge_tensor *w = &c->second;
    bool f32 = c->in.type == SMT_EDGE_F32 && c->out.type == SMT_EDGE_F32;
    bool s8 = c->in.type == SMT_EDGE_S8 && c->out.type == SMT_EDGE_S8 && w->type == SMT_EDGE_S8;
    if (!s8 && !(f32 && (w->type == SMT_EDGE_F32 || w->type == SMT_EDGE_S8)))
        return refuse_types(c);
    if (!is_static(c, w) || (c->has_third && !is_static(c, &c->third)))
        return refuse(c, "weights and bias must be constant");
    if (w->type == SMT_EDGE_S8) {
        if (w->scale_count < 1 || w->zero_point != 0 || (w->scale_count > 1 && w->axis != axis))
            return wrong(c, "the weights' scales do not fit");
        if (terms > 65536) /* 2^16 products of at most 2^15: the int32 sum cannot overflow */
            return edge_fail(c->error,
                             SMT_EDGE_ERR_LIMIT,
                             "operator %o: more than 65536 products a sum",
                             c->op->index,
                             c->op->code);
        if (w->elements > 1 << 26) /* kernels that widen or pack them count bytes in 32 bits */
            return edge_fail(c->error,
                             SMT_EDGE_ERR_LIMIT,
                             "operator %o: more than 67108864 int8 weights",
                             c->op->index,
                             c->op->code);
    }
    if (!is_activation(&c->in) || !is_activation(&c->out))
        return wrong(c, "an activation has no scale, or several");
    if (c->has_third) {
        if (c->third.type != (s8 ? SMT_EDGE_S32 : SMT_EDGE_F32))
            return refuse(c, "the bias has another type than int32 (int8 network) or float32");
        if (c->third.elements != (uint32_t)channels)
            return wrong(c, "the bias does not fit the output's channels");
    }
    return SMT_EDGE_OK;
}

/* Kernels gather windows of up to 32 pixels, or rows of the image between their paddings, and count
 * the bytes in 32 bits: `rows` times `wide` numbers, each of 4 bytes at most. */
static smt_edge_status check_gathered(const context *c, int64_t wide, int64_t rows)
{
    if (wide <= (1 << 27) / rows)
        return SMT_EDGE_OK;
    return edge_fail(c->error,
                     SMT_EDGE_ERR_LIMIT,
                     "operator %o: more than 134217728 numbers to gather at a time",
                     c->op->index,
                     c->op->code);
}

static smt_edge_status check_convolution(context *c)
{
    if (!c->has_second || c->in.rank != 4 || c->second.rank != 4 || c->out.rank != 4)
        return wrong(c, "input, weights and output must have 4 dimensions");
    const int32_t *w = c->second.shape;
    smt_edge_status status = check_window(c, w[1], w[2]);
    if (status)
        return status;
    int64_t window = (int64_t)w[1] * w[2];
    if (c->op->code == SMT_EDGE_CONV_2D) {
        if (c->out.shape[3] != w[0])
            return wrong(c, "the weights do not fit the output's channels");
        if (c->in.shape[3] != w[3])
            return c->in.shape[3] % w[3] == 0
                       ? refuse(c, "grouped convolution is not supported")
                       : wrong(c, "the weights do not fit the input's channels");
        status = check_gathered(c, 32 * ((int64_t)c->op->stride_w + w[2]), (int64_t)w[1] * w[3]);
        return status ? status : check_weights(c, w[0], 0, window * w[3]);
    }
    if (w[0] != 1 || w[3] != c->out.shape[3] || w[3] % c->in.shape[3] != 0 ||
        (c->op->depth_multiplier != 0 && w[3] / c->in.shape[3] != c->op->depth_multiplier))
        return wrong(c, "the weights do not fit the channels");
    status = check_gathered(c, 32 * ((int64_t)c->in.shape[2] + w[2]), w[1]);
    return status ? status : check_weights(c, w[3], 3, window);
}

static smt_edge_status check_dense(context *c)
{
    if (!c->has_second || c->second.rank != 2)
        return wrong(c, "the weights must have 2 dimensions");
    uint32_t outputs = (uint32_t)c->second.shape[0], inputs = (uint32_t)c->second.shape[1];
    if (c->in.elements % inputs != 0 ||
        c->out.elements != (uint64_t)(c->in.elements / inputs) * outputs)
        return wrong(c, "input, weights and output do not fit");
    smt_edge_status status = check_gathered(c, 64, inputs);
    return status ? status : check_weights(c, c->second.shape[0], 0, inputs);
}

/* `t`, aligned at its last dimension, spreads over `out`. */
static bool broadcasts(const smt_edge_tensor *t, const smt_edge_tensor *out)
{
    if (t->rank > out->rank)
        return false;
    for (int32_t i = 0; i < t->rank; i++) {
        int32_t extent = t->shape[i];
        if (extent != 1 && extent != out->shape[out->rank - t->rank + i])
            return false;
    }
    return true;
}

static smt_edge_status check_arithmetic(context *c)
{
    if (!c->has_second)
        return wrong(c, "needs two inputs");
    if (c->in.type != c->out.type || c->second.type != c->out.type ||
        (c->out.type != SMT_EDGE_F32 && c->out.type != SMT_EDGE_S8))
        return refuse_types(c);
    if (!is_activation(&c->in) || !is_activation(&c->second) || !is_activation(&c->out))
        return wrong(c, "a tensor has no scale, or several");
    if (!broadcasts(&c->in, &c->out) || !broadcasts(&c->second, &c->out))
        return wrong(c, "the shapes do not fit");
    /* Each dimension of the result comes from one of the two. */
    for (int32_t i = 1; i <= c->out.rank; i++) {
        int32_t a = i <= c->in.rank ? c->in.shape[c->in.rank - i] : 1;
        int32_t b = i <= c->second.rank ? c->second.shape[c->second.rank - i] : 1;
        if (c->out.shape[c->out.rank - i] != (a > b ? a : b))
            return wrong(c, "the shapes do not fit");
    }
    return SMT_EDGE_OK;
}

static smt_edge_status check_pool(context *c)
{
    if (c->in.rank != 4 || c->out.rank != 4 || c->in.shape[3] != c->out.shape[3])
        return wrong(c, "input and output must have 4 dimensions and equal channels");
    if (c->in.type != c->out.type || (c->in.type != SMT_EDGE_F32 && c->in.type != SMT_EDGE_S8))
        return refuse_types(c);
    if (c->in.type == SMT_EDGE_S8 && !same_scale(&c->in, &c->out))
        return refuse(c, "input and output of a pool must have the same scale");
    if ((int64_t)c->op->filter_h * c->op->filter_w > 1 << 22)
        return wrong(c, "stride, dilation or window out of range");
    return check_window(c, c->op->filter_h, c->op->filter_w);
}

static smt_edge_status check_unary(context *c)
{
    if (c->in.type != c->out.type || (c->in.type != SMT_EDGE_F32 && c->in.type != SMT_EDGE_S8))
        return refuse_types(c);
    if (!is_activation(&c->in) || !is_activation(&c->out))
        return wrong(c, "a tensor has no scale, or several");
    if (!same_shape(&c->in, &c->out))
        return wrong(c, "input and output have different shapes");
    bool unit = c->op->code == SMT_EDGE_SOFTMAX || c->op->code == SMT_EDGE_LOGISTIC;
    if (unit && c->out.type == SMT_EDGE_S8 &&
        (c->out.scales[0] != 1.0f / 256.0f || c->out.zero_point != -128))
        return refuse(c, "the int8 output must have scale 1/256 and zero point -128");
    if (c->op->code == SMT_EDGE_SOFTMAX && c->in.rank < 1)
        return wrong(c, "needs at least one dimension");
    return SMT_EDGE_OK;
}

static smt_edge_status check_conversion(context *c)
{
    smt_edge_type from = c->in.type, to = c->out.type;
    if (!same_shape(&c->in, &c->out))
        return wrong(c, "input and output have different shapes");
    bool byte_from = from == SMT_EDGE_S8 || from == SMT_EDGE_U8,
         byte_to = to == SMT_EDGE_S8 || to == SMT_EDGE_U8;
    if (c->op->code == SMT_EDGE_QUANTIZE) {
        if (!byte_to || (!byte_from && from != SMT_EDGE_F32))
            return refuse_types(c);
        return is_activation(&c->in) && is_activation(&c->out)
                   ? SMT_EDGE_OK
                   : wrong(c, "a tensor has no scale, or several");
    }
    if (to != SMT_EDGE_F32 || (!byte_from && from != SMT_EDGE_F16))
        return refuse_types(c);
    if (from == SMT_EDGE_F16)
        return c->in.data ? SMT_EDGE_OK : refuse(c, "float16 is supported for constants only");
    return c->in.scale_count >= 1 ? SMT_EDGE_OK : wrong(c, "the input has no scale");
}

static smt_edge_status check_mean(context *c)
{
    if (c->in.type != c->out.type || (c->in.type != SMT_EDGE_F32 && c->in.type != SMT_EDGE_S8))
        return refuse_types(c);
    if (!is_activation(&c->in) || !is_activation(&c->out))
        return wrong(c, "a tensor has no scale, or several");
    if (!c->has_second || c->second.type != SMT_EDGE_S32 || !c->second.data || c->second.rank > 1)
        return refuse(c, "the axes must be an int32 constant");
    uint32_t reduced = 0;
    const int32_t *axes = c->second.data;
    for (uint32_t i = 0; i < c->second.elements; i++) {
        if (axes[i] < -c->in.rank || axes[i] >= c->in.rank)
            return wrong(c, "an axis is out of range");
        reduced |= 1u << (axes[i] < 0 ? axes[i] + c->in.rank : axes[i]);
    }
    int32_t rank = 0;
    int64_t terms = 1;
    for (int32_t i = 0; i < c->in.rank; i++) {
        bool gone = reduced >> i & 1u;
        terms *= gone ? c->in.shape[i] : 1;
        if (gone && !c->op->keep_dims)
            continue;
        if (rank >= c->out.rank || c->out.shape[rank] != (gone ? 1 : c->in.shape[i]))
            return wrong(c, "the output's shape does not follow from the axes");
        rank++;
    }
    if (rank != c->out.rank)
        return wrong(c, "the output's shape does not follow from the axes");
    return terms <= 1 << 22 ? SMT_EDGE_OK : refuse(c, "a mean of more than 4194304 elements");
}

static smt_edge_status check_pad(context *c)
{
    if (c->in.type != c->out.type || !is_activation(&c->in))
        return refuse_types(c);
    if (c->in.type != SMT_EDGE_F32 && !same_scale(&c->in, &c->out))
        return refuse(c, "input and output must have the same scale");
    if (!c->has_second || c->second.type != SMT_EDGE_S32 || !c->second.data ||
        c->in.rank != c->out.rank || c->second.elements != 2 * (uint32_t)c->in.rank)
        return refuse(c, "the paddings must be an int32 constant, two for each dimension");
    const int32_t *pads = c->second.data;
    for (int32_t i = 0; i < c->in.rank; i++)
        if (pads[2 * i] < 0 || pads[2 * i + 1] < 0 ||
            (int64_t)c->in.shape[i] + pads[2 * i] + pads[2 * i + 1] != c->out.shape[i])
            return wrong(c, "the output's shape does not follow from the paddings");
    return SMT_EDGE_OK;
}

static smt_edge_status check_reshape(context *c)
{
    if (c->in.type != c->out.type)
        return refuse_types(c);
    if (c->in.bytes != c->out.bytes)
        return wrong(c, "input and output have different sizes");
    bool bytes = c->in.type == SMT_EDGE_S8 || c->in.type == SMT_EDGE_U8;
    return bytes && !same_scale(&c->in, &c->out)
               ? refuse(c, "input and output must have the same scale")
               : SMT_EDGE_OK;
}

static smt_edge_status check_concatenation(context *c, const smt_edge_model *model)
{
    int32_t axis = c->op->axis < 0 ? c->op->axis + c->out.rank : c->op->axis;
    int64_t sum = 0;
    if (axis < 0 || axis >= c->out.rank)
        return wrong(c, "the axis is out of range");
    if (c->op->activation != SMT_EDGE_NO_ACTIVATION)
        return refuse(c, "a fused activation is not supported");
    for (int32_t i = 0; i < c->op->input_count; i++) {
        if (c->op->inputs[i] < 0 || !smt_edge_get_tensor(model, c->op->inputs[i], &c->in))
            return wrong(c, "an input is missing");
        if (c->in.type != c->out.type || !is_activation(&c->in))
            return refuse_types(c);
        if (c->in.type != SMT_EDGE_F32 && !same_scale(&c->in, &c->out))
            return refuse(c, "inputs and output must have the same scale");
        if (c->in.rank != c->out.rank)
            return wrong(c, "the shapes do not fit");
        for (int32_t d = 0; d < c->out.rank; d++)
            if (d != axis && c->in.shape[d] != c->out.shape[d])
                return wrong(c, "the shapes do not fit");
        sum += c->in.shape[axis];
    }
    return sum == c->out.shape[axis] ? SMT_EDGE_OK : wrong(c, "the shapes do not fit");
}

smt_edge_status
edge_check_operator(const smt_edge_model *model, const smt_edge_operator *op, smt_edge_error *error)
{
    context c = {.model = model, .op = op, .error = error};
    c.has_second = op->input_count > 1 && op->inputs[1] >= 0;
    c.has_third = op->input_count > 2 && op->inputs[2] >= 0;
    if (op->inputs[0] < 0 || !smt_edge_get_tensor(model, op->inputs[0], &c.in) ||
        (c.has_second && !smt_edge_get_tensor(model, op->inputs[1], &c.second)) ||
        (c.has_third && !smt_edge_get_tensor(model, op->inputs[2], &c.third)) ||
        !smt_edge_get_tensor(model, op->outputs[0], &c.out))
        return wrong(&c, "an input is missing");
    if (op->code != SMT_EDGE_CONCATENATION && op->input_count > 3)
        return wrong(&c, "too many inputs");
    switch (op->code) {
    case SMT_EDGE_CONV_2D:
    case SMT_EDGE_DEPTHWISE_CONV_2D:
        return check_convolution(&c);
    case SMT_EDGE_FULLY_CONNECTED:
        return check_dense(&c);
    case SMT_EDGE_ADD:
    case SMT_EDGE_SUB:
    case SMT_EDGE_MUL:
        return check_arithmetic(&c);
    case SMT_EDGE_AVERAGE_POOL_2D:
    case SMT_EDGE_MAX_POOL_2D:
        return check_pool(&c);
    case SMT_EDGE_HARD_SWISH:
    case SMT_EDGE_RELU:
    case SMT_EDGE_RELU6:
    case SMT_EDGE_LOGISTIC:
    case SMT_EDGE_SOFTMAX:
        return check_unary(&c);
    case SMT_EDGE_QUANTIZE:
    case SMT_EDGE_DEQUANTIZE:
        return check_conversion(&c);
    case SMT_EDGE_MEAN:
        return check_mean(&c);
    case SMT_EDGE_PAD:
        return check_pad(&c);
    case SMT_EDGE_RESHAPE:
        return check_reshape(&c);
    case SMT_EDGE_CONCATENATION:
        return check_concatenation(&c, model);
    }
    return refuse(&c, "not supported");
}

int32_t smt_edge_pad_before(smt_edge_padding padding,
                            int32_t in,
                            int32_t filter,
                            int32_t stride,
                            int32_t dilation,
                            int32_t *out)
{
    int64_t reach = (int64_t)(filter - 1) * dilation + 1;
    if (padding == SMT_EDGE_VALID) {
        *out = in >= reach ? (int32_t)((in - reach) / stride + 1) : 0;
        return 0;
    }
    *out = (int32_t)(((int64_t)in + stride - 1) / stride);
    int64_t total = (int64_t)(*out - 1) * stride + reach - in;
    return total > 0 ? (int32_t)(total / 2) : 0;
}
