#include <semtinel/data.h>

#include <stdatomic.h>
#include <string.h>

#define MAX_SIZE 4096

typedef struct load_job {
    const smt_dataset *dataset;
    int size;
    float cut_percent;
    size_t count;           /* wanted samples */
    uint32_t *sample;       /* count */
    uint8_t *data;          /* count x size x size */
    char **failure;         /* count: the reason, NULL if the image is there */
    bool *more_pages;       /* count: of the file only the first page was read */
    float *suspect_percent; /* the data set's sample_count */
    atomic_size_t done;
    atomic_bool no_memory;
} load_job;

static smt_status load_one(const load_job *job, size_t slot, smt_error *error)
{
    smt_image image = {0}, resized = {0};
    smt_sem_metadata metadata = {0};
    const char *path = job->dataset->samples[job->sample[slot]].path;
    smt_status status = smt_image_load_sem(path, NULL, job->cut_percent, &image, &metadata, error);
    job->more_pages[slot] = metadata.more_pages;
    if (status == SMT_OK && (image.width != job->size || image.height != job->size)) {
        status = smt_image_resize(&image, job->size, job->size, &resized, error);
    }
    if (status == SMT_OK) {
        job->suspect_percent[job->sample[slot]] = metadata.suspect_percent;
        size_t bytes = (size_t)job->size * (size_t)job->size;
        memcpy(job->data + slot * bytes, resized.pixels ? resized.pixels : image.pixels, bytes);
    }
    smt_image_free(&image);
    smt_image_free(&resized);
    return status;
}

static void load_task(void *context, int task, int worker)
{
    (void)worker;
    load_job *job = context;
    size_t slot = (size_t)task;
    if (smt_interrupted() || atomic_load(&job->no_memory)) {
        return;
    }
    smt_error error = {0};
    smt_status status = load_one(job, slot, &error);
    if (status != SMT_OK && status != SMT_ERR_MEMORY) {
        job->failure[slot] = smt_strdup(error.message);
    }
    if (status == SMT_ERR_MEMORY || (status != SMT_OK && !job->failure[slot])) {
        atomic_store(&job->no_memory, true);
    }
    smt_progress("images", atomic_fetch_add(&job->done, 1) + 1, job->count);
}

/* Closes the gaps that unreadable images leave; logs those, and TIFFs of several pages, in the
 * order of the samples. */
static void compact(load_job *job, smt_pixels *pixels)
{
    size_t bytes = (size_t)job->size * (size_t)job->size;
    smt_paged paged = {0};
    for (size_t slot = 0; slot < job->count; slot++) {
        smt_paged_add(&paged, job->more_pages[slot], job->dataset->samples[job->sample[slot]].path);
        if (job->failure[slot]) {
            smt_log(SMT_LOG_WARNING, "skipped %s", job->failure[slot]);
            pixels->failed_count++;
            continue;
        }
        if (pixels->count != slot) {
            memmove(job->data + pixels->count * bytes, job->data + slot * bytes, bytes);
            job->sample[pixels->count] = job->sample[slot];
        }
        pixels->count++;
    }
    smt_paged_warn(&paged);
}

static smt_status run(load_job *job, smt_pool *pool, smt_pixels *pixels, smt_error *error)
{
    if (pool) {
        smt_pool_run(pool, (int)job->count, load_task, job);
    } else {
        for (size_t i = 0; i < job->count; i++) {
            load_task(job, (int)i, 0);
        }
    }
    if (smt_interrupted()) {
        return smt_fail(
            error, SMT_ERR_INTERRUPTED, "%s: interrupted while loading images", job->dataset->root);
    }
    if (atomic_load(&job->no_memory)) {
        return smt_fail(
            error, SMT_ERR_MEMORY, "%s: out of memory while loading images", job->dataset->root);
    }
    compact(job, pixels);
    if (pixels->count == 0 && job->count > 0) {
        return smt_fail(error,
                        SMT_ERR_FORMAT,
                        "%s: no image of %zu can be read; the first: %s",
                        job->dataset->root,
                        job->count,
                        job->failure[0]);
    }
    return SMT_OK;
}

smt_status smt_pixels_load(const smt_dataset *dataset,
                           const bool *wanted,
                           int size,
                           float cut_percent,
                           smt_pool *pool,
                           smt_pixels **out,
                           smt_error *error)
{
    if (size < 1 || size > MAX_SIZE) {
        return smt_fail(error, SMT_ERR_ARGUMENT, "image size %d is not in 1 .. %d", size, MAX_SIZE);
    }
    if (dataset->sample_count > INT32_MAX) {
        return smt_fail(error, SMT_ERR_LIMIT, "%s: more than %d images", dataset->root, INT32_MAX);
    }
    load_job job = {.dataset = dataset, .size = size, .cut_percent = cut_percent};
    for (size_t i = 0; i < dataset->sample_count; i++) {
        job.count += !wanted || wanted[i];
    }
    smt_pixels *pixels = smt_alloc(1, sizeof *pixels);
    job.sample = smt_alloc(job.count, sizeof *job.sample);
    job.failure = smt_alloc(job.count, sizeof *job.failure);
    job.more_pages = smt_alloc(job.count, sizeof *job.more_pages);
    job.suspect_percent = smt_alloc(dataset->sample_count, sizeof *job.suspect_percent);
    job.data = smt_alloc(job.count, (size_t)size * (size_t)size);
    smt_status status = SMT_OK;
    if (!pixels || !job.sample || !job.failure || !job.more_pages || !job.suspect_percent ||
        !job.data) {
        status = smt_fail(error,
                          SMT_ERR_MEMORY,
                          "%s: out of memory for %zu images of %d x %d pixels",
                          dataset->root,
                          job.count,
                          size,
                          size);
    } else {
        size_t slot = 0;
        for (size_t i = 0; i < dataset->sample_count; i++) {
            job.suspect_percent[i] = -1;
            if (!wanted || wanted[i]) {
                job.sample[slot++] = (uint32_t)i;
            }
        }
        status = run(&job, pool, pixels, error);
    }
    smt_list_free(&job.failure, job.count);
    smt_free(job.more_pages);
    if (status != SMT_OK) {
        smt_free(job.sample);
        smt_free(job.suspect_percent);
        smt_free(job.data);
        smt_free(pixels);
        return status;
    }
    pixels->size = size;
    pixels->cut_percent = cut_percent;
    pixels->data = job.data;
    pixels->sample = job.sample;
    pixels->suspect_percent = job.suspect_percent;
    *out = pixels;
    return SMT_OK;
}

void smt_pixels_destroy(smt_pixels **pixels)
{
    if (pixels && *pixels) {
        smt_free((*pixels)->data);
        smt_free((*pixels)->sample);
        smt_free((*pixels)->suspect_percent);
        smt_free(*pixels);
        *pixels = NULL;
    }
}
