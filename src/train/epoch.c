/* One epoch: the steps of training, and the measures of validation. All randomness is a function of
 * the seed, the epoch and the batch, so an epoch that is begun again gives the same bits. */
#include "train/range.h"
#include "train/run.h"
#include "train/statistics.h"

#include <math.h>
#include <string.h>

enum { STREAM_DROPOUT = 0x64726f70 };

/* Memory for backward is taken for the part of the network that trains. */
static smt_status use_exec(smt_run *run, bool frozen, smt_error *error)
{
    if (run->exec && run->exec_frozen == frozen) {
        return SMT_OK;
    }
    smt_exec_destroy(&run->exec);
    smt_exec_options options = {
        .max_batch = run->options->batch, .training = true, .first_trainable_only_head = frozen};
    run->exec_frozen = frozen;
    smt_status status =
        smt_exec_create(run->model->graph, run->job->pool, &options, &run->exec, error);
    return status == SMT_ERR_MEMORY
               ? smt_fail(error,
                          status,
                          "out of memory for batches of %d images; a smaller --batch needs less",
                          options.max_batch)
               : status;
}

static int count_right(const smt_run *run, const float *logits, int batch)
{
    int classes = run->data->class_count, right = 0;
    for (int i = 0; i < batch; i++) {
        size_t at = (size_t)i * (size_t)classes;
        right += smt_argmax(logits + at, classes) == smt_argmax(run->target + at, classes);
    }
    return right;
}

static void step(smt_run *run, bool frozen, double rate, double momentum)
{
    const smt_graph *graph = run->model->graph;
    for (int i = 0; i < run->slot_count; i++) {
        int param = run->slot_param[i];
        bool rests = frozen && !run->slot_in_head[i];
        run->slots[i].gradient = rests ? NULL : smt_exec_gradient(run->exec, param);
        run->slots[i].weight = graph->params[param].data;
    }
    smt_optimizer_step(run->optimizer, run->job->pool, run->slots, rate, momentum);
}

static void average_step(smt_run *run)
{
    smt_train_state *s = run->state;
    double share = s->average_updates
                       ? smt_average_share(run->options->average_decay, s->average_updates)
                       : 1.0;
    float *at = s->average;
    const smt_graph *graph = run->model->graph;
    for (int i = 0; i < graph->param_count; i++) {
        smt_average_blend(run->job->pool, at, graph->params[i].data, graph->params[i].count, share);
        at += graph->params[i].count;
    }
    s->average_updates++;
}

