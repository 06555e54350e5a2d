#ifndef SEMTINEL_BASE_LINE_H
#define SEMTINEL_BASE_LINE_H

#include <stdarg.h>
#include <stddef.h>

/* Formats one printable line into `out`. What does not fit loses its middle: names stand in front,
 * and the reason at the end. */
void base_line(char *out, size_t size, const char *format, va_list arguments);

#endif
