/* Drawing with cairo: a canvas that ends in a PNG or SVG file, text, images, and axes with ticks.
 * Coordinates are pixels from the top left corner. */
#ifndef SEMTINEL_REPORT_DRAW_H
#define SEMTINEL_REPORT_DRAW_H

#include <semtinel/image.h>

#include <cairo.h>

typedef struct draw_colour {
    double r, g, b;
} draw_colour;

/* Okabe and Ito's palette, told apart by colour-blind readers too. */
extern const draw_colour draw_palette[6];
extern const draw_colour draw_ink, draw_soft, draw_grid;

typedef struct draw_canvas {
    cairo_t *cr;
    cairo_surface_t *surface;
    smt_file *file;
    bool svg;
    double width, height;
} draw_canvas;

/* White canvas; the suffix of `path` (.svg, else PNG) says what draw_close writes. */
smt_status draw_open(const char *path, int width, int height, draw_canvas *out, smt_error *error);
/* Writes the file if `status` is SMT_OK, frees all; returns the first failure. */
smt_status draw_close(draw_canvas *canvas, const char *path, smt_status status, smt_error *error);

typedef enum draw_align { DRAW_LEFT, DRAW_CENTRE, DRAW_RIGHT } draw_align;

void draw_colour_set(cairo_t *cr, draw_colour colour);
void draw_font(cairo_t *cr, double size, bool bold);
double draw_text_width(cairo_t *cr, const char *text);
/* Baseline at y, in the current font and colour; `room` > 0: cut to that width with an ellipsis in
 * the middle, since names often differ at their ends. Any bytes are fine. */
void draw_text(cairo_t *cr, double x, double y, draw_align align, double room, const char *text);
/* Rotated by -90 degrees about (x, y), centred. */
void draw_text_upward(cairo_t *cr, double x, double y, const char *text);
/* The image scaled to fit a box, centred. False: no memory. */
bool draw_image(
    cairo_t *cr, const smt_image *image, double x, double y, double width, double height);

/* Fills a PNG canvas with width x height x 3 bytes. */
void draw_rgb(draw_canvas *canvas, const uint8_t *rgb);

typedef struct draw_axes {
    double x, y, width, height;            /* the plot area on the canvas */
    double x_low, x_high, y_low, y_high;   /* the ranges shown */
    const char *title, *x_label, *y_label; /* each may be NULL */
    bool x_whole;                          /* ticks at whole numbers only */
    bool y_scientific;
} draw_axes;

/* 1, 2 or 5 times a power of ten, so that `count` steps or fewer cover the range; `whole`: at least
 * 1. */
double draw_axes_step(double range, int count, bool whole);
void draw_axes_frame(cairo_t *cr, const draw_axes *axes);
double draw_axes_x(const draw_axes *axes, double value);
double draw_axes_y(const draw_axes *axes, double value);
/* A line through (x[i], y[i]), broken where y is not finite; `marks` adds dots. */
void draw_axes_line(
    cairo_t *cr, const draw_axes *axes, const double *x, const double *y, size_t count, bool marks);

typedef struct draw_key {
    const char *label;
    draw_colour colour;
    bool dashed;
} draw_key;
/* Keys in a row from (x, y). */
void draw_legend(cairo_t *cr, double x, double y, const draw_key *keys, size_t count);

#endif
