/* Defects of the pattern itself, done on its distance field before it is painted: bridges join
 * features, opens cut them, collapse bends them. */
#include "scene.h"

#include <string.h>

static synth_mark *add_mark(synth_scene *s)
{
    return s->mark_count < SYNTH_MAX_MARKS ? &s->marks[s->mark_count++] : NULL;
}

/* A thin wire or whisker that lies across two features. */
static bool stray_wire(synth_scene *s, float x, float y, float dx, float dy, float half)
{
    synth_mark *mark = add_mark(s);
    if (!mark) {
        return false;
    }
    float turn = synth_uniform(s, -0.7f, 0.7f), c = cosf(turn), sn = sinf(turn);
    float ux = c * dx - sn * dy, uy = sn * dx + c * dy;
    float before = half / c + synth_uniform(s, 0.03f, 0.35f),
          after = half / c + synth_uniform(s, 0.03f, 0.35f);
    float radius = synth_log(s, 0.004f, 0.045f);
    synth_kind_is(s, "wire");
    mark->shape = (synth_shape){.kind = SYNTH_CAPSULE,
                                .x = x - ux * before,
                                .y = y - uy * before,
                                .a = x + ux * after,
                                .b = y + uy * after,
                                .round = radius};
    mark->shape.taper = synth_uniform(s, 0.6f, 1.2f);
    mark->shape.wobble = synth_chance(s, 0.4f) ? radius * synth_uniform(s, 0.1f, 0.5f) : 0;
    mark->shape.wobble_scale = synth_log(s, 8, 30);
    mark->shape.seed = (uint32_t)smt_rng_next(&s->rng);
    mark->look =
        synth_look_of(s, synth_clamp(s->look.level + synth_uniform(s, -0.05f, 0.4f), 0.1f, 1));
    mark->look.height = radius * synth_uniform(s, 0.5f, 1.5f);
    mark->look.wall = radius;
    mark->look.reach_in = fminf(mark->look.reach_in, 0.6f * radius);
    mark->alpha = 1;
    return true;
}

static void blob_bridge(synth_scene *s, float x, float y, float dx, float dy, float half)
{
    float thick = fmaxf(half * synth_log(s, 0.3f, 2), 0.008f),
          reach = half * synth_uniform(s, 1.0f, 1.5f);
    float turn = synth_chance(s, 0.7f) ? 0 : synth_uniform(s, -0.6f, 0.6f);
    float ux = cosf(turn) * dx - sinf(turn) * dy, uy = sinf(turn) * dx + cosf(turn) * dy;
    synth_shape blob = {.kind = SYNTH_CAPSULE,
                        .x = x - ux * reach,
                        .y = y - uy * reach,
                        .a = x + ux * reach,
                        .b = y + uy * reach,
                        .round = fmaxf(thick, 0.9f * s->pixel)};
    blob.taper = synth_uniform(s, 0.6f, 1.6f);
    blob.wobble = thick * synth_uniform(s, 0, 0.5f);
    blob.wobble_scale = synth_log(s, 8, 40);
    blob.seed = (uint32_t)smt_rng_next(&s->rng);
    blob.blend = half * synth_uniform(s, 0.3f, 2.5f);
    bool rung = synth_chance(s, 0.2f); /* without fillets */
    synth_kind_is(s, rung ? "rung" : "blob");
    if (rung) {
        blob.blend = 0;
        blob.wobble = 0;
        blob.taper = 1;
        blob.round = fmaxf(half * synth_log(s, 0.15f, 0.6f), 0.006f);
    }
    synth_stamp(s, s->field, &blob);
}

void synth_defect_bridge(synth_scene *s)
{
    int count = synth_chance(s, 0.7f) ? 1 : synth_int(s, 2, 4);
    int done = 0;
    for (int i = 0; i < count; i++) {
        float x, y, dx, dy, half;
        if (!synth_probe(s, false, 0.22f, &x, &y, &dx, &dy, &half)) {
            break;
        }
        float kind = synth_uniform(s, 0, 1);
        bool wide = half > 0.035f;
        if (kind < (s->wires ? 0.55f : wide ? 0.3f : 0.05f) && stray_wire(s, x, y, dx, dy, half)) {
            done++;
            continue;
        }
        if (kind > 0.93f) { /* a large patch that drowns several lines */
            synth_kind_is(s, "patch");
            float r = fmaxf(half * synth_uniform(s, 2, 5), 0.04f);
            synth_shape patch = {
                .kind = SYNTH_ELLIPSE, .x = x, .y = y, .a = fminf(r, 0.3f), .blend = half};
            patch.b = fminf(r * synth_uniform(s, 0.5f, 1.5f), 0.35f);
            patch.angle = synth_uniform(s, 0, 3.1f);
            patch.wobble = r * synth_uniform(s, 0.05f, 0.4f);
            patch.wobble_scale = synth_log(s, 6, 25);
            patch.seed = (uint32_t)smt_rng_next(&s->rng);
            synth_stamp(s, s->field, &patch);
        } else {
            blob_bridge(s, x, y, dx, dy, half);
        }
        done++;
    }
    if (!done) { /* nothing near enough to join: a whisker over the largest gap that there is */
        stray_wire(s, 0.5f, 0.5f, 1, 0, synth_uniform(s, 0.1f, 0.3f));
    }
}

