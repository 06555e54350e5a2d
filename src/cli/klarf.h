/* semtinel klarf --model: a KLARF whose defects a model classifies. */
#ifndef SEMTINEL_CLI_KLARF_H
#define SEMTINEL_CLI_KLARF_H

#include "cli/cli.h"

#include <semtinel/klarf.h>

typedef struct klarf_options {
    const char *output, *model;
    const char *column, *folder, *type; /* NULL: the default */
    const char *csv, *names;            /* or NULL */
    int views;
    cli_list numbers; /* NAME=NUMBER */
    bool keep_unclassified;
} klarf_options;

/* Writes the KLARF with the model's classes to options->output. *lost: images that are not there or
 * cannot be read; the first 20 were named. */
smt_status cli_klarf_classify(const smt_klarf *klarf,
                              const klarf_options *options,
                              size_t *lost,
                              smt_error *error);

#endif
