/* Batch norm fused with its activation (Ioffe and Szegedy 2015): y = act(gamma * (x - mean) /
 * sqrt(variance + epsilon) + beta). In training mean and variance are those of the whole batch, so
 * both directions take two passes with a meeting of all chunks between them:
 *
 *   forward    1. sums of x - shift and its square; meeting: mean, variance, scale, offset, running
 * statistics
 *              2. y = act(x * scale + offset)
 *   backward   1. sums of g and g * (x - mean), g = dy * act'(x * scale + offset); meeting:
 * gradients of gamma and beta, slope and level
 *              2. dx = scale * g - slope * (x - mean) - level
 *
 * y is never kept: it is recomputed from x where backward needs it. The shift is the running mean,
 * so that the sums of squares do not cancel. */
#include "ops/batch_norm.h"
#include "ops/operators.h"

#include <math.h>
#include <string.h>

static void forward(const ops_call *call)
{
    call->kernels->norm_forward(
        call->norm, (size_t)call->images * ops_pixels(call->node->shape), call->x[0], call->y);
}

const ops_operator ops_batch_norm = {
    .forward = forward, .reads_inputs = true, .cheap = true, .activates = true};

void ops_norm_running(ops_norm_state *s, const ops_norm_params *p)
{
    for (int i = 0; i < s->view.c; i++) {
        s->inverse[i] = 1.0f / sqrtf(p->variance[i] + s->epsilon);
        s->scale[i] = p->gamma[i] * s->inverse[i];
        s->offset[i] = p->beta[i] - p->mean[i] * s->scale[i];
        s->mean[i] = p->mean[i];
    }
}

void ops_norm_begin(ops_norm_state *s, const ops_norm_params *p)
{
    memcpy(s->mean, p->mean, sizeof *s->mean * (size_t)s->view.c);
}

/* Adds the chunks' pairs of sums in their order. */
static void join(const ops_norm_state *s, int chunks, size_t channel, double *first, double *second)
{
    size_t c = (size_t)s->view.c;
    *first = *second = 0.0;
    for (size_t k = 0; k < (size_t)chunks; k++) {
        *first += s->sums[2 * k * c + channel];
        *second += s->sums[(2 * k + 1) * c + channel];
    }
}

void ops_norm_meet(ops_norm_state *s, const ops_norm_params *p, int chunks, double count)
{
    for (size_t i = 0; i < (size_t)s->view.c; i++) {
        double sum, square;
        join(s, chunks, i, &sum, &square);
        double delta = sum / count;
        double mean = (double)s->mean[i] + delta;
        double variance = square / count - delta * delta;
        variance = variance > 0.0 ? variance : 0.0;
        double inverse = 1.0 / sqrt(variance + (double)s->epsilon);
        double scale = (double)p->gamma[i] * inverse;
        s->inverse[i] = (float)inverse;
        s->scale[i] = (float)scale;
        s->offset[i] = (float)((double)p->beta[i] - mean * scale);
        s->mean[i] = (float)mean;
        /* The running variance is the unbiased one, as in PyTorch. */
        double unbiased = count > 1.0 ? variance * count / (count - 1.0) : variance;
        double keep = (double)s->momentum;
        p->mean[i] = (float)(keep * (double)p->mean[i] + (1.0 - keep) * mean);
        p->variance[i] = (float)(keep * (double)p->variance[i] + (1.0 - keep) * unbiased);
    }
}

void ops_norm_meet_backward(
    ops_norm_state *s, int chunks, double count, bool frozen, float *gamma, float *beta)
{
    for (size_t i = 0; i < (size_t)s->view.c; i++) {
        double sum_g, sum_gx;
        join(s, chunks, i, &sum_g, &sum_gx);
        double scale = (double)s->scale[i], inverse = (double)s->inverse[i];
        if (gamma) {
            gamma[i] = (float)(sum_gx * inverse);
        }
        if (beta) {
            beta[i] = (float)sum_g;
        }
        s->slope[i] = frozen ? 0.0f : (float)(scale * inverse * inverse * sum_gx / count);
        s->level[i] = frozen ? 0.0f : (float)(scale * sum_g / count);
    }
}
