/* The inside of one training run, shared by the files of this folder. */
#ifndef SMT_TRAIN_RUN_H
#define SMT_TRAIN_RUN_H

#include "base/f1.h"
#include "train/state.h"
#include "train/train_data.h"

#include <semtinel/ops.h>

#include <stdio.h>

typedef struct smt_run {
    const smt_train_job *job;
    const smt_train_options *options; /* of `resolved` */
    smt_train_options resolved;       /* the caller's, with epochs and rate filled in */
    FILE *log;                        /* RUN/log.txt, appended to */
    long old_log;                     /* its bytes of an earlier run, which this one replaces */
    bool log_failed;                  /* said once */
    bool replaces;                    /* an earlier run or model, when the first epoch is done */
    char *model_path, *history_path;
    bool model_written; /* since this command began */

    smt_train_data *data;
    float *class_weight; /* data->class_count, or NULL */
    smt_model *source; /* of job->init, from settling the size until its weights are taken; NULL */
    smt_model *model;  /* its graph is what trains */
    smt_loader *train_loader, *val_loader;
    smt_exec *exec; /* training: of the classifier alone while the backbone is frozen */
    bool exec_frozen;
    smt_exec *infer;          /* validation */
    smt_model *teacher_model; /* of job->teacher, or NULL */
    smt_exec *teacher;        /* of its graph */
    uint64_t teacher_sum;     /* of its weights; 0: none */
    smt_optimizer *optimizer;
    smt_slot *slots;    /* of the trainable params */
    int *slot_param;    /* slot -> param */
    bool *slot_in_head; /* slot: trains while the backbone is frozen */
    int slot_count;
    smt_train_state *state;
    smt_state_key key;
    smt_class_count *counts; /* classes: of the answers to the validation images */
    float *input;            /* batch x size x size x channels */
    float *target;           /* batch x classes */
    float *gradient;         /* batch x classes */
    uint32_t *index;         /* batch */
} smt_run;

/* A line for the user and for log.txt. */
void smt_run_say(smt_run *run, smt_log_level level, const char *format, ...) SMT_PRINTF(3, 4);

/* prepare.c: everything up to the first epoch. */
smt_status smt_run_prepare(smt_run *run, smt_error *error);
/* Removes what an earlier run left in the folder, and names what was made of its model: it would
 * not belong to the checkpoint that was just written over its own. Not sooner: Ctrl-C in the first
 * epoch, or a wrong --init, costs the earlier run nothing. */
smt_status smt_run_clear(smt_run *run, smt_error *error);

/* start.c: reads the weights that job->init names, unless they are optional, so that wrong ones are
 * told before the images are read; and settles what the options leave open and hangs on them: the
 * input's side and what is cut off at the bottom (those of a run or model of ours, else the
 * teacher's, else SMT_SIZE and nothing), and range decay. */
smt_status smt_run_settle(smt_run *run, smt_error *error);
/* The model with random weights, and with those of job->init in it. */
smt_status smt_run_start_model(smt_run *run, smt_error *error);
smt_status smt_run_first_weights(smt_run *run, smt_error *error);
/* SMT_ERR_ARGUMENT: the run that is resumed began with others than those that job->init names. */
smt_status smt_run_same_weights(const smt_run *run, smt_error *error);
/* True if params[param] belongs to the classifier (or the wide head): what is trained while the
 * backbone is frozen. */
bool smt_run_in_head(const smt_graph *graph, int param);

/* epoch.c: one pass over the training images, one over the validation images. */
smt_status smt_run_train_epoch(smt_run *run, smt_epoch *row, smt_error *error);
smt_status smt_run_validate(smt_run *run, smt_epoch *row, smt_error *error);
/* Batch statistics of the graph's present weights, measured on the training images. */
smt_status smt_run_measure_batch_norm(smt_run *run, smt_error *error);

/* teacher.c: loads job->teacher, if there is one, before the images are read; then, when the model
 * is there, compares the two. */
smt_status smt_run_load_teacher(smt_run *run, smt_error *error);
smt_status smt_run_prepare_teacher(smt_run *run, smt_error *error);
/* Adds the marks of the teacher's training images to the state's. */
smt_status smt_run_inherit_marks(smt_run *run, smt_error *error);
/* Replaces `count` rows of run->target by the teacher's probabilities for run->input. */
void smt_run_teach(smt_run *run, int count);

/* output.c */
smt_status smt_run_save_outputs(smt_run *run, bool new_best, smt_error *error);
/* RUN/model.safetensors has the best weights already. It may have been calibrated since, which
 * writing it again would undo. */
bool smt_run_holds_best(const smt_run *run);
smt_status smt_history_save(const char *path, const smt_epoch *rows, int count, smt_error *error);

#endif
