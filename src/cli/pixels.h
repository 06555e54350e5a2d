/* Pixels of images named on the command line, without labels. */
#ifndef SEMTINEL_CLI_PIXELS_H
#define SEMTINEL_CLI_PIXELS_H

#include <semtinel/base.h>

/* Loads images and whole folder trees as grey, size x size each. *pixels (count x size x size) is
 * freed with smt_free. An unreadable image is logged, added to *failed and left out. */
smt_status cli_load_pixels(char **operands,
                           int operand_count,
                           int size,
                           smt_pool *pool,
                           uint8_t **pixels,
                           size_t *count,
                           size_t *failed,
                           smt_error *error);

#endif
