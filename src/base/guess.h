/* What may have been meant by a mistyped word. */
#ifndef SEMTINEL_BASE_GUESS_H
#define SEMTINEL_BASE_GUESS_H

/* Of the words that are shown to it one by one, beginning with a guess that is zero, the one that
 * is nearest to `typed`; NULL: none is near. */
typedef struct smt_guess {
    const char *word;
    int steps; /* letters added, dropped, changed or swapped */
} smt_guess;

void smt_nearest(smt_guess *guess, const char *typed, const char *word);

/* For the end of a message: "did you mean 'word'?" in `text`, or `otherwise` where none is near. */
enum { SMT_HINT_MAX = 300 };
const char *smt_hint(const smt_guess *guess, char text[SMT_HINT_MAX], const char *otherwise);

#endif
