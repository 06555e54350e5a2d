/* What the writers of files for other runtimes share. */
#ifndef SEMTINEL_FORMAT_DEPLOYED_H
#define SEMTINEL_FORMAT_DEPLOYED_H

#include <semtinel/model.h>

/* Batch norm folded, gates free, and at the end softmax;
 * a backbone without classes ends with its features. */
smt_status smt_deployed_graph(const smt_model *model, smt_graph **out, smt_error *error);
/* One axis: whether TensorFlow's SAME padding of a kernel gives this output and starts its window
 * `before` pixels outside. */
bool smt_same_fits(int in, int out, int kernel, int stride, int before);
/* Whether it gives what a convolution has, on both axes. */
bool smt_pads_same(const smt_graph *graph, const smt_node *node);
/* What scales pixels inside the file; NULL: nothing, as for a network that takes them as they are.
 */
const smt_preprocess *smt_raw_scaling(const smt_model *model, bool raw_input);
/* Of the layer that takes pixels to the network's input; another where the network has one so
 * called, as those from PyTorch do. */
const char *smt_raw_input_name(const smt_graph *graph);

#endif
