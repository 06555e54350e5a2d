/* Ensembles: the mean of several networks' logits, which is the geometric mean of their
 * probabilities, as one graph that whatever runs one network runs. */
#include <semtinel/model.h>

static smt_status check_count(int count, smt_error *error)
{
    return count < 2 || count > SMT_MEMBERS_MAX
               ? smt_fail(error,
                          SMT_ERR_ARGUMENT,
                          "an ensemble of %d networks: 2 .. %d are possible",
                          count,
                          SMT_MEMBERS_MAX)
               : SMT_OK;
}

/* The sum of `count` graphs (NULL: failed before), which are released. */
static smt_status
sum_up(smt_status status, smt_graph **graphs, int count, smt_graph **out, smt_error *error)
{
    status = status ? status : smt_graph_sum((const smt_graph *const *)graphs, count, out, error);
    for (int i = 0; i < count; i++) {
        smt_graph_destroy(&graphs[i]);
    }
    return status;
}

smt_status smt_mobilenet_ensemble(const smt_mobilenet_options *members,
                                  int count,
                                  smt_graph **out,
                                  smt_error *error)
{
    smt_graph *graphs[SMT_MEMBERS_MAX] = {0};
    smt_status status = check_count(count, error);
    if (status) {
        return status;
    }
    for (int i = 0; i < count && !status; i++) {
        status = smt_mobilenetv3_small(&members[i], 0, &graphs[i], error);
    }
    return sum_up(status, graphs, count, out, error);
}

/* Divides the classifier, the graph's last layer. */
static void divide(smt_graph *graph, float by)
{
    const smt_node *dense = &graph->nodes[graph->node_count - 1];
    for (int k = 0; k < 2; k++) {
        smt_param *p = &graph->params[dense->param[k]]; /* weight, bias */
        for (size_t i = 0; i < p->count; i++) {
            p->data[i] /= by;
        }
    }
}

/* Whether b's network can answer for a's. */
static smt_status check(const smt_model *a, const smt_model *b, int number, smt_error *error)
{
    if (!(b->arch.width > 0) || b->members) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "network %d is %s; an ensemble is made of networks that 'train' wrote",
                        number,
                        b->members ? "an ensemble itself" : "exported, or of another program");
    }
    const char *inputs = smt_model_other_inputs(a, b);
    bool same = smt_model_same_task(a, b);
    if (inputs) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "network %d takes %d pixels in %d %s, the first %d in %d%s; train both "
                        "with one %s%s",
                        number,
                        b->arch.input_size,
                        b->arch.channels,
                        smt_plural((size_t)b->arch.channels, "channel", "channels"),
                        a->arch.input_size,
                        a->arch.channels,
                        same ? "" : ", and has other classes or preprocessing",
                        inputs,
                        same ? "" : ", on one data set");
    }
    return same ? SMT_OK
                : smt_fail(error,
                           SMT_ERR_ARGUMENT,
                           "network %d has other classes or preprocessing (--cut-bottom) than the "
                           "first; train both on one data set",
                           number);
}

smt_status
smt_model_ensemble(const smt_model *const *models, int count, smt_model **out, smt_error *error)
{
    smt_graph *graphs[SMT_MEMBERS_MAX] = {0}, *sum = NULL;
    smt_mobilenet_options members[SMT_MEMBERS_MAX];
    smt_status status = check_count(count, error);
    if (status) {
        return status;
    }
    for (int i = 0; i < count && !status; i++) {
        members[i] = models[i]->arch;
        status = check(models[0], models[i], i + 1, error);
        status = status ? status : smt_graph_clone(models[i]->graph, &graphs[i], error);
        if (!status) {
            divide(graphs[i], (float)count);
        }
    }
    status = sum_up(status, graphs, count, &sum, error);
    if (status) {
        return status;
    }
    smt_model *model = NULL;
    status = smt_model_create(sum,
                              &members[0],
                              (const char *const *)models[0]->classes,
                              models[0]->class_count,
                              &model,
                              error);
    status = status ? status : smt_model_set_members(model, members, count, error);
    if (status) {
        smt_model_destroy(&model);
        return status;
    }
    model->preprocess = models[0]->preprocess;
    *out = model;
    return SMT_OK;
}
