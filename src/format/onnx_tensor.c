/* TensorProto to float32: raw or typed data, inside the file or in one beside it. */
#include "format/half.h"
#include "format/onnx_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t element_size(int type)
{
    switch (type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32:
        return 4;
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
        return 8;
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16:
        return 2;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT8:
    case ONNX__TENSOR_PROTO__DATA_TYPE__UINT8:
        return 1;
    default:
        return 0;
    }
}

static float element(int type, const uint8_t *raw)
{
    union {
        float f;
        double d;
        int32_t i;
        int64_t l;
        uint16_t h;
        int8_t s;
        uint8_t u;
    } value;
    memcpy(&value, raw, element_size(type));
    switch (type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
        return value.f;
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
        return (float)value.d;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32:
        return (float)value.i;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
        return (float)value.l;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT8:
        return (float)value.s;
    case ONNX__TENSOR_PROTO__DATA_TYPE__UINT8:
        return (float)value.u;
    default:
        return smt_half_to_float(value.h);
    }
}

/* Constants of nodes may have none. */
static const char *name_of(const Onnx__TensorProto *tensor)
{
    return tensor->name ? tensor->name : "";
}

/* The file, beside the model, that holds the tensor's bytes from *offset on; for smt_free. */
static smt_status locate_external(const char *path,
                                  const Onnx__TensorProto *tensor,
                                  char **file,
                                  unsigned long long *offset,
                                  smt_error *error)
{
    const char *location = NULL;
    *offset = 0;
    for (size_t i = 0; i < tensor->n_external_data; i++) {
        const Onnx__StringStringEntryProto *entry = tensor->external_data[i];
        if (entry->key && entry->value && strcmp(entry->key, "location") == 0) {
            location = entry->value;
        } else if (entry->key && entry->value && strcmp(entry->key, "offset") == 0) {
            *offset = strtoull(entry->value, NULL, 10);
        }
    }
    if (!location || !*location || strchr(location, '/') || strchr(location, '\\') ||
        location[0] == '.') {
        return smt_fail(error,
                        SMT_ERR_FORMAT,
                        "%s: tensor '%s' names no usable file for its data ('%s'); it must lie "
                        "beside the model",
                        path,
                        name_of(tensor),
                        location ? location : "");
    }
    *file = smt_format("%.*s%s", (int)(smt_path_name(path) - path), path, location);
    return *file ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
}

/* The bytes of a tensor that is kept in a file of its
 * own, in the model's folder. Freed by the caller. */
static smt_status load_external(const char *path,
                                const Onnx__TensorProto *tensor,
                                size_t bytes,
                                uint8_t **out,
                                smt_error *error)
{
    char *name = NULL;
    unsigned long long offset;
    FILE *stream = NULL;
    uint8_t *data = NULL;
    smt_status status = locate_external(path, tensor, &name, &offset, error);
    if (status) {
        return status;
    }
    stream = fopen(name, "rb");
    if (!stream) {
        status = smt_fail(error,
                          SMT_ERR_IO,
                          "%s: the weights are in a second file, %s, which cannot be read; copy it "
                          "beside the model",
                          path,
                          name);
        goto done;
    }
    if (fseek(stream, 0, SEEK_END)) {
        status = smt_fail(error, SMT_ERR_IO, "%s: cannot read", name);
        goto done;
    }
    long long length = ftell(stream);
    if (length < 0 || offset > (unsigned long long)length ||
        bytes > (unsigned long long)length - offset) {
        status = smt_fail(error,
                          SMT_ERR_FORMAT,
                          "%s: too short for tensor '%s' of %s (%zu bytes at %llu of %lld)",
                          name,
                          name_of(tensor),
                          path,
                          bytes,
                          offset,
                          length);
        goto done;
    }
    data = smt_alloc(bytes, 1);
    if (!data) {
        status = smt_fail(
            error, SMT_ERR_MEMORY, "%s: out of memory for tensor '%s'", path, name_of(tensor));
        goto done;
    }
    if (fseek(stream, (long)offset, SEEK_SET) || fread(data, 1, bytes, stream) != bytes) {
        status = smt_fail(error, SMT_ERR_IO, "%s: cannot read", name);
        goto done;
    }
    *out = data;
    data = NULL;
    status = SMT_OK;
done:
    if (stream) {
        fclose(stream);
    }
    smt_free(data);
    smt_free(name);
    return status;
}

