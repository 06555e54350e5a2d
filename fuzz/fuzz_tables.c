/* The tables that are read back: predictions.csv and history.csv. */
#include "fuzz_file.h"

#include <semtinel/evaluate.h>
#include <semtinel/report.h>

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[32];
    int file = fuzz_file(data, size, path);
    smt_error error = {0};
    smt_prediction_table *table = NULL;
    if (smt_predictions_load(path, &table, &error) == SMT_OK) {
        for (size_t i = 0; i < table->count; i++) {
            if (i && strcmp(table->files[i - 1], table->files[i]) >= 0) {
                abort();
            }
        }
    } else if (table || !error.message[0]) {
        abort();
    }
    smt_predictions_free(&table);
    smt_history_row *rows = NULL;
    size_t count = 0;
    if (smt_history_load(path, &rows, &count, &error) == SMT_OK && !count) {
        abort();
    }
    smt_free(rows);
    close(file);
    return 0;
}
