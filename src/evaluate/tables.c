/* predictions.csv, confusion_matrix.csv and classification_report.txt. */
#include <semtinel/evaluate.h>

#include <string.h>

smt_status smt_save_predictions(const smt_evaluation *e, const char *path, smt_error *error)
{
    smt_file *file = NULL;
    smt_status status = smt_file_create(path, &file, error);
    if (status) {
        return status;
    }
    int classes = e->info.class_count;
    bool rejects = e->info.decision.rejects;
    smt_file_printf(file, "file,true,predicted,confidence");
    for (int c = 0; c < classes; c++) {
        smt_file_printf(file, ",");
        smt_file_csv_field(file, e->info.classes[c]);
    }
    smt_file_printf(file, rejects ? ",review_reason\n" : "\n");
    for (size_t i = 0; i < e->count; i++) {
        smt_file_csv_field(file, e->files[i]);
        smt_file_printf(file, ",");
        smt_file_csv_field(file, e->map->classes[e->truth[i]]);
        smt_file_printf(file, ",");
        smt_file_csv_field(file, e->map->classes[e->predicted[i]]);
        smt_file_printf(file, ",%.6f", (double)e->confidence[i]);
        for (int c = 0; c < classes; c++) {
            smt_file_printf(
                file, ",%.6f", (double)e->probabilities[i * (size_t)classes + (size_t)c]);
        }
        if (rejects) {
            smt_file_printf(file, ",%s", smt_review_name(smt_evaluation_review(e, i)));
        }
        smt_file_printf(file, "\n");
    }
    return smt_file_commit(&file, error);
}

smt_status smt_save_confusion(const smt_evaluation *e, const char *path, smt_error *error)
{
    smt_file *file = NULL;
    smt_status status = smt_file_create(path, &file, error);
    if (status) {
        return status;
    }
    const smt_metrics *m = e->metrics;
    for (int part = 0; part < 2; part++) {
        smt_file_csv_field(file, part ? "row percent: true\\predicted" : "count: true\\predicted");
        for (int c = 0; c < m->class_count; c++) {
            if (smt_metrics_active(m, c)) {
                smt_file_printf(file, ",");
                smt_file_csv_field(file, e->map->classes[c]);
            }
        }
        smt_file_printf(file, "\n");
        for (int t = 0; t < m->class_count; t++) {
            if (!smt_metrics_active(m, t)) {
                continue;
            }
            smt_file_csv_field(file, e->map->classes[t]);
            for (int p = 0; p < m->class_count; p++) {
                size_t count = m->confusion[(size_t)t * (size_t)m->class_count + (size_t)p];
                size_t support = m->classes[t].support;
                if (smt_metrics_active(m, p) && part == 0) {
                    smt_file_printf(file, ",%zu", count);
                } else if (smt_metrics_active(m, p)) {
                    smt_file_printf(
                        file, ",%.2f", support ? 100.0 * (double)count / (double)support : 0.0);
                }
            }
            smt_file_printf(file, "\n");
        }
        smt_file_printf(file, part ? "" : "\n");
    }
    return smt_file_commit(&file, error);
}

smt_status smt_save_report_text(const smt_evaluation *e, const char *path, smt_error *error)
{
    char *text = smt_classification_report(e->metrics, (const char *const *)e->map->classes);
    if (!text) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    smt_status status = smt_file_save(path, text, strlen(text), error);
    smt_free(text);
    return status;
}
