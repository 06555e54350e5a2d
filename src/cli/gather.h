/* Images named on the command line, folders searched with all their folders. */
#ifndef SEMTINEL_CLI_GATHER_H
#define SEMTINEL_CLI_GATHER_H

#include <semtinel/base.h>

typedef struct cli_paths {
    char **items; /* freed with smt_list_free(&items, count) */
    size_t count, capacity;
    bool numbered; /* set it to have frame2 before frame10 */
} cli_paths;

/* In the order of the operands and of the names in a folder. A folder without images is logged;
 * SMT_ERR_IO: there is no image at all. */
smt_status cli_gather(const char *const *operands, int count, cli_paths *list, smt_error *error);

#endif
