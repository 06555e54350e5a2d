/* The backbone of an imported network into one of ours, with batch norm put back.
 *
 * An exported network is folded: y = w' x + b', batch norm inside w' and b'. Training such weights
 * without batch norm fails, and with batch norm at its start values the function is lost. So each
 * of our convolutions takes w', and the batch norm after it gets the statistics m, v of w' x over
 * training images, gamma = sqrt(v + epsilon) and beta = b' + m: gamma (w' x - m) / sqrt(v +
 * epsilon) + beta = w' x + b', the same function, now trainable.
 *
 * The source may scale its input inside (an affine node): x' = A x + B for
 * our input x goes into the first convolution, A into its weights and B times
 * their sum into its bias. Exact but for the border, where padding adds zeros
 * of x' there and of x here; B is 1/255 for networks that take -1..1. */
#include "format/transfer.h"

#include <semtinel/ops.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define STAT_BATCH 16
#define COMPARED_IMAGES 16
#define VARIANCE_FLOOR 1e-6 /* dead channels */

/* The next linear node after `i`, or -1. */
static int next_linear(const smt_graph *g, int i)
{
    for (i++; i < g->node_count; i++) {
        if (smt_op_is_layer(g->nodes[i].op)) {
            return i;
        }
    }
    return -1;
}

/* The batch norm that reads node `conv`, or -1. */
static int norm_of(const smt_graph *g, int conv)
{
    int next = conv + 1;
    bool found = next < g->node_count && g->nodes[next].op == SMT_OP_BATCH_NORM &&
                 g->nodes[next].input[0] == conv;
    return found ? next : -1;
}

/* How the source's first convolution sees our input x: A[c] x + B[c]. */
static smt_status input_scaling(const smt_model *dst,
                                const smt_model *src,
                                const smt_graph *g,
                                double A[3],
                                double B[3],
                                smt_error *error)
{
    double scale = (double)dst->preprocess.scale / (double)src->preprocess.scale;
    double offset = ((double)dst->preprocess.mean - (double)src->preprocess.mean) /
                    (double)src->preprocess.scale;
    int channels = g->nodes[0].shape.c;
    if ((channels != 1 && channels != 3) || channels < dst->arch.channels) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "the source takes %d %s, the network to train %d",
                        channels,
                        smt_plural((size_t)channels, "channel", "channels"),
                        dst->arch.channels);
    }
    for (int c = 0; c < channels; c++) {
        A[c] = scale;
        B[c] = offset;
    }
    int end = 0;
    for (int i = 1;
         i < g->node_count && g->nodes[i].op == SMT_OP_AFFINE && g->nodes[i].input[0] == end;
         i++) {
        const smt_node *n = &g->nodes[i];
        if (n->activation != SMT_ACT_NONE) {
            return smt_fail(
                error, SMT_ERR_UNSUPPORTED, "the source's input scaling has an activation");
        }
        for (int c = 0; c < channels; c++) {
            double s = (double)g->params[n->param[SMT_SCALE]].data[c];
            A[c] *= s;
            B[c] = B[c] * s + (double)g->params[n->param[SMT_OFFSET]].data[c];
        }
        end = i;
    }
    return SMT_OK;
}

/* Whether our layer d (of the folded dst) can take source layer s. */
static bool fits(const smt_graph *dst, int d, const smt_graph *src, int s, bool first)
{
    const smt_node *a = &dst->nodes[d], *b = &src->nodes[s];
    smt_shape in_a = dst->nodes[a->input[0]].shape, in_b = src->nodes[b->input[0]].shape;
    bool dense = a->op == SMT_OP_DENSE && b->op == SMT_OP_CONV && b->kernel_h == 1 &&
                 b->kernel_w == 1 && in_b.h == 1 && in_b.w == 1;
    if (a->op != b->op && !dense) {
        return false;
    }
    bool geometry =
        a->op == SMT_OP_DENSE ||
        (a->kernel_h == b->kernel_h && a->kernel_w == b->kernel_w && a->stride == b->stride &&
         a->pad_top == b->pad_top && a->pad_left == b->pad_left && a->pad_bottom == b->pad_bottom &&
         a->pad_right == b->pad_right);
    return geometry && a->shape.c == b->shape.c && (first || in_a.c == in_b.c) &&
           a->activation == b->activation;
}

