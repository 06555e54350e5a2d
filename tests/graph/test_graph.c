/* Builders, shape rules, clone, counts and check. */
#include <semtinel/graph.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const smt_conv_spec conv3 = {.filters = 4,
                                    .kernel_h = 3,
                                    .kernel_w = 3,
                                    .stride = 2,
                                    .bias = true,
                                    .activation = SMT_ACT_RELU};

/* input 9 x 8 x 2, conv 3x3/2 to 4, batch norm, pool, dense 4, multiply; a small graph with every
 * kind of link */
static smt_graph *sample(void)
{
    smt_graph *g = NULL;
    smt_error e = {SMT_OK, ""};
    assert_int_equal(smt_graph_create(&g, &e), SMT_OK);
    assert_int_equal(smt_graph_input(g, "in", (smt_shape){9, 8, 2}, &e), 0);
    assert_int_equal(smt_graph_conv(g, "conv", 0, &conv3, &e), 1);
    assert_int_equal(smt_graph_batch_norm(g, "norm", 1, 1e-3f, 0.9f, SMT_ACT_NONE, &e), 2);
    assert_int_equal(smt_graph_global_pool(g, "pool", 2, &e), 3);
    assert_int_equal(smt_graph_dense(g, "gate", 3, 4, false, SMT_ACT_HARD_SIGMOID, &e), 4);
    assert_int_equal(smt_graph_multiply(g, "scale", 2, 4, &e), 5);
    assert_int_equal(smt_graph_depthwise(g, "dw", 5, &conv3, &e), 6);
    assert_int_equal(smt_graph_global_pool(g, "end", 6, &e), 7);
    assert_int_equal(smt_graph_dropout(g, "drop", 7, 0.2f, &e), 8);
    assert_int_equal(smt_graph_softmax(g, "probabilities", 8, &e), 9);
    return g;
}

static void test_shapes(void **state)
{
    (void)state;
    smt_graph *g = sample();
    const smt_node *conv = &g->nodes[1];
    assert_int_equal(conv->shape.h, 5);
    assert_int_equal(conv->shape.w, 4);
    assert_int_equal(conv->shape.c, 4);
    /* height 9: (5 - 1) * 2 + 3 - 9 = 2 pixels of padding; width 8: 1 */
    assert_int_equal(conv->pad_top, 1);
    assert_int_equal(conv->pad_bottom, 1);
    assert_int_equal(conv->pad_left, 0);
    assert_int_equal(conv->pad_right, 1);
    assert_int_equal(g->params[conv->param[SMT_WEIGHT]].count, 4 * 3 * 3 * 2);
    assert_int_equal(g->params[conv->param[SMT_BIAS]].count, 4);
    assert_int_equal(g->nodes[6].shape.h, 3);
    assert_int_equal(g->params[g->nodes[6].param[SMT_WEIGHT]].rank, 3);
    assert_int_equal(g->nodes[4].param[SMT_BIAS], -1);
    assert_int_equal(smt_graph_users(g, 2), 2);
    assert_true(smt_graph_is_gate(g, 4, 2) && !smt_graph_is_gate(g, 2, 4));
    assert_true(smt_graph_is_gate(g, 4, 3) && !smt_graph_is_gate(g, 3, 4)); /* of a 1 x 1 map */
    assert_int_equal(smt_graph_find(g, "scale"), 5);
    assert_int_equal(smt_graph_find(g, "nothing"), -1);
    assert_int_equal(g->params[smt_graph_find_param(g, "norm.variance")].data[3], 1);
    assert_false(g->params[smt_graph_find_param(g, "norm.mean")].trainable);
    /* conv 72 + 4, gamma and beta 8, dense 16, depthwise 36 + 4 */
    assert_int_equal(smt_graph_parameter_count(g), 72 + 4 + 8 + 16 + 36 + 4);
    assert_int_equal(smt_graph_macs(g, 1), 5 * 4 * 4 * 3 * 3 * 2);
    assert_int_equal(smt_graph_macs(g, -1), 5 * 4 * 4 * 18 + 16 + 3 * 2 * 4 * 9);
    assert_int_equal(smt_graph_check(g, NULL), SMT_OK);
    smt_graph_destroy(&g);
    assert_null(g);
    smt_graph_destroy(&g);
}

