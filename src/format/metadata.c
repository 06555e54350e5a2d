#include "format/metadata.h"

#include "base/json.h"

#include <semtinel/format.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NETWORK "mobilenetv3-small"
#define ENSEMBLE "mobilenetv3-small-ensemble"

static json_t *network_to_json(const smt_mobilenet_options *arch)
{
    return json_pack("{s:s, s:f, s:i, s:i, s:i, s:b, s:f, s:s, s:f, s:f}",
                     "name",
                     NETWORK,
                     "width",
                     smt_tidy(arch->width),
                     "input_size",
                     arch->input_size,
                     "channels",
                     arch->channels,
                     "classes",
                     arch->classes,
                     "wide_head",
                     (int)arch->wide_head,
                     "dropout",
                     smt_tidy(arch->dropout),
                     "padding",
                     arch->padding == SMT_PAD_EXPLICIT ? "explicit" : "same",
                     "bn_epsilon",
                     smt_tidy(arch->bn_epsilon),
                     "bn_momentum",
                     smt_tidy(arch->bn_momentum));
}

json_t *smt_architecture_to_json(const smt_model *model)
{
    if (!model->members) {
        return network_to_json(&model->arch);
    }
    json_t *members = json_array();
    int failed = !members;
    for (int i = 0; i < model->member_count; i++) {
        failed |= json_array_append_new(members, network_to_json(&model->members[i]));
    }
    json_t *json = failed ? NULL : json_pack("{s:s, s:O}", "name", ENSEMBLE, "members", members);
    json_decref(members);
    return json;
}

static smt_status missing(const char *path, const char *part, const char *key, smt_error *error)
{
    return smt_fail(error,
                    SMT_ERR_FORMAT,
                    "%s: %s metadata: '%s' is missing or of the wrong kind",
                    path,
                    part,
                    key);
}

static bool take_int(const json_t *json, const char *key, int *out)
{
    const json_t *value = json_object_get(json, key);
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < -1000000 || n > 1000000) {
        return false;
    }
    *out = (int)n;
    return true;
}

static bool take_real(const json_t *json, const char *key, float *out)
{
    const json_t *value = json_object_get(json, key);
    double x = json_number_value(value);
    if (!json_is_number(value) || !(fabs(x) < 1e30)) {
        return false;
    }
    *out = (float)x;
    return true;
}

static bool take_flag(const json_t *json, const char *key, bool *out)
{
    const json_t *value = json_object_get(json, key);
    if (!json_is_boolean(value)) {
        return false;
    }
    *out = json_is_true(value);
    return true;
}

static smt_status network_from_json(const json_t *json,
                                    const char *path,
                                    smt_mobilenet_options *arch,
                                    smt_error *error)
{
    smt_mobilenet_options o = {.width = 0};
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *padding = json_string_value(json_object_get(json, "padding"));
    const char *wrong = !name                                             ? "name"
                        : !take_real(json, "width", &o.width)             ? "width"
                        : !take_int(json, "input_size", &o.input_size)    ? "input_size"
                        : !take_int(json, "channels", &o.channels)        ? "channels"
                        : !take_int(json, "classes", &o.classes)          ? "classes"
                        : !take_flag(json, "wide_head", &o.wide_head)     ? "wide_head"
                        : !take_real(json, "dropout", &o.dropout)         ? "dropout"
                        : !take_real(json, "bn_epsilon", &o.bn_epsilon)   ? "bn_epsilon"
                        : !take_real(json, "bn_momentum", &o.bn_momentum) ? "bn_momentum"
                        : !padding                                        ? "padding"
                                                                          : NULL;
    if (wrong) {
        return missing(path, "architecture", wrong, error);
    }
    if (strcmp(name, NETWORK)) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: network '%.60s'; this version knows " NETWORK " and " ENSEMBLE " only",
                        path,
                        name);
    }
    if (strcmp(padding, "same") && strcmp(padding, "explicit")) {
        return missing(path, "architecture", "padding", error);
    }
    o.padding = strcmp(padding, "same") ? SMT_PAD_EXPLICIT : SMT_PAD_SAME;
    *arch = o;
    return SMT_OK;
}

