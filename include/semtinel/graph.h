/* semtinel/graph.h: the one description of a network. Training executes it, quantisation annotates
 * it, formats read and write it.
 *
 * A graph is a list of nodes in execution order. Each node makes exactly one value, so a value is
 * named by its node's index. Activations are NHWC; the batch is not part of a shape: value i holds
 * batch x height x width x channels floats. A vector is 1 x 1 x channels. Weights are OHWI
 * (convolution, dense: 1 x 1 kernels) and 1HWC (depthwise). Every node that computes may carry an
 * activation function, applied last (as in TFLite), so batch norm, addition and convolution need no
 * separate activation node.
 */
#ifndef SEMTINEL_GRAPH_H
#define SEMTINEL_GRAPH_H

#include <semtinel/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SMT_NAME_MAX 96
#define SMT_NODE_PARAMS 4

/* Limits, so that no product of sizes overflows and a hostile file cannot ask for absurd memory. */
#define SMT_NODE_NAME_MAX 80    /* characters of a node's name; params add a suffix */
#define SMT_NODE_MAX 4096       /* nodes in a graph */
#define SMT_SIDE_MAX 16384      /* height, width or channels of a value */
#define SMT_VALUE_MAX (1 << 26) /* elements of one value */
#define SMT_PARAM_MAX (1 << 26) /* elements of one param */
#define SMT_KERNEL_MAX 64
#define SMT_STRIDE_MAX 8

typedef enum smt_op {
    SMT_OP_INPUT,       /* height x width x channels, normalised unless an SMT_OP_AFFINE follows */
    SMT_OP_AFFINE,      /* y = x * scale[c] + offset[c], constants: params SCALE, OFFSET */
    SMT_OP_CONV,        /* params WEIGHT [out][kh][kw][in], BIAS [out] (optional) */
    SMT_OP_DEPTHWISE,   /* params WEIGHT [kh][kw][c], BIAS [c] (optional) */
    SMT_OP_BATCH_NORM,  /* params GAMMA, BETA, MEAN, VARIANCE, each [c] */
    SMT_OP_ACTIVATION,  /* only the activation */
    SMT_OP_ADD,         /* two inputs of one shape */
    SMT_OP_MULTIPLY,    /* input[0] h x w x c times input[1] 1 x 1 x c (the squeeze-excite gate) or
                           same shape */
    SMT_OP_GLOBAL_POOL, /* mean over h and w: 1 x 1 x c */
    SMT_OP_DENSE,       /* input 1 x 1 x in; params WEIGHT [out][in], BIAS [out] (optional) */
    SMT_OP_DROPOUT,     /* `rate`; identity outside training */
    SMT_OP_SOFTMAX,  /* over channels; exported models end with it, training graphs with logits */
    SMT_OP_QUANTIZE, /* simulated int8: y = scale * (q - zero_point) with q = x rounded as
                        `rounding` says and clamped to -128..127; scale and zero point are the
                        node's `quant`; params RANGE [2] (low and high, which whoever learns them
                        turns into `quant`), SOURCE (what the rounding needs). Backward: straight
                        through where q was not clamped; RANGE's gradient as in LSQ+ (Bhalgat et
                        al. 2020) */
    SMT_OP_COUNT
} smt_op;

/* A layer with weights: a convolution of either kind, or dense. */
static inline bool smt_op_is_layer(smt_op op)
{
    return op == SMT_OP_CONV || op == SMT_OP_DEPTHWISE || op == SMT_OP_DENSE;
}

typedef enum smt_activation {
    SMT_ACT_NONE,
    SMT_ACT_RELU,
    SMT_ACT_RELU6,
    SMT_ACT_HARD_SWISH,  /* x * relu6(x + 3) / 6 */
    SMT_ACT_HARD_SIGMOID /* relu6(x + 3) / 6 */
} smt_activation;

/* How SMT_OP_QUANTIZE rounds: in the integer arithmetic of TensorFlow Lite's reference kernels. */
typedef enum smt_rounding {
    SMT_ROUND_PLAIN,   /* q = round(x / scale), half away from zero; no SOURCE */
    SMT_ROUND_PRODUCT, /* after convolution, dense, multiply: x is SOURCE[0] * SOURCE[1 + c] times
                          an integer, which is recovered and requantised by multiplier and shift
                          with double rounding */
    SMT_ROUND_MEAN,    /* after a pool: x is SOURCE[0] / SOURCE[1] times an integer, the sum of
                          SOURCE[1] values; the multiplier is divided by their number, cut off */
    SMT_ROUND_TABLE    /* an element-wise function of a quantised x (hard-swish): q_in = round(x /
                          SOURCE[0]) + SOURCE[1], y = scale * SOURCE[2 + q_in + 128] with the
                          integer results in the table; backward uses the node's activation */
} smt_rounding;

