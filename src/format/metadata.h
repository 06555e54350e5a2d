/* What a model carries besides its weights, as JSON: the
 * same texts in safetensors, TFLite and ONNX files. */
#ifndef SEMTINEL_FORMAT_METADATA_H
#define SEMTINEL_FORMAT_METADATA_H

#include <semtinel/model.h>

#include <jansson.h>

/* {"name": "mobilenetv3-small", "width": 0.75, ...}, or {"name": "mobilenetv3-small-ensemble",
 * "members": [{"name": "mobilenetv3-small", ...}, ...]}. NULL: no memory. A new reference, as
 * below. */
json_t *smt_architecture_to_json(const smt_model *model);
/* members: SMT_MEMBERS_MAX; *count: how many there are, 1 for a network that is no ensemble. `path`
 * stands in messages. */
smt_status smt_architecture_from_json(const json_t *json,
                                      const char *path,
                                      smt_mobilenet_options *members,
                                      int *count,
                                      smt_error *error);
json_t *smt_classes_to_json(const smt_model *model);
/* The names for formats that hold one a line, each with its line end. A line end within a name
 * becomes a space, so that every line is a class. Freed with smt_free; NULL: no memory. */
char *smt_classes_to_lines(const smt_model *model);
/* *classes is an array of *count strings that belong to `json`; free the array with smt_free. */
smt_status smt_classes_from_json(
    const json_t *json, const char *path, const char ***classes, int *count, smt_error *error);
json_t *smt_preprocess_to_json(const smt_preprocess *preprocess);
smt_status smt_preprocess_from_json(const json_t *json,
                                    const char *path,
                                    smt_preprocess *preprocess,
                                    smt_error *error);

/* One object with "semtinel", "architecture" (own networks; of others "input": height, width,
 * channels), "classes", "preprocess" and "provenance", indented text; freed with smt_free. NULL: no
 * memory. */
char *smt_metadata_text(const smt_model *model, bool raw_input);
/* Sets classes, preprocess and provenance of `model` from such a text; what it lacks stays. Classes
 * are refused when their number is not that of the outputs. */
smt_status smt_metadata_apply(
    smt_model *model, const char *text, size_t size, const char *path, smt_error *error);

#endif
