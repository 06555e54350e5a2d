#include "x86.h"
#ifdef SMT_X86
#define TARGET TARGET_AVX512
#define NAME(function) x86_##function##_avx512
#define VECTOR_BYTES 64
#include "element_f32.h"
#endif
