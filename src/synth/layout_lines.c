/* Lines and spaces: uniform gratings of 4 to 60 lines, groups of uneven lines, chevrons and slow
 * bends, at any angle, with rough edges. The distance to the nearest rough edge is taken across the
 * line, which is exact for straight lines and good enough for edges whose slope is small. */
#include "scene.h"

#include <string.h>

typedef struct lines {
    int count;
    float centre[SYNTH_MAX_LINES], half[SYNTH_MAX_LINES];
    float angle, bend, bend_period; /* displacement of the lines along their run */
    bool chevron;
} lines;

static void place_uniform(synth_scene *s, lines *l)
{
    /* Up to 26 lines are most common in practice; some images have 60. */
    float across = synth_chance(s, 0.85f) ? synth_log(s, 4, 22) : synth_log(s, 20, 60);
    if (s->rough) {
        across = synth_log(s, 3.5f, 22);
    } else if (s->fine_defect) { /* a bridge between lines two pixels apart cannot be seen, nor
                                    labelled */
        across = synth_chance(s, 0.88f) ? synth_log(s, 3.5f, 16) : synth_log(s, 16, 40);
    }
    float pitch = 1 / across, duty = synth_uniform(s, 0.25f, 0.75f), phase = synth_uniform(s, 0, 1);
    bool walking = synth_chance(s, 0.15f); /* pitch walking: every second space is wider */
    float walk = walking ? synth_uniform(s, 0.05f, 0.25f) * pitch : 0;
    l->count = 0;
    for (float c = -0.22f - phase * pitch; c < 1.22f && l->count < SYNTH_MAX_LINES; c += pitch) {
        l->centre[l->count] = c + (l->count & 1 ? walk : 0);
        l->half[l->count++] = 0.5f * duty * pitch;
    }
}

static void place_uneven(synth_scene *s, lines *l)
{
    float unit = synth_log(s, 0.02f, 0.12f);
    float spread = synth_uniform(s, 1.5f, 5);
    int group = synth_int(s, 1, 4), in_group = 0;
    float c = -0.2f;
    l->count = 0;
    float half = 0.5f * unit * synth_log(s, 0.4f, spread);
    while (c < 1.2f && l->count < SYNTH_MAX_LINES) {
        if (synth_chance(s, 0.3f)) {
            half = 0.5f * unit * synth_log(s, 0.4f, spread);
        }
        l->centre[l->count] = c + half;
        l->half[l->count++] = half;
        c += 2 * half + unit * synth_log(s, 0.4f, 1.2f);
        if (++in_group == group) {
            c += unit * synth_uniform(s, 0, spread);
            in_group = 0;
        }
    }
}

static void place_few(synth_scene *s, lines *l)
{
    l->count = synth_int(s, 1, 3);
    float c = synth_uniform(s, 0.1f, 0.5f);
    for (int i = 0; i < l->count; i++) {
        l->half[i] = synth_log(s, 0.01f, 0.12f);
        l->centre[i] = c + l->half[i];
        c += 2 * l->half[i] + synth_log(s, 0.03f, 0.3f);
    }
}

/* Roughness of ordinary lines, unless the class of rough edges has set its own. */
static void choose_roughness(synth_scene *s, float pitch)
{
    float scale = (float)s->options->roughness;
    if (s->rough) {
        s->sigma = synth_clamp(s->sigma, 0.013f * pitch, 0.13f * pitch);
        s->wave = fminf(s->wave, 0.35f * pitch);
        if (s->local) { /* as rough as the roughest, where they are rough at all */
            s->sigma = synth_uniform(s, 0.04f, 0.13f) * pitch;
            s->rest = fminf(scale * 0.008f * pitch / s->sigma, 1);
        }
        s->bulge *= synth_uniform(s, 0.1f, 0.35f) * pitch;
        if (s->calm) { /* never quite to 0: without a bulge, fewer numbers would be drawn */
            float straight = fmaxf(scale, 1e-6f) * 0.008f * pitch / (s->sigma + s->wave + s->bulge);
            straight = fminf(straight, 1);
            s->sigma *= straight;
            s->wave *= straight;
            s->bulge *= straight;
        }
        return;
    }
    s->sigma = scale * fminf(synth_log(s, 0.0003f, 0.003f), (s->calm ? 0.008f : 0.028f) * pitch);
    s->xi = synth_log(s, 0.01f, 0.06f);
    s->exponent = synth_uniform(s, 0.4f, 0.8f);
    s->together = synth_uniform(s, 0.2f, 0.8f);
    s->wave = 0;
    s->wave_period = 1;
}

