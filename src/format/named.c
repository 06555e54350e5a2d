#include "format/named.h"

#include "format/formats.h"
#include "format/tensor_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define EPSILON 1e-3f /* batch norm's, in Keras and in torchvision's MobileNetV3 */

static const struct {
    int stride;
    bool squeeze, swish;
} blocks[NAMED_BLOCKS] = {{2, true, false},
                          {2, false, false},
                          {1, false, false},
                          {2, true, true},
                          {1, true, true},
                          {1, true, true},
                          {1, true, true},
                          {1, true, true},
                          {2, true, true},
                          {1, true, true},
                          {1, true, true}};

typedef struct builder {
    const smt_tensor_file *file;
    const smt_naming *naming;
    const char *path;
    smt_graph *graph;
    int node;
    smt_error *error;
} builder;

/* A kernel's sides, whatever the order of the file. */
typedef struct kernel_shape {
    size_t h, w, in, out;
} kernel_shape;

static const smt_tensor *find(const builder *b, named_layer layer, named_part part)
{
    char name[128];
    b->naming->name(layer, part, name, sizeof name);
    return smt_tensor_file_find(b->file, name);
}

static smt_status misfit(const builder *b, const smt_tensor *tensor, const char *expected)
{
    char shape[160];
    return smt_fail(b->error,
                    SMT_ERR_FORMAT,
                    "%s: tensor '%s' is %s instead of %s",
                    b->path,
                    tensor->name,
                    smt_shape_text(tensor->dim, tensor->rank, shape, sizeof shape),
                    expected);
}

static smt_status missing(const builder *b, named_layer layer, named_part part)
{
    char name[128];
    b->naming->name(layer, part, name, sizeof name);
    return smt_fail(b->error,
                    SMT_ERR_FORMAT,
                    "%s: tensor '%s' is missing; MobileNetV3-Small is read, not other networks",
                    b->path,
                    name);
}

static smt_status copy_vector(builder *b, int param, named_layer layer, named_part part)
{
    smt_param *to = &b->graph->params[param];
    const smt_tensor *tensor = find(b, layer, part);
    char expected[64];
    if (!tensor) {
        return missing(b, layer, part);
    }
    if (tensor->rank != 1 || tensor->count != to->count) {
        snprintf(expected, sizeof expected, "%zu values", to->count);
        return misfit(b, tensor, expected);
    }
    memcpy(to->data, tensor->data, to->count * sizeof *to->data);
    return SMT_OK;
}

/* The kernel of a layer after b->node: 4-dimensional, or 2-dimensional for a dense layer. */
static smt_status
kernel_of(builder *b, named_layer layer, const smt_tensor **out, kernel_shape *shape)
{
    const smt_tensor *t = find(b, layer, NAMED_KERNEL);
    bool depthwise = layer.role == NAMED_DEPTHWISE, hwio = b->naming->hwio;
    int in = b->graph->nodes[b->node].shape.c;
    char expected[64];
    if (!t) {
        return missing(b, layer, NAMED_KERNEL);
    }
    if (t->rank != 4 && (t->rank != 2 || layer.role < NAMED_HEAD)) {
        return misfit(b, t, "four dimensions");
    }
    int64_t side[4] = {1, 1, 1, 1}; /* h, w, in, out */
    const int64_t *channels = t->dim + (hwio ? t->rank - 2 : 0);
    side[2] = channels[hwio ? 0 : 1];
    side[3] = channels[hwio ? 1 : 0];
    if (t->rank == 4) {
        memcpy(side, t->dim + (hwio ? 0 : 2), 2 * sizeof *side);
    }
    if (depthwise && hwio) { /* channels x multiplier instead of 1 x channels */
        int64_t multiplier = side[3];
        side[3] = side[2];
        side[2] = multiplier;
    }
    if (side[2] != (depthwise ? 1 : in) || (depthwise && side[3] != in) || side[0] != side[1] ||
        side[0] > 31 || side[0] % 2 == 0 || side[3] < 1 || side[3] > SMT_SIDE_MAX) {
        snprintf(expected,
                 sizeof expected,
                 "a%s kernel for %d %s",
                 depthwise ? " depthwise" : "",
                 in,
                 smt_plural((size_t)in, "channel", "channels"));
        return misfit(b, t, expected);
    }
    *shape = (kernel_shape){(size_t)side[0], (size_t)side[1], (size_t)side[2], (size_t)side[3]};
    *out = t;
    return SMT_OK;
}

