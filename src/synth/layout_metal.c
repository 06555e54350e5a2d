/* Routed wires with bends, buses, pads and blocks, and pairs of electrodes facing each other. */
#include "scene.h"

static void choose_look(synth_scene *s)
{
    float base = synth_uniform(s, 0.08f, 0.45f), contrast = synth_uniform(s, 0.02f, 0.6f);
    if (!s->fine_defect && synth_chance(s, 0.15f)) {
        contrast = -contrast * 0.6f;
    }
    synth_fill(s, s->level, base);
    s->look = synth_look_of(s, synth_clamp(base + contrast, 0.05f, 0.95f));
    if (fabsf(contrast) < 0.12f) {
        s->look.glow_in = synth_uniform(s, 0.15f, 0.5f);
    }
    s->look.grain = synth_chance(s, 0.4f) ? synth_uniform(s, 0.1f, 0.6f) : 0;
}

static void wire(synth_scene *s, float x0, float y0, float x1, float y1, float half, bool square)
{
    float length = sqrtf((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0));
    synth_shape shape = {.kind = SYNTH_CAPSULE, .x = x0, .y = y0, .a = x1, .b = y1, .round = half};
    if (square) {
        shape = (synth_shape){.kind = SYNTH_BOX,
                              .x = 0.5f * (x0 + x1),
                              .y = 0.5f * (y0 + y1),
                              .a = 0.5f * length + half * 0.8f,
                              .b = half,
                              .angle = atan2f(y1 - y0, x1 - x0)};
    }
    synth_stamp(s, s->field, &shape);
}

/* A bus: parallel wires that turn together by 45 or 90 degrees, once or twice. */
static void bus(synth_scene *s)
{
    int count = synth_int(s, 1, 7);
    float half = synth_log(s, 0.008f, 0.06f) / (count > 3 ? 1.6f : 1);
    float pitch = 2 * half * synth_uniform(s, 1.4f, 4);
    float heading = (float)synth_int(s, 0, 7) * 0.785398f;
    heading += synth_chance(s, 0.3f) ? synth_uniform(s, -0.4f, 0.4f) : 0;
    float x = synth_uniform(s, 0.25f, 0.75f) - 0.9f * cosf(heading),
          y = synth_uniform(s, 0.25f, 0.75f) - 0.9f * sinf(heading);
    float run = synth_uniform(s, 0.55f, 1.1f);
    bool square = synth_chance(s, 0.5f);
    int legs = synth_int(s, 1, 3);
    float turns[3] = {0, 0, 0};
    for (int k = 1; k < legs; k++) {
        turns[k] = synth_chance(s, 0.7f) ? 0.785398f : 1.570796f;
        turns[k] *= synth_chance(s, 0.5f) ? 1 : -1;
    }
    for (int leg = 0; leg < legs; leg++) {
        float next_heading = leg + 1 < legs ? heading + turns[leg + 1] : heading;
        float length = leg + 1 < legs ? run : 2.5f;
        float cx = cosf(heading), cy = sinf(heading);
        float x1 = x + cx * length, y1 = y + cy * length;
        for (int k = 0; k < count; k++) {
            float off = ((float)k - 0.5f * (float)(count - 1)) * pitch;
            /* Offset wires meet on the bisector of the turn. */
            float before = leg ? off * tanf(0.5f * turns[leg]) : 0;
            float after = leg + 1 < legs ? off * tanf(0.5f * turns[leg + 1]) : 0;
            wire(s,
                 x - cy * off + cx * before,
                 y + cx * off + cy * before,
                 x1 - cy * off - cx * after,
                 y1 + cx * off - cy * after,
                 half,
                 square);
        }
        x = x1;
        y = y1;
        heading = next_heading;
        run = synth_uniform(s, 0.15f, 0.5f);
    }
}

