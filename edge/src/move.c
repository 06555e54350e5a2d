#include "move.h"

void edge_move(void *out, const void *in, uint32_t bytes)
{
    uint8_t *d = out;
    const uint8_t *s = in;
    if (d == s)
        return;
    if ((uintptr_t)d < (uintptr_t)s)
        for (uint32_t i = 0; i < bytes; i++)
            d[i] = s[i];
    else
        while (bytes-- > 0)
            d[bytes] = s[bytes];
}

void edge_pad(const edge_call *call, const void *in, void *out)
{
    const smt_edge_tensor *from = &call->in, *to = &call->out;
    const int32_t *pads = call->second.data;
    uint32_t element = smt_edge_type_bytes(to->type);
    int32_t shift = 4 - from->rank;
    int32_t extent[4] = {1, 1, 1, 1}, before[4] = {0, 0, 0, 0}, after[4] = {1, 1, 1, 1};
    for (int32_t i = 0; i < from->rank; i++) {
        extent[i + shift] = from->shape[i];
        before[i + shift] = pads[2 * i];
        after[i + shift] = to->shape[i];
    }
    /* The pad is the real 0: the zero point, or float's zero bits. */
    uint8_t fill = to->type == SMT_EDGE_F32 ? 0 : (uint8_t)to->zero_point;
    uint8_t *y = out;
    for (uint32_t i = 0; i < to->bytes; i++)
        y[i] = fill;
    uint32_t row = (uint32_t)extent[3] * element;
    const uint8_t *x = in;
    for (int32_t a = 0; a < extent[0]; a++)
        for (int32_t b = 0; b < extent[1]; b++)
            for (int32_t c = 0; c < extent[2]; c++, x += row) {
                int32_t at =
                    ((a + before[0]) * after[1] + b + before[1]) * after[2] + c + before[2];
                edge_move(y + ((uint32_t)at * (uint32_t)after[3] + (uint32_t)before[3]) * element,
                          x,
                          row);
            }
}

void edge_concatenate(
    const edge_call *call, const smt_edge_tensor *in, const void *data, int32_t before, void *out)
{
    const smt_edge_tensor *to = &call->out;
    uint32_t inner = smt_edge_type_bytes(to->type), outer = 1;
    for (int32_t d = 0; d < to->rank; d++)
        if (d < call->op.axis)
            outer *= (uint32_t)to->shape[d];
        else if (d > call->op.axis)
            inner *= (uint32_t)to->shape[d];
    uint32_t part = (uint32_t)in->shape[call->op.axis] * inner,
             whole = (uint32_t)to->shape[call->op.axis] * inner;
    const uint8_t *x = data;
    uint8_t *y = (uint8_t *)out + (uint32_t)before * inner;
    for (uint32_t i = 0; i < outer; i++, x += part, y += whole)
        edge_move(y, x, part);
}
