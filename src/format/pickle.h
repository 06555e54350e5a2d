/* A reader of the pickles inside PyTorch's zip files. It runs no code: it
 * knows an allow-list of opcodes and of names (OrderedDict,
 * _rebuild_tensor_v2, the storages) and refuses everything else by name. */
#ifndef SEMTINEL_FORMAT_PICKLE_H
#define SEMTINEL_FORMAT_PICKLE_H

#include <semtinel/base.h>

typedef enum pickle_kind {
    PICKLE_NONE,
    PICKLE_INT,
    PICKLE_REAL,
    PICKLE_TEXT,    /* text, length: into the pickle's bytes, not NUL-terminated */
    PICKLE_TUPLE,   /* first, count: children in pickle.links */
    PICKLE_LIST,    /* as tuple */
    PICKLE_DICT,    /* as tuple: key, value, key, value, ... */
    PICKLE_GLOBAL,  /* integer: pickle_global */
    PICKLE_STORAGE, /* text: key of the zip member; integer: pickle_global of its type; count:
                       elements */
    PICKLE_TENSOR,  /* child: storage; see pickle_tensor */
    PICKLE_MARK
} pickle_kind;

typedef enum pickle_global {
    GLOBAL_ORDERED_DICT,
    GLOBAL_REBUILD_TENSOR,
    GLOBAL_REBUILD_PARAMETER,
    GLOBAL_FLOAT,
    GLOBAL_DOUBLE,
    GLOBAL_HALF,
    GLOBAL_BFLOAT16,
    GLOBAL_LONG,
    GLOBAL_INT,
    GLOBAL_BOOL,
    GLOBAL_BYTE
} pickle_global;

typedef struct pickle_value {
    pickle_kind kind;
    int64_t integer; /* of a tensor: offset in elements */
    double real;
    const char *text;
    size_t length;
    uint32_t *links; /* children; owned by the pickle */
    uint32_t count, capacity;
} pickle_value;
/* A tensor's children: storage, sizes (tuple), strides (tuple). */

typedef struct pickle {
    pickle_value *values;
    uint32_t count, capacity;
    uint32_t root;
} pickle;

/* `name` stands in messages; `data` must outlive the result. */
smt_status
pickle_parse(const char *name, const void *data, size_t size, pickle *out, smt_error *error);
void pickle_free(pickle *parsed);

#endif
