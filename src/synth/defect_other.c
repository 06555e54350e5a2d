/* Whatever else turns up: stains, scattered debris, craters, foreign textures, residues. */
#include "scene.h"

#include <string.h>

static void stain(synth_scene *s)
{
    float r = synth_log(s, 0.1f, 0.4f), rim = synth_uniform(s, -0.2f, 0.25f),
          change = synth_uniform(s, -0.3f, 0.2f);
    synth_fill(s, s->work[0], SYNTH_FAR);
    synth_shape shape = {.kind = SYNTH_ELLIPSE, .a = r};
    shape.x = synth_uniform(s, 0.3f, 0.7f);
    shape.y = synth_uniform(s, 0.3f, 0.7f);
    shape.b = r * synth_uniform(s, 0.5f, 1.2f);
    shape.angle = synth_uniform(s, 0, 3.1f);
    shape.wobble = r * synth_uniform(s, 0, 0.3f);
    shape.wobble_scale = synth_log(s, 3, 12);
    shape.seed = (uint32_t)smt_rng_next(&s->rng);
    synth_stamp(s, s->work[0], &shape);
    float soft = synth_log(s, 0.01f, 0.15f), width = synth_log(s, 0.01f, 0.05f);
    for (size_t i = 0; i < s->count; i++) {
        float d = s->work[0][i];
        float cover = synth_step(soft, -soft, d);
        s->level[i] = fmaxf(s->level[i] * (1 + 1.5f * change * cover), 0) +
                      rim * expf(-d * d / (width * width));
        s->glow[i] *= 1 - 0.5f * cover;
    }
}

static void debris(synth_scene *s)
{
    int count = synth_int(s, 6, 40);
    float typical = synth_log(s, 0.006f, 0.03f), stretch = synth_uniform(s, 0.4f, 1),
          angle = synth_uniform(s, 0, 3.1f);
    synth_fill(s, s->work[0], SYNTH_FAR);
    for (int i = 0; i < count; i++) {
        float r = typical * synth_log(s, 0.5f, 2.5f);
        synth_shape bit = {.kind = SYNTH_ELLIPSE,
                           .a = r,
                           .b = r * stretch,
                           .wobble = 0.4f * r,
                           .wobble_scale = 40,
                           .seed = (uint32_t)i};
        bit.x = synth_uniform(s, 0, 1);
        bit.y = synth_uniform(s, 0, 1);
        bit.angle = angle + synth_uniform(s, -0.5f, 0.5f);
        synth_stamp(s, s->work[0], &bit);
    }
    synth_look look =
        synth_look_of(s, synth_clamp(s->body_level + synth_uniform(s, 0.1f, 0.5f), 0, 1));
    look.height = typical;
    look.wall = typical;
    look.reach_in = look.reach_out = 0.4f * typical;
    synth_paint(s, s->work[0], &look, 1);
}

static void craters(synth_scene *s)
{
    int count = synth_int(s, 1, 4);
    synth_fill(s, s->work[0], SYNTH_FAR);
    for (int i = 0; i < count; i++) {
        float r = synth_log(s, 0.04f, 0.2f) / sqrtf((float)count);
        synth_shape hole = {.a = r};
        hole.kind = synth_chance(s, 0.8f) ? SYNTH_ELLIPSE : SYNTH_BOX;
        hole.x = synth_uniform(s, 0.15f, 0.85f);
        hole.y = synth_uniform(s, 0.15f, 0.85f);
        hole.b = r * synth_uniform(s, 0.5f, 1);
        hole.angle = synth_uniform(s, -0.3f, 0.3f);
        hole.wobble = r * synth_uniform(s, 0, 0.4f);
        hole.wobble_scale = synth_log(s, 6, 30);
        hole.seed = (uint32_t)smt_rng_next(&s->rng);
        synth_stamp(s, s->work[0], &hole);
    }
    synth_look look = {.height = -0.02f};
    look.level = synth_uniform(s, 0, 0.7f) * s->body_level;
    look.wall = synth_log(s, 0.01f, 0.06f);
    look.glow_out = synth_uniform(s, 0, 0.5f);
    look.reach_out = synth_log(s, 0.005f, 0.03f);
    synth_paint(s, s->work[0], &look, synth_uniform(s, 0.7f, 1));
}

