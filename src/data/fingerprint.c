/* Fingerprints of images, and how alike two images are.
 *
 * The thumbnail is windowed (Hann) and Fourier transformed; only the lowest 15 frequencies
 * of each axis are used, which noise, blur and compression hardly touch. For two images F
 * and G, the phase-only correlation is the inverse transform of F conj(G) / |F conj(G)|.
 * For a copy every frequency agrees on one shift and the peak is 1; for two gratings of
 * the same pitch only the few frequencies of the grating agree, and the rest is spread
 * out. Amplitudes play no part, so neither contrast nor a gradient of brightness matters,
 * and a shifted copy (a crop) matches as well as an aligned one. The 8 symmetries of the
 * square only permute the frequencies: (u, v) -> (+-u, +-v) or (+-v, +-u). */
#include "data/fingerprint.h"

#include <math.h>
#include <string.h>

#define N PRINT_SIDE
#define COARSE 32
/* A block has texture if its standard deviation is at least this part of the whole thumbnail's. */
#define TEXTURE 0.15

static const double pi = 3.14159265358979323846;

/* In-place radix-2 transform of `size` points along the first axis of [size][width], real and
 * imaginary parts apart, so that the inner loop runs over the width. sign -1: forward, +1: inverse
 * without the factor 1 / size. */
static void transform_axis(float *re, float *im, int size, int width, int sign)
{
    for (int i = 1, j = 0; i < size; i++) {
        int bit = size >> 1;
        for (; j & bit; bit >>= 1) {
            j ^= bit;
        }
        j ^= bit;
        if (i < j) {
            for (int x = 0; x < width; x++) {
                float r = re[i * width + x], m = im[i * width + x];
                re[i * width + x] = re[j * width + x];
                im[i * width + x] = im[j * width + x];
                re[j * width + x] = r;
                im[j * width + x] = m;
            }
        }
    }
    for (int half = 1; half < size; half *= 2) {
        for (int k = 0; k < half; k++) {
            double angle = sign * pi * k / half;
            float wr = (float)cos(angle), wi = (float)sin(angle);
            for (int i = k; i < size; i += 2 * half) {
                float *restrict ar = re + i * width, *restrict ai = im + i * width;
                float *restrict br = re + (i + half) * width, *restrict bi =
                                                                  im + (i + half) * width;
                for (int x = 0; x < width; x++) {
                    float tr = wr * br[x] - wi * bi[x], ti = wr * bi[x] + wi * br[x];
                    br[x] = ar[x] - tr;
                    bi[x] = ai[x] - ti;
                    ar[x] += tr;
                    ai[x] += ti;
                }
            }
        }
    }
}

static void transpose(float *a, int size)
{
    for (int y = 0; y < size; y++) {
        for (int x = 0; x < y; x++) {
            float t = a[y * size + x];
            a[y * size + x] = a[x * size + y];
            a[x * size + y] = t;
        }
    }
}

/* Leaves the result transposed. */
static void transform(float *re, float *im, int size, int sign)
{
    transform_axis(re, im, size, size, sign);
    transpose(re, size);
    transpose(im, size);
    transform_axis(re, im, size, size, sign);
}

void print_make(const smt_image *thumbnail, fingerprint *out)
{
    float re[N * N], im[N * N] = {0}, hann[N];
    double mean = 0;
    memset(out, 0, sizeof *out);
    memcpy(out->thumbnail, thumbnail->pixels, sizeof out->thumbnail);
    for (int i = 0; i < N * N; i++) {
        mean += out->thumbnail[i];
    }
    mean /= N * N;
    for (int i = 0; i < N; i++) {
        hann[i] = (float)(0.5 - 0.5 * cos(2 * pi * i / (N - 1)));
    }
    for (int y = 0; y < N; y++) {
        for (int x = 0; x < N; x++) {
            re[y * N + x] = ((float)out->thumbnail[y * N + x] - (float)mean) * hann[y] * hann[x];
        }
    }
    transform(re, im, N, -1);
    for (int v = 0; v <= PRINT_BAND; v++) {
        for (int u = -PRINT_BAND; u <= PRINT_BAND; u++) {
            int at = ((u + N) % N) * N + v; /* transposed */
            float length = sqrtf(re[at] * re[at] + im[at] * im[at]);
            if (length > 1e-3f) {
                out->phase[v][u + PRINT_BAND][0] = re[at] / length;
                out->phase[v][u + PRINT_BAND][1] = im[at] / length;
            }
        }
    }
    /* Shape: the eight positions that the symmetries exchange;
     * four of them are the conjugates of the others. */
    int n = 0;
    double sx = 0, sy = 0, sxx = 0, sxy = 0;
    float radius[PRINT_SHAPE];
    for (int u = 1; u <= PRINT_BAND; u++) {
        for (int v = 0; v <= u; v++) {
            const int places[4][2] = {{u, v}, {N - u, v}, {v, u}, {(N - v) % N, u}};
            float sum = 0;
            for (int k = 0; k < 4; k++) {
                int at = places[k][0] * N + places[k][1];
                sum += re[at] * re[at] + im[at] * im[at];
            }
            out->shape[n] = logf(sum + 1);
            radius[n] = 0.5f * logf((float)(u * u + v * v));
            sx += (double)radius[n];
            sy += (double)out->shape[n];
            sxx += (double)(radius[n] * radius[n]);
            sxy += (double)(radius[n] * out->shape[n]);
            n++;
        }
    }
    double slope = (sxy - sx * sy / n) / (sxx - sx * sx / n), level = (sy - slope * sx) / n,
           square = 0;
    for (int i = 0; i < n; i++) {
        out->shape[i] -= (float)(level + slope * (double)radius[i]);
        square += (double)(out->shape[i] * out->shape[i]);
    }
    float scale = square > 0 ? (float)(1 / sqrt(square)) : 0;
    for (int i = 0; i < n; i++) {
        out->shape[i] *= scale;
    }
    out->usable = square > 0;
}

