/* Marks of files, by which copies are known whatever their names and places. */
#include <semtinel/data.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 8 };

typedef struct sums_context {
    const smt_dataset *dataset;
    const bool *wanted;
    smt_file_sum *sums;
    atomic_size_t done;
    atomic_bool no_memory;
} sums_context;

static void sum_file(void *context, int task, int worker)
{
    (void)worker;
    sums_context *c = context;
    void *data = NULL;
    size_t size = 0;
    smt_status status = SMT_ERR_INTERRUPTED;
    if (c->wanted[task] && !smt_interrupted()) {
        status = smt_file_load(c->dataset->samples[task].path, 0, &data, &size, NULL);
    }
    if (status == SMT_OK) {
        c->sums[task] = (smt_file_sum){smt_crc32(0, data, size), size, true};
        smt_free(data);
    } else if (status == SMT_ERR_MEMORY) {
        atomic_store(&c->no_memory, true);
    }
    smt_progress("files", atomic_fetch_add(&c->done, 1) + 1, c->dataset->sample_count);
}

smt_status smt_dataset_sums(const smt_dataset *dataset,
                            const bool *wanted,
                            smt_pool *pool,
                            smt_file_sum **out,
                            smt_error *error)
{
    smt_file_sum *sums = smt_alloc(dataset->sample_count, sizeof *sums);
    if (!sums) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    }
    sums_context context = {.dataset = dataset, .wanted = wanted, .sums = sums};
    smt_progress("files", 0, dataset->sample_count);
    smt_pool_run(pool, (int)dataset->sample_count, sum_file, &context);
    smt_status status = smt_check_interrupted(error);
    if (!status && atomic_load(&context.no_memory)) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", dataset->root);
    }
    if (status) {
        smt_free(sums);
        return status;
    }
    *out = sums;
    return SMT_OK;
}

uint32_t smt_file_mark(const smt_file_sum *sum)
{
    uint32_t mark = (uint32_t)smt_hash64(sum->size, sum->crc);
    return !sum->read ? 0 : mark ? mark : 1;
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

bool smt_marks_hold(const uint32_t *marks, size_t count, uint32_t mark)
{
    return mark && count && bsearch(&mark, marks, count, sizeof mark, ascending);
}
