/* semtinel/evaluate.h: runs a model on images and measures how well it does.
 *
 * The artefact that is evaluated is the artefact that ships: a .tflite file runs through the edge
 * runtime, a checkpoint through ops.
 */
#ifndef SEMTINEL_EVALUATE_H
#define SEMTINEL_EVALUATE_H

#include <semtinel/data.h>
#include <semtinel/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- metrics -------------------------------------------------------------------------------- */

/* Labelled predictions; all arrays borrowed. */
typedef struct smt_outcome {
    size_t count; /* images; 0 is allowed */
    int class_count;
    const int *truth, *predicted; /* count: 0 .. class_count - 1 */
    /* count: what the model gave to the true class; NULL: no log loss. */
    const float *true_probability;
    /* count: what it gave to the predicted class, 0 .. 1; NULL: no calibration error. */
    const float *confidence;
    /* count: the true class is among the two most probable; NULL: not measured. */
    const bool *in_top2;
} smt_outcome;

typedef struct smt_class_score {
    double precision, recall, f1; /* 0 where the denominator is 0, as in scikit-learn */
    size_t support;               /* images of the class */
    size_t predicted;             /* images taken for it */
} smt_class_score;

typedef struct smt_interval {
    double low, high;
} smt_interval;

#define SMT_CALIBRATION_BINS 15

typedef struct smt_calibration_bin {
    size_t count;
    double confidence, accuracy; /* means over the bin; 0 when it is empty */
} smt_calibration_bin;

/* Everything is scikit-learn's: a class that neither occurs nor is predicted stands in no mean. */
typedef struct smt_metrics {
    size_t count;
    int class_count;
    size_t *confusion;        /* class_count x class_count: [true][predicted]; owned */
    smt_class_score *classes; /* class_count; owned */
    smt_class_score macro, weighted;
    double accuracy; /* 0 when count is 0 */
    smt_interval accuracy_95, macro_f1_95;
    double log_loss; /* mean of -ln p(true), p clipped at 1e-15; NaN: not measured */
    double top2;     /* NaN: not measured */
    /* Expected calibration error in SMT_CALIBRATION_BINS equal bins of confidence (Guo et al.
     * 2017); NaN: not measured. */
    double calibration_error;
    /* The same in as many bins that hold equally many images each. */
    double calibration_error_equal;
    /* What calibration_error would be if the confidences were perfect, by chance alone with so few
     * images: the mean, and what one draw in twenty exceeds. */
    double calibration_chance, calibration_chance_95;
    smt_calibration_bin bins[SMT_CALIBRATION_BINS];
} smt_metrics;

/* "this is more than chance" or "no miscalibration is shown":
 * calibration_error against calibration_chance_95; static. */
SMT_API const char *smt_calibration_verdict(const smt_metrics *metrics);

#define SMT_BOOTSTRAP_RESAMPLES 2000

/* The 95% intervals are percentile bootstrap intervals (Efron and Tibshirani 1993, chapter 13):
 * images are drawn with replacement, `resamples` times (0: low = high = the value), and the 2.5th
 * and 97.5th percentile taken, interpolated linearly. The same seed gives the same bits.
 * SMT_ERR_ARGUMENT: a class or `resamples` out of range. */
SMT_API smt_status smt_metrics_create(
    const smt_outcome *outcome, int resamples, uint64_t seed, smt_metrics **out, smt_error *error);
SMT_API void smt_metrics_destroy(smt_metrics **metrics);
/* The accuracy at which all of the images are right in one case of twenty: where all are, the
 * bootstrap interval has no width. */
SMT_API double smt_all_right_accuracy(const smt_metrics *metrics);
/* The class stands in scikit-learn's report: it occurs or is predicted. */
SMT_API bool smt_metrics_active(const smt_metrics *metrics, int class_index);

/* scikit-learn's classification_report(digits=2), byte
 * for byte; freed with smt_free; NULL: no memory. */
