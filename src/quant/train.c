/* Quantisation-aware training by distillation.
 *
 * The student is the simulated int8 network, whose forward pass follows the integer arithmetic that
 * ships; the teacher is the float network. The loss is the mean squared difference of their logits
 * on augmented images, so no labels are needed and images of any source serve. Gradients pass the
 * roundings straight through to the float weights and biases (which keep all their bits; the grids
 * are renewed after each step) and, as in LSQ, to the scales of the values. */
#include "quant/quantizer.h"

#include <semtinel/loader.h>
#include <semtinel/optimizer.h>

#include <math.h>
#include <string.h>

smt_qat_options smt_qat_defaults(void)
{
    return (smt_qat_options){.epochs = 20, .batch = 32, .rate = 2e-3, .scale_rate = 1, .seed = 1};
}

typedef struct student {
    smt_quantizer *q;
    smt_exec *exec, *teacher;
    smt_optimizer *optimizer;
    smt_slot *slots;
    int slot_count;
    int *slot_param; /* [slot] param of `simulated` whose gradient drives the slot */
    float *logits, *difference;
} student;

/* Root mean square, the unit of a layer's learning rate: batch norm folded into them leaves weights
 * of very different size, and Adam's steps know no size. */
static float size_of(const smt_param *param)
{
    double sum = 0;
    for (size_t i = 0; i < param->count; i++) {
        sum += (double)param->data[i] * (double)param->data[i];
    }
    return (float)fmax(sqrt(sum / (double)param->count), 1e-4);
}

/* Weights and biases of the real graph, then the scales of values, which live in the simulated one.
 */
static void list_slots(student *s, double scale_rate)
{
    smt_quantizer *q = s->q;
    for (int i = 0; i < q->real->node_count; i++) {
        const smt_node *node = &q->real->nodes[i];
        for (int p = SMT_WEIGHT; quant_has_weight(node) && p <= SMT_BIAS; p++) {
            const smt_param *real = &q->real->params[node->param[p]];
            s->slots[s->slot_count] =
                (smt_slot){.weight = real->data, .count = real->count, .rate = size_of(real)};
            s->slot_param[s->slot_count++] = q->simulated->nodes[q->made[i]].param[p];
        }
        const smt_node *value = &q->simulated->nodes[q->value[i]];
        smt_param *scale = &q->simulated->params[value->param[SMT_SCALE]];
        if (scale->trainable) {
            s->slots[s->slot_count] =
                (smt_slot){.weight = scale->data,
                           .count = 1,
                           .rate = (float)(scale_rate * (double)scale->data[0])};
            s->slot_param[s->slot_count++] = value->param[SMT_SCALE];
        }
    }
}

static smt_status
student_create(student *s, smt_quantizer *q, const smt_qat_options *options, smt_error *error)
{
    const smt_exec_options training = {.max_batch = options->batch, .training = true};
    const smt_exec_options inference = {.max_batch = options->batch};
    size_t most = 2 * (size_t)q->real->param_count + (size_t)q->real->node_count;
    size_t classes = smt_shape_count(q->real->nodes[q->real->node_count - 1].shape);
    s->q = q;
    smt_status status = smt_exec_create(q->simulated, q->pool, &training, &s->exec, error);
    status =
        status ? status : smt_exec_create(q->reference, q->pool, &inference, &s->teacher, error);
    s->slots = smt_alloc(most, sizeof *s->slots);
    s->slot_param = smt_alloc(most, sizeof *s->slot_param);
    s->logits = smt_alloc((size_t)options->batch * classes, sizeof *s->logits);
    s->difference = smt_alloc((size_t)options->batch * classes, sizeof *s->difference);
    size_t *counts = smt_alloc(most, sizeof *counts);
    if (!status && (!s->slots || !s->slot_param || !s->logits || !s->difference || !counts)) {
        status = smt_fail(error, SMT_ERR_MEMORY, "out of memory for training");
    }
    if (status == SMT_OK) {
        list_slots(s, options->scale_rate);
        for (int i = 0; i < s->slot_count; i++) {
            counts[i] = s->slots[i].count;
        }
        smt_optimizer_options adam = smt_optimizer_defaults();
        adam.kind = SMT_OPTIMIZER_ADAM;
        adam.weight_decay = 0;
        status = smt_optimizer_create(&adam, counts, s->slot_count, &s->optimizer, error);
    }
    smt_free(counts);
    return status;
}

static void student_destroy(student *s)
{
    smt_optimizer_destroy(&s->optimizer);
    smt_exec_destroy(&s->exec);
    smt_exec_destroy(&s->teacher);
    smt_free(s->slots);
    smt_free(s->slot_param);
    smt_free(s->logits);
    smt_free(s->difference);
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
    const float *teacher = smt_exec_infer(s->teacher, input, images);
    memcpy(s->logits, teacher, count * sizeof *s->logits);
    const smt_step options = {.freeze_batch_norm = true, .no_dropout = true};
    const float *logits = smt_exec_forward(s->exec, input, images, &options);
    if (!logits) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for a training step");
    }
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        float d = logits[i] - s->logits[i];
        sum += (double)d * (double)d;
        s->difference[i] = 2 * d / (float)count;
    }
    *loss += sum / classes;
    for (int n = 0; n < images; n++) {
        *agree += quant_largest(logits + n * classes, classes) ==
                  quant_largest(s->logits + n * classes, classes);
    }
    smt_exec_backward(s->exec, s->difference);
    for (int i = 0; i < s->slot_count; i++) {
        s->slots[i].gradient = smt_exec_gradient(s->exec, s->slot_param[i]);
    }
    smt_optimizer_step(s->optimizer, s->q->pool, s->slots, rate, -1);
    quant_refresh(s->q);
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
    loading.smoothing = 0;
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
    status = status ? status : smt_loader_create(&set, NULL, &loading, q->pool, &loader, error);
    status = status ? status : student_create(&s, q, options, error);
    size_t batches = status ? 0 : smt_loader_batches(loader),
           total = batches * (size_t)options->epochs, done = 0;
    for (int epoch = 0; epoch < options->epochs && status == SMT_OK; epoch++) {
        double loss = 0, agree = 0, seen = 0;
        int images;
        smt_loader_start(loader, (uint64_t)epoch);
        while (status == SMT_OK && (images = smt_loader_next(loader, input, target, NULL)) > 0) {
            if (smt_interrupted()) {
                status = smt_fail(error, SMT_ERR_INTERRUPTED, "interrupted");
                break;
            }
            double rate =
                options->rate * 0.5 * (1 + cos(3.14159265358979 * (double)done / (double)total));
            status = step(&s, input, images, rate, &loss, &agree, error);
            seen += images;
            smt_progress("quantisation-aware training", ++done, total);
        }
        if (report && status == SMT_OK && seen > 0) {
            report(context, epoch + 1, loss / seen, agree / seen);
        }
    }
    student_destroy(&s);
    smt_loader_destroy(&loader);
    smt_free(labels);
    smt_free(target);
    smt_free(input);
    return status;
}
