#include "cli/classify.h"
#include "cli/cli.h"

#include <semtinel/audit.h>
#include <semtinel/report.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *output;
static const char *names;
static bool with_audit;
static int split, views;
static int resamples = SMT_BOOTSTRAP_RESAMPLES;
static cli_list overrides;

static const cli_option options[] = {
    {"output", 'o', CLI_FOLDER(&output, "OUT"), "folder for the results; made if missing"},
    {"split",
     0,
     CLI_CHOICE(&split, "auto|test|val|train|all|folds"),
     "part of the set; auto: test, else val, else all images that did not train the model; folds: "
     "all but test, each by the network of 'train --folds' that has not seen it"},
    {"map", 0, CLI_PAIRS(&overrides, "FROM=TO"), "count class FROM as TO, on either side"},
    CLI_OPTION_CLASSES(&names),
    CLI_OPTION_VIEWS(&views),
    {"resamples",
     0,
     CLI_INT(&resamples, 0, 100000, "N"),
     "bootstrap resamples of the 95% intervals; 0: none, both ends are the value"},
    {"audit", 0, CLI_FLAG(&with_audit), "put an audit of DATASET into report.html"},
    {0},
};

static const cli_command command = {
    .name = "evaluate",
    .arguments = "MODEL DATASET -o OUT",
    .summary = "Measure a model on labelled images.",
    .details = "MODEL is a run's folder or a model file; a .tflite runs through the edge runtime. "
               "DATASET is a folder\n"
               "of class folders, or of train/, val/, test/ with class folders inside. OUT gets "
               "metrics.json,\n"
               "classification_report.txt, confusion_matrix.png, .svg and .csv, predictions.csv, "
               "reliability.png,\n"
               "coverage.png, report.html and log.txt (evaluate-log.txt in a run's folder, whose "
               "log.txt stays).\n"
               "\n"
               "Class names that differ in case, punctuation, plural or by a common synonym are "
               "matched. A predicted class that\n"
               "the set lacks counts as 'other', and so does a true class that the model does not "
               "know; mappings are printed.",
    .examples = "  semtinel evaluate run ../data -o out\n"
                "  semtinel evaluate model-int8.tflite ../data -o out --split val\n"
                "  semtinel evaluate run ../data -o out-folds --split folds\n"
                "  semtinel evaluate run ../foreign -o out --map scratch=other --map stain=other\n",
    .min_operands = 2,
    .max_operands = 2,
};

typedef smt_status (*saver)(const smt_evaluation *evaluation, const char *path, smt_error *error);

static const struct {
    const char *name;
    saver save;
} files[] = {
    {"metrics.json", smt_save_metrics},
    {"classification_report.txt", smt_save_report_text},
    {"confusion_matrix.csv", smt_save_confusion},
    {"confusion_matrix.png", smt_plot_confusion},
    {"confusion_matrix.svg", smt_plot_confusion},
    {"predictions.csv", smt_save_predictions},
    {"reliability.png", smt_plot_reliability},
    {"coverage.png", smt_plot_coverage},
};

static smt_status save_all(const smt_evaluation *evaluation, smt_error *error)
{
    smt_status status = SMT_OK;
    for (size_t i = 0; i < sizeof files / sizeof *files && !status; i++) {
        char *path = smt_path_join(output, files[i].name);
        status = path ? files[i].save(evaluation, path, error)
                      : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
        smt_free(path);
    }
    return status;
}

static char *command_line(int argc, char **argv)
{
    char *text = smt_strdup("semtinel");
    for (int i = 0; i < argc && text; i++) {
        char *word = smt_shell_word(argv[i]);
        char *longer = word ? smt_format("%s %s", text, word) : NULL;
        smt_free(word);
        smt_free(text);
        text = longer;
    }
    return text;
}

static smt_status
audit_set(const smt_dataset *dataset, smt_pool *pool, char **text, smt_error *error)
{
    smt_audit *audit = NULL;
    smt_status status = smt_audit_run(dataset, NULL, pool, &audit, error);
    status = status ? status : smt_audit_text(audit, 20, text, error);
    smt_audit_destroy(&audit);
    return status;
}

/* A run brings its curves and the files that were exported into it. */
static void look_into_run(const char *run,
                          const smt_evaluation *evaluation,
                          smt_pool *pool,
                          smt_report_inputs *inputs,
                          smt_history_row **history,
                          smt_report_file **files_of_run)
{
    char *csv = smt_path_join(run, "history.csv");
    if (csv && smt_path_exists(csv) &&
        !smt_history_load(csv, history, &inputs->history_count, NULL)) {
        inputs->history = *history;
    }
    smt_free(csv);
    if (!smt_report_measure_files(run, evaluation, pool, files_of_run, &inputs->file_count, NULL)) {
        inputs->files = *files_of_run;
    }
}

