/* What an exec promises beside its numbers: modes that must
 * agree, batches of any size, limits, failing allocations. */
#include <semtinel/ops.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 8, LARGE = 128, CLASSES = 3, BATCH = 11 };

static smt_error error;
static smt_pool *pool;

static int need(int node)
{
    if (node < 0) {
        fail_msg("%s", error.message);
    }
    return node;
}

/* Stem, a depthwise block with squeeze-excite and a
 * residual, "pool", dropout, dense: one of everything. */
static smt_graph *build_of(int side)
{
    smt_graph *g = NULL;
    assert_int_equal(smt_graph_create(&g, &error), SMT_OK);
    smt_conv_spec stem = {.filters = 8, .kernel_h = 3, .kernel_w = 3, .stride = 2};
    smt_conv_spec point = {.filters = 8, .kernel_h = 1, .kernel_w = 1, .stride = 1, .bias = true};
    smt_conv_spec deep = {.kernel_h = 5, .kernel_w = 5, .stride = 1};
    int node = need(smt_graph_input(g, "input", (smt_shape){side, side, 1}, &error));
    node = need(smt_graph_conv(g, "stem", node, &stem, &error));
    int entry =
        need(smt_graph_batch_norm(g, "stem.bn", node, 1e-3f, 0.9f, SMT_ACT_HARD_SWISH, &error));
    node = need(smt_graph_depthwise(g, "deep", entry, &deep, &error));
    int trunk = need(smt_graph_batch_norm(g, "deep.bn", node, 1e-3f, 0.9f, SMT_ACT_RELU, &error));
    int gate = need(smt_graph_global_pool(g, "se.pool", trunk, &error));
    point.activation = SMT_ACT_HARD_SIGMOID;
    gate = need(smt_graph_conv(g, "se", gate, &point, &error));
    node = need(smt_graph_multiply(g, "scale", trunk, gate, &error));
    point.activation = SMT_ACT_NONE;
    node = need(smt_graph_conv(g, "project", node, &point, &error));
    node = need(smt_graph_batch_norm(g, "project.bn", node, 1e-3f, 0.9f, SMT_ACT_NONE, &error));
    node = need(smt_graph_add(g, "add", entry, node, SMT_ACT_NONE, &error));
    node = need(smt_graph_global_pool(g, "pool", node, &error));
    node = need(smt_graph_dropout(g, "dropout", node, 0.5f, &error));
    need(smt_graph_dense(g, "classifier", node, CLASSES, true, SMT_ACT_NONE, &error));
    smt_rng rng = smt_rng_seed(5, 0);
    for (int i = 0; i < g->param_count; i++) {
        for (size_t k = 0; k < g->params[i].count; k++) {
            g->params[i].data[k] += 0.4f * (float)smt_rng_uniform(&rng, -1.0, 1.0);
        }
    }
    return g;
}

static smt_graph *build(void)
{
    return build_of(SIDE);
}

static void fill(float *x, size_t count)
{
    smt_rng rng = smt_rng_seed(6, 0);
    for (size_t i = 0; i < count; i++) {
        x[i] = (float)smt_rng_uniform(&rng, -1.0, 1.0);
    }
}

static smt_exec *create(smt_graph *graph, smt_exec_options options)
{
    smt_exec *exec = NULL;
    if (smt_exec_create(graph, pool, &options, &exec, &error)) {
        fail_msg("%s", error.message);
    }
    return exec;
}

static float images[BATCH * LARGE * LARGE], mix[BATCH * CLASSES];

static void assert_near(const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_true(fabs((double)a[i] - (double)b[i]) < 1e-5 * (1.0 + fabs((double)b[i])));
    }
}

