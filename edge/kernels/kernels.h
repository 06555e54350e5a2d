/* The contract of all kernel sets (ref/, x86/, arm_dsp/, arm_neon/) and of exported C networks.
 *
 * Layouts: activations NHWC; convolution weights OHWI, depthwise 1HWC; dense layers are 1x1
 * convolutions whose rows are pixels. A kernel gets its parameters in a const struct, which an
 * exported network keeps in flash, and three pointers: input, output and scratch memory, all
 * aligned to SMT_EDGE_ARENA_ALIGNMENT.
 *
 * int8: real = scale * (q - zero). acc[o] = bias[o] + sum (in - in_zero) * weight; out =
 * clamp(requantise(acc[o], multiplier[o], shift[o]) + out_zero, low, high). Weights -128 .. 127, at
 * most 65536 products a sum. Every set gives the same bytes as ref/.
 *
 * Overlap: the output may share memory with the input when the input starts at least `lead` bytes
 * after the output's start (or the two are disjoint): kernels walk forward, and `lead` tells how
 * far writing runs ahead of reading.
 */
#ifndef SEMTINEL_EDGE_KERNELS_H
#define SEMTINEL_EDGE_KERNELS_H

#include "edge.h"

#define SMT_NO_OVERLAP UINT32_MAX

/* Rounds up to the alignment of everything in the arena. */
static inline uint32_t edge_align(uint32_t bytes)
{
    return (bytes + SMT_EDGE_ARENA_ALIGNMENT - 1) & ~(SMT_EDGE_ARENA_ALIGNMENT - 1);
}

typedef struct smt_conv {
    int32_t batch, in_h, in_w, in_c, out_h, out_w, out_c;
    int32_t filter_h, filter_w, stride_h, stride_w, dilation_h, dilation_w, pad_h, pad_w;
    /* int8 */
    int32_t in_zero, out_zero, low, high;
    const int32_t *multiplier; /* [out_c], 2^30 .. 2^31 - 1 or 0 */
    const int8_t *shift;       /* [out_c], -31 .. 30; > 0: left */
    /* float32 and dynamic range */
    float low_f, high_f;
    const float *weight_scale; /* dynamic range: [out_c], or [1] when weight_scales is 1 */
    int32_t weight_scales;
    /* all */
    const void *weights;
    const void *bias;     /* [out_c] int32 or float, or NULL */
    const void *prepared; /* what `prepare` wrote, or NULL */
} smt_conv;

typedef struct smt_product smt_product;

typedef struct smt_conv_kernel {
    uint32_t (*prepared)(const smt_conv *p); /* bytes of prepared constants; NULL: none */
    void (*prepare)(const smt_conv *p, void *prepared); /* multiplier and shift are set */
    uint32_t (*scratch)(const smt_conv *p);             /* bytes; NULL: none */
    uint32_t (*lead)(const smt_conv *p);                /* NULL: no overlap */
    void (*run)(const smt_conv *p, const void *in, void *out, void *scratch);
    /* int8 only; NULL: smt_product_s8() goes row by row */
    void (*product)(const smt_product *p, const void *in, void *out, void *scratch);
    uint32_t (*product_scratch)(const smt_conv *p); /* of both factors' geometry */
} smt_conv_kernel;

/* out = clamp(a op b); shape is the output's, strides in elements, 0 where an input is spread. The
 * innermost strides are 0 or 1. int8 ADD and SUB: each input times its multiplier at 2^20 times its
 * value, then the sum times `out`; MUL: the product of (q - zero) times `out`. */
typedef struct smt_arithmetic {
    smt_edge_code code;
    int32_t shape[4], stride_a[4], stride_b[4];
    int32_t zero_a, zero_b, zero_out, low, high;
    int32_t multiplier_a, multiplier_b, multiplier_out;
    int32_t shift_a, shift_b, shift_out;
    float low_f, high_f;
} smt_arithmetic;

/* The product of two convolutions of one input, neither of them held whole: out = mul(a(in),
 * b(in)). a and b have one geometry, batch 1, and differ in weights, zero points and ranges only;
 * of mul, the shape and the strides are ignored. `in` and `out` are disjoint. */
struct smt_product {
    const smt_conv *a, *b;
    const smt_arithmetic *mul;
};

typedef void
smt_arithmetic_s8(const smt_arithmetic *p, const int8_t *a, const int8_t *b, int8_t *out);

/* Mean over the dimensions d with reduce[d]; int8: sum - count * in_zero, times multiplier (with 1
 * / count in it). */
typedef struct smt_mean {
    int32_t shape[4];
    bool reduce[4];
    int32_t count;
    int32_t in_zero, out_zero, multiplier, shift;
} smt_mean;

typedef struct smt_pool {
    bool max; /* else average of the window's part inside the image */
    int32_t batch, in_h, in_w, channels, out_h, out_w;
    int32_t filter_h, filter_w, stride_h, stride_w, pad_h, pad_w;
    int32_t low, high;
    float low_f, high_f;
} smt_pool;

typedef struct smt_softmax {
    int32_t rows, depth;
    float beta;
    int32_t multiplier, shift,
        diff_min; /* int8: of the difference to the row's maximum, to Q5.26 */
} smt_softmax;

