/* Reads safetensors: u64 header length, JSON header {"name": {"dtype", "shape", "data_offsets"},
 * "__metadata__": {text: text}}, then the data. As in the format's reference, the tensors must
 * cover the data exactly: no gaps, no overlaps, nothing left over. So a file has one meaning and
 * nothing hides in it. */
#include "format/half.h"
#include "format/sniff.h"
#include "format/tensor_file.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    const char *name; /* into the JSON */
    int rank;
    int64_t dim[SMT_TENSOR_RANK];
    size_t count;
    uint64_t begin, end;
    int type; /* into `types` */
} entry;

static const struct {
    const char *name;
    unsigned bytes;
    int dtype; /* -1: checked, but not kept */
} types[] = {
    {"F32", 4, SMT_DTYPE_F32},
    {"F16", 2, SMT_DTYPE_F16},
    {"BF16", 2, SMT_DTYPE_BF16},
    {"F64", 8, SMT_DTYPE_F64},
    {"I64", 8, -1},
    {"I32", 4, -1},
    {"I16", 2, -1},
    {"I8", 1, -1},
    {"U64", 8, -1},
    {"U32", 4, -1},
    {"U16", 2, -1},
    {"U8", 1, -1},
    {"BOOL", 1, -1},
};

static smt_status bad(smt_error *error, const char *file, const char *tensor, const char *why)
{
    return smt_fail(
        error, SMT_ERR_FORMAT, "%s: tensor '%.80s': %s; the file is damaged", file, tensor, why);
}

static smt_status
read_entry(const char *file, const char *name, const json_t *value, entry *out, smt_error *error)
{
    const json_t *dtype = json_object_get(value, "dtype");
    const json_t *shape = json_object_get(value, "shape");
    const json_t *offsets = json_object_get(value, "data_offsets");
    if (!json_is_string(dtype) || !json_is_array(shape) || !json_is_array(offsets) ||
        json_array_size(offsets) != 2) {
        return bad(error, file, name, "dtype, shape or data_offsets is missing");
    }
    *out = (entry){.name = name, .type = -1, .count = 1};
    for (int i = 0; i < (int)(sizeof types / sizeof *types); i++) {
        if (strcmp(json_string_value(dtype), types[i].name) == 0) {
            out->type = i;
        }
    }
    if (out->type < 0) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: tensor '%.80s' has type '%.20s'; F32, F16, BF16 and F64 can be read",
                        file,
                        name,
                        json_string_value(dtype));
    }
    if (json_array_size(shape) > SMT_TENSOR_RANK) {
        return bad(error, file, name, "it has more than 8 dimensions");
    }
    out->rank = (int)json_array_size(shape);
    for (int i = 0; i < out->rank; i++) {
        const json_t *side = json_array_get(shape, (size_t)i);
        json_int_t n = json_integer_value(side);
        if (!json_is_integer(side) || n < 0) {
            return bad(error, file, name, "its shape is not a list of sizes");
        }
        out->dim[i] = n;
        /* A zero later in the list must not excuse an overflow before it. */
        if (n && out->count > SIZE_MAX / 16 / (size_t)n) {
            return bad(error, file, name, "its shape needs more bytes than a file has");
        }
        out->count *= (size_t)n;
    }
    for (int i = 0; i < 2; i++) {
        const json_t *offset = json_array_get(offsets, (size_t)i);
        json_int_t n = json_integer_value(offset);
        if (!json_is_integer(offset) || n < 0) {
            return bad(error, file, name, "its data_offsets are not places in a file");
        }
        *(i ? &out->end : &out->begin) = (uint64_t)n;
    }
    if (out->end < out->begin ||
        out->end - out->begin != (uint64_t)out->count * types[out->type].bytes) {
        return bad(error, file, name, "data_offsets do not fit its shape and type");
    }
    return SMT_OK;
}

static int by_offset(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->begin != y->begin) {
        return x->begin < y->begin ? -1 : 1;
    }
    /* Tensors without elements come before the one that starts at the same byte. */
    return (x->end > y->end) - (x->end < y->end);
}

static void convert(const entry *e, const unsigned char *from, float *to)
{
    for (size_t i = 0; i < e->count; i++) {
        uint16_t half;
        uint32_t bits;
        double wide;
        switch (types[e->type].dtype) {
        case SMT_DTYPE_F16:
            memcpy(&half, from + 2 * i, 2);
            to[i] = smt_half_to_float(half);
            break;
        case SMT_DTYPE_BF16:
            memcpy(&half, from + 2 * i, 2);
            bits = (uint32_t)half << 16;
            memcpy(&to[i], &bits, 4);
            break;
        case SMT_DTYPE_F64:
            memcpy(&wide, from + 8 * i, 8);
            to[i] = (float)wide;
            break;
        default:
            memcpy(&to[i], from + 4 * i, 4);
            break;
        }
    }
}

static smt_status
read_metadata(const char *file, const json_t *object, smt_tensor_file *out, smt_error *error)
{
    void *at = json_object_iter((json_t *)(uintptr_t)object);
    if (!json_is_object(object)) {
        return smt_fail(
            error, SMT_ERR_FORMAT, "%s: __metadata__ is not an object; the file is damaged", file);
    }
    for (; at; at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        const json_t *value = json_object_iter_value(at);
        if (!json_is_string(value)) {
            return smt_fail(error,
                            SMT_ERR_FORMAT,
                            "%s: __metadata__ '%.80s' is not a text; the file is damaged",
                            file,
                            json_object_iter_key(at));
        }
        smt_status status =
            smt_tensor_file_set(out, json_object_iter_key(at), json_string_value(value), error);
        if (status) {
            return status;
        }
    }
    return SMT_OK;
}

