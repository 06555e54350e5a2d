/* Classifiers side by side on the images that all of them saw. */
#include "base/gamma.h"

#include <semtinel/data.h>
#include <semtinel/evaluate.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

double smt_mcnemar(size_t a_only, size_t b_only)
{
    size_t n = a_only + b_only, fewer = a_only < b_only ? a_only : b_only;
    if (!n) {
        return 1;
    }
    if (n > 10000) {
        double difference = fabs((double)a_only - (double)b_only) - 1;
        double chi = difference > 0 ? difference / sqrt((double)n) : 0;
        return erfc(chi / sqrt(2.0));
    }
    /* Two-sided sign test: twice the tail, summed in logarithms. */
    double tail = 0;
    for (size_t k = 0; k <= fewer; k++) {
        tail += exp(smt_lgamma((double)n + 1) - smt_lgamma((double)k + 1) -
                    smt_lgamma((double)(n - k) + 1) - (double)n * log(2.0));
    }
    return fmin(1, 2 * tail);
}

void smt_comparison_destroy(smt_comparison **comparison)
{
    if (comparison && *comparison) {
        smt_comparison *c = *comparison;
        for (int i = 0; c->metrics && i < c->tables; i++) {
            smt_metrics_destroy(&c->metrics[i]);
        }
        smt_free(c->metrics);
        smt_list_free(&c->classes, (size_t)c->class_count);
        smt_free(c->pairs);
        smt_free(c);
        *comparison = NULL;
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All class names of all tables, sorted, each once, and the class that each means. */
typedef struct naming {
    const char **names; /* count; borrowed from the tables */
    int count;
    int *class_of;
} naming;

static smt_status
collect_names(const smt_prediction_table *const *tables, int count, naming *n, smt_error *error)
{
    size_t rows = 0, used = 0, kept = 0;
    for (int t = 0; t < count; t++) {
        rows += 2 * tables[t]->count;
    }
    n->names = smt_alloc(rows, sizeof *n->names);
    if (!n->names) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for %zu predictions", rows);
    }
    for (int t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            n->names[used++] = tables[t]->truth[i];
            n->names[used++] = tables[t]->predicted[i];
        }
    }
    qsort(n->names, used, sizeof *n->names, by_name);
    for (size_t i = 0; i < used; i++) {
        if (!kept || strcmp(n->names[kept - 1], n->names[i])) {
            n->names[kept++] = n->names[i];
        }
    }
    n->count = kept > SMT_CLASS_MAX ? 0 : (int)kept;
    return kept > SMT_CLASS_MAX ? smt_fail(error,
                                           SMT_ERR_LIMIT,
                                           "%zu classes in all; the limit is %d",
                                           kept,
                                           SMT_CLASS_MAX)
                                : SMT_OK;
}

static int find_name(const naming *n, const char *name)
{
    const char *const *found =
        bsearch(&name, n->names, (size_t)n->count, sizeof *n->names, by_name);
    return (int)(found - n->names);
}

/* An evaluation lists a class as its model calls it: "short" with one, "Bridges" with another.
 * Names that mean the same are one class, unless an evaluation has both. */
