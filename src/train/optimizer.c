/* Optimisers. A step is cut into fixed ranges of at most RANGE weights, one a task. Every weight's
 * update depends on that weight alone, and the one sum over all weights (the gradients' norm) is
 * added up range by range in a fixed order, so the number of threads does not show in the result.
 *
 * The formulas are those of PyTorch 1.13, in its order of operations; Adam's, with the bias
 * corrections c1 = 1 - beta1^t and c2 = 1 - beta2^t:
 *
 *   m = beta1 m + (1 - beta1) g
 *   v = beta2 v + (1 - beta2) g^2
 *   w -= rate / c1 * m / (sqrt(v / c2) + epsilon) */
#include "base/vector.h"

#include <semtinel/optimizer.h>

#include <math.h>

#define RANGE 16384

typedef struct range {
    int slot;
    size_t start, count; /* in the slot */
    double squares;      /* of this range's gradients */
} range;

struct smt_optimizer {
    smt_optimizer_options options;
    int slot_count;
    size_t *offset; /* slot_count: where a slot's moments begin */
    size_t total;
    float *first, *second; /* total; `second` is NULL for SGD */
    int32_t *steps;        /* slot_count */
    range *ranges;
    int range_count;
};

typedef struct step_context {
    smt_optimizer *optimizer;
    const smt_slot *slots;
    double rate, momentum, scale;
} step_context;

smt_optimizer_options smt_optimizer_defaults(void)
{
    return (smt_optimizer_options){.kind = SMT_OPTIMIZER_ADAMW,
                                   .beta1 = 0.9,
                                   .beta2 = 0.999,
                                   .epsilon = 1e-8,
                                   .momentum = 0.9,
                                   .weight_decay = 0.01};
}

static smt_status check(const smt_optimizer_options *o, smt_error *error)
{
    const struct {
        const char *name;
        double value, low, high;
    } limits[] = {
        {"beta1", o->beta1, 0, 0.999999},
        {"beta2", o->beta2, 0, 0.9999999},
        {"epsilon", o->epsilon, 0, 1},
        {"momentum", o->momentum, 0, 0.999999},
        {"weight decay", o->weight_decay, 0, 100},
        {"gradient norm", o->clip_norm, 0, 1e30},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (!(limits[i].value >= limits[i].low && limits[i].value <= limits[i].high)) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "optimiser: %s %g is not in %g .. %g",
                            limits[i].name,
                            limits[i].value,
                            limits[i].low,
                            limits[i].high);
        }
    }
    return SMT_OK;
}

smt_status smt_optimizer_create(const smt_optimizer_options *options,
                                const size_t *counts,
                                int slot_count,
                                smt_optimizer **out,
                                smt_error *error)
{
    smt_status status = check(options, error);
    if (status) {
        return status;
    }
    smt_optimizer *o = smt_alloc(1, sizeof *o);
    if (!o) {
        return smt_fail(error, SMT_ERR_MEMORY, "optimiser: out of memory");
    }
    o->options = *options;
    o->slot_count = slot_count;
    o->offset = smt_alloc((size_t)slot_count, sizeof *o->offset);
    o->steps = smt_alloc((size_t)slot_count, sizeof *o->steps);
    size_t ranges = 0;
    for (int i = 0; o->offset && i < slot_count; i++) {
        o->offset[i] = o->total;
        o->total += counts[i];
        ranges += (counts[i] + RANGE - 1) / RANGE;
    }
    o->first = smt_alloc(o->total, sizeof(float));
    o->second = options->kind == SMT_OPTIMIZER_SGD ? NULL : smt_alloc(o->total, sizeof(float));
    o->ranges = smt_alloc(ranges, sizeof *o->ranges);
    if (!o->offset || !o->steps || !o->first || !o->ranges ||
        (!o->second && options->kind != SMT_OPTIMIZER_SGD)) {
        smt_optimizer_destroy(&o);
        return smt_fail(error, SMT_ERR_MEMORY, "optimiser: out of memory");
    }
    for (int i = 0; i < slot_count; i++) {
        for (size_t start = 0; start < counts[i]; start += RANGE) {
            size_t left = counts[i] - start;
            o->ranges[o->range_count++] =
                (range){.slot = i, .start = start, .count = left < RANGE ? left : RANGE};
        }
    }
    *out = o;
    return SMT_OK;
}

void smt_optimizer_destroy(smt_optimizer **optimizer)
{
    if (!optimizer || !*optimizer) {
        return;
    }
    smt_free((*optimizer)->offset);
    smt_free((*optimizer)->steps);
    smt_free((*optimizer)->first);
    smt_free((*optimizer)->second);
    smt_free((*optimizer)->ranges);
    smt_free(*optimizer);
    *optimizer = NULL;
}

static void sum_squares(void *context, int task, int worker)
{
    (void)worker;
    step_context *c = context;
    range *r = &c->optimizer->ranges[task];
    const float *g = c->slots[r->slot].gradient;
    r->squares = 0;
    if (!g) {
        return;
    }
    g += r->start;
    /* Eight sums side by side: one order, whatever the width of the machine's vectors. */
    double lane[8] = {0};
    size_t i = 0;
    for (; i + 8 <= r->count; i += 8) {
        for (size_t k = 0; k < 8; k++) {
            lane[k] += (double)g[i + k] * (double)g[i + k];
        }
    }
    for (; i < r->count; i++) {
        lane[i % 8] += (double)g[i] * (double)g[i];
    }
    for (int k = 0; k < 8; k++) {
        r->squares += lane[k];
    }
}

typedef struct adam_step {
    float scale, beta1, beta2, correction, epsilon, step, shrink, decay;
} adam_step;

