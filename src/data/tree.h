/* A folder that appears whole or not at all. */
#ifndef SEMTINEL_DATA_TREE_H
#define SEMTINEL_DATA_TREE_H

#include <semtinel/data.h>

typedef struct tree {
    char *out;     /* the folder asked for */
    char *staging; /* a hidden folder inside it, in which the files grow */
    bool created;  /* out did not exist */
    int lock;      /* on out, from when there is a staging folder; or -1 */
} tree;

/* Makes OUT if it is missing; refuses one that is not empty or lies inside `source` (or NULL). */
smt_status tree_begin(const char *out, const char *source, tree *t, smt_error *error);
/* The path of a file of the tree, whose folder is made; freed with smt_free. */
smt_status tree_path(const tree *t,
                     const char *split,
                     const char *class_name,
                     const char *name,
                     char **path,
                     smt_error *error);
/* The same, of a name that no file of the folder has yet (smt_path_unused). */
smt_status tree_free_path(const tree *t,
                          const char *split,
                          const char *class_name,
                          const char *name,
                          char **path,
                          smt_error *error);
/* An image, and the metadata beside it. */
smt_status tree_copy(const char *from, const char *to, bool link_it, smt_error *error);
/* Moves the finished entries out of the staging folder.
 * Frees either way; on failure OUT is left as it was. */
smt_status tree_commit(tree *t, smt_error *error);
/* Removes what was written. */
void tree_abandon(tree *t);

#endif
