/* The part of HDF5 that Keras's weight files use, read and written: superblock version 0, groups
 * with symbol tables (version 1 B-trees, local heaps), version 1 object headers, contiguous
 * datasets of floats, attributes of texts. docs/design.md says why there is no HDF5 library here.
 *
 * The reader works on the bytes of a whole file and copies nothing but what is asked for. Every
 * address and length is checked against the file's size, and all walks together take a bounded
 * number of steps, so that no file can make it crash, loop or fill the memory. */
#ifndef SEMTINEL_FORMAT_HDF5_H
#define SEMTINEL_FORMAT_HDF5_H

#include "format/bytes.h"

#include <semtinel/format.h>

/* ---- reading ------------------------------------------------------------------------------- */

typedef struct hdf5_reader {
    const char *path; /* stands in messages */
    const uint8_t *data;
    size_t size;
    size_t steps;  /* taken so far */
    uint64_t root; /* address of the root group */
    smt_error *error;
} hdf5_reader;

typedef struct hdf5_dataset {
    int rank;
    int64_t dim[SMT_TENSOR_RANK];
    size_t count;
    smt_dtype dtype;     /* F16, F32 or F64 */
    const uint8_t *data; /* count little-endian elements inside the file */
} hdf5_dataset;

smt_status
hdf5_open(hdf5_reader *reader, const char *path, const void *data, size_t size, smt_error *error);
/* The object at "a/b/c" below the group at address `group`; *object 0: there is none. */
smt_status hdf5_find(hdf5_reader *reader, uint64_t group, const char *name, uint64_t *object);
/* The texts of an attribute, freed with smt_list_free; *texts NULL: no such attribute. */
smt_status
hdf5_texts(hdf5_reader *reader, uint64_t object, const char *name, char ***texts, size_t *count);
/* `name` stands in messages. */
smt_status
hdf5_read_dataset(hdf5_reader *reader, uint64_t object, const char *name, hdf5_dataset *out);

/* ---- writing ------------------------------------------------------------------------------- */

/* A file is built as a tree in memory, which copies what it is given. A failed allocation is kept
 * and reported by hdf5_finish. */
typedef struct hdf5_writer hdf5_writer;
typedef struct hdf5_node hdf5_node;

hdf5_writer *hdf5_create(void); /* NULL: no memory */
void hdf5_destroy(hdf5_writer **writer);
hdf5_node *hdf5_root(hdf5_writer *writer);
/* The group at "a/b/c" below `parent`; what is not there is
 * made. NULL after a failure, which all calls accept. */
hdf5_node *hdf5_group(hdf5_writer *writer, hdf5_node *parent, const char *name);
/* A float32 dataset at "a/b/c" below `parent`. Its zeroed
 * elements, to be filled; NULL after a failure. */
float *hdf5_add_dataset(
    hdf5_writer *writer, hdf5_node *parent, const char *name, int rank, const int64_t *dim);
/* An attribute of `count` texts, or with count -1 of one scalar text. */
void hdf5_add_texts(
    hdf5_writer *writer, hdf5_node *node, const char *name, const char *const *texts, int count);
/* The file's bytes. SMT_ERR_LIMIT: an attribute of more
 * than 64 KiB, or more than 256 names in one group. */
smt_status hdf5_finish(hdf5_writer *writer, const char *path, smt_bytes *out, smt_error *error);

#endif
