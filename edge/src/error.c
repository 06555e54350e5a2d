#include "internal.h"

#include <stdarg.h>

typedef struct writer {
    char *text;
    uint32_t used, room;
} writer;

static void put(writer *w, char c)
{
    if (w->used + 1 < w->room)
        w->text[w->used++] = c;
}

static void put_text(writer *w, const char *text, uint32_t length)
{
    /* Names come from a file that may be hostile: no control character reaches the terminal. */
    for (uint32_t i = 0; i < length; i++)
        put(w, text[i] >= ' ' && text[i] < 127 ? text[i] : '?');
}

static void put_string(writer *w, const char *text)
{
    for (; *text; text++)
        put_text(w, text, 1);
}

static void put_number(writer *w, uint32_t value)
{
    char digits[10];
    int count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (count)
        put(w, digits[--count]);
}

static void put_signed(writer *w, int32_t value)
{
    if (value < 0)
        put(w, '-');
    put_number(w, value < 0 ? 0u - (uint32_t)value : (uint32_t)value);
}

smt_edge_status edge_fail(smt_edge_error *error, smt_edge_status status, const char *format, ...)
{
    if (!error)
        return status;
    writer w = {error->message, 0, sizeof error->message};
    va_list arguments;
    va_start(arguments, format);
    for (; *format; format++) {
        if (*format != '%') {
            put(&w, *format);
            continue;
        }
        switch (*++format) {
        case 's':
            put_string(&w, va_arg(arguments, const char *));
            break;
        case 'd':
            put_signed(&w, va_arg(arguments, int32_t));
            break;
        case 'u':
            put_number(&w, va_arg(arguments, uint32_t));
            break;
        case 't': {
            const char *text = va_arg(arguments, const char *);
            put_text(&w, text, va_arg(arguments, uint32_t));
            break;
        }
        case 'o':
            put_signed(&w, va_arg(arguments, int32_t));
            put_string(&w, " (");
            put_string(&w, smt_edge_code_name(va_arg(arguments, int32_t)));
            put(&w, ')');
            break;
        default:
            put(&w, '?');
        }
    }
    va_end(arguments);
    w.text[w.used] = 0;
    error->status = status;
    return status;
}
