/* Cross-sections of solder bumps, balls and pillars
 * between pads, and of thick coatings on a substrate. */
#include "scene.h"

#include <string.h>

static void
specks(synth_scene *s, const float *mask, float level, int count, float smallest, float largest)
{
    float *field = s->work[1];
    synth_fill(s, field, SYNTH_FAR);
    for (int i = 0; i < count; i++) {
        float r = synth_log(s, smallest, largest);
        synth_shape speck = {.kind = SYNTH_ELLIPSE, .a = r};
        speck.x = synth_uniform(s, 0, 1);
        speck.y = synth_uniform(s, 0, 1);
        speck.b = r * synth_uniform(s, 0.5f, 1);
        speck.angle = synth_uniform(s, 0, 3.1f);
        synth_stamp(s, field, &speck);
    }
    if (mask) {
        for (size_t i = 0; i < s->count; i++) {
            field[i] = fmaxf(field[i], mask[i] + 0.01f);
        }
    }
    synth_look look = {.level = level, .height = 0.001f, .wall = 0.01f};
    synth_paint(s, field, &look, 1);
}

/* Grain that stays inside a shape. */
static void texture_inside(synth_scene *s, const float *mask, float amount)
{
    memset(s->work[1], 0, s->count * sizeof(float));
    float f = synth_log(s, 10, 45);
    float angle = synth_uniform(s, 0, 3.1f), aspect = synth_log(s, 0.5f, 2);
    synth_fractal_add(s, s->work[1], f, f * aspect, angle, amount, 2, 0.7f);
    bool patches = synth_chance(s, 0.35f); /* grains of two phases, as in a eutectic */
    for (size_t i = 0; i < s->count; i++) {
        if (mask[i] < 0) {
            float t = s->work[1][i];
            s->level[i] += patches ? (t > 0.1f * amount ? amount : -0.3f * amount) : t;
        }
    }
}

static void
bump_field(synth_scene *s, float *field, float x, float top, float bottom, float half, int kind)
{
    float middle = 0.5f * (top + bottom), tall = 0.5f * (bottom - top);
    synth_fill(s, field, SYNTH_FAR);
    synth_shape body = {.kind = SYNTH_ELLIPSE, .x = x, .y = middle, .a = half, .b = tall * 1.35f};
    body.wobble = synth_chance(s, 0.4f) ? synth_uniform(s, 0, 0.012f) : 0;
    body.wobble_scale = synth_log(s, 5, 20);
    body.seed = (uint32_t)smt_rng_next(&s->rng);
    if (kind == 1) { /* a dome on its pad */
        body.y = bottom - 0.35f * tall;
        body.b = bottom - 0.35f * tall - top;
    } else if (kind == 2) { /* a pillar, a little waisted or tapered */
        body.kind = SYNTH_TRAPEZOID;
        body.a = half * synth_uniform(s, 0.7f, 1);
        body.b = half * synth_uniform(s, 0.75f, 1);
        body.height = tall;
        body.round = 0.04f;
    }
    synth_stamp(s, field, &body);
    for (int j = 0; j < s->size; j++) { /* cut flat at the pads */
        float y = ((float)j + 0.5f) * s->pixel;
        float cut = fmaxf(kind == 1 ? -1 : top - y, y - bottom);
        for (int i = 0; i < s->size; i++) {
            float *d = field + (size_t)j * (size_t)s->size + (size_t)i;
            *d = fmaxf(*d, cut);
        }
    }
}

static void coating(synth_scene *s)
{
    /* A coating on a substrate under resin: three films with rough interfaces. */
    float y = synth_uniform(s, 0.1f, 0.4f), thick = synth_uniform(s, 0.15f, 0.45f);
    float angle = synth_chance(s, 0.7f) ? 0 : synth_uniform(s, -0.6f, 0.6f);
    synth_fill(s, s->level, synth_uniform(s, 0.02f, 0.3f));
    float film = synth_uniform(s, 0.35f, 0.9f);
    for (int k = 0; k < 2; k++) {
        float at = k ? y + thick : y;
        synth_fill(s, s->work[0], SYNTH_FAR);
        synth_shape half_plane = {.kind = SYNTH_BOX,
                                  .x = 0.5f - sinf(angle) * 1.5f,
                                  .y = at + cosf(angle) * 1.5f,
                                  .a = 3,
                                  .b = 1.5f,
                                  .angle = angle};
        half_plane.wobble = synth_log(s, 0.002f, 0.02f);
        half_plane.wobble_scale = synth_log(s, 4, 30);
        half_plane.seed = (uint32_t)smt_rng_next(&s->rng);
        synth_stamp(s, s->work[0], &half_plane);
        synth_look look = {.height = 0.002f, .reach_in = 0.01f};
        look.level = k ? synth_uniform(s, 0.3f, 0.95f) : film;
        look.wall = synth_log(s, 0.008f, 0.02f);
        look.glow_in = synth_uniform(s, -0.05f, 0.15f);
        synth_paint(s, s->work[0], &look, 1);
        texture_inside(s, s->work[0], synth_log(s, 0.01f, 0.12f));
    }
    s->body_level = film;
    s->crack_box[0] = 0;
    s->crack_box[2] = 1;
    s->crack_box[1] = y + 0.02f;
    s->crack_box[3] = y + thick + 0.02f;
    s->anchors[0] = (synth_anchor){0.5f, y, y + thick, 0.6f, 0.6f, film};
    s->anchor_count = 1;
}

