/* semtinel export: a model in the formats of other runtimes. */
#include "cli/cli.h"
#include "evaluate/scores.h"

#include <semtinel/csource.h>
#include <semtinel/evaluate.h>
#include <semtinel/format.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static cli_list outputs;
static const char *all;
static bool raw_input, half;
static smt_tensor_file *extra; /* of the checkpoint that is read, or NULL */
static int size;

static const cli_option options[] = {
    {"output", 'o', CLI_LIST(&outputs, "FILE"), "file to write; its suffix names the format"},
    {"all",
     0,
     CLI_FOLDER(&all, "OUT"),
     "write every format into folder OUT, with a table of sizes"},
    {"raw-input", 0, CLI_FLAG(&raw_input), "the file takes pixels 0..255; scaling is inside"},
    {"size",
     0,
     CLI_INT(&size, 0, 4096, "PX"),
     "side of the images, for weights that do not say it (Keras, PyTorch); 0: 128"},
    {"float16", 0, CLI_FLAG(&half), "store weights in 16 bits (.tflite, .safetensors)"},
    {0},
};

static const cli_command command = {
    .name = "export",
    .arguments = "MODEL -o FILE... | --all OUT",
    .summary = "Write a model for another runtime.",
    .details =
        "MODEL is a run's folder or a model file. Formats by suffix: .onnx, .tflite, .pb "
        "(TensorFlow graph), saved_model.pb (TensorFlow SavedModel), .h5 (Keras weights), "
        ".safetensors, labels.txt, .json (class map and metadata). Int8 files are made by "
        "'quantize'; of these, labels.txt and C source can be written.\n\n"
        "Networks have batch norm folded, take (p - 128) / 128 for grey levels p, or pixels with "
        "--raw-input, and end with softmax. .h5 and .safetensors hold the weights as trained and "
        "always take scaled input; with --all the table says what each file takes.\n\n"
        "-o FOLDER/ writes an int8 .tflite as C99 source for a microcontroller. It decides as "
        "'predict' does: with the model's views, temperature and thresholds (see calibrate).",
    .examples = "  semtinel export run -o model.onnx -o model.tflite\n"
                "  semtinel export run -o model.tflite --float16 --raw-input\n"
                "  semtinel export run --all out\n"
                "  semtinel export int8.tflite -o defects/\n",
    .min_operands = 1,
    .max_operands = 1,
};

static long long file_bytes(const char *path)
{
    struct stat info;
    return stat(path, &info) ? -1 : (long long)info.st_size;
}

/* What the file's input is, of grey levels p. */
static void print_row(const smt_model *model,
                      const smt_model_format *format,
                      const char *path,
                      const smt_write_options *how)
{
    char title[64], length[32] = "", input[64] = "";
    long long bytes = file_bytes(path);
    snprintf(title,
             sizeof title,
             "%.48s%s",
             format->title,
             how->half && format->half ? ", float16" : "");
    if (strcmp(format->name, "tflite") == 0) {
        snprintf(length, sizeof length, "%lld", bytes);
    }
    if (how->raw_input && !format->no_input) {
        snprintf(input, sizeof input, "p");
    } else if (!format->no_input) {
        const smt_preprocess *p = &model->preprocess;
        snprintf(input, sizeof input, "(p - %g) / %g", (double)p->mean, (double)p->scale);
    }
    cli_say("%-32s %12lld %12s  %-19s %s", title, bytes, length, input, path);
}

static void print_head(void)
{
    cli_say(
        "%-32s %12s %12s  %-19s %s", "format", "bytes", "C array", "input, of pixels p", "file");
}

static bool writes(const smt_model_format *format)
{
    return format->write != NULL;
}

static bool halves(const smt_model_format *format)
{
    return format->half || strcmp(format->name, "labels") == 0 ||
           strcmp(format->name, "classes") == 0; /* no weights to halve */
}

