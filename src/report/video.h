/* Writing video files. */
#ifndef SEMTINEL_REPORT_VIDEO_H
#define SEMTINEL_REPORT_VIDEO_H

#include <semtinel/image.h>

typedef struct video_writer video_writer;

/* H.264 in MP4, playable in browsers (yuv420p, index in front); with .gif as suffix an animated GIF
 * in 256 fixed colours. Even width and height. SMT_ERR_UNSUPPORTED: built without libavcodec, or no
 * H.264 encoder in it. */
smt_status video_create(
    const char *path, int width, int height, int fps, video_writer **out, smt_error *error);
/* pixels: cairo's RGB24, `stride` bytes a row; shown for `repeat` frames. */
smt_status
video_add(video_writer *writer, const uint8_t *pixels, int stride, int repeat, smt_error *error);
/* Writes what is left and closes; the file appears now. *writer is freed either way. */
smt_status video_finish(video_writer **writer, smt_error *error);
/* Drops the file; *writer may be NULL. */
void video_abandon(video_writer **writer);

#endif
