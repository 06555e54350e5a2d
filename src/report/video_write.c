/* Writes video with FFmpeg's libraries, where they are. */
#include "report/video.h"

#include <string.h>
#include <strings.h>

#ifdef SMT_HAVE_VIDEO

#include "report/libav.h"

struct video_writer {
    smt_file *file;
    char *path;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVStream *stream; /* of format */
    AVFrame *frame;
    AVPacket *packet;
    struct SwsContext *scale; /* NULL: GIF */
    int64_t next;             /* time stamp of the next frame */
};

static smt_status say(const video_writer *w, int code, const char *what, smt_error *error)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    libav.av_strerror(code, text, sizeof text);
    return smt_fail(error,
                    code == AVERROR(ENOMEM) ? SMT_ERR_MEMORY : SMT_ERR_IO,
                    "%s: cannot %s: %s",
                    w->path,
                    what,
                    text);
}

void video_abandon(video_writer **writer)
{
    if (!writer || !*writer) {
        return;
    }
    video_writer *w = *writer;
    if (w->format && w->format->pb) {
        libav.avio_closep(&w->format->pb);
    }
    libav.sws_freeContext(w->scale);
    libav.av_packet_free(&w->packet);
    libav.av_frame_free(&w->frame);
    libav.avcodec_free_context(&w->codec);
    libav.avformat_free_context(w->format);
    smt_file_abandon(&w->file);
    smt_free(w->path);
    smt_free(w);
    *writer = NULL;
}

/* 6 x 6 x 6 colours, then 40 greys: pages here are grey images with a few flat colours. */
static uint32_t palette_colour(int i)
{
    uint32_t grey = (uint32_t)(i - 216) * 255 / 39;
    return 0xff000000u | (i < 216 ? (uint32_t)(i / 36 * 51) << 16 |
                                        (uint32_t)(i / 6 % 6 * 51) << 8 | (uint32_t)(i % 6 * 51)
                                  : grey * 0x010101u);
}

static int sixth(int value, int nudge)
{
    int level = (value + nudge) / 51;
    return level < 0 ? 0 : level > 5 ? 5 : level;
}

/* Greys go to the nearest of 40; colours are dithered (Bayer's 4 x 4 matrix), or maps of evidence
 * would show bands. */
static uint8_t palette_index(uint32_t colour, int x, int y)
{
    static const uint8_t bayer[16] = {0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5};
    int r = (int)(colour >> 16 & 255), g = (int)(colour >> 8 & 255), b = (int)(colour & 255);
    int low = r < g ? (r < b ? r : b) : (g < b ? g : b),
        high = r > g ? (r > b ? r : b) : (g > b ? g : b);
    if (high - low < 20) {
        return (uint8_t)(216 + ((low + high) / 2 * 39 + 127) / 255);
    }
    int nudge = bayer[4 * (y & 3) + (x & 3)] * 51 / 16;
    return (uint8_t)(36 * sixth(r, nudge) + 6 * sixth(g, nudge) + sixth(b, nudge));
}

static const AVCodec *find_encoder(bool gif)
{
    if (gif) {
        return libav.avcodec_find_encoder(AV_CODEC_ID_GIF);
    }
    const AVCodec *codec = libav.avcodec_find_encoder_by_name("libx264");
    return codec ? codec : libav.avcodec_find_encoder(AV_CODEC_ID_H264);
}

static smt_status
open_codec(video_writer *w, bool gif, int width, int height, int fps, smt_error *error)
{
    const AVCodec *codec = find_encoder(gif);
    if (!codec) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: this machine's libavcodec has no %s encoder",
                        w->path,
                        gif ? "GIF" : "H.264");
    }
    w->codec = libav.avcodec_alloc_context3(codec);
    w->frame = libav.av_frame_alloc();
    w->packet = libav.av_packet_alloc();
    if (!w->codec || !w->frame || !w->packet) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", w->path);
    }
    w->codec->width = w->frame->width = width;
    w->codec->height = w->frame->height = height;
    w->codec->time_base = (AVRational){1, fps};
    w->codec->framerate = (AVRational){fps, 1};
    w->codec->pix_fmt = gif ? AV_PIX_FMT_PAL8 : AV_PIX_FMT_YUV420P;
    w->codec->gop_size = 2 * fps;
    w->codec->thread_count = 1; /* the bytes depend on it */
    w->frame->format = w->codec->pix_fmt;
    if (!gif) {
        libav.av_opt_set(w->codec->priv_data, "preset", "veryfast", 0);
        libav.av_opt_set(w->codec->priv_data, "crf", "20", 0);
        w->codec->colorspace = w->frame->colorspace = AVCOL_SPC_BT709;
        w->codec->color_range = w->frame->color_range = AVCOL_RANGE_MPEG;
        w->scale = libav.sws_getContext(width,
                                        height,
                                        AV_PIX_FMT_BGR0,
                                        width,
                                        height,
                                        AV_PIX_FMT_YUV420P,
                                        SWS_BILINEAR,
                                        NULL,
                                        NULL,
                                        NULL);
        if (!w->scale) {
            return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", w->path);
        }
        const int *table = libav.sws_getCoefficients(SWS_CS_ITU709);
        libav.sws_setColorspaceDetails(w->scale, table, 1, table, 0, 0, 1 << 16, 1 << 16);
    }
    if (w->format->oformat->flags & AVFMT_GLOBALHEADER) {
        w->codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    }
    int code = libav.avcodec_open2(w->codec, codec, NULL);
    return code < 0 ? say(w, code, "open the encoder", error) : SMT_OK;
}

