/* Options by name: reading, writing, comparing. */
#ifndef SMT_TRAIN_OPTIONS_H
#define SMT_TRAIN_OPTIONS_H

#include <semtinel/train.h>

#include <jansson.h>
#include <stdio.h>

enum { SMT_EPOCHS_FROM_NOTHING = 200 };

/* Gives epochs and rate their values where they are 0. Small sets need many steps from random
 * weights (validated on sets of some hundred images: the training loss still falls after 100
 * epochs) and few, small ones from trained weights. */
void smt_train_resolve(smt_train_options *options, bool from_weights);
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
