/* A class-activation map over its image. */
#include "report/draw.h"

#include <semtinel/report.h>

#include <math.h>

/* Inferno by five stops (van der Walt and Smith, CC0): rises
 * evenly in brightness, also for colour-blind readers. */
static void colour_of(double value, double *r, double *g, double *b)
{
    static const double stops[5][3] = {
        {0, 0, 4}, {87, 16, 110}, {188, 55, 84}, {249, 142, 9}, {252, 255, 164}};
    double at = fmin(fmax(value, 0), 1) * 4;
    int i = at >= 4 ? 3 : (int)at;
    double t = at - i;
    *r = stops[i][0] + t * (stops[i + 1][0] - stops[i][0]);
    *g = stops[i][1] + t * (stops[i + 1][1] - stops[i][1]);
    *b = stops[i][2] + t * (stops[i + 1][2] - stops[i][2]);
}

/* Catmull-Rom in one dimension; four neighbours make a
 * coarse map smooth without pulling its peaks down. */
static double cubic(double p0, double p1, double p2, double p3, double t)
{
    return p1 + 0.5 * t *
                    (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)));
}

static double at(const smt_explanation *e, int x, int y)
{
    x = x < 0 ? 0 : x >= e->width ? e->width - 1 : x;
    y = y < 0 ? 0 : y >= e->height ? e->height - 1 : y;
    return (double)e->map[y * e->width + x];
}

static double sample(const smt_explanation *e, double x, double y)
{
    double fx = x * e->width - 0.5, fy = y * e->height - 0.5;
    int ix = (int)floor(fx), iy = (int)floor(fy);
    double row[4];
    for (int k = 0; k < 4; k++) {
        int at_y = iy + k - 1;
        row[k] = cubic(at(e, ix - 1, at_y),
                       at(e, ix, at_y),
                       at(e, ix + 1, at_y),
                       at(e, ix + 2, at_y),
                       fx - ix);
    }
    return fmin(fmax(cubic(row[0], row[1], row[2], row[3], fy - iy), 0), 1);
}

smt_status smt_overlay(const smt_image *image,
                       const smt_explanation *explanation,
                       int width,
                       int height,
                       uint8_t *rgb,
                       smt_error *error)
{
    smt_image scaled = {0};
    smt_status status = smt_image_resize(image, width, height, &scaled, error);
    if (status) {
        return status;
    }
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            double value = sample(explanation, (x + 0.5) / width, (y + 0.5) / height);
            double grey = scaled.pixels[(size_t)y * (size_t)width + (size_t)x],
                   cover = 0.65 * value, r, g, b;
            uint8_t *out = rgb + 3 * ((size_t)y * (size_t)width + (size_t)x);
            colour_of(0.25 + 0.75 * value, &r, &g, &b);
            out[0] = (uint8_t)lrint((1 - cover) * grey + cover * r);
            out[1] = (uint8_t)lrint((1 - cover) * grey + cover * g);
            out[2] = (uint8_t)lrint((1 - cover) * grey + cover * b);
        }
    }
    smt_image_free(&scaled);
    return SMT_OK;
}

smt_status smt_overlay_save(const smt_image *image,
                            const smt_explanation *explanation,
                            const char *path,
                            smt_error *error)
{
    int longer = image->width > image->height ? image->width : image->height;
    double scale = longer < 256 ? 256.0 / longer : longer > 1024 ? 1024.0 / longer : 1;
    int width = (int)fmax(1, rint(scale * image->width)),
        height = (int)fmax(1, rint(scale * image->height));
    uint8_t *rgb = smt_alloc((size_t)width * (size_t)height, 3);
    if (!rgb) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    draw_canvas canvas;
    smt_status status = smt_overlay(image, explanation, width, height, rgb, error);
    status = status ? status : draw_open(path, width, height, &canvas, error);
    if (!status) {
        draw_rgb(&canvas, rgb);
        status = draw_close(&canvas, path, SMT_OK, error);
    }
    smt_free(rgb);
    return status;
}
