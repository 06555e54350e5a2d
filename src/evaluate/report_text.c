/* The text that scikit-learn's classification_report(y_true,
 * y_pred, target_names=..., digits=2) prints. */
#include <semtinel/evaluate.h>

#include <stdio.h>
#include <string.h>

typedef struct text {
    char *data; /* NULL once memory was short */
    size_t used, capacity;
} text;

static void append(text *t, const char *part)
{
    size_t length = strlen(part);
    while (t->data && t->used + length + 1 > t->capacity) {
        char *larger = smt_realloc(t->data, t->used, 2 * t->capacity, 1);
        if (!larger) {
            smt_free(t->data);
        }
        t->data = larger;
        t->capacity *= 2;
    }
    if (t->data) {
        memcpy(t->data + t->used, part, length + 1);
        t->used += length;
    }
}

/* Padded by characters, not bytes, as Python does. */
static void append_name(text *t, const char *name, int width)
{
    for (int i = smt_utf8_length(name); i < width; i++) {
        append(t, " ");
    }
    size_t start = t->used;
    append(t, name);
    if (t->data) {
        smt_printable(t->data + start);
    }
    append(t, " ");
}

static void append_row(text *t, const char *name, int width, const smt_class_score *score)
{
    char numbers[96];
    append_name(t, name, width);
    snprintf(numbers,
             sizeof numbers,
             " %9.2f %9.2f %9.2f %9zu\n",
             score->precision,
             score->recall,
             score->f1,
             score->support);
    append(t, numbers);
}

char *smt_classification_report(const smt_metrics *metrics, const char *const *classes)
{
    int width = (int)strlen("weighted avg");
    for (int c = 0; c < metrics->class_count; c++) {
        int length = smt_metrics_active(metrics, c) ? smt_utf8_length(classes[c]) : 0;
        width = length > width ? length : width;
    }
    text t = {.data = smt_alloc(1024, 1), .capacity = 1024};
    append_name(&t, "", width);
    append(&t, " precision    recall  f1-score   support\n\n");
    for (int c = 0; c < metrics->class_count; c++) {
        if (smt_metrics_active(metrics, c)) {
            append_row(&t, classes[c], width, &metrics->classes[c]);
        }
    }
    char line[96];
    append(&t, "\n");
    append_name(&t, "accuracy", width);
    snprintf(line, sizeof line, " %9s %9s %9.2f %9zu\n", "", "", metrics->accuracy, metrics->count);
    append(&t, line);
    append_row(&t, "macro avg", width, &metrics->macro);
    append_row(&t, "weighted avg", width, &metrics->weighted);
    return t.data;
}
