/* Shared by the files of the ONNX reader and writer. */
#ifndef SEMTINEL_FORMAT_ONNX_INTERNAL_H
#define SEMTINEL_FORMAT_ONNX_INTERNAL_H

#include "format/bytes.h"
#include "format/onnx.h"

#include <onnx.pb-c.h>

#define ONNX_MAX_ELEMENTS (1 << 28) /* in one tensor */
#define ONNX_MAX_NODES 100000

/* Fails with the tensor's name on bad shapes, types, lengths and missing external files. out->data
 * is owned by the caller. */
smt_status onnx_tensor_decode(const char *path,
                              const Onnx__TensorProto *tensor,
                              onnx_constant *out,
                              smt_error *error);

/* What a name of the file stands for while the graph is read. Composed activations are recognised
 * step by step: for each value the reader keeps how far along such a composition it is. */
typedef enum value_form {
    FORM_NONE,    /* not made yet */
    FORM_CONST,   /* constants[index] */
    FORM_NODE,    /* the output of graph node `index` */
    FORM_PLUS3,   /* node + 3 */
    FORM_CLIP,    /* relu6(node + 3) */
    FORM_GATE,    /* relu6(node + 3) / 6 */
    FORM_PRODUCT, /* node * relu6(node + 3), to be divided by 6 */
    FORM_PADDED   /* node with `pad` of zeros around it */
} value_form;

typedef enum value_layout { LAYOUT_NCHW, LAYOUT_NHWC, LAYOUT_FLAT } value_layout;

typedef struct onnx_value {
    const char *name;
    value_form form;
    int index;
    int uses;      /* how many node inputs read it; a graph output counts too */
    int base_uses; /* of a composition: uses of the node that it began with */
    int pad[4];
    value_layout layout;
} onnx_value;

typedef struct onnx_reader {
    const char *path;
    const Onnx__GraphProto *proto;
    smt_graph *graph;
    onnx_constant *constants;
    int constant_count;
    onnx_value *values; /* a hash table by name */
    size_t table_size;  /* a power of two */
    int node;           /* the ONNX node at hand, for messages */
    smt_error *error;
} onnx_reader;

/* The value called `name`; made when it is new. Never
 * NULL: the table is sized for all names at the start. */
onnx_value *onnx_value_of(onnx_reader *reader, const char *name);
/* Fills the reader's error with the node at hand and the text; returns status. */
smt_status onnx_node_fail(onnx_reader *reader, smt_status status, const char *format, ...)
    SMT_PRINTF(3, 4);

/* ---- of one node (onnx_value.c) ------------------------------------------------------------- */

const Onnx__AttributeProto *onnx_attribute(const Onnx__NodeProto *node,
                                           const char *name); /* or NULL */
int64_t onnx_int(const Onnx__NodeProto *node, const char *name, int64_t otherwise);
float onnx_float(const Onnx__NodeProto *node, const char *name, float otherwise);
/* Input i; NULL: left out. */
onnx_value *onnx_input(onnx_reader *reader, const Onnx__NodeProto *node, size_t i);
/* NULL: not a constant. */
const onnx_constant *onnx_constant_of(const onnx_reader *reader, const onnx_value *value);
bool onnx_is_scalar(const onnx_constant *constant, float expected);
/* Makes the node's output stand for graph node `index`; an index below 0 passes the error on. */
smt_status onnx_bind(onnx_reader *reader,
                     const Onnx__NodeProto *node,
                     int index,
                     value_form form,
                     value_layout layout);
/* One step along a composed activation. */
smt_status onnx_advance(onnx_reader *reader,
                        const Onnx__NodeProto *node,
                        const onnx_value *in,
                        value_form form);
/* "KIND_12": a graph node's name. */
void onnx_make_name(const onnx_reader *reader, const char *kind, char name[SMT_NAME_MAX]);
/* Puts the activation on the node itself where nothing else reads it (`uses` readers belong to the
 * composition), else behind it. Its index, or -1. */
int onnx_activate(onnx_reader *reader, const onnx_value *base, int uses, smt_activation activation);
/* The plain graph node behind a value; a composition
 * that turned out not to be one is refused by name. */
smt_status onnx_plain(onnx_reader *reader, onnx_value *value, int *index);

/* ---- the file -------------------------------------------------------------------------------- */

/* The file's bytes without its functions; false, and nothing in *out, when it has none. */
bool smt_onnx_without_functions(const void *data, size_t size, smt_bytes *out);
/* The unpacked file, or NULL with *error filled; freed and nulled by onnx_release. */
Onnx__ModelProto *onnx_unpack(const char *path, const void *data, size_t size, smt_error *error);
void onnx_release(Onnx__ModelProto **model);
/* The graph alone. */
smt_status
onnx_graph_of(const char *path, const Onnx__GraphProto *proto, smt_graph **out, smt_error *error);
/* True if the graph has int8 parts; only `info` takes such. */
bool onnx_is_quantised(const Onnx__GraphProto *graph);
/* Converts Conv. */
smt_status onnx_conv(onnx_reader *reader, const Onnx__NodeProto *node);
/* Converts QuantizeLinear or DequantizeLinear. */
smt_status onnx_quantise(onnx_reader *reader, const Onnx__NodeProto *node);
/* Converts one node. */
smt_status onnx_convert(onnx_reader *reader, const Onnx__NodeProto *node);

#endif
