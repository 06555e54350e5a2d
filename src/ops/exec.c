/* Runs a plan (plan.h): finds the memory of each action, calls the operators chunk by chunk on the
 * pool, and joins batch norms and weight gradients where the chunks meet. */
#include "ops/batch_norm.h"
#include "ops/plan.h"
#include <semtinel/ops.h>

#include <string.h>

#define MAX_BATCH 4096
/* Elements of a weight gradient that one task sums over the chunks. */
#define SUM_BLOCK 8192
/* Tasks that a dense layer is cut in. */
#define SHARES 8

/* A plan with the memory it runs on. */
typedef struct runner {
    plan *plan;
    float *arena;
    float **local; /* [worker] */
    size_t arena_bytes, local_bytes;
} runner;

struct smt_exec {
    smt_graph *graph;
    smt_pool *pool;
    smt_exec_options options;
    const ops_kernels *kernels;
    int threads;
    int chunks; /* of max_batch */
    runner main;
    runner keeper;         /* inference of a training exec, made at its first use */
    ops_norm_state *norms; /* [node] */
    float **packed;        /* [node] transposed weights, or NULL */
    float **gradients;     /* [param] */
    float *partials;       /* chunks x the largest segment's partial gradients */
    size_t partial_floats; /* of a chunk */
    size_t other_bytes;
    /* Of the last call. */
    const float *input;
    const float *logits_gradient;
    int batch;
    smt_step step;
    bool training;
    bool observed;   /* keeper holds the values of the last call */
    double *seconds; /* [node], borrowed: where the time of operators is added up, or NULL */
};

/* What a task of the pool needs to run one chunk of a segment. */
typedef struct segment_run {
    smt_exec *exec;
    const runner *runner;
    const plan_segment *segment;
    int action; /* of a whole segment */
} segment_run;

/* ---- running a segment ---------------------------------------------------------------------- */

static float *address(const segment_run *run, plan_ref ref, int first, int worker)
{
    const plan *p = run->runner->plan;
    switch (ref.base) {
    case PLAN_NOWHERE:
        return NULL;
    case PLAN_ARENA:
        return run->runner->arena +
               p->arena[ref.block].offset * (size_t)run->exec->options.max_batch +
               (size_t)first * ref.count;
    case PLAN_LOCAL:
        return run->runner->local[worker] + p->local[ref.block].offset * (size_t)run->segment->step;
    case PLAN_INPUT:
    case PLAN_LOGITS:
        break;
    }
    return NULL;
}

static const float *source(const segment_run *run, plan_ref ref, int first, int worker)
{
    if (ref.base == PLAN_INPUT) {
        return run->exec->input + (size_t)first * ref.count;
    }
    if (ref.base == PLAN_LOGITS) {
        return run->exec->logits_gradient + (size_t)first * ref.count;
    }
    return address(run, ref, first, worker);
}

/* What the operator of an action gets for these images; the
 * gradient under its activation is not computed yet. */
static ops_call
call_of(const segment_run *run, const plan_action *a, int first, int images, int chunk, int worker)
{
    const smt_exec *exec = run->exec;
    const smt_node *node = &exec->graph->nodes[a->node];
    const smt_param *params = exec->graph->params;
    ops_call call = {.kernels = exec->kernels,
                     .node = node,
                     .images = images,
                     .first = first,
                     .packed = exec->packed[a->node],
                     .scratch = address(run, a->scratch, first, worker),
                     .training = exec->training,
                     .seed = exec->step.dropout_seed,
                     .norm = node->op == SMT_OP_BATCH_NORM ? &exec->norms[a->node].view : NULL,
                     .parts = 1};
    for (int k = 0; k < 2; k++) {
        if (node->input[k] >= 0) {
            call.in[k] = exec->graph->nodes[node->input[k]].shape;
            call.x[k] = source(run, a->x[k], first, worker);
        }
    }
    const int *param = node->param;
    call.weight = param[SMT_WEIGHT] >= 0 ? params[param[SMT_WEIGHT]].data : NULL;
    call.bias = param[SMT_BIAS] >= 0 ? params[param[SMT_BIAS]].data : NULL;
    if (a->kind == PLAN_FORWARD) {
        call.y = address(run, a->pre.base == PLAN_NOWHERE ? a->y : a->pre, first, worker);
        return call;
    }
    call.dy = a->inner.base == PLAN_NOWHERE ? source(run, a->dy, first, worker)
                                            : address(run, a->inner, first, worker);
    if (run->segment->whole) {
        bool trains = run->runner->plan->trains[a->node];
        call.dweight = trains ? exec->gradients[param[SMT_WEIGHT]] : NULL;
        call.dbias = trains && param[SMT_BIAS] >= 0 ? exec->gradients[param[SMT_BIAS]] : NULL;
        call.overwrite = true;
    } else {
        float *partial = exec->partials + (size_t)chunk * exec->partial_floats;
        call.dweight = a->weight_partial == PLAN_NO_PARTIAL ? NULL : partial + a->weight_partial;
        call.dbias = a->bias_partial == PLAN_NO_PARTIAL ? NULL : partial + a->bias_partial;
        call.overwrite = first % PLAN_CHUNK == 0;
    }
    for (int k = 0; k < 2; k++) {
        call.dx[k] = address(run, a->dx[k], first, worker);
        call.add[k] = a->add[k];
    }
    return call;
}

