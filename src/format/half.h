/* IEEE 754 binary16, by the bits: compilers without F16C give the same results. */
#ifndef SEMTINEL_FORMAT_HALF_H
#define SEMTINEL_FORMAT_HALF_H

#include <stdint.h>

float smt_half_to_float(uint16_t half);
/* Rounds to nearest, ties to even; above 65504 (rounded) infinity. */
uint16_t smt_half_from_float(float value);

#endif
