/* The network that a run begins with. */
#include "train/options.h"
#include "train/run.h"

#include <semtinel/format.h>

#include <string.h>

enum { UNFOLD_IMAGES = 256 }; /* images that measure batch statistics for an imported network */

/* Of others' weights at widths under 1: int8 keeps more of the predictions, and float loses
 * nothing, as at width 1 it did (docs/quantisation.md). */
#define NARROW_RANGE_DECAY 20

bool smt_run_in_head(const smt_graph *graph, int param)
{
    int pool = smt_graph_find(graph, "pool");
    for (int i = pool + 1; i < graph->node_count; i++) {
        for (int k = 0; k < SMT_NODE_PARAMS; k++) {
            if (graph->nodes[i].param[k] == param) {
                return true;
            }
        }
    }
    return false;
}

/* The first training images in a shuffled order, as the network will see them. */
static smt_status sample_images(const smt_run *run, float **out, int *count, smt_error *error)
{
    const smt_train_options *o = run->options;
    size_t side =
        (size_t)o->arch.input_size * (size_t)o->arch.input_size * (size_t)o->arch.channels;
    size_t images = run->data->train_count < UNFOLD_IMAGES ? run->data->train_count : UNFOLD_IMAGES;
    smt_loader_options l = smt_loader_plain(run->data->class_count);
    l.shuffle = true;
    l.seed = o->seed;
    l.channels = o->arch.channels;
    l.batch = (int)images;
    smt_loader *loader = NULL;
    smt_loader_set set = {run->data->pixels, run->data->train_labels};
    smt_status status = smt_loader_create(&set, NULL, &l, run->job->pool, &loader, error);
    if (status) {
        return status;
    }
    float *input = smt_alloc(images * side, sizeof *input);
    float *target = smt_alloc(images * (size_t)run->data->class_count, sizeof *target);
    if (input && target) {
        smt_loader_start(loader, 0);
        *count = smt_loader_next(loader, input, target, NULL);
        *out = input;
        input = NULL;
    } else {
        status = smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    smt_free(input);
    smt_free(target);
    smt_loader_destroy(&loader);
    return status;
}

static void say_lines(smt_run *run, char *text)
{
    for (char *line = text, *end; line && *line; line = end) {
        end = strchr(line, '\n');
        if (end) {
            *end++ = 0;
        }
        smt_run_say(run, SMT_LOG_INFO, "  %s", line);
    }
}

smt_status smt_run_settle(smt_run *run, smt_error *error)
{
    const smt_model *teacher = run->teacher_model;
    int *size = &run->resolved.arch.input_size;
    double *cut = &run->resolved.cut_bottom;
    double *decay = &run->resolved.range_decay;
    bool open = *size == 0, uncut = *cut < 0, undecided = *decay < 0;
    if (open) {
        *size = teacher ? teacher->arch.input_size : SMT_SIZE;
    }
    if (uncut) {
        *cut = teacher ? (double)teacher->preprocess.cut_percent : 0;
    }
    if (undecided) {
        *decay = 0;
    }
    if (!run->job->init || run->job->init_optional) {
        return SMT_OK;
    }
    smt_status status = smt_model_load(run->job->init, &run->source, error);
    const smt_model *source = run->source;
    bool ours = !status && strcmp(source->provenance, "{}") != 0;
    if (!status && uncut && (ours || !teacher)) {
        *cut = (double)source->preprocess.cut_percent;
    }
    if (ours && open && source->arch.input_size > 0) {
        *size = source->arch.input_size;
    }
    if (!status && !ours && undecided && run->options->arch.width < 1) {
        *decay = NARROW_RANGE_DECAY;
    }
    return status;
}

/* The weights' name for the provenance: of "run/" it is run. NULL: no memory. */
static char *origin_name(const char *init)
{
    size_t end = strlen(init);
    while (end > 1 && init[end - 1] == '/') {
        end--;
    }
    char *path = smt_format("%.*s", (int)end, init);
    char *name = path ? smt_utf8(smt_path_name(path)) : NULL;
    smt_free(path);
    return name;
}

smt_status smt_run_same_weights(const smt_run *run, smt_error *error)
{
    const smt_train_job *job = run->job;
    const char *was = run->state->origin;
    if (job->init_optional && (!job->init || strcmp(was, "none") == 0)) {
        return SMT_OK; /* none are named, or the run's network is not one that they fit */
    }
    char *name = job->init ? origin_name(job->init) : smt_strdup("none");
    smt_status status = SMT_OK;
    if (!name) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", job->run);
    } else if (strcmp(name, was) != 0) {
        status = smt_fail(error,
                          SMT_ERR_ARGUMENT,
                          "%s: cannot resume: it was started with --init %s, not %s; %s, or train "
                          "into another folder",
                          job->run,
                          was,
                          name,
                          job->init_optional ? "give that --init" : "leave the option out");
    }
    smt_free(name);
    return status;
}