static void describe(const smt_graph *g, int i, char *text, size_t size)
{
    const smt_node *n = &g->nodes[i];
    snprintf(text,
             size,
             "%s %d x %d/%d, %d -> %d channels, pads %d %d, %s",
             smt_op_name(n->op),
             n->op == SMT_OP_DENSE ? 1 : n->kernel_h,
             n->op == SMT_OP_DENSE ? 1 : n->kernel_w,
             n->op == SMT_OP_DENSE ? 1 : n->stride,
             g->nodes[n->input[0]].shape.c,
             n->shape.c,
             n->pad_top,
             n->pad_bottom,
             smt_activation_name(n->activation));
}

/* One layer's weights and bias into dst's conv (and the
 * batch norm after it, as the identity with that bias). */
static void take_layer(smt_graph *dst, int d, const smt_graph *src, int s)
{
    const smt_node *a = &dst->nodes[d], *b = &src->nodes[s];
    smt_param *weight = &dst->params[a->param[SMT_WEIGHT]];
    memcpy(weight->data, src->params[b->param[SMT_WEIGHT]].data, weight->count * sizeof(float));
    int norm = norm_of(dst, d);
    int target = norm >= 0 ? dst->nodes[norm].param[SMT_BETA] : a->param[SMT_BIAS];
    for (int c = 0; c < a->shape.c; c++) {
        float bias = b->param[SMT_BIAS] >= 0 ? src->params[b->param[SMT_BIAS]].data[c] : 0.0f;
        dst->params[target].data[c] = bias;
        if (norm >= 0) {
            dst->params[dst->nodes[norm].param[SMT_GAMMA]].data[c] = 1;
            dst->params[dst->nodes[norm].param[SMT_MEAN]].data[c] = 0;
            dst->params[dst->nodes[norm].param[SMT_VARIANCE]].data[c] =
                1 - dst->nodes[norm].epsilon;
        }
    }
}

/* The first convolution: scaling and summing of channels. */
static void
take_first(smt_graph *dst, int d, const smt_graph *src, int s, const double A[3], const double B[3])
{
    const smt_node *a = &dst->nodes[d], *b = &src->nodes[s];
    float *to = dst->params[a->param[SMT_WEIGHT]].data;
    const float *from = src->params[b->param[SMT_WEIGHT]].data;
    int norm = norm_of(dst, d);
    int in = src->nodes[b->input[0]].shape.c, out = dst->nodes[a->input[0]].shape.c;
    size_t taps = (size_t)a->kernel_h * (size_t)a->kernel_w;
    for (int f = 0; f < a->shape.c; f++) {
        double bias = b->param[SMT_BIAS] >= 0 ? (double)src->params[b->param[SMT_BIAS]].data[f] : 0;
        for (size_t k = 0; k < taps; k++) {
            const float *w = from + ((size_t)f * taps + k) * (size_t)in;
            float *v = to + ((size_t)f * taps + k) * (size_t)out;
            double sum = 0;
            for (int c = 0; c < in; c++) {
                double scaled = (double)w[c] * A[c];
                bias += (double)w[c] * B[c];
                sum += scaled;
                if (out == in) {
                    v[c] = (float)scaled;
                }
            }
            if (out == 1) {
                v[0] = (float)sum;
            }
        }
        dst->params[dst->nodes[norm].param[SMT_BETA]].data[f] = (float)bias;
    }
}

/* Adds a batch norm's input, n images, to the sums of each channel and of its squares. */
static void add_sums(const smt_node *node, const float *x, int n, double *sum)
{
    size_t channels = (size_t)node->shape.c;
    size_t rows = (size_t)n * smt_shape_count(node->shape) / channels;
    double *square = sum + channels;
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < channels; c++) {
            double value = (double)x[r * channels + c];
            sum[c] += value;
            square[c] += value * value;
        }
    }
}

