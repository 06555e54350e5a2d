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
void smt_param_text(const smt_param *param, char *text, size_t size); /* "16 x 3 x 3 x 1" */
/* to[pixels] = factor * sum over channels of from[pixels][channels]. */
void smt_sum_channels(const float *from, float *to, size_t pixels, int channels, float factor);

#endif
