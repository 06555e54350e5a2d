#include "ops/kernels.h"

int ops_kernels_list(const ops_kernels *tables[4])
{
    int count = 0;
    tables[count++] = &ops_kernels_reference;
    return count;
}

const ops_kernels *ops_kernels_best(void)
{
    const ops_kernels *tables[4];
    return tables[ops_kernels_list(tables) - 1];
}
