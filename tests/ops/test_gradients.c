/* Every operator's backward against finite differences of its forward. The loss
 * is a random weighting of the outputs. Where the slopes to both sides differ,
 * the function has a kink (relu) and the element is passed over, but never more
 * than one in four. Each graph starts with a trainable 1 x 1 convolution, whose
 * weights see the gradient with respect to the operator's input. */
#include <semtinel/ops.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BATCH 6

typedef struct fixture {
    smt_graph *graph;
    smt_pool *pool;
    smt_exec *exec;
    float *input, *mix;
    float *statistics; /* of all batch norms, which forward changes */
    smt_step step;
} fixture;

static smt_error error;

static int need(int node)
{
    if (node < 0) {
        fail_msg("%s", error.message);
    }
    return node;
}

static smt_conv_spec
window(int filters, int kernel, int stride, bool bias, smt_activation activation)
{
    return (smt_conv_spec){.filters = filters,
                           .kernel_h = kernel,
                           .kernel_w = kernel,
                           .stride = stride,
                           .bias = bias,
                           .activation = activation};
}

/* Input of side x side x c and the first convolution, to `filters` channels. */
static int begin(fixture *f, int side, int c, int filters)
{
    *f = (fixture){.step = {.dropout_seed = 7}};
    assert_int_equal(smt_graph_create(&f->graph, &error), SMT_OK);
    int node = need(smt_graph_input(f->graph, "input", (smt_shape){side, side, c}, &error));
    smt_conv_spec spec = window(filters, 1, 1, false, SMT_ACT_NONE);
    return need(smt_graph_conv(f->graph, "first", node, &spec, &error));
}

static double loss(fixture *f)
{
    size_t at = 0;
    for (int i = 0; i < f->graph->param_count; i++) { /* forward must not see its own past */
        smt_param *p = &f->graph->params[i];
        if (!p->trainable) {
            memcpy(p->data, f->statistics + at, p->count * sizeof *p->data);
            at += p->count;
        }
    }
    const float *y = smt_exec_forward(f->exec, f->input, BATCH, &f->step);
    assert_non_null(y);
    double sum = 0.0;
    size_t count = BATCH * smt_shape_count(f->graph->nodes[f->graph->node_count - 1].shape);
    for (size_t i = 0; i < count; i++) {
        sum += (double)y[i] * (double)f->mix[i];
    }
    return sum;
}

/* The slope to one side: the line through the loss at *at that fits best four
 * steps on. One difference would show the rounding of the loss. */
static double slope(fixture *f, float *at, float step)
{
    float old = *at;
    double middle = loss(f), product = 0.0, square = 0.0;
    for (int k = 1; k <= 4; k++) {
        *at = old + (float)k * step;
        double distance = (double)*at - (double)old;
        product += distance * (loss(f) - middle);
        square += distance * distance;
    }
    *at = old;
    return product / square;
}

static void check_param(fixture *f, int index, int *passed_over, int *checked)
{
    smt_param *p = &f->graph->params[index];
    const float *gradient = smt_exec_gradient(f->exec, index);
    assert_non_null(gradient);
    float *ours = smt_alloc(p->count, sizeof *ours);
    loss(f);
    smt_exec_backward(f->exec, f->mix);
    memcpy(ours, gradient, p->count * sizeof *ours);
    double scale = 0.0; /* beside 1: rounding of the loss is most of a small difference */
    for (size_t i = 0; i < p->count; i++) {
        scale = fabs((double)ours[i]) > scale ? fabs((double)ours[i]) : scale;
    }
    size_t stride = p->count / 24 + 1; /* some elements of each */
    for (size_t i = 0; i < p->count; i += stride) {
        /* They differ where a kink lies between. */
        double right = slope(f, &p->data[i], 2.5e-4f), left = slope(f, &p->data[i], -2.5e-4f);
        ++*checked;
        double both = 0.5 * (right + left);
        if (fabs(right - left) > 1e-2 * (scale + 1.0)) {
            ++*passed_over;
        } else if (!(fabs(both - (double)ours[i]) < 1e-2 * (scale + 1.0))) {
            fail_msg("%s[%zu]: backward says %g, differences %g (scale %g)",
                     p->name,
                     i,
                     (double)ours[i],
                     both,
                     scale);
        }
    }
    smt_free(ours);
}

