#include "neon.h"
#ifdef SMT_NEON
#define TARGET
#define NAME(function) neon_##function
#define CONV_F32 neon_conv_f32
#define DEPTHWISE_F32 neon_depthwise_f32
#define VECTOR_BYTES 16
#include "kernels/dynamic_f32.h"
#endif
