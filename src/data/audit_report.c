/* An audit in words and as JSON. */
#include <semtinel/audit.h>

#include "base/json.h"
#include "data/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const content_words[] = {
    "ok", "unreadable", "flat: one grey level", "black", "white"};

/* Which pairs a list of the report shows. */
typedef bool (*selection)(const smt_audit *audit, const smt_pair *pair);

static bool is_conflict(const smt_audit *audit, const smt_pair *pair)
{
    return pair->kind != SMT_PAIR_EDITED && smt_pair_differs_in_class(audit, pair);
}

static bool is_edited_conflict(const smt_audit *audit, const smt_pair *pair)
{
    return pair->kind == SMT_PAIR_EDITED && smt_pair_differs_in_class(audit, pair);
}

/* A path as one printable line. Never fails: without memory the raw name has to do. */
static void print_name(FILE *stream, const char *name)
{
    char *text = smt_utf8(name);
    if (text) {
        smt_printable(text);
    }
    fputs(text ? text : "?", stream);
    smt_free(text);
}

/* A folder in a command that is to be copied. */
static void print_folder(FILE *stream, const char *name)
{
    char *word = smt_shell_word(name);
    print_name(stream, word ? word : name);
    smt_free(word);
}

static void print_sample(FILE *stream, const smt_audit *audit, size_t sample)
{
    print_name(stream, data_relative(audit->dataset, audit->dataset->samples[sample].path));
}

static void print_pairs(FILE *stream, const smt_audit *audit, size_t rows, selection select)
{
    size_t shown = 0, hidden = 0;
    for (size_t p = 0; p < audit->pair_count; p++) {
        const smt_pair *pair = &audit->pairs[p];
        if (!select(audit, pair)) {
            continue;
        }
        if (rows && shown == rows) {
            hidden++;
            continue;
        }
        shown++;
        fprintf(stream, "  %-14s %.2f  ", smt_pair_kind_name(pair->kind), (double)pair->similarity);
        print_sample(stream, audit, pair->a);
        fputs("  =  ", stream);
        print_sample(stream, audit, pair->b);
        fputc('\n', stream);
    }
    if (hidden) {
        fprintf(stream, "  ... and %zu more (--rows 0 shows all, --json has them)\n", hidden);
    }
}

static void print_counts(FILE *stream, const smt_audit *audit)
{
    const smt_dataset *set = audit->dataset;
    const smt_audit_summary *sum = &audit->summary;
    int columns = smt_utf8_widest((const char *const *)set->classes, set->class_count, 24);
    print_name(stream, set->root);
    fprintf(stream,
            ": %zu %s, %d %s\n\n%-*s",
            set->sample_count,
            smt_plural(set->sample_count, "image", "images"),
            set->class_count,
            smt_plural((size_t)set->class_count, "class", "classes"),
            columns,
            "images");
    for (int s = 0; s < SMT_SPLIT_COUNT; s++) {
        if (sum->images[s]) {
            fprintf(stream, " %8s", smt_split_name((smt_split)s));
        }
    }
    fputc('\n', stream);
    for (int c = 0; c <= set->class_count; c++) {
        char label[256];
        char *text = smt_utf8(c < set->class_count ? set->classes[c] : "all classes");
        snprintf(label, sizeof label, "%s", text ? text : "?");
        smt_free(text);
        smt_printable(label);
        fprintf(stream, "%-*s", smt_utf8_pad(label, columns), label);
        for (int s = 0; s < SMT_SPLIT_COUNT; s++) {
            size_t count = 0;
            for (size_t i = 0; sum->images[s] && i < set->sample_count; i++) {
                const smt_sample *sample = &set->samples[i];
                count +=
                    (int)sample->split == s && (c == set->class_count || sample->class_index == c);
            }
            if (sum->images[s]) {
                fprintf(stream, " %8zu", count);
            }
        }
        fputc('\n', stream);
    }
    fputc('\n', stream);
}

