/* Arrays that grow by one item at a time. */
#ifndef SEMTINEL_BASE_ROOM_H
#define SEMTINEL_BASE_ROOM_H

#include <stddef.h>

/* Makes room for one more item behind `count` (>= 0) of them; capacity: size_t, grows twofold.
 * False: no memory, and the array is as it was. */
#define SMT_ROOM(array, count, capacity)                                                           \
    ((array) = smt_grown((array), (size_t)(count), &(capacity), sizeof *(array)),                  \
     (size_t)(count) < (capacity))
/* The same block, or a larger one where there is memory for it. */
void *smt_grown(void *items, size_t count, size_t *capacity, size_t size);

#endif
