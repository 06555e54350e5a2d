#include "data/groups.h"

#include "data/names.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

void groups_begin(uint32_t *parent, size_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        parent[i] = i;
    }
}

static uint32_t find_root(uint32_t *parent, uint32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

void groups_unite(uint32_t *parent, uint32_t i, uint32_t j)
{
    uint32_t a = find_root(parent, i), b = find_root(parent, j);
    parent[a > b ? a : b] = a < b ? a : b;
}

size_t groups_number(uint32_t *parent, size_t count)
{
    size_t groups = 0;
    for (uint32_t i = 0; i < count; i++) {
        parent[i] = find_root(parent, i);
    }
    /* Each root is its group's first member: by the time
     * i is reached, its root already has its number. */
    for (uint32_t i = 0; i < count; i++) {
        parent[i] = parent[i] == i ? (uint32_t)groups++ : parent[parent[i]];
    }
    return groups;
}

/* What the pattern found in the name of an image. */
typedef struct found {
    const char *text;
    size_t length; /* 0: nothing */
    uint32_t sample;
} found;

static int compare_found(const void *a, const void *b)
{
    const found *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->length < y->length ? x->length : y->length);
    return order ? order : (x->length > y->length) - (x->length < y->length);
}

/* The non-empty matches first, sorted; returns how many there are. */
static size_t match_all(const smt_dataset *set, const regex_t *regex, found *out)
{
    size_t matched = 0;
    for (uint32_t i = 0; i < set->sample_count; i++) {
        const char *name = data_below_class(set, &set->samples[i]);
        regmatch_t match[2];
        if (regexec(regex, name, 2, match, 0) == 0) {
            const regmatch_t *m = regex->re_nsub ? &match[1] : &match[0];
            if (m->rm_eo > m->rm_so) {
                out[matched++] = (found){name + m->rm_so, (size_t)(m->rm_eo - m->rm_so), i};
            }
        }
    }
    qsort(out, matched, sizeof *out, compare_found);
    return matched;
}

static smt_status fill(const smt_dataset *dataset,
                       const regex_t *regex,
                       const char *pattern,
                       smt_name_groups *out,
                       smt_error *error)
{
    size_t images = dataset->sample_count;
    found *matches = smt_alloc(images, sizeof *matches);
    out->group = smt_alloc(images, sizeof *out->group);
    if (!matches || !out->group) {
        smt_free(matches);
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    }
    for (size_t i = 0; i < images; i++) {
        out->group[i] = SMT_NO_GROUP;
    }
    out->matched = match_all(dataset, regex, matches);
    for (size_t i = 0, first = 0, crossed = 0; i < out->matched; i++) {
        bool begins = i == 0 || compare_found(&matches[i - 1], &matches[i]) != 0;
        first = begins ? i : first;
        out->count += begins;
        out->group[matches[i].sample] = (uint32_t)out->count - 1;
        if (crossed < out->count && dataset->samples[matches[first].sample].split !=
                                        dataset->samples[matches[i].sample].split) {
            crossed = out->count;
            if (!out->crossing++) {
                out->example[0] = matches[first].sample;
                out->example[1] = matches[i].sample;
            }
        }
    }
    smt_free(matches);
    const char *example = data_below_class(dataset, &dataset->samples[0]);
    if (out->matched == 0) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: '%s' matches no image's path below its class folder, such as %s",
                        dataset->root,
                        pattern,
                        example);
    }
    if (out->count == 1 && out->matched == images) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: '%s' matches the same text in all images, such as %s: there is "
                        "nothing to divide",
                        dataset->root,
                        pattern,
                        example);
    }
    return SMT_OK;
}

smt_status groups_by_name(const smt_dataset *dataset,
                          const char *pattern,
                          smt_name_groups *out,
                          smt_error *error)
{
    regex_t regex;
    smt_name_groups groups = {.pattern = pattern};
    int wrong = regcomp(&regex, pattern, REG_EXTENDED);
    if (wrong) {
        char why[128];
        regerror(wrong, &regex, why, sizeof why);
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "'%s' is no extended regular expression ('man 7 regex'): %s",
                        pattern,
                        why);
    }
    smt_status status = fill(dataset, &regex, pattern, &groups, error);
    regfree(&regex);
    if (status) {
        smt_free(groups.group);
        return status;
    }
    *out = groups;
    return SMT_OK;
}
