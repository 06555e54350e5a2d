/* The passes change the graph, not the function: every
 * pass's result is executed beside the original. */
#include <semtinel/model.h>
#include <semtinel/ops.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define BATCH 3

/* A MobileNetV3-Small whose batch norms hold statistics as after training. */
static smt_graph *trained(smt_padding padding, bool wide)
{
    smt_mobilenet_options options = smt_mobilenet_defaults();
    options.width = 0.5f;
    options.input_size = 48;
    options.padding = padding;
    options.wide_head = wide;
    smt_graph *graph = NULL;
    assert_int_equal(smt_mobilenetv3_small(&options, 3, &graph, NULL), SMT_OK);
    smt_rng rng = smt_rng_seed(5, 0);
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *n = &graph->nodes[i];
        for (int p = 0; n->op == SMT_OP_BATCH_NORM && p < SMT_NODE_PARAMS; p++) {
            smt_param *param = &graph->params[n->param[p]];
            for (size_t k = 0; k < param->count; k++) {
                double low = p == SMT_GAMMA || p == SMT_VARIANCE ? 0.5 : -0.5;
                param->data[k] = (float)smt_rng_uniform(&rng, low, low + 1);
            }
        }
        if ((n->op == SMT_OP_CONV || n->op == SMT_OP_DENSE) && n->param[SMT_BIAS] >= 0) {
            smt_param *bias = &graph->params[n->param[SMT_BIAS]];
            for (size_t k = 0; k < bias->count; k++) {
                bias->data[k] = (float)smt_rng_normal(&rng);
            }
        }
    }
    return graph;
}

static void run(smt_graph *graph, float *out)
{
    smt_pool *pool = NULL;
    smt_exec *exec = NULL;
    smt_error error = {SMT_OK, ""};
    smt_exec_options options = {.max_batch = BATCH};
    smt_shape in = graph->nodes[0].shape;
    size_t count = BATCH * smt_shape_count(in);
    float *input = smt_alloc(count, sizeof *input);
    smt_rng rng = smt_rng_seed(9, 9);
    for (size_t i = 0; i < count; i++) {
        input[i] = (float)smt_rng_uniform(&rng, -1, 1);
    }
    assert_int_equal(smt_pool_create(1, &pool, &error), SMT_OK);
    if (smt_exec_create(graph, pool, &options, &exec, &error)) {
        fail_msg("%s", error.message);
    }
    const float *result = smt_exec_infer(exec, input, BATCH);
    memcpy(out,
           result,
           BATCH * smt_shape_count(graph->nodes[graph->node_count - 1].shape) * sizeof *out);
    smt_exec_destroy(&exec);
    smt_pool_destroy(&pool);
    smt_free(input);
}

static void same(const float *a, const float *b, size_t count)
{
    double largest = 0, worst = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)a[i]));
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
    }
    assert_true(largest > 1e-3);
    if (worst > 2e-5 * largest) {
        fail_msg("values of up to %g differ by %g", largest, worst);
    }
}

static void check_passes(smt_padding padding, bool wide)
{
    float a[BATCH * 10], b[BATCH * 10];
    smt_graph *graph = trained(padding, wide), *folded = NULL, *freed = NULL, *soft = NULL,
              *again = NULL;
    smt_error error = {SMT_OK, ""};
    run(graph, a);

    assert_int_equal(smt_graph_fold(graph, &folded, &error), SMT_OK);
    assert_int_equal(smt_graph_check(folded, &error), SMT_OK);
    for (int i = 0; i < folded->node_count; i++) {
        assert_true(folded->nodes[i].op != SMT_OP_BATCH_NORM &&
                    folded->nodes[i].op != SMT_OP_DROPOUT);
        assert_true(folded->nodes[i].op != SMT_OP_AFFINE &&
                    folded->nodes[i].op != SMT_OP_ACTIVATION);
    }
    run(folded, b);
    same(a, b, BATCH * 10);

    assert_int_equal(smt_graph_free_gates(folded, &freed, &error), SMT_OK);
    assert_int_equal(smt_graph_check(freed, &error), SMT_OK);
    assert_int_equal(freed->node_count, folded->node_count);
    int gates = 0;
    for (int i = 0; i < freed->node_count; i++) {
        assert_true(freed->nodes[i].activation != SMT_ACT_HARD_SIGMOID);
        gates += freed->nodes[i].activation == SMT_ACT_RELU6;
    }
    assert_int_equal(gates, 9);
    run(freed, b);
    same(a, b, BATCH * 10);

    /* And back: the gates are hard sigmoids again. */
    assert_int_equal(smt_graph_restore_gates(freed, &again, &error), SMT_OK);
    assert_int_equal(smt_graph_check(again, &error), SMT_OK);
    gates = 0;
    for (int i = 0; i < again->node_count; i++) {
        assert_true(again->nodes[i].activation != SMT_ACT_RELU6);
        gates += again->nodes[i].activation == SMT_ACT_HARD_SIGMOID;
    }
    assert_int_equal(gates, 9);
    run(again, b);
    same(a, b, BATCH * 10);
    smt_graph_destroy(&again);

    /* Another input size: the same weights, other shapes. */
    assert_int_equal(smt_graph_with_size(graph, 96, 64, &again, &error), SMT_OK);
    assert_int_equal(smt_graph_check(again, &error), SMT_OK);
    const smt_node *last = &again->nodes[smt_graph_find(again, "last")];
    assert_true(last->shape.h == 3 && last->shape.w == 2);
    smt_graph_destroy(&again);
    assert_int_equal(smt_graph_with_size(graph, 0, 64, &again, &error), SMT_ERR_LIMIT);

    assert_int_equal(smt_graph_with_softmax(freed, &soft, &error), SMT_OK);
    assert_int_equal(soft->node_count, freed->node_count + 1);
    assert_int_equal(smt_graph_with_softmax(soft, &again, &error), SMT_OK);
    assert_int_equal(again->node_count, soft->node_count);
    run(soft, b);
    smt_softmax(a, BATCH, 10);
    same(a, b, BATCH * 10);
    smt_graph_destroy(&graph);
    smt_graph_destroy(&folded);
    smt_graph_destroy(&freed);
    smt_graph_destroy(&soft);
    smt_graph_destroy(&again);
}

