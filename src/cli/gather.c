#include "cli/gather.h"

#include <semtinel/image.h>

static smt_status add_path(cli_paths *list, char *path, smt_error *error)
{
    if (path && list->count == list->capacity) {
        size_t larger = list->capacity ? 2 * list->capacity : 256;
        char **items = smt_realloc(list->items, list->count, larger, sizeof *items);
        if (!items) {
            smt_free(path);
            path = NULL;
        } else {
            list->items = items;
            list->capacity = larger;
        }
    }
    if (!path) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for the list of images");
    }
    list->items[list->count++] = path;
    return SMT_OK;
}

/* A link that leads back up would make the walk endless. */
#define MAX_DEPTH 32

static smt_status add_folder(cli_paths *list, const char *folder, int depth, smt_error *error)
{
    char **entries = NULL;
    size_t count = 0;
    smt_status status = smt_list_directory(folder, &entries, &count, error);
    for (size_t i = 0; i < count && !status; i++) {
        char *path = smt_path_join(folder, entries[i]);
        if (!path) {
            status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", folder);
        } else if (smt_path_is_directory(path)) {
            if (depth < MAX_DEPTH) {
                status = add_folder(list, path, depth + 1, error);
            } else {
                smt_log(SMT_LOG_WARNING,
                        "%s: more than %d folders deep; not searched",
                        path,
                        MAX_DEPTH);
            }
            smt_free(path);
        } else if (smt_image_suffix(path)) {
            status = add_path(list, path, error);
        } else {
            smt_free(path);
        }
    }
    smt_list_free(&entries, count);
    return status;
}

smt_status cli_gather(char **operands, int count, cli_paths *list, smt_error *error)
{
    smt_status status = SMT_OK;
    for (int i = 0; i < count && !status; i++) {
        size_t before = list->count;
        if (smt_path_is_directory(operands[i])) {
            status = add_folder(list, operands[i], 0, error);
            if (!status && list->count == before) {
                smt_log(SMT_LOG_WARNING,
                        "%s: no image (.png .jpg .jpeg .tif .tiff .bmp) in this folder",
                        operands[i]);
            }
        } else {
            status = add_path(list, smt_strdup(operands[i]), error);
        }
    }
    return status;
}
