/* Exported C, the decision that the model carries: the views of an image, the temperature by a
 * table of powers, since a board has no logarithm, and the thresholds of review. */
#include "format/csource_internal.h"

#include <math.h>
#include <string.h>

/* The operator that the output's bytes come from. */
static smt_edge_code last_code(const csource_writer *w)
{
    smt_edge_operator op = {0};
    for (int32_t i = w->model.operator_count - 1; i >= 0; i--) {
        smt_edge_get_operator(&w->model, i, &op);
        if (op.code != SMT_EDGE_RESHAPE)
            break;
    }
    return op.code;
}

static bool takes_pixels(const csource_writer *w)
{
    const smt_preprocess *p = &w->decision->preprocess;
    for (int grey = 0; grey < 256; grey++) {
        double x = ((double)grey - (double)p->mean) / (double)p->scale;
        if (rint(x / (double)w->in.scales[0]) + w->in.zero_point != grey - 128)
            return false;
    }
    return true;
}

void csource_examine(csource_writer *w)
{
    if (last_code(w) != SMT_EDGE_SOFTMAX)
        w->undecided = "the network does not end in a softmax";
    else if (!takes_pixels(w))
        w->undecided = "the input's bytes are not grey levels less 128";
}

/* A class's name may hold anything; '?' would begin a trigraph. */
static void write_string(csource_writer *w, const char *text)
{
    smt_file_printf(w->c, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = c >= ' ' && c < 127 && !strchr("\"\\?", c);
        smt_file_printf(w->c, plain ? "%c" : "\\%03o", c);
    }
    smt_file_printf(w->c, "\"");
}

static void write_floats(csource_writer *w, const float *values, int count)
{
    for (int i = 0; i < count; i++) {
        smt_file_printf(w->c, "%s", i % 6 ? ", " : i ? ",\n    " : "\n    ");
        csource_float(w, values[i]);
    }
    smt_file_printf(w->c, "};\n");
}

smt_status csource_decide(csource_writer *w, smt_error *error)
{
    const smt_csource_decision *d = w->decision;
    (void)error;
    csource_fill(w,
                 "/* Written by semtinel @v from @t. Do not edit: export again. */\n"
                 "#include \"@n.h\"\n"
                 "\n"
                 "const char *const @n_class_names[@N_CLASSES] = {");
    for (int c = 0; c < d->class_count; c++) {
        smt_file_printf(w->c, "%s", c ? ",\n    " : "\n    ");
        write_string(w, d->classes[c]);
    }
    csource_fill(w, "};\n");
    if (d->thresholds) {
        csource_fill(w,
                     "\n"
                     "/* A class with less confidence goes to review. */\n"
                     "static const float threshold[@N_CLASSES] = {");
        write_floats(w, d->thresholds, d->class_count);
    }
    if (d->powers) {
        smt_file_printf(w->c,
                        "\n"
                        "/* Temperature %.6g: of each sum of outputs the mean probability to the "
                        "power of %.6g,\n"
                        " * times a constant. */\n",
                        (double)d->temperature,
                        1 / (double)d->temperature);
        csource_fill(w, "static const float power[255 * @N_VIEWS + 1] = {");
        write_floats(w, d->powers, 255 * d->views + 1);
    }
    csource_fill(
        w,
        "\n"
        "/* The image as it is (view 0), mirrored in x (1), in y (2), along the diagonal (4), and "
        "their sums. The input is\n"
        " * p - 128: the grey byte with its top bit flipped. */\n"
        "static void show(uint8_t *input, const uint8_t *pixels, int32_t view)\n"
        "{\n"
        "    for (int32_t y = 0; y < @N_INPUT_HEIGHT; y++) {\n"
        "        int32_t v = view & 2 ? @N_INPUT_HEIGHT - 1 - y : y;\n"
        "        for (int32_t x = 0; x < @N_INPUT_WIDTH; x++) {\n"
        "            int32_t u = view & 1 ? @N_INPUT_WIDTH - 1 - x : x;\n"
        "            uint8_t p = view & 4 ? pixels[u * @N_INPUT_WIDTH + v] : pixels[v * "
        "@N_INPUT_WIDTH + u];\n"
        "            for (int32_t c = 0; c < @N_INPUT_CHANNELS; c++)\n"
        "                *input++ = (uint8_t)(p ^ 128);\n"
        "        }\n"
        "    }\n"
        "}\n"
        "\n"
        "void @n_decide(uint8_t *arena, const uint8_t *pixels, @n_decision *decision)\n"
        "{\n"
        "    const uint8_t *output = arena + @N_OUTPUT_AT;\n"
        "    uint16_t sum[@N_CLASSES] = {0}; /* of q + 128: @N_VIEWS times 256 times the mean "
        "probability */\n"
        "    int32_t best = 0;\n"
        "    for (int32_t view = 0; view < @N_VIEWS; view++) {\n"
        "        show(arena + @N_INPUT_AT, pixels, view);\n"
        "        @n_run(arena, 0, 0);\n"
        "        for (int32_t c = 0; c < @N_CLASSES; c++)\n"
        "            sum[c] = (uint16_t)(sum[c] + (output[c] ^ 128));\n"
        "    }\n"
        "    for (int32_t c = 1; c < @N_CLASSES; c++)\n"
        "        best = sum[c] > sum[best] ? c : best;\n"
        "    decision->class_index = best;\n");
    if (d->powers)
        csource_fill(
            w,
            "    float others = 0; /* apart, so that small ones do not get lost */\n"
            "    for (int32_t c = 0; c < @N_CLASSES; c++)\n"
            "        others += c == best ? 0 : power[sum[c]];\n"
            "    decision->confidence = power[sum[best]] / (power[sum[best]] + others);\n");
    else
        csource_fill(w, "    decision->confidence = (float)sum[best] / (256.0f * @N_VIEWS);\n");
    csource_fill(w,
                 d->thresholds
                     ? "    decision->review = !(decision->confidence >= threshold[best]);\n}\n"
                     : "    decision->review = 0;\n}\n");
    return SMT_OK;
}

smt_status csource_example(csource_writer *w, smt_error *error)
{
    (void)error;
    csource_fill(
        w,
        "/* How to call the network: grey pixels in, decision out. No main: call it from your own. "
        "*/\n"
        "#include \"@n.h\"\n"
        "\n"
        "#if defined(__GNUC__)\n"
        "__attribute__((aligned(16))) /* on an i.MX RT put it into DTCM */\n"
        "#endif\n"
        "static uint8_t arena[@N_ARENA_BYTES];\n"
        "\n"
        "const char *@n_name(const uint8_t *pixels);\n"
        "\n"
        "/* The class of an image, or \"review\" where a person should look at it. */\n"
        "const char *@n_name(const uint8_t *pixels)\n"
        "{\n"
        "    @n_decision decision;\n"
        "    @n_decide(arena, pixels, &decision);\n"
        "    return decision.review ? \"review\" : @n_class_names[decision.class_index];\n"
        "}\n");
    return SMT_OK;
}