smt_status smt_run_train_epoch(smt_run *run, smt_epoch *row, smt_error *error)
{
    const smt_train_options *o = run->options;
    smt_train_state *s = run->state;
    int epoch = s->epoch; /* from 0 */
    bool frozen = epoch < o->freeze_epochs;
    smt_status status = use_exec(run, frozen, error);
    if (status) {
        return status;
    }
    int classes = run->data->class_count;
    size_t batches = smt_loader_batches(run->train_loader);
    uint64_t total = (uint64_t)(o->epochs - o->freeze_epochs) * batches;
    /* A teacher's probabilities are soft already. */
    float smoothing = run->teacher ? 0 : (float)o->label_smoothing;
    double loss = 0, start = smt_clock();
    size_t images = 0, right = 0;
    size_t per_epoch = 0;
    for (size_t b = 0; b < batches; b++) {
        per_epoch += (size_t)smt_loader_count(run->train_loader, b);
    }
    smt_loader_start(run->train_loader, (uint64_t)epoch);
    for (size_t b = 0; b < batches; b++) {
        status = smt_check_interrupted(error);
        if (status) {
            return status;
        }
        smt_progress("training", (size_t)epoch * per_epoch + images, (size_t)o->epochs * per_epoch);
        int count = smt_loader_next(run->train_loader, run->input, run->target, run->index);
        smt_run_teach(run, count);
        double rate = o->schedule.rate, momentum = -1;
        if (!frozen) {
            uint64_t at = (uint64_t)(epoch - o->freeze_epochs) * batches + b;
            rate = smt_schedule_rate(&o->schedule, at, total);
            momentum = smt_schedule_momentum(&o->schedule, at, total);
            if (o->schedule.kind == SMT_SCHEDULE_PLATEAU) {
                rate = s->plateau.rate;
            }
        }
        smt_step how = {.dropout_seed = smt_hash64(smt_hash64(o->seed, STREAM_DROPOUT),
                                                   smt_hash64((uint64_t)epoch, (uint64_t)b)),
                        .freeze_batch_norm = o->freeze_bn || frozen};
        const float *logits = smt_exec_forward(run->exec, run->input, count, &how);
        double batch_loss = smt_loss_cross_entropy(
            logits, run->target, run->class_weight, smoothing, count, classes, run->gradient);
        if (!isfinite(batch_loss)) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "training diverged in epoch %d: the loss is no number any more; use a "
                            "lower --rate than %g, "
                            "or --clip 1",
                            epoch + 1,
                            o->schedule.rate);
        }
        right += (size_t)count_right(run, logits, count);
        smt_exec_backward(run->exec, run->gradient);
        step(run, frozen, rate, momentum);
        if (o->range_decay > 0 && !frozen) {
            smt_range_decay(run->model->graph, rate * o->range_decay);
        }
        if (o->average == SMT_AVERAGE_EMA && !frozen) {
            average_step(run);
        }
        loss += batch_loss * count;
        images += (size_t)count;
        row->rate = rate;
    }
    double seconds = smt_clock() - start;
    row->epoch = epoch + 1;
    row->train_loss = images ? loss / (double)images : (double)NAN;
    row->train_accuracy = images ? (double)right / (double)images : (double)NAN;
    row->images_per_second = seconds > 0 ? (double)images / seconds : 0;
    smt_progress("training", ((size_t)epoch + 1) * per_epoch, (size_t)o->epochs * per_epoch);
    return SMT_OK;
}

smt_status smt_run_validate(smt_run *run, smt_epoch *row, smt_error *error)
{
    row->val_loss = row->val_accuracy = row->val_macro_f1 = (double)NAN;
    if (!run->val_loader) {
        return SMT_OK;
    }
    int classes = run->data->class_count;
    memset(run->counts, 0, (size_t)classes * sizeof *run->counts);
    double loss = 0;
    size_t images = 0, right = 0;
    smt_loader_start(run->val_loader, 0);
    for (int count;
         (count = smt_loader_next(run->val_loader, run->input, run->target, run->index)) > 0;) {
        smt_status status = smt_check_interrupted(error);
        if (status) {
            return status;
        }
        const float *logits = smt_exec_infer(run->infer, run->input, count);
        loss += count * smt_loss_cross_entropy(logits, run->target, NULL, 0, count, classes, NULL);
        for (int i = 0; i < count; i++) {
            int truth = run->data->val_labels[run->index[i]];
            int best = smt_argmax(logits + (size_t)i * (size_t)classes, classes);
            smt_count_answer(run->counts, truth, best);
            right += best == truth;
        }
        images += (size_t)count;
    }
    /* An output that is no number is no answer, whatever class comes first in it. */
    bool answers = isfinite(loss);
    row->val_loss = answers ? loss / (double)images : (double)NAN;
    row->val_accuracy = answers ? (double)right / (double)images : 0;
    row->val_macro_f1 = answers ? smt_macro_f1(run->counts, (size_t)classes) : 0;
    return SMT_OK;
}

/* ---- batch statistics of averaged weights ---------------------------------------------------- */

static int next_training_images(void *context, float *input)
{
    smt_run *run = context;
    return smt_loader_next(run->train_loader, input, run->target, run->index);
}

smt_status smt_run_measure_batch_norm(smt_run *run, smt_error *error)
{
    smt_loader_start(run->train_loader, (uint64_t)run->state->epoch | 1u << 31);
    const smt_norm_pass pass = {.batch = run->options->batch,
                                .share = 1,
                                .input = run->input,
                                .next = next_training_images,
                                .context = run};
    return smt_measure_batch_norm(run->model->graph, run->job->pool, &pass, error);
}
