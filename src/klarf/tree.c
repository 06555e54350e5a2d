/* KLARF 1.8: records within records, which hold fields and lists. What a record says holds for the
 * lists within it, wherever in the record it stands; so it is handed down when the record ends, the
 * innermost first. */
#include "klarf/document.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NANOMETRES 1e-3 /* lengths of 1.8 in micrometres */

/* A record that is open. */
typedef struct frame {
    token type;
    char *id; /* "": none */
    size_t first_list, first_row;
    double pitch[2], centre[2];
    size_t lookup, file;
} frame;

typedef struct tree {
    klarf_reader *r;
    frame open[SMT_KLARF_MAX_DEPTH];
    int depth;
    size_t insert_at; /* the end of the first LotRecord, or of the file's record */
    bool lot_ended;
} tree;

static token next(tree *t)
{
    return klarf_next(&t->r->from);
}

static size_t place(const tree *t, const char *text)
{
    return (size_t)(text - t->r->klarf->text);
}

static smt_status expect(tree *t, token_kind kind, const char *what)
{
    token got = next(t);
    return got.kind == kind ? SMT_OK : klarf_unexpected(t->r, got, what);
}

/* Everything up to the brace that closes the one just read. */
static smt_status skip_braces(tree *t, size_t line)
{
    for (int depth = 1; depth;) {
        token got = next(t);
        if (got.kind == TOKEN_END) {
            return klarf_cut_off(t->r, "the braces", line);
        }
        if (got.kind == TOKEN_UNCLOSED) {
            return klarf_unexpected(t->r, got, "");
        }
        depth += got.kind == TOKEN_OPEN ? 1 : got.kind == TOKEN_CLOSE ? -1 : 0;
    }
    return SMT_OK;
}

/* ---- records and fields ---------------------------------------------------------------------- */

static smt_status open_record(tree *t)
{
    klarf_reader *r = t->r;
    token type = next(t), id = next(t);
    if (type.kind != TOKEN_WORD) {
        return klarf_unexpected(r, type, "the type of a record");
    }
    if (t->depth == SMT_KLARF_MAX_DEPTH) {
        return klarf_fail(r,
                          type.line,
                          SMT_ERR_LIMIT,
                          "records lie more than %d deep in one another",
                          SMT_KLARF_MAX_DEPTH);
    }
    bool named = id.kind == TOKEN_STRING || id.kind == TOKEN_WORD;
    if (named) {
        smt_status status = expect(t, TOKEN_OPEN, "'{'");
        if (status) {
            return status;
        }
    } else if (id.kind != TOKEN_OPEN) {
        return klarf_unexpected(r, id, "'{'");
    }
    if (t->depth == 0 && klarf_is(type, "FileRecord")) {
        smt_klarf_info *info = &r->klarf->info;
        snprintf(info->version,
                 sizeof info->version,
                 "%.*s",
                 named && id.size < 12 ? (int)id.size : 0,
                 id.text);
        if (strncmp(info->version, "1.", 2) != 0) {
            return klarf_fail(r,
                              type.line,
                              SMT_ERR_UNSUPPORTED,
                              "FileRecord \"%s\": read are \"1.8\", and FileVersion 1 1 and 1 2",
                              info->version);
        }
    }
    r->klarf->info.wafer_count += klarf_is(type, "WaferRecord");
    char *copy = klarf_text(id.text, named ? id.size : 0);
    if (!copy) {
        return klarf_no_memory(r);
    }
    t->open[t->depth++] = (frame){.type = type,
                                  .id = copy,
                                  .first_list = r->klarf->list_count,
                                  .first_row = r->klarf->row_count,
                                  .pitch = {(double)NAN, (double)NAN},
                                  .centre = {(double)NAN, (double)NAN},
                                  .lookup = SIZE_MAX,
                                  .file = KLARF_NO_FILE};
    return SMT_OK;
}

static void hand_down(double to[2], const double from[2])
{
    if (isnan(to[0])) {
        to[0] = from[0];
        to[1] = from[1];
    }
}

static smt_status hand_text(tree *t, char **to, const char *from)
{
    if (!*to) {
        *to = smt_strdup(from);
    }
    return *to ? SMT_OK : klarf_no_memory(t->r);
}