/* The norm with the statistics of `count` images that leaves the function as it is. */
static void set_norm(smt_graph *g, const smt_node *node, const double *sum, int count)
{
    double n = (double)count * node->shape.h * node->shape.w;
    for (int c = 0; c < node->shape.c; c++) {
        double mean = sum[c] / n;
        double variance = sum[node->shape.c + c] / n - mean * mean;
        float kept = (float)fmax(variance, VARIANCE_FLOOR);
        g->params[node->param[SMT_MEAN]].data[c] = (float)mean;
        g->params[node->param[SMT_VARIANCE]].data[c] = kept;
        g->params[node->param[SMT_GAMMA]].data[c] =
            (float)sqrt((double)kept + (double)node->epsilon);
        g->params[node->param[SMT_BETA]].data[c] += (float)mean;
    }
}

/* Mean and variance of every batch norm's input over the images; then the norm around them. */
static smt_status
restore_norms(smt_graph *g, const float *images, int count, smt_pool *pool, smt_error *error)
{
    smt_status status;
    smt_exec *exec = NULL;
    size_t *start = smt_alloc((size_t)g->node_count, sizeof *start), total = 0;
    double *sums = NULL;
    for (int i = 0; start && i < g->node_count; i++) {
        start[i] = total;
        total += g->nodes[i].op == SMT_OP_BATCH_NORM ? 2 * (size_t)g->nodes[i].shape.c : 0;
    }
    sums = smt_alloc(total, sizeof *sums);
    if (!start || !sums) {
        status = smt_fail(error, SMT_ERR_MEMORY, "unfolding: out of memory");
        goto done;
    }
    int batch = count < STAT_BATCH ? count : STAT_BATCH;
    status = smt_exec_create(
        g, pool, &(smt_exec_options){.max_batch = batch, .training = true}, &exec, error);
    if (status) {
        goto done;
    }
    size_t pixels = smt_shape_count(g->nodes[0].shape);
    for (int at = 0; at < count; at += batch) {
        int n = count - at < batch ? count - at : batch;
        if (smt_interrupted()) {
            status = smt_fail(error, SMT_ERR_INTERRUPTED, "interrupted");
            goto done;
        }
        smt_progress("reading statistics", (size_t)at, (size_t)count);
        if (!smt_exec_infer(exec, images + (size_t)at * pixels, n)) {
            status = smt_fail(error, SMT_ERR_MEMORY, "unfolding: out of memory");
            goto done;
        }
        for (int i = 0; i < g->node_count; i++) {
            const smt_node *node = &g->nodes[i];
            if (node->op != SMT_OP_BATCH_NORM) {
                continue;
            }
            const float *x = smt_exec_value(exec, node->input[0]);
            if (!x) {
                status = smt_fail(error, SMT_ERR_MEMORY, "unfolding: out of memory");
                goto done;
            }
            add_sums(node, x, n, sums + start[i]);
        }
    }
    smt_progress("reading statistics", (size_t)count, (size_t)count);
    for (int i = 0; i < g->node_count; i++) {
        if (g->nodes[i].op == SMT_OP_BATCH_NORM) {
            set_norm(g, &g->nodes[i], sums + start[i], count);
        }
    }
done:
    smt_exec_destroy(&exec);
    smt_free(start);
    smt_free(sums);
    return status;
}

/* Output of node `node` for the images, count x its elements; freed by the caller. */
static smt_status run_to(smt_graph *g,
                         int node,
                         const float *images,
                         int count,
                         smt_pool *pool,
                         float **out,
                         smt_error *error)
{
    smt_exec *exec = NULL;
    size_t each = smt_shape_count(g->nodes[node].shape);
    float *values = smt_alloc((size_t)count * each, sizeof *values);
    smt_status status =
        values ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "unfolding: out of memory");
    if (!status) {
        status = smt_exec_create(
            g, pool, &(smt_exec_options){.max_batch = count, .training = true}, &exec, error);
    }
    if (!status) {
        const float *result =
            smt_exec_infer(exec, images, count) ? smt_exec_value(exec, node) : NULL;
        if (result) {
            memcpy(values, result, (size_t)count * each * sizeof *values);
        } else {
            status = smt_fail(error, SMT_ERR_MEMORY, "unfolding: out of memory");
        }
    }
    smt_exec_destroy(&exec);
    if (status) {
        smt_free(values);
        return status;
    }
    *out = values;
    return SMT_OK;
}