static float edge_at(const float *edge, float v)
{
    float t = synth_clamp(
        (v + 0.25f) * (SYNTH_EDGE_SAMPLES / SYNTH_EDGE_SPAN), 0, SYNTH_EDGE_SAMPLES - 1.001f);
    int k = (int)t;
    return edge[k] + (edge[k + 1] - edge[k]) * (t - (float)k);
}

static float bend_at(const lines *l, float v)
{
    if (l->bend <= 0) {
        return 0;
    }
    float t = v / l->bend_period;
    if (l->chevron) {
        t -= floorf(t);
        return l->bend * (fabsf(t - 0.5f) * 4 - 1);
    }
    return l->bend * sinf(6.2832f * t);
}

static void draw(synth_scene *s, const lines *l)
{
    float ca = cosf(l->angle), sa = sinf(l->angle);
    for (int j = 0; j < s->size; j++) {
        float y = ((float)j + 0.5f) * s->pixel - 0.5f;
        int near = 0;
        for (int i = 0; i < s->size; i++) {
            float x = ((float)i + 0.5f) * s->pixel - 0.5f;
            float u = ca * x + sa * y + 0.5f, v = -sa * x + ca * y + 0.5f;
            u -= bend_at(l, v);
            while (near + 1 < l->count &&
                   fabsf(l->centre[near + 1] - u) < fabsf(l->centre[near] - u)) {
                near++;
            }
            while (near > 0 && fabsf(l->centre[near - 1] - u) < fabsf(l->centre[near] - u)) {
                near--;
            }
            float best = SYNTH_FAR;
            int first = near > 0 ? near - 1 : 0,
                last = near + 1 < l->count ? near + 1 : l->count - 1;
            for (int k = first; k <= last; k++) {
                const float *left = s->edges + (size_t)k * 2 * SYNTH_EDGE_SAMPLES;
                float to_left = l->centre[k] - l->half[k] + edge_at(left, v) - u;
                float to_right =
                    u - (l->centre[k] + l->half[k] + edge_at(left + SYNTH_EDGE_SAMPLES, v));
                float d = to_left > to_right ? to_left : to_right;
                best = d < best ? d : best;
            }
            s->field[(size_t)j * (size_t)s->size + (size_t)i] = best;
        }
    }
}

/* Lines that end: staggered line ends make the comb- and finger-like patterns of real layouts. */
static void cut_ends(synth_scene *s, const lines *l)
{
    float ca = cosf(l->angle), sa = sinf(l->angle);
    float v = synth_uniform(s, 0.1f, 0.9f), stagger = synth_uniform(s, 0, 0.2f);
    bool above = synth_chance(s, 0.5f);
    for (int k = 0; k < l->count; k++) {
        float end = v + (k & 1 ? stagger : 0), from = above ? -0.3f : end, to = above ? end : 1.3f;
        float u = l->centre[k] - 0.5f, w = 0.5f * (from + to) - 0.5f;
        synth_shape cut = {.kind = SYNTH_BOX,
                           .x = 0.5f + ca * u - sa * w,
                           .y = 0.5f + sa * u + ca * w,
                           .a = l->half[k] * 1.6f,
                           .b = 0.5f * (to - from),
                           .angle = l->angle,
                           .subtract = true,
                           .blend = l->half[k]};
        synth_stamp(s, s->field, &cut);
    }
}

