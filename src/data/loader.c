#include <semtinel/loader.h>

#include "data/fast.h"

#include <math.h>
#include <string.h>

#define CHUNK 4 /* images a task of smt_loader_next: even, so that mixed pairs stay together */

/* What a random stream is for; folded into its number. */
enum { STREAM_ORDER = 1, STREAM_IMAGE = 2, STREAM_MIX = 3 };

struct smt_loader {
    smt_loader_set sets[2]; /* the second may be empty */
    smt_loader_options options;
    smt_pool *pool;
    smt_augmenter *augmenter; /* NULL: none */
    int size, workers;
    uint32_t *members[2]; /* usable images of each set, by class, then by number */
    size_t member_count[2];
    size_t *class_start; /* classes + 1: into members[0] */
    size_t *quota;       /* classes: images of the class an epoch */
    int per_batch[2];    /* images of each set in a full batch */
    size_t batches, total;
    uint32_t *order;   /* total: image of each position of the epoch, SMT_LOADER_EXTRA set for the
                          second set */
    uint32_t *work[2]; /* the sequence of each set, before it is dealt to the batches */
    float *partner;    /* workers x image: for mixing with an image outside the range */
    float plain[256];  /* (p - mean) / scale */
    uint64_t epoch;
    size_t next;
};

smt_loader_options smt_loader_plain(int classes)
{
    return (smt_loader_options){
        .classes = classes,
        .batch = 64,
        .channels = 1,
        .partial = true,
        .mixup_probability = 1,
        .mean = 128,
        .scale = 128,
    };
}

smt_loader_options smt_loader_defaults(int classes)
{
    smt_loader_options options = smt_loader_plain(classes);
    options.shuffle = true;
    options.partial = false;
    options.smoothing = 0.1f;
    options.augment = true;
    options.augmentation = smt_augment_defaults();
    return options;
}

/* ---- creation ---- */

static bool within(float value, float low, float high)
{
    return value >= low && value <= high; /* false for NaN */
}

static smt_status check(const smt_loader_set *set,
                        const smt_loader_set *extra,
                        const smt_loader_options *o,
                        smt_error *error)
{
    const char *wrong = NULL;
    if (o->classes < 1) {
        wrong = "classes must be positive";
    } else if (o->batch < 1 || o->batch > 65536) {
        wrong = "batch must be in 1 .. 65536";
    } else if (o->channels != 1 && o->channels != 3) {
        wrong = "channels must be 1 or 3";
    } else if (!within(o->balance, 0, 1) || (o->balance > 0 && !o->shuffle)) {
        wrong = "balance must be in 0 .. 1 and needs shuffle";
    } else if (!within(o->extra_share, 0, 0.9f) || (o->extra_share > 0 && !extra)) {
        wrong = "extra_share must be in 0 .. 0.9 and needs a second set";
    } else if (!within(o->smoothing, 0, 0.5f)) {
        wrong = "smoothing must be in 0 .. 0.5";
    } else if (!within(o->mixup, 0, 100) || !within(o->mixup_probability, 0, 1)) {
        wrong = "mixup must be in 0 .. 100 and its probability in 0 .. 1";
    } else if (!within(o->mean, -1e6f, 1e6f) || !within(o->scale, 1e-6f, 1e6f)) {
        wrong = "mean must be finite and scale positive";
    } else if (extra && extra->pixels->size != set->pixels->size) {
        wrong = "both sets must have images of the same size";
    }
    for (int s = 0; !wrong && s < 2; s++) {
        const smt_loader_set *each = s ? extra : set;
        for (size_t i = 0; each && i < each->pixels->count; i++) {
            if (each->labels[i] < -1 || each->labels[i] >= o->classes) {
                wrong = "a label is not a class";
            }
        }
        if (each && each->pixels->count >= SMT_LOADER_EXTRA) {
            wrong = "too many images";
        }
    }
    return wrong ? smt_fail(error, SMT_ERR_ARGUMENT, "loader: %s", wrong) : SMT_OK;
}

