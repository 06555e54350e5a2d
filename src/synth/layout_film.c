/* Surfaces without a pattern: films with grain, machined plates with streaks, rings. */
#include "scene.h"

#include <string.h>

void synth_layout_film(synth_scene *s)
{
    float base = synth_uniform(s, 0.25f, 0.65f);
    synth_fill(s, s->level, base);
    int kind = synth_int(s, 0, 4);
    synth_variant(s, kind < 2 ? "smooth" : kind < 4 ? "grain" : "ground");
    if (kind >= 1) {
        float f = synth_log(s, 2, 8);
        synth_fractal_add(s, s->level, f, f, 0, synth_log(s, 0.01f, 0.08f), 3, 0.6f);
    }
    if (kind >= 2) { /* grain that has relief */
        float f = synth_log(s, 12, 60), amplitude = synth_log(s, 0.0006f, 0.006f),
              angle = synth_uniform(s, 0, 1.5f);
        synth_fractal_add(s, s->height, f, f, angle, amplitude, 3, 0.7f);
    }
    if (kind ==
        4) { /* a directional texture: fine parallel lines of a hidden pattern or of grinding */
        float angle = synth_uniform(s, 0, 3.14f), f = synth_log(s, 20, 70);
        synth_fractal_add(s, s->height, f, 3, angle, synth_log(s, 0.0006f, 0.004f), 2, 0.6f);
    }
    if (synth_chance(s, 0.12f)) { /* a lower layer beside */
        synth_shape side = {.kind = SYNTH_BOX, .a = 2, .wobble_scale = 8};
        side.x = synth_uniform(s, 0, 1);
        side.y = synth_chance(s, 0.5f) ? -0.1f : 1.1f;
        side.b = synth_uniform(s, 0.2f, 0.6f);
        side.angle = synth_uniform(s, -0.2f, 0.2f);
        side.wobble = synth_uniform(s, 0, 0.02f);
        side.seed = (uint32_t)smt_rng_next(&s->rng);
        synth_fill(s, s->work[0], SYNTH_FAR);
        synth_stamp(s, s->work[0], &side);
        synth_look look =
            synth_look_of(s, synth_clamp(base + synth_uniform(s, -0.3f, 0.3f), 0.05f, 0.9f));
        synth_paint(s, s->work[0], &look, 1);
    }
    s->body_level = base;
    s->crack_box[0] = s->crack_box[1] = -0.05f;
    s->crack_box[2] = s->crack_box[3] = 1.05f;
    s->has_pattern = false;
}

void synth_layout_brushed(synth_scene *s)
{
    float base = synth_uniform(s, 0.15f, 0.55f);
    float angle = synth_chance(s, 0.7f) ? 0 : synth_uniform(s, 0, 3.14f);
    synth_fill(s, s->level, base);
    float strength = synth_log(s, 0.03f, 0.2f);
    float along = synth_uniform(s, 0.5f, 2), across = synth_log(s, 4, 10);
    synth_fractal_add(s, s->level, across, along, angle, strength, 2, 0.8f);
    along = synth_uniform(s, 0.5f, 3);
    across = synth_log(s, 30, 90);
    synth_fractal_add(s, s->level, across, along, angle, strength, 2, 0.6f);
    if (synth_chance(s, 0.6f)) { /* fine specks along the streaks */
        memset(s->work[0], 0, s->count * sizeof(float));
        synth_noise_add(s, s->work[0], 90, 90, angle, 1);
        memset(s->work[1], 0, s->count * sizeof(float));
        synth_noise_add(s, s->work[1], 50, 1, angle, 1);
        for (size_t i = 0; i < s->count; i++) {
            float streak = s->work[1][i] > 0.45f ? (s->work[1][i] - 0.45f) : 0;
            s->level[i] += strength * 2.5f * streak * (1 + s->work[0][i]);
        }
    }
    if (synth_chance(s, 0.6f)) { /* uneven light and the border of the plate */
        memset(s->work[0], 0, s->count * sizeof(float));
        synth_noise_add(s, s->work[0], 2, 1, angle, 1);
        float amount = synth_uniform(s, 0.1f, 0.5f);
        for (size_t i = 0; i < s->count; i++) {
            s->level[i] *= 1 + amount * s->work[0][i];
        }
        if (synth_chance(s, 0.7f)) {
            float margin = synth_uniform(s, 0.01f, 0.14f), dark = synth_uniform(s, 0.02f, 0.15f);
            synth_shape plate = {.kind = SYNTH_BOX,
                                 .y = 0.5f,
                                 .a = 0.5f - margin,
                                 .round = 0.05f,
                                 .wobble = 0.01f,
                                 .wobble_scale = 5};
            plate.x = 0.5f + synth_uniform(s, -0.03f, 0.03f);
            plate.b = synth_chance(s, 0.5f) ? 0.5f - synth_uniform(s, 0, 0.07f) : 0.8f;
            plate.angle = synth_uniform(s, -0.04f, 0.04f);
            plate.seed = (uint32_t)smt_rng_next(&s->rng);
            synth_fill(s, s->work[0], SYNTH_FAR);
            synth_stamp(s, s->work[0], &plate);
            float soft = synth_uniform(s, 0.02f, 0.12f);
            for (size_t i = 0; i < s->count; i++) {
                s->level[i] = synth_lerp(
                    dark, s->level[i], synth_step(0.5f * soft, -0.5f * soft, s->work[0][i]));
            }
        }
    }
    s->body_level = base;
    s->crack_box[0] = s->crack_box[1] = 0;
    s->crack_box[2] = s->crack_box[3] = 1;
    s->has_pattern = false;
}

void synth_layout_rings(synth_scene *s)
{
    float x = synth_uniform(s, 0.3f, 0.7f), y = synth_uniform(s, 0.3f, 0.7f);
    float aspect = synth_uniform(s, 0.55f, 1), pitch = synth_log(s, 0.05f, 0.2f),
          duty = synth_uniform(s, 0.3f, 0.8f);
    float hub = synth_uniform(s, 0, 0.25f);
    for (int j = 0; j < s->size; j++) {
        for (int i = 0; i < s->size; i++) {
            float dx = ((float)i + 0.5f) * s->pixel - x,
                  dy = (((float)j + 0.5f) * s->pixel - y) / aspect;
            float r = sqrtf(dx * dx + dy * dy);
            float t = (r - hub) / pitch;
            float d = r < hub ? hub - r : (fabsf(t - floorf(t) - 0.5f) - 0.5f * duty) * pitch;
            s->field[(size_t)j * (size_t)s->size + (size_t)i] = d;
        }
    }
    float base = synth_uniform(s, 0.15f, 0.5f);
    synth_fill(s, s->level, base);
    s->look = synth_look_of(s, synth_clamp(base + synth_uniform(s, 0, 0.4f), 0.05f, 0.95f));
    s->look.reach_in = fminf(s->look.reach_in, 0.2f * pitch);
    s->has_pattern = true;
}