static smt_status open_file(video_writer *w, smt_error *error)
{
    w->stream = libav.avformat_new_stream(w->format, NULL);
    int code = w->stream ? libav.avcodec_parameters_from_context(w->stream->codecpar, w->codec)
                         : AVERROR(ENOMEM);
    AVDictionary *options = NULL;
    if (code >= 0) {
        w->stream->time_base = w->codec->time_base;
        w->stream->avg_frame_rate = w->codec->framerate;
        code = libav.avio_open(&w->format->pb, w->format->url, AVIO_FLAG_WRITE);
    }
    if (code >= 0) {
        libav.av_dict_set(&options, "movflags", "+faststart", 0);
        code = libav.avformat_write_header(w->format, &options);
        libav.av_dict_free(&options);
    }
    return code < 0 ? say(w, code, "write", error) : SMT_OK;
}

smt_status
video_create(const char *path, int width, int height, int fps, video_writer **out, smt_error *error)
{
    bool gif = strcasecmp(smt_path_suffix(path), ".gif") == 0;
    smt_status status = libav_load(path, error);
    if (status) {
        return status;
    }
    libav.av_log_set_level(AV_LOG_QUIET);
    video_writer *w = smt_alloc(1, sizeof *w);
    if (w) {
        w->path = smt_strdup(path);
    }
    if (!w || !w->path) {
        video_abandon(&w);
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    status = smt_file_create(path, &w->file, error);
    /* FFmpeg takes what stands before a colon for a protocol. */
    char *url = status ? NULL : smt_format("file:%s", smt_file_temporary(w->file));
    if (!status && (!url || libav.avformat_alloc_output_context2(
                                &w->format, NULL, gif ? "gif" : "mp4", url) < 0)) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    smt_free(url);
    status = status ? status : open_codec(w, gif, width, height, fps, error);
    status = status ? status : open_file(w, error);
    if (!status && libav.av_frame_get_buffer(w->frame, 0) < 0) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    if (status) {
        video_abandon(&w);
        return status;
    }
    *out = w;
    return SMT_OK;
}

/* frame NULL: the encoder gives what it still holds. */
static smt_status encode(video_writer *w, AVFrame *frame, smt_error *error)
{
    int code = libav.avcodec_send_frame(w->codec, frame);
    while (code >= 0) {
        code = libav.avcodec_receive_packet(w->codec, w->packet);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) {
            return SMT_OK;
        }
        if (code >= 0) {
            w->packet->duration = w->packet->duration ? w->packet->duration : 1;
            libav.av_packet_rescale_ts(w->packet, w->codec->time_base, w->stream->time_base);
            w->packet->stream_index = w->stream->index;
            code = libav.av_interleaved_write_frame(w->format, w->packet);
        }
    }
    return say(w, code, "encode a frame", error);
}

static void fill_palette(AVFrame *frame, const uint8_t *pixels, int stride)
{
    for (int i = 0; i < 256; i++) {
        uint32_t colour = palette_colour(i);
        memcpy(frame->data[1] + 4 * i, &colour, 4);
    }
    for (int y = 0; y < frame->height; y++) {
        const uint8_t *row = pixels + (ptrdiff_t)y * stride;
        for (int x = 0; x < frame->width; x++) {
            uint32_t colour;
            memcpy(&colour, row + 4 * x, 4);
            frame->data[0][(ptrdiff_t)y * frame->linesize[0] + x] = palette_index(colour, x, y);
        }
    }
}

smt_status
video_add(video_writer *w, const uint8_t *pixels, int stride, int repeat, smt_error *error)
{
    int code = libav.av_frame_make_writable(w->frame);
    if (code < 0) {
        return say(w, code, "take a frame", error);
    }
    if (w->scale) {
        const uint8_t *const planes[1] = {pixels};
        const int strides[1] = {stride};
        libav.sws_scale(
            w->scale, planes, strides, 0, w->frame->height, w->frame->data, w->frame->linesize);
    } else {
        fill_palette(w->frame, pixels, stride);
        w->frame->pts = w->next;
        w->next += repeat; /* a GIF's frame simply stays */
        return encode(w, w->frame, error);
    }
    smt_status status = SMT_OK;
    for (int i = 0; i < repeat && !status; i++) {
        w->frame->pts = w->next++;
        status = encode(w, w->frame, error);
    }
    return status;
}

smt_status video_finish(video_writer **writer, smt_error *error)
{
    video_writer *w = *writer;
    smt_status status = encode(w, NULL, error);
    int code = status ? 0 : libav.av_write_trailer(w->format);
    if (code < 0) {
        status = say(w, code, "write", error);
    }
    code = libav.avio_closep(&w->format->pb);
    if (code < 0 && !status) {
        status = say(w, code, "write", error);
    }
    if (!status) {
        status = smt_file_commit(&w->file, error);
    }
    video_abandon(writer);
    return status;
}

#else /* no FFmpeg at build time */

smt_status
video_create(const char *path, int width, int height, int fps, video_writer **out, smt_error *error)
{
    (void)width, (void)height, (void)fps, (void)out;
    return smt_fail(error,
                    SMT_ERR_UNSUPPORTED,
                    "%s: semtinel was built without video; install libavcodec-dev libavformat-dev "
                    "libswscale-dev and build again",
                    path);
}

smt_status
video_add(video_writer *writer, const uint8_t *pixels, int stride, int repeat, smt_error *error)
{
    (void)writer, (void)pixels, (void)stride, (void)repeat;
    return smt_fail(error, SMT_ERR_UNSUPPORTED, "built without video");
}

smt_status video_finish(video_writer **writer, smt_error *error)
{
    (void)writer;
    return smt_fail(error, SMT_ERR_UNSUPPORTED, "built without video");
}

void video_abandon(video_writer **writer)
{
    (void)writer;
}

#endif
