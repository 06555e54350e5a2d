/* Reading HDF5, after the "HDF5 File Format Specification Version 2.0" (The HDF Group). */
#include "format/hdf5.h"

#include <string.h>

#define MAX_STEPS 4000000 /* messages, tree nodes and names looked at in one file */
#define MAX_BLOCKS 64     /* continuation blocks of one object header */
#define MAX_DEPTH 8       /* levels of a B-tree */
#define MAX_TEXT 65536
#define NOWHERE UINT64_MAX

enum {
    MESSAGE_DATASPACE = 0x01,
    MESSAGE_LINK_INFO = 0x02,
    MESSAGE_DATATYPE = 0x03,
    MESSAGE_LINK = 0x06,
    MESSAGE_EXTERNAL = 0x07,
    MESSAGE_LAYOUT = 0x08,
    MESSAGE_FILTERS = 0x0b,
    MESSAGE_ATTRIBUTE = 0x0c,
    MESSAGE_CONTINUATION = 0x10,
    MESSAGE_SYMBOL_TABLE = 0x11,
    MESSAGE_ATTRIBUTE_INFO = 0x15
};

/* A stretch of the file. */
typedef struct span {
    const uint8_t *at;
    size_t size;
} span;

static uint64_t number(const uint8_t *at, size_t width)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

static smt_status damaged(const hdf5_reader *r, const char *what, uint64_t address)
{
    return smt_fail(r->error,
                    SMT_ERR_FORMAT,
                    "%s: cut or damaged: %s at byte %llu",
                    r->path,
                    what,
                    (unsigned long long)address);
}

static smt_status step(hdf5_reader *r)
{
    return ++r->steps > MAX_STEPS
               ? smt_fail(
                     r->error,
                     SMT_ERR_LIMIT,
                     "%s: its structure refers to itself, or is far larger than that of a network",
                     r->path)
               : SMT_OK;
}

static smt_status
take(const hdf5_reader *r, uint64_t address, uint64_t size, const char *what, const uint8_t **at)
{
    if (address > r->size || size > r->size - address) {
        return damaged(r, what, address);
    }
    *at = r->data + address;
    return SMT_OK;
}

smt_status
hdf5_open(hdf5_reader *reader, const char *path, const void *data, size_t size, smt_error *error)
{
    *reader = (hdf5_reader){.path = path, .data = data, .size = size, .error = error};
    const uint8_t *head = data;
    if (size < 8 || memcmp(head, "\x89HDF\r\n\x1a\n", 8)) {
        return smt_fail(error, SMT_ERR_FORMAT, "%s: not an HDF5 file", path);
    }
    if (size < 96) {
        return damaged(reader, "superblock", 0);
    }
    if (head[8] != 0 || head[13] != 8 || head[14] != 8 || number(head + 24, 8) != 0) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: HDF5 superblock version %d; Keras writes version 0 (h5py's default, "
                        "without libver='latest')",
                        path,
                        head[8]);
    }
    if (number(head + 40, 8) > size) {
        return smt_fail(error,
                        SMT_ERR_FORMAT,
                        "%s: cut: %zu of %llu bytes are there",
                        path,
                        size,
                        (unsigned long long)number(head + 40, 8));
    }
    reader->root = number(head + 64, 8);
    return SMT_OK;
}

/* ---- object headers ------------------------------------------------------------------------- */

typedef struct messages {
    hdf5_reader *r;
    uint64_t at, end;
    int left; /* messages that the header announces */
    struct {
        uint64_t at, size;
    } block[MAX_BLOCKS];
    int block_count, block_next;
} messages;

typedef struct message {
    unsigned type, flags;
    uint64_t address;
    span body;
} message;

