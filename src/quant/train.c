/* Quantisation-aware training by distillation.
 *
 * The student is the simulated int8 network, whose forward pass follows the integer
 * arithmetic that ships; the teacher is the float network. The loss is the mean squared
 * difference of their logits on augmented images, so no labels are needed and images of
 * any source serve. Gradients pass the roundings straight through to the float weights
 * and biases (which keep all their bits; the grids are renewed after each step), to the
 * steps of the weights as in LSQ (Esser et al. 2020, arXiv 1902.08153), and to both
 * ends of each value's range as in LSQ+ (Bhalgat et al. 2020, arXiv 2004.09576). */
#include "quant/quantizer.h"

#include <semtinel/loader.h>
#include <semtinel/optimizer.h>

#include <math.h>
#include <string.h>

enum { HOLD = 6 };

smt_qat_options smt_qat_defaults(void)
{
    return (smt_qat_options){.epochs = 20, .batch = 32, .rate = 3e-4, .scale_rate = 5, .seed = 1};
}

/* Weights are trained in units of their channel's root mean square, as batch norm folded into them
 * leaves channels of very different size, and Adam's steps know no size; everything else in units
 * that belong to it. */
typedef struct tensor {
    int param;       /* of `simulated`, whose gradient drives the tensor; -1: weight steps */
    int node;        /* real */
    float *target;   /* what the tensor trains: value = unit * weight */
    float *weight;   /* count */
    float *gradient; /* count */
    float *unit;     /* units: element i has unit[i / each % units] */
    size_t count, each, units;
    float rate;
} tensor;

typedef struct student {
    smt_quantizer *q;
    smt_exec *exec, *teacher;
    smt_optimizer *optimizer;
    tensor *tensors;
    smt_slot *slots;
    int count;
    float *logits, *difference;
    float *held; /* images that no step sees, as network input */
    int held_count;
    float **best;           /* each tensor's weights where the held images' error was least */
    smt_quant *best_ranges; /* and the ranges: which of them begin at 0 is kept nowhere else */
    double best_error;
} student;

static float size_of(const float *data, channel_view view)
{
    double sum = 0;
    for (size_t i = 0; i < view.count; i++) {
        double w = (double)data[view.first + i * view.step];
        sum += w * w;
    }
    return (float)fmax(sqrt(sum / (double)view.count), 1e-6);
}

static bool add_tensor(student *s,
                       int node,
                       int param,
                       float *target,
                       size_t count,
                       size_t each,
                       size_t units,
                       float rate)
{
    tensor *t = &s->tensors[s->count];
    *t = (tensor){.param = param,
                  .node = node,
                  .target = target,
                  .count = count,
                  .each = each,
                  .units = units,
                  .rate = rate};
    t->weight = smt_alloc(count, sizeof(float));
    t->gradient = smt_alloc(count, sizeof(float));
    t->unit = smt_alloc(units, sizeof(float));
    s->slots[s->count] =
        (smt_slot){.weight = t->weight, .gradient = t->gradient, .count = count, .rate = rate};
    s->count++;
    return t->weight && t->gradient && t->unit;
}

static float unit_of(const tensor *t, size_t i)
{
    return t->unit[i / t->each % t->units];
}

static void start_tensor(tensor *t)
{
    for (size_t i = 0; i < t->count; i++) {
        t->weight[i] = t->target[i] / unit_of(t, i);
    }
}

/* Weights, biases and the weights' steps of a layer. */
static bool add_layer(student *s, int i)
{
    smt_quantizer *q = s->q;
    const smt_node *node = &q->real->nodes[i], *made = &q->simulated->nodes[q->made[i]];
    smt_param *weight = &q->real->params[node->param[SMT_WEIGHT]];
    smt_param *bias = &q->real->params[node->param[SMT_BIAS]];
    size_t channels = (size_t)node->shape.c,
           each = node->op == SMT_OP_DEPTHWISE ? 1 : weight->count / channels;
    tensor *t = &s->tensors[s->count];
    if (!add_tensor(
            s, i, made->param[SMT_WEIGHT], weight->data, weight->count, each, channels, 1) ||
        !add_tensor(s, i, made->param[SMT_BIAS], bias->data, channels, 1, channels, 1) ||
        !add_tensor(s, i, -1, q->steps[i], channels, 1, channels, 1)) {
        return false;
    }
    float scale = 32 * q->ranges[node->input[0]].scale;
    for (int c = 0; c < node->shape.c; c++) {
        channel_view view = quant_channel(q->real, node, c);
        t[0].unit[c] = size_of(weight->data, view);
        t[1].unit[c] = t[0].unit[c] * scale * sqrtf((float)view.count);
        t[2].unit[c] = q->steps[i][c];
    }
    for (int k = 0; k < 3; k++) {
        start_tensor(&t[k]);
    }
    return true;
}

