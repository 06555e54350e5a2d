/* TensorFlow graphs: the way out and back, graphs as other programs freeze them, and files that are
 * not what they seem. What OpenCV makes of them is in tests/interop. */
#include "format/damage.h"
#include "format/network.h"
#include "format/protobuf.h"
#include "format/tensorflow.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64], graph_path[96], saved_path[96];
static uint8_t *file; /* a graph of our own */
static size_t file_size;

static int setup(void **state)
{
    (void)state;
    smt_error error = {0};
    void *data = NULL;
    strcpy(folder, "/tmp/semtinel-tensorflow-XXXXXX");
    if (!mkdtemp(folder)) {
        return -1;
    }
    snprintf(graph_path, sizeof graph_path, "%s/model.pb", folder);
    snprintf(saved_path, sizeof saved_path, "%s/saved_model.pb", folder);
    smt_model *model = network_made(0.25f, 64, SMT_PAD_SAME, false);
    int failed = smt_tensorflow_write(model, graph_path, NULL, &error) ||
                 smt_file_load(graph_path, 0, &data, &file_size, &error);
    file = data;
    smt_model_destroy(&model);
    return failed;
}

static int teardown(void **state)
{
    (void)state;
    smt_free(file);
    unlink(graph_path);
    unlink(saved_path);
    return rmdir(folder);
}

/* PyTorch's padding becomes Pad. The rest of the way out and back is in test_formats.c. */
static void test_padding(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_model *model = network_made(0.25f, 64, SMT_PAD_EXPLICIT, false), *back = NULL;
    float before[NETWORK_CLASSES], after[NETWORK_CLASSES];
    if (smt_tensorflow_write(model, saved_path, NULL, &error) ||
        smt_model_load(saved_path, &back, &error)) {
        fail_msg("%s", error.message);
    }
    network_infer(model, false, before);
    network_infer(back, false, after);
    for (int i = 0; i < NETWORK_CLASSES; i++) {
        assert_true(fabsf(before[i] - after[i]) <= 1e-5f);
    }
    assert_int_equal(back->graph->nodes[1].pad_top, 1);
    smt_model_destroy(&back);
    smt_model_destroy(&model);
}

static smt_status read_file(const char *name, const void *data, size_t size, smt_error *error)
{
    smt_model *model = NULL;
    smt_status status = smt_tensorflow_read_memory(name, data, size, &model, error);
    smt_model_destroy(&model);
    return status;
}

/* A cut between two nodes leaves a shorter graph. */
static void test_cut(void **state)
{
    (void)state;
    assert_true(damage_cut(read_file, file, file_size, 20000, 211) > 15000);
}

static void test_changed(void **state)
{
    (void)state;
    assert_in_range(damage_change(read_file, file, file_size, 6000, 400), 20, 399);
}

static smt_status write_file(void *model, smt_error *error)
{
    return smt_tensorflow_write(model, saved_path, NULL, error);
}

static smt_status read_own(void *unused, smt_error *error)
{
    (void)unused;
    return read_file("a.pb", file, file_size, error);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    smt_model *model = network_made(0.25f, 64, SMT_PAD_SAME, false);
    damage_memory(write_file, model, saved_path, 300, 41);
    damage_memory(read_own, NULL, NULL, 300, 41);
    smt_model_destroy(&model);
}

/* ---- graphs by hand ------------------------------------------------------------------------- */

static void attr(smt_bytes *to, const char *key, uint32_t field, uint64_t value)
{
    size_t entry = pb_begin(to, TF_NODE_ATTR);
    pb_put_text(to, TF_MAP_KEY, key);
    size_t inner = pb_begin(to, TF_MAP_VALUE);
    pb_put_integer(to, field, value);
    pb_end(to, inner);
    pb_end(to, entry);
}

static void shape(smt_bytes *to, uint32_t field, int rank, const int64_t *dim)
{
    size_t begin = pb_begin(to, field);
    for (int i = 0; i < rank; i++) {
        size_t side = pb_begin(to, TF_SHAPE_DIM);
        pb_put_integer(to, TF_DIM_SIZE, (uint64_t)dim[i]);
        pb_end(to, side);
    }
    pb_end(to, begin);
}

static size_t node(smt_bytes *to, const char *op, const char *name, const char *a, const char *b)
{
    size_t begin = pb_begin(to, TF_GRAPH_NODE);
    pb_put_text(to, TF_NODE_NAME, name);
    pb_put_text(to, TF_NODE_OP, op);
    if (a) {
        pb_put_text(to, TF_NODE_INPUT, a);
    }
    if (b) {
        pb_put_text(to, TF_NODE_INPUT, b);
    }
    return begin;
}

