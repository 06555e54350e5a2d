/* Exported C: a network without interpreter and file.
 *
 * edge's reader, plan and parameter binding do the work; what they compute at start on a device is
 * printed here as const data: weights, biases, requantisation tables, the 256 entries of
 * element-wise functions, and the offsets of the plan. What is left is one call of a kernel an
 * operator. */
#include <semtinel/csource.h>

#include "kernels/kernels.h"
#include "src/bind.h"

#include <stdio.h>
#include <string.h>

typedef struct writer {
    const char *tflite, *folder;
    char name[64], upper[64];
    void *file, *places, *arena;
    size_t file_bytes;
    smt_edge_model model;
    smt_edge_plan plan;
    smt_edge_tensor in, out;
    smt_file *c;
    bool moves;     /* a RESHAPE whose input and output do not share memory */
    uint32_t *crcs; /* of each operator's output */
    size_t flash;   /* bytes of const data */
} writer;

/* ---- const data ------------------------------------------------------------------------------ */

static void write_s8(writer *w, const char *name, int32_t index, const int8_t *data, uint32_t count)
{
    smt_file_printf(w->c, "static const int8_t %s%d[%u] = {", name, index, count);
    for (uint32_t i = 0; i < count; i++)
        smt_file_printf(w->c, "%s%d", i % 32 ? "," : i ? ",\n" : "\n", data[i]);
    smt_file_printf(w->c, "};\n");
    w->flash += count;
}

static void
write_s32(writer *w, const char *name, int32_t index, const int32_t *data, uint32_t count)
{
    smt_file_printf(w->c, "static const int32_t %s%d[%u] = {", name, index, count);
    for (uint32_t i = 0; i < count; i++) {
        /* the lowest value has no literal of its type */
        if (data[i] == INT32_MIN)
            smt_file_printf(w->c, "%s(-2147483647 - 1)", i % 12 ? "," : i ? ",\n" : "\n");
        else
            smt_file_printf(w->c, "%s%d", i % 12 ? "," : i ? ",\n" : "\n", data[i]);
    }
    smt_file_printf(w->c, "};\n");
    w->flash += 4 * (size_t)count;
}

static smt_status write_conv_data(writer *w, const edge_call *call, smt_error *error)
{
    const smt_conv *p = &call->conv;
    int32_t i = call->op.index;
    uint32_t channels = (uint32_t)p->out_c;
    int32_t *multiplier = smt_alloc(channels, 4);
    int8_t *shift = smt_alloc(channels, 1);
    if (!multiplier || !shift) {
        smt_free(multiplier);
        smt_free(shift);
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", w->tflite);
    }
    edge_fill_tables(call, multiplier, shift);
    write_s8(w, "weights", i, call->second.data, call->second.elements);
    if (call->has_third)
        write_s32(w, "bias", i, call->third.data, channels);
    write_s32(w, "multiplier", i, multiplier, channels);
    write_s8(w, "shift", i, shift, channels);
    smt_free(multiplier);
    smt_free(shift);
    smt_file_printf(
        w->c,
        "static const smt_conv op%d = {.batch = %d, .in_h = %d, .in_w = %d, .in_c = %d, .out_h = "
        "%d, "
        ".out_w = %d,\n    .out_c = %d, .filter_h = %d, .filter_w = %d, .stride_h = %d, .stride_w "
        "= %d, "
        ".dilation_h = %d,\n    .dilation_w = %d, .pad_h = %d, .pad_w = %d, .in_zero = %d, "
        ".out_zero = "
        "%d, .low = %d, .high = %d,\n    .multiplier = multiplier%d, .shift = shift%d, .weights = "
        "weights%d, .bias = ",
        i,
        p->batch,
        p->in_h,
        p->in_w,
        p->in_c,
        p->out_h,
        p->out_w,
        p->out_c,
        p->filter_h,
        p->filter_w,
        p->stride_h,
        p->stride_w,
        p->dilation_h,
        p->dilation_w,
        p->pad_h,
        p->pad_w,
        p->in_zero,
        p->out_zero,
        p->low,
        p->high,
        i,
        i,
        i);
    if (call->has_third)
        smt_file_printf(w->c, "bias%d};\n", i);
    else
        smt_file_printf(w->c, "0};\n");
    w->flash += sizeof(smt_conv);
    return SMT_OK;
}

