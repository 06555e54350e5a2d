/* MobileNetV3-Small, Howard et al. 2019 ("Searching for MobileNetV3"), table 2.
 *
 * Widths other than 1 follow tf.keras.applications.MobileNetV3Small(alpha), whose published weights
 * for 0.75 we read: the stem keeps 16 channels, block outputs are rounded to multiples of 8, and
 * the expanded width is the rounded product of the expansion factor and the block's input. */
#include <semtinel/model.h>

#include <math.h>
#include <stdio.h>

#define STEM 16
#define LAST_FACTOR 6 /* the last convolution's width over the last block's */
#define HEAD 1024

typedef struct block_row {
    int kernel;
    int expanded, from; /* expansion factor as a fraction: channels at width 1 over the input's
                           channels there */
    int out;            /* output channels at width 1 */
    bool squeeze;
    bool swish;
    int stride;
} block_row;

static const block_row blocks[] = {
    {3, 16, 16, 16, true, false, 2},
    {3, 72, 16, 24, false, false, 2},
    {3, 88, 24, 24, false, false, 1},
    {5, 96, 24, 40, true, true, 2},
    {5, 240, 40, 40, true, true, 1},
    {5, 240, 40, 40, true, true, 1},
    {5, 120, 40, 48, true, true, 1},
    {5, 144, 48, 48, true, true, 1},
    {5, 288, 48, 96, true, true, 2},
    {5, 576, 96, 96, true, true, 1},
    {5, 576, 96, 96, true, true, 1},
};

/* Nearest multiple of 8 that is at least 8 and not more
 * than 10% below the value (the paper's make_divisible). */
static int divisible(double value)
{
    int rounded = (int)(value + 4) / 8 * 8;
    if (rounded < 8) {
        rounded = 8;
    }
    return rounded < 0.9 * value ? rounded + 8 : rounded;
}

typedef struct builder {
    const smt_mobilenet_options *options;
    smt_graph *graph;
    smt_error *error;
    int node; /* the last one; -1 after a failure, and every further step keeps it */
    char prefix[24];
} builder;

static const char *name_of(builder *b, char *text, size_t size, const char *part)
{
    snprintf(text, size, "%s%s%s", b->prefix, *b->prefix && *part ? "." : "", part);
    return text;
}

static smt_conv_spec window(const builder *b, int filters, int kernel, int stride)
{
    int pad = kernel / 2;
    return (smt_conv_spec){
        .filters = filters,
        .kernel_h = kernel,
        .kernel_w = kernel,
        .stride = stride,
        .padding = b->options->padding,
        .pad = {pad, pad, pad, pad},
    };
}

static void conv_norm(builder *b,
                      bool depthwise,
                      const char *part,
                      int filters,
                      int kernel,
                      int stride,
                      smt_activation activation)
{
    char text[SMT_NAME_MAX], norm[SMT_NAME_MAX];
    smt_conv_spec spec = window(b, filters, kernel, stride);
    if (b->node < 0) {
        return;
    }
    name_of(b, text, sizeof text - 4, part);
    b->node = depthwise ? smt_graph_depthwise(b->graph, text, b->node, &spec, b->error)
                        : smt_graph_conv(b->graph, text, b->node, &spec, b->error);
    if (b->node >= 0) {
        snprintf(norm, sizeof norm, "%.80s.bn", text);
        b->node = smt_graph_batch_norm(b->graph,
                                       norm,
                                       b->node,
                                       b->options->bn_epsilon,
                                       b->options->bn_momentum,
                                       activation,
                                       b->error);
    }
}

static void squeeze_excite(builder *b, int channels)
{
    char text[SMT_NAME_MAX];
    int trunk = b->node;
    smt_conv_spec spec = window(b, divisible(channels * 0.25), 1, 1);
    if (b->node >= 0) {
        b->node = smt_graph_global_pool(
            b->graph, name_of(b, text, sizeof text, "se.pool"), trunk, b->error);
    }
    spec.bias = true;
    spec.activation = SMT_ACT_RELU;
    if (b->node >= 0) {
        b->node = smt_graph_conv(
            b->graph, name_of(b, text, sizeof text, "se.reduce"), b->node, &spec, b->error);
    }
    spec.filters = channels;
    spec.activation = SMT_ACT_HARD_SIGMOID;
    if (b->node >= 0) {
        b->node = smt_graph_conv(
            b->graph, name_of(b, text, sizeof text, "se.expand"), b->node, &spec, b->error);
    }
    if (b->node >= 0) {
        b->node = smt_graph_multiply(
            b->graph, name_of(b, text, sizeof text, "se.scale"), trunk, b->node, b->error);
    }
}

static void block(builder *b, int index, const block_row *row)
{
    if (b->node < 0) {
        return;
    }
    snprintf(b->prefix, sizeof b->prefix, "block%d", index);
    int entry = b->node;
    int in = b->graph->nodes[entry].shape.c;
    int expanded = divisible((double)row->expanded / row->from * in);
    int out = divisible((double)row->out * (double)b->options->width);
    smt_activation activation = row->swish ? SMT_ACT_HARD_SWISH : SMT_ACT_RELU;
    if (index > 0) {
        conv_norm(b, false, "expand", expanded, 1, 1, activation);
    }
    conv_norm(b, true, "depthwise", 0, row->kernel, row->stride, activation);
    if (row->squeeze) {
        squeeze_excite(b, index > 0 ? expanded : in);
    }
    conv_norm(b, false, "project", out, 1, 1, SMT_ACT_NONE);
    if (b->node >= 0 && row->stride == 1 && in == out) {
        char text[SMT_NAME_MAX];
        b->node = smt_graph_add(
            b->graph, name_of(b, text, sizeof text, "add"), entry, b->node, SMT_ACT_NONE, b->error);
    }
    b->prefix[0] = 0;
}

