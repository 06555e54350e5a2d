/* semtinel/base.h: status and errors, memory, logging, random numbers, threads, progress, files.
 *
 * Fallible functions return smt_status and leave their out-parameters untouched on failure. Detail
 * goes into an optional smt_error. The library never prints (it calls the log callback) and never
 * exits. All functions are thread-safe, as long as no two threads use one object that changes (a
 * pool at work does), unless their comment says otherwise. Numbers in files are read and written by
 * the locale of the program: its LC_NUMERIC must be "C", as it is at the start.
 *
 * Beside the errors that a comment names, any fallible function may give SMT_ERR_MEMORY, one that
 * is handed a path SMT_ERR_IO, and one that takes long SMT_ERR_INTERRUPTED. What a function creates
 * in *out belongs to the caller, who releases it with the _destroy, _close or _free beside it.
 * Where these take the address of a pointer, they null it, and it may be NULL already.
 */
#ifndef SEMTINEL_BASE_H
#define SEMTINEL_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SMT_API __attribute__((visibility("default")))
#define SMT_PRINTF(format_index, first_argument)                                                   \
    __attribute__((format(printf, format_index, first_argument)))
#else
#define SMT_API
#define SMT_PRINTF(format_index, first_argument)
#endif

/* ---- status and errors -------------------------------------------------------------------- */

typedef enum smt_status {
    SMT_OK = 0,
    SMT_ERR_ARGUMENT, /* the caller's argument is out of its documented range */
    SMT_ERR_MEMORY,   /* an allocation failed */
    SMT_ERR_IO,       /* the system refused a file operation: not found, no permission, disk full */
    SMT_ERR_FORMAT,   /* a file is damaged or is not what its name says */
    SMT_ERR_UNSUPPORTED, /* a file is valid, but uses something that semtinel does not do */
    SMT_ERR_LIMIT,       /* a documented limit (dimensions, counts, bytes) is exceeded */
    SMT_ERR_INTERRUPTED  /* smt_interrupt() was called (Ctrl-C) */
} smt_status;

typedef struct smt_error {
    smt_status status;
    char message[1024]; /* one line, NUL-terminated, names the file and the way out */
} smt_error;

/* "out of memory", "file error", ... A static string. */
SMT_API const char *smt_status_name(smt_status status);

/* Fills `error` (may be NULL) and returns `status`, so that callers write
 * `return smt_fail(error, SMT_ERR_IO, "%s: %s", path, strerror(errno));` */
SMT_API smt_status smt_fail(smt_error *error, smt_status status, const char *format, ...)
    SMT_PRINTF(3, 4);

/* Overwrites control characters with '?', so that a file's name cannot break a line or drive a
 * terminal. smt_fail and smt_log do so already. */
SMT_API void smt_printable(char *text);

/* ---- memory -------------------------------------------------------------------------------- */

/* Zeroed memory for count * size bytes, 64-byte aligned;
 * NULL when the product overflows or memory is short. */
SMT_API void *smt_alloc(size_t count, size_t size);
/* The same without zeroing, for what is written whole before it is read: a file's bytes, the arena
 * of a network. Zeroing those took half the time from opening a model to its first result. */
SMT_API void *smt_alloc_unset(size_t count, size_t size);
/* Grows or shrinks a block of smt_alloc to count * size bytes, keeping `old_count * size` bytes at
 * most; the new tail is zeroed. On failure returns NULL and leaves the block as it was. */
SMT_API void *smt_realloc(void *block, size_t old_count, size_t count, size_t size);
SMT_API char *smt_strdup(const char *text); /* freed with smt_free */
SMT_API char *smt_format(const char *format, ...)
    SMT_PRINTF(1, 2); /* freed with smt_free; NULL: no memory */
/* A copy in which every byte that is not part of well-formed UTF-8 stands as U+FFFD: file names are
 * bytes, but JSON, HTML and fonts want text. Freed with smt_free; NULL: no memory. */
SMT_API char *smt_utf8(const char *text);
/* True if all of it is well-formed UTF-8. */
SMT_API bool smt_utf8_valid(const char *text);
/* A name in UTF-8: one that is not is taken as Latin-1. Freed with smt_free; NULL: no memory. */
SMT_API char *smt_utf8_name(const char *text);
/* The same for a class, in Unicode's composed form (NFC): Macs write the names of folders in the
 * decomposed one, which looks the same and has other bytes. */
SMT_API char *smt_utf8_class(const char *text);
/* Characters of UTF-8 text, and the width for "%-*s" that makes it fill `columns` of them. */
SMT_API int smt_utf8_length(const char *text);
SMT_API int smt_utf8_pad(const char *text, int columns);
/* The columns of a list of names: those of the longest, but at
 * least `least`; names of more than 48 stand out of the list. */
