#include "ops/operators.h"

#include <stddef.h>

const ops_operator *ops_find(smt_op op)
{
    static const ops_operator input = {.forward = NULL};
    static const ops_operator *const table[SMT_OP_COUNT] = {[SMT_OP_INPUT] = &input,
                                                            [SMT_OP_AFFINE] = &ops_affine,
                                                            [SMT_OP_CONV] = &ops_conv,
                                                            [SMT_OP_DEPTHWISE] = &ops_depthwise,
                                                            [SMT_OP_BATCH_NORM] = &ops_batch_norm,
                                                            [SMT_OP_ACTIVATION] = &ops_activation,
                                                            [SMT_OP_ADD] = &ops_add_op,
                                                            [SMT_OP_MULTIPLY] = &ops_multiply,
                                                            [SMT_OP_GLOBAL_POOL] = &ops_global_pool,
                                                            [SMT_OP_DENSE] = &ops_dense,
                                                            [SMT_OP_DROPOUT] = &ops_dropout,
                                                            [SMT_OP_SOFTMAX] = &ops_softmax,
                                                            [SMT_OP_QUANTIZE] = &ops_quantize};
    return op >= 0 && op < SMT_OP_COUNT ? table[op] : NULL;
}
