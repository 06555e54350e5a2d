/* The reader of TensorFlow's graphs: protobuf, nodes, and the ONNX reader behind it. */
#include "format/tensorflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    smt_model *model = NULL;
    smt_error error;
    (void)smt_tensorflow_read_memory("fuzz.pb", data, size, &model, &error);
    smt_model_destroy(&model);
    return 0;
}
