#include "data/augment_parts.h"

#include <math.h>

static float uniform(smt_rng *rng, float low, float high)
{
    return (float)smt_rng_uniform(rng, (double)low, (double)high);
}

/* Log-uniform in 1 / (1 + spread) .. 1 + spread. */
static float log_uniform(smt_rng *rng, float spread)
{
    return expf(uniform(rng, -1, 1) * logf(1 + spread));
}

static void draw_tone(const augment_context *a, smt_rng *rng, augment_draw *d)
{
    const smt_augment_options *o = a->options;
    float gain = log_uniform(rng, o->contrast);
    float offset = 128 + uniform(rng, -o->brightness, o->brightness);
    float gamma = log_uniform(rng, o->gamma);
    bool inverted = uniform(rng, 0, 1) < o->invert;
    for (int i = 0; i < 256; i++) {
        float grey = a->base[i];
        if (gamma != 1 && grey > 0) {
            grey = 255 * expf(gamma * a->log_base[i]);
        }
        float value = offset + gain * ((inverted ? 255 - grey : grey) - 128);
        value = value < 0 ? 0 : value > 255 ? 255 : value;
        d->tone[i] = (uint16_t)(value * (1 << POINT_BITS) + 0.5f);
    }
}

static void draw_matrix(const augment_context *a, smt_rng *rng, augment_draw *d)
{
    const smt_augment_options *o = a->options;
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

static void draw_box(const augment_context *a, smt_rng *rng, augment_draw *d)
{
    const smt_augment_options *o = a->options;
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

void smt_augment_draw(const augment_context *a, smt_rng *rng, augment_draw *d)
{
    const smt_augment_options *o = a->options;
    *d = (augment_draw){0};
    draw_tone(a, rng, d);
    draw_matrix(a, rng, d);
    float blur = uniform(rng, 0, o->blur);
    d->blur_variance = blur * blur;
    d->jitter = uniform(rng, 0, o->jitter);
    d->noise = uniform(rng, 0, o->noise);
    d->shot = uniform(rng, 0, o->shot);
    draw_box(a, rng, d);
    float shade = uniform(rng, 0, o->shade), direction = uniform(rng, 0, 6.2831853f);
    float half = 0.5f * (float)a->size;
    d->shade_x = shade * cosf(direction) / half;
    d->shade_y = shade * sinf(direction) / half;
}
