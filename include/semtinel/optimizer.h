/* semtinel/optimizer.h: the parts of training that know nothing of
 * networks: optimisers, learning-rate schedules and the averaging
 * of weights. All give the same bits at any number of threads.
 */
#ifndef SEMTINEL_OPTIMIZER_H
#define SEMTINEL_OPTIMIZER_H

#include <semtinel/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- optimisers ------------------------------------------------------------------------------ */

typedef enum smt_optimizer_kind {
    SMT_OPTIMIZER_ADAMW, /* Loshchilov and Hutter 2019: decay beside the gradient */
    SMT_OPTIMIZER_ADAM,  /* Kingma and Ba 2015: decay added to the gradient, as in PyTorch's Adam */
    SMT_OPTIMIZER_SGD    /* momentum as in PyTorch: v = mu v + g, w -= rate v; decay added to the
                            gradient */
} smt_optimizer_kind;

typedef struct smt_optimizer_options {
    smt_optimizer_kind kind;
    double beta1, beta2; /* of Adam and AdamW, 0 <= b < 1 */
    double epsilon;      /* of Adam and AdamW, added to the root of the second moment */
    double momentum;     /* of SGD, 0 <= m < 1 */
    bool nesterov;       /* of SGD */
    double weight_decay; /* >= 0; for the slots with `decay` only */
    double clip_norm; /* the gradients are scaled so that their common L2 norm is at most this; 0:
                         never */
} smt_optimizer_options;

/* AdamW, 0.9, 0.999, 1e-8, 0.9, false, 0.01, 0. */
SMT_API smt_optimizer_options smt_optimizer_defaults(void);

/* One tensor of `count` weights. The optimiser borrows all pointers during a step only. */
typedef struct smt_slot {
    float *weight;
    const float *gradient; /* NULL: this slot rests, its moments too */
    size_t count;
    bool decay;
    float rate; /* factor on the learning rate; 1 */
} smt_slot;

typedef struct smt_optimizer smt_optimizer;

/* For `slot_count` tensors of counts[i] weights.
 * SMT_ERR_ARGUMENT names an option that is out of range. */
SMT_API smt_status smt_optimizer_create(const smt_optimizer_options *options,
                                        const size_t *counts,
                                        int slot_count,
                                        smt_optimizer **out,
                                        smt_error *error);
SMT_API void smt_optimizer_destroy(smt_optimizer **optimizer);
/* One step on the slots of smt_optimizer_create, in its order, with learning
 * rate `rate`. `momentum`: beta1 or SGD's momentum of this step (momentum
 * schedules); negative: the option's. Returns the gradients' L2 norm if
 * clip_norm is set, else 0; when the norm is not finite nothing changes. */
SMT_API double smt_optimizer_step(
    smt_optimizer *optimizer, smt_pool *pool, const smt_slot *slots, double rate, double momentum);

/* The state, for checkpoints; owned by the optimiser. First and second moment (SGD: velocity and
 * NULL), the slots one after another, *count floats each; and the number of steps of each slot. */
SMT_API float *smt_optimizer_moment(smt_optimizer *optimizer, int which, size_t *count);
SMT_API int32_t *smt_optimizer_steps(smt_optimizer *optimizer);
SMT_API int smt_optimizer_slots(const smt_optimizer *optimizer);

/* ---- schedules ------------------------------------------------------------------------------- */

typedef enum smt_schedule_kind {
    SMT_SCHEDULE_ONE_CYCLE, /* Smith and Topin 2018; PyTorch's OneCycleLR, cosine annealing */
    SMT_SCHEDULE_COSINE,    /* linear warm-up, then half a cosine */
    SMT_SCHEDULE_PLATEAU,   /* as PyTorch's ReduceLROnPlateau */
    SMT_SCHEDULE_CONSTANT
} smt_schedule_kind;

typedef struct smt_schedule_options {
    smt_schedule_kind kind;
    double rate;   /* the highest learning rate */
    double warmup; /* share of the steps in which the rate rises, 0 .. 0.9 (one-cycle, cosine) */
    double start_divisor; /* one-cycle begins at rate / start_divisor; cosine warms up from there
                             too */
    double end_divisor;  /* one-cycle ends at rate / start_divisor / end_divisor; cosine and plateau
                            stop at rate / start_divisor / end_divisor too */
    bool cycle_momentum; /* one-cycle: momentum (beta1) falls from momentum_high to momentum_low and
                            back */
    double momentum_low, momentum_high;
    double plateau_factor;    /* the rate is multiplied by this ... */
    int plateau_patience;     /* ... after more than this many epochs without progress */
    double plateau_threshold; /* progress is a loss below best * (1 - threshold) */
} smt_schedule_options;

/* One-cycle, 1e-3, 0.3, 25, 1e4, false, 0.85, 0.95, 0.1,
 * 10, 1e-4: PyTorch's, but with the momentum left alone. */
SMT_API smt_schedule_options smt_schedule_defaults(void);

/* The rate of step `step` of `total` (0 <= step < total; later steps: the last). A pure function.
 * For the plateau schedule it is options->rate. */
SMT_API double
smt_schedule_rate(const smt_schedule_options *options, uint64_t step, uint64_t total);
/* The momentum of that step, or -1 where the schedule leaves it alone. */
SMT_API double
smt_schedule_momentum(const smt_schedule_options *options, uint64_t step, uint64_t total);

typedef struct smt_plateau {
    double rate, best;
    int bad_epochs;
} smt_plateau;
SMT_API smt_plateau smt_plateau_start(const smt_schedule_options *options);
/* After each epoch; returns the rate of the next. */
SMT_API double
smt_plateau_update(smt_plateau *plateau, const smt_schedule_options *options, double loss);

/* ---- averaging ------------------------------------------------------------------------------- */

/* average += (weight - average) * share, for `count` floats, in fixed ranges on the pool. */
SMT_API void
smt_average_blend(smt_pool *pool, float *average, const float *weight, size_t count, double share);
/* The share of a new set of weights in an exponential average after `updates` earlier ones: 1 -
 * min(decay, (1 + updates) / (10 + updates)), so that the first weights are soon forgotten. */
SMT_API double smt_average_share(double decay, uint64_t updates);

#ifdef __cplusplus
}
#endif
#endif