static bool add_tensors(student *s, double scale_rate)
{
    smt_quantizer *q = s->q;
    for (int i = 0; i < q->real->node_count; i++) {
        if (smt_op_is_layer(q->real->nodes[i].op) && !q->keep[i] && !add_layer(s, i)) {
            return false;
        }
        int range = q->simulated->nodes[q->value[i]].param[SMT_RANGE];
        smt_param *param = &q->simulated->params[range];
        if (param->trainable) {
            tensor *t = &s->tensors[s->count];
            if (!add_tensor(s, i, range, param->data, 2, 1, 2, (float)scale_rate)) {
                return false;
            }
            t->unit[0] = t->unit[1] = param->data[1] - param->data[0];
            start_tensor(t);
        }
    }
    return true;
}

static smt_status
student_create(student *s, smt_quantizer *q, const smt_qat_options *options, smt_error *error)
{
    const smt_exec_options training = {.max_batch = options->batch, .training = true};
    const smt_exec_options inference = {.max_batch = options->batch};
    size_t most = 4 * (size_t)q->real->node_count;
    size_t classes = smt_shape_count(q->real->nodes[q->real->node_count - 1].shape);
    s->q = q;
    smt_status status = smt_exec_create(q->simulated, q->pool, &training, &s->exec, error);
    status =
        status ? status : smt_exec_create(q->reference, q->pool, &inference, &s->teacher, error);
    s->tensors = smt_alloc(most, sizeof *s->tensors);
    s->slots = smt_alloc(most, sizeof *s->slots);
    s->logits = smt_alloc((size_t)options->batch * classes, sizeof *s->logits);
    s->difference = smt_alloc((size_t)options->batch * classes, sizeof *s->difference);
    size_t *counts = smt_alloc(most, sizeof *counts);
    if (!status && (!s->tensors || !s->slots || !s->logits || !s->difference || !counts ||
                    !add_tensors(s, options->scale_rate))) {
        status = smt_fail(error, SMT_ERR_MEMORY, "out of memory for training");
    }
    if (status == SMT_OK) {
        for (int i = 0; i < s->count; i++) {
            counts[i] = s->slots[i].count;
        }
        smt_optimizer_options adam = smt_optimizer_defaults();
        adam.kind = SMT_OPTIMIZER_ADAM;
        adam.weight_decay = 0;
        status = smt_optimizer_create(&adam, counts, s->count, &s->optimizer, error);
    }
    smt_free(counts);
    return status;
}

static void student_destroy(student *s)
{
    smt_optimizer_destroy(&s->optimizer);
    smt_exec_destroy(&s->exec);
    smt_exec_destroy(&s->teacher);
    for (int i = 0; s->best && i < s->count; i++) {
        smt_free(s->best[i]);
    }
    smt_free(s->best);
    smt_free(s->best_ranges);
    smt_free(s->held);
    for (int i = 0; s->tensors && i < s->count; i++) {
        smt_free(s->tensors[i].weight);
        smt_free(s->tensors[i].gradient);
        smt_free(s->tensors[i].unit);
    }
    smt_free(s->tensors);
    smt_free(s->slots);
    smt_free(s->logits);
    smt_free(s->difference);
}

/* As in LSQ: the gradient of a step is that of its weights times the rounding residue, or times the
 * grid's end where a weight is cut. */
static void step_gradient(const student *s, tensor *t)
{
    const smt_quantizer *q = s->q;
    const smt_node *node = &q->real->nodes[t->node], *made = &q->simulated->nodes[q->made[t->node]];
    const float *pull = smt_exec_gradient(s->exec, made->param[SMT_WEIGHT]);
    const float *weight = q->real->params[node->param[SMT_WEIGHT]].data;
    const float *rounded = q->simulated->params[made->param[SMT_WEIGHT]].data;
    for (int c = 0; c < node->shape.c; c++) {
        channel_view view = quant_channel(q->real, node, c);
        double sum = 0;
        float limit = 127.5f * t->target[c];
        for (size_t k = 0; k < view.count; k++) {
            size_t at = view.first + k * view.step;
            float w = weight[at], residue = fabsf(w) > limit ? rounded[at] : rounded[at] - w;
            sum += (double)pull[at] * (double)residue;
        }
        t->gradient[c] = (float)(sum / (double)t->target[c]);
    }
}