/* Wires on a grid of tracks, with line ends, jogs and landing pads: dense routing. */
static void tracks(synth_scene *s)
{
    int count = synth_int(s, 4, 16);
    float pitch = 1 / (float)count, half = pitch * synth_uniform(s, 0.18f, 0.36f);
    bool across = synth_chance(s, 0.5f), square = synth_chance(s, 0.6f);
    for (int k = 0; k < count; k++) {
        float c = ((float)k + 0.5f) * pitch, at = synth_uniform(s, -0.5f, 0.2f);
        while (at < 1.1f) {
            /* Among natural line ends an open could not be told. */
            float end = at + (s->fine_defect ? synth_log(s, 0.6f, 3) : synth_log(s, 0.15f, 1.2f));
            wire(s,
                 across ? at : c,
                 across ? c : at,
                 across ? end : c,
                 across ? c : end,
                 half,
                 square);
            if (synth_chance(s, 0.25f) && k + 1 < count) {
                wire(s,
                     across ? end : c,
                     across ? c : end,
                     across ? end : c + pitch,
                     across ? c + pitch : end,
                     half,
                     square);
            }
            if (synth_chance(s, 0.15f)) {
                synth_shape pad = {.kind = synth_chance(s, 0.5f) ? SYNTH_BOX : SYNTH_ELLIPSE,
                                   .x = across ? end : c,
                                   .y = across ? c : end,
                                   .a = 1.5f * half,
                                   .b = 1.5f * half};
                synth_stamp(s, s->field, &pad);
            }
            at = end + synth_uniform(s, 3, 6) * half;
        }
    }
}

static void loops(synth_scene *s) /* pairs of thin lines with loops, and rows of small ovals */
{
    int count = synth_int(s, 2, 8);
    float y = synth_uniform(s, 0.05f, 0.25f);
    for (int k = 0; k < count && y < 0.98f; k++) {
        wire(s, -0.1f, y, 1.1f, y, synth_log(s, 0.006f, 0.03f), true);
        if (synth_chance(s, 0.3f)) {
            float x = synth_uniform(s, 0, 0.3f), step = synth_uniform(s, 0.12f, 0.4f);
            for (; x < 1; x += step) {
                synth_shape oval = {
                    .kind = SYNTH_ELLIPSE, .x = x, .y = y - 0.035f, .a = 0.02f, .b = 0.032f};
                synth_stamp(s, s->field, &oval);
                oval.a = 0.009f;
                oval.b = 0.019f;
                oval.subtract = true;
                synth_stamp(s, s->field, &oval);
            }
        }
        y += synth_log(s, 0.05f, 0.25f);
    }
}

void synth_layout_routed(synth_scene *s)
{
    synth_fill(s, s->field, SYNTH_FAR);
    int kind = synth_int(s, 0, 6);
    synth_variant(s, kind < 3 ? "buses" : kind < 5 ? "tracks" : kind < 6 ? "loops" : "levels");
    if (kind == 6) { /* two levels of metal, the upper one on top */
        tracks(s);
        choose_look(s);
        s->look.height = synth_uniform(s, 0.01f, 0.06f);
        synth_paint(s, s->field, &s->look, 1);
        synth_look upper = s->look;
        synth_fill(s, s->field, SYNTH_FAR);
        tracks(s);
        upper.level = synth_clamp(s->look.level + synth_uniform(s, -0.15f, 0.3f), 0.1f, 0.95f);
        upper.glow_in = synth_uniform(s, 0.05f, 0.4f);
        s->look = upper;
        if (synth_chance(s, 0.3f)) {
            s->view_tilt = synth_uniform(s, 0.3f, 1.2f);
        }
        s->has_pattern = true;
        return;
    }
    if (kind < 3) {
        int buses = synth_int(s, 1, 2);
        for (int i = 0; i < buses; i++) {
            bus(s);
        }
        if (synth_chance(s, 0.4f)) {
            synth_shape pad = {.kind = SYNTH_BOX};
            pad.x = synth_uniform(s, 0, 1);
            pad.y = synth_chance(s, 0.5f) ? 0 : 1;
            pad.a = synth_uniform(s, 0.1f, 0.3f);
            pad.b = synth_uniform(s, 0.1f, 0.3f);
            pad.round = synth_uniform(s, 0, 0.05f);
            pad.angle = synth_chance(s, 0.5f) ? 0 : 0.7854f;
            synth_stamp(s, s->field, &pad);
        }
    } else if (kind < 5) {
        tracks(s);
    } else {
        loops(s);
    }
    choose_look(s);
    s->has_pattern = true;
}

