/* Protocol buffers on the wire: for formats whose few messages need no generated code. */
#ifndef SEMTINEL_FORMAT_PROTOBUF_H
#define SEMTINEL_FORMAT_PROTOBUF_H

#include "format/bytes.h"

/* ---- writing ------------------------------------------------------------------------------- */

void pb_put_integer(smt_bytes *to, uint32_t field, uint64_t value);
void pb_put_bytes(smt_bytes *to, uint32_t field, const void *data, size_t size);
void pb_put_text(smt_bytes *to, uint32_t field, const char *text);
/* A message inside: what is appended between the two calls. Returns what pb_end takes. */
size_t pb_begin(smt_bytes *to, uint32_t field);
void pb_end(smt_bytes *to, size_t begin);

/* ---- reading ------------------------------------------------------------------------------- */

typedef struct pb_span {
    const uint8_t *at;
    size_t size;
} pb_span;

typedef enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 } pb_wire;

typedef struct pb_field {
    uint32_t number;
    pb_wire wire;
    uint64_t value; /* of a number */
    pb_span bytes;  /* of PB_BYTES: inside the message */
} pb_field;

typedef enum pb_result { PB_FIELD, PB_END, PB_DAMAGED } pb_result;

/* Takes the next field from the front of *rest, which stays as it is when that is damaged. */
pb_result pb_next(pb_span *rest, pb_field *out);
/* The first field of this number in a message; false: none, or damaged. */
bool pb_find(pb_span message, uint32_t number, pb_field *out);
/* Takes one number of a packed list. */
pb_result pb_next_varint(pb_span *rest, uint64_t *out);

#endif
