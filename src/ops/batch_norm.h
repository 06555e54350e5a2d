/* What a batch norm node carries through a step; the meetings
 * of the chunks in both directions (op_batch_norm.c). */
#ifndef SMT_OPS_BATCH_NORM_H
#define SMT_OPS_BATCH_NORM_H

#include "ops/kernels.h"

typedef struct ops_norm_state {
    ops_norm view; /* points to the arrays below, for the kernels */
    float epsilon, momentum;
    /* Each [c], owned by the exec. */
    float *scale, *offset, *mean, *inverse; /* inverse: 1 / sqrt(variance + epsilon) */
    float *slope, *level;
    double *sums; /* chunks x 2 x c */
} ops_norm_state;

/* A graph's arrays of the node, each [c]. */
typedef struct ops_norm_params {
    const float *gamma, *beta;
    float *mean, *variance;
} ops_norm_params;

/* Uses the running statistics. */
void ops_norm_running(ops_norm_state *state, const ops_norm_params *params);
/* Before the first pass of forward: the shift of the sums, kept in state->mean. */
void ops_norm_begin(ops_norm_state *state, const ops_norm_params *params);
/* Between the passes of forward: count values a channel. Updates the running statistics. */
void ops_norm_meet(ops_norm_state *state, const ops_norm_params *params, int chunks, double count);
/* Between the passes of backward. gamma and beta receive gradients, or are NULL; frozen: the
 * statistics are constants. */
void ops_norm_meet_backward(
    ops_norm_state *state, int chunks, double count, bool frozen, float *gamma, float *beta);

#endif
