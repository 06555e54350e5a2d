/* What readers share. */
#ifndef SEMTINEL_FORMAT_TENSOR_FILE_H
#define SEMTINEL_FORMAT_TENSOR_FILE_H

#include <semtinel/format.h>

/* A tensor appended without the checks of names, its data still to be filled. */
smt_tensor *smt_tensor_file_append(smt_tensor_file *file,
                                   const char *name,
                                   smt_dtype dtype,
                                   int rank,
                                   const int64_t *dim,
                                   size_t count,
                                   smt_error *error);
/* "10 x 576" into `text`, which it returns. */
const char *smt_shape_text(const int64_t *dim, int rank, char *text, size_t size);

#endif
