/* Writing HDF5: what every version of the library reads. Children go out before their group, so
 * that each address is known when it is needed; the superblock's are set last. */
#include "format/hdf5.h"

#include "base/room.h"

#include <string.h>

#define LEAF_K 4 /* a symbol table node holds up to 2 * LEAF_K names */
/* A B-tree node holds up to 2 * INNER_K symbol table nodes: one level is 256 names. */
#define INNER_K 16
#define NOWHERE UINT64_MAX

struct hdf5_node {
    char *name;
    hdf5_node **children; /* a group's; kept sorted by name */
    size_t child_count, child_capacity;
    smt_bytes *attributes; /* each the body of its message */
    size_t attribute_count;
    float *data; /* a dataset's */
    int rank;
    int64_t dim[SMT_TENSOR_RANK];
    uint64_t address; /* of the object header, once it is written */
};

struct hdf5_writer {
    hdf5_node root;
    smt_status status; /* SMT_ERR_MEMORY or SMT_ERR_LIMIT after a failure */
};

static void clear_node(hdf5_node *node)
{
    for (size_t i = 0; i < node->child_count; i++) {
        clear_node(node->children[i]);
        smt_free(node->children[i]);
    }
    smt_free(node->children);
    for (size_t i = 0; i < node->attribute_count; i++) {
        smt_bytes_free(&node->attributes[i]);
    }
    smt_free(node->attributes);
    smt_free(node->data);
    smt_free(node->name);
}

hdf5_writer *hdf5_create(void)
{
    return smt_alloc(1, sizeof(hdf5_writer));
}

void hdf5_destroy(hdf5_writer **writer)
{
    if (*writer) {
        clear_node(&(*writer)->root);
        smt_free(*writer);
        *writer = NULL;
    }
}

hdf5_node *hdf5_root(hdf5_writer *writer)
{
    return &writer->root;
}

static hdf5_node *child_of(hdf5_writer *w, hdf5_node *parent, const char *name, size_t length)
{
    size_t at = 0;
    for (; at < parent->child_count; at++) {
        const char *other = parent->children[at]->name;
        int order = strncmp(name, other, length);
        if (order == 0 && other[length] == 0) {
            return parent->children[at];
        }
        if (order < 0 || (order == 0 && other[length])) {
            break;
        }
    }
    hdf5_node *made = smt_alloc(1, sizeof *made);
    char *copy = smt_format("%.*s", (int)length, name);
    if (!made || !copy ||
        !SMT_ROOM(parent->children, parent->child_count, parent->child_capacity)) {
        smt_free(made);
        smt_free(copy);
        w->status = SMT_ERR_MEMORY;
        return NULL;
    }
    made->name = copy;
    hdf5_node **place = parent->children + at;
    memmove(place + 1, place, (parent->child_count - at) * sizeof *place);
    *place = made;
    parent->child_count++;
    return made;
}

hdf5_node *hdf5_group(hdf5_writer *writer, hdf5_node *parent, const char *name)
{
    while (parent && *name) {
        size_t length = strcspn(name, "/");
        parent = length ? child_of(writer, parent, name, length) : parent;
        name += length;
        name += strspn(name, "/");
    }
    return parent;
}

float *hdf5_add_dataset(
    hdf5_writer *writer, hdf5_node *parent, const char *name, int rank, const int64_t *dim)
{
    hdf5_node *node = hdf5_group(writer, parent, name);
    size_t count = 1;
    if (!node) {
        return NULL;
    }
    for (int i = 0; i < rank; i++) {
        node->dim[i] = dim[i];
        count *= (size_t)dim[i];
    }
    node->rank = rank;
    node->data = smt_alloc(count, sizeof *node->data);
    if (!node->data) {
        writer->status = SMT_ERR_MEMORY;
    }
    return node->data;
}

static void put_space(smt_bytes *to, int rank, const int64_t *dim)
{
    const uint8_t head[8] = {1, (uint8_t)rank};
    smt_bytes_put(to, head, 8);
    for (int i = 0; i < rank; i++) {
        smt_bytes_integer(to, (uint64_t)dim[i], 8);
    }
}

/* The message's body: UTF-8 texts of one length, filled with zeros. */
static void put_texts(smt_bytes *to, const char *name, const char *const *texts, int count)
{
    static const uint8_t type[4] = {0x13, 0x11}; /* text, version 1, filled with zeros, UTF-8 */
    size_t longest = 1, rows = count < 0 ? 1 : (size_t)count;
    int64_t dim = count;
    for (size_t i = 0; i < rows; i++) {
        size_t length = strlen(texts[i]);
        longest = length > longest ? length : longest;
    }
    smt_bytes_integer(to, 1, 2);
    smt_bytes_integer(to, strlen(name) + 1, 2);
    smt_bytes_integer(to, 8, 2);
    smt_bytes_integer(to, count < 0 ? 8 : 16, 2);
    smt_bytes_put(to, name, strlen(name) + 1);
    smt_bytes_align(to, 8);
    smt_bytes_put(to, type, 4);
    smt_bytes_integer(to, longest, 4);
    put_space(to, count < 0 ? 0 : 1, &dim);
    for (size_t i = 0; i < rows; i++) {
        size_t length = strlen(texts[i]);
        smt_bytes_put(to, texts[i], length);
        smt_bytes_put(to, NULL, longest - length);
    }
}

