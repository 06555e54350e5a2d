/* Scratches and the marks of chemical-mechanical polishing: grooves with raised banks, torn tracks,
 * chatter (a row of crescents left by a grain that sticks and slips), pits, slurry residue. */
#include "scene.h"

#include <string.h>

/* How a groove looks: dark floor and bright banks, or the relief alone. */
static synth_look groove_look(synth_scene *s, float width)
{
    float kind = synth_uniform(s, 0, 1), here = s->body_level;
    synth_look look = {.wall = fmaxf(width, s->pixel),
                       .reach_in = 0.5f * width,
                       .reach_out = synth_uniform(s, 0.4f, 1.2f) * width};
    look.height = -width * synth_uniform(s, 0.3f, 1.2f);
    if (kind < 0.48f) {
        look.level = here * synth_uniform(s, 0, 0.5f);
        look.glow_out = synth_chance(s, 0.6f) ? synth_uniform(s, 0.05f, 0.5f) : 0;
    } else if (kind < 0.62f) {
        look.level = synth_clamp(here + synth_uniform(s, 0.15f, 0.5f), 0, 1);
        look.glow_out = synth_uniform(s, -0.15f, 0.1f);
        look.height = -look.height;
    } else {
        look.level = here + synth_uniform(s, -0.1f, 0.1f);
        look.glow_in = synth_uniform(s, -0.3f, 0.4f);
        look.glow_out = synth_uniform(s, -0.2f, 0.3f);
    }
    return look;
}

/* A groove that follows a bent line into work[0]. */
static void groove(synth_scene *s,
                   float x,
                   float y,
                   float heading,
                   float length,
                   float half,
                   float bend,
                   bool broken)
{
    int pieces = synth_int(s, 4, 9);
    float step = length / (float)pieces;
    uint32_t seed = (uint32_t)smt_rng_next(&s->rng);
    for (int k = 0; k < pieces; k++) {
        float nx = x + cosf(heading) * step, ny = y + sinf(heading) * step;
        float t = ((float)k + 0.5f) / (float)pieces, swell = 1.2f - 1.4f * fabsf(t - 0.4f);
        if (!broken || synth_chance(s, 0.7f)) {
            synth_shape part = {.kind = SYNTH_CAPSULE,
                                .x = x,
                                .y = y,
                                .a = nx,
                                .b = ny,
                                .round = half * swell,
                                .wobble = half * 0.35f,
                                .wobble_scale = 30,
                                .seed = seed,
                                .blend = half};
            synth_stamp(s, s->work[0], &part);
        }
        x = nx;
        y = ny;
        heading += bend + synth_uniform(s, -0.08f, 0.08f);
    }
}

static void
grooves(synth_scene *s, int count, float narrow, float wide, float shortest, float longest)
{
    float angle = synth_uniform(s, 0, 6.2832f), spread = synth_chance(s, 0.5f) ? 0.06f : 1.2f;
    float bend = synth_chance(s, 0.3f) ? synth_uniform(s, -0.15f, 0.15f) : 0;
    float half = synth_log(s, narrow, wide);
    synth_look look = groove_look(s, 2 * half);
    synth_fill(s, s->work[0], SYNTH_FAR);
    for (int i = 0; i < count; i++) {
        float length = synth_log(s, shortest, longest),
              heading = angle + synth_uniform(s, -spread, spread);
        float cx = synth_uniform(s, 0.2f, 0.8f), cy = synth_uniform(s, 0.2f, 0.8f);
        bool broken = synth_chance(s, 0.25f);
        float wide_half = half * synth_uniform(s, 0.7f, 1.3f);
        groove(s,
               cx - 0.5f * length * cosf(heading),
               cy - 0.5f * length * sinf(heading),
               heading,
               length,
               wide_half,
               bend,
               broken);
    }
    synth_paint(s, s->work[0], &look, synth_uniform(s, 0.65f, 1));
}

/* A wide track of torn material: strong grain inside a band, banks of bright debris. */
static void torn_track(synth_scene *s)
{
    float angle = synth_uniform(s, 0, 3.14f), length = synth_uniform(s, 0.5f, 1.6f);
    float half = synth_log(s, 0.02f, 0.09f), x = synth_uniform(s, 0.35f, 0.65f),
          y = synth_uniform(s, 0.35f, 0.65f);
    int rails = synth_int(s, 1, 2);
    synth_fill(s, s->work[0], SYNTH_FAR);
    for (int k = 0; k < rails; k++) {
        float off = rails > 1 ? ((float)k - 0.5f) * half * synth_uniform(s, 3, 5) : 0;
        float cx = x - sinf(angle) * off, cy = y + cosf(angle) * off;
        bool broken = synth_chance(s, 0.2f);
        float heading = angle + synth_uniform(s, -0.05f, 0.05f);
        groove(s,
               cx - 0.5f * length * cosf(angle),
               cy - 0.5f * length * sinf(angle),
               heading,
               length,
               half / (float)rails,
               0,
               broken);
    }
    float *grain = s->work[1];
    memset(grain, 0, s->count * sizeof *grain);
    float f = synth_log(s, 18, 50);
    synth_fractal_add(s, grain, f, f * synth_log(s, 0.4f, 2), angle, 1, 2, 0.8f);
    float bright = synth_uniform(s, -0.15f, 0.35f), contrast = synth_uniform(s, 0.15f, 0.5f),
          depth = synth_uniform(s, 0, 0.012f);
    for (size_t i = 0; i < s->count; i++) {
        float cover = synth_step(0.3f * half, -0.3f * half, s->work[0][i] + 0.5f * half * grain[i]);
        if (cover > 0) {
            s->level[i] += cover * (bright + contrast * grain[i]);
            s->height[i] += cover * depth * grain[i];
        }
    }
}