static void test_modes_agree(void **state)
{
    (void)state;
    smt_graph *graph = build();
    smt_exec *infer = create(graph, (smt_exec_options){.max_batch = BATCH});
    smt_exec *train = create(graph, (smt_exec_options){.max_batch = BATCH, .training = true});
    float kept[BATCH * CLASSES];
    memcpy(kept, smt_exec_infer(infer, images, BATCH), sizeof kept);
    assert_null(smt_exec_value(infer, 3));
    assert_near(
        smt_exec_forward(
            train, images, BATCH, &(smt_step){.freeze_batch_norm = true, .no_dropout = true}),
        kept,
        BATCH * CLASSES);
    assert_null(smt_exec_value(train, 3));
    assert_near(smt_exec_infer(train, images, BATCH), kept, BATCH * CLASSES);
    /* Each image alone gives what it gives in the batch. */
    for (int i = 0; i < BATCH; i++) {
        assert_near(
            smt_exec_infer(infer, images + i * SIDE * SIDE, 1), kept + i * CLASSES, CLASSES);
    }
    /* All values are there, and the gate multiplies. */
    int trunk = smt_graph_find(graph, "deep.bn"), gate = smt_graph_find(graph, "se"),
        scale = smt_graph_find(graph, "scale");
    const float *a = smt_exec_value(train, trunk), *b = smt_exec_value(train, gate),
                *c = smt_exec_value(train, scale);
    size_t pixels = SIDE / 2 * SIDE / 2;
    for (size_t i = 0; i < BATCH * pixels * 8; i++) {
        assert_true(c[i] == a[i] * b[i / (pixels * 8) * 8 + i % 8]);
    }
    assert_ptr_equal(smt_exec_value(train, 0), images);
    assert_null(smt_exec_value(train, graph->node_count));
    smt_exec_destroy(&infer);
    smt_exec_destroy(&train);
    assert_null(train);
    smt_graph_destroy(&graph);
}

static void test_limits(void **state)
{
    (void)state;
    smt_graph *graph = build();
    smt_exec *exec = NULL;
    assert_int_equal(
        smt_exec_create(graph, pool, &(smt_exec_options){.max_batch = 0}, &exec, &error),
        SMT_ERR_ARGUMENT);
    assert_int_equal(
        smt_exec_create(graph, pool, &(smt_exec_options){.max_batch = 5000}, &exec, &error),
        SMT_ERR_ARGUMENT);
    assert_null(exec);
    exec = create(graph, (smt_exec_options){.max_batch = 4});
    assert_null(smt_exec_infer(exec, images, 5));
    assert_null(smt_exec_infer(exec, images, 0));
    assert_null(smt_exec_forward(exec, images, 2, &(smt_step){0})); /* not for training */
    smt_exec_backward(exec, mix);                                   /* does nothing */
    assert_null(smt_exec_gradient(exec, 0));
    assert_true(smt_exec_memory(exec) > 0);
    smt_exec_destroy(&exec);
    exec = create(graph, (smt_exec_options){.max_batch = 4, .training = true});
    assert_null(smt_exec_forward(exec, images, 5, &(smt_step){0}));
    smt_exec_backward(exec, mix); /* nothing to go back from */
    assert_null(smt_exec_gradient(exec, graph->param_count));
    smt_exec_destroy(&exec);
    smt_graph_destroy(&graph);
}

static float *all_gradients(smt_exec *exec, const smt_graph *graph, int batch, size_t *count)
{
    smt_exec_forward(
        exec, images, batch, &(smt_step){.dropout_seed = 3, .freeze_batch_norm = true});
    smt_exec_backward(exec, mix);
    size_t total = 0, at = 0;
    for (int i = 0; i < graph->param_count; i++) {
        total += graph->params[i].count;
    }
    float *all = smt_alloc(total, sizeof *all);
    for (int i = 0; i < graph->param_count; i++) {
        const float *g = smt_exec_gradient(exec, i);
        if (g) {
            memcpy(all + at, g, graph->params[i].count * sizeof *g);
        }
        at += graph->params[i].count;
    }
    *count = total;
    return all;
}

/* With fixed statistics the gradient of a batch is the sum of those of its images. Large ones go
 * through the network one by one, and their gradients add up. */
