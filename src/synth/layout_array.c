/* Regular arrays of contacts, posts, slots, bricks and hexagons. Only the nearest cells of the
 * lattice are evaluated at a pixel, so an array of thousands costs what one of four does. */
#include "scene.h"

typedef struct array {
    float ca, sa;
    float pitch_x, pitch_y, offset_x, offset_y;
    float stagger;     /* shift of every second row, in pitches */
    float a, b, round; /* half sides of a feature and radius of its corners */
    float jitter;      /* random shift of each, frames */
    float missing;     /* fraction of cells without a feature */
    float size_spread; /* relative */
    bool hexagon;
    int kinds; /* features alternate among so many sizes */
    uint32_t seed;
    float outline;
} array;

static float hexagon(float x, float y, float radius)
{
    x = fabsf(x);
    y = fabsf(y);
    float slant = 0.866025f * x + 0.5f * y;
    return (slant > y ? slant : y) - radius;
}

static float cell_distance(const array *l, float u, float v, int column, int row)
{
    float shift = row & 1 ? l->stagger : 0;
    float x = u - ((float)column + shift) * l->pitch_x, y = v - (float)row * l->pitch_y;
    float h0 = synth_noise_at(l->seed, (float)column, (float)row);
    float scale = 1 + l->size_spread * h0;
    if (l->missing > 0 &&
        synth_noise_at(l->seed + 5, (float)column, (float)row) < l->missing * 2 - 1) {
        return SYNTH_FAR;
    }
    if (l->jitter > 0) {
        x += l->jitter * synth_noise_at(l->seed + 1, (float)column, (float)row);
        y += l->jitter * synth_noise_at(l->seed + 2, (float)column, (float)row);
    }
    if (l->kinds > 1 && (column + row) % l->kinds) {
        scale *= 0.62f;
    }
    float a = l->a * scale, b = l->b * scale;
    if (l->hexagon) {
        return hexagon(x, y, a);
    }
    float round = l->round * (a < b ? a : b);
    float dx = fabsf(x) - a + round, dy = fabsf(y) - b + round;
    float ox = dx > 0 ? dx : 0, oy = dy > 0 ? dy : 0, inner = dx > dy ? dx : dy;
    return sqrtf(ox * ox + oy * oy) + (inner < 0 ? inner : 0) - round;
}

static void draw(synth_scene *s, const array *l)
{
    for (int j = 0; j < s->size; j++) {
        float y = ((float)j + 0.5f) * s->pixel - 0.5f;
        for (int i = 0; i < s->size; i++) {
            float x = ((float)i + 0.5f) * s->pixel - 0.5f;
            float u = l->ca * x + l->sa * y + l->offset_x, v = -l->sa * x + l->ca * y + l->offset_y;
            int row = (int)floorf(v / l->pitch_y + 0.5f);
            float best = SYNTH_FAR;
            /* The nearest feature is in this row or the one on the pixel's side of it. */
            int other = v > (float)row * l->pitch_y ? row + 1 : row - 1;
            for (int k = 0; k < 2; k++) {
                int r = k ? other : row;
                float shift = r & 1 ? l->stagger : 0;
                float c = u / l->pitch_x - shift;
                int column = (int)floorf(c + 0.5f),
                    beside = c > (float)column ? column + 1 : column - 1;
                float d = cell_distance(l, u, v, column, r);
                best = d < best ? d : best;
                d = cell_distance(l, u, v, beside, r);
                best = d < best ? d : best;
            }
            if (l->outline > 0) { /* rings and frames: the outline alone */
                best = fabsf(best) - l->outline;
            }
            s->field[(size_t)j * (size_t)s->size + (size_t)i] = best;
        }
    }
}

