#include "kernels/kernels.h"

const smt_edge_kernels *smt_edge_kernels_best(void)
{
    const smt_edge_kernels *kernels = smt_edge_kernels_avx512();
    if (!kernels)
        kernels = smt_edge_kernels_avx2();
    if (!kernels)
        kernels = smt_edge_kernels_neon();
    return kernels ? kernels : smt_edge_kernels_reference();
}
