#include "bind.h"
#include "kernels/fixed.h"
#include "kernels/quant.h"

/* ---- ranges of fused activations ------------------------------------------------------------ */

static void range_f32(smt_edge_activation activation, float *low, float *high)
{
    *low = activation == SMT_EDGE_NO_ACTIVATION      ? -3.402823466e38f
           : activation == SMT_EDGE_ACT_RELU_N1_TO_1 ? -1.0f
                                                     : 0.0f;
    *high = activation == SMT_EDGE_ACT_RELU6          ? 6.0f
            : activation == SMT_EDGE_ACT_RELU_N1_TO_1 ? 1.0f
                                                      : 3.402823466e38f;
}

static void range_s8(const edge_call *call, int32_t *low, int32_t *high)
{
    const smt_edge_tensor *out = &call->out;
    float low_f, high_f;
    range_f32(call->op.activation, &low_f, &high_f);
    *low = -128;
    *high = 127;
    if (low_f > -3e38f)
        *low = edge_clamp(
            out->zero_point + edge_round_f32(low_f / out->scales[0], 1 << 20), -128, 127);
    if (high_f < 3e38f)
        *high = edge_clamp(
            out->zero_point + edge_round_f32(high_f / out->scales[0], 1 << 20), *low, 127);
}

/* ---- convolutions and dense layers ---------------------------------------------------------- */

static void bind_conv(edge_call *call)
{
    const smt_edge_operator *op = &call->op;
    const smt_edge_tensor *in = &call->in, *out = &call->out, *w = &call->second;
    smt_conv *p = &call->conv;
    *p = (smt_conv){0};
    if (op->code == SMT_EDGE_FULLY_CONNECTED) {
        int32_t rows = (int32_t)in->elements / w->shape[1];
        p->batch = p->in_w = p->out_w = 1;
        p->in_h = p->out_h = rows;
        p->in_c = w->shape[1];
        p->out_c = w->shape[0];
        p->filter_h = p->filter_w = p->stride_h = p->stride_w = p->dilation_h = p->dilation_w = 1;
    } else {
        p->batch = in->shape[0];
        p->in_h = in->shape[1];
        p->in_w = in->shape[2];
        p->in_c = in->shape[3];
        p->out_h = out->shape[1];
        p->out_w = out->shape[2];
        p->out_c = out->shape[3];
        p->filter_h = w->shape[1];
        p->filter_w = w->shape[2];
        p->stride_h = op->stride_h;
        p->stride_w = op->stride_w;
        p->dilation_h = op->dilation_h;
        p->dilation_w = op->dilation_w;
        int32_t ignored;
        p->pad_h = smt_edge_pad_before(
            op->padding, p->in_h, p->filter_h, p->stride_h, p->dilation_h, &ignored);
        p->pad_w = smt_edge_pad_before(
            op->padding, p->in_w, p->filter_w, p->stride_w, p->dilation_w, &ignored);
    }
    p->weights = w->data;
    p->bias = call->has_third ? call->third.data : NULL;
    if (in->type == SMT_EDGE_S8) {
        p->in_zero = in->zero_point;
        p->out_zero = out->zero_point;
        range_s8(call, &p->low, &p->high);
        call->table_bytes = edge_align(5 * (uint32_t)p->out_c);
    } else {
        range_f32(op->activation, &p->low_f, &p->high_f);
        p->weight_scale = w->scales;
        p->weight_scales = w->scale_count;
    }
}

void edge_fill_tables(const edge_call *call, int32_t *multiplier, int8_t *shift)
{
    const smt_edge_tensor *w = &call->second;
    const float in_scale = call->in.scales[0];
    double out_scale = (double)call->out.scales[0];
    for (int32_t o = 0; o < call->conv.out_c; o++) {
        int32_t exponent;
        /* A dense layer with one scale multiplies in float,
         * everything else in double: as the reference does. */
        float product = in_scale * w->scales[0];
        double real = (double)product;
        if (w->scale_count > 1)
            real = (double)in_scale * (double)w->scales[o];
        else if (call->op.code != SMT_EDGE_FULLY_CONNECTED)
            real = (double)in_scale * (double)w->scales[0];
        else if (o > 0) {
            multiplier[o] = multiplier[0];
            shift[o] = shift[0];
            continue;
        }
        edge_quantise_multiplier(real / out_scale, &multiplier[o], &exponent);
        shift[o] = (int8_t)exponent;
    }
}

