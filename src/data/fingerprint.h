/* What is kept of an image to compare it with others. Private to src/data. */
#ifndef SEMTINEL_DATA_FINGERPRINT_H
#define SEMTINEL_DATA_FINGERPRINT_H

#include <semtinel/image.h>

enum {
    PRINT_SIDE = 64,                    /* pixels of the thumbnail */
    PRINT_BAND = 15,                    /* highest frequency used, cycles per side */
    PRINT_COLUMNS = 2 * PRINT_BAND + 1, /* u = -15 .. 15 */
    PRINT_ROWS = PRINT_BAND + 1, /* v = 0 .. 15; the rest follows from the image being real */
    PRINT_SHAPE =
        (PRINT_BAND + 1) * (PRINT_BAND + 2) / 2 - 1, /* 0 <= v <= u <= 15 without the mean: 135 */
    PRINT_SHAPE_PADDED = 144
};

typedef struct fingerprint {
    /* Of the phases, [v][u + 15]. */
    float cosine[PRINT_ROWS][PRINT_COLUMNS], sine[PRINT_ROWS][PRINT_COLUMNS];
    uint8_t thumbnail[PRINT_SIDE * PRINT_SIDE];
} fingerprint;

/* shape: PRINT_SHAPE_PADDED log amplitudes, averaged over the 8 symmetries, the fall with frequency
 * removed, unit length (0 where there is no content): blind to turns, mirroring, shifts, brightness
 * and contrast. Finds candidates by inner product. */
void print_make(const smt_image *thumbnail, fingerprint *out, float *shape);

typedef struct print_match {
    float similarity;  /* mean of phase and correlation, or the agreement if it is larger */
    float phase;       /* peak of the phase-only correlation over the symmetries, 0 .. 1 */
    float correlation; /* of the grey levels after alignment, on the overlap, -1 .. 1 */
    int symmetry; /* of b: bit 0 mirrored left-right, bit 1 top-bottom, bit 2 then transposed */
    float edit; /* largest difference of an 8 x 8 block when aligned, in standard deviations of a */
    float rest; /* the median block's */
    float agreement; /* 1 - median over textured blocks of the difference in units of the block's
                        own deviation */
} print_match;

/* All zero where a coarse search shows that the similarity cannot reach `least`. */
void print_compare(const fingerprint *a, const fingerprint *b, float least, print_match *out);

#endif
