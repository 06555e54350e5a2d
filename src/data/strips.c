/* Info strips that no metadata tell of, over a set: told, and cut only where the user says so
 * (smt_preprocess.cut_percent), because a rule by the look is wrong now and then. So a few such
 * images are no finding. */
#include <semtinel/data.h>

#define LEAST 5 /* images, and ... */
#define SHARE 4 /* ... one of so many of the set, or of a class */

static bool is_common(size_t count, size_t images)
{
    return count >= LEAST && count * SHARE >= images;
}

/* All but a tenth of the strips are no higher: a median would leave lines of half of them. */
static float height(const float *percent, size_t total, size_t count, double *sorted)
{
    size_t n = 0;
    for (size_t i = 0; i < total; i++) {
        if (percent[i] > 0) {
            sorted[n++] = (double)percent[i];
        }
    }
    smt_sort_doubles(sorted, n);
    return (float)sorted[count * 9 / 10];
}

bool smt_strips_count(const smt_dataset *dataset, const float *percent, smt_strips *out)
{
    size_t classes = (size_t)dataset->class_count;
    size_t *images = smt_alloc(classes, sizeof *images),
           *strips = smt_alloc(classes, sizeof *strips);
    double *sorted = smt_alloc(dataset->sample_count, sizeof *sorted);
    bool complete = images && strips && sorted;
    *out = (smt_strips){0};
    for (size_t i = 0; complete && i < dataset->sample_count; i++) {
        int c = dataset->samples[i].class_index;
        images[c] += percent[i] >= 0;
        strips[c] += percent[i] > 0;
        out->images += percent[i] >= 0;
        out->count += percent[i] > 0;
    }
    for (size_t c = 0; complete && c < classes; c++) {
        if (is_common(strips[c], images[c]) &&
            (!out->common || strips[c] * out->class_images > out->class_count * images[c])) {
            out->class_index = (int)c;
            out->class_images = images[c];
            out->class_count = strips[c];
            out->common = true;
        }
    }
    out->common = out->common || is_common(out->count, out->images);
    if (complete && out->count) {
        out->percent = height(percent, dataset->sample_count, out->count, sorted);
        while (
            percent[out->example] <= 0 ||
            (out->class_count && dataset->samples[out->example].class_index != out->class_index)) {
            out->example++;
        }
    }
    smt_free(images);
    smt_free(strips);
    smt_free(sorted);
    return complete;
}

char *smt_strips_text(const smt_dataset *dataset, const smt_strips *strips)
{
    char *root = smt_shell_word(dataset->root), *class = NULL, *text = NULL;
    size_t others = strips->images - strips->class_images;
    /* Twice as common in the one class as in the others: the strip tells the class. */
    if (strips->class_count * others >
        2 * (strips->count - strips->class_count) * strips->class_images) {
        class = smt_format(" (%zu of the %zu of class %s: it tells the class)",
                           strips->class_count,
                           strips->class_images,
                           dataset->classes[strips->class_index]);
    } else {
        class = smt_strdup("");
    }
    if (root && class) {
        text = smt_format(
            "%zu of %zu images seem to have an info strip of up to %.1f%% of their height at the "
            "bottom%s, such as %s; a network learns to read it. 'semtinel train %s --cut-bottom "
            "%.1f' cuts it off, and so does all that uses the run",
            strips->count,
            strips->images,
            (double)strips->percent,
            class,
            dataset->samples[strips->example].path,
            root,
            (double)strips->percent);
    }
    smt_free(root);
    smt_free(class);
    return text;
}
