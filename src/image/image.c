#include "image/decode.h"

#include <string.h>
#include <strings.h>

#define DEFAULT_MAX_SIDE 32768
#define DEFAULT_MAX_PIXELS ((size_t)64 << 20)

smt_status smt_image_create(int width, int height, smt_image *out, smt_error *error)
{
    if (width <= 0 || height <= 0) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "image of %d x %d pixels: both sides must be positive",
                        width,
                        height);
    }
    uint8_t *pixels = smt_alloc((size_t)width, (size_t)height);
    if (!pixels) {
        return smt_fail(
            error, SMT_ERR_MEMORY, "out of memory for an image of %d x %d pixels", width, height);
    }
    *out = (smt_image){.width = width, .height = height, .pixels = pixels};
    return SMT_OK;
}

void smt_image_free(smt_image *image)
{
    if (image) {
        smt_free(image->pixels);
        *image = (smt_image){0};
    }
}

smt_status
smt_check_dimensions(const image_source *source, uint64_t width, uint64_t height, smt_error *error)
{
    if (width == 0 || height == 0) {
        return smt_fail(error,
                        SMT_ERR_FORMAT,
                        "%s: the header says %llu x %llu pixels: the file is damaged",
                        source->name,
                        (unsigned long long)width,
                        (unsigned long long)height);
    }
    uint64_t side = (uint64_t)source->limits.max_side;
    if (width > side || height > side || width * height > source->limits.max_pixels) {
        return smt_fail(error,
                        SMT_ERR_LIMIT,
                        "%s: %llu x %llu pixels exceed the limit of %d a side and %zu in all; "
                        "scale the image down",
                        source->name,
                        (unsigned long long)width,
                        (unsigned long long)height,
                        source->limits.max_side,
                        source->limits.max_pixels);
    }
    return SMT_OK;
}

smt_status
smt_fail_memory(const image_source *source, uint64_t width, uint64_t height, smt_error *error)
{
    return smt_fail(error,
                    SMT_ERR_MEMORY,
                    "%s: out of memory for an image of %llu x %llu pixels",
                    source->name,
                    (unsigned long long)width,
                    (unsigned long long)height);
}

smt_status smt_decode_create(
    const image_source *source, uint64_t width, uint64_t height, smt_image *out, smt_error *error)
{
    return smt_image_create((int)width, (int)height, out, NULL)
               ? smt_fail_memory(source, width, height, error)
               : SMT_OK;
}

static bool begins(const image_source *source, const char *magic, size_t length)
{
    return source->size >= length && memcmp(source->data, magic, length) == 0;
}

static bool is_form(const image_source *source, const char *form)
{
    return source->size >= 12 && memcmp(source->data + 8, form, 4) == 0;
}

/* What a file that is none of ours most likely is, so that the message tells the way out. */
static smt_status fail_unknown(const image_source *source, smt_error *error)
{
    if (source->size == 0) {
        return smt_fail(
            error, SMT_ERR_FORMAT, "%s: the file is empty; copy or export it again", source->name);
    }
    if (begins(source, "version https://git-lfs", 23)) {
        return smt_fail(error,
                        SMT_ERR_FORMAT,
                        "%s: a Git LFS pointer, not the image; run \"git lfs pull\"",
                        source->name);
    }
    const char *kind = NULL;
    if (begins(source, "GIF8", 4)) {
        kind = "GIF";
    } else if (source->size >= 12 && memcmp(source->data + 4, "ftyp", 4) == 0) {
        kind = "HEIF or AVIF";
    } else if (begins(source, "\0\0\0\x0cjP  ", 8)) {
        kind = "JPEG 2000";
    } else if (begins(source, "%PDF", 4)) {
        kind = "PDF";
    } else if (begins(source, "P5", 2) || begins(source, "P6", 2) || begins(source, "P2", 2)) {
        kind = "PNM";
    }
    if (kind) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: %s is not supported; convert it to PNG or TIFF",
                        source->name,
                        kind);
    }
    return smt_fail(error,
                    SMT_ERR_FORMAT,
                    "%s: not a PNG, JPEG, TIFF, BMP or WebP image (by its first bytes)",
                    source->name);
}

static const struct {
    const char *magic;
    size_t length;
    const char *suffix;
    const char *form; /* of a RIFF file, behind its size; or NULL */
    smt_status (*decode)(const image_source *source, smt_image *out, smt_error *error);
} kinds[] = {
    {"\x89PNG\r\n\x1a\n", 8, ".png", NULL, smt_decode_png},
    {"\xff\xd8\xff", 3, ".jpg", NULL, smt_decode_jpeg},
    {"II*\0", 4, ".tif", NULL, smt_decode_tiff},
    {"MM\0*", 4, ".tif", NULL, smt_decode_tiff},
    {"II+\0", 4, ".tif", NULL, smt_decode_tiff},
    {"MM\0+", 4, ".tif", NULL, smt_decode_tiff},
    {"BM", 2, ".bmp", NULL, smt_decode_bmp},
    {"RIFF", 4, ".webp", "WEBP", smt_decode_webp},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static size_t kind_of(const image_source *source)
{
    size_t kind = 0;
    while (kind < KINDS && !(begins(source, kinds[kind].magic, kinds[kind].length) &&
                             (!kinds[kind].form || is_form(source, kinds[kind].form)))) {
        kind++;
    }
    return kind;
}

const char *smt_decode_suffix(const image_source *source, smt_error *error)
{
    size_t kind = kind_of(source);
    if (kind == KINDS) {
        fail_unknown(source, error);
        return NULL;
    }
    return kinds[kind].suffix;
}

smt_status smt_decode(image_source *source, smt_image *out, smt_error *error)
{
    if (source->limits.max_side <= 0) {
        source->limits.max_side = DEFAULT_MAX_SIDE;
    }
    if (source->limits.max_pixels == 0) {
        source->limits.max_pixels = DEFAULT_MAX_PIXELS;
    }
    size_t kind = kind_of(source);
    return kind < KINDS ? kinds[kind].decode(source, out, error) : fail_unknown(source, error);
}

smt_status smt_image_decode(const void *data,
                            size_t size,
                            const char *name,
                            const smt_image_limits *limits,
                            smt_image *out,
                            smt_error *error)
{
    image_source source = {.data = data, .size = size, .name = name ? name : "image"};
    if (limits) {
        source.limits = *limits;
    }
    return smt_decode(&source, out, error);
}

bool smt_image_suffix(const char *name)
{
    const char *suffix = smt_path_suffix(name), *at = SMT_IMAGE_SUFFIXES;
    size_t length = strlen(suffix), here = strcspn(at, " ");
    while (here && (here != length || strncasecmp(at, suffix, length) != 0)) {
        at += here + (at[here] == ' ');
        here = strcspn(at, " ");
    }
    return here;
}
