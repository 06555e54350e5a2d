/* The KLARFs of fuzz/corpus/klarf, for the tests of src/klarf. */
#ifndef SEMTINEL_TESTS_KLARF_SAMPLES_H
#define SEMTINEL_TESTS_KLARF_SAMPLES_H

#include <semtinel/klarf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the standard headers before it. */
#include <cmocka.h>

/* The text, freed with smt_free. */
static inline char *sample_text(const char *name, size_t *size)
{
    char path[512];
    void *text = NULL;
    snprintf(path, sizeof path, "%s/../fuzz/corpus/klarf/%s", SMT_TEST_DIR, name);
    assert_int_equal(smt_file_load(path, 0, &text, size, NULL), SMT_OK);
    return text;
}

static inline smt_klarf *parsed(const char *text, size_t size)
{
    smt_klarf *klarf = NULL;
    smt_error error = {0};
    if (smt_klarf_parse(text, size, "lot.klarf", &klarf, &error)) {
        fail_msg("%s", error.message);
    }
    return klarf;
}

static inline smt_klarf *sample(const char *name)
{
    size_t size = 0;
    char *text = sample_text(name, &size);
    smt_klarf *klarf = parsed(text, size);
    smt_free(text);
    return klarf;
}

#endif
