/* Particles: clusters of lumps, spheres, flakes and slivers that stand
 * above the surface, lit from above with bright limbs (the yield rises
 * as 1 / cos of the tilt) and a shadow where they hide the detector. */
#include "scene.h"

#include <string.h>

typedef struct lumps {
    int count;
    float x[40], y[40], r[40];
} lumps;

static void make_cluster(synth_scene *s, lumps *l, float x, float y, float radius)
{
    l->count = synth_int(s, 4, 34);
    float stretch = synth_uniform(s, 0.35f, 1), angle = synth_uniform(s, 0, 3.14f);
    float ca = cosf(angle), sa = sinf(angle), grain = radius * synth_uniform(s, 0.18f, 0.5f);
    for (int i = 0; i < l->count; i++) {
        float t = synth_uniform(s, 0, 6.2832f), q = sqrtf(synth_uniform(s, 0, 1)) * radius;
        float u = q * cosf(t), v = q * sinf(t) * stretch;
        l->x[i] = x + ca * u - sa * v;
        l->y[i] = y + sa * u + ca * v;
        l->r[i] = grain * synth_uniform(s, 0.5f, 1.3f);
    }
}

/* Height of the lumps above the surface into work[0]; returns the box that it covers. */
static void raise(synth_scene *s, const lumps *l, float rough, uint32_t seed, int box[4])
{
    int size = s->size;
    box[0] = box[1] = size;
    box[2] = box[3] = 0;
    for (int k = 0; k < l->count; k++) {
        float r = fmaxf(l->r[k], 0.9f * s->pixel);
        int i0 = (int)((l->x[k] - r) * (float)size), i1 = (int)((l->x[k] + r) * (float)size) + 2;
        int j0 = (int)((l->y[k] - r) * (float)size), j1 = (int)((l->y[k] + r) * (float)size) + 2;
        i0 = i0 < 0 ? 0 : i0;
        j0 = j0 < 0 ? 0 : j0;
        i1 = i1 > size ? size : i1;
        j1 = j1 > size ? size : j1;
        for (int j = j0; j < j1; j++) {
            for (int i = i0; i < i1; i++) {
                float px = ((float)i + 0.5f) * s->pixel, py = ((float)j + 0.5f) * s->pixel;
                float dx = (px - l->x[k]) / r, dy = (py - l->y[k]) / r;
                float h = 1 - dx * dx - dy * dy;
                if (rough > 0 && h > -0.5f) {
                    h += rough * synth_noise_at(seed + (uint32_t)k, px * 60, py * 60);
                }
                if (h > 0) {
                    float *out = s->work[0] + (size_t)j * (size_t)size + (size_t)i;
                    *out = fmaxf(*out, r * sqrtf(h));
                }
            }
        }
        box[0] = i0 < box[0] ? i0 : box[0];
        box[1] = j0 < box[1] ? j0 : box[1];
        box[2] = i1 > box[2] ? i1 : box[2];
        box[3] = j1 > box[3] ? j1 : box[3];
    }
}

static void shade(synth_scene *s, float radius, const int box[4])
{
    int size = s->size;
    float level = synth_uniform(s, 0.25f, 0.9f), limb = synth_uniform(s, 0.1f, 0.6f),
          side = synth_uniform(s, -0.35f, 0.35f);
    float light = synth_uniform(s, 0, 6.28f), lx = cosf(light), ly = sinf(light);
    float shadow = synth_uniform(s, 0, 0.7f), reach = radius * synth_uniform(s, 0.15f, 0.6f);
    float inverse = 0.5f * (float)size;
    int pad = (int)(reach * 2.5f * (float)size) + 2;
    int i0 = box[0] - pad < 1 ? 1 : box[0] - pad,
        i1 = box[2] + pad > size - 1 ? size - 1 : box[2] + pad;
    int j0 = box[1] - pad < 1 ? 1 : box[1] - pad,
        j1 = box[3] + pad > size - 1 ? size - 1 : box[3] + pad;
    /* The shadow is the blurred outline, darkest on one side. */
    float offset = reach * synth_uniform(s, 0, 0.6f);
    float *soft = s->work[1];
    memset(soft, 0, s->count * sizeof *soft);
    int sx = (int)(lx * offset * (float)size), sy = (int)(ly * offset * (float)size);
    for (int j = j0; j < j1; j++) {
        for (int i = i0; i < i1; i++) {
            int u = i + sx, v = j + sy;
            if (u >= 0 && u < size && v >= 0 && v < size &&
                s->work[0][(size_t)v * (size_t)size + (size_t)u] > 0) {
                soft[(size_t)j * (size_t)size + (size_t)i] = 1;
            }
        }
    }
    synth_blur(
        soft, s->work[2], size, fmaxf(0.5f, reach * (float)size), fmaxf(0.5f, reach * (float)size));
    for (int j = j0; j < j1; j++) {
        for (int i = i0; i < i1; i++) {
            size_t k = (size_t)j * (size_t)size + (size_t)i;
            const float *h = s->work[0] + k;
            float dark = 1 - shadow * soft[k];
            if (*h <= 0) {
                s->level[k] *= dark;
                s->glow[k] *= dark;
                continue;
            }
            float gx = (h[1] - h[-1]) * inverse, gy = (h[size] - h[-size]) * inverse;
            float steep = sqrtf(1 + gx * gx + gy * gy);
            float bright =
                level + limb * (fminf(steep, 3) - 1) * 0.5f + side * (gx * lx + gy * ly) / steep;
            float cover = synth_clamp(*h / (0.7f * s->pixel), 0, 1);
            s->level[k] += (synth_clamp(bright, 0, 1.2f) - s->level[k]) * cover;
            s->glow[k] *= 1 - cover;
            s->height[k] =
                synth_lerp(s->height[k], 0, cover); /* its own relief is already in its level */
        }
    }
}

