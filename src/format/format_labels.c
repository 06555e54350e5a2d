/* What goes beside a network in a format without metadata: the class
 * names, one a line in output order (the labels file of TensorFlow Lite's
 * examples), and the whole metadata as JSON with the class map. */
#include "format/formats.h"
#include "format/metadata.h"

#include <stdlib.h>
#include <string.h>

static smt_status no_classes(const char *path, smt_error *error)
{
    return smt_fail(error, SMT_ERR_UNSUPPORTED, "%s: the model has no class names", path);
}

static smt_status write_labels(const smt_model *model,
                               const char *path,
                               const smt_write_options *options,
                               smt_error *error)
{
    (void)options;
    if (!model->class_count) {
        return no_classes(path, error);
    }
    for (int i = 0; i < model->class_count; i++) {
        if (strpbrk(model->classes[i], "\r\n")) {
            smt_log(SMT_LOG_WARNING,
                    "%s: a line end in the name of class %s is written as a space",
                    path,
                    model->classes[i]);
        }
    }
    char *lines = smt_classes_to_lines(model);
    smt_status status = lines ? smt_file_save(path, lines, strlen(lines), error)
                              : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    smt_free(lines);
    return status;
}

/* {"class_map": {"bridge": 0, ...}, "classes": [...], "preprocess": ..., "provenance": ...} */
static smt_status write_class_map(const smt_model *model,
                                  const char *path,
                                  const smt_write_options *options,
                                  smt_error *error)
{
    if (!model->class_count) {
        return no_classes(path, error);
    }
    char *text = smt_metadata_text(model, options->raw_input);
    json_t *root = text ? json_loads(text, 0, NULL) : NULL;
    json_t *map = json_object();
    for (int i = 0; root && i < model->class_count; i++) {
        json_t *name = json_array_get(json_object_get(root, "classes"), (size_t)i);
        json_object_set_new(map, json_string_value(name), json_integer(i));
    }
    json_object_set_new(root, "class_map", map);
    char *dumped = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    smt_status status = dumped ? smt_file_save(path, dumped, strlen(dumped), error)
                               : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    free(dumped);
    json_decref(root);
    smt_free(text);
    return status;
}

const smt_model_format smt_format_labels = {
    .name = "labels",
    .suffixes = "labels.txt",
    .title = "class names",
    .no_input = true,
    .write = write_labels,
};

const smt_model_format smt_format_class_map = {
    .name = "classes",
    .suffixes = ".json",
    .title = "class map and metadata",
    .write = write_class_map,
};
