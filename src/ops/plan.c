#include "ops/plan.h"

#include "base/room.h"

#include <string.h>

/* Local memory that a segment should fit in: most of a core's second-level cache. */
#define LOCAL_BYTES ((size_t)384 << 10)

typedef struct planner {
    const smt_graph *graph;
    plan_options options;
    plan *plan;
    bool failed; /* out of memory */
    int last;    /* the node whose value is the result */
    int final;   /* number of the last segment */
    /* [node] */
    bool *live;      /* reaches the last node */
    bool *wanted;    /* its gradient is needed */
    bool *local_ok;  /* its value need not outlive its segment */
    bool *written;   /* its gradient has had its first contribution */
    int *made;       /* segment that computes it */
    int *back_first; /* segments that use its gradient */
    int *back_last;
    plan_action *waiting; /* weight gradients for the next settle() */
    int waiting_count;
    int *here; /* segment in which a local value was last computed, -1: none */
} planner;

static const smt_node *node_at(const planner *b, int index)
{
    return &b->graph->nodes[index];
}

static size_t floats_of(const planner *b, int node)
{
    return smt_shape_count(node_at(b, node)->shape);
}

static bool has_inner(const smt_node *node)
{
    return node->activation != SMT_ACT_NONE && !ops_find(node->op)->activates;
}

/* ---- segments and actions ------------------------------------------------------------------- */

static int current(const planner *b)
{
    return b->plan->segment_count - 1;
}

static void open_segment(planner *b, bool whole)
{
    plan *p = b->plan;
    b->failed = b->failed || !SMT_ROOM(p->segments, p->segment_count, p->segment_capacity);
    if (!b->failed) {
        p->segments[p->segment_count++] =
            (plan_segment){.whole = whole, .first = p->action_count, .step = 1, .meeting = -1};
    }
}

static plan_action *add_action(planner *b, plan_kind kind, int node)
{
    static plan_action nowhere;
    plan *p = b->plan;
    b->failed = b->failed || !SMT_ROOM(p->actions, p->action_count, p->action_capacity);
    if (b->failed) {
        nowhere = (plan_action){.kind = kind};
        return &nowhere;
    }
    p->segments[current(b)].count++;
    p->actions[p->action_count] = (plan_action){.kind = kind,
                                                .node = node,
                                                .weight_partial = PLAN_NO_PARTIAL,
                                                .bias_partial = PLAN_NO_PARTIAL};
    return &p->actions[p->action_count++];
}

/* ---- memory --------------------------------------------------------------------------------- */

static plan_ref arena_block(planner *b, size_t count, int first, int last)
{
    plan *p = b->plan;
    b->failed = b->failed || !SMT_ROOM(p->arena, p->arena_count, p->arena_capacity);
    if (b->failed) {
        return (plan_ref){0};
    }
    p->arena[p->arena_count] = (plan_block){.count = count, .first = first, .last = last};
    return (plan_ref){.base = PLAN_ARENA, .block = p->arena_count++, .count = count};
}

/* A local block of the current segment, alive from the next action on. */
static plan_ref local_block(planner *b, size_t count)
{
    plan *p = b->plan;
    b->failed = b->failed || !SMT_ROOM(p->local, p->local_count, p->local_capacity);
    if (b->failed) {
        return (plan_ref){0};
    }
    p->local[p->local_count] = (plan_block){
        .count = count, .first = p->action_count, .last = p->action_count, .segment = current(b)};
    return (plan_ref){.base = PLAN_LOCAL, .block = p->local_count++, .count = count};
}

/* Notes that the next action uses `ref`. */
static plan_ref use(planner *b, plan_ref ref)
{
    plan *p = b->plan;
    if (ref.base == PLAN_ARENA && p->arena[ref.block].last < current(b)) {
        p->arena[ref.block].last = current(b);
    } else if (ref.base == PLAN_LOCAL) {
        p->local[ref.block].last = p->action_count;
    }
    return ref;
}

/* Offsets for the blocks such that blocks whose lives overlap do not share memory: the largest
 * first, each at the lowest free place. Returns the memory needed. */