/* Pooled features of the source and of ours on the same images, each with its own input scaling. */
static smt_status compare_functions(const smt_model *dst,
                                    smt_graph *ours,
                                    const smt_model *src,
                                    smt_graph *theirs,
                                    int pool_node,
                                    const float *images,
                                    int count,
                                    smt_pool *pool,
                                    double *difference,
                                    smt_error *error)
{
    float *a = NULL, *b = NULL;
    smt_shape shape = ours->nodes[0].shape;
    int channels = theirs->nodes[0].shape.c;
    int n = count < COMPARED_IMAGES ? count : COMPARED_IMAGES;
    size_t pixels = (size_t)n * (size_t)shape.h * (size_t)shape.w;
    float *input = smt_alloc(pixels * (size_t)channels, sizeof *input);
    if (!input) {
        return smt_fail(error, SMT_ERR_MEMORY, "unfolding: out of memory");
    }
    for (size_t i = 0; i < pixels; i++) {
        for (int c = 0; c < channels; c++) {
            float x = images[i * (size_t)shape.c + (size_t)(shape.c == channels ? c : 0)];
            double p = (double)x * (double)dst->preprocess.scale + (double)dst->preprocess.mean;
            input[i * (size_t)channels + (size_t)c] =
                (float)((p - (double)src->preprocess.mean) / (double)src->preprocess.scale);
        }
    }
    int ours_pool = smt_graph_find(ours, "pool");
    smt_status status = run_to(theirs, pool_node, input, n, pool, &a, error);
    if (!status) {
        status = run_to(ours, ours_pool, images, n, pool, &b, error);
    }
    if (!status) {
        size_t values = (size_t)n * smt_shape_count(ours->nodes[ours_pool].shape);
        double squares = 0, worst = 0;
        for (size_t i = 0; i < values; i++) {
            squares += (double)a[i] * (double)a[i];
            worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
        }
        *difference = worst / (sqrt(squares / (double)values) + 1e-30);
    }
    smt_free(input);
    smt_free(a);
    smt_free(b);
    return status;
}

typedef struct unfolding {
    smt_graph *mine;   /* clone of dst's graph that takes the weights */
    smt_graph *shaped; /* dst folded: the activations that a source must have */
    smt_graph *theirs; /* source folded, gates restored, at dst's size */
    smt_transfer_report report;
} unfolding;

static smt_status
note_layer(unfolding *u, int d, smt_transfer_kind kind, const char *detail, smt_error *error)
{
    int norm = norm_of(u->mine, d);
    smt_status status = smt_transfer_note(
        &u->report, u->mine->nodes[d].name, kind, smt_node_values(u->mine, d), detail, error);
    if (!status && norm >= 0) {
        bool taken = kind == SMT_TRANSFER_TAKEN || kind == SMT_TRANSFER_SUMMED;
        status = smt_transfer_note(&u->report,
                                   u->mine->nodes[norm].name,
                                   taken ? SMT_TRANSFER_TAKEN : kind,
                                   smt_node_values(u->mine, norm),
                                   "",
                                   error);
    }
    return status;
}