void synth_layout_array(synth_scene *s)
{
    array l = {.kinds = 1, .seed = (uint32_t)smt_rng_next(&s->rng)};
    float angle = synth_chance(s, 0.6f) ? 0 : synth_uniform(s, -0.8f, 0.8f);
    l.ca = cosf(angle);
    l.sa = sinf(angle);
    l.pitch_x = 1 / synth_log(s, 2.2f, 16);
    float fill = synth_uniform(s, 0.35f, 0.8f);
    int kind = synth_int(s, 0, 4);
    synth_variant(s,
                  (const char *const[]){"contacts", "slots", "bricks", "hexagons", "cells"}[kind]);
    switch (kind) {
    case 0: /* contacts and posts */
        l.pitch_y = l.pitch_x * (synth_chance(s, 0.6f) ? 1 : synth_uniform(s, 0.8f, 1.6f));
        l.a = l.b = 0.5f * fill * l.pitch_x;
        l.round = synth_chance(s, 0.5f) ? 1 : synth_uniform(s, 0, 0.6f);
        l.stagger = synth_chance(s, 0.4f) ? 0.5f : 0;
        break;
    case 1: /* slots, capsules */
        l.pitch_y = l.pitch_x * synth_uniform(s, 1.6f, 5);
        l.a = 0.5f * fill * l.pitch_x;
        l.b = 0.5f * synth_uniform(s, 0.55f, 0.9f) * l.pitch_y;
        l.round = synth_chance(s, 0.7f) ? 1 : 0.3f;
        l.stagger = synth_chance(s, 0.5f) ? 0.5f : 0;
        break;
    case 2: /* bricks */
        l.pitch_y = l.pitch_x * synth_uniform(s, 0.3f, 0.8f);
        l.a = 0.5f * synth_uniform(s, 0.6f, 0.9f) * l.pitch_x;
        l.b = 0.5f * fill * l.pitch_y;
        l.round = synth_uniform(s, 0, 1);
        l.stagger = synth_chance(s, 0.6f) ? 0.5f : synth_uniform(s, 0, 0.5f);
        l.size_spread = synth_uniform(s, 0, 0.3f);
        break;
    case 3: /* hexagons */
        l.pitch_y = l.pitch_x * 0.866f;
        l.a = l.b = 0.5f * synth_uniform(s, 0.55f, 0.92f) * l.pitch_x;
        l.stagger = 0.5f;
        l.hexagon = synth_chance(s, 0.5f);
        l.round = 1;
        break;
    default: /* cells of two sizes, some missing */
        l.pitch_y = l.pitch_x * synth_uniform(s, 0.6f, 1.8f);
        l.a = 0.5f * fill * l.pitch_x;
        l.b = 0.5f * synth_uniform(s, 0.3f, 0.8f) * l.pitch_y;
        l.round = synth_uniform(s, 0, 1);
        l.kinds = synth_int(s, 1, 3);
        l.missing = synth_uniform(s, 0, 0.35f);
        l.stagger = synth_chance(s, 0.4f) ? 0.5f : 0;
        l.jitter = synth_chance(s, 0.3f) ? 0.15f * l.pitch_x : 0;
        break;
    }
    if (synth_chance(s, 0.4f)) {
        float t = l.pitch_x; /* turn by a quarter */
        l.pitch_x = l.pitch_y;
        l.pitch_y = t;
        t = l.a;
        l.a = l.b;
        l.b = t;
        if (l.hexagon) {
            l.hexagon = false;
        }
    }
    l.offset_x = synth_uniform(s, 0, 1) * l.pitch_x + 8 * l.pitch_x;
    l.offset_y = synth_uniform(s, 0, 1) * l.pitch_y + 8 * l.pitch_y;
    if (synth_chance(s, 0.12f)) {
        l.outline = 0.12f * (l.a < l.b ? l.a : l.b);
    }
    draw(s, &l);

    float smaller = l.a < l.b ? l.a : l.b;
    float base = synth_uniform(s, 0.15f, 0.55f);
    float contrast = synth_chance(s, 0.3f) ? synth_uniform(s, -0.05f, 0.05f)
                                           : synth_uniform(s, s->fine_defect ? 0 : -0.4f, 0.5f);
    synth_fill(s, s->level, base);
    s->look = synth_look_of(s, synth_clamp(base + contrast, 0.03f, 0.95f));
    s->look.reach_in = fminf(s->look.reach_in, 0.5f * smaller);
    s->look.reach_out = fminf(s->look.reach_out, 0.5f * smaller);
    s->look.wall = fminf(s->look.wall, 0.8f * smaller);
    if (contrast < 0 || synth_chance(s, 0.3f)) { /* holes: dark floor, bright rim outside */
        s->look.height = -s->look.height;
        s->look.glow_out = synth_uniform(s, 0, 0.45f);
        s->look.glow_in *= 0.3f;
    } else if (synth_chance(s, 0.35f)) {
        s->look.height = synth_uniform(s, 0.03f, 0.2f);
        s->view_tilt = synth_uniform(s, 0.3f, 1.1f); /* posts seen from the side */
    } else if (synth_chance(s, 0.4f)) { /* planarised: only the relief of edges remains */
        s->look.level = base + synth_uniform(s, -0.05f, 0.08f);
        s->look.height *= synth_chance(s, 0.5f) ? 1 : -1;
        s->relief_gain = synth_uniform(s, 0.15f, 0.6f);
        s->look.glow_in *= 0.6f;
    }
    s->has_pattern = true;
}