/* Grains, needles or a web over the frame or a part of it. */
static void foreign(synth_scene *s)
{
    bool patch = synth_chance(s, 0.55f);
    synth_fill(s, s->work[0], patch ? SYNTH_FAR : -SYNTH_FAR);
    if (patch) {
        float r = synth_log(s, 0.12f, 0.4f);
        synth_shape shape = {.kind = SYNTH_ELLIPSE, .a = r, .wobble = 0.35f * r};
        shape.x = synth_uniform(s, 0.3f, 0.7f);
        shape.y = synth_uniform(s, 0.3f, 0.7f);
        shape.b = r * synth_uniform(s, 0.3f, 1);
        shape.angle = synth_uniform(s, 0, 3.1f);
        shape.wobble_scale = synth_log(s, 5, 20);
        shape.seed = (uint32_t)smt_rng_next(&s->rng);
        synth_stamp(s, s->work[0], &shape);
    }
    memset(s->work[1], 0, s->count * sizeof(float));
    float f = synth_log(s, 5, 40), aspect = synth_chance(s, 0.6f) ? 1 : synth_log(s, 0.15f, 6);
    float amount = synth_uniform(s, 0.15f, 0.5f), threshold = synth_uniform(s, -0.3f, 0.4f),
          slope = synth_log(s, 1.5f, 8);
    synth_fractal_add(s, s->work[1], f, f * aspect, synth_uniform(s, 0, 3.1f), 0.7f, 3, 0.55f);
    bool web = synth_chance(s, 0.3f);
    float level = synth_uniform(s, 0.15f, 0.6f);
    for (size_t i = 0; i < s->count; i++) {
        float cover = synth_step(0.02f, -0.02f, s->work[0][i]);
        if (cover <= 0) {
            continue;
        }
        float t = web ? 0.25f - fabsf(s->work[1][i]) : s->work[1][i] - threshold;
        t = synth_clamp(t * slope, -1, 1);
        s->level[i] = synth_lerp(s->level[i], level + amount * t, cover);
        s->height[i] = synth_lerp(s->height[i], 0.015f * t / f * 10, cover);
        s->glow[i] *= 1 - cover;
    }
}

static void dark_cloud(synth_scene *s) /* carbon deposit, charging patch */
{
    memset(s->work[0], 0, s->count * sizeof(float));
    float f = synth_log(s, 1.5f, 5);
    synth_fractal_add(s, s->work[0], f, f, 0, 1, 3, 0.6f);
    float amount = synth_uniform(s, -0.7f, 0.5f), threshold = synth_uniform(s, 0, 0.4f);
    for (size_t i = 0; i < s->count; i++) {
        float cover = synth_step(threshold, threshold + 0.4f, s->work[0][i]);
        s->level[i] *= 1 + amount * cover;
        s->glow[i] *= 1 - 0.4f * cover;
    }
}

void synth_defect_other(synth_scene *s)
{
    static const float kinds[] = {0.2f, 0.18f, 0.16f, 0.2f, 0.12f, 0.08f, 0.06f};
    static const char *const names[] = {
        "stain", "debris", "craters", "foreign", "residue", "cloud", "spot"};
    int kind = synth_weighted(s, kinds, 7);
    synth_kind_is(s, names[kind]);
    switch (kind) {
    case 0:
        stain(s);
        break;
    case 1:
        debris(s);
        break;
    case 2:
        craters(s);
        break;
    case 3:
        foreign(s);
        break;
    case 4:
        synth_residue(s);
        break;
    case 5:
        dark_cloud(s);
        debris(s);
        break;
    default:
        stain(s);
        float radius = synth_log(s, 0.05f, 0.2f), y = synth_uniform(s, 0.2f, 0.8f),
              x = synth_uniform(s, 0.2f, 0.8f);
        synth_particle_at(s, x, y, radius);
        break;
    }
}
