/* Bounds-checked access to a FlatBuffers file.
 *
 * Positions are byte offsets from the start of the file; 0 stands for "absent or damaged", which no
 * valid target can be (the file starts with its root offset). The same functions serve the check at
 * opening and every later walk: a file that passed the first cannot fail in the second, and the
 * cost, some ten instructions an access, is nothing beside a convolution.
 */
#ifndef SEMTINEL_EDGE_FLATBUFFER_H
#define SEMTINEL_EDGE_FLATBUFFER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct fb_file {
    const uint8_t *data;
    uint32_t size; /* < 2^31 */
} fb_file;

static inline uint32_t fb_u16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static inline uint32_t fb_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Follows the unsigned offset stored at `at` (itself in
 * bounds); the target has `bytes` bytes and is 4-aligned. */
static inline uint32_t fb_follow(const fb_file *file, uint32_t at, uint32_t bytes)
{
    uint32_t offset = fb_u32(file->data + at);
    uint32_t room = file->size - at;
    if (offset == 0 || offset >= room || room - offset < bytes || ((at + offset) & 3u))
        return 0;
    return at + offset;
}

/* True when a table with a sane vtable starts at `table`. */
static inline bool fb_is_table(const fb_file *file, uint32_t table)
{
    if (table == 0 || (table & 3u) || table > file->size - 4)
        return false;
    int64_t vtable = (int64_t)table - (int32_t)fb_u32(file->data + table);
    if (vtable < 0 || (vtable & 1) || vtable + 4 > (int64_t)file->size)
        return false;
    uint32_t vtable_bytes = fb_u16(file->data + vtable);
    uint32_t table_bytes = fb_u16(file->data + vtable + 2);
    return vtable_bytes >= 4 && !(vtable_bytes & 1u) &&
           vtable + vtable_bytes <= (int64_t)file->size && table_bytes >= 4 &&
           table_bytes <= file->size - table;
}

/* Position of field `id` of a table that fb_is_table accepts;
 * 0 when absent. *bad is set when it lies outside. */
static inline uint32_t
fb_field(const fb_file *file, uint32_t table, uint32_t id, uint32_t bytes, bool *bad)
{
    const uint8_t *vtable = file->data + ((int64_t)table - (int32_t)fb_u32(file->data + table));
    if (4 + 2 * id + 2 > fb_u16(vtable))
        return 0;
    uint32_t offset = fb_u16(vtable + 4 + 2 * id);
    if (offset == 0)
        return 0;
    if (offset < 4 || offset + bytes > fb_u16(vtable + 2)) {
        *bad = true;
        return 0;
    }
    return table + offset;
}

static inline uint32_t
fb_byte(const fb_file *file, uint32_t table, uint32_t id, uint32_t absent, bool *bad)
{
    uint32_t at = fb_field(file, table, id, 1, bad);
    return at ? file->data[at] : absent;
}

static inline int32_t
fb_int(const fb_file *file, uint32_t table, uint32_t id, int32_t absent, bool *bad)
{
    uint32_t at = fb_field(file, table, id, 4, bad);
    return at ? (int32_t)fb_u32(file->data + at) : absent;
}

static inline uint32_t fb_table(const fb_file *file, uint32_t table, uint32_t id, bool *bad)
{
    uint32_t at = fb_field(file, table, id, 4, bad);
    if (!at)
        return 0;
    at = fb_follow(file, at, 4);
    if (!fb_is_table(file, at)) {
        *bad = true;
        return 0;
    }
    return at;
}

/* Position of the first element of a vector (or string) of elements of `element` bytes, and its
 * *count. Absent: 0, 0. */
static inline uint32_t fb_vector(
    const fb_file *file, uint32_t table, uint32_t id, uint32_t element, uint32_t *count, bool *bad)
{
    *count = 0;
    uint32_t at = fb_field(file, table, id, 4, bad);
    if (!at)
        return 0;
    at = fb_follow(file, at, 4);
    if (!at || fb_u32(file->data + at) > (file->size - at - 4) / element) {
        *bad = true;
        return 0;
    }
    *count = fb_u32(file->data + at);
    return at + 4;
}

/* Element i of a vector of tables whose elements start at `vector`. */
static inline uint32_t fb_element(const fb_file *file, uint32_t vector, uint32_t i, bool *bad)
{
    uint32_t at = fb_follow(file, vector + 4 * i, 4);
    if (!fb_is_table(file, at)) {
        *bad = true;
        return 0;
    }
    return at;
}

#endif