/* Positions in smt_node.param. */
enum { SMT_WEIGHT = 0, SMT_BIAS = 1 };
enum { SMT_GAMMA = 0, SMT_BETA = 1, SMT_MEAN = 2, SMT_VARIANCE = 3 };
enum { SMT_SCALE = 0, SMT_OFFSET = 1 };
enum { SMT_RANGE = 0, SMT_SOURCE = 1 };

typedef enum smt_padding {
    SMT_PAD_SAME,    /* TensorFlow: output = ceil(input / stride), the odd pixel goes to bottom and
                        right */
    SMT_PAD_EXPLICIT /* pad_top, pad_left, pad_bottom, pad_right (PyTorch: all kernel / 2) */
} smt_padding;

typedef struct smt_shape {
    int h, w, c;
} smt_shape;

/* A weight or statistic: float32, `count` elements, dim[0..rank-1] as in the comments of smt_op. */
typedef struct smt_param {
    char name[SMT_NAME_MAX]; /* node name + ".weight", ".bias", ".gamma", ".beta", ".mean",
                                ".variance", ... */
    int rank;
    int dim[4];
    size_t count;
    float *data;  /* owned by the graph */
    float *scale; /* owned; of a weight on an int8 grid: one an output channel, data = scale * (-127
                     .. 127); of a bias: its int32 steps; NULL: plain float */
    int scale_count;
    bool trainable; /* false for batch norm's mean and variance, and for constants */
} smt_param;

/* Quantisation of a value: real = scale * (q - zero_point), int8; scale 0: none. */
typedef struct smt_quant {
    float scale;
    int zero_point;
} smt_quant;

typedef struct smt_node {
    smt_op op;
    char name[SMT_NAME_MAX];    /* unique in the graph */
    int input[2];               /* node indices, -1: none; always smaller than this node's index */
    int param[SMT_NODE_PARAMS]; /* indices of params, -1: none */
    smt_activation activation;
    smt_shape shape; /* of the output */
    int kernel_h, kernel_w, stride;
    smt_padding padding;
    int pad_top, pad_left, pad_bottom, pad_right; /* filled for both kinds of padding */
    float epsilon;                                /* batch norm */
    float momentum;  /* batch norm: running = momentum * running + (1 - momentum) * batch; 0.99 in
                        Keras */
    float rate;      /* dropout */
    smt_quant quant; /* of the output; set by quant/ */
    smt_rounding rounding; /* of SMT_OP_QUANTIZE */
} smt_node;

typedef struct smt_graph {
    smt_node *nodes;
    int node_count;
    size_t node_capacity;
    smt_param *params;
    int param_count;
    size_t param_capacity;
} smt_graph;

/* Without nodes. */
SMT_API smt_status smt_graph_create(smt_graph **out, smt_error *error);
/* A copy that shares nothing with the original. */
SMT_API smt_status smt_graph_clone(const smt_graph *graph, smt_graph **out, smt_error *error);
SMT_API void smt_graph_destroy(smt_graph **graph);

/* Builders append a node, compute its shape, allocate its (zeroed) params and return its index, or
 * -1 with *error filled. Batch norm starts as the identity (gamma 1, variance 1). */
SMT_API int smt_graph_input(smt_graph *graph, const char *name, smt_shape shape, smt_error *error);
typedef struct smt_conv_spec {
    int filters; /* ignored by depthwise */
    int kernel_h, kernel_w;
    int stride; /* 1 .. 8 */
    smt_padding padding;
    int pad[4]; /* top, left, bottom, right; for SMT_PAD_EXPLICIT */
    bool bias;
    smt_activation activation;
} smt_conv_spec;
SMT_API int smt_graph_conv(
    smt_graph *graph, const char *name, int input, const smt_conv_spec *spec, smt_error *error);
SMT_API int smt_graph_depthwise(
    smt_graph *graph, const char *name, int input, const smt_conv_spec *spec, smt_error *error);
SMT_API int smt_graph_batch_norm(smt_graph *graph,
                                 const char *name,
                                 int input,
                                 float epsilon,
                                 float momentum,
                                 smt_activation activation,
                                 smt_error *error);
