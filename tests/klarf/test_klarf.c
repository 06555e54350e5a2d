/* Reading KLARFs of every version. */
#include "format/damage.h"
#include "klarf/samples.h"

#include <math.h>

static void check_defect(const smt_klarf *klarf,
                         size_t index,
                         const char *id,
                         const char *wafer,
                         double x,
                         double y,
                         size_t images)
{
    smt_klarf_defect defect;
    smt_klarf_defect_at(klarf, index, &defect);
    assert_string_equal(defect.id, id);
    assert_string_equal(defect.wafer, wafer);
    if (isnan(x)) {
        assert_true(isnan(defect.x));
    } else {
        assert_true(fabs(defect.x - x) < 1e-6);
        assert_true(fabs(defect.y - y) < 1e-6);
    }
    assert_int_equal(defect.image_count, images);
}

static void
check_image(const smt_klarf *klarf, size_t index, const char *file, int page, const char *type)
{
    smt_klarf_image image;
    smt_klarf_image_at(klarf, index, &image);
    assert_string_equal(image.file, file);
    assert_int_equal(image.page, page);
    assert_string_equal(image.type, type);
}

static void check_flat(const smt_klarf *klarf)
{
    const smt_klarf_info *info = smt_klarf_about(klarf);
    assert_string_equal(info->version, "1.2");
    assert_int_equal(info->wafer_count, 2);
    assert_int_equal(info->defect_count, 5);
    assert_int_equal(info->image_count, 5);
    check_defect(klarf, 0, "1", "W01", 350.5 - 100, 750.25 + 50, 2);
    check_defect(klarf, 1, "2", "W01", -2 * 2500 + 100 - 100, 3000 + 200 + 50, 1);
    check_defect(klarf, 2, "3", "W01", 2500 + 100 - 100, 3000 + 200 + 50, 0);
    check_defect(klarf, 3, "4", "W01", (double)NAN, 0, 1);
    check_defect(klarf, 4, "5", "W02", 10, 20, 1);
    check_image(klarf, 0, "pages.tif", 1, "0");
    check_image(klarf, 1, "pages.tif", 2, "0");
    check_image(klarf, 2, "pages.tif", 3, "1");
    check_image(klarf, 3, "sub dir\\single one.png", 1, "0");
    check_image(klarf, 4, "/mnt/tool/images/W02 all.tif", 4, "0");
    assert_int_equal(smt_klarf_number(klarf, 0, "CLASSNUMBER"), 10);
    assert_int_equal(smt_klarf_number(klarf, 3, "mansemclass"), 31);
    assert_int_equal(smt_klarf_number(klarf, 1, "AUTOSEMCLASS"), SMT_KLARF_NONE); /* NA */
    assert_int_equal(smt_klarf_number(klarf, 1, "NOSUCH"), SMT_KLARF_NONE);
    assert_string_equal(smt_klarf_class_name(klarf, 0, 31), "Particle / residue");
    assert_null(smt_klarf_class_name(klarf, 4, 99));
    assert_true(smt_klarf_has_column(klarf, "AutoSemClass"));
    assert_false(smt_klarf_has_column(klarf, "AUTOSEMCLAS"));
}

static void reads_flat_files(void **state)
{
    (void)state;
    smt_klarf *klarf = sample("flat12.klarf");
    check_flat(klarf);
    smt_error error = {0};
    assert_int_equal(smt_klarf_check_column(klarf, "AUTOSEMCLAS", &error), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "did you mean 'AUTOSEMCLASS'"));
    smt_klarf_destroy(&klarf);
    assert_null(klarf);
    klarf = sample("flat11.klarf");
    assert_string_equal(smt_klarf_about(klarf)->version, "1.1");
    assert_int_equal(smt_klarf_about(klarf)->defect_count, 2);
    assert_int_equal(smt_klarf_about(klarf)->image_count, 0); /* IMAGECOUNT without a list */
    check_defect(klarf, 1, "8", "1", (double)NAN, 0, 0);
    assert_null(smt_klarf_class_name(klarf, 0, 3)); /* no ClassLookup */
    smt_klarf_destroy(&klarf);
}

