/* Simulated int8: the value that an int8 network would hold at this place, as a float.
 *
 * Forward follows TensorFlow Lite's reference arithmetic. After a convolution, the float x is
 * source * integer up to float rounding (its inputs and weights lie on their grids), so the integer
 * accumulator is recovered by rounding and requantised with a 31-bit multiplier and a shift, doubly
 * rounded. Element-wise functions come as a table of 256 integer results.
 *
 * The exact requantisation works on 64-bit integers one by one. Its result can differ from plain
 * rounding of the float quotient only close to a half, within the first rounding's error, so a
 * vector loop rounds everything and the exact one repairs what lies there.
 *
 * Backward is straight-through: the gradient passes where q was not clamped. The gradients of the
 * range's ends follow LSQ+ (Bhalgat et al. 2020, arXiv 2004.09576): a clamped value moves with its
 * end, a value inside by its rounding residue, as scale = (high - low) / 255. */
#include "base/vector.h"
#include "ops/operators.h"

#include <math.h>
#include <string.h>

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

/* Macros, not functions: inlined functions keep branches that stop the vectoriser. */
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define CLIP(x, low, high) MIN(MAX(x, low), high)
/* Half away from zero; |x| < 2^31. */
#define ROUND_AWAY(x) ((int32_t)((x) + copysignf(0.5f, x)))
#define LARGEST 2e9f /* that ROUND_AWAY is given */

#define BLOCK 256 /* channels at a time */
#define LANES 16  /* partial sums, the same at every vector width */

/* The steps of an accumulator, channel by channel, and how they become steps of the output. */
typedef struct channel_steps {
    float inverse[BLOCK];
    float sure[BLOCK]; /* farther than this from an integer, only the exact way tells */
    requantiser to[BLOCK];
} channel_steps;

/* One pixel's channels; q: floats that hold integers. True: some distance exceeds steps->sure. */
static SMT_VECTOR_CLONES int round_channels(
    size_t count, float inverse, const float *sure, const float *x, float *q, float *distance)
{
    int unsure = 0;
    for (size_t c = 0; c < count; c++) {
        float value = x[c] * inverse;
        value = CLIP(value, -1000.0f, 1000.0f);
        float whole = (float)ROUND_AWAY(value);
        distance[c] = fabsf(value - whole);
        q[c] = whole;
    }
    for (size_t c = 0; c < count; c++) { /* apart: together they are not vectorised */
        unsure |= distance[c] > sure[c];
    }
    return unsure;
}

static SMT_VECTOR_CLONES void
clamp_channels(size_t count, float scale, float low, float high, const float *q, float *y)
{
    for (size_t c = 0; c < count; c++) {
        y[c] = scale * CLIP(q[c], low, high);
    }
}

static void product(const ops_call *call, const float *source, smt_quant quant)
{
    channel_steps steps;
    float q[BLOCK], distance[BLOCK];
    size_t channels = (size_t)call->node->shape.c;
    size_t pixels = (size_t)call->images * ops_pixels(call->node->shape);
    float low = (float)(-128 - quant.zero_point), high = (float)(127 - quant.zero_point);
    float inverse = 1 / quant.scale;
    for (size_t first = 0; first < channels; first += BLOCK) {
        size_t some = channels - first < BLOCK ? channels - first : BLOCK;
        for (size_t c = 0; c < some; c++) {
            double step = (double)source[0] * (double)source[1 + first + c];
            double ratio = step / (double)quant.scale;
            steps.inverse[c] = (float)(1 / step);
            steps.to[c] = requantiser_of(ratio);
            int right = -steps.to[c].shift;
            steps.sure[c] = 0.499f - (right > 0 ? ldexpf(0.5f, -right) : 0);
        }
        for (size_t p = 0; p < pixels; p++) {
            const float *x = call->x[0] + p * channels + first;
            if (round_channels(some, inverse, steps.sure, x, q, distance)) {
                for (size_t c = 0; c < some; c++) {
                    if (distance[c] > steps.sure[c]) {
                        float accumulator = x[c] * steps.inverse[c];
                        accumulator = CLIP(accumulator, -LARGEST, LARGEST);
                        q[c] = (float)requantise(ROUND_AWAY(accumulator), steps.to[c]);
                    }
                }
            }
            clamp_channels(some, quant.scale, low, high, q, call->y + p * channels + first);
        }
    }
}

/* MEAN's: 1 / count goes into the multiplier, with as many more bits as count has. */
static requantiser mean_requantiser(double ratio, int count)
{
    requantiser r = requantiser_of(ratio);
    int bits = 0;
    if (count < 1) { /* SOURCE is not filled in yet */
        return (requantiser){0, 0};
    }
    while (count >> (bits + 1)) {
        bits++;
    }
    bits = bits > 31 + r.shift ? 31 + r.shift : bits;
    r.multiplier = (int32_t)(((int64_t)r.multiplier << bits) / count);
    r.shift -= bits;
    return r;
}

static void mean(const ops_call *call, const float *source, smt_quant quant)
{
    size_t count = (size_t)call->images * smt_shape_count(call->node->shape);
    requantiser to =
        mean_requantiser((double)source[0] / (double)quant.scale, (int)lrintf(source[1]));
    float inverse = source[1] / source[0];
    float low = (float)(-128 - quant.zero_point), high = (float)(127 - quant.zero_point);
    for (size_t i = 0; i < count; i++) {
        float sum = CLIP(call->x[0][i] * inverse, -LARGEST, LARGEST);
        float q = (float)requantise(ROUND_AWAY(sum), to);
        call->y[i] = quant.scale * CLIP(q, low, high);
    }
}

