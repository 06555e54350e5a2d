/* The order of the steps is chosen for speed; an image of 128 x 128 takes some tens of
 * microseconds.
 *
 *  1. Contrast, brightness and gamma are one table of 256 entries, applied while the bytes are
 * copied into a field of 16-bit numbers (grey x 128, so 7 bits below the point survive).
 *  2. Blur: binomial passes of three taps on that field. A pass with side weight w adds 2 w to the
 * variance; several small ones approach a Gaussian.
 *  3. A mirrored margin around the field, as wide as the warp will reach, so that step 4 has no
 * branches.
 *  4. Row by row, while it sits in the nearest cache: the warp, with coordinates in 16.16 fixed
 * point; the shading; the box; the noise; the normalisation. A scan line stays a row of the result,
 * whatever the warp: line jitter shifts the row's start.
 *
 * Normal deviates come from a table: each row reads a stretch that begins at a random place, which
 * costs a load instead of a logarithm. */
#include "data/augment_parts.h"

#include "base/vector.h"

#include <semtinel/image.h>

#include <math.h>
#include <string.h>

#define FIXED_BITS 16     /* of coordinates */
#define NORMALS 32768     /* table entries before the last row's length */
#define MAX_SIZE 4096     /* keeps coordinates inside 32 bits */
#define JITTER_BOUND 4.0f /* deviations: larger ones are cut */
#define NORMAL_SEED 0x5e3f1d2c4b6a7988u

typedef struct scratch {
    uint16_t *field; /* (size + 2 margin)^2 */
    uint16_t *rows;  /* 2 x size: for the blur */
    int *columns;    /* size + 2 margin: mirrored column numbers */
    float *grey;     /* size: a row before it is written */
} scratch;

struct smt_augmenter {
    smt_augment_options options;
    int size, margin, workers;
    float *normals;                 /* NORMALS + size */
    float grey[256], log_grey[256]; /* each byte as a grey level, and its logarithm over 255 */
    scratch *scratch;               /* workers */
};

/* ---- the augmenter ---- */

/* How far beyond the border the warp can reach. Each row of the matrix is a rotation times zoom and
 * stretch, plus shear. */
static int largest_margin(const smt_augment_options *o, int size)
{
    float angle = o->rotation * 3.14159265f / 180.0f;
    float reach =
        (cosf(angle) + sinf(angle)) * (1 + o->shear) * (1 + o->zoom) * sqrtf(1 + o->stretch);
    float half = 0.5f * (float)(size - 1);
    float jitter = JITTER_BOUND * o->jitter * reach;
    return (int)ceilf(half * (reach - 1) + o->shift * (float)size + jitter) + 3;
}

static bool scratch_create(scratch *s, int size, int margin)
{
    size_t side = (size_t)size + 2 * (size_t)margin;
    s->field = smt_alloc(side * side, sizeof *s->field);
    s->rows = smt_alloc(2 * (size_t)size, sizeof *s->rows);
    s->columns = smt_alloc(side, sizeof *s->columns);
    s->grey = smt_alloc((size_t)size, sizeof *s->grey);
    return s->field && s->rows && s->columns && s->grey;
}

static void set_logarithms(const float grey[256], float logarithms[256])
{
    for (int i = 0; i < 256; i++) {
        logarithms[i] = grey[i] > 0 ? logf(grey[i] / 255) : 0;
    }
}

/* `at` reflected into [0, n = count) about the centres of the border pixels, so that the image
 * stays continuous: ... 2 1 0 1 2 ... n-2 n-1 n-2 ... */
static int mirrored(int at, int count)
{
    int period = count > 1 ? 2 * (count - 1) : 1;
    at %= period;
    at = at < 0 ? -at : at;
    return at < count ? at : period - at;
}

