/* Cracks: dark branching paths with bright lips, networks as in dried mud, and the openings along
 * interfaces that delamination leaves in bumps and coatings. */
#include "scene.h"

void synth_crack_path(synth_scene *s,
                      float *field,
                      float x,
                      float y,
                      float heading,
                      float length,
                      float width,
                      int depth)
{
    int pieces = (int)(length / 0.045f) + 2;
    pieces = pieces > 28 ? 28 : pieces;
    float step = length / (float)pieces, mean = heading, jag = synth_uniform(s, 0.15f, 0.75f);
    uint32_t seed = (uint32_t)smt_rng_next(&s->rng);
    for (int k = 0; k < pieces; k++) {
        float t = (float)k / (float)pieces;
        float here = fmaxf(width * (1 - 0.8f * t) * synth_uniform(s, 0.6f, 1.3f), 0.35f * s->pixel);
        heading = 0.65f * heading + 0.35f * mean + synth_uniform(s, -jag, jag);
        float nx = x + cosf(heading) * step, ny = y + sinf(heading) * step;
        synth_shape piece = {.kind = SYNTH_CAPSULE,
                             .x = x,
                             .y = y,
                             .a = nx,
                             .b = ny,
                             .round = here,
                             .wobble = here * 0.6f,
                             .wobble_scale = 45,
                             .seed = seed,
                             .blend = 0.3f * here};
        synth_stamp(s, field, &piece);
        x = nx;
        y = ny;
        if (x < -0.1f || x > 1.1f || y < -0.1f || y > 1.1f) {
            return;
        }
        if (depth > 0 && k > 0 && synth_chance(s, 0.16f)) {
            float turn = synth_uniform(s, 0.4f, 1.2f), sign = synth_chance(s, 0.5f) ? 1 : -1;
            float narrow = here * synth_uniform(s, 0.4f, 0.8f),
                  branch = length * synth_uniform(s, 0.2f, 0.6f);
            synth_crack_path(s, field, x, y, mean + turn * sign, branch, narrow, depth - 1);
        }
    }
}

static void paint_crack(synth_scene *s, float *field, float width)
{
    synth_look look = {.height = -0.004f, .wall = fmaxf(fminf(width, 0.015f), s->pixel)};
    look.level = synth_uniform(s, 0, 0.5f) * s->body_level;
    look.reach_out = synth_log(s, 0.004f, 0.02f);
    if (synth_chance(s, 0.45f)) {
        look.glow_out = synth_uniform(s, 0.05f, 0.5f);
    }
    if (synth_chance(s, 0.06f)) { /* a filled or charging crack shines */
        look.level = synth_clamp(s->body_level + 0.4f, 0, 1);
    }
    synth_paint(s, field, &look, synth_uniform(s, 0.75f, 1));
}

/* Edges between the cells of scattered points: the second nearest less the nearest distance. */
static void mud(synth_scene *s, float *field, float width)
{
    float px[49], py[49];
    int across = synth_int(s, 2, 5), n = 0;
    for (int j = -1; j <= across; j++) {
        for (int i = -1; i <= across; i++) {
            px[n] = ((float)i + synth_uniform(s, 0.1f, 0.9f)) / (float)across;
            py[n++] = ((float)j + synth_uniform(s, 0.1f, 0.9f)) / (float)across;
        }
    }
    uint32_t seed = (uint32_t)smt_rng_next(&s->rng);
    float bend = 0.1f / (float)across, missing = synth_uniform(s, -1, 0.1f);
    for (int j = 0; j < s->size; j++) {
        for (int i = 0; i < s->size; i++) {
            float x = ((float)i + 0.5f) * s->pixel, y = ((float)j + 0.5f) * s->pixel;
            float f = 4.0f * (float)across;
            x += bend * synth_noise_at(seed, x * f, y * f);
            y += bend * synth_noise_at(seed + 9, x * f, y * f);
            float first = 9, second = 9;
            int cell = 0, next = 0;
            for (int k = 0; k < n; k++) {
                float dx = x - px[k], dy = y - py[k], d = dx * dx + dy * dy;
                if (d < first) {
                    second = first;
                    next = cell;
                    first = d;
                    cell = k;
                } else if (d < second) {
                    second = d;
                    next = k;
                }
            }
            /* Some pairs of cells have not parted. */
            int low = cell < next ? cell : next, high = cell < next ? next : cell;
            bool closed = synth_noise_at(seed + 3, (float)low, (float)high) < missing;
            field[(size_t)j * (size_t)s->size + (size_t)i] =
                closed ? SYNTH_FAR
                       : 0.5f * (sqrtf(second) - sqrtf(first)) -
                             width * (0.6f + 0.5f * synth_noise_at(seed + 4, x * 6, y * 6));
        }
    }
}

