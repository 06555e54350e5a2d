/* Learning rates over time. One-cycle and cosine are pure functions of the step, so that a resumed
 * run needs no state of theirs; the plateau schedule has its state in smt_plateau. */
#include <semtinel/optimizer.h>

#include <math.h>

static const double pi = 3.14159265358979323846;

smt_schedule_options smt_schedule_defaults(void)
{
    return (smt_schedule_options){.kind = SMT_SCHEDULE_ONE_CYCLE,
                                  .rate = 1e-3,
                                  .warmup = 0.3,
                                  .start_divisor = 25,
                                  .end_divisor = 1e4,
                                  .momentum_low = 0.85,
                                  .momentum_high = 0.95,
                                  .plateau_factor = 0.1,
                                  .plateau_patience = 10,
                                  .plateau_threshold = 1e-4};
}

/* From `start` to `end` along half a cosine, share in [0, 1]. */
static double anneal(double start, double end, double share)
{
    return end + (start - end) / 2 * (1 + cos(pi * share));
}

/* The two phases of one-cycle: from low to high during the warm-up, then down to `end`. Their
 * bounds are PyTorch's: the top is at step warmup * total - 1, the end at total - 1. */
static double
one_cycle(double low, double high, double end, double warmup, double step, double total)
{
    double top = warmup * total - 1;
    double last = total - 1;
    if (step <= top && top > 0) {
        return anneal(low, high, step / top);
    }
    return anneal(high, end, (step - fmax(top, 0)) / (last - fmax(top, 0)));
}

static double clamp_step(uint64_t step, uint64_t total)
{
    return total == 0 ? 0 : (double)(step < total ? step : total - 1);
}

double smt_schedule_rate(const smt_schedule_options *o, uint64_t step, uint64_t total)
{
    if (total < 2) {
        return o->rate;
    }
    double at = clamp_step(step, total);
    double count = (double)total;
    double first = o->rate / o->start_divisor;
    double floor_rate = first / o->end_divisor;
    switch (o->kind) {
    case SMT_SCHEDULE_ONE_CYCLE:
        return one_cycle(first, o->rate, floor_rate, o->warmup, at, count);
    case SMT_SCHEDULE_COSINE: {
        double rise = floor(o->warmup * count);
        if (at < rise) {
            return first + (o->rate - first) * at / rise;
        }
        return anneal(o->rate, floor_rate, (at - rise) / (count - rise));
    }
    case SMT_SCHEDULE_PLATEAU:
    case SMT_SCHEDULE_CONSTANT:
        break;
    }
    return o->rate;
}

double smt_schedule_momentum(const smt_schedule_options *o, uint64_t step, uint64_t total)
{
    if (o->kind != SMT_SCHEDULE_ONE_CYCLE || !o->cycle_momentum || total < 2) {
        return -1;
    }
    return one_cycle(o->momentum_high,
                     o->momentum_low,
                     o->momentum_high,
                     o->warmup,
                     clamp_step(step, total),
                     (double)total);
}

smt_plateau smt_plateau_start(const smt_schedule_options *options)
{
    return (smt_plateau){.rate = options->rate, .best = INFINITY};
}

double smt_plateau_update(smt_plateau *plateau, const smt_schedule_options *o, double loss)
{
    if (loss < plateau->best * (1 - o->plateau_threshold) ||
        (isinf(plateau->best) && isfinite(loss))) {
        plateau->best = loss;
        plateau->bad_epochs = 0;
    } else {
        plateau->bad_epochs++;
    }
    if (plateau->bad_epochs > o->plateau_patience) {
        double lowest = o->rate / o->start_divisor / o->end_divisor;
        plateau->rate = fmax(plateau->rate * o->plateau_factor, lowest);
        plateau->bad_epochs = 0;
    }
    return plateau->rate;
}
