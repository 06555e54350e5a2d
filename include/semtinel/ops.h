/* semtinel/ops.h: executes a graph in float32, forward and backward, on a thread pool.
 *
 * Data-parallel over fixed chunks of images: one chunk is one task on one thread; batch statistics
 * and gradients are reduced over the chunks in a fixed order, so results have the same bits at any
 * number of threads.
 */
#ifndef SEMTINEL_OPS_H
#define SEMTINEL_OPS_H

#include <semtinel/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct smt_exec smt_exec;

typedef struct smt_exec_options {
    int max_batch;                  /* images, 1 .. 4096 */
    bool training;                  /* allocate what backward needs */
    bool first_trainable_only_head; /* frozen backbone: backward stops at the first node after
                                       "pool" */
    const int *keep; /* training: keep these nodes' values and gradients past backward; read by
                        smt_exec_create only */
    int keep_count;
} smt_exec_options;

/* The graph and the pool are borrowed and must outlive the exec; weights are read from
 * graph->params at each call, so an optimiser may change them between calls. SMT_ERR_ARGUMENT:
 * max_batch out of its range, a graph without layers. */
SMT_API smt_status smt_exec_create(smt_graph *graph,
                                   smt_pool *pool,
                                   const smt_exec_options *options,
                                   smt_exec **out,
                                   smt_error *error);
SMT_API void smt_exec_destroy(smt_exec **exec);

/* input: batch x h x w x c. Inference: batch norm uses running statistics, dropout is off. Returns
 * the last node's output, batch x channels, owned by exec, valid until the next call; NULL when the
 * batch is out of range. On an exec with options.training the first call allocates memory for all
 * values (several times what a step needs; NULL: no memory), so validate with an exec of its own,
 * without options.training: that one needs next to nothing. */
SMT_API const float *smt_exec_infer(smt_exec *exec, const float *input, int batch);
/* The output of any node after smt_exec_infer on an exec
 * with options.training (all values kept); else NULL. */
SMT_API const float *smt_exec_value(const smt_exec *exec, int node);

typedef struct smt_step {
    uint64_t dropout_seed;
    bool freeze_batch_norm; /* use and keep the running statistics */
    bool no_dropout;        /* dropout off, as in inference (explanations) */
    bool use_updated; /* batch norm normalises by the running statistics as this step leaves them,
                         not by the batch's own */
} smt_step;

/* Training forward: batch statistics (and running ones updated in the graph), dropout by
 * step->dropout_seed. `input` is read again by backward and must stay as it is until then. NULL
 * when the batch is out of range or the exec is not for training. */
SMT_API const float *
smt_exec_forward(smt_exec *exec, const float *input, int batch, const smt_step *step);
/* Once after each forward, whose values it overwrites: gradient of the logits, batch x channels;
 * fills the gradients of all trainable params. */
SMT_API void smt_exec_backward(smt_exec *exec, const float *logits_gradient);
/* Gradient of params[param], same layout as its data; owned by exec; NULL if not trainable or
 * frozen by first_trainable_only_head. */
SMT_API float *smt_exec_gradient(smt_exec *exec, int param);
/* After backward: the value of one of options.keep and the gradient with respect to it, each
 * batch x h x w x c, for explanations such as Grad-CAM (forward with freeze_batch_norm and
 * no_dropout); NULL for any other node. */
SMT_API const float *smt_exec_node_value(const smt_exec *exec, int node);
SMT_API const float *smt_exec_node_gradient(const smt_exec *exec, int node);
/* From now on the seconds of each node's operator are added to seconds[node], one for each node of
 * the graph, borrowed; NULL: no longer. Batches of at most 4 images only: others run on
 * several threads, which would add to the same place. */
SMT_API void smt_exec_time(smt_exec *exec, double *seconds);
SMT_API size_t smt_exec_memory(const smt_exec *exec); /* bytes held */

/* Softmax cross-entropy with label smoothing and class weights, mean over the batch (weighted mean,
 * as PyTorch's CrossEntropyLoss). target: batch x classes, soft labels summing to 1 (mixup) before
 * smoothing; class_weight: classes or NULL. gradient: batch x classes, may be NULL. Returns the
 * loss. Source: Szegedy et al. 2016 for smoothing. */
SMT_API double smt_loss_cross_entropy(const float *logits,
                                      const float *target,
                                      const float *class_weight,
                                      float smoothing,
                                      int batch,
                                      int classes,
                                      float *gradient);
/* In place, batch x classes. */
SMT_API void smt_softmax(float *logits, int batch, int classes);

#ifdef __cplusplus
}
#endif
#endif
