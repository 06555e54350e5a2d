/* confusion_matrix.png and .svg: counts and row percentages; colour is the share of the row. Many
 * classes are drawn as colours alone, on a page whose size does not grow. */
#include "report/draw.h"
#include "report/report_parts.h"

#include <semtinel/report.h>

#include <math.h>
#include <stdio.h>

#define TOP 74
#define MARGIN 24
#define NAME_ROOM 190.0
#define LARGEST_SIDE 2800 /* of the cells together */
#define LEAST_WIDTH 640   /* of the page: the line above the cells */

static draw_colour shade(double share)
{
    /* From white to a dark blue; the root lifts small shares, which are what one looks for. */
    double t = sqrt(share);
    return (draw_colour){1 - 0.92 * t, 1 - 0.70 * t, 1 - 0.42 * t};
}

static double widest(cairo_t *cr, const smt_evaluation *e)
{
    double width = 0;
    for (int c = 0; c < e->metrics->class_count; c++) {
        if (smt_metrics_active(e->metrics, c)) {
            width = fmax(width, draw_text_width(cr, e->map->classes[c]));
        }
    }
    return fmin(width, NAME_ROOM);
}

/* Text metrics need a context before the size of the page is known. */
static double measure(const smt_evaluation *e, double size)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1);
    cairo_t *cr = cairo_create(surface);
    draw_font(cr, size, false);
    double width = widest(cr, e);
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    return width;
}

static void
draw_cell(cairo_t *cr, double x, double y, double cell, size_t count, size_t support, bool diagonal)
{
    char text[32];
    double share = support ? (double)count / (double)support : 0;
    draw_colour_set(cr, shade(share));
    cairo_rectangle(cr, x + 0.5, y + 0.5, cell - 1, cell - 1);
    cairo_fill_preserve(cr);
    draw_colour_set(cr, diagonal ? draw_soft : draw_grid);
    cairo_set_line_width(cr, 1);
    cairo_stroke(cr);
    if (!count) {
        return;
    }
    draw_colour_set(cr, share > 0.42 ? (draw_colour){1, 1, 1} : draw_ink);
    draw_font(cr, cell * 0.27, true);
    snprintf(text, sizeof text, "%zu", count);
    draw_text(cr, x + cell / 2, y + cell * 0.48, DRAW_CENTRE, cell - 2, text);
    draw_font(cr, cell * 0.19, false);
    snprintf(text, sizeof text, "%.*f%%", share > 0.0995 ? 0 : 1, 100 * share);
    draw_text(cr, x + cell / 2, y + cell * 0.78, DRAW_CENTRE, cell - 2, text);
}

static void draw_heading(cairo_t *cr, const smt_evaluation *e, double width)
{
    const smt_metrics *m = e->metrics;
    char line[256];
    draw_colour_set(cr, draw_ink);
    draw_font(cr, 17, true);
    draw_text(cr, MARGIN, 32, DRAW_LEFT, width - 2 * MARGIN, "Confusion matrix");
    draw_font(cr, 13, false);
    snprintf(line,
             sizeof line,
             "%zu %s (%s): accuracy %.3f [%.3f, %.3f], macro F1 %.3f [%.3f, %.3f]",
             m->count,
             smt_plural(m->count, "image", "images"),
             e->split,
             m->accuracy,
             m->accuracy_95.low,
             m->accuracy_95.high,
             m->macro.f1,
             m->macro_f1_95.low,
             m->macro_f1_95.high);
    draw_text(cr, MARGIN, 54, DRAW_LEFT, width - 2 * MARGIN, line);
    if (e->trained) {
        snprintf(line,
                 sizeof line,
                 "%s%zu of %zu images trained the model",
                 e->trained_more ? "at least " : "",
                 e->trained,
                 e->count + e->skipped);
        draw_colour_set(cr, draw_palette[1]);
        draw_font(cr, 13, true);
        draw_text(cr, width - MARGIN, 32, DRAW_RIGHT, width - 240, line);
    }
}

/* The true class t: its name, its cells, and at `right` its number of images. */
static void draw_row(
    cairo_t *cr, const smt_evaluation *e, int t, double left, double right, double y, double cell)
{
    const smt_metrics *m = e->metrics;
    draw_colour_set(cr, draw_ink);
    draw_font(cr, 14, false);
    draw_text(cr, left - 8, y + cell / 2 + 5, DRAW_RIGHT, NAME_ROOM, e->map->classes[t]);
    int column = 0;
    for (int p = 0; p < m->class_count; p++) {
        if (smt_metrics_active(m, p)) {
            size_t count = m->confusion[(size_t)t * (size_t)m->class_count + (size_t)p];
            draw_cell(cr, left + column * cell, y, cell, count, m->classes[t].support, t == p);
            column++;
        }
    }
    char line[32];
    draw_colour_set(cr, draw_soft);
    draw_font(cr, 13, false);
    snprintf(line, sizeof line, "%zu", m->classes[t].support);
    draw_text(cr, right + 10, y + cell / 2 + 5, DRAW_LEFT, 0, line);
}

