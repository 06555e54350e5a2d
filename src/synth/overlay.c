/* What a picture gathers after the microscope: data bars, frames, scale bars, labels, painted-over
 * patches, and the blocks of lossy compression. Grey values, 0 .. 255. */
#include "scene.h"

static void
rectangle(const synth_scene *s, float *image, float x0, float y0, float x1, float y1, float value)
{
    int size = s->size;
    int i0 = (int)(x0 * (float)size), i1 = (int)(x1 * (float)size + 0.5f),
        j0 = (int)(y0 * (float)size), j1 = (int)(y1 * (float)size + 0.5f);
    i0 = i0 < 0 ? 0 : i0;
    j0 = j0 < 0 ? 0 : j0;
    i1 = i1 > size ? size : i1 <= i0 ? i0 + 1 : i1;
    j1 = j1 > size ? size : j1 <= j0 ? j0 + 1 : j1;
    for (int j = j0; j < j1 && j < size; j++) {
        for (int i = i0; i < i1 && i < size; i++) {
            image[(size_t)j * (size_t)size + (size_t)i] = value;
        }
    }
}

/* A run of strokes in a 3 x 5 raster: reads as small print. */
static void
print(synth_scene *s, float *image, float x, float y, float tall, int letters, float value)
{
    float dot = tall / 5;
    for (int k = 0; k < letters; k++) {
        uint32_t bits = (uint32_t)smt_rng_next(&s->rng);
        bits |= (uint32_t)smt_rng_next(&s->rng);
        for (int m = 0; m < 15; m++) {
            if (bits >> m & 1) {
                float px = x + ((float)k * 4 + (float)(m % 3)) * dot, py = y + (float)(m / 3) * dot;
                rectangle(s, image, px, py, px + dot, py + dot, value);
            }
        }
    }
}

static void data_bar(synth_scene *s, float *image)
{
    float tall = synth_uniform(s, 0.05f, 0.12f),
          paper = synth_chance(s, 0.7f) ? synth_uniform(s, 0, 30) : 255;
    float ink = paper > 128 ? 10 : 245;
    rectangle(s, image, 0, 1 - tall, 1, 1, paper);
    print(s, image, 0.03f, 1 - 0.8f * tall, 0.6f * tall, synth_int(s, 3, 10), ink);
    if (synth_chance(s, 0.6f)) {
        float x = synth_uniform(s, 0.6f, 0.75f);
        rectangle(
            s, image, x, 1 - 0.5f * tall, x + synth_uniform(s, 0.1f, 0.2f), 1 - 0.4f * tall, ink);
    }
}

static void frame(synth_scene *s, float *image)
{
    float value = synth_chance(s, 0.5f) ? 255 : 0, most = synth_uniform(s, 0.01f, 0.06f);
    if (synth_chance(s, 0.5f)) {
        rectangle(s, image, 0, 0, 1, synth_uniform(s, 0, most), value);
        rectangle(s, image, 0, 1 - synth_uniform(s, 0, most), 1, 1, value);
    }
    if (synth_chance(s, 0.5f)) {
        rectangle(s, image, 0, 0, synth_uniform(s, 0, most), 1, value);
        rectangle(s, image, 1 - synth_uniform(s, 0, most), 0, 1, 1, value);
    }
}

/* The empty corners of a picture that was turned. */
static void corners(synth_scene *s, float *image)
{
    float angle = synth_uniform(s, -0.25f, 0.25f), c = cosf(angle), sn = sinf(angle);
    float value = synth_chance(s, 0.75f) ? 0 : 255;
    for (int j = 0; j < s->size; j++) {
        for (int i = 0; i < s->size; i++) {
            float x = ((float)i + 0.5f) * s->pixel - 0.5f, y = ((float)j + 0.5f) * s->pixel - 0.5f;
            if (fabsf(c * x + sn * y) > 0.5f || fabsf(-sn * x + c * y) > 0.5f) {
                image[(size_t)j * (size_t)s->size + (size_t)i] = value;
            }
        }
    }
}

