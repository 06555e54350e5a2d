/* Products of two convolutions.
 *
 * int8 files split a hard-swish into relu6(x + 3) times x / 6, each a convolution of the same input
 * (docs/quantisation.md). Run one after the other, both factors would lie in the arena whole. When
 * the two convolutions and the product follow each other and nobody else reads the factors, the
 * three run as one (smt_product_s8()): the factors get no memory of their own. Only a trace wants
 * them whole; each is then computed into the product's memory, shown, and computed again with the
 * product. For this the input outlives the product's beginning: the two never overlap. */
#include "bind.h"

static bool same_geometry(const smt_conv *a, const smt_conv *b)
{
    return a->out_c == b->out_c && a->filter_h == b->filter_h && a->filter_w == b->filter_w &&
           a->stride_h == b->stride_h && a->stride_w == b->stride_w &&
           a->dilation_h == b->dilation_h && a->dilation_w == b->dilation_w &&
           a->out_h == b->out_h && a->out_w == b->out_w && a->pad_h == b->pad_h &&
           a->pad_w == b->pad_w;
}

/* An int8 convolution of one image, constant in all else. */
static bool may_be_factor(const edge_call *call)
{
    return (call->op.code == SMT_EDGE_CONV_2D || call->op.code == SMT_EDGE_DEPTHWISE_CONV_2D) &&
           call->kernel && call->in.type == SMT_EDGE_S8 && call->conv.batch == 1 &&
           call->second.data && (!call->has_third || call->third.data);
}

void edge_find_products(const smt_edge_model *model,
                        const smt_edge_kernels *kernels,
                        smt_edge_place *places)
{
    for (int32_t i = 2; i < model->operator_count; i++) {
        smt_edge_operator mul, first;
        edge_call second;
        smt_edge_get_operator(model, i, &mul);
        if (mul.code != SMT_EDGE_MUL)
            continue;
        smt_edge_get_operator(model, i - 2, &first);
        edge_bind(model, kernels, i - 1, &second);
        int32_t a = first.outputs[0], b = second.out.index, in = second.in.index;
        bool both = (mul.inputs[0] == a && mul.inputs[1] == b) ||
                    (mul.inputs[0] == b && mul.inputs[1] == a);
        if (!both || first.code != second.op.code || first.inputs[0] != in || places[a].last != i ||
            places[b].last != i || !may_be_factor(&second))
            continue;
        smt_conv conv = second.conv;
        edge_bind(model, kernels, i - 2, &second);
        if (!may_be_factor(&second) || !same_geometry(&conv, &second.conv))
            continue;
        places[a].first = places[b].first = SMT_EDGE_FACTOR;
        places[mul.outputs[0]].first = (int16_t)(i - 2);
        if (places[in].last < i)
            places[in].last = (int16_t)i;
    }
}
