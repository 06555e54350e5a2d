/* One operator a file: forward beside backward on a run of images. The exec
 * (exec.c) does what is common to all: it finds the buffers, applies and undoes a
 * node's activation, cuts the batch in chunks and sums the chunks' weight
 * gradients. Batch norm is the exception that spans chunks; see op_batch_norm.c. */
#ifndef SMT_OPS_OPERATORS_H
#define SMT_OPS_OPERATORS_H

#include "ops/kernels.h"

typedef enum ops_direction {
    OPS_FORWARD,
    OPS_BACKWARD,     /* gradients of the weights only */
    OPS_BACKWARD_DATA /* and of the input */
} ops_direction;

typedef struct ops_call {
    const ops_kernels *kernels;
    const smt_node *node;
    smt_shape in[2];   /* shapes of the inputs */
    int images;        /* in this call */
    int first;         /* number of the call's first image in its batch */
    const float *x[2]; /* images x in[i] */
    const float *weight, *bias;
    const float *packed; /* of a convolution: see ops_conv_pack */
    float *scratch;      /* images x operator.scratch() floats, or NULL */
    bool training;       /* dropout is on */
    uint64_t seed;       /* of dropout */
    const ops_norm *norm;
    int part, parts; /* dense: this call makes the part-th of so many shares of each result */
    /* Forward. */
    float *y; /* images x node->shape, before the activation */
    /* Backward. dy: gradient before the activation. */
    const float *dy;
    float *dx[2];           /* NULL: not wanted */
    bool add[2];            /* add to dx rather than overwrite it */
    float *dweight, *dbias; /* NULL: not wanted; added to unless `overwrite` */
    bool overwrite;
} ops_call;

typedef struct ops_operator {
    void (*forward)(const ops_call *call);
    void (*backward)(const ops_call *call); /* NULL for the input */
    /* Floats of scratch an image needs; NULL: none. */
    size_t (*scratch)(const smt_node *node, smt_shape in, ops_direction direction);
    bool reads_inputs; /* backward looks at x, not only at dy */
    bool adds;         /* backward honours call->add; otherwise the exec adds */
    bool cheap;        /* forward is a light pass: recomputed in backward rather than kept */
    bool activates;    /* applies node->activation itself */
} ops_operator;

extern const ops_operator ops_affine, ops_conv, ops_depthwise, ops_batch_norm, ops_activation,
    ops_add_op, ops_multiply, ops_global_pool, ops_dense, ops_dropout, ops_softmax, ops_quantize;

const ops_operator *ops_find(smt_op op);

/* Turns the weights [out][kernel_h][kernel_w][in] of a convolution to
 * [kernel_w][kernel_h][in][out], in which forward reads them. A 1 x 1 convolution of one pixel is a
 * dense layer and needs no packing. */
bool ops_conv_needs_pack(const smt_node *node, smt_shape in);
void ops_conv_pack(const ops_kernels *kernels,
                   const smt_node *node,
                   const smt_param *weight,
                   float *packed);
/* Is the convolution a dense layer? */
bool ops_conv_is_dense(const smt_node *node, smt_shape in);

static inline size_t ops_pixels(smt_shape shape)
{
    return (size_t)shape.h * (size_t)shape.w;
}

#endif