static smt_status messages_begin(messages *m, hdf5_reader *r, uint64_t address)
{
    const uint8_t *head = NULL;
    *m = (messages){.r = r};
    smt_status status = take(r, address, 16, "object header", &head);
    if (status) {
        return status;
    }
    if (memcmp(head, "OHDR", 4) == 0) {
        return smt_fail(r->error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: object header of version 2 at byte %llu; Keras writes version 1 "
                        "(h5py's default, without libver='latest' and track_order)",
                        r->path,
                        (unsigned long long)address);
    }
    if (head[0] != 1) {
        return damaged(r, "object header", address);
    }
    m->left = (int)number(head + 2, 2);
    m->at = address + 16;
    m->end = m->at + number(head + 8, 4);
    return m->end > r->size ? damaged(r, "object header", address) : SMT_OK;
}

/* The next message; out->body.at NULL: there is none. */
static smt_status messages_next(messages *m, message *out)
{
    hdf5_reader *r = m->r;
    out->body = (span){NULL, 0};
    for (;;) {
        smt_status status = step(r);
        if (status) {
            return status;
        }
        if (m->left == 0) {
            return SMT_OK;
        }
        if (m->end - m->at < 8) {
            if (m->block_next == m->block_count) {
                return SMT_OK;
            }
            m->at = m->block[m->block_next].at;
            m->end = m->at + m->block[m->block_next].size;
            m->block_next++;
            continue;
        }
        const uint8_t *head = r->data + m->at;
        size_t size = (size_t)number(head + 2, 2);
        out->type = (unsigned)number(head, 2);
        out->flags = head[4];
        out->address = m->at;
        if (size > m->end - m->at - 8) {
            return damaged(r, "message", m->at);
        }
        m->at += 8 + size;
        m->left--;
        if (out->type == MESSAGE_CONTINUATION) {
            const uint8_t *unused;
            if (size < 16 || m->block_count == MAX_BLOCKS) {
                return damaged(r, "continuation", out->address);
            }
            uint64_t at = number(head + 8, 8), length = number(head + 16, 8);
            status = take(r, at, length, "continuation", &unused);
            if (status) {
                return status;
            }
            m->block[m->block_count].at = at;
            m->block[m->block_count++].size = length;
            continue;
        }
        out->body = (span){head + 8, size};
        return SMT_OK;
    }
}

/* ---- groups --------------------------------------------------------------------------------- */

typedef struct search {
    hdf5_reader *r;
    const char *name;
    size_t length;
    span heap;
    uint64_t found;
} search;

static smt_status search_symbols(search *s, uint64_t address)
{
    const uint8_t *head = NULL, *entries = NULL;
    smt_status status = take(s->r, address, 8, "symbol table node", &head);
    if (status) {
        return status;
    }
    size_t count = (size_t)number(head + 6, 2);
    if (memcmp(head, "SNOD", 4)) {
        return damaged(s->r, "symbol table node", address);
    }
    status = take(s->r, address + 8, 40 * count, "symbol table node", &entries);
    for (size_t i = 0; i < count && !status && !s->found; i++) {
        const uint8_t *entry = entries + 40 * i;
        uint64_t at = number(entry, 8), object = number(entry + 8, 8);
        status = step(s->r);
        if (at >= s->heap.size) {
            return damaged(s->r, "name in a symbol table", address);
        }
        if (s->heap.size - at > s->length && !memcmp(s->heap.at + at, s->name, s->length) &&
            s->heap.at[at + s->length] == 0) {
            if (object == NOWHERE || number(entry + 16, 4) == 2) {
                return smt_fail(s->r->error,
                                SMT_ERR_UNSUPPORTED,
                                "%s: '%.*s' is a symbolic link",
                                s->r->path,
                                (int)s->length,
                                s->name);
            }
            s->found = object;
        }
    }
    return status;
}

static smt_status search_tree(search *s, uint64_t address, int level)
{
    const uint8_t *head = NULL, *keys = NULL;
    smt_status status = step(s->r);
    status = status ? status : take(s->r, address, 24, "B-tree node", &head);
    if (status) {
        return status;
    }
    size_t count = (size_t)number(head + 6, 2);
    if (memcmp(head, "TREE", 4) || head[4] != 0 || head[5] > MAX_DEPTH ||
        (level >= 0 && head[5] != level)) {
        return damaged(s->r, "B-tree node", address);
    }
    level = head[5];
    status = take(s->r, address + 24, 16 * count + 8, "B-tree node", &keys);
    for (size_t i = 0; i < count && !status && !s->found; i++) {
        uint64_t child = number(keys + 16 * i + 8, 8);
        status = level ? search_tree(s, child, level - 1) : search_symbols(s, child);
    }
    return status;
}

