/* Smooth noise and blur. Noise is bilinear between random values on a turned lattice, with a smooth
 * step inside a cell: a lattice of random numbers is cheaper to read than gradients are to hash. */
#include "scene.h"

int synth_weighted(synth_scene *s, const float *weights, int count)
{
    float total = 0;
    for (int i = 0; i < count; i++) {
        total += weights[i];
    }
    float at = synth_uniform(s, 0, total);
    for (int i = 0; i < count; i++) {
        at -= weights[i];
        if (at < 0 && weights[i] > 0) {
            return i;
        }
    }
    for (int i = count - 1; i > 0; i--) {
        if (weights[i] > 0) {
            return i;
        }
    }
    return 0;
}

static float ease(float t)
{
    return t * t * (3 - 2 * t);
}

void synth_noise_add(synth_scene *s, float *out, float fx, float fy, float angle, float amplitude)
{
    float ca = cosf(angle), sa = sinf(angle);
    /* The turned frame spans |cos| + |sin| along either axis. */
    float span = fabsf(ca) + fabsf(sa);
    int columns = (int)(fx * span) + 3, rows = (int)(fy * span) + 3;
    while ((size_t)columns * (size_t)rows > SYNTH_LATTICE) {
        fx *= 0.9f;
        fy *= 0.9f;
        columns = (int)(fx * span) + 3;
        rows = (int)(fy * span) + 3;
    }
    float offset_x = synth_uniform(s, 0, 1), offset_y = synth_uniform(s, 0, 1);
    for (int i = 0; i < columns * rows; i += 2) {
        uint64_t bits = smt_rng_next(&s->rng);
        s->lattice[i] = (float)(int32_t)(uint32_t)bits * (amplitude * 0x1p-31f);
        if (i + 1 < columns * rows) {
            s->lattice[i + 1] = (float)(int32_t)(uint32_t)(bits >> 32) * (amplitude * 0x1p-31f);
        }
    }
    float step_u = ca * s->pixel * fx, step_v = -sa * s->pixel * fy;
    for (int j = 0; j < s->size; j++) {
        float y = ((float)j + 0.5f) * s->pixel - 0.5f, x = 0.5f * s->pixel - 0.5f;
        float u = (ca * x + sa * y + 0.5f * span) * fx + offset_x;
        float v = (-sa * x + ca * y + 0.5f * span) * fy + offset_y;
        float *row = out + (size_t)j * (size_t)s->size;
        for (int i = 0; i < s->size; i++) {
            float pu = u + (float)i * step_u, pv = v + (float)i * step_v;
            int iu = (int)pu, iv = (int)pv;
            iu = iu < 0 ? 0 : iu > columns - 2 ? columns - 2 : iu;
            iv = iv < 0 ? 0 : iv > rows - 2 ? rows - 2 : iv;
            const float *cell = s->lattice + iv * columns + iu;
            float tu = ease(pu - (float)iu), tv = ease(pv - (float)iv);
            float top = cell[0] + (cell[1] - cell[0]) * tu;
            float bottom = cell[columns] + (cell[columns + 1] - cell[columns]) * tu;
            row[i] += top + (bottom - top) * tv;
        }
    }
}

void synth_fractal_add(synth_scene *s,
                       float *out,
                       float fx,
                       float fy,
                       float angle,
                       float amplitude,
                       int octaves,
                       float gain)
{
    /* Cells finer than the reference raster of 128 would
     * be noise of the sampling, not of the material. */
    for (int i = 0; i < octaves && fx <= 100 && fy <= 100; i++) {
        synth_noise_add(s, out, fx, fy, angle, amplitude);
        fx *= 2;
        fy *= 2;
        amplitude *= gain;
    }
}

static float corner(uint32_t seed, int x, int y)
{
    uint32_t h = seed + (uint32_t)x * 0x9e3779b1u + (uint32_t)y * 0x85ebca77u;
    h ^= h >> 15;
    h *= 0x2c1b3c6du;
    h ^= h >> 12;
    h *= 0x297a2d39u;
    h ^= h >> 15;
    return (float)(int32_t)h * 0x1p-31f;
}

float synth_noise_at(uint32_t seed, float x, float y)
{
    float fx = floorf(x), fy = floorf(y);
    int ix = (int)fx, iy = (int)fy;
    float tx = ease(x - fx), ty = ease(y - fy);
    float top = synth_lerp(corner(seed, ix, iy), corner(seed, ix + 1, iy), tx);
    float bottom = synth_lerp(corner(seed, ix, iy + 1), corner(seed, ix + 1, iy + 1), tx);
    return synth_lerp(top, bottom, ty);
}

/* One pass along x, from `in` to the transposed `out`, so that two passes make both axes. */
static void blur_rows(const float *in, float *out, int size, float sigma)
{
    float kernel[64];
    float row[SMT_SYNTH_MAX_SIZE + 128];
    int radius = (int)(sigma * 3 + 0.5f);
    radius = radius < 1 ? 1 : radius > 63 ? 63 : radius;
    radius = radius > size - 1 ? size - 1 : radius;
    float total = 0;
    for (int k = 0; k <= radius; k++) {
        kernel[k] = expf(-0.5f * (float)(k * k) / (sigma * sigma));
        total += k ? 2 * kernel[k] : kernel[k];
    }
    for (int k = 0; k <= radius; k++) {
        kernel[k] /= total;
    }
    for (int j = 0; j < size; j++) {
        const float *source = in + (size_t)j * (size_t)size;
        for (int i = 0; i < size; i++) {
            row[i + radius] = source[i];
        }
        for (int k = 1; k <= radius; k++) {
            row[radius - k] = source[k];
            row[radius + size - 1 + k] = source[size - 1 - k];
        }
        float sum[SMT_SYNTH_MAX_SIZE];
        for (int i = 0; i < size; i++) {
            sum[i] = kernel[0] * row[i + radius];
        }
        for (int k = 1; k <= radius; k++) {
            float weight = kernel[k];
            const float *left = row + radius - k, *right = row + radius + k;
            for (int i = 0; i < size; i++) {
                sum[i] += weight * (left[i] + right[i]);
            }
        }
        for (int i = 0; i < size; i++) {
            out[(size_t)i * (size_t)size + (size_t)j] = sum[i];
        }
    }
}

static void transpose(const float *in, float *out, int size)
{
    for (int j = 0; j < size; j++) {
        for (int i = 0; i < size; i++) {
            out[(size_t)i * (size_t)size + (size_t)j] = in[(size_t)j * (size_t)size + (size_t)i];
        }
    }
}

void synth_blur(float *image, float *scratch, int size, float sigma_x, float sigma_y)
{
    if (sigma_x > 0.15f) {
        blur_rows(image, scratch, size, sigma_x);
    } else {
        transpose(image, scratch, size);
    }
    if (sigma_y > 0.15f) {
        blur_rows(scratch, image, size, sigma_y);
    } else {
        transpose(scratch, image, size);
    }
}
