#include "report/report_parts.h"

#include "base/json.h"

#include <semtinel/format.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void link_to(smt_file *file, bool wanted, const char *id, const char *name)
{
    if (wanted) {
        smt_file_printf(file, "<li><a href=\"#%s\">%s</a></li>", id, name);
    }
}

void report_navigation(smt_file *file, const smt_report_inputs *inputs)
{
    smt_file_printf(file, "<nav aria-label=\"Sections\"><ul>");
    link_to(file, true, "summary", "Summary");
    link_to(file, inputs->history_count > 0, "curves", "Training");
    link_to(file, true, "confusion", "Confusion matrix");
    link_to(file, true, "classes", "Classes");
    link_to(file, true, "confidence", "Confidence");
    link_to(file, true, "mistakes", "Worst mistakes");
    link_to(file, true, "unsure", "Least confident");
    link_to(file, inputs->file_count > 0, "files", "Model files");
    link_to(file, inputs->audit != NULL, "audit", "Data audit");
    link_to(file, true, "origin", "Provenance");
    smt_file_printf(file, "</ul></nav>\n");
}

static void card(smt_file *file, const char *value, const char *label)
{
    smt_file_printf(file, "<li><b>");
    html_text(file, value);
    smt_file_printf(file, "</b><span>");
    html_text(file, label);
    smt_file_printf(file, "</span></li>\n");
}

static void card_number(smt_file *file, const char *format, double value, const char *label)
{
    char text[64];
    if (isfinite(value)) {
        snprintf(text, sizeof text, format, value);
        card(file, text, label);
    }
}

static void card_interval(smt_file *file, double value, smt_interval interval, const char *name)
{
    char text[64], label[128];
    snprintf(text, sizeof text, "%.3f", value);
    snprintf(
        label, sizeof label, "%s, 95%% interval %.3f to %.3f", name, interval.low, interval.high);
    card(file, text, label);
}

void report_summary(smt_file *file, const smt_evaluation *e)
{
    const smt_metrics *m = e->metrics;
    smt_file_printf(file,
                    "<section aria-labelledby=\"summary\"><h2 id=\"summary\">Summary</h2>\n<ul "
                    "class=\"cards\">\n");
    card_interval(file, m->accuracy, m->accuracy_95, "accuracy");
    size_t right, known = smt_evaluation_known(e, &right);
    if (known && known < m->count) {
        char label[128];
        snprintf(label,
                 sizeof label,
                 "accuracy on the %zu %s whose class both know, other left out",
                 known,
                 smt_plural(known, "image", "images"));
        card_number(file, "%.3f", (double)right / (double)known, label);
    }
    card_interval(file, m->macro.f1, m->macro_f1_95, "macro F1");
    card_number(file, "%.3f", m->top2, "among the two most probable classes");
    card_number(file, "%.3f", m->calibration_error, "expected calibration error");
    card_number(
        file, "%.0f", (double)m->count, smt_plural(m->count, "image measured", "images measured"));
    if (e->skipped) {
        card_number(
            file,
            "%.0f",
            (double)e->skipped,
            smt_plural(e->skipped, "image skipped: unreadable", "images skipped: unreadable"));
    }
    char what[64] = "an image, network only";
    if (e->info.decision.views > 1) {
        snprintf(what, sizeof what, "an image, network only, for %d views", e->info.decision.views);
    }
    card_number(file, "%.2f ms", 1e3 * e->seconds / (double)(m->count ? m->count : 1), what);
    smt_file_printf(file, "</ul>\n");
    if (e->map->line_count) {
        smt_file_printf(file,
                        "<details open><summary>How class names were matched</summary><ul>\n");
        for (int i = 0; i < e->map->line_count; i++) {
            smt_file_printf(file, "<li>");
            html_text(file, e->map->lines[i]);
            smt_file_printf(file, "</li>\n");
        }
        smt_file_printf(file, "</ul></details>\n");
    }
    smt_file_printf(file,
                    "<p class=\"soft\">Intervals: percentile bootstrap over images. They tell how "
                    "far chance in the choice of these images reaches, not how images from another "
                    "tool differ.");
    if (m->accuracy == 1) {
        smt_file_printf(file,
                        " All are right, as in one case of twenty at an accuracy of %.3f.",
                        smt_all_right_accuracy(m));
    }
    smt_file_printf(file, "</p></section>\n");
}