static void write_map_data(writer *w, const edge_call *call)
{
    smt_map map;
    int8_t table[256];
    edge_bind_map(call, &map);
    smt_build_map(&map, table);
    write_s8(w, "table", call->op.index, table, 256);
}

static void write_arithmetic_data(writer *w, const edge_call *call)
{
    smt_arithmetic p;
    edge_bind_arithmetic(call, &p);
    const int32_t *s = p.shape, *a = p.stride_a, *b = p.stride_b;
    if (call->in.data)
        write_s8(w, "a", call->op.index, call->in.data, call->in.elements);
    if (call->second.data)
        write_s8(w, "b", call->op.index, call->second.data, call->second.elements);
    smt_file_printf(
        w->c,
        "static const smt_arithmetic op%d = {.code = SMT_EDGE_%s, .shape = {%d, %d, %d, %d},\n"
        "    .stride_a = {%d, %d, %d, %d}, .stride_b = {%d, %d, %d, %d}, .zero_a = %d, .zero_b = "
        "%d, "
        ".zero_out = %d,\n    .low = %d, .high = %d, .multiplier_a = %d, .multiplier_b = %d, "
        ".multiplier_out = %d,\n    .shift_a = %d, .shift_b = %d, .shift_out = %d};\n",
        call->op.index,
        smt_edge_code_name((int32_t)p.code),
        s[0],
        s[1],
        s[2],
        s[3],
        a[0],
        a[1],
        a[2],
        a[3],
        b[0],
        b[1],
        b[2],
        b[3],
        p.zero_a,
        p.zero_b,
        p.zero_out,
        p.low,
        p.high,
        p.multiplier_a,
        p.multiplier_b,
        p.multiplier_out,
        p.shift_a,
        p.shift_b,
        p.shift_out);
    w->flash += sizeof p;
}

static void write_mean_data(writer *w, const edge_call *call)
{
    smt_mean p;
    edge_bind_mean(call, &p);
    smt_file_printf(w->c,
                    "static const smt_mean op%d = {.shape = {%d, %d, %d, %d}, .reduce = {%d, %d, "
                    "%d, %d}, .count = "
                    "%d,\n    .in_zero = %d, .out_zero = %d, .multiplier = %d, .shift = %d};\n",
                    call->op.index,
                    p.shape[0],
                    p.shape[1],
                    p.shape[2],
                    p.shape[3],
                    p.reduce[0],
                    p.reduce[1],
                    p.reduce[2],
                    p.reduce[3],
                    p.count,
                    p.in_zero,
                    p.out_zero,
                    p.multiplier,
                    p.shift);
    w->flash += sizeof p;
}

static void write_pool_data(writer *w, const edge_call *call)
{
    smt_pool p;
    edge_bind_pool(call, &p);
    smt_file_printf(w->c,
                    "static const smt_pool op%d = {.max = %d, .batch = %d, .in_h = %d, .in_w = %d, "
                    ".channels = %d,\n"
                    "    .out_h = %d, .out_w = %d, .filter_h = %d, .filter_w = %d, .stride_h = %d, "
                    ".stride_w = %d,\n"
                    "    .pad_h = %d, .pad_w = %d, .low = %d, .high = %d};\n",
                    call->op.index,
                    p.max,
                    p.batch,
                    p.in_h,
                    p.in_w,
                    p.channels,
                    p.out_h,
                    p.out_w,
                    p.filter_h,
                    p.filter_w,
                    p.stride_h,
                    p.stride_w,
                    p.pad_h,
                    p.pad_w,
                    p.low,
                    p.high);
    w->flash += sizeof p;
}

