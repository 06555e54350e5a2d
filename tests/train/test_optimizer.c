/* Optimisers, schedules and averages against PyTorch's numbers (tests/golden/make_optim_golden.py),
 * and the promise of equal bits at any number of threads. */
#include <semtinel/optimizer.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 12, WEIGHTS = 17, SLOTS = 3 };
static const size_t counts[SLOTS] = {5, 3, 9};
static char *golden;

static int load_golden(void **state)
{
    (void)state;
    void *data = NULL;
    size_t size = 0;
    smt_error error = {0};
    if (smt_file_load(SMT_TEST_DIR "/golden/optim.txt", 0, &data, &size, &error)) {
        print_error("%s\n", error.message);
        return -1;
    }
    golden = data;
    return 0;
}

static int free_golden(void **state)
{
    (void)state;
    smt_free(golden);
    return 0;
}

/* The values of the line that begins with `name`; fails the test if they are not `count`. */
static void golden_line(const char *name, double *values, int count)
{
    size_t length = strlen(name);
    for (const char *line = golden; line && *line;
         line = strchr(line, '\n'), line += line != NULL) {
        if (strncmp(line, name, length) == 0 && line[length] == ' ') {
            char *end = NULL;
            const char *at = line + length;
            for (int i = 0; i < count; i++) {
                values[i] = strtod(at, &end);
                assert_ptr_not_equal(at, end);
                at = end;
            }
            assert_int_equal(*end, '\n');
            return;
        }
    }
    fail_msg("no line %s in optim.txt", name);
}

static void fill(uint32_t *x, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        *x = (1103515245u * *x + 12345u) & 0x7fffffffu;
        values[i] = (float)((double)(*x >> 8) / 4194304.0 - 1.0);
    }
}

static void
follow_torch(const char *name, const smt_optimizer_options *options, double rate, int rest)
{
    smt_pool *pool = NULL;
    smt_optimizer *optimizer = NULL;
    assert_int_equal(smt_pool_create(2, &pool, NULL), SMT_OK);
    assert_int_equal(smt_optimizer_create(options, counts, SLOTS, &optimizer, NULL), SMT_OK);
    uint32_t x = 7;
    float weights[WEIGHTS], gradients[WEIGHTS];
    fill(&x, weights, WEIGHTS);
    for (int step = 0; step < STEPS; step++) {
        fill(&x, gradients, WEIGHTS);
        smt_slot slots[SLOTS];
        size_t at = 0;
        for (int i = 0; i < SLOTS; i++) {
            slots[i] = (smt_slot){weights + at, gradients + at, counts[i], i != 1, 1.0f};
            at += counts[i];
        }
        if (step < rest) {
            slots[0].gradient = NULL;
        }
        smt_optimizer_step(optimizer, pool, slots, rate, -1);
        char key[64];
        double want[WEIGHTS];
        snprintf(key, sizeof key, "%s.%d", name, step);
        golden_line(key, want, WEIGHTS);
        for (int i = 0; i < WEIGHTS; i++) {
            if (fabs((double)weights[i] - want[i]) > 2e-6) {
                fail_msg(
                    "%s weight %d: %.9g, PyTorch has %.9g", key, i, (double)weights[i], want[i]);
            }
        }
    }
    smt_optimizer_destroy(&optimizer);
    smt_pool_destroy(&pool);
}

static void test_adamw(void **state)
{
    (void)state;
    smt_optimizer_options o = smt_optimizer_defaults();
    o.weight_decay = 0.1;
    follow_torch("adamw", &o, 0.01, 0);
    follow_torch("adamw_rest", &o, 0.01, 4);
    o.beta1 = 0.8;
    o.beta2 = 0.99;
    o.epsilon = 1e-3;
    o.clip_norm = 0.5;
    follow_torch("adamw_clip", &o, 0.01, 0);
}

static void test_adam(void **state)
{
    (void)state;
    smt_optimizer_options o = smt_optimizer_defaults();
    o.kind = SMT_OPTIMIZER_ADAM;
    o.weight_decay = 0.05;
    follow_torch("adam", &o, 0.02, 0);
}

static void test_sgd(void **state)
{
    (void)state;
    smt_optimizer_options o = smt_optimizer_defaults();
    o.kind = SMT_OPTIMIZER_SGD;
    o.weight_decay = 0.02;
    follow_torch("sgd", &o, 0.05, 0);
    o.nesterov = true;
    o.momentum = 0.8;
    follow_torch("sgd_nesterov", &o, 0.05, 0);
    o = (smt_optimizer_options){.kind = SMT_OPTIMIZER_SGD};
    follow_torch("sgd_plain", &o, 0.05, 0);
}