static int unknown_suffix(const char *path)
{
    char known[256] = "";
    size_t at = 0;
    for (const smt_model_format *const *f = smt_formats(); *f; f++) {
        if (writes(*f) && at < sizeof known) {
            at += (size_t)snprintf(
                known + at, sizeof known - at, "%s%s", at ? ", " : "", (*f)->suffixes);
        }
    }
    return cli_usage(
        &command, "%s: its suffix names no format that can be written; known: %s", path, known);
}

static int export_files(const smt_model *model)
{
    smt_error error = {SMT_OK, ""};
    smt_write_options write = {.raw_input = raw_input, .half = half, .extra = extra};
    print_head();
    for (int i = 0; i < outputs.count; i++) {
        const smt_model_format *format = smt_format_by_suffix(outputs.items[i]);
        if (format->write(model, outputs.items[i], &write, &error)) {
            return cli_report(&error);
        }
        print_row(model, format, outputs.items[i], &write);
    }
    return EXIT_DONE;
}

/* Of a file of --all; NULL: no memory. */
static char *path_in_all(const smt_model_format *format, bool float16)
{
    int length = (int)strcspn(format->suffixes, " ");
    char *name = smt_format("%s%s%.*s",
                            format->suffixes[0] == '.' ? "model" : "",
                            float16 ? "-float16" : "",
                            length,
                            format->suffixes);
    char *path = name ? smt_path_join(all, name) : NULL;
    smt_free(name);
    return path;
}

/* Whether `path` is the file of the model that is read. */
static bool is_model(const char *path, const char *model)
{
    return cli_check_kept(path, model, NULL) == SMT_ERR_ARGUMENT;
}

/* Whether no file of --all is the model's, nor the model of another run; a checkpoint stays what it
 * is. */
static smt_status check_all(const char *model, smt_error *error)
{
    char *trained = smt_path_join(all, "model.safetensors");
    bool own = trained && is_model(trained, model);
    smt_free(trained);
    smt_status status = own ? SMT_OK : cli_check_untrained(all, error);
    for (const smt_model_format *const *f = smt_formats(); *f && !status; f++) {
        bool kept = !writes(*f) || strcmp((*f)->name, "safetensors") == 0;
        for (int h = 0; h <= ((*f)->half ? 1 : 0) && !kept && !status; h++) {
            char *path = path_in_all(*f, h);
            status = path ? cli_check_kept(path, model, error)
                          : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", all);
            smt_free(path);
        }
    }
    return status;
}

/* One file of --all. A format that cannot hold this model is named and skipped. The file at
 * `source` holds more than its model, such as familiar features, and stays. */
static int export_one(const smt_model *model,
                      const char *source,
                      const smt_model_format *format,
                      const smt_write_options *write)
{
    smt_error error = {SMT_OK, ""};
    char *path = path_in_all(format, write->half);
    if (!path) {
        error = (smt_error){SMT_ERR_MEMORY, "out of memory"};
        return cli_report(&error);
    }
    int code = EXIT_DONE;
    smt_status status = is_model(path, source) ? SMT_OK : format->write(model, path, write, &error);
    if (status == SMT_ERR_UNSUPPORTED) {
        smt_log(SMT_LOG_WARNING, "not written: %s", error.message);
        cli_name_left(all, smt_path_name(path));
        code = EXIT_SKIPPED;
    } else if (status) {
        code = cli_report(&error);
    } else {
        print_row(model, format, path, write);
        if (raw_input && format->weights_only) {
            smt_log(SMT_LOG_WARNING,
                    "%s: holds weights alone, so --raw-input does not count: scale its input",
                    path);
        }
    }
    smt_free(path);
    return code;
}

