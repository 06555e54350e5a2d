/* semtinel/klarf.h: KLARF, the file in which a fab keeps a wafer's defects, with their places,
 * classes and images.
 *
 * Versions 1.1 and 1.2 are flat statements, 1.8 is a tree of records. Both are read by tokens,
 * never by lines, and written back byte for byte but for what was asked to change. KLA's
 * specification is not public; docs/klarf.md says what is understood, and from where. */
#ifndef SEMTINEL_KLARF_H
#define SEMTINEL_KLARF_H

#include <semtinel/base.h>
#include <semtinel/image.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Limits; beyond them a file is refused with SMT_ERR_LIMIT. */
#define SMT_KLARF_MAX_BYTES ((size_t)512 << 20)
#define SMT_KLARF_MAX_DEFECTS ((size_t)4 << 20)
#define SMT_KLARF_MAX_IMAGES ((size_t)16 << 20)
#define SMT_KLARF_MAX_CLASSES 4096 /* of a ClassLookup */
#define SMT_KLARF_MAX_COLUMNS 512
#define SMT_KLARF_MAX_DEPTH 32 /* records within records */

#define SMT_KLARF_NONE (-1) /* no number: NA, or none that can be a class */

typedef struct smt_klarf smt_klarf;

typedef struct smt_klarf_info {
    const char *path;
    char version[16]; /* "1.2" */
    size_t wafer_count, defect_count, image_count;
} smt_klarf_info;

/* A row of a DefectList. Texts belong to the KLARF. */
typedef struct smt_klarf_defect {
    char id[32];             /* DEFECTID as it stands, "" if there is none */
    const char *lot, *wafer; /* "" where the file does not say */
    double x, y;             /* micrometres from the wafer's centre: index * die pitch + position in
                                the die - SampleCenterLocation; NaN: the file does not say */
    size_t first_image, image_count;
} smt_klarf_defect;

/* An image of a defect, as the file names it. */
typedef struct smt_klarf_image {
    const char *file; /* as it stands there; "": no file is named */
    int page;         /* of that file, from 1 */
    char type[32];    /* "0", "Patch", ...; "" if there is none */
} smt_klarf_image;

/* Reads a file. Messages name file, line and reason. SMT_ERR_FORMAT: no KLARF, cut off, or damaged;
 * SMT_ERR_UNSUPPORTED: another version; SMT_ERR_LIMIT. */
SMT_API smt_status smt_klarf_load(const char *path, smt_klarf **out, smt_error *error);
/* The same of bytes in memory, which are copied; `path` stands in messages and is where images are
 * looked for. */
SMT_API smt_status
smt_klarf_parse(const void *data, size_t size, const char *path, smt_klarf **out, smt_error *error);
SMT_API void smt_klarf_destroy(smt_klarf **klarf);

SMT_API const smt_klarf_info *smt_klarf_about(const smt_klarf *klarf);
/* index: below defect_count, below image_count. */
SMT_API void smt_klarf_defect_at(const smt_klarf *klarf, size_t index, smt_klarf_defect *out);
SMT_API void smt_klarf_image_at(const smt_klarf *klarf, size_t index, smt_klarf_image *out);

/* True if every list with defects declares the column (any case). */
SMT_API bool smt_klarf_has_column(const smt_klarf *klarf, const char *column);
/* SMT_ERR_ARGUMENT unless smt_klarf_has_column; the message names a near one. */
SMT_API smt_status smt_klarf_check_column(const smt_klarf *klarf,
                                          const char *column,
                                          smt_error *error);
/* The same for a column to write: SMT_ERR_ARGUMENT for one that says which defect it is, where, how
 * large, or what images it has. */
SMT_API smt_status smt_klarf_check_writable(const smt_klarf *klarf,
                                            const char *column,
                                            smt_error *error);
/* The whole number, 0 or more, in that column of a defect; SMT_KLARF_NONE otherwise. */
SMT_API int smt_klarf_number(const smt_klarf *klarf, size_t defect, const char *column);
/* The name that the defect's ClassLookup gives to a number; NULL: it does not stand there. */
SMT_API const char *smt_klarf_class_name(const smt_klarf *klarf, size_t defect, int number);

/* Where an image lies on this machine, freed with smt_free: *path is NULL if it is not found. Names
 * are looked for below `folder` (NULL: the KLARF's own), '\' being '/'. What is not there, and
 * every name that is absolute or leads out of the folder ("../x"), is looked for by its last part
 * in the folder itself, at last in any case. A name that is not UTF-8 is looked for as Latin-1
 * then. Nothing outside the folder is ever taken on the word of a KLARF. */
typedef struct smt_klarf_finder smt_klarf_finder;
SMT_API smt_status smt_klarf_finder_create(const smt_klarf *klarf,
                                           const char *folder,
                                           smt_klarf_finder **out,
                                           smt_error *error);
