/* The planes of the depthwise kernels: some channels of some image rows with the padding around,
 * [rows][columns] of `bytes` each, so that every tap is a load at a fixed distance. */
#ifndef SEMTINEL_EDGE_X86_PLANE_H
#define SEMTINEL_EDGE_X86_PLANE_H

#include "x86.h"

#ifdef SMT_X86

enum { PLANE_BYTES = 24576 }; /* of most: what the first-level cache holds beside the rest */

static inline int32_t plane_columns(const smt_conv *p)
{
    return (p->out_w - 1) * p->stride_w + p->filter_w;
}

/* How many of them the image fills, after pad_w (fewer than all) of padding. */
static inline int32_t plane_inside(const smt_conv *p)
{
    int32_t most = plane_columns(p) - p->pad_w;
    return most < p->in_w ? most : p->in_w;
}

/* `count` places of 32 bytes of padding; the place after them. */
TARGET_AVX2 INLINE void *plane_zeros(void *plane, int32_t count)
{
    __m256i *to = plane;
    for (int32_t i = 0; i < count; i++)
        _mm256_store_si256(to++, _mm256_setzero_si256());
    return to;
}

/* Output rows that one plane serves. */
static inline int32_t plane_band(const smt_conv *p, int32_t bytes)
{
    int32_t rows = PLANE_BYTES / (bytes * plane_columns(p)),
            count = rows >= p->filter_h ? (rows - p->filter_h) / p->stride_h + 1 : 1;
    return count < p->out_h ? count : p->out_h;
}

/* Of a plane and the room to align it. */
static inline uint32_t plane_scratch(const smt_conv *p, int32_t bytes)
{
    uint32_t rows = (uint32_t)((plane_band(p, bytes) - 1) * p->stride_h + p->filter_h);
    return X86_ALIGNMENT + (uint32_t)bytes * (uint32_t)plane_columns(p) * rows;
}

#endif
#endif
