/* From an operator of the file to the parameters of its kernel. */
#ifndef SEMTINEL_EDGE_BIND_H
#define SEMTINEL_EDGE_BIND_H

#include "internal.h"
#include "kernels/kernels.h"

typedef struct edge_call {
    smt_edge_operator op;
    smt_edge_tensor in, second, third, out;
    bool has_second, has_third;
    bool is_folded;                /* DEQUANTIZE of a constant: done once, by smt_edge_start() */
    const smt_conv_kernel *kernel; /* convolutions and dense layers, else NULL */
    smt_conv conv;                 /* without pointers */
    uint32_t table_bytes; /* requantisation tables or the 256 entries of an element-wise function */
} edge_call;

/* The model is an opened one and `index` is in range. */
void edge_bind(const smt_edge_model *model,
               const smt_edge_kernels *kernels,
               int32_t index,
               edge_call *call);
bool edge_is_supported(const smt_edge_kernels *kernels, const edge_call *call);
/* Bytes, aligned, of constants prepared once and of memory needed while the operator runs. */
uint64_t edge_prepared_bytes(const smt_edge_kernels *kernels, const edge_call *call);
uint64_t edge_scratch_bytes(const smt_edge_kernels *kernels, const edge_call *call);
/* The same for the product of two convolutions, of which `factor` is one: the tables of both, then
 * the kernel's memory. */
uint64_t edge_product_bytes(const smt_edge_kernels *kernels, const edge_call *factor);
/* How many bytes after the output's start the input `tensor`
 * must start when they share memory (see kernels.h). */
uint32_t edge_lead(const edge_call *call, int32_t tensor);

void edge_bind_arithmetic(const edge_call *call, smt_arithmetic *p);
void edge_bind_mean(const edge_call *call, smt_mean *p);
void edge_bind_pool(const edge_call *call, smt_pool *p);
void edge_bind_softmax(const edge_call *call, smt_softmax *p);
void edge_bind_map(const edge_call *call, smt_map *p);
/* The per-channel requantisation of an int8 convolution: call->conv.out_c entries each. */
void edge_fill_tables(const edge_call *call, int32_t *multiplier, int8_t *shift);

/* factors.c: marks what runs as a product of two convolutions: both factors get first =
 * SMT_EDGE_FACTOR, the product's memory and their input live through all three operators. */
void edge_find_products(const smt_edge_model *model,
                        const smt_edge_kernels *kernels,
                        smt_edge_place *places);

#endif