SMT_API int smt_utf8_widest(const char *const *names, int count, int least);
/* The word that goes with a count: "%zu %s", n, smt_plural(n, "image", "images"). */
static inline const char *smt_plural(size_t count, const char *one, const char *many)
{
    return count == 1 ? one : many;
}
SMT_API void smt_free(void *block); /* NULL is allowed */
/* For tests: the allocation that comes after `countdown`
 * further ones fails, as do all that follow; negative: none. */
SMT_API void smt_alloc_fail_after(long countdown);

/* ---- log ----------------------------------------------------------------------------------- */

typedef enum smt_log_level {
    SMT_LOG_DEBUG,
    SMT_LOG_INFO,
    SMT_LOG_WARNING,
    SMT_LOG_ERROR
} smt_log_level;
typedef void (*smt_log_function)(void *context, smt_log_level level, const char *line);
/* Sets the process-wide receiver of log lines (no trailing
 * newline); NULL: none, the default. Not thread-safe. */
SMT_API void smt_log_set(smt_log_function function, void *context);
SMT_API void smt_log(smt_log_level level, const char *format, ...) SMT_PRINTF(2, 3);

/* ---- random numbers ------------------------------------------------------------------------ */

/* xoshiro256** seeded by splitmix64 (Blackman and Vigna
 * 2018). A value type: copy it to fork a stream. */
typedef struct smt_rng {
    uint64_t state[4];
} smt_rng;

/* A stream for (seed, stream): equal pairs give equal streams, different pairs unrelated ones. Use
 * smt_hash64 to fold several numbers (epoch, sample index) into `stream`. */
SMT_API smt_rng smt_rng_seed(uint64_t seed, uint64_t stream);
SMT_API uint64_t smt_hash64(uint64_t a, uint64_t b);
SMT_API uint64_t smt_hash_text(const char *text, size_t length); /* FNV-1a */
SMT_API uint64_t smt_rng_next(smt_rng *rng);                     /* 64 uniform bits */
SMT_API uint32_t smt_rng_below(smt_rng *rng, uint32_t bound); /* uniform in [0, bound); bound > 0 */
SMT_API double smt_rng_uniform(smt_rng *rng, double low, double high); /* uniform in [low, high) */
SMT_API double smt_rng_normal(smt_rng *rng);                           /* mean 0, variance 1 */
/* Every order of the items is equally likely. count: below 2^32. */
SMT_API void smt_rng_shuffle(smt_rng *rng, uint32_t *items, size_t count);
/* In place, ascending; no NaN. */
SMT_API void smt_sort_doubles(double *values, size_t count);
SMT_API void smt_sort_floats(float *values, size_t count);
/* Index of the largest of `count` values; the first of equals. */
SMT_API int smt_argmax(const float *values, int count);

/* ---- threads ------------------------------------------------------------------------------- */

typedef struct smt_pool smt_pool;
typedef void (*smt_task)(void *context, int task, int worker);

/* Cores that this process may run on, 1 .. 256. */
SMT_API int smt_cores(void);
/* A pool that runs tasks on `threads` threads, the caller's among them, 0 .. 256; 0: smt_cores().
 * SMT_ERR_ARGUMENT: out of range. */
SMT_API smt_status smt_pool_create(int threads, smt_pool **out, smt_error *error);
SMT_API int smt_pool_threads(const smt_pool *pool);
/* Runs function(context, i, worker) for i in [0, tasks), worker in [0, threads), and returns when
 * all are done. Which worker takes which task is not fixed: results must depend on the task number
 * alone. One run at a time: not inside a task of the pool, nor from two threads. */
SMT_API void smt_pool_run(smt_pool *pool, int tasks, smt_task function, void *context);
SMT_API void smt_pool_destroy(smt_pool **pool);

/* ---- interruption and progress -------------------------------------------------------------- */

/* Async-signal-safe; long operations notice at their next step and return SMT_ERR_INTERRUPTED. */
SMT_API void smt_interrupt(void);
SMT_API bool smt_interrupted(void);
/* SMT_ERR_INTERRUPTED, once interrupted. */
SMT_API smt_status smt_check_interrupted(smt_error *error);
SMT_API void smt_interrupt_clear(void);

/* Called by long operations: `done` of `total` units (images, files); `label` says of what. While
 * nobody knows how many there are, `total` is 0; the last call has both equal. */
typedef void (*smt_progress_function)(void *context, const char *label, size_t done, size_t total);
/* As smt_log_set. */
SMT_API void smt_progress_set(smt_progress_function function, void *context);
SMT_API void smt_progress(const char *label, size_t done, size_t total);

SMT_API double smt_clock(void); /* seconds, monotonic */

/* ---- files ---------------------------------------------------------------------------------- */

/* A file that appears whole or not at all: it is written beside its final
 * name as PATH.tmp.PID, flushed to disk and renamed by smt_file_commit.
 * Errors of writing are kept and reported by commit. A link stays, and what
 * it leads to is replaced; a device or pipe is written straight away. */
