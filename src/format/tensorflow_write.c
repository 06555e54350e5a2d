/* A graph to TensorFlow's GraphDef: NHWC, constants beside the operators that use them.
 *
 * TensorFlow has no hard-swish and no hard sigmoid: they are written as x * relu6(x + 3) / 6.
 * Vectors stay N x 1 x 1 x C up to the first dense layer, where one Reshape makes them N x C. */
#include "format/deployed.h"
#include "format/metadata.h"
#include "format/protobuf.h"
#include "format/tensorflow.h"

#include <stdio.h>
#include <string.h>

#define NAME 160

typedef struct tf_writer {
    smt_bytes out;
    const smt_graph *graph;
    size_t node; /* where the node begins that is being written */
    const char *path;
    smt_error *error;
} tf_writer;

/* ---- nodes and attributes ------------------------------------------------------------------ */

static void node_begin(tf_writer *w, const char *op, const char *name)
{
    w->node = pb_begin(&w->out, TF_GRAPH_NODE);
    pb_put_text(&w->out, TF_NODE_NAME, name);
    pb_put_text(&w->out, TF_NODE_OP, op);
}

static void node_input(tf_writer *w, const char *name)
{
    pb_put_text(&w->out, TF_NODE_INPUT, name);
}

static void node_end(tf_writer *w)
{
    pb_end(&w->out, w->node);
}

/* begin[0]: the map's entry, begin[1]: its value. */
static void attr_begin(tf_writer *w, const char *key, size_t begin[2])
{
    begin[0] = pb_begin(&w->out, TF_NODE_ATTR);
    pb_put_text(&w->out, TF_MAP_KEY, key);
    begin[1] = pb_begin(&w->out, TF_MAP_VALUE);
}

static void attr_end(tf_writer *w, const size_t begin[2])
{
    pb_end(&w->out, begin[1]);
    pb_end(&w->out, begin[0]);
}

static void attr_number(tf_writer *w, const char *key, uint32_t field, uint64_t value)
{
    size_t begin[2];
    attr_begin(w, key, begin);
    pb_put_integer(&w->out, field, value);
    attr_end(w, begin);
}

static void attr_type(tf_writer *w, const char *key, int type)
{
    attr_number(w, key, TF_ATTR_TYPE, (uint64_t)type);
}

static void attr_text(tf_writer *w, const char *key, const char *text)
{
    size_t begin[2];
    attr_begin(w, key, begin);
    pb_put_text(&w->out, TF_ATTR_TEXT, text);
    attr_end(w, begin);
}

static void attr_strides(tf_writer *w, const char *key, int stride)
{
    size_t begin[2];
    attr_begin(w, key, begin);
    size_t list = pb_begin(&w->out, TF_ATTR_LIST);
    size_t packed = pb_begin(&w->out, TF_LIST_INT);
    const uint8_t values[4] = {1, (uint8_t)stride, (uint8_t)stride, 1};
    smt_bytes_put(&w->out, values, 4);
    pb_end(&w->out, packed);
    pb_end(&w->out, list);
    attr_end(w, begin);
}

static void put_shape(smt_bytes *to, uint32_t field, int rank, const int64_t *dim)
{
    size_t shape = pb_begin(to, field);
    for (int i = 0; i < rank; i++) {
        size_t side = pb_begin(to, TF_SHAPE_DIM);
        pb_put_integer(to, TF_DIM_SIZE, (uint64_t)dim[i]);
        pb_end(to, side);
    }
    pb_end(to, shape);
}

/* A constant of `type`, each element 4 bytes, called prefix + suffix; its name goes to `name`. */
static void constant(tf_writer *w,
                     char name[NAME],
                     const char *prefix,
                     const char *suffix,
                     int type,
                     int rank,
                     const int64_t *dim,
                     const void *values)
{
    size_t count = 1, begin[2];
    for (int i = 0; i < rank; i++) {
        count *= (size_t)dim[i];
    }
    snprintf(name, NAME, "%.120s/%s", prefix, suffix);
    node_begin(w, "Const", name);
    attr_type(w, "dtype", type);
    attr_begin(w, "value", begin);
    size_t tensor = pb_begin(&w->out, TF_ATTR_TENSOR);
    pb_put_integer(&w->out, TF_TENSOR_TYPE, (uint64_t)type);
    put_shape(&w->out, TF_TENSOR_SHAPE, rank, dim);
    pb_put_bytes(&w->out, TF_TENSOR_CONTENT, values, 4 * count);
    pb_end(&w->out, tensor);
    attr_end(w, begin);
    node_end(w);
}

