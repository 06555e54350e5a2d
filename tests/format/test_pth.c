/* PyTorch files: what the pickle reader refuses, cut and flipped files. */
#include "format/damage.h"
#include "format/pickle.h"
#include "format/torch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include <cmocka.h>

static uint8_t *file;
static size_t file_size;

static int setup(void **state)
{
    (void)state;
    void *data = NULL;
    smt_error error;
    char *path = smt_format("%s/golden/format/torchvision.pth", SMT_TEST_DIR);
    int failed = smt_file_load(path, 0, &data, &file_size, &error) != SMT_OK;
    file = data;
    smt_free(path);
    return failed;
}

static int teardown(void **state)
{
    (void)state;
    smt_free(file);
    return 0;
}

static void test_tensors(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_tensor_file *tensors = NULL;
    assert_int_equal(smt_pth_parse("a.pth", file, file_size, &tensors, &error), SMT_OK);
    const smt_tensor *stem = smt_tensor_file_find(tensors, "features.0.0.weight");
    assert_non_null(stem);
    assert_int_equal(stem->rank, 4);
    assert_int_equal(stem->dim[1], 3);
    assert_null(smt_tensor_file_find(tensors, "features.0.1.num_batches_tracked"));
    assert_true(smt_torchvision_names(tensors));
    smt_tensor_file_destroy(&tensors);
}

static void assert_pickle_refused(const char *bytes, size_t size, const char *word)
{
    smt_error error = {0};
    pickle parsed;
    assert_int_not_equal(pickle_parse("x.pth", bytes, size, &parsed, &error), SMT_OK);
    if (!strstr(error.message, word)) {
        fail_msg("'%s' does not say '%s'", error.message, word);
    }
}

#define REFUSED(bytes, word) assert_pickle_refused(bytes, sizeof(bytes) - 1, word)

/* The classic attacks, and each operation on an empty stack. */
static void test_pickles(void **state)
{
    (void)state;
    REFUSED("\x80\x02"
            "cos\nsystem\nX\5\0\0\0id>&2\x85R.",
            "os.system");
    REFUSED("\x80\x04\x8c\5posix\x8c\6system\x93.", "posix.system");
    REFUSED("\x80\x02"
            "cbuiltins\neval\n.",
            "builtins.eval");
    REFUSED("\x80\x02i", "opcode 0x69");
    REFUSED("\x80\x02\x81", "opcode 0x81");
    REFUSED("\x80\x02"
            "ccollections\nOrderedDict\n(tRq\x05h\x06.",
            "cut or damaged");
    static const char operations[] = "stuaebRQ\x85\x86\x87qrhj.\x93\x94";
    for (size_t i = 0; i < sizeof operations - 1; i++) {
        char one[8] = {(char)0x80, 2, operations[i]};
        smt_error error = {0};
        pickle parsed;
        assert_int_not_equal(pickle_parse("x.pth", one, 3, &parsed, &error), SMT_OK);
    }
    REFUSED("", "cut or damaged");
    REFUSED("\x80\x02X\xff\xff\xff\xff", "cut or damaged");
}

/* A file of one tensor, called `name`, in a storage of two floats, 1 and 2: pickled are the place
 * where it begins, its shape and its strides. */
#define TENSOR(name_length, name, offset, shape, stride)                                           \
    "\x80\x02}X" name_length "\0\0\0" name "ctorch._utils\n_rebuild_tensor_v2\n"                   \
    "((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"                                            \
    "0X\3\0\0\0cpuK\2tQ" offset shape "\x85" stride "\x85\x89"                                     \
    "ccollections\nOrderedDict\n)RtRs."

static smt_status
load_made(const char *text, size_t size, smt_tensor_file **tensors, smt_error *error)
{
    static const float floats[2] = {1, 2};
    char path[] = "/tmp/semtinel-pth-XXXXXX";
    int made = mkstemp(path);
    assert_true(made >= 0);
    close(made);
    zip_t *zip = zip_open(path, ZIP_TRUNCATE, NULL);
    assert_non_null(zip);
    zip_file_add(zip, "a/data.pkl", zip_source_buffer(zip, text, size, 0), 0);
    zip_file_add(zip, "a/data/0", zip_source_buffer(zip, floats, sizeof floats, 0), 0);
    assert_int_equal(zip_close(zip), 0);
    smt_status status = smt_pth_load(path, tensors, error);
    remove(path);
    return status;
}