static void write_softmax_data(writer *w, const edge_call *call)
{
    smt_softmax p;
    edge_bind_softmax(call, &p);
    smt_file_printf(
        w->c,
        "static const smt_softmax op%d = {.rows = %d, .depth = %d, .multiplier = %d, .shift = %d, "
        ".diff_min = %d};\n",
        call->op.index,
        p.rows,
        p.depth,
        p.multiplier,
        p.shift,
        p.diff_min);
    w->flash += sizeof p;
}

/* Is `call` the product of the two convolutions before it? */
static bool is_product(const writer *w, const edge_call *call)
{
    return w->plan.places[call->op.inputs[0]].first == SMT_EDGE_FACTOR;
}

static void write_product_data(writer *w, const edge_call *call)
{
    int32_t i = call->op.index;
    smt_edge_operator before;
    smt_edge_get_operator(&w->model, i - 1, &before);
    int32_t b = before.outputs[0] == call->second.index ? i - 1 : i - 2;
    smt_file_printf(
        w->c,
        "static const smt_product product%d = {.a = &op%d, .b = &op%d, .mul = &op%d};\n",
        i,
        2 * i - 3 - b,
        b,
        i);
    w->flash += sizeof(smt_product);
}

static smt_status write_data(writer *w, const edge_call *call, smt_error *error)
{
    switch (call->op.code) {
    case SMT_EDGE_CONV_2D:
    case SMT_EDGE_FULLY_CONNECTED:
    case SMT_EDGE_DEPTHWISE_CONV_2D:
        return write_conv_data(w, call, error);
    case SMT_EDGE_ADD:
    case SMT_EDGE_SUB:
    case SMT_EDGE_MUL:
        write_arithmetic_data(w, call);
        if (is_product(w, call))
            write_product_data(w, call);
        return SMT_OK;
    case SMT_EDGE_MEAN:
        write_mean_data(w, call);
        return SMT_OK;
    case SMT_EDGE_AVERAGE_POOL_2D:
    case SMT_EDGE_MAX_POOL_2D:
        write_pool_data(w, call);
        return SMT_OK;
    case SMT_EDGE_SOFTMAX:
        write_softmax_data(w, call);
        return SMT_OK;
    case SMT_EDGE_RESHAPE:
        w->moves = w->moves ||
                   w->plan.places[call->in.index].offset != w->plan.places[call->out.index].offset;
        return SMT_OK;
    case SMT_EDGE_HARD_SWISH:
    case SMT_EDGE_RELU:
    case SMT_EDGE_RELU6:
    case SMT_EDGE_LOGISTIC:
    case SMT_EDGE_QUANTIZE:
        if (call->in.type == SMT_EDGE_S8 && call->out.type == SMT_EDGE_S8) {
            write_map_data(w, call);
            return SMT_OK;
        }
        break;
    default:
        break;
    }
    return smt_fail(error,
                    SMT_ERR_UNSUPPORTED,
                    "%s: operator %d (%s of %s) has no C form; run the .tflite itself",
                    w->tflite,
                    call->op.index,
                    smt_edge_code_name((int32_t)call->op.code),
                    smt_edge_type_name((int32_t)call->in.type));
}

/* ---- calls ----------------------------------------------------------------------------------- */

static const char *kernel_of(const edge_call *call)
{
    return call->op.code == SMT_EDGE_DEPTHWISE_CONV_2D ? "DEPTHWISE" : "CONV";
}

static void write_product_call(writer *w, const edge_call *call, uint32_t out)
{
    int32_t i = call->op.index;
    edge_call factor;
    edge_bind(&w->model, w->plan.kernels, i - 1, &factor);
    smt_file_printf(w->c,
                    "    smt_product_s8(&%s, ARITHMETIC, &product%d, arena + %u, arena + %u, arena "
                    "+ %u);\n",
                    kernel_of(&factor),
                    i,
                    w->plan.places[factor.in.index].offset,
                    out,
                    w->plan.scratch_at[i]);
}

