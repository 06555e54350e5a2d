#include "klarf/tokens.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v' || c == ',';
}

static bool is_single(char c)
{
    return c == ';' || c == '{' || c == '}';
}

token klarf_next(tokens *from)
{
    const char *at = from->at, *end = from->end;
    while (at < end && is_space(*at)) {
        from->line += *at++ == '\n';
    }
    token t = {.kind = TOKEN_END, .text = at, .line = from->line};
    if (at < end && *at == '"') {
        t.text = ++at;
        const char *quote = memchr(at, '"', (size_t)(end - at));
        t.kind = quote ? TOKEN_STRING : TOKEN_UNCLOSED;
        t.size = (size_t)((quote ? quote : end) - at);
        for (size_t i = 0; i < t.size; i++) {
            from->line += at[i] == '\n';
        }
        at += t.size + (quote ? 1 : 0);
    } else if (at < end && is_single(*at)) {
        t.kind = *at == ';' ? TOKEN_SEMICOLON : *at == '{' ? TOKEN_OPEN : TOKEN_CLOSE;
        t.size = 1;
        at++;
    } else if (at < end) {
        t.kind = TOKEN_WORD;
        while (at < end && !is_space(*at) && !is_single(*at) && *at != '"') {
            at++;
        }
        t.size = (size_t)(at - t.text);
    }
    from->at = at;
    return t;
}

bool klarf_is(token t, const char *word)
{
    return t.kind == TOKEN_WORD && t.size == strlen(word) && strncasecmp(t.text, word, t.size) == 0;
}

bool klarf_is_number(token t)
{
    size_t sign = t.size && (t.text[0] == '-' || t.text[0] == '+');
    sign += t.size > sign && t.text[sign] == '.';
    return t.kind == TOKEN_WORD && t.size > sign && t.text[sign] >= '0' && t.text[sign] <= '9';
}

bool klarf_real(token t, double *value)
{
    char copy[64], *end;
    if (!klarf_is_number(t) || t.size >= sizeof copy) {
        return false;
    }
    memcpy(copy, t.text, t.size);
    copy[t.size] = 0;
    *value = strtod(copy, &end);
    return !*end && isfinite(*value);
}

bool klarf_whole(token t, int *value)
{
    double real;
    if (!klarf_real(t, &real) || real < 0 || real > INT_MAX || real != floor(real)) {
        return false;
    }
    *value = (int)real;
    return true;
}
