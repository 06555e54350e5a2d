/* KLARF 1.1 and 1.2: statements `Keyword values ... ;`. A row of a DefectList ends with its last
 * column and not with its line, so rows are counted off by the columns of the DefectRecordSpec.
 * Each statement holds for the lists behind it: a file with several wafers says what changes. */
#include "klarf/document.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What the statements so far have said. */
typedef struct flat {
    klarf_reader *r;
    char *lot, *wafer;
    double pitch[2], centre[2];
    size_t lookup, spec, file;
    size_t list;      /* SIZE_MAX: a new one is needed, for what is said has changed */
    size_t insert_at; /* of the first DefectRecordSpec */
    bool ended;
} flat;

typedef smt_status (*statement)(flat *f, token keyword);

/* The rest of a statement, whatever it says. */
static smt_status skip(flat *f, token keyword)
{
    for (;;) {
        token t = klarf_next(&f->r->from);
        if (t.kind == TOKEN_SEMICOLON) {
            return SMT_OK;
        }
        if (t.kind == TOKEN_UNCLOSED) {
            return klarf_unexpected(f->r, t, "");
        }
        if (t.kind == TOKEN_END) {
            char name[48];
            snprintf(name,
                     sizeof name,
                     "%.*s",
                     (int)(keyword.size < 40 ? keyword.size : 40),
                     keyword.text);
            return klarf_cut_off(f->r, name, keyword.line);
        }
    }
}

static smt_status read_version(flat *f, token keyword)
{
    int major, minor;
    token first = klarf_next(&f->r->from), second = klarf_next(&f->r->from);
    if (!klarf_whole(first, &major) || !klarf_whole(second, &minor) || major != 1) {
        return klarf_fail(f->r,
                          keyword.line,
                          first.kind == TOKEN_END ? SMT_ERR_FORMAT : SMT_ERR_UNSUPPORTED,
                          "FileVersion %.*s %.*s: read are 1 1, 1 2 and Record FileRecord \"1.8\"",
                          (int)(first.size < 20 ? first.size : 20),
                          first.text,
                          (int)(second.size < 20 ? second.size : 20),
                          second.text);
    }
    snprintf(
        f->r->klarf->info.version, sizeof f->r->klarf->info.version, "%d.%d", major, minor % 1000);
    return skip(f, keyword);
}

static smt_status read_text(flat *f, token keyword, char **out)
{
    tokens before = f->r->from;
    token t = klarf_next(&f->r->from);
    if (t.kind != TOKEN_STRING && t.kind != TOKEN_WORD) {
        f->r->from = before; /* nothing is said */
        t.size = 0;
    }
    char *copy = klarf_text(t.text, t.size);
    if (!copy) {
        return klarf_no_memory(f->r);
    }
    smt_free(*out);
    *out = copy;
    f->list = SIZE_MAX;
    return skip(f, keyword);
}

static smt_status read_lot(flat *f, token keyword)
{
    return read_text(f, keyword, &f->lot);
}

static smt_status read_wafer(flat *f, token keyword)
{
    f->r->klarf->info.wafer_count++;
    return read_text(f, keyword, &f->wafer);
}

static smt_status read_pair(flat *f, token keyword, double out[2])
{
    tokens before = f->r->from;
    token x = klarf_next(&f->r->from), y = klarf_next(&f->r->from);
    out[0] = out[1] = (double)NAN;
    if (!klarf_real(x, &out[0]) || !klarf_real(y, &out[1])) {
        f->r->from = before;
    }
    f->list = SIZE_MAX;
    return skip(f, keyword);
}

static smt_status read_pitch(flat *f, token keyword)
{
    return read_pair(f, keyword, f->pitch);
}

static smt_status read_centre(flat *f, token keyword)
{
    return read_pair(f, keyword, f->centre);
}

/* All up to the semicolon, as names may hold blanks without being quoted. */
static smt_status read_file(flat *f, token keyword)
{
    tokens *from = &f->r->from;
    tokens peek = *from;
    token t = klarf_next(&peek);
    const char *name = t.text, *end = memchr(t.text, ';', (size_t)(from->end - t.text));
    if (t.kind == TOKEN_STRING) {
        end = t.text + t.size;
    }
    if (t.kind == TOKEN_SEMICOLON || !end) {
        f->file = KLARF_NO_FILE;
        return skip(f, keyword);
    }
    smt_status status = klarf_add_file(f->r, name, (size_t)(end - name), &f->file);
    if (status) {
        return status;
    }
    if (t.kind != TOKEN_STRING) {
        while (from->at < end) {
            from->line += *from->at++ == '\n';
        }
    }
    return skip(f, keyword);
}

