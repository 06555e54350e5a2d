/* semtinel/train.h: trains MobileNetV3-Small on a folder of images.
 *
 * A run is a folder that holds, after every epoch, model.safetensors (the best weights so far),
 * history.csv, log.txt and checkpoint.safetensors (everything needed to go on). Each appears whole
 * or not at all, so a run can be killed at any moment. Equal options, seed and data give
 * model.safetensors of equal bytes, at any number of threads, resumed or not.
 */
#ifndef SEMTINEL_TRAIN_H
#define SEMTINEL_TRAIN_H

#include <semtinel/loader.h>
#include <semtinel/model.h>
#include <semtinel/optimizer.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SMT_EXTRA_SHARE 0.2 /* of every batch, where the share is left to the training */

typedef enum smt_averaging {
    SMT_AVERAGE_NONE,
    SMT_AVERAGE_EMA, /* exponential moving average of weights and batch statistics, step by step */
    SMT_AVERAGE_SWA  /* mean of the weights at the ends of epochs (Izmailov et al. 2018); batch
                        statistics are measured anew on the training images */
} smt_averaging;

typedef enum smt_keep {
    SMT_KEEP_BEST, /* the epoch with the highest macro F1 on the validation images, of those whose
                      weights are averages if there are any */
    SMT_KEEP_LAST  /* the last one: validation images choose nothing and may serve as a test */
} smt_keep;

typedef struct smt_train_options {
    smt_mobilenet_options arch; /* `classes` is set by the data */
    uint64_t seed;
    int epochs; /* 0: 200 from random weights, else those of some number of steps, 20 .. 200 */
    int batch;
    smt_optimizer_options optimizer;
    smt_schedule_options schedule; /* rate 0: by where the weights come from. Plateau: by the
                                      validation loss, with SMT_KEEP_LAST by the training's */
    double range_decay;     /* pull of channels before a hard-swish towards like sizes, times the
                               learning rate, 0 .. 1000; 0: none; below 0: 20 from weights that are
                               not of ours, at widths under 1, else none */
    double backbone_rate;   /* factor on the learning rate of everything before the pooling */
    double label_smoothing; /* 0 .. 0.5 */
    double class_weight;    /* 0: all images count the same. 1: all classes do; between:
                               (images)^-class_weight */
    double balance;         /* the same, by drawing images of rare classes more often */
    double mixup;           /* alpha of Beta(alpha, alpha); 0: none */
    double style;           /* probability that an image takes over another's grey levels */
    int freeze_epochs;      /* epochs that train the classifier only, at the full learning rate */
    bool freeze_bn;         /* batch norm keeps the statistics it starts with */
    smt_averaging average;
    double average_decay; /* of EMA, a step */
    double average_start; /* part of the epochs after which averages are used, 0 .. 0.95 */
    smt_keep keep;
    int patience;      /* stop after this many epochs without a better validation; 0: never */
    double cut_bottom; /* percent of the images' height (smt_preprocess.cut_percent); below 0: that
                          of the run whose weights start it, else 0 */
    double val_share;  /* part of the training images that validates if there is no val folder; 0:
                          none, 0.02 .. 0.5 */
    int synth_per_class; /* simulated images of each class that the simulator knows */
    double extra_share;  /* part of every batch that comes from smt_train_job.extra, 0 .. 0.9; below
                            0: SMT_EXTRA_SHARE if training starts from random or optional weights
                            and job.extra gives any, else 0 */
    bool no_augment;
    smt_augment_options augment;
} smt_train_options;

SMT_API smt_train_options smt_train_defaults(void);
/* SMT_ERR_ARGUMENT with the name and the range of the first option that is out of it. */
SMT_API smt_status smt_train_check(const smt_train_options *options, smt_error *error);

/* All options: the command line, the ranges and the checkpoint's metadata come from this table. */
typedef enum smt_field_kind {
    SMT_FIELD_INT,   /* int */
    SMT_FIELD_REAL,  /* double */
    SMT_FIELD_FLOAT, /* float */
    SMT_FIELD_FLAG,  /* bool */
    SMT_FIELD_CHOICE /* enum: index into `choices` */
} smt_field_kind;