void synth_layout_pads(synth_scene *s)
{
    synth_fill(s, s->field, SYNTH_FAR);
    float unit = synth_log(s, 0.03f, 0.15f);
    int count = synth_int(s, 3, (int)(3 + 1.5f / unit));
    float round = synth_uniform(s, 0, 0.5f);
    float angle = synth_chance(s, 0.75f) ? 0 : synth_uniform(s, -0.8f, 0.8f);
    float gap = synth_uniform(s, 0.15f, 0.5f) * unit;
    float placed[64][4];
    int n = 0;
    for (int i = 0; i < count * 4 && n < 48 && n < count; i++) {
        float a = unit * synth_log(s, 0.4f, 2),
              b = synth_chance(s, 0.5f) ? a : unit * synth_log(s, 0.4f, 3);
        float x = synth_uniform(s, -0.1f, 1.1f), y = synth_uniform(s, -0.1f, 1.1f);
        bool free = true;
        for (int k = 0; k < n && free; k++) {
            free = fabsf(placed[k][0] - x) > placed[k][2] + a + gap ||
                   fabsf(placed[k][1] - y) > placed[k][3] + b + gap;
        }
        if (!free) {
            continue;
        }
        placed[n][0] = x;
        placed[n][1] = y;
        placed[n][2] = a;
        placed[n++][3] = b;
        float ca = cosf(angle), sa = sinf(angle);
        synth_shape pad = {.kind = SYNTH_BOX,
                           .x = 0.5f + ca * (x - 0.5f) - sa * (y - 0.5f),
                           .y = 0.5f + sa * (x - 0.5f) + ca * (y - 0.5f),
                           .a = a,
                           .b = b,
                           .round = round * fminf(a, b),
                           .angle = angle};
        synth_stamp(s, s->field, &pad);
    }
    if (synth_chance(s, 0.3f)) {
        float lower = synth_uniform(s, 0, 1), upper = synth_uniform(s, 0, 1);
        wire(s, upper, -0.1f, lower, 1.1f, 0.3f * unit, true);
    }
    choose_look(s);
    if (synth_chance(s, 0.6f)) { /* under planarised oxide only the relief of edges remains */
        s->look.level = s->level[0] + synth_uniform(s, -0.05f, 0.08f);
        s->look.height *= synth_chance(s, 0.5f) ? 1 : -1;
        s->relief_gain = synth_uniform(s, 0.15f, 0.6f);
        s->look.glow_in *= 0.6f;
    }
    s->has_pattern = true;
}

/* Two to six electrodes with a gap in the middle: break junctions, fuses, contacts for wires. */
void synth_layout_gap(synth_scene *s)
{
    synth_fill(s, s->field, SYNTH_FAR);
    float angle = synth_chance(s, 0.5f) ? 0 : synth_uniform(s, -1.57f, 1.57f);
    float ca = cosf(angle), sa = sinf(angle);
    float gap = synth_log(s, 0.04f, 0.22f), half = synth_log(s, 0.04f, 0.4f);
    int pairs = half < 0.12f ? synth_int(s, 1, 3) : 1;
    float cx = synth_uniform(s, 0.35f, 0.65f), cy = synth_uniform(s, 0.35f, 0.65f);
    for (int p = 0; p < pairs; p++) {
        float off = ((float)p - 0.5f * (float)(pairs - 1)) * half * synth_uniform(s, 2.6f, 4);
        for (int side = -1; side <= 1; side += 2) {
            float u = (float)side * (gap + 1);
            synth_shape block = {.kind = SYNTH_BOX,
                                 .x = cx + ca * u - sa * off,
                                 .y = cy + sa * u + ca * off,
                                 .a = 1,
                                 .angle = angle,
                                 .wobble_scale = 20};
            block.b = half * synth_uniform(s, 0.8f, 1.25f);
            block.round = synth_uniform(s, 0, 0.5f) * half;
            block.wobble = synth_chance(s, 0.4f) ? synth_uniform(s, 0, 0.01f) : 0;
            block.seed = (uint32_t)smt_rng_next(&s->rng);
            synth_stamp(s, s->field, &block);
        }
    }
    choose_look(s);
    s->look.height = synth_uniform(s, 0.01f, 0.08f);
    s->has_pattern = true;
}
