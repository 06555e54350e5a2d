/* The audit: every image is read once, hashed and fingerprinted; exact duplicates are found by
 * sorting the hashes, near ones by comparing each image with the candidates whose shapes are
 * nearest. The cost is n^2 bounds of inner products and n * neighbours correlations: a quarter and
 * half of the time for 100 000 images. */
#include <semtinel/audit.h>

#include "data/groups.h"
#include "data/nearest.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A candidate's shape is at least this alike. Copies changed as audit.h says have 0.8 and more. */
#define LEAST_SHAPE 0.5f

typedef struct hash128 {
    uint64_t low, high;
} hash128;

typedef struct hashed {
    hash128 hash;
    uint32_t sample;
} hashed;

typedef struct work {
    smt_audit *audit;
    smt_audit_options options;
    fingerprint *prints;
    float *shapes; /* sample_count x PRINT_SHAPE_PADDED, 0 without content or where not read */
    nearest index;
    hash128 *file_hash, *pixel_hash;
    bool *more_pages;     /* sample_count: of the file only the first page was read */
    uint32_t *candidates; /* sample_count x neighbours, UINT32_MAX where there are fewer */
    smt_pair *near;       /* sample_count x neighbours, a == b where it is no pair */
    size_t total;
    atomic_size_t done;
    atomic_bool no_memory;
    const char *label;
} work;

smt_audit_options smt_audit_defaults(void)
{
    return (smt_audit_options){.threshold = 0.82f, .neighbours = 32};
}

const char *smt_pair_kind_name(smt_pair_kind kind)
{
    static const char *const names[] = {
        "same file", "same pixels", "near-duplicate", "edited copy"};
    return (unsigned)kind < SMT_PAIR_KINDS ? names[kind] : "?";
}

static void step(work *w, size_t images)
{
    smt_progress(w->label, atomic_fetch_add(&w->done, images) + images, w->total);
}

/* Two independent 64-bit streams over 8-byte words: not against forgers, but 2^-128 by chance. */
static hash128 hash_bytes(const void *data, size_t size, uint64_t seed)
{
    const unsigned char *bytes = data;
    hash128 h = {smt_hash64(seed, size), smt_hash64(seed + 1, size)};
    while (size) {
        uint64_t word = 0;
        size_t part = size < 8 ? size : 8;
        memcpy(&word, bytes, part);
        h.low = smt_hash64(h.low, word);
        h.high = smt_hash64(word, h.high);
        bytes += part;
        size -= part;
    }
    return h;
}

static smt_content judge(const smt_image *image)
{
    size_t histogram[256] = {0}, total = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < total; i++) {
        histogram[image->pixels[i]]++;
    }
    size_t dark = histogram[0] + histogram[1] + histogram[2];
    size_t bright = histogram[253] + histogram[254] + histogram[255];
    if ((double)dark >= 0.98 * (double)total) {
        return SMT_CONTENT_DARK;
    }
    if ((double)bright >= 0.98 * (double)total) {
        return SMT_CONTENT_BRIGHT;
    }
    size_t below = 0;
    int low = 0, high = 255;
    for (; low < 255 && (double)(below + histogram[low]) < 0.01 * (double)total; low++) {
        below += histogram[low];
    }
    size_t above = 0;
    for (; high > low && (double)(above + histogram[high]) < 0.01 * (double)total; high--) {
        above += histogram[high];
    }
    return high - low <= 6 ? SMT_CONTENT_FLAT : SMT_CONTENT_OK;
}

static void read_one(void *context, int task, int worker)
{
    (void)worker;
    work *w = context;
    if (smt_interrupted()) {
        return;
    }
    const char *path = w->audit->dataset->samples[task].path;
    smt_image image = {0}, thumbnail = {0};
    smt_error reason = {SMT_OK, ""};
    smt_sem_metadata metadata = {0};
    void *data = NULL;
    size_t size = 0;
    smt_status status = smt_file_load(path, 0, &data, &size, &reason);
    if (status == SMT_OK) {
        w->file_hash[task] = hash_bytes(data, size, 1);
        status = smt_image_decode_sem(data, size, path, NULL, 0, &image, &metadata, &reason);
        w->more_pages[task] = metadata.more_pages;
    }
    w->audit->suspect_percent[task] = status ? -1 : metadata.suspect_percent;
    if (status == SMT_OK) {
        uint64_t shape = ((uint64_t)(unsigned)image.width << 32) | (unsigned)image.height;
        w->pixel_hash[task] =
            hash_bytes(image.pixels, (size_t)image.width * (size_t)image.height, shape);
        w->audit->content[task] = judge(&image);
        status = smt_image_resize(&image, PRINT_SIDE, PRINT_SIDE, &thumbnail, &reason);
    }
    if (status == SMT_OK && w->audit->content[task] == SMT_CONTENT_OK) {
        print_make(&thumbnail, &w->prints[task], w->shapes + (size_t)task * PRINT_SHAPE_PADDED);
    }
    if (status == SMT_ERR_MEMORY) {
        atomic_store(&w->no_memory, true);
    } else if (status) {
        w->audit->content[task] = SMT_CONTENT_UNREADABLE;
        w->audit->reasons[task] = smt_strdup(reason.message);
        if (!w->audit->reasons[task]) {
            atomic_store(&w->no_memory, true);
        }
    }
    smt_free(data);
    smt_image_free(&image);
    smt_image_free(&thumbnail);
    step(w, 1);
}

