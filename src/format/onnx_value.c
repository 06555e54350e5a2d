/* What the conversion of an ONNX node needs: its errors, its attributes, what its inputs stand for,
 * and the steps along a composed activation. */
#include "format/onnx_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

smt_status onnx_node_fail(onnx_reader *reader, smt_status status, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const Onnx__NodeProto *node = reader->proto->node[reader->node];
    return smt_fail(reader->error,
                    status,
                    "%s: node %d (%s%s%s%s) %s",
                    reader->path,
                    reader->node,
                    node->op_type ? node->op_type : "no type",
                    node->name && *node->name ? " '" : "",
                    node->name ? node->name : "",
                    node->name && *node->name ? "'" : "",
                    text);
}

onnx_value *onnx_value_of(onnx_reader *reader, const char *name)
{
    size_t at = (size_t)smt_hash64(smt_hash_text(name, strlen(name)), 0) & (reader->table_size - 1);
    while (reader->values[at].name && strcmp(reader->values[at].name, name)) {
        at = (at + 1) & (reader->table_size - 1);
    }
    if (!reader->values[at].name) {
        reader->values[at].name = name;
    }
    return &reader->values[at];
}

const Onnx__AttributeProto *onnx_attribute(const Onnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++) {
        if (node->attribute[i]->name && strcmp(node->attribute[i]->name, name) == 0) {
            return node->attribute[i];
        }
    }
    return NULL;
}

int64_t onnx_int(const Onnx__NodeProto *node, const char *name, int64_t otherwise)
{
    const Onnx__AttributeProto *a = onnx_attribute(node, name);
    return a && a->has_i ? a->i : otherwise;
}

float onnx_float(const Onnx__NodeProto *node, const char *name, float otherwise)
{
    const Onnx__AttributeProto *a = onnx_attribute(node, name);
    return a && a->has_f ? a->f : otherwise;
}

onnx_value *onnx_input(onnx_reader *r, const Onnx__NodeProto *node, size_t i)
{
    return i < node->n_input && node->input[i] && *node->input[i] ? onnx_value_of(r, node->input[i])
                                                                  : NULL;
}

const onnx_constant *onnx_constant_of(const onnx_reader *r, const onnx_value *value)
{
    return value && value->form == FORM_CONST ? &r->constants[value->index] : NULL;
}

bool onnx_is_scalar(const onnx_constant *c, float expected)
{
    return c && c->count == 1 && fabsf(c->data[0] - expected) <= 1e-5f * fabsf(expected) + 1e-12f;
}

/* Makes `name` stand for graph node `index`. */
smt_status onnx_bind(
    onnx_reader *r, const Onnx__NodeProto *node, int index, value_form form, value_layout layout)
{
    if (index < 0) {
        return r->error ? r->error->status : SMT_ERR_FORMAT; /* the builder filled the error */
    }
    onnx_value *out = onnx_value_of(r, node->output[0]);
    if (out->form != FORM_NONE) {
        return onnx_node_fail(r, SMT_ERR_FORMAT, "makes '%s', which exists already", out->name);
    }
    out->form = form;
    out->index = index;
    out->layout = layout;
    return SMT_OK;
}

/* One step along a composed activation. */
smt_status
onnx_advance(onnx_reader *r, const Onnx__NodeProto *node, const onnx_value *in, value_form form)
{
    int base_uses = in->form == FORM_NODE ? in->uses : in->base_uses;
    smt_status status = onnx_bind(r, node, in->index, form, in->layout);
    if (status == SMT_OK) {
        onnx_value_of(r, node->output[0])->base_uses = base_uses;
    }
    return status;
}

void onnx_make_name(const onnx_reader *r, const char *kind, char name[SMT_NAME_MAX])
{
    snprintf(name, SMT_NAME_MAX, "%s_%d", kind, r->node);
}

/* Puts the activation on the node itself where nothing else
 * reads it (`uses` readers belong to the composition). */
int onnx_activate(onnx_reader *r, const onnx_value *base, int uses, smt_activation activation)
{
    smt_node *node = &r->graph->nodes[base->index];
    if (base->uses <= uses && node->activation == SMT_ACT_NONE && !(node->quant.scale > 0) &&
        node->op != SMT_OP_INPUT && node->op != SMT_OP_GLOBAL_POOL && node->op != SMT_OP_MULTIPLY &&
        node->op != SMT_OP_DROPOUT && node->op != SMT_OP_SOFTMAX) {
        node->activation = activation;
        return base->index;
    }
    char name[SMT_NAME_MAX];
    onnx_make_name(r, smt_activation_name(activation), name);
    return smt_graph_activation(r->graph, name, base->index, activation, r->error);
}

/* The plain graph node behind a value; a composition
 * that turned out not to be one is refused by name. */
smt_status onnx_plain(onnx_reader *r, onnx_value *value, int *index)
{
    if (!value || value->form == FORM_NONE) {
        return onnx_node_fail(r,
                              SMT_ERR_FORMAT,
                              "reads '%s' before any node makes it (a cycle, or a damaged file)",
                              value ? value->name : "");
    }
    switch (value->form) {
    case FORM_NODE:
        *index = value->index;
        return SMT_OK;
    case FORM_GATE: {
        onnx_value base = {.index = value->index, .uses = value->base_uses};
        int made = onnx_activate(r, &base, 1, SMT_ACT_HARD_SIGMOID);
        if (made < 0) {
            return r->error ? r->error->status : SMT_ERR_FORMAT;
        }
        value->form = FORM_NODE;
        value->index = made;
        *index = made;
        return SMT_OK;
    }
    case FORM_CONST:
        return onnx_node_fail(
            r, SMT_ERR_UNSUPPORTED, "computes on the constant '%s' only", value->name);
    case FORM_PADDED:
        return onnx_node_fail(
            r, SMT_ERR_UNSUPPORTED, "reads the padded '%s'; only Conv may follow Pad", value->name);
    default:
        return onnx_node_fail(r,
                              SMT_ERR_UNSUPPORTED,
                              "uses a part of a hard-sigmoid ('%s') in a way that is not supported",
                              value->name);
    }
}
