/* The nearest of many unit vectors. Private to src/data. */
#ifndef SEMTINEL_DATA_NEAREST_H
#define SEMTINEL_DATA_NEAREST_H

#include "data/fingerprint.h"

enum {
    NEAREST_BLOCK = 128, /* rows whose lists one call makes */
    NEAREST_MOST = 1024  /* entries of a list */
};

typedef struct nearest {
    const float *rows; /* borrowed: count x PRINT_SHAPE_PADDED, of length 1 or, never listed, 0 */
    size_t count;
    float *heads; /* [tile][direction][row of the tile] */
    float *rests; /* lengths of what the heads leave out */
} nearest;

smt_status nearest_prepare(const float *rows, size_t count, nearest *out, smt_error *error);
void nearest_free(nearest *index);

/* Lists of the rows from block * NEAREST_BLOCK on: at most `most` others each, of an inner product
 * of at least `least` > 0, best first, equal ones by index; UINT32_MAX where there are fewer.
 * lists: NEAREST_BLOCK x most, fewer in the last block. False: no memory. */
bool nearest_list(const nearest *index, size_t block, int most, float least, uint32_t *lists);

#endif
