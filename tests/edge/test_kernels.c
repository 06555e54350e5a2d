/* Every fast kernel against the reference, as dav1d's checkasm does: the network's shapes and
 * random ones; int8 and dynamic range byte for byte, float32 within 1e-5; guards around every
 * buffer; where a kernel declares an overlap, run in it. */
#include "kernel_cases.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUARD = 64 };

static uint32_t seed = 7;

static int next_int(int low, int high)
{
    seed = seed * 1664525u + 1013904223u;
    return low + (int)((seed >> 8) % (uint32_t)(high - low + 1));
}

typedef struct buffer {
    uint8_t *memory, *data;
    size_t bytes;
} buffer;

/* 64-aligned, with guards directly before and after. */
static buffer make(size_t bytes)
{
    buffer b = {malloc(bytes + 2 * GUARD + 64), NULL, bytes};
    b.data = (uint8_t *)(((uintptr_t)b.memory + GUARD + 63) & ~(uintptr_t)63);
    memset(b.data - GUARD, 0xa5, bytes + 2 * GUARD);
    return b;
}

static void release(buffer *b)
{
    for (int i = 0; i < GUARD; i++)
        if (b->data[-1 - i] != 0xa5 || b->data[b->bytes + (size_t)i] != 0xa5)
            fail_msg("a kernel wrote outside its buffer");
    free(b->memory);
}

static int sets(const smt_edge_kernels **list)
{
    int count = 0;
    if (smt_edge_kernels_avx2())
        list[count++] = smt_edge_kernels_avx2();
    if (smt_edge_kernels_avx512())
        list[count++] = smt_edge_kernels_avx512();
    return count;
}

static size_t count_in(const smt_conv *p)
{
    return (size_t)(p->batch * p->in_h * p->in_w * p->in_c);
}

static size_t count_out(const smt_conv *p)
{
    return (size_t)(p->batch * p->out_h * p->out_w * p->out_c);
}

static void
run_kernel(const smt_conv_kernel *kernel, smt_conv p, const void *in, size_t in_bytes, void *out)
{
    buffer prepared = make(kernel->prepared ? kernel->prepared(&p) : 0);
    buffer scratch = make(kernel->scratch ? kernel->scratch(&p) : 0);
    buffer exact = make(in_bytes); /* so that reading beyond the input is seen by a sanitizer */
    memcpy(exact.data, in, in_bytes);
    if (kernel->prepare)
        kernel->prepare(&p, prepared.data);
    p.prepared = prepared.data;
    kernel->run(&p, exact.data, out, scratch.data);
    release(&prepared);
    release(&scratch);
    release(&exact);
}

