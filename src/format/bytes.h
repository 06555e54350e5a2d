/* A growing run of little-endian bytes for writers of binary formats. A failed allocation is kept:
 * calls after it do nothing, and whoever takes the bytes asks `failed` once. */
#ifndef SEMTINEL_FORMAT_BYTES_H
#define SEMTINEL_FORMAT_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct smt_bytes {
    uint8_t *data; /* smt_alloc; the owner calls smt_bytes_free */
    size_t size, capacity;
    bool failed;
} smt_bytes;

/* Appends; data NULL: zeros. */
void smt_bytes_put(smt_bytes *bytes, const void *data, size_t size);
/* Appends the lowest `width` (1 .. 8) bytes of `value`. */
void smt_bytes_integer(smt_bytes *bytes, uint64_t value, size_t width);
/* Zeros up to a multiple of `alignment`. */
void smt_bytes_align(smt_bytes *bytes, size_t alignment);
/* Puts `size` zeros before position `at`. */
void smt_bytes_open(smt_bytes *bytes, size_t at, size_t size);
void smt_bytes_free(smt_bytes *bytes);

#endif