/* Sorts the usable images of a set by class; `start` (classes + 1) may be NULL. */
static bool collect(smt_loader *l, int which, size_t *start)
{
    const smt_loader_set *set = &l->sets[which];
    size_t images = set->pixels ? set->pixels->count : 0;
    l->members[which] = smt_alloc(images, sizeof(uint32_t));
    if (!l->members[which]) {
        return false;
    }
    size_t count = 0;
    for (int class_index = 0; class_index < l->options.classes; class_index++) {
        if (start) {
            start[class_index] = count;
        }
        for (size_t i = 0; i < images; i++) {
            if (set->labels[i] == class_index) {
                l->members[which][count++] = (uint32_t)i;
            }
        }
    }
    if (start) {
        start[l->options.classes] = count;
    }
    l->member_count[which] = count;
    return true;
}

/* Shares of the epoch by largest remainder, so that they sum to the number of images. */
static void set_quotas(smt_loader *l)
{
    int classes = l->options.classes;
    double total_weight = 0;
    for (int c = 0; c < classes; c++) {
        size_t images = l->class_start[c + 1] - l->class_start[c];
        total_weight += images ? pow((double)images, 1 - (double)l->options.balance) : 0;
    }
    size_t given = 0;
    for (int c = 0; c < classes; c++) {
        size_t images = l->class_start[c + 1] - l->class_start[c];
        double weight =
            images ? pow((double)images, 1 - (double)l->options.balance) / total_weight : 0;
        l->quota[c] = (size_t)floor(weight * (double)l->member_count[0]);
        given += l->quota[c];
    }
    /* Fewer than `classes` are left over: they go to the largest classes' remainders in turn. */
    while (given < l->member_count[0]) {
        int best = -1;
        double best_gap = -1e300;
        for (int c = 0; c < classes; c++) {
            size_t images = l->class_start[c + 1] - l->class_start[c];
            double share =
                images ? pow((double)images, 1 - (double)l->options.balance) / total_weight : 0;
            double gap = share * (double)l->member_count[0] - (double)l->quota[c];
            if (images && gap > best_gap) {
                best = c;
                best_gap = gap;
            }
        }
        l->quota[best]++;
        given++;
    }
}

/* Images of each set in batch `batch`. */
static void batch_parts(const smt_loader *l, size_t batch, size_t parts[2])
{
    size_t left = l->member_count[0] - batch * (size_t)l->per_batch[0];
    size_t full = (size_t)l->per_batch[0];
    parts[0] = left < full ? left : full;
    parts[1] = ((size_t)l->per_batch[1] * parts[0] + full / 2) / full;
}

static void set_batches(smt_loader *l)
{
    const smt_loader_options *o = &l->options;
    int extra = l->member_count[1] ? (int)lrint((double)o->extra_share * o->batch) : 0;
    extra = extra < o->batch ? extra : o->batch - 1;
    int own = o->batch - extra;
    if ((size_t)own > l->member_count[0]) {
        extra = (int)lrint((double)extra * (double)l->member_count[0] / own);
        own = (int)l->member_count[0];
    }
    l->per_batch[0] = own;
    l->per_batch[1] = extra;
    l->batches = (l->member_count[0] + (o->partial ? (size_t)own - 1 : 0)) / (size_t)own;
    size_t parts[2];
    batch_parts(l, l->batches - 1, parts);
    l->total = (l->batches - 1) * (size_t)(own + extra) + parts[0] + parts[1];
}

