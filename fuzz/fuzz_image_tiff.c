/* Any bytes as a TIFF file; what does not begin like one is given its first bytes. Then its pages,
 * each opened by its place. */
#include "fuzz_image.h"

#include "image/decode.h"

static void fuzz_pages(const uint8_t *data, size_t size)
{
    image_source source = {.data = data,
                           .size = size,
                           .name = "fuzz",
                           .limits = {.max_side = 4096, .max_pixels = (size_t)1 << 18}};
    uint64_t *pages = NULL;
    size_t count = 0;
    smt_error error = {0};
    if (!smt_decode_suffix(&source, &error) || *data == '\x89' || *data == 'B' || *data == 0xff ||
        smt_tiff_pages(&source, &pages, &count, &error)) {
        return;
    }
    for (size_t i = 0; i < count && i < 8; i++) {
        smt_image image = {0};
        source.page = pages[i];
        if (pages[i] >= size || (smt_decode(&source, &image, &error) == SMT_OK) != !!image.pixels) {
            abort();
        }
        smt_image_free(&image);
    }
    smt_free(pages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_pages(data, size);
    return fuzz_image(data, size, size % 2 ? "MM\0*" : "II*\0", 4);
}