SMT_API char *smt_classification_report(const smt_metrics *metrics, const char *const *classes);

/* ---- decisions ------------------------------------------------------------------------------ */

/* Views of an image are 1, 2, 4 or 8, the first so many of: as it is, mirrored in x, mirrored in y,
 * both (turned by half); and these four along the diagonal (with turns by a quarter). */
#define SMT_VIEWS_MOST 8

/* What turns outputs into decisions; fitted on validation images by smt_decision_fit, kept in the
 * model's provenance under "decision", and so carried along by every export. */
typedef struct smt_decision {
    float temperature; /* probabilities are softmax(logits / temperature) (Guo et al. 2017); 1: as
                          they are */
    int views;         /* 1, 2, 4 or 8: probabilities are the mean over that many views of an
                          image, before the temperature */
    bool rejects;      /* thresholds are in force */
    float threshold[SMT_CLASS_MAX]; /* per class of the model: a prediction with less confidence
                                       goes to review */
    /* What was asked for: "purity 0.95 sure 0.8", "purity 0.9, of bridge 0.99, sure 0.8",
     * "rejection 0.1, unfamiliar 0.05"; empty without thresholds. */
    char target[256];
    bool per_class;
    float purity[SMT_CLASS_MAX]; /* asked for of the predictions of this class alone; 0: nothing */
    bool watches;                /* least_familiarity is in force */
    float least_familiarity; /* an image with less goes to review: it is unlike what the model was
                                made for */
} smt_decision;

/* ---- classifier ----------------------------------------------------------------------------- */

/* A model ready to run, whatever its file is. */
typedef struct smt_classifier smt_classifier;

/* How the features of an image lie in a row: first what the classifier reads (the last pooling),
 * then of three earlier depths, where the maps have a half, a quarter and an eighth of the image's
 * side, the mean and then the standard deviation of every channel over the map. */
#define SMT_FEATURE_DEPTHS 3
typedef struct smt_feature_layout {
    int pooled;
    int depth[SMT_FEATURE_DEPTHS]; /* values; 0: the network has no such depth */
} smt_feature_layout;

typedef struct smt_classifier_info {
    const char *path;      /* the file that runs (a run's folder: its model.safetensors) */
    const char *format;    /* "safetensors", "tflite", ... */
    const char *precision; /* "float32", "int8", "dynamic" */
    size_t bytes;          /* of the file */
    int class_count;
    const char *const *classes;
    bool named;     /* false: the file holds no class names; they are class0, class1, ... */
    int input_size; /* pixels a side */
    int channels;   /* 1 or 3 */
    smt_preprocess preprocess;
    const char *provenance;    /* a JSON object as text */
    smt_decision decision;     /* smt_classifier_run applies the temperature; the caller asks
                                  smt_decision_review */
    int remembered;            /* images that familiarity is measured against; 0: it is not known */
    int feature_width;         /* of them: layout.pooled (as earlier versions wrote it), or all */
    const float *references;   /* remembered x feature_width; layout.pooled of length 1 */
    smt_feature_layout layout; /* zeros where the features are not to be had */
} smt_classifier_info;

/* Opens a run's folder, or any model file. The pool is
 * borrowed. Everything in `info` belongs to the classifier. */
SMT_API smt_status smt_classifier_open(const char *path,
                                       smt_pool *pool,
                                       smt_classifier **out,
                                       smt_error *error);
SMT_API void smt_classifier_close(smt_classifier **classifier);
SMT_API const smt_classifier_info *smt_classifier_about(const smt_classifier *classifier);
/* Names for a model that has none, or other ones;
 * `count` must be the number of its classes. Copied. */
SMT_API smt_status smt_classifier_rename(smt_classifier *classifier,
                                         const char *const *names,
                                         int count,
                                         smt_error *error);
/* pixels: count x size x size, grey 0..255; probabilities: count x class_count, filled. */
SMT_API smt_status smt_classifier_run(smt_classifier *classifier,
                                      const uint8_t *pixels,
                                      size_t count,
                                      float *probabilities,
                                      smt_error *error);
