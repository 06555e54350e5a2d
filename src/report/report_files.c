/* The model files beside the evaluated one: what they weigh, how fast they are here, and whether
 * they decide alike. */
#include "report/report_parts.h"

#include <semtinel/format.h>

#include <stdio.h>
#include <string.h>

#define IMAGES 200 /* at most; enough for a mean */

static bool same_classes(const smt_classifier_info *a, const smt_classifier_info *b)
{
    for (int c = 0; a->class_count == b->class_count && c < a->class_count; c++) {
        if (strcmp(a->classes[c], b->classes[c])) {
            return false;
        }
    }
    return a->class_count == b->class_count && a->input_size == b->input_size;
}

/* The images that the files are measured on: evenly from all, which stand class by class. */
typedef struct sample {
    size_t count;
    uint8_t *pixels; /* count x side x side */
} sample;

static size_t place(const sample *s, const smt_evaluation *e, size_t i)
{
    return i * e->count / s->count;
}

static bool take_sample(const smt_evaluation *e, sample *s)
{
    size_t bytes = (size_t)e->info.input_size * (size_t)e->info.input_size;
    s->count = e->count < IMAGES ? e->count : IMAGES;
    s->pixels = smt_alloc(s->count, bytes);
    for (size_t i = 0; s->pixels && i < s->count; i++) {
        memcpy(s->pixels + i * bytes, e->pixels->data + place(s, e, i) * bytes, bytes);
    }
    return s->pixels;
}

/* row->images stays 0 where the file is no classifier of these images. */
static smt_status measure(const char *path,
                          const smt_evaluation *e,
                          const sample *s,
                          smt_pool *pool,
                          smt_report_file *row)
{
    smt_classifier *classifier = NULL;
    smt_status status = smt_classifier_open(path, pool, &classifier, NULL);
    if (status) {
        return status;
    }
    const smt_classifier_info *info = smt_classifier_about(classifier);
    size_t n = s->count, same = 0, right = 0;
    float *probabilities = smt_alloc(n * (size_t)info->class_count, sizeof *probabilities);
    bool good = n && same_classes(info, &e->info);
    /* As the model that they are compared with. */
    smt_classifier_set_views(classifier, e->info.decision.views);
    double start = smt_clock();
    if (good) {
        status = probabilities ? smt_classifier_run(classifier, s->pixels, n, probabilities, NULL)
                               : SMT_ERR_MEMORY;
        good = !status;
    }
    double took = smt_clock() - start;
    for (size_t i = 0; good && i < n; i++) {
        int best = smt_argmax(probabilities + i * (size_t)info->class_count, info->class_count);
        size_t image = place(s, e, i);
        same += best == e->top[image];
        right += e->map->from_model[best] == e->truth[image];
    }
    if (good) {
        row->format = info->format;
        row->precision = info->precision;
        row->bytes = info->bytes;
        row->images = n;
        row->milliseconds = 1e3 * took / (double)n;
        row->agreement = (double)same / (double)n;
        row->accuracy = (double)right / (double)n;
    }
    smt_free(probabilities);
    smt_classifier_close(&classifier);
    return status;
}

smt_status smt_report_measure_files(const char *folder,
                                    const smt_evaluation *evaluation,
                                    smt_pool *pool,
                                    smt_report_file **rows,
                                    size_t *count,
                                    smt_error *error)
{
    char **names = NULL;
    size_t name_count = 0, used = 0;
    smt_status status = smt_list_directory(folder, &names, &name_count, error);
    if (status) {
        return status;
    }
    smt_report_file *list = smt_alloc(name_count + 1, sizeof *list);
    sample images = {0};
    status = list && take_sample(evaluation, &images) ? SMT_OK : SMT_ERR_MEMORY;
    for (size_t i = 0; !status && i < name_count; i++) {
        /* checkpoint.safetensors holds a training's state, not a result. */
        if (!smt_format_by_suffix(names[i]) || strcmp(names[i], "checkpoint.safetensors") == 0) {
            continue;
        }
        char *path = smt_path_join(folder, names[i]);
        smt_status one =
            path ? measure(path, evaluation, &images, pool, &list[used]) : SMT_ERR_MEMORY;
        if (list[used].images) {
            snprintf(list[used].name, sizeof list[used].name, "%s", names[i]);
            used++;
        }
        /* Other files may be damaged, or no classifiers. */
        status = one == SMT_ERR_MEMORY || one == SMT_ERR_INTERRUPTED ? one : SMT_OK;
        smt_free(path);
    }
    smt_list_free(&names, name_count);
    smt_free(images.pixels);
    if (status) {
        smt_free(list);
        return smt_fail(error,
                        status,
                        "%s: %s",
                        folder,
                        status == SMT_ERR_MEMORY ? "out of memory" : "interrupted");
    }
    *rows = list;
    *count = used;
    return SMT_OK;
}

void report_files(smt_file *file, const smt_report_inputs *inputs)
{
    if (!inputs->file_count) {
        return;
    }
    smt_file_printf(
        file,
        "<section aria-labelledby=\"files\"><h2 id=\"files\">Model files</h2>\n<div "
        "class=\"scroll\"><table><caption>Measured here on %zu %s, drawn evenly. Agreement: the "
        "same "
        "class as the evaluated model.</caption>\n<thead><tr><th scope=\"col\" "
        "class=\"l\">file</th><th scope=\"col\" class=\"l\">format</th><th scope=\"col\" "
        "class=\"l\">arithmetic</th><th scope=\"col\">KB</th><th scope=\"col\">ms an image</th><th "
        "scope=\"col\">accuracy</th><th scope=\"col\">agreement</th></tr></thead>\n<tbody>\n",
        inputs->files[0].images,
        smt_plural(inputs->files[0].images, "image", "images"));
    for (size_t i = 0; i < inputs->file_count; i++) {
        const smt_report_file *row = &inputs->files[i];
        smt_file_printf(file, "<tr><th scope=\"row\">");
        html_text(file, row->name);
        smt_file_printf(
            file,
            "</th><td class=\"l\">%s</td><td "
            "class=\"l\">%s</td><td>%.0f</td><td>%.2f</td><td>%.3f</td><td>%.1f%%</td></tr>\n",
            row->format,
            row->precision,
            1e-3 * (double)row->bytes,
            row->milliseconds,
            row->accuracy,
            100 * row->agreement);
    }
    smt_file_printf(file, "</tbody></table></div></section>\n");
}

void report_audit(smt_file *file, const smt_report_inputs *inputs)
{
    if (!inputs->audit) {
        return;
    }
    smt_file_printf(file,
                    "<section aria-labelledby=\"audit\"><h2 id=\"audit\">Data audit</h2>\n<pre "
                    "tabindex=\"0\">");
    html_text(file, inputs->audit);
    smt_file_printf(file, "</pre></section>\n");
}
