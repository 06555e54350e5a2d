/* Every instruction set's kernels against the scalar reference, on random shapes and data. */
#include "ops/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define FLOATS 40000
#define ROUNDS 150

static float *x, *y, *w, *ours, *theirs;
static double *our_sums, *their_sums;
static smt_rng rng;

static int pick(int low, int high)
{
    return low + (int)smt_rng_below(&rng, (uint32_t)(high - low + 1));
}

static void fill(float *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = (float)smt_rng_uniform(&rng, -4.0, 4.0);
    }
}

/* Sums of `terms` products of numbers below 4 in size. The
 * whole buffer: what lies behind must be untouched. */
static void compare(const char *table, const char *what, int terms)
{
    for (size_t i = 0; i < FLOATS; i++) {
        double bound = 2e-6 * (16.0 * sqrt((double)terms) + fabs((double)theirs[i]));
        if (!(fabs((double)ours[i] - (double)theirs[i]) <= bound)) {
            fail_msg("%s %s: element %zu is %.9g, reference %.9g",
                     table,
                     what,
                     i,
                     (double)ours[i],
                     (double)theirs[i]);
        }
    }
}

static void compare_sums(const char *table, const char *what, int count, int terms)
{
    for (int i = 0; i < count; i++) {
        if (!(fabs(our_sums[i] - their_sums[i]) <=
              1e-5 * (64.0 * sqrt((double)terms) + fabs(their_sums[i])))) {
            fail_msg("%s %s: sum %d is %.9g, reference %.9g",
                     table,
                     what,
                     i,
                     our_sums[i],
                     their_sums[i]);
        }
    }
}

static void same_start(void)
{
    fill(ours, FLOATS);
    memcpy(theirs, ours, FLOATS * sizeof *ours);
}

static int channels(void)
{
    static const int some[] = {1, 3, 7, 8, 16, 19, 24, 40, 72, 88, 100};
    return some[smt_rng_below(&rng, sizeof some / sizeof *some)];
}

static void check_product(const ops_kernels *k)
{
    ops_product q = {
        .m = pick(1, 40), .n = channels(), .k = pick(0, 1) ? pick(0, 60) : pick(250, 300)};
    q.accumulate = pick(0, 1);
    bool turned = pick(0, 1);
    q.a = x;
    q.a_row = turned ? 1 : q.k + pick(0, 3);
    q.a_column = turned ? q.m + pick(0, 3) : 1;
    q.b = w;
    q.b_row = q.n + pick(0, 9);
    q.c_row = q.n + pick(0, 9);
    same_start();
    q.c = ours;
    k->product(&q);
    q.c = theirs;
    ops_kernels_reference.product(&q);
    compare(k->name, "product", q.k + 1);
    q.a_row = q.k + pick(0, 3);
    q.b_row = q.k + pick(0, 3);
    same_start();
    q.c = ours;
    k->product_rows(&q);
    q.c = theirs;
    ops_kernels_reference.product_rows(&q);
    compare(k->name, "product_rows", q.k + 1);
}

static void check_depthwise(const ops_kernels *k)
{
    static const int kernels[] = {1, 2, 3, 3, 5, 5, 4};
    ops_window s = {.images = pick(1, 2), .h = pick(1, 10), .w = pick(1, 18), .c = channels()};
    s.kernel_h = kernels[smt_rng_below(&rng, 7)];
    s.kernel_w = pick(0, 3) ? s.kernel_h : kernels[smt_rng_below(&rng, 7)];
    s.stride = pick(1, 3);
    bool same = pick(0, 1);
    if (same) {
        s.oh = (s.h + s.stride - 1) / s.stride;
        s.ow = (s.w + s.stride - 1) / s.stride;
        int down = (s.oh - 1) * s.stride + s.kernel_h - s.h,
            right = (s.ow - 1) * s.stride + s.kernel_w - s.w;
        s.pad_top = down > 0 ? down / 2 : 0;
        s.pad_left = right > 0 ? right / 2 : 0;
    } else {
        s.pad_top = s.kernel_h / 2;
        s.pad_left = s.kernel_w / 2;
        s.oh = (s.h + 2 * s.pad_top - s.kernel_h) / s.stride + 1;
        s.ow = (s.w + 2 * s.pad_left - s.kernel_w) / s.stride + 1;
    }
    int area = s.kernel_h * s.kernel_w;
    const float *bias = pick(0, 1) ? w + 5000 : NULL;
    same_start();
    k->depthwise_forward(&s, x, w, bias, ours);
    ops_kernels_reference.depthwise_forward(&s, x, w, bias, theirs);
    compare(k->name, "depthwise_forward", area + 1);
    same_start();
    k->depthwise_data(&s, y, w, ours);
    ops_kernels_reference.depthwise_data(&s, y, w, theirs);
    compare(k->name, "depthwise_data", area);
    same_start();
    k->depthwise_weight(&s, x, y, ours);
    ops_kernels_reference.depthwise_weight(&s, x, y, theirs);
    compare(k->name, "depthwise_weight", s.images * s.oh * s.ow);
}

