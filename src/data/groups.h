/* Union-find over the images of a data set. */
#ifndef SEMTINEL_DATA_GROUPS_H
#define SEMTINEL_DATA_GROUPS_H

#include <stddef.h>
#include <stdint.h>

/* parent: count, each its own number or that of an earlier one; at first, i of i. */
void groups_begin(uint32_t *parent, size_t count);
void groups_unite(uint32_t *parent, uint32_t i, uint32_t j);
/* Replaces the parents by numbers of the groups, which rise with the first member. Returns how many
 * there are. */
size_t groups_number(uint32_t *parent, size_t count);

#endif
