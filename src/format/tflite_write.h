/* Writing TensorFlow Lite from a graph. */
#ifndef SEMTINEL_FORMAT_TFLITE_WRITE_H
#define SEMTINEL_FORMAT_TFLITE_WRITE_H

#include <semtinel/format.h>

/* Writes `graph` as it stands: folded, gates freed (relu6), softmax at its end; a fused hard-swish
 * becomes a HARD_SWISH operator of its own. What the annotations of quant/ (graph.h) say decides
 * the types:
 *
 * - node.quant.scale > 0: this value is an int8 tensor with that scale and zero point. In an int8
 * network every node has it, hard-swish stands in ACTIVATION nodes of its own (the value before it
 * has its own quantisation), and the softmax has 1/256 and -128.
 * - param.scale of a WEIGHT: int8, per output channel, q = round(data / scale[c]); param.scale of a
 * BIAS: int32 with those steps. A weight with scales whose node.quant.scale is 0: dynamic range
 * (int8 weights, float bias and values).
 * - between a node with and one without node.quant stands a QUANTIZE or DEQUANTIZE operator; so
 * also at the ends when float_io is set. Without float_io an int8 network has int8 input and output
 * and neither operator.
 *
 * `model` gives classes, preprocessing and provenance
 * for the metadata. *data is freed with smt_free. */
smt_status smt_tflite_build(const smt_graph *graph,
                            const smt_model *model,
                            const smt_write_options *options,
                            bool float_io,
                            void **data,
                            size_t *size,
                            smt_error *error);

#endif
