/* Operators that only move bytes: the same for every type and kernel set. */
#ifndef SEMTINEL_EDGE_MOVE_H
#define SEMTINEL_EDGE_MOVE_H

#include "bind.h"

/* memmove and memset for freestanding builds; the compiler may turn them into calls of its own. */
void edge_move(void *out, const void *in, uint32_t bytes);
void edge_pad(const edge_call *call, const void *in, void *out);
/* One input's part of the result: `before` is the sum
 * of the earlier inputs' extents along the axis. */
void edge_concatenate(
    const edge_call *call, const smt_edge_tensor *in, const void *data, int32_t before, void *out);

#endif
