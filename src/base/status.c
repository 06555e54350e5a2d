#include <semtinel/base.h>

#include <stdio.h>

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

smt_status smt_fail(smt_error *error, smt_status status, const char *format, ...)
{
    if (error) {
        error->status = status;
        /* Formatted aside first, as an argument may be the old message. */
        char line[sizeof error->message];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(line, sizeof line, format, arguments);
        va_end(arguments);
        smt_printable(line);
        snprintf(error->message, sizeof error->message, "%s", line);
    }
    return status;
}
