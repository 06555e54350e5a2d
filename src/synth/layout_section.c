/* Cross-sections: plugs through dielectric films, and stacks of interconnect levels. What looks
 * like brightness here is material contrast; edges are bar_outline by the cut's relief. */
#include "scene.h"

static void wavy_band(synth_scene *s, float y, float level, float line, float wobble)
{
    /* Everything below y takes `level`; a bright line of `line` marks the interface. */
    uint32_t seed = (uint32_t)smt_rng_next(&s->rng);
    float scale = synth_log(s, 2, 12), reach = synth_log(s, 0.004f, 0.015f),
          soft = synth_log(s, 0.008f, 0.05f);
    float column[SMT_SYNTH_MAX_SIZE];
    for (int i = 0; i < s->size; i++) {
        column[i] = y + wobble * synth_noise_at(seed, ((float)i + 0.5f) * s->pixel * scale, 0.5f);
    }
    for (int j = 0; j < s->size; j++) {
        float v = ((float)j + 0.5f) * s->pixel;
        for (int i = 0; i < s->size; i++) {
            float d = v - column[i];
            size_t k = (size_t)j * (size_t)s->size + (size_t)i;
            if (d > -0.5f * soft) {
                s->level[k] += (level - s->level[k]) * synth_step(-0.5f * soft, 0.5f * soft, d);
            }
            if (line > 0 && fabsf(d) < 3 * reach) {
                s->level[k] += line * expf(-d * d / (reach * reach));
            }
        }
    }
}

static synth_look cut_look(synth_scene *s, float level, float outline)
{
    synth_look look = {.level = level,
                       .height = 0.002f,
                       .glow_in = outline,
                       .glow_out = 0.2f * outline,
                       .reach_out = 0.006f};
    look.wall = synth_log(s, 0.006f, 0.03f);
    look.reach_in = synth_log(s, 0.005f, 0.018f);
    return look;
}

static void bands(synth_scene *s, float base, float spread)
{
    synth_fill(s, s->level, synth_clamp(base + synth_uniform(s, -spread, spread), 0.02f, 0.98f));
    int count = synth_int(s, 1, 6);
    float y = synth_uniform(s, 0.05f, 0.3f);
    for (int i = 0; i < count && y < 1; i++) {
        float line = synth_chance(s, 0.5f) ? synth_uniform(s, -0.08f, 0.25f) : 0;
        float wobble = synth_chance(s, 0.5f) ? synth_log(s, 0.002f, 0.03f) : 0;
        float level = synth_clamp(base + synth_uniform(s, -spread, spread), 0.02f, 0.98f);
        wavy_band(s, y, level, line, wobble);
        y += synth_log(s, 0.04f, 0.35f);
    }
    if (synth_chance(
            s, 0.5f)) { /* the uneven light of a milled face, and curtains from the ion beam */
        float amplitude = synth_uniform(s, 0, 0.08f), cells = synth_log(s, 2, 10);
        synth_noise_add(s, s->level, cells, 1, 0, amplitude);
    }
    if (synth_chance(s, 0.35f)) {
        float amplitude = synth_uniform(s, 0, 0.05f), cells = synth_log(s, 20, 70);
        synth_noise_add(s, s->level, cells, 1.5f, 0, amplitude);
    }
}

/* The row under the plugs: gates, fins, isolation trenches or pads. */
static void foot_row(synth_scene *s, float y, float base, float bright)
{
    int count = synth_int(s, 2, 14);
    float pitch = 1.0f / (float)count, phase = synth_uniform(s, 0, pitch);
    float half = pitch * synth_uniform(s, 0.22f, 0.42f), depth = synth_uniform(s, 0.06f, 0.3f);
    bool shining = synth_chance(s, 0.35f);
    synth_fill(s, s->work[0], SYNTH_FAR);
    for (int k = -1; k <= count; k++) {
        synth_shape foot = {.kind = SYNTH_TRAPEZOID,
                            .x = phase + (float)k * pitch,
                            .y = y + 0.5f * depth,
                            .a = half,
                            .height = 0.5f * depth};
        foot.b = half * synth_uniform(s, 0.7f, 1.2f);
        foot.round = synth_uniform(s, 0, 0.7f) * half;
        synth_stamp(s, s->work[0], &foot);
    }
    float level = shining ? bright * synth_uniform(s, 0.7f, 1)
                          : synth_clamp(base - synth_uniform(s, 0, 0.2f), 0.02f, 1);
    synth_look look = cut_look(s, level, shining ? synth_uniform(s, 0, 0.15f) : 0);
    look.glow_out = shining ? 0 : synth_uniform(s, 0, 0.35f);
    look.reach_out = synth_uniform(s, 0.006f, 0.015f);
    synth_paint(s, s->work[0], &look, 1);
}

