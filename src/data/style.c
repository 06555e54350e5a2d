/* One image's distribution of grey levels carried over to another: the same scene as another
 * microscope, detector or operator would have shown it. Matching of cumulative histograms (Gonzalez
 * and Woods, Digital Image Processing, 3.3.2). */
#include "data/augment_parts.h"

/* Four counters side by side: flat images would otherwise wait for the same one again and again. */
static void count_levels(const uint8_t *image, size_t pixels, uint32_t counts[256])
{
    uint32_t parts[4][256] = {{0}};
    size_t i = 0;
    for (; i + 4 <= pixels; i += 4) {
        parts[0][image[i]]++;
        parts[1][image[i + 1]]++;
        parts[2][image[i + 2]]++;
        parts[3][image[i + 3]]++;
    }
    for (; i < pixels; i++) {
        parts[0][image[i]]++;
    }
    for (int v = 0; v < 256; v++) {
        counts[v] = parts[0][v] + parts[1][v] + parts[2][v] + parts[3][v];
    }
}

void smt_style_levels(
    const uint8_t *image, const uint8_t *style, size_t pixels, float strength, float base[256])
{
    uint32_t own[256], other[256];
    count_levels(image, pixels, own);
    count_levels(style, pixels, other);
    float below = 0, other_below = 0; /* pixels below the level at hand */
    int level = 0;
    for (int v = 0; v < 256; v++) {
        float rank = below + 0.5f * (float)own[v];
        while (level < 255 && other_below + (float)other[level] < rank) {
            other_below += (float)other[level++];
        }
        /* Within a level the ranks are spread over its width. */
        float part = other[level] ? (rank - other_below) / (float)other[level] : 0.5f;
        float matched = (float)level - 0.5f + (part < 1 ? part : 1);
        matched = matched < 0 ? 0 : matched > 255 ? 255 : matched;
        base[v] = (float)v + strength * (matched - (float)v);
        below += (float)own[v];
    }
}
