/* Pixels of images named on the command line, without labels. */
#ifndef SEMTINEL_CLI_PIXELS_H
#define SEMTINEL_CLI_PIXELS_H

#include <semtinel/data.h>

/* The images under plain paths, whatever their class, as smt_pixels_load gives them; with a `limit`
 * (not 0) so many of them, drawn at random. *skipped grows by those that cannot be read. */
smt_status cli_load_images(const char *const *paths,
                           int path_count,
                           size_t limit,
                           int size,
                           float cut_percent,
                           smt_pool *pool,
                           smt_pixels **out,
                           size_t *skipped,
                           smt_error *error);

/* At most `limit` images of one folder: if it has class folders, of its training part (or of all,
 * if it has none), drawn evenly from the classes. */
smt_status cli_load_evenly(const char *folder,
                           size_t limit,
                           int size,
                           float cut_percent,
                           smt_pool *pool,
                           smt_pixels **out,
                           size_t *skipped,
                           smt_error *error);

#endif
