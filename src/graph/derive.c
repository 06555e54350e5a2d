/* Shape inference and the layout of params: the rules of graph.h in one place, used by builders,
 * check and passes. */
#include "graph/internal.h"

#include <stdio.h>
#include <string.h>

smt_node smt_node_blank(smt_op op, const char *name)
{
    smt_node node;
    memset(&node, 0, sizeof node);
    node.op = op;
    /* A name that is too long is cut here and refused by derive, which sees it fill the array. */
    snprintf(node.name, sizeof node.name, "%s", name ? name : "");
    node.input[0] = node.input[1] = -1;
    for (int i = 0; i < SMT_NODE_PARAMS; i++) {
        node.param[i] = -1;
    }
    return node;
}

static int inputs_of(smt_op op)
{
    return op == SMT_OP_INPUT ? 0 : op == SMT_OP_ADD || op == SMT_OP_MULTIPLY ? 2 : 1;
}

static smt_status
check_name(const smt_graph *graph, int index, const smt_node *node, smt_error *error)
{
    size_t length = strnlen(node->name, SMT_NAME_MAX);
    if (!length || length > SMT_NODE_NAME_MAX) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "node %d (%s): its name has %zu characters; 1 .. %d are allowed",
                        index,
                        smt_op_name(node->op),
                        length,
                        SMT_NODE_NAME_MAX);
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)node->name[i] < 32 || node->name[i] == 127) {
            return smt_fail(
                error, SMT_ERR_ARGUMENT, "node %d: a control character in its name", index);
        }
    }
    for (int i = 0; i < index; i++) {
        if (strcmp(graph->nodes[i].name, node->name) == 0) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "nodes %d and %d are both named '%s'",
                            i,
                            index,
                            node->name);
        }
    }
    return SMT_OK;
}

static bool side_ok(int64_t side)
{
    return side >= 1 && side <= SMT_SIDE_MAX;
}

/* One axis of a window: fills the two pads for SAME and gives the output size, or 0 if the window
 * does not fit. */
static int64_t
slide(int input, int kernel, int stride, smt_padding padding, int *before, int *after)
{
    if (padding == SMT_PAD_SAME) {
        int output = (input + stride - 1) / stride;
        int total = (output - 1) * stride + kernel - input;
        total = total > 0 ? total : 0;
        *before = total / 2;
        *after = total - total / 2;
        return output;
    }
    int64_t span = (int64_t)input + *before + *after - kernel;
    return span < 0 ? 0 : span / stride + 1;
}

static smt_status derive_window(smt_shape in, int index, smt_node *n, smt_error *error)
{
    if (n->kernel_h < 1 || n->kernel_w < 1 || n->kernel_h > SMT_KERNEL_MAX ||
        n->kernel_w > SMT_KERNEL_MAX || n->stride < 1 || n->stride > SMT_STRIDE_MAX) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "node %d '%s': kernel %d x %d with stride %d; kernels of 1 .. %d and "
                        "strides of 1 .. %d are allowed",
                        index,
                        n->name,
                        n->kernel_h,
                        n->kernel_w,
                        n->stride,
                        SMT_KERNEL_MAX,
                        SMT_STRIDE_MAX);
    }
    if (n->padding != SMT_PAD_SAME &&
        (n->padding != SMT_PAD_EXPLICIT || n->pad_top < 0 || n->pad_left < 0 || n->pad_bottom < 0 ||
         n->pad_right < 0 || n->pad_top >= n->kernel_h || n->pad_bottom >= n->kernel_h ||
         n->pad_left >= n->kernel_w || n->pad_right >= n->kernel_w)) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "node %d '%s': padding %d,%d,%d,%d does not suit a kernel of %d x %d",
                        index,
                        n->name,
                        n->pad_top,
                        n->pad_left,
                        n->pad_bottom,
                        n->pad_right,
                        n->kernel_h,
                        n->kernel_w);
    }
    int64_t h = slide(in.h, n->kernel_h, n->stride, n->padding, &n->pad_top, &n->pad_bottom);
    int64_t w = slide(in.w, n->kernel_w, n->stride, n->padding, &n->pad_left, &n->pad_right);
    if (!side_ok(h) || !side_ok(w)) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "node %d '%s': a kernel of %d x %d does not fit its input of %d x %d",
                        index,
                        n->name,
                        n->kernel_h,
                        n->kernel_w,
                        in.h,
                        in.w);
    }
    n->shape.h = (int)h;
    n->shape.w = (int)w;
    if (n->op == SMT_OP_DEPTHWISE) {
        n->shape.c = in.c;
    }
    return SMT_OK;
}

