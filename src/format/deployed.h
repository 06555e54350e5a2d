/* The graph that goes into files for other runtimes. */
#ifndef SEMTINEL_FORMAT_DEPLOYED_H
#define SEMTINEL_FORMAT_DEPLOYED_H

#include <semtinel/model.h>

/* Batch norm folded, gates free, and at the end softmax; a backbone without classes ends with its
 * features. */
smt_status smt_deployed_graph(const smt_model *model, smt_graph **out, smt_error *error);

#endif
