/* A model's memory, and what two models have in common. */
#include <semtinel/model.h>

#include <string.h>

smt_status smt_model_create(smt_graph *graph,
                            const smt_mobilenet_options *arch,
                            const char *const *classes,
                            int class_count,
                            smt_model **out,
                            smt_error *error)
{
    smt_model *model = NULL;
    smt_status status = SMT_OK;
    int last = graph->node_count - 1;
    if (class_count < 0 || class_count > SMT_CLASS_MAX) {
        status = smt_fail(error,
                          SMT_ERR_ARGUMENT,
                          "%d classes: 0 .. %d are possible",
                          class_count,
                          SMT_CLASS_MAX);
        goto failed;
    }
    if (class_count &&
        (last < 0 || smt_shape_count(graph->nodes[last].shape) != (size_t)class_count)) {
        status = smt_fail(error,
                          SMT_ERR_ARGUMENT,
                          "%d class names for a network with %zu outputs",
                          class_count,
                          last < 0 ? (size_t)0 : smt_shape_count(graph->nodes[last].shape));
        goto failed;
    }
    model = smt_alloc(1, sizeof *model);
    if (!model) {
        goto memory;
    }
    if (arch) {
        model->arch = *arch;
    }
    model->preprocess = (smt_preprocess){.mean = 128, .scale = 128};
    model->provenance = smt_strdup("{}");
    model->classes = smt_list_copy(classes, (size_t)class_count);
    if (!model->provenance || !model->classes) {
        goto memory;
    }
    model->class_count = class_count;
    model->graph = graph;
    *out = model;
    return SMT_OK;
memory:
    status = smt_fail(error, SMT_ERR_MEMORY, "model: out of memory");
failed:
    smt_model_destroy(&model);
    smt_graph_destroy(&graph);
    return status;
}

smt_status smt_model_set_members(smt_model *model,
                                 const smt_mobilenet_options *members,
                                 int count,
                                 smt_error *error)
{
    smt_mobilenet_options *copy = smt_alloc((size_t)count, sizeof *copy);
    if (!copy) {
        return smt_fail(error, SMT_ERR_MEMORY, "model: out of memory");
    }
    memcpy(copy, members, (size_t)count * sizeof *copy);
    smt_free(model->members);
    model->members = copy;
    model->member_count = count;
    return SMT_OK;
}

bool smt_model_same_task(const smt_model *a, const smt_model *b)
{
    bool same = a->class_count == b->class_count && a->preprocess.mean == b->preprocess.mean &&
                a->preprocess.scale == b->preprocess.scale &&
                a->preprocess.cut_percent == b->preprocess.cut_percent;
    for (int c = 0; c < a->class_count && same; c++) {
        same = strcmp(a->classes[c], b->classes[c]) == 0;
    }
    return same;
}

const char *smt_model_other_inputs(const smt_model *a, const smt_model *b)
{
    bool size = a->arch.input_size != b->arch.input_size;
    if (a->arch.channels != b->arch.channels) {
        return size ? "--size and one --channels" : "--channels";
    }
    return size ? "--size" : NULL;
}

void smt_model_destroy(smt_model **model)
{
    if (!model || !*model) {
        return;
    }
    smt_graph_destroy(&(*model)->graph);
    smt_list_free(&(*model)->classes, (size_t)(*model)->class_count);
    smt_free((*model)->members);
    smt_free((*model)->provenance);
    smt_free(*model);
    *model = NULL;
}
