/* TensorFlow's frozen graphs: GraphDef (.pb), and SavedModel's saved_model.pb around one. */
#ifndef SEMTINEL_FORMAT_TENSORFLOW_H
#define SEMTINEL_FORMAT_TENSORFLOW_H

#include <semtinel/format.h>

/* Field numbers of TensorFlow's graph.proto, node_def.proto, attr_value.proto, tensor.proto,
 * tensor_shape.proto, meta_graph.proto and saved_model.proto, and numbers of types.proto. */
enum {
    TF_SAVED_VERSION = 1,
    TF_SAVED_META = 2,
    TF_META_INFO = 1,
    TF_META_GRAPH = 2,
    TF_META_SIGNATURE = 5,
    TF_INFO_TAGS = 4,
    TF_SIGNATURE_INPUTS = 1,
    TF_SIGNATURE_OUTPUTS = 2,
    TF_SIGNATURE_METHOD = 3,
    TF_TENSOR_INFO_NAME = 1,
    TF_TENSOR_INFO_TYPE = 2,
    TF_TENSOR_INFO_SHAPE = 3,
    TF_GRAPH_NODE = 1,
    TF_GRAPH_VERSIONS = 4,
    TF_NODE_NAME = 1,
    TF_NODE_OP = 2,
    TF_NODE_INPUT = 3,
    TF_NODE_ATTR = 5,
    TF_MAP_KEY = 1,
    TF_MAP_VALUE = 2,
    TF_ATTR_LIST = 1,
    TF_ATTR_TEXT = 2,
    TF_ATTR_INT = 3,
    TF_ATTR_FLOAT = 4,
    TF_ATTR_BOOL = 5,
    TF_ATTR_TYPE = 6,
    TF_ATTR_SHAPE = 7,
    TF_ATTR_TENSOR = 8,
    TF_LIST_INT = 3,
    TF_TENSOR_TYPE = 1,
    TF_TENSOR_SHAPE = 2,
    TF_TENSOR_CONTENT = 4,
    TF_TENSOR_FLOATS = 5,
    TF_TENSOR_INTS = 7,
    TF_SHAPE_DIM = 2,
    TF_DIM_SIZE = 1,
    TF_FLOAT = 1,
    TF_INT32 = 3
};

/* The attribute of the input's node that holds the metadata as JSON. TensorFlow leaves attributes
 * alone whose names begin with '_'. */
#define TF_METADATA "_semtinel"

/* Frozen classifiers of the operators that MobileNetV3 needs, in order of execution. */
smt_status smt_tensorflow_read_memory(
    const char *path, const void *data, size_t size, smt_model **out, smt_error *error);
/* float32, NHWC, dynamic batch; ends with softmax, batch norm folded. A file called saved_model.pb
 * becomes a SavedModel, others a GraphDef. options->raw_input: pixels 0..255, scaled inside. */
smt_status smt_tensorflow_write(const smt_model *model,
                                const char *path,
                                const smt_write_options *options,
                                smt_error *error);

#endif