/* What is common to all operators before and after their own part. */
static void before(const segment_run *run, const plan_action *a, const ops_call *call, int worker)
{
    if (a->kind == PLAN_BACKWARD && a->inner.base != PLAN_NOWHERE) {
        run->exec->kernels->activate_backward(call->node->activation,
                                              smt_shape_count(call->node->shape) *
                                                  (size_t)call->images,
                                              source(run, a->pre, call->first, worker),
                                              source(run, a->dy, call->first, worker),
                                              address(run, a->inner, call->first, worker));
    }
}

static void after(const segment_run *run, const plan_action *a, const ops_call *call, int worker)
{
    const ops_kernels *kernels = run->exec->kernels;
    const smt_node *node = call->node;
    if (a->kind == PLAN_FORWARD && node->activation != SMT_ACT_NONE &&
        !ops_find(node->op)->activates) {
        size_t count = smt_shape_count(node->shape) * (size_t)call->images;
        kernels->activate(
            node->activation, count, call->y, address(run, a->y, call->first, worker));
    }
    for (int k = 0; k < 2; k++) {
        float *into = address(run, a->into[k], call->first, worker);
        if (into) {
            kernels->add(
                smt_shape_count(call->in[k]) * (size_t)call->images, into, call->dx[k], into);
        }
    }
}

static void run_operator(
    const segment_run *run, const plan_action *a, int first, int images, int chunk, int worker)
{
    const ops_operator *op = ops_find(run->exec->graph->nodes[a->node].op);
    ops_call call = call_of(run, a, first, images, chunk, worker);
    double *seconds = run->exec->seconds, start = seconds ? smt_clock() : 0;
    before(run, a, &call, worker);
    if (a->kind == PLAN_FORWARD) {
        op->forward(&call);
    } else {
        op->backward(&call);
    }
    after(run, a, &call, worker);
    if (seconds) {
        seconds[a->node] += smt_clock() - start;
    }
}

/* A share of an action of a whole segment; the tasks of several actions follow each other. */
static void run_share(void *context, int task, int worker)
{
    const segment_run *run = context;
    const plan_action *a = &run->runner->plan->actions[run->action + task / SHARES];
    const ops_operator *op = ops_find(run->exec->graph->nodes[a->node].op);
    ops_call call = call_of(run, a, 0, run->exec->batch, 0, worker);
    call.part = task % SHARES;
    call.parts = SHARES;
    if (a->kind == PLAN_FORWARD) {
        op->forward(&call);
    } else if (a->kind == PLAN_WEIGHT) {
        ops_dense.backward(&call);
    } else {
        op->backward(&call);
    }
}

static void run_whole(segment_run *run)
{
    const plan_segment *segment = run->segment;
    const plan_action *actions = run->runner->plan->actions;
    for (int i = segment->first; i < segment->first + segment->count; i++) {
        ops_call call = call_of(run, &actions[i], 0, run->exec->batch, 0, 0);
        int many = actions[i].kind == PLAN_WEIGHT ? segment->first + segment->count - i : 1;
        run->action = i;
        double *seconds = run->exec->seconds, start = seconds ? smt_clock() : 0;
        before(run, &actions[i], &call, 0);
        smt_pool_run(run->exec->pool, many * SHARES, run_share, run);
        after(run, &actions[i], &call, 0);
        if (seconds) {
            seconds[actions[i].node] += smt_clock() - start;
        }
        i += many - 1;
    }
}

