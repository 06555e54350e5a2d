#include "image/sem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

void smt_sem_read_sidecar(
    const char *text, const char *name, int width, int height, smt_sem_metadata *found)
{
    if (strncmp(text, "[SemImageFile]", 14) == 0) {
        read_hitachi(text, name, width, height, found);
    } else if (text[0] == '$' &&
               (jeol_value(text, "$CM_FORMAT") || jeol_value(text, "$CM_FULL_SIZE") ||
                jeol_value(text, "$$SM_MICRON_BAR"))) {
        read_jeol(text, height, found);
    } else if (smt_ini_value(text, "MAIN", "PixelSizeX")) {
        name_vendor(found, "Tescan");
        found->pixel_width = smt_ini_number(text, "MAIN", "PixelSizeX");
        found->pixel_height = smt_ini_number(text, "MAIN", "PixelSizeY");
        found->databar_height = rows_of(smt_ini_number(text, "MAIN", "ImageStripSize"), height);
    }
}