static void placeholder(smt_bytes *to, int channels)
{
    const int64_t dim[4] = {-1, 8, 8, channels};
    size_t begin = node(to, "Placeholder", "x", NULL, NULL);
    size_t entry = pb_begin(to, TF_NODE_ATTR);
    pb_put_text(to, TF_MAP_KEY, "shape");
    size_t inner = pb_begin(to, TF_MAP_VALUE);
    shape(to, TF_ATTR_SHAPE, 4, dim);
    pb_end(to, inner);
    pb_end(to, entry);
    pb_end(to, begin);
}

/* A constant of one repeated value. */
static void
constant(smt_bytes *to, const char *name, int type, int rank, const int64_t *dim, float value)
{
    size_t begin = node(to, "Const", name, NULL, NULL);
    size_t entry = pb_begin(to, TF_NODE_ATTR);
    pb_put_text(to, TF_MAP_KEY, "value");
    size_t inner = pb_begin(to, TF_MAP_VALUE);
    size_t tensor = pb_begin(to, TF_ATTR_TENSOR);
    pb_put_integer(to, TF_TENSOR_TYPE, (uint64_t)type);
    shape(to, TF_TENSOR_SHAPE, rank, dim);
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    smt_bytes_integer(to, TF_TENSOR_FLOATS << 3 | PB_FIXED32, 1);
    smt_bytes_integer(to, bits, sizeof bits);
    pb_end(to, tensor);
    pb_end(to, inner);
    pb_end(to, entry);
    pb_end(to, begin);
}

static void simple(smt_bytes *to, const char *op, const char *name, const char *a, const char *b)
{
    pb_end(to, node(to, op, name, a, b));
}

static void text_attr(smt_bytes *to, const char *key, const char *text)
{
    size_t entry = pb_begin(to, TF_NODE_ATTR);
    pb_put_text(to, TF_MAP_KEY, key);
    size_t inner = pb_begin(to, TF_MAP_VALUE);
    pb_put_text(to, TF_ATTR_TEXT, text);
    pb_end(to, inner);
    pb_end(to, entry);
}

static void list_attr(smt_bytes *to, const char *key, const uint8_t *values, size_t count)
{
    size_t entry = pb_begin(to, TF_NODE_ATTR);
    pb_put_text(to, TF_MAP_KEY, key);
    size_t inner = pb_begin(to, TF_MAP_VALUE);
    size_t list = pb_begin(to, TF_ATTR_LIST);
    pb_put_bytes(to, TF_LIST_INT, values, count);
    pb_end(to, list);
    pb_end(to, inner);
    pb_end(to, entry);
}

static void integers(smt_bytes *to, const char *name, const uint64_t *values, int count)
{
    const int64_t dim[1] = {count};
    size_t begin = node(to, "Const", name, NULL, NULL);
    size_t entry = pb_begin(to, TF_NODE_ATTR);
    pb_put_text(to, TF_MAP_KEY, "value");
    size_t inner = pb_begin(to, TF_MAP_VALUE);
    size_t tensor = pb_begin(to, TF_ATTR_TENSOR);
    pb_put_integer(to, TF_TENSOR_TYPE, TF_INT32);
    shape(to, TF_TENSOR_SHAPE, 1, dim);
    for (int i = 0; i < count; i++) {
        pb_put_integer(to, TF_TENSOR_INTS, values[i]);
    }
    pb_end(to, tensor);
    pb_end(to, inner);
    pb_end(to, entry);
    pb_end(to, begin);
}

static void assert_refused(smt_bytes *bytes, const char *word)
{
    smt_error error = {0};
    smt_model *model = NULL;
    assert_false(bytes->failed);
    assert_int_not_equal(
        smt_tensorflow_read_memory("x.pb", bytes->data, bytes->size, &model, &error), SMT_OK);
    if (!strstr(error.message, word) || !strstr(error.message, "x.pb")) {
        fail_msg("'%s' does not say '%s'", error.message, word);
    }
    smt_bytes_free(bytes);
}

