/* Element-wise functions of one input: tables for int8, formulas for float32. */
#include "kernels/fixed.h"
#include "kernels/kernels.h"
#include "kernels/math_f32.h"

/* ---- int8: what each function makes of one q ------------------------------------------------ */

static int32_t saturate_s16(int32_t x)
{
    return edge_clamp(x, -32768, 32767);
}

static int32_t high_mul_s16(int32_t a, int32_t b)
{
    if (a == -32768 && b == -32768)
        return 32767;
    return (a * b + (1 << 14)) >> 15; /* rounds half up, as edge_high_mul() */
}

/* A multiplier reduced to 16 bits. */
static void quantise_s16(double real, int32_t *multiplier, int32_t *shift)
{
    edge_quantise_multiplier(real, multiplier, shift);
    *multiplier = *multiplier > INT32_MAX - (1 << 15) ? 32767 : (*multiplier + (1 << 15)) >> 16;
}

typedef struct hard_swish {
    int32_t out_multiplier, out_shift, relu_multiplier, relu_shift;
} hard_swish;

static int32_t hard_swish_s8(const smt_map *p, const hard_swish *h, int32_t q)
{
    int32_t v = (q - p->in_zero) * 128;
    int32_t preliminary = high_mul_s16(v, h->out_multiplier);
    int32_t r = v;
    if (h->relu_shift > 0)
        r = saturate_s16(edge_clamp(r, -32768, 32767) *
                         (1 << (h->relu_shift > 16 ? 15 : h->relu_shift - 1)));
    r = high_mul_s16(r, h->relu_multiplier);
    if (h->relu_shift > 0)
        r = saturate_s16(r * 2);
    if (h->relu_shift < 0)
        r = edge_round_shift(r, -h->relu_shift);
    r = (r + 32768) >> 1;
    int32_t y = saturate_s16(r * preliminary / 32768); /* truncating, as the authors insist */
    if (h->out_shift <= 0)
        y = edge_round_shift(y, -h->out_shift);
    else /* refused by TensorFlow Lite; the natural continuation */
        y = fixed_shift_left(y, h->out_shift > 15 ? 15 : h->out_shift);
    return y + p->out_zero;
}

static int32_t logistic_s8(const smt_map *p, int32_t multiplier, int32_t shift, int32_t q)
{
    int32_t x = q - p->in_zero, radius = fixed_input_radius(4, shift);
    if (x <= -radius)
        return -128;
    if (x >= radius)
        return 127;
    int32_t a = edge_requantise(x, multiplier, shift); /* Q4.27 */
    int32_t y = 1 << 30;
    if (a != 0) {
        int32_t magnitude = a > 0 ? a : -a;
        y = fixed_reciprocal(fixed_exp_negative(-magnitude, 4));
        y = a > 0 ? y : INT32_MAX - y;
    }
    return edge_round_shift(y, 31 - 8) - 128;
}

void smt_build_map(const smt_map *p, int8_t table[256])
{
    int32_t multiplier = 0, shift = 0, low = -128, high = 127;
    hard_swish h = {0, 0, 0, 0};
    double in_scale = (double)p->in_scale, out_scale = (double)p->out_scale;
    switch (p->code) {
    case SMT_EDGE_HARD_SWISH: {
        const float fine = (1.0f / 128.0f) * p->in_scale;
        quantise_s16((double)fine / out_scale, &h.out_multiplier, &h.out_shift);
        quantise_s16((double)fine / (double)(3.0f / 32768.0f), &h.relu_multiplier, &h.relu_shift);
        break;
    }
    case SMT_EDGE_LOGISTIC:
        edge_quantise_multiplier(in_scale * (1 << 27), &multiplier, &shift);
        break;
    case SMT_EDGE_RELU:
    case SMT_EDGE_RELU6:
        edge_quantise_multiplier((double)(p->in_scale / p->out_scale), &multiplier, &shift);
        low = edge_clamp(p->out_zero, -128, 127);
        if (p->code == SMT_EDGE_RELU6)
            high = edge_clamp(p->out_zero + edge_round_f32(6.0f / p->out_scale, 1 << 20), low, 127);
        break;
    default:
        edge_quantise_multiplier(in_scale / out_scale, &multiplier, &shift);
    }
    for (int32_t q = -128; q < 128; q++) {
        int32_t y;
        if (p->code == SMT_EDGE_HARD_SWISH)
            y = hard_swish_s8(p, &h, q);
        else if (p->code == SMT_EDGE_LOGISTIC)
            y = logistic_s8(p, multiplier, shift, q);
        else
            y = edge_wrap_add(edge_requantise(q - p->in_zero, multiplier, shift), p->out_zero);
        table[q + 128] = (int8_t)edge_clamp(y, low, high);
    }
}

void smt_ref_map_s8(const int8_t table[256], const int8_t *in, int8_t *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = table[in[i] + 128];
}

/* ---- float32 -------------------------------------------------------------------------------- */

static float clamp_f32(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

void smt_ref_unary_f32(smt_edge_code code, const float *in, float *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        float x = in[i];
        switch (code) {
        case SMT_EDGE_HARD_SWISH:
            out[i] = x * clamp_f32(x + 3.0f, 0.0f, 6.0f) / 6.0f;
            break;
        case SMT_EDGE_LOGISTIC:
            /* of the negative magnitude, so that exp cannot overflow */
            if (x >= 0) {
                out[i] = 1.0f / (1.0f + edge_exp_f32(-x));
            } else {
                float e = edge_exp_f32(x);
                out[i] = e / (1.0f + e);
            }
            break;
        case SMT_EDGE_RELU6:
            out[i] = clamp_f32(x, 0.0f, 6.0f);
            break;
        default:
            out[i] = x < 0.0f ? 0.0f : x;
        }
    }
}
