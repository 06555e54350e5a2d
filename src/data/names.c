/* Class names of different teams, brought to one form. */
#include "data/names.h"

#include <semtinel/data.h>

#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t size = strlen(end);
    return length > size && memcmp(text + length - size, end, size) == 0;
}

/* "bridges" -> "bridge", "scratches" -> "scratch", but "glass" and "gas" stay. */
static size_t without_plural(const char *text, size_t length)
{
    if (ends_with(text, length, "ches") || ends_with(text, length, "shes") ||
        ends_with(text, length, "xes")) {
        return length - 2;
    }
    if (length > 3 && text[length - 1] == 's' && text[length - 2] != 's' &&
        text[length - 2] != 'u') {
        return length - 1;
    }
    return length;
}

void data_plain_name(const char *name, char *out)
{
    size_t length = 0;
    for (; *name; name++) {
        char c = lower(*name);
        if (is_word(c) && length < SMT_CANONICAL - 1) {
            out[length++] = c;
        }
    }
    out[without_plural(out, length)] = 0;
}

static char folded(char c)
{
    return c == ' ' || c == '-' ? '_' : lower(c);
}

void data_folded_name(const char *name, char *out)
{
    size_t length = 0;
    for (; *name && length < SMT_CANONICAL - 1; name++) {
        out[length++] = folded(*name);
    }
    out[length] = 0;
}

static bool same_spelling(const char *a, const char *b)
{
    size_t i = 0;
    while (a[i] && b[i] && folded(a[i]) == folded(b[i])) {
        i++;
    }
    const char *rest = a[i] ? a + i : b + i;
    return (!a[i] && !b[i]) || (i >= 3 && (!a[i] || !b[i]) && lower(rest[0]) == 's' && !rest[1]);
}

void smt_class_canonical(const char *name, char *out)
{
    /* Left: a name as data_plain_name writes it. */
    static const char *const synonyms[][2] = {
        {"short", "bridge"},
        {"shortcircuit", "bridge"},
        {"bridging", "bridge"},
        {"opencircuit", "open"},
        {"cracking", "crack"},
        {"malformedvia", "via"},
        {"missingvia", "via"},
        {"viadefect", "via"},
        {"cmpscratch", "cmp"},
        {"cmpdefect", "cmp"},
        {"lineedgeroughness", "ler"},
        {"edgeroughness", "ler"},
        {"particlecontamination", "particle"},
        {"contamination", "particle"},
        {"stain", "other"},
        {"unknown", "other"},
        {"misc", "other"},
        {"otherdefect", "other"},
        {"good", "clean"},
        {"ok", "clean"},
        {"okay", "clean"},
        {"pass", "clean"},
        {"passed", "clean"},
        {"normal", "clean"},
        {"none", "clean"},
        {"nodefect", "clean"},
        {"defectfree", "clean"},
        {"withoutdefect", "clean"},
        {"nondefective", "clean"},
    };
    data_plain_name(name, out);
    for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms; i++) {
        if (strcmp(out, synonyms[i][0]) == 0) {
            memcpy(out, synonyms[i][1], strlen(synonyms[i][1]) + 1);
            return;
        }
    }
}

bool smt_class_is_clean(const char *canonical)
{
    const char *kind = canonical + 5;
    return strncmp(canonical, "clean", 5) == 0 && strncmp(kind, "ing", 3) != 0 &&
           strncmp(kind, "room", 4) != 0;
}

int data_find_class(const smt_dataset *set, const char *name, bool synonyms)
{
    char wanted[SMT_CANONICAL], own[SMT_CANONICAL];
    smt_class_canonical(name, wanted);
    for (int level = 0; level < (synonyms ? 3 : 2); level++) {
        for (int c = 0; c < set->class_count; c++) {
            if (level == 2) {
                smt_class_canonical(set->classes[c], own);
            }
            if (level == 0   ? strcmp(set->classes[c], name) == 0
                : level == 1 ? same_spelling(set->classes[c], name)
                             : strcmp(own, wanted) == 0) {
                return c;
            }
        }
    }
    return -1;
}
