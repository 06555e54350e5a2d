/* The fast kernels of an ARM processor against the reference ones on random shapes, on the
 * processor itself: odd channels, odd windows, strides, dilations, extreme weights, dead channels,
 * clamps, products of two convolutions, and the overlaps that the kernels declare. On a Cortex-M
 * the DSP set; on AArch64 (tests/cli/test_neon.sh) the NEON set, float32 too. */
#include "kernels/kernels.h"
#include "semihost.h"

#if defined(__aarch64__)
#define FAST_KERNELS smt_edge_kernels_neon()
#define CHECK_FLOAT 1
#else
#define FAST_KERNELS smt_edge_kernels_dsp()
#define CHECK_FLOAT 0
#endif

enum { ROOM = 40000, CHANNELS = 64 };

static uint8_t in[ROOM] __attribute__((section(".arena"), aligned(16)));
static uint8_t want[ROOM] __attribute__((section(".arena"), aligned(16)));
static uint8_t got[2 * ROOM] __attribute__((section(".arena"), aligned(16)));
static uint8_t scratch[8 * ROOM] __attribute__((section(".arena"), aligned(16)));
static uint8_t prepared[8 * ROOM] __attribute__((section(".arena"), aligned(16)));
static int8_t weights[ROOM] __attribute__((section(".arena"), aligned(16)));
static int32_t bias[CHANNELS], multiplier[CHANNELS];
static int8_t shift[CHANNELS];
static uint32_t seed = 3;

static int32_t next(int32_t low, int32_t high)
{
    seed = seed * 1664525u + 1013904223u;
    return low + (int32_t)((seed >> 8) % (uint32_t)(high - low + 1));
}

static void differ(const char *what, int32_t round)
{
    sh_print(what);
    sh_print(" differs from the reference in round ");
    sh_print_number(round);
    sh_print("\n");
    sh_exit(1);
}

static smt_conv random_conv(bool depthwise)
{
    smt_conv p = {.batch = next(0, 4) ? 1 : 2, .in_h = next(1, 12), .in_w = next(1, 12)};
    p.in_c = next(0, 2) ? next(1, 24) : 4 * next(1, 10);
    p.out_c = depthwise ? p.in_c : next(1, 40);
    p.filter_h = next(0, 3) ? next(1, 5) : 1;
    p.filter_w = p.filter_h == 1 && next(0, 1) ? 1 : next(1, 5);
    p.stride_h = next(1, 3);
    p.stride_w = next(1, 3);
    p.dilation_h = p.dilation_w = next(0, 4) ? 1 : 2;
    smt_edge_padding padding = SMT_EDGE_SAME;
    p.pad_h = smt_edge_pad_before(padding, p.in_h, p.filter_h, p.stride_h, p.dilation_h, &p.out_h);
    p.pad_w = smt_edge_pad_before(padding, p.in_w, p.filter_w, p.stride_w, p.dilation_w, &p.out_w);
    p.in_zero = next(-128, 127);
    p.out_zero = next(-128, 127);
    p.low = next(0, 1) ? -128 : next(-128, 0);
    p.high = next(0, 1) ? 127 : next(1, 127);
    bool strange = next(0, 3) == 0;
    for (int32_t o = 0; o < p.out_c; o++) {
        bias[o] = next(-100000, 100000);
        multiplier[o] = next(1 << 30, INT32_MAX);
        shift[o] = (int8_t)next(-14, -4);
        if (strange && next(0, 3) == 0)
            shift[o] = (int8_t)next(-31, 4);
        if (strange && next(0, 7) == 0)
            bias[o] = next(0, 1) ? INT32_MAX : INT32_MIN;
    }
    p.multiplier = multiplier;
    p.shift = shift;
    p.bias = next(0, 7) ? bias : NULL;
    p.weights = weights;
    return p;
}

static int convolutions(const smt_edge_kernels *fast, const smt_edge_kernels *reference)
{
    int32_t done = 0;
    for (int32_t round = 0; round < 600; round++) {
        bool depthwise = round & 1;
        smt_conv p = random_conv(depthwise);
        int32_t bytes_in = p.batch * p.in_h * p.in_w * p.in_c,
                bytes_out = p.batch * p.out_h * p.out_w * p.out_c;
        int32_t terms = p.filter_h * p.filter_w * (depthwise ? 1 : p.in_c);
        const smt_conv_kernel *kernel = depthwise ? fast->depthwise_s8 : fast->conv_s8;
        if (bytes_in > ROOM || bytes_out > ROOM || terms * p.out_c > ROOM ||
            (kernel->scratch && kernel->scratch(&p) > sizeof scratch) ||
            (kernel->prepared && kernel->prepared(&p) > sizeof prepared))
            continue;
        bool extreme = next(0, 3) == 0;
        for (int32_t i = 0; i < bytes_in; i++)
            in[i] = (uint8_t)(extreme ? next(0, 1) * 255 - 128 : next(-128, 127));
        for (int32_t i = 0; i < terms * p.out_c; i++)
            weights[i] = (int8_t)(extreme ? next(0, 1) * 255 - 128 : next(-128, 127));
        (depthwise ? reference->depthwise_s8 : reference->conv_s8)->run(&p, in, want, NULL);
        if (kernel->prepare)
            kernel->prepare(&p, prepared);
        p.prepared = prepared;
        kernel->run(&p, in, got, scratch);
        for (int32_t i = 0; i < bytes_out; i++)
            if (got[i] != want[i])
                differ(depthwise ? "depthwise" : "convolution", round);
        uint32_t lead = kernel->lead ? kernel->lead(&p) : SMT_NO_OVERLAP;
        if (lead < ROOM) {
            lead = (lead + 15) & ~15u;
            for (int32_t i = 0; i < bytes_in; i++)
                got[lead + (uint32_t)i] = in[i];
            kernel->run(&p, got + lead, got, scratch);
            for (int32_t i = 0; i < bytes_out; i++)
                if (got[i] != want[i])
                    differ(depthwise ? "overlapped depthwise" : "overlapped convolution", round);
        }
        done++;
    }
    return done;
}