/* To out x h x w x in, depthwise to h x w x channels. */
static void
copy_kernel(const builder *b, float *to, const smt_tensor *from, kernel_shape s, bool depthwise)
{
    size_t area = s.h * s.w;
    for (size_t o = 0; o < s.out; o++) {
        for (size_t i = 0; i < s.in; i++) {
            for (size_t k = 0; k < area; k++) {
                size_t at = !b->naming->hwio ? (o * s.in + i) * area + k
                            : depthwise      ? k * s.out + o
                                             : (k * s.in + i) * s.out + o;
                to[depthwise ? k * s.out + o : (o * area + k) * s.in + i] = from->data[at];
            }
        }
    }
}

static smt_status
batch_norm(builder *b, const char *name, named_layer layer, smt_activation activation)
{
    char full[SMT_NAME_MAX];
    snprintf(full, sizeof full, "%.80s.bn", name);
    b->node = smt_graph_batch_norm(
        b->graph, full, b->node, EPSILON, b->naming->momentum, activation, b->error);
    if (b->node < 0) {
        return SMT_ERR_FORMAT;
    }
    smt_status status = SMT_OK;
    for (int i = 0; i < 4 && status == SMT_OK; i++) {
        status =
            copy_vector(b, b->graph->nodes[b->node].param[i], layer, (named_part)(NAMED_GAMMA + i));
    }
    return status;
}

/* A layer with what the file has of it: bias, batch norm. */
static smt_status
layer_of(builder *b, const char *name, named_layer layer, int stride, smt_activation activation)
{
    const smt_tensor *weight = NULL;
    kernel_shape shape;
    bool norm = find(b, layer, NAMED_MEAN) != NULL, bias = find(b, layer, NAMED_BIAS) != NULL;
    smt_status status = kernel_of(b, layer, &weight, &shape);
    if (status) {
        return status;
    }
    int pad = (int)shape.h / 2;
    smt_conv_spec spec = {.filters = (int)shape.out,
                          .kernel_h = (int)shape.h,
                          .kernel_w = (int)shape.w,
                          .stride = stride,
                          .padding = b->naming->padding,
                          .pad = {pad, pad, pad, pad},
                          .bias = bias,
                          .activation = norm ? SMT_ACT_NONE : activation};
    bool depthwise = layer.role == NAMED_DEPTHWISE;
    b->node = layer.role >= NAMED_HEAD
                  ? smt_graph_dense(
                        b->graph, name, b->node, spec.filters, bias, spec.activation, b->error)
              : depthwise ? smt_graph_depthwise(b->graph, name, b->node, &spec, b->error)
                          : smt_graph_conv(b->graph, name, b->node, &spec, b->error);
    if (b->node < 0) {
        return SMT_ERR_FORMAT;
    }
    const smt_node *node = &b->graph->nodes[b->node];
    copy_kernel(b, b->graph->params[node->param[SMT_WEIGHT]].data, weight, shape, depthwise);
    status = bias ? copy_vector(b, node->param[SMT_BIAS], layer, NAMED_BIAS) : SMT_OK;
    return status || !norm ? status : batch_norm(b, name, layer, activation);
}

static smt_status pool(builder *b, const char *name)
{
    b->node = smt_graph_global_pool(b->graph, name, b->node, b->error);
    return b->node < 0 ? SMT_ERR_FORMAT : SMT_OK;
}

