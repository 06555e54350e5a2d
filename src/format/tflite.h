/* TensorFlow Lite: reading through edge's checked
 * reader, writing through our own flatbuffer writer. */
#ifndef SEMTINEL_FORMAT_TFLITE_H
#define SEMTINEL_FORMAT_TFLITE_H

#include <semtinel/format.h>

#include <edge.h>

/* A float network (float32, float16 or int8 weights with float activations) as an
 * inference graph: scaling inside the file is an AFFINE node, separate activations are
 * fused. Classes, preprocessing and provenance come from the metadata "semtinel" if
 * there is one; else there are no class names, and the range of the input is told from
 * the scaling: 0..255 or 0..1, or -1..1 where there is none. SMT_ERR_UNSUPPORTED names
 * the operator that a graph cannot hold; int8 networks are run, not imported. */
smt_status smt_tflite_read(const char *path, smt_model **out, smt_error *error);
/* From memory, 4-byte aligned; `path` stands in messages. */
smt_status smt_tflite_read_memory(
    const void *data, size_t size, const char *path, smt_model **out, smt_error *error);

/* Fails with what edge says of the file `path`. */
smt_status smt_fail_edge(smt_error *error, const char *path, const smt_edge_error *detail);

/* Metadata name under which our files carry smt_metadata_text. */
#define SMT_TFLITE_METADATA "semtinel"

#endif