static void find_candidates(void *context, int task, int worker)
{
    (void)worker;
    work *w = context;
    size_t first = (size_t)task * NEAREST_BLOCK, k = (size_t)w->options.neighbours;
    if (!smt_interrupted() && !nearest_list(&w->index,
                                            (size_t)task,
                                            w->options.neighbours,
                                            LEAST_SHAPE,
                                            w->candidates + first * k)) {
        atomic_store(&w->no_memory, true);
    }
    step(w, w->total - first < NEAREST_BLOCK ? w->total - first : NEAREST_BLOCK);
}

static bool lists(const work *w, uint32_t owner, uint32_t other)
{
    const uint32_t *list = w->candidates + (size_t)owner * (size_t)w->options.neighbours;
    for (int i = 0; i < w->options.neighbours && list[i] != UINT32_MAX; i++) {
        if (list[i] == other) {
            return true;
        }
    }
    return false;
}

static bool equal_hash(hash128 a, hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

static void compare_candidates(void *context, int task, int worker)
{
    (void)worker;
    work *w = context;
    size_t base = (size_t)task * (size_t)w->options.neighbours;
    uint32_t self = (uint32_t)task;
    for (int i = 0; i < w->options.neighbours && !smt_interrupted(); i++) {
        uint32_t other = w->candidates[base + (size_t)i];
        /* A pair that both list is compared once, by the lower one. */
        if (other == UINT32_MAX || (other < self && lists(w, other, self)) ||
            equal_hash(w->pixel_hash[self], w->pixel_hash[other])) {
            continue;
        }
        uint32_t a = self < other ? self : other, b = self < other ? other : self;
        print_match match;
        print_compare(&w->prints[a], &w->prints[b], w->options.threshold, &match);
        if (match.similarity >= w->options.threshold) {
            /* Equal everywhere but in a block or few: somebody drew. */
            bool edited = match.edit >= 0.6f && match.edit >= 3.5f * match.rest;
            w->near[base + (size_t)i] = (smt_pair){
                a, b, edited ? SMT_PAIR_EDITED : SMT_PAIR_NEAR, match.similarity, match.symmetry};
        }
    }
    step(w, 1);
}

static int compare_hashed(const void *a, const void *b)
{
    const hashed *x = a, *y = b;
    if (x->hash.low != y->hash.low) {
        return x->hash.low < y->hash.low ? -1 : 1;
    }
    if (x->hash.high != y->hash.high) {
        return x->hash.high < y->hash.high ? -1 : 1;
    }
    return x->sample < y->sample ? -1 : x->sample > y->sample;
}

static int compare_pairs(const void *a, const void *b)
{
    const smt_pair *x = a, *y = b;
    bool exact_x = x->kind <= SMT_PAIR_PIXELS, exact_y = y->kind <= SMT_PAIR_PIXELS;
    if (exact_x != exact_y) {
        return exact_x ? -1 : 1;
    }
    if (!exact_x && x->similarity != y->similarity) {
        return x->similarity > y->similarity ? -1 : 1;
    }
    if (x->a != y->a) {
        return x->a < y->a ? -1 : 1;
    }
    return x->b < y->b ? -1 : x->b > y->b;
}

/* Within a run of k equal images: k (k - 1) / 2 pairs, but each with the 64 that follow at most, so
 * that a thousand copies of one image stay cheap. All of them end up in one group regardless. The
 * first is paired with all: if one of them is in train, it is, and none of the others' leaks is
 * missed. */
static size_t list_exact(const work *w, const hashed *sorted, size_t count, smt_pair *pairs)
{
    size_t found = 0, first = 0;
    for (size_t i = 0; i < count; i++) {
        first = equal_hash(sorted[first].hash, sorted[i].hash) ? first : i;
        for (size_t j = i + 1;
             j < count && (i == first || j <= i + 64) && equal_hash(sorted[i].hash, sorted[j].hash);
             j++) {
            uint32_t a = sorted[i].sample, b = sorted[j].sample;
            if (pairs) {
                smt_pair_kind kind =
                    equal_hash(w->file_hash[a], w->file_hash[b]) ? SMT_PAIR_FILE : SMT_PAIR_PIXELS;
                pairs[found] = (smt_pair){a, b, kind, 1, 0};
            }
            found++;
        }
    }
    return found;
}

static smt_status collect_pairs(work *w, smt_error *error)
{
    smt_audit *audit = w->audit;
    size_t readable = 0, slots = w->total * (size_t)w->options.neighbours;
    hashed *sorted = smt_alloc(w->total, sizeof *sorted);
    smt_status status = SMT_OK;
    if (!sorted) {
        goto no_memory;
    }
    for (size_t i = 0; i < w->total; i++) {
        if (audit->content[i] != SMT_CONTENT_UNREADABLE) {
            sorted[readable++] = (hashed){w->pixel_hash[i], (uint32_t)i};
        }
    }
    qsort(sorted, readable, sizeof *sorted, compare_hashed);
    size_t exact = list_exact(w, sorted, readable, NULL), near = 0;
    for (size_t i = 0; i < slots; i++) {
        near += w->near[i].a != w->near[i].b;
    }
    audit->pairs = smt_alloc(exact + near, sizeof *audit->pairs);
    if (!audit->pairs) {
        goto no_memory;
    }
    list_exact(w, sorted, readable, audit->pairs);
    audit->pair_count = exact;
    for (size_t i = 0; i < slots; i++) {
        if (w->near[i].a != w->near[i].b) {
            audit->pairs[audit->pair_count++] = w->near[i];
        }
    }
    qsort(audit->pairs, audit->pair_count, sizeof *audit->pairs, compare_pairs);
    smt_free(sorted);
    return SMT_OK;
no_memory:
    status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", audit->dataset->root);
    smt_free(sorted);
    return status;
}

bool smt_pair_crosses_splits(const smt_audit *audit, const smt_pair *pair)
{
    const smt_sample *samples = audit->dataset->samples;
    return samples[pair->a].split != samples[pair->b].split;
}

bool smt_pair_differs_in_class(const smt_audit *audit, const smt_pair *pair)
{
    const smt_sample *samples = audit->dataset->samples;
    return samples[pair->a].class_index != samples[pair->b].class_index;
}

static smt_status summarise(smt_audit *audit, const bool *more_pages, smt_error *error)
{
    const smt_dataset *set = audit->dataset;
    smt_audit_summary *sum = &audit->summary;
    uint8_t *marks = smt_alloc(set->sample_count, 1); /* 1: has a duplicate, 2: has one in train */
    if (!marks) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", set->root);
    }
    for (size_t p = 0; p < audit->pair_count; p++) {
        const smt_pair *pair = &audit->pairs[p];
        sum->pairs[pair->kind]++;
        sum->crossing += smt_pair_crosses_splits(audit, pair);
        if (smt_pair_differs_in_class(audit, pair)) {
            sum->conflicts_exact += pair->kind <= SMT_PAIR_PIXELS;
            sum->conflicts_near += pair->kind == SMT_PAIR_NEAR;
            sum->conflicts_edited += pair->kind == SMT_PAIR_EDITED;
        }
        bool a_trains = set->samples[pair->a].split == SMT_SPLIT_TRAIN;
        bool b_trains = set->samples[pair->b].split == SMT_SPLIT_TRAIN;
        marks[pair->a] = (uint8_t)(marks[pair->a] | 1 | (b_trains ? 2 : 0));
        marks[pair->b] = (uint8_t)(marks[pair->b] | 1 | (a_trains ? 2 : 0));
    }
    for (size_t i = 0; i < set->sample_count; i++) {
        smt_split split = set->samples[i].split;
        sum->content[audit->content[i]]++;
        sum->images[split]++;
        sum->images_with_duplicate += marks[i] & 1;
        sum->leaks[split] += split != SMT_SPLIT_TRAIN && (marks[i] & 2);
        smt_paged_add(&sum->paged, more_pages[i], set->samples[i].path);
    }
    smt_free(marks);
    return smt_strips_count(set, audit->suspect_percent, &audit->strips)
               ? SMT_OK
               : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", set->root);
}

