/* Reads predictions.csv back. */
#include "base/csv.h"

#include <semtinel/evaluate.h>

#include <stdlib.h>
#include <string.h>

void smt_predictions_free(smt_prediction_table **table)
{
    if (table && *table) {
        smt_list_free(&(*table)->files, (*table)->count);
        smt_list_free(&(*table)->truth, (*table)->count);
        smt_list_free(&(*table)->predicted, (*table)->count);
        smt_free(*table);
        *table = NULL;
    }
}

typedef struct row {
    const char *file, *truth, *predicted;
} row;

static int by_file(const void *a, const void *b)
{
    return strcmp(((const row *)a)->file, ((const row *)b)->file);
}

enum { FILE_COLUMN, TRUE_COLUMN, PREDICTED_COLUMN, COLUMNS };

static smt_status
find_columns(const char *path, char **fields, int count, int *columns, smt_error *error)
{
    static const char *const wanted[COLUMNS] = {"file", "true", "predicted"};
    for (int w = 0; w < COLUMNS; w++) {
        columns[w] = -1;
        for (int i = 0; i < count && columns[w] < 0; i++) {
            columns[w] = strcmp(fields[i], wanted[w]) ? -1 : i;
        }
        if (columns[w] < 0) {
            return smt_fail(
                error,
                SMT_ERR_FORMAT,
                "%s: has no column '%s'; a predictions.csv of 'semtinel evaluate' is needed",
                path,
                wanted[w]);
        }
    }
    return SMT_OK;
}

static smt_status read_rows(smt_csv *r, row *rows, size_t *count, smt_error *error)
{
    char *fields[SMT_CSV_FIELDS];
    int columns[COLUMNS], header = 0, width = 0;
    bool found = false;
    smt_status status = smt_csv_record(r, fields, &header, &found, error);
    status = status ? status : find_columns(r->path, fields, header, columns, error);
    while (!status) {
        size_t line = r->line;
        status = smt_csv_record(r, fields, &width, &found, error);
        if (status || !found) {
            return status;
        }
        if (width == 1 && !*fields[0]) {
            continue;
        }
        if (width != header) {
            return smt_fail(error,
                            SMT_ERR_FORMAT,
                            "%s: line %zu: %d columns where the header has %d",
                            r->path,
                            line,
                            width,
                            header);
        }
        rows[(*count)++] = (row){fields[columns[FILE_COLUMN]],
                                 fields[columns[TRUE_COLUMN]],
                                 fields[columns[PREDICTED_COLUMN]]};
    }
    return status;
}

static smt_status copy_rows(
    const char *path, const row *rows, size_t count, smt_prediction_table *t, smt_error *error)
{
    t->files = smt_alloc(count, sizeof *t->files);
    t->truth = smt_alloc(count, sizeof *t->truth);
    t->predicted = smt_alloc(count, sizeof *t->predicted);
    bool complete = t->files && t->truth && t->predicted;
    t->count = complete ? count : 0;
    for (size_t i = 0; i < count && complete; i++) {
        if (i && strcmp(rows[i].file, rows[i - 1].file) == 0) {
            return smt_fail(
                error, SMT_ERR_FORMAT, "%s: '%s' stands there twice", path, rows[i].file);
        }
        t->files[i] = smt_strdup(rows[i].file);
        t->truth[i] = smt_strdup(rows[i].truth);
        t->predicted[i] = smt_strdup(rows[i].predicted);
        complete = t->files[i] && t->truth[i] && t->predicted[i];
    }
    return complete ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
}

smt_status smt_predictions_load(const char *path, smt_prediction_table **out, smt_error *error)
{
    void *data = NULL;
    size_t size = 0, lines = 1, count = 0;
    smt_status status = smt_file_load(path, 0, &data, &size, error);
    if (status) {
        return status;
    }
    if (memchr(data, 0, size)) {
        smt_free(data);
        return smt_fail(error, SMT_ERR_FORMAT, "%s: is no text", path);
    }
    for (const char *p = data; (p = strchr(p, '\n')); p++) {
        lines++;
    }
    row *rows = smt_alloc(lines, sizeof *rows);
    smt_prediction_table *table = smt_alloc(1, sizeof *table);
    smt_csv r = {.path = path, .at = data, .line = 1};
    r.at += strncmp(r.at, "\xef\xbb\xbf", 3) ? 0 : 3; /* the mark that spreadsheets put there */
    if (!rows || !table) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    status = status ? status : read_rows(&r, rows, &count, error);
    if (!status) {
        qsort(rows, count, sizeof *rows, by_file);
        status = copy_rows(path, rows, count, table, error);
    }
    smt_free(rows);
    smt_free(data);
    if (status) {
        smt_predictions_free(&table);
        return status;
    }
    *out = table;
    return SMT_OK;
}
