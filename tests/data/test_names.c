#include "data/made.h"

#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

static void canonical_names(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"bridge", "bridge"},
        {"Bridges", "bridge"},
        {"BRIDGE", "bridge"},
        {"short", "bridge"},
        {"via", "via"},
        {"vias", "via"},
        {"Malformed_Vias", "via"},
        {"cracks", "crack"},
        {"CMP(scratch)", "cmp"},
        {"CMP", "cmp"},
        {"Scratches", "scratch"},
        {"OTHERS", "other"},
        {"other", "other"},
        {"stain", "other"},
        {"opens", "open"},
        {"LER", "ler"},
        {"Line Edge Roughness", "ler"},
        {"particle contamination", "particle"},
        {"OK", "clean"},
        {"Pass", "clean"},
        {"good", "clean"},
        {"No_Defects", "clean"},
        {"defect-free", "clean"},
        {"non-defective", "clean"},
        {"NOK", "nok"},
        {"by-pass", "bypass"},
        {"CLEAN_CRACK", "cleancrack"},
        {"Bridge Defects", "bridge"},
        {"01_Bridge", "bridge"},
        {"3. Shorts", "bridge"},
        {"class_open_circuit", "open"},
        {"Broken Lines", "open"},
        {"defective vias", "via"},
        {"Via_Failure", "via"},
        {"CMP Scratches", "cmp"},
        {"CMP-defect", "cmp"},
        {"Line_Roughness", "ler"},
        {"Foreign Material", "particle"},
        {"other_defects", "other"},
        {"Normal wafer images", "clean"},
        {"non-defect", "clean"},
        {"defect", "defect"},
        {"Defects", "defect"},
        {"defect 1", "defect1"},
        {"class2", "class2"},
        {"type A", "typea"},
        {"3", "3"},
        {"90nm", "90nm"},
        {"1_2", "12"},
        {"cleaning residue", "cleaningresidue"},
        {"glass", "glass"},
        {"bus", "bus"},
        {"gas", "gas"},
        {"s", "s"},
        {"", ""},
        {"()", ""},
        {"\xe6\xa9\x8b", "\xe6\xa9\x8b"},
    };
    char out[SMT_CANONICAL];
    for (int i = 0; i < COUNT(pairs); i++) {
        smt_class_canonical(pairs[i][0], out);
        assert_string_equal(out, pairs[i][1]);
    }
    char longest[300];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    smt_class_canonical(longest, out);
    assert_int_equal(strlen(out), SMT_CANONICAL - 1);
}

static bool tells(const smt_class_map *map, const char *part)
{
    for (int i = 0; i < map->line_count; i++) {
        if (strstr(map->lines[i], part)) {
            return true;
        }
    }
    return false;
}

static smt_class_map *map_of(const char *const *model,
                             int model_count,
                             const char *const *set,
                             int set_count,
                             const char *const *overrides,
                             int override_count)
{
    smt_class_map *map = NULL;
    smt_error error = {SMT_OK, ""};
    if (smt_class_map_create(model,
                             model_count,
                             set,
                             NULL,
                             set_count,
                             overrides,
                             override_count,
                             false,
                             &map,
                             &error)) {
        fail_msg("%s", error.message);
    }
    return map;
}

static const char *predicted(const smt_class_map *map, int i)
{
    return map->classes[map->from_model[i]];
}

static const char *true_class(const smt_class_map *map, int i)
{
    return map->classes[map->from_set[i]];
}

static const char *const phase3[] = {"BRIDGE",
                                     "CLEAN_CRACK",
                                     "CLEAN_LAYER",
                                     "CLEAN_VIA",
                                     "CMP",
                                     "CRACK",
                                     "LER",
                                     "OPEN",
                                     "OTHERS",
                                     "PARTICLE",
                                     "VIA"};
static const char *const sem_a[] = {
    "Bridge", "Clean", "Crack", "LER", "Open", "Other", "Scratch", "Vias"};
static const char *const sem_h[] = {
    "CMP(scratch)", "LER", "bridge", "clean", "cracks", "open", "others", "vias"};

