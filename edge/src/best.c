#include "kernels/kernels.h"

const smt_edge_kernels *smt_edge_kernels_best(void)
{
    const smt_edge_kernels *kernels = smt_edge_kernels_avx512();
    if (!kernels)
        kernels = smt_edge_kernels_avx2();
    return kernels ? kernels : smt_edge_kernels_reference();
}
