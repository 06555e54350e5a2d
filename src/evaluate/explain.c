/* Grad-CAM (Selvaraju et al. 2017): where in the image the evidence for a class lies. The feature
 * maps A_k of a layer are weighted by the mean gradient of the class's output with respect to them;
 * what is positive of their sum is the map. Works on the float network: a checkpoint, or what an
 * imported file (dynamic range too) holds. */
#include "base/guess.h"

#include <semtinel/evaluate.h>
#include <semtinel/format.h>
#include <semtinel/ops.h>

#include <math.h>
#include <string.h>

struct smt_explainer {
    char *path;
    smt_model *model;
    float *input;
    float *gradient; /* of the outputs */
    int size, channels, outputs;
    smt_exec *exec;             /* keeps the looks */
    int looks[SMT_MEMBERS_MAX]; /* nodes with maps of one size, whose sum explains */
    int count;
};

void smt_explainer_close(smt_explainer **explainer)
{
    if (explainer && *explainer) {
        smt_exec_destroy(&(*explainer)->exec);
        smt_model_destroy(&(*explainer)->model);
        smt_free((*explainer)->input);
        smt_free((*explainer)->gradient);
        smt_free((*explainer)->path);
        smt_free(*explainer);
        *explainer = NULL;
    }
}

/* The deepest layers that still know places: what the pooling before the classifier reads, or,
 * where the image is so small that this is a single place, the last one before it that has more. An
 * ensemble has one in each member, whose logits are added; of other networks' sums those count
 * whose maps are of the last one's size. */
static smt_status find_last_spatial(smt_explainer *x, smt_error *error)
{
    const smt_graph *graph = x->model->graph;
    const smt_node *nodes = graph->nodes;
    bool *leads =
        smt_alloc((size_t)graph->node_count, sizeof *leads); /* to the outputs, by vectors */
    if (!leads) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", x->path);
    }
    leads[graph->node_count - 1] = true;
    for (int i = graph->node_count - 1; i > 0 && x->count < SMT_MEMBERS_MAX; i--) {
        const smt_node *n = &nodes[i];
        if (!leads[i] || n->shape.h * n->shape.w > 1) {
            continue;
        }
        if (n->op != SMT_OP_GLOBAL_POOL) {
            leads[n->input[0]] = true;
            if (n->op == SMT_OP_ADD) {
                leads[n->input[1]] = true;
            }
            continue;
        }
        int node = n->input[0];
        while (node > 0 && nodes[node].shape.h * nodes[node].shape.w == 1) {
            node--;
        }
        smt_shape first = nodes[x->count ? x->looks[0] : node].shape, shape = nodes[node].shape;
        if (node > 0 && shape.h == first.h && shape.w == first.w) {
            x->looks[x->count++] = node;
        }
    }
    smt_free(leads);
    return SMT_OK;
}

/* The class's output is its score before a softmax, whose gradient vanishes where it is sure. */
static void drop_softmax(smt_graph *graph)
{
    int last = graph->node_count - 1;
    if (graph->nodes[last].op == SMT_OP_SOFTMAX && graph->nodes[last].input[0] == last - 1) {
        graph->node_count--;
    }
}

static smt_status choose_nodes(smt_explainer *x, const char *layer, smt_error *error)
{
    const smt_graph *graph = x->model->graph;
    if (layer) {
        x->looks[0] = smt_graph_find(graph, layer);
        x->count = 1;
    } else {
        smt_status status = find_last_spatial(x, error);
        if (status) {
            return status;
        }
    }
    if (!x->count) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: no pooling to look before; name a layer with --layer",
                        x->path);
    }
    int node = x->looks[0];
    if (node < 0) {
        smt_guess guess = {0};
        for (int i = 1; i < graph->node_count; i++) {
            smt_nearest(&guess, layer, graph->nodes[i].name);
        }
        char hint[SMT_HINT_MAX];
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: has no layer '%s'; %s",
                        x->path,
                        layer,
                        smt_hint(&guess,
                                 hint,
                                 "'semtinel info' lists its layers; "
                                 "an activation goes with the one before it"));
    }
    smt_shape shape = graph->nodes[node].shape;
    if (node == 0 || (shape.h == 1 && shape.w == 1)) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: layer '%s' is %d x %d x %d; one with places in the image is needed",
                        x->path,
                        graph->nodes[node].name,
                        shape.h,
                        shape.w,
                        shape.c);
    }
    return SMT_OK;
}

