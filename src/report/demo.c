/* The demo video: an image at the left, what the model says of it at the right, counters below. */
#include "report/draw.h"
#include "report/video.h"

#include <semtinel/report.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 1280
#define HEIGHT 720
#define GIF_WIDTH 640
#define GIF_HEIGHT 360
#define GIF_RATE 10
#define IMAGE_SIDE 640
#define BARS 5

static const draw_colour dark = {0.08, 0.094, 0.118}, panel = {0.114, 0.137, 0.169},
                         light = {0.91, 0.925, 0.945};
static const draw_colour dim = {0.62, 0.66, 0.71}, blue = {0.373, 0.69, 0.902},
                         green = {0.30, 0.76, 0.62};
static const draw_colour red = {0.94, 0.53, 0.29};

struct smt_demo {
    smt_classifier *classifier; /* borrowed */
    smt_explainer *explainer;   /* borrowed, or NULL */
    video_writer *video, *gif;  /* each may be NULL */
    cairo_surface_t *page, *small;
    cairo_t *cr, *small_cr;
    int rate;
    size_t shown, labelled, right, review;
    size_t frames;
    double seconds;   /* shown so far */
    size_t gif_ticks; /* of the GIF, so far */
    uint8_t *rgb;
};

smt_demo_options smt_demo_defaults(void)
{
    return (smt_demo_options){.rate = 25};
}

static void release(smt_demo **demo)
{
    smt_demo *d = *demo;
    video_abandon(&d->video);
    video_abandon(&d->gif);
    cairo_destroy(d->cr);
    cairo_destroy(d->small_cr);
    cairo_surface_destroy(d->page);
    cairo_surface_destroy(d->small);
    smt_free(d->rgb);
    smt_free(d);
    *demo = NULL;
}

void smt_demo_abandon(smt_demo **demo)
{
    if (demo && *demo) {
        release(demo);
    }
}

smt_status smt_demo_create(smt_classifier *classifier,
                           smt_explainer *explainer,
                           const smt_demo_options *options,
                           smt_demo **out,
                           smt_error *error)
{
    if (options->rate < 1 || options->rate > 120 || (!options->video && !options->gif)) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "a demo needs a file and 1 .. 120 frames a second, not %d",
                        options->rate);
    }
    smt_demo *d = smt_alloc(1, sizeof *d);
    if (!d) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for a video");
    }
    d->classifier = classifier;
    d->explainer = explainer;
    d->rate = options->rate;
    d->page = cairo_image_surface_create(CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
    d->small = cairo_image_surface_create(CAIRO_FORMAT_RGB24, GIF_WIDTH, GIF_HEIGHT);
    d->cr = cairo_create(d->page);
    d->small_cr = cairo_create(d->small);
    d->rgb = smt_alloc((size_t)IMAGE_SIDE * IMAGE_SIDE, 3);
    smt_status status = SMT_OK;
    if (cairo_status(d->cr) || cairo_status(d->small_cr) || !d->rgb) {
        status = smt_fail(error, SMT_ERR_MEMORY, "out of memory for a video");
    }
    if (!status && options->video) {
        status = video_create(options->video, WIDTH, HEIGHT, options->rate, &d->video, error);
    }
    if (!status && options->gif) {
        status = video_create(options->gif, GIF_WIDTH, GIF_HEIGHT, GIF_RATE, &d->gif, error);
    }
    if (status) {
        release(&d);
        return status;
    }
    *out = d;
    return SMT_OK;
}

static void box(cairo_t *cr, draw_colour colour, double x, double y, double width, double height)
{
    draw_colour_set(cr, colour);
    cairo_rectangle(cr, x, y, width, height);
    cairo_fill(cr);
}

static void text(cairo_t *cr,
                 draw_colour colour,
                 double size,
                 bool bold,
                 double x,
                 double y,
                 double room,
                 const char *words)
{
    draw_colour_set(cr, colour);
    draw_font(cr, size, bold);
    draw_text(cr, x, y, DRAW_LEFT, room, words);
}