static void
run_norm(const segment_run *run, const plan_action *a, int first, int images, int chunk, int worker)
{
    smt_exec *exec = run->exec;
    const ops_kernels *kernels = exec->kernels;
    ops_norm_state *state = &exec->norms[a->node];
    size_t pixels = ops_pixels(exec->graph->nodes[a->node].shape) * (size_t)images,
           c = (size_t)state->view.c;
    const float *x = source(run, a->x[0], first, worker);
    double *sums = state->sums + (size_t)chunk * 2 * c;
    if (first % PLAN_CHUNK == 0 && a->kind != PLAN_NORM_BACKWARD) {
        memset(sums, 0, 2 * c * sizeof *sums);
    }
    if (a->kind == PLAN_STATISTICS) {
        if (!exec->step.freeze_batch_norm) {
            kernels->norm_statistics(pixels, (int)c, x, state->mean, sums, sums + c);
        }
        return;
    }
    const float *dy = source(run, a->dy, first, worker);
    if (a->kind == PLAN_NORM_REDUCE) {
        kernels->norm_reduce(&state->view, pixels, x, dy, sums, sums + c);
        return;
    }
    float *dx = address(run, a->dx[0], first, worker),
          *into = address(run, a->into[0], first, worker);
    kernels->norm_backward(&state->view, pixels, x, dy, dx);
    if (into) {
        kernels->add(pixels * c, into, dx, into);
    }
}

static void run_chunk(void *context, int chunk, int worker)
{
    const segment_run *run = context;
    const plan_segment *segment = run->segment;
    int end = (chunk + 1) * PLAN_CHUNK;
    end = end < run->exec->batch ? end : run->exec->batch;
    int step = segment->step;
    for (int first = chunk * PLAN_CHUNK; first < end; first += step) {
        int images = end - first < step ? end - first : step;
        for (int i = segment->first; i < segment->first + segment->count; i++) {
            const plan_action *a = &run->runner->plan->actions[i];
            if (a->kind == PLAN_FORWARD || a->kind == PLAN_BACKWARD) {
                run_operator(run, a, first, images, chunk, worker);
            } else {
                run_norm(run, a, first, images, chunk, worker);
            }
        }
    }
}

/* ---- where the chunks meet ------------------------------------------------------------------ */

static ops_norm_params norm_params(const smt_exec *exec, int node)
{
    const int *param = exec->graph->nodes[node].param;
    smt_param *params = exec->graph->params;
    return (ops_norm_params){.gamma = params[param[SMT_GAMMA]].data,
                             .beta = params[param[SMT_BETA]].data,
                             .mean = params[param[SMT_MEAN]].data,
                             .variance = params[param[SMT_VARIANCE]].data};
}

static int chunks_of(int batch)
{
    return (batch + PLAN_CHUNK - 1) / PLAN_CHUNK;
}

static void meet_norm(smt_exec *exec, const plan *p, int node, bool forward)
{
    ops_norm_state *state = &exec->norms[node];
    ops_norm_params params = norm_params(exec, node);
    double count = (double)exec->batch * (double)ops_pixels(exec->graph->nodes[node].shape);
    const int *param = exec->graph->nodes[node].param;
    if (!forward) {
        ops_norm_meet_backward(state,
                               chunks_of(exec->batch),
                               count,
                               exec->step.freeze_batch_norm,
                               p->trains[node] ? exec->gradients[param[SMT_GAMMA]] : NULL,
                               p->trains[node] ? exec->gradients[param[SMT_BETA]] : NULL);
    } else if (!exec->step.freeze_batch_norm) {
        ops_norm_meet(state, &params, chunks_of(exec->batch), count);
        if (exec->step.use_updated) {
            ops_norm_running(state, &params);
        }
    }
}

typedef struct sum_run {
    const smt_exec *exec;
    const float *from;
    float *to;
    size_t count;
    int parts;
} sum_run;