/* Lines mean nothing: all white space one blank, or all of it CRLF. */
static void lines_mean_nothing(void **state)
{
    (void)state;
    size_t size = 0, used = 0;
    char *text = sample_text("flat12.klarf", &size), *wide = smt_alloc(2 * size, 1);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n') {
            wide[used++] = '\r';
        }
        wide[used++] = text[i];
    }
    smt_klarf *klarf = parsed(wide, used);
    check_flat(klarf);
    smt_klarf_destroy(&klarf);
    for (size_t i = 0; i < size; i++) {
        text[i] = text[i] == '\n' ? ' ' : text[i];
    }
    klarf = parsed(text, size);
    check_flat(klarf);
    smt_klarf_destroy(&klarf);
    smt_free(text);
    smt_free(wide);
}

/* Some writers end every row with a semicolon, and put ClassLookup at the end. */
static void reads_rows_with_semicolons(void **state)
{
    (void)state;
    static const char text[] = "FileVersion 1 2;\nDefectRecordSpec 2 DEFECTID CLASSNUMBER;\n"
                               "DefectList\n1 4;\n2 5;\n3 4;\nClassLookup 2;\n4 \"a\";\n5 b;\n"
                               "EndOfFile;\n";
    smt_klarf *klarf = parsed(text, sizeof text - 1);
    assert_int_equal(smt_klarf_about(klarf)->defect_count, 3);
    assert_string_equal(smt_klarf_class_name(klarf, 0, 4), "a");
    assert_string_equal(smt_klarf_class_name(klarf, 0, 5), "b");
    smt_klarf_destroy(&klarf);
}

/* Images before other columns, numbers that begin with a point, a class of several texts; and
 * wafers between which nothing else is said. */
static void reads_unusual_rows(void **state)
{
    (void)state;
    static const char text[] =
        "FileVersion 1 2;\nClassLookup 2\n4 \"a\" \"what it is\"\n5 b;\n"
        "DiePitch 1 1;\nSampleCenterLocation .5 -.5;\n"
        "DefectRecordSpec 7 DEFECTID IMAGELIST XREL YREL XINDEX YINDEX CLASSNUMBER;\n"
        "WaferID \"one\";\nDefectList\n1 2 1 0 2 0 .25 1 0 0 5\n2 0 1 1 0 0 -5;\n"
        "WaferID \"two\";\nDefectList\n1 1 3 0 1 1 0 0 4;\nEndOfFile;\n";
    smt_klarf *klarf = parsed(text, sizeof text - 1);
    assert_int_equal(smt_klarf_about(klarf)->defect_count, 3);
    check_defect(klarf, 0, "1", "one", .25 - .5, 1 + .5, 2);
    check_defect(klarf, 1, "2", "one", 1 - .5, 1 + .5, 0);
    check_defect(klarf, 2, "1", "two", 1 - .5, 1 + .5, 1);
    assert_int_equal(smt_klarf_number(klarf, 0, "CLASSNUMBER"), 5);
    assert_int_equal(smt_klarf_number(klarf, 1, "CLASSNUMBER"), SMT_KLARF_NONE);
    assert_int_equal(smt_klarf_number(klarf, 2, "CLASSNUMBER"), 4);
    assert_string_equal(smt_klarf_class_name(klarf, 0, 4), "a");
    assert_string_equal(smt_klarf_class_name(klarf, 0, 5), "b");
    smt_klarf_destroy(&klarf);
}

static void reads_trees(void **state)
{
    (void)state;
    smt_klarf *klarf = sample("tree18.klarf");
    const smt_klarf_info *info = smt_klarf_about(klarf);
    assert_string_equal(info->version, "1.8");
    assert_int_equal(info->wafer_count, 2);
    assert_int_equal(info->defect_count, 4);
    assert_int_equal(info->image_count, 5);
    /* Nanometres become micrometres; the pitch stands behind the wafers. */
    check_defect(klarf, 0, "2", "w1", -2 * 7270 + 7.24 - 1, 6550 + 1.95 + 2, 2);
    check_defect(klarf, 1, "5", "w1", 0.1 - 1, 0.2 + 2, 0);
    check_defect(klarf, 2, "6", "w1", (double)NAN, 0, 1);
    check_defect(klarf, 3, "1", "w2", (double)NAN, 0, 2);
    check_image(klarf, 0, "a\\one.jpg", 1, "Patch");
    check_image(klarf, 1, "b/two; {x}.jpg", 1, "Ref");
    check_image(klarf, 2, "..\\..\\up.tif", 3, "Patch");
    check_image(klarf, 3, "W2.I01", 1, "30");
    check_image(klarf, 4, "W2.I01", 2, "31");
    assert_int_equal(smt_klarf_number(klarf, 0, "CLASSNUMBER"), 0);
    assert_int_equal(smt_klarf_number(klarf, 2, "AUTOOFFSEMCLASS"), 2); /* behind the images */
    assert_int_equal(smt_klarf_number(klarf, 1, "AUTOOFFSEMCLASS"), SMT_KLARF_NONE);
    assert_false(smt_klarf_has_column(klarf, "AUTOOFFSEMCLASS")); /* only one of the lists has it */
    assert_string_equal(smt_klarf_class_name(klarf, 3, 2), "Short");
    smt_klarf_defect defect;
    smt_klarf_defect_at(klarf, 3, &defect);
    assert_string_equal(defect.lot, "lot8");
    smt_klarf_destroy(&klarf);
}

