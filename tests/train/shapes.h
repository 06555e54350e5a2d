/* Small data sets of drawn shapes for the tests: discs, stripes, crosses. */
#ifndef SMT_TEST_SHAPES_H
#define SMT_TEST_SHAPES_H

#include <semtinel/image.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHAPE_SIDE = 40 };

static inline void shape_save(const char *path, int kind, uint64_t seed)
{
    smt_rng rng = smt_rng_seed(seed, 99);
    smt_image image;
    if (smt_image_create(SHAPE_SIDE, SHAPE_SIDE, &image, NULL)) {
        abort();
    }
    double x0 = smt_rng_uniform(&rng, 14, 26), y0 = smt_rng_uniform(&rng, 14, 26);
    double radius = smt_rng_uniform(&rng, 6, 11), grey = smt_rng_uniform(&rng, 150, 230);
    for (int y = 0; y < SHAPE_SIDE; y++) {
        for (int x = 0; x < SHAPE_SIDE; x++) {
            bool inside = false;
            switch (kind) {
            case 0:
                inside = hypot(x - x0, y - y0) < radius;
                break;
            case 1:
                inside = sin((x + y0) * 6.28 / radius) > 0;
                break;
            default:
                inside = fabs(x - x0) < 3 || fabs(y - y0) < 3;
                break;
            }
            double value = (inside ? grey : 60) + 8 * smt_rng_normal(&rng);
            image.pixels[y * SHAPE_SIDE + x] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
    }
    smt_error error = {0};
    if (smt_image_save_png(path, &image, &error)) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
    smt_image_free(&image);
}

/* root/[split/]{disc,stripes,cross}/NN.png, `images` of each of the first `classes`. */
static inline void
shapes_make(const char *root, const char *split, int classes, int images, uint64_t seed)
{
    static const char *const names[] = {"disc", "stripes", "cross"};
    for (int c = 0; c < classes; c++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s/%s", root, split, names[c]);
        if (smt_make_directory(path, NULL)) {
            abort();
        }
        for (int i = 0; i < images; i++) {
            snprintf(path, sizeof path, "%s/%s/%s/%02d.png", root, split, names[c], i);
            shape_save(path, c, smt_hash64(seed, (uint64_t)(c * 1000 + i)));
        }
    }
}

#endif
