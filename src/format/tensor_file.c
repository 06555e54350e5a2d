/* The store of named tensors behind safetensors. */
#include "format/tensor_file.h"

#include "base/room.h"

#include <stdio.h>
#include <string.h>

smt_status smt_tensor_file_create(smt_tensor_file **out, smt_error *error)
{
    smt_tensor_file *file = smt_alloc(1, sizeof *file);
    if (!file) {
        return smt_fail(error, SMT_ERR_MEMORY, "tensors: out of memory");
    }
    *out = file;
    return SMT_OK;
}

void smt_tensor_file_destroy(smt_tensor_file **file)
{
    if (!file || !*file) {
        return;
    }
    for (size_t i = 0; i < (*file)->count; i++) {
        smt_free((*file)->tensors[i].name);
        smt_free((*file)->tensors[i].data);
    }
    for (size_t i = 0; i < (*file)->metadata_count; i++) {
        smt_free((*file)->keys[i]);
        smt_free((*file)->values[i]);
    }
    smt_free((*file)->tensors);
    smt_free((*file)->keys);
    smt_free((*file)->values);
    smt_free(*file);
    *file = NULL;
}

const smt_tensor *smt_tensor_file_find(const smt_tensor_file *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++) {
        if (strcmp(file->tensors[i].name, name) == 0) {
            return &file->tensors[i];
        }
    }
    return NULL;
}

const char *smt_tensor_file_get(const smt_tensor_file *file, const char *key)
{
    for (size_t i = 0; i < file->metadata_count; i++) {
        if (strcmp(file->keys[i], key) == 0) {
            return file->values[i];
        }
    }
    return NULL;
}

smt_tensor *smt_tensor_file_append(smt_tensor_file *file,
                                   const char *name,
                                   smt_dtype dtype,
                                   int rank,
                                   const int64_t *dim,
                                   size_t count,
                                   smt_error *error)
{
    if (!SMT_ROOM(file->tensors, file->count, file->capacity)) {
        goto memory;
    }
    smt_tensor *tensor = &file->tensors[file->count];
    memset(tensor, 0, sizeof *tensor);
    tensor->name = smt_strdup(name);
    tensor->data = smt_alloc(count, sizeof *tensor->data);
    if (!tensor->name || !tensor->data) {
        smt_free(tensor->name);
        smt_free(tensor->data);
        goto memory;
    }
    tensor->dtype = dtype;
    tensor->rank = rank;
    tensor->count = count;
    for (int i = 0; i < rank; i++) {
        tensor->dim[i] = dim[i];
    }
    file->count++;
    return tensor;
memory:
    smt_fail(error, SMT_ERR_MEMORY, "tensor '%s': out of memory", name);
    return NULL;
}

smt_status smt_tensor_file_add(smt_tensor_file *file,
                               const char *name,
                               smt_dtype dtype,
                               int rank,
                               const int64_t *dim,
                               const float *data,
                               smt_error *error)
{
    size_t count = 1;
    if (!*name || !smt_utf8_valid(name) || strcmp(name, "__metadata__") == 0 ||
        smt_tensor_file_find(file, name)) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "tensor '%s': the name is empty, reserved, taken or not UTF-8",
                        name);
    }
    if (file->count >= SMT_TENSOR_MAX) {
        return smt_fail(
            error, SMT_ERR_LIMIT, "tensor '%s': more than %d tensors", name, SMT_TENSOR_MAX);
    }
    if (rank < 0 || rank > SMT_TENSOR_RANK || (dtype != SMT_DTYPE_F32 && dtype != SMT_DTYPE_F16)) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "tensor '%s': rank %d or type %d cannot be stored",
                        name,
                        rank,
                        (int)dtype);
    }
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 0 || (count && (uint64_t)dim[i] > SIZE_MAX / sizeof(float) / count)) {
            return smt_fail(error, SMT_ERR_ARGUMENT, "tensor '%s': bad shape", name);
        }
        count *= (size_t)dim[i];
    }
    smt_tensor *tensor = smt_tensor_file_append(file, name, dtype, rank, dim, count, error);
    if (!tensor) {
        return SMT_ERR_MEMORY;
    }
    if (count) {
        memcpy(tensor->data, data, count * sizeof *data);
    }
    return SMT_OK;
}

smt_status
smt_tensor_file_set(smt_tensor_file *file, const char *key, const char *value, smt_error *error)
{
    char *copy = smt_strdup(value);
    char *name = smt_strdup(key);
    if (!copy || !name) {
        goto memory;
    }
    for (size_t i = 0; i < file->metadata_count; i++) {
        if (strcmp(file->keys[i], key) == 0) {
            smt_free(file->values[i]);
            file->values[i] = copy;
            smt_free(name);
            return SMT_OK;
        }
    }
    if (file->metadata_count == file->metadata_capacity) {
        size_t old = file->metadata_count, more = old ? 2 * old : 8;
        char **keys = smt_realloc(file->keys, old, more, sizeof *keys);
        if (!keys) {
            goto memory;
        }
        file->keys = keys;
        char **values = smt_realloc(file->values, old, more, sizeof *values);
        if (!values) {
            goto memory;
        }
        file->values = values;
        file->metadata_capacity = more;
    }
    file->keys[file->metadata_count] = name;
    file->values[file->metadata_count++] = copy;
    return SMT_OK;
memory:
    smt_free(copy);
    smt_free(name);
    return smt_fail(error, SMT_ERR_MEMORY, "metadata '%s': out of memory", key);
}

const char *smt_shape_text(const int64_t *dim, int rank, char *text, size_t size)
{
    size_t at = 0;
    text[0] = 0;
    for (int i = 0; i < rank && at < size; i++) {
        at += (size_t)snprintf(text + at, size - at, "%s%lld", i ? " x " : "", (long long)dim[i]);
    }
    return text;
}