/* What remains of cleaning, or comes from a cleanroom, is a defect. */
static void cleaning_is_not_clean(void **state)
{
    (void)state;
    static const char *const model[] = {"clean", "cleaning residue", "Cleanroom_particle", "CRACK"};
    static const char *const set[] = {"CLEAN_VIA", "crack"};
    smt_class_map *map = map_of(model, COUNT(model), set, COUNT(set), NULL, 0);
    static const char *const want[] = {"clean", "other", "other", "CRACK"};
    static const bool clean[] = {true, false, false, false};
    for (int i = 0; i < COUNT(model); i++) {
        assert_string_equal(map->classes[map->from_model[i]], want[i]);
        assert_int_equal(map->model_clean[i], clean[i]);
    }
    assert_string_equal(true_class(map, 0), "clean");
    assert_true(map->set_clean[0]);
    smt_class_map_destroy(&map);
}

static void same_classes_need_no_map(void **state)
{
    (void)state;
    smt_class_map *map = map_of(phase3, COUNT(phase3), phase3, COUNT(phase3), NULL, 0);
    assert_int_equal(map->line_count, 0);
    assert_int_equal(map->class_count, COUNT(phase3));
    for (int i = 0; i < COUNT(phase3); i++) {
        assert_int_equal(map->from_model[i], i);
        assert_int_equal(map->from_set[i], i);
        assert_string_equal(map->classes[i], phase3[i]);
        assert_true(map->present[i]);
    }
    smt_class_map_destroy(&map);
    assert_null(map);
}

/* As the reference: kinds of clean are clean, CMP, PARTICLE
 * are unknown to the set, Scratch to the model. */
static void phase3_model_on_sem_a(void **state)
{
    (void)state;
    static const char *const want[] = {"BRIDGE",
                                       "Clean",
                                       "Clean",
                                       "Clean",
                                       "OTHERS",
                                       "CRACK",
                                       "LER",
                                       "OPEN",
                                       "OTHERS",
                                       "OTHERS",
                                       "VIA"};
    static const char *const truth[] = {
        "BRIDGE", "Clean", "CRACK", "LER", "OPEN", "OTHERS", "OTHERS", "VIA"};
    smt_class_map *map = map_of(phase3, COUNT(phase3), sem_a, COUNT(sem_a), NULL, 0);
    assert_int_equal(map->class_count, 7);
    for (int i = 0; i < COUNT(phase3); i++) {
        assert_string_equal(predicted(map, i), want[i]);
    }
    for (int i = 0; i < COUNT(sem_a); i++) {
        assert_string_equal(true_class(map, i), truth[i]);
    }
    assert_true(tells(map, "true Scratch counts as other: the model has no such class"));
    assert_true(tells(map, "1 true and 2 predicted classes count as other")); /* PARTICLE and CMP */
    smt_class_map_destroy(&map);
}

static void sem_a_model_on_phase3(void **state)
{
    (void)state;
    smt_class_map *map = map_of(sem_a, COUNT(sem_a), phase3, COUNT(phase3), NULL, 0);
    assert_string_equal(true_class(map, 1), "Clean"); /* CLEAN_CRACK */
    assert_string_equal(true_class(map, 3), "Clean");
    assert_string_equal(true_class(map, 4), "Other"); /* CMP */
    assert_string_equal(true_class(map, 9), "Other"); /* PARTICLE */
    assert_string_equal(true_class(map, 10), "Vias");
    assert_string_equal(predicted(map, 6), "Other"); /* Scratch */
    smt_class_map_destroy(&map);
}

static void sem_a_model_on_sem_h(void **state)
{
    (void)state;
    smt_class_map *map = map_of(sem_a, COUNT(sem_a), sem_h, COUNT(sem_h), NULL, 0);
    assert_string_equal(true_class(map, 0), "Other"); /* CMP(scratch) is cmp, as in the reference */
    assert_string_equal(true_class(map, 4), "Crack");
    assert_string_equal(predicted(map, 6), "Other");
    smt_class_map_destroy(&map);
    static const char *const overrides[] = {"CMP(scratch)=scratch"};
    map = map_of(sem_a, COUNT(sem_a), sem_h, COUNT(sem_h), overrides, 1);
    assert_string_equal(true_class(map, 0), "Scratch");
    assert_string_equal(predicted(map, 6), "Scratch");
    smt_class_map_destroy(&map);
}

static void overrides_name_either_side(void **state)
{
    (void)state;
    static const char *const to_other[] = {"scratch=other"};
    smt_class_map *map = map_of(sem_a, COUNT(sem_a), sem_a, COUNT(sem_a), to_other, 1);
    assert_string_equal(predicted(map, 6), "Other");
    assert_string_equal(true_class(map, 6), "Other");
    assert_int_equal(map->class_count, 7);
    assert_int_equal(map->line_count, 2);
    smt_class_map_destroy(&map);
    static const char *const swap[] = {"Open=Bridge", "Bridge=Open"};
    map = map_of(sem_a, COUNT(sem_a), sem_a, COUNT(sem_a), swap, 2);
    assert_int_equal(map->from_model[0], map->from_set[0]);
    assert_int_not_equal(map->from_model[0], map->from_model[4]);
    smt_class_map_destroy(&map);
}

