/* semtinel/csource.h: an int8 .tflite as C source: constants, a static plan and calls of edge's
 * kernels, nothing else. */
#ifndef SEMTINEL_CSOURCE_H
#define SEMTINEL_CSOURCE_H

#include <semtinel/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes into `folder` (made when missing) NAME.h, NAME.c, NAME_check.c, NAME_example.c and
 * README.md, where NAME is the folder's last part as a C identifier. The network runs in
 * NAME_ARENA_BYTES of memory with the reference or the Cortex-M kernels alike; NAME_check.c holds
 * the CRC-32 of every operator's output for a fixed input, so that a board can prove itself.
 * SMT_ERR_UNSUPPORTED: not an int8 network, or an operator that has no exported form (PAD,
 * CONCATENATION, uint8 ends); the message names it. */
SMT_API smt_status smt_csource_export(const char *tflite, const char *folder, smt_error *error);

#ifdef __cplusplus
}
#endif
#endif
