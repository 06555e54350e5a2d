/* Marks of files, by which copies are known whatever their names and places. */
#include <semtinel/data.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 8 };

typedef struct marks_context {
    const smt_dataset *dataset;
    const bool *wanted;
    uint32_t *marks;
} marks_context;

static void mark_file(void *context, int task, int worker)
{
    (void)worker;
    const marks_context *c = context;
    void *data = NULL;
    size_t size = 0;
    if (c->wanted[task] && !smt_interrupted() &&
        smt_file_load(c->dataset->samples[task].path, 0, &data, &size, NULL) == SMT_OK) {
        uint32_t mark = (uint32_t)smt_hash64(size, smt_crc32(0, data, size));
        c->marks[task] = mark ? mark : 1;
        smt_free(data);
    }
}

smt_status smt_dataset_marks(const smt_dataset *dataset,
                             const bool *wanted,
                             smt_pool *pool,
                             uint32_t **out,
                             smt_error *error)
{
    uint32_t *marks = smt_alloc(dataset->sample_count, sizeof *marks);
    if (!marks) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    }
    marks_context context = {dataset, wanted, marks};
    smt_pool_run(pool, (int)dataset->sample_count, mark_file, &context);
    if (smt_interrupted()) {
        smt_free(marks);
        return smt_fail(error, SMT_ERR_INTERRUPTED, "interrupted");
    }
    *out = marks;
    return SMT_OK;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

char *smt_marks_text(uint32_t *marks, size_t count)
{
    char *text = smt_alloc(DIGITS * SMT_SEEN_MOST + 1, 1);
    size_t written = 0;
    if (count) {
        qsort(marks, count, sizeof *marks, ascending);
    }
    for (size_t i = 0; text && i < count && written < SMT_SEEN_MOST; i++) {
        if (marks[i] && (!i || marks[i] != marks[i - 1])) {
            snprintf(text + DIGITS * written++, DIGITS + 1, "%08x", (unsigned)marks[i]);
        }
    }
    return text;
}

bool smt_marks_read(const char *text, uint32_t **out, size_t *count)
{
    *count = strlen(text) / DIGITS;
    *out = smt_alloc(*count, sizeof **out);
    for (size_t i = 0; *out && i < *count; i++) {
        char digits[DIGITS + 1] = {0};
        memcpy(digits, text + DIGITS * i, DIGITS);
        (*out)[i] = (uint32_t)strtoul(digits, NULL, 16);
    }
    if (*out && *count) {
        qsort(*out, *count, sizeof **out, ascending);
    }
    return *out != NULL;
}
