#include "format/bytes.h"

#include <semtinel/base.h>

#include <string.h>

static bool reserve(smt_bytes *bytes, size_t size)
{
    if (bytes->failed || size > SIZE_MAX / 4 - bytes->size) {
        bytes->failed = true;
        return false;
    }
    if (bytes->size + size > bytes->capacity) {
        size_t larger = 2 * (bytes->size + size) + 256;
        uint8_t *fresh = smt_realloc(bytes->data, bytes->size, larger, 1);
        if (!fresh) {
            bytes->failed = true;
            return false;
        }
        bytes->data = fresh;
        bytes->capacity = larger;
    }
    return true;
}

void smt_bytes_put(smt_bytes *bytes, const void *data, size_t size)
{
    if (!size || !reserve(bytes, size)) {
        return;
    }
    if (data) {
        memcpy(bytes->data + bytes->size, data, size);
    } else {
        memset(bytes->data + bytes->size, 0, size);
    }
    bytes->size += size;
}

void smt_bytes_integer(smt_bytes *bytes, uint64_t value, size_t width)
{
    uint8_t raw[8];
    for (int i = 0; i < 8; i++) {
        raw[i] = (uint8_t)(value >> (8 * i));
    }
    smt_bytes_put(bytes, raw, width);
}

void smt_bytes_align(smt_bytes *bytes, size_t alignment)
{
    smt_bytes_put(bytes, NULL, (alignment - bytes->size % alignment) % alignment);
}

void smt_bytes_open(smt_bytes *bytes, size_t at, size_t size)
{
    size_t tail = bytes->size - at;
    smt_bytes_put(bytes, NULL, size);
    if (!bytes->failed) {
        memmove(bytes->data + at + size, bytes->data + at, tail);
        memset(bytes->data + at, 0, size);
    }
}

void smt_bytes_free(smt_bytes *bytes)
{
    smt_free(bytes->data);
    *bytes = (smt_bytes){0};
}
