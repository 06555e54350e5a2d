/* What the files of edge/src share. */
#ifndef SEMTINEL_EDGE_INTERNAL_H
#define SEMTINEL_EDGE_INTERNAL_H

#include "edge.h"

/* Formats a message without stdio: %s text, %d int32_t, %u uint32_t, %t (const char *, uint32_t)
 * text with its length, %o the operator "index (NAME)" from (int32_t, int32_t code). `error` may be
 * NULL. Returns `status`. */
smt_edge_status edge_fail(smt_edge_error *error, smt_edge_status status, const char *format, ...);

/* Types, shapes, axes and scales of one operator against its tensors. */
smt_edge_status edge_check_operator(const smt_edge_model *model,
                                    const smt_edge_operator *op,
                                    smt_edge_error *error);

#endif
