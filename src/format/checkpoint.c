/* Models as safetensors: one tensor per param, everything else as JSON in the metadata. */
#include "format/metadata.h"
#include "format/tensor_file.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHECKPOINT_VERSION "1"

static smt_status
set_json(smt_tensor_file *file, const char *key, json_t *json, const char *path, smt_error *error)
{
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    smt_status status =
        text ? smt_tensor_file_set(file, key, text, error)
             : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory for '%s'", path, key);
    free(text);
    json_decref(json);
    return status;
}

static smt_status
add_extra(smt_tensor_file *file, const smt_tensor_file *extra, const char *path, smt_error *error)
{
    for (size_t i = 0; i < extra->count; i++) {
        const smt_tensor *t = &extra->tensors[i];
        if (strncmp(t->name, "state.", 6)) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "%s: extra tensor '%s' must have a name that begins with 'state.'",
                            path,
                            t->name);
        }
        smt_status status =
            smt_tensor_file_add(file, t->name, t->dtype, t->rank, t->dim, t->data, error);
        if (status) {
            return status;
        }
    }
    for (size_t i = 0; i < extra->metadata_count; i++) {
        if (smt_tensor_file_get(file, extra->keys[i])) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "%s: metadata '%s' is the model's own",
                            path,
                            extra->keys[i]);
        }
        smt_status status = smt_tensor_file_set(file, extra->keys[i], extra->values[i], error);
        if (status) {
            return status;
        }
    }
    return SMT_OK;
}

smt_status smt_model_save(const smt_model *model,
                          const char *path,
                          smt_dtype dtype,
                          const smt_tensor_file *extra,
                          smt_error *error)
{
    if (!(model->arch.width > 0)) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: safetensors checkpoints hold semtinel's own networks; save this one, "
                        "which was imported, as .tflite or .onnx, or train from it with --init",
                        path);
    }
    smt_tensor_file *file = NULL;
    smt_status status = smt_tensor_file_create(&file, error);
    if (status) {
        return status;
    }
    status = smt_tensor_file_set(
        file, "format", "pt", error); /* what other readers of safetensors expect */
    if (!status) {
        status = smt_tensor_file_set(file, "semtinel", CHECKPOINT_VERSION, error);
    }
    if (!status) {
        status = set_json(file, "architecture", smt_architecture_to_json(model), path, error);
    }
    if (!status) {
        status = set_json(file, "classes", smt_classes_to_json(model), path, error);
    }
    if (!status) {
        status =
            set_json(file, "preprocess", smt_preprocess_to_json(&model->preprocess), path, error);
    }
    if (!status) {
        status = smt_tensor_file_set(file, "provenance", model->provenance, error);
    }
    for (int i = 0; !status && i < model->graph->param_count; i++) {
        const smt_param *p = &model->graph->params[i];
        int64_t dim[4] = {p->dim[0], p->dim[1], p->dim[2], p->dim[3]};
        /* Statistics keep float32: variances leave float16's range, and they are few. */
        smt_dtype stored = p->trainable ? dtype : SMT_DTYPE_F32;
        status = smt_tensor_file_add(file, p->name, stored, p->rank, dim, p->data, error);
    }
    if (!status && extra) {
        status = add_extra(file, extra, path, error);
    }
    if (!status) {
        status = smt_safetensors_save(file, path, error);
    }
    smt_tensor_file_destroy(&file);
    return status;
}

static smt_status
fill_param(smt_param *param, const smt_tensor_file *file, const char *path, smt_error *error)
{
    const smt_tensor *t = smt_tensor_file_find(file, param->name);
    if (!t) {
        return smt_fail(
            error,
            SMT_ERR_FORMAT,
            "%s: tensor '%s' is missing; the file was not written by semtinel or is damaged",
            path,
            param->name);
    }
    bool same = t->rank == param->rank;
    for (int i = 0; same && i < t->rank; i++) {
        same = t->dim[i] == param->dim[i];
    }
    if (!same) {
        char have[128], want[128];
        int64_t dim[4] = {param->dim[0], param->dim[1], param->dim[2], param->dim[3]};
        return smt_fail(error,
                        SMT_ERR_FORMAT,
                        "%s: tensor '%s' is %s, but the architecture in its metadata needs %s",
                        path,
                        param->name,
                        smt_shape_text(t->dim, t->rank, have, sizeof have),
                        smt_shape_text(dim, param->rank, want, sizeof want));
    }
    bool variance = strcmp(param->name + strlen(param->name) - 9, ".variance") == 0;
    for (size_t i = 0; i < t->count; i++) {
        if (!isfinite(t->data[i]) || (variance && t->data[i] < 0)) {
            return smt_fail(
                error,
                SMT_ERR_FORMAT,
                "%s: tensor '%s' holds %g at %zu; the file is damaged or its training diverged",
                path,
                param->name,
                (double)t->data[i],
                i);
        }
    }
    memcpy(param->data, t->data, t->count * sizeof *t->data);
    return SMT_OK;
}