/* ---- the others ----------------------------------------------------------------------------- */

/* Strides of `t`, aligned at the last dimension, over
 * the output's 4 dimensions; 0 where it is spread. */
static void spread(const smt_edge_tensor *t, int32_t stride[4])
{
    int32_t step = 1;
    for (int32_t d = 3; d >= 0; d--) {
        int32_t i = d - (4 - t->rank);
        int32_t extent = i >= 0 ? t->shape[i] : 1;
        stride[d] = extent == 1 ? 0 : step;
        step *= extent;
    }
}

void edge_bind_arithmetic(const edge_call *call, smt_arithmetic *p)
{
    const smt_edge_tensor *a = &call->in, *b = &call->second, *out = &call->out;
    *p = (smt_arithmetic){.code = call->op.code};
    for (int32_t d = 0; d < 4; d++) {
        int32_t i = d - (4 - out->rank);
        p->shape[d] = i >= 0 ? out->shape[i] : 1;
    }
    spread(a, p->stride_a);
    spread(b, p->stride_b);
    /* Equal shapes run as one row, and a dimension that both or neither spread joins the next: long
     * rows for kernels. */
    for (int32_t d = 2; d >= 0; d--) {
        int32_t n = p->shape[3];
        bool joins_a = p->stride_a[d] == p->stride_a[3] * n || p->shape[d] == 1;
        bool joins_b = p->stride_b[d] == p->stride_b[3] * n || p->shape[d] == 1;
        if (n == 1) { /* the innermost is trivial: take this one's strides */
            p->stride_a[3] = p->stride_a[d];
            p->stride_b[3] = p->stride_b[d];
        } else if (!joins_a || !joins_b || p->stride_a[3] > 1 || p->stride_b[3] > 1) {
            break;
        }
        p->shape[3] *= p->shape[d];
        p->shape[d] = 1;
    }
    range_f32(call->op.activation, &p->low_f, &p->high_f);
    if (out->type != SMT_EDGE_S8)
        return;
    range_s8(call, &p->low, &p->high);
    p->zero_a = a->zero_point;
    p->zero_b = b->zero_point;
    p->zero_out = out->zero_point;
    double sa = (double)a->scales[0], sb = (double)b->scales[0], so = (double)out->scales[0];
    if (p->code == SMT_EDGE_MUL) {
        edge_quantise_multiplier(sa * sb / so, &p->multiplier_out, &p->shift_out);
        return;
    }
    double twice = 2 * (sa > sb ? sa : sb);
    edge_quantise_multiplier(sa / twice, &p->multiplier_a, &p->shift_a);
    edge_quantise_multiplier(sb / twice, &p->multiplier_b, &p->shift_b);
    edge_quantise_multiplier(twice / ((1 << 20) * so), &p->multiplier_out, &p->shift_out);
}

void edge_bind_mean(const edge_call *call, smt_mean *p)
{
    const int32_t *axes = call->second.data;
    *p = (smt_mean){.shape = {1, 1, 1, 1}, .count = 1};
    for (int32_t i = 0; i < call->in.rank; i++)
        p->shape[i] = call->in.shape[i];
    for (uint32_t i = 0; i < call->second.elements; i++)
        p->reduce[axes[i] < 0 ? axes[i] + call->in.rank : axes[i]] = true;
    for (int32_t i = 0; i < 4; i++)
        p->count *= p->reduce[i] ? p->shape[i] : 1;
    if (call->in.type != SMT_EDGE_S8)
        return;
    p->in_zero = call->in.zero_point;
    p->out_zero = call->out.zero_point;
    int32_t multiplier, shift, bits = 0;
    edge_quantise_multiplier(
        (double)call->in.scales[0] / (double)call->out.scales[0], &multiplier, &shift);
    /* 1 / count goes into the multiplier, with as many more bits as it has */
    while (p->count >> (bits + 1))
        bits++;
    if (bits > 31 + shift)
        bits = 31 + shift;
    p->multiplier = (int32_t)(((int64_t)multiplier << bits) / p->count);
    p->shift = shift - bits;
}

