/* What every reader of files has to stand: files cut at any length, changed bytes, no memory. */
#ifndef SEMTINEL_TESTS_FORMAT_DAMAGE_H
#define SEMTINEL_TESTS_FORMAT_DAMAGE_H

#include <semtinel/base.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Reads `size` bytes, which messages call `name`, and frees what comes of them. */
typedef smt_status (*damage_reader)(const char *name,
                                    const void *data,
                                    size_t size,
                                    smt_error *error);

/* A copy of its own, so that a sanitizer sees reads behind its end. */
static inline smt_status
damage_read(damage_reader reader, const char *name, const uint8_t *data, size_t size)
{
    smt_error error = {0};
    uint8_t *copy = smt_alloc(size ? size : 1, 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    smt_status status = reader(name, copy, size, &error);
    if (status) { /* a message that names the file, and says more */
        if (!strstr(error.message, name) || strlen(error.message) < strlen(name) + 4) {
            fail_msg("'%s' is no message about %s", error.message, name);
        }
    }
    smt_free(copy);
    return status;
}

/* Every length below `dense`, from there on every `step`th. Returns how many were refused. */
static inline size_t
damage_cut(damage_reader reader, const uint8_t *data, size_t size, size_t dense, size_t step)
{
    size_t refused = 0;
    for (size_t cut = 0; cut < size; cut += cut < dense ? 1 : step) {
        refused += damage_read(reader, "cut.file", data, cut) != SMT_OK;
    }
    return refused;
}

/* So many rounds with four changed bytes each: among the first `edge` bytes, where structure often
 * stands, among the last, and anywhere. Returns how many were refused. */
static inline int
damage_change(damage_reader reader, const uint8_t *data, size_t size, size_t edge, int rounds)
{
    smt_rng rng = smt_rng_seed(6, 6);
    uint8_t *copy = smt_alloc(size, 1);
    assert_non_null(copy);
    assert_true(edge <= size);
    int refused = 0;
    for (int round = 0; round < rounds; round++) {
        memcpy(copy, data, size);
        for (int i = 0; i < 4; i++) {
            size_t from = round % 3 == 1 ? size - edge : 0, span = round % 3 == 2 ? size : edge;
            uint8_t change = (uint8_t)(1 + smt_rng_below(&rng, 255));
            copy[from + smt_rng_below(&rng, (uint32_t)span)] ^= change;
        }
        refused += damage_read(reader, "changed.file", copy, size) != SMT_OK;
    }
    smt_free(copy);
    return refused;
}

/* Something that reads or writes; frees what comes of it. */
typedef smt_status (*damage_action)(void *context, smt_error *error);

/* Lets fewer and fewer allocations fail until the action ends well: it says that memory is short,
 * and leaves the file `written` (or NULL) whole or not at all. The first `dense` allocations fail
 * one by one, from there on every `step`th. */
static inline void
damage_memory(damage_action action, void *context, const char *written, long dense, long step)
{
    smt_status status = SMT_ERR_MEMORY;
    if (written) {
        unlink(written);
    }
    for (long n = 0; n < 100000 && status; n += n < dense ? 1 : step) {
        smt_error error = {0};
        smt_alloc_fail_after(n);
        status = action(context, &error);
        smt_alloc_fail_after(-1);
        if (status && status != SMT_ERR_MEMORY) {
            fail_msg("without memory: '%s'", error.message);
        }
        if (status) { /* the error may be NULL */
            smt_alloc_fail_after(n);
            assert_int_equal(action(context, NULL), SMT_ERR_MEMORY);
            smt_alloc_fail_after(-1);
        }
        assert_true(!written || smt_path_exists(written) == !status);
    }
    assert_int_equal(status, SMT_OK);
}

#endif
