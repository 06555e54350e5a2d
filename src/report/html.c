#include "report/html.h"

#include "report/draw.h"

#include <math.h>
#include <string.h>

void html_text(smt_file *file, const char *text)
{
    char *clean = smt_utf8(text);
    for (const char *p = clean ? clean : "?"; *p; p++) {
        switch (*p) {
        case '&':
            smt_file_printf(file, "&amp;");
            break;
        case '<':
            smt_file_printf(file, "&lt;");
            break;
        case '>':
            smt_file_printf(file, "&gt;");
            break;
        case '"':
            smt_file_printf(file, "&quot;");
            break;
        case '\'':
            smt_file_printf(file, "&#39;");
            break;
        default:
            smt_file_write(file, p, 1);
        }
    }
    smt_free(clean);
}

void html_json(smt_file *file, const char *text)
{
    char *clean = smt_utf8(text);
    smt_file_printf(file, "\"");
    for (const char *p = clean ? clean : "?"; *p; p++) {
        if (*p == '"' || *p == '\\' || *p == '<' || (unsigned char)*p < 0x20) {
            smt_file_printf(file, "\\u%04x", (unsigned)(unsigned char)*p);
        } else {
            smt_file_write(file, p, 1);
        }
    }
    smt_file_printf(file, "\"");
    smt_free(clean);
}

typedef struct buffer {
    uint8_t *data;
    size_t used, capacity;
} buffer;

static cairo_status_t collect(void *closure, const unsigned char *data, unsigned length)
{
    buffer *b = closure;
    if (b->used + length > b->capacity) {
        size_t larger = 2 * (b->used + length) + 4096;
        uint8_t *fresh = smt_realloc(b->data, b->used, larger, 1);
        if (!fresh) {
            return CAIRO_STATUS_NO_MEMORY;
        }
        b->data = fresh;
        b->capacity = larger;
    }
    memcpy(b->data + b->used, data, length);
    b->used += length;
    return CAIRO_STATUS_SUCCESS;
}

static char *base64(const uint8_t *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = smt_alloc((size + 2) / 3 * 4 + 1, 1), *out = text;
    for (size_t i = 0; text && i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                         (left > 2 ? data[i + 2] : 0);
        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 63];
        *out++ = left > 1 ? digits[group >> 6 & 63] : '=';
        *out++ = left > 2 ? digits[group & 63] : '=';
    }
    return text;
}

/* Takes over the surface. */
static char *encode(cairo_surface_t *surface)
{
    buffer b = {0};
    char *text = NULL;
    cairo_surface_mark_dirty(surface);
    if (cairo_surface_write_to_png_stream(surface, collect, &b) == CAIRO_STATUS_SUCCESS) {
        text = base64(b.data, b.used);
    }
    cairo_surface_destroy(surface);
    smt_free(b.data);
    return text;
}

char *html_png(const smt_image *image, int side)
{
    smt_image small = {0};
    const smt_image *shown = image;
    int longer = image->width > image->height ? image->width : image->height;
    if (longer > side) {
        int width = image->width * side / longer, height = image->height * side / longer;
        if (smt_image_resize(image, width > 0 ? width : 1, height > 0 ? height : 1, &small, NULL)) {
            return NULL;
        }
        shown = &small;
    }
    /* cairo writes its 8-bit alpha format as a grey PNG. */
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_A8, shown->width, shown->height);
    char *text = NULL;
    if (cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS) {
        unsigned char *data = cairo_image_surface_get_data(surface);
        size_t stride = (size_t)cairo_image_surface_get_stride(surface),
               width = (size_t)shown->width;
        for (size_t y = 0; y < (size_t)shown->height; y++) {
            memcpy(data + y * stride, shown->pixels + y * width, width);
        }
        text = encode(surface);
    } else {
        cairo_surface_destroy(surface);
    }
    smt_image_free(&small);
    return text;
}

char *html_png_rgb(const uint8_t *rgb, int width, int height)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    if (cairo_surface_status(surface)) {
        cairo_surface_destroy(surface);
        return NULL;
    }
    draw_canvas canvas = {.surface = surface, .width = width, .height = height};
    draw_rgb(&canvas, rgb);
    return encode(surface);
}

/* ---- charts ---- */

#define LEFT 52.0
#define TOP 14.0
#define WIDTH 440.0
#define HEIGHT 240.0

static double place_x(const html_chart *c, double x)
{
    return LEFT + WIDTH * (x - c->x_low) / (c->x_high - c->x_low);
}

