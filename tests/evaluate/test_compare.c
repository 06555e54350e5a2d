/* McNemar's test against exact values (Python: 2 * sum(comb(n, i)) / 2**n), and the tables. */
#include <semtinel/evaluate.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_mcnemar(void **state)
{
    (void)state;
    static const struct {
        size_t a, b;
        double p;
    } golden[] = {{5, 15, 0.0413894653320312},
                  {0, 8, 0.0078125},
                  {10, 10, 1},
                  {3, 4, 1},
                  {100, 140, 0.0116640923176777},
                  {4900, 5090, 0.0586261676094839}};
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        assert_true(fabs(smt_mcnemar(golden[i].a, golden[i].b) - golden[i].p) < 1e-9);
        assert_true(fabs(smt_mcnemar(golden[i].b, golden[i].a) - golden[i].p) < 1e-9);
    }
    assert_true(smt_mcnemar(0, 0) == 1);
    /* Above 10000 by approximation; without its continuity correction 0.0011 off. */
    assert_true(fabs(smt_mcnemar(4901, 5100) - 0.0477092388006646) < 1e-5);
}

static smt_prediction_table *table(const char *text, smt_status wanted, const char *message)
{
    smt_prediction_table *t = NULL;
    smt_error error = {0};
    assert_int_equal(smt_file_save("test_compare.csv", text, strlen(text), NULL), SMT_OK);
    assert_int_equal(smt_predictions_load("test_compare.csv", &t, &error), wanted);
    if (message) {
        assert_non_null(strstr(error.message, message));
    }
    unlink("test_compare.csv");
    return t;
}

static void test_tables(void **state)
{
    (void)state;
    smt_prediction_table *a = table("\xef\xbb\xbf"
                                    "file,true,predicted,confidence\r\n"
                                    "\"b,\"\"x\"\"\ny.png\",open,open,0.5\r\n"
                                    "a.png,via,open,0.5\r\nc.png,via,via,1\r\n",
                                    SMT_OK,
                                    NULL);
    smt_prediction_table *b = table(
        "predicted,true,file\nvia,via,a.png\nvia,open,\"b,\"\"x\"\"\ny.png\"\nvia,via,d.png\n",
        SMT_OK,
        NULL);
    assert_int_equal(a->count, 3);
    assert_string_equal(a->files[1], "b,\"x\"\ny.png");
    assert_string_equal(b->predicted[0], "via");
    const smt_prediction_table *tables[2] = {a, b};
    const char *names[2] = {"first", "second"};
    smt_comparison *c = NULL;
    smt_error error = {0};
    assert_int_equal(smt_compare(tables, names, 2, 50, 1, &c, &error), SMT_OK);
    assert_int_equal(c->count, 2);
    assert_int_equal(c->left_out, 2);
    assert_int_equal(c->class_count, 2);
    assert_int_equal(c->pair_count, 1);
    assert_int_equal(c->pairs[0].first_only, 1);
    assert_int_equal(c->pairs[0].second_only, 1);
    assert_true(c->metrics[0]->accuracy == 0.5 && c->metrics[1]->accuracy == 0.5);
    smt_comparison_destroy(&c);

    smt_prediction_table *other = table("file,true,predicted\na.png,open,open\n", SMT_OK, NULL);
    tables[1] = other;
    assert_int_equal(smt_compare(tables, names, 2, 0, 1, &c, &error), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "a.png"));
    smt_predictions_free(&other);
    other = table("file,true,predicted\nz.png,open,open\n", SMT_OK, NULL);
    tables[1] = other;
    assert_int_equal(smt_compare(tables, names, 2, 0, 1, &c, &error), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "no image in common; evaluate both on the same part"));
    smt_predictions_free(&other);
    smt_predictions_free(&a);
    smt_predictions_free(&b);
}

/* Each evaluation has its model's names: what means the same is one class, under the first's name,
 * but for names that one evaluation tells apart. */
static void test_names_of_models(void **state)
{
    (void)state;
    smt_prediction_table *a =
        table("file,true,predicted\na,bridge,bridge\nb,Open,Open\nc,Open,bridge\n", SMT_OK, NULL);
    smt_prediction_table *b =
        table("file,true,predicted\na,Short,open\nb,open,open\nc,open,open\n", SMT_OK, NULL);
    smt_prediction_table *both =
        table("file,true,predicted\na,short,Bridges\nb,open,open\nc,open,open\n", SMT_OK, NULL);
    const smt_prediction_table *tables[2] = {a, b};
    const char *names[2] = {"first", "second"};
    smt_comparison *c = NULL;
    smt_error error = {0};
    assert_int_equal(smt_compare(tables, names, 2, 0, 1, &c, &error), SMT_OK);
    assert_int_equal(c->count, 3);
    assert_int_equal(c->class_count, 2);
    assert_string_equal(c->classes[0], "Open");
    assert_string_equal(c->classes[1], "bridge");
    assert_int_equal(c->metrics[1]->classes[0].support, 2);
    assert_int_equal(c->pairs[0].first_only, 1);
    assert_int_equal(c->pairs[0].second_only, 1);
    smt_comparison_destroy(&c);
    tables[0] = both;
    tables[1] = both;
    assert_int_equal(smt_compare(tables, names, 2, 0, 1, &c, &error), SMT_OK);
    assert_int_equal(c->class_count, 3);
    assert_true(c->metrics[0]->accuracy < 0.7); /* Bridges is not short there */
    smt_comparison_destroy(&c);
    smt_predictions_free(&a);
    smt_predictions_free(&b);
    smt_predictions_free(&both);
}

