/* Dynamic range by a set's float32 kernels: compiled once for each set (the including file defines
 * TARGET, NAME, CONV_F32, DEPTHWISE_F32 and VECTOR_BYTES, of a register).
 *
 * What the reference adds up are integers, (q - zero) * weight. Their sums are exact in float32,
 * whatever the order, while none can reach 2^24, which the weights tell when they are prepared: 255
 * times the sum of their magnitudes. So the image is quantised to whole numbers in float32, the
 * float32 kernel adds, and the scales come last: the bytes of the reference. Weights beyond that go
 * to the reference. */
#include "kernels/dynamic.h"
#include "kernels/kernels.h"

/* Ahead of the weights in float32 and of what the float32 kernel prepares. */
typedef struct dynamic_header {
    int32_t exact;
    int32_t unused[3]; /* to SMT_EDGE_ARENA_ALIGNMENT */
} dynamic_header;

static uint32_t dynamic_weight_bytes(const smt_conv *p, bool depthwise)
{
    int32_t taps = p->filter_h * p->filter_w;
    return edge_align(4 * (uint32_t)(taps * p->out_c * (depthwise ? 1 : p->in_c)));
}

static uint32_t dynamic_image_bytes(const smt_conv *p)
{
    return edge_align(4 * (uint32_t)(p->in_h * p->in_w * p->in_c));
}

/* The convolution of one image of whole numbers. */
static smt_conv dynamic_whole(const smt_conv *p, const void *prepared, bool depthwise)
{
    smt_conv whole = *p;
    whole.batch = 1;
    whole.weights = (const uint8_t *)prepared + sizeof(dynamic_header);
    whole.prepared = (const uint8_t *)whole.weights + dynamic_weight_bytes(p, depthwise);
    whole.bias = NULL;
    whole.low_f = -3e38f;
    whole.high_f = 3e38f;
    return whole;
}

static uint32_t dynamic_prepared(const smt_conv *p, const smt_conv_kernel *kernel, bool depthwise)
{
    smt_conv one = *p;
    one.batch = 1;
    return (uint32_t)sizeof(dynamic_header) + dynamic_weight_bytes(p, depthwise) +
           (kernel->prepared ? kernel->prepared(&one) : 0);
}

static void
dynamic_prepare(const smt_conv *p, const smt_conv_kernel *kernel, bool depthwise, void *prepared)
{
    const int8_t *weights = p->weights;
    dynamic_header *header = prepared;
    float *widened = (float *)(header + 1);
    int32_t taps = p->filter_h * p->filter_w, terms = depthwise ? taps : taps * p->in_c;
    int32_t step = depthwise ? p->out_c : 1, start = depthwise ? 1 : terms;
    header->exact = 1;
    for (int32_t o = 0; o < p->out_c; o++) {
        int32_t magnitude = 0;
        for (int32_t i = 0; i < terms; i++) {
            int32_t weight = weights[o * start + i * step];
            widened[o * start + i * step] = (float)weight;
            magnitude += weight < 0 ? -weight : weight;
        }
        if (magnitude >= (1 << 24) / 255)
            header->exact = 0;
    }
    smt_conv whole = dynamic_whole(p, prepared, depthwise);
    if (kernel->prepare)
        kernel->prepare(&whole, (uint8_t *)widened + dynamic_weight_bytes(p, depthwise));
}

/* The factors of the sums, the image of whole numbers, and the float32 kernel's own; the reference
 * needs less. */
static uint32_t dynamic_scratch(const smt_conv *p, const smt_conv_kernel *kernel)
{
    smt_conv one = *p;
    one.batch = 1;
    return edge_align(4 * (uint32_t)p->out_c) + dynamic_image_bytes(p) +
           (kernel->scratch ? kernel->scratch(&one) : 0);
}

typedef float dynamic_lanes __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t dynamic_mask __attribute__((vector_size(VECTOR_BYTES)));

enum { DYNAMIC_LANES = VECTOR_BYTES / 4 };

/* largest: the larger of each pair, the old one where x is no number. */
TARGET static inline void dynamic_raise(const dynamic_lanes *x, dynamic_lanes *largest)
{
    dynamic_mask larger = *x > *largest;
    *largest = (dynamic_lanes)(((dynamic_mask)*x & larger) | ((dynamic_mask)*largest & ~larger));
}

/* largest: of x, negative: of -x. */
TARGET static inline void
dynamic_extend(const dynamic_lanes *x, dynamic_lanes *largest, dynamic_lanes *negative)
{
    dynamic_lanes other = -*x;
    dynamic_raise(x, largest);
    dynamic_raise(&other, negative);
}

/* edge_grid_level() - zero, of each. */
TARGET static inline void
dynamic_levels(const edge_grid *grid, const dynamic_lanes *in, dynamic_lanes *out)
{
    dynamic_lanes steps = *in * grid->inverse;
    dynamic_mask number = steps == steps, above = steps >= 256.0f, below = steps <= -256.0f;
    steps = (dynamic_lanes)((dynamic_mask)steps & number & ~above & ~below);
    dynamic_mask whole = __builtin_convertvector(steps, dynamic_mask);
    dynamic_lanes rest = steps - __builtin_convertvector(whole, dynamic_lanes);
    whole += (rest <= -0.5f) - (rest >= 0.5f); /* true is -1 */
    const int32_t most = 127 - grid->zero, least = -128 - grid->zero;
    above |= whole > most;
    below |= whole < least;
    whole = (whole & ~above & ~below) | (above & most) | (below & least);
    *out = __builtin_convertvector(whole, dynamic_lanes);
}