/* A row of crescents along a line, the marks of a stick-slip contact. */
static void chatter(synth_scene *s)
{
    float angle = synth_uniform(s, 0, 6.2832f), drift = synth_uniform(s, -0.05f, 0.05f);
    int count = synth_int(s, 4, 22), rows = synth_chance(s, 0.25f) ? 2 : 1;
    float half = synth_log(s, 0.03f, 0.13f), pitch = half * synth_uniform(s, 0.25f, 0.9f);
    float radius = half * synth_uniform(s, 0.9f, 3),
          thick = fmaxf(pitch * synth_uniform(s, 0.12f, 0.35f), 0.7f * s->pixel);
    float x0 = synth_uniform(s, 0.35f, 0.65f), y0 = synth_uniform(s, 0.35f, 0.65f);
    float *field = s->work[0];
    synth_fill(s, field, SYNTH_FAR);
    for (int row = 0; row < rows; row++) {
        float off = rows > 1 ? ((float)row - 0.5f) * half * 2.6f : 0;
        float x = x0 - cosf(angle) * 0.5f * (float)count * pitch - sinf(angle) * off;
        float y = y0 - sinf(angle) * 0.5f * (float)count * pitch + cosf(angle) * off;
        float heading = angle;
        for (int k = 0; k < count; k++) {
            x += cosf(heading) * pitch;
            y += sinf(heading) * pitch;
            heading += drift;
            if (synth_chance(s, 0.1f)) {
                continue;
            }
            float t = ((float)k + 0.5f) / (float)count,
                  reach = half * (0.55f + 0.9f * (t - t * t) * 2) * synth_uniform(s, 0.7f, 1.15f);
            /* An arc about a centre behind, as three chords. */
            float sweep = asinf(synth_clamp(reach / radius, 0, 0.95f));
            float cx = x - cosf(heading) * radius, cy = y - sinf(heading) * radius;
            float px = 0, py = 0;
            for (int m = 0; m <= 4; m++) {
                float a = heading + sweep * ((float)m * 0.5f - 1);
                float qx = cx + cosf(a) * radius, qy = cy + sinf(a) * radius;
                if (m) {
                    float fat = m == 2 || m == 3 ? 1 : 0.6f;
                    synth_shape chord = {.kind = SYNTH_CAPSULE,
                                         .x = px,
                                         .y = py,
                                         .a = qx,
                                         .b = qy,
                                         .round = thick * fat};
                    synth_stamp(s, field, &chord);
                }
                px = qx;
                py = qy;
            }
        }
    }
    synth_look look = groove_look(s, 2 * thick);
    if (synth_chance(s, 0.5f)) { /* bright on one side, dark on the other */
        look.level = s->body_level;
        look.height = thick * synth_uniform(s, 0.5f, 1.5f);
        look.height *= synth_chance(s, 0.5f) ? 1 : -1;
        s->relief_gain = fmaxf(s->relief_gain, synth_uniform(s, 0.15f, 0.5f));
    }
    synth_paint(s, field, &look, synth_uniform(s, 0.6f, 1));
}

static void pits(synth_scene *s)
{
    int count = synth_chance(s, 0.6f) ? 1 : synth_int(s, 2, 4);
    float angle = synth_uniform(s, 0, 3.14f), a = synth_log(s, 0.03f, 0.2f);
    synth_fill(s, s->work[0], SYNTH_FAR);
    for (int i = 0; i < count; i++) {
        synth_shape pit = {.kind = SYNTH_ELLIPSE, .a = a};
        pit.x = synth_uniform(s, 0.3f, 0.7f);
        pit.y = synth_uniform(s, 0.3f, 0.7f);
        pit.b = a * synth_uniform(s, 0.15f, 0.7f);
        pit.angle = angle + synth_uniform(s, -0.2f, 0.2f);
        pit.wobble = a * synth_uniform(s, 0, 0.2f);
        pit.wobble_scale = synth_log(s, 6, 25);
        pit.seed = (uint32_t)smt_rng_next(&s->rng);
        synth_stamp(s, s->work[0], &pit);
    }
    synth_look look = groove_look(s, a);
    look.wall = a * synth_uniform(s, 0.1f, 0.8f);
    look.height = -a * synth_uniform(s, 0.1f, 0.5f);
    look.reach_out = synth_log(s, 0.005f, 0.03f);
    s->relief_gain = fmaxf(s->relief_gain, synth_uniform(s, 0, 0.4f));
    synth_paint(s, s->work[0], &look, synth_uniform(s, 0.6f, 1));
}

