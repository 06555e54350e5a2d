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
 * point; the box; the noise; the normalisation. A scan line stays a row of the result, whatever the
 * warp: line jitter shifts the row's start.
 *
 * Normal deviates come from a table: each row reads a stretch that begins at a random place, which
 * costs a load instead of a logarithm. */
#include <semtinel/augment.h>

#include "data/fast.h"

#include <math.h>
#include <string.h>

#define POINT_BITS 7      /* of the field */
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
    float *normals; /* NORMALS + size */
    float log_grey[256];
    scratch *scratch; /* workers */
};

/* What the random stream decided for one image. */
typedef struct draw {
    uint16_t tone[256];
    float blur_variance;
    float matrix[6]; /* from output to image, about the centre: matrix[2], [5] are the shift */
    float jitter;    /* deviation in pixels */
    float noise, shot;
    int box_left, box_right, box_top, box_bottom;
} draw;

/* ---- options ---- */

typedef struct option_range {
    const char *name;
    size_t offset;
    float low, high;
} option_range;

#define RANGE(field, low, high)                                                                    \
    {                                                                                              \
#field, offsetof(smt_augment_options, field), low, high                                    \
    }
static const option_range ranges[] = {
    RANGE(quarter_turns, 0, 1),
    RANGE(flip_horizontal, 0, 1),
    RANGE(flip_vertical, 0, 1),
    RANGE(rotation, 0, 45),
    RANGE(zoom, 0, 1),
    RANGE(stretch, 0, 1),
    RANGE(shift, 0, 0.5f),
    RANGE(shear, 0, 0.5f),
    RANGE(contrast, 0, 2),
    RANGE(brightness, 0, 128),
    RANGE(gamma, 0, 2),
    RANGE(blur, 0, 2),
    RANGE(noise, 0, 64),
    RANGE(shot, 0, 64),
    RANGE(jitter, 0, 4),
    RANGE(cutout, 0, 1),
    RANGE(cutout_side, 0, 0.75f),
};

smt_augment_options smt_augment_none(void)
{
    return (smt_augment_options){0};
}

smt_augment_options smt_augment_defaults(void)
{
    return (smt_augment_options){
        .quarter_turns = 1,
        .flip_horizontal = 0.5f,
        .flip_vertical = 0.5f,
        .rotation = 15,
        .zoom = 0.2f,
        .stretch = 0.1f,
        .shift = 0.08f,
        .shear = 0.05f,
        .contrast = 0.35f,
        .brightness = 25,
        .gamma = 0.3f,
        .blur = 0.8f,
        .noise = 8,
        .shot = 8,
        .jitter = 0.4f,
        .cutout = 0.25f,
        .cutout_side = 0.3f,
    };
}

smt_status smt_augment_check(const smt_augment_options *options, smt_error *error)
{
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        float value;
        memcpy(&value, (const char *)options + ranges[i].offset, sizeof value);
        if (!(value >= ranges[i].low && value <= ranges[i].high)) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "augmentation: %s = %g is not in %g .. %g",
                            ranges[i].name,
                            (double)value,
                            (double)ranges[i].low,
                            (double)ranges[i].high);
        }
    }
    return SMT_OK;
}

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

