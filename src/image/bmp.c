/* Windows bitmaps: headers of 12 (OS/2) and 40 to 124 bytes; 1, 4, 8, 16, 24 and 32 bits; RLE4 and
 * RLE8; bit fields; bottom-up and top-down. */
#include "image/decode.h"

#include <string.h>

enum { BI_RGB = 0, BI_RLE8 = 1, BI_RLE4 = 2, BI_BITFIELDS = 3, BI_ALPHABITFIELDS = 6 };

typedef struct bmp_header {
    uint32_t header_size, pixel_offset;
    uint32_t width, height;
    bool top_down;
    uint32_t bits, compression, colours;
    uint32_t masks[3]; /* red, green, blue */
    uint8_t palette[256];
} bmp_header;

static uint32_t get16(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8;
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) | get16(at + 2) << 16;
}

static smt_status damaged(const image_source *source, const char *what, smt_error *error)
{
    return smt_fail(error, SMT_ERR_FORMAT, "%s: damaged BMP: %s", source->name, what);
}

static smt_status truncated(const image_source *source, smt_error *error)
{
    return smt_fail(error,
                    SMT_ERR_FORMAT,
                    "%s: the BMP ends early, after %zu bytes; copy it again",
                    source->name,
                    source->size);
}

static smt_status read_masks(const image_source *source, bmp_header *header, smt_error *error)
{
    if (header->compression == BI_BITFIELDS || header->compression == BI_ALPHABITFIELDS) {
        /* In the header from version 2 on, right after it in version 1: the same place. */
        if (source->size < 14 + 40 + 12) {
            return truncated(source, error);
        }
        for (size_t i = 0; i < 3; i++) {
            header->masks[i] = get32(source->data + 14 + 40 + 4 * i);
        }
    } else if (header->bits == 16) {
        header->masks[0] = 0x7c00, header->masks[1] = 0x03e0, header->masks[2] = 0x001f;
    } else {
        header->masks[0] = 0xff0000, header->masks[1] = 0xff00, header->masks[2] = 0xff;
    }
    if (header->bits == 16 || header->bits == 32) {
        for (size_t i = 0; i < 3; i++) {
            uint32_t mask = header->masks[i];
            uint32_t low = mask & (~mask + 1u);
            if (mask == 0 || ((mask / low) & (mask / low + 1u)) != 0) {
                return damaged(source, "a colour mask is empty or has gaps", error);
            }
        }
    }
    return SMT_OK;
}

static smt_status read_palette(const image_source *source, bmp_header *header, smt_error *error)
{
    uint32_t entry = header->header_size == 12 ? 3 : 4;
    uint32_t count = 1u << header->bits;
    if (header->colours && header->colours < count) {
        count = header->colours;
    }
    uint64_t start = 14ull + header->header_size;
    if (header->header_size == 40 && header->compression == BI_BITFIELDS) {
        start += 12;
    }
    if (header->pixel_offset > start && (header->pixel_offset - start) / entry < count) {
        count =
            (uint32_t)((header->pixel_offset - start) / entry); /* a short table without a count */
    }
    if (start + (uint64_t)count * entry > source->size) {
        return truncated(source, error);
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *at = source->data + start + (size_t)i * entry;
        header->palette[i] = smt_luma(at[2], at[1], at[0]);
    }
    return SMT_OK;
}

static smt_status read_header(const image_source *source, bmp_header *header, smt_error *error)
{
    const uint8_t *data = source->data;
    if (source->size < 14 + 12) {
        return truncated(source, error);
    }
    header->pixel_offset = get32(data + 10);
    header->header_size = get32(data + 14);
    if (header->header_size != 12 && (header->header_size < 40 || header->header_size > 124)) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: BMP with a header of %u bytes; convert it to PNG",
                        source->name,
                        header->header_size);
    }
    if (source->size < 14 + (size_t)header->header_size) {
        return truncated(source, error);
    }
    if (header->header_size == 12) {
        header->width = get16(data + 18);
        header->height = get16(data + 20);
        header->bits = get16(data + 24);
    } else {
        uint32_t height = get32(data + 22);
        header->top_down = (height & 0x80000000u) != 0;
        header->width = get32(data + 18);
        header->height = header->top_down ? ~height + 1u : height;
        header->bits = get16(data + 28);
        header->compression = get32(data + 30);
        header->colours = get32(data + 46);
        if (header->width & 0x80000000u) {
            return damaged(source, "the width is negative", error);
        }
    }
    smt_status status = smt_check_dimensions(source, header->width, header->height, error);
    if (status != SMT_OK) {
        return status;
    }
    bool fields = header->compression == BI_BITFIELDS || header->compression == BI_ALPHABITFIELDS;
    bool packed = (header->compression == BI_RLE8 && header->bits == 8) ||
                  (header->compression == BI_RLE4 && header->bits == 4);
    bool wide = header->bits == 16 || header->bits == 32;
    bool known = wide || header->bits == 1 || header->bits == 2 || header->bits == 4 ||
                 header->bits == 8 || header->bits == 24;
    if (!known || !(header->compression == BI_RGB || (fields && wide) || packed)) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: BMP with %u bits and compression %u; convert it to PNG",
                        source->name,
                        header->bits,
                        header->compression);
    }
    if (packed && header->top_down) {
        return damaged(source, "run-length coded and top-down at once", error);
    }
    if (header->pixel_offset < 14 + header->header_size || header->pixel_offset > source->size) {
        return header->pixel_offset > source->size
                   ? truncated(source, error)
                   : damaged(source, "the pixels begin inside the header", error);
    }
    return header->bits <= 8 ? read_palette(source, header, error)
                             : read_masks(source, header, error);
}

