/* Keras weight files: h5py's own layout, the way out
 * and back, and files that are not what they seem. */
#include "format/damage.h"
#include "format/hdf5.h"
#include "format/keras.h"
#include "format/network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static uint8_t *golden; /* written by h5py */
static size_t golden_size;
static char path[64]; /* of a file to write */

static int setup(void **state)
{
    (void)state;
    void *data = NULL;
    smt_error error;
    char *name = smt_format("%s/golden/format/keras.h5", SMT_TEST_DIR);
    int failed = smt_file_load(name, 0, &data, &golden_size, &error) != SMT_OK;
    golden = data;
    smt_free(name);
    snprintf(path, sizeof path, "/tmp/semtinel-keras-%ld.h5", (long)getpid());
    return failed;
}

static int teardown(void **state)
{
    (void)state;
    smt_free(golden);
    unlink(path);
    return 0;
}

static void test_h5py(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_tensor_file *file = NULL;
    if (smt_h5_parse("a.h5", golden, golden_size, &file, &error)) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(file->count, 2 * 11);
    for (int n = 1; n < 12; n++) {
        char name[64];
        snprintf(name,
                 sizeof name,
                 n < 10    ? "layer_%d_part/kernel"
                 : n == 10 ? "half/kernel"
                           : "wide/kernel",
                 n - 1);
        const smt_tensor *t = smt_tensor_file_find(file, name);
        assert_non_null(t);
        assert_int_equal(t->rank, 4);
        assert_int_equal(t->dim[0], 3);
        assert_int_equal(t->dim[3], 2);
        for (size_t i = 0; i < 18; i++) {
            assert_true(t->data[i] >= (float)i / 4 + (float)n &&
                        t->data[i] <= (float)i / 4 + (float)n);
        }
    }
    smt_tensor_file_destroy(&file);
}

static void assert_same_params(const smt_graph *a, const smt_graph *b)
{
    for (int p = 0; p < a->param_count; p++) {
        int q = smt_graph_find_param(b, a->params[p].name);
        assert_true(q >= 0);
        assert_int_equal(a->params[p].count, b->params[q].count);
        assert_memory_equal(
            a->params[p].data, b->params[q].data, a->params[p].count * sizeof(float));
    }
    assert_int_equal(a->param_count, b->param_count);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        smt_error error = {0};
        smt_model *model = network_made(wide ? 1 : 0.75f, wide ? 128 : 96, SMT_PAD_SAME, wide),
                  *back = NULL;
        if (smt_keras_write(model, path, NULL, &error) || smt_model_load(path, &back, &error)) {
            fail_msg("%s", error.message);
        }
        assert_same_params(model->graph, back->graph);
        assert_int_equal(back->graph->nodes[0].shape.h, wide ? 128 : 96);
        assert_string_equal(back->classes[0], "bridge");
        assert_true(back->preprocess.mean >= 128 && back->preprocess.mean <= 128);
        /* Strides, padding and activations too: what the files compute is the same. */
        for (int i = 0; i < model->graph->node_count; i++) {
            const smt_node *a = &model->graph->nodes[i];
            int at = smt_graph_find(back->graph, a->name);
            assert_true(at >= 0 || a->op == SMT_OP_DROPOUT);
            if (at >= 0) {
                const smt_node *b = &back->graph->nodes[at];
                assert_int_equal(a->activation, b->activation);
                assert_int_equal(a->pad_top, b->pad_top);
                assert_memory_equal(&a->shape, &b->shape, sizeof a->shape);
            }
        }
        smt_model_destroy(&back);
        /* A folded network has biases instead of batch norm, and is read as such. */
        smt_graph *folded = NULL;
        assert_int_equal(smt_graph_fold(model->graph, &folded, &error), SMT_OK);
        smt_graph_destroy(&model->graph);
        model->graph = folded;
        if (smt_keras_write(model, path, NULL, &error) || smt_model_load(path, &back, &error)) {
            fail_msg("%s", error.message);
        }
        assert_same_params(model->graph, back->graph);
        smt_model_destroy(&back);
        smt_model_destroy(&model);
    }
}

/* A network read from .tflite, its gates spread over
 * biases and weights, computes the same from .h5. */