static void plug(synth_scene *s,
                 float x,
                 float top,
                 float bottom,
                 float half,
                 float taper,
                 int segments,
                 float level,
                 float outline)
{
    float y = top, width = half;
    for (int k = 0; k < segments; k++) {
        float end =
            k + 1 == segments ? bottom : synth_lerp(y, bottom, synth_uniform(s, 0.3f, 0.55f));
        float low = width * (k + 1 == segments ? taper : synth_uniform(s, taper, 1));
        float here = synth_clamp(level + synth_uniform(s, -0.06f, 0.1f) * (float)k, 0.02f, 0.98f);
        synth_fill(s, s->work[0], SYNTH_FAR);
        synth_shape part = {.kind = SYNTH_TRAPEZOID,
                            .x = x,
                            .y = 0.5f * (y + end),
                            .a = width,
                            .b = low,
                            .height = 0.5f * (end - y),
                            .wobble_scale = 25};
        part.round = synth_uniform(s, 0.02f, 0.35f) * low;
        part.wobble = synth_chance(s, 0.3f) ? synth_uniform(s, 0, 0.008f) : 0;
        part.seed = (uint32_t)smt_rng_next(&s->rng);
        synth_stamp(s, s->work[0], &part);
        synth_look look = cut_look(s, here, outline);
        synth_paint(s, s->work[0], &look, 1);
        y = end - 0.01f;
        width = low * synth_uniform(s, 0.55f, 1.15f);
    }
}

void synth_layout_vias(synth_scene *s)
{
    bool inverse = synth_chance(s, 0.15f); /* light dielectric, dark plugs */
    float base = inverse ? synth_uniform(s, 0.5f, 0.9f) : synth_uniform(s, 0.06f, 0.35f);
    float bright = inverse ? synth_uniform(s, 0.05f, 0.35f)
                           : synth_clamp(base + synth_uniform(s, 0.2f, 0.65f), 0, 0.95f);
    bands(s, base, synth_uniform(s, 0.02f, 0.14f));
    int count = synth_chance(s, 0.55f) ? 2 : synth_int(s, 1, 7);
    float pitch = count == 1 ? 0.5f : synth_uniform(s, 0.75f, 1.25f) / (float)count;
    float centre = synth_uniform(s, 0.4f, 0.6f);
    float half = pitch * synth_uniform(s, 0.12f, 0.3f);
    float top =
        synth_chance(s, 0.7f) ? synth_uniform(s, -0.05f, 0.25f) : synth_uniform(s, 0.15f, 0.45f);
    float bottom = synth_uniform(s, fmaxf(0.6f, top + 0.3f), 0.98f);
    float taper = synth_uniform(s, 0.3f, 0.95f),
          outline = synth_chance(s, 0.5f) ? synth_uniform(s, 0, 0.3f) : 0;
    int segments = synth_int(s, 1, 3);
    if (synth_chance(s, 0.8f)) {
        foot_row(s, bottom - synth_uniform(s, 0, 0.05f), base, bright);
    }
    smt_rng shape = s->rng; /* every plug of a row is made alike */
    bool unlike = synth_chance(s, 0.2f);
    s->anchor_count = 0;
    for (int k = 0; k < count; k++) {
        float x = centre + ((float)k - 0.5f * (float)(count - 1)) * pitch;
        smt_rng after = s->rng;
        if (!unlike) {
            s->rng = shape;
        }
        plug(s, x, top, bottom, half, taper, segments, bright, outline);
        s->rng = k + 1 == count ? s->rng : after;
        s->anchors[s->anchor_count++] = (synth_anchor){x, top, bottom, half, half * taper, bright};
    }
    if (synth_chance(s, 0.6f)) { /* metal or resist on top */
        float y = top + synth_uniform(s, -0.02f, 0.06f), thick = synth_uniform(s, 0.03f, 0.2f);
        synth_fill(s, s->work[0], SYNTH_FAR);
        synth_shape bar = {.kind = SYNTH_BOX, .x = 0.5f, .y = y - thick * 0.5f, .b = 0.5f * thick};
        bar.a = synth_chance(s, 0.8f) ? 1 : synth_uniform(s, 0.3f, 0.6f);
        bar.wobble = synth_uniform(s, 0, 0.02f);
        bar.wobble_scale = synth_log(s, 3, 15);
        bar.seed = (uint32_t)smt_rng_next(&s->rng);
        synth_stamp(s, s->work[0], &bar);
        float bar_outline = synth_uniform(s, 0, 0.25f),
              level = synth_clamp(bright + synth_uniform(s, -0.25f, 0.2f), 0, 1);
        synth_look look = cut_look(s, level, bar_outline);
        synth_paint(s, s->work[0], &look, 1);
    }
    s->section = true;
    s->base_grain = synth_uniform(s, 0, 0.08f);
    s->body_level = bright;
    s->crack_box[0] = 0.05f;
    s->crack_box[1] = synth_clamp(top, 0, 1);
    s->crack_box[2] = 0.95f;
    s->crack_box[3] = bottom;
}

