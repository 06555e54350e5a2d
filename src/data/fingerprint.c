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

#include "base/vector.h"

#include <math.h>
#include <string.h>

#define N PRINT_SIDE
#define COARSE 32
/* A block has texture if its standard deviation is at least this part of the whole thumbnail's. */
#define TEXTURE 0.15

static const double pi = 3.14159265358979323846;

typedef struct waves {
    float cosine[N / 2], sine[N / 2];
} waves;

/* In-place radix-2 transform of `size` points along the first axis of [size][size], real and
 * imaginary parts apart, so that the inner loops run over the second. */
static SMT_VECTOR_CLONES void transform_axis(float *re, float *im, int size, const waves *w)
{
    for (int i = 1, j = 0; i < size; i++) {
        int bit = size >> 1;
        for (; j & bit; bit >>= 1) {
            j ^= bit;
        }
        j ^= bit;
        if (i < j) {
            for (int x = 0; x < size; x++) {
                float r = re[i * size + x], m = im[i * size + x];
                re[i * size + x] = re[j * size + x];
                im[i * size + x] = im[j * size + x];
                re[j * size + x] = r;
                im[j * size + x] = m;
            }
        }
    }
    for (int half = 1; half < size; half *= 2) {
        for (int k = 0; k < half; k++) {
            float wr = w->cosine[k * (size / 2 / half)], wi = w->sine[k * (size / 2 / half)];
            for (int i = k; i < size; i += 2 * half) {
                float *restrict ar = re + i * size, *restrict ai = im + i * size;
                float *restrict br = re + (i + half) * size, *restrict bi = im + (i + half) * size;
                for (int x = 0; x < size; x++) {
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

/* Leaves the result transposed. sign -1: forward, +1: inverse without the factor 1 / size^2. */
static void transform(float *re, float *im, int size, int sign)
{
    waves w = {0};
    for (int k = 0; k < size / 2; k++) {
        double angle = sign * pi * k / (size / 2);
        w.cosine[k] = (float)cos(angle);
        w.sine[k] = (float)sin(angle);
    }
    transform_axis(re, im, size, &w);
    transpose(re, size);
    transpose(im, size);
    transform_axis(re, im, size, &w);
}

void print_make(const smt_image *thumbnail, fingerprint *out, float *shape)
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
                out->cosine[v][u + PRINT_BAND] = re[at] / length;
                out->sine[v][u + PRINT_BAND] = im[at] / length;
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
            shape[n] = logf(sum + 1);
            radius[n] = 0.5f * logf((float)(u * u + v * v));
            sx += (double)radius[n];
            sy += (double)shape[n];
            sxx += (double)(radius[n] * radius[n]);
            sxy += (double)(radius[n] * shape[n]);
            n++;
        }
    }
    double slope = (sxy - sx * sy / n) / (sxx - sx * sx / n), level = (sy - slope * sx) / n,
           square = 0;
    for (int i = 0; i < n; i++) {
        shape[i] -= (float)(level + slope * (double)radius[i]);
        square += (double)(shape[i] * shape[i]);
    }
    float scale = square > 0 ? (float)(1 / sqrt(square)) : 0;
    for (int i = 0; i < n; i++) {
        shape[i] *= scale;
    }
}

typedef struct phase_row {
    float re[PRINT_COLUMNS], im[PRINT_COLUMNS];
} phase_row;

/* Phases of b at (-15 .. 15, v) after a symmetry that does not transpose. */
static void row_mirrored(const fingerprint *b, int symmetry, int v, phase_row *out)
{
    bool conjugate = v && symmetry & 2;
    int step = !(symmetry & 1) == conjugate ? -1 : 1;
    float sign = conjugate ? -1 : 1;
    for (int u = -PRINT_BAND; u <= PRINT_BAND; u++) {
        out->re[u + PRINT_BAND] = b->cosine[v][PRINT_BAND + step * u];
        out->im[u + PRINT_BAND] = sign * b->sine[v][PRINT_BAND + step * u];
    }
}

/* The same after one that does. */
static void row_transposed(const fingerprint *b, int symmetry, int v, phase_row *out)
{
    int column = symmetry & 1 ? -v : v, step = symmetry & 2 ? -1 : 1;
    out->re[PRINT_BAND] = b->cosine[0][PRINT_BAND + column];
    out->im[PRINT_BAND] = b->sine[0][PRINT_BAND + column];
    for (int u = 1; u <= PRINT_BAND; u++) {
        out->re[PRINT_BAND + step * u] = b->cosine[u][PRINT_BAND + column];
        out->im[PRINT_BAND + step * u] = b->sine[u][PRINT_BAND + column];
        out->re[PRINT_BAND - step * u] = b->cosine[u][PRINT_BAND - column];
        out->im[PRINT_BAND - step * u] = -b->sine[u][PRINT_BAND - column];
    }
}

/* a's row v times the conjugate of b's. */
static void
cross_row(const fingerprint *a, const fingerprint *b, int symmetry, int v, phase_row *out)
{
    phase_row other;
    if (symmetry & 4) {
        row_transposed(b, symmetry, v, &other);
    } else {
        row_mirrored(b, symmetry, v, &other);
    }
    const float *ar = a->cosine[v], *ai = a->sine[v];
    for (int i = 0; i < PRINT_COLUMNS; i++) {
        out->re[i] = ar[i] * other.re[i] + ai[i] * other.im[i];
        out->im[i] = ai[i] * other.re[i] - ar[i] * other.im[i];
    }
}

/* The correlation surfaces of two symmetries at once, one in the real, one in the imaginary part.
 * second < 0: none. */
static SMT_VECTOR_CLONES void correlate(const fingerprint *a,
                                        const fingerprint *b,
                                        int first,
                                        int second,
                                        int size,
                                        float *re,
                                        float *im)
{
    memset(re, 0, sizeof *re * (size_t)(size * size));
    memset(im, 0, sizeof *im * (size_t)(size * size));
    for (int v = 0; v <= PRINT_BAND; v++) {
        phase_row one, two = {0};
        cross_row(a, b, first, v, &one);
        if (second >= 0) {
            cross_row(a, b, second, v, &two);
        }
        /* F + i G here, conj(F) + i conj(G) at the opposite frequency. */
        float *here_re = re + v * size, *here_im = im + v * size;
        float *there_re = re + (size - v) % size * size, *there_im = im + (size - v) % size * size;
        for (int u = v ? -PRINT_BAND : 1; u <= PRINT_BAND; u++) {
            int i = u + PRINT_BAND, here = u & (size - 1), there = -u & (size - 1);
            here_re[here] = one.re[i] - two.im[i];
            here_im[here] = one.im[i] + two.re[i];
            there_re[there] = one.re[i] + two.im[i];
            there_im[there] = two.re[i] - one.im[i];
        }
    }
    transform(re, im, size, 1);
}

static SMT_VECTOR_CLONES float peak_of(const float *surface, int size)
{
    float most[16];
    memcpy(most, surface, sizeof most);
    for (int i = 16; i < size * size; i += 16) {
        for (int k = 0; k < 16; k++) {
            most[k] = surface[i + k] > most[k] ? surface[i + k] : most[k];
        }
    }
    for (int k = 1; k < 16; k++) {
        most[0] = most[k] > most[0] ? most[k] : most[0];
    }
    return most[0];
}

/* As a share of the highest peak that a copy has. */
static float share_of(float peak)
{
    return peak / (float)(PRINT_COLUMNS * PRINT_COLUMNS - 1);
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
    *out = (print_match){.symmetry = symmetry};
    correlate(a, b, symmetry, -1, N, re, im);
    float peak = peak_of(re, N), phase = share_of(peak);
    int at = 0;
    while (re[at] != peak) {
        at++;
    }
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
    *out = (print_match){0};
    for (int symmetry = 0; symmetry < 8; symmetry += 2) {
        correlate(a, b, symmetry, symmetry + 1, COARSE, re, im);
        float peaks[2] = {share_of(peak_of(re, COARSE)), share_of(peak_of(im, COARSE))};
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
