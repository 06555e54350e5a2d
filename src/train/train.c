/* A run from its data set to its best model: prepare, then epoch by epoch train, average, validate,
 * save.
 *
 * What an epoch does depends on the options, the data, the seed and the state after the epoch
 * before it, on nothing else. The state is saved whole after every epoch, before the outputs that
 * follow from it; so a run that was killed goes on from there, and at worst writes a model or a
 * history again that was already there. */
#include "train/run.h"

#include <math.h>
#include <string.h>

static bool averaging(const smt_run *run, int epoch)
{
    const smt_train_options *o = run->options;
    int first = (int)(o->average_start * o->epochs);
    return o->average != SMT_AVERAGE_NONE && epoch >= first && epoch >= o->freeze_epochs;
}

/* Validates the weights that would ship after this epoch, and keeps them if they are the best so
 * far. With averaging the graph holds the average meanwhile, and the training weights wait in the
 * average's place. */
static smt_status judge(smt_run *run, smt_epoch *row, bool *new_best, smt_error *error)
{
    smt_train_state *s = run->state;
    smt_graph *graph = run->model->graph;
    bool average = averaging(run, s->epoch);
    if (average && run->options->average == SMT_AVERAGE_SWA) {
        smt_params_gather(graph, s->weights);
        s->average_updates++;
        smt_average_blend(
            run->job->pool, s->average, s->weights, s->count, 1.0 / (double)s->average_updates);
    }
    average = average && s->average_updates > 0;
    smt_status status = SMT_OK;
    if (average) {
        smt_params_swap(graph, s->average);
        if (run->options->average == SMT_AVERAGE_SWA && !run->options->freeze_bn) {
            status = smt_run_measure_batch_norm(run, error);
        }
    }
    if (!status) {
        status = smt_run_validate(run, row, error);
    }
    const smt_epoch *best = &s->best;
    /* A lucky epoch of single weights must not outlast averages, whose scores scatter less. */
    bool first_average = average && best->epoch > 0 && !averaging(run, best->epoch - 1);
    *new_best = run->options->keep == SMT_KEEP_LAST || best->epoch == 0 || first_average ||
                isnan(row->val_macro_f1) || row->val_macro_f1 > best->val_macro_f1 ||
                (row->val_macro_f1 == best->val_macro_f1 && row->val_loss < best->val_loss);
    if (!status && *new_best) {
        s->best = *row;
        s->bad_epochs = 0;
        smt_params_gather(graph, s->best_weights);
    } else {
        s->bad_epochs++;
    }
    if (average) {
        smt_params_swap(graph, s->average);
    }
    return status;
}

static void say_epoch(smt_run *run, const smt_epoch *row, bool new_best)
{
    char val[96] = "";
    if (!isnan(row->val_accuracy)) {
        snprintf(val,
                 sizeof val,
                 "  val loss %.4f accuracy %.4f macro F1 %.4f",
                 row->val_loss,
                 row->val_accuracy,
                 row->val_macro_f1);
    }
    smt_run_say(run,
                SMT_LOG_INFO,
                "epoch %3d/%d  loss %.4f accuracy %.4f%s  %.0f images/s%s",
                row->epoch,
                run->options->epochs,
                row->train_loss,
                row->train_accuracy,
                val,
                row->images_per_second,
                new_best ? " *" : "");
}

static smt_status train_all(smt_run *run, smt_error *error)
{
    smt_train_state *s = run->state;
    const smt_train_options *o = run->options;
    while (!s->finished) {
        smt_epoch row = {0};
        bool new_best = false;
        smt_status status = smt_run_train_epoch(run, &row, error);
        if (!status) {
            status = judge(run, &row, &new_best, error);
        }
        if (status) {
            return status;
        }
        if (o->schedule.kind == SMT_SCHEDULE_PLATEAU && s->epoch >= o->freeze_epochs) {
            bool by_training = o->keep == SMT_KEEP_LAST || isnan(row.val_loss);
            smt_plateau_update(
                &s->plateau, &o->schedule, by_training ? row.train_loss : row.val_loss);
        }
        s->history[s->epoch++] = row;
        s->early = o->patience > 0 && s->bad_epochs >= o->patience && s->epoch < o->epochs;
        s->finished = s->early || s->epoch == o->epochs;
        smt_params_gather(run->model->graph, s->weights);
        status = smt_state_save(run->job->run, &run->key, s, run->optimizer, error);
        if (!status && s->epoch == 1) {
            status = smt_run_clear(run, error);
        }
        if (!status) {
            status = smt_run_save_outputs(run, new_best, error);
        }
        if (status) {
            return status;
        }
        say_epoch(run, &row, new_best);
    }
    return SMT_OK;
}

