/* A microscope's metadata: a file beside the image, or the private tags of a TIFF. */
#include "image/sem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    smt_sem_metadata found = {0};
    if (size >= 4 && (memcmp(data, "II", 2) == 0 || memcmp(data, "MM", 2) == 0)) {
        image_source source = {.data = data, .size = size, .name = "fuzz"};
        smt_sem_read_tags(&source, 24, 40, &found);
        return 0;
    }
    char *text = malloc(size + 1);
    if (text) {
        memcpy(text, data, size);
        text[size] = 0;
        smt_sem_read_sidecar(text, "a.png", 24, 40, &found);
        free(text);
    }
    return 0;
}