static smt_status close_record(tree *t, token brace)
{
    smt_klarf *k = t->r->klarf;
    frame *f = &t->open[--t->depth];
    bool lot = klarf_is(f->type, "LotRecord"), wafer = klarf_is(f->type, "WaferRecord");
    smt_status status = SMT_OK;
    for (size_t i = f->first_list; i < k->list_count && !status; i++) {
        klarf_list *list = &k->lists[i];
        hand_down(list->pitch, f->pitch);
        hand_down(list->centre, f->centre);
        list->lookup = list->lookup == SIZE_MAX ? f->lookup : list->lookup;
        status = lot     ? hand_text(t, &list->lot, f->id)
                 : wafer ? hand_text(t, &list->wafer, f->id)
                         : SMT_OK;
    }
    size_t first =
        f->first_row < k->row_count ? k->rows[f->first_row].first_image : k->picture_count;
    for (size_t i = first; f->file != KLARF_NO_FILE && i < k->picture_count; i++) {
        if (k->pictures[i].file == KLARF_NO_FILE) {
            k->pictures[i].file = f->file;
        }
    }
    if (!t->lot_ended && (lot || !t->depth)) {
        t->insert_at = place(t, brace.text);
        t->lot_ended = lot;
    }
    smt_free(f->id);
    f->id = NULL;
    return status;
}

/* Field NAME n { values } */
static smt_status read_field(tree *t)
{
    frame *f = &t->open[t->depth - 1];
    token name = next(t), count = next(t);
    if (name.kind != TOKEN_WORD) {
        return klarf_unexpected(t->r, name, "the name of a field");
    }
    smt_status status =
        count.kind == TOKEN_OPEN ? SMT_OK : expect(t, TOKEN_OPEN, "'{'"); /* some leave n out */
    if (status) {
        return status;
    }
    bool pitch = klarf_is(name, "DiePitch"), centre = klarf_is(name, "SampleCenterLocation");
    tokens before = t->r->from;
    token first = next(t), second = next(t);
    double values[2];
    if ((pitch || centre) && klarf_real(first, &values[0]) && klarf_real(second, &values[1])) {
        double *to = pitch ? f->pitch : f->centre;
        to[0] = values[0] * NANOMETRES;
        to[1] = values[1] * NANOMETRES;
    } else if (klarf_is(name, "ImageFileName") && first.kind == TOKEN_STRING) {
        status = klarf_add_file(t->r, first.text, first.size, &f->file);
    }
    t->r->from = before;
    return status ? status : skip_braces(t, name.line);
}

/* ---- lists ---------------------------------------------------------------------------------- */

static char type_of(token type)
{
    static const char *const numbers[] = {
        "int", "float", "double", "uint", "real", "long", "short"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        size_t size = strlen(numbers[i]);
        if (type.size >= size &&
            klarf_is((token){.kind = TOKEN_WORD, .text = type.text, .size = size}, numbers[i])) {
            return 'n';
        }
    }
    return klarf_is(type, "ImageList") ? 'i' : 's';
}

/* Columns n { type NAME, ... } */
static smt_status read_columns(tree *t, klarf_spec *spec)
{
    klarf_reader *r = t->r;
    int count;
    token declared = next(t);
    if (!klarf_whole(declared, &count)) {
        return klarf_unexpected(r, declared, "the number of columns");
    }
    smt_status status = expect(t, TOKEN_OPEN, "'{'");
    while (!status) {
        token type = next(t);
        if (type.kind == TOKEN_CLOSE) {
            break;
        }
        token name = type.kind == TOKEN_WORD ? next(t) : type;
        if (name.kind != TOKEN_WORD) {
            return klarf_unexpected(r, name, "a column's type and name");
        }
        status = klarf_add_column(r, spec, name, type_of(type), type_of(type) == 'i');
    }
    if (!status && spec->count != count) {
        return klarf_fail(
            r, declared.line, SMT_ERR_FORMAT, "Columns says %d and names %d", count, spec->count);
    }
    return status;
}

/* Images n { items }: n items of as many tokens each. With names, an item is `"file" "format" page
 * "type"`; without, `page "type"`, of the record's ImageFileName. */
static smt_status read_images(tree *t, token word)
{
    klarf_reader *r = t->r;
    int count;
    token declared = next(t);
    if (!klarf_whole(declared, &count)) {
        return klarf_unexpected(r, declared, "the number of images");
    }
    smt_status status = expect(t, TOKEN_OPEN, "'{'");
    tokens ahead = r->from;
    size_t total = 0;
    for (token got; !status && (got = klarf_next(&ahead)).kind != TOKEN_CLOSE; total++) {
        if (got.kind != TOKEN_WORD && got.kind != TOKEN_STRING) {
            return klarf_unexpected(r, got, "an image or '}'");
        }
    }
    if (!status && ((!count && total) || (count && (!total || total % (size_t)count)))) {
        return klarf_fail(r,
                          word.line,
                          SMT_ERR_FORMAT,
                          "%d %s announced, %zu values given",
                          count,
                          smt_plural((size_t)count, "image is", "images are"),
                          total);
    }
    for (size_t i = 0, each = count ? total / (size_t)count : 0; !status && i < (size_t)count;
         i++) {
        size_t file = KLARF_NO_FILE;
        int page = 1;
        bool paged = false;
        token type = {.size = 0};
        for (size_t v = 0; v < each && !status; v++) {
            token got = next(t);
            if (!paged && klarf_is_number(got)) {
                page = 0;
                klarf_whole(got, &page);
                paged = true;
            } else if (paged) {
                type = type.size ? type : got;
            } else if (v == 0 && got.kind == TOKEN_STRING) {
                status = klarf_add_file(r, got.text, got.size, &file);
            }
        }
        status = status ? status : klarf_add_picture(r, file, page, type);
    }
    return status ? status : expect(t, TOKEN_CLOSE, "'}'");
}