/* A dark pit over a cut, or burnt debris about it. */
static void burn(synth_scene *s, float x, float y, float dx, float dy, float half, float gap)
{
    synth_mark *mark = add_mark(s);
    if (!mark) {
        return;
    }
    mark->shape = (synth_shape){.kind = SYNTH_ELLIPSE, .x = x, .y = y, .angle = atan2f(dy, dx)};
    mark->shape.a = half * synth_uniform(s, 0.8f, 1.8f);
    mark->shape.b = gap * synth_uniform(s, 0.7f, 1.3f);
    mark->shape.wobble = half * synth_uniform(s, 0.1f, 0.6f);
    mark->shape.wobble_scale = synth_log(s, 8, 40);
    mark->shape.seed = (uint32_t)smt_rng_next(&s->rng);
    mark->look = (synth_look){.height = -0.01f, .reach_out = 0.008f};
    mark->look.level = synth_uniform(s, 0, 0.12f);
    mark->look.wall = synth_log(s, 0.005f, 0.03f);
    mark->look.glow_out = synth_chance(s, 0.4f) ? synth_uniform(s, 0, 0.4f) : 0;
    mark->alpha = synth_uniform(s, 0.6f, 1);
}

static void jagged_cut(synth_scene *s, float x, float y, float dx, float dy, float half)
{
    /* A crack-like cut that runs across one or more lines. */
    float reach = half * synth_uniform(s, 1.1f, 4),
          radius = fmaxf(synth_log(s, 0.004f, 0.02f), 0.8f * s->pixel);
    int pieces = synth_int(s, 3, 7);
    float px = x - dx * reach, py = y - dy * reach;
    for (int k = 1; k <= pieces; k++) {
        float t = -reach + 2 * reach * (float)k / (float)pieces,
              side = synth_uniform(s, -0.4f, 0.4f) * half;
        float nx = x + dx * t - dy * side, ny = y + dy * t + dx * side;
        synth_shape cut = {.kind = SYNTH_CAPSULE,
                           .x = px,
                           .y = py,
                           .a = nx,
                           .b = ny,
                           .round = radius,
                           .wobble = 0.4f * radius,
                           .wobble_scale = 40,
                           .seed = (uint32_t)k,
                           .subtract = true,
                           .blend = half * 0.5f};
        synth_stamp(s, s->field, &cut);
        px = nx;
        py = ny;
    }
}

void synth_defect_open(synth_scene *s)
{
    int count = synth_chance(s, 0.65f) ? 1 : synth_int(s, 2, 4);
    for (int i = 0; i < count; i++) {
        float x, y, dx, dy, half;
        if (!synth_probe(s, true, 0.3f, &x, &y, &dx, &dy, &half)) {
            break;
        }
        float kind = synth_uniform(s, 0, 1), gap = fmaxf(half * synth_log(s, 0.4f, 3), 0.012f);
        gap = fminf(gap, 0.2f);
        if (kind < 0.18f) {
            synth_kind_is(s, "jagged");
            jagged_cut(s, x, y, dx, dy, half);
            continue;
        }
        bool block = kind > 0.85f; /* a patch where several lines are gone */
        synth_kind_is(s, block ? "patch" : "cut");
        float across = block ? half * synth_uniform(s, 2, 7) : half * synth_uniform(s, 1.15f, 1.8f);
        synth_shape cut = {.x = x,
                           .y = y,
                           .a = fminf(across, 0.35f),
                           .b = block ? fmaxf(gap, 0.4f * across) : gap,
                           .subtract = true};
        cut.kind = synth_chance(s, 0.5f) ? SYNTH_BOX : SYNTH_ELLIPSE;
        cut.angle = atan2f(dy, dx) + (synth_chance(s, 0.7f) ? 0 : synth_uniform(s, -0.5f, 0.5f));
        cut.wobble = synth_chance(s, 0.5f) ? gap * synth_uniform(s, 0, 0.5f) : 0;
        cut.wobble_scale = synth_log(s, 8, 40);
        cut.seed = (uint32_t)smt_rng_next(&s->rng);
        cut.blend = half * synth_uniform(s, 0, 1.6f);
        synth_stamp(s, s->field, &cut);
        if (synth_chance(s, 0.3f)) {
            burn(s, x, y, dx, dy, half, gap);
        }
    }
}

void synth_defect_collapse(synth_scene *s)
{
    synth_kind_is(s, "collapse");
    /* Lines that lean on each other: the field is read at
     * places displaced by smooth noise within a patch. */
    float x = synth_uniform(s, 0.2f, 0.8f), y = synth_uniform(s, 0.2f, 0.8f);
    float radius = synth_log(s, 0.12f, 0.8f), amount = synth_log(s, 0.02f, 0.12f),
          f = synth_log(s, 3, 14);
    memset(s->work[0], 0, s->count * sizeof(float));
    memset(s->work[1], 0, s->count * sizeof(float));
    synth_noise_add(s, s->work[0], f, f, 0, amount);
    synth_noise_add(s, s->work[1], f, f, 0, amount);
    memcpy(s->work[2], s->field, s->count * sizeof(float));
    int size = s->size;
    for (int j = 0; j < size; j++) {
        for (int i = 0; i < size; i++) {
            size_t k = (size_t)j * (size_t)size + (size_t)i;
            float dx = ((float)i + 0.5f) * s->pixel - x, dy = ((float)j + 0.5f) * s->pixel - y;
            float weight = synth_step(radius, 0.4f * radius, sqrtf(dx * dx + dy * dy));
            if (weight <= 0) {
                continue;
            }
            float u = synth_clamp(
                (float)i + weight * s->work[0][k] * (float)size, 0, (float)size - 1.001f);
            float v = synth_clamp(
                (float)j + weight * s->work[1][k] * (float)size, 0, (float)size - 1.001f);
            int iu = (int)u, iv = (int)v;
            const float *cell = s->work[2] + (size_t)iv * (size_t)size + (size_t)iu;
            float tu = u - (float)iu, tv = v - (float)iv;
            float top = synth_lerp(cell[0], cell[1], tu),
                  bottom = synth_lerp(cell[size], cell[size + 1], tu);
            s->field[k] = synth_lerp(top, bottom, tv);
        }
    }
}