static smt_status find_child(search *s, uint64_t group)
{
    messages m;
    message at;
    const uint8_t *heap = NULL;
    smt_status status = messages_begin(&m, s->r, group);
    while (!status && !(status = messages_next(&m, &at)) && at.body.at) {
        if (at.type == MESSAGE_LINK_INFO || at.type == MESSAGE_LINK) {
            return smt_fail(s->r->error,
                            SMT_ERR_UNSUPPORTED,
                            "%s: group of the newer kind at byte %llu; Keras writes symbol tables "
                            "(h5py's default, without libver='latest' and track_order)",
                            s->r->path,
                            (unsigned long long)group);
        }
        if (at.type != MESSAGE_SYMBOL_TABLE) {
            continue;
        }
        if (at.body.size < 16) {
            return damaged(s->r, "symbol table message", at.address);
        }
        uint64_t tree = number(at.body.at, 8), names = number(at.body.at + 8, 8);
        status = take(s->r, names, 32, "local heap", &heap);
        if (!status && memcmp(heap, "HEAP", 4)) {
            status = damaged(s->r, "local heap", names);
        }
        if (!status) {
            s->heap.size = (size_t)number(heap + 8, 8);
            status =
                take(s->r, number(heap + 24, 8), s->heap.size, "local heap's names", &s->heap.at);
        }
        return status ? status : search_tree(s, tree, -1);
    }
    return status;
}

smt_status hdf5_find(hdf5_reader *reader, uint64_t group, const char *name, uint64_t *object)
{
    search s = {.r = reader, .found = group};
    *object = 0;
    while (*name) {
        s.name = name;
        s.length = strcspn(name, "/");
        if (s.length) {
            group = s.found;
            s.found = 0;
            smt_status status = find_child(&s, group);
            if (status || !s.found) {
                return status;
            }
        }
        name += s.length;
        name += strspn(name, "/");
    }
    *object = s.found;
    return SMT_OK;
}

/* ---- datasets and attributes ---------------------------------------------------------------- */

/* A dataspace message: dimensions outermost first. */
static smt_status read_space(const hdf5_reader *r, span body, uint64_t where, hdf5_dataset *out)
{
    size_t head = body.size >= 4 && body.at[0] == 2 ? 4 : 8;
    if (body.size < head || (body.at[0] != 1 && body.at[0] != 2) ||
        (body.at[0] == 2 && body.at[3] == 2) || body.at[1] > SMT_TENSOR_RANK ||
        body.size < head + 8 * (size_t)body.at[1]) {
        return damaged(r, "dataspace", where);
    }
    out->rank = body.at[1];
    out->count = 1;
    for (int i = 0; i < out->rank; i++) {
        uint64_t d = number(body.at + head + 8 * i, 8);
        if (d > r->size || (d && out->count > r->size / d)) {
            return smt_fail(r->error,
                            SMT_ERR_FORMAT,
                            "%s: absurd shape at byte %llu: more elements than the file has bytes",
                            r->path,
                            (unsigned long long)where);
        }
        out->dim[i] = (int64_t)d;
        out->count *= (size_t)d;
    }
    return SMT_OK;
}

