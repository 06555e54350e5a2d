/* Simulated images of the data set's classes, to mix into training. */
#ifndef SEMTINEL_CLI_TRAIN_MIX_H
#define SEMTINEL_CLI_TRAIN_MIX_H

#include <semtinel/train.h>

/* smt_train_job.extra, with the pool in place of the context. */
smt_status cli_train_mix(smt_pool *pool,
                         const smt_train_options *options,
                         const char *const *classes,
                         int class_count,
                         smt_pixels **out,
                         int **out_labels,
                         smt_error *error);

#endif
