/* Making and asking the document; what the two readers share. */
#include "klarf/document.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- errors --------------------------------------------------------------------------------- */

smt_status
klarf_fail(const klarf_reader *r, size_t line, smt_status status, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return smt_fail(r->error, status, "%s: line %zu: %s", r->klarf->path, line, text);
}

smt_status klarf_no_memory(const klarf_reader *r)
{
    return smt_fail(r->error, SMT_ERR_MEMORY, "%s: out of memory", r->klarf->path);
}

smt_status klarf_cut_off(const klarf_reader *r, const char *what, size_t line)
{
    return klarf_fail(r,
                      r->from.line,
                      SMT_ERR_FORMAT,
                      "the file ends within %s of line %zu: it is cut off; copy it again",
                      what,
                      line);
}

smt_status klarf_unexpected(const klarf_reader *r, token t, const char *expected)
{
    if (t.kind == TOKEN_UNCLOSED) {
        return klarf_fail(r, t.line, SMT_ERR_FORMAT, "a quoted text begins here and never ends");
    }
    if (t.kind == TOKEN_END) {
        return klarf_fail(r,
                          t.line,
                          SMT_ERR_FORMAT,
                          "the file ends where %s is expected: it is cut off",
                          expected);
    }
    return klarf_fail(r,
                      t.line,
                      SMT_ERR_FORMAT,
                      "'%.*s' stands where %s is expected",
                      t.size < 40 ? (int)t.size : 40,
                      t.text,
                      expected);
}

/* ---- parts ---------------------------------------------------------------------------------- */

/* Without blanks at its ends, and with '_' for control characters. */
static char *copy_of(const char *text, size_t size)
{
    while (size && (unsigned char)*text <= ' ') {
        text++;
        size--;
    }
    while (size && (unsigned char)text[size - 1] <= ' ') {
        size--;
    }
    char *copy = smt_alloc(size + 1, 1);
    if (copy) {
        memcpy(copy, text, size);
        for (size_t i = 0; i < size; i++) { /* one text to all who read it, and no terminal's */
            copy[i] = (unsigned char)copy[i] < ' ' || copy[i] == 0x7f ? '_' : copy[i];
        }
    }
    return copy;
}

char *klarf_text(const char *text, size_t size)
{
    char *copy = copy_of(text, size), *out = copy ? smt_utf8_name(copy) : NULL;
    smt_free(copy);
    return out;
}

size_t klarf_new_spec(smt_klarf *k)
{
    return SMT_ROOM(k->specs, k->spec_count, k->spec_room) ? k->spec_count++ : SIZE_MAX;
}

size_t klarf_new_lookup(smt_klarf *k)
{
    return SMT_ROOM(k->lookups, k->lookup_count, k->lookup_room) ? k->lookup_count++ : SIZE_MAX;
}

size_t klarf_new_list(smt_klarf *k)
{
    return SMT_ROOM(k->lists, k->list_count, k->list_room) ? k->list_count++ : SIZE_MAX;
}

smt_status
klarf_add_column(const klarf_reader *r, klarf_spec *spec, token name, char type, bool images)
{
    if (spec->count == SMT_KLARF_MAX_COLUMNS) {
        return klarf_fail(r,
                          name.line,
                          SMT_ERR_LIMIT,
                          "more than %d columns are declared",
                          SMT_KLARF_MAX_COLUMNS);
    }
    klarf_column *columns =
        smt_realloc(spec->columns, (size_t)spec->count, (size_t)spec->count + 1, sizeof *columns);
    if (!columns) {
        return klarf_no_memory(r);
    }
    spec->columns = columns;
    char *copy = copy_of(name.text, name.size);
    if (!copy) {
        return klarf_no_memory(r);
    }
    columns[spec->count++] = (klarf_column){.name = copy, .type = type, .images = images};
    return SMT_OK;
}

smt_status klarf_add_class(const klarf_reader *r, klarf_lookup *lookup, token number, token name)
{
    int value;
    if (!klarf_whole(number, &value)) {
        return klarf_unexpected(r, number, "the number of a class");
    }
    if (name.kind != TOKEN_STRING && name.kind != TOKEN_WORD) {
        return klarf_unexpected(r, name, "the name of a class");
    }
    if (lookup->count == SMT_KLARF_MAX_CLASSES) {
        return klarf_fail(r,
                          number.line,
                          SMT_ERR_LIMIT,
                          "more than %d classes in ClassLookup",
                          SMT_KLARF_MAX_CLASSES);
    }
    char *copy = klarf_text(name.text, name.size);
    if (!copy || !SMT_ROOM(lookup->rows, lookup->count, lookup->capacity)) {
        smt_free(copy);
        return klarf_no_memory(r);
    }
    lookup->rows[lookup->count++] = (klarf_class){.number = value, .name = copy};
    lookup->row_at = (size_t)(number.text - r->klarf->text);
    return SMT_OK;
}

