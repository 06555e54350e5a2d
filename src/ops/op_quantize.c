/* Simulated int8: the value that an int8 network would hold at this place, as a float.
 *
 * Forward follows TensorFlow Lite's reference arithmetic. After a convolution, the float x is
 * source * integer up to float rounding (its inputs and weights lie on their grids), so the integer
 * accumulator is recovered by rounding and requantised with a 31-bit multiplier and a shift, doubly
 * rounded. Element-wise functions come as a table of 256 integer results.
 *
 * Backward is straight-through: the gradient passes where q was not clamped. The gradient of the
 * scale is that of LSQ (Esser et al. 2020, arXiv 1902.08153): (q - z) - x / s inside the range, q -
 * z where clamped. */
#include "ops/operators.h"

#include <math.h>

typedef struct requantiser {
    int32_t multiplier;
    int shift; /* left if positive */
} requantiser;

/* real = multiplier * 2^(shift - 31). */
static requantiser requantiser_of(double real)
{
    requantiser r = {0, 0};
    if (!(real > 0) || !isfinite(real)) {
        return r;
    }
    int64_t fixed = (int64_t)round(frexp(real, &r.shift) * 2147483648.0);
    if (fixed == INT64_C(2147483648)) {
        fixed /= 2;
        r.shift++;
    }
    if (r.shift < -31) {
        fixed = 0;
        r.shift = 0;
    }
    r.multiplier = (int32_t)fixed;
    return r;
}

static int32_t requantise(int32_t value, requantiser r)
{
    int left = r.shift > 0 ? r.shift : 0, right = r.shift > 0 ? 0 : -r.shift;
    int64_t shifted = (int64_t)value * ((int64_t)1 << (left < 31 ? left : 31));
    shifted = shifted > INT32_MAX ? INT32_MAX : shifted < INT32_MIN ? INT32_MIN : shifted;
    int64_t product = shifted * r.multiplier;
    int64_t high = (product + (product >= 0 ? (1 << 30) : 1 - (1 << 30))) / ((int64_t)1 << 31);
    if (right == 0) {
        return (int32_t)high;
    }
    int64_t mask = ((int64_t)1 << right) - 1, rest = high & mask;
    int64_t threshold = (mask >> 1) + (high < 0 ? 1 : 0);
    return (int32_t)((high >> right) + (rest > threshold ? 1 : 0));
}

static int clamp_s8(int64_t q)
{
    return q < -128 ? -128 : q > 127 ? 127 : (int)q;
}

static float clip(float x)
{
    return x < -2e9f ? -2e9f : x > 2e9f ? 2e9f : x;
}

/* Half away from zero; |x| < 2^31. */
static int32_t round_away(float x)
{
    return (int32_t)(x + (x < 0 ? -0.5f : 0.5f));
}

#define BLOCK 256 /* channels at a time */

/* The steps of an accumulator, channel by channel, and how they become steps of the output. */
typedef struct channel_steps {
    float inverse[BLOCK];
    requantiser to[BLOCK];
} channel_steps;

static void product(const ops_call *call, const float *source, float scale)
{
    channel_steps steps;
    size_t channels = (size_t)call->node->shape.c;
    size_t pixels = (size_t)call->images * ops_pixels(call->node->shape);
    int zero = call->node->quant.zero_point;
    for (size_t first = 0; first < channels; first += BLOCK) {
        size_t some = channels - first < BLOCK ? channels - first : BLOCK;
        for (size_t c = 0; c < some; c++) {
            double step = (double)source[0] * (double)source[1 + first + c];
            steps.inverse[c] = (float)(1 / step);
            steps.to[c] = requantiser_of(step / (double)scale);
        }
        for (size_t p = 0; p < pixels; p++) {
            const float *x = call->x[0] + p * channels + first;
            float *y = call->y + p * channels + first;
            for (size_t c = 0; c < some; c++) {
                int32_t accumulator = round_away(clip(x[c] * steps.inverse[c]));
                y[c] =
                    scale *
                    (float)(clamp_s8((int64_t)requantise(accumulator, steps.to[c]) + zero) - zero);
            }
        }
    }
}

/* call->weight: the scale; call->bias: SOURCE. */
static void forward(const ops_call *call)
{
    const smt_node *node = call->node;
    size_t count = (size_t)call->images * smt_shape_count(node->shape);
    const float *x = call->x[0], *source = call->bias;
    float *y = call->y;
    float scale = call->weight[0];
    int zero = node->quant.zero_point;
    float inverse = 1 / scale;
    switch (node->rounding) {
    case SMT_ROUND_PLAIN:
        for (size_t i = 0; i < count; i++) {
            int q = clamp_s8((int64_t)round_away(clip(x[i] * inverse)) + zero);
            y[i] = scale * (float)(q - zero);
        }
        break;
    case SMT_ROUND_PRODUCT:
        product(call, source, scale);
        break;
    case SMT_ROUND_TABLE:
        for (size_t i = 0; i < count; i++) {
            int in = clamp_s8((int64_t)round_away(clip(x[i] / source[0])) + (int64_t)source[1]);
            y[i] = scale * (source[2 + 128 + in] - (float)zero);
        }
        break;
    }
}

static void backward(const ops_call *call)
{
    const smt_node *node = call->node;
    size_t count = (size_t)call->images * smt_shape_count(node->shape);
    const float *x = call->x[0], *dy = call->dy;
    float *dx = call->dx[0];
    float scale = call->weight[0];
    double sum = 0;
    float low = (float)(-128 - node->quant.zero_point),
          high = (float)(127 - node->quant.zero_point);
    bool table = node->rounding == SMT_ROUND_TABLE;
    for (size_t i = 0; i < count; i++) {
        float slope = 1, value = x[i];
        if (table) { /* only hard-swish is tabulated */
            slope = value <= -3 ? 0 : value >= 3 ? 1 : (2 * value + 3) / 6;
            value = value <= -3 ? 0 : value >= 3 ? value : value * (value + 3) / 6;
        }
        float steps = value / scale;
        bool below = steps<low, above = steps> high;
        if (dx) {
            dx[i] = below || above ? 0 : slope * dy[i];
        }
        sum += (double)dy[i] * (double)(below   ? low
                                        : above ? high
                                                : (float)round_away(steps) - steps);
    }
    if (call->dweight) {
        call->dweight[0] = (call->overwrite ? 0 : call->dweight[0]) + (float)sum;
    }
}

const ops_operator ops_quantize = {
    .forward = forward, .backward = backward, .reads_inputs = true, .activates = true};