static void run_sum(void *context, int task, int worker)
{
    (void)worker;
    const sum_run *run = context;
    size_t first = (size_t)task * SUM_BLOCK,
           count = run->count - first < SUM_BLOCK ? run->count - first : SUM_BLOCK;
    run->exec->kernels->sum_parts(
        count, run->parts, run->exec->partial_floats, run->from + first, run->to + first);
}

static void sum_gradient(smt_exec *exec, size_t partial, int param)
{
    if (partial == PLAN_NO_PARTIAL) {
        return;
    }
    sum_run run = {.exec = exec,
                   .from = exec->partials + partial,
                   .to = exec->gradients[param],
                   .count = exec->graph->params[param].count,
                   .parts = chunks_of(exec->batch)};
    smt_pool_run(exec->pool, (int)((run.count + SUM_BLOCK - 1) / SUM_BLOCK), run_sum, &run);
}

static void run_segments(smt_exec *exec, const runner *r, int first, int end)
{
    for (int s = first; s < end; s++) {
        const plan_segment *segment = &r->plan->segments[s];
        segment_run run = {.exec = exec, .runner = r, .segment = segment};
        if (segment->whole) {
            run_whole(&run);
        } else if (segment->count > 0) {
            smt_pool_run(exec->pool, chunks_of(exec->batch), run_chunk, &run);
        }
        for (int i = segment->first; i < segment->first + segment->count; i++) {
            const plan_action *a = &r->plan->actions[i];
            const int *param = exec->graph->nodes[a->node].param;
            sum_gradient(exec, a->weight_partial, param[SMT_WEIGHT]);
            sum_gradient(exec, a->bias_partial, param[SMT_BIAS]);
        }
        if (segment->meeting >= 0) {
            meet_norm(exec, r->plan, segment->meeting, s < r->plan->forward_segments);
        }
    }
}

/* ---- creation ------------------------------------------------------------------------------- */

static void runner_destroy(runner *r, int threads)
{
    plan_destroy(&r->plan);
    smt_free(r->arena);
    for (int i = 0; r->local && i < threads; i++) {
        smt_free(r->local[i]);
    }
    smt_free(r->local);
    *r = (runner){0};
}

static smt_status
runner_create(const smt_exec *exec, const plan_options *options, runner *r, smt_error *error)
{
    smt_status status = plan_create(exec->graph, options, &r->plan, error);
    if (status) {
        return status;
    }
    size_t local = 0;
    for (int s = 0; s < r->plan->segment_count; s++) {
        size_t floats = r->plan->segments[s].local * (size_t)r->plan->segments[s].step;
        local = floats > local ? floats : local;
    }
    size_t image = r->plan->arena_size * sizeof(float);
    r->arena = smt_alloc((size_t)exec->options.max_batch, image ? image : 1);
    r->local = smt_alloc((size_t)exec->threads, sizeof *r->local);
    bool complete = r->arena && r->local;
    for (int i = 0; complete && i < exec->threads; i++) {
        r->local[i] = smt_alloc(local + 1, sizeof(float));
        complete = r->local[i] != NULL;
    }
    if (!complete) {
        runner_destroy(r, exec->threads);
        return smt_fail(error,
                        SMT_ERR_MEMORY,
                        "out of memory for a batch of %d images (%zu MiB)",
                        exec->options.max_batch,
                        (size_t)exec->options.max_batch * image >> 20);
    }
    r->arena_bytes = (size_t)exec->options.max_batch * image;
    r->local_bytes = (size_t)exec->threads * (local + 1) * sizeof(float);
    return SMT_OK;
}

static void *hold(smt_exec *exec, size_t count, size_t size)
{
    exec->other_bytes += count * size;
    return smt_alloc(count, size);
}

static bool create_norm(smt_exec *exec, int index)
{
    const smt_node *node = &exec->graph->nodes[index];
    ops_norm_state *s = &exec->norms[index];
    size_t c = (size_t)node->shape.c;
    float *block = hold(exec, 6 * c, sizeof *block);
    s->scale = block;
    s->sums = hold(exec, 2 * c * (size_t)exec->chunks, sizeof *s->sums);
    if (!block || !s->sums) {
        return false;
    }
    s->offset = block + c;
    s->mean = block + 2 * c;
    s->inverse = block + 3 * c;
    s->slope = block + 4 * c;
    s->level = block + 5 * c;
    s->epsilon = node->epsilon;
    s->momentum = node->momentum;
    s->view = (ops_norm){.c = node->shape.c,
                         .activation = node->activation,
                         .scale = s->scale,
                         .offset = s->offset,
                         .mean = s->mean,
                         .slope = s->slope,
                         .level = s->level};
    return true;
}

