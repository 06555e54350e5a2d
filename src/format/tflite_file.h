/* The content of a .tflite before it becomes bytes: tensors, operators, buffers. */
#ifndef SEMTINEL_FORMAT_TFLITE_FILE_H
#define SEMTINEL_FORMAT_TFLITE_FILE_H

#include <semtinel/format.h>

#include <edge.h>

typedef struct tfl_tensor {
    char name[SMT_NAME_MAX + 24];
    smt_edge_type type;
    int rank, shape[4];
    int buffer;          /* 0: computed */
    const float *scales; /* borrowed until the file is written; scale_count of them */
    int scale_count, axis, zero_point;
    float scale; /* the scale when scale_count is 1 */
} tfl_tensor;

typedef struct tfl_operator {
    smt_edge_code code;
    int version;
    int inputs[3], input_count; /* tensors; -1: none */
    int output;
    smt_edge_padding padding;
    smt_edge_activation activation;
    int stride;
} tfl_operator;

typedef struct tfl_buffer {
    void *data; /* owned */
    size_t size;
} tfl_buffer;

typedef struct tfl_metadata {
    const char *name; /* static */
    int buffer;
} tfl_metadata;

typedef struct tfl_file {
    tfl_tensor *tensors;
    int tensor_count;
    size_t tensor_capacity;
    tfl_operator *operators;
    int operator_count;
    size_t operator_capacity;
    tfl_buffer *buffers; /* [0] is the empty one */
    int buffer_count;
    size_t buffer_capacity;
    tfl_metadata metadata[4];
    int metadata_count;
    int input, output;
    const char *description; /* borrowed */
    bool failed;             /* an allocation */
} tfl_file;

/* Indices; -1 after a failure, which is kept in file->failed. */
int tfl_add_buffer(tfl_file *file, void *data, size_t size); /* takes data over, also on failure */
int tfl_add_tensor(tfl_file *file, const tfl_tensor *tensor);
void tfl_add_operator(tfl_file *file, const tfl_operator *op);
void tfl_add_metadata(tfl_file *file, const char *name, const void *data, size_t size); /* copies */
/* The bytes; *data is freed with smt_free. */
smt_status tfl_serialise(const tfl_file *file, void **data, size_t *size, smt_error *error);
void tfl_free(tfl_file *file);

#endif
