#include "base/guess.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 40

/* Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours. Longer
 * words than WORD_MAX are far from everything. */
static int distance(const char *a, const char *b)
{
    int rows[3][WORD_MAX + 1];
    size_t m = strlen(a), n = strlen(b);
    if (m > WORD_MAX || n > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t j = 0; j <= n; j++) {
        rows[0][j] = (int)j;
    }
    for (size_t i = 1; i <= m; i++) {
        int *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= n; j++) {
            int best = last[j - 1] +
                       (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best) {
                best = before[j - 2] + 1;
            }
            now[j] = best;
        }
    }
    return rows[m % 3][n];
}

void smt_nearest(smt_guess *guess, const char *typed, const char *word)
{
    int steps = distance(typed, word);
    int allowed = (int)strlen(typed) / 3;
    if (steps <= (allowed < 1 ? 1 : allowed) && (!guess->word || steps < guess->steps)) {
        *guess = (smt_guess){word, steps};
    }
}

const char *smt_hint(const smt_guess *guess, char text[SMT_HINT_MAX], const char *otherwise)
{
    if (!guess->word) {
        return otherwise;
    }
    snprintf(text, SMT_HINT_MAX, "did you mean '%s'?", guess->word);
    return text;
}