/* *out: a new reference. */
static smt_status get_json(
    const smt_tensor_file *file, const char *key, const char *path, json_t **out, smt_error *error)
{
    const char *text = smt_tensor_file_get(file, key);
    json_error_t detail;
    if (!text) {
        return smt_fail(error, SMT_ERR_FORMAT, "%s: metadata '%s' is missing", path, key);
    }
    *out = json_loads(text, JSON_REJECT_DUPLICATES, &detail);
    if (*out) {
        return SMT_OK;
    }
    return json_error_code(&detail) == json_error_out_of_memory
               ? smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path)
               : smt_fail(error, SMT_ERR_FORMAT, "%s: metadata '%s': %s", path, key, detail.text);
}

static smt_status check_version(const smt_tensor_file *file, const char *path, smt_error *error)
{
    const char *version = smt_tensor_file_get(file, "semtinel");
    if (!version && smt_tensor_file_get(file, SMT_TRAINING_KEY)) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: the state of a training run, for --resume; its model is "
                        "model.safetensors in the same folder",
                        path);
    }
    if (!version) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: a safetensors file, but not one of semtinel's checkpoints (no "
                        "'semtinel' in its metadata); export another program's network to .onnx",
                        path);
    }
    if (strcmp(version, CHECKPOINT_VERSION)) {
        return smt_fail(
            error,
            SMT_ERR_UNSUPPORTED,
            "%s: checkpoint version '%.20s'; this program reads version " CHECKPOINT_VERSION,
            path,
            version);
    }
    return SMT_OK;
}

/* An option out of range is the file's fault here, not the caller's. */
static smt_status
blame_file(const char *path, smt_status status, const smt_error *detail, smt_error *error)
{
    status = status == SMT_ERR_ARGUMENT ? SMT_ERR_FORMAT : status;
    return smt_fail(error, status, "%s: %s", path, detail->message);
}

/* The network with the file's weights; tensors that it does not have are named and left. */
static smt_status read_graph(const smt_tensor_file *file,
                             const smt_mobilenet_options *members,
                             int count,
                             const char *path,
                             smt_graph **out,
                             smt_error *error)
{
    smt_error detail = {SMT_OK, ""};
    smt_status status = count > 1 ? smt_mobilenet_ensemble(members, count, out, &detail)
                                  : smt_mobilenetv3_small(members, 0, out, &detail);
    if (status) {
        return blame_file(path, status, &detail, error);
    }
    for (int i = 0; i < (*out)->param_count; i++) {
        status = fill_param(&(*out)->params[i], file, path, error);
        if (status) {
            return status;
        }
    }
    for (size_t i = 0; i < file->count; i++) {
        const char *name = file->tensors[i].name;
        if (strncmp(name, "state.", 6) && smt_graph_find_param(*out, name) < 0) {
            smt_log(
                SMT_LOG_WARNING, "%s: tensor '%s' is not part of the network; ignored", path, name);
        }
    }
    return SMT_OK;
}

smt_status smt_model_from_tensors(const smt_tensor_file *file,
                                  const char *path,
                                  smt_model **out,
                                  smt_error *error)
{
    smt_mobilenet_options members[SMT_MEMBERS_MAX];
    smt_preprocess preprocess;
    smt_graph *graph = NULL;
    smt_model *model = NULL;
    const char **classes = NULL;
    int class_count = 0, member_count = 0;
    json_t *arch_json = NULL, *preprocess_json = NULL, *class_json = NULL;
    smt_status status = check_version(file, path, error);
    if (status || (status = get_json(file, "architecture", path, &arch_json, error)) ||
        (status = smt_architecture_from_json(arch_json, path, members, &member_count, error)) ||
        (status = get_json(file, "preprocess", path, &preprocess_json, error)) ||
        (status = smt_preprocess_from_json(preprocess_json, path, &preprocess, error)) ||
        (status = get_json(file, "classes", path, &class_json, error)) ||
        (status = smt_classes_from_json(class_json, path, &classes, &class_count, error)) ||
        (status = read_graph(file, members, member_count, path, &graph, error))) {
        goto done;
    }
    const char *text = smt_tensor_file_get(file, "provenance");
    char *provenance = text ? smt_strdup(text) : NULL;
    if (text && !provenance) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        goto done;
    }
    smt_error detail = {SMT_OK, ""};
    status = smt_model_create(graph, members, classes, class_count, &model, &detail);
    graph = NULL;
    if (!status && member_count > 1) {
        status = smt_model_set_members(model, members, member_count, &detail);
    }
    if (status) {
        smt_model_destroy(&model);
        status = blame_file(path, status, &detail, error);
        smt_free(provenance);
        goto done;
    }
    model->preprocess = preprocess;
    if (provenance) {
        smt_free(model->provenance);
        model->provenance = provenance;
    }
    *out = model;
done:
    smt_free(classes);
    json_decref(arch_json);
    json_decref(preprocess_json);
    json_decref(class_json);
    smt_graph_destroy(&graph);
    return status;
}