static smt_status read_tensors(const char *name,
                               const json_t *header,
                               const unsigned char *data,
                               uint64_t data_bytes,
                               smt_tensor_file *out,
                               smt_error *error)
{
    smt_status status = SMT_OK;
    size_t count = 0;
    uint64_t covered = 0;
    json_t *object = (json_t *)(uintptr_t)header;
    entry *entries = smt_alloc(json_object_size(header), sizeof *entries);
    if (!entries) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", name);
    }
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);
        if (strcmp(key, "__metadata__") == 0) {
            status = read_metadata(name, json_object_iter_value(at), out, error);
        } else if (!*key) {
            status = bad(error, name, key, "its name is empty");
        } else {
            status = read_entry(name, key, json_object_iter_value(at), &entries[count++], error);
        }
        if (status) {
            goto done;
        }
    }
    qsort(entries, count, sizeof *entries, by_offset);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].begin != covered) {
            status = bad(error,
                         name,
                         entries[i].name,
                         entries[i].begin < covered ? "it overlaps another one"
                                                    : "there is a gap before it");
            goto done;
        }
        covered = entries[i].end;
    }
    if (covered > data_bytes) {
        status = smt_fail(error,
                          SMT_ERR_FORMAT,
                          "%s: the file ends inside its tensors (%llu of %llu bytes); it was cut",
                          name,
                          (unsigned long long)data_bytes,
                          (unsigned long long)covered);
        goto done;
    }
    if (covered < data_bytes) {
        status = smt_fail(error,
                          SMT_ERR_FORMAT,
                          "%s: %llu bytes follow the last tensor; the file is damaged",
                          name,
                          (unsigned long long)(data_bytes - covered));
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        const entry *e = &entries[i];
        if (types[e->type].dtype < 0) {
            out->ignored_count++;
            continue;
        }
        smt_tensor *tensor = smt_tensor_file_append(
            out, e->name, (smt_dtype)types[e->type].dtype, e->rank, e->dim, e->count, error);
        if (!tensor) {
            status = SMT_ERR_MEMORY;
            goto done;
        }
        convert(e, data + e->begin, tensor->data);
    }
done:
    smt_free(entries);
    return status;
}

smt_status smt_safetensors_parse(
    const void *data, size_t size, const char *name, smt_tensor_file **out, smt_error *error)
{
    const unsigned char *bytes = data;
    smt_tensor_file *file = NULL;
    json_t *header = NULL;
    smt_status status;
    json_error_t detail;
    uint64_t length = 0;
    for (int i = 0; i < 8 && size >= 8; i++) {
        length |= (uint64_t)bytes[i] << (8 * i);
    }
    if (size < 10 || length < 2 || bytes[8] != '{') {
        const char *what = smt_sniff(data, size);
        return smt_fail(error,
                        SMT_ERR_FORMAT,
                        "%s: not a safetensors file%s%s",
                        name,
                        what ? "; it is " : "",
                        what ? what : "");
    }
    if (length > SMT_TENSOR_HEADER_MAX) {
        return smt_fail(error,
                        SMT_ERR_LIMIT,
                        "%s: a header of %llu bytes; at most %d are allowed",
                        name,
                        (unsigned long long)length,
                        SMT_TENSOR_HEADER_MAX);
    }
    if (length > size - 8) {
        return smt_fail(error,
                        SMT_ERR_FORMAT,
                        "%s: the file ends inside its header (%zu of %llu bytes); it was cut",
                        name,
                        size - 8,
                        (unsigned long long)length);
    }
    header = json_loadb((const char *)bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &detail);
    if (!header && json_error_code(&detail) == json_error_out_of_memory) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", name);
        goto failed;
    }
    if (!json_is_object(header)) {
        status = smt_fail(error,
                          SMT_ERR_FORMAT,
                          "%s: its header is not a JSON object: %s",
                          name,
                          header ? "another value" : detail.text);
        goto failed;
    }
    if (json_object_size(header) > SMT_TENSOR_MAX) {
        status = smt_fail(error,
                          SMT_ERR_LIMIT,
                          "%s: %zu tensors; at most %d are allowed",
                          name,
                          json_object_size(header),
                          SMT_TENSOR_MAX);
        goto failed;
    }
    status = smt_tensor_file_create(&file, error);
    if (!status) {
        status = read_tensors(name, header, bytes + 8 + length, size - 8 - length, file, error);
    }
    if (status) {
        goto failed;
    }
    json_decref(header);
    *out = file;
    return SMT_OK;
failed:
    json_decref(header);
    smt_tensor_file_destroy(&file);
    return status;
}

smt_status smt_safetensors_load(const char *path, smt_tensor_file **out, smt_error *error)
{
    void *data = NULL;
    size_t size = 0;
    smt_status status = smt_file_load(path, 0, &data, &size, error);
    if (!status) {
        status = smt_safetensors_parse(data, size, path, out, error);
    }
    smt_free(data);
    return status;
}