smt_status smt_augmenter_create(const smt_augment_options *options,
                                int size,
                                int workers,
                                smt_augmenter **out,
                                smt_error *error)
{
    if (size < 1 || size > MAX_SIZE || workers < 1) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "augmentation: size %d is not in 1 .. %d, or no worker (%d)",
                        size,
                        MAX_SIZE,
                        workers);
    }
    smt_status status = smt_augment_check(options, error);
    if (status != SMT_OK) {
        return status;
    }
    smt_augmenter *a = smt_alloc(1, sizeof *a);
    if (!a) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for augmentation");
    }
    a->options = *options;
    a->size = size;
    a->margin = largest_margin(options, size);
    a->normals = smt_alloc(NORMALS + (size_t)size, sizeof *a->normals);
    a->scratch = smt_alloc((size_t)workers, sizeof *a->scratch);
    bool complete = a->normals && a->scratch;
    for (int w = 0; complete && w < workers; w++) {
        a->workers = w + 1;
        complete = scratch_create(&a->scratch[w], size, a->margin);
    }
    if (!complete) {
        smt_augmenter_destroy(&a);
        return smt_fail(error,
                        SMT_ERR_MEMORY,
                        "out of memory for augmenting images of %d x %d pixels",
                        size,
                        size);
    }
    smt_rng rng = smt_rng_seed(NORMAL_SEED, 0);
    for (int i = 0; i < NORMALS + size; i++) {
        a->normals[i] = (float)smt_rng_normal(&rng);
    }
    for (int i = 0; i < 256; i++) {
        a->grey[i] = (float)i;
    }
    set_logarithms(a->grey, a->log_grey);
    for (int w = 0; w < workers; w++) {
        for (int i = 0; i < size + 2 * a->margin; i++) {
            a->scratch[w].columns[i] = mirrored(i - a->margin, size);
        }
    }
    *out = a;
    return SMT_OK;
}

void smt_augmenter_destroy(smt_augmenter **augmenter)
{
    if (!augmenter || !*augmenter) {
        return;
    }
    smt_augmenter *a = *augmenter;
    for (int w = 0; w < a->workers; w++) {
        smt_free(a->scratch[w].field);
        smt_free(a->scratch[w].rows);
        smt_free(a->scratch[w].columns);
        smt_free(a->scratch[w].grey);
    }
    smt_free(a->scratch);
    smt_free(a->normals);
    smt_free(a);
    *augmenter = NULL;
}

/* ---- step 4: the rows ---- */

/* The two halves of a word as they lie in memory. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define FIRST(word) ((int)((word) >> 16))
#define SECOND(word) ((int)((word)&0xffffu))
#else
#define FIRST(word) ((int)((word)&0xffffu))
#define SECOND(word) ((int)((word) >> 16))
#endif
/* Pixels fetched before they are weighted: the first is scalar, the second vector work. */
#define SPAN 64

/* For a loop that only gathers: GCC would spend more on packing the parts than it gains. */
#if defined(__GNUC__) && !defined(__clang__)
#define SCALAR __attribute__((noinline, optimize("no-tree-vectorize", "no-tree-slp-vectorize")))
#else
#define SCALAR
#endif

/* A pixel and its right neighbour, and the two below, for each of `count` positions. */
static SCALAR void fetch(const uint16_t *field,
                         int stride,
                         uint32_t u,
                         uint32_t v,
                         uint32_t du,
                         uint32_t dv,
                         int count,
                         uint32_t *above,
                         uint32_t *below)
{
    for (int x = 0; x < count; x++) {
        const uint16_t *p = field + ((int)(v >> FIXED_BITS) * stride + (int)(u >> FIXED_BITS));
        memcpy(&above[x], p, sizeof *above);
        memcpy(&below[x], p + stride, sizeof *below);
        u += du;
        v += dv;
    }
}