static void
run_large(int threads, smt_optimizer_kind kind, float *weights, size_t count, double *norm)
{
    smt_pool *pool = NULL;
    smt_optimizer *optimizer = NULL;
    smt_optimizer_options o = smt_optimizer_defaults();
    o.kind = kind;
    o.clip_norm = 1.5;
    float *gradients = smt_alloc(count, sizeof *gradients);
    float *average = smt_alloc(count, sizeof *average);
    assert_non_null(gradients);
    assert_non_null(average);
    assert_int_equal(smt_pool_create(threads, &pool, NULL), SMT_OK);
    assert_int_equal(smt_optimizer_create(&o, &count, 1, &optimizer, NULL), SMT_OK);
    uint32_t x = 5;
    fill(&x, weights, count);
    for (int step = 0; step < 5; step++) {
        fill(&x, gradients, count);
        smt_slot slot = {weights, gradients, count, true, 1.0f};
        *norm = smt_optimizer_step(optimizer, pool, &slot, 0.01, step == 3 ? 0.7 : -1);
        smt_average_blend(pool, average, weights, count, smt_average_share(0.99, (uint64_t)step));
    }
    for (size_t i = 0; i < count; i++) {
        weights[i] += average[i];
    }
    smt_free(gradients);
    smt_free(average);
    smt_optimizer_destroy(&optimizer);
    smt_pool_destroy(&pool);
}

static void test_threads(void **state)
{
    (void)state;
    const size_t count = 100003;
    float *one = smt_alloc(count, sizeof *one);
    float *two = smt_alloc(count, sizeof *two);
    assert_non_null(one);
    assert_non_null(two);
    for (int kind = SMT_OPTIMIZER_ADAMW; kind <= SMT_OPTIMIZER_SGD; kind++) {
        double norm_one = 0, norm_two = 0;
        run_large(1, (smt_optimizer_kind)kind, one, count, &norm_one);
        run_large(3, (smt_optimizer_kind)kind, two, count, &norm_two);
        assert_true(norm_one == norm_two && norm_one > 0);
        assert_memory_equal(one, two, count * sizeof *one);
    }
    smt_free(one);
    smt_free(two);
}

static void test_bad_gradients(void **state)
{
    (void)state;
    smt_pool *pool = NULL;
    smt_optimizer *optimizer = NULL;
    smt_optimizer_options o = smt_optimizer_defaults();
    smt_error error = {0};
    size_t count = 2;
    o.beta1 = 1.5;
    assert_int_equal(smt_optimizer_create(&o, &count, 1, &optimizer, &error), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "beta1"));
    o.beta1 = 0.9;
    o.clip_norm = 1;
    assert_int_equal(smt_pool_create(1, &pool, NULL), SMT_OK);
    assert_int_equal(smt_optimizer_create(&o, &count, 1, &optimizer, NULL), SMT_OK);
    float weights[2] = {1, 2}, gradients[2] = {NAN, 1};
    smt_slot slot = {weights, gradients, 2, true, 1.0f};
    assert_true(isnan(smt_optimizer_step(optimizer, pool, &slot, 0.1, -1)));
    assert_true(weights[0] == 1 && weights[1] == 2);
    assert_int_equal(smt_optimizer_steps(optimizer)[0], 0);
    smt_optimizer_destroy(&optimizer);
    smt_pool_destroy(&pool);
}

static void test_no_memory(void **state)
{
    (void)state;
    smt_optimizer_options o = smt_optimizer_defaults();
    smt_optimizer *optimizer = NULL;
    smt_status status = SMT_ERR_MEMORY;
    for (long i = 0; status; i++) {
        smt_alloc_fail_after(i);
        status = smt_optimizer_create(&o, counts, SLOTS, &optimizer, NULL);
        smt_alloc_fail_after(-1);
        assert_true(status == SMT_OK || (status == SMT_ERR_MEMORY && !optimizer));
        assert_true(i < 10);
    }
    smt_optimizer_destroy(&optimizer);
}

static void follow_rates(const char *name, const smt_schedule_options *o, int total)
{
    double want[64], momenta[64];
    char key[64];
    snprintf(key, sizeof key, "%s_momentum", name);
    golden_line(name, want, total);
    if (o->cycle_momentum) {
        golden_line(key, momenta, total);
    }
    for (int i = 0; i < total; i++) {
        double rate = smt_schedule_rate(o, (uint64_t)i, (uint64_t)total);
        if (fabs(rate - want[i]) > 1e-7 * o->rate) {
            fail_msg("%s step %d: %.9g, PyTorch has %.9g", name, i, rate, want[i]);
        }
        double momentum = smt_schedule_momentum(o, (uint64_t)i, (uint64_t)total);
        assert_true(o->cycle_momentum ? fabs(momentum - momenta[i]) < 1e-7 : momentum < 0);
    }
    assert_true(smt_schedule_rate(o, 1000, (uint64_t)total) ==
                smt_schedule_rate(o, (uint64_t)total - 1, (uint64_t)total));
}

