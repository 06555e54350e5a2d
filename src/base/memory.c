#include "base/room.h"

#include <semtinel/base.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

static atomic_long fail_countdown = -1;

void smt_alloc_fail_after(long countdown)
{
    atomic_store(&fail_countdown, countdown);
}

/* Counts down to zero and stays there; a negative counter means that no failure is asked for. */
static bool must_fail(void)
{
    long left = atomic_load(&fail_countdown);
    while (left > 0) {
        if (atomic_compare_exchange_weak(&fail_countdown, &left, left - 1)) {
            return false;
        }
    }
    return left == 0;
}

/* Bytes of a block: a multiple of 64, at least 64; 0 when the product overflows. */
static size_t block_bytes(size_t count, size_t size)
{
    if (size && count > (SIZE_MAX - 63) / size) {
        return 0;
    }
    size_t bytes = (count * size + 63) & ~(size_t)63;
    return bytes ? bytes : 64;
}

void *smt_alloc_unset(size_t count, size_t size)
{
    size_t bytes = block_bytes(count, size);
    if (must_fail() || !bytes) {
        return NULL;
    }
    /* Large blocks on huge pages: walks over a batch's activations miss the TLB far less. */
    bool large = bytes >= HUGE_PAGE;
    void *block = NULL;
    if (!posix_memalign(&block, large ? HUGE_PAGE : 64, bytes)) {
#ifdef MADV_HUGEPAGE
        if (large) {
            madvise(block, bytes & ~(HUGE_PAGE - 1), MADV_HUGEPAGE);
        }
#endif
    }
    return block;
}

void *smt_alloc(size_t count, size_t size)
{
    void *block = smt_alloc_unset(count, size);
    if (block) {
        memset(block, 0, block_bytes(count, size));
    }
    return block;
}

void *smt_realloc(void *block, size_t old_count, size_t count, size_t size)
{
    void *fresh = smt_alloc(count, size);
    if (!fresh) {
        return NULL;
    }
    if (block) {
        memcpy(fresh, block, (old_count < count ? old_count : count) * size);
        free(block);
    }
    return fresh;
}

void *smt_grown(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return items;
    }
    size_t larger = *capacity ? 2 * *capacity : 16;
    void *grown = smt_realloc(items, count, larger, size);
    if (!grown) {
        return items;
    }
    *capacity = larger;
    return grown;
}

char *smt_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = smt_alloc(size, 1);
    if (copy) {
        memcpy(copy, text, size);
    }
    return copy;
}

char *smt_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0) {
        return NULL;
    }
    char *text = smt_alloc((size_t)size + 1, 1);
    if (text) {
        va_start(arguments, format);
        vsnprintf(text, (size_t)size + 1, format, arguments);
        va_end(arguments);
    }
    return text;
}

void smt_free(void *block)
{
    free(block);
}
