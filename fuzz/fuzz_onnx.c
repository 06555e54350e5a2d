/* The ONNX reader: prescan, unpacking, conversion to a graph. */
#include "format/onnx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    smt_model *model = NULL;
    smt_error error;
    bool quantised = false;
    (void)smt_onnx_read_quantised("fuzz.onnx", data, size, &quantised, &model, &error);
    smt_model_destroy(&model);
    return 0;
}