static void check_s8(smt_conv p, bool depthwise, const char *name)
{
    size_t in_count = count_in(&p), out_count = count_out(&p);
    size_t weights = (size_t)(p.filter_h * p.filter_w * p.out_c * (depthwise ? 1 : p.in_c));
    buffer in = make(in_count), w = make(weights), bias = make(4 * (size_t)p.out_c),
           m = make(4 * (size_t)p.out_c);
    buffer s = make((size_t)p.out_c), want = make(out_count);
    bool extreme = next_int(0, 3) == 0;
    for (size_t i = 0; i < in_count; i++)
        in.data[i] = (uint8_t)(extreme ? next_int(0, 1) * 255 - 128 : next_int(-128, 127));
    for (size_t i = 0; i < weights; i++)
        w.data[i] = (uint8_t)(extreme ? next_int(0, 1) * 255 - 128 : next_int(-128, 127));
    for (int o = 0; o < p.out_c; o++) {
        ((int32_t *)(void *)bias.data)[o] = next_int(-100000, 100000);
        ((int32_t *)(void *)m.data)[o] = next_int(0, 40) ? next_int(1 << 30, INT32_MAX) : 0;
        s.data[o] = (uint8_t)next_int(-16, -4);
        if (next_int(0, 15) == 0)
            s.data[o] = (uint8_t)next_int(-31, 6);
        if (next_int(0, 40) == 0) /* a dead channel: a huge bias at a tiny scale */
            ((int32_t *)(void *)bias.data)[o] = next_int(0, 1) ? INT32_MAX : INT32_MIN;
    }
    p.in_zero = next_int(-128, 127);
    p.out_zero = next_int(-128, 127);
    p.low = next_int(0, 1) ? -128 : next_int(-128, 0);
    p.high = next_int(0, 1) ? 127 : next_int(1, 127);
    p.weights = w.data;
    p.bias = next_int(0, 7) ? bias.data : NULL;
    p.multiplier = (const int32_t *)(const void *)m.data;
    p.shift = (const int8_t *)s.data;
    const smt_edge_kernels *reference = smt_edge_kernels_reference(), *list[8];
    run_kernel(
        depthwise ? reference->depthwise_s8 : reference->conv_s8, p, in.data, in_count, want.data);
    int fast = sets(list);
    for (int k = 0; k < fast; k++) {
        buffer got = make(out_count);
        run_kernel(
            depthwise ? list[k]->depthwise_s8 : list[k]->conv_s8, p, in.data, in_count, got.data);
        for (size_t i = 0; i < out_count; i++)
            if (got.data[i] != want.data[i])
                fail_msg("%s, %s: element %zu is %d, not %d",
                         list[k]->name,
                         name,
                         i,
                         (int8_t)got.data[i],
                         (int8_t)want.data[i]);
        release(&got);
    }
    release(&in);
    release(&w);
    release(&bias);
    release(&m);
    release(&s);
    release(&want);
}

static void check_f32(smt_conv p, bool depthwise, const char *name)
{
    size_t in_count = count_in(&p), out_count = count_out(&p);
    size_t weights = (size_t)(p.filter_h * p.filter_w * p.out_c * (depthwise ? 1 : p.in_c));
    buffer in = make(4 * in_count), w = make(4 * weights), bias = make(4 * (size_t)p.out_c),
           want = make(4 * out_count);
    float *x = (void *)in.data, *k = (void *)w.data, *b = (void *)bias.data, *y = (void *)want.data;
    for (size_t i = 0; i < in_count; i++)
        x[i] = (float)next_int(-1000, 1000) / 1000.0f;
    float size = 1.0f / sqrtf((float)(p.filter_h * p.filter_w * (depthwise ? 1 : p.in_c)));
    for (size_t i = 0; i < weights; i++)
        k[i] = (float)next_int(-1000, 1000) / 1000.0f * size;
    for (int i = 0; i < p.out_c; i++)
        b[i] = (float)next_int(-1000, 1000) / 1000.0f;
    p.weights = k;
    p.bias = next_int(0, 7) ? b : NULL;
    p.low_f = next_int(0, 1) ? 0.0f : -3.4e38f;
    p.high_f = next_int(0, 1) ? 1.5f : 3.4e38f;
    const smt_edge_kernels *reference = smt_edge_kernels_reference(), *list[8];
    run_kernel(depthwise ? reference->depthwise_f32 : reference->conv_f32, p, x, 4 * in_count, y);
    int fast = sets(list);
    for (int s = 0; s < fast; s++) {
        buffer got = make(4 * out_count);
        run_kernel(
            depthwise ? list[s]->depthwise_f32 : list[s]->conv_f32, p, x, 4 * in_count, got.data);
        const float *z = (const void *)got.data;
        for (size_t i = 0; i < out_count; i++)
            if (!(fabsf(z[i] - y[i]) <= 1e-5f * fmaxf(1, fabsf(y[i]))))
                fail_msg("%s, %s: element %zu is %.9g, not %.9g",
                         list[s]->name,
                         name,
                         i,
                         (double)z[i],
                         (double)y[i]);
        release(&got);
    }
    release(&in);
    release(&w);
    release(&bias);
    release(&want);
}

