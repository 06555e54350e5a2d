#include <semtinel/quant.h>

float *smt_quantizer_input(const smt_pixels *pixels, const smt_preprocess *preprocess, int channels)
{
    size_t each = (size_t)pixels->size * (size_t)pixels->size, wide = (size_t)channels;
    float *out = smt_alloc(pixels->count * each * wide, sizeof *out);
    for (size_t i = 0; out && i < pixels->count * each; i++) {
        float value = ((float)pixels->data[i] - preprocess->mean) / preprocess->scale;
        for (size_t c = 0; c < wide; c++) {
            out[i * wide + c] = value;
        }
    }
    return out;
}
