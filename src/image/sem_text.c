#include "image/sem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_blanks(const char *at)
{
    while (*at == ' ' || *at == '\t') {
        at++;
    }
    return at;
}

static const char *next_line(const char *at)
{
    at += strcspn(at, "\r\n");
    return at + strspn(at, "\r\n");
}

const char *smt_ini_value(const char *text, const char *section, const char *key)
{
    size_t key_length = strlen(key), section_length = section ? strlen(section) : 0;
    bool inside = !section;
    for (const char *line = text; *line; line = next_line(line)) {
        const char *at = skip_blanks(line);
        if (*at == '[' && section) {
            inside = strncmp(at + 1, section, section_length) == 0 && at[1 + section_length] == ']';
        } else if (inside && strncmp(at, key, key_length) == 0) {
            at = skip_blanks(at + key_length);
            if (*at == '=') {
                return skip_blanks(at + 1);
            }
        }
    }
    return NULL;
}

double smt_ini_number(const char *text, const char *section, const char *key)
{
    const char *value = smt_ini_value(text, section, key);
    double number = value ? strtod(value, NULL) : 0;
    return isfinite(number) ? number : 0;
}

double smt_parse_length(const char *text)
{
    static const struct {
        const char *unit;
        double metres;
    } units[] = {{"pm", 1e-12},
                 {"nm", 1e-9},
                 {"um", 1e-6},
                 {"\xb5m", 1e-6},
                 {"\xc2\xb5m", 1e-6},
                 {"mm", 1e-3},
                 {"m", 1}};
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || !isfinite(number)) {
        return 0;
    }
    const char *unit = skip_blanks(end);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strncmp(unit, units[i].unit, strlen(units[i].unit)) == 0) {
            return number * units[i].metres;
        }
    }
    return 0;
}