static smt_status squeeze_excite(builder *b, const char *name, named_layer layer)
{
    char text[SMT_NAME_MAX];
    int trunk = b->node;
    snprintf(text, sizeof text, "%s.se.pool", name);
    smt_status status = pool(b, text);
    snprintf(text, sizeof text, "%s.se.reduce", name);
    layer.role = NAMED_SQUEEZE;
    status = status ? status : layer_of(b, text, layer, 1, SMT_ACT_RELU);
    snprintf(text, sizeof text, "%s.se.expand", name);
    layer.role = NAMED_EXCITE;
    status = status ? status : layer_of(b, text, layer, 1, SMT_ACT_HARD_SIGMOID);
    if (status) {
        return status;
    }
    snprintf(text, sizeof text, "%s.se.scale", name);
    b->node = smt_graph_multiply(b->graph, text, trunk, b->node, b->error);
    return b->node < 0 ? SMT_ERR_FORMAT : SMT_OK;
}

static smt_status block(builder *b, int index)
{
    char name[32], text[SMT_NAME_MAX];
    int entry = b->node, stride = blocks[index].stride;
    smt_activation activation = blocks[index].swish ? SMT_ACT_HARD_SWISH : SMT_ACT_RELU;
    named_layer layer = {.block = index, .squeeze = blocks[index].squeeze};
    snprintf(name, sizeof name, "block%d", index);
    smt_status status = SMT_OK;
    if (index > 0) {
        layer.role = NAMED_EXPAND;
        snprintf(text, sizeof text, "%s.expand", name);
        status = layer_of(b, text, layer, 1, activation);
    }
    layer.role = NAMED_DEPTHWISE;
    snprintf(text, sizeof text, "%s.depthwise", name);
    status = status ? status : layer_of(b, text, layer, stride, activation);
    if (!status && layer.squeeze) {
        status = squeeze_excite(b, name, layer);
    }
    layer.role = NAMED_PROJECT;
    snprintf(text, sizeof text, "%s.project", name);
    status = status ? status : layer_of(b, text, layer, 1, SMT_ACT_NONE);
    if (status) {
        return status;
    }
    if (stride == 1 && b->graph->nodes[entry].shape.c == b->graph->nodes[b->node].shape.c) {
        snprintf(text, sizeof text, "%s.add", name);
        b->node = smt_graph_add(b->graph, text, entry, b->node, SMT_ACT_NONE, b->error);
    }
    return b->node < 0 ? SMT_ERR_FORMAT : SMT_OK;
}

static smt_status build(builder *b)
{
    const named_layer stem = {.role = NAMED_STEM}, head = {.role = NAMED_HEAD},
                      last = {.role = NAMED_LAST}, classifier = {.role = NAMED_CLASSIFIER};
    const smt_tensor *kernel = find(b, stem, NAMED_KERNEL);
    if (!kernel) {
        return missing(b, stem, NAMED_KERNEL);
    }
    int64_t channels = kernel->rank == 4 ? kernel->dim[b->naming->hwio ? 2 : 1] : 0;
    if (channels != 1 && channels != 3) {
        return misfit(b, kernel, "a kernel for 1 or 3 input channels");
    }
    b->node = smt_graph_input(b->graph, "input", (smt_shape){128, 128, (int)channels}, b->error);
    if (b->node >= 0 && b->naming->mean) {
        b->node = smt_graph_affine(b->graph, "normalise", b->node, b->error);
    }
    if (b->node < 0) {
        return SMT_ERR_FORMAT;
    }
    const smt_node *normalise = &b->graph->nodes[b->node];
    for (int c = 0; c < channels && b->naming->mean; c++) {
        float deviation = b->naming->deviation[c];
        b->graph->params[normalise->param[SMT_SCALE]].data[c] = 1 / deviation;
        b->graph->params[normalise->param[SMT_OFFSET]].data[c] = -b->naming->mean[c] / deviation;
    }
    smt_status status = layer_of(b, "stem", stem, 2, SMT_ACT_HARD_SWISH);
    for (int i = 0; i < NAMED_BLOCKS && !status; i++) {
        status = block(b, i);
    }
    status = status ? status : layer_of(b, "last", last, 1, SMT_ACT_HARD_SWISH);
    status = status ? status : pool(b, "pool");
    if (!status && find(b, head, NAMED_KERNEL)) {
        status = layer_of(b, "head", head, 1, SMT_ACT_HARD_SWISH);
    }
    if (!status && find(b, classifier, NAMED_KERNEL)) {
        status = layer_of(b, "classifier", classifier, 1, SMT_ACT_NONE);
    }
    return status;
}