static void floats(tf_writer *w,
                   char name[NAME],
                   const char *prefix,
                   const char *suffix,
                   int rank,
                   const int64_t *dim,
                   const float *values)
{
    constant(w, name, prefix, suffix, TF_FLOAT, rank, dim, values);
}

/* An operator of one or two inputs on floats. `in` and `name` may be the same text. */
static void simple(tf_writer *w, const char *op, const char *name, const char *a, const char *b)
{
    node_begin(w, op, name);
    node_input(w, a);
    if (b) {
        node_input(w, b);
    }
    attr_type(w, "T", TF_FLOAT);
    node_end(w);
}

/* The name of the value moves on to prefix + suffix. */
static void step(tf_writer *w,
                 const char *op,
                 char value[NAME],
                 const char *prefix,
                 const char *suffix,
                 const char *other)
{
    char name[NAME];
    snprintf(name, NAME, "%.120s/%s", prefix, suffix);
    simple(w, op, name, value, other);
    memcpy(value, name, NAME);
}

/* ---- operators ------------------------------------------------------------------------------ */

/* x * scale + offset with one number each, or one a channel (count > 0). */
static void affine(tf_writer *w,
                   char value[NAME],
                   const char *prefix,
                   int count,
                   const float *scale,
                   const float *offset)
{
    const int64_t dim = count;
    char name[NAME];
    floats(w, name, prefix, "scale", count ? 1 : 0, &dim, scale);
    step(w, "Mul", value, prefix, "mul", name);
    floats(w, name, prefix, "offset", count ? 1 : 0, &dim, offset);
    step(w, "AddV2", value, prefix, "add", name);
}

static void activation(tf_writer *w, char value[NAME], const char *prefix, smt_activation kind)
{
    const float three = 3, sixth = 1.0f / 6;
    char name[NAME], start[NAME];
    memcpy(start, value, NAME);
    switch (kind) {
    case SMT_ACT_NONE:
        return;
    case SMT_ACT_RELU:
        step(w, "Relu", value, prefix, "relu", NULL);
        return;
    case SMT_ACT_RELU6:
        step(w, "Relu6", value, prefix, "relu6", NULL);
        return;
    case SMT_ACT_HARD_SWISH:
    case SMT_ACT_HARD_SIGMOID:
        floats(w, name, prefix, "three", 0, NULL, &three);
        step(w, "AddV2", value, prefix, "add", name);
        step(w, "Relu6", value, prefix, "relu6", NULL);
        if (kind == SMT_ACT_HARD_SWISH) {
            step(w, "Mul", value, prefix, "product", start);
        }
        floats(w, name, prefix, "sixth", 0, NULL, &sixth);
        step(w, "Mul", value, prefix, "swish", name);
        return;
    }
}

static void bias(tf_writer *w, char value[NAME], const char *prefix, const smt_node *n)
{
    char name[NAME];
    if (n->param[SMT_BIAS] >= 0) {
        const smt_param *param = &w->graph->params[n->param[SMT_BIAS]];
        const int64_t dim = (int64_t)param->count;
        floats(w, name, prefix, "bias", 1, &dim, param->data);
        step(w, "BiasAdd", value, prefix, "biased", name);
    }
}

/* Height x width x in x out from out x height x width x in; depthwise, height x width x channels x
 * 1, keeps its order. */