/* The same with the familiarity of each image: the mean of four scores, each in standard deviations
 * from what is usual among the images that the classifier remembers; lower is stranger. The first
 * is the largest cosine between the pooled features of the image and theirs (Sun et al. 2022,
 * "Out-of-distribution detection with deep nearest neighbors"), the others minus the logarithm of
 * the Mahalanobis distance to them at three earlier depths (smt_feature_layout). Of a checkpoint
 * that remembers the pooled features alone: the cosine, -1 .. 1. NaN where nothing is remembered.
 * It tells images that are no SEM images and classes that were not trained; for known classes from
 * another tool confidence is as good (docs/evaluation.md has the figures). */
SMT_API smt_status smt_classifier_run_scored(smt_classifier *classifier,
                                             const uint8_t *pixels,
                                             size_t count,
                                             float *probabilities,
                                             float *familiarity,
                                             smt_error *error);
/* Replaces temperature and thresholds. */
SMT_API void smt_classifier_decide(smt_classifier *classifier, const smt_decision *decision);
/* The decision's views alone: 1, 2, 4 or 8. */
SMT_API void smt_classifier_set_views(smt_classifier *classifier, int views);
/* Features by info.layout, count x *width, freed with smt_free; SMT_ERR_UNSUPPORTED where the
 * network does not show them (a .tflite, a graph without a last pooling). */
SMT_API smt_status smt_classifier_features(smt_classifier *classifier,
                                           const uint8_t *pixels,
                                           size_t count,
                                           float **features,
                                           int *width,
                                           smt_error *error);
/* From now on familiarity is measured against these (copied; at most SMT_REMEMBERED of them, evenly
 * picked). width: that of smt_classifier_features; layout.pooled alone: by the cosine alone.
 * SMT_ERR_ARGUMENT: count is 0. */
#define SMT_REMEMBERED 512
SMT_API smt_status smt_classifier_remember(
    smt_classifier *classifier, const float *features, size_t count, int width, smt_error *error);
/* out[i]: the familiarity of row i to the others of those that smt_classifier_remember picks. */
SMT_API smt_status smt_familiarity_of_each(const smt_feature_layout *layout,
                                           const float *features,
                                           size_t count,
                                           float *out,
                                           smt_error *error);
/* What the classifier remembers, as further tensors for smt_model_save. */
struct smt_tensor_file;
SMT_API smt_status smt_familiarity_store(const smt_classifier_info *info,
                                         struct smt_tensor_file **out,
                                         smt_error *error);
/* What a device without logarithm and exponential computes confidences with, from an int8 softmax,
 * q + 128 of 256. table[s], 0 <= s <= 255 * views: p^(1 / temperature) times one constant, with p
 * the mean probability that the sum s of q + 128 over the views stands for. A class's confidence is
 * its entry divided by the sum of those of all classes. */
SMT_API void smt_decision_powers(const smt_decision *decision, float *table);
/* Why an image goes to review. */
typedef enum smt_review {
    SMT_REVIEW_NONE,      /* it does not: its class is decided */
    SMT_REVIEW_UNSURE,    /* the confidence is below the threshold of its class */
    SMT_REVIEW_UNFAMILIAR /* unlike what the model was made for, whatever the confidence */
} smt_review;
/* Of a prediction: class of the model, calibrated confidence, familiarity or NaN. */
SMT_API smt_review smt_decision_review(const smt_decision *decision,
                                       int class_index,
                                       float confidence,
                                       float familiarity);
/* "", "unsure", "unfamiliar": the column review_reason. */
SMT_API const char *smt_review_name(smt_review review);

/* ---- evaluation ----------------------------------------------------------------------------- */

