/* Words to choose from, in one text: "adamw|adam|sgd". */
#ifndef SEMTINEL_BASE_CHOICE_H
#define SEMTINEL_BASE_CHOICE_H

int smt_choice_count(const char *choices);
/* The place of `text` among them, from 0; -1: it is none of them. */
int smt_choice_find(const char *choices, const char *text);
/* Word `index`, which is one of them: *length characters from there. */
const char *smt_choice_word(const char *choices, int index, int *length);

#endif
