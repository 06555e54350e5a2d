/* Any bytes as a TIFF file; what does not begin like one is given its first bytes. */
#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_image(data, size, size % 2 ? "MM\0*" : "II*\0", 4);
}
