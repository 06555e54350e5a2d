/* semtinel/precision.h: the same network in several precisions, side by side. */
#ifndef SEMTINEL_PRECISION_H
#define SEMTINEL_PRECISION_H

#include <semtinel/evaluate.h>
#include <semtinel/quant.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SMT_PRECISION_MAX 16

/* A model file to compare; strings are borrowed. The first
 * of a list is what the others are measured against. */
typedef struct smt_precision_file {
    const char *name; /* "float32", "int8", ... */
    const char *path;
} smt_precision_file;

/* Runs each file on the set and writes FOLDER/precision.txt, .json and .png: accuracy, macro F1,
 * agreement of the predicted class with the first file, bytes, the worst class and every class's
 * change. Agreement is counted on `images` where given (else NULL), on the set's images otherwise.
 * `table` (or NULL) receives the text, freed with smt_free; *skipped grows by the set's images that
 * cannot be read. SMT_ERR_ARGUMENT: count is not in 1 .. SMT_PRECISION_MAX; a file has other
 * classes than the first, or takes images of another size than `images`. */
SMT_API smt_status smt_precision_compare(const smt_precision_file *files,
                                         int count,
                                         const smt_dataset *dataset,
                                         const smt_pixels *images,
                                         const smt_evaluate_options *options,
                                         smt_pool *pool,
                                         const char *folder,
                                         char **table,
                                         size_t *skipped,
                                         smt_error *error);

/* PATH.txt and PATH.png: what each layer loses alone. */
SMT_API smt_status smt_save_sensitivity(const smt_sensitivity *rows,
                                        int count,
                                        const char *path,
                                        smt_error *error);

#ifdef __cplusplus
}
#endif
#endif
