/* Rough edges by the spectrum of Palasantzas: independent complex normal amplitudes under the
 * square root of the power spectral density, through an inverse Fourier transform. Without
 * Hermitian symmetry the real and the imaginary part of the result are two independent edges of
 * that spectrum, so one transform serves both edges of a line. */
#include "base/gamma.h"
#include "scene.h"

enum { BINS = 2 * SYNTH_EDGE_SAMPLES };

static const double PI = 3.14159265358979323846;

/* Radix-2 inverse transform in place of BINS interleaved complex numbers, without scaling;
 * turns[k] = exp(2 pi i k / BINS) for k < BINS / 2. */
static void inverse_transform(float *z, const float *turns)
{
    for (int i = 1, j = 0; i < BINS; i++) {
        int bit = BINS >> 1;
        for (; j & bit; bit >>= 1) {
            j ^= bit;
        }
        j ^= bit;
        if (i < j) {
            float re = z[2 * i], im = z[2 * i + 1];
            z[2 * i] = z[2 * j];
            z[2 * i + 1] = z[2 * j + 1];
            z[2 * j] = re;
            z[2 * j + 1] = im;
        }
    }
    for (int length = 2; length <= BINS; length *= 2) {
        int half = length / 2, stride = BINS / length;
        for (int start = 0; start < BINS; start += length) {
            for (int k = 0; k < half; k++) {
                float wr = turns[2 * k * stride], wi = turns[2 * k * stride + 1];
                float *a = z + 2 * (start + k), *b = a + length;
                float re = b[0] * wr - b[1] * wi, im = b[0] * wi + b[1] * wr;
                b[0] = a[0] - re;
                b[1] = a[1] - im;
                a[0] += re;
                a[1] += im;
            }
        }
    }
}

static void make_turns(float *turns)
{
    for (int k = 0; k < BINS / 2; k++) {
        turns[2 * k] = (float)cos(2 * PI * k / BINS);
        turns[2 * k + 1] = (float)sin(2 * PI * k / BINS);
    }
}

/* amplitudes[k], k <= BINS / 2: standard deviation of each part of bin k and of bin -k. */
static void make_amplitudes(float *amplitudes, double sigma, double xi, double a, double step)
{
    double length = BINS * step;
    double scale =
        sqrt(PI) * exp(smt_lgamma(a + 0.5) - smt_lgamma(a)) * 2 * xi * sigma * sigma / length;
    for (int k = 0; k <= BINS / 2; k++) {
        double q = 2 * PI * k / length * xi;
        amplitudes[k] = (float)sqrt(scale * pow(1 + q * q, -a - 0.5));
    }
}

static void draw_pair(smt_rng *rng, float *z, const float *amplitudes, const float *turns)
{
    for (int k = 0; k < BINS; k++) {
        float amplitude = amplitudes[k <= BINS / 2 ? k : BINS - k];
        z[2 * k] = amplitude * synth_normal(rng);
        z[2 * k + 1] = amplitude * synth_normal(rng);
    }
    inverse_transform(z, turns);
}

/* Where local roughness lies: lines first .. last, from `middle` so far to both sides; v runs along
 * the lines, in frames. */
typedef struct stretch {
    int first, last;
    float middle, reach;
    float left, right; /* height of the bulge of either edge */
} stretch;

static stretch choose_stretch(synth_scene *s, int lines)
{
    stretch w = {.last = lines - 1};
    w.middle = synth_uniform(s, 0.25f, 0.75f);
    w.reach = synth_log(s, 0.06f, 0.3f);
    w.left = synth_uniform(s, -1, 1) * s->bulge;
    w.right = synth_uniform(s, -1, 1) * s->bulge;
    if (s->bulge > 0 || synth_chance(s, 0.6f)) { /* one or two, in the middle of the frame */
        w.first = synth_int(s, lines / 3, 2 * lines / 3);
        w.first = w.first < lines ? w.first : lines - 1;
        w.last = w.first + (synth_chance(s, 0.3f) ? 1 : 0);
        if (s->bulge <= 0 && synth_chance(s, 0.4f)) {
            w.reach = 4; /* from end to end */
        }
    }
    return w;
}

void synth_edges(synth_scene *s, int lines)
{
    /* s->work is free while a layout draws its lines, but
     * may be small; these tables are of fixed size. */
    float z[2 * BINS], turns[BINS], amplitudes[BINS / 2 + 1];
    const float step = SYNTH_EDGE_SPAN / SYNTH_EDGE_SAMPLES;
    make_turns(turns);
    make_amplitudes(amplitudes, (double)s->sigma, (double)s->xi, (double)s->exponent, (double)step);
    float common = sqrtf(s->together), own = sqrtf(1 - s->together);
    float shared_phase = synth_uniform(s, 0, 6.2832f);
    bool in_step = synth_chance(s, 0.5f);
    stretch w = {0};
    if (s->local) {
        w = choose_stretch(s, lines);
    }
    for (int line = 0; line < lines; line++) {
        float *left = s->edges + (size_t)line * 2 * SYNTH_EDGE_SAMPLES,
              *right = left + SYNTH_EDGE_SAMPLES;
        draw_pair(&s->rng, z, amplitudes, turns);
        float phase = in_step ? shared_phase : synth_uniform(s, 0, 6.2832f);
        for (int i = 0; i < SYNTH_EDGE_SAMPLES; i++) {
            float a = z[2 * i] * common, b = z[2 * i + 1] * own;
            float wave = s->wave > 0
                             ? s->wave * sinf((float)i * step * 6.2832f / s->wave_period + phase)
                             : 0;
            left[i] = a + b + wave;
            right[i] = a - b + wave;
            if (s->local) {
                float t = ((float)i * step - 0.25f - w.middle) / w.reach,
                      here = line >= w.first && line <= w.last ? expf(-t * t) : 0,
                      share = s->rest + (1 - s->rest) * here;
                left[i] = left[i] * share + w.left * here;
                right[i] = right[i] * share + w.right * here;
            }
        }
    }
}