static int mirror(int at, int count)
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
    for (int i = 1; i < 256; i++) {
        a->log_grey[i] = logf((float)i / 255.0f);
    }
    for (int w = 0; w < workers; w++) {
        for (int i = 0; i < size + 2 * a->margin; i++) {
            a->scratch[w].columns[i] = mirror(i - a->margin, size);
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

/* ---- random decisions ---- */

static float uniform(smt_rng *rng, float low, float high)
{
    return (float)smt_rng_uniform(rng, (double)low, (double)high);
}

/* Log-uniform in 1 / (1 + spread) .. 1 + spread. */
static float log_uniform(smt_rng *rng, float spread)
{
    return expf(uniform(rng, -1, 1) * logf(1 + spread));
}

static void draw_tone(const smt_augmenter *a, smt_rng *rng, draw *d)
{
    const smt_augment_options *o = &a->options;
    float gain = log_uniform(rng, o->contrast);
    float offset = 128 + uniform(rng, -o->brightness, o->brightness);
    float gamma = log_uniform(rng, o->gamma);
    for (int i = 0; i < 256; i++) {
        float grey = gamma == 1 ? (float)i : i ? 255 * expf(gamma * a->log_grey[i]) : 0;
        float value = offset + gain * (grey - 128);
        value = value < 0 ? 0 : value > 255 ? 255 : value;
        d->tone[i] = (uint16_t)(value * (1 << POINT_BITS) + 0.5f);
    }
}

static void draw_matrix(const smt_augmenter *a, smt_rng *rng, draw *d)
{
    const smt_augment_options *o = &a->options;
    float angle = uniform(rng, -o->rotation, o->rotation) * 3.14159265f / 180.0f;
    float zoom = log_uniform(rng, o->zoom), ratio = sqrtf(log_uniform(rng, o->stretch));
    float shear = uniform(rng, -o->shear, o->shear);
    float c = cosf(angle), s = sinf(angle);
    float m[4] = {zoom * ratio * c,
                  zoom * ratio * (shear * c - s),
                  zoom / ratio * s,
                  zoom / ratio * (shear * s + c)};
    /* A flip negates a column, a quarter turn swaps the columns and negates one. */
    if (uniform(rng, 0, 1) < o->flip_horizontal) {
        m[0] = -m[0], m[2] = -m[2];
    }
    if (uniform(rng, 0, 1) < o->flip_vertical) {
        m[1] = -m[1], m[3] = -m[3];
    }
    bool turned = uniform(rng, 0, 1) < o->quarter_turns;
    uint32_t turns = smt_rng_below(rng, 4);
    for (uint32_t i = 0; turned && i < turns; i++) {
        float m0 = m[0], m2 = m[2];
        m[0] = m[1], m[2] = m[3];
        m[1] = -m0, m[3] = -m2;
    }
    float shift = o->shift * (float)a->size;
    d->matrix[0] = m[0], d->matrix[1] = m[1], d->matrix[2] = uniform(rng, -shift, shift);
    d->matrix[3] = m[2], d->matrix[4] = m[3], d->matrix[5] = uniform(rng, -shift, shift);
}

static void draw_box(const smt_augmenter *a, smt_rng *rng, draw *d)
{
    const smt_augment_options *o = &a->options;
    bool wanted = uniform(rng, 0, 1) < o->cutout && o->cutout_side > 0;
    float least = o->cutout_side < 0.05f ? o->cutout_side : 0.05f;
    float size = (float)a->size;
    float width = size * uniform(rng, least, o->cutout_side),
          height = size * uniform(rng, least, o->cutout_side);
    float left = uniform(rng, 0, size - width), top = uniform(rng, 0, size - height);
    if (wanted) {
        d->box_left = (int)left, d->box_right = (int)(left + width + 0.5f);
        d->box_top = (int)top, d->box_bottom = (int)(top + height + 0.5f);
    }
}

static void draw_all(const smt_augmenter *a, smt_rng *rng, draw *d)
{
    const smt_augment_options *o = &a->options;
    *d = (draw){0};
    draw_tone(a, rng, d);
    draw_matrix(a, rng, d);
    float blur = uniform(rng, 0, o->blur);
    d->blur_variance = blur * blur;
    d->jitter = uniform(rng, 0, o->jitter);
    d->noise = uniform(rng, 0, o->noise);
    d->shot = uniform(rng, 0, o->shot);
    draw_box(a, rng, d);
}

/* ---- steps 1 to 3: the field ---- */

/* Returns the sum, for the mean grey. */
static uint64_t
apply_tone(const uint8_t *image, const uint16_t tone[256], int size, uint16_t *field, size_t stride)
{
    uint64_t total = 0;
    for (int y = 0; y < size; y++) {
        const uint8_t *in = image + (size_t)y * (size_t)size;
        uint16_t *out = field + (size_t)y * stride;
        uint32_t sum = 0;
        for (int x = 0; x < size; x++) {
            uint16_t value = tone[in[x]];
            out[x] = value;
            sum += value;
        }
        total += sum;
    }
    return total;
}

/* out = middle + weight (before + after - 2 middle), weight in units of 2^-15, at most 1/4. */
FAST static void three_taps(const uint16_t *before,
                            const uint16_t *middle,
                            const uint16_t *after,
                            int weight,
                            int count,
                            uint16_t *out)
{
    for (int x = 0; x < count; x++) {
        int change = (before[x] + after[x] - 2 * middle[x]) * weight + (1 << 14);
        out[x] = (uint16_t)(middle[x] + (change >> 15));
    }
}

/* rows: 2 x size. */
static void blur_once(uint16_t *field, size_t stride, int size, int weight, uint16_t *rows)
{
    size_t bytes = (size_t)size * sizeof *rows;
    uint16_t *above = rows, *here = rows + size;
    for (int y = 0; y < size; y++) {
        uint16_t *row = field + (size_t)y * stride;
        memcpy(here, row, bytes);
        three_taps(here, here + 1, here + 2, weight, size - 2, row + 1);
        row[0] = (uint16_t)(here[0] + ((2 * (here[1] - here[0]) * weight + (1 << 14)) >> 15));
        int end = size - 1;
        row[end] =
            (uint16_t)(here[end] + ((2 * (here[end - 1] - here[end]) * weight + (1 << 14)) >> 15));
    }
    memcpy(above, field + stride, bytes); /* the row above the first is the second, mirrored */
    for (int y = 0; y < size; y++) {
        uint16_t *row = field + (size_t)y * stride;
        memcpy(here, row, bytes);
        three_taps(above, here, y + 1 < size ? row + stride : above, weight, size, row);
        uint16_t *t = above;
        above = here;
        here = t;
    }
}

static void blur(uint16_t *field, size_t stride, int size, float variance, uint16_t *rows)
{
    if (variance < 0.02f || size < 3) {
        return; /* less than the bilinear sampling itself */
    }
    int passes = (int)ceilf(variance / 0.5f);
    int weight = (int)(variance / (2 * (float)passes) * 32768 + 0.5f);
    for (int i = 0; i < passes; i++) {
        blur_once(field, stride, size, weight, rows);
    }
}

/* `field` is the first pixel inside; columns[i] mirrors column i - margin of the largest margin. */
static void add_margin(uint16_t *field, size_t stride, int size, int margin, const int *columns)
{
    for (int y = 0; y < size; y++) {
        uint16_t *row = field + (size_t)y * stride;
        for (int i = 1; i <= margin; i++) {
            row[-i] = row[columns[-i]];
            row[size - 1 + i] = row[columns[size - 1 + i]];
        }
    }
    size_t bytes = ((size_t)size + 2 * (size_t)margin) * sizeof *field;
    for (int i = 1; i <= margin; i++) {
        uint16_t *first = field - margin;
        memcpy(first - (size_t)i * stride, first + (size_t)columns[-i] * stride, bytes);
        memcpy(first + (size_t)(size - 1 + i) * stride,
               first + (size_t)columns[size - 1 + i] * stride,
               bytes);
    }
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
#define SPAN                                                                                       \
    64 /* pixels that are fetched before they are weighted: the first is scalar, the second vector \
          work */

/* u, v: 16.16 coordinates in the field, not negative. */
FAST static void warp_row(const uint16_t *field,
                          int stride,
                          uint32_t u,
                          uint32_t v,
                          uint32_t du,
                          uint32_t dv,
                          int count,
                          float *out)
{
    uint32_t above[SPAN], below[SPAN]; /* two neighbours each */
    for (int done = 0; done < count; done += SPAN) {
        int here = count - done < SPAN ? count - done : SPAN;
        uint32_t at_u = u, at_v = v;
        for (int x = 0; x < here; x++) {
            const uint16_t *p =
                field + ((int)(at_v >> FIXED_BITS) * stride + (int)(at_u >> FIXED_BITS));
            memcpy(&above[x], p, sizeof *above);
            memcpy(&below[x], p + stride, sizeof *below);
            at_u += du;
            at_v += dv;
        }
        for (int x = 0; x < here; x++) {
            int right = (int)((u + (uint32_t)x * du) >> (FIXED_BITS - 8)) & 255;
            int down = (int)((v + (uint32_t)x * dv) >> (FIXED_BITS - 8)) & 255;
            int upper = FIRST(above[x]) * (256 - right) + SECOND(above[x]) * right;
            int lower = FIRST(below[x]) * (256 - right) + SECOND(below[x]) * right;
            int value = upper * (256 - down) + lower * down; /* grey x 2^23 */
            out[done + x] = (float)value * 0x1p-23f;
        }
        u = at_u;
        v = at_v;
    }
}

/* (clip(grey + noise) - mean) * gain */
FAST static void finish_row(float *grey,
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
        float value = grey[x] + sqrtf(constant + slope * grey[x]) * normals[x];
        value = value > 0 ? value : 0;
        value = value < 255 ? value : 255;
        out[x] = (value - mean) * gain;
    }
}

typedef struct row_plan {
    const smt_augmenter *a;
    const draw *d;
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

static void make_row(const row_plan *plan, int y, float row_normal, float *grey)
{
    const draw *d = plan->d;
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
    if (y >= d->box_top && y < d->box_bottom) {
        for (int x = d->box_left; x < d->box_right; x++) {
            grey[x] = plan->box_grey;
        }
    }
}

/* The margin that this draw reaches, at most a->margin. */
static int margin_of(const smt_augmenter *a, const draw *d)
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
static row_plan prepare(const smt_augmenter *a, int worker, const uint8_t *image, const draw *d)
{
    const scratch *s = &a->scratch[worker];
    int margin = margin_of(a, d);
    size_t stride = (size_t)a->size + 2 * (size_t)margin;
    uint16_t *inside = s->field + (size_t)margin * stride + (size_t)margin;
    uint64_t sum = apply_tone(image, d->tone, a->size, inside, stride);
    blur(inside, stride, a->size, d->blur_variance, s->rows);
    add_margin(inside, stride, a->size, margin, s->columns + a->margin);
    float pixels = (float)a->size * (float)a->size;
    return (row_plan){.a = a,
                      .d = d,
                      .field = s->field,
                      .stride = stride,
                      .margin = margin,
                      .box_grey = (float)sum / (pixels * (1 << POINT_BITS))};
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
    const smt_augmenter *a = augmenter;
    draw d;
    draw_all(a, &rng, &d);
    row_plan plan = prepare(a, worker, image, &d);
    const float *jitter = a->normals + smt_rng_below(&rng, NORMALS);
    float *grey = a->scratch[worker].grey;
    int size = a->size;
    for (int y = 0; y < size; y++) {
        make_row(&plan, y, jitter[y], grey);
        const float *normals = a->normals + smt_rng_below(&rng, NORMALS);
        float *row = out + (size_t)y * (size_t)size * (size_t)channels;
        finish_row(
            grey, normals, d.noise, d.shot, mean, 1 / scale, size, channels == 1 ? row : grey);
        for (int x = 0; channels > 1 && x < size; x++) {
            for (int c = 0; c < channels; c++) {
                row[x * channels + c] = grey[x];
            }
        }
    }
}

void smt_augment_apply_u8(
    smt_augmenter *augmenter, int worker, const uint8_t *image, smt_rng rng, uint8_t *out)
{
    const smt_augmenter *a = augmenter;
    draw d;
    draw_all(a, &rng, &d);
    row_plan plan = prepare(a, worker, image, &d);
    const float *jitter = a->normals + smt_rng_below(&rng, NORMALS);
    float *grey = a->scratch[worker].grey;
    int size = a->size;
    for (int y = 0; y < size; y++) {
        make_row(&plan, y, jitter[y], grey);
        const float *normals = a->normals + smt_rng_below(&rng, NORMALS);
        finish_row(grey, normals, d.noise, d.shot, 0, 1, size, grey);
        uint8_t *row = out + (size_t)y * (size_t)size;
        for (int x = 0; x < size; x++) {
            row[x] = (uint8_t)(grey[x] + 0.5f);
        }
    }
}