static smt_status kernel(tf_writer *w, char name[NAME], const char *prefix, const smt_node *n)
{
    const smt_param *param = &w->graph->params[n->param[SMT_WEIGHT]];
    bool depthwise = n->op == SMT_OP_DEPTHWISE, dense = n->op == SMT_OP_DENSE;
    size_t in = (size_t)w->graph->nodes[n->input[0]].shape.c, out = (size_t)n->shape.c;
    size_t area = dense ? 1 : (size_t)n->kernel_h * (size_t)n->kernel_w;
    const int64_t dim[4] = {n->kernel_h, n->kernel_w, (int64_t)in, depthwise ? 1 : (int64_t)out};
    float *values = smt_alloc(param->count, sizeof *values);
    if (!values) {
        return smt_fail(w->error, SMT_ERR_MEMORY, "%s: out of memory", w->path);
    }
    for (size_t o = 0; o < out && !depthwise; o++) {
        for (size_t k = 0; k < area; k++) {
            for (size_t i = 0; i < in; i++) {
                values[(k * in + i) * out + o] = param->data[(o * area + k) * in + i];
            }
        }
    }
    floats(w,
           name,
           prefix,
           "weight",
           dense ? 2 : 4,
           dense ? dim + 2 : dim,
           depthwise ? param->data : values);
    smt_free(values);
    return SMT_OK;
}

/* An operator of a value and an int32 constant; the node stays open for further attributes. */
static void indexed_begin(tf_writer *w,
                          const char *op,
                          char value[NAME],
                          const char *made,
                          const char *type_key,
                          int rank,
                          const int64_t *dim,
                          const int32_t *indices)
{
    char name[NAME];
    constant(w, name, made, "indices", TF_INT32, rank, dim, indices);
    node_begin(w, op, made);
    node_input(w, value);
    node_input(w, name);
    attr_type(w, "T", TF_FLOAT);
    attr_type(w, type_key, TF_INT32);
    snprintf(value, NAME, "%s", made);
}

static smt_status convolution(tf_writer *w, char value[NAME], const char *prefix, const smt_node *n)
{
    char name[NAME];
    bool same = smt_pads_same(w->graph, n);
    if (!same) {
        const int32_t pads[8] = {0, 0, n->pad_top, n->pad_bottom, n->pad_left, n->pad_right, 0, 0};
        const int64_t dim[2] = {4, 2};
        snprintf(name, NAME, "%.120s/pad", prefix);
        indexed_begin(w, "Pad", value, name, "Tpaddings", 2, dim, pads);
        node_end(w);
    }
    smt_status status = kernel(w, name, prefix, n);
    node_begin(w, n->op == SMT_OP_DEPTHWISE ? "DepthwiseConv2dNative" : "Conv2D", prefix);
    node_input(w, value);
    node_input(w, name);
    attr_type(w, "T", TF_FLOAT);
    attr_strides(w, "strides", n->stride);
    attr_strides(w, "dilations", 1);
    attr_text(w, "padding", same ? "SAME" : "VALID");
    attr_text(w, "data_format", "NHWC");
    node_end(w);
    snprintf(value, NAME, "%s", prefix);
    bias(w, value, prefix, n);
    return status;
}

static void flatten(tf_writer *w, char value[NAME], const char *prefix, int channels)
{
    const int32_t shape[2] = {-1, channels};
    const int64_t dim = 2;
    char name[NAME];
    snprintf(name, NAME, "%.120s/flat", prefix);
    indexed_begin(w, "Reshape", value, name, "Tshape", 1, &dim, shape);
    node_end(w);
}

static smt_status dense(tf_writer *w, char value[NAME], const char *prefix, const smt_node *n)
{
    char name[NAME];
    smt_status status = kernel(w, name, prefix, n);
    node_begin(w, "MatMul", prefix);
    node_input(w, value);
    node_input(w, name);
    attr_type(w, "T", TF_FLOAT);
    attr_number(w, "transpose_a", TF_ATTR_BOOL, 0);
    attr_number(w, "transpose_b", TF_ATTR_BOOL, 0);
    node_end(w);
    snprintf(value, NAME, "%s", prefix);
    bias(w, value, prefix, n);
    return status;
}

static void pool(tf_writer *w, char value[NAME], const char *prefix)
{
    const int32_t axes[2] = {1, 2};
    const int64_t dim = 2;
    indexed_begin(w, "Mean", value, prefix, "Tidx", 1, &dim, axes);
    attr_number(w, "keep_dims", TF_ATTR_BOOL, 1);
    node_end(w);
}

/* ---- the graph ------------------------------------------------------------------------------ */

