#include "data/loader_parts.h"

#include <math.h>

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
    } else if (!within(o->mixup, 0, 100) || !within(o->mixup_probability, 0, 1)) {
        wrong = "mixup must be in 0 .. 100 and its probability in 0 .. 1";
    } else if (!within(o->style, 0, 1) || (o->style > 0 && !o->augment)) {
        wrong = "style must be in 0 .. 1 and needs augmentation";
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
    smt_loader_parts(l, l->batches - 1, parts);
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
    smt_loader_set_quotas(l);
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
