/* Exported C, the network: one call of a kernel an operator. */
#include "format/csource_internal.h"

#include <stdio.h>

static const char *kernel_of(const edge_call *call)
{
    return call->op.code == SMT_EDGE_DEPTHWISE_CONV_2D ? "DEPTHWISE" : "CONV";
}

static void write_product_call(csource_writer *w, const edge_call *call, uint32_t out)
{
    int32_t i = call->op.index;
    edge_call factor;
    edge_bind(&w->model, w->plan.kernels, i - 1, &factor);
    smt_file_printf(
        w->c,
        "    smt_product_s8(&%s, ARITHMETIC, &product%d, arena + %u, arena + %u, arena + %u);\n",
        kernel_of(&factor),
        i,
        w->plan.places[factor.in.index].offset,
        out,
        w->plan.scratch_at[i]);
}

static void write_call(csource_writer *w, const edge_call *call)
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
        if (csource_is_product(w, call)) {
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

smt_status csource_network(csource_writer *w, smt_error *error)
{
    smt_status status = SMT_OK;
    edge_call call;
    csource_fill(
        w,
        "/* Written by semtinel @v from @t. Do not edit: export again. */\n"
        "#include \"@n.h\"\n"
        "\n"
        "#include \"kernels/kernels.h\"\n"
        "\n"
        "#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__aarch64__)\n"
        "#include \"kernels/arm_dsp/dsp.h\"\n"
        "#define CONV dsp_conv_s8\n"
        "#define DEPTHWISE dsp_depthwise_s8\n"
        "#define MAP dsp_map_s8\n"
        "#define ARITHMETIC dsp_arithmetic_s8\n"
        "#define MEAN dsp_mean_s8\n"
        "#else\n"
        "#define CONV smt_ref_conv_s8_kernel\n"
        "#define DEPTHWISE smt_ref_depthwise_s8_kernel\n"
        "#define MAP smt_ref_map_s8\n"
        "#define ARITHMETIC smt_ref_arithmetic_s8\n"
        "#define MEAN smt_ref_mean_s8\n"
        "#endif\n"
        "\n"
        "#define BYTES(at) ((int8_t *)arena + (at))\n"
        "#define TRACE(index, name, tensor, at, bytes)                                    \\\n"
        "    do {                                                                         \\\n"
        "        if (trace)                                                               \\\n"
        "            trace(context, index, name, tensor, arena + (at), bytes);            \\\n"
        "    } while (0)\n"
        "\n");
    for (int32_t i = 0; i < w->model.operator_count && !status; i++) {
        edge_bind(&w->model, w->plan.kernels, i, &call);
        status = csource_data(w, &call, error);
    }
    if (status)
        return status;
    if (w->moves)
        csource_fill(w,
                     "\n"
                     "static void move(uint8_t *to, const uint8_t *from, uint32_t bytes)\n"
                     "{\n"
                     "    while (bytes--)\n"
                     "        *to++ = *from++;\n"
                     "}\n");
    csource_fill(w,
                 "\n"
                 "void @n_run(uint8_t *arena, @n_trace trace, void *context)\n"
                 "{\n");
    for (int32_t i = 0; i < w->model.operator_count; i++) {
        edge_bind(&w->model, w->plan.kernels, i, &call);
        write_call(w, &call);
    }
    smt_file_printf(w->c, "}\n");
    return SMT_OK;
}
