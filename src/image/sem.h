/* What microscopes write beside the pixels. Private to src/image. */
#ifndef SMT_IMAGE_SEM_H
#define SMT_IMAGE_SEM_H

#include "image/decode.h"

/* smt_image_load_sem of a file in memory, or of a page of it; what lies beside it is looked for at
 * `path`. metadata may be NULL. */
smt_status smt_sem_decode(const image_source *source,
                          const char *path,
                          float cut_percent,
                          smt_image *out,
                          smt_sem_metadata *metadata,
                          smt_error *error);

/* From the private tags of a TIFF file. `found` is filled only if a vendor's metadata are there;
 * damaged ones are ignored. False: no memory. */
bool smt_sem_read_tags(const image_source *source, int width, int height, smt_sem_metadata *found);

/* From the text of a file beside the image: Tescan's .hdr, Hitachi's and JEOL's .txt. `name` is the
 * image's file name. */
void smt_sem_read_sidecar(
    const char *text, const char *name, int width, int height, smt_sem_metadata *found);

/* The file beside the image `path` in which Tescan, or else Hitachi and JEOL, keep its metadata, to
 * be freed with smt_free; NULL: the image's name has no suffix. False: no memory. */
bool smt_sem_sidecar_path(const char *path, bool tescan, char **out);
/* Its text, to be freed with smt_free; NULL: there is none, or it cannot be read. False: no memory.
 */
bool smt_sem_load_sidecar(const char *path, char **text);

/* Rows at the bottom that are an info panel (with what is below it), by their look; 0: none. */
int smt_sem_find_panel(const smt_image *image);
/* Rows at the bottom that look like an info strip, black or white with letters, also after lossy
 * compression and shrinking; 0: none. Good for a warning, not for cutting. */
int smt_sem_suspect_strip(const smt_image *image);

/* The value of `key` in the lines of `section` (NULL: anywhere) of an INI text, up to the line's
 * end; NULL: not there. */
const char *smt_ini_value(const char *text, const char *section, const char *key);
/* The value as a number, 0 if missing or not finite. */
double smt_ini_number(const char *text, const char *section, const char *key);

/* The unit that the text begins with: "um" -> 1e-6; 0 if it is none of length. */
double smt_unit_metres(const char *unit);
/* "5um" -> 5e-6; 0 if it is no length. */
double smt_parse_length(const char *text);

#endif