SMT_API smt_status smt_klarf_find(const smt_klarf_finder *finder,
                                  const char *file,
                                  char **path,
                                  smt_error *error);
SMT_API void smt_klarf_finder_destroy(smt_klarf_finder **finder);

/* The image files of a KLARF, opened as its defects ask for them. Those that were asked for stay
 * open, up to 64, of large ones (together beyond 256 MiB) two: defects take turns between files of
 * many pages. */
typedef struct smt_klarf_images smt_klarf_images;
/* folder: as for the finder. *lost, which the caller keeps, is raised by each image that is not to
 * be had; while it is below 20, each is logged. */
SMT_API smt_status smt_klarf_images_create(const smt_klarf *klarf,
                                           const char *folder,
                                           size_t *lost,
                                           smt_klarf_images **out,
                                           smt_error *error);
/* The file of an image, which has the image's page; *file is NULL if it is not to be had, which is
 * told once of a file. `defect` is named in messages. Errors: SMT_ERR_MEMORY alone. */
SMT_API smt_status smt_klarf_images_take(smt_klarf_images *images,
                                         const smt_klarf_image *image,
                                         const char *defect,
                                         const smt_image_file **file,
                                         smt_error *error);
/* True if to take this image closes all the files that were given before. */
SMT_API bool smt_klarf_images_closes(const smt_klarf_images *images, const smt_klarf_image *image);
/* Counts, and logs as above, an image whose file is there and that cannot be read. */
SMT_API void smt_klarf_images_lose(smt_klarf_images *images, const char *reason);
SMT_API void smt_klarf_images_destroy(smt_klarf_images **images);

/* ---- writing back --------------------------------------------------------------------------- */

/* Classes for the defects, by a list of names that is not the KLARF's own. */
typedef struct smt_klarf_answers {
    const char *column; /* the class column to write */
    const char *const *classes;
    int class_count;
    const int *numbers; /* class_count: the class's number; SMT_KLARF_NONE: by its name. NULL: all
                           by their names */
    const int *answer;  /* defect_count: index into classes; -1: the row stays as it is */
} smt_klarf_answers;

/* The file with the answers in it, freed with smt_free. Changed are the cells of the column, and
 * nothing where the number stands already. A class is that of the ClassLookup of the same name,
 * else of the same spelling, else of a synonym (smt_class_canonical), number 0 left aside, which
 * means unclassified. A class that is not there gets a number that is free, behind the largest in
 * the file, and if an answer needs it a row of ClassLookup, as does a given number that has none.
 * A file without a ClassLookup gets one. written: defect_count, or NULL; filled with the
 * number of each answer, SMT_KLARF_NONE without one. */
SMT_API smt_status smt_klarf_rewrite(const smt_klarf *klarf,
                                     const smt_klarf_answers *answers,
                                     char **text,
                                     size_t *size,
                                     int *written,
                                     smt_error *error);

/* ---- class folders -------------------------------------------------------------------------- */

#define SMT_KLARF_UNCLASSIFIED "Unclassified"

typedef struct smt_klarf_dataset_options {
    const char *column; /* NULL: MANSEMCLASS if all files have it and it says anything, else
                           CLASSNUMBER */
    const char *folder; /* of the images; NULL: each KLARF's own */
    const char *type;   /* images of this type only (any case); NULL: all */
    bool keep_unclassified;
} smt_klarf_dataset_options;

typedef struct smt_klarf_dataset_result {
    const char *column;
    size_t defects;      /* in all files */
    size_t copied;       /* of them, with at least one image in the data set */
    size_t images;       /* in the data set */
    size_t without;      /* defects that name no image (of the type) */
    size_t unclassified; /* defects with an image and class 0, NA, or one that ClassLookup lacks */
    size_t lost;         /* images that are not there or cannot be read; the first 20 were logged */
} smt_klarf_dataset_result;

/* Writes OUT/CLASS/LOT_WAFER_DEFECTID_N.png, N being the defect's first, second, ... image, and
 * OUT/defects.csv, which says of each image where it comes from. A page of a file with several
 * becomes a PNG, its info strip cut off, as the image is seen by a network; other files are copied
 * byte for byte. CLASS is the name in ClassLookup, '/', '\' and a leading '.' becoming '_'. OUT
 * must be missing or empty, and is left as it was on failure. SMT_ERR_ARGUMENT: no such column;
 * SMT_ERR_FORMAT: there is no image to copy. */
SMT_API smt_status smt_klarf_write_dataset(smt_klarf *const *files,
                                           size_t count,
                                           const smt_klarf_dataset_options *options,
                                           const char *out,
                                           smt_klarf_dataset_result *result,
                                           smt_error *error);

#ifdef __cplusplus
}
#endif
#endif
