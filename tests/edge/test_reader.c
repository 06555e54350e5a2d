/* The .tflite reader against good, foreign, cut and damaged files. */
#include "builder.h"
#include "kernels/kernels.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* An int8 network with most operators: conv -> hard-swish -> depthwise -> {mean -> mul} -> add ->
 * dense -> softmax. */
static int8_t conv_w[4 * 3 * 3 * 1], depth_w[3 * 3 * 4], dense_w[3 * 4];
static int32_t bias4[8] = {100, -200, 300, 0}, axes[2] = {1, 2}, shape_value[2] = {1, 4};

static void build(tb *b)
{
    memset(b, 0, sizeof *b);
    for (size_t i = 0; i < sizeof conv_w; i++)
        conv_w[i] = (int8_t)(i * 37 % 255 - 127);
    for (size_t i = 0; i < sizeof depth_w; i++)
        depth_w[i] = (int8_t)(i * 91 % 255 - 127);
    for (size_t i = 0; i < sizeof dense_w; i++)
        dense_w[i] = (int8_t)(i * 53 % 255 - 127);
    int in = tb_add_scaled(b, 9, 4, (int[]){1, 8, 8, 1}, NULL, 1.0f / 128, 0);
    int w = tb_add_scaled(b, 9, 4, (int[]){4, 3, 3, 1}, conv_w, 0.01f, 0);
    b->tensors[w].scale_count = b->tensors[w].zero_count = 4;
    for (int i = 1; i < 4; i++)
        b->tensors[w].scales[i] = 0.01f + 0.002f * (float)i;
    int bias = tb_add_tensor(b, 2, 1, (int[]){4}, bias4);
    int a = tb_add_scaled(b, 9, 4, (int[]){1, 4, 4, 4}, NULL, 0.05f, -3);
    int hs = tb_add_scaled(b, 9, 4, (int[]){1, 4, 4, 4}, NULL, 0.04f, -100);
    int dw = tb_add_scaled(b, 9, 4, (int[]){1, 3, 3, 4}, depth_w, 0.02f, 0);
    int d = tb_add_scaled(b, 9, 4, (int[]){1, 4, 4, 4}, NULL, 0.08f, 5);
    int ax = tb_add_tensor(b, 2, 1, (int[]){2}, axes);
    int m = tb_add_scaled(b, 9, 4, (int[]){1, 1, 1, 4}, NULL, 0.07f, 4);
    int p = tb_add_scaled(b, 9, 4, (int[]){1, 4, 4, 4}, NULL, 0.09f, 1);
    int s = tb_add_scaled(b, 9, 4, (int[]){1, 4, 4, 4}, NULL, 0.1f, 0);
    int pool = tb_add_scaled(b, 9, 4, (int[]){1, 1, 1, 4}, NULL, 0.1f, 0);
    int sv = tb_add_tensor(b, 2, 1, (int[]){2}, shape_value);
    int flat = tb_add_scaled(b, 9, 2, (int[]){1, 4}, NULL, 0.1f, 0);
    int fw = tb_add_scaled(b, 9, 2, (int[]){3, 4}, dense_w, 0.01f, 0);
    int logits = tb_add_scaled(b, 9, 2, (int[]){1, 3}, NULL, 0.05f, -1);
    int out = tb_add_scaled(b, 9, 2, (int[]){1, 3}, NULL, 1.0f / 256, -128);
    tb_operator *op = tb_add_operator(b, 3, in, w, bias, a);
    tb_set(op, 1, 0, 1, 0);
    tb_set(op, 1, 1, 4, 2);
    tb_set(op, 1, 2, 4, 2);
    tb_add_operator(b, 117, a, -2, -2, hs);
    op = tb_add_operator(b, 4, hs, dw, bias, d);
    tb_set(op, 2, 0, 1, 0);
    tb_set(op, 2, 1, 4, 1);
    tb_set(op, 2, 2, 4, 1);
    tb_set(op, 2, 3, 4, 1);
    tb_set(op, 2, 4, 1, 1);
    tb_set(tb_add_operator(b, 40, d, ax, -2, m), 27, 0, 1, 1);
    tb_set(tb_add_operator(b, 18, d, m, -2, p), 21, 0, 1, 0);
    tb_set(tb_add_operator(b, 0, p, hs, -2, s), 11, 0, 1, 0);
    op = tb_add_operator(b, 1, s, -2, -2, pool);
    tb_set(op, 5, 0, 1, 1);
    tb_set(op, 5, 1, 4, 4);
    tb_set(op, 5, 2, 4, 4);
    tb_set(op, 5, 3, 4, 4);
    tb_set(op, 5, 4, 4, 4);
    tb_add_operator(b, 22, pool, sv, -2, flat);
    tb_add_operator(b, 9, flat, fw, -1, logits);
    tb_set(tb_add_operator(b, 25, logits, -2, -2, out), 9, 0, 4, 0x3f800000);
    b->inputs[b->input_count++] = in;
    b->outputs[b->output_count++] = out;
    tb_finish(b);
}

