/* An ensemble's outputs are the mean of its members', before and after every pass; what does not go
 * together is refused. */
#include <semtinel/model.h>
#include <semtinel/ops.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define CLASSES 3

static const char *const classes[CLASSES] = {"bridge", "clean", "open"};

static smt_model *member(float width, int size, const char *const *names, uint64_t seed)
{
    smt_mobilenet_options options = smt_mobilenet_defaults();
    options.width = width;
    options.input_size = size;
    options.classes = CLASSES;
    smt_graph *graph = NULL;
    smt_model *model = NULL;
    assert_int_equal(smt_mobilenetv3_small(&options, seed, &graph, NULL), SMT_OK);
    smt_node *last = &graph->nodes[graph->node_count - 1];
    smt_rng rng = smt_rng_seed(seed, 1);
    for (int i = 0; i < CLASSES; i++) { /* a bias that shows, of an untrained network */
        graph->params[last->param[SMT_BIAS]].data[i] = (float)smt_rng_normal(&rng);
    }
    assert_int_equal(smt_model_create(graph, &options, names, CLASSES, &model, NULL), SMT_OK);
    return model;
}

static void run(smt_graph *graph, float *out)
{
    smt_pool *pool = NULL;
    smt_exec *exec = NULL;
    const smt_exec_options options = {.max_batch = 1};
    size_t count = smt_shape_count(graph->nodes[0].shape);
    float *input = smt_alloc(count, sizeof *input);
    smt_rng rng = smt_rng_seed(9, 9);
    for (size_t i = 0; i < count; i++) {
        input[i] = (float)smt_rng_uniform(&rng, -1, 1);
    }
    assert_int_equal(smt_pool_create(1, &pool, NULL), SMT_OK);
    assert_int_equal(smt_exec_create(graph, pool, &options, &exec, NULL), SMT_OK);
    memcpy(out, smt_exec_infer(exec, input, 1), CLASSES * sizeof *out);
    smt_exec_destroy(&exec);
    smt_pool_destroy(&pool);
    smt_free(input);
}

static void assert_mean(smt_graph *graph, const float *mean)
{
    float out[CLASSES];
    run(graph, out);
    for (int c = 0; c < CLASSES; c++) {
        assert_float_equal(out[c], mean[c], 1e-5);
    }
}

static void test_mean(void **state)
{
    (void)state;
    static const float widths[3] = {0.5f, 0.25f, 0.5f};
    smt_model *models[3], *ensemble = NULL;
    float mean[CLASSES] = {0}, out[CLASSES];
    for (int m = 0; m < 3; m++) {
        models[m] = member(widths[m], 48, classes, (uint64_t)m + 1);
        run(models[m]->graph, out);
        for (int c = 0; c < CLASSES; c++) {
            mean[c] += out[c] / 3;
        }
    }
    assert_int_equal(smt_model_ensemble((const smt_model *const *)models, 3, &ensemble, NULL),
                     SMT_OK);
    assert_int_equal(ensemble->member_count, 3);
    assert_float_equal(ensemble->members[1].width, 0.25f, 0);
    assert_string_equal(ensemble->classes[2], "open");
    assert_int_equal(smt_graph_check(ensemble->graph, NULL), SMT_OK);
    assert_true(smt_graph_find(ensemble->graph, "net3.block10.project") > 0);
    assert_mean(ensemble->graph, mean);
    smt_graph *folded = NULL, *freed = NULL;
    assert_int_equal(smt_graph_fold(ensemble->graph, &folded, NULL), SMT_OK);
    assert_mean(folded, mean);
    assert_int_equal(smt_graph_free_gates(folded, &freed, NULL), SMT_OK);
    assert_mean(freed, mean);
    smt_graph_destroy(&folded);
    smt_graph_destroy(&freed);
    smt_model_destroy(&ensemble);
    for (int m = 0; m < 3; m++) {
        smt_model_destroy(&models[m]);
    }
}

static void
assert_refused(const smt_model *a, const smt_model *b, smt_status status, const char *why)
{
    const smt_model *both[] = {a, b};
    smt_model *ensemble = NULL;
    smt_error error = {0};
    assert_int_equal(smt_model_ensemble(both, 2, &ensemble, &error), status);
    assert_null(ensemble);
    if (!strstr(error.message, why)) {
        fail_msg("'%s' says nothing of '%s'", error.message, why);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const others[CLASSES] = {"bridge", "open", "clean"};
    smt_model *one = member(0.25f, 48, classes, 1), *two = member(0.25f, 48, classes, 2);
    smt_model *larger = member(0.25f, 64, classes, 2), *other = member(0.25f, 48, others, 2);
    smt_model *foreign = member(0.25f, 48, classes, 2), *pair = NULL;
    const smt_model *both[] = {one, two};
    foreign->arch.width = 0;
    assert_int_equal(smt_model_ensemble(both, 2, &pair, NULL), SMT_OK);
    assert_refused(one, larger, SMT_ERR_ARGUMENT, "network 2 takes 64 pixels");
    assert_refused(one, other, SMT_ERR_ARGUMENT, "network 2 has other classes");
    assert_refused(
        one, foreign, SMT_ERR_UNSUPPORTED, "network 2 is exported, or of another program");
    assert_refused(pair, one, SMT_ERR_UNSUPPORTED, "network 1 is an ensemble itself");
    assert_int_equal(smt_model_ensemble(both, 1, &pair, NULL), SMT_ERR_ARGUMENT);
    two->preprocess.scale = 255;
    assert_refused(one, two, SMT_ERR_ARGUMENT, "preprocessing");
    one->preprocess.scale = 255;
    smt_model_destroy(&pair);
    assert_int_equal(smt_model_ensemble(both, 2, &pair, NULL), SMT_OK);
    assert_float_equal(pair->preprocess.scale, 255, 0);
    two->arch.channels = 3;
    assert_refused(one,
                   two,
                   SMT_ERR_ARGUMENT,
                   "in 3 channels, the first 48 in 1; train both with one --channels");
    larger->arch.channels = 3;
    assert_refused(one,
                   larger,
                   SMT_ERR_ARGUMENT,
                   "other classes or preprocessing; train both with one --size and one --channels, "
                   "on one data set");
    smt_model *made[] = {one, two, larger, other, foreign, pair};
    for (int i = 0; i < 6; i++) {
        smt_model_destroy(&made[i]);
    }
}

static void test_memory(void **state)
{
    (void)state;
    smt_model *one = member(0.25f, 32, classes, 1), *two = member(0.25f, 32, classes, 2);
    const smt_model *both[] = {one, two};
    smt_status status = SMT_ERR_MEMORY;
    for (long after = 0; status; after += after < 30 ? 1 : 37) {
        smt_model *ensemble = NULL;
        smt_alloc_fail_after(after);
        status = smt_model_ensemble(both, 2, &ensemble, NULL);
        smt_alloc_fail_after(-1);
        assert_true(status == SMT_OK || status == SMT_ERR_MEMORY);
        assert_true((ensemble != NULL) == (status == SMT_OK));
        smt_model_destroy(&ensemble);
    }
    smt_model_destroy(&one);
    smt_model_destroy(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