/* u, v: 16.16 coordinates in the field, not negative. */
static SMT_VECTOR_CLONES void warp_row(const uint16_t *field,
                                       int stride,
                                       uint32_t u,
                                       uint32_t v,
                                       uint32_t du,
                                       uint32_t dv,
                                       int count,
                                       float *out)
{
    uint32_t above[SPAN], below[SPAN];
    for (int done = 0; done < count; done += SPAN) {
        int here = count - done < SPAN ? count - done : SPAN;
        fetch(field, stride, u, v, du, dv, here, above, below);
        for (int x = 0; x < here; x++) {
            int right = (int)((u + (uint32_t)x * du) >> (FIXED_BITS - 8)) & 255;
            int down = (int)((v + (uint32_t)x * dv) >> (FIXED_BITS - 8)) & 255;
            int upper = FIRST(above[x]) * (256 - right) + SECOND(above[x]) * right;
            int lower = FIRST(below[x]) * (256 - right) + SECOND(below[x]) * right;
            int value = upper * (256 - down) + lower * down; /* grey x 2^23 */
            out[done + x] = (float)value * 0x1p-23f;
        }
        u += (uint32_t)here * du;
        v += (uint32_t)here * dv;
    }
}

/* (clip(grey + noise) - mean) * gain */
static SMT_VECTOR_CLONES void finish_row(float *grey,
                                         const float *normals,
                                         float noise,
                                         float shot,
                                         float mean,
                                         float gain,
                                         int count,
                                         float *out)
{
    float constant = noise * noise, slope = shot * shot * (1 / 255.0f);
    for (int x = 0; x < count; x++) {
        float signal = grey[x] > 0 ? grey[x] : 0; /* shading may leave the range */
        float value = grey[x] + sqrtf(constant + slope * signal) * normals[x];
        value = value > 0 ? value : 0;
        value = value < 255 ? value : 255;
        out[x] = (value - mean) * gain;
    }
}

typedef struct row_plan {
    const smt_augmenter *a;
    const augment_draw *d;
    const uint16_t *field; /* the corner of the margin that is used */
    size_t stride;
    int margin;
    float box_grey;
} row_plan;

static float jitter_of(const row_plan *plan, float normal)
{
    float cut = normal < -JITTER_BOUND  ? -JITTER_BOUND
                : normal > JITTER_BOUND ? JITTER_BOUND
                                        : normal;
    return cut * plan->d->jitter;
}

static uint32_t to_fixed(double value)
{
    return (uint32_t)(int32_t)lrint(value * (1 << FIXED_BITS));
}

/* grey += start + x step */
static SMT_VECTOR_CLONES void shade_row(float *grey, float start, float step, int count)
{
    for (int x = 0; x < count; x++) {
        grey[x] += start + (float)x * step;
    }
}

static void make_row(const row_plan *plan, int y, float row_normal, float *grey)
{
    const augment_draw *d = plan->d;
    const float *m = d->matrix;
    int size = plan->a->size;
    double centre = 0.5 * (size - 1);
    double dx = -centre + (double)jitter_of(plan, row_normal), dy = y - centre;
    double u = centre + plan->margin + (double)m[0] * dx + (double)m[1] * dy + (double)m[2];
    double v = centre + plan->margin + (double)m[3] * dx + (double)m[4] * dy + (double)m[5];
    warp_row(plan->field,
             (int)plan->stride,
             to_fixed(u),
             to_fixed(v),
             to_fixed((double)m[0]),
             to_fixed((double)m[3]),
             size,
             grey);
    if (d->shade_x != 0 || d->shade_y != 0) {
        shade_row(
            grey, (float)(d->shade_y * (float)dy - d->shade_x * (float)centre), d->shade_x, size);
    }
    if (y >= d->box_top && y < d->box_bottom) {
        for (int x = d->box_left; x < d->box_right; x++) {
            grey[x] = plan->box_grey;
        }
    }
}

/* The margin that this draw reaches, at most a->margin. */
static int margin_of(const smt_augmenter *a, const augment_draw *d)
{
    const float *m = d->matrix;
    float half = 0.5f * (float)(a->size - 1);
    float across = half + JITTER_BOUND * d->jitter;
    float u = fabsf(m[0]) * across + fabsf(m[1]) * half + fabsf(m[2]);
    float v = fabsf(m[3]) * across + fabsf(m[4]) * half + fabsf(m[5]);
    int margin = (int)ceilf(fmaxf(u, v) - half) +
                 2; /* one for the right and lower neighbour, one for rounding */
    return margin < 2 ? 2 : margin < a->margin ? margin : a->margin;
}