float print_shape_product(const fingerprint *a, const fingerprint *b)
{
    /* Sixteen partial sums: a fixed order that vectorises without reordering by the compiler. */
    float sums[16] = {0};
    for (int i = 0; i < PRINT_SHAPE_PADDED; i += 16) {
        for (int k = 0; k < 16; k++) {
            sums[k] += a->shape[i + k] * b->shape[i + k];
        }
    }
    float total = 0;
    for (int k = 0; k < 16; k++) {
        total += sums[k];
    }
    return total;
}

/* Phase of b at (u, v) after the symmetry. */
static void phase_at(const fingerprint *b, int symmetry, int u, int v, float *re, float *im)
{
    if (symmetry & 4) {
        int t = u;
        u = v;
        v = t;
    }
    u = symmetry & 1 ? -u : u;
    v = symmetry & 2 ? -v : v;
    float sign = 1;
    if (v < 0) {
        u = -u;
        v = -v;
        sign = -1;
    }
    *re = b->phase[v][u + PRINT_BAND][0];
    *im = sign * b->phase[v][u + PRINT_BAND][1];
}

/* The correlation surfaces of two symmetries at once, one in the real, one in the imaginary part.
 * second < 0: none. */
static void correlate(const fingerprint *a,
                      const fingerprint *b,
                      int first,
                      int second,
                      int size,
                      float *re,
                      float *im)
{
    memset(re, 0, sizeof *re * (size_t)(size * size));
    memset(im, 0, sizeof *im * (size_t)(size * size));
    for (int k = 0; k < 2; k++) {
        int symmetry = k ? second : first;
        if (symmetry < 0) {
            continue;
        }
        for (int v = 0; v <= PRINT_BAND; v++) {
            for (int u = v ? -PRINT_BAND : 1; u <= PRINT_BAND; u++) {
                float br, bi;
                phase_at(b, symmetry, u, v, &br, &bi);
                float ar = a->phase[v][u + PRINT_BAND][0], ai = a->phase[v][u + PRINT_BAND][1];
                float cr = ar * br + ai * bi, ci = ai * br - ar * bi;
                int here = v * size + (u + size) % size;
                int there = ((size - v) % size) * size + (size - u) % size;
                if (k == 0) {
                    re[here] += cr;
                    im[here] += ci;
                    re[there] += cr;
                    im[there] -= ci;
                } else { /* times i */
                    re[here] -= ci;
                    im[here] += cr;
                    re[there] += ci;
                    im[there] += cr;
                }
            }
        }
    }
    transform(re, im, size, 1);
}

static float peak_of(const float *surface, int size, int *at)
{
    int best = 0;
    for (int i = 1; i < size * size; i++) {
        best = surface[i] > surface[best] ? i : best;
    }
    *at = best;
    return surface[best] / (float)(PRINT_COLUMNS * PRINT_COLUMNS - 1);
}

/* Keeps sorted[0 .. count) in rising order. */
static void insert(float *sorted, int count, float value)
{
    for (; count > 0 && sorted[count - 1] > value; count--) {
        sorted[count] = sorted[count - 1];
    }
    sorted[count] = value;
}

/* Correlation and block differences of a and the aligned
 * b, on the overlap, after both are standardised. */