typedef enum smt_split_choice {
    SMT_CHOOSE_AUTO, /* test if the set has one, else val, else all that did not train the model */
    SMT_CHOOSE_TEST,
    SMT_CHOOSE_VAL,
    SMT_CHOOSE_TRAIN,
    SMT_CHOOSE_ALL,
    SMT_CHOOSE_FOLDS /* all but test, each image by a network of the model's cross-validation that
                        has not seen it (smt_train_job.folds), in the folder SMT_FOLD_FOLDER beside
                        the model; without familiarity */
} smt_split_choice;

typedef struct smt_evaluate_options {
    smt_split_choice split;
    const char *const *overrides; /* override_count texts "FROM=TO" for smt_class_map_create */
    int override_count;
    bool apart;    /* of smt_class_map_create: what the other side lacks is a mistake */
    int resamples; /* of the bootstrap */
    uint64_t seed; /* of the bootstrap */
    /* NULL; or an evaluation on the same set, which outlives this one: where both networks take
     * images of one size, its images are used again, and of the same model, with SMT_CHOOSE_FOLDS,
     * its networks. What it said is not said again. */
    const struct smt_evaluation *earlier;
} smt_evaluate_options;
/* Auto, no overrides, SMT_BOOTSTRAP_RESAMPLES, seed 1. */
SMT_API smt_evaluate_options smt_evaluate_defaults(void);

/* A model measured on a set. Row i of the arrays is one image. */
typedef struct smt_evaluation {
    char *model, *set;        /* paths as given; owned */
    const char *split;        /* "test", "val", "train", "all", "unseen", "folds"; static */
    smt_classifier_info info; /* strings belong to the classifier, which must stay open */
    smt_class_map *map;       /* owned; its classes are the ones that count below */
    size_t count;             /* images measured */
    size_t skipped;           /* unreadable ones */
    size_t trained;           /* of the images asked for: files that trained the model, too */
    bool trained_more;        /* or more: the model keeps marks of a part of them only */
    char **files;             /* count: path below the set's folder; owned */
    smt_pixels *pixels;       /* row i shows image i; owned unless lent */
    bool lent;                /* pixels belong to options.earlier */
    int *truth, *predicted;   /* count: into map->classes; owned */
    int *top;                 /* count: the most probable of the model's classes; owned */
    bool *clean;              /* count: in the set it is of a kind of clean; owned */
    float *probabilities;     /* count x info.class_count, of the model's own classes; owned */
    float *confidence;        /* count: the largest of the row; owned */
    float *familiarity;       /* count; NaN: not known; owned */
    float *true_probability;  /* count: summed over the model's classes that count as the true one;
                                 owned */
    bool *in_top2;            /* count; owned */
    smt_metrics *metrics;     /* owned */
    double seconds;           /* running the network, without reading the images */
    struct smt_folds *folds;  /* with SMT_CHOOSE_FOLDS: the networks; owned; NULL: those of
                                 options.earlier, or none */
} smt_evaluation;

/* Predicts by the most probable of the model's classes, then maps both sides (smt_class_map). What
 * was mapped, which split was taken, and how many of the images trained the model, is logged.
 * Errors: the set lacks that split; no image could be read; no class in common; an override as for
 * smt_class_map_create; with SMT_CHOOSE_FOLDS, the model has no such networks, or the set is not
 * the one that they were trained on. */
SMT_API smt_status smt_evaluate(smt_classifier *classifier,
                                const smt_dataset *dataset,
                                const smt_evaluate_options *options,
                                smt_pool *pool,
                                smt_evaluation **out,
                                smt_error *error);
/* Before any work: SMT_ERR_ARGUMENT: an override is wrong, or no class is common to both. Of `info`
 * path, classes and class_count count. */
SMT_API smt_status smt_evaluate_check(const smt_classifier_info *info,
                                      const smt_dataset *dataset,
                                      const smt_evaluate_options *options,
                                      smt_error *error);
/* For a data set without val that a model was trained on: the part of it that its training held out
 * becomes SMT_SPLIT_VAL, by the provenance. A set with val, or of a model whose training held
 * nothing out, stays as it is. SMT_ERR_ARGUMENT: the images are not those of the training. */
