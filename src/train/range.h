#ifndef SMT_TRAIN_RANGE_H
#define SMT_TRAIN_RANGE_H

#include <semtinel/graph.h>

/* Range decay, after an optimiser's step: moves the batch norms before a hard-swish by `share` (0
 * .. 0.5) of the way towards channels of like size. An upper end, beta + 3.5 |gamma|, above 5
 * shrinks; a |gamma| under 0.5 grows if a depthwise convolution reads the value, whose own batch
 * norm takes the scale away again.
 *
 * int8 has one scale for all channels of a value, and a hard-swish, unlike a ReLU, does not let a
 * channel's scale be moved between the weights before and behind it. */
void smt_range_decay(smt_graph *graph, double share);

#endif
