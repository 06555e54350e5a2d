#include "format/deployed.h"

smt_status smt_deployed_graph(const smt_model *model, smt_graph **out, smt_error *error)
{
    smt_graph *folded = NULL, *freed = NULL;
    smt_status status = smt_graph_fold(model->graph, &folded, error);
    status = status ? status : smt_graph_free_gates(folded, &freed, error);
    if (!status) {
        status = model->class_count ? smt_graph_with_softmax(freed, out, error)
                                    : smt_graph_clone(freed, out, error);
    }
    smt_graph_destroy(&freed);
    smt_graph_destroy(&folded);
    return status;
}

bool smt_same_fits(int in, int out, int kernel, int stride, int before)
{
    int same_out = (in + stride - 1) / stride;
    int total = (same_out - 1) * stride + kernel - in;
    return same_out == out && (total > 0 ? total : 0) / 2 == before;
}

bool smt_pads_same(const smt_graph *graph, const smt_node *node)
{
    smt_shape in = graph->nodes[node->input[0]].shape;
    return smt_same_fits(in.h, node->shape.h, node->kernel_h, node->stride, node->pad_top) &&
           smt_same_fits(in.w, node->shape.w, node->kernel_w, node->stride, node->pad_left);
}

const smt_preprocess *smt_raw_scaling(const smt_model *model, bool raw_input)
{
    const smt_preprocess *p = &model->preprocess;
    return raw_input && (p->mean != 0 || p->scale != 1) ? p : NULL;
}

const char *smt_raw_input_name(const smt_graph *graph)
{
    return smt_graph_find(graph, "normalise") < 0 ? "normalise" : "pixels";
}