/* The width at which our network has the source's channels, or 0. */
static float fitting_width(const smt_model *dst, const smt_graph *theirs)
{
    static const float widths[] = {0.25f, 0.35f, 0.5f, 0.75f, 1.0f, 1.25f, 1.5f, 1.75f, 2.0f};
    float found = 0;
    for (size_t w = 0; w < sizeof widths / sizeof *widths && !(found > 0); w++) {
        smt_mobilenet_options arch = dst->arch;
        smt_graph *graph = NULL;
        arch.width = widths[w];
        if (smt_mobilenetv3_small(&arch, 0, &graph, NULL)) {
            continue;
        }
        int pool = smt_graph_find(graph, "pool"), s = -1;
        bool same = true;
        for (int d = next_linear(graph, -1); same && d < pool; d = next_linear(graph, d)) {
            s = next_linear(theirs, s);
            same = s >= 0 && theirs->nodes[s].shape.c == graph->nodes[d].shape.c;
        }
        found = same ? widths[w] : 0;
        smt_graph_destroy(&graph);
    }
    return found;
}

/* Our layer d cannot take source layer s (-1: there is none): says why, and the option that helps
 * if one does. */
static smt_status
refuse(const unfolding *u, const smt_model *dst, int d, int s, int layer, smt_error *error)
{
    char want[128], have[128] = "the network ends", hint[64] = "";
    describe(u->shaped, d, want, sizeof want);
    if (s >= 0) {
        describe(u->theirs, s, have, sizeof have);
    }
    const smt_node *a = &u->shaped->nodes[d], *b = s >= 0 ? &u->theirs->nodes[s] : a;
    float width = fitting_width(dst, u->theirs);
    if (width > 0 && (width < dst->arch.width || width > dst->arch.width)) {
        snprintf(hint, sizeof hint, "; add --width %g", (double)width);
    } else if (width > 0 && a->kernel_h == b->kernel_h &&
               (a->pad_top != b->pad_top || a->pad_bottom != b->pad_bottom)) {
        bool same = dst->arch.padding == SMT_PAD_SAME;
        snprintf(hint, sizeof hint, "; add --padding %s", same ? "symmetric" : "same");
    }
    return smt_fail(error,
                    SMT_ERR_UNSUPPORTED,
                    "the source is another network: layer %d, '%s', must be %s; there it is %s%s",
                    layer,
                    a->name,
                    want,
                    have,
                    hint);
}

/* *pool_node: theirs that pools what layer `backbone` and its activation compute. A source that
 * ends with the map itself gets one. */
static smt_status pooled_features(unfolding *u, int backbone, int *pool_node, smt_error *error)
{
    smt_graph *g = u->theirs;
    const smt_node *ours = &u->mine->nodes[smt_graph_find(u->mine, "pool")];
    int at = backbone + 1, last = g->node_count - 1;
    while (at <= last && g->nodes[at].op != SMT_OP_GLOBAL_POOL) {
        at++;
    }
    if (at > last && next_linear(g, backbone) < 0) {
        at = smt_graph_global_pool(g, "features of the source", last, error);
        if (at < 0) {
            return error->status;
        }
    }
    if (at >= g->node_count || g->nodes[at].shape.c != ours->shape.c) {
        return smt_fail(
            error, SMT_ERR_UNSUPPORTED, "the source does not end with a pooled map like ours");
    }
    *pool_node = at;
    return SMT_OK;
}

/* Walks both networks layer by layer. *pool_node is the
 * source's node whose value our "pool" must equal. */
