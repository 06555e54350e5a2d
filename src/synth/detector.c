/* The column and the detector: drift and jitter of the scan lines, the astigmatic point spread,
 * charging, electron noise (Poisson, taken as normal with the variance of the mean) and the noise
 * of the chain, then the operator's contrast, brightness and gamma. Lengths are in pixels of a
 * frame of 128 and scale with the size. */
#include "scene.h"

#include <string.h>

static void shift_rows(synth_scene *s, float *image, float unit)
{
    float amount = (float)s->options->distortion;
    bool jitters = synth_chance(s, 0.25f);
    float jitter = jitters ? amount * unit * synth_log(s, 0.05f, 0.5f) : 0;
    float drift = amount * unit * synth_uniform(s, -2, 2),
          sway = amount * unit * (synth_chance(s, 0.2f) ? synth_uniform(s, 0, 1.5f) : 0);
    float period = synth_uniform(s, 0.1f, 0.8f), phase = synth_uniform(s, 0, 6.28f);
    if (jitter < 0.05f && fabsf(drift) < 0.3f && sway < 0.1f) {
        return;
    }
    float row[SMT_SYNTH_MAX_SIZE + 1];
    for (int j = 0; j < s->size; j++) {
        float *line = image + (size_t)j * (size_t)s->size;
        float t = ((float)j + 0.5f) * s->pixel;
        float shift = drift * (t - 0.5f) + sway * sinf(6.2832f * t / period + phase) +
                      jitter * synth_normal(&s->rng);
        memcpy(row, line, (size_t)s->size * sizeof *row);
        row[s->size] = row[s->size - 1];
        for (int i = 0; i < s->size; i++) {
            float x = synth_clamp((float)i + shift, 0, (float)(s->size - 1));
            int k = (int)x;
            line[i] = synth_lerp(row[k], row[k + 1], x - (float)k);
        }
    }
}

static void charge(synth_scene *s, float *image)
{
    float amount = (float)s->options->distortion;
    if (synth_chance(
            s,
            0.2f * amount)) { /* what the beam has just crossed shifts what follows in the line */
        float gain = synth_uniform(s, -0.05f, 0.08f), keep = 1 - synth_log(s, 1, 12) * s->pixel;
        for (int j = 0; j < s->size; j++) {
            float *line = image + (size_t)j * (size_t)s->size, memory = line[0];
            for (int i = 0; i < s->size; i++) {
                memory = keep * memory + (1 - keep) * line[i];
                line[i] -= gain * 8 * (memory - 0.4f) * line[i];
            }
        }
    }
    if (synth_chance(s, 0.08f * amount)) { /* streaks: whole lines brighter or darker */
        float strength = synth_log(s, 0.003f, 0.04f), hold = synth_uniform(s, 0, 0.9f), offset = 0;
        for (int j = 0; j < s->size; j++) {
            offset = hold * offset + strength * synth_normal(&s->rng);
            for (int i = 0; i < s->size; i++) {
                image[(size_t)j * (size_t)s->size + (size_t)i] += offset;
            }
        }
    }
}

static void vignette(synth_scene *s, float *image)
{
    float spread = (float)s->options->contrast;
    float fx = spread * synth_uniform(s, -0.25f, 0.25f),
          fy = spread * synth_uniform(s, -0.25f, 0.25f);
    float bowl = synth_chance(s, 0.3f) ? spread * synth_uniform(s, -0.1f, 0.7f) : 0;
    if (synth_chance(s, 0.4f)) {
        fx = fy = 0;
    }
    for (int j = 0; j < s->size; j++) {
        float y = ((float)j + 0.5f) * s->pixel - 0.5f;
        for (int i = 0; i < s->size; i++) {
            float x = ((float)i + 0.5f) * s->pixel - 0.5f;
            image[(size_t)j * (size_t)s->size + (size_t)i] *=
                1 + fx * x + fy * y - bowl * (x * x + y * y);
        }
    }
}

