#include "cli/pixels.h"

#include "cli/cli.h"
#include "cli/gather.h"

smt_status cli_load_paths(char *const *paths,
                          size_t count,
                          int size,
                          float cut_percent,
                          smt_pool *pool,
                          smt_pixels **out,
                          size_t *skipped,
                          smt_error *error)
{
    smt_sample *samples = smt_alloc(count, sizeof *samples);
    if (!samples) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", paths[0]);
    }
    for (size_t i = 0; i < count; i++) {
        samples[i] = (smt_sample){.path = paths[i], .split = SMT_SPLIT_NONE};
    }
    const smt_dataset set = {.root = paths[0], .sample_count = count, .samples = samples};
    smt_status status = smt_pixels_load(&set, NULL, size, cut_percent, pool, out, error);
    *skipped += status ? 0 : (*out)->failed_count;
    smt_free(samples);
    return status;
}

smt_status cli_load_images(const char *const *paths,
                           int path_count,
                           size_t limit,
                           int size,
                           float cut_percent,
                           smt_pool *pool,
                           smt_pixels **out,
                           size_t *skipped,
                           smt_error *error)
{
    cli_paths list = {0};
    smt_status status = cli_gather(paths, path_count, &list, error);
    uint32_t *order = smt_alloc(list.count, sizeof *order);
    char **drawn = smt_alloc(list.count, sizeof *drawn);
    if (!status && (!order || !drawn)) {
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
            drawn[i] = list.items[order[i]];
        }
        status = cli_load_paths(drawn, count, size, cut_percent, pool, out, skipped, error);
    }
    smt_free(order);
    smt_free(drawn);
    smt_list_free(&list.items, list.count);
    return status;
}
