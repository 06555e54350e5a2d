/* The loader's state, shared by its parts. Private to src/data. */
#ifndef SEMTINEL_DATA_LOADER_PARTS_H
#define SEMTINEL_DATA_LOADER_PARTS_H

#include <semtinel/loader.h>

/* What a random stream is for; folded into its number. */
enum { STREAM_ORDER = 1, STREAM_IMAGE = 2, STREAM_MIX = 3, STREAM_STYLE = 4 };

struct smt_loader {
    smt_loader_set sets[2]; /* the second may be empty */
    smt_loader_options options;
    smt_pool *pool;
    smt_augmenter *augmenter; /* NULL: none */
    int size, workers;
    uint32_t *members[2]; /* usable images of each set, by class, then by number */
    size_t member_count[2];
    size_t *class_start; /* classes + 1: into members[0] */
    size_t *quota;       /* classes: images of the class an epoch */
    int per_batch[2];    /* images of each set in a full batch */
    size_t batches, total;
    uint32_t *order;   /* total: image of each position of the epoch, SMT_LOADER_EXTRA set for the
                          second set */
    uint32_t *work[2]; /* the sequence of each set, before it is dealt to the batches */
    float *partner;    /* workers x image: for mixing with an image outside the range */
    float plain[256];  /* (p - mean) / scale */
    uint64_t epoch;
    size_t next;
};

/* Fills l->quota from the sizes of the classes and the balance. */
void smt_loader_set_quotas(smt_loader *l);
/* Images of each set in a batch. */
void smt_loader_parts(const smt_loader *l, size_t batch, size_t parts[2]);
/* Number of the random stream for a purpose, of the epoch. */
uint64_t smt_loader_stream(const smt_loader *l, int purpose, uint64_t number);

#endif