static smt_status unite_names(const smt_prediction_table *const *tables,
                              smt_comparison *c,
                              naming *n,
                              smt_error *error)
{
    size_t count = (size_t)n->count;
    const char **shown = smt_alloc(count, sizeof *shown);
    char(*meaning)[SMT_CANONICAL] = smt_alloc(count, sizeof *meaning);
    uint64_t *met = smt_alloc(count, sizeof *met); /* of each name, then class: a bit for a table */
    uint64_t *classes = smt_alloc(count, sizeof *classes);
    n->class_of = smt_alloc(count, sizeof *n->class_of);
    bool complete = shown && meaning && met && classes && n->class_of;
    for (int t = 0; t < c->tables && complete; t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            met[find_name(n, tables[t]->truth[i])] |= UINT64_C(1) << t;
            met[find_name(n, tables[t]->predicted[i])] |= UINT64_C(1) << t;
        }
    }
    int used = 0;
    for (int i = 0; i < n->count && complete; i++) {
        int k = 0;
        char own[SMT_CANONICAL];
        smt_class_canonical(n->names[i], own);
        while (k < used && (!*own || strcmp(meaning[k], own) || classes[k] & met[i])) {
            k++;
        }
        if (k == used || met[i] & 1) {
            shown[k] = n->names[i]; /* the first evaluation's name, if it has one */
        }
        memcpy(meaning[k], own, sizeof own);
        classes[k] |= met[i];
        n->class_of[i] = k;
        used += k == used;
    }
    c->classes = complete ? smt_list_copy(shown, (size_t)used) : NULL;
    c->class_count = c->classes ? used : 0;
    smt_free(shown);
    smt_free(meaning);
    smt_free(met);
    smt_free(classes);
    return c->classes ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
}

/* Walks sorted tables in step; places[t]: the row of the next common image. False at the end. */
static bool next_common(const smt_prediction_table *const *tables, int count, size_t *places)
{
    for (;;) {
        const char *largest = NULL;
        bool equal = true;
        for (int t = 0; t < count; t++) {
            if (places[t] >= tables[t]->count) {
                return false;
            }
            const char *file = tables[t]->files[places[t]];
            equal = equal && (!largest || strcmp(file, largest) == 0);
            largest = !largest || strcmp(file, largest) > 0 ? file : largest;
        }
        if (equal) {
            return true;
        }
        for (int t = 0; t < count; t++) {
            places[t] += strcmp(tables[t]->files[places[t]], largest) < 0;
        }
    }
}

typedef struct common {
    size_t count;
    int *truth, *predicted; /* count; tables x capacity */
    size_t capacity;
} common;

static smt_status match(const smt_prediction_table *const *tables,
                        const char *const *names,
                        const naming *n,
                        smt_comparison *c,
                        common *m,
                        smt_error *error)
{
    size_t *places = smt_alloc((size_t)c->tables, sizeof *places);
    smt_status status = places ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    while (!status && next_common(tables, c->tables, places)) {
        const char *truth = tables[0]->truth[places[0]];
        m->truth[m->count] = n->class_of[find_name(n, truth)];
        for (int t = 0; t < c->tables && !status; t++) {
            if (n->class_of[find_name(n, tables[t]->truth[places[t]])] != m->truth[m->count]) {
                status = smt_fail(
                    error,
                    SMT_ERR_ARGUMENT,
                    "%s: '%s' is %s there and %s in %s; compare evaluations with the same --map",
                    names[t],
                    tables[t]->files[places[t]],
                    tables[t]->truth[places[t]],
                    truth,
                    names[0]);
            }
            m->predicted[(size_t)t * m->capacity + m->count] =
                n->class_of[find_name(n, tables[t]->predicted[places[t]])];
            places[t]++;
        }
        m->count++;
    }
    smt_free(places);
    return status;
}

static void count_pairs(smt_comparison *c, const common *m)
{
    smt_compared_pair *pair = c->pairs;
    for (int a = 0; a < c->tables; a++) {
        for (int b = a + 1; b < c->tables; b++, pair++) {
            pair->first = a;
            pair->second = b;
            for (size_t i = 0; i < m->count; i++) {
                bool a_right = m->predicted[(size_t)a * m->capacity + i] == m->truth[i];
                bool b_right = m->predicted[(size_t)b * m->capacity + i] == m->truth[i];
                pair->first_only += a_right && !b_right;
                pair->second_only += b_right && !a_right;
            }
            pair->p = smt_mcnemar(pair->first_only, pair->second_only);
        }
    }
}

static int by_p(const void *a, const void *b)
{
    double p = (*(smt_compared_pair *const *)a)->p, q = (*(smt_compared_pair *const *)b)->p;
    return (p > q) - (p < q);
}

