/* Which image stands where in an epoch. */
#include "data/loader_parts.h"

#include <math.h>
#include <string.h>

/* Shares of the epoch by largest remainder, so that they sum to the number of images. */
void smt_loader_set_quotas(smt_loader *l)
{
    int classes = l->options.classes;
    double total_weight = 0;
    for (int c = 0; c < classes; c++) {
        size_t images = l->class_start[c + 1] - l->class_start[c];
        total_weight += images ? pow((double)images, 1 - (double)l->options.balance) : 0;
    }
    size_t given = 0;
    for (int c = 0; c < classes; c++) {
        size_t images = l->class_start[c + 1] - l->class_start[c];
        double weight =
            images ? pow((double)images, 1 - (double)l->options.balance) / total_weight : 0;
        l->quota[c] = (size_t)floor(weight * (double)l->member_count[0]);
        given += l->quota[c];
    }
    /* Fewer than `classes` are left over: they go to the largest classes' remainders in turn. */
    while (given < l->member_count[0]) {
        int best = -1;
        double best_gap = -1e300;
        for (int c = 0; c < classes; c++) {
            size_t images = l->class_start[c + 1] - l->class_start[c];
            double share =
                images ? pow((double)images, 1 - (double)l->options.balance) / total_weight : 0;
            double gap = share * (double)l->member_count[0] - (double)l->quota[c];
            if (images && gap > best_gap) {
                best = c;
                best_gap = gap;
            }
        }
        l->quota[best]++;
        given++;
    }
}

/* Images of each set in batch `batch`. */
void smt_loader_parts(const smt_loader *l, size_t batch, size_t parts[2])
{
    size_t left = l->member_count[0] - batch * (size_t)l->per_batch[0];
    size_t full = (size_t)l->per_batch[0];
    parts[0] = left < full ? left : full;
    parts[1] = ((size_t)l->per_batch[1] * parts[0] + full / 2) / full;
}

size_t smt_loader_batches(const smt_loader *loader)
{
    return loader->batches;
}

int smt_loader_count(const smt_loader *loader, size_t batch)
{
    size_t parts[2];
    smt_loader_parts(loader, batch, parts);
    return (int)(parts[0] + parts[1]);
}

/* Every usable image once, in the order of the pixels. */
static void by_number(const smt_loader *l, uint32_t *sequence)
{
    size_t count = 0;
    for (size_t i = 0; i < l->sets[0].pixels->count; i++) {
        if (l->sets[0].labels[i] >= 0) {
            sequence[count++] = (uint32_t)i;
        }
    }
}

/* Each class gives its quota: whole rounds of its images, then a random part of a round. */
static void by_quota(const smt_loader *l, smt_rng *rng, uint32_t *sequence)
{
    size_t count = 0;
    for (int c = 0; c < l->options.classes; c++) {
        uint32_t *images = l->members[0] + l->class_start[c];
        size_t n = l->class_start[c + 1] - l->class_start[c];
        size_t rounds = n ? l->quota[c] / n : 0, rest = n ? l->quota[c] % n : 0;
        for (size_t r = 0; r < rounds; r++) {
            memcpy(sequence + count, images, n * sizeof *images);
            count += n;
        }
        for (size_t taken = 0, seen = 0; taken < rest; seen++) {
            /* Selection sampling (Knuth, algorithm S): each image with the probability that is
             * still due. */
            if (smt_rng_below(rng, (uint32_t)(n - seen)) < rest - taken) {
                sequence[count++] = images[seen];
                taken++;
            }
        }
    }
    smt_rng_shuffle(rng, sequence, count);
}

void smt_loader_start(smt_loader *l, uint64_t epoch)
{
    l->epoch = epoch;
    l->next = 0;
    smt_rng rng = smt_rng_seed(l->options.seed, smt_loader_stream(l, STREAM_ORDER, 0));
    if (l->options.shuffle) {
        by_quota(l, &rng, l->work[0]);
    } else {
        by_number(l, l->work[0]);
    }
    size_t needed = l->batches * (size_t)l->per_batch[1], made = 0;
    while (made < needed) {
        memcpy(l->work[1] + made, l->members[1], l->member_count[1] * sizeof *l->members[1]);
        smt_rng_shuffle(&rng, l->work[1] + made, l->member_count[1]);
        made += l->member_count[1];
    }
    size_t taken[2] = {0, 0}, at = 0;
    for (size_t b = 0; b < l->batches; b++) {
        size_t parts[2];
        smt_loader_parts(l, b, parts);
        uint32_t *batch = l->order + at;
        memcpy(batch, l->work[0] + taken[0], parts[0] * sizeof *batch);
        for (size_t i = 0; i < parts[1]; i++) {
            batch[parts[0] + i] = l->work[1][taken[1] + i] | SMT_LOADER_EXTRA;
        }
        if (parts[1] && l->options.shuffle) {
            smt_rng_shuffle(&rng, batch, parts[0] + parts[1]);
        }
        taken[0] += parts[0];
        taken[1] += parts[1];
        at += parts[0] + parts[1];
    }
}

uint64_t smt_loader_stream(const smt_loader *l, int purpose, uint64_t number)
{
    return smt_hash64(smt_hash64(l->epoch, (uint64_t)purpose), number);
}