void synth_layout_stack(synth_scene *s)
{
    float base = synth_uniform(s, 0.06f, 0.35f),
          bright = synth_clamp(base + synth_uniform(s, 0.2f, 0.6f), 0, 0.95f);
    bool inverse = synth_chance(s, 0.15f);
    if (inverse) {
        float t = base;
        base = bright;
        bright = t;
    }
    bands(s, base, synth_uniform(s, 0.01f, 0.1f));
    float y = synth_uniform(s, -0.05f, 0.08f), tall = synth_log(s, 0.08f, 0.28f),
          shrink = synth_uniform(s, 0.6f, 0.95f);
    float outline = synth_chance(s, 0.6f) ? synth_uniform(s, 0, 0.35f) : 0;
    s->anchor_count = 0;
    for (int row = 0; row < 8 && y < 0.97f; row++) {
        int count = synth_int(s, 1, 3 + 2 * row);
        float pitch = 1 / (float)count, phase = synth_uniform(s, 0, pitch),
              half = pitch * synth_uniform(s, 0.2f, 0.45f);
        bool irregular = synth_chance(s, 0.4f), links = synth_chance(s, 0.6f);
        float link = half * synth_uniform(s, 0.25f, 0.7f), gap = tall * synth_uniform(s, 0.3f, 1);
        synth_fill(s, s->work[0], SYNTH_FAR);
        for (int k = -1; k <= count; k++) {
            float x = phase + (float)k * pitch;
            if (irregular && synth_chance(s, 0.25f)) {
                continue;
            }
            float wide = irregular ? half * synth_uniform(s, 0.5f, 1.2f) : half;
            synth_shape metal = {.kind = SYNTH_TRAPEZOID,
                                 .x = x,
                                 .y = y + 0.5f * tall,
                                 .a = wide,
                                 .b = wide * 0.88f,
                                 .height = 0.5f * tall,
                                 .round = synth_uniform(s, 0.05f, 0.2f) * fminf(wide, tall)};
            synth_stamp(s, s->work[0], &metal);
            if (links && !(irregular && synth_chance(s, 0.4f))) {
                synth_shape via = {.kind = SYNTH_TRAPEZOID,
                                   .x = x,
                                   .y = y + tall + 0.5f * gap,
                                   .a = link,
                                   .b = link * 0.75f,
                                   .height = 0.5f * gap + 0.01f};
                synth_stamp(s, s->work[0], &via);
                if (x > 0.08f && x < 0.92f && y + tall + gap < 0.95f &&
                    s->anchor_count < SYNTH_MAX_ANCHORS) {
                    s->anchors[s->anchor_count++] = (synth_anchor){
                        x, y + 0.6f * tall, y + tall + gap, link * 1.2f, link, bright};
                }
            }
        }
        synth_look look =
            cut_look(s, synth_clamp(bright + synth_uniform(s, -0.12f, 0.08f), 0, 1), outline);
        look.wall = fminf(look.wall, 0.4f * tall);
        synth_paint(s, s->work[0], &look, 1);
        y += tall + gap;
        tall *= shrink;
    }
    s->section = true;
    s->base_grain = synth_uniform(s, 0, 0.06f);
    s->body_level = base;
    s->crack_box[0] = 0.05f;
    s->crack_box[1] = 0.1f;
    s->crack_box[2] = s->crack_box[3] = 0.95f;
}
