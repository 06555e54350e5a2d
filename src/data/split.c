/* Stratified splits, and the folds of a cross-validation, by groups of near-duplicates.
 *
 * Each class has a target for each part: its share of the class's images. Groups are placed one
 * after the other, the largest first and equal ones in random order, each where its classes are
 * furthest below their targets; so the few large groups land in train and the many single images
 * make the parts come out. A last pass gives a part that got no image of a class the smallest group
 * that another part can spare: one of that class alone, else one of several, such as a lot. */
#include <semtinel/split.h>

#include "data/groups.h"
#include "data/names.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct member {
    uint32_t group, sample;
} member;

typedef struct bundle { /* a group and its wanted members: members[first .. first + count) */
    size_t first, count;
    uint64_t order;
    int part;
} bundle;

typedef struct state {
    const smt_dataset *set;
    const double *fractions; /* parts of them, borrowed */
    int parts;
    member *members;
    bundle *bundles;
    size_t member_count, bundle_count;
    double *deficit; /* part x class: images still to come */
    size_t *count;   /* part x class */
} state;

smt_split_options smt_split_defaults(void)
{
    return (smt_split_options){.train = 0.70, .val = 0.15, .test = 0.15, .seed = 1};
}

static smt_status check(const smt_split_options *o, smt_error *error)
{
    double sum = o->train + o->val + o->test;
    if (!(o->train > 0 && o->val >= 0 && o->test >= 0 && fabs(sum - 1) <= 1e-3)) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "train %g, val %g, test %g: the parts must be 0 or more, train above 0, "
                        "and sum up to 1",
                        o->train,
                        o->val,
                        o->test);
    }
    return SMT_OK;
}

static int compare_members(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    return x->sample < y->sample ? -1 : x->sample > y->sample;
}

static int compare_bundles(const void *a, const void *b)
{
    const bundle *x = a, *y = b;
    if (x->count != y->count) {
        return x->count > y->count ? -1 : 1;
    }
    if (x->order != y->order) {
        return x->order < y->order ? -1 : 1;
    }
    return x->first < y->first ? -1 : x->first > y->first;
}

static int class_of(const state *s, const bundle *b, size_t i)
{
    return s->set->samples[s->members[b->first + i].sample].class_index;
}

/* sign 1: puts the bundle into the part; -1: takes it out. */
static void move(state *s, bundle *b, int part, int sign)
{
    for (size_t i = 0; i < b->count; i++) {
        size_t at = (size_t)part * (size_t)s->set->class_count + (size_t)class_of(s, b, i);
        s->deficit[at] -= sign;
        s->count[at] += sign > 0 ? 1 : (size_t)-1;
    }
    b->part = part;
}

static void place(state *s, bundle *b)
{
    int best = 0;
    double best_score = -INFINITY;
    for (int part = 0; part < s->parts; part++) {
        double score = 0;
        for (size_t i = 0; i < b->count; i++) {
            score += s->deficit[part * s->set->class_count + class_of(s, b, i)];
        }
        if (s->fractions[part] > 0 && score > best_score + 1e-9) {
            best = part;
            best_score = score;
        }
    }
    move(s, b, best, 1);
}

/* True if the bundle holds the class, and no other unless `mixed`, and without it its part keeps an
 * image of each of the bundle's classes. */
static bool can_spare(state *s, bundle *b, int class_index, bool mixed)
{
    bool holds = false, spares = true;
    move(s, b, b->part, -1);
    for (size_t i = 0; i < b->count; i++) {
        int c = class_of(s, b, i);
        holds = holds || c == class_index;
        spares =
            spares && (mixed || c == class_index) && s->count[b->part * s->set->class_count + c];
    }
    move(s, b, b->part, 1);
    return holds && spares;
}

static void fill_gap(state *s, int part, int class_index)
{
    for (int mixed = 0; mixed < 2; mixed++) {
        for (size_t i = s->bundle_count; i-- > 0;) { /* smallest first */
            bundle *b = &s->bundles[i];
            if (can_spare(s, b, class_index, mixed)) {
                move(s, b, b->part, -1);
                move(s, b, part, 1);
                return;
            }
        }
    }
}

static void fill_gaps(state *s)
{
    for (int c = 0; c < s->set->class_count; c++) {
        for (int part = 0; part < s->parts; part++) {
            if (s->fractions[part] > 0 && !s->count[part * s->set->class_count + c]) {
                fill_gap(s, part, c);
            }
        }
    }
}

