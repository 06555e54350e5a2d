/* The parts of augmentation. Private to src/data. */
#ifndef SEMTINEL_DATA_AUGMENT_PARTS_H
#define SEMTINEL_DATA_AUGMENT_PARTS_H

#include <semtinel/augment.h>

#define POINT_BITS 7 /* fraction of the field's numbers */

/* What the random stream decided for one image. */
typedef struct augment_draw {
    uint16_t tone[256]; /* grey to field */
    float blur_variance;
    float matrix[6]; /* from output to image, about the centre: matrix[2], [5] are the shift */
    float jitter;    /* deviation in pixels */
    float shade_x, shade_y; /* grey levels a pixel */
    float noise, shot;
    int box_left, box_right, box_top, box_bottom;
} augment_draw;

typedef struct augment_context {
    const smt_augment_options *options;
    int size;
    const float *base;     /* 256: the grey that stands for each byte of the image */
    const float *log_base; /* 256: logarithm of base / 255; not used where base is 0 */
} augment_context;

void smt_augment_draw(const augment_context *context, smt_rng *rng, augment_draw *draw);

/* smt_augment_apply on an image whose bytes stand for other grey levels, base[256] in 0 .. 255.
 * NULL: for themselves. */
void smt_augment_toned(smt_augmenter *augmenter,
                       int worker,
                       const uint8_t *image,
                       const float *base,
                       smt_rng rng,
                       float mean,
                       float scale,
                       int channels,
                       float *out);

/* base[i] = the grey level that has the same rank among `style`'s pixels as i has among `image`'s,
 * moved from i by `strength` of the way, 0 .. 1. */
void smt_style_levels(
    const uint8_t *image, const uint8_t *style, size_t pixels, float strength, float base[256]);

/* Fills size x size numbers of the field; returns their sum. */
uint64_t smt_field_tone(
    const uint8_t *image, const uint16_t tone[256], int size, uint16_t *field, size_t stride);
/* rows: 2 x size */
void smt_field_blur(uint16_t *field, size_t stride, int size, float variance, uint16_t *rows);
/* `field` is the first pixel inside; columns[i] mirrors column i. */
void smt_field_margin(uint16_t *field, size_t stride, int size, int margin, const int *columns);

#endif