static void test_same_padding(void **state)
{
    (void)state;
    check_passes(SMT_PAD_SAME, false);
}

static void test_explicit_padding(void **state)
{
    (void)state;
    check_passes(SMT_PAD_EXPLICIT, true);
}

static void fill(smt_graph *graph)
{
    smt_rng rng = smt_rng_seed(11, 1);
    for (int i = 0; i < graph->param_count; i++) {
        for (size_t k = 0; k < graph->params[i].count; k++) {
            graph->params[i].data[k] = (float)smt_rng_uniform(&rng, 0.2, 0.8);
        }
    }
}

/* The awkward neighbours: norms that cannot fold, a gate
 * read twice, a product that no linear layer reads. */
static void test_awkward(void **state)
{
    (void)state;
    smt_graph *g = NULL, *folded = NULL, *freed = NULL;
    smt_error e = {SMT_OK, ""};
    smt_conv_spec plain = {.filters = 4, .kernel_h = 3, .kernel_w = 3, .stride = 1};
    smt_conv_spec gate = {.filters = 4,
                          .kernel_h = 1,
                          .kernel_w = 1,
                          .stride = 1,
                          .activation = SMT_ACT_HARD_SIGMOID};
    assert_int_equal(smt_graph_create(&g, NULL), SMT_OK);
    int n = smt_graph_input(g, "in", (smt_shape){6, 6, 1}, &e);
    n = smt_graph_affine(g, "scaling", n, &e);
    n = smt_graph_batch_norm(g, "alone", n, 1e-3f, 0.9f, SMT_ACT_RELU, &e);
    n = smt_graph_affine(g, "shift", n, &e); /* what the convolution pads with is not shifted */
    int conv = smt_graph_conv(g, "conv", n, &plain, &e);
    int norm = smt_graph_batch_norm(g, "norm", conv, 1e-3f, 0.9f, SMT_ACT_NONE, &e);
    int both =
        smt_graph_add(g, "both", conv, norm, SMT_ACT_NONE, &e); /* conv is read twice: no folding */
    int deep = smt_graph_depthwise(g, "deep", both, &plain, &e);
    int affine = smt_graph_affine(g, "affine", deep, &e);
    int norm2 = smt_graph_batch_norm(g, "norm2", affine, 1e-3f, 0.9f, SMT_ACT_NONE, &e);
    int act = smt_graph_activation(
        g, "act", norm2, SMT_ACT_HARD_SWISH, &e); /* three nodes fold into one layer */
    int pool = smt_graph_global_pool(g, "pool", act, &e);
    int gate1 = smt_graph_conv(g, "gate1", pool, &gate, &e);
    int scale1 = smt_graph_multiply(g, "scale1", act, gate1, &e);
    int scale2 = smt_graph_multiply(g, "scale2", scale1, gate1, &e); /* gate1 is read twice */
    int gate2 = smt_graph_conv(g, "gate2", pool, &gate, &e);
    int scale3 = smt_graph_multiply(g, "scale3", scale2, gate2, &e);
    int conv2 = smt_graph_conv(g, "conv2", scale3, &plain, &e);
    int sum = smt_graph_add(
        g, "sum", conv2, scale3, SMT_ACT_NONE, &e); /* scale3 is not read by a conv alone */
    int gate3 = smt_graph_conv(g, "gate3", pool, &gate, &e);
    int scale4 = smt_graph_multiply(g, "scale4", sum, gate3, &e);
    int conv3 = smt_graph_conv(g, "conv3", scale4, &plain, &e); /* this gate is free */
    int gate5 = smt_graph_conv(g, "gate5", pool, &gate, &e);
    int scale5 = smt_graph_multiply(g, "scale5", conv3, gate5, &e);
    plain.activation = SMT_ACT_RELU;
    int conv4 = smt_graph_conv(g, "conv4", scale5, &plain, &e);
    int norm4 =
        smt_graph_batch_norm(g, "norm4", conv4, 1e-3f, 0.9f, SMT_ACT_NONE, &e); /* behind it */
    int scale6 =
        smt_graph_multiply(g, "scale6", norm4, gate5, &e); /* a pool reads gate5's second */
    int end = smt_graph_global_pool(g, "end", scale6, &e);
    int norm3 = smt_graph_batch_norm(g, "norm3", end, 1e-3f, 0.9f, SMT_ACT_NONE, &e);
    int dense = smt_graph_dense(g, "dense", norm3, 4, false, SMT_ACT_NONE, &e); /* takes norm3 in */
    assert_true(dense > 0);
    fill(g);
    float a[BATCH * 4], b[BATCH * 4];
    run(g, a);
    assert_int_equal(smt_graph_fold(g, &folded, &e), SMT_OK);
    assert_int_equal(smt_graph_check(folded, &e), SMT_OK);
    run(folded, b);
    same(a, b, BATCH * 4);
    assert_true(smt_graph_find(folded, "norm") >= 0 && smt_graph_find(folded, "norm3") < 0);
    assert_true(smt_graph_find(folded, "shift") >= 0 && smt_graph_find(folded, "norm4") >= 0);
    assert_true(smt_graph_find(folded, "act") < 0 && smt_graph_find(folded, "norm2") < 0);
    assert_int_equal(folded->nodes[smt_graph_find(folded, "deep")].activation, SMT_ACT_HARD_SWISH);
    assert_int_equal(smt_graph_free_gates(folded, &freed, &e), SMT_OK);
    run(freed, b);
    same(a, b, BATCH * 4);
    assert_int_equal(freed->nodes[smt_graph_find(freed, "gate1")].activation, SMT_ACT_HARD_SIGMOID);
    assert_int_equal(freed->nodes[smt_graph_find(freed, "gate2")].activation, SMT_ACT_HARD_SIGMOID);
    assert_int_equal(freed->nodes[smt_graph_find(freed, "gate3")].activation, SMT_ACT_RELU6);
    assert_int_equal(freed->nodes[smt_graph_find(freed, "gate5")].activation, SMT_ACT_HARD_SIGMOID);
    smt_graph_destroy(&folded);
    smt_graph_destroy(&freed);

    for (long after = 0; !folded; after++) {
        assert_true(after < 1000);
        smt_alloc_fail_after(after);
        smt_status status = smt_graph_fold(g, &folded, &e);
        smt_alloc_fail_after(-1);
        assert_int_equal(status == SMT_OK, folded != NULL);
        assert_true(folded || e.status == SMT_ERR_MEMORY);
    }
    for (long after = 0; !freed; after++) {
        assert_true(after < 1000);
        smt_alloc_fail_after(after);
        smt_status status = smt_graph_free_gates(folded, &freed, &e);
        smt_alloc_fail_after(-1);
        assert_int_equal(status == SMT_OK, freed != NULL);
    }
    smt_graph_destroy(&folded);
    smt_graph_destroy(&freed);
    smt_graph_destroy(&g);
}

