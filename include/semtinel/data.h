/* semtinel/data.h: data sets in folders: scanning, loading, comparing class names. */
#ifndef SEMTINEL_DATA_H
#define SEMTINEL_DATA_H

#include <semtinel/image.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum smt_split {
    SMT_SPLIT_TRAIN,
    SMT_SPLIT_VAL,
    SMT_SPLIT_TEST,
    SMT_SPLIT_NONE,
    SMT_SPLIT_COUNT
} smt_split;

typedef struct smt_sample {
    char *path;      /* owned by the data set; root joined with the relative path */
    int class_index; /* into smt_dataset.classes */
    smt_split split; /* SMT_SPLIT_NONE in a folder of class folders */
    int added;       /* 0; n: from the n-th smt_dataset_add. Trains, and never validates */
    bool unreadable; /* smt_dataset_hold_out found it so */
} smt_sample;

typedef struct smt_dataset {
    char *root;
    int class_count;
    char **classes; /* sorted by byte value; the folder names, merged over the splits */
    size_t sample_count;
    smt_sample *samples;  /* sorted by split, class, name; then those added, likewise */
    int added_count;      /* smt_dataset_add calls */
    size_t ignored_count; /* stray files; the first of them were logged */
} smt_dataset;

/* ROOT/class/image, or ROOT/SPLIT/class/image; SPLIT: train, training, val, valid, validate,
 * validation, test or testing, in any case. Errors: no such folder, no class folder, no image. */
SMT_API smt_status smt_dataset_scan(const char *root, smt_dataset **out, smt_error *error);
/* The same; `deep`: class folders may hold folders of lots or wafers, and the images in those, at
 * any depth, are of the class, too. */
SMT_API smt_status smt_dataset_scan_lots(const char *root,
                                         bool deep,
                                         smt_dataset **out,
                                         smt_error *error);
/* Adds the images of another folder of class folders as training images, those of its val and test
 * folders left out. Its classes are those of `dataset` of the same name, else of the same spelling
 * but for case, punctuation and plural, else of a synonym (smt_class_canonical); others are logged
 * and left out. Errors: as smt_dataset_scan, and no class in common. */
SMT_API smt_status smt_dataset_add(smt_dataset *dataset, const char *root, smt_error *error);
/* Whether the entry `name` of a folder, at `path`, is an image: no hidden file ("._x.png" of macOS
 * holds no image), and nothing that is no file, such as a pipe, which would be waited for. A link
 * that leads nowhere is one, so that it is reported as unreadable. */
SMT_API bool smt_is_image_entry(const char *path, const char *name);
/* The same for a folder that is searched: hidden ones are not. */
SMT_API bool smt_is_folder_entry(const char *path, const char *name);
/* Why the folder `path`, which was met in `folder`, is passed over, for the user; NULL: it is not.
 */
SMT_API const char *smt_folder_refused(const char *folder, const char *path);
SMT_API void smt_dataset_destroy(smt_dataset **dataset);
SMT_API const char *smt_split_name(smt_split split); /* "train", "val", "test", "all" */

/* Decoded, resized pixels of a list of samples, in memory. */
typedef struct smt_pixels {
    int size;               /* pixels a side */
    float cut_percent;      /* as for smt_image_load_sem */
    size_t count;           /* images that could be read */
    uint8_t *data;          /* count x size x size */
    uint32_t *sample;       /* count: index into dataset->samples */
    size_t failed_count;    /* unreadable; each was logged with its reason */
    float *suspect_percent; /* dataset->sample_count: smt_sem_metadata's; -1: not loaded. NULL: not
                               known */
} smt_pixels;

/* Loads the samples for which wanted[i] (NULL: all), in order, on the pool (NULL: one thread), as
 * smt_image_load_sem does with cut_percent. An unreadable image is logged, counted and skipped.
 * Equal files give equal bytes at any number of threads. SMT_ERR_ARGUMENT: size is not in 1 ..
 * 4096; SMT_ERR_FORMAT: no image can be read. */
SMT_API smt_status smt_pixels_load(const smt_dataset *dataset,
                                   const bool *wanted,
                                   int size,
                                   float cut_percent,
                                   smt_pool *pool,
                                   smt_pixels **out,
                                   smt_error *error);
