/* What a run needs before its first epoch: its folder and log, data, model, loaders, optimiser, and
 * the state that it begins or goes on with. */
#include "train/options.h"
#include "train/run.h"

#include <semtinel/split.h>

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* What a run that was killed while it wrote has left. */
static void remove_left(const char *folder)
{
    static const char *const names[] = {
        "checkpoint.safetensors", "model.safetensors", "history.csv", "curves.png"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = smt_path_join(folder, names[i]);
        if (path) {
            smt_file_remove_left(path);
        }
        smt_free(path);
    }
}

static smt_status open_run(smt_run *run, smt_error *error)
{
    const char *folder = run->job->run;
    smt_status status = smt_make_directory(folder, error);
    if (status) {
        return status;
    }
    run->model_path = smt_path_join(folder, "model.safetensors");
    run->history_path = smt_path_join(folder, "history.csv");
    char *log = smt_path_join(folder, "log.txt");
    if (!run->model_path || !run->history_path || !log) {
        smt_free(log);
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", folder);
    }
    /* The lock goes with the process, however it ends. Some network file systems have none. */
    run->log = fopen(log, "a+");
    bool alone = run->log && flock(fileno(run->log), LOCK_EX | LOCK_NB) == 0;
    if (!run->log) {
        status = smt_fail(error, SMT_ERR_IO, "%s: cannot write: %s", log, strerror(errno));
    } else if (!alone && errno == EWOULDBLOCK) {
        fclose(run->log);
        run->log = NULL;
        status = smt_fail(error,
                          SMT_ERR_IO,
                          "%s: another process is training there; wait for it, or name another "
                          "folder",
                          folder);
    } else if (!run->job->resume && fseek(run->log, 0, SEEK_END) == 0) {
        run->old_log = ftell(run->log);
    }
    smt_free(log);
    if (alone) {
        remove_left(folder);
    }
    return status;
}

enum { NAMED = 10 }; /* classes short of images */

/* Of `count` classes that have `what`, those after the ones that were named. */
static void say_unnamed(smt_run *run, size_t count, const char *what)
{
    if (count > NAMED) {
        count -= NAMED;
        smt_run_say(run,
                    SMT_LOG_WARNING,
                    "%zu more %s %s",
                    count,
                    smt_plural(count, "class has", "classes have"),
                    what);
    }
}

static void describe_data(smt_run *run)
{
    size_t single = 0, unjudged = 0;
    const smt_train_data *d = run->data;
    smt_run_say(run,
                SMT_LOG_INFO,
                "%s: %d %s, %zu training %s, %zu validation %s%s",
                run->job->dataset,
                d->class_count,
                smt_plural((size_t)d->class_count, "class", "classes"),
                d->train_count,
                smt_plural(d->train_count, "image", "images"),
                d->val_count,
                smt_plural(d->val_count, "image", "images"),
                d->held_out && d->val_count ? " (held out)" : "");
    int columns = smt_utf8_widest((const char *const *)d->classes, d->class_count, 24);
    for (int c = 0; c < d->class_count; c++) {
        smt_run_say(run,
                    SMT_LOG_INFO,
                    "  %-*s %5zu training %5zu validation",
                    smt_utf8_pad(d->classes[c], columns),
                    d->classes[c],
                    d->train_images[c],
                    d->val_images[c]);
        if (d->train_images[c] == 1 && ++single <= NAMED) {
            smt_run_say(
                run, SMT_LOG_WARNING, "class %s has one training image only", d->classes[c]);
        }
        if (d->val_count && !d->val_images[c] && ++unjudged <= NAMED) {
            smt_run_say(run,
                        SMT_LOG_WARNING,
                        "class %s has no validation image: no score of the training is about it",
                        d->classes[c]);
        }
    }
    say_unnamed(run, single, "one training image only; add images, or put rare classes into one");
    say_unnamed(run, unjudged, "no validation image");
    if (d->pixels->failed_count) {
        smt_run_say(run,
                    SMT_LOG_WARNING,
                    "%zu %s could not be read: skipped",
                    d->pixels->failed_count,
                    smt_plural(d->pixels->failed_count, "image", "images"));
    }
    if (!d->val_count) {
        smt_run_say(run,
                    run->options->val_share > 0 ? SMT_LOG_WARNING : SMT_LOG_INFO,
                    "%s: %s; the last epoch will be kept",
                    run->job->dataset,
                    d->held_out                   ? "too few images to hold any out for validation"
                    : run->options->val_share > 0 ? "no validation image is of a class that has "
                                                    "training images"
                                                  : "no validation images");
    }
    if (run->options->cut_bottom > 0) {
        smt_run_say(run,
                    SMT_LOG_INFO,
                    "cut off at the bottom of each image: %.4g%% of its height",
                    run->options->cut_bottom);
    }
    if (d->extra) {
        smt_run_say(run,
                    SMT_LOG_INFO,
                    "mixed in: %zu further %s, %.0f%% of every batch",
                    d->extra->count,
                    smt_plural(d->extra->count, "image", "images"),
                    100 * run->options->extra_share);
    }
}

