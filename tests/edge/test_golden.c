/* TensorFlow Lite Micro's results on two int8 networks, operator by operator, with each kernel set.
 * The files are in golden-tflm beside $SEMTINEL_DATA; without them the test is skipped. */
#include "builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <zlib.h>

#include <cmocka.h>

static void *load(const char *name, size_t *size)
{
    char path[4096];
    const char *data = getenv("SEMTINEL_DATA");
    snprintf(path, sizeof path, "%s/../golden-tflm/%s", data ? data : "../shared/data", name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size + 1);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    bytes[*size] = 0;
    fclose(file);
    return bytes;
}

typedef struct trace_text {
    char text[16384];
    size_t used;
} trace_text;

static void add_line(void *context,
                     const smt_edge_operator *op,
                     const smt_edge_tensor *output,
                     const void *data)
{
    trace_text *t = context;
    int n = snprintf(t->text + t->used,
                     sizeof t->text - t->used,
                     "%d %s tensor %d bytes %u crc32 %08lx\n",
                     op->index,
                     smt_edge_code_name((int32_t)op->code),
                     output->index,
                     output->bytes,
                     crc32(0, data, output->bytes));
    t->used += (size_t)n;
}

static void check_network(const char *model, const char *stem, const smt_edge_kernels *kernels)
{
    size_t size;
    void *file = load(model, &size);
    if (!file) {
        print_message("skipped: no golden-tflm folder beside SEMTINEL_DATA\n");
        skip();
    }
    tb_run run;
    assert_int_equal(tb_open(&run, file, size, kernels), SMT_EDGE_OK);
    for (int i = 0; i < 12; i++) {
        char name[64];
        size_t in_size, out_size, crc_size;
        trace_text *trace = calloc(1, sizeof *trace);
        snprintf(name, sizeof name, "%s-%02d.in", stem, i);
        void *in = load(name, &in_size);
        snprintf(name, sizeof name, "%s-%02d.out", stem, i);
        void *out = load(name, &out_size);
        snprintf(name, sizeof name, "%s-%02d.crc", stem, i);
        char *crc = load(name, &crc_size);
        memcpy(smt_edge_input(&run.runner, 0), in, in_size);
        smt_edge_invoke(&run.runner, add_line, trace);
        assert_string_equal(trace->text, crc);
        assert_memory_equal(smt_edge_output(&run.runner, 0), out, out_size);
        assert_true(tb_canary_intact(&run));
        free(in);
        free(out);
        free(crc);
        free(trace);
    }
    tb_close(&run);
    free(file);
}

/* By every set that this processor runs. */
static void check_sets(const char *model, const char *stem)
{
    const smt_edge_kernels *sets[] = {smt_edge_kernels_reference(),
                                      smt_edge_kernels_avx2(),
                                      smt_edge_kernels_avx512(),
                                      smt_edge_kernels_neon()};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (sets[i]) {
            check_network(model, stem, sets[i]);
        }
    }
}

static void mobilenet(void **state)
{
    (void)state;
    check_sets("mobilenetv3-small-128x128x1-int8.tflite", "mobilenetv3-small");
}

static void wake_words(void **state)
{
    (void)state;
    check_sets("visual-wake-words-96x96x3-int8.tflite", "visual-wake-words");
}

/* 92 KB is what the microcontroller has; TensorFlow Lite Micro takes 216,404 bytes. */
static void arena_of_mobilenet_fits(void **state)
{
    (void)state;
    size_t size;
    void *file = load("mobilenetv3-small-128x128x1-int8.tflite", &size);
    if (!file)
        skip();
    tb_run run;
    assert_int_equal(tb_open(&run, file, size, smt_edge_kernels_reference()), SMT_EDGE_OK);
    assert_in_range(run.plan.arena_bytes + smt_edge_places_bytes(&run.model), 65536, 92000);
    tb_close(&run);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mobilenet),
        cmocka_unit_test(wake_words),
        cmocka_unit_test(arena_of_mobilenet_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
