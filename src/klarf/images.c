/* The image files of a KLARF, opened as its defects ask for them. */
#include <semtinel/klarf.h>

#include <string.h>

#define OPEN_FILES 64
#define OPEN_BYTES ((size_t)256 << 20) /* beyond them two files stay open, and no third */
#define LOST_LINES 20                  /* lost images beyond these are counted, not named */

/* A file that was asked for. */
typedef struct entry {
    const char *name;     /* the KLARF's */
    smt_image_file *file; /* NULL: it is not to be had */
} entry;

struct smt_klarf_images {
    const smt_klarf *klarf;
    smt_klarf_finder *finder;
    size_t *lost;
    entry entries[OPEN_FILES];
    int count;
    size_t bytes;
};

smt_status smt_klarf_images_create(const smt_klarf *klarf,
                                   const char *folder,
                                   size_t *lost,
                                   smt_klarf_images **out,
                                   smt_error *error)
{
    smt_klarf_images *images = smt_alloc(1, sizeof *images);
    if (!images) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", smt_klarf_about(klarf)->path);
    }
    images->klarf = klarf;
    images->lost = lost;
    smt_status status = smt_klarf_finder_create(klarf, folder, &images->finder, error);
    if (status) {
        smt_klarf_images_destroy(&images);
        return status;
    }
    *out = images;
    return SMT_OK;
}

static void close_all(smt_klarf_images *images)
{
    for (int i = 0; i < images->count; i++) {
        smt_image_file_close(&images->entries[i].file);
    }
    images->count = 0;
    images->bytes = 0;
}

void smt_klarf_images_destroy(smt_klarf_images **images)
{
    if (*images) {
        close_all(*images);
        smt_klarf_finder_destroy(&(*images)->finder);
        smt_free(*images);
        *images = NULL;
    }
}

/* NULL: the file was not asked for yet. */
static const entry *find(const smt_klarf_images *images, const char *name)
{
    for (int i = images->count - 1; i >= 0; i--) {
        if (images->entries[i].name == name || strcmp(images->entries[i].name, name) == 0) {
            return &images->entries[i];
        }
    }
    return NULL;
}

bool smt_klarf_images_closes(const smt_klarf_images *images, const smt_klarf_image *image)
{
    return (images->count == OPEN_FILES || (images->count > 1 && images->bytes > OPEN_BYTES)) &&
           !find(images, image->file);
}

static void say(const smt_klarf_images *images, const char *reason)
{
    if (*images->lost < LOST_LINES) {
        smt_log(SMT_LOG_WARNING, "skipped %s", reason);
    }
}

void smt_klarf_images_lose(smt_klarf_images *images, const char *reason)
{
    say(images, reason);
    ++*images->lost;
}

/* Opens the file; that it is not to be had is said here, once. */
static smt_status add(smt_klarf_images *images, const char *name, smt_error *error)
{
    char *path = NULL;
    smt_error why = {0};
    smt_image_file *file = NULL;
    smt_status status = smt_klarf_find(images->finder, name, &path, error);
    if (!status && path) {
        smt_image_file_open(path, &file, &why);
        status =
            why.status == SMT_ERR_MEMORY ? smt_fail(error, why.status, "%s", why.message) : SMT_OK;
    } else if (!status) {
        smt_fail(&why,
                 SMT_ERR_IO,
                 "%s: the image %s is not there",
                 smt_klarf_about(images->klarf)->path,
                 *name ? name : "file, which is not named,");
    }
    smt_free(path);
    if (status) {
        return status;
    }
    if (!file) {
        say(images, why.message);
    }
    images->bytes += file ? file->size : 0;
    images->entries[images->count++] = (entry){.name = name, .file = file};
    return SMT_OK;
}

smt_status smt_klarf_images_take(smt_klarf_images *images,
                                 const smt_klarf_image *image,
                                 const char *defect,
                                 const smt_image_file **file,
                                 smt_error *error)
{
    *file = NULL;
    const entry *known = find(images, image->file);
    if (!known) {
        if (smt_klarf_images_closes(images, image)) {
            close_all(images);
        }
        smt_status status = add(images, image->file, error);
        if (status) {
            return status;
        }
        known = &images->entries[images->count - 1];
    }
    if (!known->file) {
        ++*images->lost;
    } else if (image->page < 1 || (size_t)image->page > known->file->count) {
        smt_error why;
        smt_fail(&why,
                 SMT_ERR_FORMAT,
                 "%s: holds %zu %s, not the number %d of defect %s",
                 known->file->path,
                 known->file->count,
                 smt_plural(known->file->count, "image", "images"),
                 image->page,
                 defect);
        smt_klarf_images_lose(images, why.message);
    } else {
        *file = known->file;
    }
    return SMT_OK;
}