static smt_status read_defect(tree *t, size_t list)
{
    klarf_reader *r = t->r;
    const size_t spec = r->klarf->lists[list].spec;
    tokens start = r->from;
    token first = klarf_next(&start);
    smt_status status = klarf_add_row(r, r->from.at, list);
    for (int c = 0; c < r->klarf->specs[spec].count && !status; c++) {
        const klarf_column *column = &r->klarf->specs[spec].columns[c];
        tokens before = r->from;
        token got = next(t);
        if (got.kind != TOKEN_WORD && got.kind != TOKEN_STRING) {
            bool ends = got.kind == TOKEN_SEMICOLON || got.kind == TOKEN_CLOSE;
            return ends ? klarf_fail(r,
                                     first.line,
                                     SMT_ERR_FORMAT,
                                     "the defect's row ends behind %d of its %d columns",
                                     c,
                                     r->klarf->specs[spec].count)
                        : klarf_unexpected(r, got, "a value of a defect");
        }
        if (column->images && got.kind == TOKEN_WORD && !klarf_is(got, "N") &&
            !klarf_is_number(got) && !klarf_is(got, "NA")) {
            status = read_images(t, got);
        } else {
            r->from = before;
            klarf_skip_cell(&r->from, true, column);
        }
    }
    return status;
}

static smt_status read_class(tree *t, klarf_lookup *lookup)
{
    klarf_reader *r = t->r;
    token number = {.kind = TOKEN_END, .line = r->from.line}, name = number;
    for (int c = 0; c < lookup->spec.count; c++) {
        const char *column = lookup->spec.columns[c].name;
        token got = next(t);
        if (got.kind != TOKEN_WORD && got.kind != TOKEN_STRING) {
            return klarf_unexpected(r, got, "a value of a class");
        }
        if (strcasecmp(column, "CLASSNUMBER") == 0) {
            number = got;
        } else if (strcasecmp(column, "CLASSNAME") == 0) {
            name = got;
        }
        if (c == 0) {
            lookup->row_at = place(t, got.text);
        }
    }
    const size_t row_at = lookup->row_at;
    smt_status status = klarf_add_class(r, lookup, number, name);
    lookup->row_at = row_at;
    return status;
}

typedef enum list_kind { LIST_DEFECTS, LIST_CLASSES, LIST_OTHER } list_kind;

/* Data n { row; ... } */
static smt_status read_data(tree *t, list_kind kind, size_t index)
{
    klarf_reader *r = t->r;
    smt_klarf *k = r->klarf;
    int count;
    token declared = next(t);
    if (!klarf_whole(declared, &count)) {
        return klarf_unexpected(r, declared, "the number of rows");
    }
    smt_status status = expect(t, TOKEN_OPEN, "'{'");
    if (status || kind == LIST_OTHER) {
        return status ? status : skip_braces(t, declared.line);
    }
    const klarf_spec *spec =
        kind == LIST_DEFECTS ? &k->specs[k->lists[index].spec] : &k->lookups[index].spec;
    if (kind == LIST_CLASSES) {
        klarf_lookup *lookup = &k->lookups[index];
        lookup->declared_at = place(t, declared.text);
        lookup->declared_size = declared.size;
        lookup->insert_at = place(t, r->from.at);
        if (klarf_find_column(spec, "CLASSNUMBER") < 0 ||
            klarf_find_column(spec, "CLASSNAME") < 0) {
            return klarf_fail(r,
                              declared.line,
                              SMT_ERR_FORMAT,
                              "ClassLookupList without the columns CLASSNUMBER and CLASSNAME");
        }
    }
    int rows = 0;
    for (;; rows++) {
        tokens before = r->from;
        token got = next(t);
        if (got.kind == TOKEN_CLOSE) {
            break;
        }
        if (got.kind == TOKEN_END) {
            return klarf_cut_off(r, "the list", declared.line);
        }
        if (!spec->count) {
            return klarf_fail(r, got.line, SMT_ERR_FORMAT, "a row without Columns before it");
        }
        r->from = before;
        status = kind == LIST_DEFECTS ? read_defect(t, index) : read_class(t, &k->lookups[index]);
        before = r->from;
        token end = next(t);
        if (status || (end.kind != TOKEN_SEMICOLON && end.kind != TOKEN_CLOSE)) {
            return status ? status : klarf_unexpected(r, end, "the end of a row, ';',");
        }
        if (end.kind == TOKEN_CLOSE) {
            r->from = before;
        }
        if (kind == LIST_CLASSES) {
            k->lookups[index].insert_at = place(t, r->from.at);
            k->lookups[index].unended = end.kind == TOKEN_CLOSE;
        }
    }
    if (rows != count && !r->quiet) {
        smt_log(SMT_LOG_WARNING,
                "%s: line %zu: Data says %d rows, %d stand there",
                k->path,
                declared.line,
                count,
                rows);
    }
    return SMT_OK;
}

