/* KLARF: parsing, asking everything, writing back, and reading what was written. */
#include <semtinel/klarf.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const smt_klarf *klarf)
{
    const smt_klarf_info *info = smt_klarf_about(klarf);
    volatile size_t sum = 0;
    for (size_t i = 0; i < info->defect_count; i++) {
        smt_klarf_defect defect;
        smt_klarf_defect_at(klarf, i, &defect);
        sum += strlen(defect.id) + strlen(defect.lot) + strlen(defect.wafer);
        const char *name =
            smt_klarf_class_name(klarf, i, smt_klarf_number(klarf, i, "CLASSNUMBER"));
        sum += name ? strlen(name) : 0;
        if (defect.image_count > info->image_count - defect.first_image) {
            abort();
        }
    }
    for (size_t i = 0; i < info->image_count; i++) {
        smt_klarf_image image;
        smt_klarf_image_at(klarf, i, &image);
        sum += strlen(image.file) + strlen(image.type);
    }
}

/* What was written is a KLARF with as many defects, whose classes are those that were asked for. */
static void rewrite(const smt_klarf *klarf)
{
    static const char *const classes[] = {"bridge", "a \"new\" one", "clean"};
    static const int numbers[] = {SMT_KLARF_NONE, SMT_KLARF_NONE, 7};
    size_t count = smt_klarf_about(klarf)->defect_count, size = 0;
    int *answer = smt_alloc(count + 1, sizeof *answer),
        *written = smt_alloc(count + 1, sizeof *written);
    char *text = NULL;
    smt_klarf *again = NULL;
    smt_error error;
    for (size_t i = 0; i < count; i++) {
        answer[i] = (int)(i % 4) - 1;
    }
    smt_klarf_answers answers = {.column = "CLASSNUMBER",
                                 .classes = classes,
                                 .class_count = 3,
                                 .numbers = numbers,
                                 .answer = answer};
    if (smt_klarf_rewrite(klarf, &answers, &text, &size, written, &error) == SMT_OK) {
        if (smt_klarf_parse(text, size, "again", &again, &error) ||
            smt_klarf_about(again)->defect_count != count) {
            abort();
        }
        for (size_t i = 0; i < count; i++) {
            int before = smt_klarf_number(klarf, i, "CLASSNUMBER"),
                after = smt_klarf_number(again, i, "CLASSNUMBER");
            if (after != (answer[i] < 0 ? before : written[i]) ||
                (answer[i] >= 0 && !smt_klarf_class_name(again, i, after))) {
                abort();
            }
        }
    }
    smt_klarf_destroy(&again);
    smt_free(text);
    smt_free(answer);
    smt_free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    smt_klarf *klarf = NULL;
    smt_error error = {0};
    smt_status status = smt_klarf_parse(data, size, "fuzz", &klarf, &error);
    if ((status == SMT_OK) != (klarf != NULL) || (status && !error.message[0])) {
        abort();
    }
    if (klarf) {
        ask(klarf);
        rewrite(klarf);
    }
    smt_klarf_destroy(&klarf);
    return 0;
}
