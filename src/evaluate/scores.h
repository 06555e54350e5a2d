/* Internal: pieces of the metrics. */
#ifndef SEMTINEL_EVALUATE_SCORES_H
#define SEMTINEL_EVALUATE_SCORES_H

#include <semtinel/evaluate.h>

/* Fills SMT_CALIBRATION_BINS bins from outcome->confidence. */
double smt_calibration_error(const smt_outcome *outcome, smt_calibration_bin *bins);
/* Fills the intervals of *metrics. */
smt_status smt_bootstrap(smt_metrics *metrics,
                         const smt_outcome *outcome,
                         int resamples,
                         uint64_t seed,
                         smt_error *error);

/* In place: logits, or probabilities at temperature 1, become probabilities at `temperature`. */
void smt_to_probabilities(float *row, int classes, bool probabilities, double temperature);
/* The answers are those of a cross-validation, a probability of 0 being a class that the image's
 * network has no example of. */
bool smt_evaluation_folded(const smt_evaluation *e);
/* Some class of the network that answered image i counts as its true one. */
bool smt_evaluation_knows(const smt_evaluation *e, size_t i);

/* Between these a temperature is fitted, and believed. */
#define SMT_LEAST_TEMPERATURE 0.05
#define SMT_MOST_TEMPERATURE 20.0
/* Log loss, and calibration error with the confidences
 * behind it (count of them), at another temperature. */
double smt_loss_at(const smt_evaluation *e, double temperature);
double smt_error_at(const smt_evaluation *e, double temperature, float *confidence);
double smt_fit_temperature(const smt_evaluation *e);

/* Most channels of a map that is summed up in features. */
#define SMT_DEPTH_CHANNELS 256
/* What is remembered, ready to be compared with. */
typedef struct smt_familiar smt_familiar;
/* Makes the pooled part of each row as long as 1; a row of zeros stays. */
void smt_normalise_rows(float *rows, size_t count, size_t pooled, size_t width);
/* rows: count x width, normalised, borrowed; width: layout->pooled alone, or all of it. */
smt_status smt_familiar_create(const float *rows,
                               size_t count,
                               size_t width,
                               const smt_feature_layout *layout,
                               smt_familiar **out,
                               smt_error *error);
void smt_familiar_destroy(smt_familiar **familiar);
/* row: normalised, by the layout. without: the number of the row that it is itself, as if that were
 * not remembered; SIZE_MAX: none. */
float smt_familiar_score(const smt_familiar *familiar, const float *row, size_t without);
/* Values of a row. */
int smt_feature_width(const smt_feature_layout *layout);
/* familiarity: count values; NaN where none is known. */
smt_status smt_classifier_familiarity(smt_classifier *classifier,
                                      const uint8_t *pixels,
                                      size_t count,
                                      float *familiarity,
                                      smt_error *error);
/* References of a checkpoint; *rows stays as it is when the file has none. */
smt_status
smt_familiarity_load(const char *path, float **rows, int *count, int *width, smt_error *error);

#endif
