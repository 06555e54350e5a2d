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

double smt_unit_metres(const char *unit)
{
    static const struct {
        const char *name;
        double metres;
    } units[] = {{"pm", 1e-12},
                 {"nm", 1e-9},
                 {"um", 1e-6},
                 {"\xb5m", 1e-6},
                 {"\xc2\xb5m", 1e-6},
                 {"mm", 1e-3},
                 {"m", 1}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strncmp(unit, units[i].name, strlen(units[i].name)) == 0) {
            return units[i].metres;
        }
    }
    return 0;
}

double smt_parse_length(const char *text)
{
    char *end = NULL;
    double number = strtod(text, &end);
    return end != text && isfinite(number) ? number * smt_unit_metres(skip_blanks(end)) : 0;
}