/* A bit field scaled to 0 .. 255, rounded down as in x * 255 / max. */
static uint32_t field(uint32_t value, uint32_t mask)
{
    uint32_t low = mask & (~mask + 1u);
    return (uint32_t)((uint64_t)((value & mask) / low) * 255u / (mask / low));
}

static void convert_row(const bmp_header *header, const uint8_t *row, uint8_t *out)
{
    uint32_t bits = header->bits;
    for (size_t x = 0; x < header->width; x++) {
        if (bits <= 8) {
            size_t bit = x * bits;
            out[x] = header->palette[(uint32_t)(row[bit / 8] >> (8u - bits - bit % 8)) &
                                     ((1u << bits) - 1u)];
        } else if (bits == 24) {
            out[x] = smt_luma(row[3 * x + 2], row[3 * x + 1], row[3 * x]);
        } else {
            uint32_t value = bits == 16 ? get16(row + 2 * x) : get32(row + 4 * x);
            out[x] = smt_luma(field(value, header->masks[0]),
                              field(value, header->masks[1]),
                              field(value, header->masks[2]));
        }
    }
}

static smt_status
read_plain(const image_source *source, const bmp_header *header, smt_image *image, smt_error *error)
{
    uint64_t row_bytes = ((uint64_t)header->width * header->bits + 31) / 32 * 4;
    uint64_t last_bytes = ((uint64_t)header->width * header->bits + 7) /
                          8; /* the last row's padding may be missing */
    if (header->pixel_offset + row_bytes * (header->height - 1) + last_bytes > source->size) {
        return truncated(source, error);
    }
    smt_status status = smt_decode_create(source, header->width, header->height, image, error);
    for (uint32_t i = 0; status == SMT_OK && i < header->height; i++) {
        uint32_t y = header->top_down ? i : header->height - 1 - i;
        convert_row(header,
                    source->data + header->pixel_offset + (size_t)(row_bytes * i),
                    image->pixels + (size_t)y * header->width);
    }
    return status;
}

/* Pixels that the code skips keep colour 0 of the palette. */
static smt_status decode_runs(const image_source *source,
                              const bmp_header *header,
                              smt_image *image,
                              smt_error *error)
{
    const uint8_t *at = source->data + header->pixel_offset, *end = source->data + source->size;
    uint32_t x = 0, y = 0, width = header->width, height = header->height;
    bool nibbles = header->bits == 4;
    memset(image->pixels, header->palette[0], (size_t)width * height);
    for (;;) {
        if (end - at < 2) {
            return truncated(source, error);
        }
        uint32_t count = at[0], code = at[1];
        at += 2;
        if (count == 0 && code == 0) {
            x = 0;
            y++;
            continue;
        }
        if (count == 0 && code == 1) {
            return SMT_OK;
        }
        if (count == 0 && code == 2) {
            if (end - at < 2) {
                return truncated(source, error);
            }
            x += at[0];
            y += at[1];
            at += 2;
            continue;
        }
        bool literal = count == 0;
        uint32_t pixels = literal ? code : count;
        uint32_t bytes = literal ? (nibbles ? (pixels + 1) / 2 : pixels) : 0;
        if ((size_t)(end - at) < bytes) {
            return truncated(source, error);
        }
        if (y >= height || x > width || pixels > width - x) {
            return damaged(source, "a run leaves the image", error);
        }
        uint8_t *out = image->pixels + (size_t)(height - 1 - y) * width + x;
        for (uint32_t i = 0; i < pixels; i++) {
            uint32_t value = literal ? at[nibbles ? i / 2 : i] : code;
            out[i] = header->palette[nibbles ? (i % 2 ? value & 15u : value >> 4) : value];
        }
        x += pixels;
        at += bytes + (bytes & 1u);
        if (at > end) {
            return truncated(source, error);
        }
    }
}

smt_status smt_decode_bmp(const image_source *source, smt_image *out, smt_error *error)
{
    bmp_header header = {0};
    smt_image image = {0};
    smt_status status = read_header(source, &header, error);
    if (status != SMT_OK) {
        return status;
    }
    if (header.compression == BI_RLE8 || header.compression == BI_RLE4) {
        status = smt_decode_create(source, header.width, header.height, &image, error);
        if (status == SMT_OK) {
            status = decode_runs(source, &header, &image, error);
        }
    } else {
        status = read_plain(source, &header, &image, error);
    }
    if (status == SMT_OK) {
        *out = image;
    } else {
        smt_image_free(&image);
    }
    return status;
}
