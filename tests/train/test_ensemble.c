/* What an ensemble knows of the images that trained its members. */
#include <semtinel/data.h>
#include <semtinel/train.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MEMBERS = 2, DIGITS = 8 };

static smt_model *make_model(uint64_t seed, const char *seen)
{
    smt_mobilenet_options arch = smt_mobilenet_defaults();
    static const char *const classes[] = {"a", "b", "c"};
    smt_graph *graph = NULL;
    smt_model *model = NULL;
    arch.width = 0.25f;
    arch.input_size = 32;
    arch.classes = 3;
    assert_int_equal(smt_mobilenetv3_small(&arch, seed, &graph, NULL), SMT_OK);
    assert_int_equal(smt_model_create(graph, &arch, classes, 3, &model, NULL), SMT_OK);
    smt_free(model->provenance);
    model->provenance = smt_format("{\"data\": {\"seen\": \"%s\"}}", seen);
    assert_non_null(model->provenance);
    return model;
}

/* The marks of the ensemble of members that were trained on images with the marks of first + 2 i.
 */
static char *seen_by_both(const uint32_t *first, size_t count)
{
    smt_model *models[MEMBERS], *ensemble = NULL;
    const char *const names[MEMBERS] = {"one", "two"};
    for (int m = 0; m < MEMBERS; m++) {
        uint32_t *marks = smt_alloc(count, sizeof *marks);
        for (size_t i = 0; i < count; i++) {
            marks[i] = first[m] + 2 * (uint32_t)i;
        }
        char *text = smt_marks_text(marks, count);
        models[m] = make_model((uint64_t)m, text);
        smt_free(text);
        smt_free(marks);
    }
    assert_int_equal(
        smt_ensemble((const smt_model *const *)models, names, MEMBERS, &ensemble, NULL), SMT_OK);
    const char *seen = strstr(ensemble->provenance, "\"seen\":\"");
    assert_non_null(seen);
    seen += strlen("\"seen\":\"");
    char *copy = smt_format("%.*s", (int)strcspn(seen, "\""), seen);
    smt_model_destroy(&ensemble);
    smt_model_destroy(&models[0]);
    smt_model_destroy(&models[1]);
    return copy;
}

static void test_marks(void **state)
{
    (void)state;
    char *seen = seen_by_both((const uint32_t[]){1, 2}, 3);
    assert_string_equal(seen, "000000010000000200000003000000040000000500000006");
    smt_free(seen);
    /* Of large sets members have the smallest only, and so has the ensemble: with as many, others
     * know that there are more. */
    seen = seen_by_both((const uint32_t[]){2, 1}, SMT_SEEN_MOST + 9);
    assert_int_equal(strlen(seen), DIGITS * SMT_SEEN_MOST);
    for (size_t i = 0; i < SMT_SEEN_MOST; i++) {
        char digits[DIGITS + 1] = {0};
        memcpy(digits, seen + DIGITS * i, DIGITS);
        assert_int_equal(strtoul(digits, NULL, 16), i + 1);
    }
    smt_free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_marks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
