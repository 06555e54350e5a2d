/* SOFTMAX over the last dimension. */
#include "kernels/fixed.h"
#include "kernels/kernels.h"
#include "kernels/math_f32.h"

static int32_t leading_zeros(uint32_t x)
{
    int32_t n = 0;
    for (; n < 32 && !(x & 0x80000000u); n++)
        x <<= 1;
    return n;
}

/* exp((q - max) * beta * scale) in Q0.31, for a difference >= p->diff_min */
static int32_t exponential(const smt_softmax *p, int32_t difference)
{
    int32_t scaled =
        edge_high_mul(edge_shift_left(difference, p->shift), p->multiplier); /* Q5.26 */
    return fixed_exp_negative(scaled, 5);
}

/* in, out [rows][depth]; the output's scale is 1 / 256, its zero point -128. The sum is Q12.19. Of
 * up to 1024 outputs the largest is at least one step: the confidence of exported C relies on it.
 */
void smt_ref_softmax_s8(const smt_softmax *p, const int8_t *in, int8_t *out)
{
    for (int32_t row = 0; row < p->rows; row++, in += p->depth, out += p->depth) {
        int32_t largest = -128;
        for (int32_t c = 0; c < p->depth; c++)
            largest = in[c] > largest ? in[c] : largest;
        int32_t sum = 0;
        for (int32_t c = 0; c < p->depth; c++)
            if (in[c] - largest >= p->diff_min)
                sum = edge_wrap_add(sum, edge_round_shift(exponential(p, in[c] - largest), 12));
        int32_t headroom = leading_zeros((uint32_t)sum);
        if (headroom > 31)
            headroom = 31;
        /* More than 31 where 512 and more are alike, or the sum of a longer row wrapped. */
        int32_t down = 12 - headroom + 31 - 8;
        down = down > 31 ? 31 : down;
        int32_t fraction = (int32_t)(((uint32_t)sum << headroom) - (1u << 31));
        int32_t scale = fixed_reciprocal(fraction);
        for (int32_t c = 0; c < p->depth; c++) {
            int32_t difference = in[c] - largest;
            if (difference < p->diff_min) {
                out[c] = -128;
                continue;
            }
            int32_t y = edge_round_shift(edge_high_mul(scale, exponential(p, difference)), down);
            out[c] = (int8_t)edge_clamp(y - 128, -128, 127);
        }
    }
}

void smt_ref_softmax_f32(const smt_softmax *p, const float *in, float *out)
{
    for (int32_t row = 0; row < p->rows; row++, in += p->depth, out += p->depth) {
        float largest = in[0], sum = 0;
        for (int32_t c = 1; c < p->depth; c++)
            largest = in[c] > largest ? in[c] : largest;
        for (int32_t c = 0; c < p->depth; c++) {
            out[c] = edge_exp_f32((in[c] - largest) * p->beta);
            sum += out[c];
        }
        for (int32_t c = 0; c < p->depth; c++)
            out[c] /= sum;
    }
}