static void check_norm(const ops_kernels *k)
{
    ops_norm n = {.c = channels(),
                  .activation = (smt_activation)pick(SMT_ACT_NONE, SMT_ACT_HARD_SIGMOID),
                  .scale = w,
                  .offset = w + 200,
                  .mean = w + 400,
                  .slope = w + 600,
                  .level = w + 800};
    int pixels = pick(1, FLOATS / 100 - 10);
    size_t p = (size_t)pixels, c = (size_t)n.c;
    memset(our_sums, 0, 400 * sizeof *our_sums);
    memset(their_sums, 0, 400 * sizeof *their_sums);
    k->norm_statistics(p, n.c, x, n.mean, our_sums, our_sums + c);
    ops_kernels_reference.norm_statistics(p, n.c, x, n.mean, their_sums, their_sums + c);
    k->norm_reduce(&n, p, x, y, our_sums + 2 * c, our_sums + 3 * c);
    ops_kernels_reference.norm_reduce(&n, p, x, y, their_sums + 2 * c, their_sums + 3 * c);
    compare_sums(k->name, "batch norm", 4 * n.c, pixels);
    same_start();
    k->norm_forward(&n, p, x, ours);
    ops_kernels_reference.norm_forward(&n, p, x, theirs);
    compare(k->name, "norm_forward", 64);
    same_start();
    k->norm_backward(&n, p, x, y, ours);
    ops_kernels_reference.norm_backward(&n, p, x, y, theirs);
    compare(k->name, "norm_backward", 64);
    same_start();
    k->activate(n.activation, p, x, ours);
    ops_kernels_reference.activate(n.activation, p, x, theirs);
    compare(k->name, "activate", 4);
    same_start();
    k->activate_backward(n.activation, p, x, y, ours);
    ops_kernels_reference.activate_backward(n.activation, p, x, y, theirs);
    compare(k->name, "activate_backward", 4);
}

static void check_pixels(const ops_kernels *k)
{
    int c = channels(), rows = pick(1, 60), columns = pick(1, 60);
    size_t pixels = (size_t)pick(1, 90), count = pixels * (size_t)c;
    bool add = pick(0, 1);
#define BOTH(call, what, terms)                                                                    \
    do {                                                                                           \
        same_start();                                                                              \
        float *to = ours;                                                                          \
        k->call;                                                                                   \
        to = theirs;                                                                               \
        ops_kernels_reference.call;                                                                \
        compare(k->name, what, terms);                                                             \
    } while (0)
    BOTH(add(count, x, y, to), "add", 1);
    BOTH(add_bias(pixels, c, w, to), "add_bias", 1);
    BOTH(sum_pixels(pixels, c, x, 0.25f, to), "sum_pixels", (int)pixels);
    BOTH(scale_pixels(pixels, c, x, w, to), "scale_pixels", 1);
    BOTH(dot_pixels(pixels, c, x, y, to), "dot_pixels", (int)pixels);
    BOTH(spread_pixels(pixels, c, w, 0.25f, add, to), "spread_pixels", 1);
    BOTH(transpose(rows, columns, x, to), "transpose", 1);
    BOTH(sum_parts(count / 8 + 1, 8, count / 8 + 3, x, to), "sum_parts", 8);
}

static void test_tables(void **state)
{
    (void)state;
    const ops_kernels *tables[4];
    int count = ops_kernels_list(tables);
    assert_true(count >= 2);
    assert_ptr_equal(tables[0], &ops_kernels_reference);
    for (int t = 1; t < count; t++) {
        rng = smt_rng_seed(11, (uint64_t)t);
        for (int round = 0; round < ROUNDS; round++) {
            fill(x, FLOATS);
            fill(y, FLOATS);
            fill(w, FLOATS);
            check_product(tables[t]);
            check_depthwise(tables[t]);
            check_norm(tables[t]);
            check_pixels(tables[t]);
        }
        print_message("%s agrees with the reference\n", tables[t]->name);
    }
}

int main(void)
{
    float *block = smt_alloc(5 * FLOATS, sizeof *block);
    our_sums = smt_alloc(800, sizeof *our_sums);
    if (!block || !our_sums) {
        return 1;
    }
    their_sums = our_sums + 400;
    x = block;
    y = x + FLOATS;
    w = y + FLOATS;
    ours = w + FLOATS;
    theirs = ours + FLOATS;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tables)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    smt_free(block);
    smt_free(our_sums);
    return failed;
}