static void names_may_hold_the_sign(void **state)
{
    (void)state;
    static const char *const model[] = {"a=b", "c", "d"};
    static const char *const set[] = {"x", "c=1", "d"};
    static const char *const overrides[] = {"x=a=b", "c=1=c"};
    smt_class_map *map = map_of(model, 3, set, 3, overrides, 2);
    assert_string_equal(true_class(map, 0), "a=b");
    assert_string_equal(true_class(map, 1), "c");
    smt_class_map_destroy(&map);
    static const char *const from[] = {"a=b=d"};
    map = map_of(model, 3, set, 3, from, 1);
    assert_string_equal(predicted(map, 0), "d");
    smt_class_map_destroy(&map);
    static const char *const first[] = {"=a", "c", "d"};
    static const char *const to_d[] = {"=a=d"};
    map = map_of(first, 3, set, 3, to_d, 1);
    assert_string_equal(predicted(map, 0), "d");
    smt_class_map_destroy(&map);
}

static void overrides_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"scratch",
                                      "=other",
                                      "scratch=",
                                      "scrtch=other",
                                      "scratch=nothing",
                                      "",
                                      "=",
                                      "a=b=c",
                                      "==="};
    for (int i = 0; i < COUNT(bad); i++) {
        smt_class_map *map = NULL;
        smt_error error = {SMT_OK, ""};
        assert_int_equal(
            smt_class_map_create(
                sem_a, COUNT(sem_a), sem_a, NULL, COUNT(sem_a), &bad[i], 1, false, &map, &error),
            SMT_ERR_ARGUMENT);
        assert_null(map);
        assert_non_null(strstr(error.message, "map "));
    }
}

static void synonyms_do_not_merge_what_both_keep_apart(void **state)
{
    (void)state;
    static const char *const both[] = {"bridge", "short", "open"};
    static const char *const one[] = {"Bridges", "opens"};
    smt_class_map *map = map_of(both, 3, both, 3, NULL, 0);
    assert_int_equal(map->class_count, 3);
    assert_int_equal(map->line_count, 0);
    smt_class_map_destroy(&map);
    static const char *const to_short[] = {"open=short"};
    map = map_of(both, 3, both, 3, to_short, 1);
    assert_string_equal(predicted(map, 2), "short");
    assert_int_equal(map->from_model[2], map->from_set[1]);
    smt_class_map_destroy(&map);
    static const char *const short_to[] = {"Short=open"}; /* by its spelling, not its synonyms */
    map = map_of(both, 3, both, 3, short_to, 1);
    assert_string_equal(predicted(map, 0), "bridge");
    assert_string_equal(predicted(map, 1), "open");
    smt_class_map_destroy(&map);
    map = map_of(both, 3, one, 2, NULL, 0);
    assert_int_equal(map->from_model[0], map->from_model[1]);
    assert_string_equal(predicted(map, 1), "bridge");
    smt_class_map_destroy(&map);
}

/* Nor does punctuation. */
static void twins_stay_apart(void **state)
{
    (void)state;
    char longer[2][81];
    for (int i = 0; i < 2; i++) {
        memset(longer[i], 'x', 80);
        longer[i][79] = (char)('a' + i);
        longer[i][80] = 0;
    }
    const char *const both[] = {"cd+", "cd-", "grade 1-1", "grade 11", longer[0], longer[1]};
    static const char *const some[] = {"CD-", "grade_11"}, *const one[] = {"cd", "other"};
    smt_class_map *map = map_of(both, 6, both, 6, NULL, 0);
    assert_int_equal(map->class_count, 6);
    assert_int_equal(map->line_count, 0);
    smt_class_map_destroy(&map);
    map = map_of(both, 6, some, 2, NULL, 0);
    assert_string_equal(predicted(map, 0), "other");
    assert_string_equal(predicted(map, 1), "cd-");
    assert_string_equal(predicted(map, 2), "other");
    assert_string_equal(predicted(map, 3), "grade 11");
    assert_string_equal(true_class(map, 0), "cd-");
    assert_string_equal(true_class(map, 1), "grade 11");
    smt_class_map_destroy(&map);
    map = map_of(some, 2, both, 6, NULL, 0);
    assert_string_equal(true_class(map, 0), "other");
    assert_string_equal(true_class(map, 1), "CD-");
    assert_string_equal(true_class(map, 3), "grade_11");
    smt_class_map_destroy(&map);
    map = map_of(both, 6, one, 2, NULL, 0); /* which no longer tells them apart */
    assert_int_equal(map->from_model[0], map->from_set[0]);
    assert_int_equal(map->from_model[1], map->from_set[0]);
    smt_class_map_destroy(&map);
}