static void print_content(FILE *stream, const smt_audit *audit, size_t rows, bool unreadable)
{
    const smt_audit_summary *sum = &audit->summary;
    size_t bad = sum->content[SMT_CONTENT_UNREADABLE];
    size_t empty = sum->content[SMT_CONTENT_FLAT] + sum->content[SMT_CONTENT_DARK] +
                   sum->content[SMT_CONTENT_BRIGHT];
    size_t total = unreadable ? bad : empty, shown = 0;
    fprintf(stream, "%s: %zu\n", unreadable ? "unreadable" : "without content", total);
    for (size_t i = 0; i < audit->dataset->sample_count && (!rows || shown < rows); i++) {
        smt_content content = audit->content[i];
        if (content == SMT_CONTENT_OK || (content == SMT_CONTENT_UNREADABLE) != unreadable) {
            continue;
        }
        fputs("  ", stream);
        if (unreadable) {
            print_name(stream, audit->reasons[i]);
        } else {
            print_sample(stream, audit, i);
            fprintf(stream, "  %s", content_words[content]);
        }
        fputc('\n', stream);
        shown++;
    }
    if (total > shown) {
        fprintf(stream, "  ... and %zu more\n", total - shown);
    }
}

static void print_strips(FILE *stream, const smt_audit *audit)
{
    char *text = audit->strips.common ? smt_strips_text(audit->dataset, &audit->strips) : NULL;
    if (text) {
        fputs("info strips: ", stream);
        print_name(stream, text);
        fputc('\n', stream);
    }
    smt_free(text);
}

static void print_named(FILE *stream, const smt_audit *audit)
{
    const smt_name_groups *named = &audit->named;
    if (!named->pattern) {
        return;
    }
    fprintf(stream,
            "groups by '%s': %zu, of %zu of %zu images",
            named->pattern,
            named->count,
            named->matched,
            audit->dataset->sample_count);
    if (audit->summary.images[SMT_SPLIT_NONE] < audit->dataset->sample_count) {
        fprintf(stream, "; %zu in several splits", named->crossing);
    }
    for (int k = 0; k < 2 && named->crossing; k++) {
        fputs(k ? " and " : ", such as ", stream);
        print_name(stream,
                   data_relative(audit->dataset, audit->dataset->samples[named->example[k]].path));
    }
    fputc('\n', stream);
}

static void print_report(FILE *stream, const smt_audit *audit, size_t rows)
{
    const smt_audit_summary *sum = &audit->summary;
    print_counts(stream, audit);
    print_content(stream, audit, rows, true);
    print_content(stream, audit, rows, false);
    print_strips(stream, audit);
    if (sum->paged.count) {
        fprintf(stream,
                "further pages: %zu %s some, which are not read, the first ",
                sum->paged.count,
                smt_plural(sum->paged.count, "TIFF has", "TIFFs have"));
        print_name(stream, data_relative(audit->dataset, sum->paged.first));
        fputs(": save them as files of their own\n", stream);
    }
    fprintf(stream,
            "duplicates: %zu of %zu %s %s one; pairs: %zu same file, %zu same pixels, %zu %s, %zu "
            "edited %s\n",
            sum->images_with_duplicate,
            audit->dataset->sample_count,
            smt_plural(audit->dataset->sample_count, "image", "images"),
            smt_plural(sum->images_with_duplicate, "has", "have"),
            sum->pairs[SMT_PAIR_FILE],
            sum->pairs[SMT_PAIR_PIXELS],
            sum->pairs[SMT_PAIR_NEAR],
            smt_plural(sum->pairs[SMT_PAIR_NEAR], "near-duplicate", "near-duplicates"),
            sum->pairs[SMT_PAIR_EDITED],
            smt_plural(sum->pairs[SMT_PAIR_EDITED], "copy", "copies"));
    fprintf(stream,
            "label conflicts: %zu exact %s and %zu %s under different labels\n",
            sum->conflicts_exact,
            smt_plural(sum->conflicts_exact, "duplicate", "duplicates"),
            sum->conflicts_near,
            smt_plural(sum->conflicts_near, "near-duplicate", "near-duplicates"));
    print_pairs(stream, audit, rows, is_conflict);
    if (sum->conflicts_edited) {
        fprintf(stream,
                "edited copies under different labels: %zu (the same scene with and without "
                "something: keep them on one side of a split)\n",
                sum->conflicts_edited);
        print_pairs(stream, audit, rows, is_edited_conflict);
    }
    print_named(stream, audit);
    if (sum->images[SMT_SPLIT_NONE] == audit->dataset->sample_count) {
        fprintf(stream, "splits: none yet. Make them by groups of duplicates: semtinel split ");
        print_folder(stream, audit->dataset->root);
        fputs(" OUT\n", stream);
        return;
    }
    fprintf(stream,
            "leaks: %zu %s across splits",
            sum->crossing,
            smt_plural(sum->crossing, "pair", "pairs"));
    for (int s = SMT_SPLIT_VAL; s <= SMT_SPLIT_TEST; s++) {
        if (sum->images[s]) {
            fprintf(stream,
                    "; %zu of %zu %s %s %s a duplicate in train",
                    sum->leaks[s],
                    sum->images[s],
                    smt_split_name((smt_split)s),
                    smt_plural(sum->images[s], "image", "images"),
                    smt_plural(sum->leaks[s], "has", "have"));
        }
    }
    fputc('\n', stream);
    print_pairs(stream, audit, rows, smt_pair_crosses_splits);
    if (sum->crossing) {
        fputs("  Figures on these splits are too good. Clean ones: semtinel split --merge ",
              stream);
        print_folder(stream, audit->dataset->root);
        fputs(" OUT\n", stream);
    }
}

