/* Metrics against numpy (tests/golden/make_metrics.py), against scikit-learn's documented output,
 * and at the edges. */
#include <semtinel/evaluate.h>

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define GOLDEN_MAX 300
#define RESAMPLES 20000 /* as the script's */

static double number_at(const json_t *array, size_t i)
{
    return json_number_value(json_array_get(array, i));
}

static void test_golden(void **state)
{
    (void)state;
    json_t *golden = json_load_file(SMT_TEST_DIR "/golden/metrics.json", 0, NULL);
    assert_non_null(golden);
    static int truth[GOLDEN_MAX], predicted[GOLDEN_MAX];
    static float true_probability[GOLDEN_MAX], confidence[GOLDEN_MAX];
    static bool in_top2[GOLDEN_MAX];
    size_t n = json_array_size(json_object_get(golden, "truth"));
    assert_in_range(n, 100, GOLDEN_MAX);
    for (size_t i = 0; i < n; i++) {
        truth[i] = (int)json_integer_value(json_array_get(json_object_get(golden, "truth"), i));
        predicted[i] =
            (int)json_integer_value(json_array_get(json_object_get(golden, "predicted"), i));
        true_probability[i] = (float)number_at(json_object_get(golden, "true_probability"), i);
        confidence[i] = (float)number_at(json_object_get(golden, "confidence"), i);
        in_top2[i] = json_is_true(json_array_get(json_object_get(golden, "in_top2"), i));
    }
    int classes = (int)json_integer_value(json_object_get(golden, "classes"));
    const smt_outcome outcome = {
        n, classes, truth, predicted, true_probability, confidence, in_top2};
    smt_metrics *m = NULL;
    assert_int_equal(smt_metrics_create(&outcome, RESAMPLES, 1, &m, NULL), SMT_OK);
    for (int t = 0; t < classes; t++) {
        const json_t *row = json_array_get(json_object_get(golden, "confusion"), (size_t)t);
        for (int p = 0; p < classes; p++) {
            assert_int_equal(m->confusion[t * classes + p], (size_t)number_at(row, (size_t)p) + 0);
        }
        assert_float_equal(m->classes[t].precision,
                           number_at(json_object_get(golden, "precision"), (size_t)t),
                           1e-12);
        assert_float_equal(
            m->classes[t].recall, number_at(json_object_get(golden, "recall"), (size_t)t), 1e-12);
        assert_float_equal(
            m->classes[t].f1, number_at(json_object_get(golden, "f1"), (size_t)t), 1e-12);
    }
    const double macro[3] = {m->macro.precision, m->macro.recall, m->macro.f1};
    const double weighted[3] = {m->weighted.precision, m->weighted.recall, m->weighted.f1};
    for (size_t i = 0; i < 3; i++) {
        assert_float_equal(macro[i], number_at(json_object_get(golden, "macro"), i), 1e-12);
        assert_float_equal(weighted[i], number_at(json_object_get(golden, "weighted"), i), 1e-12);
    }
    assert_float_equal(m->accuracy, json_number_value(json_object_get(golden, "accuracy")), 1e-12);
    assert_float_equal(m->log_loss, json_number_value(json_object_get(golden, "log_loss")), 1e-9);
    assert_float_equal(m->top2, json_number_value(json_object_get(golden, "top2")), 1e-12);
    assert_float_equal(
        m->calibration_error, json_number_value(json_object_get(golden, "ece")), 1e-9);
    /* Other random numbers: equal but for the error of as many draws, and for one image. */
    assert_float_equal(
        m->accuracy_95.low, number_at(json_object_get(golden, "accuracy_95"), 0), 0.0043);
    assert_float_equal(
        m->accuracy_95.high, number_at(json_object_get(golden, "accuracy_95"), 1), 0.0043);
    assert_float_equal(
        m->macro_f1_95.low, number_at(json_object_get(golden, "macro_f1_95"), 0), 0.003);
    assert_float_equal(
        m->macro_f1_95.high, number_at(json_object_get(golden, "macro_f1_95"), 1), 0.003);
    smt_metrics *again = NULL, *other = NULL;
    assert_int_equal(smt_metrics_create(&outcome, RESAMPLES, 1, &again, NULL), SMT_OK);
    assert_memory_equal(&m->macro_f1_95, &again->macro_f1_95, sizeof m->macro_f1_95);
    assert_int_equal(smt_metrics_create(&outcome, RESAMPLES, 2, &other, NULL), SMT_OK);
    assert_memory_not_equal(&m->macro_f1_95, &other->macro_f1_95, sizeof m->macro_f1_95);
    smt_metrics_destroy(&m);
    smt_metrics_destroy(&again);
    smt_metrics_destroy(&other);
    json_decref(golden);
}

