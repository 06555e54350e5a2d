#include "ops/kernels.h"

int ops_kernels_list(const ops_kernels *tables[4])
{
    int count = 0;
    tables[count++] = &ops_kernels_reference;
    tables[count++] = &ops_kernels_portable;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        tables[count++] = &ops_kernels_avx2;
    }
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
        tables[count++] = &ops_kernels_avx512;
    }
#endif
    return count;
}

const ops_kernels *ops_kernels_best(void)
{
    const ops_kernels *tables[4];
    return tables[ops_kernels_list(tables) - 1];
}