/* Steps 1 to 3 of one image. */
static row_plan
prepare(const smt_augmenter *a, int worker, const uint8_t *image, const augment_draw *d)
{
    const scratch *s = &a->scratch[worker];
    int margin = margin_of(a, d);
    size_t stride = (size_t)a->size + 2 * (size_t)margin;
    uint16_t *inside = s->field + (size_t)margin * stride + (size_t)margin;
    uint64_t sum = smt_field_tone(image, d->tone, a->size, inside, stride);
    smt_field_blur(inside, stride, a->size, d->blur_variance, s->rows);
    smt_field_margin(inside, stride, a->size, margin, s->columns + a->margin);
    float pixels = (float)a->size * (float)a->size;
    return (row_plan){.a = a,
                      .d = d,
                      .field = s->field,
                      .stride = stride,
                      .margin = margin,
                      .box_grey = (float)sum / (pixels * (1 << POINT_BITS))};
}

/* Where the rows go: as numbers or as bytes. */
typedef struct target {
    float *real;
    uint8_t *bytes;
    int channels;
    float mean, gain;
} target;

static void store_row(const target *t, const float *grey, int size, int y)
{
    size_t start = (size_t)y * (size_t)size;
    for (int x = 0; t->bytes && x < size; x++) {
        t->bytes[start + (size_t)x] = (uint8_t)(grey[x] + 0.5f);
    }
    for (int x = 0; t->real && x < size; x++) {
        for (size_t c = 0; c < (size_t)t->channels; c++) {
            t->real[(start + (size_t)x) * (size_t)t->channels + c] = grey[x];
        }
    }
}

/* `base` as for smt_augment_toned. */
static void augment_image(const smt_augmenter *a,
                          int worker,
                          const uint8_t *image,
                          const float *base,
                          smt_rng rng,
                          const target *t)
{
    float logarithms[256];
    if (base) {
        set_logarithms(base, logarithms);
    }
    augment_context context = {
        &a->options, a->size, base ? base : a->grey, base ? logarithms : a->log_grey};
    augment_draw d;
    smt_augment_draw(&context, &rng, &d);
    row_plan plan = prepare(a, worker, image, &d);
    const float *jitter = a->normals + smt_rng_below(&rng, NORMALS);
    float *grey = a->scratch[worker].grey;
    int size = a->size;
    bool direct = t->real && t->channels == 1;
    for (int y = 0; y < size; y++) {
        make_row(&plan, y, jitter[y], grey);
        const float *normals = a->normals + smt_rng_below(&rng, NORMALS);
        float *row = direct ? t->real + (size_t)y * (size_t)size : grey;
        finish_row(grey, normals, d.noise, d.shot, t->mean, t->gain, size, row);
        if (!direct) {
            store_row(t, grey, size, y);
        }
    }
}

void smt_augment_toned(smt_augmenter *augmenter,
                       int worker,
                       const uint8_t *image,
                       const float *base,
                       smt_rng rng,
                       float mean,
                       float scale,
                       int channels,
                       float *out)
{
    target t = {.real = out, .channels = channels, .mean = mean, .gain = 1 / scale};
    augment_image(augmenter, worker, image, base, rng, &t);
}

void smt_augment_apply(smt_augmenter *augmenter,
                       int worker,
                       const uint8_t *image,
                       smt_rng rng,
                       float mean,
                       float scale,
                       int channels,
                       float *out)
{
    smt_augment_toned(augmenter, worker, image, NULL, rng, mean, scale, channels, out);
}

void smt_augment_apply_u8(
    smt_augmenter *augmenter, int worker, const uint8_t *image, smt_rng rng, uint8_t *out)
{
    target t = {.bytes = out, .gain = 1};
    augment_image(augmenter, worker, image, NULL, rng, &t);
}
