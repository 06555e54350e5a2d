#include "report/report_parts.h"

#include <math.h>
#include <stdio.h>

/* What the thresholds do with the images taken for each class. */
static void class_table(smt_file *file, const smt_evaluation *e)
{
    const smt_decision *d = &e->info.decision;
    bool own = false; /* purities of single classes */
    for (int c = 0; c < e->info.class_count; c++) {
        own = own || d->purity[c] > 0;
    }
    smt_file_printf(file,
                    "<div class=\"scroll\"><table id=\"thresholds\"><thead><tr><th scope=\"col\" "
                    "class=\"l\">taken for</th>%s<th scope=\"col\">threshold</th><th "
                    "scope=\"col\">decided</th><th scope=\"col\">purity</th></tr></thead><tbody>\n",
                    own ? "<th scope=\"col\">purity asked</th>" : "");
    for (int c = 0; c < e->info.class_count; c++) {
        smt_rejection r = smt_rejection_of_class(e, c);
        char asked[48] = "", threshold[32] = "review all", purity[32] = "";
        if (d->purity[c] > 0) {
            snprintf(asked, sizeof asked, "<td>%g</td>", (double)d->purity[c]);
        } else if (own) {
            snprintf(asked, sizeof asked, "<td></td>");
        }
        if (d->threshold[c] == 0) {
            snprintf(threshold, sizeof threshold, "none");
        } else if (d->threshold[c] <= 1) {
            snprintf(threshold, sizeof threshold, "%.3f", (double)d->threshold[c]);
        }
        if (r.accepted) {
            snprintf(purity, sizeof purity, "%.3f", r.purity);
        }
        smt_file_printf(file, "<tr><th scope=\"row\">");
        html_text(file, e->info.classes[c]);
        smt_file_printf(file,
                        "</th>%s<td>%s</td><td>%zu of %zu</td><td>%s</td></tr>\n",
                        asked,
                        threshold,
                        r.accepted,
                        r.count,
                        purity);
    }
    smt_file_printf(file, "</tbody></table></div>\n");
}

/* Accuracy of the most confident images against their share, and where the model's thresholds
 * stand. points: e->count; xy: room for twice as many numbers. */
static void coverage_chart(smt_file *file,
                           const smt_evaluation *e,
                           const smt_coverage_point *points,
                           const smt_rejection *r,
                           double *xy)
{
    double lowest = 1;
    for (size_t i = 0; i < e->count; i++) {
        xy[i] = points[i].coverage;
        xy[e->count + i] = points[i].accuracy;
        lowest = fmin(lowest, points[i].accuracy);
    }
    char text[200];
    snprintf(text,
             sizeof text,
             "Accuracy of the most confident images against their share; it ends at %.3f for all "
             "images.",
             e->metrics->accuracy);
    const html_series series[2] = {
        {"accuracy", xy, xy + e->count, e->count, 0, false},
        {"thresholds of the model", &r->coverage, &r->purity, 1, 1, true}};
    const html_chart chart = {.id = "coverage",
                              .title = "Accuracy and coverage",
                              .description = text,
                              .x_label = "share decided automatically, most confident first",
                              .y_label = "accuracy",
                              .x_high = 1,
                              .y_low = fmin(floor(lowest * 10) / 10, 0.9),
                              .y_high = 1,
                              .mark_x = (double)NAN,
                              .series = series,
                              .count = e->info.decision.rejects && r->accepted ? 2 : 1};
    html_draw_chart(file, &chart);
}

static void coverage_table(smt_file *file, size_t count, const smt_coverage_point *points)
{
    smt_file_printf(
        file,
        "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">decided automatically</th><th "
        "scope=\"col\">accuracy</th><th scope=\"col\">least confidence</th></tr></thead><tbody>\n");
    for (size_t part = 5; part <= 10; part++) {
        size_t index = count * part / 10;
        if (index) {
            const smt_coverage_point *p = &points[index - 1];
            smt_file_printf(file,
                            "<tr><td>%zu%%</td><td>%.3f</td><td>%.3f</td></tr>\n",
                            10 * part,
                            p->accuracy,
                            p->threshold);
        }
    }
    smt_file_printf(file, "</tbody></table></div>\n");
}

/* What the thresholds do, in a sentence. */
static void thresholds(smt_file *file, const smt_evaluation *e, const smt_rejection *r)
{
    const smt_decision *decision = &e->info.decision;
    const char *plural = smt_plural(r->defects, "defect", "defects");
    if (!decision->rejects) {
        smt_file_printf(file,
                        "<p class=\"soft\">The model has no thresholds; 'semtinel calibrate' sets "
                        "them.");
        if (r->knows_clean) {
            smt_file_printf(
                file, " %zu of %zu %s are called clean.", r->escapes, r->defects, plural);
        }
        smt_file_printf(file, "</p>\n");
        return;
    }
    smt_file_printf(file, "<p>The model's thresholds (");
    html_text(file, decision->target);
    smt_file_printf(file,
                    "%s%s) ",
                    decision->per_class ? ", per class" : "",
                    smt_decision_fitted_here(e) ? ", set on these very images" : "");
    if (r->accepted) {
        smt_file_printf(file,
                        "decide <b>%.1f%%</b> of these images with purity <b>%.3f</b>",
                        100 * r->coverage,
                        r->purity);
    } else {
        smt_file_printf(file, "send all of these images to review");
    }
    if (r->knows_clean && r->accepted) {
        smt_file_printf(file,
                        " and call <b>%zu</b> of %zu %s clean; without review it would be %zu",
                        r->escapes,
                        r->defects,
                        plural,
                        r->escapes_before);
    } else if (r->knows_clean) {
        smt_file_printf(file,
                        "; without it %zu of %zu %s are called clean",
                        r->escapes_before,
                        r->defects,
                        plural);
    }
    smt_file_printf(file, ".</p>\n");
}

void report_rejection(smt_file *file, const smt_evaluation *e)
{
    smt_coverage_point *points = smt_alloc(e->count, sizeof *points);
    double *xy = smt_alloc(e->count, 2 * sizeof *xy);
    if (!points || !xy) {
        smt_free(points);
        smt_free(xy);
        return; /* the section is left out; nothing else depends on it */
    }
    double area = smt_coverage_curve(e, points);
    smt_rejection r = smt_rejection_measure(e);
    smt_file_printf(
        file, "<h3 id=\"review\">Leaving doubtful images to review</h3>\n<div class=\"charts\">\n");
    coverage_chart(file, e, points, &r, xy);
    smt_file_printf(file, "<div><p>Mean error over all coverages: <b>%.4f</b>.</p>\n", area);
    coverage_table(file, e->count, points);
    thresholds(file, e, &r);
    smt_file_printf(file, "</div></div>\n");
    if (smt_decision_by_class(&e->info.decision)) {
        class_table(file, e);
    }
    smt_free(points);
    smt_free(xy);
}
