/* Writing a KLARF back: its own bytes, with some tokens replaced and some rows put in. */
#include "data/names.h"
#include "klarf/document.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* `length` bytes of the text become `text`, or if that is NULL `number`. */
typedef struct edit {
    size_t at, length;
    char *text; /* owned */
    char number[24];
} edit;

typedef struct rewriter {
    const smt_klarf *k;
    const smt_klarf_answers *answers;
    int *numbers; /* lookup_count x class_count */
    bool *needed; /* the same: an answer needs the row */
    edit *edits;
    size_t edit_count, edit_room;
    int largest; /* number that stands anywhere */
    smt_error *error;
} rewriter;

static smt_status no_memory(const rewriter *w)
{
    return smt_fail(w->error, SMT_ERR_MEMORY, "%s: out of memory", w->k->path);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static void find_largest(rewriter *w)
{
    const smt_klarf *k = w->k;
    const char *const columns[] = {w->answers->column,
                                   "CLASSNUMBER",
                                   "MANSEMCLASS",
                                   "AUTOSEMCLASS",
                                   "AUTOONSEMCLASS",
                                   "AUTOOFFSEMCLASS"};
    int largest = 0;
    for (size_t i = 0; i < k->lookup_count; i++) {
        for (size_t c = 0; c < k->lookups[i].count; c++) {
            int number = k->lookups[i].rows[c].number;
            largest = number > largest ? number : largest;
        }
    }
    for (size_t i = 0; i < k->row_count; i++) {
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
            int number = smt_klarf_number(k, i, columns[c]);
            largest = number > largest ? number : largest;
        }
    }
    for (int c = 0; w->answers->numbers && c < w->answers->class_count; c++) {
        int number = w->answers->numbers[c];
        largest = number > largest ? number : largest;
    }
    w->largest = largest;
}

static bool has_row(const klarf_lookup *lookup, int number)
{
    for (size_t i = 0; i < lookup->count; i++) {
        if (lookup->rows[i].number == number) {
            return true;
        }
    }
    return false;
}

/* The number of every class in one ClassLookup. */
static smt_status assign(rewriter *w, size_t index)
{
    const klarf_lookup *lookup = &w->k->lookups[index];
    int classes = w->answers->class_count, *numbers = w->numbers + index * (size_t)classes;
    char **names = smt_alloc(lookup->count + 1, sizeof *names);
    int *own = smt_alloc(lookup->count + 1, sizeof *own);
    smt_dataset set = {.classes = names};
    int next = w->largest;
    smt_status status = names && own ? SMT_OK : no_memory(w);
    for (size_t i = 0; i < lookup->count && !status; i++) {
        if (lookup->rows[i].number) {
            own[set.class_count] = lookup->rows[i].number;
            names[set.class_count++] = lookup->rows[i].name;
        }
    }
    for (int c = 0; c < classes && !status; c++) {
        numbers[c] = w->answers->numbers ? w->answers->numbers[c] : SMT_KLARF_NONE;
        int match = data_find_class(&set, w->answers->classes[c], true);
        if (numbers[c] == SMT_KLARF_NONE && match >= 0) {
            numbers[c] = own[match];
        } else if (numbers[c] == SMT_KLARF_NONE && next == INT_MAX) {
            status = smt_fail(w->error,
                              SMT_ERR_LIMIT,
                              "%s: no class number is free behind %d; give class '%s' one",
                              w->k->path,
                              w->largest,
                              w->answers->classes[c]);
        } else if (numbers[c] == SMT_KLARF_NONE) {
            numbers[c] = ++next;
        }
    }
    smt_free(names);
    smt_free(own);
    return status;
}

/* ---- edits ----------------------------------------------------------------------------------- */

/* Takes `text`, or if it is NULL writes `number`. */
static smt_status add_edit(rewriter *w, size_t at, size_t length, char *text, long number)
{
    if (!SMT_ROOM(w->edits, w->edit_count, w->edit_room)) {
        smt_free(text);
        return no_memory(w);
    }
    edit *e = &w->edits[w->edit_count++];
    *e = (edit){.at = at, .length = length, .text = text};
    snprintf(e->number, sizeof e->number, "%ld", number);
    return SMT_OK;
}

static smt_status edit_cells(rewriter *w, int *written)
{
    const smt_klarf *k = w->k;
    size_t classes = (size_t)w->answers->class_count;
    smt_status status = SMT_OK;
    for (size_t i = 0; i < k->row_count && !status; i++) {
        int answer = w->answers->answer[i];
        if (written) {
            written[i] = SMT_KLARF_NONE;
        }
        if (answer < 0) {
            continue;
        }
        size_t place = k->lists[k->rows[i].list].lookup * classes + (size_t)answer;
        int number = w->numbers[place];
        w->needed[place] = true;
        if (written) {
            written[i] = number;
        }
        token cell = klarf_cell(k, i, w->answers->column);
        int before = SMT_KLARF_NONE;
        if (!klarf_whole(cell, &before) || before != number) {
            bool in_quotes = cell.kind == TOKEN_STRING; /* blanks will stand for them */
            char *padded = in_quotes ? smt_format(" %d ", number) : NULL;
            status = in_quotes && !padded ? no_memory(w)
                                          : add_edit(w,
                                                     (size_t)(cell.text - k->text) - in_quotes,
                                                     cell.size + 2 * (size_t)in_quotes,
                                                     padded,
                                                     number);
        }
    }
    return status;
}

