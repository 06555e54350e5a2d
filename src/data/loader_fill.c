/* Making the images and targets of a batch.
 *
 * There is no thread of the loader's own. An image costs some 45 us, a training step 1000 us and
 * more an image: on n cores with n training threads a helper would only take their time, and its
 * batches would travel from one core's cache to another's. */
#include "data/augment_parts.h"
#include "data/loader_parts.h"

#include "base/vector.h"

#include <math.h>
#include <string.h>

#define CHUNK 4 /* images a task of smt_loader_next: even, so that mixed pairs stay together */

static size_t batch_start(const smt_loader *l, size_t batch)
{
    return batch * (size_t)(l->per_batch[0] + l->per_batch[1]);
}

static const uint8_t *image_of(const smt_loader *l, uint32_t code)
{
    const smt_pixels *pixels = l->sets[code & SMT_LOADER_EXTRA ? 1 : 0].pixels;
    return pixels->data + (size_t)(code & ~SMT_LOADER_EXTRA) * (size_t)l->size * (size_t)l->size;
}

/* An image of this epoch, whatever its class: both sets in proportion to their shares. */
static bool draw_style(smt_loader *l, size_t position, const uint8_t *image, float base[256])
{
    smt_rng rng = smt_rng_seed(l->options.seed, smt_loader_stream(l, STREAM_STYLE, position));
    if (smt_rng_uniform(&rng, 0, 1) >= (double)l->options.style) {
        return false;
    }
    const uint8_t *style = image_of(l, l->order[smt_rng_below(&rng, (uint32_t)l->total)]);
    float strength = (float)smt_rng_uniform(&rng, 0.3, 1);
    smt_style_levels(image, style, (size_t)l->size * (size_t)l->size, strength, base);
    return true;
}

static void make_image(smt_loader *l, size_t position, int worker, float *out)
{
    const smt_loader_options *o = &l->options;
    const uint8_t *image = image_of(l, l->order[position]);
    if (l->augmenter) {
        float base[256];
        bool styled = o->style > 0 && draw_style(l, position, image, base);
        smt_rng rng = smt_rng_seed(o->seed, smt_loader_stream(l, STREAM_IMAGE, position));
        smt_augment_toned(l->augmenter,
                          worker,
                          image,
                          styled ? base : NULL,
                          rng,
                          o->mean,
                          o->scale,
                          o->channels,
                          out);
        return;
    }
    size_t bytes = (size_t)l->size * (size_t)l->size;
    size_t channels = (size_t)l->options.channels;
    for (size_t i = 0; i < bytes; i++) {
        for (size_t c = 0; c < channels; c++) {
            out[i * channels + c] = l->plain[image[i]];
        }
    }
}

static int label_of(const smt_loader *l, size_t position)
{
    uint32_t code = l->order[position];
    return l->sets[code & SMT_LOADER_EXTRA ? 1 : 0].labels[code & ~SMT_LOADER_EXTRA];
}

/* Gamma(shape, 1): Marsaglia and Tsang 2000, with their boost for shapes below 1. */
static double gamma_deviate(smt_rng *rng, double shape)
{
    double boost = 1;
    if (shape < 1) {
        boost = pow(1 - smt_rng_uniform(rng, 0, 1), 1 / shape);
        shape += 1;
    }
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = smt_rng_normal(rng);
        double v = 1 + c * x;
        double u = 1 - smt_rng_uniform(rng, 0, 1);
        v = v * v * v;
        if (v > 0 && log(u) < 0.5 * x * x + d - d * v + d * log(v)) {
            return boost * d * v;
        }
    }
}

/* The larger share of the pair that begins at this even position; 1: not mixed. */
static float pair_share(const smt_loader *l, size_t position)
{
    double alpha = (double)l->options.mixup;
    smt_rng rng = smt_rng_seed(l->options.seed, smt_loader_stream(l, STREAM_MIX, position));
    if (smt_rng_uniform(&rng, 0, 1) >= (double)l->options.mixup_probability) {
        return 1;
    }
    double a = gamma_deviate(&rng, alpha), b = gamma_deviate(&rng, alpha);
    double share = a + b > 0 ? a / (a + b) : 1;
    return (float)(share < 0.5 ? 1 - share : share);
}

static SMT_VECTOR_CLONES void mix_both(float *a, float *b, float share, size_t count)
{
    float other = 1 - share;
    for (size_t i = 0; i < count; i++) {
        float x = a[i], y = b[i];
        a[i] = share * x + other * y;
        b[i] = share * y + other * x;
    }
}

static SMT_VECTOR_CLONES void mix_one(float *a, const float *b, float share, size_t count)
{
    float other = 1 - share;
    for (size_t i = 0; i < count; i++) {
        a[i] = share * a[i] + other * b[i];
    }
}

void smt_loader_fill(smt_loader *l,
                     size_t batch,
                     int first,
                     int count,
                     int worker,
                     float *input,
                     float *target,
                     uint32_t *index)
{
    size_t start = batch_start(l, batch);
    size_t image = (size_t)l->size * (size_t)l->size * (size_t)l->options.channels;
    size_t classes = (size_t)l->options.classes;
    int end = first + count, pairs_end = l->options.mixup > 0 ? smt_loader_count(l, batch) & ~1 : 0;
    memset(target, 0, (size_t)count * classes * sizeof *target);
    for (int i = first; i < end; i++) {
        size_t slot = (size_t)(i - first);
        make_image(l, start + (size_t)i, worker, input + slot * image);
        if (index) {
            index[slot] = l->order[start + (size_t)i];
        }
        float share = i < pairs_end ? pair_share(l, start + (size_t)(i & ~1)) : 1;
        float *row = target + slot * classes;
        row[label_of(l, start + (size_t)i)] += share;
        if (share >= 1) {
            continue;
        }
        row[label_of(l, start + (size_t)(i ^ 1))] += 1 - share;
        if ((i & 1) && i > first) {
            mix_both(input + (slot - 1) * image, input + slot * image, share, image);
        } else if ((i & 1) || i + 1 == end) { /* the other one is outside the range */
            float *partner = l->partner + (size_t)worker * image;
            make_image(l, start + (size_t)(i ^ 1), worker, partner);
            mix_one(input + slot * image, partner, share, image);
        }
    }
}

typedef struct next_job {
    smt_loader *loader;
    size_t batch;
    int count;
    float *input, *target;
    uint32_t *index;
} next_job;

static void next_task(void *context, int task, int worker)
{
    const next_job *job = context;
    const smt_loader *l = job->loader;
    int first = task * CHUNK, count = job->count - first < CHUNK ? job->count - first : CHUNK;
    size_t image = (size_t)l->size * (size_t)l->size * (size_t)l->options.channels;
    smt_loader_fill(job->loader,
                    job->batch,
                    first,
                    count,
                    worker,
                    job->input + (size_t)first * image,
                    job->target + (size_t)first * (size_t)l->options.classes,
                    job->index ? job->index + first : NULL);
}

int smt_loader_next(smt_loader *loader, float *input, float *target, uint32_t *index)
{
    if (loader->next >= loader->batches) {
        return 0;
    }
    next_job job = {.loader = loader,
                    .batch = loader->next++,
                    .input = input,
                    .target = target,
                    .index = index};
    job.count = smt_loader_count(loader, job.batch);
    int tasks = (job.count + CHUNK - 1) / CHUNK;
    if (loader->pool) {
        smt_pool_run(loader->pool, tasks, next_task, &job);
    } else {
        for (int t = 0; t < tasks; t++) {
            next_task(&job, t, 0);
        }
    }
    return job.count;
}
