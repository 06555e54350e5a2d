#include "base/line.h"

#include <semtinel/base.h>

#include <stdio.h>
#include <string.h>

const char *smt_status_name(smt_status status)
{
    switch (status) {
    case SMT_OK:
        return "ok";
    case SMT_ERR_ARGUMENT:
        return "bad argument";
    case SMT_ERR_MEMORY:
        return "out of memory";
    case SMT_ERR_IO:
        return "file error";
    case SMT_ERR_FORMAT:
        return "bad file";
    case SMT_ERR_UNSUPPORTED:
        return "not supported";
    case SMT_ERR_LIMIT:
        return "limit exceeded";
    case SMT_ERR_INTERRUPTED:
        return "interrupted";
    }
    return "unknown status";
}

void smt_printable(char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f) {
            *text = '?';
        }
    }
}

void base_line(char *out, size_t size, const char *format, va_list arguments)
{
    char whole[9000]; /* two of the longest paths that the system takes */
    vsnprintf(whole, sizeof whole, format, arguments);
    smt_printable(whole);
    size_t length = strlen(whole);
    if (length < size) {
        memcpy(out, whole, length + 1);
        return;
    }
    size_t tail = size / 2, head = size - tail - 6; /* 5 for " ... ", 1 for the end */
    while (tail && ((unsigned char)whole[length - tail] & 0xc0) == 0x80) {
        tail--; /* not within a character */
    }
    while (head && ((unsigned char)whole[head] & 0xc0) == 0x80) {
        head--;
    }
    snprintf(out, size, "%.*s ... %s", (int)head, whole, whole + length - tail);
}

smt_status smt_fail(smt_error *error, smt_status status, const char *format, ...)
{
    if (error) {
        error->status = status;
        /* Formatted aside first, as an argument may be the old message. */
        char line[sizeof error->message];
        va_list arguments;
        va_start(arguments, format);
        base_line(line, sizeof line, format, arguments);
        va_end(arguments);
        memcpy(error->message, line, strlen(line) + 1);
    }
    return status;
}