/* The epoch whose weights the model has, as its provenance says; 0: it does not say. */
static int kept_epoch(const char *provenance)
{
    json_t *root = json_loads(provenance, 0, NULL);
    const json_t *metrics = json_object_get(root, "metrics");
    int epoch = (int)json_integer_value(json_object_get(metrics, "epoch"));
    json_decref(root);
    return epoch;
}

static void describe_kept(char *text, size_t room, double epoch, double f1)
{
    text[0] = 0;
    if (isfinite(epoch) && isfinite(f1)) {
        snprintf(text,
                 room,
                 "The model is that of epoch %.0f, marked by a dashed line: validation macro F1 "
                 "%.3f.",
                 epoch,
                 f1);
    } else if (isfinite(epoch)) {
        snprintf(text, room, "The model is that of epoch %.0f; no validation was made.", epoch);
    }
}

void report_curves(smt_file *file, const smt_evaluation *e, const smt_report_inputs *inputs)
{
    size_t n = inputs->history_count;
    double *x = n ? smt_alloc(n, 6 * sizeof *x) : NULL;
    if (!x) {
        return;
    }
    double *y[5], top = 0, f1 = (double)NAN, kept = (double)NAN;
    int epoch = kept_epoch(e->info.provenance);
    for (size_t s = 0; s < 5; s++) {
        y[s] = x + (s + 1) * n;
    }
    for (size_t i = 0; i < n; i++) {
        const smt_history_row *row = &inputs->history[i];
        x[i] = row->epoch;
        y[0][i] = row->train_loss;
        y[1][i] = row->val_loss;
        y[2][i] = row->train_accuracy;
        y[3][i] = row->val_accuracy;
        y[4][i] = row->val_macro_f1;
        top = fmax(top, fmax(isfinite(y[0][i]) ? y[0][i] : 0, isfinite(y[1][i]) ? y[1][i] : 0));
        if (row->epoch == epoch) {
            f1 = row->val_macro_f1;
            kept = epoch;
        }
    }
    bool marks = n < 25;
    const html_series losses[2] = {{"training", x, y[0], n, 0, marks},
                                   {"validation", x, y[1], n, 1, marks}};
    const html_series shares[3] = {{"training accuracy", x, y[2], n, 0, marks},
                                   {"validation accuracy", x, y[3], n, 1, marks},
                                   {"validation macro F1", x, y[4], n, 2, marks}};
    char validation[64] = "", text[160];
    if (isfinite(y[1][n - 1])) {
        snprintf(validation, sizeof validation, ", validation at %.3f", y[1][n - 1]);
    }
    snprintf(text,
             sizeof text,
             "Loss over %zu %s; training ends at %.3f%s.",
             n,
             smt_plural(n, "epoch", "epochs"),
             y[0][n - 1],
             validation);
    html_chart chart = {.id = "loss",
                        .title = "Loss",
                        .description = text,
                        .x_label = "epoch",
                        .y_label = "cross-entropy",
                        .x_low = x[0],
                        .x_high = x[n - 1] > x[0] ? x[n - 1] : x[0] + 1,
                        .x_whole = true,
                        .y_high = top > 0 ? 1.05 * top : 1,
                        .mark_x = kept,
                        .series = losses,
                        .count = 2};
    smt_file_printf(file,
                    "<section aria-labelledby=\"curves\"><h2 id=\"curves\">Training</h2>\n<div "
                    "class=\"charts\">\n");
    html_draw_chart(file, &chart);
    chart.id = "accuracy";
    chart.title = "Accuracy and macro F1";
    describe_kept(text, sizeof text, kept, f1);
    chart.y_label = "share";
    chart.y_high = 1;
    chart.series = shares;
    chart.count = 3;
    html_draw_chart(file, &chart);
    smt_file_printf(file, "</div>\n<p class=\"soft\">");
    html_text(file, text);
    smt_file_printf(file, "</p></section>\n");
    smt_free(x);
}

