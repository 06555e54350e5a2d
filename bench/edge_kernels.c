/* Every kernel of every set that this processor runs, on the shapes of
 * tests/edge/kernel_cases.h, the table of the test: nanoseconds, and how many times faster than the
 * reference. The minimum of many runs.
 *
 *     bench_edge_kernels [TEXT]      cases whose name contains TEXT
 */
#include "../tests/edge/kernel_cases.h"

#include <semtinel/base.h>

#include <stdio.h>
#include <string.h>

typedef enum arithmetic { INT8, FLOAT, DYNAMIC, ARITHMETICS } arithmetic;

static const char *const arithmetic_names[ARITHMETICS] = {"int8", "float", "dynamic"};

typedef struct memory {
    void *in, *out, *weights, *bias, *multiplier, *shift, *scale;
} memory;

static bool reserve(memory *m, const smt_conv *p)
{
    size_t in = (size_t)(p->in_h * p->in_w * p->in_c),
           out = (size_t)(p->out_h * p->out_w * p->out_c);
    size_t weights = (size_t)(p->filter_h * p->filter_w * p->in_c) * (size_t)p->out_c;
    size_t channels = (size_t)p->out_c;
    *m = (memory){
        smt_alloc(in, 4), smt_alloc(out, 4), smt_alloc(weights, 4), NULL, NULL, NULL, NULL};
    m->bias = smt_alloc(channels, 4);
    m->multiplier = smt_alloc(channels, 4);
    m->shift = smt_alloc(channels, 1);
    m->scale = smt_alloc(channels, 4);
    return m->in && m->out && m->weights && m->bias && m->multiplier && m->shift && m->scale;
}

static void release(memory *m)
{
    smt_free(m->in);
    smt_free(m->out);
    smt_free(m->weights);
    smt_free(m->bias);
    smt_free(m->multiplier);
    smt_free(m->shift);
    smt_free(m->scale);
}

/* Values that keep results inside their range, so that no kernel has it easier than in use. */
static void fill(const memory *m, const smt_conv *p, arithmetic kind)
{
    smt_rng rng = smt_rng_seed(7, 1);
    size_t in = (size_t)(p->in_h * p->in_w * p->in_c);
    size_t weights = (size_t)(p->filter_h * p->filter_w * p->in_c) * (size_t)p->out_c;
    for (size_t i = 0; i < in; i++) {
        int q = (int)smt_rng_below(&rng, 256) - 128;
        if (kind == INT8)
            ((int8_t *)m->in)[i] = (int8_t)q;
        else
            ((float *)m->in)[i] = (float)q / 128;
    }
    for (size_t i = 0; i < weights; i++) {
        int q = (int)smt_rng_below(&rng, 255) - 127;
        if (kind == FLOAT)
            ((float *)m->weights)[i] = (float)q / 1024;
        else
            ((int8_t *)m->weights)[i] = (int8_t)q;
    }
    for (int32_t o = 0; o < p->out_c; o++) {
        ((int32_t *)m->multiplier)[o] = 1500000000;
        ((int8_t *)m->shift)[o] = -9;
        ((float *)m->scale)[o] = 1.0f / 1024;
    }
}

/* Nanoseconds of a run; 0: no memory. */
static double time_kernel(const smt_conv_kernel *kernel, smt_conv p, const memory *m)
{
    void *prepared = smt_alloc(kernel->prepared ? kernel->prepared(&p) : 0, 1);
    void *scratch = smt_alloc(kernel->scratch ? kernel->scratch(&p) : 0, 1);
    double best = 0;
    if (prepared && scratch) {
        if (kernel->prepare)
            kernel->prepare(&p, prepared);
        p.prepared = prepared;
        double begin = smt_clock();
        for (int i = 0; i < 2000 && (i < 3 || smt_clock() - begin < 0.1); i++) {
            double start = smt_clock();
            kernel->run(&p, m->in, m->out, scratch);
            double taken = smt_clock() - start;
            best = i == 0 || taken < best ? taken : best;
        }
    }
    smt_free(prepared);
    smt_free(scratch);
    return best * 1e9;
}

static void
print(const char *name, arithmetic kind, const smt_edge_kernels *set, double ns, double times)
{
    printf("%-28s %-7s %-13s %10.0f ns %7.1f times\n",
           name,
           arithmetic_names[kind],
           set->name,
           ns,
           times);
}

static const smt_conv_kernel *
kernel_of(const smt_edge_kernels *set, arithmetic kind, bool depthwise)
{
    return kind == INT8    ? depthwise ? set->depthwise_s8 : set->conv_s8
           : kind == FLOAT ? depthwise ? set->depthwise_f32 : set->conv_f32
           : depthwise     ? set->depthwise_dynamic
                           : set->conv_dynamic;
}

