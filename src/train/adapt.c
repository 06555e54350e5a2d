#include "train/statistics.h"

#include <semtinel/adapt.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_ADAPT = 0x61646170 };

smt_adapt_options smt_adapt_defaults(void)
{
    return (smt_adapt_options){.prior = 64, .most = 0.12, .batch = 64, .seed = 1};
}

static smt_status check(const smt_model *model,
                        const smt_pixels *pixels,
                        const smt_adapt_options *o,
                        smt_error *error)
{
    const smt_shape in = model->graph->nodes[0].shape;
    const char *wrong = !(o->prior >= 0 && o->prior <= 1e6) ? "prior is not in 0 .. 1e6"
                        : !(o->most >= 0 && o->most <= 1)   ? "the largest share is not in 0 .. 1"
                        : o->batch < 2 || o->batch > 1024   ? "the batch is not in 2 .. 1024"
                        : !pixels->count                    ? "no images"
                                                            : NULL;
    if (wrong) {
        return smt_fail(error, SMT_ERR_ARGUMENT, "adapt: %s", wrong);
    }
    if (pixels->size != in.h || pixels->size != in.w) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "adapt: images of %d pixels for a network of %d x %d",
                        pixels->size,
                        in.h,
                        in.w);
    }
    for (int i = 0; i < model->graph->node_count; i++) {
        if (model->graph->nodes[i].op == SMT_OP_BATCH_NORM) {
            return SMT_OK;
        }
    }
    return smt_fail(error,
                    SMT_ERR_UNSUPPORTED,
                    "no batch norm to adapt: it is folded into the weights; adapt the run or "
                    "checkpoint that the file was made from, then export it again");
}

/* ---- the images, in batches of nearly equal size --------------------------------------------- */

typedef struct feed {
    const smt_pixels *pixels;
    const uint32_t *order;
    size_t batches, next;
    float mean, scale;
    size_t channels;
} feed;

static int next_batch(void *context, float *input)
{
    feed *f = context;
    if (f->next == f->batches) {
        return 0;
    }
    size_t side = (size_t)f->pixels->size * (size_t)f->pixels->size;
    size_t first = f->pixels->count * f->next / f->batches;
    size_t end = f->pixels->count * (f->next + 1) / f->batches;
    for (size_t i = first; i < end; i++) {
        const uint8_t *image = f->pixels->data + f->order[i] * side;
        for (size_t k = 0; k < side; k++) {
            float value = ((float)image[k] - f->mean) / f->scale;
            for (size_t c = 0; c < f->channels; c++) {
                *input++ = value;
            }
        }
    }
    f->next++;
    smt_progress("adapting", end, f->pixels->count);
    return (int)(end - first);
}

/* ---- how many classes the images show -------------------------------------------------------- */

static smt_status measure_variety(const smt_model *model,
                                  feed *f,
                                  int batch,
                                  float *input,
                                  smt_pool *pool,
                                  double *out,
                                  smt_error *error)
{
    const smt_graph *graph = model->graph;
    size_t classes = smt_shape_count(graph->nodes[graph->node_count - 1].shape);
    size_t *seen = smt_alloc(classes, sizeof *seen), total = 0;
    smt_exec *exec = NULL;
    const smt_exec_options options = {.max_batch = batch};
    smt_status status = seen ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    status = status ? status : smt_exec_create(model->graph, pool, &options, &exec, error);
    for (int count = 0; !status && (count = next_batch(f, input)) > 0;) {
        const float *logits = smt_exec_infer(exec, input, count);
        status = logits ? smt_check_interrupted(error)
                        : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
        for (int i = 0; !status && i < count; i++) {
            seen[smt_argmax(logits + (size_t)i * classes, (int)classes)]++;
            total++;
        }
    }
    double entropy = 0;
    for (size_t c = 0; !status && c < classes; c++) {
        double part = (double)seen[c] / (double)total;
        entropy -= part > 0 ? part * log(part) : 0;
    }
    *out = exp(entropy) / (double)classes;
    smt_exec_destroy(&exec);
    smt_free(seen);
    return status;
}

/* ---- what changed ---------------------------------------------------------------------------- */

/* Mean and variance of every batch norm, one after another, to `flat` or from it. */
static size_t move_statistics(const smt_graph *graph, float *flat, bool restore)
{
    size_t at = 0;
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        for (int k = 0; k < 2 && node->op == SMT_OP_BATCH_NORM; k++) {
            const smt_param *p = &graph->params[node->param[k ? SMT_VARIANCE : SMT_MEAN]];
            if (flat) {
                memcpy(restore ? p->data : flat + at,
                       restore ? flat + at : p->data,
                       p->count * sizeof *flat);
            }
            at += p->count;
        }
    }
    return at;
}

