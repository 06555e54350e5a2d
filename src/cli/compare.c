#include "base/json.h"
#include "cli/cli.h"

#include <semtinel/evaluate.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *output;
static int resamples = SMT_BOOTSTRAP_RESAMPLES;

static const cli_option options[] = {
    {"output", 'o', CLI_FILE(&output, "FILE"), "write the figures there too, as JSON"},
    {"resamples",
     0,
     CLI_INT(&resamples, 0, 100000, "N"),
     "bootstrap resamples of the 95% intervals; 0: none, both ends are the value"},
    {0},
};

static const cli_command command = {
    .name = "compare",
    .arguments = "OUT1 OUT2 ...",
    .summary = "Put evaluations side by side, and say which difference is more than chance.",
    .details = "Each operand is a folder that 'semtinel evaluate -o' wrote (or its "
               "predictions.csv). Only images that all of them hold count. For each pair, "
               "McNemar's test looks at the images that one gets right and the other wrong: p is "
               "the probability of a split at least as uneven if both were equally good. Of many "
               "pairs some p are small by chance: what is called a difference has p < 0.05 after "
               "Holm's correction for their number.",
    .examples = "  semtinel compare out-float out-int8\n"
                "  semtinel compare out-width075 out-width1 out-teacher -o comparison.json\n",
    .min_operands = 2,
    .max_operands = 64,
};

static smt_status load(const char *operand, smt_prediction_table **table, smt_error *error)
{
    char *path = smt_path_is_directory(operand) ? smt_path_join(operand, "predictions.csv")
                                                : smt_strdup(operand);
    smt_status status =
        path ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", operand);
    if (!status && smt_path_missing(path)) {
        status = smt_fail(error,
                          SMT_ERR_IO,
                          "%s: no such file; name a folder that 'semtinel evaluate -o' wrote",
                          path);
    }
    status = status || !output ? status : smt_check_kept(output, path, error);
    status = status ? status : smt_predictions_load(path, table, error);
    smt_free(path);
    return status;
}

static void show_p(const char *name, double p, char *text, size_t size)
{
    if (p < 0.0001) {
        snprintf(text, size, "%s < 0.0001", name);
    } else {
        snprintf(text, size, "%s = %.4f", name, p);
    }
}

static void print(const smt_comparison *c, char **names)
{
    cli_say("%zu %s in all of them%s",
            c->count,
            smt_plural(c->count, "image", "images"),
            c->left_out ? ", others left out" : "");
    cli_say("%s", "");
    cli_say("     accuracy  95%% interval      macro F1  95%% interval");
    for (int t = 0; t < c->tables; t++) {
        const smt_metrics *m = c->metrics[t];
        cli_say("%3d  %.4f    %.4f .. %.4f  %.4f    %.4f .. %.4f  %s",
                t + 1,
                m->accuracy,
                m->accuracy_95.low,
                m->accuracy_95.high,
                m->macro.f1,
                m->macro_f1_95.low,
                m->macro_f1_95.high,
                names[t]);
    }
    cli_say("%s", "");
    char line[1024];
    int columns = smt_utf8_widest((const char *const *)c->classes, c->class_count, 18);
    int used = snprintf(line, sizeof line, "F1 of %-*s", columns - 4, "class");
    for (int t = 0; t < c->tables && used < 900; t++) {
        used += snprintf(line + used, sizeof line - (size_t)used, "%8d", t + 1);
    }
    cli_say("%s  images", line);
    for (int k = 0; k < c->class_count; k++) {
        const char *name = c->classes[k];
        used = snprintf(line, sizeof line, "  %-*s", smt_utf8_pad(name, columns), name);
        for (int t = 0; t < c->tables && used < 900; t++) {
            used += snprintf(
                line + used, sizeof line - (size_t)used, "  %.4f", c->metrics[t]->classes[k].f1);
        }
        cli_say("%s  %zu", line, c->metrics[0]->classes[k].support);
    }
    cli_say("%s", "");
    for (size_t i = 0; i < c->pair_count; i++) {
        const smt_compared_pair *pair = &c->pairs[i];
        char p[32], holm[32] = "";
        show_p("McNemar p", pair->p, p, sizeof p);
        if (c->pair_count > 1) {
            show_p(", Holm", pair->p_holm, holm, sizeof holm);
        }
        cli_say("%d against %d: %zu right only with %d, %zu only with %d; %s%s%s",
                pair->first + 1,
                pair->second + 1,
                pair->first_only,
                pair->first + 1,
                pair->second_only,
                pair->second + 1,
                p,
                holm,
                pair->p_holm < 0.05 ? ", a difference" : ", no difference shown");
    }
}

static json_t *to_json(const smt_comparison *c, char **names)
{
    json_t *rows = json_array(), *pairs = json_array();
    for (int t = 0; t < c->tables; t++) {
        const smt_metrics *m = c->metrics[t];
        json_array_append_new(rows,
                              json_pack("{s:o,s:f,s:[f,f],s:f,s:[f,f]}",
                                        "name",
                                        smt_json_text(names[t]),
                                        "accuracy",
                                        m->accuracy,
                                        "accuracy_95",
                                        m->accuracy_95.low,
                                        m->accuracy_95.high,
                                        "macro_f1",
                                        m->macro.f1,
                                        "macro_f1_95",
                                        m->macro_f1_95.low,
                                        m->macro_f1_95.high));
    }
    for (size_t i = 0; i < c->pair_count; i++) {
        const smt_compared_pair *pair = &c->pairs[i];
        json_array_append_new(pairs,
                              json_pack("{s:i,s:i,s:I,s:I,s:f,s:f}",
                                        "first",
                                        pair->first,
                                        "second",
                                        pair->second,
                                        "only_first_right",
                                        (json_int_t)pair->first_only,
                                        "only_second_right",
                                        (json_int_t)pair->second_only,
                                        "mcnemar_p",
                                        pair->p,
                                        "holm_p",
                                        pair->p_holm));
    }
    if (json_array_size(rows) < (size_t)c->tables) { /* no memory for a name */
        json_decref(rows);
        json_decref(pairs);
        return NULL;
    }
    return json_pack(
        "{s:I,s:o,s:o}", "images", (json_int_t)c->count, "evaluations", rows, "pairs", pairs);
}

static smt_status save(const smt_comparison *c, char **names, smt_error *error)
{
    json_t *json = to_json(c, names);
    char *text = json ? json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    smt_status status = text ? smt_file_save(output, text, strlen(text), error)
                             : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", output);
    free(text);
    json_decref(json);
    return status;
}

int cli_compare(int argc, char **argv)
{
    char **operands;
    int operand_count;
    int code = cli_parse(&command, options, argc, argv, &operands, &operand_count);
    if (code >= 0) {
        return code;
    }
    smt_error error = {0};
    smt_prediction_table *tables[64] = {NULL};
    smt_comparison *comparison = NULL;
    smt_status status = SMT_OK;
    for (int i = 0; i < operand_count && !status; i++) {
        status = load(operands[i], &tables[i], &error);
    }
    if (!status) {
        status = smt_compare((const smt_prediction_table *const *)tables,
                             (const char *const *)operands,
                             operand_count,
                             resamples,
                             cli_shared.seed,
                             &comparison,
                             &error);
    }
    if (!status && output) {
        status = save(comparison, operands, &error);
    }
    if (!status) {
        print(comparison, operands);
    }
    code = status ? cli_report(&error) : EXIT_DONE;
    smt_comparison_destroy(&comparison);
    for (int i = 0; i < operand_count; i++) {
        smt_predictions_free(&tables[i]);
    }
    return code;
}