SMT_API smt_status smt_held_out_again(const smt_classifier_info *info,
                                      smt_dataset *dataset,
                                      smt_pool *pool,
                                      smt_error *error);
/* Images of a class that the model has, and how many of them the model is right about; none that
 * count as other, where one of the model's classes does that is called otherwise. (The metrics
 * count an image of an unknown class as right whose predicted class the set lacks.) */
SMT_API size_t smt_evaluation_known(const smt_evaluation *evaluation, size_t *right);
SMT_API void smt_evaluation_destroy(smt_evaluation **evaluation);

/* ---- calibration and rejection ------------------------------------------------------------- */

typedef enum smt_rejection_target {
    SMT_REJECT_NONE,
    SMT_REJECT_BY_PURITY, /* the most coverage whose accepted predictions are right in at least
                             `value` of the cases, and of other images, too: see `sure` */
    SMT_REJECT_BY_RATE    /* at most `value` of the predictions are rejected, the unfamiliar ones
                             included, whose share must not be larger; per class, an equal share of
                             the familiar predictions of each */
} smt_rejection_target;

typedef struct smt_decision_options {
    bool keep_temperature; /* do not fit it: 1 */
    smt_rejection_target target;
    double value;        /* 0 .. 1 */
    double sure;         /* of a purity, 0.5 .. 0.999: the probability with which it holds on other
                            images of the same kind, by the exact binomial bound */
    bool per_class;      /* the target holds for each predicted class by itself, otherwise for all
                            together */
    const float *purity; /* of each of the model's classes: above 0 and up to 1 asks for it of the
                            predictions of this class alone, with the same `sure`, and `target` is
                            for the others only; 0: nothing; NULL: of none. Not with
                            SMT_REJECT_BY_RATE */
    double unfamiliar;   /* share of the images of the fit that goes to review for being least
                            familiar; 0: none */
} smt_decision_options;

#define SMT_REJECTION_TEXT 160 /* bytes */

/* What a decision does on labelled images. */
typedef struct smt_rejection {
    size_t count, accepted, right; /* right: of the accepted */
    double coverage;               /* accepted / count */
    double purity;                 /* right / accepted; 0 when nothing is accepted */
    size_t escapes;                /* defects called clean, among the accepted */
    size_t escapes_before;         /* the same without rejection */
    bool knows_clean;              /* the model can call an image clean */
    size_t defects;                /* images whose true class is no kind of clean */
} smt_rejection;

typedef struct smt_calibration {
    double temperature;
    double error_before, error_after; /* expected calibration error on the images of the fit */
    double loss_before, loss_after;   /* log loss */
    /* Of each of the model's classes: decisions, all of them right, that show the purity; SIZE_MAX:
     * none do; 0: no purity was asked for. */
    size_t fewest[SMT_CLASS_MAX];
    smt_rejection rejection; /* on the images of the fit */
} smt_calibration;

/* Fits temperature (the least log loss; 1 where no image of a class that the model knows is
 * mistaken, or they do not show that it is another, by the likelihood-ratio test at 5%) and then
 * thresholds to an evaluation that was made without any (smt_classifier_decide with temperature 1).
 * Thresholds lie 1e-4 below the smallest calibrated confidences that reach the target, or half-way
 * to the next one below; a class that cannot reach its purity gets a threshold above 1. With
 * per_class, classes with fewer predictions than 5, or than could show the purity, share a
 * threshold, for which their predictions together reach the target (by rate, where there are none,
 * those of all classes); one with a purity of its own never does. Thresholds are those
 * of the familiar images. SMT_ERR_ARGUMENT: value, sure, unfamiliar or a class's purity out of
 * range; a purity of one class with SMT_REJECT_BY_RATE; SMT_ERR_UNSUPPORTED: unfamiliar, where
 * familiarity is not known. */
