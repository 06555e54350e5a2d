/* What changes while a run trains, and its file RUN/checkpoint.safetensors. */
#ifndef SMT_TRAIN_STATE_H
#define SMT_TRAIN_STATE_H

#include "train/train_data.h"

typedef struct smt_train_state {
    char *origin; /* file whose weights it began with, or "none"; owned */
    char *seen;   /* marks of the images that trained those weights (smt_seen_before); owned */
    int epoch;    /* epochs done */
    bool finished, early;
    int bad_epochs; /* since the best one */
    smt_plateau plateau;
    uint64_t average_updates; /* 0: there is no average yet */
    smt_epoch best;           /* best.epoch 0: none yet */
    smt_epoch *history;       /* `epoch` rows, room for options.epochs; owned */
    size_t count; /* floats in each of the following: all params of the graph, one after another */
    float *weights;      /* at the end of `epoch`; filled for saving and by loading only; owned */
    float *average;      /* owned; NULL without averaging */
    float *best_weights; /* owned */
} smt_train_state;

/* Room for a run of options->epochs on `graph`. */
smt_status smt_state_create(const smt_train_options *options,
                            const smt_graph *graph,
                            smt_train_state **out,
                            smt_error *error);
void smt_state_destroy(smt_train_state **state);

/* The graph's params into a flat array, and back, and exchanged with it. */
void smt_params_gather(const smt_graph *graph, float *flat);
void smt_params_scatter(smt_graph *graph, const float *flat);
void smt_params_swap(smt_graph *graph, float *flat);

/* What a checkpoint belongs to. */
typedef struct smt_state_key {
    const smt_train_options *options;
    const char *const *classes;
    int class_count;
    uint64_t fingerprint;
    smt_extra mixed;
    uint64_t teacher; /* sum of its weights; 0: none */
} smt_state_key;

char *smt_state_path(const char *run); /* freed with smt_free */

/* A finished run's file holds the best weights and the history only. */
smt_status smt_state_save(const char *run,
                          const smt_state_key *key,
                          const smt_train_state *state,
                          smt_optimizer *optimizer,
                          smt_error *error);
/* smt_train_run_options; and what was mixed in, of a finished run only. */
smt_status
smt_state_options(const char *run, smt_train_options *options, smt_extra *mixed, smt_error *error);
/* Fills `state` (of smt_state_create) and the optimiser. SMT_ERR_ARGUMENT: other options or other
 * data, with what differs; SMT_ERR_FORMAT: a damaged file. */
smt_status smt_state_load(const char *run,
                          const smt_state_key *key,
                          smt_train_state *state,
                          smt_optimizer *optimizer,
                          smt_error *error);

#endif