/* A thin polyline of few straight pieces. */
static void fine(synth_scene *s, float *field, float width)
{
    int pieces = synth_int(s, 3, 8);
    float angle = synth_chance(s, 0.6f) ? 0 : 1.5708f, ca = cosf(angle), sa = sinf(angle);
    float from = synth_uniform(s, -0.1f, 0.2f), to = synth_uniform(s, 0.75f, 1.1f),
          off = synth_uniform(s, 0.2f, 0.8f), u = from, v = off;
    for (int k = 1; k <= pieces; k++) {
        float nu = synth_lerp(from, to, (float)k / (float)pieces),
              nv = v + synth_uniform(s, -0.1f, 0.1f);
        synth_shape piece = {.kind = SYNTH_CAPSULE,
                             .x = ca * u - sa * v + (angle > 0 ? 1 : 0),
                             .y = sa * u + ca * v,
                             .a = ca * nu - sa * nv + (angle > 0 ? 1 : 0),
                             .b = sa * nu + ca * nv,
                             .round = 0.5f * width};
        synth_stamp(s, field, &piece);
        u = nu;
        v = nv;
    }
}

static void voids(synth_scene *s, float *field, int count, float smallest, float largest)
{
    for (int i = 0; i < count; i++) {
        float r = synth_log(s, smallest, largest);
        synth_shape hole = {.kind = SYNTH_ELLIPSE, .a = r, .wobble = 0.3f * r, .wobble_scale = 20};
        hole.x = synth_uniform(s, s->crack_box[0], s->crack_box[2]);
        hole.y = synth_uniform(s, s->crack_box[1], s->crack_box[3]);
        hole.b = r * synth_uniform(s, 0.4f, 1);
        hole.angle = synth_uniform(s, 0, 3.1f);
        hole.seed = (uint32_t)smt_rng_next(&s->rng);
        synth_stamp(s, field, &hole);
    }
}

void synth_defect_crack(synth_scene *s)
{
    float *field = s->work[0];
    synth_fill(s, field, SYNTH_FAR);
    float width = synth_log(s, 0.003f, 0.025f);
    float kind = synth_uniform(s, 0, 1);
    if (kind < 0.16f) {
        synth_kind_is(s, "mud");
        mud(s, field, 0.6f * width);
    } else if (kind < 0.26f) {
        synth_kind_is(s, "fine");
        fine(s, field, width);
    } else if (kind < 0.42f) { /* a star */
        synth_kind_is(s, "star");
        float x = synth_uniform(s, 0.3f, 0.7f), y = synth_uniform(s, 0.3f, 0.7f),
              a = synth_uniform(s, 0, 6.28f);
        int arms = synth_int(s, 3, 6);
        for (int k = 0; k < arms; k++) {
            float wide = width * synth_uniform(s, 0.5f, 1.2f),
                  length = synth_uniform(s, 0.25f, 0.7f);
            float turn = ((float)k + synth_uniform(s, -0.3f, 0.3f)) * 6.2832f / (float)arms;
            synth_crack_path(s, field, x, y, a + turn, length, wide, 2);
        }
    } else {
        synth_kind_is(s, "path");
        int count = synth_chance(s, 0.75f) ? 1 : 2;
        for (int i = 0; i < count; i++) {
            /* From a border inwards, or from the middle both ways. */
            float x = synth_uniform(s, 0.3f, 0.7f), y = synth_uniform(s, 0.3f, 0.7f),
                  heading = synth_uniform(s, 0, 6.2832f);
            float length = synth_log(s, 0.2f, 0.8f);
            synth_crack_path(s, field, x, y, heading, length, width, 2);
            synth_crack_path(s,
                             field,
                             x,
                             y,
                             heading + 3.1416f + synth_uniform(s, -0.4f, 0.4f),
                             length,
                             width,
                             2);
        }
    }
    if (synth_chance(s, 0.15f)) {
        voids(s, field, synth_int(s, 1, 5), 0.005f, 0.02f);
    }
    paint_crack(s, field, width);
}

