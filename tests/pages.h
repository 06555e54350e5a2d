/* TIFF files of several pages, for tests: 8-bit grey, uncompressed, in either byte order, as TIFF
 * or BigTIFF. */
#ifndef SEMTINEL_TESTS_PAGES_H
#define SEMTINEL_TESTS_PAGES_H

#include <semtinel/image.h>

#include <string.h>

#define PAGES_TAGS ((size_t)8) /* of a directory */

typedef struct pages_bytes {
    uint8_t *data; /* freed with smt_free; NULL: no memory */
    size_t size;
    bool big_endian;
} pages_bytes;

static inline void pages_put(pages_bytes *b, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        unsigned shift = 8 * (b->big_endian ? bytes - 1 - i : i);
        b->data[b->size++] = (uint8_t)(value >> shift);
    }
}

/* The pixels of every page behind its directory. */
static inline pages_bytes
pages_make(const smt_image *images, size_t count, bool big_endian, bool big)
{
    static const unsigned tags[8] = {256, 257, 258, 259, 262, 273, 278, 279};
    size_t word = big ? 8 : 4, directory = (big ? 8 : 2) + PAGES_TAGS * (big ? 20 : 12) + word;
    size_t room = 16;
    for (size_t i = 0; i < count; i++) {
        room += directory + (size_t)images[i].width * (size_t)images[i].height;
    }
    pages_bytes b = {.data = smt_alloc(room, 1), .big_endian = big_endian};
    if (!b.data) {
        return b;
    }
    memcpy(b.data, big_endian ? "MM" : "II", 2);
    b.size = 2;
    pages_put(&b, big ? 43 : 42, 2);
    if (big) {
        pages_put(&b, 8, 2);
        pages_put(&b, 0, 2);
    }
    pages_put(&b, big ? 16 : 8, (unsigned)word);
    for (size_t i = 0; i < count; i++) {
        size_t width = (size_t)images[i].width, height = (size_t)images[i].height;
        size_t bytes = width * height, pixels = b.size + directory;
        const uint64_t values[8] = {width, height, 8, 1, 1, pixels, height, bytes};
        pages_put(&b, PAGES_TAGS, big ? 8 : 2);
        for (size_t t = 0; t < PAGES_TAGS; t++) {
            pages_put(&b, tags[t], 2);
            pages_put(&b, 4, 2); /* LONG */
            pages_put(&b, 1, (unsigned)word);
            pages_put(&b, values[t], 4);
            if (big) {
                pages_put(&b, 0, 4);
            }
        }
        pages_put(&b, i + 1 < count ? pixels + bytes : 0, (unsigned)word);
        memcpy(b.data + b.size, images[i].pixels, bytes);
        b.size += bytes;
    }
    return b;
}

#endif