static smt_status check_kept(const smt_run *run, smt_error *error)
{
    return run->val_loader && !isfinite(run->state->best.val_loss)
               ? smt_fail(error,
                          SMT_ERR_ARGUMENT,
                          "training diverged: the kept network's output on validation images is no "
                          "number; use a lower --rate than %g, or --clip 1",
                          run->options->schedule.rate)
               : SMT_OK;
}

static void close_run(smt_run *run)
{
    smt_exec_destroy(&run->exec);
    smt_exec_destroy(&run->infer);
    smt_exec_destroy(&run->teacher);
    smt_loader_destroy(&run->train_loader);
    smt_loader_destroy(&run->val_loader);
    smt_optimizer_destroy(&run->optimizer);
    smt_state_destroy(&run->state);
    smt_model_destroy(&run->source);
    smt_model_destroy(&run->model);
    smt_model_destroy(&run->teacher_model);
    smt_train_data_free(&run->data);
    smt_free(run->class_weight);
    smt_free(run->model_path);
    smt_free(run->history_path);
    smt_free(run->slots);
    smt_free(run->slot_param);
    smt_free(run->slot_in_head);
    smt_free(run->counts);
    smt_free(run->input);
    smt_free(run->target);
    smt_free(run->gradient);
    smt_free(run->index);
    if (run->log) {
        fclose(run->log);
    }
}

smt_status smt_train(const smt_train_job *job,
                     const smt_train_options *options,
                     smt_train_result *result,
                     smt_error *error)
{
    smt_status status = smt_train_check(options, error);
    if (status) {
        return status;
    }
    smt_run run = {.job = job, .resolved = *options};
    run.options = &run.resolved;
    if (job->folds) {
        run.resolved.keep = SMT_KEEP_LAST;
        run.resolved.patience = 0;
    }
    smt_error inner = {0};
    double start = smt_clock();
    status = smt_run_prepare(&run, &inner);
    if (!status) {
        status = train_all(&run, &inner);
    }
    status = status ? status : check_kept(&run, &inner);
    if (!status) {
        const smt_train_state *s = run.state;
        char val[64] = "";
        if (!isnan(s->best.val_accuracy)) {
            snprintf(val,
                     sizeof val,
                     ", validation accuracy %.4f, macro F1 %.4f",
                     s->best.val_accuracy,
                     s->best.val_macro_f1);
        }
        smt_run_say(&run,
                    SMT_LOG_INFO,
                    "%s after %d %s in %.0f s; kept: epoch %d%s",
                    s->early ? "stopped early" : "done",
                    s->epoch,
                    smt_plural((size_t)s->epoch, "epoch", "epochs"),
                    smt_clock() - start,
                    s->best.epoch,
                    val);
        smt_run_say(
            &run, SMT_LOG_INFO, "%s %s", run.model_written ? "wrote" : "kept", run.model_path);
        *result = (smt_train_result){.best = s->best,
                                     .epochs = s->epoch,
                                     .early = s->early,
                                     .random = strcmp(s->origin, "none") == 0,
                                     .skipped = run.data->pixels->failed_count,
                                     .train_count = run.data->train_count,
                                     .val_count = run.data->val_count};
    } else {
        char *dataset = smt_shell_word(job->dataset), *folder = smt_shell_word(job->run);
        if (status == SMT_ERR_INTERRUPTED && job->folds) {
            smt_fail(&inner,
                     status,
                     "interrupted in fold %d of %d; the same command with --resume goes on",
                     job->fold + 1,
                     job->folds);
        } else if (job->folds) { /* it lacks images that the network before it had */
            const smt_error plain = inner;
            smt_fail(&inner, status, "fold %d of %d: %s", job->fold + 1, job->folds, plain.message);
        } else if (status == SMT_ERR_INTERRUPTED && run.state && run.state->epoch && dataset &&
                   folder) {
            smt_fail(&inner,
                     status,
                     "interrupted in epoch %d; 'semtinel train %s -o %s%s%s --resume' goes on "
                     "after epoch %d",
                     run.state->epoch + 1,
                     dataset,
                     folder,
                     job->also_count ? " --also ..." : "",
                     job->teacher ? " --teacher ..." : "",
                     run.state->epoch);
        } else if (status == SMT_ERR_INTERRUPTED && run.replaces) {
            smt_fail(&inner, status, "interrupted; %s still holds its earlier model", job->run);
        }
        smt_free(dataset);
        smt_free(folder);
        if (run.log) {
            fprintf(run.log, "%s\n", inner.message);
        }
        if (error) {
            *error = inner;
        }
    }
    close_run(&run);
    return status;
}
