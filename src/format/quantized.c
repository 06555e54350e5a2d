/* Int8 and dynamic-range networks into files. */
#include "format/onnx.h"
#include "format/tflite_write.h"

#include <string.h>

smt_status smt_quantized_save(const smt_graph *graph,
                              const smt_model *model,
                              const char *path,
                              const smt_write_options *options,
                              bool float_io,
                              smt_error *error)
{
    const smt_model_format *format = smt_format_by_suffix(path);
    if (format && strcmp(format->name, "onnx") == 0) {
        return smt_onnx_write_annotated(graph, model, path, options, error);
    }
    if (!format || strcmp(format->name, "tflite")) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: quantised networks are written as .tflite and .onnx",
                        path);
    }
    void *data = NULL;
    size_t size = 0;
    smt_status status = smt_tflite_build(graph, model, options, float_io, &data, &size, error);
    status = status ? status : smt_file_save(path, data, size, error);
    smt_free(data);
    return status;
}
