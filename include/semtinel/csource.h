/* semtinel/csource.h: an int8 .tflite as C source: constants, a static plan and calls of edge's
 * kernels, nothing else. */
#ifndef SEMTINEL_CSOURCE_H
#define SEMTINEL_CSOURCE_H

#include <semtinel/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How outputs become a decision, for the board to do the same; all pointers borrowed. */
typedef struct smt_csource_decision {
    int class_count;            /* the network's outputs */
    const char *const *classes; /* class_count names */
    smt_preprocess preprocess;
    int views; /* of an image: 1, 2, 4 or 8 (smt_decision), whose mean counts */
    float temperature;
    const float *powers;     /* 255 * views + 1, of smt_decision_powers; NULL: temperature 1 */
    const float *thresholds; /* class_count: less confidence goes to review; NULL: nothing does */
    bool watches;            /* the model also knows unfamiliar images, which a board cannot */
} smt_csource_decision;

/* Writes into `folder` (made when missing) NAME.h, NAME.c, NAME_check.c and README.md, where NAME
 * is the folder's last part as a C identifier. The network runs in NAME_ARENA_BYTES of memory with
 * the reference or the Cortex-M kernels alike; NAME_check.c holds the CRC-32 of every operator's
 * output for a fixed input, so that a board can prove itself. NAME_decide.c decides as `decision`
 * says, and NAME_example.c calls it. Both are left out, and removed if there, where `decision` is
 * NULL (`undecided`, if given, says why, in words that may follow a colon), where the output is
 * no int8 softmax or where the input's bytes are not p - 128; README.md and a warning in the log
 * give the reason. SMT_ERR_UNSUPPORTED: not an int8 network, or an operator that has no exported
 * form (PAD, CONCATENATION, uint8 ends); the message names it. */
SMT_API smt_status smt_csource_export(const char *tflite,
                                      const char *folder,
                                      const smt_csource_decision *decision,
                                      const char *undecided,
                                      smt_error *error);

#ifdef __cplusplus
}
#endif
#endif