static void test_through_tflite(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_graph *folded = NULL, *free_gates = NULL;
    smt_model *model = network_made(0.25f, 64, SMT_PAD_SAME, false), *back = NULL;
    float before[3], after[3];
    network_infer(model, false, before);
    assert_int_equal(smt_graph_fold(model->graph, &folded, &error), SMT_OK);
    assert_int_equal(smt_graph_free_gates(folded, &free_gates, &error), SMT_OK);
    smt_graph_destroy(&folded);
    smt_graph_destroy(&model->graph);
    model->graph = free_gates;
    if (smt_keras_write(model, path, NULL, &error) || smt_model_load(path, &back, &error)) {
        fail_msg("%s", error.message);
    }
    network_infer(back, false, after);
    for (int i = 0; i < 3; i++) {
        assert_true(fabsf(before[i] - after[i]) <= 1e-4f * (1 + fabsf(before[i])));
    }
    smt_model_destroy(&back);
    smt_model_destroy(&model);
}

static void test_refused_networks(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_model *model = network_made(0.25f, 64, SMT_PAD_SAME, false);
    const smt_write_options raw = {.raw_input = true};
    unlink(path);
    assert_int_equal(smt_keras_write(model, path, &raw, &error), SMT_ERR_UNSUPPORTED);
    model->graph->nodes[1].pad_top = 1; /* the stem, as PyTorch pads it */
    assert_int_equal(smt_keras_write(model, path, NULL, &error), SMT_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "stem"));
    assert_false(smt_path_exists(path));
    smt_model_destroy(&model);
}

static smt_status read_file(const char *name, const void *data, size_t size, smt_error *error)
{
    smt_tensor_file *file = NULL;
    smt_model *model = NULL;
    smt_status status = smt_h5_parse(name, data, size, &file, error);
    if (!status) { /* the golden file is no network, whatever becomes of it */
        assert_int_not_equal(smt_keras_model(file, name, &model, error), SMT_OK);
    }
    smt_tensor_file_destroy(&file);
    return status;
}

/* Every length: as it is, and with the end of file that the superblock names moved along. */
static void test_cut(void **state)
{
    (void)state;
    assert_int_equal(damage_cut(read_file, golden, golden_size, golden_size, 1), golden_size);
    uint8_t *copy = smt_alloc(golden_size, 1);
    memcpy(copy, golden, golden_size);
    for (uint64_t size = 100; size < golden_size; size += 5) {
        memcpy(copy + 40, &size, 8);
        (void)damage_read(read_file, "cut.file", copy, (size_t)size);
    }
    smt_free(copy);
}

static void test_changed(void **state)
{
    (void)state;
    int refused = damage_change(read_file, golden, golden_size, golden_size / 4, 3000);
    assert_in_range(refused, 100, 2999);
}

static smt_status write_file(void *model, smt_error *error)
{
    return smt_keras_write(model, path, NULL, error);
}

static smt_status parse_golden(void *unused, smt_error *error)
{
    (void)unused;
    smt_tensor_file *file = NULL;
    smt_status status = smt_h5_parse("a.h5", golden, golden_size, &file, error);
    smt_tensor_file_destroy(&file);
    return status;
}

static smt_status read_back(void *unused, smt_error *error)
{
    (void)unused;
    smt_model *back = NULL;
    smt_status status = smt_model_load(path, &back, error);
    smt_model_destroy(&back);
    return status;
}

static void test_failing_allocations(void **state)
{
    (void)state;
    smt_model *model = network_made(0.25f, 64, SMT_PAD_SAME, false);
    damage_memory(write_file, model, path, 400, 31);
    damage_memory(parse_golden, NULL, NULL, 400, 31);
    damage_memory(read_back, NULL, NULL, 400, 31);
    smt_model_destroy(&model);
}

static void assert_refused(const void *data, size_t size, const char *word)
{
    smt_error error = {0};
    smt_tensor_file *file = NULL;
    assert_int_not_equal(smt_h5_parse("x.h5", data, size, &file, &error), SMT_OK);
    if (!strstr(error.message, word) || !strstr(error.message, "x.h5")) {
        fail_msg("'%s' does not say '%s'", error.message, word);
    }
}

/* Attributes of version 3, as h5py writes those of names beyond ASCII: parts that follow each other
 * without gaps, behind a byte for the name's encoding. */