/* Byte for byte, in sums that float32 does not hold and in inputs that are no numbers, too. */
static void check_dynamic(smt_conv p, bool depthwise, const char *name)
{
    size_t in_count = count_in(&p), out_count = count_out(&p);
    size_t weights = (size_t)(p.filter_h * p.filter_w * p.out_c * (depthwise ? 1 : p.in_c));
    buffer in = make(4 * in_count), w = make(weights), bias = make(4 * (size_t)p.out_c),
           scale = make(4 * (size_t)p.out_c), want = make(4 * out_count);
    float *x = (void *)in.data, *b = (void *)bias.data, *factor = (void *)scale.data;
    bool extreme = next_int(0, 3) == 0; /* the largest sums there are */
    int kind = extreme ? 3 : next_int(0, 7);
    float spread = kind == 1 ? 1e-33f : kind == 2 ? 3e38f : 0.001f;
    for (size_t i = 0; i < in_count; i++)
        x[i] = (float)next_int(kind == 3 ? 10 : -1000, kind == 4 ? -10 : 1000) * spread;
    if (kind == 5)
        x[next_int(0, (int)in_count - 1)] = NAN;
    if (kind == 6)
        x[next_int(0, (int)in_count - 1)] = next_int(0, 1) ? INFINITY : -INFINITY;
    for (size_t i = 0; i < weights; i++)
        w.data[i] = (uint8_t)(extreme ? 127 - next_int(0, 1) : next_int(-128, 127));
    for (int i = 0; i < p.out_c; i++) {
        b[i] = (float)next_int(-1000, 1000) / 1000.0f;
        factor[i] = (float)next_int(1, 1000) / 1e5f;
    }
    p.weights = w.data;
    p.weight_scale = factor;
    p.weight_scales = next_int(0, 7) ? p.out_c : 1;
    p.bias = next_int(0, 7) ? b : NULL;
    p.low_f = next_int(0, 1) ? 0.0f : -3.4e38f;
    p.high_f = next_int(0, 1) ? 1.5f : 3.4e38f;
    const smt_edge_kernels *reference = smt_edge_kernels_reference(), *list[8];
    run_kernel(depthwise ? reference->depthwise_dynamic : reference->conv_dynamic,
               p,
               x,
               4 * in_count,
               want.data);
    int fast = sets(list);
    for (int s = 0; s < fast; s++) {
        buffer got = make(4 * out_count);
        run_kernel(depthwise ? list[s]->depthwise_dynamic : list[s]->conv_dynamic,
                   p,
                   x,
                   4 * in_count,
                   got.data);
        if (memcmp(got.data, want.data, want.bytes) != 0)
            fail_msg("%s, %s: dynamic range is not the reference's", list[s]->name, name);
        release(&got);
    }
    release(&in);
    release(&w);
    release(&bias);
    release(&scale);
    release(&want);
}

static void the_networks_shapes(void **state)
{
    (void)state;
    for (int i = 0; i < KERNEL_CASES; i++) {
        check_s8(case_shape(&kernel_cases[i]), kernel_cases[i].depthwise, kernel_cases[i].name);
        check_f32(case_shape(&kernel_cases[i]), kernel_cases[i].depthwise, kernel_cases[i].name);
        for (int k = 0; k < 4; k++)
            check_dynamic(
                case_shape(&kernel_cases[i]), kernel_cases[i].depthwise, kernel_cases[i].name);
    }
}