/* A datatype message that is a little-endian IEEE float. */
static bool read_float_type(span body, smt_dtype *out, size_t *size)
{
    static const struct {
        size_t size;
        smt_dtype dtype;
        uint8_t sign, properties[12];
    } types[] = {
        {4, SMT_DTYPE_F32, 31, {0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0}},
        {2, SMT_DTYPE_F16, 15, {0, 0, 16, 0, 10, 5, 0, 10, 15, 0, 0, 0}},
        {8, SMT_DTYPE_F64, 63, {0, 0, 64, 0, 52, 11, 0, 52, 0xff, 3, 0, 0}},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (body.size >= 20 && (body.at[0] & 15) == 1 && body.at[1] == 0x20 &&
            body.at[2] == types[i].sign && number(body.at + 4, 4) == types[i].size &&
            memcmp(body.at + 8, types[i].properties, 12) == 0) {
            *out = types[i].dtype;
            *size = types[i].size;
            return true;
        }
    }
    return false;
}

smt_status
hdf5_read_dataset(hdf5_reader *reader, uint64_t object, const char *name, hdf5_dataset *out)
{
    hdf5_dataset made = {.rank = -1};
    messages m;
    message at;
    size_t element = 0;
    uint64_t address = 0, size = 0;
    bool placed = false;
    const char *wrong = NULL;
    smt_status status = messages_begin(&m, reader, object);
    while (!status && !(status = messages_next(&m, &at)) && at.body.at) {
        if ((at.flags & 2) && at.type != MESSAGE_ATTRIBUTE) {
            wrong = "shares a message with others";
        } else if (at.type == MESSAGE_DATASPACE) {
            status = read_space(reader, at.body, at.address, &made);
        } else if (at.type == MESSAGE_DATATYPE &&
                   !read_float_type(at.body, &made.dtype, &element)) {
            wrong = "is not of little-endian 16, 32 or 64-bit floats";
        } else if (at.type == MESSAGE_EXTERNAL) {
            wrong = "lies in another file";
        } else if (at.type == MESSAGE_FILTERS) {
            wrong = "is compressed";
        } else if (at.type == MESSAGE_LAYOUT) {
            if (at.body.size < 18 || (at.body.at[0] != 3 && at.body.at[0] != 4) ||
                at.body.at[1] != 1) {
                wrong = "is not stored in one piece";
            } else {
                address = number(at.body.at + 2, 8);
                size = number(at.body.at + 10, 8);
                placed = true;
            }
        }
        if (wrong) {
            return smt_fail(reader->error,
                            SMT_ERR_UNSUPPORTED,
                            "%s: dataset '%s' %s; Keras writes plain ones",
                            reader->path,
                            name,
                            wrong);
        }
    }
    if (status) {
        return status;
    }
    if (made.rank < 0 || !element || !placed) {
        return smt_fail(
            reader->error, SMT_ERR_FORMAT, "%s: '%s' is not a dataset", reader->path, name);
    }
    if (size != made.count * element) {
        return damaged(reader, "dataset whose size is not that of its shape", object);
    }
    if (size) {
        status = take(reader, address, size, "dataset reaching outside the file", &made.data);
    }
    if (!status) {
        *out = made;
    }
    return status;
}

/* A version 1 message's parts are padded to multiples of 8. */
static bool part(span *rest, size_t size, bool padded, span *out)
{
    size_t whole = padded ? (size + 7) / 8 * 8 : size;
    if (size > rest->size) {
        return false;
    }
    whole = whole > rest->size ? rest->size : whole;
    *out = (span){rest->at, size};
    *rest = (span){rest->at + whole, rest->size - whole};
    return true;
}

/* A variable-length text: its length, and where in which global heap it lies. */
static smt_status read_variable(hdf5_reader *r, const uint8_t *at, span *out)
{
    uint64_t length = number(at, 4), collection = number(at + 4, 8), index = number(at + 12, 4);
    const uint8_t *heap = NULL;
    *out = (span){(const uint8_t *)"", 0};
    if (length == 0) {
        return SMT_OK;
    }
    smt_status status = take(r, collection, 16, "global heap", &heap);
    if (status) {
        return status;
    }
    uint64_t size = number(heap + 8, 8);
    if (memcmp(heap, "GCOL", 4) || length > MAX_TEXT) {
        return damaged(r, "global heap", collection);
    }
    status = take(r, collection, size, "global heap", &heap);
    for (uint64_t i = 16; !status && size >= 16 && i <= size - 16;) {
        uint64_t here = number(heap + i, 2), bytes = number(heap + i + 8, 8);
        status = step(r);
        if (status || here == 0 || bytes > size - i - 16) {
            break; /* object 0 is the free space at the end */
        }
        if (here == index && length <= bytes) {
            *out = (span){heap + i + 16, (size_t)length};
            return SMT_OK;
        }
        i += 16 + (bytes + 7) / 8 * 8;
    }
    return status ? status : damaged(r, "global heap", collection);
}

