/* From material and shape to secondary electrons. The yield of a surface rises about as 1 / cos of
 * its tilt; height above the surroundings helps electrons out and depth keeps them in (bloom and
 * shadow, a difference of the height from its own blur); a detector at the side sees the slopes
 * that face it brighter (relief). */
#include "scene.h"

#include <string.h>

/* The view from the side: every column is drawn from the near end to the far one, each point raised
 * by its height, and what a nearer point hides stays hidden. Walls take the brightness of their
 * upper edge, dimmed. */
static void tilt_view(const synth_scene *s, const float *signal, float *out)
{
    int size = s->size;
    float scale = s->view_tilt * (float)size;
    for (int i = 0; i < size; i++) {
        int lowest = size; /* rows from here down are drawn */
        for (int j = size - 1; j >= 0; j--) {
            size_t k = (size_t)j * (size_t)size + (size_t)i;
            int row = (int)floorf((float)j - scale * s->height[k] + 0.5f);
            if (row >= lowest) {
                continue;
            }
            row = row < 0 ? 0 : row;
            bool wall = lowest - row > 2;
            for (int m = row; m < lowest; m++) {
                float value = signal[k];
                if (wall && m > row) {
                    float depth = (float)(m - row) / (float)(lowest - row);
                    value *= 0.85f - 0.35f * depth;
                }
                out[(size_t)m * (size_t)size + (size_t)i] = value;
            }
            lowest = row;
        }
        for (int m = 0; m < lowest; m++) { /* nothing lay behind: repeat the farthest */
            out[(size_t)m * (size_t)size + (size_t)i] = signal[i];
        }
    }
}

void synth_signal(synth_scene *s, float *out)
{
    int size = s->size;
    float *soft = s->work[0], *texture = s->work[1];
    memset(texture, 0, s->count * sizeof *texture);
    float grain = s->base_grain;
    if (grain > 0) {
        float f = synth_log(s, 12, 70);
        synth_fractal_add(s, texture, f, f, 0, grain, 2, 0.7f);
    }
    memcpy(soft, s->height, s->count * sizeof *soft);
    float radius = s->bloom_radius * (float)size;
    synth_blur(soft, s->work[2], size, radius, radius);
    float lx = cosf(s->relief_angle), ly = sinf(s->relief_angle), inverse = 0.5f * (float)size;
    for (int j = 0; j < size; j++) {
        int up = j > 0 ? -size : 0, down = j < size - 1 ? size : 0;
        for (int i = 0; i < size; i++) {
            size_t k = (size_t)j * (size_t)size + (size_t)i;
            const float *h = s->height + k;
            float gx = (h[i < size - 1 ? 1 : 0] - h[i > 0 ? -1 : 0]) * inverse,
                  gy = (h[down] - h[up]) * inverse;
            float steep = gx * gx + gy * gy, value = s->level[k] * (1 + texture[k]) + s->glow[k];
            if (steep > 1e-6f) {
                float secant = sqrtf(1 + steep);
                value += s->tilt_gain * (fminf(secant, 4) - 1);
                value += s->relief_gain * (gx * lx + gy * ly) / secant;
            }
            float above = *h - soft[k];
            value += (above > 0 ? s->bloom_gain : s->shadow_gain) * above;
            out[k] = fmaxf(value, 0);
        }
    }
    if (s->view_tilt > 0) {
        memcpy(soft, out, s->count * sizeof *soft);
        tilt_view(s, soft, out);
    }
}
