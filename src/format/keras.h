/* Keras's weight files (.h5) of tf.keras.applications.MobileNetV3Small. */
#ifndef SEMTINEL_FORMAT_KERAS_H
#define SEMTINEL_FORMAT_KERAS_H

#include "format/named.h"

#define SMT_KERAS_METADATA "semtinel" /* the root's attribute with the metadata as JSON */

/* Keras's name of a layer ("expanded_conv_3/squeeze_excite/Conv")
 * or, with `norm`, of its batch norm (".../BatchNorm"). */
void smt_keras_layer(named_layer layer, bool norm, char *out, size_t size);

/* Every weight that the file's "layer_names" and "weight_names" list, as "layer/weight": Keras 2's
 * "Conv/BatchNorm/gamma:0" and Keras 3's "conv_bn/gamma" are both called "conv_bn/gamma". Of a
 * whole model's file, its "model_weights". The "semtinel" text of our own files becomes metadata.
 * `path` stands in messages. */
smt_status smt_h5_parse(
    const char *path, const void *data, size_t size, smt_tensor_file **out, smt_error *error);
/* Such tensors as a model; input -1 .. 1 unless the metadata say otherwise. */
smt_status
smt_keras_model(const smt_tensor_file *file, const char *path, smt_model **out, smt_error *error);
/* Weights in Keras's layout and names; batch norm as it stands. */
smt_status smt_keras_write(const smt_model *model,
                           const char *path,
                           const smt_write_options *options,
                           smt_error *error);

#endif
