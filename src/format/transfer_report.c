/* The report of a transfer as a table: one line for each
 * run of layers of one block with the same fate. */
#include <semtinel/format.h>

#include <stdio.h>
#include <string.h>

static const char *kind_text(smt_transfer_kind kind)
{
    switch (kind) {
    case SMT_TRANSFER_TAKEN:
        return "taken";
    case SMT_TRANSFER_SUMMED:
        return "taken, summed";
    case SMT_TRANSFER_SHAPE:
        return "starts fresh";
    case SMT_TRANSFER_MISSING:
        return "starts fresh";
    case SMT_TRANSFER_UNUSED:
        return "not used";
    }
    return "";
}

/* Length of the block's part of a layer name: "block3.expand.bn" -> "block3". */
static size_t block_length(const char *name)
{
    return strcspn(name, ".");
}

char *smt_transfer_report_text(const smt_transfer_report *report)
{
    size_t size = 256 * (report->count + 4), at = 0;
    char *text = smt_alloc(size, 1);
    if (!text) {
        return NULL;
    }
    at +=
        (size_t)snprintf(text, size, "%-14s %7s %10s  %s\n", "part", "layers", "values", "weights");
    for (size_t i = 0; i < report->count;) {
        const smt_transfer_row *first = &report->rows[i];
        size_t length = block_length(first->layer), rows = 0, values = 0;
        /* Rows with a remark stand alone, so that the remark names its layer. */
        for (; i < report->count; i++) {
            const smt_transfer_row *row = &report->rows[i];
            if (rows &&
                (row->kind != first->kind || *row->detail || *first->detail ||
                 block_length(row->layer) != length || strncmp(row->layer, first->layer, length))) {
                break;
            }
            rows++;
            values += row->values;
        }
        at += (size_t)snprintf(text + at,
                               size - at,
                               "%-14.*s %7zu %10zu  %s%s%s\n",
                               rows > 1 ? (int)length : 60,
                               first->layer,
                               rows,
                               values,
                               kind_text(first->kind),
                               *first->detail                        ? ": "
                               : first->kind == SMT_TRANSFER_MISSING ? ": not in the source"
                                                                     : "",
                               first->detail);
    }
    at += (size_t)snprintf(text + at,
                           size - at,
                           "%zu of %zu values taken (%.1f%%)",
                           report->taken,
                           report->total,
                           report->total ? 100.0 * (double)report->taken / (double)report->total
                                         : 0.0);
    if (report->difference >= 0) {
        snprintf(text + at,
                 size - at,
                 "; pooled features differ from the source by %.1e of their size at most",
                 report->difference);
    }
    return text;
}
