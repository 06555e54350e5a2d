/* Which info strips are a finding, in which class, and how high they are. */
#include "data/made.h"

enum { CLASSES = 3, MOST = 400 };

/* count[c] images of class c, the first strips[c] of them with a strip of 8% of the height. */
typedef struct counts {
    int images[CLASSES], strips[CLASSES];
} counts;

static smt_sample samples[MOST];
static float percent[MOST];
static char *classes[CLASSES] = {(char[]){"bridge"}, (char[]){"clean"}, (char[]){"open"}};
static smt_dataset set = {
    .root = (char[]){"made"}, .class_count = CLASSES, .classes = classes, .samples = samples};

static smt_strips count_strips(const counts *of)
{
    smt_strips strips;
    set.sample_count = 0;
    for (int c = 0; c < CLASSES; c++) {
        for (int i = 0; i < of->images[c]; i++) {
            samples[set.sample_count] = (smt_sample){.path = (char[]){"a.png"}, .class_index = c};
            percent[set.sample_count++] = i < of->strips[c] ? 8 : 0;
        }
    }
    assert_true(smt_strips_count(&set, percent, &strips));
    return strips;
}

static void many_are_a_finding(void **state)
{
    (void)state;
    static const struct {
        counts counts;
        bool common;
        int of_class; /* -1: none */
        bool told;    /* the class */
    } cases[] = {
        {{{4, 4, 4}, {4, 0, 0}}, false, -1, false},
        {{{5, 5, 5}, {5, 0, 0}}, true, 0, true},
        {{{20, 100, 100}, {5, 0, 0}}, true, 0, true},
        {{{21, 100, 100}, {5, 0, 0}}, false, -1, false},
        {{{7, 7, 6}, {2, 2, 1}}, true, -1, false}, /* a quarter of all */
        {{{7, 7, 7}, {2, 2, 1}}, false, -1, false},
        {{{40, 20, 20}, {20, 15, 5}}, true, 1, false},
        {{{20, 40, 0}, {10, 10, 0}}, true, 0, false}, /* twice the others' share is not enough */
        {{{20, 41, 0}, {10, 10, 0}}, true, 0, true},
        {{{20, 0, 0}, {20, 0, 0}}, true, 0, false}, /* there is no other class */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        smt_strips strips = count_strips(&cases[i].counts);
        assert_int_equal(strips.common, cases[i].common);
        assert_int_equal(strips.class_count ? strips.class_index : -1, cases[i].of_class);
        if (cases[i].of_class >= 0) {
            assert_int_equal(samples[strips.example].class_index, cases[i].of_class);
        }
        assert_int_equal(percent[strips.example] > 0, strips.count > 0);
        char *text = smt_strips_text(&set, &strips);
        assert_non_null(text);
        assert_int_equal(strstr(text, ": it tells the class)") != NULL, cases[i].told);
        smt_free(text);
    }
}

/* Nearly all strips go, and one that is no strip takes no specimen along. */
static void height(void **state)
{
    (void)state;
    smt_strips strips = count_strips(&(counts){{20, 20, 0}, {20, 0, 0}});
    for (int i = 0; i < 20; i++) {
        percent[i] = i < 17 ? 8 : i < 19 ? 11 : 25;
    }
    assert_true(smt_strips_count(&set, percent, &strips));
    assert_int_equal((int)strips.percent, 11);
    percent[0] = -1; /* not looked at */
    assert_true(smt_strips_count(&set, percent, &strips));
    assert_int_equal(strips.images, 39);
    assert_int_equal(strips.class_images, 19);
    for (long n = 0; n < 3; n++) {
        smt_alloc_fail_after(n);
        bool complete = smt_strips_count(&set, percent, &strips);
        smt_alloc_fail_after(-1);
        assert_false(complete);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_are_a_finding),
                                       cmocka_unit_test(height)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