static void check_any_batch(int side)
{
    smt_graph *graph = build_of(side);
    smt_exec *exec = create(graph, (smt_exec_options){.max_batch = 4 * BATCH, .training = true});
    size_t count;
    float *whole = all_gradients(exec, graph, BATCH, &count),
          *again = all_gradients(exec, graph, BATCH, &count);
    assert_memory_equal(whole, again, count * sizeof *whole);
    for (int batch = 1; batch < BATCH; batch++) {
        float saved[BATCH * CLASSES];
        memcpy(saved, mix, sizeof saved);
        memset(mix + batch * CLASSES, 0, sizeof saved - (size_t)batch * CLASSES * sizeof *mix);
        float *padded = all_gradients(exec, graph, BATCH, &count),
              *part = all_gradients(exec, graph, batch, &count);
        assert_near(part, padded, count);
        memcpy(mix, saved, sizeof saved);
        smt_free(padded);
        smt_free(part);
    }
    smt_free(whole);
    smt_free(again);
    smt_exec_destroy(&exec);
    smt_graph_destroy(&graph);
}

static void test_any_batch(void **state)
{
    (void)state;
    check_any_batch(SIDE);
    check_any_batch(LARGE);
}

static void test_frozen_backbone(void **state)
{
    (void)state;
    smt_graph *graph = build();
    smt_exec *full = create(graph, (smt_exec_options){.max_batch = BATCH, .training = true});
    smt_exec *head =
        create(graph,
               (smt_exec_options){
                   .max_batch = BATCH, .training = true, .first_trainable_only_head = true});
    size_t count;
    float *a = all_gradients(full, graph, BATCH, &count),
          *b = all_gradients(head, graph, BATCH, &count);
    size_t at = 0;
    int trained = 0;
    for (int i = 0; i < graph->param_count; i++) {
        const smt_param *p = &graph->params[i];
        if (!strncmp(p->name, "classifier", 10)) {
            assert_memory_equal(a + at, b + at, p->count * sizeof *a);
            trained++;
        } else {
            assert_null(smt_exec_gradient(head, i));
        }
        at += p->count;
    }
    assert_int_equal(trained, 2);
    assert_true(smt_exec_memory(head) < smt_exec_memory(full));
    smt_free(a);
    smt_free(b);
    smt_exec_destroy(&full);
    smt_exec_destroy(&head);
    smt_graph_destroy(&graph);
}

/* The kept gradient of the last addition: its mean pool and
 * dense layer are linear, so it can be written down. */
static void test_node_gradient(void **state)
{
    (void)state;
    smt_graph *graph = build();
    int node = smt_graph_find(graph, "add"), pixels = SIDE / 2 * SIDE / 2;
    const int keep[2] = {node, smt_graph_find(graph, "deep")};
    smt_exec *exec = create(
        graph,
        (smt_exec_options){.max_batch = BATCH, .training = true, .keep = keep, .keep_count = 2});
    assert_non_null(smt_exec_forward(
        exec, images, BATCH, &(smt_step){.freeze_batch_norm = true, .no_dropout = true}));
    smt_exec_backward(exec, mix);
    const float *gradient = smt_exec_node_gradient(exec, node),
                *value = smt_exec_node_value(exec, node);
    const float *weight = graph->params[smt_graph_find_param(graph, "classifier.weight")].data;
    assert_non_null(gradient);
    assert_null(smt_exec_node_gradient(exec, node - 1));
    for (int i = 0; i < BATCH * pixels * 8; i++) {
        float expected = 0.0f;
        for (int k = 0; k < CLASSES; k++) {
            expected += mix[i / (pixels * 8) * CLASSES + k] * weight[k * 8 + i % 8] / (float)pixels;
        }
        assert_near(&gradient[i], &expected, 1);
    }
    smt_exec *infer = create(graph, (smt_exec_options){.max_batch = BATCH, .training = true});
    smt_exec_infer(infer, images, BATCH);
    assert_near(value, smt_exec_value(infer, node), (size_t)(BATCH * pixels * 8));
    smt_exec_destroy(&infer);
    /* A second kept node is as if it were the only one. */
    smt_exec *alone =
        create(graph,
               (smt_exec_options){
                   .max_batch = BATCH, .training = true, .keep = keep + 1, .keep_count = 1});
    assert_non_null(smt_exec_forward(
        alone, images, BATCH, &(smt_step){.freeze_batch_norm = true, .no_dropout = true}));
    smt_exec_backward(alone, mix);
    size_t bytes = sizeof(float) * (size_t)(BATCH * pixels * 8);
    assert_memory_equal(
        smt_exec_node_value(exec, keep[1]), smt_exec_node_value(alone, keep[1]), bytes);
    assert_memory_equal(
        smt_exec_node_gradient(exec, keep[1]), smt_exec_node_gradient(alone, keep[1]), bytes);
    smt_exec_destroy(&alone);
    smt_exec_destroy(&exec);
    smt_graph_destroy(&graph);
}

