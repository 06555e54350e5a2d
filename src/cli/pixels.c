#include "cli/pixels.h"

#include "cli/cli.h"
#include "cli/gather.h"

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
    smt_sample *samples = smt_alloc(list.count, sizeof *samples);
    if (!status && (!order || !samples)) {
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
        const smt_dataset set = {
            .root = samples[0].path, .sample_count = count, .samples = samples};
        status = smt_pixels_load(&set, NULL, size, cut_percent, pool, out, error);
        *skipped += status ? 0 : (*out)->failed_count;
    }
    smt_free(order);
    smt_free(samples);
    smt_list_free(&list.items, list.count);
    return status;
}

static bool holds_folders(const char *folder)
{
    char **names = NULL;
    size_t count = 0;
    bool found = smt_list_directory(folder, &names, &count, NULL) != SMT_OK; /* told by the scan */
    for (size_t i = 0; i < count && !found; i++) {
        char *path = smt_path_join(folder, names[i]);
        found = !path || smt_is_folder_entry(path, names[i]);
        smt_free(path);
    }
    smt_list_free(&names, count);
    return found;
}

/* Marks samples of the training part (or all), one of each class after the other until they are
 * `limit`. NULL: no memory. */
static bool *draw_evenly(const smt_dataset *set, size_t limit)
{
    bool *wanted = smt_alloc(set->sample_count, sizeof *wanted);
    uint32_t *order = smt_alloc(set->sample_count, sizeof *order);
    size_t *next = smt_alloc((size_t)set->class_count, sizeof *next); /* of order, by class */
    if (!wanted || !order || !next) {
        smt_free(wanted);
        wanted = NULL;
        goto done;
    }
    bool split = false;
    for (size_t i = 0; i < set->sample_count; i++) {
        split = split || set->samples[i].split == SMT_SPLIT_TRAIN;
        order[i] = (uint32_t)i;
    }
    smt_rng rng = smt_rng_seed(cli_shared.seed, 0x63616c69);
    smt_rng_shuffle(&rng, order, set->sample_count);
    size_t taken = 0;
    for (bool more = true; more;) {
        more = false;
        for (int c = 0; c < set->class_count && taken < limit; c++) {
            bool found = false;
            while (next[c] < set->sample_count && !found) {
                const smt_sample *sample = &set->samples[order[next[c]]];
                found = sample->class_index == c && (!split || sample->split == SMT_SPLIT_TRAIN);
                wanted[order[next[c]++]] |= found;
            }
            taken += found;
            more = more || found;
        }
    }
done:
    smt_free(order);
    smt_free(next);
    return wanted;
}

smt_status cli_load_evenly(const char *folder,
                           size_t limit,
                           int size,
                           float cut_percent,
                           smt_pool *pool,
                           smt_pixels **out,
                           size_t *skipped,
                           smt_error *error)
{
    if (!holds_folders(folder)) {
        return cli_load_images(&folder, 1, limit, size, cut_percent, pool, out, skipped, error);
    }
    smt_dataset *set = NULL;
    bool *wanted = NULL;
    smt_status status = smt_dataset_scan(folder, &set, error);
    if (status == SMT_OK) {
        wanted = draw_evenly(set, limit);
        status = wanted ? smt_pixels_load(set, wanted, size, cut_percent, pool, out, error)
                        : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", folder);
    }
    *skipped += status ? 0 : (*out)->failed_count;
    smt_free(wanted);
    smt_dataset_destroy(&set);
    return status;
}
