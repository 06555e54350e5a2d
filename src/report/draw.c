#include "report/draw.h"

#include <cairo-svg.h>
#include <fontconfig/fontconfig.h>
#include <math.h>
#include <string.h>
#include <strings.h>

const draw_colour draw_palette[6] = {{0.000, 0.447, 0.698},
                                     {0.835, 0.369, 0.000},
                                     {0.000, 0.620, 0.451},
                                     {0.800, 0.475, 0.655},
                                     {0.902, 0.624, 0.000},
                                     {0.337, 0.706, 0.914}};
const draw_colour draw_ink = {0.13, 0.15, 0.18}, draw_soft = {0.38, 0.41, 0.45},
                  draw_grid = {0.88, 0.89, 0.91};

static cairo_status_t write_part(void *closure, const unsigned char *data, unsigned length)
{
    smt_file_write(closure, data, length);
    return CAIRO_STATUS_SUCCESS; /* the file keeps its error until it is committed */
}

smt_status draw_open(const char *path, int width, int height, draw_canvas *out, smt_error *error)
{
    draw_canvas canvas = {.width = width, .height = height};
    canvas.svg = strcasecmp(smt_path_suffix(path), ".svg") == 0;
    smt_status status = smt_file_create(path, &canvas.file, error);
    if (status) {
        return status;
    }
    canvas.surface =
        canvas.svg ? cairo_svg_surface_create_for_stream(write_part, canvas.file, width, height)
                   : cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    canvas.cr = cairo_create(canvas.surface);
    if (cairo_status(canvas.cr)) {
        status = smt_fail(error,
                          SMT_ERR_MEMORY,
                          "%s: cannot draw %d x %d pixels: %s",
                          path,
                          width,
                          height,
                          cairo_status_to_string(cairo_status(canvas.cr)));
        return draw_close(&canvas, path, status, NULL);
    }
    cairo_set_source_rgb(canvas.cr, 1, 1, 1);
    cairo_paint(canvas.cr);
    *out = canvas;
    return SMT_OK;
}

smt_status draw_close(draw_canvas *canvas, const char *path, smt_status status, smt_error *error)
{
    cairo_status_t drawn = cairo_status(canvas->cr);
    if (!status && !drawn && !canvas->svg) {
        drawn = cairo_surface_write_to_png_stream(canvas->surface, write_part, canvas->file);
    }
    cairo_destroy(canvas->cr);
    cairo_surface_finish(canvas->surface);
    if (!drawn) {
        drawn = cairo_surface_status(canvas->surface);
    }
    cairo_surface_destroy(canvas->surface);
    if (!status && drawn) {
        status = smt_fail(
            error, SMT_ERR_MEMORY, "%s: cannot draw: %s", path, cairo_status_to_string(drawn));
    }
    if (status) {
        smt_file_abandon(&canvas->file);
        return status;
    }
    return smt_file_commit(&canvas->file, error);
}

void draw_colour_set(cairo_t *cr, draw_colour colour)
{
    cairo_set_source_rgb(cr, colour.r, colour.g, colour.b);
}

#define FAMILY "DejaVu Sans"

void draw_font(cairo_t *cr, double size, bool bold)
{
    cairo_select_font_face(cr,
                           FAMILY,
                           CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, size);
}

/* Bytes of the character of UTF-8. */
static int size_of(const char *character)
{
    int size = 1;
    while (((unsigned char)character[size] & 0xc0) == 0x80) {
        size++;
    }
    return size;
}

static bool has_glyphs(cairo_t *cr, const char *text, int length)
{
    cairo_glyph_t *glyphs = NULL;
    int count = 0;
    cairo_status_t status = cairo_scaled_font_text_to_glyphs(
        cairo_get_scaled_font(cr), 0, 0, text, length, &glyphs, &count, NULL, NULL, NULL);
    bool has = true;
    for (int i = 0; i < count && !status; i++) {
        has = has && glyphs[i].index;
    }
    cairo_glyph_free(glyphs);
    return has;
}

/* The family that has most of the characters, such as Chinese ones, that the current font lacks.
 * NULL: it lacks none. cairo itself looks into one font only. */
static char *other_family(cairo_t *cr, const char *text)
{
    if (has_glyphs(cr, text, (int)strlen(text))) {
        return NULL;
    }
    char *name = NULL;
    FcPattern *wanted = FcPatternCreate(), *found = NULL;
    FcCharSet *lacking = FcCharSetCreate();
    if (wanted && lacking) {
        FcChar32 code;
        FcResult result;
        for (int size; *text; text += size) {
            size = size_of(text);
            if (!has_glyphs(cr, text, size) &&
                FcUtf8ToUcs4((const FcChar8 *)text, &code, size) > 0) {
                FcCharSetAddChar(lacking, code);
            }
        }
        FcPatternAddCharSet(wanted, FC_CHARSET, lacking);
        FcPatternAddString(wanted, FC_FAMILY, (const FcChar8 *)FAMILY);
        FcConfigSubstitute(NULL, wanted, FcMatchPattern);
        FcDefaultSubstitute(wanted);
        found = FcFontMatch(NULL, wanted, &result);
    }
    FcChar8 *family;
    if (found && FcPatternGetString(found, FC_FAMILY, 0, &family) == FcResultMatch) {
        name = smt_strdup((const char *)family);
    }
    if (found) {
        FcPatternDestroy(found);
    }
    if (lacking) {
        FcCharSetDestroy(lacking);
    }
    if (wanted) {
        FcPatternDestroy(wanted);
    }
    return name;
}