/* TensorFlow's names are of letters, digits and ". _ - /"; a changed one gets its node's number. */
static void node_name(const smt_graph *graph, int i, char out[NAME])
{
    const char *from = graph->nodes[i].name;
    bool changed = false;
    size_t n = 0;
    for (; from[n] && n < 100; n++) {
        char c = from[n];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool fits = letter || c == '.' || (n && (c == '_' || c == '-'));
        changed |= !fits;
        out[n] = fits ? c : n ? '_' : 'x';
    }
    changed |= from[n] != 0 || n == 0 || strcmp(from, "output") == 0;
    snprintf(out + n, NAME - n, changed ? "_%d" : "", i);
}

typedef struct tf_value {
    char name[NAME];
    bool flat; /* N x C */
} tf_value;

static smt_status write_node(tf_writer *w, int i, tf_value *values)
{
    const smt_node *n = &w->graph->nodes[i];
    tf_value *value = &values[i];
    char prefix[NAME];
    smt_status status = SMT_OK;
    node_name(w->graph, i, prefix);
    *value = values[n->input[0]];
    if ((n->op == SMT_OP_DENSE || n->op == SMT_OP_SOFTMAX) && !value->flat) {
        flatten(w, value->name, prefix, w->graph->nodes[n->input[0]].shape.c);
        value->flat = true;
    }
    switch (n->op) {
    case SMT_OP_AFFINE:
        affine(w,
               value->name,
               prefix,
               n->shape.c,
               w->graph->params[n->param[SMT_SCALE]].data,
               w->graph->params[n->param[SMT_OFFSET]].data);
        break;
    case SMT_OP_CONV:
    case SMT_OP_DEPTHWISE:
        status = convolution(w, value->name, prefix, n);
        break;
    case SMT_OP_DENSE:
        status = dense(w, value->name, prefix, n);
        break;
    case SMT_OP_ADD:
    case SMT_OP_MULTIPLY: {
        char other[NAME];
        memcpy(other, values[n->input[1]].name, NAME);
        simple(w, n->op == SMT_OP_ADD ? "AddV2" : "Mul", prefix, value->name, other);
        memcpy(value->name, prefix, NAME);
        break;
    }
    case SMT_OP_GLOBAL_POOL:
        pool(w, value->name, prefix);
        break;
    case SMT_OP_SOFTMAX:
        snprintf(prefix, NAME, i == w->graph->node_count - 1 ? "output" : "softmax_%d", i);
        simple(w, "Softmax", prefix, value->name, NULL);
        memcpy(value->name, prefix, NAME);
        break;
    case SMT_OP_ACTIVATION:
    case SMT_OP_DROPOUT:
        break;
    default:
        return smt_fail(w->error,
                        SMT_ERR_ARGUMENT,
                        "%s: node '%s' (%s) has no form in TensorFlow's graphs",
                        w->path,
                        n->name,
                        smt_op_name(n->op));
    }
    activation(w, value->name, prefix, n->activation);
    return status;
}

static void write_input(tf_writer *w, const smt_node *n, const char *metadata)
{
    const int64_t dim[4] = {-1, n->shape.h, n->shape.w, n->shape.c};
    size_t begin[2];
    node_begin(w, "Placeholder", "input");
    attr_type(w, "dtype", TF_FLOAT);
    attr_begin(w, "shape", begin);
    put_shape(&w->out, TF_ATTR_SHAPE, 4, dim);
    attr_end(w, begin);
    attr_text(w, TF_METADATA, metadata);
    node_end(w);
}

static smt_status write_graph(tf_writer *w, const char *metadata, const smt_preprocess *raw)
{
    int last = w->graph->node_count - 1;
    tf_value *values = smt_alloc((size_t)last + 1, sizeof *values);
    smt_status status = SMT_OK;
    if (!values) {
        return smt_fail(w->error, SMT_ERR_MEMORY, "%s: out of memory", w->path);
    }
    write_input(w, &w->graph->nodes[0], metadata);
    snprintf(values[0].name, NAME, "input");
    if (raw) {
        const float scale = 1 / raw->scale, offset = -raw->mean / raw->scale;
        affine(w, values[0].name, smt_raw_input_name(w->graph), 0, &scale, &offset);
    }
    for (int i = 1; i <= last && !status; i++) {
        status = write_node(w, i, values);
    }
    if (!status && strcmp(values[last].name, "output")) {
        simple(w, "Identity", "output", values[last].name, NULL);
    }
    size_t versions = pb_begin(&w->out, TF_GRAPH_VERSIONS);
    pb_put_integer(&w->out, 1, 27); /* the producer: TensorFlow 1.13, the first with AddV2 */
    pb_end(&w->out, versions);
    smt_free(values);
    return status;
}

