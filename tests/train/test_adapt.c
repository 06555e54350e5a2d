/* Adaptation: what the first batch norm must become, how the share follows images and classes, what
 * is refused, and that a failure leaves the model alone. */
#include "train/statistics.h"

#include <semtinel/adapt.h>
#include <semtinel/ops.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 32, IMAGES = 20 };

static smt_pool *pool;
static uint8_t data[IMAGES * SIDE * SIDE];
static uint32_t sample[IMAGES];
static smt_pixels pixels = {.size = SIDE, .count = IMAGES, .data = data, .sample = sample};

static int prepare(void **state)
{
    (void)state;
    smt_rng rng = smt_rng_seed(1, 2);
    for (int i = 0; i < IMAGES * SIDE * SIDE; i++) {
        int level = 40 + 9 * (i / (SIDE * SIDE)); /* each image has a brightness of its own */
        data[i] = (uint8_t)(level + (int)smt_rng_below(&rng, 30));
    }
    return smt_pool_create(2, &pool, NULL);
}

static int finish(void **state)
{
    (void)state;
    smt_pool_destroy(&pool);
    return 0;
}

static smt_model *make_model(void)
{
    smt_mobilenet_options arch = smt_mobilenet_defaults();
    static const char *const classes[] = {"a", "b", "c"};
    smt_graph *graph = NULL;
    smt_model *model = NULL;
    arch.width = 0.25f;
    arch.input_size = SIDE;
    arch.classes = 3;
    assert_int_equal(smt_mobilenetv3_small(&arch, 3, &graph, NULL), SMT_OK);
    assert_int_equal(smt_model_create(graph, &arch, classes, 3, &model, NULL), SMT_OK);
    return model;
}

static float *param(const smt_model *model, const char *name)
{
    int at = smt_graph_find_param(model->graph, name);
    assert_true(at >= 0);
    return model->graph->params[at].data;
}

/* Mean of each channel of a layer over all images. */
static int layer_means(const smt_model *model, const char *layer, double *means)
{
    smt_exec *exec = NULL;
    const smt_exec_options options = {.max_batch = IMAGES, .training = true};
    float *input = smt_alloc(sizeof data, sizeof *input);
    assert_non_null(input);
    for (size_t i = 0; i < sizeof data; i++) {
        input[i] = ((float)data[i] - 128.0f) / 128.0f;
    }
    assert_int_equal(smt_exec_create(model->graph, pool, &options, &exec, NULL), SMT_OK);
    assert_non_null(smt_exec_infer(exec, input, IMAGES));
    int node = smt_graph_find(model->graph, layer);
    const float *value = smt_exec_value(exec, node);
    const smt_shape shape = model->graph->nodes[node].shape;
    size_t each = (size_t)IMAGES * (size_t)(shape.h * shape.w);
    for (int c = 0; c < shape.c; c++) {
        means[c] = 0;
        for (size_t k = 0; k < each; k++) {
            means[c] += (double)value[k * (size_t)shape.c + (size_t)c] / (double)each;
        }
    }
    smt_exec_destroy(&exec);
    smt_free(input);
    return shape.c;
}

static void test_mixture(void **state)
{
    (void)state;
    smt_model *model = make_model();
    float *mean = param(model, "stem.bn.mean");
    double measured[64];
    int channels = layer_means(model, "stem", measured);
    for (int c = 0; c < channels; c++) {
        mean[c] = 0.01f * (float)c;
    }
    smt_adapt_options o = smt_adapt_defaults();
    smt_adaptation a;
    o.prior = 20;
    o.most = 1;
    o.batch = IMAGES / 2;
    assert_int_equal(smt_adapt(model, &pixels, &o, pool, &a, NULL), SMT_OK);
    assert_int_equal(a.images, IMAGES);
    assert_true(a.variety >= 1.0 / 3 - 1e-9 && a.variety <= 1 + 1e-9);
    assert_true(fabs(a.share - a.variety / 2) < 1e-9); /* 20 images against a prior of 20 */
    for (int c = 0; c < channels; c++) {
        double wanted = (1 - a.share) * 0.01 * c + a.share * measured[c];
        assert_true(fabs(wanted - (double)mean[c]) < 1e-4);
    }
    /* In deviations: all variances were 1. */
    double largest = 0;
    for (int i = 0; i < model->graph->param_count; i++) {
        const smt_param *p = &model->graph->params[i];
        bool stem = p->data == mean, is_mean = strstr(p->name, ".bn.mean") != NULL;
        for (size_t c = 0; c < p->count && is_mean; c++) {
            largest = fmax(largest, fabs((double)p->data[c] - (stem ? 0.01 * (double)c : 0)));
        }
    }
    assert_true(fabs(a.largest_shift - largest / sqrt(1.001)) < 1e-4 * largest);
    assert_true(a.mean_shift > 0 && a.mean_shift <= a.largest_shift);
    assert_non_null(strstr(model->provenance, "\"adapted\""));
    smt_model_destroy(&model);
}