static void write_call(writer *w, const edge_call *call)
{
    int32_t i = call->op.index;
    const smt_edge_place *places = w->plan.places;
    uint32_t in = places[call->in.index].offset, out = places[call->out.index].offset;
    switch (call->op.code) {
    case SMT_EDGE_CONV_2D:
    case SMT_EDGE_FULLY_CONNECTED:
    case SMT_EDGE_DEPTHWISE_CONV_2D:
        smt_file_printf(w->c,
                        "    %s%s.run(&op%d, arena + %u, arena + %u, arena + %u);\n",
                        places[call->out.index].first == SMT_EDGE_FACTOR
                            ? "if (trace) /* the product computes it again */\n        "
                            : "",
                        kernel_of(call),
                        i,
                        in,
                        out,
                        w->plan.scratch_at[i]);
        break;
    case SMT_EDGE_ADD:
    case SMT_EDGE_SUB:
    case SMT_EDGE_MUL: {
        char a[32], b[32];
        if (is_product(w, call)) {
            write_product_call(w, call, out);
            break;
        }
        snprintf(
            a, sizeof a, call->in.data ? "a%u" : "BYTES(%u)", call->in.data ? (uint32_t)i : in);
        snprintf(b,
                 sizeof b,
                 call->second.data ? "b%u" : "BYTES(%u)",
                 call->second.data ? (uint32_t)i : places[call->second.index].offset);
        smt_file_printf(w->c, "    ARITHMETIC(&op%d, %s, %s, BYTES(%u));\n", i, a, b, out);
        break;
    }
    case SMT_EDGE_MEAN:
        smt_file_printf(w->c, "    MEAN(&op%d, BYTES(%u), BYTES(%u));\n", i, in, out);
        break;
    case SMT_EDGE_AVERAGE_POOL_2D:
    case SMT_EDGE_MAX_POOL_2D:
        smt_file_printf(w->c, "    smt_ref_pool_s8(&op%d, BYTES(%u), BYTES(%u));\n", i, in, out);
        break;
    case SMT_EDGE_SOFTMAX:
        smt_file_printf(w->c, "    smt_ref_softmax_s8(&op%d, BYTES(%u), BYTES(%u));\n", i, in, out);
        break;
    case SMT_EDGE_RESHAPE:
        if (in != out)
            smt_file_printf(
                w->c, "    move(arena + %u, arena + %u, %uu);\n", out, in, call->out.bytes);
        break;
    default:
        smt_file_printf(
            w->c, "    MAP(table%d, BYTES(%u), BYTES(%u), %uu);\n", i, in, out, call->out.elements);
    }
    smt_file_printf(w->c,
                    "    TRACE(%d, \"%s\", %d, %u, %uu);\n",
                    i,
                    smt_edge_code_name((int32_t)call->op.code),
                    call->out.index,
                    out,
                    call->out.bytes);
}

