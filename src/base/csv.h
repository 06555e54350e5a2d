/* Reads CSV (RFC 4180, LF or CRLF) in place. */
#ifndef SEMTINEL_BASE_CSV_H
#define SEMTINEL_BASE_CSV_H

#include <semtinel/base.h>

#define SMT_CSV_FIELDS 1024

typedef struct smt_csv {
    const char *path;
    char *at;    /* the rest of the text; fields are unquoted in place */
    size_t line; /* from 1 */
} smt_csv;

/* One record: *count of SMT_CSV_FIELDS fields. *found: false at the end of the text. */
smt_status smt_csv_record(smt_csv *r, char **fields, int *count, bool *found, smt_error *error);

#endif