static void pull_tensor(void *context, int i, int worker)
{
    (void)worker;
    const student *s = context;
    tensor *t = &s->tensors[i];
    if (t->param < 0) {
        step_gradient(s, t);
    } else {
        memcpy(t->gradient, smt_exec_gradient(s->exec, t->param), t->count * sizeof(float));
    }
    for (size_t k = 0; k < t->count; k++) {
        t->gradient[k] *= unit_of(t, k);
    }
}

static void push_tensor(void *context, int i, int worker)
{
    (void)worker;
    const student *s = context;
    const tensor *t = &s->tensors[i];
    for (size_t k = 0; k < t->count; k++) {
        t->target[k] = unit_of(t, k) * t->weight[k];
        if (t->param < 0) {
            t->target[k] = fmaxf(t->target[k], 0.1f * unit_of(t, k));
        }
    }
}

/* The float network's logits into s->logits, the student's
 * returned; NULL: no memory, *error is filled. */
static const float *answer(student *s, const float *input, int images, smt_error *error)
{
    const smt_step options = {.freeze_batch_norm = true, .no_dropout = true};
    size_t classes = (size_t)s->q->real->nodes[s->q->real->node_count - 1].shape.c;
    const float *teacher = smt_exec_infer(s->teacher, input, images);
    memcpy(s->logits, teacher, (size_t)images * classes * sizeof *s->logits);
    const float *logits = smt_exec_forward(s->exec, input, images, &options);
    if (!logits) {
        smt_fail(error, SMT_ERR_MEMORY, "out of memory for a training step");
    }
    return logits;
}

/* One step on a batch; adds to the sums. */
static smt_status step(student *s,
                       const float *input,
                       int images,
                       double rate,
                       double *loss,
                       double *agree,
                       smt_error *error)
{
    int classes = s->q->real->nodes[s->q->real->node_count - 1].shape.c;
    size_t count = (size_t)images * (size_t)classes;
    const float *logits = answer(s, input, images, error);
    if (!logits) {
        return SMT_ERR_MEMORY;
    }
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        float d = logits[i] - s->logits[i];
        sum += (double)d * (double)d;
        s->difference[i] = 2 * d / (float)count;
    }
    *loss += sum / classes;
    for (int n = 0; n < images; n++) {
        *agree += smt_argmax(logits + n * classes, classes) ==
                  smt_argmax(s->logits + n * classes, classes);
    }
    smt_exec_backward(s->exec, s->difference);
    smt_pool_run(s->q->pool, s->count, pull_tensor, s);
    smt_optimizer_step(s->optimizer, s->q->pool, s->slots, rate, -1);
    smt_pool_run(s->q->pool, s->count, push_tensor, s);
    quant_refresh(s->q);
    return SMT_OK;
}

/* Mean squared difference of the logits on the held images, as inference sees them. */
static smt_status held_error(student *s, int batch, double *mean, smt_error *error)
{
    int classes = s->q->real->nodes[s->q->real->node_count - 1].shape.c;
    size_t image = smt_shape_count(s->q->real->nodes[0].shape);
    double sum = 0;
    for (int at = 0; at < s->held_count; at += batch) {
        int images = s->held_count - at < batch ? s->held_count - at : batch;
        size_t count = (size_t)images * (size_t)classes;
        const float *input = s->held + (size_t)at * image;
        const float *logits = answer(s, input, images, error);
        if (!logits) {
            return SMT_ERR_MEMORY;
        }
        for (size_t i = 0; i < count; i++) {
            double d = (double)logits[i] - (double)s->logits[i];
            sum += d * d;
        }
    }
    *mean = sum / classes / s->held_count;
    return SMT_OK;
}

/* Keeps the weights if they are the best so far. */
static smt_status keep_best(student *s, int batch, double *now, smt_error *error)
{
    smt_status status = held_error(s, batch, now, error);
    if (!status && *now < s->best_error) {
        s->best_error = *now;
        for (int i = 0; i < s->count; i++) {
            memcpy(s->best[i], s->tensors[i].weight, s->tensors[i].count * sizeof(float));
        }
        size_t nodes = (size_t)s->q->real->node_count;
        memcpy(s->best_ranges, s->q->ranges, nodes * sizeof *s->best_ranges);
    }
    return status;
}

static void restore_best(student *s)
{
    for (int i = 0; i < s->count; i++) {
        memcpy(s->tensors[i].weight, s->best[i], s->tensors[i].count * sizeof(float));
    }
    size_t nodes = (size_t)s->q->real->node_count;
    memcpy(s->q->ranges, s->best_ranges, nodes * sizeof *s->best_ranges);
    smt_pool_run(s->q->pool, s->count, push_tensor, s);
    quant_refresh(s->q);
}

