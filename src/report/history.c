#include <semtinel/report.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EPOCH, RATE, TRAIN_LOSS, TRAIN_ACCURACY, VAL_LOSS, VAL_ACCURACY, VAL_F1, FIELDS };

static const char *const field_names[FIELDS] = {"epoch",
                                                "learning_rate",
                                                "train_loss",
                                                "train_accuracy",
                                                "val_loss",
                                                "val_accuracy",
                                                "val_macro_f1"};

/* Ends the field at `text` and returns the next one, or NULL at the end of the line. */
static char *next_field(char *text)
{
    char *comma = strchr(text, ',');
    if (comma) {
        *comma++ = 0;
    }
    return comma;
}

static double to_number(const char *text)
{
    char *end = NULL;
    double value = strtod(text, &end);
    return end == text ? (double)NAN : value;
}

static smt_history_row parse_row(char *line, const int *columns, int column_count)
{
    double values[FIELDS];
    for (int f = 0; f < FIELDS; f++) {
        values[f] = (double)NAN;
    }
    int column = 0;
    for (char *field = line; field && column < column_count; column++) {
        char *next = next_field(field);
        if (columns[column] >= 0) {
            values[columns[column]] = to_number(field);
        }
        field = next;
    }
    bool sane = values[EPOCH] >= 1 && values[EPOCH] <= 1e8;
    return (smt_history_row){.epoch = sane ? (int)values[EPOCH] : 0,
                             .learning_rate = values[RATE],
                             .train_loss = values[TRAIN_LOSS],
                             .train_accuracy = values[TRAIN_ACCURACY],
                             .val_loss = values[VAL_LOSS],
                             .val_accuracy = values[VAL_ACCURACY],
                             .val_macro_f1 = values[VAL_F1]};
}

#define MAX_COLUMNS 64

smt_status
smt_history_load(const char *path, smt_history_row **rows, size_t *count, smt_error *error)
{
    void *data = NULL;
    size_t size = 0;
    smt_status status = smt_file_load(path, (size_t)64 << 20, &data, &size, error);
    if (status) {
        return status;
    }
    size_t lines = 0;
    for (const char *p = data; (p = strchr(p, '\n')); p++) {
        lines++;
    }
    smt_history_row *list = smt_alloc(lines + 1, sizeof *list);
    if (!list) {
        smt_free(data);
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    int columns[MAX_COLUMNS], column_count = -1;
    size_t used = 0;
    for (char *line = data, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) {
            *next++ = 0;
        }
        line[strcspn(line, "\r")] = 0;
        if (column_count < 0) {
            column_count = 0;
            for (char *field = line; field && column_count < MAX_COLUMNS; column_count++) {
                char *after = next_field(field);
                columns[column_count] = -1;
                for (int f = 0; f < FIELDS; f++) {
                    columns[column_count] =
                        strcmp(field, field_names[f]) ? columns[column_count] : f;
                }
                field = after;
            }
            continue;
        }
        smt_history_row row = parse_row(line, columns, column_count);
        if (row.epoch && (!used || row.epoch > list[used - 1].epoch)) {
            list[used++] = row;
        }
    }
    smt_free(data);
    if (!used) {
        smt_free(list);
        return smt_fail(error, SMT_ERR_FORMAT, "%s: holds no epoch", path);
    }
    *rows = list;
    *count = used;
    return SMT_OK;
}
