/* Batch-norm statistics measured on images, for weights that have none of their own (averages) or
 * none that fit (images of another microscope). */
#ifndef SMT_TRAIN_STATISTICS_H
#define SMT_TRAIN_STATISTICS_H

#include <semtinel/ops.h>

typedef struct smt_norm_pass {
    int batch;    /* most images a step */
    double share; /* of the measured statistics, against the graph's own: 0 .. 1 */
    float *input; /* batch x h x w x c, filled by `next` */
    int (*next)(void *context, float *input); /* images of the next batch, 0 at the end */
    void *context;
} smt_norm_pass;

/* Replaces the graph's statistics by share * measured + (1 - share) * old ones, where measured is
 * the mean over the batches, weighted by images (share 1: PyTorch's update_bn). Each batch is
 * normalised by the mixture, so that a layer is measured on what it will see. Fewer than one image:
 * nothing changes. On failure the statistics are the old ones. */
smt_status smt_measure_batch_norm(smt_graph *graph,
                                  smt_pool *pool,
                                  const smt_norm_pass *pass,
                                  smt_error *error);

#endif