bool smt_same_shape(smt_shape a, smt_shape b)
{
    return a.h == b.h && a.w == b.w && a.c == b.c;
}

static bool is_vector(smt_shape shape)
{
    return shape.h == 1 && shape.w == 1;
}

static smt_status
bad_shapes(smt_error *error, int index, const smt_node *n, smt_shape a, smt_shape b)
{
    return smt_fail(error,
                    SMT_ERR_ARGUMENT,
                    "node %d '%s' (%s): inputs of %d x %d x %d and %d x %d x %d do not go together",
                    index,
                    n->name,
                    smt_op_name(n->op),
                    a.h,
                    a.w,
                    a.c,
                    b.h,
                    b.w,
                    b.c);
}

static smt_status check_inputs(int index, const smt_node *n, smt_error *error)
{
    int inputs = inputs_of(n->op);
    for (int i = 0; i < 2; i++) {
        bool ok = i < inputs ? n->input[i] >= 0 && n->input[i] < index : n->input[i] == -1;
        if (!ok) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "node %d '%s' (%s): input %d is node %d, which is not before it",
                            index,
                            n->name,
                            smt_op_name(n->op),
                            i,
                            n->input[i]);
        }
    }
    return SMT_OK;
}

/* What the operator asks of its inputs a and b, and its result's shape. */
static smt_status derive_shape(smt_shape a, smt_shape b, int index, smt_node *n, smt_error *error)
{
    switch (n->op) {
    case SMT_OP_INPUT: /* brings its shape along */
        return index == 0 ? SMT_OK
                          : smt_fail(error,
                                     SMT_ERR_ARGUMENT,
                                     "node %d '%s': only node 0 can be the input",
                                     index,
                                     n->name);
    case SMT_OP_CONV:
    case SMT_OP_DEPTHWISE:
        return derive_window(a, index, n, error);
    case SMT_OP_ADD:
        if (!smt_same_shape(a, b)) {
            return bad_shapes(error, index, n, a, b);
        }
        break;
    case SMT_OP_MULTIPLY:
        if (!smt_same_shape(a, b) && !(is_vector(b) && a.c == b.c)) {
            return bad_shapes(error, index, n, a, b);
        }
        break;
    case SMT_OP_GLOBAL_POOL:
        n->shape = (smt_shape){1, 1, a.c};
        return SMT_OK;
    case SMT_OP_DENSE:
        if (!is_vector(a)) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "node %d '%s': a dense layer needs a vector, not %d x %d x %d",
                            index,
                            n->name,
                            a.h,
                            a.w,
                            a.c);
        }
        n->shape.h = n->shape.w = 1;
        return SMT_OK;
    case SMT_OP_BATCH_NORM:
        if (!(n->epsilon > 0 && n->epsilon < 1 && n->momentum >= 0 && n->momentum < 1)) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "node %d '%s': epsilon %g and momentum %g must be in 0 .. 1",
                            index,
                            n->name,
                            (double)n->epsilon,
                            (double)n->momentum);
        }
        break;
    case SMT_OP_DROPOUT:
        if (!(n->rate >= 0 && n->rate < 1)) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "node %d '%s': rate %g is not in 0 .. 1",
                            index,
                            n->name,
                            (double)n->rate);
        }
        break;
    default:
        break;
    }
    n->shape = a;
    return SMT_OK;
}

