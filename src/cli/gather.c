#include "cli/gather.h"

#include "base/room.h"

#include <semtinel/data.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static smt_status add_path(cli_paths *list, char *path, smt_error *error)
{
    if (!path || !SMT_ROOM(list->items, list->count, list->capacity)) {
        smt_free(path);
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for the list of images");
    }
    list->items[list->count++] = path;
    return SMT_OK;
}

/* Pictures by their names, but of formats that are not read. */
static bool foreign_picture(const char *name)
{
    static const char *const suffixes[] = {
        ".gif", ".jp2", ".heic", ".avif", ".pgm", ".ppm", ".pnm", ".dm3", ".dm4"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (strcasecmp(smt_path_suffix(name), suffixes[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Folders that were searched, by device and inode: links may lead to one again, or back up, and an
 * operand may lie in another. */
typedef struct seen {
    struct {
        dev_t device;
        ino_t inode;
    } * items;
    size_t count, capacity;
    size_t foreign;      /* pictures of formats that are not read */
    char *first_foreign; /* path of one; released by smt_free() */
} seen;

/* *again: the folder was searched before. */
static smt_status note_folder(seen *s, const char *folder, bool *again, smt_error *error)
{
    struct stat info;
    *again = false;
    if (stat(folder, &info)) {
        return SMT_OK; /* the reason comes out when it is listed */
    }
    for (size_t i = 0; i < s->count && !*again; i++) {
        *again = s->items[i].device == info.st_dev && s->items[i].inode == info.st_ino;
    }
    if (*again) {
        return SMT_OK;
    }
    if (!SMT_ROOM(s->items, s->count, s->capacity)) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", folder);
    }
    s->items[s->count].device = info.st_dev;
    s->items[s->count++].inode = info.st_ino;
    return SMT_OK;
}

static int by_number(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

static smt_status add_folder(cli_paths *list, seen *s, const char *folder, smt_error *error)
{
    char **entries = NULL;
    size_t count = 0;
    bool again;
    smt_status status = note_folder(s, folder, &again, error);
    if (status || again) {
        return status;
    }
    status = smt_list_directory(folder, &entries, &count, error);
    if (!status && list->numbered) {
        qsort(entries, count, sizeof *entries, by_number);
    }
    for (size_t i = 0; i < count && !status; i++) {
        char *path = smt_path_join(folder, entries[i]);
        if (!path) {
            status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", folder);
        } else if (smt_is_image_entry(path, entries[i])) {
            status = add_path(list, path, error);
        } else if (smt_is_folder_entry(path, entries[i])) {
            const char *why = smt_folder_refused(folder, path);
            if (why) {
                smt_log(SMT_LOG_WARNING, "%s: ignored: %s", path, why);
            } else {
                status = add_folder(list, s, path, error);
            }
            smt_free(path);
        } else if (foreign_picture(entries[i]) && s->foreign++ == 0) {
            s->first_foreign = path;
        } else {
            smt_free(path);
        }
    }
    smt_list_free(&entries, count);
    return status;
}

static smt_status
add_operand(cli_paths *list, seen *s, const char *folder, bool last, smt_error *error)
{
    static const char none[] = "%s: no image (" SMT_IMAGE_SUFFIXES ") in this folder";
    size_t before = list->count, folders = s->count;
    s->foreign = 0;
    smt_status status = add_folder(list, s, folder, error);
    if (!status && s->foreign) {
        smt_log(SMT_LOG_WARNING,
                "%s: %zu %s of formats that are not read, the first %s: make PNG files of them",
                folder,
                s->foreign,
                smt_plural(s->foreign, "picture", "pictures"),
                s->first_foreign);
    }
    if (!status && last && !list->count) {
        status = smt_fail(error, SMT_ERR_IO, none, folder);
    } else if (!status && list->count == before && s->count > folders) {
        smt_log(SMT_LOG_WARNING, none, folder);
    }
    smt_free(s->first_foreign);
    s->first_foreign = NULL;
    return status;
}

smt_status cli_gather(const char *const *operands, int count, cli_paths *list, smt_error *error)
{
    smt_status status = SMT_OK;
    seen s = {0};
    for (int i = 0; i < count && !status; i++) {
        status = smt_path_is_directory(operands[i])
                     ? add_operand(list, &s, operands[i], i + 1 == count, error)
                     : add_path(list, smt_strdup(operands[i]), error);
    }
    smt_free(s.items);
    return status;
}
