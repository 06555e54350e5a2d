/* Any bytes into the safetensors reader and, if they pass, into the checkpoint reader. */
#include <semtinel/format.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    smt_tensor_file *file = NULL;
    smt_model *model = NULL;
    if (smt_safetensors_parse(data, size, "fuzz", &file, NULL) == SMT_OK) {
        smt_model_from_tensors(file, "fuzz", &model, NULL);
    }
    smt_model_destroy(&model);
    smt_tensor_file_destroy(&file);
    return 0;
}