smt_status smt_audit_text(const smt_audit *audit, size_t rows, char **out, smt_error *error)
{
    char *buffer = NULL, *copy = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&buffer, &size);
    if (stream) {
        print_report(stream, audit, rows);
        bool whole = !ferror(stream);
        /* Without memory for the last step there is no buffer, and no failure either. */
        whole = fclose(stream) == 0 && buffer && whole;
        copy = whole ? smt_strdup(buffer) : NULL;
        free(buffer);
    }
    if (!copy) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", audit->dataset->root);
    }
    *out = copy;
    return SMT_OK;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static json_t *json_path(const smt_audit *audit, size_t sample)
{
    return smt_json_text(data_relative(audit->dataset, audit->dataset->samples[sample].path));
}

/* json_object_set_new and json_array_append_new take NULL values and report them as a failure. They
 * are called whatever failed before, as they release what they cannot keep. */
static json_t *json_counts(const smt_audit *audit, bool *ok)
{
    const smt_dataset *set = audit->dataset;
    json_t *splits = json_object();
    for (int s = 0; s < SMT_SPLIT_COUNT; s++) {
        if (!audit->summary.images[s]) {
            continue;
        }
        json_t *classes = json_object();
        for (int c = 0; c < set->class_count; c++) {
            size_t count = 0;
            for (size_t i = 0; i < set->sample_count; i++) {
                count += (int)set->samples[i].split == s && set->samples[i].class_index == c;
            }
            *ok = !smt_json_set(classes, set->classes[c], json_integer((json_int_t)count)) && *ok;
        }
        *ok = !json_object_set_new(splits, smt_split_name((smt_split)s), classes) && *ok;
    }
    return splits;
}

static json_t *json_strips(const smt_audit *audit, bool *ok)
{
    const smt_strips *strips = &audit->strips;
    json_t *entry = json_pack(
        "{s:I, s:f}", "images", (json_int_t)strips->count, "percent", (double)strips->percent);
    if (strips->count) {
        *ok = !json_object_set_new(entry, "example", json_path(audit, strips->example)) && *ok;
    }
    if (strips->common) {
        char *text = smt_strips_text(audit->dataset, strips);
        *ok = text && !json_object_set_new(entry, "warning", smt_json_text(text)) && *ok;
        smt_free(text);
    }
    return entry;
}

static json_t *json_named(const smt_audit *audit, bool *ok)
{
    const smt_name_groups *named = &audit->named;
    json_t *entry = json_pack("{s:o, s:I, s:I, s:I}",
                              "pattern",
                              smt_json_text(named->pattern),
                              "groups",
                              (json_int_t)named->count,
                              "images",
                              (json_int_t)named->matched,
                              "in_several_splits",
                              (json_int_t)named->crossing);
    if (named->crossing) {
        json_t *example = json_pack(
            "[o, o]", json_path(audit, named->example[0]), json_path(audit, named->example[1]));
        *ok = !json_object_set_new(entry, "example", example) && *ok;
    }
    return entry;
}

