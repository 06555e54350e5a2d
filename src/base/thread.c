/* A pool of threads that take tasks from a shared counter. The training engine starts a few hundred
 * short runs a step, so waiting threads spin for a short while before they sleep.
 *
 * The counter holds the number of the run and the tasks that are left of it,
 * in one word: a task is taken by lowering it, which fails if another run has
 * begun meanwhile. So a run is over when its tasks are done, and need not wait
 * for a worker that has lost its core to other programs and took none. */
#include <semtinel/base.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define SPIN_ROUNDS 2000
#define YIELD_ROUNDS 4000 /* about a millisecond where nobody else wants the core */
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
    _Atomic uint64_t ticket; /* number of the run << 32 | tasks that nobody has taken */
    atomic_bool stop;
    atomic_int done; /* finished tasks of this run */
    /* Of the run; written only while no task is left to take. */
    atomic_int tasks;
    _Atomic smt_task function;
    void *_Atomic context;
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
        uint64_t ticket = atomic_load(&pool->ticket);
        uint32_t left = (uint32_t)ticket;
        if (!left) {
            return;
        }
        /* These belong to the ticket if it can still be lowered. */
        int task = atomic_load(&pool->tasks) - (int)left;
        smt_task function = atomic_load(&pool->function);
        void *context = atomic_load(&pool->context);
        if (atomic_compare_exchange_weak(&pool->ticket, &ticket, ticket - 1)) {
            function(context, task, index);
            atomic_fetch_add(&pool->done, 1);
        }
    }
}

static uint32_t run_number(smt_pool *pool)
{
    return (uint32_t)(atomic_load(&pool->ticket) >> 32);
}

static void *work(void *argument)
{
    worker *self = argument;
    smt_pool *pool = self->pool;
    uint32_t seen = 0;
    for (;;) {
        for (int i = 0; i < SPIN_ROUNDS && run_number(pool) == seen; i++) {
            pause_cpu();
        }
        if (run_number(pool) == seen) {
            pthread_mutex_lock(&pool->mutex);
            while (run_number(pool) == seen) {
                pthread_cond_wait(&pool->wake, &pool->mutex);
            }
            pthread_mutex_unlock(&pool->mutex);
        }
        seen = run_number(pool);
        if (atomic_load(&pool->stop)) {
            return NULL;
        }
        take_tasks(pool, self->index);
    }
}

/* Begins the next run, of `tasks` tasks. */
static void announce(smt_pool *pool, int tasks)
{
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->ticket, ((uint64_t)(run_number(pool) + 1) << 32) | (uint32_t)tasks);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

/* taskset, a container or a batch system may give a process a part of the machine's cores only. */
int smt_cores(void)
{
    cpu_set_t set;
    long cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                             : sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > MAX_THREADS ? MAX_THREADS : (int)cores;
}

smt_status smt_pool_create(int threads, smt_pool **out, smt_error *error)
{
    if (threads < 0 || threads > MAX_THREADS) {
        return smt_fail(
            error, SMT_ERR_ARGUMENT, "threads: %d is not in 0 .. %d", threads, MAX_THREADS);
    }
    threads = threads ? threads : smt_cores();
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
            return smt_fail(error,
                            SMT_ERR_MEMORY,
                            "the system refused thread %d of %d; --threads 1 asks for none",
                            i + 1,
                            threads);
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
    atomic_store(&pool->tasks, tasks);
    atomic_store(&pool->function, function);
    atomic_store(&pool->context, context);
    atomic_store(&pool->done, 0);
    announce(pool, tasks);
    take_tasks(pool, 0);
    /* On a machine with other work a worker may have lost its core: give ours away rather than spin
     * against it. A worker that waits for a disk takes much longer than a call of sleep. */
    const struct timespec nap = {.tv_nsec = 100000};
    for (size_t i = 0; atomic_load(&pool->done) < tasks; i++) {
        if (i < SPIN_ROUNDS) {
            pause_cpu();
        } else if (i < SPIN_ROUNDS + YIELD_ROUNDS) {
            sched_yield();
        } else {
            nanosleep(&nap, NULL);
        }
    }
}

void smt_pool_destroy(smt_pool **pool)
{
    if (!pool || !*pool) {
        return;
    }
    atomic_store(&(*pool)->stop, true);
    announce(*pool, 0);
    for (int i = 0; i < (*pool)->started; i++) {
        pthread_join((*pool)->workers[i].thread, NULL);
    }
    pthread_cond_destroy(&(*pool)->wake);
    pthread_mutex_destroy(&(*pool)->mutex);
    smt_free((*pool)->workers);
    smt_free(*pool);
    *pool = NULL;
}