void edge_bind_pool(const edge_call *call, smt_pool *p)
{
    const smt_edge_operator *op = &call->op;
    const int32_t *in = call->in.shape;
    *p = (smt_pool){
        .max = op->code == SMT_EDGE_MAX_POOL_2D, .batch = in[0], .in_h = in[1], .in_w = in[2]};
    p->channels = in[3];
    p->filter_h = op->filter_h;
    p->filter_w = op->filter_w;
    p->stride_h = op->stride_h;
    p->stride_w = op->stride_w;
    p->pad_h = smt_edge_pad_before(op->padding, in[1], op->filter_h, op->stride_h, 1, &p->out_h);
    p->pad_w = smt_edge_pad_before(op->padding, in[2], op->filter_w, op->stride_w, 1, &p->out_w);
    range_f32(op->activation, &p->low_f, &p->high_f);
    if (call->out.type == SMT_EDGE_S8)
        range_s8(call, &p->low, &p->high);
}

void edge_bind_softmax(const edge_call *call, smt_softmax *p)
{
    const smt_edge_tensor *in = &call->in;
    *p = (smt_softmax){.depth = in->shape[in->rank - 1], .beta = call->op.beta};
    p->rows = (int32_t)in->elements / p->depth;
    if (in->type != SMT_EDGE_S8)
        return;
    double real = (double)p->beta * (double)in->scales[0] * (1 << 26);
    edge_quantise_multiplier(real < 2147483647.0 ? real : 2147483647.0, &p->multiplier, &p->shift);
    if (p->shift < 0) { /* differences too small to matter: an even distribution */
        p->multiplier = 0;
        p->shift = 0;
    }
    p->diff_min = -fixed_input_radius(5, p->shift);
}

void edge_bind_map(const edge_call *call, smt_map *p)
{
    *p = (smt_map){.code = call->op.code};
    p->in_scale = call->in.scales[0];
    p->out_scale = call->out.scales[0];
    /* uint8 is int8 with its zero point 128 higher; the runner flips the top bit */
    p->in_zero = call->in.zero_point - (call->in.type == SMT_EDGE_U8 ? 128 : 0);
    p->out_zero = call->out.zero_point - (call->out.type == SMT_EDGE_U8 ? 128 : 0);
}

/* ---- any operator --------------------------------------------------------------------------- */

static bool is_map(const edge_call *call)
{
    switch (call->op.code) {
    case SMT_EDGE_HARD_SWISH:
    case SMT_EDGE_RELU:
    case SMT_EDGE_RELU6:
    case SMT_EDGE_LOGISTIC:
    case SMT_EDGE_QUANTIZE:
        return call->in.type != SMT_EDGE_F32;
    default:
        return false;
    }
}

void edge_bind(const smt_edge_model *model,
               const smt_edge_kernels *kernels,
               int32_t index,
               edge_call *call)
{
    smt_edge_get_operator(model, index, &call->op);
    const smt_edge_operator *op = &call->op;
    call->has_second = op->input_count > 1 && op->inputs[1] >= 0;
    call->has_third = op->input_count > 2 && op->inputs[2] >= 0;
    smt_edge_get_tensor(model, op->inputs[0], &call->in);
    smt_edge_get_tensor(model, op->outputs[0], &call->out);
    if (call->has_second)
        smt_edge_get_tensor(model, op->inputs[1], &call->second);
    if (call->has_third)
        smt_edge_get_tensor(model, op->inputs[2], &call->third);
    call->kernel = NULL;
    call->table_bytes = 0;
    call->is_folded = op->code == SMT_EDGE_DEQUANTIZE && call->in.data;
    bool dense = op->code == SMT_EDGE_CONV_2D || op->code == SMT_EDGE_FULLY_CONNECTED;
    if (dense || op->code == SMT_EDGE_DEPTHWISE_CONV_2D) {
        bind_conv(call);
        if (call->in.type == SMT_EDGE_S8)
            call->kernel = dense ? kernels->conv_s8 : kernels->depthwise_s8;
        else if (call->second.type == SMT_EDGE_S8)
            call->kernel = dense ? kernels->conv_dynamic : kernels->depthwise_dynamic;
        else
            call->kernel = dense ? kernels->conv_f32 : kernels->depthwise_f32;
    } else if (is_map(call)) {
        call->table_bytes = 256;
    }
}

