/* PyTorch's .pth: a zip with a pickle (data.pkl) that
 * describes tensors, and one member a storage (data/KEY). */
#include "format/half.h"
#include "format/pickle.h"
#include "format/sniff.h"
#include "format/torch.h"

#include <zip.h>

#include <string.h>

#define MAX_PICKLE (64u << 20)
#define MAX_STORAGE ((uint64_t)1 << 30)

typedef struct pth_reader {
    const char *path;
    zip_t *zip;
    char *prefix; /* "archive/": what stands before data.pkl */
    pickle parsed;
    smt_tensor_file *out;
    smt_error *error;
} pth_reader;

static smt_status
read_member(pth_reader *r, const char *name, uint64_t limit, void **data, size_t *size)
{
    zip_stat_t info;
    zip_stat_init(&info);
    if (zip_stat(r->zip, name, 0, &info) || !(info.valid & ZIP_STAT_SIZE)) {
        return smt_fail(
            r->error, SMT_ERR_FORMAT, "%s: has no member '%s'; the file is damaged", r->path, name);
    }
    if (info.size > limit) {
        return smt_fail(r->error,
                        SMT_ERR_LIMIT,
                        "%s: member '%s' is %llu bytes; at most %llu are expected",
                        r->path,
                        name,
                        (unsigned long long)info.size,
                        (unsigned long long)limit);
    }
    char *buffer = smt_alloc((size_t)info.size + 1, 1);
    if (!buffer) {
        return smt_fail(
            r->error, SMT_ERR_MEMORY, "%s: out of memory for member '%s'", r->path, name);
    }
    zip_file_t *member = zip_fopen(r->zip, name, 0);
    zip_int64_t got = member ? zip_fread(member, buffer, info.size) : -1;
    if (member) {
        zip_fclose(member);
    }
    if (got < 0 || (uint64_t)got != info.size) {
        smt_free(buffer);
        return smt_fail(
            r->error, SMT_ERR_FORMAT, "%s: member '%s' is cut or damaged", r->path, name);
    }
    *data = buffer;
    *size = (size_t)info.size;
    return SMT_OK;
}

static size_t element_size(int64_t type)
{
    switch (type) {
    case GLOBAL_FLOAT:
        return 4;
    case GLOBAL_DOUBLE:
        return 8;
    case GLOBAL_HALF:
    case GLOBAL_BFLOAT16:
        return 2;
    default:
        return 0; /* integers (num_batches_tracked) are not kept */
    }
}