/* He et al. 2015, fan out: deviation sqrt(2 / (kernel area * outputs a weight row feeds)); a
 * depthwise filter feeds one output. Biases stay zero. The classifier gets 0.01, so that training
 * starts from even odds. */
static void initialise(smt_graph *graph, uint64_t seed)
{
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *n = &graph->nodes[i];
        double fan = 0;
        if (n->op == SMT_OP_CONV) {
            fan = (double)n->kernel_h * n->kernel_w * n->shape.c;
        } else if (n->op == SMT_OP_DEPTHWISE) {
            fan = (double)n->kernel_h * n->kernel_w;
        } else if (n->op == SMT_OP_DENSE) {
            fan = n->shape.c;
        }
        if (fan <= 0) {
            continue;
        }
        smt_param *weight = &graph->params[n->param[SMT_WEIGHT]];
        double deviation = i == graph->node_count - 1 ? 0.01 : sqrt(2.0 / fan);
        smt_rng rng = smt_rng_seed(seed, smt_hash64(0x696e6974, (uint64_t)i));
        for (size_t k = 0; k < weight->count; k++) {
            weight->data[k] = (float)(deviation * smt_rng_normal(&rng));
        }
    }
}

smt_mobilenet_options smt_mobilenet_defaults(void)
{
    return (smt_mobilenet_options){
        .width = 1.0f,
        .input_size = 128,
        .channels = 1,
        .classes = 10,
        .wide_head = false,
        .dropout = 0.2f,
        .padding = SMT_PAD_SAME,
        .bn_epsilon = 1e-3f,
        .bn_momentum = 0.9f,
    };
}

static smt_status check_options(const smt_mobilenet_options *o, smt_error *error)
{
    if (!(o->width >= 0.25f && o->width <= 2.0f)) {
        return smt_fail(error, SMT_ERR_ARGUMENT, "width %g is not in 0.25 .. 2", (double)o->width);
    }
    if (o->input_size < 32 || o->input_size > 512) {
        return smt_fail(
            error, SMT_ERR_ARGUMENT, "input size %d is not in 32 .. 512 pixels", o->input_size);
    }
    if (o->channels != 1 && o->channels != 3) {
        return smt_fail(
            error, SMT_ERR_ARGUMENT, "%d input channels: 1 (grey) or 3 are possible", o->channels);
    }
    if (o->classes < 1 || o->classes > SMT_CLASS_MAX) {
        return smt_fail(
            error, SMT_ERR_ARGUMENT, "%d classes: 1 .. %d are possible", o->classes, SMT_CLASS_MAX);
    }
    if (!(o->dropout >= 0 && o->dropout <= 0.9f)) {
        return smt_fail(
            error, SMT_ERR_ARGUMENT, "dropout %g is not in 0 .. 0.9", (double)o->dropout);
    }
    if (!(o->bn_epsilon > 0 && o->bn_epsilon < 1) || !(o->bn_momentum >= 0 && o->bn_momentum < 1)) {
        return smt_fail(
            error, SMT_ERR_ARGUMENT, "batch norm's epsilon and momentum must lie in 0 .. 1");
    }
    if (o->padding != SMT_PAD_SAME && o->padding != SMT_PAD_EXPLICIT) {
        return smt_fail(error, SMT_ERR_ARGUMENT, "unknown kind of padding %d", (int)o->padding);
    }
    return SMT_OK;
}

smt_status smt_mobilenetv3_small(const smt_mobilenet_options *options,
                                 uint64_t seed,
                                 smt_graph **out,
                                 smt_error *error)
{
    smt_graph *graph = NULL;
    smt_status status = check_options(options, error);
    if (status || (status = smt_graph_create(&graph, error))) {
        return status;
    }
    smt_error detail = {SMT_ERR_MEMORY, "out of memory"};
    builder b = {.options = options, .graph = graph, .error = &detail};
    b.node =
        smt_graph_input(graph,
                        "input",
                        (smt_shape){options->input_size, options->input_size, options->channels},
                        &detail);
    conv_norm(&b, false, "stem", STEM, 3, 2, SMT_ACT_HARD_SWISH);
    for (int i = 0; i < (int)(sizeof blocks / sizeof *blocks); i++) {
        block(&b, i, &blocks[i]);
    }
    int channels = b.node >= 0 ? graph->nodes[b.node].shape.c : 0;
    conv_norm(&b, false, "last", divisible(LAST_FACTOR * channels), 1, 1, SMT_ACT_HARD_SWISH);
    if (b.node >= 0) {
        b.node = smt_graph_global_pool(graph, "pool", b.node, &detail);
    }
    if (b.node >= 0 && options->wide_head) {
        double units = options->width > 1.0f ? HEAD * (double)options->width : HEAD;
        b.node = smt_graph_dense(
            graph, "head", b.node, divisible(units), true, SMT_ACT_HARD_SWISH, &detail);
    }
    if (b.node >= 0) {
        b.node = smt_graph_dropout(graph, "dropout", b.node, options->dropout, &detail);
    }
    if (b.node >= 0) {
        b.node = smt_graph_dense(
            graph, "classifier", b.node, options->classes, true, SMT_ACT_NONE, &detail);
    }
    if (b.node < 0) {
        smt_graph_destroy(&graph);
        return smt_fail(error, detail.status, "MobileNetV3-Small: %s", detail.message);
    }
    initialise(graph, seed);
    *out = graph;
    return SMT_OK;
}
