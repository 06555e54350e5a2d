/* libpng reports errors by longjmp. The job lives in the frame of smt_decode_png, the jump's target
 * is in run(), which has no locals that change after setjmp, so every value in the job is
 * determinate after a jump. */
#include "image/decode.h"

#include <png.h>
#include <stdio.h>
#include <string.h>

typedef struct png_job {
    const image_source *source;
    smt_error *error;
    size_t position;
    bool truncated, no_memory;
    png_structp png;
    png_infop info;
    uint8_t *raw;    /* one row, or the whole image when interlaced */
    png_bytep *rows; /* into raw, when interlaced */
    uint16_t *wide;  /* 16-bit grey */
    smt_image image;
    uint8_t palette[256]; /* index or small sample -> grey */
    int colour, depth;
    char message[160];
} png_job;

static png_voidp png_allocate(png_structp png, png_alloc_size_t size)
{
    void *block = smt_alloc(size, 1);
    if (!block) {
        ((png_job *)png_get_mem_ptr(png))->no_memory = true;
    }
    return block;
}

static void png_release(png_structp png, png_voidp block)
{
    (void)png;
    smt_free(block);
}

static void on_error(png_structp png, png_const_charp message)
{
    png_job *job = png_get_error_ptr(png);
    snprintf(job->message, sizeof job->message, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    const png_job *job = png_get_error_ptr(png);
    smt_log(SMT_LOG_DEBUG, "%s: %s", job->source->name, message);
}

static void read_bytes(png_structp png, png_bytep out, size_t size)
{
    png_job *job = png_get_io_ptr(png);
    if (size > job->source->size - job->position) {
        job->truncated = true;
        png_error(png, "end of file");
    }
    memcpy(out, job->source->data + job->position, size);
    job->position += size;
}

static void build_palette(png_job *job)
{
    if (job->colour == PNG_COLOR_TYPE_PALETTE) {
        png_colorp colours = NULL;
        int count = 0;
        png_get_PLTE(job->png, job->info, &colours, &count);
        for (int i = 0; i < count && i < 256; i++) {
            job->palette[i] = smt_luma(colours[i].red, colours[i].green, colours[i].blue);
        }
    } else {
        unsigned top = job->depth >= 8 ? 255u : (1u << job->depth) - 1u;
        for (unsigned i = 0; i <= top; i++) {
            job->palette[i] = (uint8_t)(i * 255u / top);
        }
    }
}

static uint16_t sample16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void convert_row(png_job *job, const uint8_t *row, int y)
{
    int width = job->image.width;
    size_t channels = png_get_channels(job->png, job->info);
    bool colour = channels >= 3;
    if (job->depth == 16) {
        uint16_t *out = job->wide + (size_t)y * (size_t)width;
        for (int x = 0; x < width; x++) {
            const uint8_t *at = row + (size_t)x * channels * 2;
            out[x] = colour ? smt_luma16(sample16(at), sample16(at + 2), sample16(at + 4))
                            : sample16(at);
        }
        return;
    }
    uint8_t *out = job->image.pixels + (size_t)y * (size_t)width;
    if (colour) {
        for (int x = 0; x < width; x++) {
            const uint8_t *at = row + (size_t)x * channels;
            out[x] = smt_luma(at[0], at[1], at[2]);
        }
    } else {
        for (int x = 0; x < width; x++) {
            out[x] = job->palette[row[(size_t)x * channels]];
        }
    }
}

static smt_status out_of_memory(png_job *job)
{
    return smt_fail_memory(
        job->source, (uint64_t)job->image.width, (uint64_t)job->image.height, job->error);
}

/* Reads the header, checks it and allocates; jumps on libpng's errors. */
static smt_status prepare(png_job *job)
{
    png_structp png = job->png;
    png_set_read_fn(png, job, read_bytes);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* ours give a better message */
    /* Colour profiles, texts and the like are skipped unread: a broken one does no harm. */
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(png, job->info);
    uint32_t width = png_get_image_width(png, job->info),
             height = png_get_image_height(png, job->info);
    smt_status status = smt_check_dimensions(job->source, width, height, job->error);
    if (status != SMT_OK) {
        return status;
    }
    job->colour = png_get_color_type(png, job->info);
    job->depth = png_get_bit_depth(png, job->info);
    png_set_packing(png); /* 1, 2 and 4 bits: one sample a byte */
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, job->info);
    build_palette(job);

    /* Deflate gains at most 1032 to 1, so a short file cannot make us allocate much. */
    size_t row_bytes = png_get_rowbytes(png, job->info);
    size_t packed_bytes = job->depth < 8 ? row_bytes / (8u / (unsigned)job->depth) : row_bytes;
    if (packed_bytes * height / 1032 > job->source->size) {
        job->truncated = true;
        png_error(png, "end of file");
    }
    status = smt_decode_create(job->source, width, height, &job->image, job->error);
    if (status != SMT_OK) {
        return status;
    }
    job->raw = smt_alloc(passes > 1 ? height : 1, row_bytes);
    if (passes > 1) {
        job->rows = smt_alloc(height, sizeof *job->rows);
    }
    if (job->depth == 16) {
        job->wide = smt_alloc((size_t)width * height, sizeof *job->wide);
    }
    if (!job->raw || (passes > 1 && !job->rows) || (job->depth == 16 && !job->wide)) {
        return out_of_memory(job);
    }
    for (uint32_t y = 0; job->rows && y < height; y++) {
        job->rows[y] = job->raw + y * row_bytes;
    }
    return SMT_OK;
}

static void read_pixels(png_job *job)
{
    if (job->rows) {
        png_read_image(job->png, job->rows);
    }
    for (int y = 0; y < job->image.height; y++) {
        if (!job->rows) {
            png_read_row(job->png, job->raw, NULL);
        }
        convert_row(job, job->rows ? job->rows[y] : job->raw, y);
    }
    png_read_end(job->png, NULL);
}

static smt_status run(png_job *job)
{
    if (setjmp(png_jmpbuf(job->png))) {
        if (job->no_memory) {
            return out_of_memory(job);
        }
        if (job->truncated) {
            return smt_fail(job->error,
                            SMT_ERR_FORMAT,
                            "%s: the PNG ends early, after %zu bytes; copy it again",
                            job->source->name,
                            job->source->size);
        }
        return smt_fail(
            job->error, SMT_ERR_FORMAT, "%s: damaged PNG: %s", job->source->name, job->message);
    }
    smt_status status = prepare(job);
    if (status == SMT_OK) {
        read_pixels(job);
        if (job->wide) {
            status = smt_stretch16(job->source, job->wide, &job->image, job->error);
        }
    }
    return status;
}

smt_status smt_decode_png(const image_source *source, smt_image *out, smt_error *error)
{
    png_job job = {.source = source, .error = error};
    smt_status status = SMT_ERR_MEMORY;
    job.png = png_create_read_struct_2(
        PNG_LIBPNG_VER_STRING, &job, on_error, on_warning, &job, png_allocate, png_release);
    if (job.png) {
        job.info = png_create_info_struct(job.png);
    }
    if (job.info) {
        status = run(&job);
    } else {
        status = out_of_memory(&job);
    }
    png_destroy_read_struct(&job.png, &job.info, NULL);
    smt_free(job.raw);
    smt_free(job.rows);
    smt_free(job.wide);
    if (status == SMT_OK) {
        *out = job.image;
    } else {
        smt_image_free(&job.image);
    }
    return status;
}
