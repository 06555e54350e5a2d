/* TIFF, one page. libtiff decompresses strips and tiles; what the samples mean is decided here,
 * because its own RGBA interface cuts 16-bit samples to 8 bits by shifting, which turns a 12-bit
 * microscope image black.
 *
 * A block (strip or tile) is converted as soon as it is read, to 8-bit grey if the samples have 8
 * bits or less, else to 16-bit grey that is stretched at the end. Real numbers and 32-bit integers
 * are first mapped linearly to 16 bits. */
#include "image/tiff_open.h"

#include <math.h>
#include <string.h>

#define MAX_SAMPLES 16

typedef enum colour_model { GREY, GREY_INVERTED, RGB, PALETTE, INK } colour_model;

typedef struct tiff_job {
    const image_source *source;
    smt_error *error;
    tiff_memory file;
    uint16_t bits, samples, planar, format, compression;
    colour_model model;
    int planes;    /* buffers a block needs: 1, or one per colour if planes are separate */
    size_t stride; /* samples from one pixel to the next in such a buffer */
    uint8_t *block[4];
    uint8_t palette[256];
    uint16_t *wide;
    float *real;
    smt_image image;
} tiff_job;

static smt_status damaged(tiff_job *job)
{
    const char *reason = job->file.message[0] ? job->file.message : "the data end early";
    return smt_fail(job->error,
                    SMT_ERR_FORMAT,
                    "%s: damaged or incomplete TIFF: %s",
                    job->source->name,
                    reason + strspn(reason, ": ")); /* libtiff's name of the file is empty */
}

static smt_status unsupported(tiff_job *job, const char *what, int value)
{
    return smt_fail(job->error,
                    SMT_ERR_UNSUPPORTED,
                    "%s: TIFF with %s %d; export it as 8- or 16-bit grey",
                    job->source->name,
                    what,
                    value);
}

static smt_status out_of_memory(tiff_job *job)
{
    return smt_fail_memory(
        job->source, (uint64_t)job->image.width, (uint64_t)job->image.height, job->error);
}

/* ---- samples ---- */

static uint32_t sample8(const uint8_t *row, size_t index, unsigned bits)
{
    if (bits == 8) {
        return row[index];
    }
    size_t bit = index * bits;
    return (uint32_t)(row[bit / 8] >> (8u - bits - bit % 8)) & ((1u << bits) - 1u);
}

static uint32_t sample16(const uint8_t *row, size_t index, bool is_signed)
{
    uint16_t value;
    memcpy(&value, row + 2 * index, 2); /* libtiff has put it into the machine's byte order */
    return is_signed ? value ^ 0x8000u : value;
}

static float sample32(const uint8_t *row, size_t index, uint16_t format)
{
    uint32_t value;
    memcpy(&value, row + 4 * index, 4);
    if (format == SAMPLEFORMAT_IEEEFP) {
        float real;
        memcpy(&real, &value, 4);
        return real;
    }
    return format == SAMPLEFORMAT_INT ? (float)(int32_t)value : (float)value;
}

static uint32_t grey8(const tiff_job *job, const uint8_t *const rows[4], size_t x, size_t stride)
{
    uint32_t first = sample8(rows[0], x * stride, job->bits);
    switch (job->model) {
    case RGB:
        return smt_luma(first, rows[1][x * stride], rows[2][x * stride]);
    case INK:
        return smt_cmyk_luma(first, rows[1][x * stride], rows[2][x * stride], rows[3][x * stride]);
    default:
        return job->palette[first];
    }
}

static uint32_t grey16(const tiff_job *job, const uint8_t *const rows[4], size_t x, size_t stride)
{
    bool is_signed = job->format == SAMPLEFORMAT_INT;
    uint32_t value = sample16(rows[0], x * stride, is_signed);
    if (job->model == RGB) {
        value = smt_luma16(value,
                           sample16(rows[1], x * stride, is_signed),
                           sample16(rows[2], x * stride, is_signed));
    }
    return job->model == GREY_INVERTED ? 65535u - value : value;
}

/* Converts the part of the block in job->block that lies inside the image. */
static void convert_block(tiff_job *job, int left, int top, int block_width, int block_height)
{
    size_t stride = job->stride;
    size_t row_bytes = ((size_t)block_width * stride * job->bits + 7) / 8;
    size_t step = job->planes > 1
                      ? 0
                      : job->bits / 8u; /* from one colour to the next, in an interleaved pixel */
    int width = job->image.width - left < block_width ? job->image.width - left : block_width;
    int height = job->image.height - top < block_height ? job->image.height - top : block_height;
    for (int y = 0; y < height; y++) {
        const uint8_t *rows[4];
        for (size_t c = 0; c < 4; c++) {
            rows[c] = job->planes > 1
                          ? (job->block[c] ? job->block[c] + (size_t)y * row_bytes : NULL)
                          : job->block[0] + (size_t)y * row_bytes + c * step;
        }
        size_t at = (size_t)(top + y) * (size_t)job->image.width + (size_t)left;
        for (size_t x = 0; x < (size_t)width; x++) {
            if (job->real) {
                float value = sample32(rows[0], x * stride, job->format);
                job->real[at + x] = job->model == GREY_INVERTED ? -value : value;
            } else if (job->wide) {
                job->wide[at + x] = (uint16_t)grey16(job, rows, x, stride);
            } else {
                job->image.pixels[at + x] = (uint8_t)grey8(job, rows, x, stride);
            }
        }
    }
}

