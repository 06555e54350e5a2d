#include "report/video.h"

#ifdef SMT_HAVE_VIDEO

#include "report/libav.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

libav_functions libav;

static char failure[160];

/* The versions whose headers this was built with: others have other structures. */
#define FILE_NAME(library, MAJOR) "lib" #library ".so." AV_STRINGIFY(MAJOR)

static void load(void)
{
    void *avutil = dlopen(FILE_NAME(avutil, LIBAVUTIL_VERSION_MAJOR), RTLD_NOW | RTLD_LOCAL);
    void *avcodec =
        avutil ? dlopen(FILE_NAME(avcodec, LIBAVCODEC_VERSION_MAJOR), RTLD_NOW | RTLD_LOCAL) : NULL;
    void *avformat =
        avcodec ? dlopen(FILE_NAME(avformat, LIBAVFORMAT_VERSION_MAJOR), RTLD_NOW | RTLD_LOCAL)
                : NULL;
    void *swscale =
        avformat ? dlopen(FILE_NAME(swscale, LIBSWSCALE_VERSION_MAJOR), RTLD_NOW | RTLD_LOCAL)
                 : NULL;
    bool complete = swscale != NULL;
    /* POSIX lets dlsym's result be stored so; C has no cast from it to a function. */
#define TAKE(library, name)                                                                        \
    complete = complete && (*(void **)(void *)&libav.name = dlsym(library, #name));
    SMT_LIBAV_FUNCTIONS(TAKE)
#undef TAKE
    if (!complete) {
        const char *reason = dlerror();
        snprintf(failure, sizeof failure, "%s", reason ? reason : "FFmpeg's libraries are missing");
    }
}

smt_status libav_load(const char *path, smt_error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (failure[0]) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: video needs FFmpeg's libraries, as installed when this was built: %s",
                        path,
                        failure);
    }
    return SMT_OK;
}

#endif