static float element(int64_t type, const uint8_t *raw)
{
    union {
        float f;
        double d;
        uint32_t u;
        uint16_t h;
    } v = {.d = 0};
    memcpy(&v, raw, element_size(type));
    switch (type) {
    case GLOBAL_FLOAT:
        return v.f;
    case GLOBAL_DOUBLE:
        return (float)v.d;
    case GLOBAL_BFLOAT16: {
        uint32_t bits = (uint32_t)v.h << 16;
        float value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    default:
        return smt_half_to_float(v.h);
    }
}

/* Sizes and strides of a tensor, and how far into the storage it reaches. */
static smt_status shape_of(pth_reader *r,
                           const char *name,
                           const pickle_value *tensor,
                           smt_tensor *shape,
                           int64_t *stride,
                           int64_t *last)
{
    const pickle_value *values = r->parsed.values;
    const pickle_value *sizes = &values[tensor->links[1]], *strides = &values[tensor->links[2]];
    *last = tensor->integer;
    shape->count = 1;
    if (sizes->count > SMT_TENSOR_RANK || sizes->count != strides->count || tensor->integer < 0 ||
        tensor->integer > (int64_t)MAX_STORAGE) {
        return smt_fail(r->error, SMT_ERR_FORMAT, "%s: tensor '%s' has a bad shape", r->path, name);
    }
    shape->rank = (int)sizes->count;
    for (uint32_t i = 0; i < sizes->count; i++) {
        const pickle_value *d = &values[sizes->links[i]], *s = &values[strides->links[i]];
        if (d->kind != PICKLE_INT || s->kind != PICKLE_INT || d->integer < 1 || s->integer < 0 ||
            d->integer > (int64_t)(MAX_STORAGE / shape->count) ||
            s->integer > (int64_t)MAX_STORAGE) {
            return smt_fail(
                r->error, SMT_ERR_FORMAT, "%s: tensor '%s' has an absurd shape", r->path, name);
        }
        shape->dim[i] = d->integer;
        shape->count *= (size_t)d->integer;
        stride[i] = s->integer;
        *last += (d->integer - 1) * s->integer;
        if (*last > (int64_t)MAX_STORAGE) {
            return smt_fail(r->error,
                            SMT_ERR_FORMAT,
                            "%s: tensor '%s' reaches outside its data",
                            r->path,
                            name);
        }
    }
    return SMT_OK;
}

static smt_status take_tensor(pth_reader *r, const char *name, const pickle_value *tensor)
{
    const pickle_value *storage = &r->parsed.values[tensor->links[0]];
    size_t size = element_size(storage->integer), bytes = 0;
    if (!size) {
        return SMT_OK;
    }
    smt_tensor shape = {0};
    int64_t stride[SMT_TENSOR_RANK] = {0}, last = 0;
    smt_status status = shape_of(r, name, tensor, &shape, stride, &last);
    if (status) {
        return status;
    }
    void *raw = NULL;
    float *values = NULL;
    char *member = smt_format("%sdata/%.*s", r->prefix, (int)storage->length, storage->text);
    if (!member) {
        return smt_fail(r->error, SMT_ERR_MEMORY, "%s: out of memory", r->path);
    }
    status = read_member(r, member, MAX_STORAGE, &raw, &bytes);
    if (status) {
        goto done;
    }
    if ((uint64_t)last + 1 > bytes / size) {
        status = smt_fail(r->error,
                          SMT_ERR_FORMAT,
                          "%s: tensor '%s' reaches to element %lld of '%s', which holds %zu",
                          r->path,
                          name,
                          (long long)last,
                          member,
                          bytes / size);
        goto done;
    }
    values = smt_alloc(shape.count, sizeof *values);
    if (!values) {
        status = smt_fail(r->error, SMT_ERR_MEMORY, "%s: out of memory for '%s'", r->path, name);
        goto done;
    }
    for (size_t i = 0; i < shape.count; i++) {
        size_t rest = i;
        int64_t at = tensor->integer;
        for (int d = shape.rank - 1; d >= 0; d--) {
            at += (int64_t)(rest % (size_t)shape.dim[d]) * stride[d];
            rest /= (size_t)shape.dim[d];
        }
        values[i] = element(storage->integer, (const uint8_t *)raw + (size_t)at * size);
    }
    smt_error why;
    status = smt_tensor_file_add(r->out, name, SMT_DTYPE_F32, shape.rank, shape.dim, values, &why);
    if (status) {
        smt_fail(r->error, status, "%s: %s", r->path, why.message);
    }
done:
    smt_free(values);
    smt_free(raw);
    smt_free(member);
    return status;
}

static bool holds_tensors(const pickle *p, const pickle_value *dict)
{
    for (uint32_t i = 1; dict->kind == PICKLE_DICT && i < dict->count; i += 2) {
        if (p->values[dict->links[i]].kind == PICKLE_TENSOR) {
            return true;
        }
    }
    return false;
}

/* The dictionary of tensors: the root, or one of its members of a usual name. */
static const pickle_value *find_state(const pickle *p)
{
    static const char *const names[] = {"state_dict", "model_state_dict", "model"};
    const pickle_value *root = &p->values[p->root];
    if (holds_tensors(p, root)) {
        return root;
    }
    for (uint32_t i = 0; root->kind == PICKLE_DICT && i + 1 < root->count; i += 2) {
        const pickle_value *key = &p->values[root->links[i]],
                           *value = &p->values[root->links[i + 1]];
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            if (key->kind == PICKLE_TEXT && key->length == strlen(names[k]) &&
                memcmp(key->text, names[k], key->length) == 0 && holds_tensors(p, value)) {
                return value;
            }
        }
    }
    return NULL;
}

/* What wrappers put before every name: "module." (DataParallel), "model." (Lightning), "_orig_mod."
 * (torch.compile). Told from torchvision's first layer. */
static size_t prefix_of(const pickle *p, const pickle_value *state, const char **prefix)
{
    static const char first[] = "features.0.0.weight";
    const size_t length = sizeof first - 1;
    for (uint32_t i = 0; i + 1 < state->count; i += 2) {
        const pickle_value *key = &p->values[state->links[i]];
        if (key->kind == PICKLE_TEXT && key->length >= length &&
            memcmp(key->text + key->length - length, first, length) == 0) {
            *prefix = key->text;
            return key->length - length;
        }
    }
    *prefix = "";
    return 0;
}

