#include <semtinel/base.h>

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* Length of the well-formed sequence at `s` (Unicode 15, table 3-7), or 0. The NUL at the end stops
 * every look ahead. */
static size_t sequence(const unsigned char *s)
{
    if (s[0] < 0x80) {
        return 1;
    }
    unsigned low = 0x80, high = 0xbf;
    size_t length;
    if (s[0] >= 0xc2 && s[0] <= 0xdf) {
        length = 2;
    } else if (s[0] >= 0xe0 && s[0] <= 0xef) {
        length = 3;
        low = s[0] == 0xe0 ? 0xa0 : 0x80;
        high = s[0] == 0xed ? 0x9f : 0xbf;
    } else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        length = 4;
        low = s[0] == 0xf0 ? 0x90 : 0x80;
        high = s[0] == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if (s[i] < low || s[i] > high) {
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

bool smt_utf8_valid(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t length = 1;
    while (*s && length) {
        length = sequence(s);
        s += length;
    }
    return length > 0;
}

char *smt_utf8(const char *text)
{
    size_t size = strlen(text);
    if (size > (SIZE_MAX - 1) / 3) {
        return NULL;
    }
    char *out = smt_alloc(3 * size + 1, 1);
    if (!out) {
        return NULL;
    }
    const unsigned char *s = (const unsigned char *)text;
    char *end = out;
    while (*s) {
        size_t length = sequence(s);
        memcpy(end, length ? (const char *)s : "\xef\xbf\xbd", length ? length : 3);
        end += length ? length : 3;
        s += length ? length : 1;
    }
    *end = 0;
    return out;
}

char *smt_utf8_name(const char *text)
{
    if (smt_utf8_valid(text)) {
        return smt_strdup(text);
    }
    size_t size = strlen(text);
    char *out = size < SIZE_MAX / 2 ? smt_alloc(2 * size + 1, 1) : NULL, *end = out;
    for (const unsigned char *c = (const unsigned char *)text; out && *c; c++) {
        if (*c < 0x80) {
            *end++ = (char)*c;
        } else if (*c < 0xa0) { /* a control character */
            *end++ = '_';
        } else {
            *end++ = (char)(0xc0 | *c >> 6);
            *end++ = (char)(0x80 | (*c & 0x3f));
        }
    }
    return out;
}

char *smt_utf8_class(const char *text)
{
    char *name = smt_utf8_name(text);
    utf8proc_uint8_t *composed = name ? utf8proc_NFC((const utf8proc_uint8_t *)name) : NULL;
    if (composed) {
        smt_free(name);
        name = smt_strdup((const char *)composed);
    }
    free(composed);
    return name;
}

int smt_utf8_length(const char *text)
{
    int count = 0;
    for (; *text; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return count;
}

int smt_utf8_widest(const char *const *names, int count, int least)
{
    int most = least;
    for (int i = 0; i < count; i++) {
        int length = smt_utf8_length(names[i]);
        most = length > most && length <= 48 ? length : most;
    }
    return most;
}

int smt_utf8_pad(const char *text, int columns)
{
    return columns + (int)strlen(text) - smt_utf8_length(text);
}