void synth_layout_bump(synth_scene *s)
{
    s->section = true;
    s->base_grain = synth_uniform(s, 0, 0.1f);
    if (synth_chance(s, 0.22f)) {
        coating(s);
        return;
    }
    float around = synth_uniform(s, 0.03f, 0.35f),
          body = synth_clamp(around + synth_uniform(s, 0.2f, 0.75f), 0, 0.97f);
    synth_fill(s, s->level, around);
    if (synth_chance(s, 0.5f)) { /* filler grains of the underfill */
        specks(
            s, NULL, synth_clamp(around + synth_uniform(s, -0.1f, 0.15f), 0, 1), 40, 0.006f, 0.03f);
    }
    synth_fractal_add(s, s->level, 30, 30, 0, synth_uniform(s, 0, 0.08f), 2, 0.7f);
    int count = synth_chance(s, 0.8f) ? 1 : synth_int(s, 2, 4);
    int kind = synth_int(s, 0, 2);
    synth_variant(s, (const char *const[]){"ball", "dome", "pillar"}[kind]);
    float half = count == 1 ? synth_uniform(s, 0.3f, 0.56f) : 0.33f / (float)count;
    float top = synth_uniform(s, 0.02f, 0.3f), bottom = synth_uniform(s, 0.68f, 0.98f);
    float pad = synth_uniform(s, 0.4f, 1.0f), pad_thick = synth_uniform(s, 0.04f, 0.22f);
    bool has_top = kind != 1 && synth_chance(s, 0.75f), has_bottom = synth_chance(s, 0.8f);
    float amount = synth_chance(s, 0.75f) ? synth_log(s, 0.01f, 0.2f) : 0;
    float outline = synth_chance(s, 0.3f) ? synth_uniform(s, 0, 0.25f) : 0;
    float pad_level = synth_clamp(synth_lerp(around, body, synth_uniform(s, 0.3f, 1.1f)), 0, 1);
    float *field = s->work[0];
    s->anchor_count = 0;
    for (int k = 0; k < count; k++) {
        float x = count == 1 ? synth_uniform(s, 0.45f, 0.55f) : ((float)k + 0.5f) / (float)count;
        bump_field(s, field, x, top, bottom, half, kind);
        synth_look look = {.level = body, .height = 0.004f, .glow_in = outline};
        look.wall = synth_log(s, 0.008f, 0.03f);
        look.reach_in = synth_log(s, 0.006f, 0.03f);
        synth_paint(s, field, &look, 1);
        if (amount > 0) {
            texture_inside(s, field, amount);
        }
        if (synth_chance(s, 0.3f)) {
            int speck_count = synth_int(s, 5, 50);
            float speck_level = synth_chance(s, 0.5f) ? 0.1f : 0.95f;
            specks(s, field, speck_level, speck_count, 0.003f, 0.012f);
        }
        for (int side = 0; side < 2; side++) {
            if (side ? !has_bottom : !has_top) {
                continue;
            }
            synth_fill(s, s->work[2], SYNTH_FAR);
            float wide = half * pad * (synth_chance(s, 0.3f) ? 1.3f : 1);
            float y = side ? bottom + 0.5f * pad_thick - 0.03f : top - 0.5f * pad_thick + 0.03f;
            synth_shape plate = {.kind = SYNTH_BOX,
                                 .x = x,
                                 .y = y,
                                 .a = wide,
                                 .b = 0.5f * pad_thick,
                                 .round = 0.01f};
            plate.wobble = synth_log(s, 0.001f, 0.012f);
            plate.wobble_scale = synth_log(s, 8, 30);
            plate.seed = (uint32_t)smt_rng_next(&s->rng);
            synth_stamp(s, s->work[2], &plate);
            look.level = synth_clamp(pad_level + synth_uniform(s, -0.1f, 0.1f), 0, 1);
            synth_paint(s, s->work[2], &look, 1);
        }
        s->anchors[s->anchor_count++] = (synth_anchor){x, top, bottom, half, half * 0.8f, body};
    }
    if (synth_chance(s, 0.5f)) { /* die above, board below */
        for (int side = 0; side < 2; side++) {
            float level = synth_uniform(s, 0.1f, 0.6f),
                  edge = side ? bottom + pad_thick - 0.03f : top - pad_thick + 0.03f;
            for (int j = 0; j < s->size; j++) {
                float y = ((float)j + 0.5f) * s->pixel, d = side ? edge - y : y - edge;
                float t = synth_step(0.01f, -0.01f, d);
                for (int i = 0; t > 0 && i < s->size; i++) {
                    float *value = s->level + (size_t)j * (size_t)s->size + (size_t)i;
                    *value += (level - *value) * t;
                }
            }
        }
    }
    s->body_level = body;
    const synth_anchor *first = &s->anchors[count / 2];
    s->crack_box[0] = first->x - half;
    s->crack_box[2] = first->x + half;
    s->crack_box[1] = top;
    s->crack_box[3] = bottom;
}
