#include "data/groups.h"

#include "data/names.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* Union by the lower index. parent: at first i of i. */
static uint32_t find_root(uint32_t *parent, uint32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

static void unite(uint32_t *parent, uint32_t i, uint32_t j)
{
    uint32_t a = find_root(parent, i), b = find_root(parent, j);
    parent[a > b ? a : b] = a < b ? a : b;
}

/* A part of an image's path. */
typedef struct part {
    const char *text;
    size_t length; /* 0: there is none */
    uint32_t sample;
} part;

static int compare_parts(const void *a, const void *b)
{
    const part *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->length < y->length ? x->length : y->length);
    return order ? order : (x->length > y->length) - (x->length < y->length);
}

/* The path without its suffix. */
static part stem_of(const smt_dataset *set, uint32_t sample)
{
    const char *path = set->samples[sample].path;
    return (part){path, (size_t)(smt_path_suffix(path) - path), sample};
}

/* That of the image whose copy this is, if `augment` named it; length 0: it did not. */
static part source_of(const part *copy)
{
    static const char mark[] = "-aug";
    size_t end = copy->length, size = strlen(mark);
    while (end && strchr("0123456789-", copy->text[end - 1])) {
        end--;
    }
    bool named = end >= size && memcmp(copy->text + end - size, mark, size) == 0 &&
                 copy->length - end > 1 && copy->text[end] == '-';
    return (part){copy->text, named ? end - size : 0, copy->sample};
}

/* Copies that `augment` made may be turned too far to be near-duplicates: their names tell, where
 * the source is beside them: "12-aug-2024-3.png" is a date. */
static smt_status unite_augmented(const smt_audit *audit, uint32_t *parent, smt_error *error)
{
    const smt_dataset *set = audit->dataset;
    size_t count = 0;
    part *stems = smt_alloc(set->sample_count, sizeof *stems);
    if (!stems) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", set->root);
    }
    for (uint32_t i = 0; i < set->sample_count; i++) {
        if (audit->content[i] != SMT_CONTENT_UNREADABLE) {
            stems[count++] = stem_of(set, i);
        }
    }
    qsort(stems, count, sizeof *stems, compare_parts);
    for (size_t i = 0; i < count; i++) {
        part source = source_of(&stems[i]);
        const part *found =
            source.length ? bsearch(&source, stems, count, sizeof *stems, compare_parts) : NULL;
        while (found && found > stems && compare_parts(found - 1, &source) == 0) {
            found--; /* a.png and a.tif: whose copy it is, is not known */
        }
        for (; found && found < stems + count && compare_parts(found, &source) == 0; found++) {
            unite(parent, found->sample, stems[i].sample);
        }
    }
    smt_free(stems);
    return SMT_OK;
}

static smt_status unite_named(const smt_audit *audit, uint32_t *parent, smt_error *error)
{
    const smt_name_groups *named = &audit->named;
    if (!named->count) {
        return SMT_OK;
    }
    uint32_t *first = smt_alloc(named->count, sizeof *first); /* a group's image, and 1; 0: none */
    if (!first) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", audit->dataset->root);
    }
    for (uint32_t i = 0; i < audit->dataset->sample_count; i++) {
        if (named->group[i] != SMT_NO_GROUP && audit->content[i] != SMT_CONTENT_UNREADABLE) {
            uint32_t *own = &first[named->group[i]];
            *own = *own ? *own : i + 1;
            unite(parent, *own - 1, i);
        }
    }
    smt_free(first);
    return SMT_OK;
}

smt_status groups_number(smt_audit *audit, smt_error *error)
{
    uint32_t *parent = audit->group;
    size_t count = audit->dataset->sample_count;
    for (uint32_t i = 0; i < count; i++) {
        parent[i] = i;
    }
    for (size_t p = 0; p < audit->pair_count; p++) {
        unite(parent, audit->pairs[p].a, audit->pairs[p].b);
    }
    smt_status status = unite_augmented(audit, parent, error);
    status = status ? status : unite_named(audit, parent, error);
    for (uint32_t i = 0; i < count; i++) {
        parent[i] = find_root(parent, i);
    }
    /* Each root is its group's first member: by the time
     * i is reached, its root already has its number. */
    for (uint32_t i = 0; i < count; i++) {
        parent[i] = parent[i] == i ? (uint32_t)audit->group_count++ : parent[parent[i]];
    }
    return status;
}

/* The non-empty matches first, sorted; returns how many there are. */
static size_t match_all(const smt_dataset *set, const regex_t *regex, part *out)
{
    size_t matched = 0;
    for (uint32_t i = 0; i < set->sample_count; i++) {
        const char *name = data_below_class(set, &set->samples[i]);
        regmatch_t match[2];
        if (regexec(regex, name, 2, match, 0) == 0) {
            const regmatch_t *m = regex->re_nsub ? &match[1] : &match[0];
            if (m->rm_eo > m->rm_so) {
                out[matched++] = (part){name + m->rm_so, (size_t)(m->rm_eo - m->rm_so), i};
            }
        }
    }
    qsort(out, matched, sizeof *out, compare_parts);
    return matched;
}

static smt_status fill(const smt_dataset *dataset,
                       const regex_t *regex,
                       const char *pattern,
                       smt_name_groups *out,
                       smt_error *error)
{
    size_t images = dataset->sample_count;
    part *matches = smt_alloc(images, sizeof *matches);
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
        bool begins = i == 0 || compare_parts(&matches[i - 1], &matches[i]) != 0;
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