static size_t fit_blocks(plan_block **blocks, int count)
{
    size_t size = 0;
    for (int i = 1; i < count; i++) { /* insertion sort: stable, and the lists are short */
        plan_block *block = blocks[i];
        int j = i;
        for (; j > 0 && blocks[j - 1]->count < block->count; j--) {
            blocks[j] = blocks[j - 1];
        }
        blocks[j] = block;
    }
    for (int i = 0; i < count; i++) {
        plan_block *block = blocks[i];
        size_t length = (block->count + 15) & ~(size_t)15;
        block->offset = 0;
        for (int j = 0; j < i; j++) {
            const plan_block *other = blocks[j];
            size_t other_end = other->offset + ((other->count + 15) & ~(size_t)15);
            if (other->first <= block->last && block->first <= other->last &&
                other->offset < block->offset + length && block->offset < other_end) {
                block->offset = other_end;
                j = -1;
            }
        }
        if (block->offset + length > size) {
            size = block->offset + length;
        }
    }
    return size;
}

static void place_blocks(planner *b)
{
    plan *p = b->plan;
    int most = p->arena_count > p->local_count ? p->arena_count : p->local_count;
    plan_block **blocks = smt_alloc((size_t)most + 1, sizeof(plan_block *));
    if (!blocks || b->failed) {
        smt_free(blocks);
        b->failed = true;
        return;
    }
    for (int i = 0; i < p->arena_count; i++) {
        blocks[i] = &p->arena[i];
    }
    p->arena_size = fit_blocks(blocks, p->arena_count);
    for (int s = 0, i = 0; s < p->segment_count;
         s++) { /* local blocks are in the order of their segments */
        int count = 0;
        for (; i < p->local_count && p->local[i].segment == s; i++) {
            blocks[count++] = &p->local[i];
        }
        plan_segment *segment = &p->segments[s];
        segment->local = fit_blocks(blocks, count);
        while (segment->step < PLAN_CHUNK &&
               2 * (size_t)segment->step * segment->local * sizeof(float) <= LOCAL_BYTES) {
            segment->step *= 2;
        }
    }
    smt_free(blocks);
}

/* ---- what is needed ------------------------------------------------------------------------- */

static bool has_trainable(const planner *b, const smt_node *node)
{
    for (int i = 0; i < SMT_NODE_PARAMS; i++) {
        if (node->param[i] >= 0 && b->graph->params[node->param[i]].trainable) {
            return true;
        }
    }
    return false;
}

static void find_needs(planner *b)
{
    int count = b->graph->node_count,
        frozen = b->options.head_only ? smt_graph_find(b->graph, "pool") : -1;
    b->live[b->last] = true;
    for (int i = count - 1; i >= 0; i--) {
        for (int k = 0; k < 2; k++) {
            if (b->live[i] && node_at(b, i)->input[k] >= 0) {
                b->live[node_at(b, i)->input[k]] = true;
            }
        }
    }
    for (int i = 1; i < count; i++) {
        const smt_node *node = node_at(b, i);
        b->plan->trains[i] = b->live[i] && i > frozen && has_trainable(b, node);
        b->wanted[i] = b->plan->trains[i] || (b->plan->keeps[i] && b->live[i]);
        for (int k = 0; k < 2; k++) {
            b->wanted[i] =
                b->wanted[i] || (b->live[i] && node->input[k] >= 0 && b->wanted[node->input[k]]);
        }
    }
}

/* The weight gradients of a squeeze-excite's little dense layers: a chunk's few images would write
 * as much as they compute, so they wait for the whole batch. */
static bool waits(const planner *b, int i)
{
    const smt_node *node = node_at(b, i);
    if (node->op != SMT_OP_CONV || !b->plan->trains[i]) {
        return false;
    }
    const smt_node *input = node_at(b, node->input[0]);
    return ops_conv_is_dense(node, input->shape) && !b->local_ok[node->input[0]] &&
           input->op != SMT_OP_INPUT;
}

/* Does backward have anything to do at this node, once its gradient is there? */
static bool goes_on(const planner *b, int i)
{
    const smt_node *node = node_at(b, i);
    return b->plan->trains[i] || (node->input[0] >= 0 && b->wanted[node->input[0]]) ||
           (node->input[1] >= 0 && b->wanted[node->input[1]]);
}