static tb net;

static int make(void **state)
{
    (void)state;
    build(&net);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    tb_free(&net);
    return 0;
}

static void opens_and_runs(void **state)
{
    (void)state;
    const smt_edge_kernels *sets[2] = {smt_edge_kernels_reference(), smt_edge_kernels_best()};
    int8_t results[2][3];
    for (int k = 0; k < 2; k++) {
        tb_run run;
        assert_int_equal(tb_open(&run, net.bytes, net.size, sets[k]), SMT_EDGE_OK);
        int8_t *in = smt_edge_input(&run.runner, 0);
        for (int i = 0; i < 64; i++)
            in[i] = (int8_t)(i * 5 - 128);
        smt_edge_invoke(&run.runner, NULL, NULL);
        memcpy(results[k], smt_edge_output(&run.runner, 0), 3);
        int sum = 0;
        for (int i = 0; i < 3; i++)
            sum += results[k][i] + 128;
        assert_in_range(sum, 253, 258); /* probabilities in 256ths */
        assert_true(tb_canary_intact(&run));
        assert_null(smt_edge_input(&run.runner, 1));
        assert_null(smt_edge_output(&run.runner, -1));
        tb_close(&run);
    }
    assert_memory_equal(results[0], results[1], 3);
}

static void walk_tells_what_was_written(void **state)
{
    (void)state;
    smt_edge_model model;
    smt_edge_tensor t;
    smt_edge_operator op;
    assert_int_equal(smt_edge_open(net.bytes, net.size, &model, NULL), SMT_EDGE_OK);
    assert_int_equal(model.operator_count, 10);
    assert_true(smt_edge_get_operator(&model, 2, &op));
    assert_int_equal(op.code, SMT_EDGE_DEPTHWISE_CONV_2D);
    assert_int_equal(op.activation, SMT_EDGE_ACT_RELU);
    assert_int_equal(op.padding, SMT_EDGE_SAME);
    assert_int_equal(op.dilation_h, 1);
    assert_true(smt_edge_get_tensor(&model, op.inputs[0], &t));
    assert_int_equal(t.zero_point, -100);
    assert_int_equal(t.shape[3], 4);
    assert_true(smt_edge_get_tensor(&model, 1, &t));
    assert_int_equal(t.scale_count, 4);
    assert_memory_equal(t.data, conv_w, sizeof conv_w);
    assert_int_equal(t.name_length, 3);
    assert_memory_equal(t.name, "t01", 3);
    assert_true(smt_edge_get_operator(&model, 8, &op));
    assert_int_equal(op.inputs[2], -1);
    assert_false(smt_edge_get_tensor(&model, model.tensor_count, &t));
    assert_false(smt_edge_get_tensor(&model, -1, &t));
    assert_false(smt_edge_get_operator(&model, 10, &op));
}

