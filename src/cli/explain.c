#include "base/csv.h"
#include "base/room.h"
#include "cli/classify.h"
#include "cli/cli.h"
#include "cli/gather.h"

#include <semtinel/report.h>

#include <string.h>

static const char *output, *class_name, *layer, *source, *names;

static const cli_option options[] = {
    {"output", 'o', CLI_FOLDER(&output, "DIR"), "folder for the overlays; made if missing"},
    {"class", 0, CLI_TEXT(&class_name, "NAME"), "explain this class instead of the predicted one"},
    {"layer",
     0,
     CLI_TEXT(&layer, "NODE"),
     "look at this layer instead of the last one with a spatial map; 'semtinel info' lists them"},
    {"source",
     0,
     CLI_INPUT(&source, "MODEL"),
     "float model to look into, for an int8 file whose network it is"},
    CLI_OPTION_CLASSES(&names),
    {0},
};

static const cli_command command = {
    .name = "explain",
    .arguments = "MODEL IMAGE... -o DIR",
    .summary = "Show where in an image the evidence for a class lies (Grad-CAM).",
    .details = "For each image (folders are searched) DIR gets NAME.png, the image under a map of "
               "the evidence, and a row in explanations.csv: the class, its confidence, the map's "
               "peak and centre (0 .. 1 from left and top), and the share of the map above half of "
               "the peak. An int8 model makes the prediction, and its float source (--source) "
               "gives the map. Models of other precisions give the map themselves.",
    .examples =
        "  semtinel explain run ../data/test/bridge -o why\n"
        "  semtinel explain model-int8.tflite wafer.png -o why --source run --class bridge\n",
    .min_operands = 2,
    .max_operands = -1,
};

typedef struct explained_image {
    const char *image;
    char *overlay; /* its path */
} explained_image;

typedef struct work {
    smt_classifier *classifier;
    smt_explainer *explainer;
    int wanted; /* class, or -1 */
    smt_file *csv;
    char *text;               /* explanations.csv of an earlier call into the folder, or NULL */
    explained_image *earlier; /* its rows */
    size_t earlier_count, earlier_room;
    size_t explained;
    size_t numbered; /* overlays whose plain name was taken */
    smt_paged paged;
} work;

/* Rows whose overlays are gone do not count: their names are free for others. */
static void read_earlier(work *w, const char *list)
{
    void *text = NULL;
    size_t size;
    if (smt_file_load(list, 0, &text, &size, NULL)) {
        return;
    }
    w->text = text;
    smt_csv csv = {.path = list, .at = text, .line = 1};
    char *fields[SMT_CSV_FIELDS];
    int count;
    bool found;
    while (smt_csv_record(&csv, fields, &count, &found, NULL) == SMT_OK && found) {
        const char *name = fields[count - 1];
        char *path = *name && !strchr(name, '/') ? smt_path_join(output, name) : NULL;
        if (path && smt_path_exists(path) &&
            SMT_ROOM(w->earlier, w->earlier_count, w->earlier_room)) {
            w->earlier[w->earlier_count++] = (explained_image){fields[0], path};
        } else {
            smt_free(path);
        }
    }
}

/* An image that was explained before keeps its overlay's name: an old overlay would be taken for
 * the new one. Two folders may hold images of one name, and DIR other files. */
static char *overlay_path(work *w, const char *image)
{
    for (size_t i = 0; i < w->earlier_count; i++) {
        if (strcmp(w->earlier[i].image, image) == 0) {
            return smt_strdup(w->earlier[i].overlay);
        }
    }
    const char *name = smt_path_name(image);
    char *plain = smt_format("%s/%.*s.png", output, (int)(smt_path_suffix(name) - name), name);
    char *path = plain ? smt_path_unused(plain) : NULL;
    w->numbered += path && strcmp(path, plain) != 0;
    smt_free(plain);
    return path;
}

static smt_status explain_pixels(
    work *w, const char *file, const smt_image *image, const smt_image *small, smt_error *error)
{
    const smt_classifier_info *info = smt_classifier_about(w->classifier);
    float probabilities[SMT_CLASS_MAX];
    smt_explanation explanation = {0};
    char *path = overlay_path(w, file);
    smt_status status = path ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", file);
    status =
        status ? status : smt_classifier_run(w->classifier, small->pixels, 1, probabilities, error);
    int shown = w->wanted >= 0 || status ? w->wanted : smt_argmax(probabilities, info->class_count);
    status = status ? status : smt_explain(w->explainer, small->pixels, shown, &explanation, error);
    status = status ? status : smt_overlay_save(image, &explanation, path, error);
    if (!status) {
        int best = smt_argmax(probabilities, info->class_count);
        smt_file_csv_field(w->csv, file);
        smt_file_printf(w->csv, ",");
        smt_file_csv_field(w->csv, info->classes[best]);
        smt_file_printf(w->csv, ",");
        smt_file_csv_field(w->csv, info->classes[shown]);
        smt_file_printf(w->csv,
                        ",%.6f,%.4f,%.4f,%.4f,%.4f,%.4f,%.6g,",
                        (double)probabilities[shown],
                        (double)explanation.peak_x,
                        (double)explanation.peak_y,
                        (double)explanation.centre_x,
                        (double)explanation.centre_y,
                        (double)explanation.area,
                        (double)explanation.strength);
        smt_file_csv_field(w->csv, smt_path_name(path));
        smt_file_printf(w->csv, "\n");
        w->explained++;
    }
    smt_explanation_free(&explanation);
    smt_free(path);
    return status;
}

