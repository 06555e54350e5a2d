/* Loading a KLARF, and what its users ask of it. */
#include "base/guess.h"
#include "klarf/document.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void free_spec(klarf_spec *spec)
{
    for (int i = 0; i < spec->count; i++) {
        smt_free(spec->columns[i].name);
    }
    smt_free(spec->columns);
}

void smt_klarf_destroy(smt_klarf **klarf)
{
    smt_klarf *k = *klarf;
    if (!k) {
        return;
    }
    for (size_t i = 0; i < k->spec_count; i++) {
        free_spec(&k->specs[i]);
    }
    for (size_t i = 0; i < k->lookup_count; i++) {
        for (size_t c = 0; c < k->lookups[i].count; c++) {
            smt_free(k->lookups[i].rows[c].name);
        }
        smt_free(k->lookups[i].rows);
        free_spec(&k->lookups[i].spec);
    }
    for (size_t i = 0; i < k->list_count; i++) {
        smt_free(k->lists[i].lot);
        smt_free(k->lists[i].wafer);
    }
    smt_free(k->specs);
    smt_free(k->lookups);
    smt_free(k->lists);
    smt_list_free(&k->files, k->file_count);
    smt_free(k->rows);
    smt_free(k->pictures);
    smt_free(k->path);
    smt_free(k->text);
    smt_free(k);
    *klarf = NULL;
}

/* Behind a byte order mark. */
static tokens begin(const char *text, size_t size)
{
    size_t mark = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    return (tokens){.at = text + mark, .end = text + size, .line = 1};
}

typedef enum klarf_kind { KIND_NONE, KIND_FLAT, KIND_TREE } klarf_kind;

static klarf_kind kind_of(const char *text, size_t size)
{
    tokens from = begin(text, size);
    token first = klarf_next(&from);
    if (klarf_is(first, "FileVersion")) {
        return KIND_FLAT;
    }
    return klarf_is(first, "Record") && klarf_is(klarf_next(&from), "FileRecord") ? KIND_TREE
                                                                                  : KIND_NONE;
}

static smt_status
fail_kind(const char *path, const unsigned char *data, size_t size, smt_error *error)
{
    bool packed = size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
    return smt_fail(error,
                    SMT_ERR_FORMAT,
                    "%s: %s",
                    path,
                    packed ? "is packed; unpack it with gunzip first"
                           : "is no KLARF: it begins neither with FileVersion nor with Record "
                             "FileRecord");
}

/* As of two files that were put together; what pads a file is no word. */
static void warn_of_rest(klarf_reader *r)
{
    token t = klarf_next(&r->from);
    while (t.kind == TOKEN_SEMICOLON) {
        t = klarf_next(&r->from);
    }
    if (!r->quiet && t.kind == TOKEN_WORD && isalnum((unsigned char)*t.text)) {
        smt_log(SMT_LOG_WARNING,
                "%s: line %zu: what stands behind EndOfFile is not read",
                r->klarf->path,
                t.line);
    }
}

/* Takes `text`, which is freed on failure. */
static smt_status
parse(char *text, size_t size, const char *path, bool quiet, smt_klarf **out, smt_error *error)
{
    klarf_kind kind = kind_of(text, size);
    if (kind == KIND_NONE) {
        smt_status status = fail_kind(path, (const unsigned char *)text, size, error);
        smt_free(text);
        return status;
    }
    smt_klarf *k = smt_alloc(1, sizeof *k);
    if (!k) {
        smt_free(text);
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    k->text = text;
    k->size = size;
    k->tree = kind == KIND_TREE;
    k->path = smt_strdup(path);
    klarf_reader r = {.klarf = k, .from = begin(text, size), .error = error, .quiet = quiet};
    smt_status status = !k->path  ? smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path)
                        : k->tree ? klarf_read_tree(&r)
                                  : klarf_read_flat(&r);
    if (status) {
        smt_klarf_destroy(&k);
        return status;
    }
    warn_of_rest(&r);
    k->info.path = k->path;
    k->info.defect_count = k->row_count;
    k->info.image_count = k->picture_count;
    *out = k;
    return SMT_OK;
}

static smt_status parse_copy(
    const void *data, size_t size, const char *path, bool quiet, smt_klarf **out, smt_error *error)
{
    if (size > SMT_KLARF_MAX_BYTES) {
        return smt_fail(
            error, SMT_ERR_LIMIT, "%s: larger than %zu MiB", path, SMT_KLARF_MAX_BYTES >> 20);
    }
    char *text = smt_alloc(size + 1, 1);
    if (!text) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    memcpy(text, data, size);
    return parse(text, size, path, quiet, out, error);
}

smt_status
smt_klarf_parse(const void *data, size_t size, const char *path, smt_klarf **out, smt_error *error)
{
    return parse_copy(data, size, path, false, out, error);
}

smt_status klarf_parse_quietly(
    const void *data, size_t size, const char *path, smt_klarf **out, smt_error *error)
{
    return parse_copy(data, size, path, true, out, error);
}

smt_status smt_klarf_load(const char *path, smt_klarf **out, smt_error *error)
{
    void *text = NULL;
    size_t size = 0;
    smt_status status = smt_file_load(path, SMT_KLARF_MAX_BYTES, &text, &size, error);
    return status ? status : parse(text, size, path, false, out, error);
}

