/* The PyTorch reader: zip, pickle, tensors, torchvision's
 * names; and the pickle machine on the bare bytes. */
#include "format/pickle.h"
#include "format/torch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    smt_error error;
    pickle parsed = {0};
    if (pickle_parse("fuzz.pth", data, size, &parsed, &error) == SMT_OK) {
        pickle_free(&parsed);
    }
    smt_tensor_file *tensors = NULL;
    if (smt_pth_parse("fuzz.pth", data, size, &tensors, &error) == SMT_OK) {
        smt_model *model = NULL;
        (void)smt_torchvision_model(tensors, "fuzz.pth", &model, &error);
        smt_model_destroy(&model);
        smt_tensor_file_destroy(&tensors);
    }
    return 0;
}