static void random_shapes(void **state)
{
    (void)state;
    for (int i = 0; i < 400; i++) {
        bool depthwise = i % 2;
        smt_conv p = {
            .batch = next_int(0, 5) ? 1 : 2, .in_h = next_int(1, 12), .in_w = next_int(1, 12)};
        p.in_c = next_int(1, i % 3 ? 24 : 100);
        p.out_c = depthwise ? p.in_c * (next_int(0, 7) ? 1 : 2) : next_int(1, 100);
        p.filter_h = i % 5 ? next_int(1, 5) : 1;
        p.filter_w = i % 5 ? next_int(1, 5) : 1;
        p.stride_h = next_int(1, 3);
        p.stride_w = next_int(1, 3);
        p.dilation_h = next_int(0, 3) ? 1 : 2;
        p.dilation_w = next_int(0, 3) ? 1 : 2;
        p.pad_h = smt_edge_pad_before(
            SMT_EDGE_SAME, p.in_h, p.filter_h, p.stride_h, p.dilation_h, &p.out_h);
        p.pad_w = smt_edge_pad_before(
            SMT_EDGE_SAME, p.in_w, p.filter_w, p.stride_w, p.dilation_w, &p.out_w);
        char name[128];
        snprintf(name,
                 sizeof name,
                 "%s %dx%dx%d to %d, %dx%d stride %d,%d",
                 depthwise ? "depthwise" : "convolution",
                 p.in_h,
                 p.in_w,
                 p.in_c,
                 p.out_c,
                 p.filter_h,
                 p.filter_w,
                 p.stride_h,
                 p.stride_w);
        check_s8(p, depthwise, name);
        check_f32(p, depthwise, name);
        check_dynamic(p, depthwise, name);
    }
}

static void element_wise(void **state)
{
    (void)state;
    const smt_edge_kernels *reference = smt_edge_kernels_reference(), *list[8];
    int fast = sets(list);
    for (int round = 0; round < 400; round++) {
        int rows = next_int(1, 9), n = next_int(1, 200);
        if (round < 6 * ELEMENT_CASES) { /* the network's, each with all functions */
            rows = element_cases[round / 6].pixels;
            n = element_cases[round / 6].channels;
        }
        buffer a = make((size_t)(rows * n)), b = make((size_t)(rows * n)),
               want = make((size_t)(rows * n));
        int8_t table[256];
        for (size_t i = 0; i < a.bytes; i++) {
            a.data[i] = (uint8_t)next_int(0, 255);
            b.data[i] = (uint8_t)next_int(0, 255);
        }
        for (int i = 0; i < 256; i++)
            table[i] = (int8_t)next_int(-128, 127);
        const int codes[3] = {SMT_EDGE_ADD, SMT_EDGE_SUB, SMT_EDGE_MUL};
        smt_arithmetic p = {.code = (smt_edge_code)codes[round % 3], .shape = {1, 1, rows, n}};
        p.stride_a[2] = n;
        p.stride_a[3] = 1;
        p.stride_b[2] = next_int(0, 1) ? n : 0;
        p.stride_b[3] = p.stride_b[2] ? 1 : next_int(0, 1);
        p.zero_a = next_int(-128, 127);
        p.zero_b = next_int(-128, 127);
        p.zero_out = next_int(-128, 127);
        p.low = next_int(0, 1) ? -128 : next_int(-128, 0);
        p.high = next_int(0, 127);
        p.multiplier_a = next_int(1 << 30, INT32_MAX);
        p.multiplier_b = next_int(1 << 30, INT32_MAX);
        p.multiplier_out = next_int(1 << 30, INT32_MAX);
        p.shift_a = next_int(-5, 0);
        p.shift_b = next_int(-5, 0);
        p.shift_out = p.code == SMT_EDGE_MUL ? next_int(-10, 0) : next_int(-24, -15);
        smt_mean m = {
            .shape = {1, rows, 1, n}, .reduce = {false, true, true, false}, .count = rows};
        m.in_zero = p.zero_a;
        m.out_zero = p.zero_out;
        m.multiplier = p.multiplier_a;
        m.shift = next_int(-6, 1);
        for (int s = 0; s < fast; s++) {
            buffer got = make(want.bytes);
            reference->arithmetic_s8(
                &p, (const int8_t *)a.data, (const int8_t *)b.data, (int8_t *)want.data);
            list[s]->arithmetic_s8(
                &p, (const int8_t *)a.data, (const int8_t *)b.data, (int8_t *)got.data);
            assert_memory_equal(got.data, want.data, want.bytes);
            reference->map_s8(
                table, (const int8_t *)a.data, (int8_t *)want.data, (uint32_t)want.bytes);
            list[s]->map_s8(
                table, (const int8_t *)a.data, (int8_t *)got.data, (uint32_t)want.bytes);
            assert_memory_equal(got.data, want.data, want.bytes);
            reference->mean_s8(&m, (const int8_t *)a.data, (int8_t *)want.data);
            list[s]->mean_s8(&m, (const int8_t *)a.data, (int8_t *)got.data);
            assert_memory_equal(got.data, want.data, (size_t)n);
            /* in place, as the plan does it */
            memcpy(got.data, a.data, want.bytes);
            reference->arithmetic_s8(
                &p, (const int8_t *)a.data, (const int8_t *)b.data, (int8_t *)want.data);
            list[s]->arithmetic_s8(
                &p, (const int8_t *)got.data, (const int8_t *)b.data, (int8_t *)got.data);
            assert_memory_equal(got.data, want.data, want.bytes);
            release(&got);
        }
        release(&a);
        release(&b);
        release(&want);
    }
}