SMT_API int smt_graph_affine(smt_graph *graph, const char *name, int input, smt_error *error);
SMT_API int smt_graph_activation(
    smt_graph *graph, const char *name, int input, smt_activation activation, smt_error *error);
SMT_API int smt_graph_add(
    smt_graph *graph, const char *name, int a, int b, smt_activation activation, smt_error *error);
SMT_API int smt_graph_multiply(smt_graph *graph, const char *name, int a, int b, smt_error *error);
SMT_API int smt_graph_global_pool(smt_graph *graph, const char *name, int input, smt_error *error);
SMT_API int smt_graph_dense(smt_graph *graph,
                            const char *name,
                            int input,
                            int units,
                            bool bias,
                            smt_activation activation,
                            smt_error *error);
SMT_API int
smt_graph_dropout(smt_graph *graph, const char *name, int input, float rate, smt_error *error);
SMT_API int smt_graph_softmax(smt_graph *graph, const char *name, int input, smt_error *error);

/* RANGE starts as the ends of `quant`, SOURCE zeroed. activation: of SMT_ROUND_TABLE. */
SMT_API int smt_graph_quantize(smt_graph *graph,
                               const char *name,
                               int input,
                               smt_rounding rounding,
                               smt_activation activation,
                               smt_quant quant,
                               smt_error *error);

/* Index of the node or param of this name, or -1. */
SMT_API int smt_graph_find(const smt_graph *graph, const char *name);
SMT_API int smt_graph_find_param(const smt_graph *graph, const char *name);
/* Number of nodes that read node `index`. */
SMT_API int smt_graph_users(const smt_graph *graph, int index);
/* Whether factor a of the product of nodes a and b is the gate, which smt_graph_multiply takes as
 * its second: it has one value a channel. Where both have, the later one is, being made of the
 * other. */
SMT_API bool smt_graph_is_gate(const smt_graph *graph, int a, int b);
SMT_API size_t smt_shape_count(smt_shape shape); /* h * w * c */
SMT_API const char *smt_op_name(smt_op op);      /* "conv", "depthwise", ... */
SMT_API const char *smt_activation_name(smt_activation activation);
SMT_API size_t smt_graph_parameter_count(const smt_graph *graph);  /* trainable floats */
SMT_API uint64_t smt_graph_macs(const smt_graph *graph, int node); /* one image; node -1: all */
/* Checks every index, shape, name and param against the rules above; a reader calls it last. */
SMT_API smt_status smt_graph_check(const smt_graph *graph, smt_error *error);

/* Passes: each makes a new graph and leaves the old one. */
/* Batch norm folded into the convolution before it or the dense layer behind it, dropout
 * removed; the function (inference) is the same. */
SMT_API smt_status smt_graph_fold(const smt_graph *graph, smt_graph **out, smt_error *error);
/* A folded graph's hard-sigmoid gates become relu6(z + 3), the 3 in the bias and the 1/6 in the
 * weights of the convolution after the multiplication (see docs/design.md, "Gates are free"). The
 * function is the same. */
SMT_API smt_status smt_graph_free_gates(const smt_graph *graph, smt_graph **out, smt_error *error);
/* The reverse: gates of the form relu6(z), or relu6(z) times one
 * number, become hard sigmoids again, and what is left over goes
 * into the weights after the product. The function is the same. */
SMT_API smt_status smt_graph_restore_gates(const smt_graph *graph,
                                           smt_graph **out,
                                           smt_error *error);
/* The same network for inputs of another height and width. */
SMT_API smt_status smt_graph_with_size(
    const smt_graph *graph, int height, int width, smt_graph **out, smt_error *error);
/* The graph with a softmax at its end (unchanged clone if there is one). */
SMT_API smt_status smt_graph_with_softmax(const smt_graph *graph,
                                          smt_graph **out,
                                          smt_error *error);

/* `count` networks on one input of theirs, their outputs added up: names of graph g (from 0) get
 * "net1.", "net2.", ... before them, the sums are "sum2", "sum3", .... Inputs and outputs that
 * differ in shape are refused. */
SMT_API smt_status smt_graph_sum(const smt_graph *const *graphs,
                                 int count,
                                 smt_graph **out,
                                 smt_error *error);

/* Gives a weight (one grid step a channel) room for `count` scales, zeroed; 0 takes them away. */
SMT_API smt_status smt_param_scales(smt_param *param, int count, smt_error *error);

#ifdef __cplusplus
}
#endif
#endif
