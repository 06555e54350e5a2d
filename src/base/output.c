/* Whether an output can be written, asked before the work. */
#include <semtinel/base.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static smt_status check_folder(const char *path, smt_error *error)
{
    char *part = smt_path_existing(path);
    char *probe = part ? smt_format("%s/.semtinel.%ld", part, (long)getpid()) : NULL;
    smt_status status = SMT_OK;
    if (!probe) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    } else if (!smt_path_is_directory(part)) {
        const char *what = smt_path_exists(part) ? "a file" : "a link that leads nowhere";
        status = smt_fail(error, SMT_ERR_IO, "%s: is %s; a folder is needed", part, what);
    } else {
        int file = open(probe, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (file < 0) {
            status = smt_fail(error,
                              SMT_ERR_IO,
                              "%s: cannot %s the folder: %s",
                              path,
                              strcmp(part, path) ? "make" : "write into",
                              strerror(errno));
        } else {
            close(file);
            unlink(probe);
        }
    }
    smt_free(probe);
    smt_free(part);
    return status;
}

smt_status smt_check_output(const char *path, bool folder, smt_error *error)
{
    struct stat info;
    if (!*path || strcmp(path, "-") == 0) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: the name of a %s is needed%s",
                        *path ? path : "''",
                        folder ? "folder" : "file",
                        *path ? "; ./- is one that is called so" : "");
    }
    if (folder) {
        return check_folder(path, error);
    }
    /* Opening a pipe would wait for its reader, and closing it would end the reader. */
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
        return access(path, W_OK)
                   ? smt_fail(error, SMT_ERR_IO, "%s: cannot write: %s", path, strerror(errno))
                   : SMT_OK;
    }
    smt_file *file = NULL;
    smt_status status = smt_file_create(path, &file, error);
    smt_file_abandon(&file);
    return status;
}

smt_status smt_check_kept(const char *path, const char *source, smt_error *error)
{
    if (!smt_path_exists(path) || !smt_path_exists(source) || !smt_path_same(path, source)) {
        return SMT_OK;
    }
    return smt_fail(error,
                    SMT_ERR_ARGUMENT,
                    "%s: is to be read, and would be overwritten; name another file to write",
                    path);
}

smt_status smt_check_apart(const char *path, const char *source, smt_error *error)
{
    char *there = smt_path_existing(path);
    smt_status status = SMT_OK;
    if (!there) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    } else if (smt_path_inside(there, source)) {
        status = smt_fail(error,
                          SMT_ERR_ARGUMENT,
                          "%s: lies inside %s; name a folder outside of it",
                          path,
                          source);
    }
    smt_free(there);
    return status;
}
