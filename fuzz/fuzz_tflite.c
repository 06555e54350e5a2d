/* Any bytes into the importer of TensorFlow Lite networks. */
#include "format/tflite.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    smt_model *model = NULL;
    void *aligned =
        smt_alloc(size, 1); /* the reader wants 4-byte alignment, and no byte behind the end */
    if (!aligned) {
        return 0;
    }
    memcpy(aligned, data, size);
    if (smt_tflite_read_memory(aligned, size, "fuzz", &model, NULL) == SMT_OK &&
        smt_graph_check(model->graph, NULL) != SMT_OK) {
        __builtin_trap();
    }
    smt_model_destroy(&model);
    free(aligned);
    return 0;
}
