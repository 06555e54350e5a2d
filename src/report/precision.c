/* The same network in several precisions: accuracy, agreement
 * with the first, size, classes; and layers' sensitivity. */
#include "base/json.h"
#include "report/draw.h"

#include <semtinel/precision.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct measured {
    smt_precision_file file;
    smt_classifier *classifier;
    smt_evaluation *evaluation;
    int *predicted;   /* classes of the unlabelled images; NULL: none */
    double agreement; /* with the first file's predicted classes */
    size_t agreed_on; /* images that it was counted on */
    int worst;        /* class of the lowest F1 among those that occur; -1: none */
} measured;

/* The classes of the unlabelled images. */
static smt_status predict(measured *m, const smt_pixels *images, smt_error *error)
{
    int classes = smt_classifier_about(m->classifier)->class_count;
    if (smt_classifier_about(m->classifier)->input_size != images->size) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s takes images of %d pixels, not %d",
                        m->file.path,
                        smt_classifier_about(m->classifier)->input_size,
                        images->size);
    }
    float *probabilities = smt_alloc(images->count * (size_t)classes, sizeof *probabilities);
    m->predicted = smt_alloc(images->count, sizeof *m->predicted);
    smt_status status =
        probabilities && m->predicted
            ? smt_classifier_run(m->classifier, images->data, images->count, probabilities, error)
            : smt_fail(error, SMT_ERR_MEMORY, "out of memory for predictions");
    for (size_t i = 0; i < images->count && status == SMT_OK; i++) {
        m->predicted[i] = smt_argmax(probabilities + i * (size_t)classes, classes);
    }
    smt_free(probabilities);
    return status;
}

/* The share of images of which both say the same. */
static void measure_agreement(const measured *first, measured *m, size_t unlabelled)
{
    const smt_evaluation *a = first->evaluation, *b = m->evaluation;
    size_t same = 0, count = unlabelled ? unlabelled : a->count;
    for (size_t i = 0; i < count; i++) {
        same += unlabelled ? first->predicted[i] == m->predicted[i] : a->top[i] == b->top[i];
    }
    m->agreement = count ? (double)same / (double)count : 0;
    m->agreed_on = count;
}

static smt_status measure(measured *m,
                          const smt_dataset *dataset,
                          const smt_pixels *images,
                          const smt_evaluate_options *options,
                          smt_pool *pool,
                          const measured *first,
                          smt_error *error)
{
    smt_evaluate_options how = *options;
    how.earlier = first->evaluation;
    smt_status status = smt_classifier_open(m->file.path, pool, &m->classifier, error);
    status =
        status ? status : smt_evaluate(m->classifier, dataset, &how, pool, &m->evaluation, error);
    if (status) {
        return status;
    }
    const smt_evaluation *a = first->evaluation, *b = m->evaluation;
    if (a->count != b->count || a->info.class_count != b->info.class_count) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s and %s do not have the same classes",
                        first->file.path,
                        m->file.path);
    }
    if (images && images->count) {
        status = predict(m, images, error);
        if (status) {
            return status;
        }
    }
    measure_agreement(first, m, images ? images->count : 0);
    m->worst = -1;
    for (int c = 0; c < b->metrics->class_count; c++) {
        const smt_class_score *score = &b->metrics->classes[c];
        if (score->support && (m->worst < 0 || score->f1 < b->metrics->classes[m->worst].f1)) {
            m->worst = c;
        }
    }
    return SMT_OK;
}

static void print_rows(FILE *stream, const measured *rows, int count)
{
    fprintf(stream,
            "%-14s %9s %9s %10s %9s %10s  %s\n",
            "precision",
            "accuracy",
            "macro F1",
            "agreement",
            "KB",
            "ms/image",
            "worst class (F1)");
    for (int i = 0; i < count; i++) {
        const smt_evaluation *e = rows[i].evaluation;
        const char *worst = rows[i].worst >= 0 ? e->map->classes[rows[i].worst] : "-";
        fprintf(stream,
                "%-14s %9.4f %9.4f %9.2f%% %9.1f %10.3f  %s (%.2f)\n",
                rows[i].file.name,
                e->metrics->accuracy,
                e->metrics->macro.f1,
                100 * rows[i].agreement,
                (double)e->info.bytes / 1000,
                e->count ? 1000 * e->seconds / (double)e->count : 0,
                worst,
                rows[i].worst >= 0 ? e->metrics->classes[rows[i].worst].f1 : 0);
    }
}