static json_t *json_report(const smt_audit *audit, bool *ok)
{
    static const char *const content_names[] = {"ok", "unreadable", "flat", "black", "white"};
    static const char *const kind_names[] = {
        "same_file", "same_pixels", "near_duplicate", "edited_copy"};
    const smt_audit_summary *sum = &audit->summary;
    json_t *root = json_object(), *content = json_array(), *pairs = json_array(),
           *leaks = json_object();
    for (size_t i = 0; i < audit->dataset->sample_count; i++) {
        if (audit->content[i] != SMT_CONTENT_OK) {
            json_t *entry = json_pack("{s:o, s:s}",
                                      "file",
                                      json_path(audit, i),
                                      "problem",
                                      content_names[audit->content[i]]);
            if (audit->reasons[i]) {
                *ok =
                    !json_object_set_new(entry, "reason", smt_json_text(audit->reasons[i])) && *ok;
            }
            *ok = !json_array_append_new(content, entry) && *ok;
        }
    }
    for (size_t p = 0; p < audit->pair_count; p++) {
        const smt_pair *pair = &audit->pairs[p];
        json_t *entry = json_pack("{s:o, s:o, s:s, s:f, s:b, s:b}",
                                  "a",
                                  json_path(audit, pair->a),
                                  "b",
                                  json_path(audit, pair->b),
                                  "kind",
                                  kind_names[pair->kind],
                                  "similarity",
                                  (double)pair->similarity,
                                  "different_labels",
                                  smt_pair_differs_in_class(audit, pair),
                                  "across_splits",
                                  smt_pair_crosses_splits(audit, pair));
        *ok = !json_array_append_new(pairs, entry) && *ok;
    }
    for (int s = SMT_SPLIT_VAL; s <= SMT_SPLIT_TEST; s++) {
        if (sum->images[s]) {
            *ok = !json_object_set_new(leaks,
                                       smt_split_name((smt_split)s),
                                       json_integer((json_int_t)sum->leaks[s])) &&
                  *ok;
        }
    }
    json_t *numbers =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
                  "images",
                  (json_int_t)audit->dataset->sample_count,
                  "unreadable",
                  (json_int_t)sum->content[SMT_CONTENT_UNREADABLE],
                  "without_content",
                  (json_int_t)(sum->content[SMT_CONTENT_FLAT] + sum->content[SMT_CONTENT_DARK] +
                               sum->content[SMT_CONTENT_BRIGHT]),
                  "ignored_files",
                  (json_int_t)audit->dataset->ignored_count,
                  "files_with_further_pages",
                  (json_int_t)sum->paged.count,
                  "same_file_pairs",
                  (json_int_t)sum->pairs[SMT_PAIR_FILE],
                  "same_pixels_pairs",
                  (json_int_t)sum->pairs[SMT_PAIR_PIXELS],
                  "near_duplicate_pairs",
                  (json_int_t)sum->pairs[SMT_PAIR_NEAR],
                  "edited_copy_pairs",
                  (json_int_t)sum->pairs[SMT_PAIR_EDITED],
                  "images_with_duplicate",
                  (json_int_t)sum->images_with_duplicate,
                  "exact_label_conflicts",
                  (json_int_t)sum->conflicts_exact,
                  "near_label_conflicts",
                  (json_int_t)sum->conflicts_near,
                  "images_leaking_from_train",
                  leaks);
    *ok = !json_object_set_new(root, "data_set", smt_json_text(audit->dataset->root)) && *ok;
    *ok = !json_object_set_new(root, "summary", numbers) && *ok;
    *ok = !json_object_set_new(root, "counts", json_counts(audit, ok)) && *ok;
    *ok = !json_object_set_new(root, "info_strips", json_strips(audit, ok)) && *ok;
    if (audit->named.pattern) {
        *ok = !json_object_set_new(root, "groups_by_path", json_named(audit, ok)) && *ok;
    }
    *ok = !json_object_set_new(root, "problems", content) && *ok;
    *ok = !json_object_set_new(root, "pairs", pairs) && *ok;
    return root;
}

smt_status smt_audit_json(const smt_audit *audit, char **out, smt_error *error)
{
    bool ok = true;
    json_t *root = json_report(audit, &ok);
    char *text = ok ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(4)) : NULL;
    char *copy = text ? smt_strdup(text) : NULL;
    free(text);
    json_decref(root);
    if (!copy) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", audit->dataset->root);
    }
    *out = copy;
    return SMT_OK;
}
