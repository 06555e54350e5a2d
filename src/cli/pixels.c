#include "cli/pixels.h"

#include "cli/cli.h"
#include "cli/gather.h"

#include <semtinel/image.h>

#include <string.h>

typedef struct job {
    char **paths;
    uint8_t *pixels;
    bool *good;
    int size;
} job;

static void load_one(void *context, int task, int worker)
{
    (void)worker;
    job *j = context;
    smt_image image = {0}, small = {0};
    smt_error error = {0};
    size_t each = (size_t)j->size * (size_t)j->size;
    smt_status status = smt_image_load(j->paths[task], NULL, &image, &error);
    status = status ? status : smt_image_resize(&image, j->size, j->size, &small, &error);
    if (status == SMT_OK) {
        memcpy(j->pixels + (size_t)task * each, small.pixels, each);
        j->good[task] = true;
    } else {
        smt_log(SMT_LOG_WARNING, "%s", error.message);
    }
    smt_image_free(&image);
    smt_image_free(&small);
}

smt_status cli_load_pixels(char **operands,
                           int operand_count,
                           int size,
                           smt_pool *pool,
                           uint8_t **pixels,
                           size_t *count,
                           size_t *failed,
                           smt_error *error)
{
    cli_paths list = {0};
    size_t each = (size_t)size * (size_t)size, kept = 0;
    bool *good = NULL;
    uint8_t *data = NULL;
    smt_status status = cli_gather(operands, operand_count, &list, error);
    if (status == SMT_OK) {
        good = smt_alloc(list.count, sizeof *good);
        data = smt_alloc(list.count, each);
        if (!good || !data) {
            status = smt_fail(error, SMT_ERR_MEMORY, "out of memory for %zu images", list.count);
        }
    }
    if (status == SMT_OK) {
        job j = {.paths = list.items, .pixels = data, .good = good, .size = size};
        smt_pool_run(pool, (int)list.count, load_one, &j);
        for (size_t i = 0; i < list.count; i++) {
            if (good[i]) {
                memmove(data + kept++ * each, data + i * each, each);
            }
        }
        *failed += list.count - kept;
        if (!kept) {
            status = smt_fail(error, SMT_ERR_FORMAT, "%s: no image could be read", operands[0]);
        }
    }
    if (status == SMT_OK) {
        *pixels = data;
        *count = kept;
        data = NULL;
    }
    smt_free(data);
    smt_free(good);
    smt_list_free(&list.items, list.count);
    return status;
}

smt_status cli_load_images(char **paths,
                           int path_count,
                           size_t limit,
                           int size,
                           smt_pool *pool,
                           smt_pixels **out,
                           size_t *skipped,
                           smt_error *error)
{
    cli_paths list = {0};
    smt_status status = cli_gather(paths, path_count, &list, error);
    if (!status && !list.count) {
        status = smt_fail(error, SMT_ERR_IO, "%s: no image in it", paths[0]);
    }
    smt_sample *samples = smt_alloc(list.count, sizeof *samples);
    uint32_t *order = smt_alloc(list.count, sizeof *order);
    if (!status && (!samples || !order)) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", paths[0]);
    }
    if (!status) {
        for (size_t i = 0; i < list.count; i++) {
            order[i] = (uint32_t)i;
        }
        smt_rng rng = smt_rng_seed(cli_shared.seed, 0x64726177);
        smt_rng_shuffle(&rng, order, limit ? list.count : 0);
        size_t count = limit && limit < list.count ? limit : list.count;
        for (size_t i = 0; i < count; i++) {
            samples[i] = (smt_sample){.path = list.items[order[i]], .split = SMT_SPLIT_NONE};
        }
        const smt_dataset set = {.root = paths[0], .sample_count = count, .samples = samples};
        status = smt_pixels_load(&set, NULL, size, pool, out, error);
        *skipped += status ? 0 : (*out)->failed_count;
    }
    smt_free(samples);
    smt_free(order);
    smt_list_free(&list.items, list.count);
    return status;
}