/* Keras and slim divide a gate by six in an operator of its own. */
static void test_scaled_gate(void **state)
{
    (void)state;
    smt_graph *g = NULL, *restored = NULL;
    smt_error e = {SMT_OK, ""};
    const smt_conv_spec plain = {.filters = 4, .kernel_h = 3, .kernel_w = 3, .stride = 1};
    const smt_conv_spec gate = {.filters = 4,
                                .kernel_h = 1,
                                .kernel_w = 1,
                                .stride = 1,
                                .bias = true,
                                .activation = SMT_ACT_RELU6};
    assert_int_equal(smt_graph_create(&g, NULL), SMT_OK);
    int conv =
        smt_graph_conv(g, "conv", smt_graph_input(g, "in", (smt_shape){6, 6, 1}, &e), &plain, &e);
    int relu6 = smt_graph_conv(g, "gate", smt_graph_global_pool(g, "pool", conv, &e), &gate, &e);
    int sixth = smt_graph_affine(g, "sixth", relu6, &e);
    int scale = smt_graph_multiply(g, "scale", conv, sixth, &e);
    int last = smt_graph_conv(g, "last", scale, &plain, &e);
    assert_true(smt_graph_global_pool(g, "end", last, &e) > 0);
    fill(g);
    for (int c = 0; c < 4; c++) {
        g->params[g->nodes[sixth].param[SMT_SCALE]].data[c] = 1.0f / 6;
        g->params[g->nodes[sixth].param[SMT_OFFSET]].data[c] = 0;
    }
    float a[BATCH * 4], b[BATCH * 4];
    run(g, a);
    assert_int_equal(smt_graph_restore_gates(g, &restored, &e), SMT_OK);
    run(restored, b);
    same(a, b, BATCH * 4);
    assert_true(smt_graph_find(restored, "sixth") < 0);
    int made = smt_graph_find(restored, "gate");
    assert_int_equal(restored->nodes[made].activation, SMT_ACT_HARD_SIGMOID);
    smt_graph_destroy(&restored);
    smt_graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_padding),
        cmocka_unit_test(test_explicit_padding),
        cmocka_unit_test(test_awkward),
        cmocka_unit_test(test_scaled_gate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
