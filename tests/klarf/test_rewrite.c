/* Writing back: what is not asked to change keeps its bytes. */
#include "format/damage.h"
#include "klarf/samples.h"

/* `from`, which stands once in *text, becomes `to`; *text is grown in place of it. */
static void replace(char **text, const char *from, const char *to)
{
    char *at = strstr(*text, from);
    assert_non_null(at);
    assert_null(strstr(at + 1, from));
    char *longer = smt_format("%.*s%s%s", (int)(at - *text), *text, to, at + strlen(from));
    assert_non_null(longer);
    smt_free(*text);
    *text = longer;
}

static char *rewritten(const smt_klarf *klarf,
                       const char *column,
                       const char *const *classes,
                       int class_count,
                       const int *numbers,
                       const int *answer,
                       int *written)
{
    char *text = NULL;
    size_t size = 0;
    smt_error error = {0};
    smt_klarf_answers answers = {.column = column,
                                 .classes = classes,
                                 .class_count = class_count,
                                 .numbers = numbers,
                                 .answer = answer};
    if (smt_klarf_rewrite(klarf, &answers, &text, &size, written, &error)) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(size, strlen(text));
    return text;
}

static const char *const classes[] = {"bridge", "particle", "clean", "scratch \"deep\""};

static void keeps_every_byte(void **state)
{
    (void)state;
    static const char *const names[] = {
        "flat12.klarf", "flat11.klarf", "tree18.klarf", "bare18.klarf"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t size = 0;
        char *before = sample_text(names[i], &size);
        smt_klarf *klarf = parsed(before, size);
        int answer[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
        char *after = rewritten(klarf, "CLASSNUMBER", classes, 4, NULL, answer, NULL);
        assert_string_equal(before, after);
        smt_free(after);
        smt_klarf_destroy(&klarf);
        smt_free(before);
    }
}

/* Names meet as everywhere: bridge is Bridges; particle has no row of its own, for "Particle /
 * residue" is another name. */
static void changes_cells_and_lookup(void **state)
{
    (void)state;
    size_t size = 0;
    char *expected = sample_text("flat12.klarf", &size);
    smt_klarf *klarf = parsed(expected, size);
    const int answer[] = {0, 1, -1, 3, 1};
    int written[5];
    char *after = rewritten(klarf, "AUTOSEMCLASS", classes, 4, NULL, answer, written);
    /* Behind the largest number in the file, 99; clean has 101, and no row, as nothing is clean. */
    static const int numbers[] = {10, 100, SMT_KLARF_NONE, 102, 100};
    assert_memory_equal(written, numbers, sizeof numbers);
    replace(&expected, "10 0 0 2 2 1 0 2 0", "10 0 10 2 2 1 0 2 0");
    replace(&expected, "31 0 NA 1 1\n", "31 0 100 1 1\n");
    replace(&expected, "10 31 0 1 1 1 0;", "10 31 102 1 1 1 0;");
    replace(&expected, "99 0 0 1 1 4 0;", "99 0 100 1 1 4 0;");
    replace(&expected, "ClassLookup 3", "ClassLookup 5");
    replace(&expected, "residue\";", "residue\"\n  100 \"particle\"\n  102 \"scratch 'deep'\";");
    assert_string_equal(after, expected);
    /* What was written is what is read, and writing it again changes nothing. */
    smt_klarf *again = parsed(after, strlen(after));
    assert_int_equal(smt_klarf_number(again, 3, "AUTOSEMCLASS"), 102);
    assert_string_equal(smt_klarf_class_name(again, 3, 102), "scratch 'deep'");
    char *twice = rewritten(again, "AUTOSEMCLASS", classes, 4, NULL, answer, written);
    assert_string_equal(twice, after);
    smt_free(twice);
    smt_free(after);
    smt_klarf_destroy(&again);
    /* Numbers of one's own: one that ClassLookup has, and one that it has not. */
    const int own[] = {31, 7, SMT_KLARF_NONE, SMT_KLARF_NONE};
    const int two[] = {0, 1, -1, -1, -1};
    after = rewritten(klarf, "CLASSNUMBER", classes, 4, own, two, written);
    assert_int_equal(written[0], 31);
    assert_non_null(strstr(after, "25.1 5.0 31 0 0 2 2 1 0 2 0"));
    assert_non_null(strstr(after, "1 1 7 0 NA 1 1\n 3 1"));
    assert_non_null(strstr(after, "ClassLookup 4\n"));
    assert_non_null(strstr(after, "residue\"\n  7 \"particle\";"));
    smt_free(after);
    /* Two classes of one number share its row. */
    const int alike[] = {7, 7, SMT_KLARF_NONE, SMT_KLARF_NONE};
    after = rewritten(klarf, "CLASSNUMBER", classes, 4, alike, two, NULL);
    assert_non_null(strstr(after, "ClassLookup 4\n"));
    assert_non_null(strstr(after, "residue\"\n  7 \"bridge\";"));
    smt_free(after);
    const int second[] = {1, -1, -1, -1, -1};
    after = rewritten(klarf, "CLASSNUMBER", classes, 4, alike, second, NULL);
    assert_non_null(strstr(after, "residue\"\n  7 \"particle\";"));
    smt_free(after);
    /* Behind a number of one's own, too, the next one is free. */
    const int large[] = {200, SMT_KLARF_NONE, SMT_KLARF_NONE, SMT_KLARF_NONE};
    after = rewritten(klarf, "CLASSNUMBER", classes, 4, large, second, written);
    assert_int_equal(written[0], 201);
    smt_free(after);
    smt_klarf_destroy(&klarf);
    smt_free(expected);
    /* A number that is right already stays as it is written. */
    expected = sample_text("flat12.klarf", &size);
    replace(&expected, "10 0 0 2 2 1 0 2 0", "10 0 010 2 2 1 0 2 0");
    klarf = parsed(expected, strlen(expected));
    const int first[] = {0, -1, -1, -1, -1};
    after = rewritten(klarf, "AUTOSEMCLASS", classes, 4, NULL, first, NULL);
    assert_string_equal(after, expected);
    smt_free(after);
    smt_klarf_destroy(&klarf);
    smt_free(expected);
}

static void adds_a_lookup(void **state)
{
    (void)state;
    size_t size = 0;
    char *expected = sample_text("flat11.klarf", &size);
    smt_klarf *klarf = parsed(expected, size);
    const int answer[] = {2, -1};
    char *after = rewritten(klarf, "CLASSNUMBER", classes, 4, NULL, answer, NULL);
    replace(&expected, "7 3 1.5", "7 6 1.5"); /* 3 is taken */
    replace(&expected,
            "DefectRecordSpec",
            "ClassLookup 2\r\n 0 \"Unclassified\"\r\n 6 \"clean\";\r\nDefectRecordSpec");
    assert_string_equal(after, expected);
    smt_free(after);
    smt_free(expected);
    smt_klarf_destroy(&klarf);
    /* One's own class 0 takes the place of Unclassified. */
    const int zero[] = {SMT_KLARF_NONE, SMT_KLARF_NONE, 0, SMT_KLARF_NONE};
    klarf = sample("flat11.klarf");
    after = rewritten(klarf, "CLASSNUMBER", classes, 4, zero, answer, NULL);
    assert_non_null(strstr(after, "ClassLookup 1\r\n 0 \"clean\";"));
    smt_free(after);
    smt_klarf_destroy(&klarf);
    /* Before the first list, where several columns follow each other. */
    static const char text[] = "FileVersion 1 2;DefectRecordSpec 1 CLASSNUMBER;DefectList 0;"
                               "DefectRecordSpec 2 CLASSNUMBER X;DefectList 0 0;EndOfFile;";
    klarf = parsed(text, sizeof text - 1);
    after = rewritten(klarf, "CLASSNUMBER", classes, 4, NULL, answer, NULL);
    assert_non_null(strstr(after, "1 2;ClassLookup 2\n 0 \"Unclassified\"\n 3 \"clean\";\nDefect"));
    smt_free(after);
    smt_klarf_destroy(&klarf);
    klarf = sample("bare18.klarf");
    after = rewritten(klarf, "CLASSNUMBER", classes, 4, NULL, answer, NULL);
    smt_klarf *again = parsed(after, strlen(after));
    assert_int_equal(smt_klarf_number(again, 0, "CLASSNUMBER"), 3);
    assert_string_equal(smt_klarf_class_name(again, 0, 3), "clean");
    assert_string_equal(smt_klarf_class_name(again, 0, 0), "Unclassified");
    smt_klarf_destroy(&again);
    smt_klarf_destroy(&klarf);
    smt_free(after);
}

static void changes_trees(void **state)
{
    (void)state;
    size_t size = 0;
    char *expected = sample_text("tree18.klarf", &size);
    smt_klarf *klarf = parsed(expected, size);
    const int answer[] = {0, 1, -1, 3};
    int written[4];
    char *after = rewritten(klarf, "CLASSNUMBER", classes, 4, NULL, answer, written);
    /* Short is a synonym of bridge. 91 stands in a row, without a name. */
    replace(&expected, "1950 -2 1 0 Images", "1950 -2 1 2 Images");
    replace(&expected, "0 0 91\n", "0 0 92\n");
    replace(&expected, "{ 1 2 Images 2", "{ 1 94 Images 2");
    replace(&expected, "Data 3\n      {", "Data 5\n      {");
    replace(&expected,
            "\"SH\";",
            "\"SH\";\n        92 \"particle\" \"\";\n        94 \"scratch 'deep'\" \"\";");
    assert_string_equal(after, expected);
    smt_free(after);
    smt_free(expected);
    /* A column that only some of the lists have cannot be written. */
    smt_error error = {0};
    smt_klarf_answers answers = {
        .column = "AUTOOFFSEMCLASS", .classes = classes, .class_count = 4, .answer = answer};
    assert_int_equal(smt_klarf_rewrite(klarf, &answers, &after, &size, NULL, &error),
                     SMT_ERR_ARGUMENT);
    smt_klarf_destroy(&klarf);
}

/* A wafer's rows go into the lookup before its defects. */
static void adds_to_the_wafers_lookup(void **state)
{
    (void)state;
    static const char text[] =
        "FileVersion 1 2;ClassLookup 1 5 \"open\";DefectRecordSpec 2 DEFECTID CLASSNUMBER;"
        "DefectList 1 0;ClassLookup 1 6 \"clean\";DefectList 2 0 3 0;EndOfFile;";
    smt_klarf *klarf = parsed(text, sizeof text - 1);
    const int answer[] = {1, 2, 0};
    char *after = rewritten(klarf, "CLASSNUMBER", classes, 4, NULL, answer, NULL);
    assert_string_equal(
        after,
        "FileVersion 1 2;ClassLookup 2 5 \"open\"\n 8 \"particle\";DefectRecordSpec 2 DEFECTID "
        "CLASSNUMBER;DefectList 1 8;ClassLookup 2 6 \"clean\"\n 7 \"bridge\";DefectList 2 6 3 "
        "7;EndOfFile;");
    smt_free(after);
    smt_klarf_destroy(&klarf);
}

/* Number 0 means unclassified, whatever it is called: a class is never written as 0. */
static void leaves_zero_alone(void **state)
{
    (void)state;
    static const char text[] = "FileVersion 1 2;ClassLookup 2 0 \"clean\" 5 \"open\";"
                               "DefectRecordSpec 2 DEFECTID CLASSNUMBER;DefectList 1 5;EndOfFile;";
    smt_klarf *klarf = parsed(text, sizeof text - 1);
    const int answer[] = {2};
    char *after = rewritten(klarf, "CLASSNUMBER", classes, 4, NULL, answer, NULL);
    assert_string_equal(after,
                        "FileVersion 1 2;ClassLookup 3 0 \"clean\" 5 \"open\"\n 8 \"clean\";"
                        "DefectRecordSpec 2 DEFECTID CLASSNUMBER;DefectList 1 8;EndOfFile;");
    smt_free(after);
    smt_klarf_destroy(&klarf);
}

/* Behind the largest int no number is free. */
static void runs_out_of_numbers(void **state)
{
    (void)state;
    static const char text[] = "FileVersion 1 2;ClassLookup 1 2147483647 \"open\";DefectRecordSpec "
                               "2 DEFECTID CLASSNUMBER;DefectList 1 0;EndOfFile;";
    smt_klarf *klarf = parsed(text, sizeof text - 1);
    const int answer[] = {0};
    smt_klarf_answers answers = {
        .column = "CLASSNUMBER", .classes = classes, .class_count = 4, .answer = answer};
    char *after = NULL;
    size_t size = 0;
    smt_error error = {0};
    assert_int_equal(smt_klarf_rewrite(klarf, &answers, &after, &size, NULL, &error),
                     SMT_ERR_LIMIT);
    assert_non_null(strstr(error.message, "give class 'bridge' one"));
    smt_klarf_destroy(&klarf);
}

/* A number takes the place of a quoted text without growing together with what stands beside it. */
static void replaces_quoted_cells(void **state)
{
    (void)state;
    static const char text[] =
        "FileVersion 1 2;ClassLookup 1 5 \"clean\";"
        "DefectRecordSpec 3 ID CLASSNUMBER A;DefectList 1\"x\"2 \"\"\"\"3;EndOfFile;";
    smt_klarf *klarf = parsed(text, sizeof text - 1);
    const int answer[] = {2, 2};
    char *after = rewritten(klarf, "CLASSNUMBER", classes, 4, NULL, answer, NULL);
    assert_non_null(strstr(after, "DefectList 1 5 2 \"\" 5 3;EndOfFile;"));
    smt_free(after);
    smt_klarf_destroy(&klarf);
}

/* The last row may end with the list's brace; one that is put behind it may not grow into it.
 * Column names meet in any case. */
static void ends_the_last_row(void **state)
{
    (void)state;
    static const char text[] = "Record FileRecord \"1.8\" { List DefectList { Columns 2 { int32 "
                               "DEFECTID, int32 CLASSNUMBER "
                               "} Data 1 { 1 0 } } List ClassLookupList { Columns 2 { int32 "
                               "ClassNumber, string ClassName } "
                               "Data 1 { 0 \"none\" } } } EndOfFile;";
    smt_klarf *klarf = parsed(text, sizeof text - 1);
    const int answer[] = {2};
    char *after = rewritten(klarf, "CLASSNUMBER", classes, 4, NULL, answer, NULL);
    assert_non_null(strstr(after, "Data 2 { 0 \"none\";\n 3 \"clean\"; } } }"));
    smt_klarf *again = parsed(after, strlen(after));
    assert_string_equal(smt_klarf_class_name(again, 0, 3), "clean");
    smt_klarf_destroy(&again);
    smt_free(after);
    smt_klarf_destroy(&klarf);
}

/* Letters of Latin-1 are read as such and written as such; UTF-8 stays UTF-8. */
static void keeps_letters(void **state)
{
    (void)state;
    static const char *const names[] = {"R\xc3\xbc"
                                        "ck",
                                        "\xc3\x9f",
                                        "\xe2\x82\xac"};
    static const char latin[] =
        "FileVersion 1 2;WaferID \"\xfc\x9b\";ClassLookup 1 5 \"R\xfc"
        "ck\";"
        "DefectRecordSpec 2 ID CLASSNUMBER;DefectList 1 0 2 0 3 0;EndOfFile;";
    const int answer[] = {0, 1, 2};
    smt_klarf *klarf = parsed(latin, sizeof latin - 1);
    smt_klarf_defect defect;
    smt_klarf_defect_at(klarf, 0, &defect);
    assert_string_equal(defect.wafer, "\xc3\xbc_");
    char *after = rewritten(klarf, "CLASSNUMBER", names, 3, NULL, answer, NULL);
    assert_non_null(strstr(after,
                           "ClassLookup 3 5 \"R\xfc"
                           "ck\"\n 6 \"\xdf\"\n 7 \"\xe2\x82\xac\";"));
    assert_non_null(strstr(after, "DefectList 1 5 2 6 3 7;"));
    smt_klarf *again = parsed(after, strlen(after));
    char *twice = rewritten(again, "CLASSNUMBER", names, 3, NULL, answer, NULL);
    assert_string_equal(after, twice);
    smt_free(twice);
    smt_free(after);
    smt_klarf_destroy(&again);
    smt_klarf_destroy(&klarf);
    klarf = parsed("FileVersion 1 2;DefectRecordSpec 1 CLASSNUMBER;DefectList 1;EndOfFile;", 70);
    after = rewritten(klarf, "CLASSNUMBER", names + 1, 1, NULL, answer, NULL);
    assert_non_null(strstr(after, "\"\xc3\x9f\";"));
    smt_free(after);
    smt_klarf_destroy(&klarf);
}

/* What says where a defect is, or what images it has, cannot take a class. */
static void keeps_other_columns(void **state)
{
    (void)state;
    const int answer[] = {0, 1, -1, 3, 1};
    char *text = NULL;
    size_t size = 0;
    static const char *const columns[] = {"DEFECTID", "xrel", "IMAGECOUNT", "IMAGELIST"};
    smt_klarf *klarf = sample("flat12.klarf");
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        smt_error error = {0};
        smt_klarf_answers answers = {
            .column = columns[i], .classes = classes, .class_count = 4, .answer = answer};
        assert_int_equal(smt_klarf_rewrite(klarf, &answers, &text, &size, NULL, &error),
                         SMT_ERR_ARGUMENT);
        assert_non_null(strstr(error.message, "is not for classes"));
    }
    smt_klarf_destroy(&klarf);
    klarf = sample("tree18.klarf");
    smt_error error = {0};
    assert_int_equal(smt_klarf_check_column(klarf, "XREL", &error), SMT_ERR_ARGUMENT);
    assert_null(strstr(error.message, "did you mean")); /* one list has it, the other does not */
    assert_int_equal(smt_klarf_check_writable(klarf, "CLASSNUMBER", NULL), SMT_OK);
    smt_klarf_destroy(&klarf);
    /* A column of images, whatever it is called. */
    static const char tree[] = "Record FileRecord \"1.8\" { List DefectList { Columns 2 { int32 "
                               "DEFECTID, ImageList PICTURES } Data 1 { 1 N; } } } EndOfFile;";
    klarf = parsed(tree, sizeof tree - 1);
    assert_int_equal(smt_klarf_check_writable(klarf, "pictures", &error), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "is not for classes"));
    smt_klarf_destroy(&klarf);
}

