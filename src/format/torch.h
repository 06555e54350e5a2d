/* PyTorch: the zip form of torch.save, and torchvision's names of MobileNetV3-Small. */
#ifndef SEMTINEL_FORMAT_TORCH_H
#define SEMTINEL_FORMAT_TORCH_H

#include <semtinel/format.h>

/* The tensors of a state dictionary (also one level down:
 * "state_dict", "model", "model_state_dict"), strides undone, integer
 * tensors left out. No code of the file is run: see pickle.h. */
smt_status smt_pth_load(const char *path, smt_tensor_file **out, smt_error *error);

/* The same from memory; `path` stands in messages. */
smt_status smt_pth_parse(
    const char *path, const void *data, size_t size, smt_tensor_file **out, smt_error *error);

/* True if the names are torchvision's ("features.0.0.weight"). */
bool smt_torchvision_names(const smt_tensor_file *file);
/* torchvision's mobilenet_v3_small of any width as a model: input grey / 255 in 1 or 3 channels,
 * ImageNet's normalisation as the first node of the graph, PyTorch's symmetric padding, wide head.
 * `path` stands in messages. */
smt_status smt_torchvision_model(const smt_tensor_file *file,
                                 const char *path,
                                 smt_model **out,
                                 smt_error *error);

#endif
