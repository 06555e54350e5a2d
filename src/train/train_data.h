/* What a run trains on and validates with. */
#ifndef SMT_TRAIN_DATA_H
#define SMT_TRAIN_DATA_H

#include <semtinel/train.h>

/* Further images that are mixed in. */
typedef struct smt_extra {
    size_t count;         /* 0: none */
    uint64_t fingerprint; /* of their pixels and labels */
} smt_extra;

typedef struct smt_train_data {
    smt_dataset *dataset;
    smt_pixels *pixels;             /* of training and validation images together */
    int *train_labels, *val_labels; /* pixels->count: class, or -1 for an image of the other part */
    int class_count;                /* classes with at least one training image */
    char **classes;                 /* class_count; UTF-8 */
    size_t *train_images, *val_images; /* class_count */
    size_t *added_images;              /* class_count: those of train_images that were added */
    size_t train_count, val_count;
    bool held_out;     /* val was taken from train */
    smt_pixels *extra; /* or NULL */
    int *extra_labels;
    smt_extra mixed;
    char *seen;           /* marks of the images that train, as smt_marks_text() has them */
    uint32_t *held_marks; /* smt_part_marks() of those that validate */
    /* Of file names, contents and labels, not of where they are; of `mixed`. */
    uint64_t fingerprint;
} smt_train_data;

/* mixed: what job->extra is known to give, which is then not called, and `extra` stays NULL. */
smt_status smt_train_data_load(const smt_train_job *job,
                               const smt_train_options *options,
                               const smt_extra *mixed,
                               smt_train_data **out,
                               smt_error *error);
void smt_train_data_free(smt_train_data **data);
/* [dataset->sample_count]: the marks of the images that validate, or of those that train, added
 * ones too; 0 for the others (of test images no sums are read). Released by smt_free(); NULL: no
 * memory. */
uint32_t *smt_part_marks(const smt_dataset *dataset, const smt_file_sum *sums, bool validation);
/* Marks of the images that trained the model of that provenance, as its text has them; "" where it
 * has none, or had so many that it keeps a part only: a part would make all of them uncertain.
 * Released by smt_free(); NULL: no memory. */
char *smt_seen_before(const char *provenance);
/* The marks of two such texts, each once. Released by smt_free(); NULL: no memory. */
char *smt_seen_join(const char *a, const char *b);
/* How many of the val_count images have a mark in the text `seen`. False: no memory. */
bool smt_seen_count(const smt_train_data *data, const char *seen, size_t *found);

#endif
