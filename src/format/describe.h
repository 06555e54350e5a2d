/* The parts of smt_describe. */
#ifndef SEMTINEL_FORMAT_DESCRIBE_H
#define SEMTINEL_FORMAT_DESCRIBE_H

#include <semtinel/format.h>

#include <jansson.h>

/* Adds what edge's reader tells of a .tflite, quantised ones included, to `root`. */
smt_status smt_describe_tflite(
    const void *data, size_t size, const char *path, json_t *root, smt_error *error);

#endif