SMT_API smt_status smt_decision_fit(const smt_evaluation *evaluation,
                                    const smt_decision_options *options,
                                    smt_decision *decision,
                                    smt_calibration *calibration,
                                    smt_error *error);
/* Why image i of the evaluation goes to review. */
SMT_API smt_review smt_evaluation_review(const smt_evaluation *evaluation, size_t i);
/* What evaluation->info.decision does on the evaluation's images. */
SMT_API smt_rejection smt_rejection_measure(const smt_evaluation *evaluation);
/* The same of the images that the model takes for one of its classes. */
SMT_API smt_rejection smt_rejection_of_class(const smt_evaluation *evaluation, int model_class);
/* Thresholds differ by class: what a class does is worth telling. */
SMT_API bool smt_decision_by_class(const smt_decision *decision);
/* Whether the decision was fitted to the evaluation's images: the paths of the set lead to one
 * folder, and the part is the same, or lies in it. Then its purity says little about other images.
 */
SMT_API bool smt_decision_fitted_here(const smt_evaluation *evaluation);
/* "75.4% decided automatically, purity 0.9674, 0 of 106 defects called clean (1 without review)"; a
 * purity of nothing is not told. */
SMT_API void smt_rejection_text(const smt_rejection *rejection, char text[SMT_REJECTION_TEXT]);
/* Probability that a value of `high` is larger than one of `low`, ties counting half: the area
 * under the ROC curve. NaN when one is empty or a value is no number; SMT_ERR_MEMORY cannot be told
 * apart from that. */
SMT_API double smt_auroc(const float *high, size_t high_count, const float *low, size_t low_count);
/* Expected calibration error that the evaluation would have without its temperature; NaN: no
 * memory. */
SMT_API double smt_uncalibrated_error(const smt_evaluation *evaluation);

typedef struct smt_coverage_point {
    double threshold, coverage, accuracy;
} smt_coverage_point;
/* Accuracy of the most confident images against their share: evaluation->count points, from the
 * most confident one to all; `points` holds so many. Among equal confidences, of which int8 files
 * have many, each counts as the mean of them: their order does not count. Returns the area under
 * risk against coverage (Geifman and El-Yaniv 2017): the mean error; -1: no memory. */
SMT_API double smt_coverage_curve(const smt_evaluation *evaluation, smt_coverage_point *points);

/* The provenance with the decision in it, as JSON text; freed with smt_free. `calibration` and the
 * evaluation's set say where it comes from. */
SMT_API smt_status smt_decision_store(const char *provenance,
                                      const smt_decision *decision,
                                      const smt_calibration *calibration,
                                      const smt_evaluation *evaluation,
                                      char **out,
                                      smt_error *error);
/* The decision in a provenance; temperature 1 and no thresholds if there is none or if it does not
 * fit the classes. */
SMT_API smt_decision smt_decision_load(const char *provenance,
                                       const char *const *classes,
                                       int class_count);

/* The files of an evaluation: predictions.csv and confusion_matrix.csv (RFC 4180 with LF line
 * ends), classification_report.txt, metrics.json. */
SMT_API smt_status smt_save_predictions(const smt_evaluation *evaluation,
                                        const char *path,
                                        smt_error *error);
SMT_API smt_status smt_save_confusion(const smt_evaluation *evaluation,
                                      const char *path,
                                      smt_error *error);
SMT_API smt_status smt_save_report_text(const smt_evaluation *evaluation,
                                        const char *path,
                                        smt_error *error);
SMT_API smt_status smt_save_metrics(const smt_evaluation *evaluation,
                                    const char *path,
                                    smt_error *error);

/* ---- explanation --------------------------------------------------------------------------- */

/* Grad-CAM (Selvaraju et al. 2017) on the float network of a file: a checkpoint, or what an
 * imported file holds. */
typedef struct smt_explainer smt_explainer;