static smt_status build(smt_loader *l, smt_error *error)
{
    const smt_loader_options *o = &l->options;
    size_t classes = (size_t)o->classes;
    l->class_start = smt_alloc(classes + 1, sizeof *l->class_start);
    l->quota = smt_alloc(classes, sizeof *l->quota);
    if (!l->class_start || !l->quota || !collect(l, 0, l->class_start) || !collect(l, 1, NULL)) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for the order of the images");
    }
    if (l->member_count[0] == 0) {
        return smt_fail(error, SMT_ERR_ARGUMENT, "loader: no image belongs to any of the classes");
    }
    set_quotas(l);
    set_batches(l);
    size_t image = (size_t)l->size * (size_t)l->size * (size_t)o->channels;
    l->order = smt_alloc(l->total, sizeof *l->order);
    l->work[0] = smt_alloc(l->member_count[0], sizeof *l->work[0]);
    l->work[1] =
        smt_alloc(l->batches * (size_t)l->per_batch[1] + l->member_count[1], sizeof *l->work[1]);
    bool complete = l->order && l->work[0] && l->work[1];
    if (o->mixup > 0) {
        l->partner = smt_alloc((size_t)l->workers, image * sizeof *l->partner);
        complete = complete && l->partner;
    }
    if (!complete) {
        return smt_fail(
            error, SMT_ERR_MEMORY, "out of memory for the order of %zu images", l->total);
    }
    for (int i = 0; i < 256; i++) {
        l->plain[i] = ((float)i - o->mean) / o->scale;
    }
    return o->augment
               ? smt_augmenter_create(&o->augmentation, l->size, l->workers, &l->augmenter, error)
               : SMT_OK;
}

smt_status smt_loader_create(const smt_loader_set *set,
                             const smt_loader_set *extra,
                             const smt_loader_options *options,
                             smt_pool *pool,
                             smt_loader **out,
                             smt_error *error)
{
    smt_status status = check(set, extra, options, error);
    if (status != SMT_OK) {
        return status;
    }
    smt_loader *l = smt_alloc(1, sizeof *l);
    if (!l) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for the loader");
    }
    l->sets[0] = *set;
    if (extra) {
        l->sets[1] = *extra;
    }
    l->options = *options;
    l->pool = pool;
    l->workers = pool ? smt_pool_threads(pool) : 1;
    l->size = set->pixels->size;
    status = build(l, error);
    if (status != SMT_OK) {
        smt_loader_destroy(&l);
        return status;
    }
    smt_loader_start(l, 0);
    *out = l;
    return SMT_OK;
}

void smt_loader_destroy(smt_loader **loader)
{
    if (!loader || !*loader) {
        return;
    }
    smt_loader *l = *loader;
    smt_augmenter_destroy(&l->augmenter);
    for (int s = 0; s < 2; s++) {
        smt_free(l->members[s]);
        smt_free(l->work[s]);
    }
    smt_free(l->class_start);
    smt_free(l->quota);
    smt_free(l->order);
    smt_free(l->partner);
    smt_free(l);
    *loader = NULL;
}

/* ---- the order of an epoch ---- */

size_t smt_loader_batches(const smt_loader *loader)
{
    return loader->batches;
}

int smt_loader_size(const smt_loader *loader)
{
    return loader->size;
}

int smt_loader_count(const smt_loader *loader, size_t batch)
{
    size_t parts[2];
    batch_parts(loader, batch, parts);
    return (int)(parts[0] + parts[1]);
}

static uint64_t stream(const smt_loader *l, int purpose, uint64_t number)
{
    return smt_hash64(smt_hash64(l->epoch, (uint64_t)purpose), number);
}

/* Every usable image once, in the order of the pixels. */
static void by_number(const smt_loader *l, uint32_t *sequence)
{
    size_t count = 0;
    for (size_t i = 0; i < l->sets[0].pixels->count; i++) {
        if (l->sets[0].labels[i] >= 0) {
            sequence[count++] = (uint32_t)i;
        }
    }
}

/* Each class gives its quota: whole rounds of its images, then a random part of a round. */
static void by_quota(const smt_loader *l, smt_rng *rng, uint32_t *sequence)
{
    size_t count = 0;
    for (int c = 0; c < l->options.classes; c++) {
        uint32_t *images = l->members[0] + l->class_start[c];
        size_t n = l->class_start[c + 1] - l->class_start[c];
        size_t rounds = n ? l->quota[c] / n : 0, rest = n ? l->quota[c] % n : 0;
        for (size_t r = 0; r < rounds; r++) {
            memcpy(sequence + count, images, n * sizeof *images);
            count += n;
        }
        for (size_t taken = 0, seen = 0; taken < rest; seen++) {
            /* Selection sampling (Knuth, algorithm S): each image with the probability that is
             * still due. */
            if (smt_rng_below(rng, (uint32_t)(n - seen)) < rest - taken) {
                sequence[count++] = images[seen];
                taken++;
            }
        }
    }
    smt_rng_shuffle(rng, sequence, count);
}

