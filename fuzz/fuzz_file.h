/* For the fuzz targets of readers that take a path: the bytes as a file that is in memory only. */
#ifndef SMT_FUZZ_FILE_H
#define SMT_FUZZ_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Its descriptor, to be closed; `path` names it until then. */
static inline int fuzz_file(const uint8_t *data, size_t size, char path[32])
{
    int file = memfd_create("fuzz", 0);
    if (file < 0 || write(file, data, size) != (ssize_t)size) {
        abort();
    }
    snprintf(path, 32, "/proc/self/fd/%d", file);
    return file;
}

#endif