static smt_status
read_texts(hdf5_reader *r, span type, span data, size_t count, char ***texts, uint64_t where)
{
    bool variable = (type.at[0] & 15) == 9 && (type.at[1] & 15) == 1;
    size_t size = (size_t)number(type.at + 4, 4);
    /* An empty list is one of numbers to h5py. */
    if (count && ((!variable && (type.at[0] & 15) != 3) || (variable && size != 16) ||
                  size > MAX_TEXT || count > MAX_TEXT || size > data.size / count)) {
        return damaged(r, "attribute that should hold texts", where);
    }
    char **list = smt_alloc(count + 1, sizeof *list);
    smt_status status = list ? SMT_OK : SMT_ERR_MEMORY;
    size_t total = 0;
    for (size_t i = 0; i < count && !status; i++) {
        span text = {data.at + i * size, size};
        status = variable ? read_variable(r, data.at + 16 * i, &text) : SMT_OK;
        total += text.size;
        if (!status && total > 64 * MAX_TEXT) {
            status = damaged(r, "attribute of absurd length", where);
        }
        if (!status) {
            list[i] = smt_format("%.*s", (int)text.size, (const char *)text.at);
            status = list[i] ? SMT_OK : SMT_ERR_MEMORY;
        }
    }
    if (status == SMT_ERR_MEMORY) {
        smt_fail(r->error, status, "%s: out of memory", r->path);
    }
    if (status) {
        smt_list_free(&list, count);
        return status;
    }
    *texts = list;
    return SMT_OK;
}

smt_status
hdf5_texts(hdf5_reader *reader, uint64_t object, const char *name, char ***texts, size_t *count)
{
    messages m;
    message at;
    *texts = NULL;
    *count = 0;
    smt_status status = messages_begin(&m, reader, object);
    while (!status && !(status = messages_next(&m, &at)) && at.body.at) {
        if (at.type == MESSAGE_ATTRIBUTE_INFO) {
            return smt_fail(reader->error,
                            SMT_ERR_UNSUPPORTED,
                            "%s: attributes of the newer kind at byte %llu",
                            reader->path,
                            (unsigned long long)at.address);
        }
        if (at.type != MESSAGE_ATTRIBUTE) {
            continue;
        }
        span rest = at.body, label, type, space;
        if (rest.size < 9 || rest.at[0] < 1 || rest.at[0] > 3) {
            return damaged(reader, "attribute", at.address);
        }
        bool padded = rest.at[0] == 1, shared = !padded && (rest.at[1] & 3);
        size_t head = rest.at[0] == 3 ? 9 : 8, sizes[3];
        for (size_t i = 0; i < 3; i++) {
            sizes[i] = (size_t)number(rest.at + 2 + 2 * i, 2);
        }
        rest = (span){rest.at + head, rest.size - head};
        if (!part(&rest, sizes[0], padded, &label) || !part(&rest, sizes[1], padded, &type) ||
            !part(&rest, sizes[2], padded, &space) || type.size < 8) {
            return damaged(reader, "attribute", at.address);
        }
        size_t length = strlen(name);
        if (label.size <= length || memcmp(label.at, name, length + 1)) {
            continue;
        }
        hdf5_dataset shape;
        if (shared) {
            return damaged(reader, "attribute of a shared type", at.address);
        }
        status = read_space(reader, space, at.address, &shape);
        status = status ? status : read_texts(reader, type, rest, shape.count, texts, at.address);
        if (!status) {
            *count = shape.count;
        }
        return status;
    }
    return status;
}
