/* semtinel/augment.h: random changes of a training image that leave its class alone.
 *
 * Per image: a tone curve (contrast, brightness, gamma, inversion); blur; one
 * affine warp (quarter turn, flips, rotation, zoom, shear, shift) with a shift of
 * its own for every row (line jitter of the scan), sampled bilinearly once,
 * mirrored at the borders; a ramp of brightness; a grey box (cutout); Gaussian and
 * shot noise. All follow from the random stream alone: equal stream, equal bits.
 */
#ifndef SEMTINEL_AUGMENT_H
#define SEMTINEL_AUGMENT_H

#include <semtinel/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All zero: the image is left as it is. "+-" is uniform on both sides of none. */
typedef struct smt_augment_options {
    /* Geometry. Probabilities: 0 .. 1. */
    float quarter_turns;   /* probability of a turn by 0, 90, 180 or 270 degrees, equally likely */
    float flip_horizontal; /* probability */
    float flip_vertical;   /* probability */
    float rotation;        /* +- degrees, 0 .. 45 */
    float zoom;            /* factor log-uniform in 1 / (1 + zoom) .. 1 + zoom, 0 .. 1 */
    float stretch;         /* the same, for the ratio of the sides, 0 .. 1 */
    float shift;           /* +- part of the side, each axis, 0 .. 0.5 */
    float shear;           /* +- tangent of the shear angle, 0 .. 0.5 */
    float jitter;          /* each row's shift has a deviation of 0 .. jitter pixels, 0 .. 4 */
    /* Tone. */
    float contrast; /* gain about 128, log-uniform in 1 / (1 + contrast) .. 1 + contrast, 0 .. 2 */
    float brightness; /* +- grey levels, 0 .. 128 */
    float gamma;      /* exponent log-uniform in 1 / (1 + gamma) .. 1 + gamma, 0 .. 2 */
    float invert;     /* probability of grey -> 255 - grey */
    float shade;      /* ramp of up to +- shade grey levels from side to side, 0 .. 64 */
    /* Detail. */
    float blur;        /* Gaussian, deviation 0 .. blur pixels, 0 .. 2 */
    float noise;       /* Gaussian, deviation 0 .. noise grey levels, 0 .. 64 */
    float shot;        /* variance grows with the signal; deviation at white 0 .. shot, 0 .. 64 */
    float cutout;      /* probability of a box of the mean grey */
    float cutout_side; /* its sides, 0.05 .. cutout_side of the image's, 0 .. 0.75 */
} smt_augment_options;

/* A moderate set for SEM images of wafers. */
SMT_API smt_augment_options smt_augment_defaults(void);
SMT_API smt_augment_options smt_augment_none(void);
/* SMT_ERR_ARGUMENT with the field's name and range. */
SMT_API smt_status smt_augment_check(const smt_augment_options *options, smt_error *error);

/* Scratch memory and tables for square images of `size` pixels a side, 1 .. 4096, for
 * `workers` threads (1 and more) at once. SMT_ERR_ARGUMENT: out of range, also as
 * smt_augment_check. */
typedef struct smt_augmenter smt_augmenter;
SMT_API smt_status smt_augmenter_create(const smt_augment_options *options,
                                        int size,
                                        int workers,
                                        smt_augmenter **out,
                                        smt_error *error);
SMT_API void smt_augmenter_destroy(smt_augmenter **augmenter);

/* out[(y size + x) channels + c] = (grey - mean) / scale of the changed image, grey in 0 .. 255
 * (not rounded). `image` is size x size bytes. Calls with different workers in [0, workers) may run
 * at once. `rng` is a copy: the caller's stream does not advance. channels: 1, or 3 equal ones. */
SMT_API void smt_augment_apply(smt_augmenter *augmenter,
                               int worker,
                               const uint8_t *image,
                               smt_rng rng,
                               float mean,
                               float scale,
                               int channels,
                               float *out);

/* The same, rounded to bytes: size x size. out may be image. */
SMT_API void smt_augment_apply_u8(
    smt_augmenter *augmenter, int worker, const uint8_t *image, smt_rng rng, uint8_t *out);

#ifdef __cplusplus
}
#endif
#endif