static void choose_look(synth_scene *s, float pitch)
{
    float contrast =
        synth_chance(s, 0.8f) ? synth_uniform(s, 0.1f, 0.75f) : synth_uniform(s, -0.35f, 0.1f);
    float base = synth_uniform(s, 0.1f, 0.4f);
    if (s->fine_defect) { /* a bridge of dark lines would be an open of bright ones */
        contrast = fabsf(contrast) + 0.06f;
    }
    if (synth_chance(s, 0.12f)) {
        contrast = synth_uniform(s, -0.04f, 0.06f); /* edges only */
    }
    s->look = synth_look_of(s, synth_clamp(base + contrast, 0.05f, 0.95f));
    synth_fill(s, s->level, base);
    s->look.wall = fminf(s->look.wall, 0.3f * pitch);
    s->look.reach_in = fminf(s->look.reach_in, 0.2f * pitch);
    s->look.reach_out = fminf(s->look.reach_out, 0.15f * pitch);
    s->look.height = fminf(s->look.height, 0.5f * pitch);
    if (fabsf(contrast) < 0.15f) {
        s->look.glow_in = synth_uniform(s, 0.2f, 0.6f);
    }
    if (synth_chance(s, 0.35f)) {
        s->look.glow_in = s->look.glow_out = 0; /* a flat detector: two levels */
    }
    if (synth_chance(s, 0.07f)) { /* seen from the side */
        s->look.height = pitch * synth_uniform(s, 0.2f, 0.9f);
        s->view_tilt = synth_uniform(s, 0.3f, 1.2f);
    }
}

void synth_layout_lines(synth_scene *s)
{
    lines l;
    memset(&l, 0, sizeof l);
    static const float kinds[] = {0.74f, 0.16f, 0.10f};
    int kind = synth_weighted(s, kinds, 3);
    synth_variant(s, (const char *const[]){"uniform", "uneven", "few"}[kind]);
    if (kind == 0) {
        place_uniform(s, &l);
    } else if (kind == 1) {
        place_uneven(s, &l);
    } else {
        place_few(s, &l);
    }
    float pitch = l.count > 1 ? fabsf(l.centre[1] - l.centre[0]) : 0.3f;
    /* Most are aligned with the scan; some are a few degrees off, some at any angle. */
    float tilt = synth_uniform(s, 0, 1);
    l.angle = tilt < 0.6f   ? 0
              : tilt < 0.8f ? synth_uniform(s, -0.12f, 0.12f)
                            : synth_uniform(s, -1.57f, 1.57f);
    if (tilt < 0.8f && synth_chance(s, 0.35f)) {
        l.angle += 1.5708f;
    }
    if (!s->rough && synth_chance(s, 0.06f)) {
        /* Smooth bends are wide: narrow ones would be the meanders of the class of rough edges. */
        l.chevron = synth_chance(s, 0.75f);
        synth_variant(s, "bent");
        l.bend = synth_log(s, 0.02f, 0.15f);
        l.bend_period = l.chevron ? synth_log(s, 0.25f, 1.5f) : synth_log(s, 1, 3);
    }
    choose_roughness(s, pitch);
    synth_edges(s, l.count);
    draw(s, &l);
    if (!s->rough && !s->fine_defect && synth_chance(s, 0.08f)) {
        cut_ends(s, &l);
    }
    if (synth_chance(s, 0.06f)) { /* a second, wide line across or a block at the side */
        synth_shape block = {.kind = SYNTH_BOX, .y = 0.5f, .b = 1.5f};
        block.x = synth_chance(s, 0.5f) ? 0.0f : 1.0f;
        block.a = synth_uniform(s, 0.08f, 0.3f);
        block.subtract = synth_chance(s, 0.6f);
        synth_stamp(s, s->field, &block);
    }
    choose_look(s, pitch);
    if (synth_chance(s, 0.06f)) { /* lines of an upper or lower level that cross */
        synth_variant(s, "crossed");
        float *keep = s->work[0];
        memcpy(keep, s->field, s->count * sizeof *keep);
        lines under = l;
        place_uniform(s, &under);
        under.angle = l.angle + 1.5708f;
        under.bend = 0;
        synth_edges(s, under.count);
        draw(s, &under);
        synth_look look = s->look;
        look.level = synth_lerp(s->level[0], s->look.level, synth_uniform(s, 0.2f, 0.7f));
        look.glow_in *= 0.5f;
        synth_paint(s, s->field, &look, 1);
        memcpy(s->field, keep, s->count * sizeof *keep);
    }
    s->has_pattern = true;
}
