/* Files that appear whole or not at all: written beside the final name, flushed, renamed. Open
 * temporaries stand in a fixed table so that a signal handler can remove them without taking a
 * lock. A link stays a link: the file that it leads to is replaced, and keeps its permissions.
 * Devices and pipes (/dev/null, /dev/stdout) cannot be replaced and are written straight away. */
#include <semtinel/base.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_MAX_FILES 64
#define LINKS_MAX 40 /* one after another, as Linux has it */

struct smt_file {
    char *path;      /* as the caller named it */
    char *target;    /* what is replaced: `path`, or where it leads */
    char *temporary; /* NULL: written straight away */
    FILE *stream;
    int error; /* errno of the first failed write */
    int slot;
    bool bulk;
};

static char *_Atomic open_files[OPEN_MAX_FILES];
static atomic_bool closed; /* no further file is opened */

static int claim_slot(char *temporary)
{
    for (int i = 0; i < OPEN_MAX_FILES; i++) {
        char *expected = NULL;
        if (atomic_compare_exchange_strong(&open_files[i], &expected, temporary)) {
            return i;
        }
    }
    return -1;
}

void smt_file_abandon_all(void)
{
    /* Nobody frees these any more; a second signal may find what the first has taken. */
    static char *_Atomic taken[OPEN_MAX_FILES];
    bool late = false;
    atomic_store(&closed, true);
    for (int i = 0; i < OPEN_MAX_FILES; i++) {
        char *name = atomic_exchange(&open_files[i], NULL);
        if (name) {
            atomic_store(&taken[i], name);
        }
        name = atomic_load(&taken[i]);
        late = (name && unlink(name)) || late;
    }
    if (late) { /* another thread may be just about to open it */
        poll(NULL, 0, 10);
        for (int i = 0; i < OPEN_MAX_FILES; i++) {
            char *name = atomic_load(&taken[i]);
            if (name) {
                unlink(name);
            }
        }
    }
}

static void forget_temporary(smt_file *file)
{
    char *own = file->temporary;
    bool taken =
        file->slot >= 0 && !atomic_compare_exchange_strong(&open_files[file->slot], &own, NULL);
    if (!taken) {
        smt_free(file->temporary);
    }
    file->temporary = NULL;
    file->slot = -1;
}

static void release(smt_file **file)
{
    forget_temporary(*file);
    smt_free((*file)->path);
    smt_free((*file)->target);
    smt_free(*file);
    *file = NULL;
}

/* True for a device, a pipe or a socket, and for what has no name to be replaced: /dev/stdout where
 * that is a file which was removed. */
static bool is_special(const char *path, const char *target)
{
    struct stat info;
    return stat(path, &info) == 0 && ((!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) ||
                                      (target && smt_path_missing(target)));
}

/* Where a link leads, whether anything is there or not, or the path itself; NULL: no memory. */
static char *follow(const char *path)
{
    char *at = smt_strdup(path), to[PATH_MAX];
    for (int links = 0; at && links < LINKS_MAX; links++) {
        ssize_t length = readlink(at, to, sizeof to - 1);
        if (length < 0) {
            break;
        }
        to[length] = 0;
        int folder = *to == '/' ? 0 : (int)(smt_path_name(at) - at);
        char *next = smt_format("%.*s%s", folder, at, to);
        smt_free(at);
        at = next;
    }
    return at;
}

/* Names that are taken are passed over: in a container a process has the number, and so the names,
 * of the one that was killed there before. */
static smt_status open_temporary(smt_file *file, smt_error *error)
{
    static atomic_uint serial;
    /* Of a name near the longest that there is (255 bytes) the beginning. */
    const char *name = smt_path_name(file->target);
    int reason = EEXIST;
    while (reason == EEXIST) {
        forget_temporary(file);
        file->temporary = smt_format("%.*s%.200s.tmp.%ld.%u",
                                     (int)(name - file->target),
                                     file->target,
                                     name,
                                     (long)getpid(),
                                     atomic_fetch_add(&serial, 1));
        if (!file->temporary) {
            return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", file->path);
        }
        file->slot = claim_slot(file->temporary);
        if (atomic_load(&closed)) {
            return smt_fail(error, SMT_ERR_INTERRUPTED, "interrupted");
        }
        file->stream = fopen(file->temporary, "wbx");
        reason = file->stream ? 0 : errno;
    }
    struct stat before; /* what others may not read, or may write, stays so */
    if (!reason && stat(file->target, &before) == 0) {
        (void)fchmod(fileno(file->stream), (before.st_mode & 0777) | 0600);
    }
    return reason
               ? smt_fail(error, SMT_ERR_IO, "%s: cannot write: %s", file->path, strerror(reason))
               : SMT_OK;
}

