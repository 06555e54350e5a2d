/* The worst mistakes and the least confident images, on
 * request with the evidence that the network saw. */
#include "report/report_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

smt_image report_image(const smt_evaluation *e, size_t index)
{
    size_t side = (size_t)e->pixels->size;
    return (smt_image){e->pixels->size, e->pixels->size, e->pixels->data + index * side * side};
}

typedef struct ranked {
    float confidence;
    uint32_t index;
} ranked;

static int surest_first(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return x->confidence != y->confidence ? (x->confidence < y->confidence ? 1 : -1)
                                          : (x->index > y->index) - (x->index < y->index);
}

#define SHOWN 128 /* pixels a side */

static void caption(smt_file *file, const smt_evaluation *e, size_t i)
{
    html_text(file, e->files[i]);
    smt_file_printf(file, ": true ");
    html_text(file, e->map->classes[e->truth[i]]);
    smt_file_printf(file, ", predicted ");
    html_text(file, e->map->classes[e->predicted[i]]);
}

/* Takes over `png`. */
static smt_status picture(smt_file *file,
                          const smt_evaluation *e,
                          size_t i,
                          const char *what,
                          char *png,
                          smt_error *error)
{
    if (!png) {
        return smt_fail(error, SMT_ERR_MEMORY, "report: out of memory");
    }
    smt_file_printf(file, "<img alt=\"%s", what);
    caption(file, e, i);
    smt_file_printf(file, "\" src=\"data:image/png;base64,");
    smt_file_write(file, png, strlen(png));
    smt_file_printf(file, "\">");
    smt_free(png);
    return SMT_OK;
}

static smt_status evidence(
    smt_file *file, const smt_evaluation *e, smt_explainer *explainer, size_t i, smt_error *error)
{
    smt_image image = report_image(e, i);
    smt_explanation explanation = {0};
    uint8_t *rgb = smt_alloc((size_t)SHOWN * SHOWN, 3);
    smt_status status = rgb ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "report: out of memory");
    status = status ? status : smt_explain(explainer, image.pixels, e->top[i], &explanation, error);
    status = status ? status : smt_overlay(&image, &explanation, SHOWN, SHOWN, rgb, error);
    if (!status) {
        char what[96];
        snprintf(what,
                 sizeof what,
                 "Evidence, strongest at %.0f%% from the left and %.0f%% from the top, in ",
                 100 * (double)explanation.peak_x,
                 100 * (double)explanation.peak_y);
        status = picture(file, e, i, what, html_png_rgb(rgb, SHOWN, SHOWN), error);
    }
    smt_explanation_free(&explanation);
    smt_free(rgb);
    return status;
}

static smt_status gallery_item(smt_file *file,
                               const smt_evaluation *e,
                               const smt_report_inputs *inputs,
                               size_t i,
                               smt_error *error)
{
    smt_image image = report_image(e, i);
    bool pair = inputs->explainer && smt_explainer_size(inputs->explainer) == e->pixels->size;
    smt_file_printf(file, pair ? "<li><div class=\"pair\">" : "<li>");
    smt_status status = smt_check_interrupted(error);
    status = status ? status : picture(file, e, i, "", html_png(&image, SHOWN), error);
    if (!status && pair) {
        status = evidence(file, e, inputs->explainer, i, error);
    }
    smt_file_printf(file, "%s<div>true <b>", pair ? "</div>" : "");
    html_text(file, e->map->classes[e->truth[i]]);
    smt_file_printf(file, "</b></div><div>predicted <b>");
    html_text(file, e->map->classes[e->predicted[i]]);
    smt_file_printf(file, "</b>, %.1f%%</div><div class=\"soft\">", 100 * (double)e->confidence[i]);
    html_text(file, e->files[i]);
    smt_file_printf(file, "</div></li>\n");
    return status;
}

#define WORST 24
#define UNSURE 12

smt_status report_mistakes(smt_file *file,
                           const smt_evaluation *e,
                           const smt_report_inputs *inputs,
                           smt_error *error)
{
    ranked *list = smt_alloc(e->count, sizeof *list);
    if (!list) {
        return smt_fail(error, SMT_ERR_MEMORY, "report: out of memory");
    }
    smt_status status = SMT_OK;
    const char *wide = inputs->explainer ? " wide" : "";
    size_t wrong = 0;
    for (size_t i = 0; i < e->count; i++) {
        if (e->truth[i] != e->predicted[i]) {
            list[wrong++] = (ranked){e->confidence[i], (uint32_t)i};
        }
    }
    qsort(list, wrong, sizeof *list, surest_first);
    smt_file_printf(file,
                    "<section aria-labelledby=\"mistakes\"><h2 id=\"mistakes\">Worst "
                    "mistakes</h2>\n<p>%zu of %zu %s %s wrong%s</p>\n<ul class=\"gallery%s\">\n",
                    wrong,
                    e->count,
                    smt_plural(e->count, "image", "images"),
                    smt_plural(wrong, "is", "are"),
                    wrong ? "; those of which the model was surest:" : ".",
                    wide);
    for (size_t i = 0; i < wrong && i < WORST && !status; i++) {
        status = gallery_item(file, e, inputs, list[i].index, error);
    }
    for (size_t i = 0; i < e->count; i++) {
        list[i] = (ranked){-e->confidence[i], (uint32_t)i};
    }
    qsort(list, e->count, sizeof *list, surest_first);
    smt_file_printf(file,
                    "</ul></section>\n<section aria-labelledby=\"unsure\"><h2 id=\"unsure\">Least "
                    "confident</h2>\n"
                    "<ul class=\"gallery%s\">\n",
                    wide);
    for (size_t i = 0; i < e->count && i < UNSURE && !status; i++) {
        status = gallery_item(file, e, inputs, list[i].index, error);
    }
    smt_file_printf(file, "</ul></section>\n");
    smt_free(list);
    return status;
}
