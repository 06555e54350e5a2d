/* Separable resampling with a weight table per axis: area averaging where the axis shrinks,
 * bilinear where it grows.
 *
 * Area: output pixel i covers [i n/m, (i+1) n/m) of the input; each input pixel counts with the
 * length of its overlap. Bilinear: output centre (i + 0.5) n/m - 0.5, clamped to the border (as
 * OpenCV's INTER_LINEAR). Weights are integers of 15 bits whose sum is exact, so a constant image
 * stays constant and equal input gives equal bytes on every machine. Rows are resampled to 8 + 7
 * bits first, then columns, with rounding at the end of each. */
#include <semtinel/image.h>

#include <math.h>

#define WEIGHT_BITS 15
#define ROW_BITS 7 /* fractional bits kept between the two passes */

typedef struct axis {
    int taps;         /* at most, for any output */
    int *first;       /* count: first input pixel */
    int32_t *weights; /* count x taps, each row sums to 1 << WEIGHT_BITS */
} axis;

static void axis_free(axis *a)
{
    smt_free(a->first);
    smt_free(a->weights);
    *a = (axis){0};
}

/* Rounds the weights of one output so that their sum is exact; the largest takes the difference. */
static void quantise(const double *exact, int taps, int32_t *weights)
{
    int32_t sum = 0;
    int largest = 0;
    for (int t = 0; t < taps; t++) {
        weights[t] = (int32_t)lrint(exact[t] * (1 << WEIGHT_BITS));
        sum += weights[t];
        largest = exact[t] > exact[largest] ? t : largest;
    }
    weights[largest] += (1 << WEIGHT_BITS) - sum;
}

static bool axis_create(int from, int to, axis *a)
{
    double ratio = (double)from / to;
    bool shrink = to < from;
    a->taps = shrink ? from / to + 2 : 2;
    if (a->taps > from) {
        a->taps = from;
    }
    a->first = smt_alloc((size_t)to, sizeof *a->first);
    a->weights = smt_alloc((size_t)to * (size_t)a->taps, sizeof *a->weights);
    double *exact = smt_alloc((size_t)a->taps, sizeof *exact);
    if (!a->first || !a->weights || !exact) {
        smt_free(exact);
        axis_free(a);
        return false;
    }
    for (int i = 0; i < to; i++) {
        double low = shrink ? i * ratio : (i + 0.5) * ratio - 0.5;
        low = low < 0 ? 0 : low > from - 1 && !shrink ? from - 1 : low;
        int first = (int)low;
        first = first > from - a->taps ? from - a->taps : first;
        a->first[i] = first;
        for (int t = 0; t < a->taps; t++) {
            double weight;
            if (shrink) {
                double left = fmax(low, first + t), right = fmin((i + 1) * ratio, first + t + 1);
                weight = fmax(right - left, 0) / ratio;
            } else {
                weight = fmax(1 - fabs(low - (first + t)), 0);
            }
            exact[t] = weight;
        }
        quantise(exact, a->taps, a->weights + (size_t)i * (size_t)a->taps);
    }
    smt_free(exact);
    return true;
}

/* One row of `from` pixels to `to` values of 8 + ROW_BITS bits. */
static void resample_row(const uint8_t *row, const axis *a, int to, uint16_t *out)
{
    for (int i = 0; i < to; i++) {
        const uint8_t *in = row + a->first[i];
        const int32_t *weights = a->weights + (size_t)i * (size_t)a->taps;
        int32_t sum = 1 << (WEIGHT_BITS - ROW_BITS - 1);
        for (int t = 0; t < a->taps; t++) {
            sum += weights[t] * in[t];
        }
        out[i] = (uint16_t)(sum >> (WEIGHT_BITS - ROW_BITS));
    }
}

static smt_status resample(const smt_image *image,
                           const axis *horizontal,
                           const axis *vertical,
                           smt_image *out,
                           smt_error *error)
{
    int width = out->width, height = out->height;
    /* The rows that one output row needs, as a ring: a very tall image is never held twice. */
    size_t ring = (size_t)vertical->taps;
    uint16_t *rows = smt_alloc(ring, (size_t)width * sizeof *rows);
    uint32_t *sums = smt_alloc((size_t)width, sizeof *sums);
    if (!rows || !sums) {
        smt_free(rows);
        smt_free(sums);
        return smt_fail(
            error, SMT_ERR_MEMORY, "out of memory for resizing to %d x %d pixels", width, height);
    }
    int ready = 0; /* input rows resampled so far */
    for (int y = 0; y < height; y++) {
        int first = vertical->first[y];
        if (ready < first) {
            ready = first;
        }
        for (; ready < first + vertical->taps; ready++) {
            resample_row(image->pixels + (size_t)ready * (size_t)image->width,
                         horizontal,
                         width,
                         rows + (size_t)ready % ring * (size_t)width);
        }
        for (int x = 0; x < width; x++) {
            sums[x] = 1u << (WEIGHT_BITS + ROW_BITS - 1);
        }
        for (int t = 0; t < vertical->taps; t++) {
            uint32_t weight = (uint32_t)vertical->weights[(size_t)y * ring + (size_t)t];
            const uint16_t *row = rows + (size_t)(first + t) % ring * (size_t)width;
            for (int x = 0; x < width; x++) {
                sums[x] += weight * row[x];
            }
        }
        for (int x = 0; x < width; x++) {
            out->pixels[(size_t)y * (size_t)width + (size_t)x] =
                (uint8_t)(sums[x] >> (WEIGHT_BITS + ROW_BITS));
        }
    }
    smt_free(rows);
    smt_free(sums);
    return SMT_OK;
}

smt_status
smt_image_resize(const smt_image *image, int width, int height, smt_image *out, smt_error *error)
{
    if (width <= 0 || height <= 0 || image->width <= 0 || image->height <= 0) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "cannot resize %d x %d to %d x %d pixels",
                        image->width,
                        image->height,
                        width,
                        height);
    }
    smt_image result = {0};
    axis horizontal = {0}, vertical = {0};
    smt_status status = smt_image_create(width, height, &result, error);
    if (status != SMT_OK) {
        return status;
    }
    if (axis_create(image->width, width, &horizontal) &&
        axis_create(image->height, height, &vertical)) {
        status = resample(image, &horizontal, &vertical, &result, error);
    } else {
        status = smt_fail(
            error, SMT_ERR_MEMORY, "out of memory for resizing to %d x %d pixels", width, height);
    }
    axis_free(&horizontal);
    axis_free(&vertical);
    if (status == SMT_OK) {
        *out = result;
    } else {
        smt_image_free(&result);
    }
    return status;
}
