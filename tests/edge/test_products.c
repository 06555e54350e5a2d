/* Products of two convolutions run as one (edge/src/factors.c), against the same network whose
 * factor is kept because it is an output too: every operator's result, with and without a trace, on
 * every kernel set, within the arena. And the networks that look alike and must not run so. */
#include "builder.h"
#include "kernels/kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <zlib.h>

#include <cmocka.h>

static uint32_t seed = 5;

static int next_int(int low, int high)
{
    seed = seed * 1664525u + 1013904223u;
    return low + (int)((seed >> 8) % (uint32_t)(high - low + 1));
}

/* relu -> two convolutions of its result -> their product -> relu, int8 */
enum variant {
    FUSED,
    KEPT,         /* the first factor is an output too */
    READ_TWICE,   /* the second factor is also added to the product */
    OTHER_FILTER, /* the second convolution has a window of 1 x 1 */
    OTHER_INPUT,  /* the second convolution reads the network's input */
    APART,        /* a convolution between the factors and the product */
    VARIANTS
};

typedef struct product_case {
    int n, h, w, c, o, kh, kw, sh, sw, dh, dw, valid, depthwise;
    int swap, per_channel, bias, activation;
} product_case;

enum { ROOM = 1 << 16 };

typedef struct network {
    tb b;
    int x, y, factor[2], product; /* tensors: input, output of the first relu, ... */
    int8_t weights[3][ROOM];
    int32_t bias[3][64];
} network;

static int add_conv(network *n, const product_case *k, int which, int in, int one)
{
    tb *b = &n->b;
    int kh = one ? 1 : k->kh, kw = one ? 1 : k->kw, dh = one ? 1 : k->dh, dw = one ? 1 : k->dw;
    int shape[4] = {k->depthwise ? 1 : k->o, kh, kw, k->depthwise ? k->o : k->c};
    int reach_h = (kh - 1) * dh + 1, reach_w = (kw - 1) * dw + 1;
    int oh = k->valid ? (k->h - reach_h) / k->sh + 1 : (k->h + k->sh - 1) / k->sh;
    int ow = k->valid ? (k->w - reach_w) / k->sw + 1 : (k->w + k->sw - 1) / k->sw;
    int weights = tb_add_scaled(b, 9, 4, shape, n->weights[which], 0.01f, 0);
    if (k->per_channel) {
        tb_tensor *t = &b->tensors[weights];
        t->scale_count = t->zero_count = k->o;
        t->axis = k->depthwise ? 3 : 0;
        for (int o = 0; o < k->o; o++) {
            t->scales[o] = (float)next_int(1, 1000) / 30000.0f;
            t->zeros[o] = 0;
        }
    }
    int bias = k->bias ? tb_add_tensor(b, 2, 1, (int[]){k->o}, n->bias[which]) : -1;
    int out = tb_add_scaled(
        b, 9, 4, (int[]){k->n, oh, ow, k->o}, NULL, which ? 0.02f : 0.05f, next_int(-128, 127));
    tb_operator *op = tb_add_operator(b, k->depthwise ? 4 : 3, in, weights, bias, out);
    int type = k->depthwise ? 2 : 1, id = 3;
    tb_set(op, type, 0, 1, k->valid);
    tb_set(op, type, 1, 4, k->sw);
    tb_set(op, type, 2, 4, k->sh);
    if (k->depthwise)
        tb_set(op, type, id++, 4, k->o / k->c);
    tb_set(op, type, id++, 1, which == 1 ? k->activation : 0);
    tb_set(op, type, id++, 4, dw);
    tb_set(op, type, id++, 4, dh);
    return out;
}

static int add_like(tb *b, int tensor)
{
    tb_tensor t = b->tensors[tensor];
    return tb_add_scaled(b, 9, t.rank, t.shape, NULL, 0.04f, -30);
}