typedef struct smt_train_field {
    const char *name; /* as on the command line; NULL ends the table */
    smt_field_kind kind;
    size_t offset; /* in smt_train_options */
    double low, high;
    const char *choices; /* "adamw|adam|sgd" */
    const char *help;
} smt_train_field;
#define SMT_TRAIN_FIELDS_MAX 112 /* names, at most */
SMT_API const smt_train_field *smt_train_fields(void);
/* The field's value as a number; flags are 0 or 1, choices
 * their index. Setting does not check the range. */
SMT_API double smt_train_field_get(const smt_train_options *options, const smt_train_field *field);
SMT_API void
smt_train_field_set(smt_train_options *options, const smt_train_field *field, double value);

/* One epoch of the history. NaN: not measured. */
typedef struct smt_epoch {
    int epoch; /* from 1 */
    double rate;
    double train_loss, train_accuracy; /* with augmentation, dropout and smoothing on; with a
                                          teacher, against its answers */
    double val_loss, val_accuracy, val_macro_f1;
    double images_per_second; /* training images, without validation */
} smt_epoch;

typedef struct smt_train_job {
    const char *dataset;     /* folder */
    const char *const *also; /* also_count folders whose training images are added
                                (smt_dataset_add), but for copies of validation images */
    int also_count;
    const char *run;     /* folder; made if missing */
    const char *init;    /* weights to start from: a file or a run's folder; NULL: nothing. A run
                            that began with weights of another name is not resumed */
    bool init_optional;  /* weights of another architecture are named in a line, and training starts
                            from nothing; a file that cannot be read is an error either way;
                            to resume, init NULL then stands for whatever the run began with */
    const char *teacher; /* a run or file of 'train' or 'ensemble' of the same size and classes,
                            whose probabilities for a training image replace its label (knowledge
                            distillation; label smoothing then is none); NULL: none */
    bool resume;         /* go on where `run` stopped; from the start if it holds nothing */
    /* 0; or train one of so many networks of a cross-validation, 2 .. SMT_FOLDS_MAX: on all images
     * but those of test and those of this fold, 0 .. folds - 1 (smt_dataset_hold_out_fold, by the
     * seed). Those validate, but choose nothing: the last epoch is kept, whatever the options. */
    int folds, fold;
    const char *group; /* of smt_dataset_folds; NULL: none. Without `folds` it is only checked, for
                          the networks that will follow */
    smt_pool *pool;    /* borrowed */
    /* Further training images, for instance simulated ones, mixed in by options.extra_share; or
     * NULL. Called at most once, when the classes are known; fills *pixels and *labels (smt_alloc;
     * class or -1), which the training owns then. Where the share is below 0 and there is nothing
     * worth mixing in, it leaves both NULL. */
    smt_status (*extra)(void *context,
                        const smt_train_options *options,
                        const char *const *classes,
                        int class_count,
                        smt_pixels **pixels,
                        int **labels,
                        smt_error *error);
    /* After each epoch, when its files are written (a failure ends the run); or NULL. best_epoch
     * counts from 1. */
    smt_status (*epoch_done)(
        void *context, const smt_epoch *history, size_t count, int best_epoch, smt_error *error);
    void *context;
} smt_train_job;

typedef struct smt_train_result {
    smt_epoch best; /* the epoch whose weights were kept */
    int epochs;     /* trained in all */
    bool early;     /* stopped by options.patience */
    bool random;    /* it began with random weights, whatever init names: they did not fit */
    size_t skipped; /* images that could not be read */
    size_t train_count, val_count;
} smt_train_result;

/* Trains. The test part of a data set is not read. After SMT_ERR_INTERRUPTED, resume goes on. */
SMT_API smt_status smt_train(const smt_train_job *job,
                             const smt_train_options *options,
                             smt_train_result *result,
                             smt_error *error);

/* The options with which `run` was started, for a resume that need not repeat them. SMT_ERR_IO:
 * there is no checkpoint yet. Seed included. */
SMT_API smt_status smt_train_run_options(const char *run,
                                         smt_train_options *options,
                                         smt_error *error);

/* The ensemble of `count` models (smt_model_ensemble) with what is known of its members: their
 * names and provenance, and the marks of all their training images. Their decisions are not kept.
 */
SMT_API smt_status smt_ensemble(const smt_model *const *models,
                                const char *const *names,
                                int count,
                                smt_model **out,
                                smt_error *error);

#ifdef __cplusplus
}
#endif
#endif
