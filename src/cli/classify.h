/* What the commands that run a classifier have in common. */
#ifndef SEMTINEL_CLI_CLASSIFY_H
#define SEMTINEL_CLI_CLASSIFY_H

#include "cli/gather.h"

#include <semtinel/evaluate.h>

/* The row of a table of options that takes `names` for cli_open_classifier. */
#define CLI_OPTION_CLASSES(names)                                                                  \
    {                                                                                              \
        "classes", 0, CLI_TEXT(names, "A,B,..."),                                                  \
            "the model's class names in output order, for a file without them"                     \
    }

/* The row for cli_choose_views; choice: int. */
#define CLI_OPTION_VIEWS(choice)                                                                   \
    {                                                                                              \
        "views", 0, CLI_CHOICE(choice, "auto|1|2|4|8"),                                            \
            "classify by the mean of so many views, turned and mirrored; auto: as set by "         \
            "'calibrate --views', else 1"                                                          \
    }
void cli_choose_views(smt_classifier *classifier, int choice);

/* Opens the model; `names` ("A,B,...", or NULL) replaces its class names. */
smt_status cli_open_classifier(
    const char *path, const char *names, smt_pool *pool, smt_classifier **out, smt_error *error);

/* What the model says of an image: of each class its probability; familiarity as
 * smt_classifier_run_scored. */
typedef smt_status (*cli_answer)(void *context,
                                 const char *path,
                                 const float *probabilities,
                                 float familiarity,
                                 smt_error *error);
/* Gives `answer` each image of the list in turn. Those that cannot be read are logged and counted
 * in *skipped; SMT_ERR_FORMAT: none can. `label` is of the progress. Memory does not grow with the
 * number of images. */
smt_status cli_classify_paths(smt_classifier *classifier,
                              smt_pool *pool,
                              const cli_paths *list,
                              const char *label,
                              cli_answer answer,
                              void *context,
                              size_t *skipped,
                              smt_error *error);

/* smt_explainer_open() on `source`, or where it is NULL on `model`; an int8 model has no weights to
 * look into, and the message names --source. */
smt_status cli_open_explainer(const char *source,
                              const char *model,
                              const char *layer,
                              smt_pool *pool,
                              smt_explainer **out,
                              smt_error *error);

/* That the network of `source` (NULL: the model's own file) can be that of the classifier. */
smt_status cli_check_source(const smt_classifier *classifier,
                            const smt_explainer *explainer,
                            const char *source,
                            smt_error *error);

/* The model's classes that `name` means, of a user's spelling: the class of the very name, else
 * those of the same name but for case, punctuation and synonyms (smt_class_canonical), else for
 * "clean" every kind of clean. chosen: class_count, filled. Error: there is none; the message names
 * a near one. */
smt_status
cli_find_classes(const smt_classifier_info *info, const char *name, bool *chosen, smt_error *error);

#endif