static void print_classes(FILE *stream, const measured *rows, int count)
{
    const smt_class_map *map = rows[0].evaluation->map;
    int columns = smt_utf8_widest((const char *const *)map->classes, map->class_count, 20);
    fprintf(stream,
            "\nrecall of each class, and its change against %s in points\n\n%-*s %8s",
            rows[0].file.name,
            columns,
            "class",
            "images");
    for (int i = 0; i < count; i++) {
        fprintf(stream, " %15s", rows[i].file.name);
    }
    fprintf(stream, "\n");
    for (int c = 0; c < map->class_count; c++) {
        const smt_class_score *base = &rows[0].evaluation->metrics->classes[c];
        if (!base->support) {
            continue;
        }
        fprintf(stream,
                "%-*s %8zu",
                smt_utf8_pad(map->classes[c], columns),
                map->classes[c],
                base->support);
        for (int i = 0; i < count; i++) {
            double recall = rows[i].evaluation->metrics->classes[c].recall;
            fprintf(stream, " %7.3f %+7.1f", recall, 100 * (recall - base->recall));
        }
        fprintf(stream, "\n");
    }
}

static smt_status save_text(const measured *rows,
                            int count,
                            size_t agreed_on,
                            const char *path,
                            char **table,
                            smt_error *error)
{
    const smt_evaluation *e = rows[0].evaluation;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    bool complete = stream != NULL;
    if (stream) {
        fprintf(stream,
                "%zu %s of %s (%s); agreement: same class as %s, ",
                e->count,
                smt_plural(e->count, "image", "images"),
                e->set,
                e->split,
                rows[0].file.name);
        if (agreed_on) {
            fprintf(stream,
                    "on %zu %s; KB: 1000 bytes\n\n",
                    agreed_on,
                    smt_plural(agreed_on, "image", "images"));
        } else {
            fprintf(stream, "on the same images; KB: 1000 bytes\n\n");
        }
        print_rows(stream, rows, count);
        print_classes(stream, rows, count);
        complete = !ferror(stream);
        /* Without memory for the last step there is no text, and no failure either. */
        complete = fclose(stream) == 0 && text && complete;
    }
    smt_status status = complete ? smt_file_save(path, text, size, error)
                                 : smt_fail(error, SMT_ERR_MEMORY, "out of memory for a table");
    if (status == SMT_OK) {
        *table = smt_strdup(text);
        status = *table ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "out of memory for a table");
    }
    free(text);
    return status;
}

static json_t *row_json(const measured *row)
{
    const smt_evaluation *e = row->evaluation;
    json_t *classes = json_object();
    for (int c = 0; c < e->metrics->class_count; c++) {
        if (e->metrics->classes[c].support) {
            smt_json_set(classes,
                         e->map->classes[c],
                         json_pack("{s:f,s:f,s:I}",
                                   "recall",
                                   e->metrics->classes[c].recall,
                                   "f1",
                                   e->metrics->classes[c].f1,
                                   "support",
                                   (json_int_t)e->metrics->classes[c].support));
        }
    }
    return json_pack("{s:s,s:o,s:f,s:f,s:f,s:I,s:f,s:o,s:o}",
                     "name",
                     row->file.name,
                     "file",
                     smt_json_text(smt_path_name(row->file.path)),
                     "accuracy",
                     e->metrics->accuracy,
                     "macro_f1",
                     e->metrics->macro.f1,
                     "agreement",
                     row->agreement,
                     "bytes",
                     (json_int_t)e->info.bytes,
                     "ms_per_image",
                     e->count ? 1000 * e->seconds / (double)e->count : 0,
                     "worst_class",
                     smt_json_text(row->worst >= 0 ? e->map->classes[row->worst] : ""),
                     "classes",
                     classes);
}

