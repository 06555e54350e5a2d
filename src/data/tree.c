/* A folder that appears whole or not at all: files grow in a hidden folder inside it and are moved
 * out at the end. What a killed process left of that is removed by the next one that writes there:
 * each holds a lock on the folder, which goes with the process. */
#include "data/tree.h"

#include <semtinel/image.h>
#include <semtinel/split.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAGING ".partial"

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static void remove_all(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void release(tree *t)
{
    if (t->staging && t->lock >= 0) {
        close(t->lock);
    }
    smt_free(t->out);
    smt_free(t->staging);
    *t = (tree){0};
}

/* The folder's lock, which ends with the descriptor. False: another process has it, or the file
 * system has none. */
static bool take_lock(const char *out, int *lock)
{
    *lock = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *lock >= 0 && flock(*lock, LOCK_EX | LOCK_NB) == 0;
}

smt_status smt_split_check_output(const char *source, const char *out, smt_error *error)
{
    char **names = NULL;
    size_t count = 0;
    smt_status status = source ? smt_check_apart(out, source, error) : SMT_OK;
    status = status ? status : smt_check_output(out, true, error);
    if (!status && smt_path_exists(out)) {
        status = smt_list_directory(out, &names, &count, error);
    }
    bool begun = !status && count == 1 && strcmp(names[0], STAGING) == 0;
    smt_list_free(&names, count);
    if (begun) {
        int lock = -1;
        bool left = take_lock(out, &lock);
        if (lock >= 0) {
            close(lock);
        }
        if (!left) {
            status = smt_fail(error,
                              SMT_ERR_IO,
                              "%s: another process is writing here, or was cut short; name a new "
                              "folder, or remove it first",
                              out);
        }
    } else if (!status && count) {
        status = smt_fail(
            error, SMT_ERR_IO, "%s: is not empty; name a new folder, or remove it first", out);
    }
    return status;
}

smt_status tree_begin(const char *out, const char *source, tree *t, smt_error *error)
{
    *t = (tree){.lock = -1};
    smt_status status = smt_split_check_output(source, out, error);
    t->created = !smt_path_exists(out);
    status = status ? status : smt_make_directory(out, error);
    if (status) {
        return status;
    }
    t->out = smt_strdup(out);
    t->staging = smt_path_join(out, STAGING); /* the same of all processes: one makes it */
    if (!t->out || !t->staging) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", out);
    } else {
        bool alone = take_lock(out, &t->lock), busy = !alone && errno == EWOULDBLOCK;
        if (alone) {
            remove_all(t->staging);
        }
        if (busy || mkdir(t->staging, 0777)) {
            const char *reason =
                busy || errno == EEXIST ? "another process is writing here" : strerror(errno);
            status = smt_fail(error, SMT_ERR_IO, "%s: cannot write: %s", out, reason);
        }
    }
    if (status) {
        if (t->created) {
            rmdir(out);
        }
        release(t);
    }
    return status;
}

smt_status tree_path(const tree *t,
                     const char *split,
                     const char *class_name,
                     const char *name,
                     char **path,
                     smt_error *error)
{
    char *folder = smt_format("%s%s%s%s%s",
                              t->staging,
                              split ? "/" : "",
                              split ? split : "",
                              class_name ? "/" : "",
                              class_name ? class_name : "");
    char *whole = folder ? smt_path_join(folder, name) : NULL;
    smt_status status = whole ? smt_make_directory(folder, error)
                              : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", t->out);
    smt_free(folder);
    if (status) {
        smt_free(whole);
        return status;
    }
    *path = whole;
    return SMT_OK;
}

smt_status tree_free_path(const tree *t,
                          const char *split,
                          const char *class_name,
                          const char *name,
                          char **path,
                          smt_error *error)
{
    char *plain = NULL;
    smt_status status = tree_path(t, split, class_name, name, &plain, error);
    if (status) {
        return status;
    }
    *path = smt_path_unused(plain);
    smt_free(plain);
    return *path ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", t->out);
}

static smt_status copy_file(const char *from, const char *to, bool link_it, smt_error *error)
{
    if (link_it) {
        /* Follow links: a hard link to a symbolic link would dangle elsewhere. */
        if (linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0) {
            return SMT_OK;
        }
        return smt_fail(error,
                        SMT_ERR_IO,
                        "%s: cannot make a hard link: %s; leave out --link to copy",
                        from,
                        strerror(errno));
    }
    char buffer[65536];
    int source = open(from, O_RDONLY | O_CLOEXEC);
    if (source < 0) {
        return smt_fail(error, SMT_ERR_IO, "%s: cannot read: %s", from, strerror(errno));
    }
    int target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    smt_status status = SMT_OK;
    if (target < 0) {
        status = smt_fail(error, SMT_ERR_IO, "%s: cannot write: %s", to, strerror(errno));
    }
    while (status == SMT_OK) {
        ssize_t got = read(source, buffer, sizeof buffer);
        if (got <= 0) {
            if (got < 0) {
                status = smt_fail(error, SMT_ERR_IO, "%s: cannot read: %s", from, strerror(errno));
            }
            break;
        }
        for (ssize_t at = 0; at < got && status == SMT_OK;) {
            ssize_t put = write(target, buffer + at, (size_t)(got - at));
            if (put < 0) {
                status = smt_fail(error, SMT_ERR_IO, "%s: cannot write: %s", to, strerror(errno));
            }
            at += put;
        }
    }
    close(source);
    if (target >= 0 && close(target) && status == SMT_OK) {
        status = smt_fail(error, SMT_ERR_IO, "%s: cannot write: %s", to, strerror(errno));
    }
    return status;
}

smt_status tree_copy(const char *from, const char *to, bool link_it, smt_error *error)
{
    smt_status status = copy_file(from, to, link_it, error);
    return status ? status : smt_image_copy_sidecars(from, to, error);
}

smt_status tree_commit(tree *t, smt_error *error)
{
    char **names = NULL, **from = NULL, **to = NULL;
    size_t count = 0, moved = 0;
    smt_status status = smt_list_directory(t->staging, &names, &count, error);
    if (status) {
        tree_abandon(t);
        return status;
    }
    /* All paths first, so that the way back needs no memory. */
    from = smt_alloc(count, sizeof *from);
    to = smt_alloc(count, sizeof *to);
    bool ok = from && to;
    for (size_t i = 0; ok && i < count; i++) {
        from[i] = smt_path_join(t->staging, names[i]);
        to[i] = smt_path_join(t->out, names[i]);
        ok = from[i] && to[i];
    }
    if (!ok) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", t->out);
    }
    for (; status == SMT_OK && moved < count; moved++) {
        if (rename(from[moved], to[moved])) {
            status =
                smt_fail(error, SMT_ERR_IO, "%s: cannot write: %s", to[moved], strerror(errno));
            break;
        }
    }
    if (status == SMT_OK && rmdir(t->staging)) {
        status = smt_fail(error, SMT_ERR_IO, "%s: cannot remove: %s", t->staging, strerror(errno));
    }
    for (size_t i = 0; status && i < moved; i++) {
        remove_all(to[i]);
    }
    smt_list_free(&from, count);
    smt_list_free(&to, count);
    smt_list_free(&names, count);
    if (status) {
        tree_abandon(t);
    } else {
        release(t);
    }
    return status;
}

void tree_abandon(tree *t)
{
    if (t->staging) {
        remove_all(t->staging);
        if (t->created) {
            rmdir(t->out);
        }
    }
    release(t);
}