typedef struct smt_file smt_file;
SMT_API smt_status smt_file_create(const char *path, smt_file **out, smt_error *error);
/* Standard output in its place, which stays open behind the commit. */
SMT_API smt_status smt_file_standard_output(smt_file **out, smt_error *error);
SMT_API void smt_file_write(smt_file *file, const void *data, size_t size);
SMT_API void smt_file_printf(smt_file *file, const char *format, ...) SMT_PRINTF(2, 3);
/* One field of CSV, quoted where it needs it (RFC 4180), and where blanks at its ends would be
 * trimmed by many readers. */
SMT_API void smt_file_csv_field(smt_file *file, const char *text);
/* The path to write to meanwhile, for a library that
 * insists on opening the file itself; owned by `file`. */
SMT_API const char *smt_file_temporary(const smt_file *file);
/* For one file of many (images of a set): the commit does not wait until the disk has it. After a
 * power failure, but not after a crash of the program, such a file may be empty. */
SMT_API void smt_file_bulk(smt_file *file);
/* Renames into place, or removes the temporary on any
 * earlier error. Frees *file either way and nulls it. */
SMT_API smt_status smt_file_commit(smt_file **file, smt_error *error);
/* Removes the temporary; *file may be NULL. */
SMT_API void smt_file_abandon(smt_file **file);
/* Removes the temporaries of `path` that killed processes left beside it. The caller sees to it
 * that no process is writing it. */
SMT_API void smt_file_remove_left(const char *path);
/* Removes all temporaries still open and lets none be opened any more (SMT_ERR_INTERRUPTED);
 * async-signal-safe, for a signal handler about to exit. */
SMT_API void smt_file_abandon_all(void);

/* One call for all: create, write, commit. */
SMT_API smt_status smt_file_save(const char *path, const void *data, size_t size, smt_error *error);
/* The same for one file of many (smt_file_bulk). */
SMT_API smt_status smt_file_save_bulk(const char *path,
                                      const void *data,
                                      size_t size,
                                      smt_error *error);
/* Reads a whole file of at most `limit` bytes (0: 1 GiB; SMT_ERR_LIMIT beyond).
 * *data has one NUL after its end, freed with smt_free. */
SMT_API smt_status
smt_file_load(const char *path, size_t limit, void **data, size_t *size, smt_error *error);
/* mkdir -p. */
SMT_API smt_status smt_make_directory(const char *path, smt_error *error);
/* For asking before long work: whether a file, or a folder that is made with its parents where they
 * are missing, could be written at `path`. The messages are those of trying; nothing is left. "-"
 * is refused: who writes it means standard output. */
SMT_API smt_status smt_check_output(const char *path, bool folder, smt_error *error);
/* SMT_ERR_ARGUMENT: `path`, which may be missing yet, is `source` or would lie inside it. */
SMT_API smt_status smt_check_apart(const char *path, const char *source, smt_error *error);
/* SMT_ERR_ARGUMENT: the file `path`, which may be missing yet, is the file `source`. */
SMT_API smt_status smt_check_kept(const char *path, const char *source, smt_error *error);
SMT_API bool smt_path_exists(const char *path);
/* Nothing is there; false also where that cannot be seen, as opening it then says why. */
SMT_API bool smt_path_missing(const char *path);
SMT_API bool smt_path_is_directory(const char *path);
/* The text as one word of a shell's command line, in quotes if it needs them, for a command that is
 * shown to be copied; freed with smt_free, NULL: no memory. */
SMT_API char *smt_shell_word(const char *text);
/* True if `path` is `folder` or lies below it, links followed; both must exist. */
SMT_API bool smt_path_inside(const char *path, const char *folder);
/* True if both name one file, or would once it is written; never for devices and pipes. */
SMT_API bool smt_path_same(const char *path, const char *other);
/* The path, or the nearest folder above it that exists; freed with smt_free, NULL: no memory. */
SMT_API char *smt_path_existing(const char *path);
SMT_API char *smt_path_join(const char *folder, const char *name); /* freed with smt_free */
SMT_API const char *smt_path_name(const char *path);               /* after the last '/' */
/* From the last '.' of the name; its end if it has none, or begins with it, as hidden files do. */
SMT_API const char *smt_path_suffix(const char *path);
/* The path, or where something is there the first free one with "-2", "-3", ... before the suffix,
 * if those are given in order; too long a name is cut. Freed with smt_free; NULL: no memory. */
SMT_API char *smt_path_unused(const char *path);
/* Names in a folder, sorted by byte value, without "."
 * and ".."; each and the list freed by smt_list_free. */
SMT_API smt_status smt_list_directory(const char *path,
                                      char ***names,
                                      size_t *count,
                                      smt_error *error);
SMT_API void smt_list_free(char ***names, size_t count);
/* Copies of `count` texts, freed by smt_list_free; NULL: no memory. */
SMT_API char **smt_list_copy(const char *const *texts, size_t count);

SMT_API uint32_t smt_crc32(uint32_t crc, const void *data, size_t size); /* IEEE; start with 0 */
SMT_API const char *smt_version(void);                                   /* "0.1.0" */

#ifdef __cplusplus
}
#endif
#endif