smt_status smt_architecture_from_json(const json_t *json,
                                      const char *path,
                                      smt_mobilenet_options *members,
                                      int *count,
                                      smt_error *error)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const json_t *list = json_object_get(json, "members");
    if (!name || strcmp(name, ENSEMBLE)) {
        *count = 1;
        return network_from_json(json, path, members, error);
    }
    size_t size = json_array_size(list);
    if (size < 2 || size > SMT_MEMBERS_MAX) {
        return missing(path, "architecture", "members", error);
    }
    smt_status status = SMT_OK;
    for (size_t i = 0; i < size && !status; i++) {
        status = network_from_json(json_array_get(list, i), path, &members[i], error);
    }
    *count = (int)size;
    return status;
}

json_t *smt_classes_to_json(const smt_model *model)
{
    json_t *list = json_array();
    int failed = !list;
    for (int i = 0; i < model->class_count; i++) {
        char *text = smt_utf8(model->classes[i]);
        failed |= !text || json_array_append_new(list, json_string(text));
        smt_free(text);
    }
    if (failed) {
        json_decref(list);
        return NULL;
    }
    return list;
}

char *smt_classes_to_lines(const smt_model *model)
{
    size_t size = 1;
    for (int i = 0; i < model->class_count; i++) {
        size += strlen(model->classes[i]) + 1;
    }
    char *lines = smt_alloc(size, 1), *to = lines;
    for (int i = 0; lines && i < model->class_count; i++) {
        for (const char *p = model->classes[i]; *p; p++) {
            *to++ = *p;
            if (*p == '\n' || *p == '\r') {
                to[-1] = ' ';
            }
        }
        *to++ = '\n';
    }
    return lines;
}

smt_status smt_classes_from_json(
    const json_t *json, const char *path, const char ***classes, int *count, smt_error *error)
{
    size_t n = json_array_size(json);
    if (!json_is_array(json) || n > SMT_CLASS_MAX) {
        return smt_fail(error,
                        SMT_ERR_FORMAT,
                        "%s: classes metadata: not a list of at most %d names",
                        path,
                        SMT_CLASS_MAX);
    }
    const char **list = smt_alloc(n, sizeof *list);
    if (!list) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    for (size_t i = 0; i < n; i++) {
        list[i] = json_string_value(json_array_get(json, i));
        if (!list[i]) {
            smt_free(list);
            return smt_fail(
                error, SMT_ERR_FORMAT, "%s: classes metadata: entry %zu is not a text", path, i);
        }
    }
    *classes = list;
    *count = (int)n;
    return SMT_OK;
}

json_t *smt_preprocess_to_json(const smt_preprocess *preprocess)
{
    json_t *json = json_pack("{s:f, s:f, s:b}",
                             "mean",
                             smt_tidy(preprocess->mean),
                             "scale",
                             smt_tidy(preprocess->scale),
                             "normalise",
                             0);
    if (preprocess->cut_percent > 0 &&
        json_object_set_new(json, "cut_percent", json_real(smt_tidy(preprocess->cut_percent)))) {
        json_decref(json);
        return NULL;
    }
    return json;
}

smt_status smt_preprocess_from_json(const json_t *json,
                                    const char *path,
                                    smt_preprocess *preprocess,
                                    smt_error *error)
{
    smt_preprocess p = {.scale = 0};
    bool normalise = false;
    bool cut =
        !json_object_get(json, "cut_percent") || (take_real(json, "cut_percent", &p.cut_percent) &&
                                                  p.cut_percent >= 0 && p.cut_percent <= 50);
    const char *wrong = !take_real(json, "mean", &p.mean)                            ? "mean"
                        : !take_real(json, "scale", &p.scale) || !(p.scale > 1e-12f) ? "scale"
                        : !cut                                                       ? "cut_percent"
                        : !take_flag(json, "normalise", &normalise)                  ? "normalise"
                                                                                     : NULL;
    if (wrong) {
        return missing(path, "preprocess", wrong, error);
    }
    if (normalise) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: wants contrast normalisation, which this version does not do",
                        path);
    }
    *preprocess = p;
    return SMT_OK;
}

