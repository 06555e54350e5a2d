/* Shared by the fuzz targets of the image decoders. */
#ifndef SMT_FUZZ_IMAGE_H
#define SMT_FUZZ_IMAGE_H

#include <semtinel/image.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decodes, and reads every pixel of the result. An error
 * must come with a message and without an image. */
static inline int fuzz_image(const uint8_t *data, size_t size, const char *magic, size_t length)
{
    smt_image_limits limits = {.max_side = 4096, .max_pixels = (size_t)1 << 18};
    smt_image image = {0};
    smt_error error = {0};
    uint8_t *copy = NULL;
    if (size >= length && memcmp(data, magic, length) != 0) {
        copy = malloc(size);
        if (!copy) {
            return 0;
        }
        memcpy(copy, data, size);
        memcpy(copy, magic, length);
        data = copy;
    }
    smt_status status = smt_image_decode(data, size, "fuzz", &limits, &image, &error);
    free(copy);
    if ((status == SMT_OK) != (image.pixels != NULL) || (status != SMT_OK && !error.message[0])) {
        abort();
    }
    if (status == SMT_OK) {
        volatile uint32_t crc =
            smt_crc32(0, image.pixels, (size_t)image.width * (size_t)image.height);
        (void)crc;
    }
    smt_image_free(&image);
    return 0;
}

#endif