#define LOOKUP(rows)                                                                               \
    "List ClassLookupList { Columns 2 { int32 CLASSNUMBER, string CLASSNAME } Data 1 {" rows "} "  \
    "}\n"

/* What is nearer holds: a wafer's own classes, an image's own file. */
static void keeps_what_is_nearer(void **state)
{
    (void)state;
    static const char text[] =
        "Record FileRecord \"1.8\" { Record LotRecord \"l\" { Record WaferRecord \"a\" {\n"
        "Field ImageFileName 1 { \"all.tif\" }\n" LOOKUP(
            "4 \"of a\"") "List DefectList { Columns 3 { int32 DEFECTID, int32 CLASSNUMBER, "
                          "ImageList IMAGES } Data 2 {"
                          " 1 4 Images 1 { \"own.jpg\" \"jpg\" 1 \"patch\" \"more\" }; 2 4 Images "
                          "1 { 7 \"ref\" }; } } }\n"
                          "Record WaferRecord \"b\" { " LOOKUP(
                              "4 \"of b\"") "List DefectList { Columns 2 { int32 DEFECTID, int32 "
                                            "CLASSNUMBER } Data 1 { 1 4; } } } } }\n"
                                            "EndOfFile;";
    smt_klarf *klarf = parsed(text, sizeof text - 1);
    assert_int_equal(smt_klarf_about(klarf)->defect_count, 3);
    check_image(klarf, 0, "own.jpg", 1, "patch");
    check_image(klarf, 1, "all.tif", 7, "ref");
    assert_string_equal(smt_klarf_class_name(klarf, 1, 4), "of a");
    assert_string_equal(smt_klarf_class_name(klarf, 2, 4), "of b");
    smt_klarf_destroy(&klarf);
}

static bool taken_for_klarf(const char *text)
{
    smt_klarf *klarf = NULL;
    smt_error error = {0};
    smt_status status = smt_klarf_parse(text, strlen(text), "lot.klarf", &klarf, &error);
    smt_klarf_destroy(&klarf);
    return !status || !strstr(error.message, "is no KLARF");
}

static void knows_klarfs(void **state)
{
    (void)state;
    static const char *const yes[] = {"FileVersion 1 2;",
                                      "\n fileversion 1 1;",
                                      "\xef\xbb\xbf"
                                      "Record FileRecord {",
                                      "RECORD\tFILERECORD"};
    static const char *const no[] = {
        "", "FileVersions 1 2;", "Record LotRecord", "\x89PNG\r\n", "\"FileVersion\" 1 2;"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        assert_true(taken_for_klarf(yes[i]));
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        assert_false(taken_for_klarf(no[i]));
    }
}

#define FLAT "FileVersion 1 2;\n"
#define SPEC FLAT "DefectRecordSpec 4 DEFECTID CLASSNUMBER IMAGECOUNT IMAGELIST;\n"
#define TREE "Record FileRecord \"1.8\" {\n"
#define LIST TREE "List DefectList {\nColumns 2 { int32 DEFECTID, ImageList IMAGES }\n"