static bool create_parts(smt_exec *exec)
{
    smt_graph *graph = exec->graph;
    const plan *p = exec->main.plan;
    exec->norms = hold(exec, (size_t)graph->node_count, sizeof *exec->norms);
    exec->packed = hold(exec, (size_t)graph->node_count, sizeof *exec->packed);
    exec->gradients = hold(exec, (size_t)graph->param_count + 1, sizeof *exec->gradients);
    if (!exec->norms || !exec->packed || !exec->gradients) {
        return false;
    }
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        if (node->op == SMT_OP_BATCH_NORM && !create_norm(exec, i)) {
            return false;
        }
        if (node->op == SMT_OP_CONV &&
            ops_conv_needs_pack(node, graph->nodes[node->input[0]].shape)) {
            exec->packed[i] =
                hold(exec, graph->params[node->param[SMT_WEIGHT]].count, sizeof(float));
            if (!exec->packed[i]) {
                return false;
            }
        }
        for (int k = 0; exec->options.training && p->trains[i] && k < SMT_NODE_PARAMS; k++) {
            int param = node->param[k];
            if (param >= 0 && graph->params[param].trainable && !exec->gradients[param]) {
                exec->gradients[param] = hold(exec, graph->params[param].count, sizeof(float));
                if (!exec->gradients[param]) {
                    return false;
                }
            }
        }
    }
    for (int s = 0; s < p->segment_count; s++) {
        exec->partial_floats = p->segments[s].partial > exec->partial_floats
                                   ? p->segments[s].partial
                                   : exec->partial_floats;
    }
    exec->partials =
        hold(exec, exec->partial_floats * (size_t)exec->chunks + 1, sizeof *exec->partials);
    return exec->partials != NULL;
}

smt_status smt_exec_create(smt_graph *graph,
                           smt_pool *pool,
                           const smt_exec_options *options,
                           smt_exec **out,
                           smt_error *error)
{
    if (options->max_batch < 1 || options->max_batch > MAX_BATCH) {
        return smt_fail(
            error, SMT_ERR_ARGUMENT, "batch: %d is not in 1 .. %d", options->max_batch, MAX_BATCH);
    }
    smt_status status = smt_graph_check(graph, error);
    if (status) {
        return status;
    }
    if (graph->node_count < 2) {
        return smt_fail(error, SMT_ERR_ARGUMENT, "the network has no layers");
    }
    smt_exec *exec = smt_alloc(1, sizeof *exec);
    if (!exec) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for the network");
    }
    exec->graph = graph;
    exec->pool = pool;
    exec->options = *options;
    exec->kernels = ops_kernels_best();
    exec->threads = smt_pool_threads(pool);
    exec->chunks = chunks_of(options->max_batch);
    exec->other_bytes = sizeof *exec;
    plan_options planned = {.training = options->training,
                            .head_only = options->first_trainable_only_head,
                            .keep = options->keep,
                            .keep_count = options->keep_count};
    status = runner_create(exec, &planned, &exec->main, error);
    if (!status && !create_parts(exec)) {
        status = smt_fail(error, SMT_ERR_MEMORY, "out of memory for the network's gradients");
    }
    if (status) {
        smt_exec_destroy(&exec);
        return status;
    }
    *out = exec;
    return SMT_OK;
}

