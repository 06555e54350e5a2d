/* What the decoders share. Each takes the whole file in memory and gives an 8-bit grey image; none
 * prints, and each checks the dimensions against the limits before it allocates anything that
 * depends on them. */
#ifndef SMT_IMAGE_DECODE_H
#define SMT_IMAGE_DECODE_H

#include <semtinel/image.h>

#define SMT_IMAGE_MAX_BYTES ((size_t)1 << 30) /* of a file */

typedef struct image_source {
    const uint8_t *data;
    size_t size;
    const char *name;        /* stands in messages */
    smt_image_limits limits; /* with the defaults filled in */
    uint64_t page;           /* of a TIFF: where the page's directory lies; 0: the first page */
    int strip;               /* rows at the bottom that do not count in the stretch of 16 bits */
    bool *stretched;         /* set where more than 8 bits were stretched; may be NULL */
} image_source;

/* Decodes by content, not by name; limits of 0 become the defaults. */
smt_status smt_decode(image_source *source, smt_image *out, smt_error *error);
/* The suffix that files of this content usually have; NULL, with a message that says what the file
 * is instead: not one of ours. */
const char *smt_decode_suffix(const image_source *source, smt_error *error);
/* Where the directories of a TIFF's pages lie, freed with smt_free. */
smt_status
smt_tiff_pages(const image_source *source, uint64_t **pages, size_t *count, smt_error *error);
/* Whether a TIFF has a page behind its first that is no smaller copy of another and no mask. */
bool smt_tiff_has_more(const image_source *source);

smt_status smt_decode_png(const image_source *source, smt_image *out, smt_error *error);
smt_status smt_decode_jpeg(const image_source *source, smt_image *out, smt_error *error);
smt_status smt_decode_tiff(const image_source *source, smt_image *out, smt_error *error);
smt_status smt_decode_bmp(const image_source *source, smt_image *out, smt_error *error);
smt_status smt_decode_webp(const image_source *source, smt_image *out, smt_error *error);

/* SMT_ERR_FORMAT for an empty side, SMT_ERR_LIMIT above the limits. */
smt_status
smt_check_dimensions(const image_source *source, uint64_t width, uint64_t height, smt_error *error);

smt_status
smt_fail_memory(const image_source *source, uint64_t width, uint64_t height, smt_error *error);
/* A black image of dimensions that are checked; the error names the source. SMT_ERR_MEMORY. */
smt_status smt_decode_create(
    const image_source *source, uint64_t width, uint64_t height, smt_image *out, smt_error *error);

/* Rec. 601 luma in 16-bit fixed point, rounded: bit for bit PIL's convert("L") of RGB. */
static inline uint8_t smt_luma(uint32_t red, uint32_t green, uint32_t blue)
{
    return (uint8_t)((red * 19595u + green * 38470u + blue * 7471u + 0x8000u) >> 16);
}

/* The same weights for 16-bit samples. */
static inline uint16_t smt_luma16(uint32_t red, uint32_t green, uint32_t blue)
{
    return (uint16_t)(((uint64_t)red * 19595u + (uint64_t)green * 38470u + (uint64_t)blue * 7471u +
                       0x8000u) >>
                      16);
}

/* Ink to grey, with PIL's roundings: 0 is no ink, 255 full ink. */
uint8_t smt_cmyk_luma(uint32_t cyan, uint32_t magenta, uint32_t yellow, uint32_t black);

/* The image's pixels, without those of the source's strip. */
size_t smt_count_seen(const image_source *source, const smt_image *image);
/* How many of `count` values, at least 1, lie below and above those that a stretch maps to black
 * and white: a thousandth, rounded. */
static inline size_t smt_stretch_rank(size_t count)
{
    return (count - 1 + 500) / 1000;
}
/* image->pixels[i] = samples[i] stretched so that the value at smt_stretch_rank of those that
 * smt_count_seen gives becomes 0 and the one at the mirrored rank becomes 255. Where these two are
 * equal, the least and the largest count; a constant image keeps its upper byte. SMT_ERR_MEMORY. */
smt_status smt_stretch16(const image_source *source,
                         const uint16_t *samples,
                         smt_image *image,
                         smt_error *error);

#endif