static void arena_one_byte_short_is_refused(void **state)
{
    (void)state;
    tb_run run;
    smt_edge_runner runner;
    assert_int_equal(tb_open(&run, net.bytes, net.size, smt_edge_kernels_reference()), SMT_EDGE_OK);
    assert_int_equal(
        smt_edge_start(&run.plan, run.arena, run.plan.arena_bytes - 1, &runner, &run.error),
        SMT_EDGE_ERR_MEMORY);
    assert_non_null(strstr(run.error.message, "the arena needs"));
    assert_int_equal(smt_edge_start(&run.plan, run.arena + 1, run.plan.arena_bytes, &runner, NULL),
                     SMT_EDGE_ERR_ARGUMENT);
    assert_int_equal(smt_edge_make_plan(&run.model,
                                        smt_edge_kernels_reference(),
                                        run.places,
                                        smt_edge_places_bytes(&run.model) - 1,
                                        &run.plan,
                                        &run.error),
                     SMT_EDGE_ERR_MEMORY);
    tb_close(&run);
}

/* Kernels of int8 alone refuse a float operator, and say what files they take. */
static void float_operators_need_float_kernels(void **state)
{
    (void)state;
    tb b = {0};
    tb_run run;
    int in = tb_add_tensor(&b, 0, 2, (int[]){1, 4}, NULL);
    int out = tb_add_tensor(&b, 0, 2, (int[]){1, 4}, NULL);
    tb_add_operator(&b, SMT_EDGE_RELU, in, -2, -2, out);
    b.inputs[b.input_count++] = in;
    b.outputs[b.output_count++] = out;
    tb_finish(&b);
    assert_int_equal(tb_open(&run, b.bytes, b.size, smt_edge_kernels_reference()), SMT_EDGE_OK);
    tb_close(&run);
    assert_int_equal(tb_open(&run, b.bytes, b.size, smt_edge_kernels_portable()),
                     SMT_EDGE_ERR_UNSUPPORTED);
    assert_string_equal(run.error.message,
                        "operator 0 (RELU) of type float32 is not among the portable int8 kernels; "
                        "they take fully quantised files ('semtinel quantize --scheme int8')");
    tb_close(&run);
    tb_free(&b);
}

static void expect(tb *b, smt_edge_status status, const char *part)
{
    smt_edge_model model;
    smt_edge_error error;
    tb_finish(b);
    assert_int_equal(smt_edge_open(b->bytes, b->size, &model, &error), status);
    if (!strstr(error.message, part))
        fail_msg("\"%s\" does not contain \"%s\"", error.message, part);
}