/* Apart, nothing meets as other but what the model itself calls so. */
static void apart(void **state)
{
    (void)state;
    static const char *const model[] = {"bridge", "OTHERS", "CMP"}, *const less[] = {"bridge",
                                                                                     "CMP"};
    static const char *const set[] = {"bridge", "moon dust", "others"};
    static const char *const overrides[] = {"moon dust=other", "CMP=other"};
    smt_class_map *map = NULL;
    assert_int_equal(smt_class_map_create(model, 3, set, NULL, 3, NULL, 0, true, &map, NULL),
                     SMT_OK);
    assert_int_equal(map->from_set[0], map->from_model[0]);
    assert_int_equal(map->from_set[1], map->from_model[1]);
    assert_int_equal(map->from_set[2], map->from_model[1]);
    assert_string_equal(predicted(map, 2), "CMP");
    assert_true(tells(map, "true moon dust counts as other: the model has no such class"));
    assert_true(tells(map, "predicted CMP counts as a mistake: the set has no such class"));
    smt_class_map_destroy(&map);
    assert_int_equal(smt_class_map_create(less, 2, set, NULL, 3, NULL, 0, true, &map, NULL),
                     SMT_OK);
    assert_int_equal(map->class_count, 4);
    for (int i = 1; i < 3; i++) {
        assert_true(map->from_set[i] > map->from_model[1]);
        assert_true(map->present[map->from_set[i]]);
    }
    assert_true(tells(map, "true others counts as a mistake, whatever is predicted: the model"));
    assert_true(tells(map, "if some of these mean the same, say so with --map FROM=TO"));
    smt_class_map_destroy(&map);
    assert_int_equal(smt_class_map_create(less, 2, set, NULL, 3, overrides, 2, true, &map, NULL),
                     SMT_OK);
    assert_int_equal(map->from_set[1], map->from_model[1]);
    assert_int_equal(map->from_set[2], map->from_model[1]);
    smt_class_map_destroy(&map);
}

/* A class of the set of which no image is measured, perhaps because all are in train/, is not
 * "other" for that. */
static void absent_classes(void **state)
{
    (void)state;
    static const size_t images[] = {3, 0, 2, 1, 1, 0, 0, 5};
    smt_class_map *map = NULL;
    assert_int_equal(
        smt_class_map_create(
            sem_a, COUNT(sem_a), sem_a, images, COUNT(sem_a), NULL, 0, false, &map, NULL),
        SMT_OK);
    assert_string_equal(predicted(map, 1), "Clean");
    assert_int_equal(map->line_count, 0);
    assert_int_equal(map->from_set[1], -1);
    assert_false(map->present[map->from_model[1]]);
    assert_true(map->present[map->from_model[0]]);
    smt_class_map_destroy(&map);
    static const char *const few[] = {"Bridge", "Particle"};
    assert_int_equal(
        smt_class_map_create(sem_a, 1, few, images, COUNT(few), NULL, 0, false, &map, NULL),
        SMT_OK);
    assert_int_equal(map->line_count, 0);
    smt_class_map_destroy(&map);
}

static void nothing_in_common(void **state)
{
    (void)state;
    static const char *const model[] = {"()", "cat"};
    static const char *const set[] = {"[]", "dog"};
    smt_class_map *map = map_of(model, 2, set, 2, NULL, 0);
    assert_int_equal(map->class_count, 1);
    assert_string_equal(map->classes[0], "other");
    assert_int_equal(map->line_count, 5);
    smt_class_map_destroy(&map);
}

