/* Loading an image as a microscope left it: the pixel size is read from its metadata, and the strip
 * with the scale bar and the settings is cut off, or a network would learn to read it. */
#include "image/sem.h"

#include <string.h>

#define MAX_SIDECAR_BYTES ((size_t)1 << 20)

/* A panel's rows consist mostly of one grey level: 0.47 to
 * 1 of each in real files, 0 to 0.02 of specimen rows. */
#define PANEL_SHARE 0.4
#define PANEL_LEAST_ROWS 12
#define PANEL_MOST 0.2 /* of the height; more is the specimen's background */
#define ORPHAN_ROWS 1  /* scan rows that some programs leave under the panel */

/* The commonest grey level of a row and its count. */
static int dominant(const uint8_t *row, int width, int *level)
{
    int histogram[256] = {0}, best = 0;
    for (int x = 0; x < width; x++) {
        histogram[row[x]]++;
    }
    for (int i = 1; i < 256; i++) {
        best = histogram[i] > histogram[best] ? i : best;
    }
    *level = best;
    return histogram[best];
}

int smt_sem_find_panel(const smt_image *image)
{
    int width = image->width, height = image->height, rows = 0, panel_level = -1, level;
    for (int y = height - 1; y >= 0; y--) {
        int count = dominant(image->pixels + (size_t)y * (size_t)width, width, &level);
        bool like = count >= PANEL_SHARE * width && (panel_level < 0 || level == panel_level);
        if (like) {
            panel_level = level;
        } else if (panel_level >= 0 || height - y > ORPHAN_ROWS) {
            break;
        }
        rows = height - y;
    }
    return panel_level >= 0 && rows >= PANEL_LEAST_ROWS && rows <= PANEL_MOST * height ? rows : 0;
}

/* What a strip looks like where no metadata tell: paper of one level, black or white, for half of
 * its pixels and more, and letters on it. A specimen's dark or bright rows have no letters, its
 * structures no even paper. */
#define PAPER_NEAR 6     /* levels off the paper's by compression */
#define PAPER_DARK 40    /* paper is at most so bright, ... */
#define PAPER_BRIGHT 235 /* ... or at least */
#define INK_FAR 64       /* levels between ink and paper */
#define STRIP_LEAST 40   /* a strip has one 40th of the height at least, */
#define STRIP_MOST 5     /* and a 5th at most */
#define STRIP_LINES 3    /* rows of a frame or between lines of text */
#define LETTERED_ROWS 2  /* rows with three strokes and more, one of them with four */

/* The mean of the levels that most of the pixels are near to, if paper has such a one; else -1. */
static int paper_level(const uint8_t *pixels, size_t count)
{
    size_t histogram[256 + 2 * PAPER_NEAR] = {0}, most = 0;
    int paper = -1;
    for (size_t i = 0; i < count; i++) {
        histogram[pixels[i] + PAPER_NEAR]++;
    }
    for (int level = 0; level < 256; level++) {
        size_t near = 0, sum = 0;
        for (int i = level; i <= level + 2 * PAPER_NEAR; i++) {
            near += histogram[i];
            sum += histogram[i] * (size_t)i;
        }
        if (near > most) {
            most = near;
            paper = (int)(sum / near) - PAPER_NEAR;
        }
    }
    return paper <= PAPER_DARK || paper >= PAPER_BRIGHT ? paper : -1;
}

/* A row's pixels of the paper's level, and its strokes of ink. */
static int read_row(const uint8_t *row, int width, int paper, int *strokes)
{
    int near = 0;
    bool inked = false;
    *strokes = 0;
    for (int x = 0; x < width; x++) {
        int off = row[x] < paper ? paper - row[x] : row[x] - paper;
        near += off <= PAPER_NEAR;
        *strokes += !inked && off > INK_FAR;
        inked = inked ? off >= INK_FAR / 2 : off > INK_FAR;
    }
    return near;
}

int smt_sem_suspect_strip(const smt_image *image)
{
    int width = image->width, height = image->height, least = height / STRIP_LEAST;
    least = least < 4 ? 4 : least;
    if (least * STRIP_MOST > height) {
        return 0;
    }
    /* More than the least, or a frame would be taken for paper. */
    const uint8_t *bottom = image->pixels + (size_t)(height - 2 * least) * (size_t)width;
    int paper = paper_level(bottom, 2 * (size_t)least * (size_t)width);
    int rows = 0, even = 0, lines = 0, lettered = 0, most_strokes = 0, strokes;
    size_t near = 0;
    for (int y = height - 1; paper >= 0 && y >= 0 && lines <= STRIP_LINES; y--) {
        int found = read_row(image->pixels + (size_t)y * (size_t)width, width, paper, &strokes);
        if (found < PANEL_SHARE * width) {
            lines++;
            continue;
        }
        lines = 0;
        rows = height - y;
        if (rows * STRIP_MOST > height) {
            return 0;
        }
        even++;
        near += (size_t)found;
        lettered += strokes >= 3;
        most_strokes = strokes > most_strokes ? strokes : most_strokes;
    }
    bool strip = rows >= least && 2 * near >= (size_t)even * (size_t)width &&
                 lettered >= LETTERED_ROWS && most_strokes >= 4;
    return strip ? rows : 0;
}