/* Images with an info strip that no metadata tell of (smt_sem_metadata.suspect_percent). */
typedef struct smt_strips {
    size_t images, count; /* looked at; with a strip */
    float percent;        /* of the height: all but a tenth of the strips are no higher */
    int class_index; /* of the classes where it is common the one with the largest share, ... */
    size_t class_images, class_count; /* ... its images, those with a strip; 0: no class */
    size_t example;                   /* an image with one: index into dataset->samples */
    bool common; /* five and a quarter of the images, or of a class's: worth a warning */
} smt_strips;
/* percent: sample_count; 0: no strip, -1: not looked at. False: no memory. */
SMT_API bool smt_strips_count(const smt_dataset *dataset, const float *percent, smt_strips *out);
/* The warning, with the way out; released by smt_free(). NULL: no memory. */
SMT_API char *smt_strips_text(const smt_dataset *dataset, const smt_strips *strips);
/* A file's contents: its CRC-32 and bytes. */
typedef struct smt_file_sum {
    uint32_t crc;
    size_t size;
    bool read; /* false: not wanted, or unreadable */
} smt_file_sum;
/* Of the files of the samples for which wanted[i]. *out: sample_count, released by smt_free(). */
SMT_API smt_status smt_dataset_sums(const smt_dataset *dataset,
                                    const bool *wanted,
                                    smt_pool *pool,
                                    smt_file_sum **out,
                                    smt_error *error);
/* A number for a file: equal files have equal ones, different ones hardly ever (32 bits); 0: not
 * read. */
SMT_API uint32_t smt_file_mark(const smt_file_sum *sum);
/* So many marks of its training images a model keeps at most, the smallest ones (33 KB of text). */
#define SMT_SEEN_MOST 4096
/* Marks as text, eight hexadecimal digits each, ascending: the smallest SMT_SEEN_MOST of those that
 * are not 0, each once. Sorts `marks`. Released by smt_free(); NULL: no memory. */
SMT_API char *smt_marks_text(uint32_t *marks, size_t count);
/* The marks of such a text, ascending. *out: released by smt_free(). False: no memory. */
SMT_API bool smt_marks_read(const char *text, uint32_t **out, size_t *count);
/* Whether `mark` is among them; 0 never is. */
SMT_API bool smt_marks_hold(const uint32_t *marks, size_t count, uint32_t mark);
SMT_API void smt_pixels_destroy(smt_pixels **pixels);

/* Class names of different teams: lower case, without blanks and punctuation, a number in front,
 * plural, words that say nothing at either end ("defect", "class") and synonyms removed ("Bridges"
 * -> "bridge", "01_short_defects" -> "bridge", "CMP(scratch)" -> "cmp", "malformed_vias" -> "via").
 * `out` holds SMT_CANONICAL bytes. */
#define SMT_CANONICAL 256
SMT_API void smt_class_canonical(const char *name, char *out);
/* True for the canonical names of images without a defect: "clean" and its kinds, such as
 * "cleanvia"; false for "cleaningresidue" and "cleanroomparticle". */
SMT_API bool smt_class_is_clean(const char *canonical);

/* How a model's classes and a data set's classes meet in one list, so that a model can be measured
 * on a set that names or divides its classes differently. The rules, in order:
 *   1. an override "FROM=TO" renames FROM on either side;
 *   2. names equal but for case, punctuation and plural are the same class, unless one side has
 * several such ("cd+", "cd-") and the other one of the very name; else synonyms are
 * (smt_class_canonical);
 *   3. kinds of clean (CLEAN_LAYER, CLEAN_VIA) count as clean where the other side does not have
 * that kind; all kinds do where the set then has clean and the model does not;
 *   4. a predicted class that the set lacks counts as "other", and so does a true class that the
 * model does not know; `apart`: only where the model itself calls a class other, and a predicted
 * class that the set lacks meets nothing. Where the two lists are the same
 * classes nothing is mapped and the list is the model's. */
typedef struct smt_class_map {
    int class_count;
    char **classes; /* the model's order and spelling, then what only the set has; owned */
    bool *present;  /* class_count: images of it are measured */
    int model_count;
    int *from_model; /* model_count: index into classes of each of the model's classes */
    int set_count;
    int *from_set; /* set_count: index into classes of each of the set's classes; -1: no image
                      of it is measured */
    bool *model_clean, *set_clean; /* model_count, set_count: a kind of clean, before rule 4 */
    int line_count;                /* 0: nothing was mapped */
    char **
        lines; /* "predicted CMP counts as other: the set has no such class", for the user; owned */
} smt_class_map;

/* set_images (set_count, or NULL: all present): how many images of each of
 * the set's classes are measured. overrides: override_count texts "FROM=TO".
 * Errors: an override that is no "FROM=TO", or whose FROM is no class of
 * either side, or whose TO is neither "other" nor a class of either side. */
SMT_API smt_status smt_class_map_create(const char *const *model_classes,
                                        int model_count,
                                        const char *const *set_classes,
                                        const size_t *set_images,
                                        int set_count,
                                        const char *const *overrides,
                                        int override_count,
                                        bool apart,
                                        smt_class_map **out,
                                        smt_error *error);
SMT_API void smt_class_map_destroy(smt_class_map **map);

#ifdef __cplusplus
}
#endif
#endif