static SMT_VECTOR_CLONES void plain(size_t count, smt_quant quant, const float *x, float *y)
{
    float inverse = 1 / quant.scale;
    float low = (float)(-128 - quant.zero_point), high = (float)(127 - quant.zero_point);
    for (size_t i = 0; i < count; i++) {
        float q = x[i] * inverse;
        q = CLIP(q, low, high);
        y[i] = quant.scale * (float)ROUND_AWAY(q);
    }
}

/* values: the results for q = -128 .. 127 of the input. */
static SMT_VECTOR_CLONES void
look_up(size_t count, float inverse, float zero, const float *values, const float *x, float *y)
{
    for (size_t i = 0; i < count; i++) {
        float at = x[i] * inverse + zero + 128;
        at = CLIP(at, 0.0f, 255.0f);
        y[i] = values[(int32_t)(at + 0.5f)];
    }
}

/* call->weight: the range, which decides only the gradients; call->bias: SOURCE. */
static void forward(const ops_call *call)
{
    const smt_node *node = call->node;
    size_t count = (size_t)call->images * smt_shape_count(node->shape);
    const float *source = call->bias;
    float values[256];
    switch (node->rounding) {
    case SMT_ROUND_PLAIN:
        plain(count, node->quant, call->x[0], call->y);
        break;
    case SMT_ROUND_PRODUCT:
        product(call, source, node->quant);
        break;
    case SMT_ROUND_MEAN:
        mean(call, source, node->quant);
        break;
    case SMT_ROUND_TABLE:
        for (int i = 0; i < 256; i++) {
            values[i] = node->quant.scale * (source[2 + i] - (float)node->quant.zero_point);
        }
        look_up(count, 1 / source[0], source[1], values, call->x[0], call->y);
        break;
    }
}

/* Gradients below the range, above it, and times the rounding residue inside. */
typedef struct range_sums {
    float below[LANES], above[LANES], inside[LANES];
} range_sums;

/* Straight through, for whole blocks of LANES. slope, value: of the tabulated function. */
static SMT_VECTOR_CLONES void pull_plain(const smt_quant *quant,
                                         size_t count,
                                         const float *value,
                                         const float *slope,
                                         const float *dy,
                                         float *dx,
                                         range_sums *sums)
{
    float inverse = 1 / quant->scale;
    float low = (float)(-128 - quant->zero_point), high = (float)(127 - quant->zero_point);
    for (size_t i = 0; i < count; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            float steps = value[i + k] * inverse, g = dy[i + k];
            float inside = CLIP(steps, low, high);
            float below = steps < low ? g : 0.0f, above = steps > high ? g : 0.0f;
            float through = g - below - above;
            float residue = (float)ROUND_AWAY(inside) - inside;
            dx[i + k] = through * slope[i + k];
            sums->below[k] += below;
            sums->above[k] += above;
            sums->inside[k] += through * residue;
        }
    }
}

/* Hard-swish (the only function that is tabulated) and its slope. */
static SMT_VECTOR_CLONES void swish(size_t count, const float *x, float *value, float *slope)
{
    for (size_t i = 0; i < count; i++) {
        float gate = x[i] + 3;
        gate = CLIP(gate, 0.0f, 6.0f);
        float v = CLIP(x[i], -3.0f, 3.0f);
        value[i] = x[i] * gate * (1.0f / 6);
        slope[i] = (gate + (v == x[i] ? v : 0.0f)) * (1.0f / 6);
    }
}

/* Pieces of PIECE elements, the last filled up with zeros. */
#define PIECE 512

static void pull_all(const smt_quant *quant,
                     bool table,
                     size_t count,
                     const float *x,
                     const float *dy,
                     float *dx,
                     range_sums *sums)
{
    float value[PIECE], slope[PIECE], pull[PIECE], result[PIECE];
    for (int i = 0; i < PIECE; i++) {
        slope[i] = 1;
    }
    for (size_t first = 0; first < count; first += PIECE) {
        size_t some = count - first < PIECE ? count - first : PIECE;
        memset(value, 0, sizeof value);
        memset(pull, 0, sizeof pull);
        memcpy(pull, dy + first, some * sizeof *pull);
        if (table) {
            swish(some, x + first, value, slope);
        } else {
            memcpy(value, x + first, some * sizeof *value);
        }
        pull_plain(quant, PIECE, value, slope, pull, result, sums);
        memcpy(dx + first, result, some * sizeof *dx);
    }
}

static void backward(const ops_call *call)
{
    const smt_node *node = call->node;
    size_t count = (size_t)call->images * smt_shape_count(node->shape);
    range_sums sums = {{0}, {0}, {0}};
    if (!call->dx[0]) { /* of the input, whose range is fixed */
        return;
    }
    pull_all(&node->quant,
             node->rounding == SMT_ROUND_TABLE,
             count,
             call->x[0],
             call->dy,
             call->dx[0],
             &sums);
    if (call->dweight) {
        double below = 0, above = 0, inside = 0;
        for (int k = 0; k < LANES; k++) {
            below += (double)sums.below[k];
            above += (double)sums.above[k];
            inside += (double)sums.inside[k] / 255;
        }
        call->dweight[0] = (call->overwrite ? 0 : call->dweight[0]) + (float)(below - inside);
        call->dweight[1] = (call->overwrite ? 0 : call->dweight[1]) + (float)(above + inside);
    }
}

const ops_operator ops_quantize = {
    .forward = forward, .backward = backward, .reads_inputs = true, .activates = true};