/* Freezing leaves constants behind Identity, control inputs and batch norm nodes. */
static void check_frozen(bool transposed)
{
    smt_error error = {0};
    smt_bytes b = {0};
    smt_model *model = NULL;
    const int64_t kernel[4] = {3, 3, 1, 2}, channels[1] = {2},
                  dense[2] = {transposed ? 5 : 2, transposed ? 2 : 5};
    static const uint8_t strides[4] = {1, 2, 2, 1};
    static const uint64_t sides[2] = {1, 2};
    placeholder(&b, 1);
    constant(&b, "k", TF_FLOAT, 4, kernel, 1);
    simple(&b, "Identity", "k/read", "k", NULL);
    size_t begin = node(&b, "Conv2D", "conv", "x:0", "k/read");
    pb_put_text(&b, TF_NODE_INPUT, "^k");
    text_attr(&b, "padding", "SAME");
    list_attr(&b, "strides", strides, 4);
    pb_end(&b, begin);
    constant(&b, "gamma", TF_FLOAT, 1, channels, 2);
    constant(&b, "beta", TF_FLOAT, 1, channels, 1);
    constant(&b, "mean", TF_FLOAT, 1, channels, 0);
    constant(&b, "variance", TF_FLOAT, 1, channels, 4);
    begin = node(&b, "FusedBatchNormV3", "norm", "conv", "gamma");
    pb_put_text(&b, TF_NODE_INPUT, "beta");
    pb_put_text(&b, TF_NODE_INPUT, "mean");
    pb_put_text(&b, TF_NODE_INPUT, "variance");
    pb_end(&b, begin);
    simple(&b, "Relu6", "act", "norm:0", NULL);
    integers(&b, "axes", sides, 2);
    simple(&b, "Mean", "pool", "act", "axes");
    constant(&b, "w", TF_FLOAT, 2, dense, 0.5f);
    begin = node(&b, "MatMul", "logits", "pool", "w");
    attr(&b, "transpose_b", TF_ATTR_BOOL, transposed);
    pb_end(&b, begin);
    simple(&b, "Softmax", "out", "logits", NULL);
    if (smt_tensorflow_read_memory("f.pb", b.data, b.size, &model, &error)) {
        fail_msg("%s", error.message);
    }
    const smt_node *conv = &model->graph->nodes[1];
    assert_int_equal(conv->op, SMT_OP_CONV);
    assert_int_equal(conv->activation, SMT_ACT_RELU6);
    assert_int_equal(conv->shape.h, 4);
    /* 2 / sqrt(4 + 1e-4) and the offset 1. */
    assert_true(fabsf(model->graph->params[conv->param[SMT_WEIGHT]].data[0] - 1) < 1e-4f);
    assert_true(fabsf(model->graph->params[conv->param[SMT_BIAS]].data[1] - 1) < 1e-6f);
    assert_int_equal(model->class_count, 5);
    smt_model_destroy(&model);
    smt_bytes_free(&b);
}

static void test_frozen(void **state)
{
    (void)state;
    check_frozen(false);
    check_frozen(true);
}

/* Two rows above the image, none beside it. */
static void test_one_sided_padding(void **state)
{
    (void)state;
    smt_error error = {0};
    smt_bytes b = {0};
    smt_model *model = NULL;
    const int64_t kernel[4] = {3, 3, 1, 2};
    static const uint64_t pads[8] = {0, 0, 2, 0, 0, 0, 0, 0}, sides[2] = {1, 2};
    placeholder(&b, 1);
    integers(&b, "pads", pads, 8);
    simple(&b, "Pad", "padded", "x", "pads");
    constant(&b, "k", TF_FLOAT, 4, kernel, 1);
    size_t conv = node(&b, "Conv2D", "conv", "padded", "k");
    text_attr(&b, "padding", "VALID");
    pb_end(&b, conv);
    integers(&b, "axes", sides, 2);
    simple(&b, "Mean", "pool", "conv", "axes");
    if (smt_tensorflow_read_memory("p.pb", b.data, b.size, &model, &error)) {
        fail_msg("%s", error.message);
    }
    const smt_node *made = &model->graph->nodes[1];
    assert_int_equal(made->pad_top, 2);
    assert_int_equal(made->pad_left, 0);
    assert_int_equal(made->shape.h, 8);
    assert_int_equal(made->shape.w, 6);
    smt_model_destroy(&model);
    smt_bytes_free(&b);
}

