#include "base/csv.h"

smt_status smt_csv_record(smt_csv *r, char **fields, int *count, bool *found, smt_error *error)
{
    *count = 0;
    *found = *r->at;
    size_t start = r->line;
    while (*found) {
        if (*count == SMT_CSV_FIELDS) {
            return smt_fail(error,
                            SMT_ERR_LIMIT,
                            "%s: line %zu: more than %d columns",
                            r->path,
                            start,
                            SMT_CSV_FIELDS);
        }
        char *in = r->at, *out = in;
        fields[(*count)++] = in;
        if (*in == '"') {
            for (in++; *in && !(*in == '"' && in[1] != '"'); in++) {
                in += *in == '"';
                r->line += *in == '\n';
                *out++ = *in;
            }
            if (!*in++) {
                return smt_fail(
                    error, SMT_ERR_FORMAT, "%s: line %zu: a quote that never ends", r->path, start);
            }
        }
        while (*in && *in != ',' && *in != '\n') {
            *out++ = *in++;
        }
        char end = *in;
        if (end != ',' && out > fields[*count - 1] && out[-1] == '\r') {
            out--;
        }
        r->at = end ? in + 1 : in;
        *out = 0;
        if (end != ',') {
            r->line++;
            return SMT_OK;
        }
    }
    return SMT_OK;
}