static smt_status open_special(smt_file *file, smt_error *error)
{
    if (atomic_load(&closed)) {
        return smt_fail(error, SMT_ERR_INTERRUPTED, "interrupted");
    }
    file->stream = fopen(file->path, "wb");
    return file->stream
               ? SMT_OK
               : smt_fail(error, SMT_ERR_IO, "%s: cannot write: %s", file->path, strerror(errno));
}

smt_status smt_file_create(const char *path, smt_file **out, smt_error *error)
{
    smt_file *file = smt_alloc(1, sizeof *file);
    if (!file) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    file->slot = -1;
    file->path = smt_strdup(path);
    file->target = follow(path);
    smt_status status = SMT_OK;
    if (!file->path || !file->target) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    } else if (smt_path_is_directory(path)) {
        status = smt_fail(error, SMT_ERR_IO, "%s: is a folder; name a file", path);
    } else {
        status = is_special(path, file->target) ? open_special(file, error)
                                                : open_temporary(file, error);
    }
    if (status) {
        release(&file);
        return status;
    }
    *out = file;
    return SMT_OK;
}

smt_status smt_file_standard_output(smt_file **out, smt_error *error)
{
    smt_file *file = smt_alloc(1, sizeof *file);
    char *path = smt_strdup("standard output");
    if (!file || !path) {
        smt_free(file);
        smt_free(path);
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    *file = (smt_file){.path = path, .stream = stdout, .slot = -1, .bulk = true};
    *out = file;
    return SMT_OK;
}

void smt_file_write(smt_file *file, const void *data, size_t size)
{
    if (!file->error && size && fwrite(data, 1, size, file->stream) != size) {
        file->error = errno ? errno : EIO;
    }
}

void smt_file_printf(smt_file *file, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int written = vfprintf(file->stream, format, arguments);
    va_end(arguments);
    if (written < 0 && !file->error) {
        file->error = errno ? errno : EIO;
    }
}

void smt_file_csv_field(smt_file *file, const char *text)
{
    size_t length = strlen(text);
    bool quote =
        strpbrk(text, ",\"\r\n") || (length && (text[0] == ' ' || text[length - 1] == ' '));
    if (!quote) {
        smt_file_write(file, text, length);
        return;
    }
    smt_file_write(file, "\"", 1);
    for (; *text; text++) {
        smt_file_write(file, text, 1);
        if (*text == '"') {
            smt_file_write(file, text, 1);
        }
    }
    smt_file_write(file, "\"", 1);
}

const char *smt_file_temporary(const smt_file *file)
{
    return file->temporary ? file->temporary : file->path;
}

void smt_file_bulk(smt_file *file)
{
    file->bulk = true;
}

smt_status smt_file_commit(smt_file **file, smt_error *error)
{
    smt_file *f = *file;
    if (!f->error && (fflush(f->stream) || (!f->bulk && fsync(fileno(f->stream))))) {
        /* fsync refuses pipes and some file systems; only a lack of space is an error there. */
        f->error = errno == EINVAL || errno == EROFS ? 0 : errno;
    }
    if (f->stream != stdout && fclose(f->stream) && !f->error) {
        f->error = errno;
    }
    if (!f->error && f->temporary && rename(f->temporary, f->target)) {
        f->error = errno;
    }
    smt_status status = SMT_OK;
    if (f->error) {
        if (f->temporary) {
            unlink(f->temporary);
        }
        status = smt_fail(error, SMT_ERR_IO, "%s: cannot write: %s", f->path, strerror(f->error));
    }
    release(file);
    return status;
}

void smt_file_abandon(smt_file **file)
{
    if (file && *file) {
        if ((*file)->stream != stdout) {
            fclose((*file)->stream);
        }
        if ((*file)->temporary) {
            unlink((*file)->temporary);
        }
        release(file);
    }
}

void smt_file_remove_left(const char *path)
{
    const char *name = smt_path_name(path);
    char *folder = smt_format("%.*s.", (int)(name - path), path), **names = NULL;
    size_t count = 0, length = strlen(name);
    if (folder && smt_list_directory(folder, &names, &count, NULL) == SMT_OK) {
        for (size_t i = 0; i < count; i++) {
            long process;
            unsigned serial;
            int end = 0;
            if (strncmp(names[i], name, length) == 0 &&
                sscanf(names[i] + length, ".tmp.%ld.%u%n", &process, &serial, &end) == 2 &&
                !names[i][length + (size_t)end]) {
                char *left = smt_path_join(folder, names[i]);
                if (left) {
                    unlink(left);
                }
                smt_free(left);
            }
        }
    }
    smt_list_free(&names, count);
    smt_free(folder);
}

static smt_status save(const char *path, const void *data, size_t size, bool bulk, smt_error *error)
{
    smt_file *file = NULL;
    smt_status status = smt_file_create(path, &file, error);
    if (status) {
        return status;
    }
    if (bulk) {
        smt_file_bulk(file);
    }
    smt_file_write(file, data, size);
    return smt_file_commit(&file, error);
}

smt_status smt_file_save(const char *path, const void *data, size_t size, smt_error *error)
{
    return save(path, data, size, false, error);
}

smt_status smt_file_save_bulk(const char *path, const void *data, size_t size, smt_error *error)
{
    return save(path, data, size, true, error);
}

smt_status
smt_file_load(const char *path, size_t limit, void **data, size_t *size, smt_error *error)
{
    if (!limit) {
        limit = (size_t)1 << 30;
    }
    smt_status status = SMT_OK;
    char *buffer = NULL;
    FILE *stream = fopen(path, "rb");
    if (!stream) {
        return smt_fail(error, SMT_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    }
    struct stat info;
    int reason = fstat(fileno(stream), &info) ? errno : S_ISDIR(info.st_mode) ? EISDIR : 0;
    if (reason) {
        const char *why = reason == EISDIR ? "is a folder" : strerror(reason);
        status = smt_fail(error, SMT_ERR_IO, "%s: cannot read: %s", path, why);
        goto done;
    }
    /* Of a pipe, and of what /proc shows, no size is known. */
    size_t unknown = limit < 65536 ? limit : 65536;
    size_t capacity = S_ISREG(info.st_mode) && info.st_size > 0 ? (size_t)info.st_size : unknown;
    if (capacity > limit) {
        status = smt_fail(
            error, SMT_ERR_LIMIT, "%s: %zu bytes; the limit is %zu", path, capacity, limit);
        goto done;
    }
    size_t used = 0;
    buffer = smt_alloc_unset(capacity + 1, 1);
    while (buffer) {
        used += fread(buffer + used, 1, capacity - used, stream);
        if (ferror(stream)) {
            status = smt_fail(error, SMT_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
            goto done;
        }
        if (used < capacity) {
            break;
        }
        int next = fgetc(stream);
        if (next == EOF) {
            break;
        }
        if (capacity >= limit) {
            status = smt_fail(error, SMT_ERR_LIMIT, "%s: more than %zu bytes", path, limit);
            goto done;
        }
        size_t larger = capacity > limit / 2 ? limit : capacity * 2;
        char *fresh = smt_realloc(buffer, used, larger + 1, 1);
        if (!fresh) {
            smt_free(buffer);
        }
        buffer = fresh;
        if (buffer) {
            capacity = larger;
            buffer[used++] = (char)next;
        }
    }
    if (!buffer) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        goto done;
    }
    buffer[used] = 0;
    *data = buffer;
    *size = used;
    buffer = NULL;
done:
    smt_free(buffer);
    fclose(stream);
    return status;
}
