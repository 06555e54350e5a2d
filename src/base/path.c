#include "base/room.h"

#include <semtinel/base.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

bool smt_path_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool smt_path_missing(const char *path)
{
    struct stat info;
    return stat(path, &info) && (errno == ENOENT || errno == ENOTDIR);
}

bool smt_path_is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

char *smt_path_join(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    bool slash = length == 0 || folder[length - 1] == '/';
    return smt_format("%s%s%s", folder, slash ? "" : "/", name);
}

const char *smt_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *smt_path_suffix(const char *path)
{
    const char *name = smt_path_name(path), *dot = strrchr(name, '.');
    return dot && dot > name ? dot : name + strlen(name);
}

char *smt_path_unused(const char *path)
{
    const char *name = smt_path_name(path);
    int length = (int)strlen(name), stem = (int)(smt_path_suffix(name) - name);
    int room = NAME_MAX - (int)strlen("-2147483647") - (length - stem);
    int cut = stem > room && room > 0 ? room : stem; /* beside a number */
    /* Steps double until a number is free, then halve: of thousands of files with one name, each
     * asks a few dozen times. A free one lies behind a taken one. */
    int taken = 0, unused = 0;
    char *found = NULL;
    while (unused != taken + 1) {
        int attempt = unused ? taken + (unused - taken) / 2 : taken ? 2 * taken : 1;
        int kept = (int)(name - path) + cut;
        char *tried = attempt == 1 && length <= NAME_MAX
                          ? smt_strdup(path)
                          : smt_format("%.*s-%d%s", kept, path, attempt, name + stem);
        struct stat info;
        if (tried && lstat(tried, &info) == 0) {
            taken = attempt;
            smt_free(tried);
            continue;
        }
        smt_free(found);
        found = tried;
        if (!found) {
            break;
        }
        unused = attempt;
    }
    return found;
}

char *smt_shell_word(const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./,:=@%+-";
    if (*text && !text[strspn(text, plain)]) {
        return smt_strdup(text);
    }
    char *out = smt_alloc(strlen(text) + 1, 4), *end = out;
    if (!out) {
        return NULL;
    }
    *end++ = '\'';
    for (; *text; text++) {
        if (*text == '\'') { /* closes, adds one, opens again */
            memcpy(end, "'\\''", 4);
            end += 4;
        } else {
            *end++ = *text;
        }
    }
    *end++ = '\'';
    *end = 0;
    return out;
}

bool smt_path_inside(const char *path, const char *folder)
{
    char *inner = realpath(path, NULL), *outer = realpath(folder, NULL);
    size_t length = outer ? strlen(outer) : 0;
    bool inside = inner && outer && strncmp(inner, outer, length) == 0 &&
                  (inner[length] == '/' || !inner[length] || length == 1);
    free(inner);
    free(outer);
    return inside;
}

static bool same_folder(const char *path, const char *other)
{
    char *a = smt_format("%.*s.", (int)(smt_path_name(path) - path), path);
    char *b = smt_format("%.*s.", (int)(smt_path_name(other) - other), other);
    bool same = a && b && smt_path_inside(a, b) && smt_path_inside(b, a);
    smt_free(a);
    smt_free(b);
    return same;
}

bool smt_path_same(const char *path, const char *other)
{
    struct stat here, there;
    if (stat(path, &here) == 0 && stat(other, &there) == 0) {
        return S_ISREG(here.st_mode) && here.st_dev == there.st_dev && here.st_ino == there.st_ino;
    }
    return strcmp(smt_path_name(path), smt_path_name(other)) == 0 && same_folder(path, other);
}

smt_status smt_make_directory(const char *path, smt_error *error)
{
    char *copy = smt_strdup(path);
    if (!copy) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    smt_status status = SMT_OK;
    for (char *p = copy; status == SMT_OK && *p; p++) {
        if (p[1] && p[1] != '/') {
            continue;
        }
        char end = p[1];
        p[1] = 0;
        if (mkdir(copy, 0777) && errno != EEXIST) {
            status = smt_fail(
                error, SMT_ERR_IO, "%s: cannot make the folder: %s", copy, strerror(errno));
        }
        p[1] = end;
    }
    if (status == SMT_OK && !smt_path_is_directory(path)) {
        status = smt_fail(error, SMT_ERR_IO, "%s: is a file; a folder is needed", path);
    }
    smt_free(copy);
    return status;
}

char *smt_path_existing(const char *path)
{
    char *part = smt_strdup(path);
    struct stat info;
    while (part && lstat(part, &info)) { /* where a link leads nowhere, nothing can be made */
        size_t end = strlen(part);
        while (end && part[end - 1] == '/') {
            end--;
        }
        while (end && part[end - 1] != '/') {
            end--;
        }
        if (!end) { /* relative, and nothing of it is there */
            smt_free(part);
            return smt_strdup(".");
        }
        while (end > 1 && part[end - 1] == '/') {
            end--;
        }
        part[end] = 0;
    }
    return part;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

smt_status smt_list_directory(const char *path, char ***names, size_t *count, smt_error *error)
{
    DIR *folder = opendir(path);
    if (!folder) {
        return smt_fail(error, SMT_ERR_IO, "%s: cannot read the folder: %s", path, strerror(errno));
    }
    size_t used = 0, capacity = 64;
    char **list = smt_alloc(capacity, sizeof *list);
    struct dirent *entry;
    while (list && (errno = 0, entry = readdir(folder))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (!SMT_ROOM(list, used, capacity) || !(list[used] = smt_strdup(entry->d_name))) {
            break;
        }
        used++;
    }
    bool complete = list && !entry;
    int reason = complete ? errno : 0;
    closedir(folder);
    if (reason) {
        smt_list_free(&list, used);
        return smt_fail(
            error, SMT_ERR_IO, "%s: cannot read the folder: %s", path, strerror(reason));
    }
    if (!complete) {
        smt_list_free(&list, used);
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    qsort(list, used, sizeof *list, compare_names);
    *names = list;
    *count = used;
    return SMT_OK;
}

void smt_list_free(char ***names, size_t count)
{
    if (names && *names) {
        for (size_t i = 0; i < count; i++) {
            smt_free((*names)[i]);
        }
        smt_free(*names);
        *names = NULL;
    }
}

char **smt_list_copy(const char *const *texts, size_t count)
{
    char **copies = smt_alloc(count, sizeof *copies);
    for (size_t i = 0; copies && i < count; i++) {
        copies[i] = smt_strdup(texts[i]);
        if (!copies[i]) {
            smt_list_free(&copies, i);
        }
    }
    return copies;
}

uint32_t smt_crc32(uint32_t crc, const void *data, size_t size)
{
    return size ? (uint32_t)crc32_z(crc, data, size) : crc;
}
