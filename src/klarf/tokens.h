/* The tokens of a KLARF. Private to src/klarf. */
#ifndef SEMTINEL_KLARF_TOKENS_H
#define SEMTINEL_KLARF_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum token_kind {
    TOKEN_END,
    TOKEN_WORD,      /* a bare word or number */
    TOKEN_STRING,    /* between quotes, which are not part of it */
    TOKEN_SEMICOLON, /* ; */
    TOKEN_OPEN,      /* { */
    TOKEN_CLOSE,     /* } */
    TOKEN_UNCLOSED   /* a quote that no other one ends */
} token_kind;

typedef struct token {
    token_kind kind;
    const char *text; /* size bytes */
    size_t size, line;
} token;

/* Commas count as white space. Line numbers are right where reading began at line 1. */
typedef struct tokens {
    const char *at, *end;
    size_t line;
} tokens;

token klarf_next(tokens *from);

bool klarf_is(token t, const char *word); /* a bare word, in any case */
bool klarf_is_number(token t);            /* a bare word that begins like a number */
/* A number that ends with its token; false: it is none (NA). */
bool klarf_real(token t, double *value);
/* The same, 0 .. INT_MAX and whole. */
bool klarf_whole(token t, int *value);

#endif