/* Rehearses the walk both ways to learn in which segments each value and gradient is used. */
static void rehearse(planner *b)
{
    int count = b->graph->node_count, segment = 0;
    bool empty = true;
    for (int i = 0; i < count; i++) {
        const smt_node *node = node_at(b, i);
        const ops_operator *op = ops_find(node->op);
        if (node->op == SMT_OP_INPUT) {
            continue;
        }
        b->local_ok[i] = op->cheap && !has_inner(node) && i != b->last && !b->plan->keeps[i];
        if (node->op == SMT_OP_BATCH_NORM) {
            b->local_ok[node->input[0]] = false;
            segment++;
        } else if (node->op == SMT_OP_DENSE) {
            segment += empty ? 0 : 1;
        }
        b->made[i] = segment;
        empty = false;
        for (int k = 0; k < 2; k++) {
            if (node->input[k] >= 0 && b->made[node->input[k]] != segment) {
                b->local_ok[node->input[k]] = false;
            }
        }
        if (node->op == SMT_OP_DENSE) {
            segment++;
            empty = true;
        }
    }
    segment += 1;
    empty = true;
    bool waiting = false;
    for (int i = count - 1; i > 0; i--) {
        if (!b->wanted[i] || !goes_on(b, i)) {
            b->back_first[i] = b->back_last[i] = segment;
            continue;
        }
        const smt_node *node = node_at(b, i);
        if (node->op == SMT_OP_DENSE) {
            segment += (empty ? 0 : 1) + (waiting ? 1 : 0);
            waiting = false;
        }
        b->back_first[i] = segment;
        if (node->op == SMT_OP_BATCH_NORM) {
            segment += waiting ? 2 : 1;
            waiting = false;
        }
        b->back_last[i] = segment;
        waiting = waiting || waits(b, i);
        empty = node->op == SMT_OP_BATCH_NORM && !b->wanted[node->input[0]];
        if (node->op == SMT_OP_DENSE) {
            segment++;
            empty = true;
        }
    }
    segment += waiting ? 1 : 0;
    b->final = segment;
}

/* ---- forward -------------------------------------------------------------------------------- */

static size_t scratch_of(const planner *b, int node, ops_direction direction)
{
    const ops_operator *op = ops_find(node_at(b, node)->op);
    int input = node_at(b, node)->input[0];
    return op->scratch && input >= 0
               ? op->scratch(node_at(b, node), node_at(b, input)->shape, direction)
               : 0;
}

static void emit_forward(planner *b, int i)
{
    plan *p = b->plan;
    const smt_node *node = node_at(b, i);
    plan_action a = {.kind = PLAN_FORWARD};
    for (int k = 0; k < 2; k++) {
        if (node->input[k] >= 0) {
            a.x[k] = use(b, p->value[node->input[k]]);
        }
    }
    size_t scratch = scratch_of(b, i, OPS_FORWARD);
    if (scratch) {
        a.scratch = local_block(b, scratch);
    }
    if (!b->options.training && !b->options.keep_all && i != b->last) {
        p->value[i] = local_block(b, floats_of(b, i));
    } else if (b->options.training && b->local_ok[i]) {
        p->value[i] = local_block(b, floats_of(b, i));
        b->here[i] = current(b);
    } else {
        bool stays = i == b->last || b->plan->keeps[i] || b->options.keep_all;
        p->value[i] = arena_block(b, floats_of(b, i), current(b), stays ? b->final : current(b));
    }
    if (b->options.training && has_inner(node)) {
        a.pre = arena_block(b, floats_of(b, i), current(b), current(b));
    }
    a.y = p->value[i];
    plan_action *made = add_action(b, PLAN_FORWARD, i);
    a.node = i;
    a.weight_partial = a.bias_partial = PLAN_NO_PARTIAL;
    *made = a;
}

static void plan_forward(planner *b)
{
    plan *p = b->plan;
    open_segment(b, false);
    for (int i = 0; i < b->graph->node_count && !b->failed; i++) {
        const smt_node *node = node_at(b, i);
        if (node->op == SMT_OP_INPUT) {
            p->value[i] = (plan_ref){.base = PLAN_INPUT, .count = floats_of(b, i)};
            continue;
        }
        if (b->options.training && node->op == SMT_OP_BATCH_NORM) {
            plan_ref x = use(b, p->value[node->input[0]]);
            add_action(b, PLAN_STATISTICS, i)->x[0] = x;
            p->segments[current(b)].meeting = i;
            open_segment(b, false);
        } else if (b->options.training && node->op == SMT_OP_DENSE) {
            p->segments[current(b)].whole = p->segments[current(b)].count == 0;
            if (!p->segments[current(b)].whole) {
                open_segment(b, true);
            }
        }
        if (!b->failed) {
            emit_forward(b, i);
        }
        if (b->options.training && node->op == SMT_OP_DENSE) {
            open_segment(b, false);
        }
    }
    p->forward_segments = p->segment_count;
}

/* ---- backward ------------------------------------------------------------------------------- */

