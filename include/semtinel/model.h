/* semtinel/model.h: a network with what its use needs, and the builder of MobileNetV3-Small. */
#ifndef SEMTINEL_MODEL_H
#define SEMTINEL_MODEL_H

#include <semtinel/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SMT_CLASS_MAX 1024 /* classes in a model */

typedef struct smt_mobilenet_options {
    float width;    /* 0.25 .. 2.0; channels are rounded to multiples of 8 as in the paper's code */
    int input_size; /* pixels, 32 .. 512; square */
    int channels;   /* 1 (grey) or 3 */
    int classes;    /* 1 .. SMT_CLASS_MAX */
    bool wide_head; /* the 1024-wide layer between pooling and classifier */
    float dropout;  /* before the classifier, 0 .. 0.9 */
    smt_padding padding; /* SMT_PAD_SAME, or SMT_PAD_EXPLICIT for PyTorch's symmetric padding */
    float bn_epsilon;    /* 1e-3 (Keras and torchvision's MobileNetV3) */
    float bn_momentum; /* 0.9: share of the old running statistics kept at a step (PyTorch's 0.1 is
                          0.9 here) */
} smt_mobilenet_options;

/* width 1, 128 pixels, 1 channel, 10 classes, no wide head, dropout 0.2, SAME, 1e-3, 0.9. */
SMT_API smt_mobilenet_options smt_mobilenet_defaults(void);

/* MobileNetV3-Small (Howard et al. 2019, table 2), random weights (He normal, fan out) from
 * `seed`; its last node is the dense layer that gives the logits. Node names: "stem", "block0" ..
 * "block10" with ".expand", ".depthwise", ".se.pool", ".se.reduce", ".se.expand", ".se.scale"
 * (multiply), ".project", ".add"; "last"; "pool"; "head" (wide head: 1024, hard-swish); "dropout";
 * "classifier". Batch norms add ".bn", e.g. "block3.expand.bn", param "block3.expand.bn.gamma".
 * The activation sits on the batch norm. block0 has no expand (equal channels).
 * SMT_ERR_ARGUMENT names the option that is out of its range. */
SMT_API smt_status smt_mobilenetv3_small(const smt_mobilenet_options *options,
                                         uint64_t seed,
                                         smt_graph **out,
                                         smt_error *error);

#define SMT_MEMBERS_MAX 8 /* networks in an ensemble */

/* `count` (2 .. SMT_MEMBERS_MAX) networks of smt_mobilenetv3_small as one graph, by
 * smt_graph_sum(): what holds the weights of smt_model_ensemble(). */
SMT_API smt_status smt_mobilenet_ensemble(const smt_mobilenet_options *members,
                                          int count,
                                          smt_graph **out,
                                          smt_error *error);

/* How pixels become the network's input, from the grey 0..255 image of input_size:
 * x = (p - mean) / scale. */
typedef struct smt_preprocess {
    float mean, scale; /* 128, 128 */
    float cut_percent; /* of the height of an image file, the info strip at the bottom, cut off
                          before it is resized where no metadata tell of one; 0 .. 50, 0: none */
} smt_preprocess;

typedef struct smt_model {
    smt_graph *graph;           /* owned */
    smt_mobilenet_options arch; /* what built `graph`, of an ensemble its first member; width 0: it
                                   came from a foreign file */
    smt_mobilenet_options *members; /* owned; what built an ensemble; NULL: it is none */
    int member_count;
    smt_preprocess preprocess;
    bool size_assumed; /* the file holds weights alone, which fit images of any size; 128 x 128 is
                          taken */
    int class_count;
    char **classes;   /* owned; class_count names in output order */
    char *provenance; /* owned; a JSON object as text: options, seed, data fingerprint, metrics,
                         history of imports */
} smt_model;

/* A model around `graph`, which it takes over (also on failure); classes are copied. */
SMT_API smt_status smt_model_create(smt_graph *graph,
                                    const smt_mobilenet_options *arch,
                                    const char *const *classes,
                                    int class_count,
                                    smt_model **out,
                                    smt_error *error);
/* Makes of the model, whose graph smt_mobilenet_ensemble() built of them, an ensemble. */
SMT_API smt_status smt_model_set_members(smt_model *model,
                                         const smt_mobilenet_options *members,
                                         int count,
                                         smt_error *error);
/* True if both have the same classes in the same order and the same preprocessing. */
SMT_API bool smt_model_same_task(const smt_model *a, const smt_model *b);
/* The options of `train` by which they take other inputs, for an error line; NULL: inputs are
 * alike. */
SMT_API const char *smt_model_other_inputs(const smt_model *a, const smt_model *b);
/* The mean of the logits of `count` (2 .. SMT_MEMBERS_MAX) models with one input and the same
 * classes, as a model of its own with an empty provenance; the classifiers are divided by `count`.
 * Refused: what is an ensemble itself or came from a foreign file. */
SMT_API smt_status smt_model_ensemble(const smt_model *const *models,
                                      int count,
                                      smt_model **out,
                                      smt_error *error);
SMT_API void smt_model_destroy(smt_model **model);

#ifdef __cplusplus
}
#endif
#endif