SMT_VECTOR_CLONES
static void adam(float *restrict w,
                 const float *restrict gradient,
                 float *restrict m,
                 float *restrict v,
                 size_t count,
                 adam_step a)
{
    float rest1 = 1.0f - a.beta1, rest2 = 1.0f - a.beta2;
    for (size_t i = 0; i < count; i++) {
        float g = gradient[i] * a.scale + w[i] * a.decay;
        m[i] = m[i] * a.beta1 + g * rest1;
        v[i] = v[i] * a.beta2 + g * g * rest2;
        w[i] = w[i] * a.shrink - a.step * (m[i] / (sqrtf(v[i]) * a.correction + a.epsilon));
    }
}

SMT_VECTOR_CLONES
static void sgd(float *restrict w,
                const float *restrict gradient,
                float *restrict velocity,
                size_t count,
                float scale,
                float rate,
                float momentum,
                float decay,
                float ahead)
{
    for (size_t i = 0; i < count; i++) {
        float g = gradient[i] * scale + w[i] * decay;
        velocity[i] = velocity[i] * momentum + g;
        /* ahead: momentum with Nesterov's look-ahead, else 0 and the velocity alone counts. */
        w[i] -= rate * (ahead > 0.0f ? g + ahead * velocity[i] : velocity[i]);
    }
}

static void update(void *context, int task, int worker)
{
    (void)worker;
    const step_context *c = context;
    smt_optimizer *o = c->optimizer;
    const smt_optimizer_options *p = &o->options;
    const range *r = &o->ranges[task];
    const smt_slot *slot = &c->slots[r->slot];
    if (!slot->gradient) {
        return;
    }
    size_t at = o->offset[r->slot] + r->start;
    double rate = c->rate * (double)slot->rate;
    double decay = slot->decay ? p->weight_decay : 0.0;
    const float *gradient = slot->gradient + r->start;
    float *weight = slot->weight + r->start;
    if (p->kind == SMT_OPTIMIZER_SGD) {
        float momentum = (float)c->momentum;
        sgd(weight,
            gradient,
            o->first + at,
            r->count,
            (float)c->scale,
            (float)rate,
            momentum,
            (float)decay,
            p->nesterov ? momentum : 0.0f);
        return;
    }
    double t = (double)o->steps[r->slot];
    bool beside = p->kind == SMT_OPTIMIZER_ADAMW;
    adam_step a = {
        .scale = (float)c->scale,
        .beta1 = (float)c->momentum,
        .beta2 = (float)p->beta2,
        .correction = (float)(1.0 / sqrt(1.0 - pow(p->beta2, t))),
        .epsilon = (float)p->epsilon,
        .step = (float)(rate / (1.0 - pow(c->momentum, t))),
        .shrink = beside ? (float)(1.0 - rate * decay) : 1.0f,
        .decay = beside ? 0.0f : (float)decay,
    };
    adam(weight, gradient, o->first + at, o->second + at, r->count, a);
}

double smt_optimizer_step(
    smt_optimizer *optimizer, smt_pool *pool, const smt_slot *slots, double rate, double momentum)
{
    const smt_optimizer_options *p = &optimizer->options;
    step_context context = {.optimizer = optimizer, .slots = slots, .rate = rate, .scale = 1.0};
    context.momentum =
        momentum >= 0 ? momentum : (p->kind == SMT_OPTIMIZER_SGD ? p->momentum : p->beta1);
    double norm = 0;
    if (p->clip_norm > 0) {
        smt_pool_run(pool, optimizer->range_count, sum_squares, &context);
        for (int i = 0; i < optimizer->range_count; i++) {
            norm += optimizer->ranges[i].squares;
        }
        norm = sqrt(norm);
        if (!isfinite(norm)) {
            return norm;
        }
        double scale = p->clip_norm / (norm + 1e-6);
        context.scale = scale < 1.0 ? scale : 1.0;
    }
    for (int i = 0; i < optimizer->slot_count; i++) {
        optimizer->steps[i] += slots[i].gradient != NULL;
    }
    smt_pool_run(pool, optimizer->range_count, update, &context);
    return norm;
}

float *smt_optimizer_moment(smt_optimizer *optimizer, int which, size_t *count)
{
    *count = optimizer->total;
    return which ? optimizer->second : optimizer->first;
}

int32_t *smt_optimizer_steps(smt_optimizer *optimizer)
{
    return optimizer->steps;
}

int smt_optimizer_slots(const smt_optimizer *optimizer)
{
    return optimizer->slot_count;
}

/* ---- averaging ------------------------------------------------------------------------------- */

typedef struct blend_context {
    float *average;
    const float *weight;
    size_t count;
    float share;
} blend_context;

SMT_VECTOR_CLONES
static void
blend_range(float *restrict average, const float *restrict weight, size_t count, float share)
{
    for (size_t i = 0; i < count; i++) {
        average[i] += (weight[i] - average[i]) * share;
    }
}

static void blend(void *context, int task, int worker)
{
    (void)worker;
    const blend_context *c = context;
    size_t start = (size_t)task * RANGE;
    size_t left = c->count - start;
    blend_range(c->average + start, c->weight + start, left < RANGE ? left : RANGE, c->share);
}

void smt_average_blend(
    smt_pool *pool, float *average, const float *weight, size_t count, double share)
{
    blend_context context = {average, weight, count, (float)share};
    smt_pool_run(pool, (int)((count + RANGE - 1) / RANGE), blend, &context);
}

double smt_average_share(double decay, uint64_t updates)
{
    double ramp = (1.0 + (double)updates) / (10.0 + (double)updates);
    return 1.0 - (ramp < decay ? ramp : decay);
}
