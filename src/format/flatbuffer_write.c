#include "format/flatbuffer_write.h"

#include <semtinel/base.h>

#include <string.h>

/* Room for `bytes` more at a position that is a multiple of `alignment` after `lead` bytes; the
 * position of the lead. */
static size_t reserve(fb_writer *w, size_t lead, size_t bytes, size_t alignment)
{
    size_t start = w->size;
    while ((start + lead) % alignment) {
        start++;
    }
    size_t end = start + lead + bytes;
    if (w->failed || bytes > INT32_MAX || end > INT32_MAX) {
        w->failed = true;
        return 0;
    }
    if (end > w->capacity) {
        size_t more = w->capacity ? w->capacity : 4096;
        while (more < end) {
            more *= 2;
        }
        uint8_t *grown = smt_realloc(w->data, w->size, more, 1);
        if (!grown) {
            w->failed = true;
            return 0;
        }
        w->data = grown;
        w->capacity = more;
    }
    w->size = end;
    return start;
}

static void put(fb_writer *w, size_t at, uint32_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes && !w->failed; i++) {
        w->data[at + i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t get(const fb_writer *w, size_t at, size_t bytes)
{
    uint32_t value = 0;
    for (size_t i = 0; i < bytes && !w->failed; i++) {
        value |= (uint32_t)w->data[at + i] << (8 * i);
    }
    return value;
}

void fb_begin(fb_writer *w, const char *mark)
{
    memset(w, 0, sizeof *w);
    size_t at = reserve(w, 0, 8, 4);
    for (size_t i = 0; i < 4; i++) {
        put(w, at + 4 + i, (uint8_t)mark[i], 1);
    }
}

uint32_t fb_table(fb_writer *w, const fb_field *fields, int count)
{
    int ids = count ? fields[count - 1].id + 1 : 0;
    /* Table: the distance to its vtable, then 4-byte fields, then bytes. */
    uint16_t offset[FB_FIELDS] = {0};
    uint16_t size = 4;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < count; i++) {
            if ((fields[i].kind == FB_BYTE) == (pass == 1)) {
                offset[fields[i].id] = size;
                size = (uint16_t)(size + (pass ? 1 : 4));
            }
        }
    }
    size_t vtable = reserve(w, 0, 4 + 2 * (size_t)ids, 2);
    size_t table = reserve(w, 0, size, 4);
    put(w, vtable, 4 + 2 * (uint32_t)ids, 2);
    put(w, vtable + 2, size, 2);
    for (int i = 0; i < ids; i++) {
        put(w, vtable + 4 + 2 * (size_t)i, offset[i], 2);
    }
    put(w, table, (uint32_t)(table - vtable), 4);
    for (int i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)fields[i].value;
        if (fields[i].kind == FB_FLOAT) {
            memcpy(&bits, &fields[i].real, sizeof bits);
        }
        put(w, table + offset[fields[i].id], bits, fields[i].kind == FB_BYTE ? 1 : 4);
    }
    return (uint32_t)table;
}

uint32_t fb_vector(fb_writer *w, const void *data, size_t count, size_t size, size_t alignment)
{
    if (count > INT32_MAX / size) {
        w->failed = true;
        return 0;
    }
    /* The length itself needs 4-byte alignment, which follows
     * from that of the elements if it is 4 or more. */
    size_t at = reserve(w, 4, count * size, alignment < 4 ? 4 : alignment);
    put(w, at, (uint32_t)count, 4);
    if (data && count && !w->failed) {
        memcpy(w->data + at + 4, data, count * size);
    }
    return (uint32_t)at;
}

uint32_t fb_string(fb_writer *w, const char *text)
{
    size_t length = strlen(text);
    uint32_t at = fb_vector(w, text, length, 1, 4);
    reserve(w, 0, 1, 1); /* the NUL after it; not part of the length */
    return at;
}

static size_t field_at(const fb_writer *w, uint32_t table, int id)
{
    size_t vtable = table - get(w, table, 4);
    return table + get(w, vtable + 4 + 2 * (size_t)id, 2);
}

void fb_refer(fb_writer *w, uint32_t table, int id, uint32_t target)
{
    size_t at = field_at(w, table, id);
    put(w, at, (uint32_t)(target - at), 4);
}

void fb_set_byte(fb_writer *w, uint32_t table, int id, uint8_t value)
{
    put(w, field_at(w, table, id), value, 1);
}

void fb_refer_element(fb_writer *w, uint32_t vector, size_t i, uint32_t target)
{
    size_t at = vector + 4 + 4 * i;
    put(w, at, (uint32_t)(target - at), 4);
}

bool fb_finish(fb_writer *w, uint32_t root, void **data, size_t *size)
{
    put(w, 0, root, 4);
    bool done = !w->failed;
    if (done) {
        *data = w->data;
        *size = w->size;
    } else {
        smt_free(w->data);
    }
    memset(w, 0, sizeof *w);
    return done;
}