/* out[i]: the part of each wanted sample, 0 .. parts - 1; others are left as they are. */
static smt_status assign(const smt_dataset *dataset,
                         const uint32_t *group,
                         const bool *wanted,
                         const double *fractions,
                         int parts,
                         uint64_t seed,
                         int *out,
                         smt_error *error)
{
    size_t cells = (size_t)parts * (size_t)dataset->class_count;
    state s = {.set = dataset, .fractions = fractions, .parts = parts};
    smt_status status = SMT_OK;
    s.members = smt_alloc(dataset->sample_count, sizeof *s.members);
    s.bundles = smt_alloc(dataset->sample_count, sizeof *s.bundles);
    s.deficit = smt_alloc(cells, sizeof *s.deficit);
    s.count = smt_alloc(cells, sizeof *s.count);
    if (!s.members || !s.bundles || !s.deficit || !s.count) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
        goto done;
    }
    for (uint32_t i = 0; i < dataset->sample_count; i++) {
        if (!wanted || wanted[i]) {
            s.members[s.member_count++] = (member){group[i], i};
            for (int part = 0; part < parts; part++) {
                s.deficit[part * dataset->class_count + dataset->samples[i].class_index] +=
                    s.fractions[part];
            }
        }
    }
    qsort(s.members, s.member_count, sizeof *s.members, compare_members);
    for (size_t i = 0; i < s.member_count; i++) {
        if (i == 0 || s.members[i].group != s.members[i - 1].group) {
            smt_rng rng = smt_rng_seed(seed, s.members[i].group);
            s.bundles[s.bundle_count++] = (bundle){.first = i, .order = smt_rng_next(&rng)};
        }
        s.bundles[s.bundle_count - 1].count++;
    }
    qsort(s.bundles, s.bundle_count, sizeof *s.bundles, compare_bundles);
    for (size_t i = 0; i < s.bundle_count; i++) {
        place(&s, &s.bundles[i]);
    }
    fill_gaps(&s);
    for (size_t i = 0; i < s.bundle_count; i++) {
        for (size_t k = 0; k < s.bundles[i].count; k++) {
            out[s.members[s.bundles[i].first + k].sample] = s.bundles[i].part;
        }
    }
done:
    smt_free(s.members);
    smt_free(s.bundles);
    smt_free(s.deficit);
    smt_free(s.count);
    return status;
}

smt_status smt_split_assign(const smt_dataset *dataset,
                            const uint32_t *group,
                            const bool *wanted,
                            const smt_split_options *options,
                            smt_split *out,
                            smt_error *error)
{
    static const smt_split splits[] = {SMT_SPLIT_TRAIN, SMT_SPLIT_VAL, SMT_SPLIT_TEST};
    const double fractions[] = {options->train, options->val, options->test};
    smt_status status = check(options, error);
    if (status) {
        return status;
    }
    int *part = smt_alloc(dataset->sample_count, sizeof *part);
    if (!part) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    }
    status = assign(dataset, group, wanted, fractions, 3, options->seed, part, error);
    for (size_t i = 0; i < dataset->sample_count && !status; i++) {
        out[i] = !wanted || wanted[i] ? splits[part[i]] : out[i];
    }
    smt_free(part);
    return status;
}

/* The data set without its test samples, which training does not look at. Borrows everything but
 * the list of samples. */
static smt_status without_test(const smt_dataset *set, smt_dataset *out, smt_error *error)
{
    *out = *set;
    out->sample_count = 0;
    out->samples = smt_alloc(set->sample_count, sizeof *out->samples);
    if (!out->samples) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", set->root);
    }
    for (size_t i = 0; i < set->sample_count; i++) {
        if (set->samples[i].split != SMT_SPLIT_TEST) {
            out->samples[out->sample_count++] = set->samples[i];
        }
    }
    return SMT_OK;
}

#define OF_TEST (-1)
#define UNREADABLE (-2)

/* part[i]: of sample i, 0 .. parts - 1, by groups of near-duplicates, and by those of the pattern,
 * if that is not NULL; or one of those above. */
static smt_status divide(const smt_dataset *dataset,
                         const double *fractions,
                         int parts,
                         const char *group,
                         uint64_t seed,
                         int *part,
                         smt_pool *pool,
                         smt_error *error)
{
    size_t at = 0;
    smt_audit_options options = smt_audit_defaults();
    options.group = group;
    smt_dataset seen;
    smt_audit *audit = NULL;
    int *assigned = smt_alloc(dataset->sample_count, sizeof *assigned);
    bool *readable = smt_alloc(dataset->sample_count, sizeof *readable);
    smt_status status = without_test(dataset, &seen, error);
    if (!status && !(assigned && readable)) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    }
    status = status ? status : smt_audit_run(&seen, &options, pool, &audit, error);
    for (size_t i = 0; i < seen.sample_count && !status; i++) {
        readable[i] = audit->content[i] != SMT_CONTENT_UNREADABLE;
    }
    status = status
                 ? status
                 : assign(&seen, audit->group, readable, fractions, parts, seed, assigned, error);
    for (size_t i = 0; i < dataset->sample_count && !status; i++) {
        part[i] = OF_TEST;
        if (dataset->samples[i].split != SMT_SPLIT_TEST) {
            part[i] = readable[at] ? assigned[at] : UNREADABLE;
            at++;
        }
    }
    smt_audit_destroy(&audit);
    smt_free(assigned);
    smt_free(readable);
    smt_free(seen.samples);
    return status;
}