/* Grey values. Poisson noise of the electron count has a variance in proportion to the signal; the
 * chain adds its own. */
static void add_noise(synth_scene *s, float *image, float *scratch, float unit)
{
    float scale = (float)s->options->noise;
    float total = 3.2f * expf(0.85f * synth_normal(&s->rng)); /* standard deviation at mid-grey */
    total = scale * synth_clamp(total, 0.4f, 32);
    float share = synth_uniform(s, 0.2f, 1); /* of the variance that is the electrons' */
    bool blurred =
        synth_chance(s, 0.5f); /* frames averaged, resampled or smoothed after the detector */
    float sigma = blurred ? synth_uniform(s, 0.4f, 1.0f) * unit : 0;
    float gain =
        blurred ? total * (1 + 1.2f * sigma) : total; /* blurring takes most of the noise away */
    for (size_t i = 0; i < s->count; i++) {
        float variance = share * fmaxf(image[i], 8) * (1 / 128.0f) + 1 - share;
        scratch[i] = gain * sqrtf(variance) * synth_normal(&s->rng);
    }
    if (blurred) {
        synth_blur(scratch, s->work[2], s->size, sigma, sigma);
    }
    for (size_t i = 0; i < s->count; i++) {
        image[i] += scratch[i];
    }
}

static void sharpen(synth_scene *s, float *image, float *scratch, float unit)
{
    float amount = synth_log(s, 0.2f, 1), sigma = synth_uniform(s, 0.8f, 2.5f) * unit;
    memcpy(scratch, image, s->count * sizeof *scratch);
    synth_blur(scratch, s->work[2], s->size, sigma, sigma);
    for (size_t i = 0; i < s->count; i++) {
        image[i] += amount * (image[i] - scratch[i]);
    }
}

static void expose(synth_scene *s, float *image)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < s->count; i++) {
        sum += (double)image[i];
        squares += (double)(image[i] * image[i]);
    }
    float mean = (float)(sum / (double)s->count);
    float deviation = sqrtf(fmaxf((float)(squares / (double)s->count) - mean * mean, 1e-8f));
    float spread = (float)s->options->contrast;
    /* Grey levels: mean 35 .. 190, standard deviation 6 ..
     * 85; scenes of low contrast stay lower than others. */
    float target_mean = 105 + spread * 26 * synth_normal(&s->rng);
    float target_deviation = 38 * expf(spread * 0.42f * synth_normal(&s->rng));
    target_deviation =
        fminf(target_deviation, 380 * deviation * expf(0.3f * synth_normal(&s->rng)) + 6);
    target_deviation = synth_clamp(target_deviation, 6, 85);
    target_mean = synth_clamp(target_mean, 35, 190);
    float scale = target_deviation / deviation;
    float gamma = synth_chance(s, 0.5f) ? 1 : expf(spread * 0.25f * synth_normal(&s->rng));
    for (size_t i = 0; i < s->count; i++) {
        float value = target_mean + (image[i] - mean) * scale;
        value = synth_clamp(value, 0, 255);
        image[i] = gamma == 1 ? value : 255 * powf(value * (1 / 255.0f), gamma);
    }
}

void synth_detector(synth_scene *s, float *image)
{
    float unit = (float)s->size / 128, blur = (float)s->options->blur;
    float *scratch = s->work[0];
    vignette(s, image);
    shift_rows(s, image, unit);
    float sigma = blur * unit *
                  (synth_chance(s, 0.82f) ? synth_log(s, 0.25f, 1.1f) : synth_log(s, 0.8f, 2.4f));
    float astigmatism = expf(0.25f * synth_normal(&s->rng));
    synth_blur(image, s->work[2], s->size, sigma * astigmatism, sigma / astigmatism);
    charge(s, image);
    expose(s, image);
    add_noise(s, image, scratch, unit);
    if (synth_chance(s, 0.25f)) {
        sharpen(s, image, scratch, unit);
    }
}