/* The same seed gives the same numbers to every variant. */
static network *make_network(const product_case *k, enum variant variant, uint32_t numbers)
{
    network *n = calloc(1, sizeof *n);
    tb *b = &n->b;
    seed = numbers;
    for (int i = 0; i < 3; i++) {
        int count = k->kh * k->kw * k->o * (k->depthwise ? 1 : k->c);
        assert_in_range(count, 1, ROOM);
        for (int j = 0; j < count; j++)
            n->weights[i][j] = (int8_t)next_int(-127, 127);
        for (int j = 0; j < k->o; j++)
            n->bias[i][j] = next_int(0, 20) ? next_int(-20000, 20000) : INT32_MAX;
    }
    n->x = tb_add_scaled(b, 9, 4, (int[]){k->n, k->h, k->w, k->c}, NULL, 0.03f, 10);
    n->y = add_like(b, n->x);
    tb_add_operator(b, 19, n->x, -2, -2, n->y);
    for (int i = 0; i < 2; i++)
        n->factor[i] = add_conv(
            n, k, i, variant == OTHER_INPUT && i ? n->x : n->y, variant == OTHER_FILTER && i);
    int between = variant == APART ? add_conv(n, k, 2, n->y, 0) : -1;
    n->product = add_like(b, n->factor[0]);
    tb_operator *mul =
        tb_add_operator(b, 18, n->factor[k->swap], n->factor[1 - k->swap], -2, n->product);
    tb_set(mul, 21, 0, 1, k->activation == 3 ? 1 : 0);
    int end = add_like(b, n->product);
    tb_add_operator(b, 19, n->product, -2, -2, end);
    b->inputs[b->input_count++] = n->x;
    b->outputs[b->output_count++] = end;
    if (variant == READ_TWICE) {
        int sum = add_like(b, n->product);
        tb_add_operator(b, 0, n->product, n->factor[1], -2, sum);
        b->outputs[b->output_count++] = sum;
    }
    if (variant == KEPT)
        b->outputs[b->output_count++] = n->factor[0];
    if (between >= 0)
        b->outputs[b->output_count++] = between;
    tb_finish(b);
    return n;
}

static void free_network(network *n)
{
    tb_free(&n->b);
    free(n);
}

typedef struct results {
    uint32_t crc[16];
    int count;
    uint32_t end; /* CRC of the first output */
} results;

static void
note(void *context, const smt_edge_operator *op, const smt_edge_tensor *output, const void *data)
{
    results *r = context;
    assert_int_equal(op->index, r->count);
    r->crc[r->count++] = (uint32_t)crc32(0, data, output->bytes);
}

static void run_once(tb_run *run, bool traced, results *r)
{
    smt_edge_tensor t;
    smt_edge_get_tensor(&run->model, run->model.inputs[0], &t);
    uint8_t *in = smt_edge_input(&run->runner, 0);
    for (uint32_t i = 0; i < t.bytes; i++)
        in[i] = (uint8_t)(i * 2654435761u >> 23);
    *r = (results){0};
    smt_edge_invoke(&run->runner, traced ? note : NULL, r);
    smt_edge_get_tensor(&run->model, run->model.outputs[0], &t);
    r->end = (uint32_t)crc32(0, smt_edge_output(&run->runner, 0), t.bytes);
    assert_true(tb_canary_intact(run));
}

static void open_network(tb_run *run, const network *n, const smt_edge_kernels *kernels)
{
    if (tb_open(run, n->b.bytes, n->b.size, kernels))
        fail_msg("%s", run->error.message);
}

static int sets(const smt_edge_kernels *list[8])
{
    const smt_edge_kernels *all[] = {smt_edge_kernels_reference(),
                                     smt_edge_kernels_portable(),
                                     smt_edge_kernels_best(),
                                     smt_edge_kernels_avx2(),
                                     smt_edge_kernels_avx512(),
                                     smt_edge_kernels_neon()};
    int count = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i])
            list[count++] = all[i];
    return count;
}