static void tells_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        smt_status status;
        const char *message;
    } cases[] = {
        {"hello", SMT_ERR_FORMAT, "lot.klarf: is no KLARF"},
        {"\x1f\x8b\x08", SMT_ERR_FORMAT, "is packed"},
        {"FileVersion 2 0;", SMT_ERR_UNSUPPORTED, "line 1: FileVersion 2 0: read are"},
        {"FileVersion", SMT_ERR_FORMAT, "line 1"},
        {FLAT "LotID \"x;\n", SMT_ERR_FORMAT, "line 2: a quoted text begins here and never ends"},
        {FLAT "\nSlot 3\n", SMT_ERR_FORMAT, "ends within Slot of line 3: it is cut off"},
        {FLAT "DefectList\n1 2 3;",
         SMT_ERR_FORMAT,
         "line 2: DefectList without a DefectRecordSpec"},
        {FLAT "DefectRecordSpec 3 DEFECTID;", SMT_ERR_FORMAT, "says 3 columns and names 1"},
        {FLAT "DefectRecordSpec DEFECTID;", SMT_ERR_FORMAT, "'DEFECTID' stands where the number"},
        {FLAT "ClassLookup 1\n x \"a\";",
         SMT_ERR_FORMAT,
         "line 3: 'x' stands where the number of a class"},
        {FLAT "ClassLookup 1\n 1 \"a\"", SMT_ERR_FORMAT, "ends within ClassLookup of line 2"},
        {FLAT "ClassLookup 1\n 1;", SMT_ERR_FORMAT, "';' stands where the name of a class"},
        {FLAT "{", SMT_ERR_FORMAT, "'{' stands where a keyword"},
        {SPEC "DefectList\n1 0 0;",
         SMT_ERR_FORMAT,
         "line 4: the defect's row ends behind 3 of the 4"},
        {SPEC "DefectList\n1 0 0 0\n2 0", SMT_ERR_FORMAT, "ends within the defect of line 5"},
        {SPEC "DefectList\n1 0 1 1 7 0\n", SMT_ERR_FORMAT, "ends within DefectList of line 3"},
        {SPEC "DefectList\n1 0 1 9 7 0;", SMT_ERR_FORMAT, "';' stands where an image"},
        {SPEC "DefectList\n1 0 1 x 7 0;", SMT_ERR_FORMAT, "'x' stands where the number of images"},
        {SPEC "DefectList\n1 0 0 0 5.5\n2 0 0 0;",
         SMT_ERR_FORMAT,
         "'5.5' is no DEFECTID: the rows before"},
        {"Record FileRecord \"2.0\" {}", SMT_ERR_UNSUPPORTED, "FileRecord \"2.0\": read are"},
        {"Record FileRecord \"1.8\" ;", SMT_ERR_FORMAT, "';' stands where '{' is expected"},
        {TREE "\nRecord LotRecord \"a\" {", SMT_ERR_FORMAT, "ends within LotRecord of line 3"},
        {TREE "Field A 1 {\"x\"", SMT_ERR_FORMAT, "ends within the braces of line 2"},
        {TREE "nonsense", SMT_ERR_FORMAT, "'nonsense' stands where Record, Field, List"},
        {TREE "} }", SMT_ERR_FORMAT, "'}' stands where Record or EndOfFile"},
        {TREE "List DefectList { Data 1 { 1; } }", SMT_ERR_FORMAT, "a row without Columns"},
        {TREE "List DefectList { Columns 1 { int32 A, int32 B } }",
         SMT_ERR_FORMAT,
         "says 1 and names 2"},
        {TREE "List DefectList { Rows }", SMT_ERR_FORMAT, "'Rows' stands where Columns, Data"},
        {TREE "List ClassLookupList { Columns 1 { int32 A } Data 0 { } }",
         SMT_ERR_FORMAT,
         "without the columns CLASSNUMBER"},
        {TREE "List ClassLookupList { Columns 2 { int32 CLASSNUMBER, string CLASSNAME } }",
         SMT_ERR_FORMAT,
         "line 2: ClassLookupList without Data"},
        {LIST "Data 1 { 1; }", SMT_ERR_FORMAT, "line 4: the defect's row ends behind 1 of its 2"},
        {LIST "Data 1 { 1 N 3; }", SMT_ERR_FORMAT, "'3' stands where the end of a row"},
        {LIST "Data 1 { 1 Images 2 { \"a\" 1 \"b\" }; }",
         SMT_ERR_FORMAT,
         "2 images are announced, 3 values"},
        {LIST "Data 1 { 1 Images 2 { \"a\" { ", SMT_ERR_FORMAT, "'{' stands where an image"},
        {LIST "Data 1 { 1 Images 1 { 1 \"b\" }", SMT_ERR_FORMAT, "cut off"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        smt_klarf *klarf = NULL;
        smt_error error = {0};
        smt_status status =
            smt_klarf_parse(cases[i].text, strlen(cases[i].text), "lot.klarf", &klarf, &error);
        if (status != cases[i].status || !strstr(error.message, cases[i].message) ||
            strncmp(error.message, "lot.klarf: ", 11) != 0) {
            fail_msg(
                "%s:\n'%s' does not hold '%s'", cases[i].text, error.message, cases[i].message);
        }
        assert_null(klarf);
    }
}