smt_status klarf_add_row(const klarf_reader *r, const char *text, size_t list)
{
    smt_klarf *k = r->klarf;
    if (k->row_count == SMT_KLARF_MAX_DEFECTS) {
        return klarf_fail(
            r, r->from.line, SMT_ERR_LIMIT, "more than %zu defects", SMT_KLARF_MAX_DEFECTS);
    }
    if (!SMT_ROOM(k->rows, k->row_count, k->row_room)) {
        return klarf_no_memory(r);
    }
    k->rows[k->row_count++] =
        (klarf_row){.text = text, .list = list, .first_image = k->picture_count};
    return SMT_OK;
}

smt_status klarf_add_picture(const klarf_reader *r, size_t file, int page, token type)
{
    smt_klarf *k = r->klarf;
    if (k->picture_count == SMT_KLARF_MAX_IMAGES) {
        return klarf_fail(
            r, r->from.line, SMT_ERR_LIMIT, "more than %zu images", SMT_KLARF_MAX_IMAGES);
    }
    if (!SMT_ROOM(k->pictures, k->picture_count, k->picture_room)) {
        return klarf_no_memory(r);
    }
    k->pictures[k->picture_count++] =
        (klarf_picture){.type = type.text,
                        .type_size = (uint8_t)(type.size < 31 ? type.size : 31),
                        .file = file,
                        .page = page};
    k->rows[k->row_count - 1].image_count++;
    return SMT_OK;
}

smt_status klarf_add_file(const klarf_reader *r, const char *name, size_t size, size_t *index)
{
    smt_klarf *k = r->klarf;
    char *copy = copy_of(name, size);
    if (copy && k->file_count && strcmp(k->files[k->file_count - 1], copy) == 0) {
        smt_free(copy); /* named again, as before every list or with every image */
        *index = k->file_count - 1;
        return SMT_OK;
    }
    if (!copy || !SMT_ROOM(k->files, k->file_count, k->file_room)) {
        smt_free(copy);
        return klarf_no_memory(r);
    }
    *index = k->file_count;
    k->files[k->file_count++] = copy;
    return SMT_OK;
}

smt_status klarf_settle_lookups(const klarf_reader *r, size_t insert_at)
{
    smt_klarf *k = r->klarf;
    for (size_t i = 0; i < k->list_count; i++) {
        if (k->lists[i].lookup != SIZE_MAX) {
            continue;
        }
        if (!k->lookup_count) {
            if (klarf_new_lookup(k) == SIZE_MAX) {
                return klarf_no_memory(r);
            }
            k->lookups[0].absent = true;
            k->lookups[0].insert_at = insert_at;
        }
        k->lists[i].lookup = 0;
    }
    return SMT_OK;
}

/* ---- cells ---------------------------------------------------------------------------------- */

int klarf_find_column(const klarf_spec *spec, const char *name)
{
    for (int i = 0; i < spec->count; i++) {
        if (strcasecmp(spec->columns[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

token klarf_skip_cell(tokens *from, bool tree, const klarf_column *column)
{
    token first = klarf_next(from);
    int count;
    if (!tree) {
        if (column->images && klarf_whole(first, &count)) { /* n, and n pairs */
            for (int i = 0; i < count; i++) {
                if (klarf_next(from).kind == TOKEN_END || klarf_next(from).kind == TOKEN_END) {
                    break;
                }
            }
        }
        return first;
    }
    /* WORD n { ... }: of any type that is written so. */
    tokens ahead = *from;
    if (first.kind == TOKEN_WORD && !klarf_is_number(first) &&
        klarf_whole(klarf_next(&ahead), &count) && klarf_next(&ahead).kind == TOKEN_OPEN) {
        token t;
        do {
            t = klarf_next(&ahead);
        } while (t.kind != TOKEN_CLOSE && t.kind != TOKEN_END && t.kind != TOKEN_UNCLOSED);
        *from = ahead;
    }
    return first;
}

token klarf_cell(const smt_klarf *k, size_t defect, const char *column)
{
    const klarf_row *row = &k->rows[defect];
    const klarf_spec *spec = &k->specs[k->lists[row->list].spec];
    int wanted = klarf_find_column(spec, column);
    tokens from = {.at = row->text, .end = k->text + k->size};
    for (int c = 0; c < wanted; c++) {
        klarf_skip_cell(&from, k->tree, &spec->columns[c]);
    }
    return wanted < 0 ? (token){.kind = TOKEN_END} : klarf_next(&from);
}