/* The samples of that part validate, and the others that are not of test train. Returns how many
 * validate. */
static size_t take_out(smt_dataset *dataset, const int *part, int held)
{
    size_t count = 0;
    for (size_t i = 0; i < dataset->sample_count; i++) {
        if (dataset->samples[i].split != SMT_SPLIT_TEST) {
            dataset->samples[i].split = part[i] == held ? SMT_SPLIT_VAL : SMT_SPLIT_TRAIN;
            dataset->samples[i].unreadable = part[i] == UNREADABLE;
            count += part[i] == held;
        }
    }
    qsort(dataset->samples, dataset->sample_count, sizeof *dataset->samples, data_compare_samples);
    return count;
}

static size_t count_split(const smt_dataset *dataset, smt_split split)
{
    size_t count = 0;
    for (size_t i = 0; i < dataset->sample_count; i++) {
        count += dataset->samples[i].split == split;
    }
    return count;
}

smt_status smt_dataset_hold_out(
    smt_dataset *dataset, double share, uint64_t seed, smt_pool *pool, smt_error *error)
{
    if (!(share > 0 && share <= 0.5)) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "hold out %g: the part must be above 0 and at most 0.5",
                        share);
    }
    if (count_split(dataset, SMT_SPLIT_VAL)) {
        return SMT_OK;
    }
    const double fractions[] = {1 - share, share};
    int *part = smt_alloc(dataset->sample_count, sizeof *part);
    smt_status status = part ? divide(dataset, fractions, 2, NULL, seed, part, pool, error)
                             : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    if (!status) {
        size_t held = take_out(dataset, part, 1),
               all = dataset->sample_count - count_split(dataset, SMT_SPLIT_TEST);
        smt_log(SMT_LOG_INFO,
                "%s: no val/ folder; %zu of %zu training %s held out for validation, by groups "
                "of near-duplicates, not by lots or wafers ('semtinel split --group')",
                dataset->root,
                held,
                all,
                smt_plural(all, "image", "images"));
    }
    smt_free(part);
    return status;
}

smt_status smt_dataset_folds(const smt_dataset *dataset,
                             int folds,
                             const char *group,
                             uint64_t seed,
                             int *fold,
                             smt_pool *pool,
                             smt_error *error)
{
    double fractions[SMT_FOLDS_MAX];
    if (folds < 2 || folds > SMT_FOLDS_MAX) {
        return smt_fail(
            error, SMT_ERR_ARGUMENT, "%d folds; 2 .. %d are possible", folds, SMT_FOLDS_MAX);
    }
    for (int i = 0; i < folds; i++) {
        fractions[i] = 1.0 / folds;
    }
    return divide(dataset, fractions, folds, group, seed, fold, pool, error);
}

smt_status smt_dataset_check_group(const smt_dataset *dataset, const char *group, smt_error *error)
{
    smt_dataset seen;
    smt_name_groups groups = {0};
    smt_status status = without_test(dataset, &seen, error);
    status = status ? status : groups_by_name(&seen, group, &groups, error);
    smt_free(groups.group);
    smt_free(seen.samples);
    return status;
}

smt_status smt_dataset_hold_out_fold(smt_dataset *dataset,
                                     int folds,
                                     int fold,
                                     const char *group,
                                     uint64_t seed,
                                     smt_pool *pool,
                                     smt_error *error)
{
    int *part = smt_alloc(dataset->sample_count, sizeof *part);
    smt_status status = part ? smt_dataset_folds(dataset, folds, group, seed, part, pool, error)
                             : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    if (!status) {
        take_out(dataset, part, fold);
    }
    smt_free(part);
    return status;
}

smt_status smt_dataset_leave_out_copies(smt_dataset *dataset, smt_pool *pool, smt_error *error)
{
    size_t copies = 0, at = 0;
    smt_dataset seen;
    smt_audit *audit = NULL;
    bool *held = smt_alloc(dataset->sample_count, sizeof *held); /* by group */
    smt_status status = without_test(dataset, &seen, error);
    if (!status && !held) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    }
    status = status ? status : smt_audit_run(&seen, NULL, pool, &audit, error);
    for (size_t i = 0; i < seen.sample_count && !status; i++) {
        held[audit->group[i]] = held[audit->group[i]] || seen.samples[i].split == SMT_SPLIT_VAL;
    }
    for (size_t i = 0; i < dataset->sample_count && !status; i++) {
        smt_sample *sample = &dataset->samples[i];
        if (sample->split != SMT_SPLIT_TEST && held[audit->group[at++]] && sample->added) {
            sample->split = SMT_SPLIT_TEST;
            copies++;
        }
    }
    if (copies) {
        smt_log(SMT_LOG_INFO,
                "%s: %zu added %s left out: near-duplicates of validation images",
                dataset->root,
                copies,
                smt_plural(copies, "image", "images"));
    }
    smt_audit_destroy(&audit);
    smt_free(held);
    smt_free(seen.samples);
    return status;
}
