/* MobileNetV3-Small against the published networks:
 * torchvision's at width 1 and the slim one at 0.75. */
#include <semtinel/model.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static smt_graph *build(const smt_mobilenet_options *options)
{
    smt_graph *graph = NULL;
    smt_error error = {SMT_OK, ""};
    if (smt_mobilenetv3_small(options, 1, &graph, &error)) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(smt_graph_check(graph, &error), SMT_OK);
    return graph;
}

/* torchvision 0.14: sum(p.numel()) of mobilenet_v3_small() is 2542856 with the 1024-wide head and
 * 1000 classes. */
static void test_torchvision_count(void **state)
{
    (void)state;
    smt_mobilenet_options options = smt_mobilenet_defaults();
    options.channels = 3;
    options.classes =
        250; /* the limit of classes is below ImageNet's: the difference is 750 rows of 1025 */
    options.wide_head = true;
    smt_graph *graph = build(&options);
    assert_int_equal(smt_graph_parameter_count(graph) + 750 * 1025, 2542856);
    smt_graph_destroy(&graph);
}

/* The paper gives 56 million multiply-adds at 224 pixels with 1000 classes. */
static void test_macs(void **state)
{
    (void)state;
    smt_mobilenet_options options = smt_mobilenet_defaults();
    options.channels = 3;
    options.input_size = 224;
    options.wide_head = true;
    smt_graph *graph = build(&options);
    double millions = (double)smt_graph_macs(graph, -1) / 1e6 + 990 * 1024 / 1e6;
    assert_true(millions > 55.5 && millions < 57.5);
    smt_graph_destroy(&graph);
}

/* Output channels of every convolution of the published
 * width-0.75 network (TensorFlow Hub), in order. */
static void test_width_075(void **state)
{
    (void)state;
    static const int expected[] = {16,  16, 8,   16,  16,  72,  72,  24,  88,  88,  24,  96,  96,
                                   24,  96, 32,  192, 192, 48,  192, 32,  192, 192, 48,  192, 32,
                                   96,  96, 24,  96,  40,  120, 120, 32,  120, 40,  240, 240, 64,
                                   240, 72, 432, 432, 112, 432, 72,  432, 432, 112, 432, 72,  432};
    smt_mobilenet_options options = smt_mobilenet_defaults();
    options.width = 0.75f;
    smt_graph *graph = build(&options);
    size_t found = 0;
    for (int i = 0; i < graph->node_count; i++) {
        const smt_node *n = &graph->nodes[i];
        if (n->op == SMT_OP_CONV || n->op == SMT_OP_DEPTHWISE) {
            assert_true(found < sizeof expected / sizeof *expected);
            assert_int_equal(n->shape.c, expected[found]);
            found++;
        }
    }
    assert_int_equal(found, sizeof expected / sizeof *expected);
    smt_graph_destroy(&graph);
}

static void test_names_and_padding(void **state)
{
    (void)state;
    static const char *const names[] = {"stem",
                                        "stem.bn",
                                        "block0.depthwise",
                                        "block0.se.reduce",
                                        "block3.expand.bn",
                                        "block4.add",
                                        "block10.se.scale",
                                        "last.bn",
                                        "pool",
                                        "dropout",
                                        "classifier"};
    smt_mobilenet_options options = smt_mobilenet_defaults();
    options.width = 0.5f;
    options.input_size = 96;
    smt_graph *graph = build(&options);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(smt_graph_find(graph, names[i]) >= 0);
    }
    assert_int_equal(smt_graph_find(graph, "block0.expand"), -1);
    assert_int_equal(smt_graph_find(graph, "block3.add"), -1);
    assert_int_equal(smt_graph_find(graph, "classifier"), graph->node_count - 1);
    assert_true(smt_graph_find_param(graph, "block3.expand.bn.gamma") >= 0);
    const smt_node *stem = &graph->nodes[smt_graph_find(graph, "stem")];
    assert_int_equal(stem->shape.h, 48);
    assert_int_equal(stem->pad_top,
                     0); /* SAME on an even side: the odd pixel goes below and right */
    assert_int_equal(stem->pad_bottom, 1);
    smt_graph_destroy(&graph);

    options.padding = SMT_PAD_EXPLICIT;
    graph = build(&options);
    stem = &graph->nodes[smt_graph_find(graph, "stem")];
    assert_int_equal(stem->shape.h, 48);
    assert_int_equal(stem->pad_top, 1);
    assert_int_equal(graph->nodes[smt_graph_find(graph, "last")].shape.h, 3);
    smt_graph_destroy(&graph);
}

