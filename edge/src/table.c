#include "edge.h"
#include "kernels/kernels.h"

void smt_edge_element_table(smt_edge_code code,
                            float in_scale,
                            int32_t in_zero,
                            float out_scale,
                            int32_t out_zero,
                            int8_t table[256])
{
    smt_map map = {.code = code,
                   .in_scale = in_scale,
                   .in_zero = in_zero,
                   .out_scale = out_scale,
                   .out_zero = out_zero};
    smt_build_map(&map, table);
}
