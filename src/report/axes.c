#include "report/draw.h"

#include <math.h>
#include <stdio.h>

double draw_axes_step(double range, int count, bool whole)
{
    double raw = range / count;
    double power = pow(10, floor(log10(raw)));
    double ratio = raw / power;
    double step = power * (ratio <= 1 ? 1 : ratio <= 2 ? 2 : ratio <= 5 ? 5 : 10);
    return whole && step < 1 ? 1 : step;
}

double draw_axes_x(const draw_axes *axes, double value)
{
    return axes->x + axes->width * (value - axes->x_low) / (axes->x_high - axes->x_low);
}

double draw_axes_y(const draw_axes *axes, double value)
{
    return axes->y + axes->height * (axes->y_high - value) / (axes->y_high - axes->y_low);
}

static void tick_label(double value, double step, bool scientific, char *out, size_t size)
{
    if (fabs(value) < step * 1e-6) {
        value = 0;
    }
    int digits = step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9);
    if (scientific && value != 0) {
        snprintf(out, size, "%.*e", 1, value);
    } else {
        snprintf(out, size, "%.*f", scientific ? 0 : digits, value);
    }
}

void draw_axes_frame(cairo_t *cr, const draw_axes *axes)
{
    char label[32];
    double x_step =
        draw_axes_step(axes->x_high - axes->x_low, (int)fmax(2, axes->width / 70), axes->x_whole);
    double y_step =
        draw_axes_step(axes->y_high - axes->y_low, (int)fmax(2, axes->height / 45), false);
    cairo_set_line_width(cr, 1);
    draw_font(cr, 12, false);
    for (long i = (long)ceil(axes->x_low / x_step - 1e-9);
         (double)i * x_step <= axes->x_high + x_step * 1e-6;
         i++) {
        double at = floor(draw_axes_x(axes, (double)i * x_step)) + 0.5;
        draw_colour_set(cr, draw_grid);
        cairo_move_to(cr, at, axes->y);
        cairo_line_to(cr, at, axes->y + axes->height);
        cairo_stroke(cr);
        draw_colour_set(cr, draw_soft);
        tick_label((double)i * x_step, x_step, false, label, sizeof label);
        draw_text(cr, at, axes->y + axes->height + 17, DRAW_CENTRE, 0, label);
    }
    for (long i = (long)ceil(axes->y_low / y_step - 1e-9);
         (double)i * y_step <= axes->y_high + y_step * 1e-6;
         i++) {
        double at = floor(draw_axes_y(axes, (double)i * y_step)) + 0.5;
        draw_colour_set(cr, draw_grid);
        cairo_move_to(cr, axes->x, at);
        cairo_line_to(cr, axes->x + axes->width, at);
        cairo_stroke(cr);
        draw_colour_set(cr, draw_soft);
        tick_label((double)i * y_step, y_step, axes->y_scientific, label, sizeof label);
        draw_text(cr, axes->x - 8, at + 4, DRAW_RIGHT, 0, label);
    }
    draw_colour_set(cr, draw_soft);
    cairo_rectangle(cr, axes->x + 0.5, axes->y + 0.5, axes->width, axes->height);
    cairo_stroke(cr);
    if (axes->x_label) {
        draw_text(cr,
                  axes->x + axes->width / 2,
                  axes->y + axes->height + 36,
                  DRAW_CENTRE,
                  0,
                  axes->x_label);
    }
    if (axes->y_label) {
        draw_text_upward(cr, axes->x - 52, axes->y + axes->height / 2, axes->y_label);
    }
    if (axes->title) {
        draw_colour_set(cr, draw_ink);
        draw_font(cr, 15, true);
        draw_text(cr, axes->x, axes->y - 34, DRAW_LEFT, axes->width, axes->title);
    }
}

void draw_axes_line(
    cairo_t *cr, const draw_axes *axes, const double *x, const double *y, size_t count, bool marks)
{
    cairo_save(cr);
    cairo_rectangle(cr, axes->x - 4, axes->y - 4, axes->width + 8, axes->height + 8);
    cairo_clip(cr);
    bool open = false;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(y[i])) {
            open = false;
            continue;
        }
        double px = draw_axes_x(axes, x[i]), py = draw_axes_y(axes, y[i]);
        if (open) {
            cairo_line_to(cr, px, py);
        } else {
            cairo_move_to(cr, px, py);
        }
        open = true;
    }
    cairo_stroke(cr);
    for (size_t i = 0; marks && i < count; i++) {
        if (isfinite(y[i])) {
            cairo_arc(
                cr, draw_axes_x(axes, x[i]), draw_axes_y(axes, y[i]), 3, 0, 6.283185307179586);
            cairo_fill(cr);
        }
    }
    cairo_restore(cr);
}

void draw_legend(cairo_t *cr, double x, double y, const draw_key *keys, size_t count)
{
    static const double dashes[2] = {5, 4};
    draw_font(cr, 12, false);
    for (size_t i = 0; i < count; i++) {
        draw_colour_set(cr, keys[i].colour);
        cairo_set_line_width(cr, 3);
        cairo_set_dash(cr, dashes, keys[i].dashed ? 2 : 0, 0);
        cairo_move_to(cr, x, y - 4);
        cairo_line_to(cr, x + 22, y - 4);
        cairo_stroke(cr);
        cairo_set_dash(cr, dashes, 0, 0);
        draw_colour_set(cr, draw_ink);
        draw_text(cr, x + 28, y, DRAW_LEFT, 0, keys[i].label);
        x += 28 + draw_text_width(cr, keys[i].label) + 22;
    }
}
