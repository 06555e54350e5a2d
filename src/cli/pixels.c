#include "cli/pixels.h"

#include "cli/cli.h"
#include "cli/gather.h"

smt_status cli_load_images(const char *const *paths,
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
    smt_sample *samples = smt_alloc(list.count, sizeof *samples);
    uint32_t *order = smt_alloc(list.count, sizeof *order);
    char *root = smt_strdup(paths[0]);
    if (!status && (!samples || !order || !root)) {
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
        const smt_dataset set = {.root = root, .sample_count = count, .samples = samples};
        status = smt_pixels_load(&set, NULL, size, pool, out, error);
        *skipped += status ? 0 : (*out)->failed_count;
    }
    smt_free(samples);
    smt_free(order);
    smt_free(root);
    smt_list_free(&list.items, list.count);
    return status;
}