static void test_schedules(void **state)
{
    (void)state;
    smt_schedule_options o = smt_schedule_defaults();
    o.rate = 0.01;
    o.cycle_momentum = true;
    follow_rates("one_cycle", &o, 40);
    o.cycle_momentum = false;
    o.rate = 0.002;
    o.warmup = 0.2;
    o.start_divisor = 10;
    o.end_divisor = 100;
    follow_rates("one_cycle_fast", &o, 17);
    o = smt_schedule_defaults();
    o.kind = SMT_SCHEDULE_COSINE;
    o.rate = 0.01;
    o.warmup = 0.2;
    follow_rates("cosine", &o, 40);
    for (int kind = SMT_SCHEDULE_ONE_CYCLE; kind <= SMT_SCHEDULE_CONSTANT; kind++) {
        o.kind = (smt_schedule_kind)kind;
        for (uint64_t total = 0; total < 5; total++) {
            for (uint64_t step = 0; step <= total; step++) {
                double rate = smt_schedule_rate(&o, step, total);
                assert_true(rate > 0 && rate <= o.rate * (1 + 1e-12));
            }
        }
    }
}

/* One step has neither rise nor fall. Of two, the first is the top, also where a warm-up that
 * short ends on it, and the second the end. */
static void test_short_schedules(void **state)
{
    (void)state;
    smt_schedule_options o = smt_schedule_defaults();
    o.cycle_momentum = true;
    const double end = o.rate / o.start_divisor / o.end_divisor;
    for (uint64_t total = 0; total < 2; total++) {
        assert_true(fabs(smt_schedule_rate(&o, 0, total) - o.rate) < 1e-12);
        assert_true(smt_schedule_momentum(&o, 0, total) < 0);
    }
    for (int i = 0; i < 2; i++) {
        o.warmup = i ? 0.5 : 0.3;
        assert_true(fabs(smt_schedule_rate(&o, 0, 2) - o.rate) < 1e-12);
        assert_true(fabs(smt_schedule_rate(&o, 1, 2) - end) < 1e-12);
        assert_true(fabs(smt_schedule_rate(&o, 2, 2) - end) < 1e-12);
        assert_true(fabs(smt_schedule_momentum(&o, 0, 2) - o.momentum_low) < 1e-12);
        assert_true(fabs(smt_schedule_momentum(&o, 1, 2) - o.momentum_high) < 1e-12);
    }
}

static void test_plateau(void **state)
{
    (void)state;
    static const double losses[] = {
        1.0, 0.8, 0.79, 0.81, 0.79, 0.79, 0.7, 0.71, 0.72, 0.73, 0.74, 0.75, 0.69999, 0.6};
    double want[14];
    golden_line("plateau", want, 14);
    smt_schedule_options o = smt_schedule_defaults();
    o.kind = SMT_SCHEDULE_PLATEAU;
    o.rate = 0.01;
    o.plateau_factor = 0.5;
    o.plateau_patience = 2;
    smt_plateau plateau = smt_plateau_start(&o);
    for (int i = 0; i < 14; i++) {
        assert_true(fabs(smt_plateau_update(&plateau, &o, losses[i]) - want[i]) < 1e-9);
    }
    for (int i = 0; i < 200; i++) { /* never below the other schedules' end */
        (void)smt_plateau_update(&plateau, &o, 1);
    }
    assert_true(fabs(plateau.rate / (0.01 / o.start_divisor / o.end_divisor) - 1) < 1e-9);
}

static void test_averages(void **state)
{
    (void)state;
    smt_pool *pool = NULL;
    assert_int_equal(smt_pool_create(1, &pool, NULL), SMT_OK);
    uint32_t x = 11;
    float weight[4], ema[4] = {0}, swa[4] = {0};
    for (int i = 0; i < 6; i++) {
        fill(&x, weight, 4);
        smt_average_blend(pool, ema, weight, 4, i ? 0.1 : 1.0);
        smt_average_blend(pool, swa, weight, 4, 1.0 / (i + 1));
    }
    double want[4];
    golden_line("ema", want, 4);
    for (int i = 0; i < 4; i++) {
        assert_true(fabs(want[i] - (double)ema[i]) < 1e-6);
    }
    golden_line("swa", want, 4);
    for (int i = 0; i < 4; i++) {
        assert_true(fabs(want[i] - (double)swa[i]) < 1e-6);
    }
    assert_true(fabs(smt_average_share(0.999, 0) - 0.9) < 1e-12);
    assert_true(fabs(smt_average_share(0.999, 1000000) - 0.001) < 1e-12);
    smt_pool_destroy(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adamw),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_bad_gradients),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_short_schedules),
        cmocka_unit_test(test_plateau),
        cmocka_unit_test(test_averages),
    };
    return cmocka_run_group_tests(tests, load_golden, free_golden);
}
