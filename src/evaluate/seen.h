/* Which images of a set a model was trained on. */
#ifndef SMT_EVALUATE_SEEN_H
#define SMT_EVALUATE_SEEN_H

#include <semtinel/evaluate.h>

typedef struct smt_seen {
    bool *seen; /* sample_count, or NULL: the model does not say; owned by the caller */
    size_t count;
    bool complete; /* false: the model keeps marks of a part of its images, so there may be more */
} smt_seen;

/* Of the samples for which wanted[i]: whether the file is, byte for byte, one that trained. */
smt_status smt_find_seen(const smt_classifier_info *info,
                         const smt_dataset *dataset,
                         const bool *wanted,
                         smt_pool *pool,
                         smt_seen *out,
                         smt_error *error);

#endif