/* A class that counts as other stays a kind of clean, unless an override makes it other. */
static void clean_classes(void **state)
{
    (void)state;
    static const char *const model[] = {"CLEAN_VIA", "CLEAN_LAYER", "CRACK"};
    static const char *const set[] = {"crack", "good"}, *const known[] = {"crack", "dirt"};
    static const char *const overrides[] = {"CLEAN_LAYER=other"};
    smt_class_map *map = map_of(model, 3, set, 1, overrides, 1);
    assert_string_equal(predicted(map, 0), "other");
    assert_true(map->model_clean[0]);
    assert_false(map->model_clean[1] || map->model_clean[2] || map->set_clean[0]);
    smt_class_map_destroy(&map);
    map = map_of(known, 2, set, 2, NULL, 0);
    assert_string_equal(true_class(map, 1), "other");
    assert_true(map->set_clean[1]);
    smt_class_map_destroy(&map);
    map = map_of(set, 2, set, 2, NULL, 0); /* by another word on both sides */
    assert_true(map->model_clean[1] && map->set_clean[1]);
    assert_false(map->model_clean[0] || map->set_clean[0]);
    smt_class_map_destroy(&map);
}

/* Kinds of clean that the other side lacks meet as clean; as other, a model was right about a
 * clean image by naming a defect, and about an unknown defect by calling it clean. */
static void kinds_of_clean_meet(void **state)
{
    (void)state;
    static const char *const model[] = {"CLEAN_VIA", "CLEAN_LAYER", "CRACK", "OTHER"};
    static const char *const metal[] = {"CLEAN_METAL", "crack", "stain"};
    static const char *const via[] = {"CLEAN_METAL", "CLEAN_VIA", "crack"};
    static const size_t images[] = {0, 4, 4};
    smt_class_map *map = map_of(model, 4, metal, 3, NULL, 0);
    assert_string_equal(true_class(map, 0), "clean");
    assert_string_equal(true_class(map, 2), "OTHER");
    assert_string_equal(predicted(map, 0), "clean");
    assert_string_equal(predicted(map, 1), "clean");
    smt_class_map_destroy(&map);
    map = map_of(model, 4, via, 3, NULL, 0); /* what both have stays */
    assert_string_equal(true_class(map, 0), "clean");
    assert_string_equal(predicted(map, 1), "clean");
    assert_string_equal(true_class(map, 1), "CLEAN_VIA");
    assert_string_equal(predicted(map, 0), "CLEAN_VIA");
    smt_class_map_destroy(&map);
    static const char *const less[] = {"CLEAN_VIA", "CRACK", "OTHER"};
    map = map_of(less, 3, via, 3, NULL, 0); /* unless the model had nothing to meet with */
    assert_string_equal(true_class(map, 0), "clean");
    assert_string_equal(true_class(map, 1), "clean");
    assert_string_equal(predicted(map, 0), "clean");
    smt_class_map_destroy(&map);
    assert_int_equal(smt_class_map_create(less, 3, via, images, 3, NULL, 0, false, &map, NULL),
                     SMT_OK);
    assert_string_equal(true_class(map, 1), "CLEAN_VIA"); /* no image of the other kind */
    smt_class_map_destroy(&map);
    /* What is renamed to a kind goes with it. */
    static const char *const set[] = {"CLEAN_METAL", "crack", "top"};
    static const char *const overrides[] = {"top=CLEAN_METAL"};
    map = map_of(model, 4, set, 3, overrides, 1);
    assert_string_equal(true_class(map, 0), "clean");
    assert_string_equal(true_class(map, 2), "clean");
    smt_class_map_destroy(&map);
}

static void failing_allocations(void **state)
{
    (void)state;
    smt_status status = SMT_ERR_MEMORY;
    for (long n = 0; status; n++) {
        smt_class_map *map = NULL;
        smt_alloc_fail_after(n);
        status = smt_class_map_create(
            phase3, COUNT(phase3), sem_a, NULL, COUNT(sem_a), NULL, 0, false, &map, NULL);
        smt_alloc_fail_after(-1);
        assert_true(status == SMT_OK || (status == SMT_ERR_MEMORY && !map));
        smt_class_map_destroy(&map);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_names),
        cmocka_unit_test(cleaning_is_not_clean),
        cmocka_unit_test(same_classes_need_no_map),
        cmocka_unit_test(phase3_model_on_sem_a),
        cmocka_unit_test(sem_a_model_on_phase3),
        cmocka_unit_test(sem_a_model_on_sem_h),
        cmocka_unit_test(overrides_name_either_side),
        cmocka_unit_test(names_may_hold_the_sign),
        cmocka_unit_test(overrides_are_checked),
        cmocka_unit_test(synonyms_do_not_merge_what_both_keep_apart),
        cmocka_unit_test(twins_stay_apart),
        cmocka_unit_test(apart),
        cmocka_unit_test(absent_classes),
        cmocka_unit_test(nothing_in_common),
        cmocka_unit_test(clean_classes),
        cmocka_unit_test(kinds_of_clean_meet),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