static smt_status write_network(writer *w, smt_error *error)
{
    smt_status status = SMT_OK;
    edge_call call;
    smt_file_printf(
        w->c,
        "/* Written by semtinel %s from %s. Do not edit: export again. */\n#include \"%s.h\"\n\n"
        "#include \"kernels/kernels.h\"\n\n"
        "#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__aarch64__)\n"
        "#include \"kernels/arm_dsp/dsp.h\"\n#define CONV dsp_conv_s8\n#define DEPTHWISE "
        "dsp_depthwise_s8\n"
        "#define MAP dsp_map_s8\n#define ARITHMETIC dsp_arithmetic_s8\n#define MEAN "
        "dsp_mean_s8\n#else\n"
        "#define CONV smt_ref_conv_s8_kernel\n#define DEPTHWISE smt_ref_depthwise_s8_kernel\n"
        "#define MAP smt_ref_map_s8\n#define ARITHMETIC smt_ref_arithmetic_s8\n#define MEAN "
        "smt_ref_mean_s8\n#endif\n\n#define BYTES(at) ((int8_t *)arena + (at))\n"
        "#define TRACE(index, name, tensor, at, bytes)                                    \\\n"
        "    do {                                                                         \\\n"
        "        if (trace)                                                               \\\n"
        "            trace(context, index, name, tensor, arena + (at), bytes);            \\\n"
        "    } while (0)\n\n",
        smt_version(),
        smt_path_name(w->tflite),
        w->name);
    for (int32_t i = 0; i < w->model.operator_count && !status; i++) {
        edge_bind(&w->model, w->plan.kernels, i, &call);
        status = write_data(w, &call, error);
    }
    if (status)
        return status;
    if (w->moves)
        smt_file_printf(w->c,
                        "\nstatic void move(uint8_t *to, const uint8_t *from, uint32_t bytes)\n{\n"
                        "    while (bytes--)\n        *to++ = *from++;\n}\n");
    smt_file_printf(w->c,
                    "\nvoid %s_run(uint8_t *arena, %s_trace trace, void *context)\n{\n",
                    w->name,
                    w->name);
    for (int32_t i = 0; i < w->model.operator_count; i++) {
        edge_bind(&w->model, w->plan.kernels, i, &call);
        write_call(w, &call);
    }
    smt_file_printf(w->c, "}\n");
    return SMT_OK;
}

/* ---- the other files ---------------------------------------------------------------------------
 */

static smt_status write_header(writer *w, smt_error *error)
{
    const int32_t *s = w->in.shape;
    (void)error;
    smt_file_printf(w->c,
                    "/* Written by semtinel %s from %s. An int8 network: constants in flash, one "
                    "arena, no file and no\n"
                    " * interpreter. See README.md beside this file. */\n#ifndef %s_H\n#define "
                    "%s_H\n\n#include "
                    "<stdint.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n",
                    smt_version(),
                    smt_path_name(w->tflite),
                    w->upper,
                    w->upper);
    smt_file_printf(
        w->c,
        "#define %s_ARENA_BYTES %uu /* aligned to 16; activations and scratch, nothing is kept "
        "between runs */\n"
        "#define %s_OPERATORS %d\n"
        "#define %s_INPUT_AT %uu /* in the arena; written before every run */\n"
        "#define %s_INPUT_BYTES %uu\n#define %s_INPUT_HEIGHT %d\n#define %s_INPUT_WIDTH %d\n"
        "#define %s_INPUT_CHANNELS %d\n"
        "#define %s_INPUT_SCALE %.9gf /* real = scale * (q - zero) */\n#define %s_INPUT_ZERO %d\n"
        "#define %s_OUTPUT_AT %uu\n#define %s_OUTPUT_BYTES %uu\n#define %s_OUTPUT_SCALE %.9gf\n"
        "#define %s_OUTPUT_ZERO %d\n\n",
        w->upper,
        w->plan.activation_bytes,
        w->upper,
        w->model.operator_count,
        w->upper,
        w->plan.places[w->in.index].offset,
        w->upper,
        w->in.bytes,
        w->upper,
        s[1],
        w->upper,
        s[2],
        w->upper,
        s[3],
        w->upper,
        (double)w->in.scales[0],
        w->upper,
        w->in.zero_point,
        w->upper,
        w->plan.places[w->out.index].offset,
        w->upper,
        w->out.bytes,
        w->upper,
        (double)w->out.scales[0],
        w->upper,
        w->out.zero_point);
    smt_file_printf(w->c,
                    "/* Called after each operator with its output; the name and tensor are those "
                    "of the .tflite. */\n"
                    "typedef void (*%s_trace)(\n    void *context, int32_t index, const char "
                    "*name, int32_t tensor, const "
                    "void *data, uint32_t bytes);\n\n/* Runs the network once on the input in the "
                    "arena; trace may be "
                    "0. */\nvoid %s_run(uint8_t *arena, %s_trace trace, void *context);\n\n"
                    "/* Runs a fixed input and compares every operator with the results on the "
                    "desk: -1 when all are "
                    "equal, else the\n * first operator that differs. In %s_check.c. */\nint32_t "
                    "%s_check(uint8_t "
                    "*arena);\n\n#ifdef __cplusplus\n}\n#endif\n#endif\n",
                    w->name,
                    w->name,
                    w->name,
                    w->name,
                    w->name);
    return SMT_OK;
}

