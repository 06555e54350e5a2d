/* semtinel/quant.h: int8 networks: calibration, equalisation, bias correction, simulation,
 * quantisation-aware training.
 *
 * A quantizer holds a float network in the form that is quantised (batch norm folded, gates freed,
 * hard-swish in nodes of its own) and beside it the same network with an SMT_OP_QUANTIZE after
 * every value, which computes in float what the int8 file will compute in integers. Training
 * changes the float weights through the simulation; export writes the simulation's grids into the
 * graph's annotations, which the writers of format/ turn into files.
 *
 * Weights: int8, symmetric, per output channel, -127 .. 127. Values: int8, per tensor, asymmetric.
 * Bias: int32 with step input scale * weight scale. The input's scale is 1/128 with zero point 0,
 * the gate of squeeze-excite has the fixed range 0 .. 6 (docs/design.md, "Gates are free"), the
 * softmax 1/256 and -128.
 */
#ifndef SEMTINEL_QUANT_H
#define SEMTINEL_QUANT_H

#include <semtinel/data.h>
#include <semtinel/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum smt_range_method {
    SMT_RANGE_MSE,        /* the range with the least mean squared error, channels counted by what
                             the network makes of them */
    SMT_RANGE_PERCENTILE, /* `percentile` of the values inside, counted likewise; the rest cut
                             evenly on both sides */
    SMT_RANGE_MINMAX
} smt_range_method;

typedef struct smt_quant_options {
    smt_range_method method;
    double percentile; /* 50 .. 100, default 99.99 */
    bool equalize;     /* even out the channels' ranges where the function stays; default true */
    bool correct_bias; /* shift biases by the mean error of their channel; default true */
    bool split_first;  /* compute the first layer's hard-swish as a product of two convolutions, so
                          that its channels can be evened out too; default true */
    const char *const *split; /* names of further layers to split so; split_count of them */
    int split_count;
    const char *const *keep_float; /* names of layers to compute in float ("block0.depthwise");
                                      keep_count of them */
    int keep_count;
    smt_pool *pool; /* borrowed */
} smt_quant_options;

/* mse, 99.99, true, true, the first layer split, none in float. The pool must be set. */
SMT_API smt_quant_options smt_quant_defaults(void);

typedef struct smt_quantizer smt_quantizer;

/* Calibrates on `count` images (count x h x w x c, preprocessed; some hundred, of all classes). The
 * model is only read. SMT_ERR_UNSUPPORTED: a node that int8 networks of ours cannot hold;
 * SMT_ERR_ARGUMENT: no pool, no image, an unknown name in keep_float or split, percentile;
 * SMT_ERR_FORMAT: values that are not finite. */
SMT_API smt_status smt_quantizer_create(const smt_model *model,
                                        const float *images,
                                        int count,
                                        const smt_quant_options *options,
                                        smt_quantizer **out,
                                        smt_error *error);
SMT_API void smt_quantizer_destroy(smt_quantizer **quantizer);
/* Such images from pixels: count x size x size x channels, freed with smt_free; NULL: no memory. */
SMT_API float *
smt_quantizer_input(const smt_pixels *pixels, const smt_preprocess *preprocess, int channels);

/* The annotated graph for the writers: quant of every value, scales of weights and biases, softmax
 * at its end. */
SMT_API smt_status smt_quantizer_export(const smt_quantizer *quantizer,
                                        smt_graph **out,
                                        smt_error *error);

/* Weights only: int8 per output channel, everything else float; whoever runs it quantises each
 * layer's input on the fly. The annotated graph for the writers. Images (count x h x w x c,
 * preprocessed; NULL: none) serve equalisation and bias correction, as far as `options` asks for
 * them; its method and keep_float are not looked at. */
SMT_API smt_status smt_quantize_dynamic(const smt_model *model,
                                        const float *images,
                                        int count,
                                        const smt_quant_options *options,
                                        smt_graph **out,
                                        smt_error *error);

typedef struct smt_qat_options {
    int epochs;  /* 1 .. 1000, default 20 */
    int batch;   /* default 32 */
    double rate; /* of the weights, in units of their channel's root mean square; default 3e-4,
                    cosine to 0 */
    double scale_rate; /* of the ends of the values' ranges, in units of the range's width, relative
                          to `rate`; default 5 */
    uint64_t seed;
} smt_qat_options;
SMT_API smt_qat_options smt_qat_defaults(void);

/* Before the first epoch (0) and after each: mean squared difference of the logits and agreement of
 * the largest, on the training images as the steps saw them (NaN before the first); the same
 * difference on the images that are held back (NaN: none are). */
typedef void (*smt_qat_report)(
    void *context, int epoch, double loss, double agreement, double held);

/* Fine-tunes weights, biases, steps of weights and ranges of values so that the
 * simulated network's logits follow the float network's (distillation; no labels
 * are used) on augmented images of `pixels`. Of 24 and more images every sixth is
 * held back, and the state is kept, be it the one before training, that is closest
 * to the float network there. SMT_ERR_INTERRUPTED keeps the best so far.
 * SMT_ERR_ARGUMENT: images of another size than the network's. */
SMT_API smt_status smt_quantizer_train(smt_quantizer *quantizer,
                                       const smt_pixels *pixels,
                                       const smt_preprocess *preprocess,
                                       const smt_qat_options *options,
                                       smt_qat_report report,
                                       void *context,
                                       smt_error *error);

/* The simulated network beside the float one. */
typedef struct smt_fidelity {
    double noise_db;  /* signal to quantisation noise at the logits, decibel */
    double agreement; /* share of images whose largest logit stays the same, 0 .. 1 */
} smt_fidelity;
SMT_API smt_status smt_quantizer_fidelity(
    smt_quantizer *quantizer, const float *images, int count, smt_fidelity *out, smt_error *error);

typedef struct smt_sensitivity {
    char name[SMT_NAME_MAX];      /* of the layer */
    smt_fidelity fidelity;        /* when only this layer is int8 */
    double range_low, range_high; /* of its values */
} smt_sensitivity;

/* One row a layer that has weights, in order of execution; *rows is freed with smt_free. Costs one
 * pass over the images for each layer. */
SMT_API smt_status smt_quantizer_sensitivity(smt_quantizer *quantizer,
                                             const float *images,
                                             int count,
                                             smt_sensitivity **rows,
                                             int *row_count,
                                             smt_error *error);

#ifdef __cplusplus
}
#endif
#endif
