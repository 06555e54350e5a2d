#include "base/line.h"

#include <semtinel/base.h>

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static smt_log_function log_function;
static void *log_context;
static smt_progress_function progress_function;
static void *progress_context;
static atomic_bool interrupted;

void smt_log_set(smt_log_function function, void *context)
{
    log_function = function;
    log_context = context;
}

void smt_log(smt_log_level level, const char *format, ...)
{
    if (!log_function) {
        return;
    }
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    base_line(line, sizeof line, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&lock);
    log_function(log_context, level, line);
    pthread_mutex_unlock(&lock);
}

void smt_progress_set(smt_progress_function function, void *context)
{
    progress_function = function;
    progress_context = context;
}

void smt_progress(const char *label, size_t done, size_t total)
{
    if (!progress_function) {
        return;
    }
    pthread_mutex_lock(&lock);
    progress_function(progress_context, label, done, total);
    pthread_mutex_unlock(&lock);
}

void smt_interrupt(void)
{
    atomic_store(&interrupted, true);
}

bool smt_interrupted(void)
{
    return atomic_load(&interrupted);
}

smt_status smt_check_interrupted(smt_error *error)
{
    return smt_interrupted() ? smt_fail(error, SMT_ERR_INTERRUPTED, "interrupted") : SMT_OK;
}

void smt_interrupt_clear(void)
{
    atomic_store(&interrupted, false);
}

double smt_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
