/* Options by name: reading, writing, comparing. */
#ifndef SMT_TRAIN_OPTIONS_H
#define SMT_TRAIN_OPTIONS_H

#include <semtinel/train.h>

#include <jansson.h>

enum {
    SMT_SIZE = 160, /* of the input's side, unless a run of ours brings its own */
    SMT_EPOCHS_LEAST = 20,
    SMT_EPOCHS_MOST = 200, /* also the number from random weights */
};

typedef enum smt_start {
    SMT_START_RANDOM,
    SMT_START_SHIPPED, /* the backbone that knows simulated images only */
    SMT_START_WEIGHTS  /* any other */
} smt_start;

/* Gives epochs and rate their values where they are 0. Random weights need many large steps;
 * trained ones need few and small ones, and over-fit with more: a number of steps rather than of
 * epochs, so that a set of fifty images learns as well; more of them where a part of each batch is
 * further images, and most with a teacher, whose answers cannot be learnt by heart
 * (docs/training.md). */
void smt_train_resolve(smt_train_options *options,
                       smt_start start,
                       bool taught,
                       size_t steps_per_epoch);
/* An object with one member a field; NULL: no memory. The seed is not among them. */
json_t *smt_options_json(const smt_train_options *options);
/* The seed stays the default. `path` stands in messages. */
smt_status smt_options_from_json(const json_t *object,
                                 const char *path,
                                 smt_train_options *options,
                                 smt_error *error);
/* SMT_ERR_ARGUMENT names the first option that differs. */
smt_status smt_options_same(const smt_train_options *then,
                            const smt_train_options *now,
                            const char *run,
                            smt_error *error);

#endif