/* ---- asking ---------------------------------------------------------------------------------- */

const smt_klarf_info *smt_klarf_about(const smt_klarf *k)
{
    return &k->info;
}

static void copy_token(token t, char *out, size_t size)
{
    snprintf(out,
             size,
             "%.*s",
             t.kind == TOKEN_END ? 0
             : t.size < size     ? (int)t.size
                                 : (int)size - 1,
             t.text);
    smt_printable(out);
}

static double coordinate(const smt_klarf *k,
                         size_t index,
                         const char *relative,
                         const char *die,
                         double pitch,
                         double centre)
{
    double position, number;
    if (!klarf_real(klarf_cell(k, index, relative), &position) ||
        !klarf_real(klarf_cell(k, index, die), &number)) {
        return (double)NAN;
    }
    return number * pitch + position * (k->tree ? 1e-3 : 1.0) - centre;
}

void smt_klarf_defect_at(const smt_klarf *k, size_t index, smt_klarf_defect *out)
{
    const klarf_row *row = &k->rows[index];
    const klarf_list *list = &k->lists[row->list];
    *out = (smt_klarf_defect){
        .lot = list->lot ? list->lot : "",
        .wafer = list->wafer ? list->wafer : "",
        .x = coordinate(k, index, "XREL", "XINDEX", list->pitch[0], list->centre[0]),
        .y = coordinate(k, index, "YREL", "YINDEX", list->pitch[1], list->centre[1]),
        .first_image = row->first_image,
        .image_count = row->image_count};
    copy_token(klarf_cell(k, index, "DEFECTID"), out->id, sizeof out->id);
}

void smt_klarf_image_at(const smt_klarf *k, size_t index, smt_klarf_image *out)
{
    const klarf_picture *picture = &k->pictures[index];
    *out = (smt_klarf_image){.file = picture->file == KLARF_NO_FILE ? "" : k->files[picture->file],
                             .page = picture->page};
    token type = {
        .kind = TOKEN_WORD, .text = picture->type ? picture->type : "", .size = picture->type_size};
    copy_token(type, out->type, sizeof out->type);
}

bool smt_klarf_has_column(const smt_klarf *k, const char *column)
{
    for (size_t i = 0; i < k->row_count; i++) {
        bool new_list = !i || k->rows[i].list != k->rows[i - 1].list;
        if (new_list && klarf_find_column(&k->specs[k->lists[k->rows[i].list].spec], column) < 0) {
            return false;
        }
    }
    return true;
}

smt_status smt_klarf_check_column(const smt_klarf *k, const char *column, smt_error *error)
{
    if (smt_klarf_has_column(k, column)) {
        return SMT_OK;
    }
    smt_guess guess = {0};
    bool elsewhere = false; /* only some lists have it */
    for (size_t i = 0; i < k->spec_count; i++) {
        elsewhere = elsewhere || klarf_find_column(&k->specs[i], column) >= 0;
    }
    for (size_t i = 0; i < k->spec_count && !elsewhere; i++) {
        for (int c = 0; c < k->specs[i].count; c++) {
            smt_nearest(&guess, column, k->specs[i].columns[c].name);
        }
    }
    char hint[SMT_HINT_MAX];
    return smt_fail(error,
                    SMT_ERR_ARGUMENT,
                    "%s: not every defect has a column '%s'; %s",
                    k->path,
                    column,
                    smt_hint(&guess, hint, "--column names another"));
}

smt_status smt_klarf_check_writable(const smt_klarf *k, const char *column, smt_error *error)
{
    static const char *const kept[] = {"DEFECTID",
                                       "XREL",
                                       "YREL",
                                       "XINDEX",
                                       "YINDEX",
                                       "XSIZE",
                                       "YSIZE",
                                       "DEFECTAREA",
                                       "DSIZE",
                                       "TEST",
                                       "IMAGECOUNT",
                                       "IMAGELIST"};
    smt_status status = smt_klarf_check_column(k, column, error);
    bool keep = false;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        keep = keep || strcasecmp(column, kept[i]) == 0;
    }
    for (size_t i = 0; i < k->spec_count; i++) {
        int place = klarf_find_column(&k->specs[i], column);
        keep = keep || (place >= 0 && k->specs[i].columns[place].images);
    }
    return status || !keep
               ? status
               : smt_fail(error,
                          SMT_ERR_ARGUMENT,
                          "%s: column '%s' is not for classes, which would take the place of what "
                          "it says; --column names another",
                          k->path,
                          column);
}

int smt_klarf_number(const smt_klarf *k, size_t defect, const char *column)
{
    int value = SMT_KLARF_NONE;
    return klarf_whole(klarf_cell(k, defect, column), &value) ? value : SMT_KLARF_NONE;
}

const char *smt_klarf_class_name(const smt_klarf *k, size_t defect, int number)
{
    const klarf_lookup *lookup = &k->lookups[k->lists[k->rows[defect].list].lookup];
    for (size_t i = 0; i < lookup->count; i++) {
        if (lookup->rows[i].number == number) {
            return lookup->rows[i].name;
        }
    }
    return NULL;
}
