/* libjpeg-turbo reports errors by longjmp: the job lives in the frame of smt_decode_jpeg and the
 * jump's target is in run(), which changes no local after setjmp. libjpeg only warns about data
 * that ends early or cannot be decoded and invents grey for the rest; for a training set such an
 * image is damaged, so those warnings are errors here. */
#include "image/decode.h"

#include <setjmp.h>
#include <stdio.h>
/* jpeglib.h needs stdio.h first. */
#include <jerror.h>
#include <jpeglib.h>

/* A progressive file has about ten; thousands of empty ones are an attack. */
#define MAX_SCANS 100
#define MAX_DECODER_BYTES (1L << 30)

typedef struct jpeg_job {
    struct jpeg_error_mgr errors; /* first: libjpeg hands back its address */
    jmp_buf jump;
    struct jpeg_decompress_struct decoder;
    struct jpeg_progress_mgr progress;
    const image_source *source;
    smt_error *error;
    smt_status failure;
    char message[JMSG_LENGTH_MAX];
    uint8_t *row;
    smt_image image;
} jpeg_job;

static void fail_jump(jpeg_job *job, smt_status status)
{
    job->failure = status;
    job->errors.format_message((j_common_ptr)&job->decoder, job->message);
    longjmp(job->jump, 1);
}

static void on_error(j_common_ptr decoder)
{
    smt_status status = SMT_ERR_FORMAT;
    switch (decoder->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
    case JERR_NO_BACKING_STORE:
        status = SMT_ERR_MEMORY;
        break;
    case JERR_IMAGE_TOO_BIG:
        status = SMT_ERR_LIMIT;
        break;
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_ARITH_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
        status = SMT_ERR_UNSUPPORTED;
        break;
    default:
        break;
    }
    fail_jump((jpeg_job *)(void *)decoder->err, status);
}

static void on_message(j_common_ptr decoder, int level)
{
    jpeg_job *job = (jpeg_job *)(void *)decoder->err;
    if (level >= 0) {
        return; /* a trace */
    }
    switch (decoder->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
        fail_jump(job, SMT_ERR_FORMAT);
        break;
    default: {
        char line[JMSG_LENGTH_MAX];
        job->errors.format_message(decoder, line);
        smt_log(SMT_LOG_DEBUG, "%s: %s", job->source->name, line);
    }
    }
}

static void on_progress(j_common_ptr common)
{
    const jpeg_job *job = (const jpeg_job *)(void *)common->err;
    if (job->decoder.input_scan_number > MAX_SCANS) {
        ERREXIT(common, JERR_BAD_PROGRESSION);
    }
}

static smt_status out_of_memory(jpeg_job *job)
{
    return smt_fail_memory(
        job->source, job->decoder.image_width, job->decoder.image_height, job->error);
}

static void convert_row(jpeg_job *job, uint8_t *out)
{
    const uint8_t *row = job->row;
    int width = job->image.width;
    switch (job->decoder.out_color_space) {
    case JCS_GRAYSCALE:
        for (int x = 0; x < width; x++) {
            out[x] = row[x];
        }
        break;
    case JCS_RGB:
        for (int x = 0; x < width; x++) {
            out[x] = smt_luma(row[3 * x], row[3 * x + 1], row[3 * x + 2]);
        }
        break;
    default: { /* Adobe's programs store the complement of the ink */
        uint32_t flip = job->decoder.saw_Adobe_marker ? 255u : 0u;
        for (int x = 0; x < width; x++) {
            const uint8_t *at = row + 4 * x;
            out[x] = smt_cmyk_luma(at[0] ^ flip, at[1] ^ flip, at[2] ^ flip, at[3] ^ flip);
        }
    }
    }
}

static smt_status decode_all(jpeg_job *job)
{
    struct jpeg_decompress_struct *decoder = &job->decoder;
    jpeg_create_decompress(decoder);
    decoder->mem->max_memory_to_use = MAX_DECODER_BYTES;
    job->progress.progress_monitor = on_progress;
    decoder->progress = &job->progress;
    jpeg_mem_src(decoder, job->source->data, (unsigned long)job->source->size);
    jpeg_read_header(decoder, TRUE);
    smt_status status =
        smt_check_dimensions(job->source, decoder->image_width, decoder->image_height, job->error);
    if (status != SMT_OK) {
        return status;
    }
    switch (decoder->jpeg_color_space) {
    case JCS_GRAYSCALE:
        decoder->out_color_space = JCS_GRAYSCALE;
        break;
    case JCS_RGB:
    case JCS_YCbCr:
        decoder->out_color_space = JCS_RGB;
        break;
    case JCS_CMYK:
    case JCS_YCCK:
        decoder->out_color_space = JCS_CMYK;
        break;
    default:
        return smt_fail(job->error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: a JPEG with %d colour components; convert it to PNG",
                        job->source->name,
                        decoder->num_components);
    }
    jpeg_start_decompress(decoder);
    status = smt_decode_create(
        job->source, decoder->output_width, decoder->output_height, &job->image, job->error);
    if (status != SMT_OK) {
        return status;
    }
    job->row = smt_alloc(decoder->output_width, (size_t)decoder->output_components);
    if (!job->row) {
        return out_of_memory(job);
    }
    while (decoder->output_scanline < decoder->output_height) {
        uint8_t *out =
            job->image.pixels + (size_t)decoder->output_scanline * (size_t)job->image.width;
        JSAMPROW rows[1] = {job->row};
        if (jpeg_read_scanlines(decoder, rows, 1) == 1) {
            convert_row(job, out);
        }
    }
    jpeg_finish_decompress(decoder);
    return SMT_OK;
}

static smt_status run(jpeg_job *job)
{
    if (setjmp(job->jump)) {
        if (job->failure == SMT_ERR_MEMORY) {
            return out_of_memory(job);
        }
        if (job->failure == SMT_ERR_LIMIT) {
            return smt_fail(job->error,
                            job->failure,
                            "%s: %s; scale the image down",
                            job->source->name,
                            job->message);
        }
        if (job->failure == SMT_ERR_UNSUPPORTED) {
            return smt_fail(job->error,
                            job->failure,
                            "%s: %s; convert it to PNG",
                            job->source->name,
                            job->message);
        }
        return smt_fail(
            job->error, job->failure, "%s: damaged JPEG: %s", job->source->name, job->message);
    }
    return decode_all(job);
}

smt_status smt_decode_jpeg(const image_source *source, smt_image *out, smt_error *error)
{
    jpeg_job job = {.source = source, .error = error};
    job.decoder.err = jpeg_std_error(&job.errors);
    job.errors.error_exit = on_error;
    job.errors.emit_message = on_message;
    smt_status status = run(&job);
    jpeg_destroy_decompress(&job.decoder);
    smt_free(job.row);
    if (status == SMT_OK) {
        *out = job.image;
    } else {
        smt_image_free(&job.image);
    }
    return status;
}