static smt_status save_page(const smt_evaluation *evaluation,
                            const smt_dataset *dataset,
                            const char *model,
                            const char *line,
                            smt_pool *pool,
                            smt_error *error)
{
    smt_report_inputs inputs = {.command = line};
    smt_history_row *history = NULL;
    smt_report_file *beside = NULL;
    char *audit = NULL, *path = smt_path_join(output, "report.html");
    smt_status status = path ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    /* Of folds, the answers are those of several other networks. */
    bool folded = split == SMT_CHOOSE_FOLDS;
    if (smt_path_is_directory(model) && !folded) {
        look_into_run(model, evaluation, pool, &inputs, &history, &beside);
    }
    if (!status && with_audit) {
        status = audit_set(dataset, pool, &audit, error);
        inputs.audit = audit;
    }
    status = status ? status : smt_check_interrupted(error);
    /* A file whose network cannot be taken apart is reported without overlays. */
    smt_error why = {0};
    smt_status opened =
        folded ? SMT_OK : smt_explainer_open(model, NULL, pool, &inputs.explainer, &why);
    if (!status && (opened == SMT_ERR_IO || opened == SMT_ERR_MEMORY)) {
        status = smt_fail(error, opened, "%s", why.message);
    }
    status = status ? status : smt_report_html(evaluation, &inputs, path, error);
    if (status && status != SMT_ERR_INTERRUPTED && path) {
        unlink(path); /* the page of an earlier evaluation */
    }
    smt_explainer_close(&inputs.explainer);
    smt_free(history);
    smt_free(beside);
    smt_free(audit);
    smt_free(path);
    return status;
}

/* Where thresholds differ by class, what each does. */
static void print_thresholds(const smt_evaluation *e)
{
    const smt_decision *d = &e->info.decision;
    for (int c = 0; c < e->info.class_count && smt_decision_by_class(d); c++) {
        smt_rejection r = smt_rejection_of_class(e, c);
        char asked[32] = "", purity[32] = "";
        if (d->purity[c] > 0) {
            snprintf(asked, sizeof asked, " (%g asked)", (double)d->purity[c]);
        }
        if (r.accepted) {
            snprintf(purity, sizeof purity, ", purity %.4f", r.purity);
        }
        smt_log(SMT_LOG_INFO,
                "  %-*s %zu of %zu decided%s%s",
                smt_utf8_pad(e->info.classes[c], 16),
                e->info.classes[c],
                r.accepted,
                r.count,
                purity,
                asked);
    }
}

static void print_summary(const smt_evaluation *e)
{
    const smt_metrics *m = e->metrics;
    char *report = smt_classification_report(m, (const char *const *)e->map->classes);
    for (char *line = report, *end; line && (end = strchr(line, '\n')); line = end + 1) {
        smt_log(SMT_LOG_INFO, "%.*s", (int)(end - line), line);
    }
    smt_free(report);
    smt_log(SMT_LOG_INFO, "%s", "");
    smt_log(SMT_LOG_INFO, "images    %zu measured, %zu skipped", m->count, e->skipped);
    smt_log(SMT_LOG_INFO,
            "accuracy  %.4f  95%% interval %.4f .. %.4f",
            m->accuracy,
            m->accuracy_95.low,
            m->accuracy_95.high);
    if (m->accuracy == 1) {
        smt_log(SMT_LOG_INFO,
                "    all are right, as in one case of twenty at an accuracy of %.4f",
                smt_all_right_accuracy(m));
    }
    size_t right, known = smt_evaluation_known(e, &right);
    if (known && known < m->count) {
        smt_log(SMT_LOG_INFO,
                "    %.4f on the %zu %s whose class both know, other left out",
                (double)right / (double)known,
                known,
                smt_plural(known, "image", "images"));
    }
    smt_log(SMT_LOG_INFO,
            "macro F1  %.4f  95%% interval %.4f .. %.4f",
            m->macro.f1,
            m->macro_f1_95.low,
            m->macro_f1_95.high);
    smt_log(SMT_LOG_INFO, "top 2     %.4f", m->top2);
    smt_log(SMT_LOG_INFO, "log loss  %.4f", m->log_loss);
    smt_log(SMT_LOG_INFO,
            "expected calibration error  %.4f (temperature %.3f%s; %.4f without), %.4f in bins of "
            "equal counts",
            m->calibration_error,
            (double)e->info.decision.temperature,
            smt_decision_fitted_here(e) ? ", set on these very images" : "",
            smt_uncalibrated_error(e),
            m->calibration_error_equal);
    smt_log(SMT_LOG_INFO,
            "    perfect confidence would show %.4f with so many images, above %.4f in one case of "
            "twenty: %s",
            m->calibration_chance,
            m->calibration_chance_95,
            smt_calibration_verdict(m));
    if (e->info.decision.rejects) {
        smt_rejection r = smt_rejection_measure(e);
        char text[SMT_REJECTION_TEXT];
        smt_rejection_text(&r, text);
        smt_log(SMT_LOG_INFO, "%s  %s", e->info.decision.target, text);
        if (smt_decision_fitted_here(e)) {
            smt_log(SMT_LOG_INFO,
                    "    on the very images that set these thresholds: expect less on others");
        }
        print_thresholds(e);
    }
    smt_log(SMT_LOG_INFO,
            "network   %.2f ms an image (%s, %s)",
            1e3 * e->seconds / (double)(m->count ? m->count : 1),
            e->info.format,
            e->info.precision);
}

