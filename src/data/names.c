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

/* Blanks at its end do not count: a file manager does not show them. */
static bool at_end(const char *rest)
{
    return !rest[strspn(rest, " ")];
}

static bool is_plural(const char *rest)
{
    return lower(rest[0]) == 's' && at_end(rest + 1);
}

static bool same_spelling(const char *a, const char *b)
{
    a += strspn(a, " ");
    b += strspn(b, " ");
    size_t i = 0;
    while (a[i] && b[i] && folded(a[i]) == folded(b[i])) {
        i++;
    }
    a += i;
    b += i;
    return at_end(a) ? at_end(b) || (i >= 3 && is_plural(b)) : i >= 3 && at_end(b) && is_plural(a);
}

/* "01_bridge" and "3. Open" are numbered; "3" and "90nm" are names. */
static const char *without_number(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    const char *rest = name + digits + strspn(name + digits, "_-.) ");
    return digits && rest > name + digits && is_word(lower(*rest)) &&
                   !(*rest >= '0' && *rest <= '9')
               ? rest
               : name;
}

static bool has_word(const char *list, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = list; size && (at = strstr(at, word)); at++) {
        if ((at == list || at[-1] == ' ') && (at[size] == ' ' || !at[size])) {
            return true;
        }
    }
    return false;
}

/* Makes a synonym, as data_plain_name writes it, the name that the simulator has for the class. */
static bool replace_synonym(char *name)
{
    static const char *const classes[][2] = {
        {"bridge",
         "short shortcircuit shorted bridging bridged bridgeshort shortbridge microbridge "
         "metalbridge metalshort linebridge"},
        {"open", "opencircuit lineopen openline linebreak brokenline linebroken broken break"},
        {"crack", "cracking cracked microcrack fracture"},
        {"via",
         "malformedvia viamalformed malformvia deformedvia missingvia viamissing blockedvia "
         "damagedvia badvia viahole contacthole"},
        {"cmp", "cmpscratch"},
        {"ler",
         "lineedgeroughness edgeroughness lineroughness roughness roughedge roughline lwr "
         "linewidthroughness"},
        {"particle",
         "particlecontamination contamination contaminant contaminated particulate foreignparticle "
         "foreignmaterial foreignmatter foreignobject foreignbody dust dustparticle debris"},
        {"scratch", "scratched scratching scratchmark surfacescratch"},
        {"other", "stain unknown misc miscellaneous undefined"},
        {"clean",
         "good ok okay pass passed normal none nodefect nodefective defectfree defectless "
         "withoutdefect nondefect nondefective noanomaly healthy golden perfect"},
    };
    for (size_t c = 0; c < sizeof classes / sizeof *classes; c++) {
        if (has_word(classes[c][1], name)) {
            strcpy(name, classes[c][0]);
            return true;
        }
    }
    return false;
}

/* Takes a word that says nothing off either end: "bridgedefect", "defectbridge". False: there is
 * none, or too little would be left. */
static bool strip_word(char *name)
{
    static const char *const words[] = {
        "defective", "defect", "failure", "fault", "class", "type", "image", "wafer", "sample"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t size = strlen(words[i]);
        if (length < size + 3) {
            continue;
        }
        if (ends_with(name, length, words[i])) {
            name[without_plural(name, length - size)] = 0;
            return true;
        }
        if (memcmp(name, words[i], size) == 0 && name[size] > '9') {
            memmove(name, name + size, length - size + 1);
            return true;
        }
    }
    return false;
}

void smt_class_canonical(const char *name, char *out)
{
    data_plain_name(without_number(name), out);
    while (!replace_synonym(out) && strip_word(out)) {
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