static smt_status take_state(pth_reader *r)
{
    const pickle_value *state = find_state(&r->parsed);
    if (!state) {
        return smt_fail(
            r->error,
            SMT_ERR_UNSUPPORTED,
            "%s: holds no dictionary of tensors; save with torch.save(model.state_dict(), FILE)",
            r->path);
    }
    const char *prefix;
    size_t prefix_length = prefix_of(&r->parsed, state, &prefix);
    for (uint32_t i = 0; i + 1 < state->count; i += 2) {
        const pickle_value *key = &r->parsed.values[state->links[i]];
        const pickle_value *value = &r->parsed.values[state->links[i + 1]];
        if (key->kind != PICKLE_TEXT || value->kind != PICKLE_TENSOR) {
            continue;
        }
        char name[256];
        if (key->length >= sizeof name) {
            return smt_fail(r->error,
                            SMT_ERR_LIMIT,
                            "%s: a tensor's name is %zu bytes long",
                            r->path,
                            key->length);
        }
        memcpy(name, key->text, key->length);
        name[key->length] = 0;
        bool wrapped = key->length >= prefix_length && memcmp(name, prefix, prefix_length) == 0;
        smt_status status = take_tensor(r, name + (wrapped ? prefix_length : 0), value);
        if (status) {
            return status;
        }
    }
    return SMT_OK;
}

static smt_status find_prefix(pth_reader *r, const void *data, size_t size)
{
    zip_int64_t count = zip_get_num_entries(r->zip, 0);
    for (zip_int64_t i = 0; i < count; i++) {
        const char *name = zip_get_name(r->zip, (zip_uint64_t)i, 0);
        size_t length = name ? strlen(name) : 0;
        if (length >= 8 && strcmp(name + length - 8, "data.pkl") == 0 &&
            (length == 8 || name[length - 9] == '/')) {
            r->prefix = smt_format("%.*s", (int)(length - 8), name);
            return r->prefix ? SMT_OK
                             : smt_fail(r->error, SMT_ERR_MEMORY, "%s: out of memory", r->path);
        }
    }
    return smt_fail(r->error,
                    SMT_ERR_FORMAT,
                    "%s: not a PyTorch file, which has a data.pkl inside: it is %s",
                    r->path,
                    smt_sniff(data, size));
}

static smt_status load_memory(pth_reader *r, const void *data, size_t size)
{
    if (size < 4 || memcmp(data, "PK\3\4", 4)) {
        const char *what = smt_sniff(data, size);
        return smt_fail(r->error,
                        SMT_ERR_FORMAT,
                        "%s: not a PyTorch zip file%s%s",
                        r->path,
                        what ? ": it is " : "; the form before PyTorch 1.6 is not read",
                        what ? what : "");
    }
    zip_error_t reason;
    zip_error_init(&reason);
    zip_source_t *source = zip_source_buffer_create(data, size, 0, &reason);
    r->zip = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &reason) : NULL;
    if (!r->zip) {
        if (source) {
            zip_source_free(source);
        }
        smt_status status = smt_fail(r->error,
                                     SMT_ERR_FORMAT,
                                     "%s: cut or damaged zip: %s",
                                     r->path,
                                     zip_error_strerror(&reason));
        zip_error_fini(&reason);
        return status;
    }
    zip_error_fini(&reason);
    void *text = NULL;
    size_t length = 0;
    char *member = NULL;
    smt_status status = find_prefix(r, data, size);
    if (status == SMT_OK) {
        member = smt_format("%sdata.pkl", r->prefix);
        status = member ? read_member(r, member, MAX_PICKLE, &text, &length)
                        : smt_fail(r->error, SMT_ERR_MEMORY, "%s: out of memory", r->path);
    }
    status = status ? status : pickle_parse(r->path, text, length, &r->parsed, r->error);
    status = status ? status : smt_tensor_file_create(&r->out, r->error);
    status = status ? status : take_state(r);
    pickle_free(&r->parsed);
    smt_free(text);
    smt_free(member);
    smt_free(r->prefix);
    zip_discard(r->zip);
    return status;
}

smt_status smt_pth_parse(
    const char *path, const void *data, size_t size, smt_tensor_file **out, smt_error *error)
{
    pth_reader r = {.path = path, .error = error};
    smt_status status = load_memory(&r, data, size);
    if (status) {
        smt_tensor_file_destroy(&r.out);
        return status;
    }
    *out = r.out;
    return SMT_OK;
}

smt_status smt_pth_load(const char *path, smt_tensor_file **out, smt_error *error)
{
    void *data = NULL;
    size_t size = 0;
    smt_status status = smt_file_load(path, 0, &data, &size, error);
    if (status == SMT_OK) {
        status = smt_pth_parse(path, data, size, out, error);
        smt_free(data);
    }
    return status;
}