static void test_refusals(void **state)
{
    (void)state;
    smt_graph *g = sample();
    smt_error e;
    char longest[200];
    memset(longest, 'x', sizeof longest);
    longest[199] = 0;
    smt_conv_spec wide = conv3, fast = conv3, padded = conv3, large = conv3, many = conv3;
    wide.kernel_h = 0;
    fast.stride = 9;
    padded.padding = SMT_PAD_EXPLICIT;
    padded.pad[0] = 3;
    large.padding = SMT_PAD_EXPLICIT;
    large.kernel_h = large.kernel_w = 11;
    many.filters = 1 << 30;
    int two = smt_graph_global_pool(g, "two", 0, &e); /* channels; others have four */
    int nodes = g->node_count, params = g->param_count;
    assert_int_equal(smt_graph_input(g, "second", (smt_shape){1, 1, 1}, &e), -1);
    assert_int_equal(smt_graph_conv(g, "conv", 0, &conv3, &e), -1);
    assert_non_null(strstr(e.message, "both named 'conv'"));
    assert_int_equal(smt_graph_conv(g, "", 0, &conv3, &e), -1);
    assert_int_equal(smt_graph_conv(g, "a\nb", 0, &conv3, &e), -1);
    assert_int_equal(smt_graph_conv(g, longest, 0, &conv3, &e), -1);
    assert_int_equal(smt_graph_conv(g, "c1", 0, &wide, &e), -1);
    assert_int_equal(smt_graph_conv(g, "c1", 0, &fast, &e), -1);
    assert_int_equal(smt_graph_conv(g, "c1", 0, &padded, &e), -1);
    assert_int_equal(smt_graph_conv(g, "c1", 0, &large, &e), -1);
    assert_int_equal(smt_graph_conv(g, "c1", 0, &many, &e), -1);
    assert_int_equal(e.status, SMT_ERR_LIMIT);
    assert_int_equal(smt_graph_conv(g, "c1", nodes, &conv3, &e), -1);
    assert_int_equal(smt_graph_conv(g, "c1", -1, &conv3, &e), -1);
    assert_int_equal(smt_graph_add(g, "sum", 0, 1, SMT_ACT_NONE, &e), -1);
    assert_int_equal(smt_graph_multiply(g, "product", 4, 2, &e), -1);
    assert_int_equal(smt_graph_multiply(g, "product", 2, two, &e), -1);
    assert_int_equal(smt_graph_dense(g, "d", 1, 3, true, SMT_ACT_NONE, &e), -1);
    assert_int_equal(smt_graph_dropout(g, "d", 1, 1.0f, &e), -1);
    assert_int_equal(smt_graph_batch_norm(g, "b", 1, 0.0f, 0.9f, SMT_ACT_NONE, &e), -1);
    assert_int_equal(g->node_count, nodes);
    assert_int_equal(g->param_count, params);
    smt_graph_destroy(&g);
}

static void test_check_finds_damage(void **state)
{
    (void)state;
    for (int i = 0; i < 9; i++) {
        smt_graph *g = sample();
        switch (i) {
        case 0:
            g->nodes[3].input[0] = 5; /* a cycle */
            break;
        case 1:
            g->nodes[5].shape.h++;
            break;
        case 2:
            g->nodes[1].pad_left++;
            break;
        case 3:
            g->nodes[6].param[SMT_WEIGHT] = g->nodes[1].param[SMT_WEIGHT];
            break;
        case 4:
            g->params[0].dim[1] = 5;
            break;
        case 5:
            g->params[2].name[0] = 'x';
            break;
        case 7:
            g->nodes[1].param[SMT_BIAS] = -1; /* whose param no node has then */
            break;
        case 6:
            memset(g->nodes[2].name, 'y', sizeof g->nodes[2].name);
            break;
        default:
            g->nodes[1].op = (smt_op)77;
            break;
        }
        smt_error e = {SMT_OK, ""};
        assert_int_not_equal(smt_graph_check(g, &e), SMT_OK);
        assert_true(strlen(e.message) > 10);
        smt_graph_destroy(&g);
    }
}

static void test_clone(void **state)
{
    (void)state;
    smt_graph *g = sample(), *copy = NULL;
    g->params[0].data[5] = 2.5f;
    assert_int_equal(smt_graph_clone(g, &copy, NULL), SMT_OK);
    assert_true(copy->params[0].data[5] == 2.5f);
    copy->params[0].data[5] = 1;
    assert_true(g->params[0].data[5] == 2.5f);
    assert_int_equal(smt_graph_check(copy, NULL), SMT_OK);
    /* A clone can grow. */
    assert_int_equal(smt_graph_activation(copy, "relu", 9, SMT_ACT_RELU, NULL), 10);
    smt_graph_destroy(&copy);
    bool done = false;
    for (long after = 0; !done; after++) {
        assert_true(after < 100);
        smt_alloc_fail_after(after);
        done = smt_graph_clone(g, &copy, NULL) == SMT_OK;
        smt_alloc_fail_after(-1);
        assert_int_equal(done, copy != NULL);
    }
    smt_graph_destroy(&copy);
    smt_graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_check_finds_damage),
        cmocka_unit_test(test_clone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
