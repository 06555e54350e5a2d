/* Shared by the files of quant/. */
#ifndef SEMTINEL_QUANT_QUANTIZER_H
#define SEMTINEL_QUANT_QUANTIZER_H

#include "graph/internal.h"

#include <semtinel/ops.h>
#include <semtinel/quant.h>

#define QUANT_BATCH 32 /* images in a pass */

struct smt_quantizer {
    smt_pool *pool;
    smt_graph *real;      /* float weights: what training changes and rounding starts from */
    smt_graph *reference; /* the float network as it came, for distillation; weights never change */
    smt_graph *simulated; /* weights and biases on their grids */
    smt_quant *ranges;    /* [real node] quantisation of its value, kept by quant_refresh */
    float **steps;        /* [real node] of its weights, [channel]; NULL without weights */
    bool *keep;           /* [real node] computed in float */
    int *made;            /* [real node] the same node in `simulated` */
    int *value;           /* [real node] the QUANTIZE node in `simulated` that holds its value */
};

/* fold, free_gates, without softmax, hard-swish in nodes "NAME.swish": ACTIVATION, or MULTIPLY in
 * layers that the options split. */
smt_status quant_prepare(const smt_model *model,
                         const smt_quant_options *options,
                         smt_graph **out,
                         smt_error *error);

/* The node of the layer with weights called `name`, and with hard-swish if `swish`; -1: there is
 * none, and the error says so. */
int quant_find_layer(const smt_graph *graph, const char *name, bool swish, smt_error *error);

/* Values of all nodes of `graph` on the images, batch by batch: visit(context, exec, batch's first
 * image, its images) may call smt_exec_value. */
typedef void (*quant_visit)(void *context, const smt_exec *exec, int first, int images);
smt_status quant_pass(smt_graph *graph,
                      smt_pool *pool,
                      const float *images,
                      int count,
                      quant_visit visit,
                      void *context,
                      smt_error *error);

/* Logits of `graph` on the images: count x classes, in `out`. */
smt_status quant_logits(
    smt_graph *graph, smt_pool *pool, const float *images, int count, float *out, smt_error *error);

/* Evens out channel ranges in place; the function of the graph stays the same. */
smt_status
quant_equalize(smt_graph *graph, smt_pool *pool, const float *images, int count, smt_error *error);

/* Fills ranges[] of every node of q->real. */
smt_status quant_calibrate(smt_quantizer *q,
                           const float *images,
                           int count,
                           const smt_quant_options *options,
                           smt_error *error);
/* (*out)[node][channel]: how much a squared error of the channel counts against one of the value's
 * other channels (mean 1); each and *out freed with smt_free. */
smt_status quant_importance(const smt_graph *graph, float ***out, smt_error *error);
/* Scale and zero point that hold low .. high (widened to hold 0). */
smt_quant quant_of_range(double low, double high);

/* Builds q->simulated around q->real. */
smt_status quant_simulate(smt_quantizer *q, smt_error *error);
/* `simulated` from `real`: quantisation of values from the RANGE params, then weights on the grids
 * of `steps`, biases and SOURCE params. */
void quant_refresh(smt_quantizer *q);
/* Steps of a weight of `node` per output channel into steps[]: the largest weight is 127 of them.
 */
void quant_weight_steps(const smt_graph *graph, const smt_node *node, float *steps);
/* The least step of a weight with which this bias fits int32 with room for the products. */
float quant_least_step(float bias, float input_scale);
/* to[i] = from[i] on the grid -127 .. 127 times step. */
void quant_round_weights(size_t count, size_t pitch, float step, const float *from, float *to);
/* The weight's elements of one channel: first, distance, count. */
typedef struct channel_view {
    size_t first, step, count;
} channel_view;
channel_view quant_channel(const smt_graph *graph, const smt_node *node, int channel);

/* (*out)[node][channel]: mean of the value over pixels and images; freed with quant_means_free. */
smt_status quant_means(smt_graph *graph,
                       smt_pool *pool,
                       const float *images,
                       int count,
                       double ***out,
                       smt_error *error);
void quant_means_free(double ***means);
/* Takes off bias[] what the rounding of a layer's weights and of its input adds to the mean of its
 * output. mean: of its input's channels; off: the mean of what rounding adds to them, or NULL. */
void quant_shift_bias(const smt_graph *graph,
                      const smt_node *node,
                      const float *exact,
                      const float *rounded,
                      const double *mean,
                      const double *off,
                      float *bias);
smt_status quant_correct_bias(smt_quantizer *q, const float *images, int count, smt_error *error);

#endif
