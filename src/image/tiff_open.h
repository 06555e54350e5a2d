/* A page of a TIFF file in memory, opened with libtiff; its errors are kept, its warnings logged.
 */
#ifndef SMT_IMAGE_TIFF_OPEN_H
#define SMT_IMAGE_TIFF_OPEN_H

#include "image/decode.h"

#include <tiffio.h>

#define TIFF_MAX_BLOCK ((uint64_t)1 << 30) /* bytes of a strip, a tile or a tag */

typedef struct tiff_memory {
    const image_source *source;
    TIFF *tiff; /* the caller closes it with TIFFClose */
    toff_t position;
    char message[200]; /* the first error: it is the cause, the others follow from it */
} tiff_memory;

/* `file` must stay where it is until TIFFClose. */
bool smt_tiff_open(const image_source *source, tiff_memory *file);

#endif
