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
/* Images decoded and classified at a time, so that memory does not grow with their number. */
#define BLOCK 256

typedef struct block {
    char **paths;
    int size;
    float cut_percent;
    uint8_t *pixels; /* BLOCK x size x size; fewer for fewer images */
    bool good[BLOCK], more_pages[BLOCK];
    float familiarity[BLOCK]; /* of the good ones, in their order */
    smt_error errors[BLOCK];
    smt_paged paged; /* so far */
} block;

static void read_one(void *context, int task, int worker)
{
    (void)worker;
    block *b = context;
    smt_image image = {0}, small = {0};
    smt_sem_metadata metadata = {0};
    smt_error *error = &b->errors[task];
    b->good[task] = false;
    if (smt_image_load_sem(b->paths[task], NULL, b->cut_percent, &image, &metadata, error) ==
            SMT_OK &&
        smt_image_resize(&image, b->size, b->size, &small, error) == SMT_OK) {
        size_t side = (size_t)b->size * (size_t)b->size;
        memcpy(b->pixels + (size_t)task * side, small.pixels, side);
        b->good[task] = true;
    }
    b->more_pages[task] = metadata.more_pages;
    smt_image_free(&image);
    smt_image_free(&small);
}

typedef struct sink {
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

static smt_status emit(sink *s,
                       const smt_classifier_info *info,
                       const char *path,
                       const float *row,
                       float familiarity,
                       smt_error *error)
{
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

static smt_status run_block(smt_classifier *classifier,
                            smt_pool *pool,
                            block *b,
                            int count,
                            float *probabilities,
                            sink *s,
                            size_t *skipped,
                            smt_error *error)
{
    const smt_classifier_info *info = smt_classifier_about(classifier);
    size_t side = (size_t)b->size * (size_t)b->size, good = 0;
    smt_pool_run(pool, count, read_one, b);
    for (int i = 0; i < count; i++) {
        smt_paged_add(&b->paged, b->more_pages[i], b->paths[i]);
        if (b->good[i]) {
            memmove(b->pixels + good++ * side, b->pixels + (size_t)i * side, side);
        } else if (b->errors[i].status == SMT_ERR_MEMORY) {
            return smt_fail(error, SMT_ERR_MEMORY, "%s", b->errors[i].message);
        } else {
            smt_log(SMT_LOG_WARNING, "skipped %s", b->errors[i].message);
            (*skipped)++;
        }
    }
    smt_status status = smt_classifier_run_scored(
        classifier, b->pixels, good, probabilities, b->familiarity, error);
    const float *row = probabilities;
    size_t at = 0;
    for (int i = 0; i < count && !status; i++) {
        if (b->good[i]) {
            status = emit(s, info, b->paths[i], row, b->familiarity[at++], error);
            row += info->class_count;
        }
    }
    return status;
}

static smt_status predict_all(smt_classifier *classifier,
                              smt_pool *pool,
                              const cli_paths *list,
                              sink *s,
                              size_t *skipped,
                              smt_error *error)
{
    const smt_classifier_info *info = smt_classifier_about(classifier);
    block *b = smt_alloc(1, sizeof *b);
    float *probabilities = smt_alloc(BLOCK * (size_t)info->class_count, sizeof *probabilities);
    smt_status status = SMT_OK;
    if (b) {
        b->size = info->input_size;
        b->cut_percent = info->preprocess.cut_percent;
        size_t most = list->count < BLOCK ? list->count : BLOCK;
        b->pixels = smt_alloc(most, (size_t)b->size * (size_t)b->size);
    }
    if (!b || !b->pixels || !probabilities) {
        status = smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    smt_progress("predicting", 0, list->count);
    for (size_t first = 0; first < list->count && !status; first += BLOCK) {
        int count = (int)(list->count - first < BLOCK ? list->count - first : BLOCK);
        b->paths = list->items + first;
        status = run_block(classifier, pool, b, count, probabilities, s, skipped, error);
        smt_progress("predicting", first + (size_t)count, list->count);
        status = status ? status : smt_check_interrupted(error);
    }
    if (b) {
        smt_paged_warn(&b->paged);
        smt_free(b->pixels);
    }
    smt_free(b);
    smt_free(probabilities);
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
    status = status ? status : predict_all(classifier, pool, &list, &s, &skipped, &error);
    if (!status && skipped == list.count) {
        status = smt_fail(&error, SMT_ERR_FORMAT, "no image of %zu could be read", list.count);
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