/* count times `part` behind `head`. */
static smt_status parse_many(const char *head, const char *part, size_t count, smt_error *error)
{
    size_t first = strlen(head), each = strlen(part);
    char *text = smt_alloc(first + count * each + 1, 1);
    assert_non_null(text);
    memcpy(text, head, first);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + first + i * each, part, each);
    }
    smt_klarf *klarf = NULL;
    smt_status status = smt_klarf_parse(text, first + count * each, "lot.klarf", &klarf, error);
    smt_klarf_destroy(&klarf);
    smt_free(text);
    return status;
}

static void keeps_limits(void **state)
{
    (void)state;
    smt_error error = {0};
    assert_int_equal(parse_many(TREE, "Record A {", SMT_KLARF_MAX_DEPTH, &error), SMT_ERR_LIMIT);
    assert_non_null(strstr(error.message, "32 deep"));
    assert_int_equal(
        parse_many(FLAT "ClassLookup 1 ", "1 \"a\" ", SMT_KLARF_MAX_CLASSES + 1, &error),
        SMT_ERR_LIMIT);
    assert_int_equal(
        parse_many(FLAT "DefectRecordSpec 1 ", "A ", SMT_KLARF_MAX_COLUMNS + 1, &error),
        SMT_ERR_LIMIT);
    assert_int_equal(
        parse_many(
            FLAT "DefectRecordSpec 1 A;DefectList ", "1 ", SMT_KLARF_MAX_DEFECTS + 1, &error),
        SMT_ERR_LIMIT);
    assert_non_null(strstr(error.message, "more than 4194304 defects"));
    /* Within them: tens of thousands of lists and defects. */
    assert_int_equal(
        parse_many(SPEC, "TiffFileName a.tif;DefectList 1 1 1 1 1 0;\n", 30000, &error), SMT_OK);
}

static smt_status read_bytes(const char *name, const void *data, size_t size, smt_error *error)
{
    smt_klarf *klarf = NULL;
    smt_status status = smt_klarf_parse(data, size, name, &klarf, error);
    for (size_t i = 0; !status && i < smt_klarf_about(klarf)->defect_count; i++) {
        smt_klarf_defect defect;
        smt_klarf_defect_at(klarf, i, &defect);
    }
    smt_klarf_destroy(&klarf);
    return status;
}

static smt_status read_sample(void *context, smt_error *error)
{
    const char *text = context;
    return read_bytes("lot.klarf", text, strlen(text), error);
}

static void stands_damage(void **state)
{
    (void)state;
    static const char *const names[] = {"flat12.klarf", "tree18.klarf"};
    for (size_t i = 0; i < 2; i++) {
        size_t size = 0;
        char *text = sample_text(names[i], &size);
        size_t refused = damage_cut(read_bytes, (const uint8_t *)text, size, size, 1);
        assert_true(refused > size / 2);
        damage_change(read_bytes, (const uint8_t *)text, size, 200, 3000);
        damage_memory(read_sample, text, NULL, 1000, 1);
        smt_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_flat_files),
        cmocka_unit_test(lines_mean_nothing),
        cmocka_unit_test(reads_rows_with_semicolons),
        cmocka_unit_test(reads_unusual_rows),
        cmocka_unit_test(reads_trees),
        cmocka_unit_test(keeps_what_is_nearer),
        cmocka_unit_test(knows_klarfs),
        cmocka_unit_test(tells_what_is_wrong),
        cmocka_unit_test(keeps_limits),
        cmocka_unit_test(stands_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