void synth_residue(synth_scene *s)
{
    int count = synth_int(s, 1, 4);
    float *field = s->work[0];
    synth_fill(s, field, SYNTH_FAR);
    for (int i = 0; i < count; i++) {
        float points[20][2], x = synth_uniform(s, 0.2f, 0.8f), y = synth_uniform(s, 0.2f, 0.8f);
        float radius = synth_log(s, 0.05f, 0.2f);
        int n = synth_int(s, 6, 16);
        for (int k = 0; k < n; k++) {
            float t = (float)k * 6.2832f / (float)n, r = radius * synth_uniform(s, 0.5f, 1.2f);
            points[k][0] = x + r * cosf(t);
            points[k][1] = y + r * sinf(t);
        }
        synth_stamp_polygon(
            s, field, (const float(*)[2])points, n, 0.01f, (uint32_t)smt_rng_next(&s->rng));
        for (int k = 0; k < 5 && synth_chance(s, 0.5f); k++) {
            synth_shape hole = {
                .kind = SYNTH_ELLIPSE, .a = 0.12f * radius, .b = 0.09f * radius, .subtract = true};
            hole.x = x + synth_uniform(s, -0.5f, 0.5f) * radius;
            hole.y = y + synth_uniform(s, -0.5f, 0.5f) * radius;
            synth_stamp(s, field, &hole);
        }
    }
    synth_look look =
        synth_look_of(s, synth_clamp(s->body_level + synth_uniform(s, -0.2f, 0.3f), 0.05f, 0.95f));
    look.glow_in = synth_uniform(s, 0, 0.4f);
    synth_paint(s, field, &look, synth_uniform(s, 0.7f, 1));
}

/* A broken path that hops over the pattern. */
static void skipping(synth_scene *s)
{
    float angle = synth_uniform(s, 0, 6.28f), step = synth_log(s, 0.03f, 0.1f),
          half = synth_log(s, 0.006f, 0.025f);
    int count = synth_int(s, 4, 14);
    float x = 0.5f - cosf(angle) * step * 0.5f * (float)count,
          y = 0.5f - sinf(angle) * step * 0.5f * (float)count;
    float each = angle + synth_uniform(s, -0.8f, 0.8f);
    synth_fill(s, s->work[0], SYNTH_FAR);
    for (int k = 0; k < count; k++) {
        float long_half = step * synth_uniform(s, 0.15f, 0.6f);
        synth_shape dash = {.kind = SYNTH_ELLIPSE,
                            .a = long_half,
                            .b = half,
                            .angle = each,
                            .wobble = 0.5f * half,
                            .wobble_scale = 40,
                            .seed = (uint32_t)k};
        dash.x = x + synth_uniform(s, -0.01f, 0.01f);
        dash.y = y + synth_uniform(s, -0.01f, 0.01f);
        synth_stamp(s, s->work[0], &dash);
        x += cosf(angle) * step;
        y += sinf(angle) * step;
    }
    synth_look look = groove_look(s, half);
    synth_paint(s, s->work[0], &look, 1);
}

void synth_defect_scratch(synth_scene *s)
{
    static const float kinds[] = {0.34f, 0.14f, 0.22f, 0.12f, 0.10f, 0.08f};
    static const char *const names[] = {"groove", "many", "torn", "deep", "chatter", "skipping"};
    int kind = synth_weighted(s, kinds, 6);
    synth_kind_is(s, names[kind]);
    switch (kind) {
    case 0:
        grooves(s, synth_int(s, 1, 3), 0.005f, 0.03f, 0.4f, 1.6f);
        break;
    case 1: /* many fine ones, of several widths */
        for (int i = synth_int(s, 2, 4); i > 0; i--) {
            grooves(s, synth_int(s, 4, 14), 0.002f, 0.006f, 0.3f, 1.8f);
        }
        break;
    case 2:
        torn_track(s);
        break;
    case 3: /* one deep and some fine */
        grooves(s, 1, 0.012f, 0.05f, 0.5f, 1.6f);
        grooves(s, synth_int(s, 2, 8), 0.002f, 0.006f, 0.2f, 1.2f);
        break;
    case 4:
        chatter(s);
        break;
    default:
        skipping(s);
        break;
    }
}

void synth_defect_cmp(synth_scene *s)
{
    static const float kinds[] = {0.36f, 0.18f, 0.12f, 0.12f, 0.12f, 0.10f};
    static const char *const names[] = {"chatter", "pits", "residue", "skipping", "torn", "groove"};
    int kind = synth_weighted(s, kinds, 6);
    synth_kind_is(s, names[kind]);
    switch (kind) {
    case 0:
        chatter(s);
        break;
    case 1:
        pits(s);
        break;
    case 2:
        synth_residue(s);
        if (synth_chance(s, 0.4f)) {
            chatter(s);
        }
        break;
    case 3:
        skipping(s);
        break;
    case 4:
        torn_track(s);
        break;
    default:
        grooves(s, synth_int(s, 1, 2), 0.004f, 0.03f, 0.15f, 0.9f);
        break;
    }
}
