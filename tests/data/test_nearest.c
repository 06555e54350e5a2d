/* The search among bounds gives what comparing all pairs gives. */
#include "data/nearest.h"

#include "data/made.h"

#include <pthread.h>

enum { WIDTH = PRINT_SHAPE_PADDED };

static const float least = 0.5f;

static float product(const float *a, const float *b)
{
    float sums[16] = {0}, total = 0;
    for (int i = 0; i < WIDTH; i++) {
        sums[i % 16] += a[i] * b[i];
    }
    for (int k = 0; k < 16; k++) {
        total += sums[k];
    }
    return total;
}

static void plain_list(const float *rows, size_t count, size_t self, int most, uint32_t *list)
{
    float scores[NEAREST_MOST];
    int held = 0;
    for (size_t i = 0; i < count; i++) {
        float score = product(rows + self * WIDTH, rows + i * WIDTH);
        if (i == self || score < least || (held == most && score <= scores[most - 1])) {
            continue;
        }
        int at = held < most ? held++ : most - 1;
        for (; at > 0 && scores[at - 1] < score; at--) {
            scores[at] = scores[at - 1];
            list[at] = list[at - 1];
        }
        scores[at] = score;
        list[at] = (uint32_t)i;
    }
    for (; held < most; held++) {
        list[held] = UINT32_MAX;
    }
}

typedef enum kind {
    SCATTERED,  /* in all directions: few pairs are near, and no direction helps the bound */
    GROUPED,    /* around few centres, in a space of few dimensions */
    EQUAL,      /* all bounds and products are ties */
    OPPOSITE,   /* two rows that differ outside the main directions only */
    LEAST,      /* products within rounding of the least */
    WITH_ZEROS, /* every third row without content */
    ALL_ZERO,
    KINDS
} kind;

static void make_row(kind what, size_t i, float *row)
{
    size_t centre = what == SCATTERED ? i : what == EQUAL || what == LEAST ? 0 : i % 5;
    smt_rng common = smt_rng_seed(centre, 7), own = smt_rng_seed(i, 8);
    double value[WIDTH] = {0}, square = 0;
    for (int k = 0; k < PRINT_SHAPE; k++) {
        value[k] = smt_rng_normal(&common);
        value[k] += what == GROUPED || what == WITH_ZEROS ? 0.5 * smt_rng_normal(&own) : 0;
        value[k] *= what == OPPOSITE && k >= 100 ? (i % 2 ? 3 : -3) : 1;
        if (what == LEAST) { /* every pair of odd and even: the cosine of 60 degrees */
            value[k] = k == 0 ? (i % 2 ? 0.5 : 1) : k == 1 && i % 2 ? sqrt(0.75) : 0;
            value[k] += i % 7 ? 0 : 1e-7 * smt_rng_normal(&own);
        }
        square += value[k] * value[k];
    }
    bool empty = what == ALL_ZERO || (what == WITH_ZEROS && i % 3 == 0);
    for (int k = 0; k < WIDTH; k++) {
        row[k] = empty ? 0 : (float)(value[k] / sqrt(square));
    }
}

static size_t check(kind what, size_t count, int most)
{
    float *rows = smt_alloc(count, WIDTH * sizeof *rows);
    uint32_t *lists = smt_alloc(NEAREST_BLOCK, (size_t)most * sizeof *lists);
    nearest index;
    size_t listed = 0;
    assert_true(rows && lists);
    for (size_t i = 0; i < count; i++) {
        make_row(what, i, rows + i * WIDTH);
    }
    assert_int_equal(nearest_prepare(rows, count, &index, NULL), SMT_OK);
    for (size_t i = 0; i < count; i++) {
        uint32_t expected[NEAREST_MOST];
        const uint32_t *list = lists + i % NEAREST_BLOCK * (size_t)most;
        if (i % NEAREST_BLOCK == 0) {
            assert_true(nearest_list(&index, i / NEAREST_BLOCK, most, least, lists));
        }
        plain_list(rows, count, i, most, expected);
        if (memcmp(list, expected, sizeof *list * (size_t)most) != 0) {
            fail_msg("kind %d, %zu rows, lists of %d: row %zu differs", what, count, most, i);
        }
        for (int k = 0; k < most; k++) {
            listed += list[k] != UINT32_MAX;
        }
    }
    nearest_free(&index);
    smt_free(rows);
    smt_free(lists);
    return listed;
}

static void equals_all_pairs(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 31, 64, 65, 777, 3000};
    for (kind what = 0; what < KINDS; what++) {
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            size_t listed = check(what, counts[c], 32);
            assert_true(what == SCATTERED || what == ALL_ZERO ? listed == 0
                                                              : listed > 0 || counts[c] < 31);
            check(what, counts[c], 1);
        }
        check(what, 300, NEAREST_MOST);
    }
}

static void *list_one(void *index)
{
    uint32_t list;
    return nearest_list(index, 0, 1, least, &list) ? index : NULL;
}

/* Where a stack cannot grow by half a megabyte; without memory it says so. */
static void needs_little_stack(void **state)
{
    (void)state;
    float row[WIDTH] = {1};
    nearest index;
    pthread_attr_t small;
    pthread_t thread;
    void *listed = NULL;
    assert_int_equal(nearest_prepare(row, 1, &index, NULL), SMT_OK);
    assert_int_equal(pthread_attr_init(&small), 0);
    assert_int_equal(pthread_attr_setstacksize(&small, (size_t)256 << 10), 0);
    assert_int_equal(pthread_create(&thread, &small, list_one, &index), 0);
    pthread_join(thread, &listed);
    pthread_attr_destroy(&small);
    assert_ptr_equal(listed, &index);
    smt_alloc_fail_after(0);
    listed = list_one(&index);
    smt_alloc_fail_after(-1);
    assert_null(listed);
    nearest_free(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_all_pairs),
                                       cmocka_unit_test(needs_little_stack)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
