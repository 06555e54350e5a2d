/* The Keras reader: the HDF5 container, the weights, MobileNetV3's names. */
#include "format/keras.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    smt_tensor_file *tensors = NULL;
    smt_error error;
    if (smt_h5_parse("fuzz.h5", data, size, &tensors, &error) == SMT_OK) {
        smt_model *model = NULL;
        (void)smt_keras_model(tensors, "fuzz.h5", &model, &error);
        smt_model_destroy(&model);
        smt_tensor_file_destroy(&tensors);
    }
    return 0;
}
