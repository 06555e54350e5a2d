/* safetensors as a model format: semtinel's checkpoints,
 * and state dictionaries with torchvision's names. */
#include "format/formats.h"
#include "format/torch.h"

static bool probe(const uint8_t *head, size_t size)
{
    return size >= 10 && head[8] == '{' && !head[4] && !head[5] && !head[6] && !head[7];
}

static smt_status read_model(const char *path, smt_model **out, smt_error *error)
{
    smt_tensor_file *file = NULL;
    smt_status status = smt_safetensors_load(path, &file, error);
    if (!status) {
        bool foreign = !smt_tensor_file_get(file, "semtinel") && smt_torchvision_names(file);
        status = foreign ? smt_torchvision_model(file, path, out, error)
                         : smt_model_from_tensors(file, path, out, error);
    }
    smt_tensor_file_destroy(&file);
    return status;
}

static smt_status write_model(const smt_model *model,
                              const char *path,
                              const smt_write_options *options,
                              smt_error *error)
{
    if (options->raw_input) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: --raw-input does not apply to a checkpoint; its metadata say how the "
                        "input is scaled",
                        path);
    }
    smt_dtype dtype = options->half ? SMT_DTYPE_F16 : SMT_DTYPE_F32;
    return smt_model_save(model, path, dtype, options->extra, error);
}

const smt_model_format smt_format_safetensors = {
    .name = "safetensors",
    .suffixes = ".safetensors",
    .title = "safetensors checkpoint",
    .weights_only = true,
    .half = true,
    .probe = probe,
    .read = read_model,
    .write = write_model,
};