/* One set. A NULL pointer: this set does not run that operator and type. */
struct smt_edge_kernels {
    const char *name;
    bool keep_tables; /* multiplier and shift tables are kept as prepared constants, else built at
                         each run */
    const smt_conv_kernel *conv_s8, *depthwise_s8, *conv_f32, *depthwise_f32, *conv_dynamic,
        *depthwise_dynamic;
    void (*map_s8)(const int8_t table[256],
                   const int8_t *in,
                   int8_t *out,
                   uint32_t count); /* table[q + 128] */
    void (*arithmetic_s8)(const smt_arithmetic *p, const int8_t *a, const int8_t *b, int8_t *out);
    void (*mean_s8)(const smt_mean *p, const int8_t *in, int8_t *out);
    void (*pool_s8)(const smt_pool *p, const int8_t *in, int8_t *out);
    void (*softmax_s8)(const smt_softmax *p, const int8_t *in, int8_t *out);
    void (*unary_f32)(smt_edge_code code, const float *in, float *out, uint32_t count);
    void (*arithmetic_f32)(const smt_arithmetic *p, const float *a, const float *b, float *out);
    void (*mean_f32)(const smt_mean *p, const float *in, float *out);
    void (*pool_f32)(const smt_pool *p, const float *in, float *out);
    void (*softmax_f32)(const smt_softmax *p, const float *in, float *out);
    /* QUANTIZE to int8 (flip 0) or uint8 (flip 128, zero and bytes then unsigned), and back */
    void (*quantise_f32)(
        float scale, int32_t zero, bool is_unsigned, const float *in, void *out, uint32_t count);
    void (*dequantise)(const smt_edge_tensor *from, float *out);
};

/* ---- ref/ ---------------------------------------------------------------------------------- */

/* How far writing runs ahead of reading when pixels are computed one after the
 * other, row by row, each from its whole window. by_channel: channel c of the
 * output needs only channel c of the input and is written at once (depthwise).
 * ahead: this many pixels are read before the first of them is written. */
uint32_t smt_conv_lead(const smt_conv *p, uint32_t element, bool by_channel, int32_t ahead);

extern const smt_conv_kernel smt_ref_conv_s8_kernel, smt_ref_depthwise_s8_kernel;
extern const smt_conv_kernel smt_ref_conv_f32_kernel, smt_ref_depthwise_f32_kernel;
extern const smt_conv_kernel smt_ref_conv_dynamic_kernel, smt_ref_depthwise_dynamic_kernel;
uint32_t smt_ref_conv_s8_lead(const smt_conv *p);
uint32_t smt_ref_depthwise_s8_lead(const smt_conv *p);
void smt_ref_conv_s8(const smt_conv *p, const void *in, void *out, void *scratch);
void smt_ref_depthwise_s8(const smt_conv *p, const void *in, void *out, void *scratch);
void smt_ref_conv_f32(const smt_conv *p, const void *in, void *out, void *scratch);
void smt_ref_depthwise_f32(const smt_conv *p, const void *in, void *out, void *scratch);
/* By the kernel's own `product`, or row by row. The scratch
 * memory serves kernel->run() on a whole factor too. */
uint32_t smt_product_scratch(const smt_conv_kernel *kernel, const smt_conv *p);
void smt_product_s8(const smt_conv_kernel *kernel,
                    smt_arithmetic_s8 *multiply,
                    const smt_product *p,
                    const void *in,
                    void *out,
                    void *scratch);
void smt_ref_map_s8(const int8_t table[256], const int8_t *in, int8_t *out, uint32_t count);
void smt_ref_arithmetic_s8(const smt_arithmetic *p, const int8_t *a, const int8_t *b, int8_t *out);
void smt_ref_arithmetic_f32(const smt_arithmetic *p, const float *a, const float *b, float *out);
void smt_ref_mean_s8(const smt_mean *p, const int8_t *in, int8_t *out);
void smt_ref_mean_f32(const smt_mean *p, const float *in, float *out);
void smt_ref_pool_s8(const smt_pool *p, const int8_t *in, int8_t *out);
void smt_ref_pool_f32(const smt_pool *p, const float *in, float *out);
void smt_ref_softmax_s8(const smt_softmax *p, const int8_t *in, int8_t *out);
void smt_ref_softmax_f32(const smt_softmax *p, const float *in, float *out);
void smt_ref_unary_f32(smt_edge_code code, const float *in, float *out, uint32_t count);
void smt_ref_quantise_f32(
    float scale, int32_t zero, bool is_unsigned, const float *in, void *out, uint32_t count);
void smt_ref_dequantise(const smt_edge_tensor *from, float *out);

/* ---- other sets ------------------------------------------------------------------------------ */

/* int8 only: plans arenas that fit the reference and the Cortex-M kernels alike, for exported C. */
SMT_EDGE_API const smt_edge_kernels *smt_edge_kernels_portable(void);

/* Tables for map_s8, by the reference arithmetic of each function. Scales > 0. */
typedef struct smt_map {
    smt_edge_code code; /* HARD_SWISH, RELU, RELU6, LOGISTIC, QUANTIZE */
    float in_scale, out_scale;
    int32_t in_zero, out_zero;
} smt_map;
void smt_build_map(const smt_map *p, int8_t table[256]);

#endif
