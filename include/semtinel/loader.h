/* semtinel/loader.h: batches of augmented images from pixels in memory.
 *
 * The order of an epoch follows from (seed, epoch), the random numbers of an image from (seed,
 * epoch, position): the bits depend neither on the number of threads nor on where a run was
 * resumed. There is no state between batches: any part of any batch of the epoch can be made at any
 * time, by smt_loader_fill inside a task that trains on that part (best: no barrier, warm caches),
 * or a whole batch by smt_loader_next on the pool.
 */
#ifndef SEMTINEL_LOADER_H
#define SEMTINEL_LOADER_H

#include <semtinel/augment.h>
#include <semtinel/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Borrowed: both must outlive the loader. */
typedef struct smt_loader_set {
    const smt_pixels *pixels;
    const int *labels; /* pixels->count: class in [0, classes), or -1: leave this image out */
} smt_loader_set;

typedef struct smt_loader_options {
    int classes;
    int batch;    /* images, default 64 */
    int channels; /* 1 (default) or 3 equal ones */
    uint64_t seed;
    bool shuffle;  /* false: in the order of the pixels */
    bool partial;  /* true: the last batch may be smaller; false: what does not fill it is left out
                      of this epoch */
    float balance; /* 0: every image once an epoch. 1: every class equally often; between:
                    * proportional to (images of the class)^(1 - balance). The epoch's length stays.
                    * Needs shuffle. */
    float extra_share; /* part of every batch that comes from the second set, 0 .. 0.9; the first
                          sets the epoch's length */
    float mixup; /* alpha of Beta(alpha, alpha); 0: none. Images 2k and 2k + 1 of a batch are mixed
                  * with each other: a = l a + (1 - l) b, b = l b + (1 - l) a with l >= 0.5, labels
                  * likewise */
    float mixup_probability; /* of a pair, 0 .. 1, default 1 */
    float style; /* probability that an augmented image takes over, in part, the distribution of
                  * grey levels of a random image of either set, 0 .. 1 */
    float mean, scale; /* (p - mean) / scale; default 128, 128 */
    bool augment;      /* false: pixels as they are */
    smt_augment_options augmentation;
} smt_loader_options;

/* For training: shuffle, augment, no mixup, full batches only. */
SMT_API smt_loader_options smt_loader_defaults(int classes);
/* For evaluation: in order, every image once, nothing random. */
SMT_API smt_loader_options smt_loader_plain(int classes);

typedef struct smt_loader smt_loader;

/* `extra` may be NULL, `pool` may be NULL (one thread, worker 0); both sets must have the same size
 * of image. With fewer images than a batch holds, the batch shrinks to them. The loader starts in
 * epoch 0. SMT_ERR_ARGUMENT, SMT_ERR_MEMORY. */
SMT_API smt_status smt_loader_create(const smt_loader_set *set,
                                     const smt_loader_set *extra,
                                     const smt_loader_options *options,
                                     smt_pool *pool,
                                     smt_loader **out,
                                     smt_error *error);
SMT_API void smt_loader_destroy(smt_loader **loader);

SMT_API size_t smt_loader_batches(const smt_loader *loader); /* an epoch; the same for all epochs */
SMT_API int smt_loader_count(const smt_loader *loader, size_t batch); /* images of this batch */

/* Makes the order of an epoch and goes to its first batch. Not while other threads fill. */
SMT_API void smt_loader_start(smt_loader *loader, uint64_t epoch);

#define SMT_LOADER_EXTRA 0x80000000u /* set in `index` for an image of the second set */

/* Images [first, first + count) of a batch of the epoch; the whole range must exist.
 * input:  count x size x size x channels
 * target: count x classes, rows sum to 1
 * index:  count: into pixels; may be NULL
 * Different workers, in [0, threads of the pool), may call at once. With mixup an even first and
 * count saves work. */
SMT_API void smt_loader_fill(smt_loader *loader,
                             size_t batch,
                             int first,
                             int count,
                             int worker,
                             float *input,
                             float *target,
                             uint32_t *index);

/* The whole next batch, on the pool; returns its number of images, 0 when the epoch is over. Not
 * inside a task of the pool. */
SMT_API int smt_loader_next(smt_loader *loader, float *input, float *target, uint32_t *index);

#ifdef __cplusplus
}
#endif
#endif