static smt_status take_weights(smt_run *run, smt_error *error)
{
    const char *init = run->job->init;
    smt_model *source = run->source;
    float *images = NULL;
    int count = 0;
    smt_transfer_report report = {0};
    smt_error inner = {0};
    smt_status status = source ? SMT_OK : smt_model_load(init, &source, &inner);
    bool readable = !status;
    run->source = NULL; /* released here */
    if (!status) {
        status = sample_images(run, &images, &count, &inner);
    }
    if (!status) {
        status =
            smt_model_init_from(run->model, source, images, count, run->job->pool, &report, &inner);
        if (status) {
            smt_fail(&inner, status, "%s: %s", init, inner.message);
        }
    }
    if (!status) {
        smt_run_say(run, SMT_LOG_INFO, "weights: from %s", init);
        char *text = smt_transfer_report_text(&report);
        say_lines(run, text);
        smt_free(text);
        smt_free(run->state->origin);
        smt_free(run->state->seen);
        run->state->origin = origin_name(init);
        run->state->seen = smt_seen_before(source->provenance);
        status = run->state->origin && run->state->seen
                     ? SMT_OK
                     : smt_fail(&inner, SMT_ERR_MEMORY, "out of memory");
    } else if (run->job->init_optional && readable && status != SMT_ERR_MEMORY &&
               status != SMT_ERR_INTERRUPTED) {
        smt_run_say(
            run, SMT_LOG_INFO, "weights: random; the shipped ones do not fit: %s", inner.message);
        status = SMT_OK;
    }
    if (status && error) {
        *error = inner;
    }
    smt_transfer_report_free(&report);
    smt_model_destroy(&source);
    smt_free(images);
    return status;
}

smt_status smt_run_start_model(smt_run *run, smt_error *error)
{
    smt_graph *graph = NULL;
    smt_mobilenet_options arch = run->options->arch;
    arch.classes = run->data->class_count;
    smt_status status = smt_mobilenetv3_small(&arch, run->options->seed, &graph, error);
    if (!status) {
        status = smt_model_create(graph,
                                  &arch,
                                  (const char *const *)run->data->classes,
                                  run->data->class_count,
                                  &run->model,
                                  error);
    }
    if (!status) {
        run->model->preprocess.cut_percent = (float)run->options->cut_bottom;
    }
    return status;
}

/* Validation images that the initial weights or the teacher were trained on would flatter. */
static smt_status warn_of_seen(smt_run *run, smt_error *error)
{
    const smt_train_data *d = run->data;
    size_t seen;
    if (!smt_seen_count(d, run->state->seen, &seen)) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    if (seen && run->job->folds) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%zu of the %zu images of fold %d trained the initial weights, which would "
                        "know them: for --folds start from weights that were trained on others",
                        seen,
                        d->val_count,
                        run->job->fold + 1);
    }
    if (seen) {
        smt_run_say(
            run,
            SMT_LOG_WARNING,
            "%zu of %zu validation images trained the initial weights or the teacher: "
            "validation makes this run look better than it is. %s",
            seen,
            d->val_count,
            d->held_out
                ? "One --seed and --val-share for all runs on a data set hold out the same images"
                : "Train these on the same train/ part first; 'semtinel audit' finds copies across "
                  "parts");
    }
    return SMT_OK;
}

smt_status smt_run_first_weights(smt_run *run, smt_error *error)
{
    smt_status status = SMT_OK;
    if (run->job->init) {
        status = take_weights(run, error);
    } else {
        smt_run_say(run, SMT_LOG_INFO, "weights: random");
    }
    status = status ? status : smt_run_inherit_marks(run, error);
    return status ? status : warn_of_seen(run, error);
}