void smt_loader_start(smt_loader *l, uint64_t epoch)
{
    l->epoch = epoch;
    l->next = 0;
    smt_rng rng = smt_rng_seed(l->options.seed, stream(l, STREAM_ORDER, 0));
    if (l->options.shuffle) {
        by_quota(l, &rng, l->work[0]);
    } else {
        by_number(l, l->work[0]);
    }
    size_t needed = l->batches * (size_t)l->per_batch[1], made = 0;
    while (made < needed) {
        memcpy(l->work[1] + made, l->members[1], l->member_count[1] * sizeof *l->members[1]);
        smt_rng_shuffle(&rng, l->work[1] + made, l->member_count[1]);
        made += l->member_count[1];
    }
    size_t taken[2] = {0, 0}, at = 0;
    for (size_t b = 0; b < l->batches; b++) {
        size_t parts[2];
        batch_parts(l, b, parts);
        uint32_t *batch = l->order + at;
        memcpy(batch, l->work[0] + taken[0], parts[0] * sizeof *batch);
        for (size_t i = 0; i < parts[1]; i++) {
            batch[parts[0] + i] = l->work[1][taken[1] + i] | SMT_LOADER_EXTRA;
        }
        if (parts[1] && l->options.shuffle) {
            smt_rng_shuffle(&rng, batch, parts[0] + parts[1]);
        }
        taken[0] += parts[0];
        taken[1] += parts[1];
        at += parts[0] + parts[1];
    }
}

/* ---- images ---- */

static size_t batch_start(const smt_loader *l, size_t batch)
{
    return batch * (size_t)(l->per_batch[0] + l->per_batch[1]);
}

static void make_image(smt_loader *l, size_t position, int worker, float *out)
{
    uint32_t code = l->order[position];
    const smt_pixels *pixels = l->sets[code & SMT_LOADER_EXTRA ? 1 : 0].pixels;
    size_t bytes = (size_t)l->size * (size_t)l->size;
    const uint8_t *image = pixels->data + (size_t)(code & ~SMT_LOADER_EXTRA) * bytes;
    if (l->augmenter) {
        smt_rng rng = smt_rng_seed(l->options.seed, stream(l, STREAM_IMAGE, position));
        smt_augment_apply(l->augmenter,
                          worker,
                          image,
                          rng,
                          l->options.mean,
                          l->options.scale,
                          l->options.channels,
                          out);
        return;
    }
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

/* Adds share times the smoothed one-hot row of a label. */
static void add_target(const smt_loader *l, int label, float share, float *row)
{
    int classes = l->options.classes;
    float rest = l->options.smoothing / (float)classes;
    for (int c = 0; c < classes; c++) {
        row[c] += share * (rest + (c == label ? 1 - l->options.smoothing : 0));
    }
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
    smt_rng rng = smt_rng_seed(l->options.seed, stream(l, STREAM_MIX, position));
    if (smt_rng_uniform(&rng, 0, 1) >= (double)l->options.mixup_probability) {
        return 1;
    }
    double a = gamma_deviate(&rng, alpha), b = gamma_deviate(&rng, alpha);
    double share = a + b > 0 ? a / (a + b) : 1;
    return (float)(share < 0.5 ? 1 - share : share);
}

FAST static void mix_both(float *a, float *b, float share, size_t count)
{
    float other = 1 - share;
    for (size_t i = 0; i < count; i++) {
        float x = a[i], y = b[i];
        a[i] = share * x + other * y;
        b[i] = share * y + other * x;
    }
}

FAST static void mix_one(float *a, const float *b, float share, size_t count)
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
        add_target(l, label_of(l, start + (size_t)i), share, target + slot * classes);
        if (share >= 1) {
            continue;
        }
        add_target(l, label_of(l, start + (size_t)(i ^ 1)), 1 - share, target + slot * classes);
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
