/* AArch64: NEON is always there; the dot product
 * (Armv8.2) is used when the compiler's target has it. */
#ifndef SEMTINEL_EDGE_NEON_H
#define SEMTINEL_EDGE_NEON_H

#include "kernels/gather.h"
#include "kernels/kernels.h"
#include "kernels/quant.h"

#if defined(__aarch64__) && defined(__GNUC__)
#define SMT_NEON 1
#include <arm_neon.h>

#define UNROLL _Pragma("GCC unroll 8")
#define INLINE static inline __attribute__((always_inline))

enum { NEON_TILE = 16 }; /* pixels gathered at a time */

/* The reference requantisation on four lanes. SQRDMULH is the rounded
 * doubled product; SRSHL rounds halves up, so negative values are first
 * lowered by one where there is a right shift: halves away from zero. */
INLINE int32x4_t neon_requantise(int32x4_t x, const int32_t *multiplier, const int8_t *shift)
{
    int32_t amounts[4] = {shift[0], shift[1], shift[2], shift[3]};
    int32x4_t amount = vld1q_s32(amounts), zero = vdupq_n_s32(0);
    int32x4_t left = vmaxq_s32(amount, zero), right = vminq_s32(amount, zero);
    x = vqrdmulhq_s32(vshlq_s32(x, left), vld1q_s32(multiplier));
    x = vqaddq_s32(x, vshrq_n_s32(vandq_s32(x, right), 31));
    return vrshlq_s32(x, right);
}

extern const smt_conv_kernel neon_conv_s8, neon_depthwise_s8, neon_conv_f32, neon_depthwise_f32;
extern const smt_conv_kernel neon_conv_dynamic, neon_depthwise_dynamic;
void neon_map_s8(const int8_t table[256], const int8_t *in, int8_t *out, uint32_t count);

#endif
#endif
