/* The whole network against PyTorch (tests/golden/make_network_golden.py): logits, loss, all
 * gradients, and all weights and statistics after ten steps of Adam; then the same step at other
 * numbers of threads, bit by bit. */
#include <semtinel/model.h>
#include <semtinel/ops.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define BATCH 6
#define SIZE 64
#define CLASSES 5
#define STEPS 10

static const float class_weight[CLASSES] = {1.0f, 0.5f, 2.0f, 1.5f, 0.75f};

typedef struct golden {
    char *data;
    const char *tensors;
    json_t *header;
} golden;

static void golden_open(golden *g)
{
    size_t size = 0;
    smt_error error;
    void *data = NULL;
    if (smt_file_load(SMT_TEST_DIR "/golden/network.safetensors", 0, &data, &size, &error)) {
        fail_msg("%s", error.message);
    }
    g->data = data;
    uint64_t length;
    memcpy(&length, g->data, sizeof length);
    g->header = json_loadb(g->data + 8, (size_t)length, 0, NULL);
    assert_non_null(g->header);
    g->tensors = g->data + 8 + length;
}

static void golden_close(golden *g)
{
    json_decref(g->header);
    smt_free(g->data);
}

static const float *golden_find(const golden *g, const char *kind, const char *name, size_t count)
{
    char key[2 * SMT_NAME_MAX];
    snprintf(key, sizeof key, "%s%s", kind, name);
    json_t *entry = json_object_get(g->header, key);
    if (!entry) {
        fail_msg("the golden file has no %s", key);
    }
    json_t *offsets = json_object_get(entry, "data_offsets");
    json_int_t begin = json_integer_value(json_array_get(offsets, 0)),
               end = json_integer_value(json_array_get(offsets, 1));
    assert_int_equal((size_t)(end - begin), count * sizeof(float));
    const void *at = g->tensors + begin;
    return at;
}

/* |a - b| / |b|, Euclidean. Some gradients are zero by nature (see the script): for them 1e-6 an
 * element is right. */
static double difference(const float *a, const float *b, size_t count)
{
    double top = 0.0, bottom = 0.0;
    for (size_t i = 0; i < count; i++) {
        double d = (double)a[i] - (double)b[i];
        top += d * d;
        bottom += (double)b[i] * (double)b[i];
    }
    return bottom < 1e-20 * (double)count ? 1e2 * sqrt(top / (double)count) : sqrt(top / bottom);
}

static double worst;

static void
compare(const golden *g, const char *kind, const char *name, const float *ours, size_t count)
{
    double d = difference(ours, golden_find(g, kind, name, count), count);
    if (!(d < 1e-4)) {
        fail_msg("%s%s: relative error %g", kind, name, d);
    }
    worst = d > worst ? d : worst;
}

/* In [-1, 1); the same as hashed() in the golden file's script. */
static float hashed(const char *name, size_t index)
{
    uint32_t x = (uint32_t)((uint64_t)index * 0x9E3779B9u) + smt_crc32(0, name, strlen(name));
    x = (x ^ x >> 16) * 0x7FEB352Du;
    x = (x ^ x >> 15) * 0x846CA68Bu;
    x ^= x >> 16;
    return (float)((double)(x >> 8) / 8388608.0 - 1.0);
}

static smt_graph *build(void)
{
    smt_mobilenet_options options = smt_mobilenet_defaults();
    options.width = 0.25f;
    options.input_size = SIZE;
    options.classes = CLASSES;
    options.dropout = 0.0f;
    smt_graph *graph = NULL;
    smt_error error;
    if (smt_mobilenetv3_small(&options, 1, &graph, &error)) {
        fail_msg("%s", error.message);
    }
    for (int i = 0; i < graph->param_count; i++) {
        smt_param *p = &graph->params[i];
        const char *kind = strrchr(p->name, '.') + 1;
        double area = p->rank == 3 ? p->dim[0] * p->dim[1] : (double)p->count / p->dim[0];
        for (size_t k = 0; k < p->count && p->trainable; k++) {
            float u = hashed(p->name, k);
            p->data[k] = !strcmp(kind, "gamma") ? 1.0f + 0.25f * u
                         : !strcmp(kind, "beta") || !strcmp(kind, "bias")
                             ? 0.25f * u
                             : u * (float)sqrt(6.0 / area);
        }
    }
    return graph;
}

typedef struct trainer {
    smt_graph *graph;
    smt_pool *pool;
    smt_exec *exec;
    float **moments; /* [param] first and second */
    float *images, *target, *gradient;
    int step;
} trainer;