static smt_status
match(unfolding *u, const smt_model *dst, const smt_model *src, int *pool_node, smt_error *error)
{
    double A[3], B[3];
    smt_status status = input_scaling(dst, src, u->theirs, A, B, error);
    int pool = smt_graph_find(u->mine, "pool");
    int s = -1, layer = 0, backbone = -1;
    for (int d = next_linear(u->mine, -1); !status && d >= 0; d = next_linear(u->mine, d)) {
        const char *name = u->mine->nodes[d].name;
        int folded = smt_graph_find(u->shaped, name);
        int next = next_linear(u->theirs, s);
        layer++;
        bool fit = next >= 0 && fits(u->shaped, folded, u->theirs, next, layer == 1);
        if (d < pool) {
            if (!fit) {
                return refuse(u, dst, folded, next, layer, error);
            }
            s = backbone = next;
            if (layer == 1) {
                take_layer(u->mine, d, u->theirs, s);
                take_first(u->mine, d, u->theirs, s, A, B);
                bool summed = u->theirs->nodes[0].shape.c > dst->arch.channels;
                status = note_layer(u,
                                    d,
                                    summed ? SMT_TRANSFER_SUMMED : SMT_TRANSFER_TAKEN,
                                    summed ? "3 input channels summed to 1, scaling converted"
                                           : "scaling converted",
                                    error);
            } else {
                take_layer(u->mine, d, u->theirs, s);
                status = note_layer(u, d, SMT_TRANSFER_TAKEN, "", error);
            }
            continue;
        }
        bool head = strcmp(name, "head") == 0;
        if (fit && (head || smt_same_classes(dst, src))) {
            s = next;
            take_layer(u->mine, d, u->theirs, s);
            status = note_layer(u, d, SMT_TRANSFER_TAKEN, "", error);
        } else if (head) {
            status = note_layer(u, d, SMT_TRANSFER_MISSING, "", error);
        } else {
            char detail[96];
            snprintf(detail, sizeof detail, "%d classes of its own", dst->class_count);
            status = note_layer(u, d, SMT_TRANSFER_MISSING, detail, error);
        }
    }
    for (s = next_linear(u->theirs, s); !status && s >= 0; s = next_linear(u->theirs, s)) {
        status = smt_transfer_note(&u->report,
                                   u->theirs->nodes[s].name,
                                   SMT_TRANSFER_UNUSED,
                                   smt_node_values(u->theirs, s),
                                   "not part of this network",
                                   error);
    }
    if (status) {
        return status;
    }
    return pooled_features(u, backbone, pool_node, error);
}

/* smt_model_init_from for an imported network. */
static smt_status unfold(smt_model *dst,
                         const smt_model *src,
                         const float *images,
                         int count,
                         smt_pool *pool,
                         smt_transfer_report *report,
                         smt_error *error)
{
    smt_error own = {0};
    error = error ? error : &own;
    unfolding u = {.report = {.difference = -1}};
    smt_graph *folded = NULL, *gated = NULL;
    smt_shape size = dst->graph->nodes[0].shape;
    int pool_node = -1;
    if (count < 1) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "batch norm is put back with statistics of at least one training image");
    }
    smt_status status = smt_graph_clone(dst->graph, &u.mine, error);
    if (status || (status = smt_graph_fold(dst->graph, &u.shaped, error)) ||
        (status = smt_graph_fold(src->graph, &folded, error)) ||
        (status = smt_graph_restore_gates(folded, &gated, error)) ||
        (status = smt_graph_with_size(gated, size.h, size.w, &u.theirs, error)) ||
        (status = match(&u, dst, src, &pool_node, error)) ||
        (status = restore_norms(u.mine, images, count, pool, error)) ||
        (status = compare_functions(dst,
                                    u.mine,
                                    src,
                                    u.theirs,
                                    pool_node,
                                    images,
                                    count,
                                    pool,
                                    &u.report.difference,
                                    error))) {
        goto done;
    }
    for (int i = 0; i < u.mine->node_count; i++) {
        u.report.total += smt_node_values(u.mine, i);
    }
    for (int i = 0; i < u.mine->param_count; i++) {
        memcpy(dst->graph->params[i].data,
               u.mine->params[i].data,
               u.mine->params[i].count * sizeof(float));
    }
    if (report) {
        *report = u.report;
        u.report.rows = NULL;
    }
done:
    smt_graph_destroy(&folded);
    smt_graph_destroy(&gated);
    smt_graph_destroy(&u.mine);
    smt_graph_destroy(&u.shaped);
    smt_graph_destroy(&u.theirs);
    smt_transfer_report_free(&u.report);
    return status;
}

smt_status smt_model_init_from(smt_model *dst,
                               const smt_model *src,
                               const float *images,
                               int count,
                               smt_pool *pool,
                               smt_transfer_report *report,
                               smt_error *error)
{
    if (src->members) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "is an ensemble; --init takes one of the networks that it was made of");
    }
    return src->arch.width > 0 ? smt_model_transfer(dst, src, report, error)
                               : unfold(dst, src, images, count, pool, report, error);
}