smt_status smt_explainer_open(
    const char *path, const char *layer, smt_pool *pool, smt_explainer **out, smt_error *error)
{
    smt_explainer *x = smt_alloc(1, sizeof *x);
    if (!x) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    x->path = smt_strdup(path);
    smt_status status =
        x->path ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    status = status ? status : smt_model_load(path, &x->model, error);
    if (!status) {
        drop_softmax(x->model->graph);
        status = choose_nodes(x, layer, error);
    }
    if (!status) {
        const smt_graph *graph = x->model->graph;
        smt_shape in = graph->nodes[0].shape;
        x->size = in.h;
        x->channels = in.c;
        x->outputs = (int)smt_shape_count(graph->nodes[graph->node_count - 1].shape);
        x->input = smt_alloc(smt_shape_count(in), sizeof *x->input);
        x->gradient = smt_alloc((size_t)x->outputs, sizeof *x->gradient);
        if (!x->input || !x->gradient) {
            status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        } else if (in.h != in.w) {
            status = smt_fail(error, SMT_ERR_UNSUPPORTED, "%s: its input is not square", path);
        } else {
            const smt_exec_options options = {
                .max_batch = 1, .training = true, .keep = x->looks, .keep_count = x->count};
            status = smt_exec_create(x->model->graph, pool, &options, &x->exec, error);
        }
    }
    if (status) {
        smt_explainer_close(&x);
        return status;
    }
    *out = x;
    return SMT_OK;
}

void smt_explanation_free(smt_explanation *explanation)
{
    smt_free(explanation->map);
    *explanation = (smt_explanation){0};
}

/* The numbers of a map: where its peak and its centre are,
 * and how much of the image is above half the peak. */
static void measure(smt_explanation *e)
{
    double mass = 0, x_sum = 0, y_sum = 0;
    int above = 0, best = 0;
    for (int i = 0; i < e->width * e->height; i++) {
        double value = (double)e->map[i], x = (i % e->width + 0.5) / e->width,
               y = (i / e->width + 0.5) / e->height;
        mass += value;
        x_sum += value * x;
        y_sum += value * y;
        above += e->map[i] > 0.5f;
        best = e->map[i] > e->map[best] ? i : best;
    }
    e->area = (float)above / (float)(e->width * e->height);
    e->peak_x = (float)((best % e->width + 0.5) / e->width);
    e->peak_y = (float)((best / e->width + 0.5) / e->height);
    e->centre_x = (float)(mass > 0 ? x_sum / mass : 0.5);
    e->centre_y = (float)(mass > 0 ? y_sum / mass : 0.5);
}

/* Adds to `map` the layer's maps by the mean gradient of the class's output with respect to them.
 * False: no memory for them. */
static bool add_map(const smt_exec *exec, int node, smt_shape shape, float *map)
{
    const float *value = smt_exec_node_value(exec, node),
                *slope = smt_exec_node_gradient(exec, node);
    if (!value || !slope) {
        return false;
    }
    size_t places = (size_t)shape.h * (size_t)shape.w, channels = (size_t)shape.c;
    for (size_t c = 0; c < channels; c++) {
        double weight = 0;
        for (size_t i = 0; i < places; i++) {
            weight += (double)slope[i * channels + c];
        }
        weight /= (double)places;
        for (size_t i = 0; i < places; i++) {
            map[i] += (float)(weight * (double)value[i * channels + c]);
        }
    }
    return true;
}

smt_status smt_explain(smt_explainer *x,
                       const uint8_t *pixels,
                       int class_index,
                       smt_explanation *out,
                       smt_error *error)
{
    const smt_node *nodes = x->model->graph->nodes;
    smt_shape shape = nodes[x->looks[0]].shape;
    size_t side = (size_t)x->size * (size_t)x->size, places = (size_t)shape.h * (size_t)shape.w;
    for (size_t i = 0; i < side; i++) {
        for (int c = 0; c < x->channels; c++) {
            x->input[i * (size_t)x->channels + (size_t)c] =
                ((float)pixels[i] - x->model->preprocess.mean) / x->model->preprocess.scale;
        }
    }
    smt_explanation e = {.width = shape.w, .height = shape.h};
    e.map = smt_alloc(places, sizeof *e.map);
    if (!e.map) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", x->path);
    }
    const smt_step step = {.freeze_batch_norm = true, .no_dropout = true};
    const float *outputs = smt_exec_forward(x->exec, x->input, 1, &step);
    if (!outputs) {
        smt_free(e.map);
        return smt_fail(error, SMT_ERR_MEMORY, "%s: the network cannot run", x->path);
    }
    if (class_index < 0) {
        class_index = smt_argmax(outputs, x->outputs);
    }
    if (class_index >= x->outputs) {
        smt_free(e.map);
        return smt_fail(error, SMT_ERR_ARGUMENT, "%s: has no class %d", x->path, class_index);
    }
    memset(x->gradient, 0, (size_t)x->outputs * sizeof *x->gradient);
    x->gradient[class_index] = 1;
    smt_exec_backward(x->exec, x->gradient);
    for (int i = 0; i < x->count; i++) {
        if (!add_map(x->exec, x->looks[i], nodes[x->looks[i]].shape, e.map)) {
            smt_free(e.map);
            return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", x->path);
        }
    }
    e.class_index = class_index;
    for (size_t i = 0; i < places; i++) {
        e.map[i] = fmaxf(e.map[i], 0);
        e.strength = fmaxf(e.strength, e.map[i]);
    }
    for (size_t i = 0; i < places && e.strength > 0; i++) {
        e.map[i] /= e.strength;
    }
    measure(&e);
    *out = e;
    return SMT_OK;
}

int smt_explainer_size(const smt_explainer *explainer)
{
    return explainer->size;
}

const smt_model *smt_explainer_model(const smt_explainer *explainer)
{
    return explainer->model;
}
