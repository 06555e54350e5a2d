/* int8 element-wise functions, arithmetic and means for Cortex-M. */
#include "dsp.h"

#ifdef SMT_DSP

void dsp_map_s8(const int8_t table[256], const int8_t *in, int8_t *out, uint32_t count)
{
    const int8_t *middle = table + 128;
    for (; count >= 4; count -= 4, in += 4, out += 4) {
        int32_t a = middle[in[0]], b = middle[in[1]], c = middle[in[2]], d = middle[in[3]];
        out[0] = (int8_t)a;
        out[1] = (int8_t)b;
        out[2] = (int8_t)c;
        out[3] = (int8_t)d;
    }
    for (; count > 0; count--)
        *out++ = middle[*in++];
}

/* The second half of dsp_requantise(): of x doubled already. */
static inline int8_t finish_product(int32_t x, int32_t multiplier, int32_t round, int32_t right)
{
    x = dsp_mul_high_round(x, multiplier);
    return (int8_t)dsp_saturate8((x + (x >> 31) + round) >> right);
}

/* A product needs only the fast requantisation: |a * b| < 2^16. */
static void product_row(const smt_arithmetic *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    int32_t step_a = p->stride_a[3], step_b = p->stride_b[3], za = p->zero_a, zb = p->zero_b;
    int32_t right = -p->shift_out, round = dsp_round(p->zero_out, right),
            multiplier = p->multiplier_out;
    int32_t low = p->low, high = p->high;
    const int8_t *end = out + p->shape[3];
    if (low == -128 && high == 127 && step_a == 1 && step_b == 1) { /* by words */
        uint32_t minus_a = (uint32_t)-za & 0xffffu, minus_b = (uint32_t)-zb & 0xffffu;
        minus_a |= minus_a << 16;
        minus_b |= minus_b << 16;
        for (; end - out >= 4; a += 4, b += 4, out += 4) {
            uint32_t u = dsp_word(a), v = dsp_word(b);
            int16x2_t even = (int16x2_t)dsp_add_even(minus_a, u),
                      odd = (int16x2_t)dsp_add_odd(minus_a, u);
            int32_t x = (int32_t)dsp_add_even(minus_b, v), y = (int32_t)dsp_add_odd(minus_b, v);
            even = __sadd16(even, even); /* twice the product, as it is wanted below */
            odd = __sadd16(odd, odd);
            out[0] = finish_product((int16_t)even * (int16_t)x, multiplier, round, right);
            out[1] = finish_product((int16_t)odd * (int16_t)y, multiplier, round, right);
            out[2] = finish_product((even >> 16) * (x >> 16), multiplier, round, right);
            out[3] = finish_product((odd >> 16) * (y >> 16), multiplier, round, right);
        }
    }
    for (; out < end; a += step_a, b += step_b) {
        int32_t y = dsp_requantise((*a - za) * (*b - zb), multiplier, round, right);
        *out++ = (int8_t)edge_clamp(y, low, high);
    }
}

/* ADD and SUB: with 1 <= right and inputs below 2^29 after scaling, by the same argument. */
static void sum_row(const smt_arithmetic *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    int32_t step_a = p->stride_a[3], step_b = p->stride_b[3], za = p->zero_a, zb = p->zero_b;
    int32_t right = -p->shift_out, round = dsp_round(p->zero_out, right),
            multiplier = p->multiplier_out;
    int32_t ma = p->multiplier_a, mb = p->multiplier_b, ra = -p->shift_a, rb = -p->shift_b;
    int32_t low = p->low, high = p->high;
    bool add = p->code == SMT_EDGE_ADD;
    for (const int8_t *end = out + p->shape[3]; out < end; a += step_a, b += step_b) {
        int32_t u = edge_round_shift(dsp_mul_high_round((*a - za) * (1 << 21), ma), ra);
        int32_t v = edge_round_shift(dsp_mul_high_round((*b - zb) * (1 << 21), mb), rb);
        int32_t y = dsp_requantise(add ? u + v : u - v, multiplier, round, right);
        *out++ = (int8_t)edge_clamp(y, low, high);
    }
}

void dsp_arithmetic_s8(const smt_arithmetic *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    bool product = p->code == SMT_EDGE_MUL;
    if (p->shift_out > -1 || p->shift_out < -20 ||
        (!product && (p->shift_a > 0 || p->shift_b > 0))) {
        smt_ref_arithmetic_s8(p, a, b, out);
        return;
    }
    const int32_t *sa = p->stride_a, *sb = p->stride_b;
    for (int32_t i = 0; i < p->shape[0]; i++)
        for (int32_t j = 0; j < p->shape[1]; j++)
            for (int32_t k = 0; k < p->shape[2]; k++, out += p->shape[3]) {
                const int8_t *x = a + i * sa[0] + j * sa[1] + k * sa[2],
                             *y = b + i * sb[0] + j * sb[1] + k * sb[2];
                if (product)
                    product_row(p, x, y, out);
                else
                    sum_row(p, x, y, out);
            }
}

/* Over rows and columns, four channels at a time: pairs
 * of 16-bit sums, emptied before they can overflow. */
void dsp_mean_s8(const smt_mean *p, const int8_t *in, int8_t *out)
{
    int32_t channels = p->shape[3];
    if (p->reduce[3] || !p->reduce[2] || (!p->reduce[1] && p->shape[1] != 1) || p->shape[0] != 1 ||
        channels % 4) {
        smt_ref_mean_s8(p, in, out);
        return;
    }
    for (int32_t c = 0; c < channels; c += 4, in += 4) {
        const int8_t *from = in;
        int32_t sum[4];
        for (int32_t i = 0; i < 4; i++)
            sum[i] = -p->count * p->in_zero;
        for (int32_t left = p->count; left > 0;) {
            int32_t block = left < 128 ? left : 128;
            uint32_t even = 0, odd = 0;
            left -= block;
            for (; block > 0; block--, from += channels) {
                uint32_t word = dsp_word(from);
                even = dsp_add_even(even, word);
                odd = dsp_add_odd(odd, word);
            }
            sum[0] += (int16_t)even;
            sum[1] += (int16_t)odd;
            sum[2] += (int32_t)even >> 16;
            sum[3] += (int32_t)odd >> 16;
        }
        for (int32_t i = 0; i < 4; i++) {
            int32_t y =
                edge_wrap_add(edge_requantise(sum[i], p->multiplier, p->shift), p->out_zero);
            *out++ = (int8_t)edge_clamp(y, -128, 127);
        }
    }
}

#endif
