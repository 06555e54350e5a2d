#include "x86.h"
#ifdef SMT_X86
#define TARGET TARGET_AVX512
#define NAME(function) x86_##function##_avx512
#define CONV_F32 x86_conv_f32_avx512
#define DEPTHWISE_F32 x86_depthwise_f32_avx512
#define VECTOR_BYTES 64
#include "kernels/dynamic_f32.h"
#endif
