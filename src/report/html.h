/* Writing HTML: escaped text, images as data URLs, line
 * charts as inline SVG that follows the page's colours. */
#ifndef SEMTINEL_REPORT_HTML_H
#define SEMTINEL_REPORT_HTML_H

#include <semtinel/image.h>

extern const char *const html_style[]; /* the page's style sheet in parts, NULL-terminated */
extern const char html_script[];

/* Text with & < > " ' escaped; bytes that are not UTF-8 become U+FFFD. */
void html_text(smt_file *file, const char *text);
/* The same in a JSON string within <script>: quotes, backslashes, controls and < are escaped. */
void html_json(smt_file *file, const char *text);

/* Grey PNG, at most `side` pixels a side, as base64 (without "data:..."); freed with smt_free;
 * NULL: no memory. */
char *html_png(const smt_image *image, int side);
/* width x height RGB, 3 bytes a pixel, likewise. */
char *html_png_rgb(const uint8_t *rgb, int width, int height);

typedef struct html_series {
    const char *label;
    const double *x, *y; /* count each; gaps where y is not finite */
    size_t count;
    int colour; /* 0 .. 3: the page's series colours; 4: soft and dashed */
    bool marks;
} html_series;

typedef struct html_chart {
    const char *id, *title, *description, *x_label, *y_label;
    double x_low, x_high, y_low, y_high;
    bool x_whole;  /* ticks at whole numbers only */
    double mark_x; /* a dashed line; NaN: none */
    const html_series *series;
    size_t count;
} html_chart;
void html_draw_chart(smt_file *file, const html_chart *chart);

#endif