void synth_defect_delamination(synth_scene *s)
{
    float *field = s->work[0];
    synth_fill(s, field, SYNTH_FAR);
    float x0 = s->crack_box[0], y0 = s->crack_box[1], x1 = s->crack_box[2], y1 = s->crack_box[3];
    float width = synth_log(s, 0.003f, 0.018f), kind = synth_uniform(s, 0, 1), span = x1 - x0;
    if (kind < 0.45f) { /* along the upper or lower interface */
        synth_kind_is(s, "interface");
        float y = synth_chance(s, 0.5f) ? y0 + 0.06f * (y1 - y0) : y1 - 0.06f * (y1 - y0);
        float from = synth_chance(s, 0.5f) ? x0 : synth_uniform(s, x0, synth_lerp(x0, x1, 0.4f));
        float length = span * synth_uniform(s, 0.4f, 1), heading = synth_uniform(s, -0.08f, 0.08f);
        synth_crack_path(s, field, from, y, heading, length, width * 1.3f, 1);
        if (synth_chance(s, 0.4f)) {
            length = span * synth_uniform(s, 0.2f, 0.5f);
            heading = 3.1416f + synth_uniform(s, -0.1f, 0.1f);
            synth_crack_path(s, field, x1, y, heading, length, width, 1);
        }
    } else if (kind < 0.75f) { /* through the body */
        synth_kind_is(s, "through");
        float heading =
            synth_chance(s, 0.5f) ? synth_uniform(s, -0.5f, 0.5f) : synth_uniform(s, 0, 6.28f);
        float x = synth_uniform(s, synth_lerp(x0, x1, 0.2f), synth_lerp(x0, x1, 0.8f)),
              y = synth_uniform(s, y0, y1);
        synth_crack_path(s, field, x, y, heading, span * 0.5f, width, 2);
        synth_crack_path(s, field, x, y, heading + 3.14f, span * 0.5f, width, 2);
    } else if (kind < 0.9f) { /* voids, some at an interface */
        synth_kind_is(s, "voids");
        voids(s, field, synth_int(s, 1, 5), 0.015f, 0.07f);
        if (synth_chance(s, 0.5f)) {
            synth_crack_path(
                s, field, x0, synth_chance(s, 0.5f) ? y0 : y1, 0, span, width * 0.7f, 1);
        }
    } else { /* short cracks from the surface down */
        synth_kind_is(s, "surface");
        int count = synth_int(s, 2, 7);
        for (int i = 0; i < count; i++) {
            float length = (y1 - y0) * synth_uniform(s, 0.2f, 0.9f),
                  heading = 1.5708f + synth_uniform(s, -0.4f, 0.4f), x = synth_uniform(s, x0, x1);
            synth_crack_path(s, field, x, y0, heading, length, width * 0.6f, 1);
        }
    }
    paint_crack(s, field, width);
}
