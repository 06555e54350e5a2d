/* Building an ONNX model in memory for packing. An error is kept in the builder: calls after one do
 * nothing, and the first is reported by onnx_builder_status. Texts and arrays given to it must live
 * until the save, or come from onnx_take and onnx_text. */
#ifndef SEMTINEL_FORMAT_ONNX_BUILDER_H
#define SEMTINEL_FORMAT_ONNX_BUILDER_H

#include "format/onnx.h"

#include <onnx.pb-c.h>

typedef struct onnx_builder onnx_builder;

smt_status onnx_builder_create(const char *path, onnx_builder **out, smt_error *error);
void onnx_builder_destroy(onnx_builder **builder);
smt_status onnx_builder_status(const onnx_builder *builder);
smt_status onnx_builder_fail(onnx_builder *builder, smt_status status, const char *format, ...)
    SMT_PRINTF(3, 4);

/* What was built so far; the builder's. */
const Onnx__GraphProto *onnx_builder_graph(const onnx_builder *builder);

/* Zeroed memory that lives as long as the builder; NULL after an error. */
void *onnx_take(onnx_builder *builder, size_t bytes);
const char *onnx_text(onnx_builder *builder, const char *format, ...) SMT_PRINTF(2, 3);

/* A node with one output, named as the node; inputs that are NULL become "". */
Onnx__NodeProto *onnx_node(onnx_builder *builder,
                           const char *op,
                           const char *name,
                           const char *const *inputs,
                           int input_count);
const char *onnx_output(const Onnx__NodeProto *node); /* "" for NULL */
void onnx_attribute_int(onnx_builder *builder,
                        Onnx__NodeProto *node,
                        const char *name,
                        int64_t value);
void onnx_attribute_float(onnx_builder *builder,
                          Onnx__NodeProto *node,
                          const char *name,
                          float value);
void onnx_attribute_ints(onnx_builder *builder,
                         Onnx__NodeProto *node,
                         const char *name,
                         const int64_t *values,
                         size_t count);
void onnx_attribute_text(onnx_builder *builder,
                         Onnx__NodeProto *node,
                         const char *name,
                         const char *value);

/* A constant called prefix + suffix; data is copied. Returns its name. type: an ONNX data type. */
const char *onnx_constant_raw(onnx_builder *builder,
                              const char *prefix,
                              const char *suffix,
                              int type,
                              size_t element,
                              int rank,
                              const int64_t *dim,
                              const void *data);
const char *onnx_floats(onnx_builder *builder,
                        const char *prefix,
                        const char *suffix,
                        int rank,
                        const int64_t *dim,
                        const float *data);

/* N x C x H x W, float32. */
void onnx_graph_input(onnx_builder *builder, const char *name, smt_shape shape);
/* Renames the value `from` to `name`, the graph's output, N x channels. */
void onnx_graph_output(onnx_builder *builder, const char *from, const char *name, int channels);
/* Metadata properties: "semtinel" with everything as JSON (metadata.h), and in plain text what
 * users of other runtimes want, "classes", "preprocessing", "mean", "scale". */
smt_status onnx_metadata(onnx_builder *builder, const smt_model *model, bool raw_input);
smt_status onnx_save(onnx_builder *builder, const char *path);

#endif
