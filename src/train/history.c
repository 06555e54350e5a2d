/* history.csv, whole after each epoch. */
#include "train/run.h"

#include <math.h>

static void number(smt_file *file, const char *format, double value)
{
    smt_file_write(file, ",", 1);
    if (isfinite(value)) {
        smt_file_printf(file, format, value);
    }
}

smt_status smt_history_save(const char *path, const smt_epoch *rows, int count, smt_error *error)
{
    smt_file *file = NULL;
    smt_status status = smt_file_create(path, &file, error);
    if (status) {
        return status;
    }
    smt_file_printf(file,
                    "epoch,learning_rate,train_loss,train_accuracy,val_loss,val_accuracy,val_macro_"
                    "f1,images_per_second\n");
    for (int i = 0; i < count; i++) {
        const smt_epoch *r = &rows[i];
        smt_file_printf(file, "%d", r->epoch);
        number(file, "%.6g", r->rate);
        number(file, "%.6f", r->train_loss);
        number(file, "%.6f", r->train_accuracy);
        number(file, "%.6f", r->val_loss);
        number(file, "%.6f", r->val_accuracy);
        number(file, "%.6f", r->val_macro_f1);
        number(file, "%.1f", r->images_per_second);
        smt_file_write(file, "\n", 1);
    }
    return smt_file_commit(&file, error);
}
