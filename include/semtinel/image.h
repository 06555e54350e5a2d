/* semtinel/image.h: reading, writing and resizing 8-bit grey images. */
#ifndef SEMTINEL_IMAGE_H
#define SEMTINEL_IMAGE_H

#include <semtinel/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grey, row-major, width * height bytes without gaps. `pixels` is owned: smt_image_free. */
typedef struct smt_image {
    int width, height;
    uint8_t *pixels;
} smt_image;

typedef struct smt_image_limits {
    int max_side;      /* pixels, default 32768 */
    size_t max_pixels; /* default 64 Mi */
} smt_image_limits;

/* A black image. SMT_ERR_ARGUMENT: a side that is not positive. */
SMT_API smt_status smt_image_create(int width, int height, smt_image *out, smt_error *error);
SMT_API void smt_image_free(smt_image *image);

/* PNG, JPEG, TIFF (the first page), BMP or WebP by content, not by name. Alpha is ignored, colour
 * becomes grey (Rec. 601 luma, as PIL's "L"), more than 8 bits are stretched from the 0.1st to the
 * 99.9th percentile. limits NULL: the defaults. `name` stands in messages. SMT_ERR_FORMAT,
 * SMT_ERR_UNSUPPORTED, SMT_ERR_LIMIT, SMT_ERR_MEMORY. */
SMT_API smt_status smt_image_decode(const void *data,
                                    size_t size,
                                    const char *name,
                                    const smt_image_limits *limits,
                                    smt_image *out,
                                    smt_error *error);

/* What a scanning electron microscope wrote beside the pixels, in
 * private TIFF tags (FEI and Thermo, Phenom, Zeiss, Tescan) or in a file
 * beside the image (Tescan's a-tif.hdr, Hitachi's and JEOL's a.txt). */
typedef struct smt_sem_metadata {
    char vendor[16];                  /* "FEI", "Phenom", ...; "" if there are no metadata */
    double pixel_width, pixel_height; /* metres; 0: unknown */
    int databar_height; /* rows of the info strip burnt in at the bottom; 0: none known */
    /* The part of the file's height, in tenths, rounded up, to cut off at the bottom, where no
     * metadata tell of a strip and what is left of the image seems to end in one; else 0. */
    float suspect_percent;
    bool more_pages; /* a TIFF of which only the first page was read */
} smt_sem_metadata;

/* Reads and decodes a file. The info strip is cut off if the metadata tell of one (for Zeiss,
 * Hitachi and JEOL, which do not say how high it is: if there is a panel of one grey level). Where
 * they tell of none, cut_percent of the height are, 0 .. 50, in whole rows; below 0 nothing is cut
 * at all. Damaged metadata are ignored. `metadata` may be NULL. Errors: as smt_image_decode, and
 * SMT_ERR_IO. */
SMT_API smt_status smt_image_load_sem(const char *path,
                                      const smt_image_limits *limits,
                                      float cut_percent,
                                      smt_image *out,
                                      smt_sem_metadata *metadata,
                                      smt_error *error);
/* The same of a file that is in memory; what lies beside it is looked for at `path`. */
SMT_API smt_status smt_image_decode_sem(const void *data,
                                        size_t size,
                                        const char *path,
                                        const smt_image_limits *limits,
                                        float cut_percent,
                                        smt_image *out,
                                        smt_sem_metadata *metadata,
                                        smt_error *error);
/* True if the file holds the metadata of an image beside it: Tescan's .hdr, Hitachi's and JEOL's
 * .txt. */
SMT_API bool smt_image_is_sidecar(const char *path);
/* Copies such files of the image `from` for its copy `to`, whose info strip would be unknown
 * without them. Hitachi's name the image: there, the name is changed. */
SMT_API smt_status smt_image_copy_sidecars(const char *from, const char *to, smt_error *error);
/* How many rows of an image of so many cut_percent is, at most all but one. */
SMT_API int smt_image_cut_rows(int height, float cut_percent);
/* smt_image_load_sem with cut_percent 0. */
SMT_API smt_status smt_image_load(const char *path,
                                  const smt_image_limits *limits,
                                  smt_image *out,
                                  smt_error *error);

/* TIFFs of which only the first page was read. */
typedef struct smt_paged {
    size_t count;
    const char *first; /* path of the first of them, borrowed; NULL: none */
} smt_paged;
/* Counts the file at `path` if it has more_pages. */
SMT_API void smt_paged_add(smt_paged *paged, bool more_pages, const char *path);
/* Warns of them; silent without one. */
SMT_API void smt_paged_warn(const smt_paged *paged);

/* A file of one or several images, read once: a TIFF has an image a page (each of its directories
 * counts, in the order of their chain), files of other kinds hold one. */
typedef struct smt_image_file {
    char *path;
    const char *suffix; /* of its content, whatever it is called: ".tif", ".png", ... ; static */
    size_t count;       /* images, at least 1 */
    void *data;         /* the file's bytes */
    size_t size;
    uint64_t *pages; /* count: where a TIFF's directories lie; NULL: not a TIFF */
} smt_image_file;

/* At most 1 GiB. Errors: SMT_ERR_IO, SMT_ERR_LIMIT, SMT_ERR_MEMORY; SMT_ERR_FORMAT: no image by its
 * first bytes, or a TIFF without a page or whose pages lead back to an earlier one;
 * SMT_ERR_UNSUPPORTED: an image of another kind by its first bytes, such as a GIF. Where the chain
 * of pages leaves the file, those before count, and a warning is logged. */
SMT_API smt_status smt_image_file_open(const char *path, smt_image_file **out, smt_error *error);
/* Image `index`, from 0, as smt_image_load_sem gives it: each has its own info strip. Several
 * threads may load from one file. SMT_ERR_ARGUMENT: there is no such image; else as
 * smt_image_decode. */
SMT_API smt_status smt_image_file_load(const smt_image_file *file,
                                       size_t index,
                                       const smt_image_limits *limits,
                                       float cut_percent,
                                       smt_image *out,
                                       smt_error *error);
SMT_API void smt_image_file_close(smt_image_file **file);

/* What smt_image_load reads, for messages. */
#define SMT_IMAGE_SUFFIXES ".png .jpg .jpeg .jfif .tif .tiff .bmp .webp"
/* True if the name's suffix is one of them, in any case. */
SMT_API bool smt_image_suffix(const char *name);
/* 8 bits, grey. */
SMT_API smt_status smt_image_save_png(const char *path, const smt_image *image, smt_error *error);

/* Area averaging where the image shrinks, bilinear where
 * it grows, per axis. out is created, and may not be image. Deterministic.
 * SMT_ERR_ARGUMENT: a side that is not positive. */
SMT_API smt_status
smt_image_resize(const smt_image *image, int width, int height, smt_image *out, smt_error *error);

#ifdef __cplusplus
}
#endif
#endif