/* What both name right or both wrong is neither's alone, and rows are matched by their names. */
static void test_only(void **state)
{
    (void)state;
    smt_prediction_table *a = table("file,true,predicted\n0.png,via,via\na.png,open,open\n"
                                    "b.png,via,open\nc.png,via,via\nd.png,open,open\n"
                                    "e.png,via,open\n",
                                    SMT_OK,
                                    NULL);
    smt_prediction_table *b = table("file,true,predicted\na.png,open,via\nb.png,via,open\n"
                                    "c.png,via,via\nd.png,open,via\ne.png,via,via\n",
                                    SMT_OK,
                                    NULL);
    const smt_prediction_table *tables[2] = {a, b};
    const char *names[2] = {"first", "second"};
    smt_comparison *c = NULL;
    assert_int_equal(smt_compare(tables, names, 2, 0, 1, &c, NULL), SMT_OK);
    assert_int_equal(c->count, 5);
    assert_int_equal(c->left_out, 1);
    assert_int_equal(c->pairs[0].first_only, 2);  /* a and d */
    assert_int_equal(c->pairs[0].second_only, 1); /* e */
    assert_true(c->pairs[0].p == 1 && c->pairs[0].p_holm == 1);
    assert_true(c->metrics[0]->accuracy == 0.6 && c->metrics[1]->accuracy == 0.4);
    smt_comparison_destroy(&c);
    smt_predictions_free(&a);
    smt_predictions_free(&b);
}

/* Four classifiers, right on the first 0, 6, 8 and 16 images: between two of them n images count,
 * all for one, so p = 2^(1 - n). Of six pairs the smallest counts six times, the next five times,
 * and the two equal ones have the same. */
static void test_holm(void **state)
{
    (void)state;
    static const int right[4] = {0, 6, 8, 16};
    static const struct {
        int first, second;
        size_t images;
        double p, holm;
    } golden[6] = {{0, 1, 6, 0.03125, 0.0625},
                   {0, 2, 8, 0.0078125, 0.03125},
                   {0, 3, 16, 0.000030517578125, 0.00018310546875},
                   {1, 2, 2, 0.5, 0.5},
                   {1, 3, 10, 0.001953125, 0.009765625},
                   {2, 3, 8, 0.0078125, 0.03125}};
    smt_prediction_table *tables[4];
    const char *names[4] = {"a", "b", "c", "d"};
    for (int t = 0; t < 4; t++) {
        char text[512] = "file,true,predicted\n";
        for (int i = 0; i < 16; i++) {
            size_t used = strlen(text);
            snprintf(
                text + used, sizeof text - used, "%d,via,%s\n", i, i < right[t] ? "via" : "open");
        }
        tables[t] = table(text, SMT_OK, NULL);
    }
    smt_comparison *c = NULL;
    assert_int_equal(
        smt_compare((const smt_prediction_table *const *)tables, names, 4, 0, 1, &c, NULL), SMT_OK);
    assert_int_equal(c->pair_count, 6);
    for (int i = 0; i < 6; i++) {
        const smt_compared_pair *pair = &c->pairs[i];
        assert_int_equal(pair->first, golden[i].first);
        assert_int_equal(pair->second, golden[i].second);
        assert_int_equal(pair->first_only, 0);
        assert_int_equal(pair->second_only, golden[i].images);
        assert_true(fabs(pair->p / golden[i].p - 1) < 1e-9);
        assert_true(fabs(pair->p_holm / golden[i].holm - 1) < 1e-9);
    }
    smt_comparison_destroy(&c);
    for (int t = 0; t < 4; t++) {
        smt_predictions_free(&tables[t]);
    }
}

static void test_bad(void **state)
{
    (void)state;
    table("", SMT_ERR_FORMAT, "no column 'file'");
    table("file,true\n", SMT_ERR_FORMAT, "no column 'predicted'");
    table("file,true,predicted\na,b\n", SMT_ERR_FORMAT, "line 2");
    table("file,true,predicted\na,b,\"c\n", SMT_ERR_FORMAT, "never ends");
    table("file,true,predicted\na,b,c\na,b,c\n", SMT_ERR_FORMAT, "twice");
    smt_prediction_table *none = table("file,true,predicted\n", SMT_OK, NULL);
    assert_int_equal(none->count, 0);
    smt_predictions_free(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mcnemar),
                                       cmocka_unit_test(test_tables),
                                       cmocka_unit_test(test_names_of_models),
                                       cmocka_unit_test(test_only),
                                       cmocka_unit_test(test_holm),
                                       cmocka_unit_test(test_bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