/* Every sixth image is held back; of fewer than 24 none is, and the last epoch stays. */
static smt_status hold_back(student *s,
                            const smt_pixels *pixels,
                            const smt_preprocess *preprocess,
                            int *labels,
                            smt_error *error)
{
    if (pixels->count < 4 * HOLD) {
        return SMT_OK;
    }
    size_t area = (size_t)pixels->size * (size_t)pixels->size;
    smt_pixels some = {.size = pixels->size, .count = pixels->count / HOLD};
    some.data = smt_alloc(some.count, area);
    s->best = smt_alloc((size_t)s->count, sizeof *s->best);
    s->best_ranges = smt_alloc((size_t)s->q->real->node_count, sizeof *s->best_ranges);
    bool enough = some.data && s->best && s->best_ranges;
    for (int i = 0; enough && i < s->count; i++) {
        s->best[i] = smt_alloc(s->tensors[i].count, sizeof(float));
        enough = s->best[i] != NULL;
    }
    for (size_t n = 0; enough && n < some.count; n++) {
        size_t image = n * HOLD + HOLD - 1;
        labels[image] = -1; /* the loader leaves it out */
        memcpy(some.data + n * area, pixels->data + image * area, area);
    }
    if (enough) {
        s->held = smt_quantizer_input(&some, preprocess, s->q->real->nodes[0].shape.c);
        s->held_count = (int)some.count;
    }
    smt_free(some.data);
    if (!s->held) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for the images that are held back");
    }
    return SMT_OK;
}

smt_status smt_quantizer_train(smt_quantizer *q,
                               const smt_pixels *pixels,
                               const smt_preprocess *preprocess,
                               const smt_qat_options *options,
                               smt_qat_report report,
                               void *context,
                               smt_error *error)
{
    student s = {0};
    smt_loader *loader = NULL;
    smt_shape shape = q->real->nodes[0].shape;
    size_t image = smt_shape_count(shape);
    float *input = smt_alloc((size_t)options->batch * image, sizeof *input);
    float *target = smt_alloc((size_t)options->batch, sizeof *target);
    int *labels = smt_alloc(pixels->count, sizeof *labels); /* one class: labels are not used */
    smt_loader_options loading = smt_loader_defaults(1);
    loading.batch = options->batch;
    loading.channels = shape.c;
    loading.seed = options->seed;
    loading.mean = preprocess->mean;
    loading.scale = preprocess->scale;
    smt_loader_set set = {.pixels = pixels, .labels = labels};
    smt_status status = input && target && labels
                            ? SMT_OK
                            : smt_fail(error, SMT_ERR_MEMORY, "out of memory for training");
    if (status == SMT_OK && pixels->size != shape.h) {
        status = smt_fail(error,
                          SMT_ERR_ARGUMENT,
                          "images of %d pixels for a network of %d",
                          pixels->size,
                          shape.h);
    }
    status = status ? status : student_create(&s, q, options, error);
    status = status ? status : hold_back(&s, pixels, preprocess, labels, error);
    status = status ? status : smt_loader_create(&set, NULL, &loading, q->pool, &loader, error);
    double held = (double)NAN;
    s.best_error = (double)INFINITY;
    if (!status && s.held) { /* calibration alone is the one to beat */
        status = keep_best(&s, options->batch, &held, error);
        if (!status && report) {
            report(context, 0, (double)NAN, (double)NAN, held);
        }
    }
    size_t batches = status ? 0 : smt_loader_batches(loader),
           total = batches * (size_t)options->epochs, done = 0;
    for (int epoch = 0; epoch < options->epochs && status == SMT_OK; epoch++) {
        double loss = 0, agree = 0, seen = 0;
        int images;
        smt_loader_start(loader, (uint64_t)epoch);
        while (status == SMT_OK && (images = smt_loader_next(loader, input, target, NULL)) > 0) {
            double rate =
                options->rate * 0.5 * (1 + cos(3.14159265358979 * (double)done / (double)total));
            status = smt_check_interrupted(error);
            status = status ? status : step(&s, input, images, rate, &loss, &agree, error);
            seen += images;
            smt_progress("quantisation-aware training", ++done, total);
        }
        if (s.held && status == SMT_OK) {
            status = keep_best(&s, options->batch, &held, error);
        }
        if (report && status == SMT_OK && seen > 0) {
            report(context, epoch + 1, loss / seen, agree / seen, held);
        }
    }
    if (s.held && isfinite(s.best_error)) {
        restore_best(&s);
    }
    student_destroy(&s);
    smt_loader_destroy(&loader);
    smt_free(labels);
    smt_free(target);
    smt_free(input);
    return status;
}