/* In runs of the current font and, for what it lacks, of `other`, if not NULL. Draws the text if
 * `shown`; returns its width. */
static double lay_out(cairo_t *cr, char *text, const char *other, bool shown)
{
    double width = 0;
    while (*text) {
        size_t length = strlen(text);
        bool lacks = other && !has_glyphs(cr, text, size_of(text));
        if (other) {
            length = (size_t)size_of(text);
            while (text[length] && has_glyphs(cr, text + length, size_of(text + length)) != lacks) {
                length += (size_t)size_of(text + length);
            }
        }
        char next = text[length];
        text[length] = 0;
        cairo_save(cr);
        if (lacks) {
            cairo_select_font_face(cr,
                                   other,
                                   CAIRO_FONT_SLANT_NORMAL,
                                   cairo_toy_font_face_get_weight(cairo_get_font_face(cr)));
        }
        cairo_text_extents_t extents;
        cairo_text_extents(cr, text, &extents);
        width += extents.x_advance;
        if (shown) {
            cairo_show_text(cr, text);
        }
        cairo_restore(cr);
        text[length] = next;
        text += length;
    }
    return width;
}

double draw_text_width(cairo_t *cr, const char *text)
{
    /* cairo refuses to draw anything further after text that is not UTF-8. */
    char *clean = smt_utf8(text);
    char *other = clean ? other_family(cr, clean) : NULL;
    double width = clean ? lay_out(cr, clean, other, false) : 0;
    smt_free(other);
    smt_free(clean);
    return width;
}

/* Where a character of UTF-8 begins. */
static size_t place_of(const char *text, int character)
{
    size_t i = 0;
    while (text[i] && character > 0) {
        i++;
        character -= ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return i;
}

void draw_text(cairo_t *cr, double x, double y, draw_align align, double room, const char *text)
{
    static const char ellipsis[] = "\xe2\x80\xa6";
    char *clean = smt_utf8(text);
    char *shown = clean ? smt_format("%s%s", clean, ellipsis) : NULL;
    if (shown) {
        int length = smt_utf8_length(clean), kept = length;
        shown[strlen(clean)] = 0;
        char *other = other_family(cr, shown);
        double width = lay_out(cr, shown, other, false);
        while (room > 0 && width > room && kept > 0) {
            kept--;
            size_t head = place_of(clean, (kept + 1) / 2),
                   tail = place_of(clean, length - kept / 2);
            memcpy(shown + head, ellipsis, sizeof ellipsis - 1);
            strcpy(shown + head + sizeof ellipsis - 1, clean + tail);
            width = lay_out(cr, shown, other, false);
        }
        cairo_move_to(cr,
                      align == DRAW_LEFT     ? x
                      : align == DRAW_CENTRE ? x - width / 2
                                             : x - width,
                      y);
        lay_out(cr, shown, other, true);
        cairo_new_path(cr);
        smt_free(other);
    }
    smt_free(shown);
    smt_free(clean);
}

void draw_text_upward(cairo_t *cr, double x, double y, const char *text)
{
    cairo_save(cr);
    cairo_translate(cr, x, y);
    cairo_rotate(cr, -1.5707963267948966);
    draw_text(cr, 0, 0, DRAW_CENTRE, 0, text);
    cairo_restore(cr);
}

bool draw_image(
    cairo_t *cr, const smt_image *image, double x, double y, double width, double height)
{
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, image->width, image->height);
    if (cairo_surface_status(surface)) {
        cairo_surface_destroy(surface);
        return false;
    }
    unsigned char *data = cairo_image_surface_get_data(surface);
    int stride = cairo_image_surface_get_stride(surface);
    for (int row = 0; row < image->height; row++) {
        uint32_t *line = (uint32_t *)(void *)(data + (size_t)row * (size_t)stride);
        for (int column = 0; column < image->width; column++) {
            line[column] =
                0x010101u * image->pixels[(size_t)row * (size_t)image->width + (size_t)column];
        }
    }
    cairo_surface_mark_dirty(surface);
    double scale = fmin(width / image->width, height / image->height);
    cairo_save(cr);
    cairo_translate(
        cr, x + (width - scale * image->width) / 2, y + (height - scale * image->height) / 2);
    cairo_scale(cr, scale, scale);
    cairo_set_source_surface(cr, surface, 0, 0);
    /* Without mirroring at the border, the filter would blend the edge pixels with nothing. */
    cairo_pattern_set_extend(cairo_get_source(cr), CAIRO_EXTEND_PAD);
    cairo_pattern_set_filter(cairo_get_source(cr),
                             scale >= 2 ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_GOOD);
    cairo_rectangle(cr, 0, 0, image->width, image->height);
    cairo_fill(cr);
    cairo_restore(cr);
    cairo_surface_destroy(surface);
    return true;
}

void draw_rgb(draw_canvas *canvas, const uint8_t *rgb)
{
    cairo_surface_flush(canvas->surface);
    unsigned char *data = cairo_image_surface_get_data(canvas->surface);
    size_t stride = (size_t)cairo_image_surface_get_stride(canvas->surface);
    size_t width = (size_t)canvas->width, height = (size_t)canvas->height;
    for (size_t y = 0; data && y < height; y++) {
        for (size_t x = 0; x < width; x++) {
            const uint8_t *p = rgb + 3 * (y * width + x);
            uint32_t value = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
            memcpy(data + y * stride + 4 * x, &value, sizeof value);
        }
    }
    cairo_surface_mark_dirty(canvas->surface);
}