static smt_status write_check(writer *w, smt_error *error)
{
    (void)error;
    smt_file_printf(w->c,
                    "/* Written by semtinel %s. CRC-32 (IEEE) of every operator's output for the "
                    "input below. */\n"
                    "#include \"%s.h\"\n\nstatic const uint32_t golden[%s_OPERATORS] = {",
                    smt_version(),
                    w->name,
                    w->upper);
    for (int32_t i = 0; i < w->model.operator_count; i++)
        smt_file_printf(w->c, "%s0x%08xu", i % 6 ? ", " : i ? ",\n    " : "\n    ", w->crcs[i]);
    smt_file_printf(
        w->c,
        "};\n\nstatic uint32_t crc32(const uint8_t *data, uint32_t bytes)\n{\n    uint32_t crc = "
        "0xffffffffu;\n    while (bytes--) {\n        crc ^= *data++;\n        for (int bit = 0; "
        "bit < 8; "
        "bit++)\n            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1u)));\n    }\n    "
        "return "
        "~crc;\n}\n\nstatic void compare(\n    void *context, int32_t index, const char *name, "
        "int32_t tensor, "
        "const void *data, uint32_t bytes)\n{\n    int32_t *first = context;\n    (void)name;\n    "
        "(void)tensor;\n    if (*first < 0 && crc32(data, bytes) != golden[index])\n        *first "
        "= "
        "index;\n}\n\nint32_t %s_check(uint8_t *arena)\n{\n    int32_t first = -1;\n    for "
        "(uint32_t i = 0; i "
        "< %s_INPUT_BYTES; i++)\n        arena[%s_INPUT_AT + i] = (uint8_t)((i * 2654435761u) >> "
        "24);\n    "
        "%s_run(arena, compare, &first);\n    return first;\n}\n",
        w->name,
        w->upper,
        w->upper,
        w->name);
    return SMT_OK;
}

static smt_status write_example(writer *w, smt_error *error)
{
    (void)error;
    smt_file_printf(
        w->c,
        "/* How to call the network: grey pixels in, class out. No main: call it from your own. "
        "*/\n"
        "#include \"%s.h\"\n\n#if defined(__GNUC__)\n__attribute__((aligned(16))) /* on an i.MX RT "
        "put it into "
        "DTCM */\n#endif\nstatic uint8_t arena[%s_ARENA_BYTES];\n\nint %s_classify(const uint8_t "
        "*pixels, "
        "int8_t *probability);\n\n"
        "/* pixels: %s_INPUT_HEIGHT rows of %s_INPUT_WIDTH grey bytes (each repeated for every "
        "channel). "
        "Returns the class;\n * *probability: its output, real = %s_OUTPUT_SCALE * (q - "
        "%s_OUTPUT_ZERO). */\n"
        "int %s_classify(const uint8_t *pixels, int8_t *probability)\n{\n"
        "    const int8_t *out = (const int8_t *)arena + %s_OUTPUT_AT;\n    int best = 0;\n"
        "    for (uint32_t i = 0; i < %s_INPUT_BYTES; i++) /* (p - 128) / 128 at scale 1 / 128 is "
        "p - 128 */\n"
        "        arena[%s_INPUT_AT + i] = (uint8_t)(pixels[i / %s_INPUT_CHANNELS] ^ 128);\n"
        "    %s_run(arena, 0, 0);\n"
        "    for (int i = 1; i < (int)%s_OUTPUT_BYTES; i++)\n        if (out[i] > out[best])\n"
        "            best = i;\n    *probability = out[best];\n    return best;\n}\n",
        w->name,
        w->upper,
        w->name,
        w->upper,
        w->upper,
        w->upper,
        w->upper,
        w->name,
        w->upper,
        w->upper,
        w->upper,
        w->upper,
        w->name,
        w->upper);
    return SMT_OK;
}

