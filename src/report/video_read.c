/* Reads the frames of a video file as grey images. */
#include <semtinel/report.h>

#ifdef SMT_HAVE_VIDEO

#include "report/libav.h"

struct smt_frames {
    char *path;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVFrame *frame;
    AVPacket *packet;
    struct SwsContext *scale;
    int stream;
    bool draining, damaged;
};

void smt_frames_close(smt_frames **frames)
{
    if (frames && *frames) {
        smt_frames *r = *frames;
        libav.sws_freeContext(r->scale);
        libav.av_packet_free(&r->packet);
        libav.av_frame_free(&r->frame);
        libav.avcodec_free_context(&r->codec);
        libav.avformat_close_input(&r->format);
        smt_free(r->path);
        smt_free(r);
        *frames = NULL;
    }
}

static smt_status say(const char *path, int code, smt_error *error)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    libav.av_strerror(code, text, sizeof text);
    return smt_fail(error,
                    code == AVERROR(ENOMEM) ? SMT_ERR_MEMORY : SMT_ERR_FORMAT,
                    "%s: cannot be read as a video: %s",
                    path,
                    text);
}

static smt_status open_stream(smt_frames *r, smt_error *error)
{
    const AVCodec *codec = NULL;
    char *url = smt_format("file:%s", r->path); /* else a colon in it ends a protocol's name */
    int code = url ? libav.avformat_open_input(&r->format, url, NULL, NULL) : AVERROR(ENOMEM);
    smt_free(url);
    code = code < 0 ? code : libav.avformat_find_stream_info(r->format, NULL);
    code = code < 0 ? code
                    : libav.av_find_best_stream(r->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (code < 0) {
        return say(r->path, code, error);
    }
    r->stream = code;
    r->codec = libav.avcodec_alloc_context3(codec);
    r->frame = libav.av_frame_alloc();
    r->packet = libav.av_packet_alloc();
    if (!r->codec || !r->frame || !r->packet) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", r->path);
    }
    r->codec->thread_count = 1;
    r->codec->max_pixels = (int64_t)64 << 20;
    code = libav.avcodec_parameters_to_context(r->codec, r->format->streams[r->stream]->codecpar);
    code = code < 0 ? code : libav.avcodec_open2(r->codec, codec, NULL);
    return code < 0 ? say(r->path, code, error) : SMT_OK;
}

smt_status smt_frames_open(const char *path, smt_frames **out, smt_error *error)
{
    smt_status status = libav_load(path, error);
    if (status) {
        return status;
    }
    libav.av_log_set_level(AV_LOG_QUIET);
    smt_frames *r = smt_alloc(1, sizeof *r);
    if (r) {
        r->path = smt_strdup(path);
    }
    status = r && r->path ? open_stream(r, error)
                          : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    if (status) {
        smt_frames_close(&r);
        return status;
    }
    *out = r;
    return SMT_OK;
}

double smt_frames_rate(const smt_frames *frames)
{
    AVRational rate = frames->format->streams[frames->stream]->avg_frame_rate;
    return rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
}

bool smt_frames_damaged(const smt_frames *frames)
{
    return frames->damaged;
}

static smt_status to_grey(smt_frames *r, smt_image *image, smt_error *error)
{
    int width = r->frame->width, height = r->frame->height;
    smt_status status = smt_image_create(width, height, image, error);
    if (status) {
        return status;
    }
    /* The scaler writes beyond rows of a few pixels. */
    uint8_t *roomy = smt_realloc(image->pixels, 0, (size_t)width * (size_t)height + 64, 1);
    if (!roomy) {
        smt_image_free(image);
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", r->path);
    }
    image->pixels = roomy;
    r->scale = libav.sws_getCachedContext(r->scale,
                                          width,
                                          height,
                                          (enum AVPixelFormat)r->frame->format,
                                          width,
                                          height,
                                          AV_PIX_FMT_GRAY8,
                                          SWS_BILINEAR,
                                          NULL,
                                          NULL,
                                          NULL);
    uint8_t *planes[1] = {image->pixels};
    const int strides[1] = {width};
    if (!r->scale || libav.sws_scale(r->scale,
                                     (const uint8_t *const *)r->frame->data,
                                     r->frame->linesize,
                                     0,
                                     height,
                                     planes,
                                     strides) < 0) {
        smt_image_free(image);
        return smt_fail(
            error, SMT_ERR_UNSUPPORTED, "%s: its pixel format cannot be made grey", r->path);
    }
    return SMT_OK;
}

smt_status smt_frames_next(smt_frames *r, smt_image *image, bool *found, smt_error *error)
{
    *found = false;
    for (;;) {
        int code = libav.avcodec_receive_frame(r->codec, r->frame);
        if (code >= 0) {
            r->damaged = r->damaged || r->frame->decode_error_flags ||
                         (r->frame->flags & AV_FRAME_FLAG_CORRUPT);
            *found = true;
            return to_grey(r, image, error);
        }
        if (code == AVERROR_EOF) {
            return SMT_OK;
        }
        if (code != AVERROR(EAGAIN)) {
            return say(r->path, code, error);
        }
        code = r->draining ? AVERROR_EOF : libav.av_read_frame(r->format, r->packet);
        if (code < 0) {
            r->damaged = r->damaged || code != AVERROR_EOF;
            r->draining = true;
            libav.avcodec_send_packet(r->codec, NULL);
            continue;
        }
        if (r->packet->stream_index == r->stream) {
            /* A damaged packet costs its frame, not the rest of the video. */
            code = libav.avcodec_send_packet(r->codec, r->packet);
            r->damaged = r->damaged || code < 0 || (r->packet->flags & AV_PKT_FLAG_CORRUPT);
        }
        libav.av_packet_unref(r->packet);
    }
}

#else /* no FFmpeg at build time */

smt_status smt_frames_open(const char *path, smt_frames **out, smt_error *error)
{
    (void)out;
    return smt_fail(error, SMT_ERR_UNSUPPORTED, "%s: semtinel was built without video", path);
}

double smt_frames_rate(const smt_frames *frames)
{
    (void)frames;
    return 0;
}

bool smt_frames_damaged(const smt_frames *frames)
{
    (void)frames;
    return false;
}

smt_status smt_frames_next(smt_frames *frames, smt_image *image, bool *found, smt_error *error)
{
    (void)frames, (void)image, (void)found;
    return smt_fail(error, SMT_ERR_UNSUPPORTED, "built without video");
}

void smt_frames_close(smt_frames **frames)
{
    (void)frames;
}

#endif