static void flake(synth_scene *s, float x, float y, float radius)
{
    float points[16][2];
    int count = synth_int(s, 4, 12);
    float stretch = synth_uniform(s, 0.4f, 1), angle = synth_uniform(s, 0, 3.14f), ca = cosf(angle),
          sa = sinf(angle);
    for (int i = 0; i < count; i++) {
        float t = ((float)i + synth_uniform(s, -0.3f, 0.3f)) * 6.2832f / (float)count;
        float r = radius * synth_uniform(s, 0.6f, 1.15f), u = r * cosf(t),
              v = r * sinf(t) * stretch;
        points[i][0] = x + ca * u - sa * v;
        points[i][1] = y + sa * u + ca * v;
    }
    uint32_t seed = (uint32_t)smt_rng_next(&s->rng);
    float wobble = radius * synth_uniform(s, 0, 0.12f);
    synth_fill(s, s->work[0], SYNTH_FAR);
    synth_stamp_polygon(s, s->work[0], (const float(*)[2])points, count, wobble, seed);
    synth_look look = synth_look_of(s, synth_uniform(s, 0.2f, 0.85f));
    look.glow_in = synth_uniform(s, 0.1f, 0.5f);
    look.height = 0.01f;
    if (synth_chance(s, 0.4f)) { /* a shadow round it */
        synth_look dark = {.level = 0.05f, .wall = radius * 0.8f};
        for (size_t i = 0; i < s->count; i++) {
            s->work[0][i] -= 0.25f * radius;
        }
        synth_paint(s, s->work[0], &dark, synth_uniform(s, 0.2f, 0.6f));
        for (size_t i = 0; i < s->count; i++) {
            s->work[0][i] += 0.25f * radius;
        }
    }
    synth_paint(s, s->work[0], &look, synth_uniform(s, 0.75f, 1));
    memset(s->work[1], 0, s->count * sizeof(float));
    synth_fractal_add(s, s->work[1], 20, 20, 0, synth_uniform(s, 0, 0.12f), 2, 0.6f);
    for (size_t i = 0; i < s->count; i++) {
        s->level[i] += s->work[0][i] < 0 ? s->work[1][i] : 0;
    }
}

/* A lump under a film: no limb, only the slopes show. */
static void buried(synth_scene *s, float x, float y, float radius)
{
    float high = radius * synth_uniform(s, 0.3f, 0.9f), stretch = synth_uniform(s, 0.6f, 1),
          tone = synth_uniform(s, -0.08f, 0.15f);
    float light = synth_uniform(s, 0, 6.28f), lx = cosf(light), ly = sinf(light),
          gain = synth_uniform(s, 0.15f, 0.5f);
    uint32_t seed = (uint32_t)smt_rng_next(&s->rng);
    float rough = synth_chance(s, 0.5f) ? synth_uniform(s, 0, 0.3f) : 0;
    float slope = high / (radius * radius); /* of a Gaussian bump, times the distance */
    for (int j = 0; j < s->size; j++) {
        for (int i = 0; i < s->size; i++) {
            float dx = ((float)i + 0.5f) * s->pixel - x,
                  dy = (((float)j + 0.5f) * s->pixel - y) / stretch;
            float q = (dx * dx + dy * dy) / (radius * radius);
            if (q > 9) {
                continue;
            }
            if (rough > 0) {
                q *= 1 + rough * synth_noise_at(seed, dx * 25, dy * 25);
            }
            float bump = expf(-1.4f * q);
            size_t k = (size_t)j * (size_t)s->size + (size_t)i;
            s->level[k] += bump * tone - gain * 2.8f * slope * bump * (dx * lx + dy * ly);
            s->glow[k] *= 1 - 0.6f * bump;
        }
    }
}