void hdf5_add_texts(
    hdf5_writer *writer, hdf5_node *node, const char *name, const char *const *texts, int count)
{
    if (!node) {
        return;
    }
    smt_bytes *larger = smt_realloc(
        node->attributes, node->attribute_count, node->attribute_count + 1, sizeof *larger);
    if (!larger) {
        writer->status = SMT_ERR_MEMORY;
        return;
    }
    node->attributes = larger;
    put_texts(&larger[node->attribute_count++], name, texts, count);
}

/* ---- object headers ------------------------------------------------------------------------- */

static void put_message(smt_bytes *to, unsigned type, smt_bytes *body, smt_status *status)
{
    smt_bytes_align(body, 8);
    if (body->size > 65528) {
        *status = SMT_ERR_LIMIT;
    }
    to->failed |= body->failed;
    smt_bytes_integer(to, type, 2);
    smt_bytes_integer(to, body->size, 2);
    smt_bytes_integer(to, 0, 4);
    smt_bytes_put(to, body->data, body->size);
    body->size = 0;
}

/* Messages with an object header before them. */
static uint64_t put_header(smt_bytes *to, const smt_bytes *messages, size_t count)
{
    smt_bytes_align(to, 8);
    uint64_t address = to->size;
    to->failed |= messages->failed;
    smt_bytes_integer(to, 1, 2);
    smt_bytes_integer(to, count, 2);
    smt_bytes_integer(to, 1, 4);
    smt_bytes_integer(to, messages->size, 8);
    smt_bytes_put(to, messages->data, messages->size);
    return address;
}

static void write_dataset(smt_bytes *to, hdf5_node *node, smt_status *status)
{
    static const uint8_t type[20] = {0x11, 0x20, 31, 0, 4, 0,  0,   0, 0, 0,
                                     32,   0,    23, 8, 0, 23, 127, 0, 0, 0};
    static const uint8_t fill[4] = {2, 2, 2, 0}; /* version, allocated late, written if set, none */
    static const uint8_t layout[2] = {3, 1};     /* version, contiguous */
    smt_bytes messages = {0}, body = {0};
    size_t count = 1;
    for (int i = 0; i < node->rank; i++) {
        count *= (size_t)node->dim[i];
    }
    smt_bytes_align(to, 8);
    uint64_t data = to->size;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, node->data + i, 4);
        smt_bytes_integer(to, bits, 4);
    }
    put_space(&body, node->rank, node->dim);
    put_message(&messages, 1, &body, status);
    smt_bytes_put(&body, type, sizeof type);
    put_message(&messages, 3, &body, status);
    smt_bytes_put(&body, fill, sizeof fill);
    put_message(&messages, 5, &body, status);
    smt_bytes_put(&body, layout, sizeof layout);
    smt_bytes_integer(&body, data, 8);
    smt_bytes_integer(&body, 4 * count, 8);
    put_message(&messages, 8, &body, status);
    node->address = put_header(to, &messages, 4);
    smt_bytes_free(&messages);
    smt_bytes_free(&body);
}

/* ---- groups --------------------------------------------------------------------------------- */

/* The names, each at a multiple of 8; heap_at[i]: where child i's stands. Position 0 is the empty
 * name. Returns the heap's address. */
static uint64_t write_heap(smt_bytes *to, const hdf5_node *node, uint64_t *heap_at)
{
    smt_bytes names = {0};
    smt_bytes_integer(&names, 0, 8);
    for (size_t i = 0; i < node->child_count; i++) {
        heap_at[i] = names.size;
        smt_bytes_put(&names, node->children[i]->name, strlen(node->children[i]->name) + 1);
        smt_bytes_align(&names, 8);
    }
    smt_bytes_align(to, 8);
    uint64_t segment = to->size;
    to->failed |= names.failed;
    smt_bytes_put(to, names.data, names.size);
    uint64_t address = to->size;
    smt_bytes_put(to, "HEAP\0\0\0", 8);
    smt_bytes_integer(to, names.size, 8);
    smt_bytes_integer(to, 1, 8); /* no free block */
    smt_bytes_integer(to, segment, 8);
    smt_bytes_free(&names);
    return address;
}

