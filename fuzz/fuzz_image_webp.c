/* Any bytes as a WebP file; what does not begin like one is given its first bytes. */
#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t form[] = {'W', 'E', 'B', 'P'};
    uint8_t start[12] = {'R', 'I', 'F', 'F'};
    if (size >= sizeof start) { /* the size stays */
        memcpy(start + 4, data + 4, 4);
        memcpy(start + 8, form, sizeof form);
    }
    return fuzz_image(data, size, (const char *)start, sizeof start);
}