/* One wrong value at a time, each named in the message. */
static void each_wrong_value_is_named(void **state)
{
    (void)state;
    static tb b;
#define WITH(change, status, part)                                                                 \
    build(&b);                                                                                     \
    change;                                                                                        \
    expect(&b, status, part);                                                                      \
    tb_free(&b)
    WITH(b.operators[4].code = 39,
         SMT_EDGE_ERR_UNSUPPORTED,
         "operator 4: TRANSPOSE (code 39) is not supported");
    WITH(b.operators[1].code = 150, SMT_EDGE_ERR_UNSUPPORTED, "operator 1: GELU");
    WITH(b.operators[1].code = 4000, SMT_EDGE_ERR_UNSUPPORTED, "operator 1: unknown (code 4000)");
    WITH(b.operators[0].inputs[0] = 99,
         SMT_EDGE_ERR_FORMAT,
         "operator 0 (CONV_2D): there is no tensor 99");
    WITH(b.operators[0].inputs[0] = -1,
         SMT_EDGE_ERR_FORMAT,
         "operator 0 (CONV_2D): an input is missing");
    WITH(b.operators[1].inputs[0] = 10,
         SMT_EDGE_ERR_FORMAT,
         "reads tensor 10 before it is computed");
    WITH(b.operators[5].output = 3, SMT_EDGE_ERR_FORMAT, "writes tensor 3, which is");
    WITH(b.operators[0].fields[1].value = 0, SMT_EDGE_ERR_FORMAT, "operator 0 (CONV_2D): stride");
    WITH(b.operators[0].fields[1].value = 3,
         SMT_EDGE_ERR_FORMAT,
         "operator 0 (CONV_2D): the output's shape");
    WITH(b.operators[0].fields[0].value = 7, SMT_EDGE_ERR_FORMAT, "options of operator 0");
    WITH(b.operators[2].fields[4].value = 4,
         SMT_EDGE_ERR_UNSUPPORTED,
         "operator 2 (DEPTHWISE_CONV_2D): fused activation 4");
    WITH(b.operators[9].fields[0].value = 0x7fc00000,
         SMT_EDGE_ERR_FORMAT,
         "operator 9 (SOFTMAX): beta");
    WITH(b.operators[6].fields[3].value = -2,
         SMT_EDGE_ERR_FORMAT,
         "operator 6 (AVERAGE_POOL_2D): stride");
    WITH(b.tensors[3].scales[0] = 0.0f,
         SMT_EDGE_ERR_FORMAT,
         "tensor 3: scale 0 is not a positive number");
    WITH(b.tensors[3].scales[0] = -1.0f,
         SMT_EDGE_ERR_FORMAT,
         "tensor 3: scale 0 is not a positive number");
    WITH(
        b.tensors[3].zeros[0] = 128, SMT_EDGE_ERR_FORMAT, "tensor 3: zero point 0 is out of range");
    WITH(b.tensors[3].zeros[0] = (int64_t)1 << 32,
         SMT_EDGE_ERR_FORMAT,
         "tensor 3: zero point 0 is out of range");
    WITH(b.tensors[1].zeros[2] = 1, SMT_EDGE_ERR_UNSUPPORTED, "per-channel zero points");
    WITH(b.tensors[1].zero_count = 3, SMT_EDGE_ERR_FORMAT, "tensor 1: 4 scales but 3 zero points");
    WITH(b.tensors[1].axis = 2, SMT_EDGE_ERR_FORMAT, "tensor 1: 4 scales do not fit axis 2");
    WITH(b.tensors[1].axis = 40, SMT_EDGE_ERR_FORMAT, "do not fit axis 40");
    WITH(b.tensors[1].bytes = 35,
         SMT_EDGE_ERR_FORMAT,
         "tensor 1 (t01): its buffer has 35 bytes, its shape 36");
    WITH(b.tensors[3].type = 8, SMT_EDGE_ERR_UNSUPPORTED, "type complex64 is not supported");
    WITH(b.tensors[3].shape[1] = -1, SMT_EDGE_ERR_UNSUPPORTED, "tensor 3 (t03): dimension 1 is -1");
    WITH(b.tensors[3].shape[1] = 0, SMT_EDGE_ERR_UNSUPPORTED, "dimension 1 is 0");
    WITH(b.tensors[3].shape[1] = 1 << 30, SMT_EDGE_ERR_LIMIT, "larger than 1 GiB");
    WITH(b.tensors[3].rank = 5, SMT_EDGE_ERR_UNSUPPORTED, "5 dimensions");
    WITH(b.tensors[16].scales[0] = 0.5f,
         SMT_EDGE_ERR_UNSUPPORTED,
         "operator 9 (SOFTMAX): the int8 output must");
    WITH(b.outputs[0] = 1, SMT_EDGE_ERR_FORMAT, "network output 0 is not computed");
    WITH(b.inputs[0] = 1, SMT_EDGE_ERR_FORMAT, "");
    WITH(b.input_count = 0, SMT_EDGE_ERR_FORMAT, "");
    WITH(b.tensors[2].type = 0, SMT_EDGE_ERR_UNSUPPORTED, "operator 0 (CONV_2D): the bias");
    WITH((b.tensors[2].shape[0] = 8, b.tensors[2].bytes = 32),
         SMT_EDGE_ERR_FORMAT,
         "operator 0 (CONV_2D): the bias does not fit");
    WITH(b.tensors[8].shape[1] = 2, SMT_EDGE_ERR_FORMAT, "operator 3 (MEAN): the output's shape");
    WITH(b.tensors[13].scales[0] = 0.2f,
         SMT_EDGE_ERR_UNSUPPORTED,
         "operator 7 (RESHAPE): input and output must have the same scale");
    WITH(b.tensors[16].zeros[0] = 0,
         SMT_EDGE_ERR_UNSUPPORTED,
         "operator 9 (SOFTMAX): the int8 output must");
    WITH(axes[0] = 4, SMT_EDGE_ERR_FORMAT, "operator 3 (MEAN): an axis is out of range");
    axes[0] = 1;
#undef WITH
}

