/* The texts that microscopes write beside their images. */
#include "image/sem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define MAX_BYTES ((size_t)1 << 20)

static void name_vendor(smt_sem_metadata *found, const char *vendor)
{
    *found = (smt_sem_metadata){0};
    snprintf(found->vendor, sizeof found->vendor, "%s", vendor);
}

static int rows_of(double rows, int height)
{
    return rows > 0 && rows < height ? (int)rows : 0;
}

static void
read_hitachi(const char *text, const char *name, int width, int height, smt_sem_metadata *found)
{
    const char *image = smt_ini_value(text, "SemImageFile", "ImageName");
    const char *size = smt_ini_value(text, "SemImageFile", "DataSize");
    size_t length = strlen(name);
    /* The text belongs to one image: a renamed or scaled one has other pixels. */
    if (image && (strncasecmp(image, name, length) != 0 ||
                  (image[length] && !strchr("\r\n ", image[length])))) {
        return;
    }
    int columns = 0, rows = 0;
    if (size && sscanf(size, "%9dx%9d", &columns, &rows) == 2 && columns != width) {
        return;
    }
    name_vendor(found, "Hitachi");
    found->pixel_width = found->pixel_height =
        1e-9 * smt_ini_number(text, "SemImageFile", "PixelSize");
    found->databar_height = rows > 0 && rows < height ? height - rows : 0;
}

/* JEOL's lines are "$KEY value", with one or two dollar signs. */
static const char *jeol_value(const char *text, const char *key)
{
    size_t length = strlen(key);
    for (const char *at = strstr(text, key); at; at = strstr(at + length, key)) {
        if ((at == text || at[-1] == '\n') && (at[length] == ' ' || at[length] == '\t')) {
            return at + length + strspn(at + length, " \t");
        }
    }
    return NULL;
}

static void read_jeol(const char *text, int height, smt_sem_metadata *found)
{
    const char *marker = jeol_value(text, "$$SM_MICRON_MARKER"),
               *bar = jeol_value(text, "$$SM_MICRON_BAR");
    const char *full = jeol_value(text, "$CM_FULL_SIZE");
    name_vendor(found, "JEOL");
    double pixels = bar ? strtod(bar, NULL) : 0;
    if (marker && pixels > 0) {
        found->pixel_width = found->pixel_height = smt_parse_length(marker) / pixels;
    }
    int columns = 0, rows = 0;
    if (full && sscanf(full, "%9d %9d", &columns, &rows) == 2 && rows > 0 && rows < height) {
        found->databar_height = height - rows;
    }
}

typedef enum vendor { OTHER, HITACHI, JEOL, TESCAN } vendor;

static vendor vendor_of(const char *text)
{
    if (strncmp(text, "[SemImageFile]", 14) == 0) {
        return HITACHI;
    }
    if (text[0] == '$' && (jeol_value(text, "$CM_FORMAT") || jeol_value(text, "$CM_FULL_SIZE") ||
                           jeol_value(text, "$$SM_MICRON_BAR"))) {
        return JEOL;
    }
    return smt_ini_value(text, "MAIN", "PixelSizeX") ? TESCAN : OTHER;
}

void smt_sem_read_sidecar(
    const char *text, const char *name, int width, int height, smt_sem_metadata *found)
{
    vendor from = vendor_of(text);
    if (from == HITACHI) {
        read_hitachi(text, name, width, height, found);
    } else if (from == JEOL) {
        read_jeol(text, height, found);
    } else if (from == TESCAN) {
        name_vendor(found, "Tescan");
        found->pixel_width = smt_ini_number(text, "MAIN", "PixelSizeX");
        found->pixel_height = smt_ini_number(text, "MAIN", "PixelSizeY");
        found->databar_height = rows_of(smt_ini_number(text, "MAIN", "ImageStripSize"), height);
    }
}

/* ---- the files ------------------------------------------------------------------------------- */

bool smt_sem_sidecar_path(const char *path, bool tescan, char **out)
{
    const char *suffix = smt_path_suffix(path);
    int stem = (int)(suffix - path);
    *out = NULL;
    if (!*suffix) {
        return true;
    }
    *out = tescan ? smt_format("%.*s-%s.hdr", stem, path, suffix + 1)
                  : smt_format("%.*s.txt", stem, path);
    return *out;
}

bool smt_sem_load_sidecar(const char *path, char **text)
{
    void *data = NULL;
    size_t size = 0;
    struct stat info;
    smt_status status = SMT_OK;
    if (path && stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
        status = smt_file_load(path, MAX_BYTES, &data, &size, NULL);
    }
    *text = data;
    return status != SMT_ERR_MEMORY;
}

bool smt_image_is_sidecar(const char *path)
{
    const char *suffix = smt_path_suffix(path);
    char *text = NULL;
    if (strcmp(suffix, ".txt") != 0 && strcmp(suffix, ".hdr") != 0) {
        return false;
    }
    bool is = smt_sem_load_sidecar(path, &text) && text && vendor_of(text) != OTHER;
    smt_free(text);
    return is;
}

/* The text with the image's new name, where it stands under the old one. NULL: no memory. */
static char *renamed(const char *text, const char *before, const char *after)
{
    const char *name = smt_ini_value(text, "SemImageFile", "ImageName");
    size_t length = strlen(before);
    if (vendor_of(text) != HITACHI || !name || strncasecmp(name, before, length) != 0) {
        return smt_strdup(text);
    }
    return smt_format("%.*s%s%s", (int)(name - text), text, after, name + length);
}

smt_status smt_image_copy_sidecars(const char *from, const char *to, smt_error *error)
{
    smt_status status = SMT_OK;
    for (int tescan = 1; tescan >= 0 && !status; tescan--) {
        char *source = NULL, *target = NULL, *text = NULL, *copy = NULL;
        if (!smt_sem_sidecar_path(from, tescan, &source) ||
            !smt_sem_sidecar_path(to, tescan, &target) || !smt_sem_load_sidecar(source, &text)) {
            status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", from);
        } else if (text && target && vendor_of(text) != OTHER) {
            copy = renamed(text, smt_path_name(from), smt_path_name(to));
            status = copy ? smt_file_save_bulk(target, copy, strlen(copy), error)
                          : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", from);
        }
        smt_free(source);
        smt_free(target);
        smt_free(text);
        smt_free(copy);
    }
    return status;
}
