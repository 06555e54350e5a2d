/* TensorFlow Lite as a model format. */
#include "format/formats.h"
#include "format/tflite.h"

#include <string.h>

static bool probe(const uint8_t *head, size_t size)
{
    return size >= 8 && memcmp(head + 4, "TFL3", 4) == 0;
}

const smt_model_format smt_format_tflite = {
    .name = "tflite",
    .suffixes = ".tflite",
    .title = "TensorFlow Lite",
    .probe = probe,
    .read = smt_tflite_read,
};