/* The overlay where it is asked for; an image that is not square keeps its shape. */
static smt_status draw_picture(
    smt_demo *d, const smt_image *image, const uint8_t *small, int class_index, smt_error *error)
{
    box(d->cr, panel, 40, 24, IMAGE_SIDE, IMAGE_SIDE);
    if (!d->explainer) {
        return draw_image(d->cr, image, 40, 24, IMAGE_SIDE, IMAGE_SIDE)
                   ? SMT_OK
                   : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    smt_explanation explanation = {0};
    double scale =
        (double)IMAGE_SIDE / (image->width > image->height ? image->width : image->height);
    int width = (int)fmax(1, floor(scale * image->width)),
        height = (int)fmax(1, floor(scale * image->height));
    smt_status status = smt_explain(d->explainer, small, class_index, &explanation, error);
    status = status ? status : smt_overlay(image, &explanation, width, height, d->rgb, error);
    cairo_surface_t *picture = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    if (!status && !cairo_surface_status(picture)) {
        draw_canvas canvas = {.surface = picture, .width = width, .height = height};
        draw_rgb(&canvas, d->rgb);
        cairo_set_source_surface(
            d->cr, picture, 40 + (IMAGE_SIDE - width) / 2, 24 + (IMAGE_SIDE - height) / 2);
        cairo_paint(d->cr);
    }
    cairo_surface_destroy(picture);
    smt_explanation_free(&explanation);
    return status;
}

static void draw_bars(cairo_t *cr, const smt_classifier_info *info, const float *probabilities)
{
    float left[SMT_CLASS_MAX];
    memcpy(left, probabilities, (size_t)info->class_count * sizeof *left);
    for (int i = 0; i < BARS && i < info->class_count; i++) {
        char percent[16];
        int c = smt_argmax(left, info->class_count);
        double y = 300 + 48 * i, share = (double)probabilities[c];
        left[c] = -1;
        text(cr, i ? dim : light, 19, i == 0, 720, y + 20, 180, info->classes[c]);
        box(cr, panel, 910, y + 4, 240, 20);
        box(cr, i ? dim : blue, 910, y + 4, 240 * share, 20);
        snprintf(percent, sizeof percent, "%.1f%%", 100 * share);
        text(cr, i ? dim : light, 17, false, 1164, y + 20, 0, percent);
    }
}

static void draw_words(
    smt_demo *d, const smt_demo_image *in, const float *probabilities, bool accepted, bool right)
{
    const smt_classifier_info *info = smt_classifier_about(d->classifier);
    cairo_t *cr = d->cr;
    char line[256];
    int best = smt_argmax(probabilities, info->class_count);
    text(cr, dim, 18, false, 720, 52, 0, accepted ? "predicted" : "to review; best guess");
    text(cr,
         !in->truth || !accepted ? light
         : right                 ? green
                                 : red,
         52,
         true,
         720,
         112,
         520,
         info->classes[best]);
    snprintf(line, sizeof line, "confidence %.1f%%", 100 * (double)probabilities[best]);
    text(cr, light, 22, false, 720, 150, 0, line);
    if (in->truth) {
        text(cr, dim, 18, false, 720, 200, 0, "true class");
        snprintf(line, sizeof line, "%s  %s", right ? "\xe2\x9c\x93" : "\xe2\x9c\x97", in->truth);
        text(cr, right ? green : red, 28, true, 720, 236, 520, line);
    }
    draw_bars(cr, info, probabilities);
    box(cr, panel, 720, 564, 520, 100);
    if (d->labelled) {
        snprintf(line, sizeof line, "%zu of %zu right", d->right, d->labelled);
        text(cr, light, 24, true, 744, 602, 300, line);
        snprintf(line, sizeof line, "%.1f%%", 100.0 * (double)d->right / (double)d->labelled);
        draw_colour_set(cr, light);
        draw_font(cr, 24, true);
        draw_text(cr, 1216, 602, DRAW_RIGHT, 150, line);
        box(cr, red, 744, 616, 472, 10);
        box(cr, green, 744, 616, 472 * (double)d->right / (double)d->labelled, 10);
    } else {
        snprintf(line, sizeof line, "%zu %s", d->shown, smt_plural(d->shown, "image", "images"));
        text(cr, light, 24, true, 744, 602, 0, line);
    }
    if (info->decision.rejects) {
        snprintf(line, sizeof line, "%zu to review", d->review);
        text(cr, dim, 17, false, 744, 650, 0, line);
    }
    text(cr, dim, 15, false, 40, 694, IMAGE_SIDE, in->name);
    snprintf(line, sizeof line, "semtinel, %s %s", info->precision, info->format);
    draw_colour_set(cr, dim);
    draw_font(cr, 15, false);
    draw_text(cr, 1240, 694, DRAW_RIGHT, 520, line);
}

static smt_status show(smt_demo *d, double seconds, smt_error *error)
{
    smt_status status = SMT_OK;
    cairo_surface_flush(d->page);
    d->seconds += seconds;
    if (d->video) { /* each image has a frame, and all of them take as long as they should */
        int repeat = (int)fmax(1, rint(d->seconds * d->rate) - (double)d->frames);
        status = video_add(d->video,
                           cairo_image_surface_get_data(d->page),
                           cairo_image_surface_get_stride(d->page),
                           repeat,
                           error);
        d->frames += (size_t)repeat;
    }
    /* A GIF has fewer frames than a video that is shown frame by frame, and takes as long. */
    size_t until = (size_t)ceil(d->seconds * GIF_RATE - 1e-6);
    if (!status && d->gif && until > d->gif_ticks) {
        int ticks = (int)(until - d->gif_ticks);
        d->gif_ticks = until;
        cairo_save(d->small_cr);
        cairo_scale(d->small_cr, (double)GIF_WIDTH / WIDTH, (double)GIF_HEIGHT / HEIGHT);
        cairo_set_source_surface(d->small_cr, d->page, 0, 0);
        cairo_paint(d->small_cr);
        cairo_restore(d->small_cr);
        cairo_surface_flush(d->small);
        status = video_add(d->gif,
                           cairo_image_surface_get_data(d->small),
                           cairo_image_surface_get_stride(d->small),
                           ticks,
                           error);
        d->frames += d->video ? 0 : (size_t)ticks;
    }
    return status;
}

/* By the very name, as "cd+" and "cd-" tell classes apart; by the canonical one where no class has
 * it. */
static bool is_called(const smt_classifier_info *info, int class_index, const char *name)
{
    char a[SMT_CANONICAL], b[SMT_CANONICAL];
    for (int c = 0; c < info->class_count; c++) {
        if (strcmp(info->classes[c], name) == 0) {
            return c == class_index;
        }
    }
    smt_class_canonical(name, a);
    smt_class_canonical(info->classes[class_index], b);
    return strcmp(a, b) == 0;
}

smt_status smt_demo_add(smt_demo *d, const smt_demo_image *in, smt_error *error)
{
    const smt_classifier_info *info = smt_classifier_about(d->classifier);
    float probabilities[SMT_CLASS_MAX], familiarity;
    smt_image small = {0};
    smt_status status =
        smt_image_resize(in->image, info->input_size, info->input_size, &small, error);
    status = status ? status
                    : smt_classifier_run_scored(
                          d->classifier, small.pixels, 1, probabilities, &familiarity, error);
    if (!status) {
        int best = smt_argmax(probabilities, info->class_count);
        bool accepted =
            !smt_decision_review(&info->decision, best, probabilities[best], familiarity);
        bool right = in->truth && is_called(info, best, in->truth);
        d->shown++;
        d->labelled += in->truth != NULL;
        d->right += right;
        d->review += !accepted;
        box(d->cr, dark, 0, 0, WIDTH, HEIGHT);
        status = draw_picture(d, in->image, small.pixels, best, error);
        if (!status) {
            draw_words(d, in, probabilities, accepted, right);
            status = show(d, in->seconds, error);
        }
    }
    smt_image_free(&small);
    return status;
}

smt_status smt_demo_finish(smt_demo **demo, size_t *frames, smt_error *error)
{
    smt_demo *d = *demo;
    smt_status status = d->video ? video_finish(&d->video, error) : SMT_OK;
    if (!status && d->gif) {
        status = video_finish(&d->gif, error);
    }
    *frames = d->frames;
    release(demo);
    return status;
}
