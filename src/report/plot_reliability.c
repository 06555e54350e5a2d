/* reliability.png and coverage.png. */
#include "report/draw.h"

#include <semtinel/report.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SIDE 420.0

static draw_axes unit_axes(const char *title, const char *x_label, const char *y_label)
{
    return (draw_axes){.x = 84,
                       .y = 92,
                       .width = SIDE,
                       .height = SIDE,
                       .x_high = 1,
                       .y_high = 1,
                       .title = title,
                       .x_label = x_label,
                       .y_label = y_label};
}

smt_status smt_plot_reliability(const smt_evaluation *e, const char *path, smt_error *error)
{
    const smt_metrics *m = e->metrics;
    draw_canvas canvas;
    smt_status status = draw_open(path, 540, 570, &canvas, error);
    if (status) {
        return status;
    }
    cairo_t *cr = canvas.cr;
    draw_axes axes = unit_axes("Reliability", "confidence", "accuracy");
    char line[128];
    draw_axes_frame(cr, &axes);
    size_t most = 1;
    for (int b = 0; b < SMT_CALIBRATION_BINS; b++) {
        most = m->bins[b].count > most ? m->bins[b].count : most;
    }
    static const double diagonal[2] = {0, 1}, dashes[2] = {5, 4};
    for (int b = 0; b < SMT_CALIBRATION_BINS; b++) {
        if (!m->bins[b].count) {
            continue;
        }
        double left = draw_axes_x(&axes, (double)b / SMT_CALIBRATION_BINS) + 1;
        double width = SIDE / SMT_CALIBRATION_BINS - 2,
               top = draw_axes_y(&axes, m->bins[b].accuracy);
        /* A bar that few images made is pale. */
        double strength = 0.3 + 0.7 * sqrt((double)m->bins[b].count / (double)most);
        cairo_set_source_rgba(
            cr, draw_palette[0].r, draw_palette[0].g, draw_palette[0].b, strength);
        cairo_rectangle(cr, left, top, width, draw_axes_y(&axes, 0) - top);
        cairo_fill(cr);
        draw_colour_set(cr, draw_palette[1]);
        cairo_set_line_width(cr, 2);
        double at = draw_axes_y(&axes, m->bins[b].confidence);
        cairo_move_to(cr, left, at);
        cairo_line_to(cr, left + width, at);
        cairo_stroke(cr);
        draw_colour_set(cr, draw_ink);
        draw_font(cr, 10, false);
        snprintf(line, sizeof line, "%zu", m->bins[b].count);
        draw_text(cr, left + width / 2, fmax(fmin(top, at) - 4, axes.y + 12), DRAW_CENTRE, 0, line);
    }
    draw_colour_set(cr, draw_soft);
    cairo_set_line_width(cr, 1.5);
    cairo_set_dash(cr, dashes, 2, 0);
    draw_axes_line(cr, &axes, diagonal, diagonal, 2, false);
    cairo_set_dash(cr, dashes, 0, 0);
    const draw_key keys[2] = {{"accuracy (number: images)", draw_palette[0], false},
                              {"confidence", draw_palette[1], false}};
    draw_legend(cr, axes.x, axes.y - 12, keys, 2);
    draw_colour_set(cr, draw_soft);
    draw_font(cr, 13, false);
    snprintf(line,
             sizeof line,
             "calibration error %.3f, temperature %.2f",
             m->calibration_error,
             (double)e->info.decision.temperature);
    draw_text(cr, axes.x + SIDE, axes.y - 34, DRAW_RIGHT, 0, line);
    return draw_close(&canvas, path, SMT_OK, error);
}

smt_status smt_plot_coverage(const smt_evaluation *e, const char *path, smt_error *error)
{
    smt_coverage_point *points = smt_alloc(e->count, sizeof *points);
    double *xy = smt_alloc(e->count, 2 * sizeof *xy);
    draw_canvas canvas;
    smt_status status = SMT_OK;
    double area = points ? smt_coverage_curve(e, points) : -1;
    if (!points || !xy || area < 0) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    status = status ? status : draw_open(path, 540, 570, &canvas, error);
    if (!status) {
        char line[384];
        double lowest = 1;
        for (size_t i = 0; i < e->count; i++) {
            xy[i] = points[i].coverage;
            xy[e->count + i] = points[i].accuracy;
            lowest = fmin(lowest, points[i].accuracy);
        }
        draw_axes axes = unit_axes("Accuracy and coverage",
                                   "share decided automatically, most confident first",
                                   "accuracy");
        axes.y_low = fmin(floor(lowest * 10) / 10, 0.9);
        draw_axes_frame(canvas.cr, &axes);
        draw_colour_set(canvas.cr, draw_palette[0]);
        cairo_set_line_width(canvas.cr, 2);
        draw_axes_line(canvas.cr, &axes, xy, xy + e->count, e->count, false);
        bool rejects = e->info.decision.rejects;
        smt_rejection r = smt_rejection_measure(e);
        const char *target = /* so much goes beside the figures */
            strlen(e->info.decision.target) <= 36 ? e->info.decision.target : "thresholds by class";
        if (rejects && r.accepted) {
            draw_colour_set(canvas.cr, draw_palette[1]);
            cairo_arc(canvas.cr,
                      draw_axes_x(&axes, r.coverage),
                      draw_axes_y(&axes, fmax(r.purity, axes.y_low)),
                      6,
                      0,
                      6.2832);
            cairo_fill(canvas.cr);
            snprintf(
                line, sizeof line, "%s: coverage %.2f, purity %.3f", target, r.coverage, r.purity);
            const draw_key key = {line, draw_palette[1], false};
            draw_legend(canvas.cr, axes.x, axes.y - 12, &key, 1);
        } else {
            draw_colour_set(canvas.cr, draw_soft);
            draw_font(canvas.cr, 13, false);
            snprintf(line, sizeof line, "mean error over all coverages: %.3f", area);
            if (rejects) {
                snprintf(line, sizeof line, "%s: nothing decided automatically", target);
            }
            draw_text(canvas.cr, axes.x, axes.y - 12, DRAW_LEFT, 0, line);
        }
        status = draw_close(&canvas, path, SMT_OK, error);
    }
    smt_free(points);
    smt_free(xy);
    return status;
}