static void test_dropout_share(void **state)
{
    (void)state;
    smt_graph *g = NULL;
    assert_int_equal(smt_graph_create(&g, &error), SMT_OK);
    int node = need(smt_graph_input(g, "input", (smt_shape){32, 32, 4}, &error));
    need(smt_graph_dropout(g, "dropout", node, 0.3f, &error));
    smt_exec *exec = create(g, (smt_exec_options){.max_batch = 2, .training = true});
    float *ones = smt_alloc(2 * 4096, sizeof *ones);
    for (int i = 0; i < 2 * 4096; i++) {
        ones[i] = 1.0f;
    }
    const float *y = smt_exec_forward(exec, ones, 2, &(smt_step){.dropout_seed = 1});
    int dropped = 0, same = 0;
    for (int i = 0; i < 2 * 4096; i++) {
        assert_true(y[i] == 0.0f || fabs((double)y[i] - 1.0 / 0.7) < 1e-6);
        dropped += y[i] == 0.0f;
        same += i < 4096 && y[i] == y[i + 4096];
    }
    assert_in_range(dropped, 2300, 2620); /* 2458 with deviation 41 */
    assert_in_range(same, 2200, 2550);    /* images are independent: 0.58 of 4096 */
    smt_free(ones);
    smt_exec_destroy(&exec);
    smt_graph_destroy(&g);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    smt_graph *graph = build();
    smt_exec *exec = NULL;
    int failures = 0;
    for (long after = 0; !exec; after++) {
        smt_alloc_fail_after(after);
        smt_status status = smt_exec_create(
            graph, pool, &(smt_exec_options){.max_batch = 4, .training = true}, &exec, &error);
        smt_alloc_fail_after(-1);
        if (status) {
            assert_int_equal(status, SMT_ERR_MEMORY);
            assert_null(exec);
            failures++;
        }
    }
    assert_true(failures > 20);
    smt_alloc_fail_after(0);
    assert_null(smt_exec_infer(exec, images, 4)); /* needs memory for all values */
    smt_alloc_fail_after(-1);
    assert_non_null(smt_exec_infer(exec, images, 4));
    smt_exec_destroy(&exec);
    smt_graph_destroy(&graph);
}

int main(void)
{
    fill(images, BATCH * LARGE * LARGE);
    fill(mix, BATCH * CLASSES);
    if (smt_pool_create(2, &pool, &error)) {
        return 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_modes_agree),
                                       cmocka_unit_test(test_limits),
                                       cmocka_unit_test(test_any_batch),
                                       cmocka_unit_test(test_frozen_backbone),
                                       cmocka_unit_test(test_node_gradient),
                                       cmocka_unit_test(test_dropout_share),
                                       cmocka_unit_test(test_failing_allocations)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    smt_pool_destroy(&pool);
    return failed;
}