/* On every set: each operator's bytes, traced and not, and the end of the arena. */
static void check_case(const product_case *k, uint32_t numbers)
{
    const smt_edge_kernels *list[8];
    tb_run kept, run;
    results want, got;
    network *whole = make_network(k, KEPT, numbers), *fused = make_network(k, FUSED, numbers);
    open_network(&kept, whole, smt_edge_kernels_reference());
    assert_int_not_equal(kept.plan.places[whole->factor[1]].first, SMT_EDGE_FACTOR);
    run_once(&kept, true, &want);
    int count = sets(list);
    for (int s = 0; s < count; s++) {
        open_network(&run, fused, list[s]);
        for (int i = 0; i < 2; i++)
            assert_int_equal(run.plan.places[fused->factor[i]].first, SMT_EDGE_FACTOR);
        for (int traced = 0; traced < 3; traced++) { /* no, yes, and no again */
            run_once(&run, traced == 1, &got);
            if (got.end != want.end)
                fail_msg("%s kernels, seed %u: another output", list[s]->name, numbers);
            for (int i = 0; i < got.count; i++)
                if (got.crc[i] != want.crc[i])
                    fail_msg("%s kernels, seed %u: operator %d", list[s]->name, numbers, i);
            assert_int_equal(got.count, traced == 1 ? want.count : 0);
        }
        smt_edge_runner runner;
        assert_int_equal(
            smt_edge_start(&run.plan, run.arena, run.plan.arena_bytes - 1, &runner, NULL),
            SMT_EDGE_ERR_MEMORY);
        tb_close(&run);
    }
    tb_close(&kept);
    free_network(whole);
    free_network(fused);
}

static product_case random_case(bool depthwise)
{
    product_case k = {.n = 1, .h = next_int(1, 13), .w = next_int(1, 13), .depthwise = depthwise};
    k.c = next_int(0, 1) ? next_int(1, 3) : next_int(1, 24);
    k.o = depthwise ? k.c * (next_int(0, 4) ? 1 : 2) : next_int(1, 40);
    k.kh = next_int(0, 3) ? next_int(1, 5) : 1;
    k.kw = next_int(0, 3) ? next_int(1, 5) : 1;
    k.sh = next_int(1, 3);
    k.sw = next_int(1, 3);
    k.dh = next_int(0, 3) ? 1 : 2;
    k.dw = next_int(0, 3) ? 1 : 2;
    k.valid = (k.kh - 1) * k.dh < k.h && (k.kw - 1) * k.dw < k.w ? next_int(0, 1) : 0;
    k.swap = next_int(0, 1);
    k.per_channel = next_int(0, 1);
    k.bias = next_int(0, 4) > 0;
    k.activation = next_int(0, 1) ? 3 : 0;
    return k;
}

static void random_shapes(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 300; round++) {
        seed = 77 + round;
        product_case k = random_case(round % 3 == 0);
        check_case(&k, round);
    }
}

static const product_case stem = {.n = 1,
                                  .h = 64,
                                  .w = 64,
                                  .c = 1,
                                  .o = 16,
                                  .kh = 3,
                                  .kw = 3,
                                  .sh = 2,
                                  .sw = 2,
                                  .dh = 1,
                                  .dw = 1,
                                  .per_channel = 1,
                                  .bias = 1,
                                  .activation = 3};

/* Input and product beside each other and a row, where two factors would lie. */
static void memory_of_a_stem(void **state)
{
    (void)state;
    tb_run run, kept;
    network *fused = make_network(&stem, FUSED, 1), *whole = make_network(&stem, READ_TWICE, 1);
    open_network(&run, fused, smt_edge_kernels_reference());
    open_network(&kept, whole, smt_edge_kernels_reference());
    const uint32_t in = 64 * 64, out = 32 * 32 * 16;
    assert_in_range(run.plan.arena_bytes, in + out, in + out + 32 * 16 + 256);
    assert_in_range(kept.plan.arena_bytes, 2 * out + in, 4 * out);
    tb_close(&run);
    tb_close(&kept);
    free_network(fused);
    free_network(whole);
    check_case(&stem, 1);
}

/* What is not such a product runs as before, and right. */
static void lookalikes(void **state)
{
    (void)state;
    const smt_edge_kernels *list[8];
    int count = sets(list);
    for (int v = KEPT; v <= VARIANTS; v++) {
        product_case k = stem;
        k.h = k.w = 11;
        k.n = v == VARIANTS ? 2 : 1; /* two images */
        network *n = make_network(&k, v == VARIANTS ? FUSED : (enum variant)v, 9);
        results want = {0}, got;
        for (int s = 0; s < count; s++) {
            tb_run run;
            open_network(&run, n, list[s]);
            for (int i = 0; i < 2; i++)
                assert_true(run.plan.places[n->factor[i]].first >= 0);
            run_once(&run, true, &got);
            if (s == 0)
                want = got;
            assert_memory_equal(&got, &want, sizeof got);
            tb_close(&run);
        }
        free_network(n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_shapes),
        cmocka_unit_test(memory_of_a_stem),
        cmocka_unit_test(lookalikes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
