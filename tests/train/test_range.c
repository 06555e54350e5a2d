/* Range decay: which channels move, how far, and that the others stay. */
#include "train/range.h"

#include <semtinel/model.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static smt_graph *make_graph(void)
{
    smt_mobilenet_options arch = smt_mobilenet_defaults();
    arch.input_size = 32;
    smt_error error = {0};
    smt_graph *graph = NULL;
    if (smt_mobilenetv3_small(&arch, 3, &graph, &error)) {
        fail_msg("%s", error.message);
    }
    return graph;
}

static float *param(const smt_graph *graph, const char *name)
{
    int index = smt_graph_find_param(graph, name);
    assert_true(index >= 0);
    return graph->params[index].data;
}

static void set(const smt_graph *graph, const char *layer, float gamma, float beta)
{
    char name[SMT_NAME_MAX];
    snprintf(name, sizeof name, "%s.gamma", layer);
    param(graph, name)[1] = gamma;
    snprintf(name, sizeof name, "%s.beta", layer);
    param(graph, name)[1] = beta;
}

static void expect(const smt_graph *graph, const char *layer, double gamma, double beta)
{
    char name[SMT_NAME_MAX];
    snprintf(name, sizeof name, "%s.gamma", layer);
    assert_float_equal(param(graph, name)[1], gamma, 1e-4);
    snprintf(name, sizeof name, "%s.beta", layer);
    assert_float_equal(param(graph, name)[1], beta, 1e-4);
}

/* One step by a tenth: each rule by its formula. */
static void test_one_step(void **state)
{
    (void)state;
    smt_graph *graph = make_graph();
    set(graph, "block4.expand.bn", 4, 6);      /* ends at 20: shrinks by 0.1 * (1 - 5 / 20) */
    set(graph, "block4.depthwise.bn", -2, -1); /* ends at 6: gamma shrinks, a negative beta stays */
    set(graph, "block5.expand.bn", -0.1f, 1);  /* grows by a tenth of the way to -0.5 */
    set(graph, "block5.depthwise.bn", 0.1f, 1); /* no batch norm would make up for it */
    set(graph, "block4.project.bn", 40, 3);     /* no hard-swish */
    set(graph, "block1.expand.bn", 0.1f, 9);    /* ReLU */
    smt_range_decay(graph, 0.1);
    expect(graph, "block4.expand.bn", 4 * 0.925, 6 * 0.925);
    expect(graph, "block4.depthwise.bn", -2 * (1 - 0.1 / 6), -1);
    expect(graph, "block5.expand.bn", -0.14, 1);
    expect(graph, "block5.depthwise.bn", 0.1, 1);
    expect(graph, "block4.project.bn", 40, 3);
    expect(graph, "block1.expand.bn", 0.1, 9);
    smt_graph_destroy(&graph);
}

/* Many steps lead to channels of like size, and no further. */
static void test_where_it_ends(void **state)
{
    (void)state;
    smt_graph *graph = make_graph();
    set(graph, "stem.bn", 0.01f, 14);
    set(graph, "block9.expand.bn", 3, 4);
    set(graph, "last.bn", 20, 0);
    for (int i = 0; i < 200; i++) {
        smt_range_decay(graph, 7); /* as much as half of the way at once */
    }
    float *gamma = param(graph, "stem.bn.gamma"), *beta = param(graph, "stem.bn.beta");
    assert_float_equal(fabsf(gamma[1]), 0.5f, 0.05f);
    assert_float_equal(beta[1] + 3.5f * fabsf(gamma[1]), 5, 0.2f);
    gamma = param(graph, "block9.expand.bn.gamma");
    beta = param(graph, "block9.expand.bn.beta");
    assert_float_equal(beta[1] + 3.5f * gamma[1], 5, 1e-3f);
    assert_float_equal(beta[1] / gamma[1], 4.0f / 3, 1e-3f);
    assert_float_equal(param(graph, "last.bn.gamma")[1], 5 / 3.5f, 1e-3f);
    /* Channel 0 was batch norm's identity, and is. */
    expect(graph, "block10.expand.bn", 1, 0);
    smt_graph_destroy(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_step),
        cmocka_unit_test(test_where_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