/* Border pixels, and the result beside itself. */
static void build_joined(tb *b)
{
    static const int32_t pads[8] = {0, 0, 1, 1, 1, 1, 0, 0};
    memset(b, 0, sizeof *b);
    int in = tb_add_scaled(b, 9, 4, (int[]){1, 2, 2, 1}, NULL, 0.1f, 0);
    int by = tb_add_tensor(b, 2, 2, (int[]){4, 2}, pads);
    int padded = tb_add_scaled(b, 9, 4, (int[]){1, 4, 4, 1}, NULL, 0.1f, 0);
    int joined = tb_add_scaled(b, 9, 4, (int[]){1, 4, 4, 2}, NULL, 0.1f, 0);
    tb_add_operator(b, 34, in, by, -2, padded);
    tb_operator *op = tb_add_operator(b, 2, padded, padded, -2, joined);
    tb_set(op, 10, 0, 4, 3);
    b->inputs[b->input_count++] = in;
    b->outputs[b->output_count++] = joined;
}

static void joins_and_pads_are_checked(void **state)
{
    (void)state;
    static tb b;
    build_joined(&b);
    b.tensors[2].shape[1] = 5;
    expect(&b, SMT_EDGE_ERR_FORMAT, "operator 0 (PAD): the output's shape");
    tb_free(&b);
    build_joined(&b);
    b.tensors[3].scales[0] = 0.2f;
    expect(&b,
           SMT_EDGE_ERR_UNSUPPORTED,
           "operator 1 (CONCATENATION): inputs and output must have the same scale");
    tb_free(&b);
}

/* Without a limit, operators that share one long list took hours to check. */
static void joined_inputs_are_limited(void **state)
{
    (void)state;
    static tb b;
    for (int count = 256; count <= 257; count++) {
        smt_edge_model model;
        memset(&b, 0, sizeof b);
        int in = tb_add_tensor(&b, 0, 1, (int[]){1}, NULL);
        int out = tb_add_tensor(&b, 0, 1, (int[]){count}, NULL);
        tb_operator *join = tb_add_operator(&b, 2, in, -2, -2, out);
        tb_set(join, 10, 0, 4, 0);
        for (int i = 0; i < count; i++)
            join->inputs[i] = in;
        join->input_count = count;
        b.inputs[b.input_count++] = in;
        b.outputs[b.output_count++] = out;
        if (count > 256) {
            expect(&b, SMT_EDGE_ERR_LIMIT, "operator 0 (CONCATENATION): 257 inputs; at most 256");
        } else {
            tb_finish(&b);
            assert_int_equal(smt_edge_open(b.bytes, b.size, &model, NULL), SMT_EDGE_OK);
        }
        tb_free(&b);
    }
}

/* A dense layer of `terms` int8 inputs, whose sums must fit int32. */
static smt_edge_status open_dense(int terms)
{
    static tb b;
    static int8_t weights[1 << 17];
    smt_edge_model model;
    memset(&b, 0, sizeof b);
    int in = tb_add_scaled(&b, 9, 2, (int[]){1, terms}, NULL, 0.1f, 0);
    int w = tb_add_scaled(&b, 9, 2, (int[]){1, terms}, weights, 0.1f, 0);
    int out = tb_add_scaled(&b, 9, 2, (int[]){1, 1}, NULL, 0.1f, 0);
    tb_add_operator(&b, 9, in, w, -1, out);
    b.inputs[b.input_count++] = in;
    b.outputs[b.output_count++] = out;
    tb_finish(&b);
    smt_edge_status status = smt_edge_open(b.bytes, b.size, &model, NULL);
    tb_free(&b);
    return status;
}

