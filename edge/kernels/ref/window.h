/* Where a convolution's windows lie, for all reference kernels. */
#ifndef SEMTINEL_EDGE_WINDOW_H
#define SEMTINEL_EDGE_WINDOW_H

#include "kernels/kernels.h"

/* The pixel of an image [in_h][in_w] under place (ky, kx) of the window of output pixel (oy, ox);
 * -1 in the padding. */
static inline int32_t
edge_window_pixel(const smt_conv *p, int32_t oy, int32_t ox, int32_t ky, int32_t kx)
{
    int32_t iy = oy * p->stride_h - p->pad_h + ky * p->dilation_h;
    int32_t ix = ox * p->stride_w - p->pad_w + kx * p->dilation_w;
    return iy < 0 || iy >= p->in_h || ix < 0 || ix >= p->in_w ? -1 : iy * p->in_w + ix;
}

#endif
