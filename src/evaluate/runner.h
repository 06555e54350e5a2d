/* Internal: what runs a network behind smt_classifier. */
#ifndef SEMTINEL_EVALUATE_RUNNER_H
#define SEMTINEL_EVALUATE_RUNNER_H

#include <semtinel/evaluate.h>

/* What a file says about itself; strings owned. */
typedef struct runner_facts {
    int input_size, channels, outputs;
    const char *precision; /* static */
    int class_count;       /* 0: the file names no classes */
    char **classes;
    smt_preprocess preprocess;
    smt_feature_layout layout; /* of `features` */
    char *provenance;
    bool probabilities; /* the outputs sum to 1 already; false: logits */
} runner_facts;

typedef struct runner runner;

struct runner {
    void (*close)(runner *self);
    /* outputs: count x facts.outputs */
    smt_status (*run)(runner *self,
                      const smt_preprocess *preprocess,
                      const uint8_t *pixels,
                      size_t count,
                      float *outputs,
                      smt_error *error);
    /* Features by facts.layout, count x *width, for smt_free. NULL: not to be had. */
    smt_status (*features)(runner *self,
                           const smt_preprocess *preprocess,
                           const uint8_t *pixels,
                           size_t count,
                           float **out,
                           int *width,
                           smt_error *error);
};

/* A checkpoint or any imported network, through ops. */
smt_status runner_open_model(
    const char *path, smt_pool *pool, runner **out, runner_facts *facts, smt_error *error);
/* A .tflite file, through the edge runtime. */
smt_status runner_open_edge(
    const char *path, smt_pool *pool, runner **out, runner_facts *facts, smt_error *error);

#endif