static void matrix_cell(smt_file *file, const smt_evaluation *e, int t, int p, const int *number)
{
    const smt_metrics *m = e->metrics;
    size_t count = m->confusion[(size_t)t * (size_t)m->class_count + (size_t)p],
           support = m->classes[t].support;
    double share = support ? (double)count / (double)support : 0;
    smt_file_printf(file, "<td class=\"%c\" style=\"--a:%.3f\">", t == p ? 'd' : 'e', sqrt(share));
    if (count) {
        smt_file_printf(file,
                        "<button type=\"button\" data-t=\"%d\" data-p=\"%d\" "
                        "aria-pressed=\"false\" aria-label=\"",
                        number[t],
                        number[p]);
        html_text(file, e->map->classes[t]);
        smt_file_printf(file, " predicted as ");
        html_text(file, e->map->classes[p]);
        smt_file_printf(file,
                        ": %zu, %.1f percent\">%zu<small>%.*f%%</small></button>",
                        count,
                        100 * share,
                        count,
                        share > 0.0995 ? 0 : 1,
                        100 * share);
    } else {
        smt_file_printf(file, "<span class=\"soft\">0</span>");
    }
    smt_file_printf(file, "</td>");
}

/* A class name that may break behind '_', so that a column is as narrow as its counts allow. */
static void class_name(smt_file *file, const char *name)
{
    while (*name) {
        size_t length = strcspn(name, "_");
        length += strspn(name + length, "_");
        char *part = smt_format("%.*s", (int)length, name);
        html_text(file, part ? part : "?");
        smt_free(part);
        name += length;
        if (*name) {
            smt_file_printf(file, "<wbr>");
        }
    }
}

static void whole_matrix(smt_file *file, const smt_evaluation *e, const int *number)
{
    const smt_metrics *m = e->metrics;
    smt_file_printf(
        file,
        "<p class=\"hint\">Choose a cell to see the images behind it; the arrow keys move between "
        "cells.</p>\n"
        "<div class=\"scroll\"><table id=\"matrix\"><caption>Rows: true class. Columns: predicted "
        "class. Counts and percentages of the row.</caption>\n<thead><tr><td></td>");
    for (int c = 0; c < m->class_count; c++) {
        if (number[c] >= 0) {
            smt_file_printf(file, "<th scope=\"col\">");
            class_name(file, e->map->classes[c]);
            smt_file_printf(file, "</th>");
        }
    }
    smt_file_printf(file, "<th scope=\"col\">images</th></tr></thead>\n<tbody>\n");
    for (int t = 0; t < m->class_count; t++) {
        if (number[t] < 0) {
            continue;
        }
        smt_file_printf(file, "<tr><th scope=\"row\">");
        class_name(file, e->map->classes[t]);
        smt_file_printf(file, "</th>");
        for (int p = 0; p < m->class_count; p++) {
            if (number[p] >= 0) {
                matrix_cell(file, e, t, p, number);
            }
        }
        smt_file_printf(file, "<td><span>%zu</span></td></tr>\n", m->classes[t].support);
    }
}

typedef struct confusion {
    size_t count;
    int truth, predicted;
} confusion;

static int more_frequent(const void *a, const void *b)
{
    const confusion *x = a, *y = b;
    if (x->count != y->count) {
        return x->count > y->count ? -1 : 1;
    }
    return x->truth != y->truth ? x->truth - y->truth : x->predicted - y->predicted;
}

/* Cells of a large matrix that hold mistakes, the fullest first; freed with smt_free. */
static confusion *list_confusions(const smt_metrics *m, size_t *count)
{
    size_t classes = (size_t)m->class_count, next = 0;
    *count = 0;
    for (size_t i = 0; i < classes * classes; i++) {
        *count += m->confusion[i] && i / classes != i % classes;
    }
    confusion *list = smt_alloc(*count, sizeof *list);
    for (size_t i = 0; list && i < classes * classes; i++) {
        if (m->confusion[i] && i / classes != i % classes) {
            list[next++] = (confusion){m->confusion[i], (int)(i / classes), (int)(i % classes)};
        }
    }
    if (list) {
        qsort(list, *count, sizeof *list, more_frequent);
    }
    return list;
}