/* A later layer is measured on what it will see: its input comes from the mixtures before it. */
static void test_later_layer(void **state)
{
    (void)state;
    smt_model *model = make_model();
    smt_adapt_options o = smt_adapt_defaults();
    smt_adaptation a;
    o.prior = 20;
    o.most = 1;
    assert_int_equal(smt_adapt(model, &pixels, &o, pool, &a, NULL), SMT_OK); /* one batch */
    double measured[64];
    int channels = layer_means(model, "block0.depthwise", measured);
    const float *mean = param(model, "block0.depthwise.bn.mean"); /* was 0 */
    for (int c = 0; c < channels; c++) {
        assert_true(fabs(a.share * measured[c] - (double)mean[c]) < 1e-4);
    }
    smt_model_destroy(&model);
}

enum { BATCH = 2 };

static int first_batch(void *context, float *input)
{
    bool *given = context;
    for (int i = 0; i < BATCH * SIDE * SIDE && !*given; i++) {
        input[i] = ((float)data[i] - 128.0f) / 128.0f;
    }
    int count = *given ? 0 : BATCH;
    *given = true;
    return count;
}

/* A share of 1 is what a training step leaves that keeps nothing of the old statistics. */
static void test_whole_share(void **state)
{
    (void)state;
    static float input[BATCH * SIDE * SIDE];
    smt_model *model = make_model(), *trained = make_model();
    bool given = false;
    const smt_norm_pass pass = {
        .batch = BATCH, .share = 1, .input = input, .next = first_batch, .context = &given};
    assert_int_equal(smt_measure_batch_norm(model->graph, pool, &pass, NULL), SMT_OK);
    for (int i = 0; i < trained->graph->node_count; i++) {
        trained->graph->nodes[i].momentum = 0;
    }
    smt_exec *exec = NULL;
    const smt_exec_options options = {.max_batch = BATCH, .training = true};
    const smt_step step = {.no_dropout = true};
    assert_int_equal(smt_exec_create(trained->graph, pool, &options, &exec, NULL), SMT_OK);
    assert_non_null(smt_exec_forward(exec, input, BATCH, &step));
    for (int i = 0; i < model->graph->param_count; i++) {
        const smt_param *p = &model->graph->params[i];
        for (size_t k = 0; k < p->count; k++) {
            float wanted = trained->graph->params[i].data[k];
            assert_true(fabsf(p->data[k] - wanted) <= 1e-6f * fabsf(wanted));
        }
    }
    smt_exec_destroy(&exec);
    smt_model_destroy(&model);
    smt_model_destroy(&trained);
}

/* The classifier's bias decides the class of all images: the share falls to a third. */
static void test_one_class(void **state)
{
    (void)state;
    smt_model *model = make_model();
    param(model, "classifier.bias")[1] = 1000;
    smt_adapt_options o = smt_adapt_defaults();
    smt_adaptation a;
    o.prior = 0;
    o.most = 1;
    assert_int_equal(smt_adapt(model, &pixels, &o, pool, &a, NULL), SMT_OK);
    assert_true(fabs(a.variety - 1.0 / 3) < 1e-9);
    assert_true(fabs(a.share - 1.0 / 3) < 1e-9);
    smt_model_destroy(&model);
}