static double plausible(double metres)
{
    return metres > 1e-13 && metres < 1e-2 ? metres : 0; /* false for NaN */
}

/* False: no memory. A sidecar that cannot be read is as good as none. */
static bool
read_sidecar(const char *path, const smt_image *image, bool tescan, smt_sem_metadata *found)
{
    void *text = NULL;
    size_t size = 0;
    const char *name = smt_path_name(path), *dot = strrchr(name, '.');
    if (!dot || dot == name) {
        return true;
    }
    int stem = (int)(dot - path);
    char *beside = tescan ? smt_format("%.*s-%s.hdr", stem, path, dot + 1)
                          : smt_format("%.*s.txt", stem, path);
    if (!beside) {
        return false;
    }
    smt_status status = SMT_OK;
    if (smt_path_exists(beside)) {
        status = smt_file_load(beside, MAX_SIDECAR_BYTES, &text, &size, NULL);
    }
    if (text) {
        smt_sem_read_sidecar(text, name, image->width, image->height, found);
    }
    smt_free(text);
    smt_free(beside);
    return status != SMT_ERR_MEMORY;
}

static bool is_tiff(const image_source *source)
{
    return source->size >= 4 &&
           (memcmp(source->data, "II", 2) == 0 || memcmp(source->data, "MM", 2) == 0);
}

static bool read_metadata(const image_source *source,
                          const char *path,
                          const smt_image *image,
                          smt_sem_metadata *found)
{
    if (is_tiff(source) && !smt_sem_read_tags(source, image->width, image->height, found)) {
        return false;
    }
    for (int tescan = 1; tescan >= 0 && !found->vendor[0]; tescan--) {
        if (!read_sidecar(path, image, tescan != 0, found)) {
            return false;
        }
    }
    found->pixel_width = plausible(found->pixel_width);
    found->pixel_height = plausible(found->pixel_height);
    if (found->pixel_height <= 0) {
        found->pixel_height = found->pixel_width;
    }
    if (found->databar_height < 0 || found->databar_height > image->height / 2) {
        found->databar_height = 0;
    }
    /* These three write the panel without saying so. */
    bool silent = strcmp(found->vendor, "Zeiss") == 0 || strcmp(found->vendor, "Hitachi") == 0 ||
                  strcmp(found->vendor, "JEOL") == 0;
    if (silent && found->databar_height == 0) {
        found->databar_height = smt_sem_find_panel(image);
    }
    return true;
}

smt_status smt_sem_decode(image_source *source,
                          const char *path,
                          bool crop,
                          smt_image *out,
                          smt_sem_metadata *metadata,
                          smt_error *error)
{
    smt_image image = {0};
    smt_sem_metadata found = {0};
    smt_status status = smt_decode(source, &image, error);
    if (status != SMT_OK) {
        return status;
    }
    if (!read_metadata(source, path, &image, &found)) {
        smt_image_free(&image);
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory for the metadata", source->name);
    }
    if (crop && found.databar_height > 0) {
        smt_log(SMT_LOG_DEBUG,
                "%s: %d %s of %s's info strip cut off",
                source->name,
                found.databar_height,
                smt_plural((size_t)found.databar_height, "row", "rows"),
                found.vendor);
        image.height -= found.databar_height;
    }
    *out = image;
    if (metadata) {
        *metadata = found;
        metadata->suspect_rows = found.databar_height ? 0 : smt_sem_suspect_strip(out);
        metadata->more_pages = is_tiff(source) && !source->page && smt_tiff_has_more(source);
    }
    return SMT_OK;
}

smt_status smt_image_decode_sem(const void *data,
                                size_t size,
                                const char *path,
                                const smt_image_limits *limits,
                                bool crop,
                                smt_image *out,
                                smt_sem_metadata *metadata,
                                smt_error *error)
{
    image_source source = {.data = data, .size = size, .name = path};
    if (limits) {
        source.limits = *limits;
    }
    return smt_sem_decode(&source, path, crop, out, metadata, error);
}

smt_status smt_image_load_sem(const char *path,
                              const smt_image_limits *limits,
                              bool crop,
                              smt_image *out,
                              smt_sem_metadata *metadata,
                              smt_error *error)
{
    void *data = NULL;
    size_t size = 0;
    smt_status status = smt_file_load(path, SMT_IMAGE_MAX_BYTES, &data, &size, error);
    if (status != SMT_OK) {
        return status;
    }
    status = smt_image_decode_sem(data, size, path, limits, crop, out, metadata, error);
    smt_free(data);
    return status;
}

void smt_image_warn_pages(size_t count, const char *first)
{
    if (count) {
        smt_log(SMT_LOG_WARNING,
                "%zu %s further pages, which are not read, the first %s: save them as files of "
                "their own",
                count,
                smt_plural(count, "TIFF has", "TIFFs have"),
                first);
    }
}

smt_status
smt_image_load(const char *path, const smt_image_limits *limits, smt_image *out, smt_error *error)
{
    return smt_image_load_sem(path, limits, true, out, NULL, error);
}