static smt_metrics *measure(const int *truth, const int *predicted, size_t count, int classes)
{
    const smt_outcome outcome = {
        .count = count, .class_count = classes, .truth = truth, .predicted = predicted};
    smt_metrics *m = NULL;
    assert_int_equal(smt_metrics_create(&outcome, 100, 1, &m, NULL), SMT_OK);
    return m;
}

/* The two examples of scikit-learn's documentation of classification_report, and longer names. */
static void test_report_text(void **state)
{
    (void)state;
    const int truth[5] = {0, 1, 2, 2, 2}, predicted[5] = {0, 0, 2, 2, 1};
    const char *names[3] = {"class 0", "class 1", "class 2"};
    smt_metrics *m = measure(truth, predicted, 5, 3);
    char *text = smt_classification_report(m, names);
    assert_string_equal(text,
                        "              precision    recall  f1-score   support\n"
                        "\n"
                        "     class 0       0.50      1.00      0.67         1\n"
                        "     class 1       0.00      0.00      0.00         1\n"
                        "     class 2       1.00      0.67      0.80         3\n"
                        "\n"
                        "    accuracy                           0.60         5\n"
                        "   macro avg       0.50      0.56      0.49         5\n"
                        "weighted avg       0.70      0.60      0.61         5\n");
    smt_free(text);
    /* scikit-learn pads by characters: the name has 17 of them in 19 bytes. */
    const char *longer[3] = {"class 0", "r\xc3\xa9sidu de gravur\xc3\xa9", "class 2"};
    text = smt_classification_report(m, longer);
    assert_string_equal(text,
                        "                   precision    recall  f1-score   support\n"
                        "\n"
                        "          class 0       0.50      1.00      0.67         1\n"
                        "r\xc3\xa9sidu de gravur\xc3\xa9       0.00      0.00      0.00         1\n"
                        "          class 2       1.00      0.67      0.80         3\n"
                        "\n"
                        "         accuracy                           0.60         5\n"
                        "        macro avg       0.50      0.56      0.49         5\n"
                        "     weighted avg       0.70      0.60      0.61         5\n");
    smt_free(text);
    const char *broken[3] = {"class\n0", "class 1", "class 2"};
    text = smt_classification_report(m, broken);
    assert_non_null(strstr(text, "     class?0       0.50      1.00      0.67         1\n"));
    smt_free(text);
    smt_metrics_destroy(&m);
}