typedef struct smt_explanation {
    int class_index;   /* the class that is explained */
    int width, height; /* of the map */
    float *map; /* height x width, 0 .. 1, its largest value 1 (all 0: no evidence for the class);
                   owned */
    float strength;           /* what 1 stands for, in units of the output */
    float peak_x, peak_y;     /* place of the largest value, 0 .. 1 from left and top */
    float centre_x, centre_y; /* centre of mass */
    float area;               /* share of the map above 0.5 */
} smt_explanation;

/* layer: a node with places; NULL: the one that the last pooling reads, or the last before it that
 * has more than one place (an input of 32 pixels ends at 1 x 1). The pool is borrowed.
 * SMT_ERR_ARGUMENT: no such layer, or one without places; SMT_ERR_UNSUPPORTED: an int8 file (its
 * float network is needed), or an input that is not square. */
SMT_API smt_status smt_explainer_open(
    const char *path, const char *layer, smt_pool *pool, smt_explainer **out, smt_error *error);
SMT_API void smt_explainer_close(smt_explainer **explainer);
SMT_API int smt_explainer_size(const smt_explainer *explainer); /* pixels a side of the input */
SMT_API const smt_model *smt_explainer_model(const smt_explainer *explainer);
/* pixels: size x size grey; class_index -1: the most
 * probable one. *out is freed with smt_explanation_free. */
SMT_API smt_status smt_explain(smt_explainer *explainer,
                               const uint8_t *pixels,
                               int class_index,
                               smt_explanation *out,
                               smt_error *error);
SMT_API void smt_explanation_free(smt_explanation *explanation);

/* ---- comparison ---------------------------------------------------------------------------- */

/* predictions.csv of an evaluation, in the order of the file names; everything owned. */
typedef struct smt_prediction_table {
    size_t count;
    char **files, **truth, **predicted; /* count each */
} smt_prediction_table;

/* Columns are found by the names file, true and predicted. SMT_ERR_FORMAT with the line: no such
 * column, a row of another length, an open quote, a file that stands there twice. */
SMT_API smt_status smt_predictions_load(const char *path,
                                        smt_prediction_table **out,
                                        smt_error *error);
SMT_API void smt_predictions_free(smt_prediction_table **table);

/* McNemar's test of two classifiers on the same images: a_only are right with the first alone,
 * b_only with the second alone. Two-sided exact p (binomial, 1/2); above 10000 such images by the
 * chi-squared approximation with continuity correction. 1 when there are none. */
SMT_API double smt_mcnemar(size_t a_only, size_t b_only);

typedef struct smt_compared_pair {
    int first, second;              /* tables, first < second */
    size_t first_only, second_only; /* images that one gets right and the other wrong */
    double p;                       /* smt_mcnemar of these */
    double p_holm; /* p corrected for the number of pairs (Holm 1979): of all pairs under x, one or
                    * more is chance with a probability of x at most */
} smt_compared_pair;

typedef struct smt_comparison {
    int tables;
    size_t count;    /* images that all have */
    size_t left_out; /* rows without a partner, in all tables */
    int class_count;
    char **classes;           /* all that occur; owned */
    smt_metrics **metrics;    /* tables of them, on the common images; owned */
    size_t pair_count;        /* tables (tables - 1) / 2 */
    smt_compared_pair *pairs; /* by first, then second; owned */
} smt_comparison;

/* count: 2 .. 64. `names` stand in messages. Class names of different tables that mean the same
 * (smt_class_canonical) are one class. SMT_ERR_ARGUMENT also: no common image; a true class
 * that differs between tables. SMT_ERR_LIMIT: more than SMT_CLASS_MAX classes in all. */
SMT_API smt_status smt_compare(const smt_prediction_table *const *tables,
                               const char *const *names,
                               int count,
                               int resamples,
                               uint64_t seed,
                               smt_comparison **out,
                               smt_error *error);
SMT_API void smt_comparison_destroy(smt_comparison **comparison);

#ifdef __cplusplus
}
#endif
#endif
