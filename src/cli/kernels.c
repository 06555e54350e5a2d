/* --kernels of bench and run. */
#include "cli/kernels.h"

smt_status cli_kernels(int choice, const smt_edge_kernels **out, smt_error *error)
{
    *out = choice == 0   ? smt_edge_kernels_best()
           : choice == 1 ? smt_edge_kernels_avx2()
                         : smt_edge_kernels_reference();
    return *out ? SMT_OK
                : smt_fail(error,
                           SMT_ERR_UNSUPPORTED,
                           "--kernels avx2: this processor has no AVX2; best takes what it has");
}