static smt_status take_raw(const char *path,
                           const Onnx__TensorProto *tensor,
                           onnx_constant *constant,
                           smt_error *error)
{
    size_t size = element_size(tensor->data_type);
    size_t bytes = constant->count * size;
    uint8_t *external = NULL;
    const uint8_t *raw = tensor->raw_data.data;
    if (tensor->has_data_location &&
        tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) {
        smt_status status = load_external(path, tensor, bytes, &external, error);
        if (status) {
            return status;
        }
        raw = external;
    } else if (tensor->raw_data.len != bytes) {
        return smt_fail(error,
                        SMT_ERR_FORMAT,
                        "%s: tensor '%s' holds %zu bytes, its shape needs %zu",
                        path,
                        name_of(tensor),
                        tensor->raw_data.len,
                        bytes);
    }
    for (size_t i = 0; i < constant->count; i++) {
        constant->data[i] = element(tensor->data_type, raw + i * size);
    }
    smt_free(external);
    return SMT_OK;
}

static smt_status read_shape(const char *path,
                             const char *name,
                             const Onnx__TensorProto *tensor,
                             onnx_constant *out,
                             smt_error *error)
{
    if (tensor->n_dims > 8) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: tensor '%s' has %zu dimensions",
                        path,
                        name,
                        tensor->n_dims);
    }
    for (size_t i = 0; i < tensor->n_dims; i++) {
        int64_t dim = tensor->dims[i];
        out->dim[i] = dim;
        if (dim < 0 || dim > ONNX_MAX_ELEMENTS ||
            (dim && out->count > (size_t)(ONNX_MAX_ELEMENTS / dim))) {
            return smt_fail(error,
                            SMT_ERR_LIMIT,
                            "%s: tensor '%s' has an absurd shape (dimension %zu is %lld)",
                            path,
                            name,
                            i,
                            (long long)dim);
        }
        out->count *= (size_t)dim;
    }
    return SMT_OK;
}

/* The values of the typed lists, one after another: a sound file fills one of them. */
static void take_typed(const Onnx__TensorProto *tensor, float *to)
{
    for (size_t i = 0; i < tensor->n_float_data; i++) {
        *to++ = tensor->float_data[i];
    }
    for (size_t i = 0; i < tensor->n_double_data; i++) {
        *to++ = (float)tensor->double_data[i];
    }
    for (size_t i = 0; i < tensor->n_int32_data; i++) {
        *to++ = tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16
                    ? smt_half_to_float((uint16_t)tensor->int32_data[i])
                    : (float)tensor->int32_data[i];
    }
    for (size_t i = 0; i < tensor->n_int64_data; i++) {
        *to++ = (float)tensor->int64_data[i];
    }
}

smt_status onnx_tensor_decode(const char *path,
                              const Onnx__TensorProto *tensor,
                              onnx_constant *out,
                              smt_error *error)
{
    const char *name = name_of(tensor);
    onnx_constant constant = {.rank = (int)tensor->n_dims, .count = 1};
    smt_status status = read_shape(path, name, tensor, &constant, error);
    if (status) {
        return status;
    }
    if (!element_size(tensor->data_type)) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: tensor '%s' has element type %d; float, double, float16, int8, uint8, "
                        "int32 and int64 are read",
                        path,
                        name,
                        tensor->data_type);
    }
    bool external = tensor->has_data_location &&
                    tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    bool raw = tensor->has_raw_data || external;
    size_t typed =
        tensor->n_float_data + tensor->n_double_data + tensor->n_int32_data + tensor->n_int64_data;
    if (!raw && typed != constant.count) {
        return smt_fail(error,
                        SMT_ERR_FORMAT,
                        "%s: tensor '%s' holds %zu values, its shape needs %zu",
                        path,
                        name,
                        typed,
                        constant.count);
    }
    constant.data = smt_alloc(constant.count, sizeof(float));
    if (!constant.data) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory for tensor '%s'", path, name);
    }
    if (raw) {
        status = take_raw(path, tensor, &constant, error);
        if (status) {
            smt_free(constant.data);
            return status;
        }
    } else {
        take_typed(tensor, constant.data);
    }
    *out = constant;
    return SMT_OK;
}
