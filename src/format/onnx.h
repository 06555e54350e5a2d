/* ONNX, read and written through protobuf-c and the onnx.proto that Debian's libonnx-dev ships. */
#ifndef SEMTINEL_FORMAT_ONNX_H
#define SEMTINEL_FORMAT_ONNX_H

#include <semtinel/format.h>

/* Refuses nested graphs and types and checks all lengths: see onnx_prescan.c. */
smt_status smt_onnx_prescan(const char *path, const void *data, size_t size, smt_error *error);

/* A constant of the file as float32 (integers converted), `dim` outermost first. */
typedef struct onnx_constant {
    int rank;
    int64_t dim[8];
    size_t count;
    float *data; /* owned by the table of constants */
} onnx_constant;

/* Reads ONNX as an inference graph in semtinel's terms: NHWC, batch norm
 * folded into the convolution before it, hard-swish and hard-sigmoid
 * recognised in their composed forms. Metadata properties are copied. `path`
 * names the file in messages, and is where external data is looked for. */
smt_status smt_onnx_read(const char *path, smt_model **out, smt_error *error);
smt_status smt_onnx_read_memory(
    const char *path, const void *data, size_t size, smt_model **out, smt_error *error);

/* The same, of int8 networks (QDQ) too, dynamic range among them: weights as floats, the values'
 * steps and zero points in the nodes. For info: such a graph does not round as the file does. */
smt_status smt_onnx_read_quantised(const char *path,
                                   const void *data,
                                   size_t size,
                                   bool *quantised,
                                   smt_model **out,
                                   smt_error *error);

/* float32, opset 14, dynamic batch, input N x C x H x W, ends with softmax. options->raw_input:
 * pixels 0..255, scaled inside; half is ignored. */
smt_status smt_onnx_write(const smt_model *model,
                          const char *path,
                          const smt_write_options *options,
                          smt_error *error);

/* A graph as it stands, with the annotations of quant/
 * (graph.h) as QDQ; input and output are float. */
smt_status smt_onnx_write_annotated(const smt_graph *graph,
                                    const smt_model *model,
                                    const char *path,
                                    const smt_write_options *options,
                                    smt_error *error);

#endif
