/* torchvision's mobilenet_v3_small from its state dictionary. Widths are read off the tensors'
 * shapes, so any width multiplier is read; strides and activations are the architecture's (Howard
 * et al. 2019, table 2). */
#include "format/formats.h"
#include "format/torch.h"

#include <stdio.h>
#include <string.h>

/* ImageNet's normalisation in torchvision: (p / 255 - mean) / deviation, red, green, blue. */
static const float image_mean[3] = {0.485f, 0.456f, 0.406f};
static const float image_deviation[3] = {0.229f, 0.224f, 0.225f};

static const struct {
    int stride;
    bool swish;
} blocks[11] = {{2, false},
                {2, false},
                {1, false},
                {2, true},
                {1, true},
                {1, true},
                {1, true},
                {1, true},
                {2, true},
                {1, true},
                {1, true}};

typedef struct torch_builder {
    const char *path;
    const smt_tensor_file *file;
    smt_graph *graph;
    int node;
    smt_error *error;
} torch_builder;

static const smt_tensor *find(const torch_builder *b, const char *prefix, const char *suffix)
{
    char name[128];
    snprintf(name, sizeof name, "%s.%s", prefix, suffix);
    return smt_tensor_file_find(b->file, name);
}

static smt_status need(const torch_builder *b,
                       const char *prefix,
                       const char *suffix,
                       int rank,
                       const smt_tensor **out)
{
    *out = find(b, prefix, suffix);
    if (!*out) {
        return smt_fail(
            b->error, SMT_ERR_FORMAT, "%s: tensor '%s.%s' is missing", b->path, prefix, suffix);
    }
    if ((*out)->rank != rank) {
        return smt_fail(b->error,
                        SMT_ERR_FORMAT,
                        "%s: tensor '%s.%s' has %d dimensions instead of %d",
                        b->path,
                        prefix,
                        suffix,
                        (*out)->rank,
                        rank);
    }
    return SMT_OK;
}

static smt_status copy_vector(torch_builder *b, int param, const char *prefix, const char *suffix)
{
    const smt_tensor *tensor;
    smt_status status = need(b, prefix, suffix, 1, &tensor);
    if (status) {
        return status;
    }
    smt_param *to = &b->graph->params[param];
    if (tensor->count != to->count) {
        return smt_fail(b->error,
                        SMT_ERR_FORMAT,
                        "%s: tensor '%s.%s' holds %zu values instead of %zu",
                        b->path,
                        prefix,
                        suffix,
                        tensor->count,
                        to->count);
    }
    memcpy(to->data, tensor->data, to->count * sizeof *to->data);
    return SMT_OK;
}

/* OIHW to OHWI, or to HWC for depthwise. */
static void copy_kernel(float *to, const smt_tensor *from, bool depthwise)
{
    size_t out = (size_t)from->dim[0], in = (size_t)from->dim[1],
           kernel = (size_t)(from->dim[2] * from->dim[3]);
    for (size_t o = 0; o < out; o++) {
        for (size_t i = 0; i < in; i++) {
            for (size_t k = 0; k < kernel; k++) {
                to[depthwise ? k * out + o : (o * kernel + k) * in + i] =
                    from->data[(o * in + i) * kernel + k];
            }
        }
    }
}

/* The convolution `prefix` after node b->node; its kind follows from the weights' shape. */
static smt_status conv(torch_builder *b,
                       const char *name,
                       const char *prefix,
                       int stride,
                       bool bias,
                       smt_activation act)
{
    const smt_tensor *weight;
    smt_status status = need(b, prefix, "weight", 4, &weight);
    if (status) {
        return status;
    }
    int in = b->graph->nodes[b->node].shape.c;
    bool depthwise = weight->dim[1] == 1 && weight->dim[0] == in && in > 1 && weight->dim[2] > 1;
    if ((!depthwise && weight->dim[1] != in) || weight->dim[2] != weight->dim[3] ||
        weight->dim[2] > 31 || weight->dim[2] % 2 == 0 || weight->dim[0] > 65536) {
        return smt_fail(
            b->error,
            SMT_ERR_FORMAT,
            "%s: tensor '%s.weight' is %lld x %lld x %lld x %lld, which does not fit %d channels",
            b->path,
            prefix,
            (long long)weight->dim[0],
            (long long)weight->dim[1],
            (long long)weight->dim[2],
            (long long)weight->dim[3],
            in);
    }
    int kernel = (int)weight->dim[2], pad = kernel / 2;
    smt_conv_spec spec = {.filters = (int)weight->dim[0],
                          .kernel_h = kernel,
                          .kernel_w = kernel,
                          .stride = stride,
                          .padding = SMT_PAD_EXPLICIT,
                          .pad = {pad, pad, pad, pad},
                          .bias = bias,
                          .activation = act};
    b->node = depthwise ? smt_graph_depthwise(b->graph, name, b->node, &spec, b->error)
                        : smt_graph_conv(b->graph, name, b->node, &spec, b->error);
    if (b->node < 0) {
        return SMT_ERR_FORMAT;
    }
    const smt_node *node = &b->graph->nodes[b->node];
    copy_kernel(b->graph->params[node->param[SMT_WEIGHT]].data, weight, depthwise);
    return bias ? copy_vector(b, node->param[SMT_BIAS], prefix, "bias") : SMT_OK;
}