static void sums_are_limited(void **state)
{
    (void)state;
    assert_int_equal(open_dense(65536), SMT_EDGE_OK);
    assert_int_equal(open_dense(65537), SMT_EDGE_ERR_LIMIT);
}

/* What a kernel takes for constant may not be computed by the network. */
static void computed_bias_is_refused(void **state)
{
    (void)state;
    static tb b;
    static const float weights[16];
    memset(&b, 0, sizeof b);
    int in = tb_add_tensor(&b, 0, 2, (int[]){1, 4}, NULL);
    int w = tb_add_tensor(&b, 0, 2, (int[]){4, 4}, weights);
    int bias = tb_add_tensor(&b, 0, 2, (int[]){1, 4}, NULL);
    int out = tb_add_tensor(&b, 0, 2, (int[]){1, 4}, NULL);
    tb_add_operator(&b, 19, in, -2, -2, bias);
    tb_add_operator(&b, 9, in, w, bias, out);
    b.inputs[b.input_count++] = in;
    b.outputs[b.output_count++] = out;
    expect(&b, SMT_EDGE_ERR_UNSUPPORTED, "operator 1 (FULLY_CONNECTED): weights and bias must be");
    tb_free(&b);
}

static int add_conv(tb *b, int in, int filter, int channels)
{
    static int8_t weights[10 * 3 * 3 * 10];
    int w = tb_add_scaled(
        b, 9, 4, (int[]){channels, filter, filter, b->tensors[in].shape[3]}, weights, 0.01f, 0);
    int out = tb_add_scaled(b, 9, 4, (int[]){1, 8, 8, channels}, NULL, 0.1f, 0);
    tb_operator *op = tb_add_operator(b, 3, in, w, -1, out);
    tb_set(op, 1, 1, 4, 1);
    tb_set(op, 1, 2, 4, 1);
    return out;
}

/* Input x (512 bytes) of a 3 x 3 convolution lies behind the gap of 64 that a larger tensor left
 * above `kept`; the output, which would fit there with a lead of 64, needs one of 80: two pixels
 * and a row of 8 channels. */
static void writing_never_overtakes_reading(void **state)
{
    (void)state;
    static tb b;
    tb_run run;
    memset(&b, 0, sizeof b);
    int in = tb_add_scaled(&b, 9, 4, (int[]){1, 8, 8, 1}, NULL, 0.1f, 0);
    int x = add_conv(&b, add_conv(&b, in, 1, 10), 1, 8);
    int kept = add_conv(&b, x, 1, 9), out = add_conv(&b, x, 3, 8);
    b.inputs[b.input_count++] = in;
    b.outputs[b.output_count++] = kept;
    b.outputs[b.output_count++] = out;
    tb_finish(&b);
    assert_int_equal(tb_open(&run, b.bytes, b.size, smt_edge_kernels_reference()), SMT_EDGE_OK);
    const smt_edge_place *from = &run.plan.places[x], *to = &run.plan.places[out];
    assert_true(from->offset >= to->offset + 80 || from->offset + 512 <= to->offset);
    tb_close(&run);
    tb_free(&b);
}

/* The 256 entries of a hard-swish's table, while `in` waits for the addition. Placed last, they
 * would miss the gap that the convolutions' 192 bytes leave below it. */