bool edge_is_supported(const smt_edge_kernels *k, const edge_call *call)
{
    bool f32 = call->in.type == SMT_EDGE_F32;
    switch (call->op.code) {
    case SMT_EDGE_CONV_2D:
    case SMT_EDGE_FULLY_CONNECTED:
    case SMT_EDGE_DEPTHWISE_CONV_2D:
        return call->kernel != NULL;
    case SMT_EDGE_ADD:
    case SMT_EDGE_SUB:
    case SMT_EDGE_MUL:
        return f32 ? k->arithmetic_f32 != NULL : k->arithmetic_s8 != NULL;
    case SMT_EDGE_MEAN:
        return f32 ? k->mean_f32 != NULL : k->mean_s8 != NULL;
    case SMT_EDGE_AVERAGE_POOL_2D:
    case SMT_EDGE_MAX_POOL_2D:
        return f32 ? k->pool_f32 != NULL : k->pool_s8 != NULL;
    case SMT_EDGE_SOFTMAX:
        return f32 ? k->softmax_f32 != NULL : k->softmax_s8 != NULL;
    case SMT_EDGE_HARD_SWISH:
    case SMT_EDGE_RELU:
    case SMT_EDGE_RELU6:
    case SMT_EDGE_LOGISTIC:
        return f32 ? k->unary_f32 != NULL : k->map_s8 != NULL;
    case SMT_EDGE_QUANTIZE:
        return f32 ? k->quantise_f32 != NULL : k->map_s8 != NULL;
    case SMT_EDGE_DEQUANTIZE:
        return k->dequantise != NULL;
    case SMT_EDGE_CONCATENATION:
    case SMT_EDGE_PAD:
    case SMT_EDGE_RESHAPE:
        return true;
    }
    return false;
}

uint64_t edge_prepared_bytes(const smt_edge_kernels *kernels, const edge_call *call)
{
    if (call->is_folded)
        return edge_align(call->out.bytes);
    uint64_t bytes = kernels->keep_tables ? call->table_bytes : 0;
    if (call->kernel && call->kernel->prepared)
        bytes += edge_align(call->kernel->prepared(&call->conv));
    return bytes;
}

uint64_t edge_scratch_bytes(const smt_edge_kernels *kernels, const edge_call *call)
{
    uint64_t bytes = kernels->keep_tables ? 0 : call->table_bytes;
    if (call->kernel && call->kernel->scratch)
        bytes += edge_align(call->kernel->scratch(&call->conv));
    return bytes;
}

uint64_t edge_product_bytes(const smt_edge_kernels *kernels, const edge_call *factor)
{
    uint64_t tables = kernels->keep_tables ? 0 : 2 * (uint64_t)factor->table_bytes;
    return tables + edge_align(smt_product_scratch(factor->kernel, &factor->conv));
}

uint32_t edge_lead(const edge_call *call, int32_t tensor)
{
    switch (call->op.code) {
    case SMT_EDGE_CONV_2D:
    case SMT_EDGE_FULLY_CONNECTED:
    case SMT_EDGE_DEPTHWISE_CONV_2D:
        return call->kernel->lead && call->second.index != tensor ? call->kernel->lead(&call->conv)
                                                                  : SMT_NO_OVERLAP;
    case SMT_EDGE_ADD:
    case SMT_EDGE_SUB:
    case SMT_EDGE_MUL: {
        bool first = call->in.index != tensor || call->in.bytes == call->out.bytes;
        bool second = call->second.index != tensor || call->second.bytes == call->out.bytes;
        return first && second ? 0 : SMT_NO_OVERLAP;
    }
    case SMT_EDGE_HARD_SWISH:
    case SMT_EDGE_RELU:
    case SMT_EDGE_RELU6:
    case SMT_EDGE_LOGISTIC:
    case SMT_EDGE_SOFTMAX:
    case SMT_EDGE_RESHAPE:
    case SMT_EDGE_QUANTIZE:
        return 0; /* element by element, none wider than before */
    default:
        return SMT_NO_OVERLAP;
    }
}
