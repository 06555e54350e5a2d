/* Knowledge distillation (Hinton et al. 2015, arXiv 1503.02531): a trained model's probabilities
 * for each training image take the place of its label. Teacher and student see the same augmented
 * image (Beyer et al. 2022, arXiv 2106.05237). */
#include "train/run.h"

#include <semtinel/format.h>

#include <string.h>

smt_status smt_run_load_teacher(smt_run *run, smt_error *error)
{
    const char *path = run->job->teacher;
    if (!path) {
        return SMT_OK;
    }
    char *file = NULL, *ours = smt_path_join(run->job->run, "model.safetensors");
    smt_status status = ours ? smt_model_file(path, &file, error)
                             : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    status = status ? status : smt_check_kept(ours, file, error);
    status = status ? status : smt_model_load(file, &run->teacher_model, error);
    smt_free(file);
    smt_free(ours);
    if (!status && !(run->teacher_model->arch.width > 0)) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: is no network that 'train' or 'ensemble' wrote, and only these teach",
                        path);
    }
    return status;
}

static smt_status check(const smt_run *run, smt_error *error)
{
    const smt_model *teacher = run->teacher_model;
    const char *path = run->job->teacher;
    const smt_mobilenet_options *arch = &run->model->arch;
    const char *inputs = smt_model_other_inputs(teacher, run->model);
    bool same = smt_model_same_task(teacher, run->model);
    if (inputs) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: takes %d pixels in %d %s%s, and this network takes %d in %d; "
                        "train both with one %s%s",
                        path,
                        teacher->arch.input_size,
                        teacher->arch.channels,
                        smt_plural((size_t)teacher->arch.channels, "channel", "channels"),
                        same ? "" : ", has other classes or preprocessing",
                        arch->input_size,
                        arch->channels,
                        inputs,
                        same ? "" : ", on one data set");
    }
    return same ? SMT_OK
                : smt_fail(error,
                           SMT_ERR_ARGUMENT,
                           "%s: has other classes or preprocessing (--cut-bottom) than this "
                           "network; train it on "
                           "the same data set",
                           path);
}

static uint64_t fingerprint_of(const smt_graph *graph)
{
    uint64_t sum = 0;
    for (int i = 0; i < graph->param_count; i++) {
        const smt_param *p = &graph->params[i];
        sum = smt_hash64(sum, smt_hash_text((const char *)p->data, p->count * sizeof *p->data));
    }
    return sum ? sum : 1;
}

smt_status smt_run_prepare_teacher(smt_run *run, smt_error *error)
{
    if (!run->job->teacher) {
        return SMT_OK;
    }
    smt_exec_options options = {.max_batch = run->options->batch};
    smt_status status = check(run, error);
    status = status
                 ? status
                 : smt_exec_create(
                       run->teacher_model->graph, run->job->pool, &options, &run->teacher, error);
    if (!status) {
        run->teacher_sum = fingerprint_of(run->teacher_model->graph);
        smt_run_say(
            run, SMT_LOG_INFO, "teacher: %s, in place of the images' labels", run->job->teacher);
    }
    return status;
}

smt_status smt_run_inherit_marks(smt_run *run, smt_error *error)
{
    if (!run->teacher) {
        return SMT_OK;
    }
    char *before = smt_seen_before(run->teacher_model->provenance);
    char *both = before ? smt_seen_join(run->state->seen, before) : NULL;
    smt_free(before);
    if (!both) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    smt_free(run->state->seen);
    run->state->seen = both;
    return SMT_OK;
}

void smt_run_teach(smt_run *run, int count)
{
    if (!run->teacher) {
        return;
    }
    int classes = run->data->class_count;
    const float *logits = smt_exec_infer(run->teacher, run->input, count);
    memcpy(run->target, logits, (size_t)count * (size_t)classes * sizeof *run->target);
    smt_softmax(run->target, count, classes);
}
