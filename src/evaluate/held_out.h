/* What a model's provenance says of the images that it was trained on. */
#ifndef SMT_EVALUATE_HELD_OUT_H
#define SMT_EVALUATE_HELD_OUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* data: "data" of a provenance. So many images of the class trained, not counting added ones, and
 * so many validated. */
bool smt_counted(const json_t *data, const char *class_name, size_t train, size_t val);

#endif