static void
measure(const kernel_case *c, arithmetic kind, const smt_edge_kernels *const *sets, int count)
{
    smt_conv p = case_shape(c);
    memory m;
    if (reserve(&m, &p)) {
        fill(&m, &p, kind);
        p.weights = m.weights;
        p.bias = m.bias;
        p.multiplier = m.multiplier;
        p.shift = m.shift;
        p.weight_scale = m.scale;
        p.weight_scales = p.out_c;
        p.low = -128;
        p.high = 127;
        p.low_f = -3e38f;
        p.high_f = 3e38f;
        double reference = 0;
        for (int i = 0; i < count; i++) {
            const smt_conv_kernel *kernel = kernel_of(sets[i], kind, c->depthwise);
            double ns = kernel ? time_kernel(kernel, p, &m) : 0;
            reference = i == 0 ? ns : reference;
            if (ns > 0)
                print(c->name, kind, sets[i], ns, reference / ns);
        }
    }
    release(&m);
}

typedef enum element_function { MAP, GATE, SUM, MEAN, ELEMENT_FUNCTIONS } element_function;

static void run_element(const smt_edge_kernels *set,
                        element_function function,
                        bool s8,
                        const element_case *c,
                        const void *a,
                        const void *b,
                        void *out)
{
    static int8_t table[256];
    const int32_t n = c->channels;
    smt_arithmetic p = {.code = function == GATE ? SMT_EDGE_MUL : SMT_EDGE_ADD,
                        .shape = {1, 1, c->pixels, n},
                        .stride_a = {0, 0, n, 1},
                        .stride_b = {0, 0, function == GATE ? 0 : n, 1},
                        .low = -128,
                        .high = 127,
                        .multiplier_a = 1 << 30,
                        .multiplier_b = 1500000000,
                        .multiplier_out = 1500000000,
                        .shift_b = -1,
                        .shift_out = function == GATE ? -7 : -18,
                        .low_f = -3e38f,
                        .high_f = 3e38f};
    smt_mean mean = {.shape = {1, c->pixels, 1, n},
                     .reduce = {false, true, true, false},
                     .count = c->pixels,
                     .multiplier = 1500000000,
                     .shift = -4};
    uint32_t count = (uint32_t)(c->pixels * n);
    if (function == MAP && s8)
        set->map_s8(table, a, out, count);
    else if (function == MAP)
        set->unary_f32(SMT_EDGE_HARD_SWISH, a, out, count);
    else if (function == MEAN && s8)
        set->mean_s8(&mean, a, out);
    else if (function == MEAN)
        set->mean_f32(&mean, a, out);
    else if (s8)
        set->arithmetic_s8(&p, a, b, out);
    else
        set->arithmetic_f32(&p, a, b, out);
}

static void measure_element(const element_case *c,
                            element_function function,
                            bool s8,
                            const smt_edge_kernels *const *sets,
                            int count)
{
    static const char *const names[ELEMENT_FUNCTIONS] = {"hard-swish", "gate", "sum", "mean"};
    size_t bytes = 4 * (size_t)c->pixels * (size_t)c->channels;
    void *a = smt_alloc(bytes, 1), *b = smt_alloc(bytes, 1), *out = smt_alloc(bytes, 1);
    char name[40];
    double reference = 0;
    snprintf(name, sizeof name, "%s %d x %d", names[function], c->pixels, c->channels);
    for (int i = 0; i < count && a && b && out; i++) {
        double best = 0, begin = smt_clock();
        for (int k = 0; k < 2000 && (k < 3 || smt_clock() - begin < 0.05); k++) {
            double start = smt_clock();
            run_element(sets[i], function, s8, c, a, b, out);
            double taken = smt_clock() - start;
            best = k == 0 || taken < best ? taken : best;
        }
        reference = i == 0 ? best : reference;
        print(name, s8 ? INT8 : FLOAT, sets[i], 1e9 * best, reference / best);
    }
    smt_free(a);
    smt_free(b);
    smt_free(out);
}

int main(int argc, char **argv)
{
    const smt_edge_kernels *sets[4] = {smt_edge_kernels_reference()};
    int count = 1;
    const smt_edge_kernels *others[3] = {
        smt_edge_kernels_avx2(), smt_edge_kernels_avx512(), smt_edge_kernels_neon()};
    for (int i = 0; i < 3; i++)
        if (others[i])
            sets[count++] = others[i];
    for (int i = 0; i < KERNEL_CASES; i++)
        if (argc < 2 || strstr(kernel_cases[i].name, argv[1]))
            for (arithmetic kind = INT8; kind < ARITHMETICS; kind++)
                measure(&kernel_cases[i], kind, sets, count);
    for (int i = 0; i < ELEMENT_CASES && argc < 2; i++)
        for (element_function function = MAP; function < ELEMENT_FUNCTIONS; function++) {
            measure_element(&element_cases[i], function, true, sets, count);
            measure_element(&element_cases[i], function, false, sets, count);
        }
    return 0;
}
