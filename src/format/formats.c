/* The list of formats, and finding the right one for a file. */
#include "format/formats.h"
#include "format/sniff.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

const smt_model_format *const *smt_formats(void)
{
    static const smt_model_format *const list[] = {
        &smt_format_safetensors,
        &smt_format_tflite,
        &smt_format_onnx,
        &smt_format_pth,
        &smt_format_keras,
        &smt_format_saved_model,
        &smt_format_tensorflow,
        &smt_format_labels,
        &smt_format_class_map,
        NULL,
    };
    return list;
}

const smt_model_format *smt_format_by_suffix(const char *path)
{
    size_t length = strlen(path);
    for (const smt_model_format *const *f = smt_formats(); *f; f++) {
        for (const char *s = (*f)->suffixes; *s;) {
            size_t n = strcspn(s, " ");
            bool fits = n < length || (n == length && s[0] != '.'); /* a whole name may be one */
            if (fits && strncasecmp(path + length - n, s, n) == 0) {
                return *f;
            }
            s += n;
            s += strspn(s, " ");
        }
    }
    return NULL;
}

const smt_model_format *smt_format_of_file(const char *path, smt_error *error)
{
    uint8_t head[512];
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
        smt_fail(error,
                 SMT_ERR_IO,
                 "%s: is no file; a model is read more than once, which a pipe cannot be: write it "
                 "to a file first",
                 path);
        return NULL;
    }
    FILE *stream = smt_path_is_directory(path) ? NULL : fopen(path, "rb");
    if (!stream) {
        smt_fail(error,
                 SMT_ERR_IO,
                 "%s: %s",
                 path,
                 smt_path_is_directory(path) ? "is a folder; name a model file" : strerror(errno));
        return NULL;
    }
    size_t size = fread(head, 1, sizeof head, stream);
    int reason = ferror(stream) ? errno : 0;
    fclose(stream);
    if (reason) {
        smt_fail(error, SMT_ERR_IO, "%s: cannot read: %s", path, strerror(reason));
        return NULL;
    }
    for (const smt_model_format *const *f = smt_formats(); *f; f++) {
        if ((*f)->probe && (*f)->probe(head, size)) {
            return *f;
        }
    }
    /* Nothing recognised the content. A format whose content has no mark goes by its name; its
     * reader reports the rest. */
    const char *what = smt_sniff(head, size);
    const smt_model_format *named = smt_format_by_suffix(path);
    if (named && !what) {
        return named;
    }
    smt_fail(error,
             SMT_ERR_FORMAT,
             "%s: not a model file that semtinel knows%s%s",
             path,
             what ? "; it is " : "",
             what ? what : "");
    return NULL;
}

smt_status smt_format_blame(const char *path, smt_status status, smt_error *error)
{
    if (!status) {
        return SMT_OK;
    }
    smt_error inner = *error;
    if (inner.status == SMT_ERR_MEMORY) {
        status = SMT_ERR_MEMORY;
    } else if (status == SMT_ERR_ARGUMENT) {
        status = SMT_ERR_FORMAT;
    }
    return strncmp(inner.message, path, strlen(path)) == 0
               ? status
               : smt_fail(error, status, "%s: %s", path, inner.message);
}

void smt_model_note_size(const smt_model *model, const char *path)
{
    if (model->size_assumed) {
        smt_shape shape = model->graph->nodes[0].shape;
        smt_log(SMT_LOG_WARNING,
                "%s: holds weights alone and does not say for what size of image; %d x %d is "
                "assumed ('semtinel export --size' sets it)",
                path,
                shape.w,
                shape.h);
    }
}

smt_status smt_model_file(const char *path, char **file, smt_error *error)
{
    bool folder = smt_path_is_directory(path);
    char *found = folder ? smt_path_join(path, "model.safetensors") : smt_strdup(path);
    if (found && folder && smt_path_missing(found)) {
        char *saved = smt_path_join(path, "saved_model.pb");
        bool there = saved && smt_path_exists(saved);
        smt_free(there ? found : saved);
        found = there ? saved : found;
    }
    if (!found) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    if (smt_path_missing(found)) {
        smt_free(found);
        return folder ? smt_fail(error,
                                 SMT_ERR_IO,
                                 "%s: holds no model.safetensors; name a folder that 'semtinel "
                                 "train -o' wrote, a SavedModel, or a model file",
                                 path)
                      : smt_fail(error, SMT_ERR_IO, "%s: no such model", path);
    }
    *file = found;
    return SMT_OK;
}

smt_status smt_model_load(const char *path, smt_model **out, smt_error *error)
{
    char *file = NULL;
    smt_status status = smt_model_file(path, &file, error);
    if (status) {
        return status;
    }
    smt_error detail = {SMT_ERR_FORMAT, ""};
    const smt_model_format *format = smt_format_of_file(file, &detail);
    if (!format) {
        status = smt_fail(error, detail.status, "%s", detail.message);
    } else if (!format->read) {
        status = smt_fail(
            error, SMT_ERR_UNSUPPORTED, "%s: %s files are written only", file, format->title);
    } else {
        status = format->read(file, out, error);
    }
    smt_free(file);
    return status;
}
