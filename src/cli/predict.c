#include "base/json.h"
#include "cli/classify.h"
#include "cli/cli.h"
#include "cli/gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *output, *names;
static int views;
static bool as_json;

static const cli_option options[] = {
    {"output", 'o', CLI_STREAM(&output, "FILE"), "write there instead of to standard output"},
    {"json",
     0,
     CLI_FLAG(&as_json),
     "a JSON array with all probabilities instead of CSV, as in a FILE called *.json"},
    CLI_OPTION_CLASSES(&names),
    CLI_OPTION_VIEWS(&views),
    {0},
};

static const cli_command command = {
    .name = "predict",
    .arguments = "MODEL PATH...",
    .summary = "Classify images without labels.",
    .details = "Each PATH is an image or a folder, which is searched with all its folders. The "
               "result is CSV with the columns\n"
               "image_name, predicted_class and confidence (0 .. 1), in the order of the paths and "
               "of the names in a folder.\n"
               "Images that cannot be read are named, skipped and lead to exit code 3.\n"
               "A model with thresholds (see calibrate) says \'review\' below them, its own "
               "guess in the column suggested_class,\n"
               "and in review_reason \'unsure\' or \'unfamiliar\'.",
    .examples = "  semtinel predict run image.png\n"
                "  semtinel predict model-int8.tflite ../images -o predictions.csv\n"
                "  semtinel predict run ../images --json\n",
    .min_operands = 2,
    .max_operands = -1,
};

#define REVIEW "review" /* stands for a class below the threshold of 'semtinel calibrate' */

typedef struct sink {
    const smt_classifier_info *info;
    smt_file *file;
    bool begun; /* the header of CSV is written, or the bracket of JSON */
    size_t reviewed;
} sink;

/* One of an array of JSON_INDENT(1). */
static smt_status emit_json(sink *s, const json_t *item, smt_error *error)
{
    char *text = item ? json_dumps(item, JSON_INDENT(1) | JSON_REAL_PRECISION(7)) : NULL;
    if (!text) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    smt_file_printf(s->file, s->begun ? ",\n" : "[\n");
    s->begun = true;
    for (const char *line = text; line;) {
        const char *end = strchr(line, '\n');
        smt_file_write(s->file, " ", 1);
        smt_file_write(s->file, line, end ? (size_t)(end + 1 - line) : strlen(line));
        line = end ? end + 1 : NULL;
    }
    free(text);
    return SMT_OK;
}

static smt_status
emit(void *context, const char *path, const float *row, float familiarity, smt_error *error)
{
    sink *s = context;
    const smt_classifier_info *info = s->info;
    int best = smt_argmax(row, info->class_count);
    bool rejects = info->decision.rejects;
    smt_review why = smt_decision_review(&info->decision, best, row[best], familiarity);
    const char *decided = why ? REVIEW : info->classes[best];
    s->reviewed += why != SMT_REVIEW_NONE;
    if (!as_json) {
        if (!s->begun) {
            smt_file_printf(s->file,
                            "image_name,predicted_class,confidence%s\n",
                            rejects ? ",suggested_class,review_reason" : "");
            s->begun = true;
        }
        smt_file_csv_field(s->file, path);
        smt_file_printf(s->file, ",");
        smt_file_csv_field(s->file, decided);
        smt_file_printf(s->file, ",%.6f", (double)row[best]);
        if (rejects) {
            smt_file_printf(s->file, ",");
            smt_file_csv_field(s->file, info->classes[best]);
            smt_file_printf(s->file, ",%s", smt_review_name(why));
        }
        smt_file_printf(s->file, "\n");
        return SMT_OK;
    }
    json_t *probabilities = json_object();
    for (int c = 0; c < info->class_count; c++) {
        smt_json_set(probabilities, info->classes[c], json_real((double)row[c]));
    }
    json_t *item = json_pack("{s:o,s:o,s:f,s:o}",
                             "image_name",
                             smt_json_text(path),
                             "predicted_class",
                             smt_json_text(decided),
                             "confidence",
                             (double)row[best],
                             "probabilities",
                             probabilities);
    if (item && rejects) {
        json_object_set_new(item, "suggested_class", smt_json_text(info->classes[best]));
        json_object_set_new(item, "review_reason", json_string(smt_review_name(why)));
    }
    smt_status status = emit_json(s, item, error);
    json_decref(item);
    return status;
}

/* A thread more than images would only take memory, as each has its own arena. */
static int threads_for(char *const *paths, int count)
{
    for (int i = 0; i < count; i++) {
        if (smt_path_is_directory(paths[i])) {
            return cli_shared.threads;
        }
    }
    int threads = cli_shared.threads > 0 ? cli_shared.threads : smt_cores();
    return threads < count ? threads : count;
}

int cli_predict(int argc, char **argv)
{
    char **operands;
    int operand_count;
    int code = cli_parse(&command, options, argc, argv, &operands, &operand_count);
    if (code >= 0) {
        return code;
    }
    bool to_file = output && strcmp(output, "-");
    as_json = as_json || (to_file && !strcmp(smt_path_suffix(output), ".json"));
    if (!to_file) {
        cli_log_aside(); /* standard output carries the predictions */
    }
    smt_error error = {0};
    smt_pool *pool = NULL;
    smt_classifier *classifier = NULL;
    cli_paths list = {0};
    sink s = {0};
    size_t skipped = 0;
    int threads = threads_for(operands + 1, operand_count - 1);
    smt_status status = smt_pool_create(threads, &pool, &error);
    status = status ? status : cli_open_classifier(operands[0], names, pool, &classifier, &error);
    if (!status) {
        cli_choose_views(classifier, views);
    }
    status = status
                 ? status
                 : cli_gather((const char *const *)operands + 1, operand_count - 1, &list, &error);
    for (size_t i = 0; i < list.count && to_file && !status; i++) {
        status = smt_check_kept(output, list.items[i], &error);
    }
    if (!status) {
        status = to_file ? smt_file_create(output, &s.file, &error)
                         : smt_file_standard_output(&s.file, &error);
    }
    if (!status) {
        s.info = smt_classifier_about(classifier);
        status =
            cli_classify_paths(classifier, pool, &list, "predicting", emit, &s, &skipped, &error);
    }
    if (!status && as_json) {
        smt_file_printf(s.file, "\n]\n");
    }
    status = status ? status : smt_file_commit(&s.file, &error);
    if (!status && to_file) {
        char review[40] = "";
        size_t images = list.count - skipped;
        if (smt_classifier_about(classifier)->decision.rejects) {
            snprintf(review, sizeof review, ", %zu to review", s.reviewed);
        }
        cli_say(
            "wrote %s: %zu %s%s", output, images, smt_plural(images, "image", "images"), review);
    }
    if (!status && skipped) {
        smt_log(SMT_LOG_WARNING,
                "%zu of %zu %s skipped",
                skipped,
                list.count,
                smt_plural(list.count, "image", "images"));
    }
    code = status ? cli_report(&error) : skipped ? EXIT_SKIPPED : EXIT_DONE;
    smt_file_abandon(&s.file);
    smt_list_free(&list.items, list.count);
    smt_classifier_close(&classifier);
    smt_pool_destroy(&pool);
    return code;
}