static void trainer_create(trainer *t, int threads)
{
    static const int labels[BATCH] = {0, 1, 2, 3, 4, 2};
    smt_error error;
    *t = (trainer){.graph = build()};
    if (smt_pool_create(threads, &t->pool, &error)) {
        fail_msg("%s", error.message);
    }
    smt_exec_options options = {.max_batch = 8, .training = true};
    if (smt_exec_create(t->graph, t->pool, &options, &t->exec, &error)) {
        fail_msg("%s", error.message);
    }
    t->moments = smt_alloc((size_t)t->graph->param_count, sizeof *t->moments);
    for (int i = 0; i < t->graph->param_count; i++) {
        t->moments[i] = smt_alloc(2 * t->graph->params[i].count, sizeof(float));
    }
    t->images = smt_alloc(BATCH * SIZE * SIZE, sizeof(float));
    t->target = smt_alloc(BATCH * CLASSES, sizeof(float));
    t->gradient = smt_alloc(BATCH * CLASSES, sizeof(float));
    for (size_t i = 0; i < BATCH * SIZE * SIZE; i++) {
        t->images[i] = hashed("images", i);
    }
    for (int i = 0; i < BATCH; i++) {
        t->target[i * CLASSES + labels[i]] = 1.0f;
    }
}

static void trainer_destroy(trainer *t)
{
    for (int i = 0; i < t->graph->param_count; i++) {
        smt_free(t->moments[i]);
    }
    smt_free(t->moments);
    smt_free(t->images);
    smt_free(t->target);
    smt_free(t->gradient);
    smt_exec_destroy(&t->exec);
    smt_pool_destroy(&t->pool);
    smt_graph_destroy(&t->graph);
}

/* Forward and backward; returns the loss. */
static double run(trainer *t, const float **logits)
{
    const float *z = smt_exec_forward(t->exec, t->images, BATCH, &(smt_step){.dropout_seed = 1});
    assert_non_null(z);
    double loss =
        smt_loss_cross_entropy(z, t->target, class_weight, 0.1f, BATCH, CLASSES, t->gradient);
    smt_exec_backward(t->exec, t->gradient);
    *logits = z;
    return loss;
}

/* Adam (Kingma and Ba 2015), as plainly as can be. */
static void adam(trainer *t)
{
    t->step++;
    for (int i = 0; i < t->graph->param_count; i++) {
        smt_param *p = &t->graph->params[i];
        const float *g = smt_exec_gradient(t->exec, i);
        float *m = t->moments[i], *v = m + p->count;
        for (size_t k = 0; g && k < p->count; k++) {
            m[k] = 0.9f * m[k] + 0.1f * g[k];
            v[k] = 0.999f * v[k] + 0.001f * g[k] * g[k];
            double mean = (double)m[k] / (1 - pow(0.9, t->step)),
                   square = (double)v[k] / (1 - pow(0.999, t->step));
            p->data[k] -= (float)(1e-3 * mean / (sqrt(square) + 1e-4));
        }
    }
}

static void test_golden(void **state)
{
    (void)state;
    golden g;
    golden_open(&g);
    trainer t;
    trainer_create(&t, 2);
    double loss = 0.0;
    for (int step = 0; step < STEPS; step++) {
        const float *logits;
        loss = run(&t, &logits);
        if (step == 0) {
            compare(&g, "", "logits", logits, BATCH * CLASSES);
            compare(&g, "", "loss", &(float){(float)loss}, 1);
            int compared = 0;
            for (int i = 0; i < t.graph->param_count; i++) {
                const smt_param *p = &t.graph->params[i];
                if (p->trainable) {
                    compare(&g, "gradient/", p->name, smt_exec_gradient(t.exec, i), p->count);
                    compared++;
                }
            }
            assert_int_equal(compared, 140);
            print_message(
                "worst relative error of logits, loss and %d gradients: %.2g\n", compared, worst);
        }
        adam(&t);
    }
    worst = 0.0;
    compare(&g, "after/", "loss", &(float){(float)loss}, 1);
    for (int i = 0; i < t.graph->param_count; i++) {
        compare(&g,
                "after/",
                t.graph->params[i].name,
                t.graph->params[i].data,
                t.graph->params[i].count);
    }
    smt_exec_options options = {.max_batch = BATCH};
    smt_exec *exec = NULL;
    assert_int_equal(smt_exec_create(t.graph, t.pool, &options, &exec, NULL), SMT_OK);
    compare(&g, "after/", "inference", smt_exec_infer(exec, t.images, BATCH), BATCH * CLASSES);
    print_message(
        "worst relative error of weights, statistics and inference after %d steps: %.2g\n",
        STEPS,
        worst);
    smt_exec_destroy(&exec);
    trainer_destroy(&t);
    golden_close(&g);
}

static void test_threads_give_the_same_bits(void **state)
{
    (void)state;
    trainer one, other;
    trainer_create(&one, 1);
    for (int threads = 2; threads <= 5; threads += 3) {
        trainer_create(&other, threads);
        const float *a, *b;
        for (int step = 0; step < 2; step++) {
            if (threads == 2) {
                run(&one, &a);
                adam(&one);
            }
            run(&other, &b);
            adam(&other);
        }
        for (int i = 0; i < one.graph->param_count; i++) {
            assert_memory_equal(one.graph->params[i].data,
                                other.graph->params[i].data,
                                one.graph->params[i].count * sizeof(float));
        }
        trainer_destroy(&other);
    }
    trainer_destroy(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden),
                                       cmocka_unit_test(test_threads_give_the_same_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
