/* What a file is, told from its first bytes: for messages about files with the wrong name. */
#ifndef SEMTINEL_FORMAT_SNIFF_H
#define SEMTINEL_FORMAT_SNIFF_H

#include <stddef.h>

/* "a Git LFS pointer; fetch the file itself with 'git lfs pull'", or NULL when the content is not
 * recognised. A static string. */
const char *smt_sniff(const void *data, size_t size);

#endif