static void compare_pixels(
    const fingerprint *a, const fingerprint *b, int shift_x, int shift_y, print_match *match)
{
    float moved[N * N];
    bool inside[N * N];
    double n = 0, sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
    for (int y = 0; y < N; y++) {
        for (int x = 0; x < N; x++) {
            int u = x - shift_x, v = y - shift_y;
            inside[y * N + x] = u >= 0 && u < N && v >= 0 && v < N;
            if (!inside[y * N + x]) {
                continue;
            }
            int s = match->symmetry & 4 ? v : u, t = match->symmetry & 4 ? u : v;
            s = match->symmetry & 1 ? N - 1 - s : s;
            t = match->symmetry & 2 ? N - 1 - t : t;
            double p = a->thumbnail[y * N + x], q = b->thumbnail[t * N + s];
            moved[y * N + x] = (float)q;
            n += 1;
            sa += p;
            sb += q;
            saa += p * p;
            sbb += q * q;
            sab += p * q;
        }
    }
    double va = saa - sa * sa / n, vb = sbb - sb * sb / n, vab = sab - sa * sb / n;
    if (!(va > 0 && vb > 0)) {
        return;
    }
    match->correlation = (float)(vab / sqrt(va * vb));
    /* Both brought to mean 0 and variance 1, so that the order of the two does not matter. */
    double ma = sa / n, mb = sb / n, da = sqrt(va / n), db = sqrt(vb / n);
    float blocks[64], parts[64];
    int count = 0, textured = 0;
    for (int block = 0; block < 64; block++) {
        double sum = 0, level = 0, square = 0;
        int pixels = 0;
        for (int k = 0; k < 64; k++) {
            int at = (block / 8 * 8 + k / 8) * N + block % 8 * 8 + k % 8;
            if (inside[at]) {
                double v = (a->thumbnail[at] - ma) / da, d = v - ((double)moved[at] - mb) / db;
                sum += d * d;
                level += v;
                square += v * v;
                pixels++;
            }
        }
        if (pixels >= 32) {
            double variance = (square - level * level / pixels) / pixels;
            insert(blocks, count++, (float)sqrt(sum / pixels));
            if (variance >= TEXTURE * TEXTURE) {
                insert(parts, textured++, (float)sqrt(sum / pixels / variance));
            }
        }
    }
    match->edit = count ? blocks[count - 1] : 0;
    match->rest = count ? blocks[count / 2] : 0;
    match->agreement = textured >= 24 ? 1 - parts[textured / 2] : 0;
}

/* Peak at full resolution for one symmetry, and the comparison at that alignment. */
static void refine(const fingerprint *a, const fingerprint *b, int symmetry, print_match *out)
{
    float re[N * N], im[N * N];
    int at;
    *out = (print_match){.symmetry = symmetry};
    correlate(a, b, symmetry, -1, N, re, im);
    float phase = peak_of(re, N, &at);
    /* Transposed surface: at = x N + y. Mirroring the array turns index i into 63 - i, that is -i
     * shifted by one. */
    int x = at / N, y = at % N;
    int mirror_x = symmetry & 4 ? symmetry & 2 : symmetry & 1;
    int mirror_y = symmetry & 4 ? symmetry & 1 : symmetry & 2;
    x += mirror_x ? 1 : 0;
    y += mirror_y ? 1 : 0;
    x = x >= N / 2 ? x - N : x;
    y = y >= N / 2 ? y - N : y;
    compare_pixels(a, b, x, y, out);
    out->phase = phase < 1 ? phase : 1;
    float whole = 0.5f * (out->phase + out->correlation);
    out->similarity = whole > out->agreement ? whole : out->agreement;
}

void print_compare(const fingerprint *a, const fingerprint *b, float least, print_match *out)
{
    float re[COARSE * COARSE], im[COARSE * COARSE];
    /* A shift by half a pixel of the coarse grid lowers a peak to sinc(1/2)^2 = 0.41 of it. */
    const float enough = 0.4f * (2 * least - 1);
    int at;
    *out = (print_match){0};
    for (int symmetry = 0; symmetry < 8; symmetry += 2) {
        correlate(a, b, symmetry, symmetry + 1, COARSE, re, im);
        float peaks[2] = {peak_of(re, COARSE, &at), peak_of(im, COARSE, &at)};
        for (int k = 0; k < 2; k++) {
            print_match match;
            if (peaks[k] < enough) {
                continue;
            }
            refine(a, b, symmetry + k, &match);
            if (match.similarity > out->similarity) {
                *out = match;
            }
        }
    }
}
