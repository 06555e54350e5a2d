/* MobileNetV3-Small from tensors under other people's names: one builder
 * for torchvision's state dictionaries and Keras's weight files. Widths are
 * read off the tensors' shapes, so any width multiplier is read; strides
 * and activations are the architecture's (Howard et al. 2019, table 2). */
#ifndef SEMTINEL_FORMAT_NAMED_H
#define SEMTINEL_FORMAT_NAMED_H

#include <semtinel/format.h>

#define NAMED_BLOCKS 11

typedef enum named_role {
    NAMED_STEM,
    NAMED_EXPAND, /* the roles of a block: block 0 has no EXPAND, some have no SQUEEZE and EXCITE */
    NAMED_DEPTHWISE,
    NAMED_SQUEEZE,
    NAMED_EXCITE,
    NAMED_PROJECT,
    NAMED_LAST,
    NAMED_HEAD, /* the wide layer before the classifier */
    NAMED_CLASSIFIER
} named_role;

typedef struct named_layer {
    named_role role;
    int block;    /* 0 .. NAMED_BLOCKS - 1 */
    bool squeeze; /* the block has a gate */
} named_layer;

typedef enum named_part {
    NAMED_KERNEL,
    NAMED_BIAS,
    NAMED_GAMMA,
    NAMED_BETA,
    NAMED_MEAN,
    NAMED_VARIANCE
} named_part;

typedef struct smt_naming {
    /* The tensor's name in `file`. */
    void (*name)(named_layer layer, named_part part, char *out, size_t size);
    bool hwio; /* kernels: height, width, in, out (depthwise: height, width, channels, 1), or out,
                  in, height, width */
    smt_padding padding;
    float momentum;                /* batch norm's */
    smt_preprocess preprocess;     /* what the input is in */
    const float *mean, *deviation; /* [3], the input's normalisation inside the graph; or NULL */
} smt_naming;

/* The network up to the classifier, or where there is none up to the pooled features. `path` stands
 * in messages. SMT_ERR_FORMAT: a tensor is missing or does not fit. */
smt_status smt_named_model(const smt_tensor_file *file,
                           const smt_naming *naming,
                           const char *path,
                           smt_model **out,
                           smt_error *error);
/* What the input of a graph without metadata is, told from the scaling at its start: the network
 * behind it wants some -1 .. 1, and without any it is fed just that, as by Keras. */
smt_preprocess smt_guess_preprocess(const smt_graph *graph);
/* How many classes the graph ends with: the values of its softmax or of its last layer. 0: it ends
 * with features. */
int smt_class_outputs(const smt_graph *graph);
/* `count` names: the lines of `text` (may be NULL) if there are as many, else class0, class1, ...;
 * freed with smt_list_free. NULL: no memory. */
char **smt_class_names(const char *text, int count);

#endif
