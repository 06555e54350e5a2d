/* Defects of plugs in cross-section: voids, missing or under-etched feet, breaks, bulges, worn
 * sides, spongy fill, residue at the foot. Taking material away shows the dielectric beside it,
 * copied from the same depth. */
#include "scene.h"

#include <string.h>

/* Replaces what work[0] covers by what lies `shift` frames to the side. */
static void take_away(synth_scene *s, float shift)
{
    int step = (int)(shift * (float)s->size);
    memcpy(s->work[1], s->level, s->count * sizeof(float));
    memcpy(s->work[2], s->glow, s->count * sizeof(float));
    for (int j = 0; j < s->size; j++) {
        for (int i = 0; i < s->size; i++) {
            size_t k = (size_t)j * (size_t)s->size + (size_t)i;
            float cover = synth_step(0.7f * s->pixel, -0.7f * s->pixel, s->work[0][k]);
            if (cover <= 0) {
                continue;
            }
            int from = i + step;
            from = from < 0 ? i - step : from > s->size - 1 ? i - step : from;
            from = from < 0 ? 0 : from > s->size - 1 ? s->size - 1 : from;
            size_t m = (size_t)j * (size_t)s->size + (size_t)from;
            s->level[k] = synth_lerp(s->level[k], s->work[1][m], cover);
            s->glow[k] = synth_lerp(s->glow[k], s->work[2][m], cover);
            s->height[k] *= 1 - cover;
        }
    }
}

static void
stamp_at(synth_scene *s, synth_kind kind, float x, float y, float a, float b, float wobble)
{
    synth_shape shape = {.kind = kind,
                         .x = x,
                         .y = y,
                         .a = a,
                         .b = b,
                         .round = kind == SYNTH_BOX ? 0.15f * fminf(a, b) : 0,
                         .wobble = wobble};
    shape.angle = synth_uniform(s, -0.15f, 0.15f);
    shape.wobble_scale = synth_log(s, 10, 35);
    shape.seed = (uint32_t)smt_rng_next(&s->rng);
    synth_stamp(s, s->work[0], &shape);
}

/* Where a plug is hit. */
typedef struct spot {
    const synth_anchor *a;
    float depth, y, half; /* the plug's; the place along it; half the width there */
    float side;           /* from here to the dielectric, to either side */
} spot;

static void hollow_at(synth_scene *s, const synth_anchor *a, float y, float half)
{
    float tall = fminf(half * synth_uniform(s, 0.8f, 3), 0.35f * (a->bottom - a->y));
    float wobble = half * synth_uniform(s, 0, 0.5f), wide = half * synth_uniform(s, 0.4f, 0.85f);
    float x = a->x + synth_uniform(s, -0.25f, 0.25f) * half;
    synth_kind kind = synth_chance(s, 0.3f) ? SYNTH_BOX : SYNTH_ELLIPSE;
    stamp_at(s, kind, x, y, wide, tall, wobble);
    synth_look look = {.height = -0.003f, .wall = 0.012f, .reach_out = 0.012f};
    look.level = synth_uniform(s, 0, 0.12f);
    look.glow_out = synth_uniform(s, -0.05f, 0.35f);
    if (a->level < 0.35f) { /* dark plugs have light voids */
        look.level = synth_uniform(s, 0.4f, 0.95f);
        look.glow_out = 0;
    }
    synth_paint(s, s->work[0], &look, synth_uniform(s, 0.8f, 1));
}

static void hollow(synth_scene *s, const spot *p)
{
    hollow_at(s, p->a, p->y, p->half);
}

/* Under-etched, or without its foot. */
static void foot(synth_scene *s, const spot *p)
{
    float gone = p->depth * synth_uniform(s, 0.15f, 0.65f);
    stamp_at(s,
             SYNTH_BOX,
             p->a->x,
             p->a->bottom - 0.5f * gone + 0.05f,
             1.3f * p->a->half_top,
             0.5f * gone + 0.05f,
             p->half * synth_uniform(s, 0, 0.4f));
    take_away(s, p->side);
}

/* A break across. */
static void gap(synth_scene *s, const spot *p)
{
    float wide = synth_log(s, 0.008f, 0.06f);
    stamp_at(
        s, SYNTH_BOX, p->a->x, p->y, 1.35f * p->half, wide, synth_uniform(s, 0.1f, 0.7f) * wide);
    if (synth_chance(s, 0.5f)) {
        synth_look look = {.level = synth_uniform(s, 0, 0.15f), .wall = 0.01f};
        synth_paint(s, s->work[0], &look, 1);
    } else {
        take_away(s, p->side);
    }
}

/* A bulge or extrusion. */
static void bulge(synth_scene *s, const spot *p)
{
    float r = p->half * synth_uniform(s, 0.6f, 1.6f);
    float tall = r * synth_uniform(s, 0.6f, 1.6f);
    float sign = synth_chance(s, 0.5f) ? 1 : -1, away = synth_uniform(s, 0.5f, 1.2f);
    stamp_at(s, SYNTH_ELLIPSE, p->a->x + sign * p->half * away, p->y, r, tall, 0.25f * r);
    synth_look look = {.level = p->a->level,
                       .height = 0.002f,
                       .wall = 0.012f,
                       .glow_in = 0.08f,
                       .reach_in = 0.01f};
    synth_paint(s, s->work[0], &look, 1);
}

