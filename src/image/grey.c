#include "image/decode.h"

static uint32_t multiply_255(uint32_t a, uint32_t b)
{
    uint32_t t = a * b + 128u;
    return ((t >> 8) + t) >> 8;
}

uint8_t smt_cmyk_luma(uint32_t cyan, uint32_t magenta, uint32_t yellow, uint32_t black)
{
    uint32_t light = 255u - black;
    return smt_luma(light - multiply_255(cyan, light),
                    light - multiply_255(magenta, light),
                    light - multiply_255(yellow, light));
}

size_t smt_count_seen(const image_source *source, const smt_image *image)
{
    return (size_t)image->width * (size_t)(image->height - source->strip);
}

smt_status smt_stretch16(const image_source *source,
                         const uint16_t *samples,
                         smt_image *image,
                         smt_error *error)
{
    size_t count = (size_t)image->width * (size_t)image->height;
    size_t seen_count = smt_count_seen(source, image);
    uint8_t *out = image->pixels;
    uint32_t *histogram = smt_alloc(65536, sizeof *histogram);
    if (!histogram) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for the histogram of a 16-bit image");
    }
    if (source->stretched) {
        *source->stretched = true;
    }
    for (size_t i = 0; i < seen_count; i++) {
        histogram[samples[i]]++;
    }
    size_t low_rank = smt_stretch_rank(seen_count);
    size_t high_rank = seen_count - 1 - low_rank;
    uint32_t low = 0, high = 65535;
    size_t seen = 0;
    bool low_found = false;
    for (uint32_t value = 0; value < 65536; value++) {
        seen += histogram[value];
        if (!low_found && seen > low_rank) {
            low = value;
            low_found = true;
        }
        if (seen > high_rank) {
            high = value;
            break;
        }
    }
    if (low == high) { /* what differs is little, and all that there is to see */
        for (low = 0; !histogram[low]; low++) {
        }
        for (high = 65535; !histogram[high]; high--) {
        }
    }
    smt_free(histogram);
    if (low == high) {
        for (size_t i = 0; i < count; i++) {
            out[i] = (uint8_t)(samples[i] >> 8);
        }
        return SMT_OK;
    }
    uint32_t range = high - low;
    for (size_t i = 0; i < count; i++) {
        uint32_t value = samples[i];
        uint32_t above = value < low ? 0 : value > high ? range : value - low;
        out[i] = (uint8_t)((above * 255u + range / 2) / range);
    }
    return SMT_OK;
}
