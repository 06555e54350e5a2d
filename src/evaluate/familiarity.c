/* How much an image is like those that a model is known to handle. What the classifier reads knows
 * little of images that no class resembles: noise or stripes may lie beside some real image there.
 * The means and deviations of the maps at earlier depths know what the surface looks like. */
#include "evaluate/scores.h"

#include <semtinel/format.h>

#include <math.h>
#include <string.h>

#define PARTS (1 + SMT_FEATURE_DEPTHS)
#define SHRINK 0.1                         /* of the covariance, to its mean variance */
#define FEWEST 8                           /* images; fewer have no spread worth the name */
#define DEPTH_MAX (2 * SMT_DEPTH_CHANNELS) /* a mean and a deviation each */

/* The remembered images at one depth: standardised values, their mean and covariance. */
typedef struct depth {
    size_t at, width;
    double *mean, *scale; /* of each value: z = (x - mean) x scale */
    double *factor;       /* width x width, lower triangle: Cholesky's, of the covariance */
} depth;

struct smt_familiar {
    const float *rows;
    size_t count, width, pooled;
    bool whole; /* not the cosine alone */
    depth depths[SMT_FEATURE_DEPTHS];
    double usual[PARTS], spread[PARTS]; /* of each score among the remembered */
};

int smt_feature_width(const smt_feature_layout *layout)
{
    int width = layout->pooled;
    for (int k = 0; k < SMT_FEATURE_DEPTHS; k++) {
        width += layout->depth[k];
    }
    return width;
}

void smt_normalise_rows(float *rows, size_t count, size_t pooled, size_t width)
{
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t k = 0; k < pooled; k++) {
            sum += (double)rows[i * width + k] * (double)rows[i * width + k];
        }
        double scale = sum > 0 ? 1 / sqrt(sum) : 0;
        for (size_t k = 0; k < pooled; k++) {
            rows[i * width + k] = (float)((double)rows[i * width + k] * scale);
        }
    }
}

static double nearest(const smt_familiar *f, const float *row, size_t without)
{
    float best = -1;
    for (size_t i = 0; i < f->count; i++) {
        float cosine = 0;
        for (size_t k = 0; k < f->pooled && i != without; k++) {
            cosine += row[k] * f->rows[i * f->width + k];
        }
        best = i != without && cosine > best ? cosine : best;
    }
    return (double)best;
}

/* In place: the lower triangle of a positive definite matrix becomes its Cholesky factor. */
static void factorise(double *m, size_t n)
{
    for (size_t a = 0; a < n; a++) {
        for (size_t b = 0; b <= a; b++) {
            double sum = m[a * n + b];
            for (size_t k = 0; k < b; k++) {
                sum -= m[a * n + k] * m[b * n + k];
            }
            m[a * n + b] = a == b ? sqrt(fmax(sum, 1e-12)) : sum / m[b * n + b];
        }
    }
}

