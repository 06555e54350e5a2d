/* Which images of a data set belong together. */
#ifndef SEMTINEL_DATA_GROUPS_H
#define SEMTINEL_DATA_GROUPS_H

#include <semtinel/audit.h>

/* Fills *out, whose `group` is released by smt_free(); on failure it is NULL. */
smt_status groups_by_name(const smt_dataset *dataset,
                          const char *pattern,
                          smt_name_groups *out,
                          smt_error *error);

/* Fills audit->group and group_count from the pairs, the names of `augment`, and audit->named. */
smt_status groups_number(smt_audit *audit, smt_error *error);

#endif
