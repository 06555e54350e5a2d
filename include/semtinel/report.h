/* semtinel/report.h: pictures and pages made from results. */
#ifndef SEMTINEL_REPORT_H
#define SEMTINEL_REPORT_H

#include <semtinel/evaluate.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct smt_sheet_cell {
    const smt_image *image; /* borrowed; scaled to fit the cell */
    const char *caption;    /* under the image, or NULL; cut with an ellipsis where too long */
} smt_sheet_cell;

/* A contact sheet as PNG: `columns` cells a row, each cell_size pixels square, with captions and a
 * title (or NULL). columns: 1 .. 1000; cell_size: 8 .. 4096; SMT_ERR_ARGUMENT otherwise.
 * SMT_ERR_LIMIT: the sheet would be too large. */
SMT_API smt_status smt_sheet_save(const char *path,
                                  const char *title,
                                  const smt_sheet_cell *cells,
                                  size_t count,
                                  int columns,
                                  int cell_size,
                                  smt_error *error);

/* One epoch of a run; NaN: not measured. */
typedef struct smt_history_row {
    int epoch; /* from 1 */
    double train_loss, val_loss;
    double train_accuracy, val_accuracy; /* 0 .. 1 */
    double val_macro_f1;                 /* 0 .. 1 */
    double learning_rate;
} smt_history_row;

/* curves.png: loss, accuracy with macro F1, and learning rate over the epochs; rows in order of
 * epoch, count > 0. kept_epoch, the model's, is marked; 0: it is not known, and the first of the
 * highest validation macro F1 is marked as the best (none if there is no validation). */
SMT_API smt_status smt_plot_history(
    const char *path, const smt_history_row *rows, size_t count, int kept_epoch, smt_error *error);

/* The confusion matrix with counts and row percentages; the suffix of path says PNG or .svg. */
SMT_API smt_status smt_plot_confusion(const smt_evaluation *evaluation,
                                      const char *path,
                                      smt_error *error);

/* Accuracy against confidence, with the number of images of each bin; PNG or .svg. */
SMT_API smt_status smt_plot_reliability(const smt_evaluation *evaluation,
                                        const char *path,
                                        smt_error *error);
/* Accuracy of the most confident images against their share; PNG or .svg. */
SMT_API smt_status smt_plot_coverage(const smt_evaluation *evaluation,
                                     const char *path,
                                     smt_error *error);

/* A model file beside the evaluated one. */
typedef struct smt_report_file {
    char name[256];
    const char *format, *precision; /* static */
    size_t bytes, images;           /* images it was measured on */
    double milliseconds;            /* an image */
    double accuracy, agreement;     /* 0 .. 1; agreement: the same class as the evaluated model */
} smt_report_file;

/* Measures every model file of a folder that has the evaluated model's classes and input, on up to
 * 200 of its images, drawn evenly. *rows is freed with smt_free. */
SMT_API smt_status smt_report_measure_files(const char *folder,
                                            const smt_evaluation *evaluation,
                                            smt_pool *pool,
                                            smt_report_file **rows,
                                            size_t *count,
                                            smt_error *error);

/* What report.html shows besides the evaluation; all borrowed, all may be NULL or 0. */
typedef struct smt_report_inputs {
    const char *command;            /* the command line that made it */
    const smt_history_row *history; /* of the run */
    size_t history_count;
    smt_explainer *explainer; /* draws where the evidence lies beside the worst and the least
                                 confident images */
    const smt_report_file *files;
    size_t file_count;
    const char *audit; /* text of smt_audit_text */
} smt_report_inputs;

/* rgb: width x height x 3, filled with the grey image (scaled to that size) under the map in
 * colours, transparent where it is low. */
SMT_API smt_status smt_overlay(const smt_image *image,
                               const smt_explanation *explanation,
                               int width,
                               int height,
                               uint8_t *rgb,
                               smt_error *error);
/* The same as a PNG file, with the image's own size (at
 * least 256 and at most 1024 pixels on the longer side). */
SMT_API smt_status smt_overlay_save(const smt_image *image,
                                    const smt_explanation *explanation,
                                    const char *path,
                                    smt_error *error);

/* Reads a run's history.csv; columns are found by name, a missing number is NaN. *rows is freed
 * with smt_free. SMT_ERR_FORMAT: there is no epoch in it. */
SMT_API smt_status smt_history_load(const char *path,
                                    smt_history_row **rows,
                                    size_t *count,
                                    smt_error *error);

/* One self-contained file: no request to any network, light and dark,
 * prints. With up to 1000 images it stays under 15 MB; with many more,
 * thumbnails shrink and then only part of the images is shown. */
SMT_API smt_status smt_report_html(const smt_evaluation *evaluation,
                                   const smt_report_inputs *inputs,
                                   const char *path,
                                   smt_error *error);

/* ---- demo ---------------------------------------------------------------------------------- */

typedef struct smt_demo_options {
    const char *video; /* .mp4: H.264 1280 x 720; or NULL */
    const char *gif;   /* .gif: 640 x 360, 10 frames a second; or NULL */
    int rate;          /* frames a second of the video, 1 .. 120; default 25 */
} smt_demo_options;
SMT_API smt_demo_options smt_demo_defaults(void);

typedef struct smt_demo_image {
    const smt_image *image;
    const char *name;  /* shown below it */
    const char *truth; /* its true class under any spelling, or NULL */
    double seconds;    /* how long it is shown; at least one frame of the video */
} smt_demo_image;

/* A slideshow of images with what the model says. The classifier and the explainer (NULL: no
 * overlay) are borrowed. SMT_ERR_ARGUMENT: no file, or the rate; SMT_ERR_UNSUPPORTED: semtinel was
 * built without libavcodec. */
typedef struct smt_demo smt_demo;
SMT_API smt_status smt_demo_create(smt_classifier *classifier,
                                   smt_explainer *explainer,
                                   const smt_demo_options *options,
                                   smt_demo **out,
                                   smt_error *error);
/* The image is borrowed during the call. Errors also: of running the model and of encoding. */
SMT_API smt_status smt_demo_add(smt_demo *demo, const smt_demo_image *image, smt_error *error);
/* Closes the files, which appear now; *demo is freed
 * either way. frames: of the video, or of a GIF alone. */
SMT_API smt_status smt_demo_finish(smt_demo **demo, size_t *frames, smt_error *error);
SMT_API void smt_demo_abandon(smt_demo **demo); /* no file is left */

/* The frames of a video file as grey images. */
typedef struct smt_frames smt_frames;
/* SMT_ERR_FORMAT: no video; SMT_ERR_UNSUPPORTED: as smt_demo_create, or pixels that cannot be made
 * grey. */
SMT_API smt_status smt_frames_open(const char *path, smt_frames **out, smt_error *error);
SMT_API double smt_frames_rate(const smt_frames *frames); /* a second; 0: unknown */
/* So far: frames are missing or in pieces, as the file is damaged or cut off. */
SMT_API bool smt_frames_damaged(const smt_frames *frames);
/* *image is the caller's; *found false at the end. */
SMT_API smt_status smt_frames_next(smt_frames *frames,
                                   smt_image *image,
                                   bool *found,
                                   smt_error *error);
SMT_API void smt_frames_close(smt_frames **frames);

#ifdef __cplusplus
}
#endif
#endif