/* ---- the header ---- */

static smt_status read_palette(tiff_job *job)
{
    unsigned count = 1u << job->bits;
    unsigned flip = job->format == SAMPLEFORMAT_INT ? 0x80 : 0;
    if (job->model != PALETTE) {
        for (unsigned i = 0; i < count; i++) {
            unsigned value = (i ^ flip) * 255u / (count - 1);
            job->palette[i] = (uint8_t)(job->model == GREY_INVERTED ? 255u - value : value);
        }
        return SMT_OK;
    }
    uint16_t *red = NULL, *green = NULL, *blue = NULL;
    if (!TIFFGetField(job->file.tiff, TIFFTAG_COLORMAP, &red, &green, &blue) || !red || !green ||
        !blue) {
        return smt_fail(job->error,
                        SMT_ERR_FORMAT,
                        "%s: damaged TIFF: the colour map is missing",
                        job->source->name);
    }
    unsigned largest = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned value = red[i] | green[i] | blue[i];
        largest = value > largest ? value : largest;
    }
    unsigned shift = largest > 255 ? 8 : 0; /* some writers leave the upper byte empty */
    for (unsigned i = 0; i < count; i++) {
        job->palette[i] = smt_luma(
            (uint32_t)red[i] >> shift, (uint32_t)green[i] >> shift, (uint32_t)blue[i] >> shift);
    }
    return SMT_OK;
}

static smt_status read_model(tiff_job *job, uint16_t photometric)
{
    switch (photometric) {
    case PHOTOMETRIC_MINISBLACK:
        job->model = GREY;
        break;
    case PHOTOMETRIC_MINISWHITE:
        job->model = GREY_INVERTED;
        break;
    case PHOTOMETRIC_PALETTE:
        job->model = PALETTE;
        break;
    case PHOTOMETRIC_RGB:
        job->model = RGB;
        break;
    case PHOTOMETRIC_SEPARATED:
        job->model = INK;
        break;
    case PHOTOMETRIC_YCBCR:
        if (job->compression != COMPRESSION_JPEG) {
            return unsupported(job, "uncompressed YCbCr, colour model", photometric);
        }
        if (job->planar == PLANARCONFIG_SEPARATE) {
            job->model = GREY; /* the first plane is the luma */
            break;
        }
        TIFFSetField(job->file.tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        job->model = RGB;
        break;
    default:
        return unsupported(job, "colour model", photometric);
    }
    return SMT_OK;
}

static smt_status read_header(tiff_job *job)
{
    uint32_t width = 0, height = 0;
    uint16_t photometric = 0;
    TIFF *tiff = job->file.tiff;
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
    smt_status status = smt_check_dimensions(job->source, width, height, job->error);
    if (status != SMT_OK) {
        return status;
    }
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &job->bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &job->samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &job->planar);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &job->format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &job->compression);
    if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &photometric)) {
        photometric = job->samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    }
    if (!TIFFIsCODECConfigured(job->compression) || job->compression == COMPRESSION_OJPEG) {
        return unsupported(job, "compression", job->compression);
    }
    status = read_model(job, photometric);
    if (status != SMT_OK) {
        return status;
    }
    unsigned colours = job->model == RGB ? 3 : job->model == INK ? 4 : 1;
    if (job->samples < colours || job->samples > MAX_SAMPLES) {
        return unsupported(job, "samples a pixel:", job->samples);
    }
    if (job->format == SAMPLEFORMAT_VOID) {
        job->format = SAMPLEFORMAT_UINT;
    }
    bool real = job->format == SAMPLEFORMAT_IEEEFP;
    if (job->format != SAMPLEFORMAT_UINT && job->format != SAMPLEFORMAT_INT && !real) {
        return unsupported(job, "sample format", job->format);
    }
    bool grey = job->model == GREY || job->model == GREY_INVERTED;
    bool supported;
    switch (job->bits) {
    case 1:
    case 2:
    case 4:
        supported = job->samples == 1 && job->format == SAMPLEFORMAT_UINT;
        break;
    case 8:
        supported = job->format == SAMPLEFORMAT_UINT || (grey && !real);
        break;
    case 16:
        supported = !real && job->model != PALETTE && job->model != INK;
        break;
    case 32:
        supported = grey;
        break;
    default:
        supported = false;
    }
    if (!supported) {
        return unsupported(job, real ? "real samples, bits:" : "bits a sample:", job->bits);
    }
    bool separate = job->planar == PLANARCONFIG_SEPARATE;
    job->planes = separate ? (int)colours : 1;
    job->stride = separate ? 1 : job->samples;
    return job->bits <= 8 ? read_palette(job) : SMT_OK;
}