/* Two convolutions and their product by the set's own fused
 * kernel or row by row, against three reference operators. */
static int products(const smt_edge_kernels *fast, const smt_edge_kernels *reference)
{
    static int8_t other[ROOM] __attribute__((section(".arena"), aligned(16)));
    static int32_t other_bias[CHANNELS];
    int32_t done = 0;
    for (int32_t round = 0; round < 300; round++) {
        bool depthwise = round % 3 == 0;
        smt_conv a = random_conv(depthwise), b = a;
        a.batch = b.batch = 1;
        int32_t bytes_in = a.in_h * a.in_w * a.in_c, bytes_out = a.out_h * a.out_w * a.out_c;
        int32_t count = a.filter_h * a.filter_w * (depthwise ? 1 : a.in_c) * a.out_c;
        const smt_conv_kernel *kernel = depthwise ? fast->depthwise_s8 : fast->conv_s8,
                              *truth = depthwise ? reference->depthwise_s8 : reference->conv_s8;
        uint32_t memory = smt_product_scratch(kernel, &a);
        if (bytes_in > ROOM || bytes_out > ROOM || count > ROOM || memory > sizeof scratch - 16 ||
            (kernel->prepared && kernel->prepared(&a) > sizeof prepared / 2))
            continue;
        for (int32_t i = 0; i < bytes_in; i++)
            in[i] = (uint8_t)next(-128, 127);
        for (int32_t i = 0; i < count; i++) {
            weights[i] = (int8_t)next(-128, 127);
            other[i] = (int8_t)next(-128, 127);
        }
        for (int32_t i = 0; i < CHANNELS; i++)
            other_bias[i] = next(-100000, 100000);
        b.weights = other;
        b.bias = other_bias;
        b.out_zero = next(-128, 127);
        b.low = -128;
        smt_arithmetic mul = {.code = SMT_EDGE_MUL,
                              .shape = {1, 1, 1, bytes_out},
                              .stride_a = {0, 0, 0, 1},
                              .stride_b = {0, 0, 0, 1},
                              .zero_a = a.out_zero,
                              .zero_b = b.out_zero,
                              .zero_out = next(-128, 127),
                              .low = -128,
                              .high = next(0, 1) ? 127 : 50,
                              .multiplier_out = next(1 << 30, INT32_MAX),
                              .shift_out = next(-10, 1)};
        smt_product p = {&a, &b, &mul};
        truth->run(&a, in, want, NULL);
        truth->run(&b, in, got, NULL);
        reference->arithmetic_s8(&mul, (int8_t *)want, (int8_t *)got, (int8_t *)want);
        if (kernel->prepare) {
            kernel->prepare(&a, prepared);
            kernel->prepare(&b, prepared + sizeof prepared / 2);
        }
        a.prepared = prepared;
        b.prepared = prepared + sizeof prepared / 2;
        for (uint32_t i = 0; i < 16; i++)
            scratch[memory + i] = 0xc5;
        smt_product_s8(kernel, fast->arithmetic_s8, &p, in, got, scratch);
        for (int32_t i = 0; i < bytes_out; i++)
            if (got[i] != want[i])
                differ(depthwise ? "product of depthwise" : "product", round);
        for (uint32_t i = 0; i < 16; i++)
            if (scratch[memory + i] != 0xc5)
                differ("memory behind a product's scratch", round);
        done++;
    }
    return done;
}

