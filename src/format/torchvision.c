/* torchvision's mobilenet_v3_small: the names of its state dictionary. */
#include "format/formats.h"
#include "format/named.h"
#include "format/torch.h"

#include <stdio.h>
#include <string.h>

/* ImageNet's normalisation in torchvision: (p / 255 - mean) / deviation, red, green, blue. */
static const float image_mean[3] = {0.485f, 0.456f, 0.406f};
static const float image_deviation[3] = {0.229f, 0.224f, 0.225f};

/* "features.B.block.P.I.weight": a block's layers are counted by P, the gate being one; I is 0 for
 * the convolution and 1 for its batch norm. */
static void tensor_name(named_layer layer, named_part part, char *out, size_t size)
{
    static const char *const parts[] = {
        "weight", "bias", "weight", "bias", "running_mean", "running_var"};
    int position = layer.block > 0, index = part >= NAMED_GAMMA;
    switch (layer.role) {
    case NAMED_STEM:
    case NAMED_LAST:
        snprintf(out,
                 size,
                 "features.%d.%d.%s",
                 layer.role == NAMED_STEM ? 0 : NAMED_BLOCKS + 1,
                 index,
                 parts[part]);
        return;
    case NAMED_HEAD:
    case NAMED_CLASSIFIER:
        snprintf(out, size, "classifier.%d.%s", layer.role == NAMED_HEAD ? 0 : 3, parts[part]);
        return;
    case NAMED_SQUEEZE:
    case NAMED_EXCITE:
        snprintf(out,
                 size,
                 "features.%d.block.%d.fc%d.%s",
                 layer.block + 1,
                 position + 1,
                 layer.role == NAMED_SQUEEZE ? 1 : 2,
                 parts[part]);
        return;
    case NAMED_EXPAND:
        position = 0;
        break;
    case NAMED_PROJECT:
        position += 1 + layer.squeeze;
        break;
    case NAMED_DEPTHWISE:
        break;
    }
    snprintf(
        out, size, "features.%d.block.%d.%d.%s", layer.block + 1, position, index, parts[part]);
}

bool smt_torchvision_names(const smt_tensor_file *file)
{
    return smt_tensor_file_find(file, "features.0.0.weight") &&
           smt_tensor_file_find(file, "features.12.0.weight");
}

smt_status smt_torchvision_model(const smt_tensor_file *file,
                                 const char *path,
                                 smt_model **out,
                                 smt_error *error)
{
    static const smt_naming naming = {.name = tensor_name,
                                      .padding = SMT_PAD_EXPLICIT,
                                      .momentum = 0.99f,
                                      .preprocess = {.mean = 0, .scale = 255},
                                      .mean = image_mean,
                                      .deviation = image_deviation};
    if (!smt_torchvision_names(file)) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: its tensors are not those of torchvision's mobilenet_v3_small (no "
                        "'features.12.0.weight'); export the network to .onnx and give that",
                        path);
    }
    return smt_named_model(file, &naming, path, out, error);
}

static smt_status read_pth(const char *path, smt_model **out, smt_error *error)
{
    smt_tensor_file *file = NULL;
    smt_status status = smt_pth_load(path, &file, error);
    status = status ? status : smt_torchvision_model(file, path, out, error);
    smt_tensor_file_destroy(&file);
    return status;
}

static bool probe(const uint8_t *head, size_t size)
{
    return size > 4 && memcmp(head, "PK\3\4", 4) == 0;
}

const smt_model_format smt_format_pth = {
    .name = "pth",
    .suffixes = ".pth .pt",
    .title = "PyTorch state dictionary",
    .probe = probe,
    .read = read_pth,
};
