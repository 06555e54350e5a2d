/* The files of a run: log.txt and, after an epoch, history.csv and, when
 * the epoch is the best so far, model.safetensors. */
#include "base/json.h"
#include "train/options.h"
#include "train/run.h"

#include <semtinel/format.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

void smt_run_say(smt_run *run, smt_log_level level, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    smt_log(level, "%s", line);
    if (run->log && !run->log_failed) {
        run->log_failed =
            fprintf(run->log, "%s%s\n", level == SMT_LOG_WARNING ? "warning: " : "", line) < 0 ||
            fflush(run->log) != 0;
        if (run->log_failed) {
            smt_log(
                SMT_LOG_WARNING, "%s/log.txt: cannot write: %s", run->job->run, strerror(errno));
        }
    }
}

static json_t *counts_json(const smt_train_data *data, const size_t *images)
{
    json_t *object = json_object();
    for (int i = 0; i < data->class_count; i++) {
        json_object_set_new(object, data->classes[i], json_integer((json_int_t)images[i]));
    }
    return object;
}

static json_t *figure(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* Nothing in it depends on the time, the place or the number
 * of threads, so that equal runs give equal files. */
static char *provenance(const smt_run *run)
{
    const smt_train_data *d = run->data;
    const smt_epoch *best = &run->state->best;
    char fingerprint[17], seed[24];
    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, d->fingerprint);
    snprintf(seed, sizeof seed, "%" PRIu64, run->options->seed);
    char *seen = smt_seen_join(d->seen, run->state->seen);
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:o, s:{s:s, s:o, s:o, s:b, s:I, s:s}, s:{s:i, s:o, s:o, s:o, s:o, s:o}}",
        "made_by",
        "semtinel train",
        "seed",
        seed,
        "init",
        run->state->origin,
        "options",
        smt_options_json(run->options),
        "data",
        "fingerprint",
        fingerprint,
        "train",
        counts_json(d, d->train_images),
        "val",
        counts_json(d, d->val_images),
        "val_held_out_of_train",
        d->held_out,
        "mixed_in",
        (json_int_t)d->mixed.count,
        "seen",
        seen ? seen : "",
        "metrics",
        "epoch",
        best->epoch,
        "train_loss",
        figure(best->train_loss),
        "train_accuracy",
        figure(best->train_accuracy),
        "val_loss",
        figure(best->val_loss),
        "val_accuracy",
        figure(best->val_accuracy),
        "val_macro_f1",
        figure(best->val_macro_f1));
    char *text = NULL;
    bool complete = root && seen;
    if (complete && run->job->teacher) {
        json_t *name = smt_json_text(smt_path_name(run->job->teacher));
        complete = json_object_set_new(root, "teacher", name) == 0;
    }
    if (complete && run->job->folds) {
        json_t *data = json_object_get(root, "data");
        complete = json_object_set_new(data, "folds", json_integer(run->job->folds)) == 0 &&
                   json_object_set_new(data, "fold", json_integer(run->job->fold)) == 0 &&
                   (!run->job->group ||
                    json_object_set_new(data, "group", smt_json_text(run->job->group)) == 0);
    }
    if (root && d->dataset->added_count) {
        json_object_set_new(
            json_object_get(root, "data"), "added", counts_json(d, d->added_images));
    }
    if (complete) {
        char *dumped = json_dumps(root, JSON_COMPACT);
        text = dumped ? smt_strdup(dumped) : NULL;
        free(dumped);
    }
    smt_free(seen);
    json_decref(root);
    return text;
}

static smt_status save_best(smt_run *run, smt_error *error)
{
    char *text = provenance(run);
    if (!text) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    smt_free(run->model->provenance);
    run->model->provenance = text;
    smt_params_swap(run->model->graph, run->state->best_weights);
    smt_status status = smt_model_save(run->model, run->model_path, SMT_DTYPE_F32, NULL, error);
    smt_params_swap(run->model->graph, run->state->best_weights);
    run->model_written = run->model_written || !status;
    return status;
}

bool smt_run_holds_best(const smt_run *run)
{
    const smt_train_state *s = run->state;
    smt_model *model = NULL;
    float *weights = smt_alloc(s->count, sizeof *weights);
    bool same = false;
    if (weights && smt_model_load(run->model_path, &model, NULL) == SMT_OK) {
        size_t count = 0;
        for (int i = 0; i < model->graph->param_count; i++) {
            count += model->graph->params[i].count;
        }
        if (count == s->count) {
            smt_params_gather(model->graph, weights);
            same = memcmp(weights, s->best_weights, count * sizeof *weights) == 0;
        }
    }
    smt_model_destroy(&model);
    smt_free(weights);
    return same;
}

smt_status smt_run_save_outputs(smt_run *run, bool new_best, smt_error *error)
{
    const smt_train_state *s = run->state;
    smt_status status = SMT_OK;
    if (new_best) {
        status = save_best(run, error);
    }
    if (!status) {
        status = smt_history_save(run->history_path, s->history, s->epoch, error);
    }
    if (!status && run->job->epoch_done) {
        status = run->job->epoch_done(
            run->job->context, s->history, (size_t)s->epoch, s->best.epoch, error);
    }
    return status;
}
