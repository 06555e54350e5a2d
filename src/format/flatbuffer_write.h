/* A small FlatBuffers writer. It writes forward: a table goes out with its references empty, what
 * they point to follows, and the reference is set when the target's position is known. Every
 * allocation failure is kept and reported once, by fb_finish. */
#ifndef SEMTINEL_FORMAT_FLATBUFFER_WRITE_H
#define SEMTINEL_FORMAT_FLATBUFFER_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fb_writer {
    uint8_t *data; /* smt_alloc */
    size_t size, capacity;
    bool failed; /* memory, or more than 2 GiB */
} fb_writer;

typedef enum fb_kind {
    FB_BYTE,
    FB_INT,      /* 4 bytes */
    FB_FLOAT,    /* 4 bytes, value in `real` */
    FB_REFERENCE /* 4 bytes, set later by fb_refer */
} fb_kind;

typedef struct fb_field {
    int id; /* position in the schema's table; ascending in a list, below FB_FIELDS */
    fb_kind kind;
    int32_t value;
    float real;
} fb_field;

#define FB_FIELDS 24

/* Starts a file with the 4-character mark; the root table is the one given to fb_finish. */
void fb_begin(fb_writer *w, const char *mark);
/* Vtable and table; the table's position. Fields left out have the schema's default. */
uint32_t fb_table(fb_writer *w, const fb_field *fields, int count);
/* A vector of `count` elements of `size` bytes, its first element at a multiple of `alignment`;
 * data NULL: zeros (for references). Its position. */
uint32_t fb_vector(fb_writer *w, const void *data, size_t count, size_t size, size_t alignment);
uint32_t fb_string(fb_writer *w, const char *text);
/* Sets field `id` of `table` (written as FB_REFERENCE) to `target`. */
void fb_refer(fb_writer *w, uint32_t table, int id, uint32_t target);
/* Changes field `id` of `table` (written as FB_BYTE). */
void fb_set_byte(fb_writer *w, uint32_t table, int id, uint8_t value);
/* Sets element i of a vector of references. */
void fb_refer_element(fb_writer *w, uint32_t vector, size_t i, uint32_t target);
/* Sets the root; true and *data (freed with smt_free), *size
 * when all went well. The writer is empty afterwards. */
bool fb_finish(fb_writer *w, uint32_t root, void **data, size_t *size);

#endif
