#include <semtinel/image.h>

#include <math.h>

int smt_image_mirror(int at, int count)
{
    int period = count > 1 ? 2 * (count - 1) : 1;
    at %= period;
    at = at < 0 ? -at : at;
    return at < count ? at : period - at;
}

/* Keeps the coordinate where it fits an int; NaN becomes 0. */
static float bounded(float value)
{
    return value > -1e6f ? (value < 1e6f ? value : 1e6f) : value <= -1e6f ? -1e6f : 0.0f;
}

void smt_image_warp(const smt_image *image, const float m[6], smt_image *out)
{
    for (int y = 0; y < out->height; y++) {
        uint8_t *row = out->pixels + (size_t)y * (size_t)out->width;
        for (int x = 0; x < out->width; x++) {
            float u = bounded(m[0] * (float)x + m[1] * (float)y + m[2]);
            float v = bounded(m[3] * (float)x + m[4] * (float)y + m[5]);
            float left = floorf(u), top = floorf(v);
            float right_part = u - left, lower_part = v - top;
            int x0 = smt_image_mirror((int)left, image->width),
                x1 = smt_image_mirror((int)left + 1, image->width);
            const uint8_t *upper =
                image->pixels +
                (size_t)smt_image_mirror((int)top, image->height) * (size_t)image->width;
            const uint8_t *lower =
                image->pixels +
                (size_t)smt_image_mirror((int)top + 1, image->height) * (size_t)image->width;
            float above = (float)upper[x0] + right_part * ((float)upper[x1] - (float)upper[x0]);
            float below = (float)lower[x0] + right_part * ((float)lower[x1] - (float)lower[x0]);
            row[x] = (uint8_t)(above + lower_part * (below - above) + 0.5f);
        }
    }
}