static smt_status learn_depth(const smt_familiar *f, depth *d, smt_error *error)
{
    size_t n = d->width;
    double z[DEPTH_MAX], typical = 0, variance = 0, count = (double)f->count;
    d->mean = smt_alloc(n, sizeof *d->mean);
    d->scale = smt_alloc(n, sizeof *d->scale);
    d->factor = smt_alloc(n * n, sizeof *d->factor);
    if (!d->mean || !d->scale || !d->factor) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for %zu features", f->count);
    }
    for (size_t i = 0; i < f->count; i++) {
        for (size_t k = 0; k < n; k++) {
            d->mean[k] += (double)f->rows[i * f->width + d->at + k] / count;
        }
    }
    for (size_t i = 0; i < f->count; i++) {
        for (size_t k = 0; k < n; k++) {
            double off = (double)f->rows[i * f->width + d->at + k] - d->mean[k];
            d->scale[k] += off * off / count;
        }
    }
    for (size_t k = 0; k < n; k++) {
        typical += sqrt(d->scale[k]) / (double)n;
    }
    for (size_t k = 0; k < n; k++) { /* a value that hardly varies must not decide */
        d->scale[k] = 1 / fmax(sqrt(d->scale[k]), 0.02 * typical + 1e-9);
    }
    for (size_t i = 0; i < f->count; i++) {
        for (size_t k = 0; k < n; k++) {
            z[k] = ((double)f->rows[i * f->width + d->at + k] - d->mean[k]) * d->scale[k];
        }
        for (size_t a = 0; a < n; a++) {
            for (size_t b = 0; b <= a; b++) {
                d->factor[a * n + b] += (1 - SHRINK) * z[a] * z[b] / count;
            }
        }
    }
    for (size_t k = 0; k < n; k++) {
        variance += d->factor[k * n + k] / (1 - SHRINK) / (double)n;
    }
    for (size_t k = 0; k < n; k++) {
        d->factor[k * n + k] += SHRINK * variance + 1e-9;
    }
    factorise(d->factor, n);
    return SMT_OK;
}

/* Minus the logarithm of the distance. Of a remembered image, as if it were not: taking x out of a
 * covariance of n images divides its squared distance q by 1 - (1 - SHRINK) q / n (Sherman and
 * Morrison), and its way from the mean grows by n / (n - 1). */
static double closeness(const smt_familiar *f, const depth *d, const float *row, bool itself)
{
    double y[DEPTH_MAX], squared = 0, count = (double)f->count;
    for (size_t a = 0; a < d->width; a++) {
        double sum = ((double)row[d->at + a] - d->mean[a]) * d->scale[a];
        for (size_t k = 0; k < a; k++) {
            sum -= d->factor[a * d->width + k] * y[k];
        }
        y[a] = sum / d->factor[a * d->width + a];
        squared += y[a] * y[a];
    }
    if (itself) {
        squared /= fmax(1 - (1 - SHRINK) * squared / count, 1e-6);
        squared *= count / (count - 1) * count / (count - 1);
    }
    return -0.5 * log(fmax(squared, 1e-12));
}

/* Whether the score counts, and the score. */
static bool
score_part(const smt_familiar *f, int part, const float *row, size_t without, double *out)
{
    if (part == 0) {
        *out = nearest(f, row, without);
    } else if (f->depths[part - 1].width) {
        *out = closeness(f, &f->depths[part - 1], row, without != SIZE_MAX);
    } else {
        return false;
    }
    return true;
}

static void learn_usual(smt_familiar *f)
{
    for (int part = 0; part < PARTS; part++) {
        double sum = 0, squares = 0, score, count = (double)f->count;
        for (size_t i = 0; i < f->count; i++) {
            if (score_part(f, part, f->rows + i * f->width, i, &score)) {
                sum += score;
                squares += score * score;
            }
        }
        f->usual[part] = sum / count;
        f->spread[part] = fmax(sqrt(fmax(squares / count - sum / count * (sum / count), 0)), 1e-4);
    }
}

smt_status smt_familiar_create(const float *rows,
                               size_t count,
                               size_t width,
                               const smt_feature_layout *layout,
                               smt_familiar **out,
                               smt_error *error)
{
    smt_familiar *f = smt_alloc(1, sizeof *f);
    if (!f) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for %zu features", count);
    }
    *f = (smt_familiar){
        .rows = rows, .count = count, .width = width, .pooled = (size_t)layout->pooled};
    f->whole = count >= FEWEST && width > f->pooled && (int)width == smt_feature_width(layout);
    smt_status status = SMT_OK;
    size_t at = f->pooled;
    for (int k = 0; k < SMT_FEATURE_DEPTHS && f->whole && !status; k++) {
        f->depths[k].at = at;
        f->depths[k].width = layout->depth[k] <= DEPTH_MAX ? (size_t)layout->depth[k] : 0;
        at += (size_t)layout->depth[k];
        status = f->depths[k].width ? learn_depth(f, &f->depths[k], error) : SMT_OK;
    }
    if (status) {
        smt_familiar_destroy(&f);
        return status;
    }
    if (f->whole) {
        learn_usual(f);
    }
    *out = f;
    return SMT_OK;
}

