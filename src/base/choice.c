#include "base/choice.h"

#include <string.h>

int smt_choice_count(const char *choices)
{
    int count = 1;
    for (; *choices; choices++) {
        count += *choices == '|';
    }
    return count;
}

int smt_choice_find(const char *choices, const char *text)
{
    size_t wanted = strlen(text);
    for (int index = 0; index < smt_choice_count(choices); index++) {
        int length;
        const char *word = smt_choice_word(choices, index, &length);
        if ((size_t)length == wanted && memcmp(word, text, wanted) == 0) {
            return index;
        }
    }
    return -1;
}

const char *smt_choice_word(const char *choices, int index, int *length)
{
    for (; index > 0; index--) {
        choices = strchr(choices, '|') + 1;
    }
    *length = (int)strcspn(choices, "|");
    return choices;
}