/* The predicted classes, slanted under their columns. */
static void draw_names(cairo_t *cr, const smt_evaluation *e, double left, double y, double cell)
{
    int column = 0;
    for (int p = 0; p < e->metrics->class_count; p++) {
        if (smt_metrics_active(e->metrics, p)) {
            cairo_save(cr);
            cairo_translate(cr, left + (column + 0.5) * cell + 4, y);
            cairo_rotate(cr, -0.7);
            draw_colour_set(cr, draw_ink);
            draw_font(cr, 14, false);
            draw_text(cr, 0, 0, DRAW_RIGHT, NAME_ROOM, e->map->classes[p]);
            cairo_restore(cr);
            column++;
        }
    }
}

/* Cells without names and counts, a rectangle for each that is not empty. */
static void
draw_colours(cairo_t *cr, const smt_evaluation *e, double left, double side, double cell)
{
    const smt_metrics *m = e->metrics;
    double x, y = TOP;
    for (int t = 0; t < m->class_count; t++) {
        x = left;
        for (int p = 0; p < m->class_count && smt_metrics_active(m, t); p++) {
            size_t count = m->confusion[(size_t)t * (size_t)m->class_count + (size_t)p];
            if (count) {
                draw_colour_set(cr, shade((double)count / (double)m->classes[t].support));
                cairo_rectangle(cr, x, y, cell, cell);
                cairo_fill(cr);
            }
            x += smt_metrics_active(m, p) ? cell : 0;
        }
        y += smt_metrics_active(m, t) ? cell : 0;
    }
    draw_colour_set(cr, draw_soft);
    cairo_set_line_width(cr, 1);
    cairo_rectangle(cr, left, TOP, side, side);
    cairo_stroke(cr);
    draw_font(cr, 13, false);
    draw_text(cr,
              left,
              TOP + side + 18,
              DRAW_LEFT,
              0,
              "names and counts: confusion_matrix.csv has the classes in this order");
}

/* All cells with their counts, and the names of the classes. */
static void draw_table(cairo_t *cr, const smt_evaluation *e, double left, double side, double cell)
{
    double right = left + side;
    int row = 0;
    for (int t = 0; t < e->metrics->class_count; t++) {
        if (smt_metrics_active(e->metrics, t)) {
            draw_row(cr, e, t, left, right, TOP + row * cell, cell);
            row++;
        }
    }
    draw_font(cr, 12, false);
    draw_text(cr, right + 10, TOP - 6, DRAW_LEFT, 0, "images");
    draw_names(cr, e, left, TOP + side + 14, cell);
}

smt_status smt_plot_confusion(const smt_evaluation *e, const char *path, smt_error *error)
{
    int shown = 0;
    for (int c = 0; c < e->metrics->class_count; c++) {
        shown += smt_metrics_active(e->metrics, c);
    }
    bool colours = shown > REPORT_MOST_CLASSES;
    double cell = colours ? LARGEST_SIDE / shown : shown > 40 ? 28 : shown > 20 ? 44 : 62;
    double names = colours ? 0 : measure(e, 14), left = MARGIN + 28 + names + 10;
    double side = shown * cell, totals = 76,
           width = fmax(left + side + totals + MARGIN, LEAST_WIDTH);
    double height = TOP + side + names * 0.75 + 60;
    draw_canvas canvas;
    smt_status status = draw_open(path, (int)ceil(width), (int)ceil(height), &canvas, error);
    if (status) {
        return status;
    }
    cairo_t *cr = canvas.cr;
    draw_heading(cr, e, width);
    if (colours) {
        draw_colours(cr, e, left, side, cell);
    } else {
        draw_table(cr, e, left, side, cell);
    }
    draw_colour_set(cr, draw_soft);
    draw_font(cr, 13, false);
    draw_text(cr, left + side / 2, height - 14, DRAW_CENTRE, 0, "predicted");
    draw_text_upward(cr, MARGIN + 8, TOP + side / 2, "true");
    return draw_close(&canvas, path, SMT_OK, error);
}
