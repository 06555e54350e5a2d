#include "image/tiff_open.h"

#include <stdio.h>
#include <string.h>

static tmsize_t read_bytes(thandle_t handle, void *out, tmsize_t size)
{
    tiff_memory *file = handle;
    uint64_t end = file->source->size;
    uint64_t left = file->position < end ? end - file->position : 0;
    if (size < 0) {
        return 0;
    }
    size_t count = (uint64_t)size < left ? (size_t)size : (size_t)left;
    memcpy(out, file->source->data + (count ? file->position : 0), count);
    file->position += count;
    return (tmsize_t)count;
}

static tmsize_t refuse_write(thandle_t handle, void *data, tmsize_t size)
{
    (void)handle, (void)data, (void)size;
    return 0;
}

static toff_t seek_to(thandle_t handle, toff_t offset, int whence)
{
    tiff_memory *file = handle;
    file->position =
        whence == SEEK_SET
            ? offset
            : offset + (whence == SEEK_CUR ? file->position : (toff_t)file->source->size);
    return file->position;
}

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t file_size(thandle_t handle)
{
    return ((const tiff_memory *)handle)->source->size;
}

static int
on_error(TIFF *tiff, void *context, const char *module, const char *format, va_list arguments)
{
    (void)tiff, (void)module;
    tiff_memory *file = context;
    if (!file->message[0]) { /* the first error is the cause, the others follow from it */
        vsnprintf(file->message, sizeof file->message, format, arguments);
    }
    return 1;
}

static int
on_warning(TIFF *tiff, void *context, const char *module, const char *format, va_list arguments)
{
    (void)tiff, (void)module;
    const tiff_memory *file = context;
    char line[200];
    vsnprintf(line, sizeof line, format, arguments);
    smt_log(SMT_LOG_DEBUG, "%s: %s", file->source->name, line);
    return 1;
}

bool smt_tiff_open(const image_source *source, tiff_memory *file)
{
    *file = (tiff_memory){.source = source};
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) {
        return false;
    }
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, file);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, file);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)TIFF_MAX_BLOCK);
    file->tiff = TIFFClientOpenExt("", /* some of its messages begin with the name, ours all do */
                                   source->page ? "rmh" : "rm", /* h: no page yet */
                                   file,
                                   read_bytes,
                                   refuse_write,
                                   seek_to,
                                   close_nothing,
                                   file_size,
                                   NULL,
                                   NULL,
                                   options);
    TIFFOpenOptionsFree(options);
    if (file->tiff && source->page && !TIFFSetSubDirectory(file->tiff, source->page)) {
        TIFFClose(file->tiff);
        file->tiff = NULL;
    }
    return file->tiff != NULL;
}
