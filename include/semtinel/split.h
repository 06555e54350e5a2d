/* semtinel/split.h: dividing a data set into train, val and test, and writing augmented copies and
 * images labelled by a model.
 *
 * Splits come before augmentation and go by groups of near-duplicates
 * (smt_audit.group): a group never has members on two sides, so that
 * a figure measured on val or test is not a memory of train.
 */
#ifndef SEMTINEL_SPLIT_H
#define SEMTINEL_SPLIT_H

#include <semtinel/audit.h>
#include <semtinel/augment.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct smt_split_options {
    double train, val,
        test; /* parts of the whole, 0 .. 1, train above 0; their sum is 1 within 0.001 */
    uint64_t seed;
    bool link; /* hard links in the place of copies */
} smt_split_options;
SMT_API smt_split_options smt_split_defaults(void); /* .70 .15 .15, seed 1, copies */

/* Assigns a split to each sample for which wanted[i] (NULL: all); out[i] of the others is left as
 * it is. Stratified: each class comes as near to its parts as its groups allow, the largest groups
 * being placed first. A class with at least as many groups of its own as there are parts has an
 * image in each part; groups of several classes are moved for that where nothing else is lost.
 * Deterministic in (data set, groups, seed). SMT_ERR_ARGUMENT: parts out of range. */
SMT_API smt_status smt_split_assign(const smt_dataset *dataset,
                                    const uint32_t *group,
                                    const bool *wanted,
                                    const smt_split_options *options,
                                    smt_split *out,
                                    smt_error *error);

/* For training without a val/ folder: moves a stratified share (above 0, at most 0.5) of the train
 * samples (or of those without a split, which then all become train or val) to SMT_SPLIT_VAL, by
 * groups of near-duplicates, and sorts the samples anew. All images but those of test are read
 * once; those that cannot be are marked and stay in train. Says what it did as a log line. A data
 * set that has a val split is left as it is. Before smt_dataset_add, which must not change what is
 * held out. */
SMT_API smt_status smt_dataset_hold_out(
    smt_dataset *dataset, double share, uint64_t seed, smt_pool *pool, smt_error *error);

/* Cross-validation: fold[i], 0 .. folds - 1, of each sample that is not of the test part; whatever
 * other part it is of, stratified, by groups of near-duplicates, and, if `group` is not NULL, by
 * those of names that it matches (smt_audit_options.group). Below 0: of test, or not readable. The
 * same samples, folds, group and seed give the same. All images but those of test are read once.
 * SMT_ERR_ARGUMENT: folds out of range; a wrong `group`, or one that no name matches. Before
 * smt_dataset_add, as smt_dataset_hold_out. */
#define SMT_FOLDS_MAX 20 /* and 2 at least */
SMT_API smt_status smt_dataset_folds(const smt_dataset *dataset,
                                     int folds,
                                     const char *group,
                                     uint64_t seed,
                                     int *fold,
                                     smt_pool *pool,
                                     smt_error *error);
/* SMT_ERR_ARGUMENT where smt_dataset_folds would refuse `group`. Reads no image. */
SMT_API smt_status smt_dataset_check_group(const smt_dataset *dataset,
                                           const char *group,
                                           smt_error *error);
/* printf's format of where the networks of RUN's cross-validation are, each a run: RUN, and the
 * fold from 1. */
#define SMT_FOLD_FOLDER "%s/folds/%d"
/* For training without that fold, 0 .. folds - 1: its samples become SMT_SPLIT_VAL, all others that
 * are not of test SMT_SPLIT_TRAIN. Those that cannot be read are marked, and the samples are sorted
 * anew. */
SMT_API smt_status smt_dataset_hold_out_fold(smt_dataset *dataset,
                                             int folds,
                                             int fold,
                                             const char *group,
                                             uint64_t seed,
                                             smt_pool *pool,
                                             smt_error *error);

/* Added images (smt_dataset_add) that are near-duplicates of a validation image become
 * SMT_SPLIT_TEST, so that no copy of it trains. All images but those of test are read once. Says
 * how many they are as a log line, if any. */
SMT_API smt_status smt_dataset_leave_out_copies(smt_dataset *dataset,
                                                smt_pool *pool,
                                                smt_error *error);

/* Whether smt_split_write and smt_augment_set would take `out` for a copy of the data set in
 * `source`; for asking before the audit, which takes long. Nothing is left. */
SMT_API smt_status smt_split_check_output(const char *source, const char *out, smt_error *error);

/* Writes OUT/{train,val,test}/CLASS/NAME and OUT/split.json (options, counts, and for each file its
 * source and group). Unreadable images are skipped and listed. OUT must be missing or empty and
 * may not lie inside the source; on failure it is left as it was. A name that two images of a class
 * share gets "-2", "-3", ... before its suffix. */
SMT_API smt_status smt_split_write(const smt_audit *audit,
                                   const smt_split *assigned,
                                   const smt_split_options *options,
                                   const char *out,
                                   smt_error *error);

typedef struct smt_augment_set_options {
    smt_augment_options augment;
    int per_class; /* images of each class in OUT/train; 0: as many as the largest class has.
                      Originals are never dropped */
    int size; /* pixels a side of the augmented images; 0: the smaller side of the source image */
    uint64_t seed;
    bool all_train; /* a source without splits: all of it is training data */
    bool link;      /* hard links in the place of copies for the originals */
} smt_augment_set_options;
/* smt_augment_defaults, 0, 0, seed 1, false, copies. */
SMT_API smt_augment_set_options smt_augment_set_defaults(void);

typedef struct smt_augment_set_result {
    size_t originals, augmented, copied; /* training images, new ones, val and test images */
} smt_augment_set_result;

/* Writes a copy of the audited data set with a balanced, augmented training part:
 * OUT/train/CLASS/NAME and NAME-aug-1.png, ...; val and test are copied unchanged.
 * OUT/augmented.csv names the source of each new image. A source without splits is refused unless
 * all_train. OUT as for smt_split_write. SMT_ERR_ARGUMENT: per_class is not in 0 .. 1000000, or
 * size neither 0 nor in 16 .. 2048. */
SMT_API smt_status smt_augment_set(const smt_audit *audit,
                                   const smt_augment_set_options *options,
                                   smt_pool *pool,
                                   const char *out,
                                   smt_augment_set_result *result,
                                   smt_error *error);

/* An image that a model has labelled; texts borrowed. */
typedef struct smt_label {
    const char *path;
    const char *class_name;
    double confidence; /* 0 .. 1 */
    bool chosen;       /* it is copied */
} smt_label;

/* Writes OUT/CLASS/NAME for each chosen image and OUT/labels.csv (image_name, predicted_class,
 * confidence, file: empty if it is not copied) for all. `link`: hard links in the place of copies.
 * OUT as for smt_split_write. Errors: a class whose name cannot be a folder's too. */
SMT_API smt_status smt_label_write(
    const smt_label *labels, size_t count, bool link, const char *out, smt_error *error);

#ifdef __cplusplus
}
#endif
#endif
