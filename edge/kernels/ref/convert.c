/* Between float32 and 8-bit integers, and from float16 constants. */
#include "kernels/kernels.h"
#include "kernels/math_f32.h"
#include "kernels/quant.h"

void smt_ref_quantise_f32(
    float scale, int32_t zero, bool is_unsigned, const float *in, void *out, uint32_t count)
{
    uint8_t *bytes = out;
    int32_t low = is_unsigned ? 0 : -128, high = is_unsigned ? 255 : 127;
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)edge_clamp(edge_round_f32(in[i] / scale, 1 << 20) + zero, low, high);
}

/* `from` has its data pointer set; one scale, or one for each index along its axis. */
void smt_ref_dequantise(const smt_edge_tensor *from, float *out)
{
    if (from->type == SMT_EDGE_F16) {
        const uint16_t *half = from->data;
        for (uint32_t i = 0; i < from->elements; i++)
            out[i] = edge_f16_to_f32(half[i]);
        return;
    }
    const int8_t *s8 = from->data;
    const uint8_t *u8 = from->data;
    uint32_t inner = 1;
    for (int32_t d = from->axis + 1; d < from->rank; d++)
        inner *= (uint32_t)from->shape[d];
    for (uint32_t i = 0; i < from->elements; i++) {
        int32_t q = from->type == SMT_EDGE_S8 ? s8[i] : u8[i];
        uint32_t c = from->scale_count > 1 ? i / inner % (uint32_t)from->scale_count : 0;
        out[i] = from->scales[c] * (float)(q - from->zero_point);
    }
}
