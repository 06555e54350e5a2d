/* Patches of images for kernels that multiply matrices. */
#ifndef SEMTINEL_EDGE_GATHER_H
#define SEMTINEL_EDGE_GATHER_H

#include "kernels/kernels.h"

/* The patches of output pixels first .. first + rows - 1, in NHWC order: `rows` rows of filter_h *
 * filter_w * in_c elements of `element` bytes at distance out_stride, the rest of each row zero.
 * Outside the image `pad` (in_c elements) is copied. */
void smt_gather(const smt_conv *p,
                uint32_t element,
                const void *in,
                int32_t first,
                int32_t rows,
                const void *pad,
                void *out,
                size_t out_stride);

#endif