void synth_particle_at(synth_scene *s, float x, float y, float radius)
{
    if (radius > 0.03f && synth_chance(s, 0.08f)) {
        synth_kind_is(s, "buried");
        buried(s, x, y, radius);
        return;
    }
    float kind = synth_uniform(s, 0, 1);
    if (kind < 0.17f && radius > 0.03f) {
        synth_kind_is(s, "flake");
        flake(s, x, y, radius);
        return;
    }
    lumps l;
    float rough = 0;
    uint32_t seed = (uint32_t)smt_rng_next(&s->rng);
    if (kind < 0.38f) { /* one sphere or potato */
        synth_kind_is(s, "sphere");
        l.count = synth_int(s, 1, 2);
        for (int i = 0; i < l.count; i++) {
            l.x[i] = x + (i ? synth_uniform(s, -0.5f, 0.5f) * radius : 0);
            l.y[i] = y + (i ? synth_uniform(s, -0.5f, 0.5f) * radius : 0);
            l.r[i] = radius * (i ? 0.8f : 1);
        }
        rough = synth_chance(s, 0.3f) ? 0.2f : 0;
    } else if (kind < 0.48f) { /* a sliver or fibre */
        float angle = synth_uniform(s, 0, 6.28f);
        synth_kind_is(s, "fibre");
        l.count = 16;
        float bend = synth_uniform(s, -0.12f, 0.12f);
        float px = x, py = y;
        for (int i = 0; i < l.count; i++) {
            l.x[i] = px;
            l.y[i] = py;
            l.r[i] = radius * 0.28f;
            px += cosf(angle) * radius * 0.14f;
            py += sinf(angle) * radius * 0.14f;
            angle += bend;
        }
    } else {
        synth_kind_is(s, "cluster");
        make_cluster(s, &l, x, y, radius);
        rough = synth_uniform(s, 0, 0.5f);
    }
    memset(s->work[0], 0, s->count * sizeof(float));
    int box[4];
    raise(s, &l, rough, seed, box);
    shade(s, radius, box);
}

void synth_defect_particle(synth_scene *s)
{
    int count = synth_chance(s, 0.72f) ? 1 : synth_int(s, 2, 5);
    float radius = synth_log(s, 0.03f, 0.24f);
    radius = count > 1 ? fminf(radius, 0.1f) : radius;
    for (int i = 0; i < count; i++) {
        float x = synth_uniform(s, 0.12f, 0.88f), y = synth_uniform(s, 0.12f, 0.88f);
        if (i == 0 && synth_chance(s, 0.5f)) { /* reviewed defects are centred */
            x = synth_uniform(s, 0.4f, 0.6f);
            y = synth_uniform(s, 0.4f, 0.6f);
        }
        if (synth_chance(s, 0.06f)) { /* the trail of one that was dragged */
            float angle = synth_uniform(s, 0, 6.28f), length = synth_uniform(s, 0.2f, 0.6f);
            for (int k = 0; k < 10; k++) {
                float t = synth_uniform(s, 0.1f, 1) * length, off = synth_uniform(s, -0.03f, 0.03f);
                synth_fill(s, s->work[0], SYNTH_FAR);
                synth_shape grain = {.kind = SYNTH_ELLIPSE,
                                     .x = x + cosf(angle) * t - sinf(angle) * off,
                                     .y = y + sinf(angle) * t + cosf(angle) * off,
                                     .a = 0.012f,
                                     .b = 0.006f,
                                     .angle = synth_uniform(s, 0, 3)};
                synth_stamp(s, s->work[0], &grain);
                synth_look look = {.level = synth_uniform(s, 0.4f, 0.9f), .wall = 0.01f};
                synth_paint(s, s->work[0], &look, 0.7f);
            }
        }
        synth_particle_at(s, x, y, radius * synth_uniform(s, 0.7f, 1.2f));
    }
}
