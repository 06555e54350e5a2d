/* Any bytes as a PNG file. The chunks' checksums are
 * repaired, or hardly any change would get past them. */
#include "fuzz_image.h"

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    if (!copy) {
        return 0;
    }
    memcpy(copy, data, size);
    for (size_t at = 8; size >= 12 && at <= size - 12;) {
        size_t length = get32(copy + at);
        if (length > size - 12 - at) {
            break;
        }
        uint32_t crc = smt_crc32(0, copy + at + 4, length + 4);
        for (int i = 0; i < 4; i++) {
            copy[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        }
        at += 12 + length;
    }
    int result = fuzz_image(copy, size, "\x89PNG\r\n\x1a\n", 8);
    free(copy);
    return result;
}
