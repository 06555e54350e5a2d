/* Shared by the files of the reader of TensorFlow's graphs. */
#ifndef SEMTINEL_FORMAT_TENSORFLOW_INTERNAL_H
#define SEMTINEL_FORMAT_TENSORFLOW_INTERNAL_H

#include "format/onnx_builder.h"
#include "format/protobuf.h"
#include "format/tensorflow.h"

typedef struct tf_constant {
    int type; /* TF_FLOAT or TF_INT32 */
    int rank;
    int64_t dim[4];
    size_t count;
    float *data; /* the builder's; integers converted */
} tf_constant;

typedef struct tf_node {
    const char *name, *op; /* the builder's */
    pb_span body;
    const char *value;     /* its output in ONNX's graph; NULL: a constant, or not made yet */
    bool flat;             /* N x C */
    tf_constant *constant; /* once decoded */
} tf_node;

typedef struct tf_reader {
    const char *path;
    const uint8_t *file; /* its first byte */
    onnx_builder *b;
    tf_node *nodes;
    int count, at; /* at: the node at hand */
    int *table;    /* a hash table by name: node + 1 */
    size_t table_size;
    size_t budget; /* floats that may still be copied */
    const char *input;
    char *metadata;
    smt_error *error;
} tf_reader;

/* Fills the reader's error with the node at hand and the two texts; returns status. */
smt_status
tf_fail(const tf_reader *reader, smt_status status, const char *text, const char *detail);
/* Counts floats that are about to be copied; SMT_ERR_LIMIT: more than the file can hold. */
smt_status tf_spend(tf_reader *reader, size_t floats);

/* Lists the nodes of a GraphDef and enters their names. */
smt_status tf_gather(tf_reader *reader, pb_span graph);

bool tf_attribute(const tf_node *node, const char *key, pb_span *value);
/* `field`: TF_ATTR_INT, TF_ATTR_FLOAT (its bits), TF_ATTR_BOOL. */
uint64_t
tf_attribute_number(const tf_node *node, const char *key, uint32_t field, uint64_t otherwise);
bool tf_attribute_is(const tf_node *node, const char *key, const char *text);
/* A list of integers; returns their number, `limit` at most. */
int tf_attribute_list(const tf_node *node, const char *key, int64_t *out, int limit);
/* Sides of a shape, unknown ones -1. Returns the rank, or -1: damaged or more than 4. */
int tf_read_shape(pb_span shape, int64_t dim[4]);
/* A number of a tensor from its bits. */
float tf_element(int type, uint32_t bits);

/* Input `index` of the node at hand (control inputs, "^name", do not count); *out NULL: none. Only
 * first outputs ("name", "name:0") are known, and only of nodes before. */
smt_status tf_input(tf_reader *reader, int index, tf_node **out);
/* The same as a constant; *out NULL: it is none. */
smt_status tf_constant_of(tf_reader *reader, int index, const tf_constant **out);
/* The same as a computed value, never NULL on success. */
smt_status tf_value_of(tf_reader *reader, int index, tf_node **out);

/* Converts the node at hand. */
smt_status tf_convert(tf_reader *reader);

#endif
