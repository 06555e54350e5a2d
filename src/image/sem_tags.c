/* FEI and Thermo: tags 34680 and 34682, INI text. Phenom: 34683, XML. Zeiss: 34118, lines of text.
 * Tescan: 50431, records. Sources of the layouts: tifffile (read_fei_metadata, read_cz_sem),
 * rosettasciio's TIFF reader, Gwyddion's tescan.c. */
#include "image/sem.h"
#include "image/tiff_open.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TAG_BYTES ((size_t)4 << 20)

/* A NUL-terminated copy of a tag of bytes or text, freed
 * with smt_free; NULL: not there, or no memory. */
static char *read_tag(TIFF *tiff, uint32_t tag, size_t *size, bool *no_memory)
{
    const TIFFField *field = TIFFFindField(tiff, tag, TIFF_ANY);
    uint32_t count = 0;
    const void *data = NULL;
    /* Tags that libtiff does not know are given with a 32-bit count. */
    if (!field || !TIFFFieldPassCount(field) || TIFFFieldReadCount(field) != TIFF_VARIABLE2 ||
        TIFFDataWidth(TIFFFieldDataType(field)) != 1 || !TIFFGetField(tiff, tag, &count, &data) ||
        !data || count > MAX_TAG_BYTES) {
        return NULL;
    }
    char *copy = smt_alloc((size_t)count + 1, 1);
    if (copy) {
        memcpy(copy, data, count);
        *size = count;
    } else {
        *no_memory = true;
    }
    return copy;
}

static void read_fei(const char *text, int height, smt_sem_metadata *found)
{
    double rows = smt_ini_number(text, "Image", "ResolutionY"),
           columns = smt_ini_number(text, "Image", "ResolutionX");
    found->pixel_width = smt_ini_number(text, "Scan", "PixelWidth");
    found->pixel_height = smt_ini_number(text, "Scan", "PixelHeight");
    if (found->pixel_width <= 0 && columns > 0) {
        double field = smt_ini_number(text, "EBeam", "HFW");
        field = field > 0 ? field : smt_ini_number(text, "IRBeam", "HFW");
        found->pixel_width = found->pixel_height = field / columns;
    }
    double bar = smt_ini_number(text, "PrivateFei", "DatabarHeight");
    if (bar <= 0 && rows > 0) {
        bar = height - rows;
    }
    found->databar_height = bar > 0 && bar < height ? (int)bar : 0;
}

/* The text after <name ...>, NULL if there is none. */
static const char *xml_text(const char *xml, const char *name, const char **attributes)
{
    size_t length = strlen(name);
    for (const char *at = strchr(xml, '<'); at; at = strchr(at + 1, '<')) {
        if (strncmp(at + 1, name, length) == 0 && strchr(" >\t\r\n", at[1 + length])) {
            const char *end = strchr(at, '>');
            *attributes = at + 1 + length;
            return end ? end + 1 : NULL;
        }
    }
    return NULL;
}

static double phenom_length(const char *xml, const char *name)
{
    const char *attributes = NULL, *text = xml_text(xml, name, &attributes);
    if (!text) {
        return 0;
    }
    double number = strtod(text, NULL);
    const char *unit = strstr(attributes, "unit=");
    bool given = unit && unit < text && (unit[5] == '"' || unit[5] == '\'') && isfinite(number);
    return given ? number * smt_unit_metres(unit + 6) : 0;
}

static void read_phenom(const char *xml, int height, smt_sem_metadata *found)
{
    const char *attributes = NULL, *bar = xml_text(xml, "databarHeight", &attributes);
    found->pixel_width = phenom_length(xml, "pixelWidth");
    found->pixel_height = phenom_length(xml, "pixelHeight");
    double rows = bar ? strtod(bar, NULL) : 0;
    found->databar_height = rows > 0 && rows < height ? (int)rows : 0;
}

/* The length after the '=' of the line that follows the line `name`. */
static double zeiss_length(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = strstr(text, name); at; at = strstr(at + length, name)) {
        bool whole = (at == text || at[-1] == '\n' || at[-1] == '\r') &&
                     strchr("\r\n", at[length]) && at[length];
        if (whole) {
            const char *line = at + length + strspn(at + length, "\r\n");
            size_t equals = strcspn(line, "=\r\n");
            return line[equals] == '=' ? smt_parse_length(line + equals + 1) : 0;
        }
    }
    return 0;
}

static void read_zeiss(const char *text, int width, smt_sem_metadata *found)
{
    double size = zeiss_length(text, "AP_IMAGE_PIXEL_SIZE");
    if (size <= 0) {
        size = zeiss_length(text, "AP_PIXEL_SIZE");
    }
    if (size <= 0) { /* the fourth of the numbers at the beginning, for a width of 1024 */
        const char *at = text;
        for (int i = 0; i < 3; i++) {
            at += strcspn(at, "\n");
            at += *at == '\n';
        }
        size = strtod(at, NULL) * 1024 / width;
    }
    found->pixel_width = found->pixel_height = size;
}

/* Records of {32-bit size of the rest, 16-bit type,
 * data}, little-endian; the texts are in types 2 to 5. */
static void read_tescan(char *data, size_t size, smt_sem_metadata *found)
{
    size_t at = 0;
    while (size - at >= 6) {
        const uint8_t *head = (const uint8_t *)data + at;
        size_t length =
            head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
        unsigned type = head[4] | (unsigned)head[5] << 8;
        if (type == 0 || length < 2 || length > size - at - 4) {
            return;
        }
        if (type == 2) { /* MAIN: as an INI section without its heading */
            char *text = data + at + 6, *end = data + at + 4 + length, kept = *end;
            *end = 0; /* data has one byte more than size */
            found->pixel_width = smt_ini_number(text, NULL, "PixelSizeX");
            found->pixel_height = smt_ini_number(text, NULL, "PixelSizeY");
            double rows = smt_ini_number(text, NULL, "ImageStripSize");
            found->databar_height = rows > 0 && rows < 1e6 ? (int)rows : 0;
            *end = kept;
        }
        at += 4 + length;
    }
}

/* False: no memory. */
static bool read_vendor(TIFF *tiff, int width, int height, smt_sem_metadata *found)
{
    static const struct {
        uint32_t tag;
        const char *vendor;
    } tags[] = {
        {34682, "FEI"}, {34680, "FEI"}, {34683, "Phenom"}, {34118, "Zeiss"}, {50431, "Tescan"}};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        size_t size = 0;
        bool no_memory = false;
        char *text = read_tag(tiff, tags[i].tag, &size, &no_memory);
        if (no_memory) {
            return false;
        }
        if (!text) {
            continue;
        }
        *found = (smt_sem_metadata){0};
        memcpy(found->vendor, tags[i].vendor, strlen(tags[i].vendor));
        switch (tags[i].tag) {
        case 34683:
            read_phenom(text, height, found);
            break;
        case 34118:
            read_zeiss(text, width, found);
            break;
        case 50431:
            read_tescan(text, size, found);
            break;
        default:
            read_fei(text, height, found);
        }
        smt_free(text);
        return true;
    }
    return true;
}

bool smt_sem_read_tags(const image_source *source, int width, int height, smt_sem_metadata *found)
{
    tiff_memory file;
    bool complete = true;
    if (smt_tiff_open(source, &file)) {
        complete = read_vendor(file.tiff, width, height, found);
        TIFFClose(file.tiff);
    }
    return complete;
}
