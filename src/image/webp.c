/* WebP, lossy and lossless, by libwebp: a still image. What a browser saves of a page often is one.
 */
#include "image/decode.h"

#include <webp/decode.h>

static smt_status fail(const image_source *source, VP8StatusCode code, smt_error *error)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory for a WebP", source->name);
    case VP8_STATUS_NOT_ENOUGH_DATA:
        return smt_fail(error,
                        SMT_ERR_FORMAT,
                        "%s: the WebP ends early, after %zu bytes; copy it again",
                        source->name,
                        source->size);
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: a WebP of an unknown kind; convert it to PNG",
                        source->name);
    default:
        return smt_fail(error, SMT_ERR_FORMAT, "%s: damaged WebP", source->name);
    }
}

smt_status smt_decode_webp(const image_source *source, smt_image *out, smt_error *error)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) {
        return smt_fail(
            error, SMT_ERR_UNSUPPORTED, "%s: libwebp is of another version", source->name);
    }
    VP8StatusCode code = WebPGetFeatures(source->data, source->size, &config.input);
    if (code != VP8_STATUS_OK) {
        return fail(source, code, error);
    }
    if (config.input.has_animation) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: an animated WebP; convert one of its images to PNG",
                        source->name);
    }
    uint64_t width = (uint64_t)config.input.width, height = (uint64_t)config.input.height;
    smt_status status = smt_check_dimensions(source, width, height, error);
    if (status != SMT_OK) {
        return status;
    }
    smt_image image = {0};
    status = smt_decode_create(source, width, height, &image, error);
    size_t pixels = (size_t)(width * height);
    uint8_t *rgb = status ? NULL : smt_alloc(pixels, 3);
    if (!status && !rgb) {
        status = smt_fail_memory(source, width, height, error);
    }
    if (!status) {
        config.output.colorspace = MODE_RGB;
        config.output.is_external_memory = 1;
        config.output.u.RGBA =
            (WebPRGBABuffer){.rgba = rgb, .stride = 3 * image.width, .size = 3 * pixels};
        code = WebPDecode(source->data, source->size, &config);
        status = code ? fail(source, code, error) : SMT_OK;
    }
    for (size_t i = 0; i < pixels && !status; i++) {
        image.pixels[i] = smt_luma(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]);
    }
    smt_free(rgb);
    if (status == SMT_OK) {
        *out = image;
    } else {
        smt_image_free(&image);
    }
    return status;
}