/* ---- SavedModel ----------------------------------------------------------------------------- */

static void put_end(smt_bytes *to, uint32_t field, const char *name, int rank, const int64_t *dim)
{
    char tensor[32];
    snprintf(tensor, sizeof tensor, "%s:0", name);
    size_t entry = pb_begin(to, field);
    pb_put_text(to, TF_MAP_KEY, name);
    size_t info = pb_begin(to, TF_MAP_VALUE);
    pb_put_text(to, TF_TENSOR_INFO_NAME, tensor);
    pb_put_integer(to, TF_TENSOR_INFO_TYPE, TF_FLOAT);
    put_shape(to, TF_TENSOR_INFO_SHAPE, rank, dim);
    pb_end(to, info);
    pb_end(to, entry);
}

/* The GraphDef becomes a SavedModel's only graph, with the signature "serving_default". */
static void wrap(tf_writer *w)
{
    const smt_node *nodes = w->graph->nodes;
    int last = w->graph->node_count - 1;
    bool vector = nodes[last].op == SMT_OP_SOFTMAX || nodes[last].op == SMT_OP_DENSE;
    const int64_t in[4] = {-1, nodes[0].shape.h, nodes[0].shape.w, nodes[0].shape.c};
    const int64_t out[4] = {-1,
                            vector ? nodes[last].shape.c : nodes[last].shape.h,
                            nodes[last].shape.w,
                            nodes[last].shape.c};
    smt_bytes graph = w->out;
    w->out = (smt_bytes){.failed = graph.failed};
    pb_put_integer(&w->out, TF_SAVED_VERSION, 1);
    size_t meta = pb_begin(&w->out, TF_SAVED_META);
    size_t info = pb_begin(&w->out, TF_META_INFO);
    pb_put_text(&w->out, TF_INFO_TAGS, "serve");
    pb_end(&w->out, info);
    pb_put_bytes(&w->out, TF_META_GRAPH, graph.data, graph.size);
    size_t entry = pb_begin(&w->out, TF_META_SIGNATURE);
    pb_put_text(&w->out, TF_MAP_KEY, "serving_default");
    size_t signature = pb_begin(&w->out, TF_MAP_VALUE);
    put_end(&w->out, TF_SIGNATURE_INPUTS, "input", 4, in);
    put_end(&w->out, TF_SIGNATURE_OUTPUTS, "output", vector ? 2 : 4, out);
    pb_put_text(&w->out, TF_SIGNATURE_METHOD, "tensorflow/serving/predict");
    pb_end(&w->out, signature);
    pb_end(&w->out, entry);
    pb_end(&w->out, meta);
    smt_bytes_free(&graph);
}

smt_status smt_tensorflow_write(const smt_model *model,
                                const char *path,
                                const smt_write_options *options,
                                smt_error *error)
{
    bool raw_input = options && options->raw_input;
    smt_graph *graph = NULL;
    tf_writer w = {.path = path, .error = error};
    char *metadata = smt_metadata_text(model, raw_input);
    smt_status status =
        metadata ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    status = status ? status : smt_deployed_graph(model, &graph, error);
    w.graph = graph;
    status = status ? status : write_graph(&w, metadata, smt_raw_scaling(model, raw_input));
    if (!status && strcmp(smt_path_name(path), "saved_model.pb") == 0) {
        wrap(&w);
    }
    if (!status && w.out.failed) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    status = status ? status : smt_file_save(path, w.out.data, w.out.size, error);
    smt_bytes_free(&w.out);
    smt_free(metadata);
    smt_graph_destroy(&graph);
    return status;
}