static smt_status
batch_norm(torch_builder *b, const char *name, const char *prefix, smt_activation act)
{
    static const char *const parts[4] = {"weight", "bias", "running_mean", "running_var"};
    char full[SMT_NAME_MAX];
    snprintf(full, sizeof full, "%.80s.bn", name);
    b->node = smt_graph_batch_norm(b->graph, full, b->node, 1e-3f, 0.99f, act, b->error);
    if (b->node < 0) {
        return SMT_ERR_FORMAT;
    }
    smt_status status = SMT_OK;
    for (int i = 0; i < 4 && status == SMT_OK; i++) {
        status = copy_vector(b, b->graph->nodes[b->node].param[i], prefix, parts[i]);
    }
    return status;
}

/* A convolution "PREFIX.0" with batch norm "PREFIX.1". */
static smt_status
conv_norm(torch_builder *b, const char *name, const char *prefix, int stride, smt_activation act)
{
    char part[128];
    snprintf(part, sizeof part, "%.100s.0", prefix);
    smt_status status = conv(b, name, part, stride, false, SMT_ACT_NONE);
    snprintf(part, sizeof part, "%.100s.1", prefix);
    return status ? status : batch_norm(b, name, part, act);
}

static smt_status squeeze_excite(torch_builder *b, const char *name, const char *prefix)
{
    char text[SMT_NAME_MAX], part[128];
    int trunk = b->node;
    snprintf(text, sizeof text, "%s.se.pool", name);
    b->node = smt_graph_global_pool(b->graph, text, trunk, b->error);
    if (b->node < 0) {
        return SMT_ERR_FORMAT;
    }
    snprintf(text, sizeof text, "%s.se.reduce", name);
    snprintf(part, sizeof part, "%s.fc1", prefix);
    smt_status status = conv(b, text, part, 1, true, SMT_ACT_RELU);
    snprintf(text, sizeof text, "%s.se.expand", name);
    snprintf(part, sizeof part, "%s.fc2", prefix);
    status = status ? status : conv(b, text, part, 1, true, SMT_ACT_HARD_SIGMOID);
    if (status) {
        return status;
    }
    snprintf(text, sizeof text, "%s.se.scale", name);
    b->node = smt_graph_multiply(b->graph, text, trunk, b->node, b->error);
    return b->node < 0 ? SMT_ERR_FORMAT : SMT_OK;
}

static smt_status block(torch_builder *b, int index)
{
    char name[32], text[SMT_NAME_MAX], base[48], part[64];
    int entry = b->node, position = 0, stride = blocks[index].stride;
    smt_activation act = blocks[index].swish ? SMT_ACT_HARD_SWISH : SMT_ACT_RELU;
    snprintf(name, sizeof name, "block%d", index);
    snprintf(base, sizeof base, "features.%d.block", index + 1);
    smt_status status = SMT_OK;
    if (index > 0) {
        snprintf(text, sizeof text, "%s.expand", name);
        snprintf(part, sizeof part, "%s.%d", base, position++);
        status = conv_norm(b, text, part, 1, act);
    }
    snprintf(text, sizeof text, "%s.depthwise", name);
    snprintf(part, sizeof part, "%s.%d", base, position++);
    status = status ? status : conv_norm(b, text, part, stride, act);
    snprintf(part, sizeof part, "%s.%d", base, position);
    if (!status && find(b, part, "fc1.weight")) {
        status = squeeze_excite(b, name, part);
        position++;
    }
    snprintf(text, sizeof text, "%s.project", name);
    snprintf(part, sizeof part, "%s.%d", base, position);
    status = status ? status : conv_norm(b, text, part, 1, SMT_ACT_NONE);
    if (status) {
        return status;
    }
    if (stride == 1 && b->graph->nodes[entry].shape.c == b->graph->nodes[b->node].shape.c) {
        snprintf(text, sizeof text, "%s.add", name);
        b->node = smt_graph_add(b->graph, text, entry, b->node, SMT_ACT_NONE, b->error);
    }
    return b->node < 0 ? SMT_ERR_FORMAT : SMT_OK;
}