void smt_exec_destroy(smt_exec **out)
{
    if (!out || !*out) {
        return;
    }
    smt_exec *exec = *out;
    for (int i = 0; i < exec->graph->node_count; i++) {
        if (exec->norms) {
            smt_free(exec->norms[i].scale);
            smt_free(exec->norms[i].sums);
        }
        if (exec->packed) {
            smt_free(exec->packed[i]);
        }
    }
    for (int i = 0; exec->gradients && i < exec->graph->param_count; i++) {
        smt_free(exec->gradients[i]);
    }
    smt_free(exec->norms);
    smt_free(exec->packed);
    smt_free(exec->gradients);
    smt_free(exec->partials);
    runner_destroy(&exec->main, exec->threads);
    runner_destroy(&exec->keeper, exec->threads);
    smt_free(exec);
    *out = NULL;
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void run_pack(void *context, int task, int worker)
{
    (void)worker;
    const smt_exec *exec = context;
    if (!exec->packed[task]) {
        return;
    }
    const smt_node *node = &exec->graph->nodes[task];
    ops_conv_pack(
        exec->kernels, node, &exec->graph->params[node->param[SMT_WEIGHT]], exec->packed[task]);
}

static const float *run_forward(smt_exec *exec, const runner *r, const float *input, int batch)
{
    exec->input = input;
    exec->batch = batch;
    smt_pool_run(exec->pool, exec->graph->node_count, run_pack, exec);
    for (int i = 0; i < exec->graph->node_count; i++) {
        if (exec->graph->nodes[i].op == SMT_OP_BATCH_NORM) {
            ops_norm_params params = norm_params(exec, i);
            if (exec->step.freeze_batch_norm) {
                ops_norm_running(&exec->norms[i], &params);
            } else {
                ops_norm_begin(&exec->norms[i], &params);
            }
        }
    }
    run_segments(exec, r, 0, r->plan->forward_segments);
    segment_run run = {.exec = exec, .runner = r, .segment = r->plan->segments};
    return address(&run, r->plan->value[exec->graph->node_count - 1], 0, 0);
}

const float *smt_exec_infer(smt_exec *exec, const float *input, int batch)
{
    if (batch < 1 || batch > exec->options.max_batch) {
        return NULL;
    }
    const runner *r = &exec->main;
    if (exec->options.training) {
        plan_options planned = {.keep_all = true};
        if (!exec->keeper.plan && runner_create(exec, &planned, &exec->keeper, NULL)) {
            return NULL;
        }
        r = &exec->keeper;
    }
    exec->step = (smt_step){.freeze_batch_norm = true};
    exec->training = false;
    exec->observed = exec->options.training;
    return run_forward(exec, r, input, batch);
}

const float *smt_exec_value(const smt_exec *exec, int node)
{
    if (!exec->observed || node < 0 || node >= exec->graph->node_count) {
        return NULL;
    }
    plan_ref ref = exec->keeper.plan->value[node];
    if (ref.base == PLAN_INPUT) {
        return exec->input;
    }
    return exec->keeper.arena +
           exec->keeper.plan->arena[ref.block].offset * (size_t)exec->options.max_batch;
}

const float *smt_exec_forward(smt_exec *exec, const float *input, int batch, const smt_step *step)
{
    if (!exec->options.training || batch < 1 || batch > exec->options.max_batch) {
        return NULL;
    }
    exec->step = *step;
    exec->training = !step->no_dropout;
    exec->observed = false;
    return run_forward(exec, &exec->main, input, batch);
}

void smt_exec_backward(smt_exec *exec, const float *logits_gradient)
{
    if (!exec->options.training || exec->observed || !exec->input) {
        return;
    }
    exec->logits_gradient = logits_gradient;
    run_segments(
        exec, &exec->main, exec->main.plan->forward_segments, exec->main.plan->segment_count);
}

float *smt_exec_gradient(smt_exec *exec, int param)
{
    return param >= 0 && param < exec->graph->param_count ? exec->gradients[param] : NULL;
}

static const float *kept(const smt_exec *exec, const plan_ref *refs, int node)
{
    if (!exec->options.training || node <= 0 || node >= exec->graph->node_count ||
        !exec->main.plan->keeps[node] || refs[node].base != PLAN_ARENA) {
        return NULL;
    }
    return exec->main.arena +
           exec->main.plan->arena[refs[node].block].offset * (size_t)exec->options.max_batch;
}

const float *smt_exec_node_gradient(const smt_exec *exec, int node)
{
    return kept(exec, exec->main.plan->gradient, node);
}

const float *smt_exec_node_value(const smt_exec *exec, int node)
{
    return kept(exec, exec->main.plan->value, node);
}

void smt_exec_time(smt_exec *exec, double *seconds)
{
    exec->seconds = seconds;
}

size_t smt_exec_memory(const smt_exec *exec)
{
    return exec->other_bytes + exec->main.arena_bytes + exec->main.local_bytes +
           exec->keeper.arena_bytes + exec->keeper.local_bytes;
}
