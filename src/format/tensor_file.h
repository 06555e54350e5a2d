/* For readers: a tensor appended without the checks of names, its data still to be filled. */
#ifndef SEMTINEL_FORMAT_TENSOR_FILE_H
#define SEMTINEL_FORMAT_TENSOR_FILE_H

#include <semtinel/format.h>

smt_tensor *smt_tensor_file_append(smt_tensor_file *file,
                                   const char *name,
                                   smt_dtype dtype,
                                   int rank,
                                   const int64_t *dim,
                                   size_t count,
                                   smt_error *error);

#endif