static bool frequent_confusions(smt_file *file, const smt_evaluation *e, const int *number)
{
    enum { ROWS = 200 };
    size_t count = 0;
    confusion *list = list_confusions(e->metrics, &count);
    if (!list) {
        return false;
    }
    smt_file_printf(file,
                    "<p class=\"hint\">Choose a count to see the images behind it. "
                    "confusion_matrix.csv holds all classes.</p>\n<div class=\"scroll\"><table "
                    "id=\"matrix\"><caption>The most frequent of %zu confusions, with the share of "
                    "the true class's images.</caption>\n<thead><tr><th scope=\"col\">true</th><th "
                    "scope=\"col\">predicted</th><th "
                    "scope=\"col\">images</th></tr></thead>\n<tbody>\n",
                    count);
    for (size_t i = 0; i < count && i < ROWS; i++) {
        smt_file_printf(file, "<tr><th scope=\"row\">");
        html_text(file, e->map->classes[list[i].truth]);
        smt_file_printf(file, "</th><th>");
        html_text(file, e->map->classes[list[i].predicted]);
        smt_file_printf(file, "</th>");
        matrix_cell(file, e, list[i].truth, list[i].predicted, number);
        smt_file_printf(file, "</tr>\n");
    }
    smt_free(list);
    return true;
}

smt_status
report_matrix(smt_file *file, const smt_evaluation *e, const int *number, smt_error *error)
{
    int shown = 0;
    for (int c = 0; c < e->metrics->class_count; c++) {
        shown += number[c] >= 0;
    }
    smt_file_printf(file,
                    "<section aria-labelledby=\"confusion\"><h2 id=\"confusion\">Confusion "
                    "matrix</h2>\n");
    if (shown <= REPORT_MOST_CLASSES) {
        whole_matrix(file, e, number);
    } else if (!frequent_confusions(file, e, number)) {
        return smt_fail(error, SMT_ERR_MEMORY, "report: out of memory");
    }
    smt_file_printf(
        file,
        "</tbody></table></div>\n<div id=\"behind\" hidden><h3 id=\"behind-title\" tabindex=\"-1\" "
        "aria-live=\"polite\"></h3>\n<button type=\"button\" id=\"behind-close\">Close</button>\n"
        "<ul class=\"gallery\" id=\"behind-list\"></ul></div></section>\n");
    return SMT_OK;
}

static void score_row(smt_file *file, const char *name, const smt_class_score *s, bool bars)
{
    smt_file_printf(file, "<tr><th scope=\"row\">");
    class_name(file, name);
    smt_file_printf(file,
                    "</th><td>%.3f</td><td>%.3f</td><td>%.3f</td><td class=\"l\">",
                    s->precision,
                    s->recall,
                    s->f1);
    if (bars) {
        smt_file_printf(file, "<span class=\"bar\" style=\"width:%.1frem\"></span>", 8 * s->f1);
    }
    smt_file_printf(file, "</td><td>%zu</td></tr>\n", s->support);
}

void report_classes(smt_file *file, const smt_evaluation *e)
{
    const smt_metrics *m = e->metrics;
    smt_file_printf(
        file,
        "<section aria-labelledby=\"classes\"><h2 id=\"classes\">Classes</h2>\n<div "
        "class=\"scroll\"><table><caption>Precision: share of the images taken for a class that "
        "are of it. Recall: share of the class's images that were found.</caption>\n<thead><tr><th "
        "scope=\"col\" class=\"l\">class</th><th scope=\"col\">precision</th><th "
        "scope=\"col\">recall</th><th scope=\"col\">F1</th><td aria-hidden=\"true\"></td><th "
        "scope=\"col\">images</th></tr></thead>\n<tbody>\n");
    for (int c = 0; c < m->class_count; c++) {
        if (smt_metrics_active(m, c)) {
            score_row(file, e->map->classes[c], &m->classes[c], true);
        }
    }
    smt_file_printf(file, "</tbody>\n<tfoot>\n");
    score_row(file, "macro average", &m->macro, false);
    score_row(file, "weighted average", &m->weighted, false);
    smt_file_printf(file, "</tfoot></table></div></section>\n");
}