static smt_status weigh_classes(smt_run *run, smt_error *error)
{
    const smt_train_data *d = run->data;
    if (run->options->class_weight <= 0) {
        return SMT_OK;
    }
    run->class_weight = smt_alloc((size_t)d->class_count, sizeof *run->class_weight);
    if (!run->class_weight) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    double mean = (double)d->train_count / d->class_count;
    for (int c = 0; c < d->class_count; c++) {
        run->class_weight[c] =
            (float)pow(mean / (double)d->train_images[c], run->options->class_weight);
    }
    return SMT_OK;
}

static smt_status make_train_loader(smt_run *run, const smt_loader_options *l, smt_error *error)
{
    const smt_train_data *d = run->data;
    smt_loader_set train = {d->pixels, d->train_labels}, extra = {d->extra, d->extra_labels};
    return smt_loader_create(
        &train, d->extra ? &extra : NULL, l, run->job->pool, &run->train_loader, error);
}

/* It would make batch statistics noisy: its images wait for another epoch's order. */
static bool small_last_batch(const smt_run *run)
{
    size_t last = smt_loader_batches(run->train_loader) - 1;
    int images = smt_loader_count(run->train_loader, last);
    return last && images < 8 && images * 4 < run->options->batch;
}

static smt_status make_loaders(smt_run *run, smt_error *error)
{
    const smt_train_options *o = run->options;
    const smt_train_data *d = run->data;
    smt_loader_options l = smt_loader_defaults(d->class_count);
    l.batch = o->batch;
    l.channels = o->arch.channels;
    l.seed = o->seed;
    l.balance = (float)o->balance;
    l.extra_share = d->extra ? (float)o->extra_share : 0;
    l.mixup = (float)o->mixup;
    l.style = o->no_augment ? 0 : (float)o->style;
    l.augment = !o->no_augment;
    l.augmentation = o->augment;
    l.mean = run->model->preprocess.mean;
    l.scale = run->model->preprocess.scale;
    l.partial = true;
    smt_status status = make_train_loader(run, &l, error);
    if (!status && small_last_batch(run)) {
        smt_loader_destroy(&run->train_loader);
        l.partial = false;
        status = make_train_loader(run, &l, error);
    }
    if (!status && d->val_count) {
        smt_loader_set val = {d->pixels, d->val_labels};
        smt_loader_options plain = smt_loader_plain(d->class_count);
        plain.batch = o->batch;
        plain.channels = o->arch.channels;
        plain.mean = l.mean;
        plain.scale = l.scale;
        status = smt_loader_create(&val, NULL, &plain, run->job->pool, &run->val_loader, error);
    }
    return status;
}

/* One slot a trainable param. Weights of convolutions and of the classifier decay; biases and batch
 * norm do not. */
static smt_status make_optimizer(smt_run *run, smt_error *error)
{
    const smt_graph *graph = run->model->graph;
    size_t params = (size_t)graph->param_count;
    size_t *counts = smt_alloc(params, sizeof *counts);
    run->slots = smt_alloc(params, sizeof *run->slots);
    run->slot_param = smt_alloc(params, sizeof *run->slot_param);
    run->slot_in_head = smt_alloc(params, sizeof *run->slot_in_head);
    if (!counts || !run->slots || !run->slot_param || !run->slot_in_head) {
        smt_free(counts);
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    for (int i = 0; i < graph->param_count; i++) {
        const smt_param *p = &graph->params[i];
        if (!p->trainable) {
            continue;
        }
        int slot = run->slot_count++;
        bool head = smt_run_in_head(graph, i);
        run->slots[slot] = (smt_slot){.weight = p->data,
                                      .count = p->count,
                                      .decay = p->rank > 1,
                                      .rate = head ? 1.0f : (float)run->options->backbone_rate};
        run->slot_param[slot] = i;
        run->slot_in_head[slot] = head;
        counts[slot] = p->count;
    }
    smt_status status = smt_optimizer_create(
        &run->options->optimizer, counts, run->slot_count, &run->optimizer, error);
    smt_free(counts);
    return status;
}

static smt_status make_buffers(smt_run *run, smt_error *error)
{
    const smt_mobilenet_options *arch = &run->options->arch;
    size_t batch = (size_t)run->options->batch, classes = (size_t)run->data->class_count;
    size_t pixels = (size_t)arch->input_size * (size_t)arch->input_size * (size_t)arch->channels;
    run->input = smt_alloc(batch * pixels, sizeof *run->input);
    run->target = smt_alloc(batch * classes, sizeof *run->target);
    run->gradient = smt_alloc(batch * classes, sizeof *run->gradient);
    run->index = smt_alloc(batch, sizeof *run->index);
    run->counts = smt_alloc(classes, sizeof *run->counts);
    if (!run->input || !run->target || !run->gradient || !run->index || !run->counts) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for batches of %zu images", batch);
    }
    smt_exec_options options = {.max_batch = run->options->batch};
    return smt_exec_create(run->model->graph, run->job->pool, &options, &run->infer, error);
}