static smt_status create_log(smt_file **log, smt_error *error)
{
    /* In a run's folder log.txt is the training's. */
    char *model = smt_path_join(output, "model.safetensors");
    bool run = model && smt_path_exists(model);
    char *path = smt_path_join(output, run ? "evaluate-log.txt" : "log.txt");
    smt_free(model);
    smt_status status =
        path ? smt_file_create(path, log, error) : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    smt_free(path);
    return status;
}

int cli_evaluate(int argc, char **argv)
{
    char **operands;
    int operand_count;
    int code = cli_parse(&command, options, argc, argv, &operands, &operand_count);
    if (code >= 0) {
        return code;
    }
    if (!output) {
        return cli_usage(&command, "-o OUT is missing: the folder for the results");
    }
    smt_error error = {0};
    smt_file *log = NULL;
    smt_pool *pool = NULL;
    smt_classifier *classifier = NULL;
    smt_dataset *dataset = NULL;
    smt_evaluation *evaluation = NULL;
    smt_evaluate_options how = smt_evaluate_defaults();
    how.split = (smt_split_choice)split;
    how.overrides = overrides.items;
    how.override_count = overrides.count;
    how.resamples = resamples;
    how.seed = cli_shared.seed;

    char *line = command_line(argc, argv);
    char *said = NULL;
    size_t size = 0;
    FILE *copy = open_memstream(&said, &size);
    smt_status status = line && copy ? SMT_OK : smt_fail(&error, SMT_ERR_MEMORY, "out of memory");
    if (!status) {
        fprintf(copy, "semtinel %s\n%s\n", smt_version(), line);
        cli_log_copy(copy);
    }
    status = status ? status : smt_pool_create(cli_shared.threads, &pool, &error);
    status = status ? status : cli_open_classifier(operands[0], names, pool, &classifier, &error);
    if (!status) {
        cli_choose_views(classifier, views);
    }
    status = status ? status : smt_dataset_scan(operands[1], &dataset, &error);
    /* Not before the scan, which would name the folder if it lies in the data set. */
    status = status ? status : cli_make_folder(output, &error);
    status = status ? status : create_log(&log, &error);
    if (!status && how.split == SMT_CHOOSE_VAL) {
        status = smt_held_out_again(smt_classifier_about(classifier), dataset, pool, &error);
    }
    status = status ? status : smt_evaluate(classifier, dataset, &how, pool, &evaluation, &error);
    /* The page first: its work may be interrupted, and the folder then holds what it held. Where it
     * fails otherwise the figures are kept. */
    smt_status page = status;
    page = page ? page : save_page(evaluation, dataset, operands[0], line, pool, &error);
    status = page == SMT_ERR_INTERRUPTED ? page : status;
    status = status ? status : save_all(evaluation, &error);
    if (!status) {
        print_summary(evaluation);
        code = evaluation->skipped ? EXIT_SKIPPED : EXIT_DONE;
    }
    if (status || page) {
        code = cli_report(&error);
    } else {
        smt_log(SMT_LOG_INFO, "results in %s; open %s/report.html", output, output);
    }
    cli_log_copy(NULL);
    if (copy && fclose(copy) && !status) {
        status = smt_fail(&error, SMT_ERR_MEMORY, "out of memory");
        code = cli_report(&error);
    }
    if (!status) {
        smt_file_write(log, said, size);
        code = smt_file_commit(&log, &error) ? cli_report(&error) : code;
    }
    free(said);
    smt_file_abandon(&log);
    smt_free(line);
    smt_evaluation_destroy(&evaluation);
    smt_dataset_destroy(&dataset);
    smt_classifier_close(&classifier);
    smt_pool_destroy(&pool);
    return code;
}
