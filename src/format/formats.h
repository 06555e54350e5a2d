/* The rows of smt_formats, each defined in format_NAME.c. */
#ifndef SEMTINEL_FORMAT_FORMATS_H
#define SEMTINEL_FORMAT_FORMATS_H

#include <semtinel/format.h>

extern const smt_model_format smt_format_safetensors;
extern const smt_model_format smt_format_tflite;
extern const smt_model_format smt_format_labels;
extern const smt_model_format smt_format_class_map;
extern const smt_model_format smt_format_onnx;
extern const smt_model_format smt_format_pth;
extern const smt_model_format smt_format_keras;
extern const smt_model_format smt_format_saved_model;
extern const smt_model_format smt_format_tensorflow;

/* After building a graph of a file's content: what the graph found
 * wrong is the file's fault, and the message names it. Returns the
 * status to pass on, SMT_ERR_MEMORY as it was. `error` is not NULL. */
smt_status smt_format_blame(const char *path, smt_status status, smt_error *error);

#endif
