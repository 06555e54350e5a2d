/* What the commands that run a classifier have in common. */
#ifndef SEMTINEL_CLI_CLASSIFY_H
#define SEMTINEL_CLI_CLASSIFY_H

#include <semtinel/evaluate.h>

/* Opens the model; `names` ("A,B,...", or NULL) replaces its class names. */
smt_status cli_open_classifier(
    const char *path, const char *names, smt_pool *pool, smt_classifier **out, smt_error *error);

#endif