static smt_status save_json(const measured *rows, int count, const char *path, smt_error *error)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        json_array_append_new(list, row_json(&rows[i]));
    }
    json_t *root = json_pack("{s:o,s:s,s:I,s:I,s:o}",
                             "set",
                             smt_json_text(rows[0].evaluation->set),
                             "split",
                             rows[0].evaluation->split,
                             "images",
                             (json_int_t)rows[0].evaluation->count,
                             "agreement_images",
                             (json_int_t)rows[0].agreed_on,
                             "precisions",
                             list);
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    smt_status status = text ? smt_file_save(path, text, strlen(text), error)
                             : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    free(text);
    json_decref(root);
    return status;
}

/* One bar a row: `value` in low .. high, with its text behind it. */
typedef struct bar {
    const char *label;
    double value;
    char text[48];
} bar;

static void draw_bars(cairo_t *cr,
                      double x,
                      double y,
                      double width,
                      const char *title,
                      const bar *bars,
                      int count,
                      double low,
                      double high)
{
    double label = 170, room = width - label - 120;
    draw_colour_set(cr, draw_ink);
    draw_font(cr, 15, true);
    draw_text(cr, x, y, DRAW_LEFT, width, title);
    draw_font(cr, 12, false);
    for (int i = 0; i < count; i++) {
        double top = y + 14 + 22 * i, share = (bars[i].value - low) / (high - low);
        share = share < 0 ? 0 : share > 1 ? 1 : share;
        draw_colour_set(cr, draw_ink);
        draw_text(cr, x + label - 8, top + 13, DRAW_RIGHT, label - 10, bars[i].label);
        draw_colour_set(cr, draw_grid);
        cairo_rectangle(cr, x + label, top + 2, room, 15);
        cairo_fill(cr);
        draw_colour_set(cr, draw_palette[0]);
        cairo_rectangle(cr, x + label, top + 2, room * share, 15);
        cairo_fill(cr);
        draw_colour_set(cr, draw_ink);
        draw_text(cr, x + label + room + 6, top + 13, DRAW_LEFT, 114, bars[i].text);
    }
}

static smt_status save_picture(const measured *rows, int count, const char *path, smt_error *error)
{
    bar bars[3][SMT_PRECISION_MAX];
    double largest = 1;
    for (int i = 0; i < count; i++) {
        largest = fmax(largest, (double)rows[i].evaluation->info.bytes / 1000);
    }
    for (int i = 0; i < count; i++) {
        const smt_evaluation *e = rows[i].evaluation;
        double kb = (double)e->info.bytes / 1000;
        bars[0][i] = (bar){.label = rows[i].file.name, .value = e->metrics->accuracy};
        snprintf(bars[0][i].text, sizeof bars[0][i].text, "%.2f %%", 100 * e->metrics->accuracy);
        bars[1][i] = (bar){.label = rows[i].file.name, .value = rows[i].agreement};
        snprintf(bars[1][i].text, sizeof bars[1][i].text, "%.2f %%", 100 * rows[i].agreement);
        bars[2][i] = (bar){.label = rows[i].file.name, .value = kb};
        snprintf(bars[2][i].text, sizeof bars[2][i].text, "%.0f KB", kb);
    }
    static const char *const titles[3] = {
        "Accuracy", "Same class as the first", "Size of the file"};
    int block = 22 * count + 50;
    draw_canvas canvas;
    smt_status status = draw_open(path, 760, 3 * block + 20, &canvas, error);
    if (status) {
        return status;
    }
    for (int k = 0; k < 3; k++) {
        draw_bars(
            canvas.cr, 20, 30 + k * block, 720, titles[k], bars[k], count, 0, k == 2 ? largest : 1);
    }
    return draw_close(&canvas, path, SMT_OK, error);
}

typedef smt_status (*saver)(const measured *rows, int count, const char *path, smt_error *error);

static smt_status save(const measured *rows,
                       int count,
                       const char *folder,
                       const char *name,
                       saver function,
                       smt_error *error)
{
    char *path = smt_path_join(folder, name);
    smt_status status = path ? function(rows, count, path, error)
                             : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    smt_free(path);
    return status;
}