static void scratch_memory_is_planned_with_the_tensors(void **state)
{
    (void)state;
    static tb b;
    tb_run run;
    memset(&b, 0, sizeof b);
    int in = tb_add_scaled(&b, 9, 4, (int[]){1, 8, 8, 1}, NULL, 0.1f, 0);
    int x = add_conv(&b, add_conv(&b, in, 1, 3), 1, 1);
    int swish = tb_add_scaled(&b, 9, 4, (int[]){1, 8, 8, 1}, NULL, 0.1f, 0);
    int sum = tb_add_scaled(&b, 9, 4, (int[]){1, 8, 8, 1}, NULL, 0.1f, 0);
    tb_add_operator(&b, SMT_EDGE_HARD_SWISH, x, -2, -2, swish);
    tb_add_operator(&b, SMT_EDGE_ADD, swish, in, -2, sum);
    b.inputs[b.input_count++] = in;
    b.outputs[b.output_count++] = sum;
    tb_finish(&b);
    assert_int_equal(tb_open(&run, b.bytes, b.size, smt_edge_kernels_reference()), SMT_EDGE_OK);
    assert_int_equal(run.plan.arena_bytes, 256 + 2 * 64);
    tb_close(&run);
    tb_free(&b);
}

/* Opens, plans and runs whatever is accepted. */
static void try_bytes(const void *bytes, size_t size)
{
    tb_run run;
    if (tb_open(&run, bytes, size, smt_edge_kernels_best()) == SMT_EDGE_OK) {
        for (int i = 0; i < run.model.input_count; i++) {
            smt_edge_tensor t;
            smt_edge_get_tensor(&run.model, run.model.inputs[i], &t);
            memset(smt_edge_input(&run.runner, i), 0x41, t.bytes);
        }
        smt_edge_invoke(&run.runner, NULL, NULL);
        assert_true(tb_canary_intact(&run));
    }
    tb_close(&run);
}

static void cut_files_are_refused(void **state)
{
    (void)state;
    for (uint32_t size = 0; size + 8 < net.size; size++) {
        smt_edge_model model;
        uint8_t *copy = malloc(size + 1); /* exact, so that a sanitizer sees any overrun */
        memcpy(copy, net.bytes, size);
        smt_edge_status status = smt_edge_open(copy, size, &model, NULL);
        if (status == SMT_EDGE_OK)
            try_bytes(copy, size);
        else
            assert_int_not_equal(status, SMT_EDGE_ERR_ARGUMENT);
        if (size < net.size / 2)
            assert_int_not_equal(status, SMT_EDGE_OK);
        free(copy);
    }
}

static void bit_flips_do_no_harm(void **state)
{
    (void)state;
    uint8_t *copy = malloc(net.size);
    for (uint32_t i = 0; i < net.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(copy, net.bytes, net.size);
            copy[i] ^= (uint8_t)(1u << bit);
            try_bytes(copy, net.size);
        }
    /* and several at a time */
    uint32_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        memcpy(copy, net.bytes, net.size);
        for (int k = 0; k < 4; k++) {
            seed = seed * 1664525u + 1013904223u;
            copy[(seed >> 8) % net.size] = (uint8_t)(seed >> 3);
        }
        try_bytes(copy, net.size);
    }
    free(copy);
}

static void foreign_files_are_refused(void **state)
{
    (void)state;
    smt_edge_model model;
    smt_edge_error error;
    static const _Alignas(16) char png[64] = "\x89PNG\r\n\x1a\n";
    static const _Alignas(16) char mark[64] = "\x10\0\0\0TFL3";
    static const _Alignas(16) char far[64] = "\xff\xff\xff\x7fTFL3";
    assert_int_equal(smt_edge_open(png, sizeof png, &model, &error), SMT_EDGE_ERR_FORMAT);
    assert_non_null(strstr(error.message, "not a TensorFlow Lite file"));
    assert_int_equal(smt_edge_open(mark, sizeof mark, &model, &error), SMT_EDGE_ERR_FORMAT);
    assert_int_equal(smt_edge_open(far, sizeof far, &model, &error), SMT_EDGE_ERR_FORMAT);
    assert_int_equal(smt_edge_open(mark, 3, &model, &error), SMT_EDGE_ERR_FORMAT);
    assert_int_equal(smt_edge_open(NULL, 3, &model, &error), SMT_EDGE_ERR_ARGUMENT);
    assert_int_equal(smt_edge_open(mark + 1, 60, &model, &error), SMT_EDGE_ERR_ARGUMENT);
}

