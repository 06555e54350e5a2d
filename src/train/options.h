/* Options by name: reading, writing, comparing. */
#ifndef SMT_TRAIN_OPTIONS_H
#define SMT_TRAIN_OPTIONS_H

#include <semtinel/train.h>

#include <jansson.h>
#include <stdio.h>

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