/* A value in backward: local ones are computed again, once a segment. */
static plan_ref recall(planner *b, int i)
{
    plan *p = b->plan;
    if (p->value[i].base != PLAN_LOCAL || b->here[i] == current(b)) {
        return use(b, p->value[i]);
    }
    const smt_node *node = node_at(b, i);
    plan_ref x[2] = {{0}};
    for (int k = 0; k < 2; k++) {
        if (node->input[k] >= 0) {
            x[k] = recall(b, node->input[k]);
        }
    }
    for (int k = 0; k < 2; k++) { /* again: the second may have come after the first */
        use(b, x[k]);
    }
    p->value[i] = local_block(b, floats_of(b, i));
    b->here[i] = current(b);
    plan_action *a = add_action(b, PLAN_FORWARD, i);
    a->x[0] = x[0];
    a->x[1] = x[1];
    a->y = p->value[i];
    return use(b, p->value[i]);
}

/* Where the gradient of node i goes, made at its first use. */
static plan_ref gradient_of(planner *b, int i)
{
    plan *p = b->plan;
    if (p->gradient[i].base == PLAN_NOWHERE) {
        bool local = !b->plan->keeps[i] && b->back_first[i] == current(b) &&
                     b->back_last[i] == current(b) && !p->segments[current(b)].whole &&
                     !waits(b, i);
        p->gradient[i] = local ? local_block(b, floats_of(b, i))
                               : arena_block(b,
                                             floats_of(b, i),
                                             current(b),
                                             b->plan->keeps[i] ? b->final : b->back_last[i]);
    }
    return use(b, p->gradient[i]);
}

static plan_ref temporary(planner *b, size_t count)
{
    return b->plan->segments[current(b)].whole ? arena_block(b, count, current(b), current(b))
                                               : local_block(b, count);
}

static size_t partial_of(const planner *b, plan_segment *segment, int param)
{
    if (param < 0 || !b->graph->params[param].trainable) {
        return PLAN_NO_PARTIAL;
    }
    size_t at = segment->partial;
    segment->partial += (b->graph->params[param].count + 15) & ~(size_t)15;
    return at;
}

/* Ends the segment's chunks and computes the weight gradients that waited for the batch. */
static void settle(planner *b)
{
    if (b->waiting_count > 0) {
        open_segment(b, true);
    }
    for (int i = 0; i < b->waiting_count && !b->failed; i++) {
        use(b, b->waiting[i].x[0]);
        use(b, b->waiting[i].dy);
        *add_action(b, PLAN_WEIGHT, b->waiting[i].node) = b->waiting[i];
    }
    b->waiting_count = 0;
}

static void emit_backward(planner *b, int i, plan_kind kind)
{
    plan *p = b->plan;
    const smt_node *node = node_at(b, i);
    const ops_operator *op = ops_find(node->op);
    plan_action a = {.kind = kind,
                     .node = i,
                     .weight_partial = PLAN_NO_PARTIAL,
                     .bias_partial = PLAN_NO_PARTIAL};
    for (int k = 0; k < 2 && op->reads_inputs; k++) {
        if (node->input[k] >= 0) {
            a.x[k] = recall(b, node->input[k]);
        }
    }
    use(b, a.x[0]); /* recalling the second may have added actions */
    a.dy = use(b, p->gradient[i]);
    if (kind == PLAN_BACKWARD && has_inner(node)) {
        for (int k = p->action_count - 1; k >= 0; k--) {
            if (p->actions[k].kind == PLAN_FORWARD && p->actions[k].node == i) {
                a.pre = use(b, p->actions[k].pre);
            }
        }
        a.inner = waits(b, i) ? arena_block(b, floats_of(b, i), current(b), current(b))
                              : temporary(b, floats_of(b, i));
    }
    size_t scratch = 0;
    if (kind == PLAN_BACKWARD) {
        bool data = node->input[0] >= 0 && b->wanted[node->input[0]];
        scratch = scratch_of(b, i, data ? OPS_BACKWARD_DATA : OPS_BACKWARD);
    }
    if (scratch) {
        a.scratch = temporary(b, scratch);
    }
    for (int k = 0; k < 2 && kind != PLAN_NORM_REDUCE; k++) {
        int input = node->input[k];
        if (input < 0 || !b->wanted[input]) {
            continue;
        }
        plan_ref gradient = gradient_of(b, input);
        a.add[k] = b->written[input];
        b->written[input] = true;
        if (a.add[k] && !op->adds) {
            a.into[k] = gradient;
            a.dx[k] = temporary(b, floats_of(b, input));
            a.add[k] = false;
        } else {
            a.dx[k] = gradient;
        }
    }
    if (kind == PLAN_BACKWARD && waits(b, i)) {
        b->waiting[b->waiting_count++] = (plan_action){.kind = PLAN_WEIGHT,
                                                       .node = i,
                                                       .x = {a.x[0]},
                                                       .dy = has_inner(node) ? a.inner : a.dy,
                                                       .weight_partial = PLAN_NO_PARTIAL,
                                                       .bias_partial = PLAN_NO_PARTIAL};
    } else if (kind == PLAN_BACKWARD && p->trains[i] && !p->segments[current(b)].whole) {
        plan_segment *segment = &p->segments[current(b)];
        a.weight_partial = partial_of(b, segment, node->param[SMT_WEIGHT]);
        a.bias_partial = partial_of(b, segment, node->param[SMT_BIAS]);
    }
    *add_action(b, kind, i) = a;
}

