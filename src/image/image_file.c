/* Files of several images: TIFFs with pages, read as those of one. */
#include "image/sem.h"

#include <string.h>

smt_status smt_image_file_open(const char *path, smt_image_file **out, smt_error *error)
{
    smt_image_file *file = smt_alloc(1, sizeof *file);
    smt_status status = SMT_OK;
    if (file) {
        file->path = smt_strdup(path);
    }
    if (!file || !file->path) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    status =
        status ? status : smt_file_load(path, SMT_IMAGE_MAX_BYTES, &file->data, &file->size, error);
    if (!status) {
        image_source source = {.data = file->data, .size = file->size, .name = path};
        file->suffix = smt_decode_suffix(&source, error);
        file->count = 1;
        if (!file->suffix) {
            status = error ? error->status : SMT_ERR_FORMAT;
        } else if (strcmp(file->suffix, ".tif") == 0) {
            status = smt_tiff_pages(&source, &file->pages, &file->count, error);
        }
    }
    if (status) {
        smt_image_file_close(&file);
        return status;
    }
    *out = file;
    return SMT_OK;
}

smt_status smt_image_file_load(const smt_image_file *file,
                               size_t index,
                               const smt_image_limits *limits,
                               float cut_percent,
                               smt_image *out,
                               smt_error *error)
{
    if (index >= file->count) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: holds %zu %s, not a number %zu",
                        file->path,
                        file->count,
                        smt_plural(file->count, "image", "images"),
                        index + 1);
    }
    char *name = file->count == 1 ? NULL : smt_format("%s, page %zu", file->path, index + 1);
    image_source source = {.data = file->data,
                           .size = file->size,
                           .name = name ? name : file->path,
                           .page = file->pages ? file->pages[index] : 0};
    if (limits) {
        source.limits = *limits;
    }
    smt_status status = smt_sem_decode(&source, file->path, cut_percent, out, NULL, error);
    smt_free(name);
    return status;
}

void smt_image_file_close(smt_image_file **file)
{
    if (*file) {
        smt_free((*file)->path);
        smt_free((*file)->data);
        smt_free((*file)->pages);
        smt_free(*file);
        *file = NULL;
    }
}