static int export_all(const smt_model *model, const char *source)
{
    smt_error error = {SMT_OK, ""};
    int code = EXIT_DONE;
    if (cli_make_folder(all, &error)) {
        return cli_report(&error);
    }
    print_head();
    for (const smt_model_format *const *f = smt_formats(); *f; f++) {
        if (!writes(*f)) {
            continue;
        }
        for (int h = 0; h <= ((*f)->half ? 1 : 0); h++) {
            smt_write_options write = {
                .raw_input = raw_input && !(*f)->weights_only, .half = h, .extra = extra};
            int one = export_one(model, source, *f, &write);
            if (one == EXIT_FAILED || one > EXIT_SKIPPED) {
                return one;
            }
            code = one ? one : code;
        }
    }
    return code;
}

/* A folder asks for C source. */
static bool names_folder(const char *path)
{
    size_t length = strlen(path);
    return length > 0 && (path[length - 1] == '/' || smt_path_is_directory(path));
}

/* The decision is that of the classifier which `predict` runs; what it refuses has none. */
static smt_status write_c_source(const char *tflite, const char *folder, smt_error *error)
{
    static float powers[255 * SMT_VIEWS_MOST + 1];
    smt_pool *pool = NULL;
    smt_classifier *classifier = NULL;
    smt_csource_decision decision = {0};
    smt_error why = {0};
    const char *reason = why.message;
    smt_status status = smt_pool_create(1, &pool, error);
    if (status) {
        return status;
    }
    status = smt_classifier_open(tflite, pool, &classifier, &why);
    if (status == SMT_ERR_IO || status == SMT_ERR_MEMORY) {
        smt_pool_destroy(&pool);
        return smt_fail(error, status, "%s", why.message);
    }
    if (status == SMT_OK) {
        const smt_classifier_info *info = smt_classifier_about(classifier);
        const smt_decision *d = &info->decision;
        bool heated = d->temperature < 1 || d->temperature > 1;
        smt_decision_powers(d, powers);
        decision = (smt_csource_decision){.class_count = info->class_count,
                                          .classes = info->classes,
                                          .preprocess = info->preprocess,
                                          .views = d->views,
                                          .temperature = d->temperature,
                                          .powers = heated ? powers : NULL,
                                          .thresholds = d->rejects ? d->threshold : NULL,
                                          .watches = d->watches};
    } else if (strncmp(reason, tflite, strlen(tflite)) == 0 && reason[strlen(tflite)] == ':') {
        reason += strlen(tflite) + strlen(": ");
    }
    status = smt_csource_export(tflite, folder, classifier ? &decision : NULL, reason, error);
    if (!status && decision.watches) {
        smt_log(SMT_LOG_WARNING,
                "%s: only the checkpoint knows which images are unfamiliar; on a board confidence "
                "alone sends to review",
                tflite);
    }
    smt_classifier_close(&classifier);
    smt_pool_destroy(&pool);
    return status;
}

static int export_c_source(const char *tflite)
{
    smt_error error = {SMT_OK, ""};
    const smt_model_format *format = smt_format_by_suffix(tflite);
    if (smt_path_is_directory(tflite) || (format && strcmp(format->name, "tflite"))) {
        return cli_usage(&command,
                         "-o %s: a folder gets C source of an int8 .tflite; 'semtinel quantize %s "
                         "--calibrate DIR -o int8.tflite' makes one",
                         outputs.items[0],
                         tflite);
    }
    const char *idle = half ? "--float16" : raw_input ? "--raw-input" : size ? "--size" : NULL;
    if (idle) {
        return cli_usage(
            &command, "%s does not apply to C source, which is what the .tflite is", idle);
    }
    if (write_c_source(tflite, outputs.items[0], &error)) {
        return cli_report(&error);
    }
    cli_say("%s: C source of %s; its README.md says what to add to a project",
            outputs.items[0],
            tflite);
    return EXIT_DONE;
}

/* Whether nothing but class names is asked for. */
static bool names_alone(void)
{
    for (int i = 0; i < outputs.count; i++) {
        if (strcmp(smt_format_by_suffix(outputs.items[i])->name, "labels")) {
            return false;
        }
    }
    return outputs.count > 0;
}

