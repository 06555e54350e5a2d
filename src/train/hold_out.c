/* Validation images for a data set that has none of its own. */
#include "train/train_data.h"

smt_status
smt_hold_out(smt_train_data *d, const smt_train_options *options, smt_pool *pool, smt_error *error)
{
    (void)pool;
    size_t count = d->pixels->count;
    uint32_t *order = smt_alloc(count, sizeof *order);
    if (!order) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    smt_rng rng = smt_rng_seed(options->seed, 0x686f6c64);
    for (int c = 0; c < d->class_count; c++) {
        size_t images = 0;
        for (size_t i = 0; i < count; i++) {
            if (d->train_labels[i] == c) {
                order[images++] = (uint32_t)i;
            }
        }
        smt_rng_shuffle(&rng, order, images);
        size_t held = (size_t)((double)images * options->val_share + 0.5);
        for (size_t i = 0; i < held && i + 1 < images; i++) {
            d->val_labels[order[i]] = c;
            d->train_labels[order[i]] = -1;
        }
    }
    smt_free(order);
    return SMT_OK;
}
