/* Shared by transfer.c and unfold.c. */
#ifndef SEMTINEL_FORMAT_TRANSFER_H
#define SEMTINEL_FORMAT_TRANSFER_H

#include <semtinel/format.h>

smt_status smt_transfer_note(smt_transfer_report *report,
                             const char *layer,
                             smt_transfer_kind kind,
                             size_t values,
                             const char *detail,
                             smt_error *error);
size_t smt_node_values(const smt_graph *graph, int node); /* floats in its params */
bool smt_same_classes(const smt_model *a, const smt_model *b);

#endif
