/* A small network of our own and what it computes, for the tests of formats. */
#ifndef SEMTINEL_TESTS_FORMAT_NETWORK_H
#define SEMTINEL_TESTS_FORMAT_NETWORK_H

#include <semtinel/format.h>
#include <semtinel/ops.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NETWORK_CLASSES 3

/* Statistics, scales and biases away from the identity, so that nothing can be confused with
 * anything; kernels small enough that gates are neither open nor shut. */
static inline smt_model *network_made(float width, int side, smt_padding padding, bool wide_head)
{
    smt_error error = {0};
    smt_graph *graph = NULL;
    smt_model *model = NULL;
    static const char *const classes[NETWORK_CLASSES] = {
        "bridge", "p\xc3\xa4rt", "a \"quoted\" one"};
    smt_mobilenet_options o = smt_mobilenet_defaults();
    o.width = width;
    o.input_size = side;
    o.classes = NETWORK_CLASSES;
    o.padding = padding;
    o.wide_head = wide_head;
    assert_int_equal(smt_mobilenetv3_small(&o, 3, &graph, &error), SMT_OK);
    for (int p = 0; p < graph->param_count; p++) {
        smt_param *param = &graph->params[p];
        smt_rng rng = smt_rng_seed(4, (uint64_t)p);
        for (size_t i = 0; param->rank == 1 && i < param->count; i++) {
            param->data[i] = (float)smt_rng_uniform(&rng, 0.5, 1.5);
        }
    }
    assert_int_equal(smt_model_create(graph, &o, classes, NETWORK_CLASSES, &model, &error), SMT_OK);
    return model;
}

/* Class probabilities of one random image of 64 x 64, scaled to (p - 128) / 128 or as pixels. */
static inline void network_infer(const smt_model *model, bool pixels, float out[NETWORK_CLASSES])
{
    smt_error error = {0};
    smt_pool *pool = NULL;
    smt_exec *exec = NULL;
    smt_graph *graph = NULL;
    const smt_exec_options options = {.max_batch = 1};
    smt_rng rng = smt_rng_seed(9, 9);
    float image[64 * 64];
    for (int i = 0; i < 64 * 64; i++) {
        float p = (float)smt_rng_below(&rng, 256);
        image[i] = pixels ? p : (p - 128) / 128;
    }
    assert_int_equal(smt_graph_with_softmax(model->graph, &graph, &error), SMT_OK);
    assert_int_equal(smt_pool_create(1, &pool, &error), SMT_OK);
    assert_int_equal(smt_exec_create(graph, pool, &options, &exec, &error), SMT_OK);
    memcpy(out, smt_exec_infer(exec, image, 1), NETWORK_CLASSES * sizeof *out);
    smt_exec_destroy(&exec);
    smt_pool_destroy(&pool);
    smt_graph_destroy(&graph);
}

#endif