/* Two floats that begin 2^63 - 1 floats into their storage, 2^30 apart; one float more than the
 * storage has. */
static void test_far_offset(void **state)
{
    (void)state;
    static const char far[] =
        TENSOR("\1", "w", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", "K\2", "\x8a\4\0\0\0\x40");
    static const char longer[] = TENSOR("\1", "w", "K\0", "K\3", "K\1");
    smt_error error = {0};
    smt_tensor_file *tensors = NULL;
    assert_int_equal(load_made(far, sizeof far - 1, &tensors, &error), SMT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "'w' has a bad shape"));
    assert_int_equal(load_made(longer, sizeof longer - 1, &tensors, &error), SMT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "'w' reaches to element 2"));
}

/* A network that a wrapper held has the wrapper's name for it before every name. */
static void test_prefix(void **state)
{
    (void)state;
    static const char text[] = TENSOR("\x1d", "_orig_mod.features.0.0.weight", "K\0", "K\2", "K\1");
    smt_error error = {0};
    smt_tensor_file *tensors = NULL;
    if (load_made(text, sizeof text - 1, &tensors, &error)) {
        fail_msg("%s", error.message);
    }
    const smt_tensor *w = smt_tensor_file_find(tensors, "features.0.0.weight");
    assert_non_null(w);
    assert_memory_equal(w->data, ((const float[]){1, 2}), 2 * sizeof(float));
    smt_tensor_file_destroy(&tensors);
}

static smt_status read_file(const char *name, const void *data, size_t size, smt_error *error)
{
    smt_tensor_file *tensors = NULL;
    smt_model *model = NULL;
    smt_status status = smt_pth_parse(name, data, size, &tensors, error);
    if (!status) {
        (void)smt_torchvision_model(tensors, name, &model, NULL);
    }
    smt_model_destroy(&model);
    smt_tensor_file_destroy(&tensors);
    return status;
}

static void test_cut(void **state)
{
    (void)state;
    assert_int_equal(damage_cut(read_file, file, file_size, 0, 487), (file_size + 486) / 487);
}

static void test_changed(void **state)
{
    (void)state;
    assert_in_range(damage_change(read_file, file, file_size, 20000, 300), 20, 300);
}

/* Two tensors of one name: the message names the file. */
static void test_one_name_twice(void **state)
{
    (void)state;
    static const char name[] = "features.0.1.weight";
    smt_error error = {0};
    smt_tensor_file *tensors = NULL;
    uint8_t *copy = smt_alloc(file_size, 1);
    assert_non_null(copy);
    memcpy(copy, file, file_size);
    uint8_t *at = memmem(copy, file_size, name, sizeof name - 1);
    assert_non_null(at);
    at[11] = '0';
    assert_int_not_equal(smt_pth_parse("a.pth", copy, file_size, &tensors, &error), SMT_OK);
    assert_string_equal(
        error.message,
        "a.pth: tensor 'features.0.0.weight': the name is empty, reserved, taken or not UTF-8");
    smt_free(copy);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    for (long n = 0; n < 20000; n += n < 100 ? 1 : 97) {
        smt_error error = {0};
        smt_tensor_file *tensors = NULL;
        smt_alloc_fail_after(n);
        smt_status status = smt_pth_parse("a.pth", file, file_size, &tensors, &error);
        smt_alloc_fail_after(-1);
        if (status == SMT_OK) {
            smt_tensor_file_destroy(&tensors);
            assert_true(n > 100);
            return;
        }
        assert_null(tensors);
    }
    fail_msg("the reader never finished");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_pickles),
        cmocka_unit_test(test_far_offset),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_one_name_twice),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