/* The image in whole numbers, q - zero. */
TARGET static edge_grid dynamic_quantise(const float *in, float *whole, int32_t count)
{
    const int32_t full = count - count % DYNAMIC_LANES;
    dynamic_lanes largest = {0}, negative = {0}, x, rest = {0};
    __builtin_memcpy(&rest, in + full, sizeof(float) * (size_t)(count - full));
    dynamic_extend(&rest, &largest, &negative);
    for (int32_t i = 0; i < full; i += DYNAMIC_LANES) {
        __builtin_memcpy(&x, in + i, sizeof x);
        dynamic_extend(&x, &largest, &negative);
    }
    float most = 0, least = 0;
    for (int32_t j = 0; j < DYNAMIC_LANES; j++) {
        most = largest[j] > most ? largest[j] : most;
        least = -negative[j] < least ? -negative[j] : least;
    }
    const edge_grid grid = edge_grid_between(least, most);
    for (int32_t i = 0; i < full; i += DYNAMIC_LANES) {
        __builtin_memcpy(&x, in + i, sizeof x);
        dynamic_levels(&grid, &x, &x);
        __builtin_memcpy(whole + i, &x, sizeof x);
    }
    dynamic_levels(&grid, &rest, &rest);
    __builtin_memcpy(whole + full, &rest, sizeof(float) * (size_t)(count - full));
    return grid;
}

/* Sums to outputs, in place. */
TARGET static void
dynamic_finish(const smt_conv *p, const float *factor, int32_t pixels, float *out)
{
    const float *bias = p->bias;
    const float low = p->low_f, high = p->high_f;
    for (; pixels > 0; pixels--, out += p->out_c)
        for (int32_t o = 0; o < p->out_c; o++) {
            float y = out[o] * factor[o];
            if (bias)
                y += bias[o];
            out[o] = y < low ? low : y > high ? high : y;
        }
}

static void dynamic_run(const smt_conv *p,
                        const smt_conv_kernel *kernel,
                        bool depthwise,
                        const float *in,
                        float *out,
                        void *scratch)
{
    smt_conv whole = dynamic_whole(p, p->prepared, depthwise);
    float *factor = scratch;
    float *image = (float *)((uint8_t *)scratch + edge_align(4 * (uint32_t)p->out_c));
    void *rest = (uint8_t *)image + dynamic_image_bytes(p);
    size_t count = (size_t)p->in_h * (size_t)p->in_w * (size_t)p->in_c;
    int32_t pixels = p->out_h * p->out_w;
    for (int32_t n = 0; n < p->batch; n++, in += count, out += (size_t)pixels * (size_t)p->out_c) {
        edge_grid grid = dynamic_quantise(in, image, (int32_t)count);
        kernel->run(&whole, image, out, rest);
        for (int32_t o = 0; o < p->out_c; o++)
            factor[o] = grid.scale * p->weight_scale[p->weight_scales == 1 ? 0 : o];
        dynamic_finish(p, factor, pixels, out);
    }
}

static uint32_t conv_prepared(const smt_conv *p)
{
    return dynamic_prepared(p, &CONV_F32, false);
}

static void conv_prepare(const smt_conv *p, void *prepared)
{
    dynamic_prepare(p, &CONV_F32, false, prepared);
}

static uint32_t conv_scratch(const smt_conv *p)
{
    return dynamic_scratch(p, &CONV_F32);
}

static void conv_run(const smt_conv *p, const void *in, void *out, void *scratch)
{
    if (((const dynamic_header *)p->prepared)->exact)
        dynamic_run(p, &CONV_F32, false, in, out, scratch);
    else
        smt_ref_conv_dynamic_kernel.run(p, in, out, scratch);
}

static uint32_t depthwise_prepared(const smt_conv *p)
{
    return dynamic_prepared(p, &DEPTHWISE_F32, true);
}

static void depthwise_prepare(const smt_conv *p, void *prepared)
{
    dynamic_prepare(p, &DEPTHWISE_F32, true, prepared);
}

static uint32_t depthwise_scratch(const smt_conv *p)
{
    return dynamic_scratch(p, &DEPTHWISE_F32);
}

static void depthwise_run(const smt_conv *p, const void *in, void *out, void *scratch)
{
    if (((const dynamic_header *)p->prepared)->exact)
        dynamic_run(p, &DEPTHWISE_F32, true, in, out, scratch);
    else
        smt_ref_depthwise_dynamic_kernel.run(p, in, out, scratch);
}

const smt_conv_kernel NAME(conv_dynamic) = {
    .prepared = conv_prepared, .prepare = conv_prepare, .scratch = conv_scratch, .run = conv_run};

const smt_conv_kernel NAME(depthwise_dynamic) = {.prepared = depthwise_prepared,
                                                 .prepare = depthwise_prepare,
                                                 .scratch = depthwise_scratch,
                                                 .run = depthwise_run};