static void test_initial_weights(void **state)
{
    (void)state;
    smt_mobilenet_options options = smt_mobilenet_defaults();
    smt_graph *a = build(&options), *b = build(&options), *c = NULL;
    assert_int_equal(smt_mobilenetv3_small(&options, 2, &c, NULL), SMT_OK);
    int p = smt_graph_find_param(a, "last.weight");
    const smt_param *weight = &a->params[p];
    double sum = 0, squares = 0;
    for (size_t i = 0; i < weight->count; i++) {
        sum += (double)weight->data[i];
        squares += (double)weight->data[i] * (double)weight->data[i];
    }
    double n = (double)weight->count;
    assert_true(fabs(sum / n) < 0.002);
    assert_true(fabs(squares / n / (2.0 / 576) - 1) < 0.05);
    assert_memory_equal(weight->data, b->params[p].data, weight->count * sizeof(float));
    assert_memory_not_equal(weight->data, c->params[p].data, weight->count * sizeof(float));
    smt_graph_destroy(&a);
    smt_graph_destroy(&b);
    smt_graph_destroy(&c);
}

static void test_bad_options(void **state)
{
    (void)state;
    smt_graph *graph = NULL;
    smt_error error;
    for (int i = 0; i < 7; i++) {
        smt_mobilenet_options options = smt_mobilenet_defaults();
        switch (i) {
        case 0:
            options.width = NAN;
            break;
        case 1:
            options.width = 0.1f;
            break;
        case 2:
            options.input_size = 31;
            break;
        case 3:
            options.channels = 2;
            break;
        case 4:
            options.classes = 0;
            break;
        case 5:
            options.dropout = 1.0f;
            break;
        default:
            options.bn_epsilon = 0;
            break;
        }
        assert_int_equal(smt_mobilenetv3_small(&options, 1, &graph, &error), SMT_ERR_ARGUMENT);
        assert_null(graph);
        assert_true(strlen(error.message) > 10);
    }
}

static void test_model_memory(void **state)
{
    (void)state;
    static const char *const classes[] = {"bridge", "clean"};
    smt_mobilenet_options options = smt_mobilenet_defaults();
    options.classes = 2;
    options.width = 0.25f;
    bool done = false;
    for (long after = 0; !done; after++) {
        assert_true(after < 1000);
        smt_graph *graph = NULL;
        smt_model *model = NULL;
        smt_error error = {SMT_OK, ""};
        smt_alloc_fail_after(after);
        smt_status status = smt_mobilenetv3_small(&options, 1, &graph, &error);
        if (!status) {
            status = smt_model_create(graph, &options, classes, 2, &model, &error);
        }
        smt_alloc_fail_after(-1);
        done = status == SMT_OK;
        if (!done) {
            assert_int_equal(status, SMT_ERR_MEMORY);
            assert_null(model);
        } else {
            assert_string_equal(model->classes[1], "clean");
            assert_string_equal(model->provenance, "{}");
        }
        smt_model_destroy(&model);
    }
    smt_graph *graph = build(&options);
    smt_model *model = NULL;
    static const char *const three[] = {"a", "b", "c"};
    assert_int_equal(smt_model_create(graph, &options, three, 3, &model, NULL), SMT_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torchvision_count),
        cmocka_unit_test(test_macs),
        cmocka_unit_test(test_width_075),
        cmocka_unit_test(test_names_and_padding),
        cmocka_unit_test(test_initial_weights),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_model_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
