/* TensorFlow Lite as a model format. */
#include "format/deployed.h"
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
    smt_graph *graph = NULL;
    void *data = NULL;
    size_t size = 0;
    smt_status status = smt_deployed_graph(model, &graph, error);
    if (!status) {
        status = smt_tflite_build(graph, model, options, false, &data, &size, error);
    }
    if (!status) {
        status = smt_file_save(path, data, size, error);
    }
    smt_free(data);
    smt_graph_destroy(&graph);
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