static void test_edges(void **state)
{
    (void)state;
    const char *names[4] = {"a", "b", "c", "d"};
    /* A class without images that is predicted counts in
     * the mean with 0; one that is neither does not. */
    const int truth[4] = {0, 0, 1, 1}, predicted[4] = {0, 2, 1, 1};
    smt_metrics *m = measure(truth, predicted, 4, 4);
    assert_float_equal(m->macro.f1, (2.0 / 3 + 1 + 0) / 3, 1e-12);
    assert_float_equal(m->weighted.f1, (2.0 / 3 + 1) / 2, 1e-12);
    assert_float_equal(m->classes[2].recall, 0, 0);
    assert_false(smt_metrics_active(m, 3));
    char *text = smt_classification_report(m, names);
    assert_non_null(strstr(text, "           c       0.00      0.00      0.00         0\n"));
    assert_null(strstr(text, "           d "));
    smt_free(text);
    smt_metrics_destroy(&m);

    /* One class, all right. */
    const int same[3] = {0, 0, 0};
    m = measure(same, same, 3, 1);
    assert_float_equal(m->accuracy, 1, 0);
    assert_float_equal(m->macro.f1, 1, 0);
    assert_float_equal(m->accuracy_95.low, 1, 0);
    assert_true(isnan(m->log_loss) && isnan(m->top2) && isnan(m->calibration_error));
    smt_metrics_destroy(&m);

    /* No image at all. */
    m = measure(NULL, NULL, 0, 2);
    assert_float_equal(m->accuracy, 0, 0);
    assert_float_equal(m->macro.f1, 0, 0);
    text = smt_classification_report(m, names);
    assert_non_null(strstr(text, "    accuracy                           0.00         0\n"));
    smt_free(text);
    smt_metrics_destroy(&m);
}

static void test_refuses(void **state)
{
    (void)state;
    const int truth[1] = {0}, wrong[1] = {3};
    smt_outcome outcome = {.count = 1, .class_count = 3, .truth = truth, .predicted = wrong};
    smt_metrics *m = NULL;
    smt_error error = {0};
    assert_int_equal(smt_metrics_create(&outcome, 0, 1, &m, &error), SMT_ERR_ARGUMENT);
    assert_null(m);
    outcome.class_count = 0;
    assert_int_equal(smt_metrics_create(&outcome, 0, 1, &m, &error), SMT_ERR_ARGUMENT);
}

/* Probabilities of exactly 0 and 1, and close to a bin's edge. */
static void test_probabilities(void **state)
{
    (void)state;
    const int truth[4] = {0, 0, 1, 1}, predicted[4] = {0, 1, 1, 1};
    const float given[4] = {1, 0, 0.8f, 0.6f}, confidence[4] = {1, 1, 0.8f, 0.6f};
    const smt_outcome outcome = {4, 2, truth, predicted, given, confidence, NULL};
    smt_metrics *m = NULL;
    assert_int_equal(smt_metrics_create(&outcome, 0, 1, &m, NULL), SMT_OK);
    assert_float_equal(
        m->log_loss, (-log(1e-15) - log((double)0.8f) - log((double)0.6f)) / 4, 1e-9);
    /* Without resamples an interval is the value. */
    assert_true(m->accuracy_95.low == 0.75 && m->accuracy_95.high == 0.75);
    assert_true(m->macro_f1_95.low == m->macro.f1 && m->macro_f1_95.high == m->macro.f1);
    assert_float_equal(m->calibration_error, (1.0 + 0.2 + 0.4) / 4, 1e-6);
    assert_int_equal(m->bins[SMT_CALIBRATION_BINS - 1].count, 2);
    assert_true(m->bins[12].count == 1 &&
                m->bins[9].count == 1); /* 12 / 15 < 0.8f, 9 / 15 < 0.6f */
    /* One image at 0.8 is off by 0.2 in four cases of five, else by 0.8; at 0.6 by 0.4 or 0.6. */
    assert_float_equal(m->calibration_chance, (0.32 + 0.48) / 4, 0.01);
    /* (0.8 + 0.6) / 4 in 0.2 x 0.4 = 8% of the draws. */
    assert_float_equal(m->calibration_chance_95, (0.8 + 0.6) / 4, 1e-6);
    assert_string_equal(smt_calibration_verdict(m), "this is more than chance");
    m->calibration_error = 0.3; /* above the mean of chance, but within its reach */
    assert_string_equal(smt_calibration_verdict(m), "no miscalibration is shown");
    /* Of the two at confidence 1 one is right; each stands in a bin of its own. */
    assert_float_equal(m->calibration_error_equal, (0.5 + 0.5 + 0.2 + 0.4) / 4, 1e-6);
    smt_metrics_destroy(&m);
    /* Three of one confidence, one right: a third of each, wherever the bins divide them. */
    const float alike[3] = {0.75f, 0.75f, 0.75f};
    const smt_outcome three = {3, 2, truth, (const int[]){0, 1, 0}, NULL, alike, NULL};
    assert_int_equal(smt_metrics_create(&three, 0, 1, &m, NULL), SMT_OK);
    assert_float_equal(m->calibration_error_equal, (0.75 - 1.0 / 3), 1e-6);
    smt_metrics_destroy(&m);
}