static smt_status dense(torch_builder *b, const char *name, const char *prefix, smt_activation act)
{
    const smt_tensor *weight;
    smt_status status = need(b, prefix, "weight", 2, &weight);
    if (status) {
        return status;
    }
    if (weight->dim[1] != b->graph->nodes[b->node].shape.c || weight->dim[0] > 65536) {
        return smt_fail(b->error,
                        SMT_ERR_FORMAT,
                        "%s: tensor '%s.weight' is %lld x %lld after %d channels",
                        b->path,
                        prefix,
                        (long long)weight->dim[0],
                        (long long)weight->dim[1],
                        b->graph->nodes[b->node].shape.c);
    }
    b->node = smt_graph_dense(b->graph, name, b->node, (int)weight->dim[0], true, act, b->error);
    if (b->node < 0) {
        return SMT_ERR_FORMAT;
    }
    smt_node *node = &b->graph->nodes[b->node];
    memcpy(b->graph->params[node->param[SMT_WEIGHT]].data,
           weight->data,
           weight->count * sizeof(float));
    return copy_vector(b, node->param[SMT_BIAS], prefix, "bias");
}

static smt_status build(torch_builder *b)
{
    const smt_tensor *stem;
    smt_status status = need(b, "features.0.0", "weight", 4, &stem);
    if (status) {
        return status;
    }
    int channels = (int)stem->dim[1];
    if (channels != 1 && channels != 3) {
        return smt_fail(b->error,
                        SMT_ERR_FORMAT,
                        "%s: the first layer has %d input channels",
                        b->path,
                        channels);
    }
    b->node = smt_graph_input(b->graph, "input", (smt_shape){128, 128, channels}, b->error);
    b->node = b->node < 0 ? -1 : smt_graph_affine(b->graph, "normalise", b->node, b->error);
    if (b->node < 0) {
        return SMT_ERR_FORMAT;
    }
    const smt_node *normalise = &b->graph->nodes[b->node];
    for (int c = 0; c < channels; c++) {
        b->graph->params[normalise->param[SMT_SCALE]].data[c] = 1 / image_deviation[c];
        b->graph->params[normalise->param[SMT_OFFSET]].data[c] =
            -image_mean[c] / image_deviation[c];
    }
    status = conv_norm(b, "stem", "features.0", 2, SMT_ACT_HARD_SWISH);
    for (int i = 0; i < 11 && status == SMT_OK; i++) {
        status = block(b, i);
    }
    status = status ? status : conv_norm(b, "last", "features.12", 1, SMT_ACT_HARD_SWISH);
    if (status) {
        return status;
    }
    b->node = smt_graph_global_pool(b->graph, "pool", b->node, b->error);
    if (b->node < 0) {
        return SMT_ERR_FORMAT;
    }
    status = dense(b, "head", "classifier.0", SMT_ACT_HARD_SWISH);
    return status ? status : dense(b, "classifier", "classifier.3", SMT_ACT_NONE);
}

bool smt_torchvision_names(const smt_tensor_file *file)
{
    return smt_tensor_file_find(file, "features.0.0.weight") &&
           smt_tensor_file_find(file, "features.12.0.weight");
}

smt_status smt_torchvision_model(const smt_tensor_file *file,
                                 const char *path,
                                 smt_model **out,
                                 smt_error *error)
{
    torch_builder b = {.path = path, .file = file, .error = error};
    char **names = NULL;
    int classes = 0;
    if (!smt_torchvision_names(file)) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: its tensors are not those of torchvision's mobilenet_v3_small (no "
                        "'features.12.0.weight')",
                        path);
    }
    smt_status status = smt_graph_create(&b.graph, error);
    status = status ? status : build(&b);
    if (status) {
        goto done;
    }
    classes = b.graph->nodes[b.node].shape.c;
    if (classes > SMT_CLASS_MAX) {
        classes = 0; /* ImageNet's thousand: a source of weights, without names */
    }
    names = smt_alloc((size_t)classes + 1, sizeof *names);
    for (int i = 0; names && i < classes; i++) {
        names[i] = smt_format("class%d", i);
        if (!names[i]) {
            smt_list_free(&names, (size_t)i);
        }
    }
    if (!names) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        goto done;
    }
    smt_model *model = NULL;
    status = smt_model_create(b.graph, NULL, (const char *const *)names, classes, &model, error);
    b.graph = NULL;
    if (status == SMT_OK) {
        model->preprocess.mean = 0;
        model->preprocess.scale = 255;
        *out = model;
    }
done:
    smt_list_free(&names, (size_t)classes);
    smt_graph_destroy(&b.graph);
    return status;
}

static smt_status read_pth(const char *path, smt_model **out, smt_error *error)
{
    smt_tensor_file *file = NULL;
    smt_status status = smt_pth_load(path, &file, error);
    status = status ? status : smt_torchvision_model(file, path, out, error);
    smt_tensor_file_destroy(&file);
    return status;
}

static bool probe(const uint8_t *head, size_t size)
{
    return size > 4 && memcmp(head, "PK\3\4", 4) == 0;
}

const smt_model_format smt_format_pth = {
    .name = "pth",
    .suffixes = ".pth .pt",
    .title = "PyTorch state dictionary",
    .probe = probe,
    .read = read_pth,
};
