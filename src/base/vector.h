/* Builds a loop for several vector widths and picks one when the program starts. Safe for equal
 * bits: the build forbids contraction (-ffp-contract=off), so each element gets the same roundings
 * at every width. Sanitizers run before the choice can be made. */
#ifndef SMT_BASE_VECTOR_H
#define SMT_BASE_VECTOR_H

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__ELF__) &&         \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SMT_VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define SMT_VECTOR_CLONES
#endif

#endif