/* A share of 0 changes nothing, a very small one next to nothing. */
static void test_no_share(void **state)
{
    (void)state;
    smt_model *model = make_model(), *same = make_model();
    smt_adapt_options o = smt_adapt_defaults();
    smt_adaptation a;
    o.batch = 3;
    for (int step = 0; step < 2; step++) {
        o.most = step * 1e-6;
        assert_int_equal(smt_adapt(model, &pixels, &o, pool, &a, NULL), SMT_OK);
        assert_true(a.share <= o.most);
        for (int i = 0; i < model->graph->param_count; i++) {
            const smt_param *p = &model->graph->params[i];
            for (size_t k = 0; k < p->count; k++) {
                assert_true(fabsf(p->data[k] - same->graph->params[i].data[k]) <=
                            (float)step * 1e-4f);
            }
        }
    }
    smt_model_destroy(&model);
    smt_model_destroy(&same);
}

/* Familiarity is asked for no longer; a class may be called as the word for it is. */
static void test_forgets(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"\"least_familiarity\":0.5,\"target\":\"purity of unfamiliar one 0.9, unfamiliar 0.1\"",
         "\"rejection\":{\"target\":\"purity of unfamiliar one 0.9\"}"},
        {"\"target\":\"purity of unfamiliar one 0.9\"",
         "\"rejection\":{\"target\":\"purity of unfamiliar one 0.9\"}"},
        {"\"least_familiarity\":0.5,\"target\":\"unfamiliar 0.1\"", "\"decision\":{}"},
    };
    smt_adapt_options o = smt_adapt_defaults();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        smt_model *model = make_model();
        smt_adaptation a;
        smt_free(model->provenance);
        model->provenance = smt_format("{\"decision\":{\"rejection\":{%s}}}", cases[i].before);
        assert_int_equal(smt_adapt(model, &pixels, &o, pool, &a, NULL), SMT_OK);
        assert_int_equal(a.forgot, i != 1);
        assert_non_null(strstr(model->provenance, cases[i].after));
        smt_model_destroy(&model);
    }
}

static void test_refuses(void **state)
{
    (void)state;
    smt_model *model = make_model();
    smt_adapt_options o = smt_adapt_defaults();
    smt_adaptation a;
    smt_error error = {0};
    smt_pixels none = pixels;
    none.count = 0;
    assert_int_equal(smt_adapt(model, &none, &o, pool, &a, &error), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "no images"));
    smt_pixels larger = pixels;
    larger.size++;
    assert_int_equal(smt_adapt(model, &larger, &o, pool, &a, &error), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "for a network of"));
    o.prior = -1;
    assert_int_equal(smt_adapt(model, &pixels, &o, pool, &a, &error), SMT_ERR_ARGUMENT);
    o = smt_adapt_defaults();
    smt_graph *folded = NULL;
    assert_int_equal(smt_graph_fold(model->graph, &folded, NULL), SMT_OK);
    smt_graph_destroy(&model->graph);
    model->graph = folded;
    assert_int_equal(smt_adapt(model, &pixels, &o, pool, &a, &error), SMT_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "folded"));
    smt_model_destroy(&model);
}

static void test_no_memory(void **state)
{
    (void)state;
    smt_model *model = make_model();
    char *provenance = smt_strdup(model->provenance);
    float *mean = param(model, "stem.bn.mean");
    float before = mean[0];
    smt_adapt_options o = smt_adapt_defaults();
    smt_adaptation a;
    smt_status status = SMT_ERR_MEMORY;
    for (long i = 0; status; i++) {
        smt_error error = {0};
        smt_alloc_fail_after(i);
        status = smt_adapt(model, &pixels, &o, pool, &a, &error);
        smt_alloc_fail_after(-1);
        if (status) {
            assert_int_equal(status, SMT_ERR_MEMORY);
            assert_true(error.message[0]);
            assert_true(mean[0] == before);
            assert_string_equal(model->provenance, provenance);
        }
        assert_true(i < 100000);
    }
    assert_true(mean[0] != before);
    smt_free(provenance);
    smt_model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixture),
        cmocka_unit_test(test_later_layer),
        cmocka_unit_test(test_whole_share),
        cmocka_unit_test(test_one_class),
        cmocka_unit_test(test_no_share),
        cmocka_unit_test(test_forgets),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, prepare, finish);
}