/* `old` holds mean and variance of every batch norm. */
static void measure_shift(const smt_graph *graph, const float *old, smt_adaptation *a)
{
    double squares = 0;
    size_t count = 0;
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *node = &graph->nodes[i];
        if (node->op != SMT_OP_BATCH_NORM) {
            continue;
        }
        const smt_param *mean = &graph->params[node->param[SMT_MEAN]];
        for (size_t k = 0; k < mean->count; k++) {
            double deviation = sqrt((double)old[mean->count + k] + (double)node->epsilon);
            double shift = fabs((double)mean->data[k] - (double)old[k]) / deviation;
            squares += shift * shift;
            a->largest_shift = fmax(a->largest_shift, shift);
        }
        count += mean->count;
        old += 2 * mean->count;
    }
    a->mean_shift = sqrt(squares / (double)count);
}

/* The features of remembered images were another network's, so familiarity is no longer known, and
 * no longer asked for: it stands last in the target. */
static bool forget_familiarity(json_t *decision)
{
    static const char asked[] = "unfamiliar ";
    json_t *rejection = json_object_get(decision, "rejection");
    const char *target = json_string_value(json_object_get(rejection, "target")), *end = NULL;
    if (json_object_del(rejection, "least_familiarity")) {
        return false;
    }
    for (const char *at = target; at && (at = strstr(at, asked)); at++) {
        end = at;
    }
    if (end && end - target > 2) {
        json_object_set_new(rejection, "target", json_stringn(target, (size_t)(end - target) - 2));
    } else if (end) {
        json_object_del(decision, "rejection");
    }
    return true;
}

/* What was done goes into the provenance; temperature and thresholds stay. */
static char *describe(const char *provenance, const smt_adapt_options *o, smt_adaptation *a)
{
    json_t *root = json_loads(provenance ? provenance : "{}", 0, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        root = json_object();
    }
    a->forgot = forget_familiarity(json_object_get(root, "decision"));
    json_t *done = json_pack("{s:I,s:f,s:f,s:f,s:f,s:f}",
                             "images",
                             (json_int_t)a->images,
                             "prior",
                             o->prior,
                             "variety",
                             a->variety,
                             "share",
                             a->share,
                             "mean_shift",
                             a->mean_shift,
                             "largest_shift",
                             a->largest_shift);
    char *dumped = json_object_set_new(root, "adapted", done)
                       ? NULL
                       : json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9));
    char *text = dumped ? smt_strdup(dumped) : NULL;
    free(dumped);
    json_decref(root);
    return text;
}

smt_status smt_adapt(smt_model *model,
                     const smt_pixels *pixels,
                     const smt_adapt_options *o,
                     smt_pool *pool,
                     smt_adaptation *out,
                     smt_error *error)
{
    smt_status status = check(model, pixels, o, error);
    if (status) {
        return status;
    }
    const smt_shape in = model->graph->nodes[0].shape;
    size_t count = pixels->count, batch = (size_t)o->batch;
    uint32_t *order = smt_alloc(count, sizeof *order);
    float *input = smt_alloc(batch, smt_shape_count(in) * sizeof *input);
    float *old = smt_alloc(move_statistics(model->graph, NULL, false), sizeof *old);
    smt_adaptation a = {.images = count};
    if (!order || !input || !old) {
        status =
            smt_fail(error, SMT_ERR_MEMORY, "out of memory for batches of %d images", o->batch);
    }
    if (old) {
        move_statistics(model->graph, old, false);
    }
    for (size_t i = 0; order && i < count; i++) {
        order[i] = (uint32_t)i;
    }
    if (!status) {
        smt_rng rng = smt_rng_seed(o->seed, STREAM_ADAPT);
        smt_rng_shuffle(&rng, order, count);
        feed f = {.pixels = pixels,
                  .order = order,
                  .batches = (count + batch - 1) / batch,
                  .mean = model->preprocess.mean,
                  .scale = model->preprocess.scale,
                  .channels = (size_t)in.c};
        status = measure_variety(model, &f, o->batch, input, pool, &a.variety, error);
        f.next = 0;
        a.share = fmin(a.variety * (double)count / ((double)count + o->prior), o->most);
        const smt_norm_pass pass = {
            .batch = o->batch, .share = a.share, .input = input, .next = next_batch, .context = &f};
        status = status ? status : smt_measure_batch_norm(model->graph, pool, &pass, error);
    }
    if (!status) {
        measure_shift(model->graph, old, &a);
        char *text = describe(model->provenance, o, &a);
        status = text ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
        if (text) {
            smt_free(model->provenance);
            model->provenance = text;
            *out = a;
        } else {
            move_statistics(model->graph, old, true);
        }
    }
    smt_free(order);
    smt_free(input);
    smt_free(old);
    return status;
}
