/* A product of two convolutions, row by row: one factor's row goes straight into the output, the
 * other's into scratch memory, and the product is made in place. The kernels do not notice: a row
 * is a convolution of its own, of the part of the image that its windows touch. */
#include "kernels/kernels.h"

/* Row y of p as a convolution of its own; its image begins *skip bytes after p's. */
static smt_conv row_of(const smt_conv *p, int32_t y, int32_t *skip)
{
    smt_conv row = *p;
    int32_t top = y * p->stride_h - p->pad_h;
    int32_t lines = top > 0 ? top : 0;
    row.out_h = 1;
    row.pad_h = lines - top;
    row.in_h -= lines;
    *skip = lines * p->in_w * p->in_c;
    return row;
}

static uint32_t row_bytes(const smt_conv *p)
{
    return edge_align((uint32_t)(p->out_w * p->out_c));
}

uint32_t smt_product_scratch(const smt_conv_kernel *kernel, const smt_conv *p)
{
    int32_t skip;
    smt_conv row = row_of(p, 0, &skip);
    uint32_t whole = kernel->scratch ? kernel->scratch(p) : 0;
    uint32_t bytes = row_bytes(p) + (kernel->scratch ? kernel->scratch(&row) : 0);
    if (kernel->product_scratch && (kernel->product || kernel->product_scratch(p) > bytes))
        bytes = kernel->product_scratch(p);
    return bytes > whole ? bytes : whole;
}

void smt_product_s8(const smt_conv_kernel *kernel,
                    smt_arithmetic_s8 *multiply,
                    const smt_product *p,
                    const void *in,
                    void *out,
                    void *scratch)
{
    if (kernel->product) {
        kernel->product(p, in, out, scratch);
        return;
    }
    int32_t bytes = p->a->out_w * p->a->out_c;
    smt_arithmetic mul = *p->mul;
    mul.shape[0] = mul.shape[1] = mul.shape[2] = 1;
    mul.shape[3] = bytes;
    mul.stride_a[3] = mul.stride_b[3] = 1;
    const int8_t *x = in;
    int8_t *y = out, *other = scratch;
    for (int32_t i = 0; i < p->a->out_h; i++, y += bytes) {
        int32_t skip;
        smt_conv a = row_of(p->a, i, &skip), b = row_of(p->b, i, &skip);
        kernel->run(&a, x + skip, y, other + row_bytes(p->a));
        kernel->run(&b, x + skip, other, other + row_bytes(p->a));
        multiply(&mul, y, other, y);
    }
}