/* A convolution (code 3) or a depthwise one (4) by a window of 1 x 1 over a row of `wide` pixels.
 */
static smt_edge_status open_row(int code, int type, int wide, int channels, int stride)
{
    static const int8_t weights[4 * 33834];
    tb b = {0};
    smt_edge_model model;
    smt_edge_plan plan;
    int long_out = (wide - 1) / stride + 1, out_c = code == 4 ? channels : 1;
    int in = tb_add_scaled(&b, type, 4, (int[]){1, 1, wide, channels}, NULL, 0.1f, 0);
    int w = tb_add_scaled(&b, type, 4, (int[]){1, 1, 1, channels}, weights, 0.1f, 0);
    int out = tb_add_scaled(&b, type, 4, (int[]){1, 1, long_out, out_c}, NULL, 0.1f, 0);
    tb_operator *op = tb_add_operator(&b, code, in, w, -2, out);
    for (int i = 0; i < 3; i++)
        tb_set(op, code == 4 ? 2 : 1, i, i ? 4 : 1, i ? stride : 0);
    if (code == 4)
        tb_set(op, 2, 3, 4, 1);
    b.inputs[b.input_count++] = in;
    b.outputs[b.output_count++] = out;
    tb_finish(&b);
    smt_edge_status status = smt_edge_open(b.bytes, b.size, &model, NULL);
    const smt_edge_kernels *sets[] = {smt_edge_kernels_reference(),
                                      smt_edge_kernels_avx2(),
                                      smt_edge_kernels_avx512(),
                                      smt_edge_kernels_neon()};
    for (size_t i = 0; i < sizeof sets / sizeof *sets && !status; i++) {
        void *places = malloc(smt_edge_places_bytes(&model));
        if (sets[i])
            status = smt_edge_make_plan(
                &model, sets[i], places, smt_edge_places_bytes(&model), &plan, NULL);
        free(places);
    }
    tb_free(&b);
    return status;
}

/* What kernels gather of the image is counted in 32 bits: rows that do not fit, and strides whose
 * distance times the channels does not, divided by zero or asked for too little memory. */
static void gathered_rows_are_limited(void **state)
{
    (void)state;
    assert_int_equal(open_row(4, 9, 1000, 16, 2), SMT_EDGE_OK);
    assert_int_equal(open_row(4, 9, 1 << 27, 1, 1), SMT_EDGE_ERR_LIMIT);
    assert_int_equal(open_row(4, 0, 1 << 26, 1, 1), SMT_EDGE_ERR_LIMIT);
    assert_int_equal(open_row(4, 0, 1 << 24, 8, 0xfff), SMT_EDGE_ERR_LIMIT);
    assert_int_equal(open_row(3, 9, 1000, 64, 2), SMT_EDGE_OK);
    assert_int_equal(open_row(3, 9, 1, 33834, 0xfff), SMT_EDGE_ERR_LIMIT);
    assert_int_equal(open_row(3, 0, 1, 33834, 0xfff), SMT_EDGE_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(opens_and_runs, make, drop),
        cmocka_unit_test_setup_teardown(walk_tells_what_was_written, make, drop),
        cmocka_unit_test_setup_teardown(arena_one_byte_short_is_refused, make, drop),
        cmocka_unit_test(float_operators_need_float_kernels),
        cmocka_unit_test(each_wrong_value_is_named),
        cmocka_unit_test(joins_and_pads_are_checked),
        cmocka_unit_test(joined_inputs_are_limited),
        cmocka_unit_test(sums_are_limited),
        cmocka_unit_test(computed_bias_is_refused),
        cmocka_unit_test(writing_never_overtakes_reading),
        cmocka_unit_test(scratch_memory_is_planned_with_the_tensors),
        cmocka_unit_test(gathered_rows_are_limited),
        cmocka_unit_test_setup_teardown(cut_files_are_refused, make, drop),
        cmocka_unit_test_setup_teardown(bit_flips_do_no_harm, make, drop),
        cmocka_unit_test(foreign_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