smt_status smt_precision_compare(const smt_precision_file *files,
                                 int count,
                                 const smt_dataset *dataset,
                                 const smt_pixels *images,
                                 const smt_evaluate_options *options,
                                 smt_pool *pool,
                                 const char *folder,
                                 char **table,
                                 size_t *skipped,
                                 smt_error *error)
{
    measured rows[SMT_PRECISION_MAX];
    memset(rows, 0, sizeof rows);
    if (count < 1 || count > SMT_PRECISION_MAX) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%d files to compare; 1 .. %d are possible",
                        count,
                        SMT_PRECISION_MAX);
    }
    smt_status status = SMT_OK;
    char *text = NULL;
    for (int i = 0; i < count && status == SMT_OK; i++) {
        rows[i].file = files[i];
        status = measure(&rows[i], dataset, images, options, pool, &rows[0], error);
    }
    if (status == SMT_OK) {
        char *path = smt_path_join(folder, "precision.txt");
        status = path ? save_text(rows, count, images ? images->count : 0, path, &text, error)
                      : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
        smt_free(path);
    }
    status = status ? status : save(rows, count, folder, "precision.json", save_json, error);
    status = status ? status : save(rows, count, folder, "precision.png", save_picture, error);
    if (!status) {
        *skipped += rows[0].evaluation->skipped;
    }
    if (!status && table) {
        *table = text;
        text = NULL;
    }
    smt_free(text);
    for (int i = 0; i < count; i++) {
        smt_free(rows[i].predicted);
        smt_evaluation_destroy(&rows[i].evaluation);
        smt_classifier_close(&rows[i].classifier);
    }
    return status;
}

static smt_status
sensitivity_text(const smt_sensitivity *rows, int count, const char *path, smt_error *error)
{
    smt_file *file = NULL;
    smt_status status = smt_file_create(path, &file, error);
    if (status) {
        return status;
    }
    smt_file_printf(file,
                    "What the logits lose when one layer alone is int8: signal to quantisation "
                    "noise, and the share\n");
    smt_file_printf(file, "of images whose largest logit stays the same.\n\n");
    smt_file_printf(file,
                    "%-28s %9s %11s %12s %12s\n",
                    "layer",
                    "noise dB",
                    "agreement",
                    "range low",
                    "range high");
    for (int i = 0; i < count; i++) {
        smt_file_printf(file,
                        "%-28s %9.1f %10.2f%% %12.4f %12.4f\n",
                        rows[i].name,
                        rows[i].fidelity.noise_db,
                        100 * rows[i].fidelity.agreement,
                        rows[i].range_low,
                        rows[i].range_high);
    }
    return smt_file_commit(&file, error);
}

static smt_status
sensitivity_picture(const smt_sensitivity *rows, int count, const char *path, smt_error *error)
{
    bar *bars = smt_alloc((size_t)count + 1, sizeof *bars);
    draw_canvas canvas;
    smt_status status = bars ? draw_open(path, 760, 22 * count + 70, &canvas, error)
                             : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    if (status == SMT_OK) {
        for (int i = 0; i < count; i++) {
            bars[i] = (bar){.label = rows[i].name, .value = rows[i].fidelity.noise_db};
            snprintf(bars[i].text, sizeof bars[i].text, "%.1f dB", rows[i].fidelity.noise_db);
        }
        draw_bars(canvas.cr,
                  20,
                  30,
                  720,
                  "Signal to quantisation noise at the logits, one layer in int8",
                  bars,
                  count,
                  0,
                  60);
        status = draw_close(&canvas, path, SMT_OK, error);
    }
    smt_free(bars);
    return status;
}

smt_status
smt_save_sensitivity(const smt_sensitivity *rows, int count, const char *path, smt_error *error)
{
    char *text = smt_format("%s.txt", path), *picture = smt_format("%s.png", path);
    smt_status status = text && picture ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    status = status ? status : sensitivity_text(rows, count, text, error);
    status = status ? status : sensitivity_picture(rows, count, picture, error);
    smt_free(text);
    smt_free(picture);
    return status;
}
