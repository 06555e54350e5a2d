/* How much an image is like those that a model is known to handle: the cosine to the nearest of
 * them in the space of the pooled features. */
#include "evaluate/scores.h"

#include <semtinel/format.h>

#include <math.h>
#include <string.h>

void smt_normalise_rows(float *rows, size_t count, size_t width)
{
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t k = 0; k < width; k++) {
            sum += (double)rows[i * width + k] * (double)rows[i * width + k];
        }
        double scale = sum > 0 ? 1 / sqrt(sum) : 0;
        for (size_t k = 0; k < width; k++) {
            rows[i * width + k] = (float)((double)rows[i * width + k] * scale);
        }
    }
}

float smt_nearest(const float *row, const float *rows, size_t count, size_t width, size_t without)
{
    float best = -1;
    for (size_t i = 0; i < count; i++) {
        float cosine = 0;
        for (size_t k = 0; k < width && i != without; k++) {
            cosine += row[k] * rows[i * width + k];
        }
        best = i != without && cosine > best ? cosine : best;
    }
    return best;
}

smt_status smt_familiarity_of_each(
    const float *features, size_t count, int width, float *out, smt_error *error)
{
    size_t values = (size_t)width;
    float *rows = smt_alloc(count, values * sizeof *rows);
    if (!rows) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for %zu features", count);
    }
    memcpy(rows, features, count * values * sizeof *rows);
    smt_normalise_rows(rows, count, values);
    for (size_t i = 0; i < count; i++) {
        out[i] = smt_nearest(rows + i * values, rows, count, values, i);
    }
    smt_free(rows);
    return SMT_OK;
}

#define TENSOR "state.familiar.features"

smt_status
smt_familiarity_store(const smt_classifier_info *info, smt_tensor_file **out, smt_error *error)
{
    smt_tensor_file *file = NULL;
    const int64_t dim[2] = {info->remembered, info->feature_width};
    smt_status status = smt_tensor_file_create(&file, error);
    status =
        status ? status
               : smt_tensor_file_add(file, TENSOR, SMT_DTYPE_F16, 2, dim, info->references, error);
    if (status) {
        smt_tensor_file_destroy(&file);
        return status;
    }
    *out = file;
    return SMT_OK;
}

smt_status
smt_familiarity_load(const char *path, float **rows, int *count, int *width, smt_error *error)
{
    smt_tensor_file *file = NULL;
    smt_status status = smt_safetensors_load(path, &file, error);
    if (status) {
        return status;
    }
    const smt_tensor *t = smt_tensor_file_find(file, TENSOR);
    if (t && t->rank == 2 && t->dim[0] >= 1 && t->dim[0] <= SMT_REMEMBERED && t->dim[1] >= 1 &&
        t->dim[1] <= 65536) {
        float *copy = smt_alloc(t->count, sizeof *copy);
        if (copy) {
            memcpy(copy, t->data, t->count * sizeof *copy);
            smt_normalise_rows(copy, (size_t)t->dim[0], (size_t)t->dim[1]);
            *rows = copy;
            *count = (int)t->dim[0];
            *width = (int)t->dim[1];
        } else {
            status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        }
    }
    smt_tensor_file_destroy(&file);
    return status;
}