char *smt_provenance_text(const char *provenance)
{
    json_t *root = json_loads(provenance, 0, NULL);
    json_t *data = json_object_get(root, "data");
    const char *seen = json_string_value(json_object_get(data, "seen"));
    if (seen) {
        char text[64];
        snprintf(text, sizeof text, "marks of %zu files", strlen(seen) / 8);
        json_object_set_new(data, "seen", json_string(text));
    }
    char *dumped = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(7));
    char *out = smt_strdup(dumped ? dumped : "{}");
    free(dumped);
    json_decref(root);
    return out;
}

char *smt_metadata_text(const smt_model *model, bool raw_input)
{
    smt_preprocess outside = model->preprocess;
    if (raw_input) {
        outside.mean = 0;
        outside.scale = 1;
    }
    json_t *root = json_object();
    int failed = json_object_set_new(root, "semtinel", json_string(smt_version()));
    if (model->arch.width > 0) {
        failed |= json_object_set_new(root, "architecture", smt_architecture_to_json(model));
    } else {
        smt_shape in = model->graph->nodes[0].shape;
        failed |= json_object_set_new(root, "input", json_pack("[iii]", in.h, in.w, in.c));
    }
    failed |= json_object_set_new(root, "classes", smt_classes_to_json(model));
    failed |= json_object_set_new(root, "preprocess", smt_preprocess_to_json(&outside));
    json_t *provenance = json_loads(model->provenance, 0, NULL);
    failed |= json_object_set_new(root, "provenance", provenance ? provenance : json_object());
    char *dumped = failed ? NULL : json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    char *text = dumped ? smt_strdup(dumped) : NULL;
    free(dumped);
    json_decref(root);
    return text;
}

static smt_status
take_classes(smt_model *model, const json_t *json, const char *path, smt_error *error)
{
    const char **names = NULL;
    int count = 0;
    smt_status status = smt_classes_from_json(json, path, &names, &count, error);
    if (status || !count) {
        smt_free(names);
        return status;
    }
    size_t outputs = smt_shape_count(model->graph->nodes[model->graph->node_count - 1].shape);
    char **copies = NULL;
    if ((size_t)count != outputs) {
        status = smt_fail(error,
                          SMT_ERR_FORMAT,
                          "%s: %d class names in the metadata for a network with %zu outputs",
                          path,
                          count,
                          outputs);
    } else if (!(copies = smt_list_copy(names, outputs))) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    } else {
        smt_list_free(&model->classes, (size_t)model->class_count);
        model->classes = copies;
        model->class_count = count;
    }
    smt_free(names);
    return status;
}

smt_status smt_metadata_apply(
    smt_model *model, const char *text, size_t size, const char *path, smt_error *error)
{
    json_error_t detail;
    smt_status status = SMT_OK;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &detail);
    if (!json_is_object(root)) {
        bool memory = !root && json_error_code(&detail) == json_error_out_of_memory;
        json_decref(root);
        return memory
                   ? smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path)
                   : smt_fail(error, SMT_ERR_FORMAT, "%s: its metadata is not a JSON object", path);
    }
    const json_t *classes = json_object_get(root, "classes");
    const json_t *preprocess = json_object_get(root, "preprocess");
    const json_t *provenance = json_object_get(root, "provenance");
    if (preprocess) {
        status = smt_preprocess_from_json(preprocess, path, &model->preprocess, error);
    }
    if (!status && provenance) {
        char *dumped = json_dumps(provenance, JSON_INDENT(1));
        char *copy = dumped ? smt_strdup(dumped) : NULL;
        free(dumped);
        if (copy) {
            smt_free(model->provenance);
            model->provenance = copy;
        } else {
            status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        }
    }
    if (!status && classes) {
        status = take_classes(model, classes, path, error);
    }
    json_decref(root);
    return status;
}