/* Takes the earlier run's lines out of log.txt: what this one has said so far moves to the front.
 */
static smt_status clear_log(smt_run *run, smt_error *error)
{
    if (run->old_log <= 0 || run->log_failed) {
        return SMT_OK;
    }
    bool good = fseek(run->log, 0, SEEK_END) == 0;
    long end = good ? ftell(run->log) : -1;
    size_t size = end > run->old_log ? (size_t)(end - run->old_log) : 0;
    char *said = smt_alloc(size + 1, 1);
    if (!said) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", run->job->run);
    }
    good = good && fseek(run->log, run->old_log, SEEK_SET) == 0 &&
           fread(said, 1, size, run->log) == size && ftruncate(fileno(run->log), 0) == 0 &&
           fseek(run->log, 0, SEEK_END) == 0 && fwrite(said, 1, size, run->log) == size &&
           fflush(run->log) == 0;
    smt_free(said);
    run->old_log = 0;
    return good ? SMT_OK
                : smt_fail(error,
                           SMT_ERR_IO,
                           "%s/log.txt: cannot write: %s",
                           run->job->run,
                           strerror(errno));
}

/* The networks of an earlier cross-validation (SMT_FOLD_FOLDER). */
static void clear_folds(const char *run)
{
    static const char *const names[] = {"model.safetensors", "checkpoint.safetensors"};
    for (int fold = 0; fold < SMT_FOLDS_MAX; fold++) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            char *path = smt_format(SMT_FOLD_FOLDER "/%s", run, fold + 1, names[i]);
            if (path) {
                unlink(path);
            }
            smt_free(path);
        }
    }
}

smt_status smt_run_clear(smt_run *run, smt_error *error)
{
    static const struct {
        const char *name;
        bool ours; /* or made by other commands */
    } files[] = {{"model.safetensors", true},
                 {"history.csv", true},
                 {"curves.png", true},
                 {"model.tflite", false},
                 {"model-int8.tflite", false}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = smt_path_join(run->job->run, files[i].name);
        if (path && files[i].ours) {
            unlink(path);
        } else if (path && smt_path_exists(path)) {
            smt_run_say(run, SMT_LOG_WARNING, "%s is of an earlier run, not of this one", path);
        }
        smt_free(path);
    }
    if (!run->job->folds) {
        clear_folds(run->job->run);
    }
    return clear_log(run, error);
}

/* `exists`: a checkpoint to resume from; `held`: that or a model. */
static smt_status resume_or_start(smt_run *run, bool exists, bool held, smt_error *error)
{
    smt_train_state *s = run->state;
    if (!run->job->resume || !exists) {
        if (run->job->resume) {
            smt_run_say(run,
                        SMT_LOG_INFO,
                        "%s: no epoch is done yet: starting from the beginning",
                        run->job->run);
        }
        smt_status status = smt_run_first_weights(run, error);
        if (status) {
            return status;
        }
        smt_start start = strcmp(s->origin, "none") == 0 ? SMT_START_RANDOM
                          : run->job->init_optional      ? SMT_START_SHIPPED
                                                         : SMT_START_WEIGHTS;
        smt_train_resolve(
            &run->resolved, start, run->teacher != NULL, smt_loader_batches(run->train_loader));
        s->plateau = smt_plateau_start(&run->options->schedule);
        if (start == SMT_START_RANDOM && run->options->freeze_bn) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "--freeze-bn keeps the batch-norm statistics of the initial weights, "
                            "and random weights have none: give --init MODEL, or leave it out");
        }
        status = smt_train_check(run->options, error);
        status = status ? status : smt_check_interrupted(error);
        run->replaces = held;
        if (!status && held) {
            smt_run_say(run,
                        SMT_LOG_INFO,
                        "%s: holds an earlier %s, which is replaced when the first epoch is done%s",
                        run->job->run,
                        exists ? "run" : "model",
                        exists ? " (--resume goes on with it instead)" : "");
        }
        if (!status) {
            size_t steps = smt_loader_batches(run->train_loader);
            char decay[40] = "";
            if (run->options->range_decay > 0) {
                snprintf(decay, sizeof decay, ", range decay %g", run->options->range_decay);
            }
            smt_run_say(run,
                        SMT_LOG_INFO,
                        "%d x %d pixels, %d %s of %zu %s, learning rate up to %g%s",
                        run->options->arch.input_size,
                        run->options->arch.input_size,
                        run->options->epochs,
                        smt_plural((size_t)run->options->epochs, "epoch", "epochs"),
                        steps,
                        smt_plural(steps, "step", "steps"),
                        run->options->schedule.rate,
                        decay);
        }
        return status;
    }
    smt_status status = smt_state_load(run->job->run, &run->key, s, run->optimizer, error);
    status = status ? status : smt_run_same_weights(run, error);
    if (status) {
        return status;
    }
    if (s->finished) {
        smt_run_say(run,
                    SMT_LOG_INFO,
                    "%s: was complete after %d %s",
                    run->job->run,
                    s->epoch,
                    smt_plural((size_t)s->epoch, "epoch", "epochs"));
    } else {
        smt_params_scatter(run->model->graph, s->weights);
        smt_run_say(run, SMT_LOG_INFO, "%s: going on after epoch %d", run->job->run, s->epoch);
    }
    return smt_run_save_outputs(run, s->best.epoch > 0 && !smt_run_holds_best(run), error);
}