/* What chance makes of a perfect classifier falls within the band that is told for it, and a
 * classifier that is too sure falls outside. */
static void test_calibration_by_chance(void **state)
{
    (void)state;
    enum { COUNT = 150, SETS = 400 };
    int truth[COUNT], predicted[COUNT] = {0}, above = 0, above_sure = 0;
    float confidence[COUNT], sure[COUNT];
    double mean = 0, told = 0;
    smt_rng rng = smt_rng_seed(7, 7);
    for (int set = 0; set < SETS; set++) {
        for (int i = 0; i < COUNT; i++) {
            confidence[i] = (float)smt_rng_uniform(&rng, 0.3, 1);
            sure[i] = 1 - (1 - confidence[i]) / 3;
            truth[i] = smt_rng_uniform(&rng, 0, 1) >= (double)confidence[i];
        }
        for (int k = 0; k < 2; k++) {
            const smt_outcome outcome = {
                COUNT, 2, truth, predicted, NULL, k ? sure : confidence, NULL};
            smt_metrics *m = NULL;
            assert_int_equal(smt_metrics_create(&outcome, 0, 1, &m, NULL), SMT_OK);
            *(k ? &above_sure : &above) += m->calibration_error > m->calibration_chance_95;
            mean += k ? 0 : m->calibration_error / SETS;
            told += k ? 0 : m->calibration_chance / SETS;
            smt_metrics_destroy(&m);
        }
    }
    assert_float_equal(mean, told, 0.003);
    assert_in_range(above, SETS * 2 / 100, SETS * 9 / 100);
    assert_in_range(above_sure, SETS * 95 / 100, SETS);
}

static void test_failures(void **state)
{
    (void)state;
    const int truth[4] = {0, 0, 1, 1}, predicted[4] = {0, 1, 1, 1};
    const float confidence[4] = {1, 1, 0.8f, 0.6f};
    const smt_outcome outcome = {.count = 4,
                                 .class_count = 2,
                                 .truth = truth,
                                 .predicted = predicted,
                                 .confidence = confidence};
    long n = 0;
    for (;; n++) {
        smt_metrics *m = NULL;
        smt_alloc_fail_after(n);
        smt_status status = smt_metrics_create(&outcome, 10, 1, &m, NULL);
        smt_alloc_fail_after(-1);
        if (status == SMT_OK) {
            smt_metrics_destroy(&m);
            break;
        }
        assert_int_equal(status, SMT_ERR_MEMORY);
        assert_null(m);
    }
    assert_in_range(n, 7, 7);
    smt_metrics *m = NULL;
    smt_interrupt(); /* which many resamples of many images must not wait for */
    assert_int_equal(smt_metrics_create(&outcome, 10, 1, &m, NULL), SMT_ERR_INTERRUPTED);
    smt_interrupt_clear();
    assert_null(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden),
                                       cmocka_unit_test(test_report_text),
                                       cmocka_unit_test(test_edges),
                                       cmocka_unit_test(test_refuses),
                                       cmocka_unit_test(test_probabilities),
                                       cmocka_unit_test(test_calibration_by_chance),
                                       cmocka_unit_test(test_failures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