void smt_familiar_destroy(smt_familiar **familiar)
{
    if (*familiar) {
        for (int k = 0; k < SMT_FEATURE_DEPTHS; k++) {
            smt_free((*familiar)->depths[k].mean);
            smt_free((*familiar)->depths[k].scale);
            smt_free((*familiar)->depths[k].factor);
        }
        smt_free(*familiar);
        *familiar = NULL;
    }
}

float smt_familiar_score(const smt_familiar *f, const float *row, size_t without)
{
    if (!f->whole) {
        return (float)nearest(f, row, without);
    }
    double sum = 0, score;
    int parts = 0;
    for (int part = 0; part < PARTS; part++) {
        if (score_part(f, part, row, without, &score)) {
            sum += (score - f->usual[part]) / f->spread[part];
            parts++;
        }
    }
    return (float)(sum / parts);
}

smt_status smt_familiarity_of_each(const smt_feature_layout *layout,
                                   const float *features,
                                   size_t count,
                                   float *out,
                                   smt_error *error)
{
    size_t width = (size_t)smt_feature_width(layout), next = 0;
    size_t kept = count < SMT_REMEMBERED ? count : SMT_REMEMBERED;
    smt_familiar *familiar = NULL;
    float *rows = smt_alloc(kept + 1, width * sizeof *rows);
    if (!rows) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for %zu features", count);
    }
    float *row = rows + kept * width;
    for (size_t k = 0; k < kept; k++) {
        memcpy(rows + k * width, features + k * count / kept * width, width * sizeof *rows);
    }
    smt_normalise_rows(rows, kept, (size_t)layout->pooled, width);
    smt_status status = smt_familiar_create(rows, kept, width, layout, &familiar, error);
    for (size_t i = 0; i < count && !status; i++) {
        bool remembered = next < kept && i == next * count / kept;
        memcpy(row, features + i * width, width * sizeof *row);
        smt_normalise_rows(row, 1, (size_t)layout->pooled, width);
        out[i] = smt_familiar_score(familiar, row, remembered ? next++ : SIZE_MAX);
    }
    smt_familiar_destroy(&familiar);
    smt_free(rows);
    return status;
}

#define TENSOR "state.familiar.features"

smt_status
smt_familiarity_store(const smt_classifier_info *info, smt_tensor_file **out, smt_error *error)
{
    smt_tensor_file *file = NULL;
    const int64_t dim[2] = {info->remembered, info->feature_width};
    smt_status status = smt_tensor_file_create(&file, error);
    status =
        status ? status
               : smt_tensor_file_add(file, TENSOR, SMT_DTYPE_F32, 2, dim, info->references, error);
    if (status) {
        smt_tensor_file_destroy(&file);
        return status;
    }
    *out = file;
    return SMT_OK;
}

smt_status
smt_familiarity_load(const char *path, float **rows, int *count, int *width, smt_error *error)
{
    smt_tensor_file *file = NULL;
    smt_status status = smt_safetensors_load(path, &file, error);
    if (status) {
        return status;
    }
    const smt_tensor *t = smt_tensor_file_find(file, TENSOR);
    if (t && t->rank == 2 && t->dim[0] >= 1 && t->dim[0] <= SMT_REMEMBERED && t->dim[1] >= 1 &&
        t->dim[1] <= 65536) {
        float *copy = smt_alloc(t->count, sizeof *copy);
        if (copy) {
            memcpy(copy, t->data, t->count * sizeof *copy);
            *rows = copy;
            *count = (int)t->dim[0];
            *width = (int)t->dim[1];
        } else {
            status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        }
    }
    smt_tensor_file_destroy(&file);
    return status;
}
