/* Reading tests/golden/images. */
#ifndef TESTS_IMAGE_GOLDEN_H
#define TESTS_IMAGE_GOLDEN_H

#include <semtinel/image.h>

#include <stdio.h>
#include <string.h>

#define GOLDEN_FOLDER SMT_TEST_DIR "/golden/images"

typedef struct golden_image {
    char name[64];
    int width, height, tolerance;
    uint8_t pixels[4096];
} golden_image;

/* Two hexadecimal digits a byte, up to a blank or the line's end; returns the number of bytes. */
static inline size_t golden_bytes(const char *text, uint8_t *out, size_t room)
{
    size_t count = 0;
    unsigned value;
    while (count < room && sscanf(text + 2 * count, "%2x", &value) == 1 && text[2 * count] > ' ') {
        out[count++] = (uint8_t)value;
    }
    return count;
}

/* The next image of expected.txt; false at its end. */
static inline bool golden_next(FILE *file, golden_image *image)
{
    static char line[16384];
    while (fgets(line, sizeof line, file)) {
        int at = 0;
        if (line[0] != '#' && sscanf(line,
                                     "%63s %d %d %d %n",
                                     image->name,
                                     &image->width,
                                     &image->height,
                                     &image->tolerance,
                                     &at) == 4) {
            size_t count = golden_bytes(line + at, image->pixels, sizeof image->pixels);
            return count == (size_t)image->width * (size_t)image->height;
        }
    }
    return false;
}

#endif
