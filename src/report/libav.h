/* FFmpeg's libraries, loaded when the first video is opened: they bring a hundred others along,
 * which would cost every other command 20 MB and the time to load them. */
#ifndef SEMTINEL_REPORT_LIBAV_H
#define SEMTINEL_REPORT_LIBAV_H

#include <semtinel/base.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>

/* Library and name of every function that is used. */
#define SMT_LIBAV_FUNCTIONS(X)                                                                     \
    X(avcodec, av_packet_alloc)                                                                    \
    X(avcodec, av_packet_free)                                                                     \
    X(avcodec, av_packet_rescale_ts)                                                               \
    X(avcodec, av_packet_unref)                                                                    \
    X(avcodec, avcodec_alloc_context3)                                                             \
    X(avcodec, avcodec_find_encoder)                                                               \
    X(avcodec, avcodec_find_encoder_by_name)                                                       \
    X(avcodec, avcodec_free_context)                                                               \
    X(avcodec, avcodec_open2)                                                                      \
    X(avcodec, avcodec_parameters_from_context)                                                    \
    X(avcodec, avcodec_parameters_to_context)                                                      \
    X(avcodec, avcodec_receive_frame)                                                              \
    X(avcodec, avcodec_receive_packet)                                                             \
    X(avcodec, avcodec_send_frame)                                                                 \
    X(avcodec, avcodec_send_packet)                                                                \
    X(avformat, av_find_best_stream)                                                               \
    X(avformat, av_interleaved_write_frame)                                                        \
    X(avformat, av_read_frame)                                                                     \
    X(avformat, av_write_trailer)                                                                  \
    X(avformat, avformat_alloc_output_context2)                                                    \
    X(avformat, avformat_close_input)                                                              \
    X(avformat, avformat_find_stream_info)                                                         \
    X(avformat, avformat_free_context)                                                             \
    X(avformat, avformat_new_stream)                                                               \
    X(avformat, avformat_open_input)                                                               \
    X(avformat, avformat_write_header)                                                             \
    X(avformat, avio_closep)                                                                       \
    X(avformat, avio_open)                                                                         \
    X(avutil, av_dict_free)                                                                        \
    X(avutil, av_dict_set)                                                                         \
    X(avutil, av_frame_alloc)                                                                      \
    X(avutil, av_frame_free)                                                                       \
    X(avutil, av_frame_get_buffer)                                                                 \
    X(avutil, av_frame_make_writable)                                                              \
    X(avutil, av_log_set_level)                                                                    \
    X(avutil, av_opt_set)                                                                          \
    X(avutil, av_strerror)                                                                         \
    X(swscale, sws_freeContext)                                                                    \
    X(swscale, sws_getCachedContext)                                                               \
    X(swscale, sws_getCoefficients)                                                                \
    X(swscale, sws_getContext)                                                                     \
    X(swscale, sws_scale)                                                                          \
    X(swscale, sws_setColorspaceDetails)

#define SMT_LIBAV_MEMBER(library, name) __typeof__(&name) name;
typedef struct libav_functions {
    SMT_LIBAV_FUNCTIONS(SMT_LIBAV_MEMBER)
} libav_functions;
#undef SMT_LIBAV_MEMBER

/* Filled by libav_load(), which may be called again and by several threads. SMT_ERR_UNSUPPORTED: a
 * library cannot be loaded; the message starts with `path`. */
extern libav_functions libav;
smt_status libav_load(const char *path, smt_error *error);

#endif