/* Labels, leader lines and circles, as in pictures taken from reports. */
void synth_annotate(synth_scene *s, float *image)
{
    float ink = synth_chance(s, 0.7f) ? 250 : 5;
    int labels = synth_int(s, 1, 5);
    for (int k = 0; k < labels; k++) {
        float x = synth_uniform(s, 0.02f, 0.7f), y = synth_uniform(s, 0.03f, 0.9f),
              tall = synth_uniform(s, 0.03f, 0.06f);
        print(s, image, x, y, tall, synth_int(s, 3, 9), ink);
        float heading = synth_uniform(s, 0, 6.28f),
              length = synth_chance(s, 0.6f) ? synth_uniform(s, 0.05f, 0.25f) : 0;
        for (float t = 0; t < length; t += 0.5f * s->pixel) { /* a leader line */
            float px = x + cosf(heading) * t, py = y + sinf(heading) * t;
            rectangle(s, image, px, py, px + 0.006f, py + 0.006f, ink);
        }
    }
    if (synth_chance(s, 0.25f)) {
        float x = synth_uniform(s, 0.25f, 0.75f), y = synth_uniform(s, 0.25f, 0.75f),
              r = synth_uniform(s, 0.08f, 0.25f);
        for (float t = 0; t < 6.2832f; t += 0.5f * s->pixel / r) {
            float px = x + r * cosf(t), py = y + r * sinf(t);
            rectangle(s, image, px, py, px + 0.01f, py + 0.01f, ink);
        }
    }
}

void synth_overlay(synth_scene *s, float *image)
{
    float scale = (float)s->options->overlays;
    if (synth_chance(s, 0.03f * scale)) {
        data_bar(s, image);
    }
    if (synth_chance(s, 0.025f * scale)) { /* a scale bar in the picture */
        float x = synth_uniform(s, 0.4f, 0.7f), value = synth_chance(s, 0.5f) ? 255 : 0;
        rectangle(s, image, x, 0.93f, x + synth_uniform(s, 0.1f, 0.3f), 0.945f, value);
        print(s, image, x, 0.955f, 0.035f, synth_int(s, 2, 5), value);
    }
    if (synth_chance(s, 0.012f * scale)) {
        float ink = synth_chance(s, 0.7f) ? 255 : 0;
        int letters = synth_int(s, 3, 9);
        float tall = synth_uniform(s, 0.03f, 0.07f), y = synth_uniform(s, 0, 0.9f),
              x = synth_uniform(s, 0, 0.6f);
        print(s, image, x, y, tall, letters, ink);
    }
    if (synth_chance(s, 0.06f * scale)) {
        frame(s, image);
    }
    if (synth_chance(s, 0.05f * scale)) {
        corners(s, image);
    }
}

/* Quantises the discrete cosine transform of 8 x 8 blocks,
 * coarser for higher frequencies, as JPEG does. */
void synth_blocks(synth_scene *s, float *image)
{
    float basis[8][8], block[8][8], turned[8][8];
    float strength = synth_log(s, 0.15f, 1.6f);
    for (int k = 0; k < 8; k++) {
        for (int n = 0; n < 8; n++) {
            basis[k][n] =
                (k ? 0.5f : 0.35355339f) * cosf(3.14159265f * (float)(2 * n + 1) * (float)k / 16);
        }
    }
    for (int y = 0; y + 8 <= s->size; y += 8) {
        for (int x = 0; x + 8 <= s->size; x += 8) {
            float *corner = image + (size_t)y * (size_t)s->size + (size_t)x;
            for (int j = 0; j < 8; j++) {
                for (int k = 0; k < 8; k++) {
                    float sum = 0;
                    for (int n = 0; n < 8; n++) {
                        sum += basis[k][n] * corner[(size_t)j * (size_t)s->size + (size_t)n];
                    }
                    turned[j][k] = sum;
                }
            }
            for (int m = 0; m < 8; m++) {
                for (int k = 0; k < 8; k++) {
                    float sum = 0;
                    for (int j = 0; j < 8; j++) {
                        sum += basis[m][j] * turned[j][k];
                    }
                    float step = strength * (10 + 7 * (float)(m + k));
                    block[m][k] = step * floorf(sum / step + 0.5f);
                }
            }
            for (int m = 0; m < 8; m++) {
                for (int n = 0; n < 8; n++) {
                    float sum = 0;
                    for (int k = 0; k < 8; k++) {
                        sum += basis[k][n] * block[m][k];
                    }
                    turned[m][n] = sum;
                }
            }
            for (int j = 0; j < 8; j++) {
                for (int n = 0; n < 8; n++) {
                    float sum = 0;
                    for (int m = 0; m < 8; m++) {
                        sum += basis[m][j] * turned[m][n];
                    }
                    corner[(size_t)j * (size_t)s->size + (size_t)n] = sum;
                }
            }
        }
    }
}
