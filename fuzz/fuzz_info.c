/* Any bytes as a model file of whatever format, as 'info' and 'predict' open it:
 * its description, its metadata and what it decides by. */
#include "fuzz_file.h"

#include <semtinel/evaluate.h>
#include <semtinel/format.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static smt_pool *pool;
    char path[32], *json = NULL;
    int file = fuzz_file(data, size, path);
    smt_error error = {0};
    if (!pool && smt_pool_create(1, &pool, &error)) {
        abort();
    }
    if ((smt_describe(path, &json, &error) == SMT_OK) != (json != NULL)) {
        abort();
    }
    smt_free(json);
    smt_classifier *classifier = NULL;
    if ((smt_classifier_open(path, pool, &classifier, &error) == SMT_OK) != (classifier != NULL)) {
        abort();
    }
    smt_classifier_close(&classifier);
    close(file);
    return 0;
}