/* *skipped counts images that cannot be read; other failures, such as a lack of memory, end the
 * command. */
static smt_status explain_one(work *w, const char *file, size_t *skipped, smt_error *error)
{
    const smt_classifier_info *info = smt_classifier_about(w->classifier);
    int size = info->input_size;
    smt_image image = {0}, small = {0};
    smt_sem_metadata metadata = {0};
    smt_error why = {0};
    smt_status status =
        smt_image_load_sem(file, NULL, info->preprocess.cut_percent, &image, &metadata, &why);
    status = status ? status : smt_image_resize(&image, size, size, &small, &why);
    if (status == SMT_ERR_MEMORY) {
        smt_fail(error, status, "%s", why.message);
    } else if (status) {
        smt_log(SMT_LOG_WARNING, "skipped %s", why.message);
        (*skipped)++;
        status = SMT_OK;
    } else {
        smt_paged_add(&w->paged, metadata.more_pages, file);
        status = explain_pixels(w, file, &image, &small, error);
    }
    smt_image_free(&image);
    smt_image_free(&small);
    return status;
}

static smt_status find_class(work *w, smt_error *error)
{
    const smt_classifier_info *info = smt_classifier_about(w->classifier);
    bool chosen[SMT_CLASS_MAX];
    w->wanted = -1;
    if (!class_name) {
        return SMT_OK;
    }
    smt_status status = cli_find_classes(info, class_name, chosen, error);
    for (int c = 0; c < info->class_count && !status; c++) {
        if (chosen[c] && w->wanted >= 0) {
            status = smt_fail(error,
                              SMT_ERR_ARGUMENT,
                              "%s: '%s' could be '%s' or '%s'",
                              info->path,
                              class_name,
                              info->classes[w->wanted],
                              info->classes[c]);
        } else if (chosen[c]) {
            w->wanted = c;
        }
    }
    return status;
}

static smt_status open_both(work *w, const char *model, smt_pool *pool, smt_error *error)
{
    smt_status status = cli_open_classifier(model, names, pool, &w->classifier, error);
    status = status ? status : find_class(w, error);
    status = status ? status : cli_open_explainer(source, model, layer, pool, &w->explainer, error);
    return status ? status : cli_check_source(w->classifier, w->explainer, source, error);
}

int cli_explain(int argc, char **argv)
{
    char **operands;
    int operand_count;
    int code = cli_parse(&command, options, argc, argv, &operands, &operand_count);
    if (code >= 0) {
        return code;
    }
    if (!output) {
        return cli_usage(&command, "-o DIR is missing: the folder for the overlays");
    }
    smt_error error = {0};
    smt_pool *pool = NULL;
    work w = {.wanted = -1};
    cli_paths list = {0};
    size_t skipped = 0;
    smt_status status = smt_pool_create(cli_shared.threads, &pool, &error);
    status = status ? status : open_both(&w, operands[0], pool, &error);
    status = status
                 ? status
                 : cli_gather((const char *const *)operands + 1, operand_count - 1, &list, &error);
    status = status ? status : cli_make_folder(output, &error);
    char *path = smt_path_join(output, "explanations.csv");
    if (!status) {
        if (path) {
            read_earlier(&w, path);
        }
        status = path ? smt_file_create(path, &w.csv, &error)
                      : smt_fail(&error, SMT_ERR_MEMORY, "out of memory");
    }
    if (!status) {
        smt_file_printf(w.csv,
                        "image_name,predicted_class,explained_class,confidence,peak_x,peak_y,"
                        "centre_x,centre_y,area,strength,overlay\n");
    }
    smt_progress("explaining", 0, list.count);
    for (size_t i = 0; i < list.count && !status; i++) {
        status = explain_one(&w, list.items[i], &skipped, &error);
        smt_progress("explaining", i + 1, list.count);
        status = status ? status : smt_check_interrupted(&error);
    }
    smt_paged_warn(&w.paged);
    if (!status && !w.explained) {
        status = smt_fail(&error, SMT_ERR_FORMAT, "no image of %zu could be read", list.count);
    } else if (status == SMT_ERR_INTERRUPTED && w.explained) {
        smt_fail(&error,
                 status,
                 "interrupted; %s holds the %zu of %zu images explained so far",
                 output,
                 w.explained,
                 list.count);
    }
    if (w.explained) { /* after a failure, too: overlays stay, and only the list says of what */
        smt_status written = smt_file_commit(&w.csv, status ? NULL : &error);
        status = status ? status : written;
    }
    if (!status) {
        cli_say("%zu of %zu %s explained in %s",
                w.explained,
                list.count,
                smt_plural(list.count, "image", "images"),
                output);
        if (w.numbered) {
            cli_say("%zu %s taken and got a number; %s says which is whose",
                    w.numbered,
                    smt_plural(w.numbered, "name was", "names were"),
                    path);
        }
    }
    code = status ? cli_report(&error) : skipped ? EXIT_SKIPPED : EXIT_DONE;
    smt_file_abandon(&w.csv);
    smt_free(path);
    for (size_t i = 0; i < w.earlier_count; i++) {
        smt_free(w.earlier[i].overlay);
    }
    smt_free(w.earlier);
    smt_free(w.text);
    smt_list_free(&list.items, list.count);
    smt_explainer_close(&w.explainer);
    smt_classifier_close(&w.classifier);
    smt_pool_destroy(&pool);
    return code;
}