/* Of a .tflite of int8, too, whose network is not read as one to export. */
static int export_names(const char *tflite)
{
    smt_error error = {SMT_OK, ""};
    smt_pool *pool = NULL;
    smt_classifier *classifier = NULL;
    smt_status status = smt_pool_create(1, &pool, &error);
    status = status ? status : smt_classifier_open(tflite, pool, &classifier, &error);
    int code = status ? cli_report(&error) : EXIT_DONE;
    if (!status) {
        const smt_classifier_info *info = smt_classifier_about(classifier);
        const smt_model names = {.classes = (char **)(uintptr_t)info->classes,
                                 .class_count = info->named ? info->class_count : 0};
        code = export_files(&names);
    }
    smt_classifier_close(&classifier);
    smt_pool_destroy(&pool);
    return code;
}

/* A checkpoint keeps the familiar features of the one that it is written from. */
static smt_status read_extra(const char *source, smt_error *error)
{
    char *file = NULL;
    float *rows = NULL;
    smt_classifier_info info = {0};
    smt_status status = smt_model_file(source, &file, error);
    const smt_model_format *format = status ? NULL : smt_format_of_file(file, error);
    if (format && strcmp(format->name, "safetensors") == 0) {
        status = smt_familiarity_load(file, &rows, &info.remembered, &info.feature_width, error);
    }
    if (rows) {
        info.references = rows;
        status = smt_familiarity_store(&info, &extra, error);
    }
    smt_free(rows);
    smt_free(file);
    return status;
}

int cli_export(int argc, char **argv)
{
    char **operands;
    int count;
    int code = cli_parse(&command, options, argc, argv, &operands, &count);
    if (code >= 0) {
        return code;
    }
    if (!outputs.count == !all) {
        return cli_usage(&command, "give -o FILE or --all OUT");
    }
    smt_error error = {SMT_OK, ""};
    if (outputs.count == 1 && names_folder(outputs.items[0])) {
        return export_c_source(operands[0]);
    }
    for (int i = 0; i < outputs.count; i++) {
        const smt_model_format *format = smt_format_by_suffix(outputs.items[i]);
        if (!format || !writes(format)) {
            return unknown_suffix(outputs.items[i]);
        }
        if (half && !halves(format)) {
            return cli_usage(
                &command,
                "-o %s: --float16 is for .tflite and .safetensors, others hold float32",
                outputs.items[i]);
        }
        if (smt_check_output(outputs.items[i], false, &error) ||
            cli_check_kept(outputs.items[i], operands[0], &error)) {
            return cli_report(&error);
        }
    }
    const smt_model_format *source = smt_format_by_suffix(operands[0]);
    if (source && strcmp(source->name, "tflite") == 0 && names_alone()) {
        return export_names(operands[0]);
    }
    smt_model *model = NULL;
    if ((all && check_all(operands[0], &error)) || smt_model_load(operands[0], &model, &error) ||
        read_extra(operands[0], &error)) {
        smt_model_destroy(&model);
        return cli_report(&error);
    }
    if (size && !model->size_assumed) {
        int own = model->graph->nodes[0].shape.h;
        smt_model_destroy(&model);
        return cli_usage(&command,
                         "--size %d: %s says itself that its images have %d pixels",
                         size,
                         operands[0],
                         own);
    }
    if (size) {
        smt_graph *graph = NULL;
        if (smt_graph_with_size(model->graph, size, size, &graph, &error)) {
            smt_model_destroy(&model);
            return cli_report(&error);
        }
        smt_graph_destroy(&model->graph);
        model->graph = graph;
    } else {
        smt_model_note_size(model, operands[0]);
    }
    code = all ? export_all(model, operands[0]) : export_files(model);
    smt_tensor_file_destroy(&extra);
    smt_model_destroy(&model);
    return code;
}