/* A task is `each` images. */
static smt_status run_pass(
    work *w, const char *label, smt_task function, size_t each, smt_pool *pool, smt_error *error)
{
    w->label = label;
    atomic_store(&w->done, 0);
    smt_progress(label, 0, w->total);
    smt_pool_run(pool, (int)((w->total + each - 1) / each), function, w);
    smt_status status = smt_check_interrupted(error);
    return status || !atomic_load(&w->no_memory)
               ? status
               : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", w->audit->dataset->root);
}

smt_status smt_audit_run(const smt_dataset *dataset,
                         const smt_audit_options *options,
                         smt_pool *pool,
                         smt_audit **out,
                         smt_error *error)
{
    work w = {.options = options ? *options : smt_audit_defaults(), .total = dataset->sample_count};
    if (!(w.options.threshold >= 0.75f && w.options.threshold <= 1)) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "audit: threshold %g is outside 0.75 .. 1",
                        (double)w.options.threshold);
    }
    if (w.options.neighbours < 1 || w.options.neighbours > NEAREST_MOST) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "audit: %d neighbours are outside 1 .. 1024",
                        w.options.neighbours);
    }
    if (w.total > INT_MAX / 2) {
        return smt_fail(
            error, SMT_ERR_LIMIT, "%s: %zu images are too many", dataset->root, w.total);
    }
    if ((size_t)w.options.neighbours >= w.total) {
        w.options.neighbours = w.total > 1 ? (int)w.total - 1 : 1;
    }
    smt_status status = SMT_OK;
    smt_audit *audit = w.audit = smt_alloc(1, sizeof *audit);
    if (!audit) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    }
    size_t slots = w.total * (size_t)w.options.neighbours;
    audit->dataset = dataset;
    audit->content = smt_alloc(w.total, sizeof *audit->content);
    audit->reasons = smt_alloc(w.total, sizeof *audit->reasons);
    audit->suspect_percent = smt_alloc(w.total, sizeof *audit->suspect_percent);
    audit->group = smt_alloc(w.total, sizeof *audit->group);
    w.prints = smt_alloc(w.total, sizeof *w.prints);
    w.shapes = smt_alloc(w.total, PRINT_SHAPE_PADDED * sizeof *w.shapes);
    w.file_hash = smt_alloc(w.total, sizeof *w.file_hash);
    w.pixel_hash = smt_alloc(w.total, sizeof *w.pixel_hash);
    w.more_pages = smt_alloc(w.total, sizeof *w.more_pages);
    w.candidates = smt_alloc(slots, sizeof *w.candidates);
    w.near = smt_alloc(slots, sizeof *w.near);
    if (!audit->content || !audit->reasons || !audit->suspect_percent || !audit->group ||
        !w.prints || !w.shapes || !w.file_hash || !w.pixel_hash || !w.more_pages || !w.candidates ||
        !w.near) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    }
    if (status == SMT_OK && w.options.group) {
        status = groups_by_name(dataset, w.options.group, &audit->named, error);
    }
    if (status == SMT_OK) {
        status = run_pass(&w, "reading", read_one, 1, pool, error);
    }
    if (status == SMT_OK) {
        status = nearest_prepare(w.shapes, w.total, &w.index, error);
    }
    if (status == SMT_OK) {
        status = run_pass(&w, "searching", find_candidates, NEAREST_BLOCK, pool, error);
    }
    if (status == SMT_OK) {
        status = run_pass(&w, "comparing", compare_candidates, 1, pool, error);
    }
    if (status == SMT_OK) {
        status = collect_pairs(&w, error);
    }
    if (status == SMT_OK) {
        status = groups_number(audit, error);
    }
    if (status == SMT_OK) {
        status = summarise(audit, w.more_pages, error);
    }
    if (status == SMT_OK) {
        *out = audit;
    } else {
        smt_audit_destroy(&audit);
    }
    smt_free(w.prints);
    smt_free(w.shapes);
    nearest_free(&w.index);
    smt_free(w.file_hash);
    smt_free(w.pixel_hash);
    smt_free(w.more_pages);
    smt_free(w.candidates);
    smt_free(w.near);
    return status;
}

void smt_audit_destroy(smt_audit **audit)
{
    if (!audit || !*audit) {
        return;
    }
    smt_audit *a = *audit;
    smt_list_free(&a->reasons, a->dataset->sample_count);
    smt_free(a->content);
    smt_free(a->suspect_percent);
    smt_free(a->pairs);
    smt_free(a->group);
    smt_free(a->named.group);
    smt_free(a);
    *audit = NULL;
}