static smt_status write_readme(writer *w, smt_error *error)
{
    (void)error;
    smt_file_printf(w->c,
                    "# %s\n\nAn int8 network as C99 source, written by semtinel %s from %s.\n\n| | "
                    "|\n|---|---|\n"
                    "| input | int8, %d x %d x %d (NHWC), real = %.9g * (q - %d) |\n"
                    "| output | int8, %u values, real = %.9g * (q - %d) |\n"
                    "| operators | %d |\n| arena | %u bytes of RAM, aligned to 16 |\n"
                    "| constants | %zu bytes of flash |\n\n",
                    w->name,
                    smt_version(),
                    smt_path_name(w->tflite),
                    w->in.shape[1],
                    w->in.shape[2],
                    w->in.shape[3],
                    (double)w->in.scales[0],
                    w->in.zero_point,
                    w->out.bytes,
                    (double)w->out.scales[0],
                    w->out.zero_point,
                    w->model.operator_count,
                    w->plan.activation_bytes,
                    w->flash);
    smt_file_printf(
        w->c,
        "Add to your project `%s.c` and, from semtinel's edge/ folder, `kernels/ref/*.c` and "
        "`kernels/arm_dsp/*.c` (the linker\ndrops what is not called), with edge/ and "
        "edge/include/ as include "
        "folders:\n\n    cc -std=c99 -O2 -ffreestanding -ffunction-sections -I$EDGE "
        "-I$EDGE/include -c %s.c "
        "$EDGE/kernels/ref/*.c $EDGE/kernels/arm_dsp/*.c\n\n"
        "On a Cortex-M with the DSP extension (M4, M7, M33) the fast kernels are chosen by the "
        "compiler's "
        "target, elsewhere\nthe portable ones; results are the same bytes. No allocation, no "
        "globals, no "
        "stdio, no libm.\n\n`%s_example.c` shows a call. `%s_check.c` is for the first day on a "
        "board: "
        "`%s_check(arena)` runs a fixed input\nand compares the CRC-32 of every operator's output "
        "with those "
        "computed when this was written; -1 means all are equal,\notherwise it names the first "
        "operator "
        "that is not.\n",
        w->name,
        w->name,
        w->name,
        w->name,
        w->name);
    return SMT_OK;
}

/* ---- export ------------------------------------------------------------------------------------
 */

static smt_status write_file(writer *w,
                             const char *suffix,
                             smt_status (*write)(writer *, smt_error *),
                             smt_error *error)
{
    char *path = strcmp(suffix, "README.md") == 0
                     ? smt_format("%s/%s", w->folder, suffix)
                     : smt_format("%s/%s%s", w->folder, w->name, suffix);
    if (!path)
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", w->tflite);
    smt_status status = smt_file_create(path, &w->c, error);
    if (!status) {
        status = write(w, error);
        if (status)
            smt_file_abandon(&w->c);
        else
            status = smt_file_commit(&w->c, error);
    }
    smt_free(path);
    return status;
}

static smt_status edge_failure(const writer *w, const smt_edge_error *detail, smt_error *error)
{
    return smt_fail(error,
                    detail->status == SMT_EDGE_ERR_UNSUPPORTED ? SMT_ERR_UNSUPPORTED
                                                               : SMT_ERR_FORMAT,
                    "%s: %s",
                    w->tflite,
                    detail->message);
}

