/* semtinel quantize -o FOLDER: a model in all precisions, side by side. */
#ifndef SEMTINEL_CLI_QUANTIZE_H
#define SEMTINEL_CLI_QUANTIZE_H

#include "cli/cli.h"

#include <semtinel/format.h>
#include <semtinel/precision.h>

/* The folder, its files so far, and the images that they are compared on. */
typedef struct quantize_folder {
    const char *path; /* borrowed, as the model */
    const smt_model *model;
    bool raw_input;
    smt_precision_file files[SMT_PRECISION_MAX]; /* names are static, paths those below */
    char *paths[SMT_PRECISION_MAX];
    int count;
    smt_dataset *set;       /* NULL: they are not compared */
    smt_pixels *unlabelled; /* NULL: agreement is counted on the set */
} quantize_folder;

/* SMT_ERR_ARGUMENT: a file of the folder would be written over `model`. */
smt_status quantize_folder_check(const char *path, const char *model, smt_error *error);
/* The images of --evaluate and --agree (`set` NULL: none). Before the work: a wrong folder is told
 * at once. `model`: the file, for messages; *failed grows by images that cannot be read. */
smt_status quantize_folder_compare_on(quantize_folder *folder,
                                      const char *set,
                                      const cli_list *agree,
                                      const char *model,
                                      smt_pool *pool,
                                      size_t *failed,
                                      smt_error *error);
/* Writes FOLDER/NAME.tflite, which is compared, and but for float16 FOLDER/NAME.onnx. name: static;
 * graph: quantised; NULL: the float model, its weights in 16 bits if `half`. */
smt_status quantize_folder_add(
    quantize_folder *folder, const smt_graph *graph, const char *name, bool half, smt_error *error);
/* Runs the files on the set, prints the table, and writes it to FOLDER/precision.*. */
smt_status
quantize_folder_compare(quantize_folder *folder, smt_pool *pool, size_t *failed, smt_error *error);
/* Names what an earlier call left there. tuned: this one wrote fine-tuned models. */
void quantize_folder_name_left(const quantize_folder *folder, bool tuned);
void quantize_folder_release(quantize_folder *folder);

#endif
