/* One table of shapes for the test of the fast kernels (test_kernels.c) and for their benchmark
 * (bench/edge_kernels.c): those of MobileNetV3-Small at 128x128x1, and odd ones. */
#ifndef TEST_EDGE_KERNEL_CASES_H
#define TEST_EDGE_KERNEL_CASES_H

#include "kernels/kernels.h"

typedef struct kernel_case {
    const char *name;
    bool depthwise;
    int32_t size, in_c, out_c, filter, stride;
} kernel_case;

static const kernel_case kernel_cases[] = {
    {"stem 3x3/2 1-16 @128", false, 128, 1, 16, 3, 2},
    {"depthwise 3x3/2 16 @64", true, 64, 16, 16, 3, 2},
    {"pointwise 16-16 @32", false, 32, 16, 16, 1, 1},
    {"pointwise 16-72 @32", false, 32, 16, 72, 1, 1},
    {"depthwise 3x3/2 72 @32", true, 32, 72, 72, 3, 2},
    {"pointwise 72-24 @16", false, 16, 72, 24, 1, 1},
    {"pointwise 24-88 @16", false, 16, 24, 88, 1, 1},
    {"depthwise 3x3 88 @16", true, 16, 88, 88, 3, 1},
    {"depthwise 5x5/2 96 @16", true, 16, 96, 96, 5, 2},
    {"pointwise 40-240 @8", false, 8, 40, 240, 1, 1},
    {"depthwise 5x5 240 @8", true, 8, 240, 240, 5, 1},
    {"pointwise 240-40 @8", false, 8, 240, 40, 1, 1},
    {"gate 240-64 @1", false, 1, 240, 64, 1, 1},
    {"depthwise 5x5 576 @4", true, 4, 576, 576, 5, 1},
    {"pointwise 96-576 @4", false, 4, 96, 576, 1, 1},
    {"pointwise 576-96 @4", false, 4, 576, 96, 1, 1},
    {"odd 3x3 5-7 @9", false, 9, 5, 7, 3, 1},
    {"odd depthwise 3x3 17 @9", true, 9, 17, 17, 3, 1},
    {"colour stem 3x3/2 3-8 @96", false, 96, 3, 8, 3, 2},
};

enum { KERNEL_CASES = sizeof kernel_cases / sizeof kernel_cases[0] };

/* Element-wise functions, sums, gates and means: pixels x channels. */
typedef struct element_case {
    int32_t pixels, channels;
} element_case;

static const element_case element_cases[] = {{4096, 16},
                                             {1024, 16},
                                             {256, 24},
                                             {256, 96},
                                             {64, 40},
                                             {64, 120},
                                             {64, 240},
                                             {16, 576},
                                             {1, 576}};

enum { ELEMENT_CASES = sizeof element_cases / sizeof element_cases[0] };

/* Shape of a case with SAME padding. */
static inline smt_conv case_shape(const kernel_case *k)
{
    smt_conv p = {.batch = 1, .in_h = k->size, .in_w = k->size, .in_c = k->in_c, .out_c = k->out_c};
    p.filter_h = p.filter_w = k->filter;
    p.stride_h = p.stride_w = k->stride;
    p.dilation_h = p.dilation_w = 1;
    p.pad_h = p.pad_w =
        smt_edge_pad_before(SMT_EDGE_SAME, k->size, k->filter, k->stride, 1, &p.out_h);
    p.out_w = p.out_h;
    return p;
}

#endif
