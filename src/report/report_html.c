/* report.html: one file that explains an evaluation. It asks nothing of the network (a content
 * security policy forbids it), follows the reader's light or dark setting, prints, and can be used
 * with keyboard and screen reader alone. */
#include "report/report_parts.h"

#include <string.h>

/* Bytes for the images behind the matrix. A noisy grey
 * PNG takes about a byte a pixel, base64 a third more. */
#define IMAGE_BUDGET 10.0e6
#define LARGEST_SIDE 96
#define SMALLEST_SIDE 40

static int thumbnail_side(size_t count)
{
    int side = LARGEST_SIDE;
    while (side > SMALLEST_SIDE && (double)count * 1.35 * side * side > IMAGE_BUDGET) {
        side--;
    }
    return side;
}

/* Classes in the report, in order; `number` is their place in it, -1 for those left out. */
static void number_classes(const smt_metrics *m, int *number)
{
    int next = 0;
    for (int c = 0; c < m->class_count; c++) {
        number[c] = smt_metrics_active(m, c) ? next++ : -1;
    }
}

/* The data behind the matrix. Where there are too many
 * images, wrong ones are shown first, then those right. */
static smt_status
write_data(smt_file *file, const smt_evaluation *e, const int *number, smt_error *error)
{
    int side = thumbnail_side(e->count);
    size_t limit = (size_t)(IMAGE_BUDGET / (1.35 * side * side)), wrong = 0;
    for (size_t i = 0; i < e->count; i++) {
        wrong += e->truth[i] != e->predicted[i];
    }
    size_t room_wrong = wrong < limit ? wrong : limit, room_right = limit - room_wrong;
    smt_file_printf(file, "<script type=\"application/json\" id=\"data\">{\"classes\":[");
    for (int c = 0, first = 1; c < e->metrics->class_count; c++) {
        if (number[c] >= 0) {
            smt_file_printf(file, first ? "" : ",");
            html_json(file, e->map->classes[c]);
            first = 0;
        }
    }
    smt_file_printf(file, "],\"images\":[");
    for (size_t i = 0; i < e->count; i++) {
        smt_status status = smt_check_interrupted(error);
        if (status) {
            return status;
        }
        size_t *room = e->truth[i] == e->predicted[i] ? &room_right : &room_wrong;
        smt_file_printf(file, i ? ",\n[" : "\n[");
        html_json(file, e->files[i]);
        smt_file_printf(file,
                        ",%d,%d,%.4f,\"",
                        number[e->truth[i]],
                        number[e->predicted[i]],
                        (double)e->confidence[i]);
        if (*room) {
            smt_image image = report_image(e, i);
            char *png = html_png(&image, side);
            if (!png) {
                return smt_fail(error, SMT_ERR_MEMORY, "report: out of memory");
            }
            smt_file_write(file, png, strlen(png));
            smt_free(png);
            (*room)--;
        }
        smt_file_printf(file, "\"]");
        smt_progress("writing the report", i + 1, e->count);
    }
    smt_file_printf(file, "]}</script>\n");
    return SMT_OK;
}

static void write_head(smt_file *file, const smt_evaluation *e)
{
    smt_file_printf(
        file,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<title>semtinel: ");
    html_text(file, smt_path_name(e->model));
    smt_file_printf(file, " on ");
    html_text(file, e->set);
    smt_file_printf(file, "</title>\n<style>\n");
    for (int i = 0; html_style[i]; i++) {
        smt_file_write(file, html_style[i], strlen(html_style[i]));
    }
    smt_file_printf(
        file,
        "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the results</a>\n"
        "<header><h1>Evaluation report</h1>\n<p class=\"soft\">");
    html_text(file, e->model);
    smt_file_printf(file,
                    " on %s of ",
                    strcmp(e->split, "all") == 0 ? "all images"
                    : strcmp(e->split, "folds") == 0
                        ? "all images but those of test, each by a network that has not seen it "
                          "(cross-validation),"
                    : strcmp(e->split, "unseen") == 0
                        ? "those images that did not train it, but may have chosen its epoch,"
                        : e->split);
    html_text(file, e->set);
    smt_file_printf(file, "</p>\n");
    if (e->trained) {
        smt_file_printf(file,
                        "<p class=\"warning\" role=\"note\"><strong>%s%zu of %zu images trained "
                        "the model:</strong> they say nothing about new images.</p>\n",
                        e->trained_more ? "At least " : "",
                        e->trained,
                        e->count + e->skipped);
    }
    smt_file_printf(file, "</header>\n");
}

smt_status smt_report_html(const smt_evaluation *e,
                           const smt_report_inputs *inputs,
                           const char *path,
                           smt_error *error)
{
    smt_file *file = NULL;
    int *number = smt_alloc((size_t)e->metrics->class_count, sizeof *number);
    if (!number) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    smt_status status = smt_file_create(path, &file, error);
    if (status) {
        smt_free(number);
        return status;
    }
    number_classes(e->metrics, number);
    write_head(file, e);
    report_navigation(file, inputs);
    smt_file_printf(file, "<main id=\"main\">\n");
    report_summary(file, e);
    report_curves(file, e, inputs);
    status = report_matrix(file, e, number, error);
    if (!status) {
        report_classes(file, e);
        report_confidence(file, e);
        status = report_mistakes(file, e, inputs, error);
    }
    if (!status) {
        report_files(file, inputs);
        report_audit(file, inputs);
        report_provenance(file, e, inputs);
        smt_file_printf(file,
                        "</main>\n<footer><p class=\"soft\">Made by semtinel %s.</p></footer>\n",
                        smt_version());
        status = write_data(file, e, number, error);
    }
    smt_free(number);
    if (status) {
        smt_file_abandon(&file);
        return status;
    }
    smt_file_printf(file, "<script>\n");
    smt_file_write(file, html_script, strlen(html_script));
    smt_file_printf(file, "</script>\n</body>\n</html>\n");
    return smt_file_commit(&file, error);
}