smt_preprocess smt_guess_preprocess(const smt_graph *g)
{
    double scale = 1;
    int end = 0;
    for (int i = 1;
         i < g->node_count && g->nodes[i].op == SMT_OP_AFFINE && g->nodes[i].input[0] == end;
         i++) {
        scale *= fabs((double)g->params[g->nodes[i].param[SMT_SCALE]].data[0]);
        end = i;
    }
    if (!end) {
        return (smt_preprocess){.mean = 127.5f, .scale = 127.5f};
    }
    return (smt_preprocess){.mean = 0, .scale = scale * 255 < 16 ? 1.0f : 255.0f};
}

int smt_class_outputs(const smt_graph *graph)
{
    const smt_node *last = &graph->nodes[graph->node_count - 1];
    while (last->op == SMT_OP_QUANTIZE) {
        last = &graph->nodes[last->input[0]];
    }
    bool scores = last->op == SMT_OP_SOFTMAX ||
                  (smt_op_is_layer(last->op) && last->activation == SMT_ACT_NONE);
    return scores && last->shape.h == 1 && last->shape.w == 1 ? last->shape.c : 0;
}

char **smt_class_names(const char *text, int count)
{
    char **names = smt_alloc((size_t)count + 1, sizeof *names);
    int lines = text && *text ? 1 : 0;
    for (const char *p = text; p && *p; p++) {
        lines += *p == '\n';
    }
    for (int i = 0; names && i < count; i++) {
        if (lines == count) {
            int length = (int)strcspn(text, "\n");
            names[i] = smt_format("%.*s", length, text);
            text += length + (text[length] == '\n');
        } else {
            names[i] = smt_format("class%d", i);
        }
        if (!names[i]) {
            smt_list_free(&names, (size_t)i);
        }
    }
    return names;
}

smt_status smt_named_model(const smt_tensor_file *file,
                           const smt_naming *naming,
                           const char *path,
                           smt_model **out,
                           smt_error *error)
{
    smt_error own = {0};
    builder b = {.file = file, .naming = naming, .path = path, .error = error ? error : &own};
    char **names = NULL;
    int classes = 0;
    smt_status status = smt_graph_create(&b.graph, b.error);
    status = smt_format_blame(path, status ? status : build(&b), b.error);
    if (status) {
        goto done;
    }
    classes = b.graph->nodes[b.node].shape.c;
    if (classes > SMT_CLASS_MAX ||
        !find(&b, (named_layer){.role = NAMED_CLASSIFIER}, NAMED_KERNEL)) {
        classes = 0; /* a source of weights (ImageNet's thousand classes), without names */
    }
    names = smt_class_names(NULL, classes);
    if (!names) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        goto done;
    }
    smt_model *model = NULL;
    status = smt_model_create(b.graph, NULL, (const char *const *)names, classes, &model, error);
    b.graph = NULL;
    if (status == SMT_OK) {
        model->preprocess = naming->preprocess;
        model->size_assumed = true;
        *out = model;
    }
done:
    smt_list_free(&names, (size_t)classes);
    smt_graph_destroy(&b.graph);
    return status;
}
