#include "x86.h"
#ifdef SMT_X86
#define TARGET TARGET_AVX2
#define NAME(function) x86_##function##_avx2
#define VECTOR_BYTES 32
#include "element_f32.h"
#endif