/* The file's end of a line. */
static const char *line_end(const smt_klarf *k)
{
    const char *newline = memchr(k->text, '\n', k->size);
    return newline && newline > k->text && newline[-1] == '\r' ? "\r\n" : "\n";
}

/* What stands before the last row in its line, if that is blank; into `out`. */
static void indent_of(const smt_klarf *k, const klarf_lookup *lookup, char out[64])
{
    size_t from = lookup->row_at;
    while (from > 0 && (k->text[from - 1] == ' ' || k->text[from - 1] == '\t')) {
        from--;
    }
    bool alone = lookup->row_at && from > 0 && k->text[from - 1] == '\n';
    size_t size = lookup->row_at - from;
    snprintf(out, 64, "%.*s", alone && size < 64 ? (int)size : 1, alone ? k->text + from : " ");
}

/* Latin-1 in place of UTF-8, if it has all the letters. */
static void to_latin1(char *text)
{
    const unsigned char *from = (const unsigned char *)text;
    for (const unsigned char *c = from; *c; c++) {
        if (*c > 0xc3) {
            return;
        }
    }
    for (char *to = text; (*to = (char)*from); to++, from++) {
        if (*from >= 0xc2) { /* the first of two */
            *to = (char)(*from << 6 | (from[1] & 0x3f));
            from++;
        }
    }
}

/* A class's name between quotes, which it may not hold itself. */
static char *quote(const char *name)
{
    char *out = smt_format("\"%s\"", name);
    for (char *c = out ? out + 1 : NULL; c && c[1]; c++) {
        *c = *c == '"' ? '\'' : (unsigned char)*c < ' ' ? ' ' : *c;
    }
    return out;
}

/* The same in the letters of the file. */
static char *quoted(const smt_klarf *k, const char *name)
{
    char *out = quote(name);
    if (out && smt_utf8_valid(out) && !smt_utf8_valid(k->text)) {
        to_latin1(out);
    }
    return out;
}

/* A row of the lookup without what ends it. */
static char *make_row(const smt_klarf *k, const klarf_lookup *lookup, int number, const char *name)
{
    char *text = quoted(k, name), *row = NULL;
    if (!text || !k->tree || lookup->absent) {
        row = text ? smt_format("%d %s", number, text) : NULL;
        smt_free(text);
        return row;
    }
    row = smt_strdup("");
    for (int c = 0; c < lookup->spec.count && row; c++) {
        const klarf_column *column = &lookup->spec.columns[c];
        const char *blank = c ? " " : "";
        char *longer = strcasecmp(column->name, "CLASSNUMBER") == 0
                           ? smt_format("%s%s%d", row, blank, number)
                       : strcasecmp(column->name, "CLASSNAME") == 0
                           ? smt_format("%s%s%s", row, blank, text)
                           : smt_format("%s%s%s",
                                        row,
                                        blank,
                                        column->type == 'n'   ? "0"
                                        : column->type == 'i' ? "N"
                                                              : "\"\"");
        smt_free(row);
        row = longer;
    }
    smt_free(text);
    return row;
}

/* Appends to *text, which is freed and NULL when memory is short. */
static void append(char **text, const char *before, const char *row, const char *after)
{
    char *longer = *text && row ? smt_format("%s%s%s%s", *text, before, row, after) : NULL;
    smt_free(*text);
    *text = longer;
}

/* A whole ClassLookup for a file without one, from its rows. */
static char *make_table(const smt_klarf *k, const char *rows, size_t count)
{
    const char *end = line_end(k);
    if (!k->tree) {
        return smt_format("ClassLookup %zu%s;%s", count, rows, end);
    }
    return smt_format("%s  List ClassLookupList%s  {%s    Columns 2 { int32 CLASSNUMBER, string "
                      "CLASSNAME }%s    Data %zu%s    {%s%s    }%s  }%s",
                      end,
                      end,
                      end,
                      end,
                      count,
                      end,
                      rows,
                      end,
                      end,
                      end);
}