smt_status smt_graph_derive(const smt_graph *graph, int index, smt_node *n, smt_error *error)
{
    if ((unsigned)n->op >= SMT_OP_COUNT || (unsigned)n->activation > SMT_ACT_HARD_SIGMOID ||
        (unsigned)n->rounding > SMT_ROUND_TABLE) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "node %d: unknown operator %d or activation %d",
                        index,
                        (int)n->op,
                        (int)n->activation);
    }
    smt_status status = check_name(graph, index, n, error);
    if (status || (status = check_inputs(index, n, error))) {
        return status;
    }
    smt_shape none = {0, 0, 0};
    smt_shape a = n->input[0] >= 0 ? graph->nodes[n->input[0]].shape : none;
    smt_shape b = n->input[1] >= 0 ? graph->nodes[n->input[1]].shape : none;
    if ((status = derive_shape(a, b, index, n, error))) {
        return status;
    }
    if (!side_ok(n->shape.h) || !side_ok(n->shape.w) || !side_ok(n->shape.c) ||
        smt_shape_count(n->shape) > SMT_VALUE_MAX) {
        return smt_fail(
            error,
            SMT_ERR_LIMIT,
            "node %d '%s': a value of %d x %d x %d; at most %d a side and %d in all are allowed",
            index,
            n->name,
            n->shape.h,
            n->shape.w,
            n->shape.c,
            SMT_SIDE_MAX,
            SMT_VALUE_MAX);
    }
    return SMT_OK;
}

smt_param_slot smt_graph_slot(const smt_graph *graph, const smt_node *n, int slot)
{
    static const char *const norm[] = {".gamma", ".beta", ".mean", ".variance"};
    int in = n->input[0] >= 0 ? graph->nodes[n->input[0]].shape.c : 0;
    int out = n->shape.c;
    smt_param_slot none = {NULL, 0, {0, 0, 0, 0}, false, false};
    smt_param_slot vector = {".bias", 1, {out, 0, 0, 0}, true, true};
    switch (n->op) {
    case SMT_OP_CONV:
        return slot == SMT_WEIGHT ? (smt_param_slot){".weight",
                                                     4,
                                                     {out, n->kernel_h, n->kernel_w, in},
                                                     true,
                                                     false}
               : slot == SMT_BIAS ? vector
                                  : none;
    case SMT_OP_DEPTHWISE:
        return slot == SMT_WEIGHT
                   ? (smt_param_slot){".weight", 3, {n->kernel_h, n->kernel_w, out, 0}, true, false}
               : slot == SMT_BIAS ? vector
                                  : none;
    case SMT_OP_DENSE:
        return slot == SMT_WEIGHT ? (smt_param_slot){".weight", 2, {out, in, 0, 0}, true, false}
               : slot == SMT_BIAS ? vector
                                  : none;
    case SMT_OP_BATCH_NORM:
        return (smt_param_slot){norm[slot], 1, {out, 0, 0, 0}, slot < SMT_MEAN, false};
    case SMT_OP_AFFINE:
        return slot <= SMT_OFFSET ? (smt_param_slot){slot == SMT_SCALE ? ".scale" : ".offset",
                                                     1,
                                                     {out, 0, 0, 0},
                                                     false,
                                                     false}
                                  : none;
    case SMT_OP_QUANTIZE: {
        int source = n->rounding == SMT_ROUND_PRODUCT ? 1 + out
                     : n->rounding == SMT_ROUND_MEAN  ? 2
                     : n->rounding == SMT_ROUND_TABLE ? 2 + 256
                                                      : 0;
        return slot == SMT_RANGE ? (smt_param_slot){".range", 1, {2, 0, 0, 0}, true, false}
               : slot == SMT_SOURCE && source
                   ? (smt_param_slot){".source", 1, {source, 0, 0, 0}, false, false}
                   : none;
    }
    default:
        return none;
    }
}