static smt_status open_network(writer *w, smt_error *error)
{
    smt_edge_error detail;
    smt_status status = smt_file_load(w->tflite, 0, &w->file, &w->file_bytes, error);
    if (status)
        return status;
    if (smt_edge_open(w->file, w->file_bytes, &w->model, &detail))
        return edge_failure(w, &detail, error);
    smt_edge_get_tensor(&w->model, w->model.inputs[0], &w->in);
    smt_edge_get_tensor(&w->model, w->model.outputs[0], &w->out);
    if (w->model.input_count != 1 || w->model.output_count != 1 || w->in.type != SMT_EDGE_S8 ||
        w->out.type != SMT_EDGE_S8 || w->in.rank != 4 || w->in.scale_count != 1 ||
        w->out.scale_count != 1)
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: C source needs one int8 image as input and one int8 output; its input "
                        "is %s (quantize with "
                        "--scheme int8)",
                        w->tflite,
                        smt_edge_type_name((int32_t)w->in.type));
    size_t bytes = smt_edge_places_bytes(&w->model);
    w->places = smt_alloc(1, bytes);
    w->crcs = smt_alloc((size_t)w->model.operator_count, sizeof *w->crcs);
    if (!w->places || !w->crcs)
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", w->tflite);
    if (smt_edge_make_plan(
            &w->model, smt_edge_kernels_portable(), w->places, bytes, &w->plan, &detail))
        return edge_failure(w, &detail, error);
    return SMT_OK;
}

static void keep_crc(void *context,
                     const smt_edge_operator *op,
                     const smt_edge_tensor *output,
                     const void *data)
{
    ((writer *)context)->crcs[op->index] = smt_crc32(0, data, output->bytes);
}

/* The results that a board must repeat: of the very plan that is exported. */
static smt_status run_network(writer *w, smt_error *error)
{
    smt_edge_runner runner;
    smt_edge_error detail;
    w->arena = smt_alloc(1, w->plan.arena_bytes);
    if (!w->arena)
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", w->tflite);
    if (smt_edge_start(&w->plan, w->arena, w->plan.arena_bytes, &runner, &detail))
        return edge_failure(w, &detail, error);
    uint8_t *in = smt_edge_input(&runner, 0);
    for (uint32_t i = 0; i < w->in.bytes; i++)
        in[i] = (uint8_t)((i * 2654435761u) >> 24);
    smt_edge_invoke(&runner, keep_crc, w);
    return SMT_OK;
}

/* The folder's last part as a C identifier. */
static void choose_name(writer *w)
{
    size_t end = strlen(w->folder), at = 0;
    while (end > 0 && w->folder[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && w->folder[begin - 1] != '/')
        begin--;
    for (size_t i = begin; i < end && at + 1 < sizeof w->name; i++) {
        char c = w->folder[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_',
             digit = c >= '0' && c <= '9';
        if (digit && at == 0)
            w->name[at++] = '_';
        w->name[at++] = letter || digit ? c : '_';
    }
    if (at == 0 || (at == 1 && w->name[0] == '_'))
        snprintf(w->name, sizeof w->name, "network");
    for (size_t i = 0; w->name[i]; i++)
        w->upper[i] = (char)(w->name[i] >= 'a' && w->name[i] <= 'z' ? w->name[i] - 32 : w->name[i]);
}

smt_status smt_csource_export(const char *tflite, const char *folder, smt_error *error)
{
    writer w = {.tflite = tflite, .folder = folder};
    choose_name(&w);
    smt_status status = open_network(&w, error);
    if (!status)
        status = run_network(&w, error);
    if (!status)
        status = smt_make_directory(folder, error);
    if (!status)
        status = write_file(&w, ".c", write_network, error);
    if (!status)
        status = write_file(&w, ".h", write_header, error);
    if (!status)
        status = write_file(&w, "_check.c", write_check, error);
    if (!status)
        status = write_file(&w, "_example.c", write_example, error);
    if (!status)
        status = write_file(&w, "README.md", write_readme, error);
    smt_free(w.arena);
    smt_free(w.crcs);
    smt_free(w.places);
    smt_free(w.file);
    return status;
}