/* A resumed run has the size, the epochs, the rate, the cut and the share that were settled when it
 * began.
 */
static smt_status resolve_as_before(smt_run *run, smt_extra *mixed, smt_error *error)
{
    smt_train_options then;
    smt_status status = smt_state_options(run->job->run, &then, mixed, error);
    if (status) {
        return status;
    }
    if (run->resolved.arch.input_size == 0) {
        run->resolved.arch.input_size = then.arch.input_size;
    }
    if (run->resolved.epochs == 0) {
        run->resolved.epochs = then.epochs;
    }
    if (run->resolved.schedule.rate <= 0) {
        run->resolved.schedule.rate = then.schedule.rate;
    }
    if (run->resolved.cut_bottom < 0) {
        run->resolved.cut_bottom = then.cut_bottom;
    }
    if (run->resolved.range_decay < 0) {
        run->resolved.range_decay = then.range_decay;
    }
    if (run->resolved.extra_share < 0) {
        run->resolved.extra_share = then.extra_share;
    }
    return SMT_OK;
}

smt_status smt_run_prepare(smt_run *run, smt_error *error)
{
    char *checkpoint = smt_state_path(run->job->run);
    if (!checkpoint) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    bool exists = !smt_path_missing(checkpoint);
    smt_free(checkpoint);
    /* Starting from the beginning would overwrite a model that was copied here, or whose checkpoint
     * was thrown away. */
    char *model = smt_path_join(run->job->run, "model.safetensors");
    bool held = exists || (model && smt_path_exists(model));
    smt_free(model);
    if (run->job->resume && held && !exists) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: holds a model, but no checkpoint.safetensors to go on from; name "
                        "another folder (--init %s starts from its weights), or leave out --resume "
                        "to train over it",
                        run->job->run,
                        run->job->run);
    }
    smt_extra mixed = {0}; /* of a complete run: it needs no such images again */
    smt_status status = smt_run_load_teacher(run, error);
    if (!status) {
        status = run->job->resume && exists ? resolve_as_before(run, &mixed, error)
                                            : smt_run_settle(run, error);
    }
    if (!status) {
        status = smt_train_data_load(run->job, run->options, &mixed, &run->data, error);
    }
    if (!status && run->resolved.extra_share < 0) {
        run->resolved.extra_share = run->data->extra ? SMT_EXTRA_SHARE : 0;
    }
    if (!status) {
        status = open_run(run, error);
    }
    if (!status) {
        describe_data(run);
        status = smt_run_start_model(run, error);
    }
    if (!status) {
        status = smt_run_prepare_teacher(run, error);
    }
    if (!status) {
        status = weigh_classes(run, error);
    }
    if (!status) {
        status = make_loaders(run, error);
    }
    if (!status) {
        status = make_optimizer(run, error);
    }
    if (!status) {
        status = make_buffers(run, error);
    }
    if (!status) {
        status = smt_state_create(run->options, run->model->graph, &run->state, error);
    }
    if (!status) {
        run->key = (smt_state_key){run->options,
                                   (const char *const *)run->data->classes,
                                   run->data->class_count,
                                   run->data->fingerprint,
                                   run->data->mixed,
                                   run->teacher_sum};
        status = resume_or_start(run, exists, held, error);
    }
    return status;
}