/* A quote that never ends would find its end in the names of new classes, and the rows in between
 * would be lost. */
static void refuses_what_would_be_read_otherwise(void **state)
{
    (void)state;
    smt_klarf *klarf = sample("unclosed12.klarf");
    size_t count = smt_klarf_about(klarf)->defect_count, size = 0;
    int *answer = smt_alloc(count, sizeof *answer);
    assert_non_null(answer);
    for (size_t i = 0; i < count; i++) {
        answer[i] = (int)(i % 4);
    }
    smt_klarf_answers answers = {
        .column = "CLASSNUMBER", .classes = classes, .class_count = 4, .answer = answer};
    char *text = NULL;
    smt_error error = {0};
    assert_int_equal(smt_klarf_rewrite(klarf, &answers, &text, &size, NULL, &error),
                     SMT_ERR_FORMAT);
    assert_null(text);
    assert_non_null(strstr(error.message, "lot.klarf: is malformed"));
    smt_free(answer);
    smt_klarf_destroy(&klarf);
}

static smt_status rewrite_sample(void *context, smt_error *error)
{
    const int answer[] = {0, 1, -1, 3, 1};
    smt_klarf_answers answers = {
        .column = "CLASSNUMBER", .classes = classes, .class_count = 4, .answer = answer};
    char own[] = "", *text = own;
    size_t size = 77;
    smt_status status = smt_klarf_rewrite(context, &answers, &text, &size, NULL, error);
    if (status) {
        assert_true(text == own && size == 77);
    } else {
        smt_free(text);
    }
    return status;
}

static void stands_a_lack_of_memory(void **state)
{
    (void)state;
    static const char *const names[] = {"flat12.klarf", "tree18.klarf", "bare18.klarf"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        smt_klarf *klarf = sample(names[i]);
        damage_memory(rewrite_sample, klarf, NULL, 1000, 1);
        smt_klarf_destroy(&klarf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_every_byte),
        cmocka_unit_test(changes_cells_and_lookup),
        cmocka_unit_test(adds_a_lookup),
        cmocka_unit_test(changes_trees),
        cmocka_unit_test(adds_to_the_wafers_lookup),
        cmocka_unit_test(leaves_zero_alone),
        cmocka_unit_test(runs_out_of_numbers),
        cmocka_unit_test(replaces_quoted_cells),
        cmocka_unit_test(ends_the_last_row),
        cmocka_unit_test(keeps_other_columns),
        cmocka_unit_test(keeps_letters),
        cmocka_unit_test(refuses_what_would_be_read_otherwise),
        cmocka_unit_test(stands_a_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