static void plan_backward(planner *b)
{
    plan *p = b->plan;
    p->gradient[b->last] = (plan_ref){.base = PLAN_LOGITS, .count = floats_of(b, b->last)};
    b->written[b->last] = true;
    open_segment(b, false);
    for (int i = b->last; i > 0 && !b->failed; i--) {
        if (!b->wanted[i] || !goes_on(b, i)) {
            continue;
        }
        smt_op op = node_at(b, i)->op;
        if (op == SMT_OP_BATCH_NORM) {
            emit_backward(b, i, PLAN_NORM_REDUCE);
            p->segments[current(b)].meeting = i;
            settle(b);
            open_segment(b, false);
            if (!b->failed && b->wanted[node_at(b, i)->input[0]]) {
                emit_backward(b, i, PLAN_NORM_BACKWARD);
            }
            continue;
        }
        if (op == SMT_OP_DENSE) {
            p->segments[current(b)].whole = p->segments[current(b)].count == 0;
            if (!p->segments[current(b)].whole) {
                settle(b);
                open_segment(b, true);
            }
        }
        if (!b->failed) {
            emit_backward(b, i, PLAN_BACKWARD);
        }
        if (op == SMT_OP_DENSE) {
            open_segment(b, false);
        }
    }
    settle(b);
}

/* ---- all ------------------------------------------------------------------------------------ */

smt_status
plan_create(const smt_graph *graph, const plan_options *options, plan **out, smt_error *error)
{
    size_t count = (size_t)graph->node_count;
    planner b = {.graph = graph, .options = *options, .last = graph->node_count - 1};
    plan *p = smt_alloc(1, sizeof *p);
    bool *flags = smt_alloc(4 * count, sizeof *flags);
    int *numbers = smt_alloc(4 * count, sizeof *numbers);
    b.waiting = smt_alloc(count, sizeof *b.waiting);
    if (p) {
        p->value = smt_alloc(count, sizeof *p->value);
        p->gradient = smt_alloc(count, sizeof *p->gradient);
        p->trains = smt_alloc(count, sizeof *p->trains);
        p->keeps = smt_alloc(count, sizeof *p->keeps);
    }
    if (!p || !flags || !numbers || !b.waiting || !p->value || !p->gradient || !p->trains ||
        !p->keeps) {
        b.failed = true;
    } else {
        b.plan = p;
        b.live = flags;
        b.wanted = flags + count;
        b.local_ok = flags + 2 * count;
        b.written = flags + 3 * count;
        b.made = numbers;
        b.back_first = numbers + count;
        b.back_last = numbers + 2 * count;
        b.here = numbers + 3 * count;
        memset(b.here, 0xff, count * sizeof *b.here);
        for (int i = 0; i < options->keep_count; i++) {
            if (options->keep[i] > 0 && options->keep[i] < graph->node_count) {
                p->keeps[options->keep[i]] = true;
            }
        }
        if (options->training && !options->keep_all) {
            find_needs(&b);
            rehearse(&b);
        }
        plan_forward(&b);
        if (options->training && !b.failed) {
            plan_backward(&b);
        }
        if (!b.failed) {
            place_blocks(&b);
        }
    }
    smt_free(flags);
    smt_free(numbers);
    smt_free(b.waiting);
    if (b.failed) {
        plan_destroy(&p);
        return smt_fail(
            error, SMT_ERR_MEMORY, "out of memory for the plan of %d nodes", graph->node_count);
    }
    *out = p;
    return SMT_OK;
}

void plan_destroy(plan **p)
{
    if (p && *p) {
        smt_free((*p)->actions);
        smt_free((*p)->segments);
        smt_free((*p)->arena);
        smt_free((*p)->local);
        smt_free((*p)->value);
        smt_free((*p)->gradient);
        smt_free((*p)->trains);
        smt_free((*p)->keeps);
        smt_free(*p);
        *p = NULL;
    }
}