#if CHECK_FLOAT
/* The same shapes in float32: within 1e-5 of the larger of 1 and the value. */
static void float_convolutions(const smt_edge_kernels *fast, const smt_edge_kernels *reference)
{
    static float x[ROOM], w[ROOM], y[ROOM], z[ROOM], b[CHANNELS];
    for (int32_t round = 0; round < 300; round++) {
        bool depthwise = round & 1;
        smt_conv p = random_conv(depthwise);
        int32_t count_in = p.batch * p.in_h * p.in_w * p.in_c,
                count_out = p.batch * p.out_h * p.out_w * p.out_c;
        int32_t terms = p.filter_h * p.filter_w * (depthwise ? 1 : p.in_c);
        const smt_conv_kernel *kernel = depthwise ? fast->depthwise_f32 : fast->conv_f32;
        if (count_in > ROOM || count_out > ROOM || terms * p.out_c > ROOM ||
            (kernel->scratch && kernel->scratch(&p) > sizeof scratch) ||
            (kernel->prepared && kernel->prepared(&p) > sizeof prepared))
            continue;
        for (int32_t i = 0; i < count_in; i++)
            x[i] = (float)next(-1000, 1000) / 1000.0f;
        for (int32_t i = 0; i < terms * p.out_c; i++)
            w[i] = (float)next(-1000, 1000) / (30.0f * (float)terms);
        for (int32_t i = 0; i < p.out_c; i++)
            b[i] = (float)next(-1000, 1000) / 1000.0f;
        p.low_f = next(0, 1) ? 0.0f : -3e38f;
        p.high_f = next(0, 1) ? 6.0f : 3e38f;
        p.weights = w;
        p.bias = next(0, 7) ? b : NULL;
        (depthwise ? reference->depthwise_f32 : reference->conv_f32)->run(&p, x, y, scratch);
        if (kernel->prepare)
            kernel->prepare(&p, prepared);
        p.prepared = prepared;
        kernel->run(&p, x, z, scratch);
        for (int32_t i = 0; i < count_out; i++) {
            float size = y[i] < -1  ? -y[i]
                         : y[i] > 1 ? y[i]
                                    : 1,
                  gap = y[i] > z[i] ? y[i] - z[i] : z[i] - y[i];
            if (!(gap <= 1e-5f * size))
                differ(depthwise ? "float32 depthwise" : "float32 convolution", round);
        }
    }
}
#endif

static int element_wise(const smt_edge_kernels *fast, const smt_edge_kernels *reference)
{
    static const smt_edge_code codes[3] = {SMT_EDGE_ADD, SMT_EDGE_SUB, SMT_EDGE_MUL};
    int8_t table[256];
    for (int32_t round = 0; round < 300; round++) {
        int32_t rows = next(1, 200), n = next(1, 64), count = rows * n;
        for (int32_t i = 0; i < count; i++) {
            in[i] = (uint8_t)next(0, 255);
            weights[i] = (int8_t)next(-128, 127);
        }
        for (int32_t i = 0; i < 256; i++)
            table[i] = (int8_t)next(-128, 127);
        smt_arithmetic p = {.code = codes[round % 3],
                            .shape = {1, 1, rows, n},
                            .low = -128,
                            .high = next(0, 1) ? 127 : 50};
        p.stride_a[2] = n;
        p.stride_a[3] = 1;
        p.stride_b[2] = next(0, 1) ? n : 0;
        p.stride_b[3] = p.stride_b[2] ? 1 : next(0, 1);
        p.zero_a = next(-128, 127);
        p.zero_b = next(-128, 127);
        p.zero_out = next(-128, 127);
        p.multiplier_a = next(1 << 30, INT32_MAX);
        p.multiplier_b = next(1 << 30, INT32_MAX);
        p.multiplier_out = next(1 << 30, INT32_MAX);
        p.shift_a = next(-5, 0);
        p.shift_b = next(-5, 0);
        p.shift_out = p.code == SMT_EDGE_MUL ? next(-10, 1) : next(-22, -15);
        smt_mean m = {
            .shape = {1, rows, 1, n}, .reduce = {false, true, true, false}, .count = rows};
        m.in_zero = p.zero_a;
        m.out_zero = p.zero_out;
        m.multiplier = p.multiplier_a;
        m.shift = next(-8, 1);
        const int8_t *a = (const int8_t *)in, *b = weights;
        int8_t *w = (int8_t *)want, *g = (int8_t *)got;
        reference->arithmetic_s8(&p, a, b, w);
        fast->arithmetic_s8(&p, a, b, g);
        for (int32_t i = 0; i < count; i++)
            if (got[i] != want[i])
                differ("arithmetic", round);
        reference->map_s8(table, a, w, (uint32_t)count);
        fast->map_s8(table, a, g, (uint32_t)count);
        for (int32_t i = 0; i < count; i++)
            if (got[i] != want[i])
                differ("map", round);
        reference->mean_s8(&m, a, w);
        fast->mean_s8(&m, a, g);
        for (int32_t i = 0; i < n; i++)
            if (got[i] != want[i])
                differ("mean", round);
    }
    return 300;
}

int main(void)
{
#if CHECK_FLOAT
    float_convolutions(FAST_KERNELS, smt_edge_kernels_reference());
#endif
    int done = convolutions(FAST_KERNELS, smt_edge_kernels_reference());
    sh_print_number(done);
    sh_print(" convolutions, ");
    sh_print_number(products(FAST_KERNELS, smt_edge_kernels_reference()));
    sh_print(" products of two and ");
    sh_print_number(element_wise(FAST_KERNELS, smt_edge_kernels_reference()));
    sh_print(" element-wise cases equal the reference\n");
    return 0;
}
