#include <semtinel/image.h>

#include <png.h>
#include <stdio.h>

typedef struct png_writer {
    smt_file *file;
    png_structp png;
    png_infop info;
    char message[160];
} png_writer;

static void on_error(png_structp png, png_const_charp message)
{
    png_writer *writer = png_get_error_ptr(png);
    snprintf(writer->message, sizeof writer->message, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    smt_log(SMT_LOG_DEBUG, "writing PNG: %s", message);
}

static png_voidp png_allocate(png_structp png, png_alloc_size_t size)
{
    (void)png;
    return smt_alloc(size, 1);
}

static void png_release(png_structp png, png_voidp block)
{
    (void)png;
    smt_free(block);
}

static void write_bytes(png_structp png, png_bytep data, size_t size)
{
    smt_file_write(((png_writer *)png_get_io_ptr(png))->file, data, size);
}

static void flush_bytes(png_structp png)
{
    (void)png; /* smt_file_commit flushes */
}

static smt_status
write_all(png_writer *writer, const char *path, const smt_image *image, smt_error *error)
{
    if (setjmp(png_jmpbuf(writer->png))) {
        return smt_fail(
            error, SMT_ERR_MEMORY, "%s: cannot write the PNG: %s", path, writer->message);
    }
    png_set_write_fn(writer->png, writer, write_bytes, flush_bytes);
    png_set_user_limits(writer->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(writer->png,
                 writer->info,
                 (png_uint_32)image->width,
                 (png_uint_32)image->height,
                 8,
                 PNG_COLOR_TYPE_GRAY,
                 PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(writer->png, writer->info);
    for (int y = 0; y < image->height; y++) {
        png_write_row(writer->png, image->pixels + (size_t)y * (size_t)image->width);
    }
    png_write_end(writer->png, NULL);
    return SMT_OK;
}

smt_status smt_image_save_png(const char *path, const smt_image *image, smt_error *error)
{
    if (image->width <= 0 || image->height <= 0 || !image->pixels) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: an image of %d x %d pixels cannot be saved",
                        path,
                        image->width,
                        image->height);
    }
    png_writer writer = {0};
    smt_status status = smt_file_create(path, &writer.file, error);
    if (status != SMT_OK) {
        return status;
    }
    writer.png = png_create_write_struct_2(
        PNG_LIBPNG_VER_STRING, &writer, on_error, on_warning, NULL, png_allocate, png_release);
    if (writer.png) {
        writer.info = png_create_info_struct(writer.png);
    }
    status = writer.info
                 ? write_all(&writer, path, image, error)
                 : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory for writing a PNG", path);
    png_destroy_write_struct(&writer.png, &writer.info);
    if (status != SMT_OK) {
        smt_file_abandon(&writer.file);
        return status;
    }
    smt_file_bulk(writer.file);
    return smt_file_commit(&writer.file, error);
}
