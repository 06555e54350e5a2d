/* TensorFlow Lite as a model format. */
#include "format/formats.h"
#include "format/tflite.h"
#include "format/tflite_write.h"

#include <string.h>

static bool probe(const uint8_t *head, size_t size)
{
    return size >= 8 && memcmp(head + 4, "TFL3", 4) == 0;
}

static smt_status write_model(const smt_model *model,
                              const char *path,
                              const smt_write_options *options,
                              smt_error *error)
{
    smt_graph *folded = NULL, *freed = NULL, *graph = NULL;
    void *data = NULL;
    size_t size = 0;
    smt_status status = smt_graph_fold(model->graph, &folded, error);
    if (!status) {
        status = smt_graph_free_gates(folded, &freed, error);
    }
    if (!status) {
        /* A backbone without classes ends with its features. */
        status = model->class_count ? smt_graph_with_softmax(freed, &graph, error)
                                    : smt_graph_clone(freed, &graph, error);
    }
    if (!status) {
        status = smt_tflite_build(graph, model, options, false, &data, &size, error);
    }
    if (!status) {
        status = smt_file_save(path, data, size, error);
    }
    smt_free(data);
    smt_graph_destroy(&graph);
    smt_graph_destroy(&freed);
    smt_graph_destroy(&folded);
    return status;
}

const smt_model_format smt_format_tflite = {
    .name = "tflite",
    .suffixes = ".tflite",
    .title = "TensorFlow Lite",
    .half = true,
    .probe = probe,
    .read = smt_tflite_read,
    .write = write_model,
};
