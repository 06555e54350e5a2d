/* Inner loops that are worth several versions. Private to src/data. */
#ifndef SEMTINEL_DATA_FAST_H
#define SEMTINEL_DATA_FAST_H

/* Compiled for each instruction set, chosen when the program starts.
 * All give the same bits: no compiler may reorder or contract floating
 * point here. Sanitizers run before the choice can be made. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FAST __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define FAST
#endif

/* For loops that only gather: GCC would spend more on packing the parts than it gains. */
#if defined(__GNUC__) && !defined(__clang__)
#define SCALAR __attribute__((noinline, optimize("no-tree-vectorize", "no-tree-slp-vectorize")))
#else
#define SCALAR
#endif

#endif
