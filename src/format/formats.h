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

#endif