/* The reference kernels in the overlap that they declare, against disjoint buffers. */
static void declared_overlaps_are_safe(void **state)
{
    (void)state;
    const smt_edge_kernels *reference = smt_edge_kernels_reference();
    int overlapped = 0;
    for (int i = 0; i < 600; i++) {
        bool depthwise = i % 2;
        smt_conv p = {
            .batch = 1, .in_h = next_int(1, 12), .in_w = next_int(1, 12), .in_c = next_int(1, 20)};
        p.out_c = depthwise ? p.in_c * next_int(1, 2) : next_int(1, 40);
        p.filter_h = i % 4 ? next_int(1, 5) : 1;
        p.filter_w = i % 4 ? next_int(1, 5) : 1;
        p.stride_h = next_int(1, 3);
        p.stride_w = next_int(1, 3);
        p.dilation_h = p.dilation_w = next_int(1, 2);
        smt_edge_padding padding = next_int(0, 1) ? SMT_EDGE_SAME : SMT_EDGE_VALID;
        p.pad_h =
            smt_edge_pad_before(padding, p.in_h, p.filter_h, p.stride_h, p.dilation_h, &p.out_h);
        p.pad_w =
            smt_edge_pad_before(padding, p.in_w, p.filter_w, p.stride_w, p.dilation_w, &p.out_w);
        if (p.out_h < 1 || p.out_w < 1)
            continue;
        int8_t w[40 * 25 * 20];
        int32_t multiplier[40];
        int8_t shift[40];
        for (size_t j = 0; j < sizeof w; j++)
            w[j] = (int8_t)next_int(-127, 127);
        for (int j = 0; j < 40; j++) {
            multiplier[j] = 1500000000;
            shift[j] = -7;
        }
        p.in_zero = 3;
        p.low = -128;
        p.high = 127;
        p.weights = w;
        p.multiplier = multiplier;
        p.shift = shift;
        const smt_conv_kernel *kernel = depthwise ? reference->depthwise_s8 : reference->conv_s8;
        uint32_t lead = kernel->lead(&p);
        size_t in = count_in(&p), out = count_out(&p);
        if (lead >= out)
            continue;
        overlapped++;
        buffer shared = make(lead + in > out ? lead + in : out), want = make(out), x = make(in);
        for (size_t j = 0; j < in; j++)
            x.data[j] = (uint8_t)next_int(0, 255);
        kernel->run(&p, x.data, want.data, NULL);
        memcpy(shared.data + lead, x.data, in);
        kernel->run(&p, shared.data + lead, shared.data, NULL);
        assert_memory_equal(shared.data, want.data, out);
        release(&shared);
        release(&want);
        release(&x);
    }
    assert_in_range(overlapped, 50, 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_networks_shapes),
        cmocka_unit_test(random_shapes),
        cmocka_unit_test(element_wise),
        cmocka_unit_test(declared_overlaps_are_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