static void finish(fixture *f)
{
    smt_rng rng = smt_rng_seed(3, 0);
    size_t statistics = 0;
    for (int i = 0; i < f->graph->param_count; i++) {
        smt_param *p = &f->graph->params[i];
        const char *kind = strrchr(p->name, '.');
        for (size_t k = 0; k < p->count; k++) {
            float u = (float)smt_rng_uniform(&rng, -1.0, 1.0);
            bool positive =
                !strcmp(kind, ".gamma") || !strcmp(kind, ".variance") || !strcmp(kind, ".scale");
            p->data[k] = positive ? 1.0f + 0.5f * u : u;
        }
        statistics += p->trainable ? 0 : p->count;
    }
    const smt_node *last = &f->graph->nodes[f->graph->node_count - 1];
    size_t in = BATCH * smt_shape_count(f->graph->nodes[0].shape),
           out = BATCH * smt_shape_count(last->shape);
    f->input = smt_alloc(in, sizeof *f->input);
    f->mix = smt_alloc(out, sizeof *f->mix);
    f->statistics = smt_alloc(statistics + 1, sizeof *f->statistics);
    for (size_t i = 0; i < in; i++) {
        f->input[i] = (float)smt_rng_uniform(&rng, -1.0, 1.0);
    }
    for (size_t i = 0; i < out; i++) {
        f->mix[i] = (float)smt_rng_uniform(&rng, -1.0, 1.0);
    }
    size_t at = 0;
    for (int i = 0; i < f->graph->param_count; i++) {
        const smt_param *p = &f->graph->params[i];
        if (!p->trainable) {
            memcpy(f->statistics + at, p->data, p->count * sizeof *p->data);
            at += p->count;
        }
    }
    assert_int_equal(smt_pool_create(2, &f->pool, &error), SMT_OK);
    smt_exec_options options = {.max_batch = BATCH, .training = true};
    if (smt_exec_create(f->graph, f->pool, &options, &f->exec, &error)) {
        fail_msg("%s", error.message);
    }
    int passed_over = 0, checked = 0;
    for (int i = 0; i < f->graph->param_count; i++) {
        if (f->graph->params[i].trainable) {
            check_param(f, i, &passed_over, &checked);
        }
    }
    assert_true(checked > 0);
    if (passed_over * 4 > checked) {
        fail_msg("%d of %d elements passed over", passed_over, checked);
    }
    smt_exec_destroy(&f->exec);
    smt_pool_destroy(&f->pool);
    smt_graph_destroy(&f->graph);
    smt_free(f->input);
    smt_free(f->mix);
    smt_free(f->statistics);
}

static void test_conv(void **state)
{
    (void)state;
    static const int shapes[][3] = {{1, 1, 9}, {1, 2, 4}, {3, 2, 5}, {3, 1, 4}, {2, 3, 3}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        fixture f;
        int node = begin(&f, 6, 2, 3);
        smt_conv_spec spec =
            window(shapes[i][2], shapes[i][0], shapes[i][1], true, SMT_ACT_HARD_SWISH);
        need(smt_graph_conv(f.graph, "conv", node, &spec, &error));
        finish(&f);
    }
}

static void test_conv_explicit_padding(void **state)
{
    (void)state;
    fixture f;
    int node = begin(&f, 7, 1, 2);
    smt_conv_spec spec = window(3, 3, 2, false, SMT_ACT_NONE);
    spec.padding = SMT_PAD_EXPLICIT;
    for (int i = 0; i < 4; i++) {
        spec.pad[i] = 1;
    }
    node = need(smt_graph_conv(f.graph, "conv", node, &spec, &error));
    need(smt_graph_depthwise(f.graph, "depthwise", node, &spec, &error));
    finish(&f);
}

static void test_depthwise(void **state)
{
    (void)state;
    static const int shapes[][2] = {{3, 1}, {3, 2}, {5, 1}, {5, 2}, {1, 1}, {4, 3}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        fixture f;
        int node = begin(&f, 9, 2, 11); /* 11 channels: a vector and what is left over */
        smt_conv_spec spec = window(0, shapes[i][0], shapes[i][1], true, SMT_ACT_HARD_SWISH);
        need(smt_graph_depthwise(f.graph, "depthwise", node, &spec, &error));
        finish(&f);
    }
}

static void test_batch_norm(void **state)
{
    (void)state;
    for (int activation = SMT_ACT_NONE; activation <= SMT_ACT_HARD_SIGMOID; activation++) {
        for (int frozen = 0; frozen < 2; frozen++) {
            fixture f;
            int node = begin(&f, 4, 2, 5);
            need(smt_graph_batch_norm(
                f.graph, "bn", node, 1e-3f, 0.9f, (smt_activation)activation, &error));
            f.step.freeze_batch_norm = frozen;
            finish(&f);
        }
    }
}

static void test_activation(void **state)
{
    (void)state;
    for (int activation = SMT_ACT_RELU; activation <= SMT_ACT_HARD_SIGMOID; activation++) {
        fixture f;
        int node = begin(&f, 4, 2, 5);
        need(smt_graph_activation(f.graph, "act", node, (smt_activation)activation, &error));
        finish(&f);
    }
}

static void test_squeeze_excite(void **state)
{
    (void)state;
    fixture f;
    int node = begin(&f, 4, 2, 9);
    node = need(smt_graph_batch_norm(f.graph, "bn", node, 1e-3f, 0.9f, SMT_ACT_HARD_SWISH, &error));
    int gate = need(smt_graph_global_pool(f.graph, "pool.se", node, &error));
    smt_conv_spec spec = window(4, 1, 1, true, SMT_ACT_RELU);
    gate = need(smt_graph_conv(f.graph, "reduce", gate, &spec, &error));
    spec = window(9, 1, 1, true, SMT_ACT_HARD_SIGMOID);
    gate = need(smt_graph_conv(f.graph, "expand", gate, &spec, &error));
    node = need(smt_graph_multiply(f.graph, "scale", node, gate, &error));
    spec = window(3, 1, 1, false, SMT_ACT_NONE);
    node = need(smt_graph_conv(f.graph, "project", node, &spec, &error));
    need(smt_graph_batch_norm(f.graph, "project.bn", node, 1e-3f, 0.9f, SMT_ACT_NONE, &error));
    finish(&f);
}

