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
