/* Which kernels of edge run a .tflite: --kernels of bench and run. */
#ifndef SEMTINEL_CLI_KERNELS_H
#define SEMTINEL_CLI_KERNELS_H

#include <edge.h>
#include <semtinel/base.h>

#define CLI_KERNELS "best|avx2|reference"

/* `choice` is one of CLI_KERNELS, counted from 0. SMT_ERR_UNSUPPORTED: this processor lacks it. */
smt_status cli_kernels(int choice, const smt_edge_kernels **out, smt_error *error);

#endif
