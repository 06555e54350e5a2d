/* QuantizeLinear and DequantizeLinear, as int8 networks hold them (QDQ): weights become floats
 * again, and a value's step and zero point stand in the node that makes it. */
#include "format/onnx_internal.h"

#include <string.h>

static const char *const operators[2] = {"QuantizeLinear", "DequantizeLinear"};

bool onnx_is_quantised(const Onnx__GraphProto *graph)
{
    for (size_t i = 0; i < graph->n_node; i++) {
        const char *op = graph->node[i]->op_type;
        if (op && (!strcmp(op, operators[0]) || !strcmp(op, operators[1]))) {
            return true;
        }
    }
    return false;
}

/* scale * (q - zero), with one scale for all or one along an axis, as a new constant. */
static smt_status dequantize_constant(onnx_reader *r,
                                      const Onnx__NodeProto *node,
                                      const onnx_constant *q,
                                      const onnx_constant *scale,
                                      const onnx_constant *zero)
{
    int64_t axis = onnx_int(node, "axis", 1), inner = 1;
    axis += axis < 0 ? q->rank : 0;
    bool each = scale->count > 1;
    if (each && (axis < 0 || axis >= q->rank || q->dim[axis] != (int64_t)scale->count)) {
        return onnx_node_fail(
            r, SMT_ERR_FORMAT, "has %zu scales, which fit no dimension", scale->count);
    }
    if (zero && zero->count != scale->count) {
        return onnx_node_fail(r,
                              SMT_ERR_FORMAT,
                              "has %zu %s and %zu zero %s",
                              scale->count,
                              smt_plural(scale->count, "scale", "scales"),
                              zero->count,
                              smt_plural(zero->count, "point", "points"));
    }
    for (int i = (int)axis + 1; each && i < q->rank; i++) {
        inner *= q->dim[i];
    }
    onnx_constant made = *q;
    made.data = smt_alloc(q->count, sizeof *made.data);
    if (!made.data) {
        return onnx_node_fail(r, SMT_ERR_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < q->count; i++) {
        size_t c = each ? i / (size_t)inner % scale->count : 0;
        made.data[i] = scale->data[c] * (q->data[i] - (zero ? zero->data[c] : 0));
    }
    r->constants[r->constant_count] = made;
    return onnx_bind(r, node, r->constant_count++, FORM_CONST, LAYOUT_FLAT);
}

smt_status onnx_quantise(onnx_reader *r, const Onnx__NodeProto *node)
{
    onnx_value *in = onnx_input(r, node, 0);
    const onnx_constant *scale = onnx_constant_of(r, onnx_input(r, node, 1)),
                        *zero = onnx_constant_of(r, onnx_input(r, node, 2)),
                        *constant = onnx_constant_of(r, in);
    bool quantize = strcmp(node->op_type, operators[0]) == 0;
    int index = 0;
    if (!scale || !scale->count) {
        return onnx_node_fail(r, SMT_ERR_UNSUPPORTED, "needs a constant scale");
    }
    if (constant && !quantize) {
        return dequantize_constant(r, node, constant, scale, zero);
    }
    smt_status status = onnx_plain(r, in, &index);
    if (status) {
        return status;
    }
    if (scale->count != 1 || !(scale->data[0] > 0) || (zero && zero->count != 1)) {
        return onnx_node_fail(r, SMT_ERR_UNSUPPORTED, "has not one scale above 0");
    }
    r->graph->nodes[index].quant = (smt_quant){scale->data[0], zero ? (int)zero->data[0] : 0};
    /* Readers of what comes out read the node. */
    in->uses += onnx_value_of(r, node->output[0])->uses - 1;
    onnx_value_of(r, node->output[0])->uses = in->uses;
    return onnx_bind(r, node, index, FORM_NODE, in->layout);
}
