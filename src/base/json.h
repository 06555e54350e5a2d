/* JSON takes UTF-8 only; names of files and classes may hold any bytes. */
#ifndef SEMTINEL_BASE_JSON_H
#define SEMTINEL_BASE_JSON_H

#include <semtinel/base.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* NULL: no memory. */
static inline json_t *smt_json_text(const char *text)
{
    char *clean = smt_utf8(text);
    json_t *json = clean ? json_string(clean) : NULL;
    smt_free(clean);
    return json;
}

/* As json_object_set_new, which takes `value` over. */
static inline int smt_json_set(json_t *object, const char *name, json_t *value)
{
    char *clean = smt_utf8(name);
    int failed = clean ? json_object_set_new(object, clean, value) : -1;
    if (!clean) {
        json_decref(value);
    }
    smt_free(clean);
    return failed;
}

/* The double with the fewest digits that is this float: 0.2, not 0.200000003. */
static inline double smt_tidy(float value)
{
    char text[32];
    for (int digits = 6; digits < 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        float back = strtof(text, NULL);
        if (back >= value && back <= value) {
            return strtod(text, NULL);
        }
    }
    return (double)value;
}

#endif