/* ---- the pixels ---- */

static smt_status allocate(tiff_job *job, uint64_t block_bytes)
{
    uint32_t width = 0, height = 0;
    TIFFGetField(job->file.tiff, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(job->file.tiff, TIFFTAG_IMAGELENGTH, &height);
    smt_status status = smt_decode_create(job->source, width, height, &job->image, job->error);
    if (status != SMT_OK) {
        return status;
    }
    size_t count = (size_t)width * height;
    for (int p = 0; p < job->planes; p++) {
        job->block[p] = smt_alloc((size_t)block_bytes, 1);
        if (!job->block[p]) {
            return out_of_memory(job);
        }
    }
    if (job->bits > 8) {
        job->wide = smt_alloc(count, sizeof *job->wide);
        if (!job->wide) {
            return out_of_memory(job);
        }
    }
    if (job->bits == 32) {
        job->real = smt_alloc(count, sizeof *job->real);
        if (!job->real) {
            return out_of_memory(job);
        }
    }
    return SMT_OK;
}

/* libtiff reads an uncompressed block without looking at its length, and one without an entry in
 * the table from the beginning of the file. */
static bool block_present(tiff_job *job, uint32_t block, uint64_t needed)
{
    int failed = 0;
    uint64_t offset = TIFFGetStrileOffsetWithErr(job->file.tiff, block, &failed);
    if (failed || offset == 0) {
        return false;
    }
    uint64_t bytes = TIFFGetStrileByteCountWithErr(job->file.tiff, block, &failed);
    uint64_t least = job->compression == COMPRESSION_NONE ? needed : 1;
    return !failed && bytes >= least && offset < job->source->size &&
           bytes <= job->source->size - offset;
}

static smt_status read_tiles(tiff_job *job)
{
    uint32_t width = 0, height = 0;
    TIFFGetField(job->file.tiff, TIFFTAG_TILEWIDTH, &width);
    TIFFGetField(job->file.tiff, TIFFTAG_TILELENGTH, &height);
    smt_status status = smt_check_dimensions(job->source, width, height, job->error);
    if (status != SMT_OK) {
        return status;
    }
    uint64_t row_bytes = ((uint64_t)width * job->stride * job->bits + 7) / 8;
    uint64_t bytes = TIFFTileSize64(job->file.tiff);
    if (bytes < row_bytes * height || bytes > TIFF_MAX_BLOCK) {
        return damaged(job);
    }
    status = allocate(job, bytes);
    if (status != SMT_OK) {
        return status;
    }
    /* Narrow tiles of great height, all at the same offset, are decoded for minutes. */
    uint64_t across = (uint64_t)(job->image.width - 1) / width + 1;
    uint64_t down = (uint64_t)(job->image.height - 1) / height + 1;
    if (across * width * (down * height) > 2 * (uint64_t)job->source->limits.max_pixels) {
        return smt_fail(
            job->error,
            SMT_ERR_LIMIT,
            "%s: tiles of %u x %u pixels go far beyond the image; save it without tiles",
            job->source->name,
            width,
            height);
    }
    for (int top = 0; top < job->image.height; top += (int)height) {
        for (int left = 0; left < job->image.width; left += (int)width) {
            for (int p = 0; p < job->planes; p++) {
                uint32_t tile =
                    TIFFComputeTile(job->file.tiff, (uint32_t)left, (uint32_t)top, 0, (uint16_t)p);
                if (!block_present(job, tile, bytes)) {
                    return damaged(job);
                }
                tmsize_t got =
                    TIFFReadEncodedTile(job->file.tiff, tile, job->block[p], (tmsize_t)bytes);
                if (got < 0 || (uint64_t)got < bytes) {
                    return damaged(job);
                }
            }
            convert_block(job, left, top, (int)width, (int)height);
        }
    }
    return SMT_OK;
}

static smt_status read_strips(tiff_job *job)
{
    uint32_t image_width = 0, image_height = 0, rows = 0;
    TIFFGetField(job->file.tiff, TIFFTAG_IMAGEWIDTH, &image_width);
    TIFFGetField(job->file.tiff, TIFFTAG_IMAGELENGTH, &image_height);
    TIFFGetFieldDefaulted(job->file.tiff, TIFFTAG_ROWSPERSTRIP, &rows);
    if (rows == 0 || rows > image_height) {
        rows = image_height;
    }
    uint64_t row_bytes = ((uint64_t)image_width * job->stride * job->bits + 7) / 8;
    uint64_t bytes = TIFFStripSize64(job->file.tiff);
    if (bytes < row_bytes * rows || bytes > TIFF_MAX_BLOCK) {
        return damaged(job);
    }
    smt_status status = allocate(job, bytes);
    if (status != SMT_OK) {
        return status;
    }
    for (uint32_t top = 0; top < image_height; top += rows) {
        uint32_t here = image_height - top < rows ? image_height - top : rows;
        for (int p = 0; p < job->planes; p++) {
            uint32_t strip = TIFFComputeStrip(job->file.tiff, top, (uint16_t)p);
            if (!block_present(job, strip, row_bytes * here)) {
                return damaged(job);
            }
            tmsize_t got =
                TIFFReadEncodedStrip(job->file.tiff, strip, job->block[p], (tmsize_t)bytes);
            if (got < 0 || (uint64_t)got < row_bytes * here) {
                return damaged(job);
            }
        }
        convert_block(job, 0, (int)top, (int)image_width, (int)here);
    }
    return SMT_OK;
}

/* A number that is smaller where the value is. */
static uint32_t order_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

/* The finite value before which `rank` others lie, by the upper half of its order, then the lower.
 * The histogram has 65536 counts. */
static double value_at(const float *values, size_t count, size_t rank, uint32_t *histogram)
{
    uint32_t order = 0;
    for (int half = 0; half < 2; half++) {
        memset(histogram, 0, 65536 * sizeof *histogram);
        for (size_t i = 0; i < count; i++) {
            uint32_t own = order_of(values[i]);
            if (isfinite(values[i]) && (half == 0 || own >> 16 == order)) {
                histogram[half ? own & 0xffffu : own >> 16]++;
            }
        }
        uint32_t digit = 0;
        while (rank >= histogram[digit]) {
            rank -= histogram[digit++];
        }
        order = order << 16 | digit;
    }
    uint32_t bits = order >> 31 ? order & 0x7fffffffu : ~order;
    float value;
    memcpy(&value, &bits, 4);
    return (double)value;
}

/* Linear to 16 bits, from the finite values at the ranks that 16 bits are stretched between: one
 * outlier would take all grey levels otherwise. NaN becomes the smallest. */
static smt_status real_to_wide(tiff_job *job)
{
    size_t count = (size_t)job->image.width * (size_t)job->image.height;
    size_t seen_count = smt_count_seen(job->source, &job->image), finite = 0;
    uint32_t *histogram = smt_alloc(65536, sizeof *histogram);
    if (!histogram) {
        return out_of_memory(job);
    }
    for (size_t i = 0; i < seen_count; i++) {
        finite += isfinite(job->real[i]) != 0;
    }
    double low = 0, high = 0;
    if (finite > 0) {
        size_t rank = smt_stretch_rank(finite);
        low = value_at(job->real, seen_count, rank, histogram);
        high = value_at(job->real, seen_count, finite - 1 - rank, histogram);
        if (low == high) { /* what differs is little, and all that there is to see */
            low = value_at(job->real, seen_count, 0, histogram);
            high = value_at(job->real, seen_count, finite - 1, histogram);
        }
    }
    smt_free(histogram);
    for (size_t i = 0; i < count; i++) {
        double value = (double)job->real[i];
        double unit = high > low && value > low ? (value - low) / (high - low) : 0;
        job->wide[i] = (uint16_t)((unit < 1 ? unit : 1) * 65535 + 0.5);
    }
    return SMT_OK;
}

static smt_status read_image(tiff_job *job)
{
    smt_status status = read_header(job);
    if (status == SMT_OK) {
        status = TIFFIsTiled(job->file.tiff) ? read_tiles(job) : read_strips(job);
    }
    if (status != SMT_OK || !job->wide) {
        return status;
    }
    if (job->real) {
        status = real_to_wide(job);
    }
    return status ? status : smt_stretch16(job->source, job->wide, &job->image, job->error);
}

smt_status smt_decode_tiff(const image_source *source, smt_image *out, smt_error *error)
{
    tiff_job job = {.source = source, .error = error};
    smt_status status;
    if (smt_tiff_open(source, &job.file)) {
        status = read_image(&job);
        TIFFClose(job.file.tiff);
    } else {
        status = damaged(&job);
    }
    for (size_t p = 0; p < 4; p++) {
        smt_free(job.block[p]);
    }
    smt_free(job.wide);
    smt_free(job.real);
    if (status == SMT_OK) {
        *out = job.image;
    } else {
        smt_image_free(&job.image);
    }
    return status;
}