/* A value with two users, one of them a window. */
static void test_conv_and_add(void **state)
{
    (void)state;
    fixture f;
    int node = begin(&f, 5, 2, 3);
    smt_conv_spec spec = window(3, 3, 1, false, SMT_ACT_NONE);
    int conv = need(smt_graph_conv(f.graph, "conv", node, &spec, &error));
    need(smt_graph_add(f.graph, "add", conv, node, SMT_ACT_NONE, &error));
    finish(&f);
}

/* A value with three users, an addition with an activation, and a product of equal shapes. */
static void test_add_and_multiply(void **state)
{
    (void)state;
    fixture f;
    int node = begin(&f, 3, 2, 4);
    smt_conv_spec spec = window(4, 1, 1, true, SMT_ACT_NONE);
    int a = need(smt_graph_conv(f.graph, "a", node, &spec, &error));
    int b = need(smt_graph_batch_norm(f.graph, "b", a, 1e-3f, 0.9f, SMT_ACT_RELU6, &error));
    int sum = need(smt_graph_add(f.graph, "sum", node, b, SMT_ACT_RELU6, &error));
    int product = need(smt_graph_multiply(f.graph, "product", sum, a, &error));
    need(smt_graph_add(f.graph, "twice", product, node, SMT_ACT_NONE, &error));
    finish(&f);
}

static void test_head(void **state)
{
    (void)state;
    fixture f;
    int node = begin(&f, 4, 2, 19);
    node = need(smt_graph_global_pool(f.graph, "pool", node, &error));
    node = need(smt_graph_dense(f.graph, "head", node, 21, true, SMT_ACT_HARD_SWISH, &error));
    node = need(smt_graph_dropout(f.graph, "dropout", node, 0.4f, &error));
    node = need(smt_graph_dense(f.graph, "classifier", node, 5, false, SMT_ACT_NONE, &error));
    need(smt_graph_softmax(f.graph, "softmax", node, &error));
    finish(&f);
}

static void test_affine(void **state)
{
    (void)state;
    fixture f;
    int node = begin(&f, 3, 2, 5);
    node = need(smt_graph_affine(f.graph, "affine", node, &error));
    need(smt_graph_dense(f.graph,
                         "dense",
                         need(smt_graph_global_pool(f.graph, "p", node, &error)),
                         3,
                         true,
                         SMT_ACT_NONE,
                         &error));
    finish(&f);
}

static void test_loss(void **state)
{
    (void)state;
    enum { CLASSES = 4, IMAGES = 3 };
    const float target[IMAGES * CLASSES] = {1, 0, 0, 0, 0, 0.3f, 0.7f, 0, 0, 0, 0, 1};
    const float weight[CLASSES] = {0.5f, 1.0f, 2.0f, 1.5f};
    float z[IMAGES * CLASSES] = {0.2f, -1, 3, 0.5f, 1, 1, -2, 0, 60, -60, 5, 0.1f},
                     g[IMAGES * CLASSES];
    for (int weighted = 0; weighted < 2; weighted++) {
        const float *w = weighted ? weight : NULL;
        smt_loss_cross_entropy(z, target, w, 0.1f, IMAGES, CLASSES, g);
        for (int i = 0; i < IMAGES * CLASSES; i++) {
            float old = z[i], high = old + 1e-2f, low = old - 1e-2f;
            z[i] = high;
            double a = smt_loss_cross_entropy(z, target, w, 0.1f, IMAGES, CLASSES, NULL);
            z[i] = low;
            double b = smt_loss_cross_entropy(z, target, w, 0.1f, IMAGES, CLASSES, NULL);
            z[i] = old;
            assert_true(fabs((a - b) / ((double)high - (double)low) - (double)g[i]) < 1e-4);
        }
    }
    /* Of equal logits, log 4 whatever the weights. */
    memset(z, 0, sizeof z);
    for (int weighted = 0; weighted < 2; weighted++) {
        double loss =
            smt_loss_cross_entropy(z, target, weighted ? weight : NULL, 0, IMAGES, CLASSES, NULL);
        assert_true(fabs(loss - log(CLASSES)) < 1e-6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_conv),
                                       cmocka_unit_test(test_conv_explicit_padding),
                                       cmocka_unit_test(test_depthwise),
                                       cmocka_unit_test(test_batch_norm),
                                       cmocka_unit_test(test_activation),
                                       cmocka_unit_test(test_squeeze_excite),
                                       cmocka_unit_test(test_conv_and_add),
                                       cmocka_unit_test(test_add_and_multiply),
                                       cmocka_unit_test(test_head),
                                       cmocka_unit_test(test_affine),
                                       cmocka_unit_test(test_loss)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
