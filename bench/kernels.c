/* Each kernel of the training engine on the shapes of MobileNetV3-Small (width 1, 128 x 128, four
 * images), for every instruction set that this processor runs: nanoseconds and the rate of
 * multiply-adds or of memory.
 *
 *   bench_kernels [TABLE]     only one table: reference, portable, avx2, avx512 */
#include "ops/kernels.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct shape {
    int side, in, out; /* pointwise: side x side x in -> out */
} shape;
typedef struct window {
    int side, c, kernel, stride;
} window;

static const shape pointwise[] = {{32, 16, 16},
                                  {32, 16, 72},
                                  {16, 72, 24},
                                  {16, 24, 88},
                                  {16, 88, 24},
                                  {16, 24, 96},
                                  {8, 96, 40},
                                  {8, 40, 240},
                                  {8, 240, 40},
                                  {8, 40, 120},
                                  {8, 120, 48},
                                  {8, 48, 144},
                                  {8, 144, 48},
                                  {8, 48, 288},
                                  {4, 288, 96},
                                  {4, 96, 576},
                                  {4, 576, 96},
                                  {1, 576, 144}};
static const window windows[] = {{64, 16, 3, 2},
                                 {32, 72, 3, 2},
                                 {16, 88, 3, 1},
                                 {16, 96, 5, 2},
                                 {8, 240, 5, 1},
                                 {8, 120, 5, 1},
                                 {8, 288, 5, 2},
                                 {4, 576, 5, 1}};
enum { IMAGES = 4, FLOATS = 1 << 20 };

static float *x, *y, *z, *w;
static double *sums;

/* Processor time: other processes do not count. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct job {
    const ops_kernels *kernels;
    const void *arguments;
    int kind;
} job;

static void run_product(const job *j)
{
    j->kernels->product(j->arguments);
}

static void run_window(const job *j)
{
    const ops_window *s = j->arguments;
    if (j->kind == 0) {
        j->kernels->depthwise_forward(s, x, w, NULL, y);
    } else if (j->kind == 1) {
        j->kernels->depthwise_data(s, y, w, z);
    } else {
        j->kernels->depthwise_weight(s, x, y, w);
    }
}

static void run_norm(const job *j)
{
    const ops_norm *n = j->arguments;
    size_t pixels = (1 << 17) / (size_t)n->c;
    if (j->kind == 0) {
        j->kernels->norm_statistics(pixels, n->c, x, n->mean, sums, sums + n->c);
    } else if (j->kind == 1) {
        j->kernels->norm_forward(n, pixels, x, y);
    } else if (j->kind == 2) {
        j->kernels->norm_reduce(n, pixels, x, y, sums, sums + n->c);
    } else {
        j->kernels->norm_backward(n, pixels, x, y, z);
    }
}

/* The shortest of several runs, seconds. */
static double shortest(void (*run)(const job *), const job *j)
{
    double best = 1e9;
    int repeats = 1;
    for (int i = 0; i < 12; i++) {
        double start = now();
        for (int k = 0; k < repeats; k++) {
            run(j);
        }
        double took = now() - start;
        if (took < 1e-3 && i < 6) {
            repeats *= took < 1e-4 ? 8 : 2;
            i--;
            continue;
        }
        best = took / repeats < best ? took / repeats : best;
    }
    return best;
}

static double bench_products(const ops_kernels *k)
{
    double total = 0.0;
    for (size_t i = 0; i < sizeof pointwise / sizeof *pointwise; i++) {
        shape s = pointwise[i];
        int pixels = IMAGES * s.side * s.side;
        ops_product forward = {pixels, s.out, s.in, x, s.in, 1, w, s.out, y, s.out, false};
        ops_product data = {pixels, s.in, s.out, y, s.out, 1, w, s.in, z, s.in, false};
        ops_product weight = {s.out, s.in, pixels, y, 1, s.out, x, s.in, w, s.in, true};
        double macs = (double)pixels * s.in * s.out;
        double a = shortest(run_product, &(job){k, &forward, 0}),
               b = shortest(run_product, &(job){k, &data, 0}),
               c = shortest(run_product, &(job){k, &weight, 0});
        printf("%-9s %2dx%-2d %3d -> %-3d   forward %6.1f  data %6.1f  weight %6.1f GFLOP/s\n",
               k->name,
               s.side,
               s.side,
               s.in,
               s.out,
               2e-9 * macs / a,
               2e-9 * macs / b,
               2e-9 * macs / c);
        total += a + b + c;
    }
    return total;
}

static double bench_windows(const ops_kernels *k)
{
    double total = 0.0;
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        window v = windows[i];
        int out = (v.side + v.stride - 1) / v.stride,
            pad = ((out - 1) * v.stride + v.kernel - v.side) / 2;
        ops_window s = {
            IMAGES, v.side, v.side, v.c, out, out, v.kernel, v.kernel, v.stride, pad, pad};
        double macs = (double)IMAGES * out * out * v.c * v.kernel * v.kernel, t[3];
        for (int kind = 0; kind < 3; kind++) {
            t[kind] = shortest(run_window, &(job){k, &s, kind});
            total += t[kind];
        }
        printf("%-9s %2dx%-2d %3d %dx%d /%d  forward %6.1f  data %6.1f  weight %6.1f GFLOP/s\n",
               k->name,
               v.side,
               v.side,
               v.c,
               v.kernel,
               v.kernel,
               v.stride,
               2e-9 * macs / t[0],
               2e-9 * macs / t[1],
               2e-9 * macs / t[2]);
    }
    return total;
}

static double bench_norms(const ops_kernels *k)
{
    static const int channels[] = {16, 72, 88, 240, 576};
    double total = 0.0;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        ops_norm n = {channels[i], SMT_ACT_HARD_SWISH, w, w + 1024, w + 2048, w + 3072, w + 4096};
        double t[4], bytes = 4.0 * (double)((1 << 17) / n.c * n.c);
        for (int kind = 0; kind < 4; kind++) {
            t[kind] = shortest(run_norm, &(job){k, &n, kind});
            total += t[kind];
        }
        printf("%-9s batch norm %3d   statistics %5.1f  forward %5.1f  reduce %5.1f  backward "
               "%5.1f GB/s\n",
               k->name,
               n.c,
               1e-9 * bytes / t[0],
               2e-9 * bytes / t[1],
               2e-9 * bytes / t[2],
               3e-9 * bytes / t[3]);
    }
    return total;
}

int main(int argc, char **argv)
{
    const ops_kernels *tables[4];
    int count = ops_kernels_list(tables);
    float *block = smt_alloc(4 * FLOATS, sizeof *block);
    sums = smt_alloc(2048, sizeof *sums);
    if (!block || !sums) {
        return 1;
    }
    x = block;
    y = x + FLOATS;
    z = y + FLOATS;
    w = z + FLOATS;
    smt_rng rng = smt_rng_seed(1, 0);
    for (size_t i = 0; i < 4 * (size_t)FLOATS; i++) {
        block[i] = (float)smt_rng_uniform(&rng, -1.0, 1.0);
    }
    for (int i = 0; i < count; i++) {
        if (argc > 1 ? strcmp(argv[1], tables[i]->name) != 0
                     : tables[i] == &ops_kernels_reference) {
            continue;
        }
        double a = bench_products(tables[i]), b = bench_windows(tables[i]),
               c = bench_norms(tables[i]);
        printf("%-9s sum: products %.0f us, depthwise %.0f us, batch norm %.0f us\n\n",
               tables[i]->name,
               a * 1e6,
               b * 1e6,
               c * 1e6);
    }
    smt_free(block);
    smt_free(sums);
    return 0;
}
