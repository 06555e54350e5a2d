/* Loading an image as a microscope left it: the pixel size is read from its metadata, and the strip
 * with the scale bar and the settings is cut off, or a network would learn to read it. */
#include "image/sem.h"

#include <math.h>
#include <string.h>

static double plausible(double metres)
{
    return metres > 1e-13 && metres < 1e-2 ? metres : 0; /* false for NaN */
}

/* False: no memory. A sidecar that cannot be read is as good as none. */
static bool
read_sidecar(const char *path, const smt_image *image, bool tescan, smt_sem_metadata *found)
{
    char *beside = NULL, *text = NULL;
    bool good = smt_sem_sidecar_path(path, tescan, &beside) && smt_sem_load_sidecar(beside, &text);
    if (text) {
        smt_sem_read_sidecar(text, smt_path_name(path), image->width, image->height, found);
    }
    smt_free(text);
    smt_free(beside);
    return good;
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

int smt_image_cut_rows(int height, float cut_percent)
{
    int rows = (int)lroundf((float)height * cut_percent / 100);
    return rows < 0 ? 0 : rows < height ? rows : height - 1;
}

smt_status smt_sem_decode(const image_source *source,
                          const char *path,
                          float cut_percent,
                          smt_image *out,
                          smt_sem_metadata *metadata,
                          smt_error *error)
{
    smt_image image = {0};
    smt_sem_metadata found = {0};
    bool stretched = false;
    image_source seen = *source;
    seen.stretched = &stretched;
    smt_status status = smt_decode(&seen, &image, error);
    if (status != SMT_OK) {
        return status;
    }
    if (!read_metadata(source, path, &image, &found)) {
        smt_image_free(&image);
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory for the metadata", source->name);
    }
    int rows = found.databar_height > 0 ? found.databar_height
                                        : smt_image_cut_rows(image.height, cut_percent);
    if (cut_percent >= 0 && rows > 0) {
        smt_log(SMT_LOG_DEBUG,
                "%s: %d %s of %s info strip cut off",
                source->name,
                rows,
                smt_plural((size_t)rows, "row", "rows"),
                found.vendor[0] ? found.vendor : "an");
        if (stretched) { /* its letters may be whiter than the specimen, its paper blacker */
            smt_image_free(&image);
            seen.strip = rows;
            status = smt_decode(&seen, &image, error);
            if (status != SMT_OK) {
                return status;
            }
        }
        image.height -= rows;
    }
    *out = image;
    if (metadata) {
        *metadata = found;
        int suspect = found.databar_height ? 0 : smt_sem_suspect_strip(out);
        float part = (float)(suspect + rows) / (float)(out->height + rows);
        metadata->suspect_percent = suspect ? ceilf(1000 * part) / 10 : 0;
        metadata->more_pages = is_tiff(source) && !source->page && smt_tiff_has_more(source);
    }
    return SMT_OK;
}

smt_status smt_image_decode_sem(const void *data,
                                size_t size,
                                const char *path,
                                const smt_image_limits *limits,
                                float cut_percent,
                                smt_image *out,
                                smt_sem_metadata *metadata,
                                smt_error *error)
{
    image_source source = {.data = data, .size = size, .name = path};
    if (limits) {
        source.limits = *limits;
    }
    return smt_sem_decode(&source, path, cut_percent, out, metadata, error);
}

smt_status smt_image_load_sem(const char *path,
                              const smt_image_limits *limits,
                              float cut_percent,
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
    status = smt_image_decode_sem(data, size, path, limits, cut_percent, out, metadata, error);
    smt_free(data);
    return status;
}

void smt_paged_add(smt_paged *paged, bool more_pages, const char *path)
{
    if (more_pages && !paged->count++) {
        paged->first = path;
    }
}

void smt_paged_warn(const smt_paged *paged)
{
    if (paged->count) {
        smt_log(SMT_LOG_WARNING,
                "%zu %s further pages, which are not read, the first %s: save them as files of "
                "their own",
                paged->count,
                smt_plural(paged->count, "TIFF has", "TIFFs have"),
                paged->first);
    }
}

smt_status
smt_image_load(const char *path, const smt_image_limits *limits, smt_image *out, smt_error *error)
{
    return smt_image_load_sem(path, limits, 0, out, NULL, error);
}