/* A B-tree of one level over symbol table nodes. Returns its address. */
static uint64_t write_tree(smt_bytes *to, const hdf5_node *node, const uint64_t *heap_at)
{
    uint64_t tables[2 * INNER_K];
    size_t count = (node->child_count + 2 * LEAF_K - 1) / (2 * LEAF_K);
    for (size_t t = 0; t < count; t++) {
        size_t first = t * 2 * LEAF_K, rest = node->child_count - first;
        rest = rest > 2 * LEAF_K ? 2 * LEAF_K : rest;
        tables[t] = to->size;
        smt_bytes_put(to, "SNOD\1", 6);
        smt_bytes_integer(to, rest, 2);
        for (size_t i = 0; i < 2 * LEAF_K; i++) {
            uint64_t name = i < rest ? heap_at[first + i] : 0;
            uint64_t object = i < rest ? node->children[first + i]->address : 0;
            smt_bytes_integer(to, name, 8);
            smt_bytes_integer(to, object, 8);
            smt_bytes_put(to, NULL, 24); /* nothing cached */
        }
    }
    uint64_t address = to->size;
    smt_bytes_put(to, "TREE\0", 6);
    smt_bytes_integer(to, count, 2);
    smt_bytes_integer(to, NOWHERE, 8); /* no siblings */
    smt_bytes_integer(to, NOWHERE, 8);
    smt_bytes_integer(to, 0, 8); /* before each table's names: the empty name, then the last one */
    for (size_t t = 0; t < 2 * INNER_K; t++) {
        size_t last = (t + 1) * 2 * LEAF_K;
        last = last > node->child_count ? node->child_count : last;
        smt_bytes_integer(to, t < count ? tables[t] : 0, 8);
        smt_bytes_integer(to, t < count ? heap_at[last - 1] : 0, 8);
    }
    return address;
}

static void write_group(smt_bytes *to, hdf5_node *node, uint64_t place[2], smt_status *status);

static void write_node(smt_bytes *to, hdf5_node *node, smt_status *status)
{
    uint64_t place[2];
    if (node->data) {
        write_dataset(to, node, status);
    } else {
        write_group(to, node, place, status);
    }
}

/* place: the addresses of the group's tree and heap. */
static void write_group(smt_bytes *to, hdf5_node *node, uint64_t place[2], smt_status *status)
{
    smt_bytes messages = {0}, body = {0};
    uint64_t *heap_at = smt_alloc(node->child_count + 1, sizeof *heap_at);
    if (!heap_at) {
        *status = SMT_ERR_MEMORY;
    } else if (node->child_count > 4 * LEAF_K * INNER_K) {
        *status = SMT_ERR_LIMIT;
    }
    for (size_t i = 0; i < node->child_count && !*status; i++) {
        write_node(to, node->children[i], status);
    }
    if (!*status) {
        place[1] = write_heap(to, node, heap_at);
        place[0] = write_tree(to, node, heap_at);
        smt_bytes_integer(&body, place[0], 8);
        smt_bytes_integer(&body, place[1], 8);
        put_message(&messages, 0x11, &body, status);
        for (size_t i = 0; i < node->attribute_count; i++) {
            put_message(&messages, 0x0c, &node->attributes[i], status);
        }
        node->address = put_header(to, &messages, 1 + node->attribute_count);
    }
    smt_bytes_free(&messages);
    smt_bytes_free(&body);
    smt_free(heap_at);
}

smt_status hdf5_finish(hdf5_writer *writer, const char *path, smt_bytes *out, smt_error *error)
{
    static const uint8_t mark[24] = {
        0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n', 0, 0, 0, 0, 0, 8, 8, 0, LEAF_K, 0, INNER_K};
    smt_bytes made = {0};
    smt_status status = writer->status;
    uint64_t place[2] = {0, 0};
    smt_bytes_put(&made, mark, sizeof mark);
    smt_bytes_put(&made, NULL, 96 - sizeof mark);
    if (!status) {
        write_group(&made, &writer->root, place, &status);
    }
    smt_bytes_align(&made, 8);
    if (made.failed) {
        status = SMT_ERR_MEMORY;
    }
    if (status) {
        smt_bytes_free(&made);
        return smt_fail(error,
                        status,
                        status == SMT_ERR_MEMORY
                            ? "%s: out of memory"
                            : "%s: more than 64 KiB of metadata, which HDF5 does not hold",
                        path);
    }
    /* Base, free space (none), end of file, driver (none), the root's entry with its addresses. */
    const uint64_t rest[9] = {
        0, NOWHERE, made.size, NOWHERE, 0, writer->root.address, 1, place[0], place[1]};
    size_t end = made.size;
    made.size = 24;
    for (size_t i = 0; i < 9; i++) {
        smt_bytes_integer(&made, rest[i], 8);
    }
    made.size = end;
    *out = made;
    return SMT_OK;
}
