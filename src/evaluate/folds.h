/* The networks of a cross-validation, beside the model that was trained with --folds. */
#ifndef SMT_EVALUATE_FOLDS_H
#define SMT_EVALUATE_FOLDS_H

#include <semtinel/evaluate.h>

typedef struct smt_folds smt_folds;

/* Opens them, and divides the data set as their training did. info: of the model, borrowed; its
 * decision does not count.
 * SMT_ERR_ARGUMENT: it has none or not all, or the data set is not what they were trained on. */
smt_status smt_folds_open(const smt_classifier_info *info,
                          const smt_dataset *dataset,
                          smt_pool *pool,
                          smt_folds **out,
                          smt_error *error);
void smt_folds_close(smt_folds **folds);
/* 'semtinel train --resume' can add them: the model lies in the folder of its training. */
bool smt_folds_trainable(const smt_classifier_info *info);
/* There are some beside the model. */
bool smt_folds_trained(const smt_classifier_info *info);
/* Each image by the network that has not seen it, with the views and the temperature of `decision`:
 * pixels->count x info.class_count, by the model's classes; 0 for one that the network has no
 * example of, and for no other. pixels are of the same data set. */
smt_status smt_folds_run(smt_folds *folds,
                         const smt_decision *decision,
                         const smt_dataset *dataset,
                         const smt_pixels *pixels,
                         float *probabilities,
                         smt_error *error);

#endif
