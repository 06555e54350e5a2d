/* semtinel/adapt.h: fits a network to images of another microscope without any label.
 *
 * Batch norm knows the mean and the variance of every channel on the training images.
 * On images of another tool both differ, and everything behind is off. Measuring them
 * anew on some images of that tool needs no labels (Li et al. 2017, "Revisiting batch
 * normalization for practical domain adaptation"); mixing them with the old ones by
 * the number of images makes it safe on few (Schneider et al. 2020, "Improving
 * robustness against common corruptions by covariate shift adaptation").
 */
#ifndef SEMTINEL_ADAPT_H
#define SEMTINEL_ADAPT_H

#include <semtinel/data.h>
#include <semtinel/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct smt_adapt_options {
    double prior;  /* the old statistics count like so many images, 0 .. 1e6 */
    double most;   /* the largest share of the new statistics, 0 .. 1 */
    int batch;     /* images a step, 2 .. 1024 */
    uint64_t seed; /* of the images' order */
} smt_adapt_options;
/* 64, 0.12, 64, 1. */
SMT_API smt_adapt_options smt_adapt_defaults(void);

typedef struct smt_adaptation {
    size_t images;
    /* exp(entropy of the predicted classes) / number of classes, 0 .. 1. Statistics of images that
     * show one class only would take the class for the microscope: 1 / classes when all images are
     * predicted as one class, 1 when all classes are equally frequent. */
    double variety;
    double share; /* of the new statistics: variety * images / (images + prior), at most `most` */
    double mean_shift;    /* of the means, in old deviations: root mean square over all channels */
    double largest_shift; /* the largest of them */
    bool forgot;          /* the model knew which images are unfamiliar, and no longer does */
} smt_adaptation;

/* Changes the batch-norm statistics of model->graph; weights stay. SMT_ERR_UNSUPPORTED: the network
 * has no batch norm (it was folded by an export); SMT_ERR_ARGUMENT: no images, images of another
 * size than the network's, an option out of range. On failure the model is as it was. */
SMT_API smt_status smt_adapt(smt_model *model,
                             const smt_pixels *pixels,
                             const smt_adapt_options *options,
                             smt_pool *pool,
                             smt_adaptation *out,
                             smt_error *error);

#ifdef __cplusplus
}
#endif
#endif
