/* Writes safetensors. As in the format's reference, the header is padded with blanks to 8 bytes and
 * wider types come first, so that every tensor is aligned to its type. */
#include "format/half.h"

#include <semtinel/format.h>

#include <jansson.h>
#include <math.h>
#include <string.h>

static smt_status check_values(const smt_tensor *tensor, const char *path, smt_error *error)
{
    for (size_t i = 0; tensor->dtype == SMT_DTYPE_F16 && i < tensor->count; i++) {
        if (isfinite(tensor->data[i]) && fabsf(tensor->data[i]) >= 65520.0f) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "%s: tensor '%s' holds %g, which float16 cannot; save as float32",
                            path,
                            tensor->name,
                            (double)tensor->data[i]);
        }
    }
    return SMT_OK;
}

/* k in [0, 2 count): first all float32 tensors, then all float16 ones; NULL: not its turn. */
static const smt_tensor *in_order(const smt_tensor_file *file, size_t k)
{
    const smt_tensor *t = &file->tensors[k % file->count];
    return (t->dtype == SMT_DTYPE_F16) == (k >= file->count) ? t : NULL;
}

static json_t *make_header(const smt_tensor_file *file)
{
    json_t *header = json_object();
    json_t *metadata = json_object();
    int failed = !header || !metadata;
    for (size_t i = 0; i < file->metadata_count; i++) {
        failed |= json_object_set_new(metadata, file->keys[i], json_string(file->values[i]));
    }
    failed |= json_object_set_new(header, "__metadata__", metadata);
    json_int_t offset = 0;
    for (size_t k = 0; k < 2 * file->count; k++) {
        const smt_tensor *t = in_order(file, k);
        if (!t) {
            continue;
        }
        json_t *shape = json_array();
        for (int d = 0; d < t->rank; d++) {
            failed |= json_array_append_new(shape, json_integer(t->dim[d]));
        }
        json_int_t bytes = (json_int_t)(t->count * (t->dtype == SMT_DTYPE_F16 ? 2 : 4));
        json_t *row = json_pack("{s:s, s:o, s:[I, I]}",
                                "dtype",
                                t->dtype == SMT_DTYPE_F16 ? "F16" : "F32",
                                "shape",
                                shape,
                                "data_offsets",
                                offset,
                                offset + bytes);
        failed |= !row || json_object_set_new(header, t->name, row);
        offset += bytes;
    }
    if (failed) {
        json_decref(header);
        return NULL;
    }
    return header;
}

smt_status smt_safetensors_save(const smt_tensor_file *file, const char *path, smt_error *error)
{
    smt_status status = SMT_OK;
    for (size_t i = 0; !status && i < file->count; i++) {
        status = check_values(&file->tensors[i], path, error);
    }
    if (status) {
        return status;
    }
    smt_file *out = NULL;
    json_t *header = make_header(file);
    char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    if (!text) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: a name or a metadata text is not UTF-8, or memory is short",
                        path);
    }
    size_t length = strlen(text), padded = (length + 7) & ~(size_t)7;
    unsigned char prefix[8];
    if (padded > SMT_TENSOR_HEADER_MAX) {
        status =
            smt_fail(error, SMT_ERR_LIMIT, "%s: %zu bytes of header are too many", path, padded);
        goto done;
    }
    status = smt_file_create(path, &out, error);
    if (status) {
        goto done;
    }
    for (int i = 0; i < 8; i++) {
        prefix[i] = (unsigned char)(padded >> (8 * i));
    }
    smt_file_write(out, prefix, 8);
    smt_file_write(out, text, length);
    smt_file_write(out, "       ", padded - length);
    for (size_t i = 0; i < 2 * file->count; i++) {
        const smt_tensor *t = in_order(file, i);
        if (!t) {
            continue;
        }
        if (t->dtype != SMT_DTYPE_F16) {
            smt_file_write(out, t->data, t->count * sizeof *t->data);
            continue;
        }
        uint16_t chunk[1024];
        for (size_t at = 0; at < t->count;) {
            size_t n = t->count - at < 1024 ? t->count - at : 1024;
            for (size_t k = 0; k < n; k++) {
                chunk[k] = smt_half_from_float(t->data[at + k]);
            }
            smt_file_write(out, chunk, n * sizeof *chunk);
            at += n;
        }
    }
    status = smt_file_commit(&out, error);
done:
    free(text);
    return status;
}
