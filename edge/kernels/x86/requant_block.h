/* The requantisation of 16 channels, prepared. */
#ifndef SEMTINEL_EDGE_REQUANT_BLOCK_H
#define SEMTINEL_EDGE_REQUANT_BLOCK_H

#include "x86.h"

#ifdef SMT_X86

/* A block of 16 channels as the kernels keep it: requantisation in few cheap instructions where the
 * numbers are known to be small, which is nearly always.
 *
 * If |sum| < 2^29 for every input, then 2 * sum fits, and the rounded product is the upper half of
 * 2 * sum * multiplier + 2^31. If moreover 1 <= right <= 20, the second rounding and the output's
 * zero point go into the same constant, and all that is left is one shift. Half a unit that rounds
 * away from zero takes one off negative sums before that shift. Where results below the zero point
 * are cut anyway (a fused ReLU), `clamped`, negative sums need no care: then nothing has to be
 * doubled either, and the constant and the shift are those of half the product.
 *
 * A block of up to 8 channels has them twice, so that two pixels go through it together. */
typedef struct requant_block {
    int32_t bias[16], multiplier[16];
    int64_t round_even[8], round_odd[8];
    int32_t right[16];
    int32_t fast, clamped, unused[14];
} requant_block;

/* Fills a block for `count` channels from channel o on;
 * largest[i] is a bound of |sum - bias| of channel i. */
static inline void requant_fill(requant_block *b,
                                const smt_conv *p,
                                int32_t o,
                                int32_t count,
                                const int32_t *bias,
                                const int64_t *largest)
{
    b->fast = 1;
    b->clamped = p->low >= p->out_zero;
    for (int32_t lane = 0; lane < 16; lane++) {
        int32_t i = count <= 8 ? lane % 8 : lane;
        bool real = i < count;
        int32_t right = real ? -p->shift[o + i] : 1;
        int64_t whole = real ? (bias[i] < 0 ? -(int64_t)bias[i] : bias[i]) + largest[i] : 0;
        int64_t round = 0;
        b->bias[lane] = real ? bias[i] : 0;
        b->multiplier[lane] = real ? p->multiplier[o + i] : 0;
        if (right < 1 || right > 20 || whole >= 1 << 29)
            b->fast = 0;
        else
            round = ((int64_t)1 << 31) +
                    ((int64_t)(1 << (right - 1)) + p->out_zero * (1 << right)) * ((int64_t)1 << 32);
        b->right[lane] = right - b->clamped;
        (lane % 2 ? b->round_odd : b->round_even)[lane / 2] = b->clamped ? round / 2 : round;
    }
}

#endif
#endif