/* List NAME { Columns ... Data ... } */
static smt_status read_list(tree *t)
{
    klarf_reader *r = t->r;
    smt_klarf *k = r->klarf;
    token name = next(t);
    if (name.kind != TOKEN_WORD) {
        return klarf_unexpected(r, name, "the name of a list");
    }
    list_kind kind = klarf_is(name, "DefectList")        ? LIST_DEFECTS
                     : klarf_is(name, "ClassLookupList") ? LIST_CLASSES
                                                         : LIST_OTHER;
    size_t index = 0;
    smt_status status = expect(t, TOKEN_OPEN, "'{'");
    if (status || kind == LIST_OTHER) {
        return status ? status : skip_braces(t, name.line);
    }
    if (kind == LIST_DEFECTS) {
        size_t spec = klarf_new_spec(k);
        index = klarf_new_list(k);
        if (spec == SIZE_MAX || index == SIZE_MAX) {
            return klarf_no_memory(r);
        }
        k->lists[index] = (klarf_list){.pitch = {(double)NAN, (double)NAN},
                                       .centre = {(double)NAN, (double)NAN},
                                       .lookup = SIZE_MAX,
                                       .spec = spec};
    } else {
        index = klarf_new_lookup(k);
        if (index == SIZE_MAX) {
            return klarf_no_memory(r);
        }
        t->open[t->depth - 1].lookup = index;
    }
    while (!status) {
        token got = next(t);
        if (got.kind == TOKEN_CLOSE) {
            break;
        }
        if (klarf_is(got, "Columns")) {
            status = read_columns(t,
                                  kind == LIST_DEFECTS ? &k->specs[k->lists[index].spec]
                                                       : &k->lookups[index].spec);
        } else if (klarf_is(got, "Data")) {
            status = read_data(t, kind, index);
        } else {
            return klarf_unexpected(r, got, "Columns, Data or '}'");
        }
    }
    /* New classes would have no place. */
    if (!status && kind == LIST_CLASSES && !k->lookups[index].declared_size) {
        status = klarf_fail(r, name.line, SMT_ERR_FORMAT, "ClassLookupList without Data");
    }
    return status;
}

/* ---- the file -------------------------------------------------------------------------------- */

static smt_status read_entries(tree *t)
{
    klarf_reader *r = t->r;
    for (;;) {
        token got = next(t);
        smt_status status = SMT_OK;
        if (klarf_is(got, "Record")) {
            status = open_record(t);
        } else if (t->depth && got.kind == TOKEN_CLOSE) {
            status = close_record(t, got);
        } else if (t->depth && klarf_is(got, "Field")) {
            status = read_field(t);
        } else if (t->depth && klarf_is(got, "List")) {
            status = read_list(t);
        } else if (!t->depth && (got.kind == TOKEN_END || klarf_is(got, "EndOfFile"))) {
            return SMT_OK;
        } else if (got.kind == TOKEN_END) {
            const frame *f = &t->open[t->depth - 1];
            char name[48];
            snprintf(name,
                     sizeof name,
                     "%.*s",
                     (int)(f->type.size < 40 ? f->type.size : 40),
                     f->type.text);
            return klarf_cut_off(r, name, f->type.line);
        } else {
            return klarf_unexpected(
                r, got, t->depth ? "Record, Field, List or '}'" : "Record or EndOfFile");
        }
        if (status) {
            return status;
        }
    }
}

smt_status klarf_read_tree(klarf_reader *r)
{
    tree *t = smt_alloc(1, sizeof *t);
    if (!t) {
        return klarf_no_memory(r);
    }
    t->r = r;
    smt_status status = read_entries(t);
    status = status ? status : klarf_settle_lookups(r, t->insert_at);
    while (t->depth > 0) {
        smt_free(t->open[--t->depth].id);
    }
    smt_free(t);
    return status;
}
