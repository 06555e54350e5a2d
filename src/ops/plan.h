/* The plan of an exec: which operator runs when, on which memory.
 *
 * A plan is a list of segments. A segment is a list of actions that one thread runs for one chunk
 * of images after the other without meeting the other threads; between two segments all chunks
 * meet, to join a batch norm's sums or the chunks' weight gradients. Within a chunk a segment goes
 * `step` images at a time, so that what passes from one action to the next stays in the core's
 * cache.
 *
 * A tensor lives in one of two kinds of memory. The arena holds what passes from one segment to
 * another, for the whole batch; its blocks are shared by tensors whose lives do not overlap. Each
 * thread's local memory holds what is born and dies within a segment, for `step` images. Batch
 * norm's outputs are never kept for backward but computed again from its inputs, which backward
 * needs anyway: that halves the memory, and the second pass over data in cache is nearly free. */
#ifndef SMT_OPS_PLAN_H
#define SMT_OPS_PLAN_H

#include "ops/operators.h"

/* Images in a chunk. A constant: results must not depend on the machine. */
#define PLAN_CHUNK 4
#define PLAN_NO_PARTIAL SIZE_MAX

typedef enum plan_base {
    PLAN_NOWHERE,
    PLAN_INPUT,  /* the caller's input */
    PLAN_LOGITS, /* the caller's gradient of the last node */
    PLAN_ARENA,
    PLAN_LOCAL
} plan_base;

typedef struct plan_ref {
    plan_base base;
    int block;    /* of arena or local memory */
    size_t count; /* floats an image */
} plan_ref;

typedef struct plan_block {
    size_t count;    /* floats an image */
    int first, last; /* lifetime: segments (arena) or actions (local), both included */
    int segment;     /* of a local block */
    size_t offset;   /* floats an image, in its arena or in its segment's local memory */
} plan_block;

typedef enum plan_kind {
    PLAN_FORWARD,
    PLAN_STATISTICS, /* first pass of batch norm */
    PLAN_BACKWARD,
    PLAN_WEIGHT,       /* only the weights' gradients, of a dense layer */
    PLAN_NORM_REDUCE,  /* first pass of batch norm's backward */
    PLAN_NORM_BACKWARD /* second pass */
} plan_kind;

typedef struct plan_action {
    plan_kind kind;
    int node;
    plan_ref x[2];
    plan_ref y;   /* forward */
    plan_ref pre; /* y before its activation, where that is kept apart */
    plan_ref dy;
    plan_ref inner; /* dy before the activation, where there is one */
    plan_ref dx[2];
    plan_ref into[2]; /* where dx[i] is added to, if the operator cannot add itself */
    bool add[2];
    plan_ref scratch;
    size_t weight_partial, bias_partial; /* offsets in a chunk's partial gradients */
} plan_action;

typedef struct plan_segment {
    bool whole;       /* its actions run one after the other, each on the whole batch in shares */
    int first, count; /* actions */
    int step;         /* images */
    size_t local;     /* floats an image of local memory */
    size_t partial;   /* floats a chunk of partial weight gradients */
    int meeting;      /* the batch norm node whose sums are joined after the segment, or -1 */
} plan_segment;

typedef struct plan_options {
    bool training; /* plan backward too */
    bool keep_all; /* inference that keeps every value; excludes training */
    bool head_only;
    const int *keep; /* nodes whose value and gradient live to the end */
    int keep_count;
} plan_options;

typedef struct plan {
    plan_action *actions;
    int action_count;
    size_t action_capacity;
    plan_segment *segments;
    int segment_count;
    size_t segment_capacity;
    int forward_segments; /* the first ones; the rest is backward */
    plan_block *arena;
    int arena_count;
    size_t arena_capacity;
    plan_block *local;
    int local_count;
    size_t local_capacity;
    size_t arena_size;  /* floats an image */
    plan_ref *value;    /* [node]; PLAN_LOCAL: not kept after its segment */
    plan_ref *gradient; /* [node] */
    bool *trains;       /* [node]: backward computes the gradients of its params */
    bool *keeps;        /* [node]: value and gradient live to the end */
} plan;

smt_status
plan_create(const smt_graph *graph, const plan_options *options, plan **out, smt_error *error);
void plan_destroy(plan **p);

#endif
