/* Single tables of a .tflite file whose lists open.c has found. */
#ifndef SEMTINEL_EDGE_READER_H
#define SEMTINEL_EDGE_READER_H

#include "flatbuffer.h"
#include "internal.h"

/* With the file's size, which tells a cut file from its whole. */
#define EDGE_DAMAGED "damaged file (%u bytes; was it cut?): "

static inline fb_file edge_file_of(const smt_edge_model *model)
{
    fb_file file = {model->data, model->size};
    return file;
}

/* Fills *error with SMT_EDGE_ERR_FORMAT, which it returns: what is damaged, and its index. */
smt_edge_status
edge_damaged(const smt_edge_model *model, smt_edge_error *error, const char *what, int32_t index);

/* Fills *tensor; `deep` also looks at each scale and zero point. */
smt_edge_status edge_read_tensor(const smt_edge_model *model,
                                 int32_t index,
                                 bool deep,
                                 smt_edge_tensor *tensor,
                                 smt_edge_error *error);

/* Fills *op; the index is in range. */
smt_edge_status edge_read_operator(const smt_edge_model *model,
                                   int32_t index,
                                   smt_edge_operator *op,
                                   smt_edge_error *error);

/* The output tensor of an operator that edge_read_operator() accepted, and nothing more of it. */
int32_t edge_output_of(const smt_edge_model *model, int32_t index);

#endif