/* Holm, S. (1979): A simple sequentially rejective multiple test procedure. The smallest p counts
 * as often as there are pairs, the next once less, and none less than the one before. */
static smt_status correct(smt_comparison *c, smt_error *error)
{
    smt_compared_pair **sorted = smt_alloc(c->pair_count, sizeof *sorted);
    if (!sorted) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for %zu pairs", c->pair_count);
    }
    for (size_t i = 0; i < c->pair_count; i++) {
        sorted[i] = &c->pairs[i];
    }
    qsort(sorted, c->pair_count, sizeof *sorted, by_p);
    double before = 0;
    for (size_t i = 0; i < c->pair_count; i++) {
        before = fmax(before, fmin(1, (double)(c->pair_count - i) * sorted[i]->p));
        sorted[i]->p_holm = before;
    }
    smt_free(sorted);
    return SMT_OK;
}

static smt_status fill(const smt_prediction_table *const *tables,
                       const char *const *names,
                       const naming *united,
                       int resamples,
                       uint64_t seed,
                       smt_comparison *c,
                       smt_error *error)
{
    common m = {.capacity = tables[0]->count};
    size_t n = (size_t)c->tables;
    m.truth = smt_alloc(m.capacity, sizeof *m.truth);
    m.predicted = smt_alloc(m.capacity * n, sizeof *m.predicted);
    c->metrics = smt_alloc(n, sizeof *c->metrics);
    c->pair_count = n * (n - 1) / 2;
    c->pairs = smt_alloc(c->pair_count, sizeof *c->pairs);
    smt_status status =
        m.truth && m.predicted && c->metrics && c->pairs
            ? SMT_OK
            : smt_fail(error, SMT_ERR_MEMORY, "out of memory for %zu predictions", m.capacity);
    status = status ? status : match(tables, names, united, c, &m, error);
    if (!status && !m.count && c->tables > 2) {
        status =
            smt_fail(error,
                     SMT_ERR_ARGUMENT,
                     "no image is in all of the %d evaluations from %s to %s; evaluate all on "
                     "the same part (--split) of the same folder, since names count from there",
                     c->tables,
                     names[0],
                     names[c->tables - 1]);
    } else if (!status && !m.count) {
        status = smt_fail(error,
                          SMT_ERR_ARGUMENT,
                          "%s and %s have no image in common; evaluate both on the same part "
                          "(--split) of the same folder, since names count from there",
                          names[0],
                          names[1]);
    }
    for (int t = 0; t < c->tables && !status; t++) {
        c->left_out += tables[t]->count - m.count;
        const smt_outcome outcome = {.count = m.count,
                                     .class_count = c->class_count,
                                     .truth = m.truth,
                                     .predicted = m.predicted + (size_t)t * m.capacity};
        status = smt_metrics_create(&outcome, resamples, seed, &c->metrics[t], error);
    }
    if (!status) {
        c->count = m.count;
        count_pairs(c, &m);
        status = correct(c, error);
    }
    smt_free(m.truth);
    smt_free(m.predicted);
    return status;
}

smt_status smt_compare(const smt_prediction_table *const *tables,
                       const char *const *names,
                       int count,
                       int resamples,
                       uint64_t seed,
                       smt_comparison **out,
                       smt_error *error)
{
    if (count < 2 || count > 64) {
        return smt_fail(
            error, SMT_ERR_ARGUMENT, "%d evaluations to compare; 2 .. 64 are needed", count);
    }
    smt_comparison *c = smt_alloc(1, sizeof *c);
    if (!c) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    c->tables = count;
    naming n = {0};
    smt_status status = collect_names(tables, count, &n, error);
    status = status ? status : unite_names(tables, c, &n, error);
    status = status ? status : fill(tables, names, &n, resamples, seed, c, error);
    smt_free(n.names);
    smt_free(n.class_of);
    if (status) {
        smt_comparison_destroy(&c);
        return status;
    }
    *out = c;
    return SMT_OK;
}