static void test_wrong_files(void **state)
{
    (void)state;
    smt_bytes b = {0};
    const int64_t huge[4] = {1 << 20, 1 << 20, 1 << 20, 4}, large[1] = {1 << 20}, one[1] = {1};
    const int64_t column[2] = {3, 1}, matrix[2] = {3, 2}, doubled[4] = {3, 3, 3, 2},
                  kernel[4] = {3, 3, 3, 2};
    static const uint64_t sides[2] = {1, 2}, not_sides[2] = {1, 3};
    static const uint8_t across[4] = {1, 1, 2, 1};
    smt_bytes_put(&b, "version https://git-lfs.github.com/spec/v1\noid sha256:1\n", 56);
    assert_refused(&b, "Git LFS");
    placeholder(&b, 1);
    smt_bytes_put(&b, "\x0a\x7f", 2);
    assert_refused(&b, "cut or damaged");
    placeholder(&b, 1);
    assert_refused(&b, "computes nothing");
    placeholder(&b, 7);
    assert_refused(&b, "1 or 3");
    placeholder(&b, 1);
    simple(&b, "Einsum", "y", "x", NULL);
    assert_refused(&b, "node 1 (Einsum 'y') is of a type that is not read");
    simple(&b, "VarHandleOp", "v", NULL, NULL);
    assert_refused(&b, "freeze the graph");
    placeholder(&b, 1);
    simple(&b, "AddV2", "a", "x", "b");
    simple(&b, "Relu", "b", "a", NULL);
    assert_refused(&b, "a cycle, or not sorted");
    placeholder(&b, 1);
    simple(&b, "Relu", "a", "nowhere", NULL);
    assert_refused(&b, "what no node makes, 'nowhere'");
    placeholder(&b, 1);
    simple(&b, "Relu", "x", "x", NULL);
    assert_refused(&b, "the name of another node");
    placeholder(&b, 1);
    constant(&b, "c", TF_FLOAT, 4, huge, 1);
    simple(&b, "AddV2", "a", "x", "c");
    assert_refused(&b, "absurd shape");
    placeholder(&b, 1);
    constant(&b, "c", TF_FLOAT, 1, large, 1);
    simple(&b, "AddV2", "a", "x", "c");
    assert_refused(&b, "more values than the file can hold");
    placeholder(&b, 1);
    constant(&b, "c", 3 + 6, 1, one, 1);
    simple(&b, "AddV2", "a", "x", "c");
    assert_refused(&b, "not float32 or int32");
    placeholder(&b, 1);
    simple(&b, "Conv2D", "a", "x", "x");
    assert_refused(&b, "needs constant weights");
    constant(&b, "c", TF_FLOAT, 1, one, 1);
    placeholder(&b, 1);
    simple(&b, "Sub", "a", "c", "x");
    assert_refused(&b, "subtracts from a constant");
    placeholder(&b, 3);
    constant(&b, "c", TF_FLOAT, 2, column, 1);
    simple(&b, "AddV2", "a", "x", "c");
    assert_refused(&b, "not one value a channel");
    placeholder(&b, 3);
    constant(&b, "c", TF_FLOAT, 4, doubled, 1);
    simple(&b, "DepthwiseConv2dNative", "a", "x", "c");
    assert_refused(&b, "needs constant weights of 4 dimensions");
    for (int k = 0; k < 2; k++) {
        placeholder(&b, 3);
        constant(&b, "c", TF_FLOAT, 4, kernel, 1);
        size_t conv = node(&b, "Conv2D", "a", "x", "c");
        text_attr(&b, "padding", "SAME");
        if (k) {
            list_attr(&b, "dilations", across, 4);
        } else {
            text_attr(&b, "data_format", "NCHW");
        }
        pb_end(&b, conv);
        assert_refused(&b, k ? "dilation" : "is not NHWC");
    }
    placeholder(&b, 3);
    integers(&b, "axes", not_sides, 2);
    simple(&b, "Mean", "a", "x", "axes");
    assert_refused(&b, "is not a mean over height and width");
    placeholder(&b, 3);
    integers(&b, "axes", sides, 2);
    simple(&b, "Mean", "pool", "x", "axes");
    constant(&b, "c", TF_FLOAT, 2, matrix, 1);
    size_t product = node(&b, "MatMul", "a", "pool", "c");
    attr(&b, "transpose_a", TF_ATTR_BOOL, 1);
    pb_end(&b, product);
    assert_refused(&b, "needs a constant matrix and a vector");
    size_t begin = pb_begin(&b, TF_GRAPH_NODE);
    attr(&b, "dtype", TF_ATTR_TYPE, 1);
    pb_end(&b, begin);
    assert_refused(&b, "no name or operator");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_one_sided_padding),
        cmocka_unit_test(test_wrong_files),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