static smt_status edit_lookup(rewriter *w, size_t index)
{
    const smt_klarf *k = w->k;
    const klarf_lookup *lookup = &k->lookups[index];
    const int *numbers = w->numbers + index * (size_t)w->answers->class_count;
    bool *needed = w->needed + index * (size_t)w->answers->class_count;
    char before[80], indent[64];
    const char *after = k->tree ? ";" : "";
    size_t added = 0;
    indent_of(k, lookup, indent);
    snprintf(
        before, sizeof before, "%s%s", line_end(k), lookup->absent && k->tree ? "     " : indent);
    char *rows = smt_strdup(lookup->unended ? ";" : "");
    for (int c = 0; c < w->answers->class_count; c++) {
        bool twice = false; /* two classes of one number are given one row */
        for (int d = 0; d < c; d++) {
            twice = twice || (needed[d] && numbers[d] == numbers[c]);
        }
        if (!needed[c] || twice || has_row(lookup, numbers[c])) {
            continue;
        }
        if (lookup->absent && !added && numbers[c]) {
            append(&rows, before, "0 \"" SMT_KLARF_UNCLASSIFIED "\"", after);
            added++;
        }
        char *row = make_row(k, lookup, numbers[c], w->answers->classes[c]);
        append(&rows, before, row, after);
        smt_free(row);
        added++;
    }
    smt_status status = rows ? SMT_OK : no_memory(w);
    if (!status && added && lookup->absent) {
        char *table = make_table(k, rows, added);
        status = table ? add_edit(w, lookup->insert_at, 0, table, 0) : no_memory(w);
    } else if (!status && added) {
        status = add_edit(
            w, lookup->declared_at, lookup->declared_size, NULL, (long)(lookup->count + added));
        status = status ? status : add_edit(w, lookup->insert_at, 0, rows, 0);
        rows = NULL;
    }
    smt_free(rows);
    return status;
}

static int by_place(const void *a, const void *b)
{
    const edit *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static smt_status apply(rewriter *w, char **text, size_t *size)
{
    const smt_klarf *k = w->k;
    size_t total = k->size;
    if (w->edit_count) { /* without edits there is no array */
        qsort(w->edits, w->edit_count, sizeof *w->edits, by_place);
    }
    for (size_t i = 0; i < w->edit_count; i++) {
        const edit *e = &w->edits[i];
        total += strlen(e->text ? e->text : e->number) - e->length;
    }
    char *out = smt_alloc_unset(total + 1, 1), *to = out;
    if (!out) {
        return no_memory(w);
    }
    size_t from = 0;
    for (size_t i = 0; i < w->edit_count; i++) {
        const edit *e = &w->edits[i];
        const char *new_text = e->text ? e->text : e->number;
        memcpy(to, k->text + from, e->at - from);
        to += e->at - from;
        memcpy(to, new_text, strlen(new_text));
        to += strlen(new_text);
        from = e->at + e->length;
    }
    memcpy(to, k->text + from, k->size - from);
    out[total] = 0;
    *text = out;
    *size = total;
    return SMT_OK;
}

/* A malformed file may be read in one way as it is and in another with new text in it, for instance
 * where a quote that never ended finds an end there. */
static smt_status check_result(const smt_klarf *k, const char *text, size_t size, smt_error *error)
{
    smt_klarf *again = NULL;
    smt_error why = {0};
    smt_status status = klarf_parse_quietly(text, size, k->path, &again, &why);
    if (status == SMT_ERR_MEMORY) {
        return smt_fail(error, status, "%s", why.message);
    }
    if (status || smt_klarf_about(again)->defect_count != smt_klarf_about(k)->defect_count) {
        status = smt_fail(error,
                          SMT_ERR_FORMAT,
                          "%s: is malformed: with classes written into it, it would not be read as "
                          "the same defects",
                          k->path);
    }
    smt_klarf_destroy(&again);
    return status;
}

smt_status smt_klarf_rewrite(const smt_klarf *k,
                             const smt_klarf_answers *answers,
                             char **text,
                             size_t *size,
                             int *written,
                             smt_error *error)
{
    rewriter w = {.k = k, .answers = answers, .error = error};
    smt_status status = smt_klarf_check_writable(k, answers->column, error);
    if (status) {
        return status;
    }
    size_t pairs = k->lookup_count * (size_t)answers->class_count;
    w.numbers = smt_alloc(pairs + 1, sizeof *w.numbers);
    w.needed = smt_alloc(pairs + 1, sizeof *w.needed);
    status = w.numbers && w.needed ? SMT_OK : no_memory(&w);
    if (!status) {
        find_largest(&w);
    }
    for (size_t i = 0; i < k->lookup_count && !status; i++) {
        status = assign(&w, i);
    }
    status = status ? status : edit_cells(&w, written);
    for (size_t i = 0; i < k->lookup_count && !status; i++) {
        status = edit_lookup(&w, i);
    }
    char *made = NULL;
    size_t made_size = 0;
    status = status ? status : apply(&w, &made, &made_size);
    status = status ? status : check_result(k, made, made_size, error);
    if (status) {
        smt_free(made);
    } else {
        *text = made;
        *size = made_size;
    }
    for (size_t i = 0; i < w.edit_count; i++) {
        smt_free(w.edits[i].text);
    }
    smt_free(w.edits);
    smt_free(w.numbers);
    smt_free(w.needed);
    return status;
}