static void test_newer_attributes(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_tensor_file *file = NULL;
    const char *layers[1] = {"Conv"}, *weights[1] = {"Conv/kernel:0"};
    const int64_t dim[4] = {1, 1, 1, 2};
    hdf5_writer *w = hdf5_create();
    smt_bytes out = {0};
    hdf5_node *group = hdf5_group(w, hdf5_root(w), "Conv");
    hdf5_add_texts(w, hdf5_root(w), "layer_names", layers, 1);
    hdf5_add_texts(w, group, "weight_names", weights, 1);
    assert_non_null(hdf5_add_dataset(w, group, "Conv/kernel:0", 4, dim));
    assert_int_equal(hdf5_finish(w, "x.h5", &out, &error), SMT_OK);
    hdf5_destroy(&w);
    /* Header, name, type of 8 bytes, dataspace; the rest moves up. */
    uint8_t *at = memmem(out.data, out.size, "layer_names", 12), *body = at - 8;
    assert_non_null(at);
    assert_int_equal(body[0], 1);
    assert_int_equal(body[2], 12);
    assert_int_equal(body[4], 8);
    uint8_t rest[64];
    memcpy(rest, at + 16, sizeof rest);
    body[0] = 3;
    memmove(at + 1, at, 12);
    at[0] = 1;
    memcpy(at + 13, rest, 8u + body[6] + 4);
    assert_int_equal(smt_h5_parse("x.h5", out.data, out.size, &file, &error), SMT_OK);
    assert_non_null(smt_tensor_file_find(file, "conv/kernel"));
    smt_tensor_file_destroy(&file);
    body[1] = 1;
    assert_refused(out.data, out.size, "attribute of a shared type");
    smt_bytes_free(&out);
}

/* A file made by our own writer with one group and one dataset, then damaged. */
static void test_wrong_files(void **state)
{
    (void)state;
    smt_error error = {0};
    const char *layers[2] = {"Conv", "Conv"}, *weights[1] = {"Conv/kernel:0"};
    const int64_t dim[4] = {1, 1, 1, 2};
    assert_refused("", 0, "not an HDF5 file");
    for (int kind = 0; kind < 5; kind++) {
        hdf5_writer *w = hdf5_create();
        smt_bytes out = {0};
        hdf5_node *group = hdf5_group(w, hdf5_root(w), kind == 4 ? "layers" : "Conv");
        if (kind < 4) {
            hdf5_add_texts(w, hdf5_root(w), "layer_names", layers, kind == 1 ? 2 : 1);
            hdf5_add_texts(w, group, "weight_names", weights, 1);
        }
        if (kind != 2) {
            hdf5_add_dataset(w, group, "Conv/kernel:0", 4, dim);
        }
        assert_int_equal(hdf5_finish(w, "x.h5", &out, &error), SMT_OK);
        hdf5_destroy(&w);
        switch (kind) {
        case 0: {
            /* The layout message's address of the data, wherever it stands. */
            const uint8_t layout[4] = {8, 0, 24, 0};
            uint8_t *at = memmem(out.data, out.size, layout, 4);
            assert_non_null(at);
            at[4] |= 2; /* flags */
            assert_refused(out.data, out.size, "shares a message");
            at[4] &= (uint8_t)~2;
            at[18] += 4; /* the size */
            assert_refused(out.data, out.size, "size is not that of its shape");
            at[18] -= 4;
            at[0] = 11; /* a message of filters */
            assert_refused(out.data, out.size, "is compressed");
            at[0] = 8;
            memset(at + 10, 0x7f, 7);
            assert_refused(out.data, out.size, "outside the file");
            out.data[8] = 2;
            assert_refused(out.data, out.size, "superblock version 2");
            break;
        }
        case 1:
            assert_refused(out.data, out.size, "listed twice");
            break;
        case 2:
            assert_refused(out.data, out.size, "which is not there");
            break;
        case 3: {
            /* The B-tree's only child is the tree itself. */
            uint8_t *tree = memmem(out.data, out.size, "TREE", 4);
            uint64_t place = (uint64_t)(tree - out.data);
            tree[5] = 1;
            memcpy(tree + 32, &place, 8);
            assert_refused(out.data, out.size, "B-tree node");
            break;
        }
        default:
            assert_refused(out.data, out.size, ".weights.h5");
            break;
        }
        smt_bytes_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_h5py),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_through_tflite),
        cmocka_unit_test(test_refused_networks),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_newer_attributes),
        cmocka_unit_test(test_wrong_files),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