/* Rows of the lookup in hand, up to a semicolon. */
static smt_status read_classes(flat *f, token keyword)
{
    klarf_reader *r = f->r;
    klarf_lookup *lookup = &r->klarf->lookups[f->lookup];
    for (;;) {
        token number = klarf_next(&r->from);
        if (number.kind == TOKEN_SEMICOLON) {
            return SMT_OK;
        }
        if (number.kind == TOKEN_END) {
            return klarf_cut_off(r, "ClassLookup", keyword.line);
        }
        token name = klarf_next(&r->from);
        smt_status status = klarf_add_class(r, lookup, number, name);
        if (status) {
            return status;
        }
        lookup->insert_at = (size_t)(r->from.at - r->klarf->text);
        /* What else a row may say is a text. */
        tokens ahead = r->from;
        while (klarf_next(&ahead).kind == TOKEN_STRING) {
            r->from = ahead;
            lookup->insert_at = (size_t)(ahead.at - r->klarf->text);
        }
    }
}

static smt_status read_lookup(flat *f, token keyword)
{
    klarf_reader *r = f->r;
    int count;
    token declared = klarf_next(&r->from);
    if (!klarf_whole(declared, &count)) {
        return klarf_unexpected(r, declared, "the number of classes");
    }
    f->lookup = klarf_new_lookup(r->klarf);
    f->list = SIZE_MAX;
    if (f->lookup == SIZE_MAX) {
        return klarf_no_memory(r);
    }
    klarf_lookup *lookup = &r->klarf->lookups[f->lookup];
    lookup->declared_at = (size_t)(declared.text - r->klarf->text);
    lookup->declared_size = declared.size;
    lookup->insert_at = lookup->declared_at + declared.size;
    return read_classes(f, keyword);
}

static smt_status read_spec(flat *f, token keyword)
{
    klarf_reader *r = f->r;
    int count;
    token t = klarf_next(&r->from);
    if (!klarf_whole(t, &count)) {
        return klarf_unexpected(r, t, "the number of columns");
    }
    if (f->spec == SIZE_MAX) {
        f->insert_at = (size_t)(keyword.text - r->klarf->text);
    }
    f->spec = klarf_new_spec(r->klarf);
    f->list = SIZE_MAX;
    if (f->spec == SIZE_MAX) {
        return klarf_no_memory(r);
    }
    klarf_spec *spec = &r->klarf->specs[f->spec];
    while ((t = klarf_next(&r->from)).kind == TOKEN_WORD || t.kind == TOKEN_STRING) {
        t.kind = TOKEN_WORD;
        smt_status status = klarf_add_column(r, spec, t, 'n', klarf_is(t, "IMAGELIST"));
        if (status) {
            return status;
        }
    }
    if (t.kind != TOKEN_SEMICOLON) {
        return klarf_unexpected(r, t, "a column or ';'");
    }
    if (spec->count != count) {
        return klarf_fail(r,
                          keyword.line,
                          SMT_ERR_FORMAT,
                          "DefectRecordSpec says %d columns and names %d",
                          count,
                          spec->count);
    }
    return SMT_OK;
}

/* n, and n pairs of number and type. */
static smt_status read_image_list(flat *f, token first)
{
    klarf_reader *r = f->r;
    int count, page;
    if (!klarf_whole(first, &count)) {
        return klarf_unexpected(r, first, "the number of images in IMAGELIST");
    }
    for (int i = 0; i < count; i++) {
        token index = klarf_next(&r->from), type = klarf_next(&r->from);
        if (index.kind != TOKEN_WORD || (type.kind != TOKEN_WORD && type.kind != TOKEN_STRING)) {
            return klarf_unexpected(
                r, index.kind == TOKEN_WORD ? type : index, "an image of IMAGELIST");
        }
        page = 0;
        klarf_whole(index, &page);
        smt_status status = klarf_add_picture(r, f->file, page, type);
        if (status) {
            return status;
        }
    }
    return SMT_OK;
}

static smt_status read_row(flat *f)
{
    klarf_reader *r = f->r;
    tokens start = r->from;
    const size_t spec = f->spec;
    token first = klarf_next(&start);
    smt_status status = klarf_add_row(r, r->from.at, f->list);
    for (int c = 0; c < r->klarf->specs[spec].count && !status; c++) {
        const klarf_column *column = &r->klarf->specs[spec].columns[c];
        int ignored;
        token t = klarf_next(&r->from);
        if (t.kind == TOKEN_SEMICOLON) {
            return klarf_fail(r,
                              first.line,
                              SMT_ERR_FORMAT,
                              "the defect's row ends behind %d of the %d columns of "
                              "DefectRecordSpec",
                              c,
                              r->klarf->specs[spec].count);
        }
        if (t.kind == TOKEN_END) {
            return klarf_cut_off(r, "the defect", first.line);
        }
        if (t.kind != TOKEN_WORD && t.kind != TOKEN_STRING) {
            return klarf_unexpected(r, t, "a value of a defect");
        }
        if (column->images) {
            status = read_image_list(f, t);
        } else if (c == 0 && klarf_find_column(&r->klarf->specs[spec], "DEFECTID") == 0 &&
                   !klarf_whole(t, &ignored)) {
            return klarf_fail(
                r,
                t.line,
                SMT_ERR_FORMAT,
                "'%.*s' is no DEFECTID: the rows before do not have the %d columns of "
                "DefectRecordSpec",
                (int)(t.size < 40 ? t.size : 40),
                t.text,
                r->klarf->specs[spec].count);
        }
    }
    return status;
}