void report_confidence(smt_file *file, const smt_evaluation *e)
{
    const smt_metrics *m = e->metrics;
    if (!isfinite(m->calibration_error)) {
        return;
    }
    static const double diagonal[2] = {0, 1};
    double x[SMT_CALIBRATION_BINS], y[SMT_CALIBRATION_BINS];
    size_t used = 0;
    for (int b = 0; b < SMT_CALIBRATION_BINS; b++) {
        if (m->bins[b].count) {
            x[used] = m->bins[b].confidence;
            y[used++] = m->bins[b].accuracy;
        }
    }
    const html_series series[2] = {{"perfect", diagonal, diagonal, 2, 4, false},
                                   {"measured", x, y, used, 0, true}};
    char text[160];
    snprintf(text,
             sizeof text,
             "Accuracy against confidence in %zu bins; the expected calibration error is %.3f.",
             used,
             m->calibration_error);
    const html_chart chart = {.id = "reliability",
                              .title = "Reliability",
                              .description = text,
                              .x_label = "confidence",
                              .y_label = "accuracy",
                              .x_high = 1,
                              .y_high = 1,
                              .mark_x = (double)NAN,
                              .series = series,
                              .count = 2};
    smt_file_printf(file,
                    "<section aria-labelledby=\"confidence\"><h2 "
                    "id=\"confidence\">Confidence</h2>\n<div class=\"charts\">\n");
    html_draw_chart(file, &chart);
    smt_file_printf(
        file,
        "<div><p>Where the line lies under the diagonal, the model is surer than it should be. "
        "Expected calibration error: <b>%.4f</b> (temperature %.3f%s; %.4f without it), in bins of "
        "equal counts %.4f. With so many images a model whose confidence is perfect shows %.4f, "
        "and in one case of twenty more than %.4f: <b>%s</b>. Log loss: "
        "<b>%.4f</b>.</p>\n<div class=\"scroll\"><table><thead><tr><th "
        "scope=\"col\">confidence</th><th "
        "scope=\"col\">images</th><th scope=\"col\">accuracy</th></tr></thead><tbody>\n",
        m->calibration_error,
        (double)e->info.decision.temperature,
        smt_decision_fitted_here(e) ? ", set on these very images" : "",
        smt_uncalibrated_error(e),
        m->calibration_error_equal,
        m->calibration_chance,
        m->calibration_chance_95,
        smt_calibration_verdict(m),
        m->log_loss);
    for (int b = SMT_CALIBRATION_BINS - 1; b >= 0; b--) {
        if (m->bins[b].count) {
            smt_file_printf(file,
                            "<tr><td>%.2f to %.2f</td><td>%zu</td><td>%.3f</td></tr>\n",
                            (double)b / SMT_CALIBRATION_BINS,
                            (double)(b + 1) / SMT_CALIBRATION_BINS,
                            m->bins[b].count,
                            m->bins[b].accuracy);
        }
    }
    smt_file_printf(file, "</tbody></table></div></div></div>\n");
    report_rejection(file, e);
    smt_file_printf(file, "</section>\n");
}

static void fact(smt_file *file, const char *name, const char *value)
{
    smt_file_printf(file, "<tr><th scope=\"row\">");
    html_text(file, name);
    smt_file_printf(file, "</th><td class=\"l\">");
    html_text(file, value);
    smt_file_printf(file, "</td></tr>\n");
}

void report_provenance(smt_file *file, const smt_evaluation *e, const smt_report_inputs *inputs)
{
    char text[160];
    smt_file_printf(file,
                    "<section aria-labelledby=\"origin\"><h2 id=\"origin\">Provenance</h2>\n<div "
                    "class=\"scroll\"><table><tbody>\n");
    fact(file, "model", e->model);
    fact(file, "format", e->info.format);
    fact(file, "arithmetic", e->info.precision);
    snprintf(text, sizeof text, "%zu bytes (%.2f MB)", e->info.bytes, 1e-6 * (double)e->info.bytes);
    fact(file, "size", text);
    snprintf(text,
             sizeof text,
             "%d x %d, %s",
             e->info.input_size,
             e->info.input_size,
             e->info.channels == 1 ? "grey" : "3 channels");
    fact(file, "input", text);
    fact(file, "images", e->set);
    fact(file, "part", e->split);
    if (inputs->command) {
        fact(file, "command", inputs->command);
    }
    fact(file, "semtinel", smt_version());
    smt_file_printf(file,
                    "</tbody></table></div>\n<details><summary>How the model was made (options, "
                    "seed, data)</summary>\n<pre>");
    char *origin = smt_provenance_text(e->info.provenance);
    html_text(file, origin ? origin : "");
    smt_free(origin);
    smt_file_printf(file, "</pre></details></section>\n");
}
