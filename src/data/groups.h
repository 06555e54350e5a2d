/* Which images of a data set belong together: union-find, and groups that their paths tell. */
#ifndef SEMTINEL_DATA_GROUPS_H
#define SEMTINEL_DATA_GROUPS_H

#include <semtinel/audit.h>

/* parent: count, each its own number or that of an earlier one; at first, i of i. */
void groups_begin(uint32_t *parent, size_t count);
void groups_unite(uint32_t *parent, uint32_t i, uint32_t j);
/* Replaces the parents by numbers of the groups, which rise with the first member. Returns how many
 * there are. */
size_t groups_number(uint32_t *parent, size_t count);

/* Fills *out, whose `group` is released by smt_free(); on failure it is NULL. */
smt_status groups_by_name(const smt_dataset *dataset,
                          const char *pattern,
                          smt_name_groups *out,
                          smt_error *error);

#endif