static double place_y(const html_chart *c, double y)
{
    return TOP + HEIGHT * (c->y_high - y) / (c->y_high - c->y_low);
}

static void draw_grid_lines(smt_file *file, const html_chart *c)
{
    double step = draw_axes_step(c->x_high - c->x_low, 5, c->x_whole);
    for (long i = (long)ceil(c->x_low / step - 1e-9); (double)i * step <= c->x_high + step * 1e-6;
         i++) {
        double x = place_x(c, (double)i * step);
        smt_file_printf(
            file,
            "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/><text "
            "x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g</text>\n",
            x,
            TOP,
            x,
            TOP + HEIGHT,
            x,
            TOP + HEIGHT + 16,
            (double)i * step);
    }
    step = draw_axes_step(c->y_high - c->y_low, 5, false);
    for (long i = (long)ceil(c->y_low / step - 1e-9); (double)i * step <= c->y_high + step * 1e-6;
         i++) {
        double y = place_y(c, (double)i * step);
        smt_file_printf(file,
                        "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" "
                        "y2=\"%.1f\"/><text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
                        LEFT,
                        y,
                        LEFT + WIDTH,
                        y,
                        LEFT - 6,
                        y + 4,
                        fabs((double)i * step) < step * 1e-6 ? 0.0 : (double)i * step);
    }
}

static void draw_one(smt_file *file, const html_chart *c, const html_series *s)
{
    bool open = false;
    smt_file_printf(file, "<path class=\"s%d\" d=\"", s->colour);
    for (size_t i = 0; i < s->count; i++) {
        if (!isfinite(s->y[i]) || !isfinite(s->x[i])) {
            open = false;
            continue;
        }
        double y = fmin(fmax(s->y[i], c->y_low), c->y_high);
        smt_file_printf(file, "%c%.1f %.1f", open ? 'L' : 'M', place_x(c, s->x[i]), place_y(c, y));
        open = true;
    }
    smt_file_printf(file, "\"/>\n");
    for (size_t i = 0; s->marks && i < s->count; i++) {
        if (isfinite(s->y[i]) && isfinite(s->x[i])) {
            smt_file_printf(file,
                            "<circle class=\"m%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\"><title>%g: "
                            "%.4g</title></circle>\n",
                            s->colour,
                            place_x(c, s->x[i]),
                            place_y(c, s->y[i]),
                            s->x[i],
                            s->y[i]);
        }
    }
}

void html_draw_chart(smt_file *file, const html_chart *c)
{
    smt_file_printf(file, "<figure class=\"chart\"><figcaption>");
    html_text(file, c->title);
    smt_file_printf(file,
                    "</figcaption>\n<svg viewBox=\"0 0 510 300\" role=\"img\" "
                    "aria-labelledby=\"%s-t %s-d\"><title id=\"%s-t\">",
                    c->id,
                    c->id,
                    c->id);
    html_text(file, c->title);
    smt_file_printf(file, "</title><desc id=\"%s-d\">", c->id);
    html_text(file, c->description);
    smt_file_printf(file, "</desc>\n");
    draw_grid_lines(file, c);
    smt_file_printf(file,
                    "<rect class=\"frame\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n"
                    "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                    LEFT,
                    TOP,
                    WIDTH,
                    HEIGHT,
                    LEFT + WIDTH / 2,
                    TOP + HEIGHT + 36);
    html_text(file, c->x_label);
    smt_file_printf(
        file,
        "</text><text transform=\"translate(12 %.1f) rotate(-90)\" text-anchor=\"middle\">",
        TOP + HEIGHT / 2);
    html_text(file, c->y_label);
    smt_file_printf(file, "</text>\n");
    if (isfinite(c->mark_x)) {
        smt_file_printf(file,
                        "<line class=\"mark\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                        place_x(c, c->mark_x),
                        TOP,
                        place_x(c, c->mark_x),
                        TOP + HEIGHT);
    }
    for (size_t i = 0; i < c->count; i++) {
        draw_one(file, c, &c->series[i]);
    }
    smt_file_printf(file, "</svg>\n<p class=\"legend\">");
    for (size_t i = 0; i < c->count; i++) {
        smt_file_printf(file, "<span><i class=\"k%d\"></i>", c->series[i].colour);
        html_text(file, c->series[i].label);
        smt_file_printf(file, "</span> ");
    }
    smt_file_printf(file, "</p></figure>\n");
}
