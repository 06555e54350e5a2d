/* A pool of threads that take task numbers from a shared counter. The training engine starts a few
 * hundred short runs a step, so waiting threads spin for a short while before they sleep. */
#include <semtinel/base.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#define SPIN_ROUNDS 2000
#define MAX_THREADS 256

typedef struct worker {
    smt_pool *pool;
    int index;
    pthread_t thread;
} worker;

struct smt_pool {
    int threads;
    worker *workers; /* threads - 1: the caller is worker 0 */
    int started;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    atomic_uint generation; /* counts runs; a change wakes the workers */
    atomic_bool stop;
    atomic_int next; /* next task number */
    atomic_int busy; /* workers that have not finished this generation */
    int tasks;
    smt_task function;
    void *context;
};

static void pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    sched_yield();
#endif
}

static void take_tasks(smt_pool *pool, int index)
{
    for (;;) {
        int task = atomic_fetch_add(&pool->next, 1);
        if (task >= pool->tasks) {
            return;
        }
        pool->function(pool->context, task, index);
    }
}

static void *work(void *argument)
{
    worker *self = argument;
    smt_pool *pool = self->pool;
    unsigned seen = 0;
    for (;;) {
        for (int i = 0; i < SPIN_ROUNDS && atomic_load(&pool->generation) == seen; i++) {
            pause_cpu();
        }
        if (atomic_load(&pool->generation) == seen) {
            pthread_mutex_lock(&pool->mutex);
            while (atomic_load(&pool->generation) == seen) {
                pthread_cond_wait(&pool->wake, &pool->mutex);
            }
            pthread_mutex_unlock(&pool->mutex);
        }
        seen = atomic_load(&pool->generation);
        if (atomic_load(&pool->stop)) {
            return NULL;
        }
        take_tasks(pool, self->index);
        atomic_fetch_sub(&pool->busy, 1);
    }
}

static void announce(smt_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->generation, 1);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

smt_status smt_pool_create(int threads, smt_pool **out, smt_error *error)
{
    if (threads < 0 || threads > MAX_THREADS) {
        return smt_fail(
            error, SMT_ERR_ARGUMENT, "threads: %d is not in 0 .. %d", threads, MAX_THREADS);
    }
    if (threads == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        threads = cores < 1 ? 1 : cores > MAX_THREADS ? MAX_THREADS : (int)cores;
    }
    smt_pool *pool = smt_alloc(1, sizeof *pool);
    worker *workers = smt_alloc((size_t)threads, sizeof *workers);
    if (!pool || !workers) {
        smt_free(pool);
        smt_free(workers);
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for %d threads", threads);
    }
    pool->threads = threads;
    pool->workers = workers;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    for (int i = 1; i < threads; i++) {
        workers[i - 1] = (worker){.pool = pool, .index = i};
        if (pthread_create(&workers[i - 1].thread, NULL, work, &workers[i - 1])) {
            smt_pool_destroy(&pool);
            return smt_fail(
                error, SMT_ERR_MEMORY, "the system refused thread %d of %d", i + 1, threads);
        }
        pool->started = i;
    }
    *out = pool;
    return SMT_OK;
}

int smt_pool_threads(const smt_pool *pool)
{
    return pool->threads;
}

void smt_pool_run(smt_pool *pool, int tasks, smt_task function, void *context)
{
    if (pool->started == 0 || tasks <= 1) {
        for (int i = 0; i < tasks; i++) {
            function(context, i, 0);
        }
        return;
    }
    pool->tasks = tasks;
    pool->function = function;
    pool->context = context;
    atomic_store(&pool->busy, pool->started);
    atomic_store(&pool->next, 0);
    announce(pool);
    take_tasks(pool, 0);
    /* On a machine with other work a worker may have lost its core: give ours away rather than spin
     * against it. */
    for (int i = 0; atomic_load(&pool->busy) > 0; i++) {
        if (i < SPIN_ROUNDS) {
            pause_cpu();
        } else {
            sched_yield();
        }
    }
}

void smt_pool_destroy(smt_pool **pool)
{
    if (!pool || !*pool) {
        return;
    }
    atomic_store(&(*pool)->stop, true);
    announce(*pool);
    for (int i = 0; i < (*pool)->started; i++) {
        pthread_join((*pool)->workers[i].thread, NULL);
    }
    pthread_cond_destroy(&(*pool)->wake);
    pthread_mutex_destroy(&(*pool)->mutex);
    smt_free((*pool)->workers);
    smt_free(*pool);
    *pool = NULL;
}
