#include "quant/quantizer.h"

#include <string.h>

smt_status quant_pass(smt_graph *graph,
                      smt_pool *pool,
                      const float *images,
                      int count,
                      quant_visit visit,
                      void *context,
                      smt_error *error)
{
    smt_exec *exec = NULL;
    const smt_exec_options options = {.max_batch = QUANT_BATCH, .training = true};
    size_t image = smt_shape_count(graph->nodes[0].shape);
    smt_status status = smt_exec_create(graph, pool, &options, &exec, error);
    for (int first = 0; first < count && status == SMT_OK; first += QUANT_BATCH) {
        int batch = count - first < QUANT_BATCH ? count - first : QUANT_BATCH;
        if (smt_interrupted()) {
            status = smt_fail(error, SMT_ERR_INTERRUPTED, "interrupted");
        } else if (!smt_exec_infer(exec, images + (size_t)first * image, batch)) {
            status = smt_fail(
                error, SMT_ERR_MEMORY, "out of memory for a pass over the calibration images");
        } else {
            visit(context, exec, first, batch);
            smt_progress("calibrating", (size_t)(first + batch), (size_t)count);
        }
    }
    smt_exec_destroy(&exec);
    return status;
}

smt_status quant_logits(
    smt_graph *graph, smt_pool *pool, const float *images, int count, float *out, smt_error *error)
{
    smt_exec *exec = NULL;
    const smt_exec_options options = {.max_batch = QUANT_BATCH};
    size_t image = smt_shape_count(graph->nodes[0].shape);
    size_t classes = smt_shape_count(graph->nodes[graph->node_count - 1].shape);
    smt_status status = smt_exec_create(graph, pool, &options, &exec, error);
    for (int first = 0; first < count && status == SMT_OK; first += QUANT_BATCH) {
        int batch = count - first < QUANT_BATCH ? count - first : QUANT_BATCH;
        const float *logits = smt_exec_infer(exec, images + (size_t)first * image, batch);
        if (smt_interrupted()) {
            status = smt_fail(error, SMT_ERR_INTERRUPTED, "interrupted");
        } else if (!logits) {
            status = smt_fail(error, SMT_ERR_MEMORY, "out of memory for a pass over the images");
        } else {
            memcpy(out + (size_t)first * classes, logits, (size_t)batch * classes * sizeof *out);
        }
    }
    smt_exec_destroy(&exec);
    return status;
}