static smt_status begin_list(flat *f)
{
    smt_klarf *k = f->r->klarf;
    f->list = klarf_new_list(k);
    if (f->list == SIZE_MAX) {
        return klarf_no_memory(f->r);
    }
    klarf_list *list = &k->lists[f->list];
    *list = (klarf_list){.lot = f->lot ? smt_strdup(f->lot) : NULL,
                         .wafer = f->wafer ? smt_strdup(f->wafer) : NULL,
                         .pitch = {f->pitch[0], f->pitch[1]},
                         .centre = {f->centre[0], f->centre[1]},
                         .lookup = f->lookup,
                         .spec = f->spec};
    return (f->lot && !list->lot) || (f->wafer && !list->wafer) ? klarf_no_memory(f->r) : SMT_OK;
}

static smt_status read_defects(flat *f, token keyword)
{
    klarf_reader *r = f->r;
    for (;;) {
        tokens before = r->from;
        token t = klarf_next(&r->from);
        if (t.kind == TOKEN_SEMICOLON) {
            return SMT_OK;
        }
        if (t.kind == TOKEN_END) {
            return klarf_cut_off(r, "DefectList", keyword.line);
        }
        if (f->spec == SIZE_MAX || !r->klarf->specs[f->spec].count) {
            return klarf_fail(
                r, keyword.line, SMT_ERR_FORMAT, "DefectList without a DefectRecordSpec before it");
        }
        r->from = before;
        smt_status status = f->list == SIZE_MAX ? begin_list(f) : SMT_OK;
        status = status ? status : read_row(f);
        if (status) {
            return status;
        }
    }
}

static smt_status read_end(flat *f, token keyword)
{
    (void)keyword;
    f->ended = true;
    return SMT_OK;
}

static const struct {
    const char *keyword;
    statement read;
} statements[] = {
    {"FileVersion", read_version},
    {"LotID", read_lot},
    {"WaferID", read_wafer},
    {"DiePitch", read_pitch},
    {"SampleCenterLocation", read_centre},
    {"TiffFileName", read_file},
    {"ClassLookup", read_lookup},
    {"DefectRecordSpec", read_spec},
    {"DefectList", read_defects},
    {"EndOfFile", read_end},
};

static smt_status read_statements(flat *f)
{
    klarf_reader *r = f->r;
    statement rows = NULL; /* of the statement before, if what follows can be more of it */
    for (;;) {
        tokens before = r->from;
        token t = klarf_next(&r->from);
        if (t.kind == TOKEN_END) {
            return SMT_OK;
        }
        if (t.kind == TOKEN_SEMICOLON) {
            continue;
        }
        if (t.kind != TOKEN_WORD) {
            return klarf_unexpected(r, t, "a keyword");
        }
        statement read = skip;
        if (klarf_is_number(t) && rows) { /* some writers end every row with a semicolon */
            r->from = before;
            read = rows;
        } else {
            for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
                if (klarf_is(t, statements[i].keyword)) {
                    read = statements[i].read;
                }
            }
            rows = read == read_lookup ? read_classes : read == read_defects ? read_defects : NULL;
        }
        smt_status status = read(f, t);
        if (status || f->ended) {
            return status;
        }
    }
}

smt_status klarf_read_flat(klarf_reader *r)
{
    flat f = {.r = r,
              .pitch = {(double)NAN, (double)NAN},
              .centre = {(double)NAN, (double)NAN},
              .lookup = SIZE_MAX,
              .spec = SIZE_MAX,
              .file = KLARF_NO_FILE,
              .list = SIZE_MAX};
    smt_status status = read_statements(&f);
    if (!status && !f.ended && !r->quiet) {
        smt_log(
            SMT_LOG_WARNING, "%s: no EndOfFile at its end; is the file cut off?", r->klarf->path);
    }
    status = status ? status : klarf_settle_lookups(r, f.insert_at);
    smt_free(f.lot);
    smt_free(f.wafer);
    return status;
}