/* A worn side or, on both, a neck. */
static void worn(synth_scene *s, const spot *p)
{
    float r = p->half * synth_uniform(s, 0.5f, 1);
    stamp_at(s,
             SYNTH_ELLIPSE,
             p->a->x + p->half * 1.1f,
             p->y,
             r,
             p->depth * synth_uniform(s, 0.08f, 0.3f),
             0.3f * r);
    if (synth_chance(s, 0.5f)) {
        stamp_at(s,
                 SYNTH_ELLIPSE,
                 p->a->x - p->half * 1.1f,
                 p->y,
                 r,
                 p->depth * synth_uniform(s, 0.08f, 0.3f),
                 0.3f * r);
    }
    take_away(s, p->side);
}

static void spongy(synth_scene *s, const spot *p)
{
    const synth_anchor *a = p->a;
    float y = p->y, half = p->half;
    stamp_at(s,
             SYNTH_BOX,
             a->x,
             y,
             half,
             0.5f * (a->bottom - a->y) * synth_uniform(s, 0.3f, 0.9f),
             0.3f * half);
    memset(s->work[1], 0, s->count * sizeof(float));
    float f = synth_log(s, 20, 60), amount = synth_uniform(s, 0.15f, 0.5f);
    synth_fractal_add(s, s->work[1], f, f, 0, amount, 2, 0.7f);
    for (size_t i = 0; i < s->count; i++) {
        s->level[i] += s->work[1][i] * synth_step(0.01f, -0.01f, s->work[0][i]);
    }
    if (synth_chance(s, 0.5f)) {
        synth_fill(s, s->work[0], SYNTH_FAR);
        hollow_at(s, a, y, 0.6f * half);
    }
}

/* Residue and damage at the foot. */
static void residue(synth_scene *s, const spot *p)
{
    for (int k = synth_int(s, 4, 14); k > 0; k--) {
        float tall = synth_log(s, 0.005f, 0.02f), wide = synth_log(s, 0.005f, 0.03f);
        float y = p->a->bottom + synth_uniform(s, -0.12f, 0.12f),
              x = p->a->x + synth_uniform(s, -2, 2) * p->a->half_top;
        stamp_at(s, SYNTH_ELLIPSE, x, y, wide, tall, 0.005f);
    }
    synth_look look = {
        .level = synth_uniform(s, 0, 1), .wall = 0.01f, .glow_in = 0.15f, .reach_in = 0.006f};
    synth_paint(s, s->work[0], &look, synth_uniform(s, 0.5f, 1));
}

/* A crack through it. */
static void crack(synth_scene *s, const spot *p)
{
    float length = synth_uniform(s, 0.2f, 0.6f), heading = synth_uniform(s, 0.2f, 1.4f);
    synth_crack_path(
        s, s->work[0], p->a->x - p->half * 1.5f, p->y - p->half, heading, length, 0.01f, 1);
    synth_look look = {.level = synth_uniform(s, 0, 0.1f), .wall = 0.01f};
    synth_paint(s, s->work[0], &look, 1);
}

enum { KINDS = 8 };
static const float weights[KINDS] = {0.32f, 0.2f, 0.12f, 0.07f, 0.09f, 0.11f, 0.05f, 0.04f};
static const struct {
    const char *name;
    void (*draw)(synth_scene *s, const spot *p); /* work[0] is SYNTH_FAR everywhere */
} kinds[KINDS] = {
    {"hollow", hollow},
    {"foot", foot},
    {"break", gap},
    {"bulge", bulge},
    {"worn", worn},
    {"spongy", spongy},
    {"residue", residue},
    {"crack", crack},
};

static void hit(synth_scene *s, const synth_anchor *a, int kind)
{
    float depth = a->bottom - a->y, t = synth_uniform(s, 0.2f, 0.85f);
    float side = 2.2f * a->half_top + synth_uniform(s, 0, 0.05f);
    spot p = {.a = a,
              .depth = depth,
              .y = a->y + t * depth,
              .half = synth_lerp(a->half_top, a->half_bottom, t),
              .side = synth_chance(s, 0.5f) ? side : -side};
    synth_fill(s, s->work[0], SYNTH_FAR);
    kinds[kind].draw(s, &p);
}

void synth_defect_via(synth_scene *s)
{
    if (s->anchor_count == 0) {
        synth_defect_delamination(s);
        return;
    }
    int kind = synth_weighted(s, weights, KINDS);
    synth_kind_is(s, kinds[kind].name);
    /* All: a fault of the process rather than of one hole. */
    bool all = synth_chance(s, 0.4f) && s->anchor_count <= 4;
    int chosen = synth_int(s, 0, s->anchor_count - 1);
    for (int k = 0; k < s->anchor_count; k++) {
        if (all || k == chosen) {
            hit(s, &s->anchors[k], kind);
            if (synth_chance(s, 0.25f)) {
                hit(s, &s->anchors[k], synth_weighted(s, weights, KINDS));
            }
        }
    }
}
