/* Internal: what the files of exported C share. */
#ifndef SEMTINEL_FORMAT_CSOURCE_INTERNAL_H
#define SEMTINEL_FORMAT_CSOURCE_INTERNAL_H

#include <semtinel/csource.h>

#include "kernels/kernels.h"
#include "src/bind.h"

typedef struct csource_writer {
    const char *tflite, *folder;
    const smt_csource_decision *decision;
    const char *undecided; /* why there is no NAME_decide.c; NULL: there is one */
    char name[64], upper[64];
    void *file, *places, *arena;
    size_t file_bytes;
    smt_edge_model model;
    smt_edge_plan plan;
    smt_edge_tensor in, out;
    smt_file *c;
    bool moves;     /* a RESHAPE whose input and output do not share memory */
    uint32_t *crcs; /* of each operator's output */
    size_t flash;   /* bytes of the network's const data on a 32-bit board */
} csource_writer;

/* Writes a text in which @n stands for the network's name, @N for that in capitals, @v for
 * semtinel's version and @t for the name of the .tflite. */
void csource_fill(csource_writer *w, const char *text);
/* Writes a float as a C constant. */
void csource_float(csource_writer *w, float value);
/* Sets w->undecided where outputs or inputs are not what NAME_decide.c takes. */
void csource_examine(csource_writer *w);
/* Is `call` the product of the two convolutions before it? */
bool csource_is_product(const csource_writer *w, const edge_call *call);
/* One int8 image and one int8 output? */
bool csource_fits_ends(const smt_edge_model *model);
/* Is there a C form of this operator of an int8 network? Only arithmetic reads constants. */
bool csource_has_form(const smt_edge_model *model, const smt_edge_operator *op);
/* The const data of one operator; SMT_ERR_UNSUPPORTED where it has no C form. */
smt_status csource_data(csource_writer *w, const edge_call *call, smt_error *error);

/* The files, each into w->c. */
smt_status csource_network(csource_writer *w, smt_error *error);
smt_status csource_header(csource_writer *w, smt_error *error);
smt_status csource_check(csource_writer *w, smt_error *error);
smt_status csource_decide(csource_writer *w, smt_error *error);
smt_status csource_example(csource_writer *w, smt_error *error);
smt_status csource_readme(csource_writer *w, smt_error *error);

#endif
