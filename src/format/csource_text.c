/* Exported C, the files around the network: its header,
 * the check of a board, a page to read. */
#include "format/csource_internal.h"

#include <stdio.h>
#include <string.h>

void csource_fill(csource_writer *w, const char *text)
{
    for (const char *mark; (mark = strchr(text, '@')); text = mark + 2) {
        smt_file_write(w->c, text, (size_t)(mark - text));
        const char *word = mark[1] == 'n'   ? w->name
                           : mark[1] == 'N' ? w->upper
                           : mark[1] == 'v' ? smt_version()
                                            : smt_path_name(w->tflite);
        smt_file_write(w->c, word, strlen(word));
    }
    smt_file_write(w->c, text, strlen(text));
}

void csource_float(csource_writer *w, float value)
{
    char text[32];
    snprintf(text, sizeof text, "%.9g", (double)value);
    smt_file_printf(w->c, "%s%sf", text, strpbrk(text, ".e") ? "" : ".0");
}

/* `rest` follows the value: a suffix of its type, a comment. */
static void define(csource_writer *w, const char *what, int64_t value, const char *rest)
{
    smt_file_printf(w->c, "#define %s_%s %lld%s\n", w->upper, what, (long long)value, rest);
}

static void define_real(csource_writer *w, const char *what, float value, const char *rest)
{
    smt_file_printf(w->c, "#define %s_%s ", w->upper, what);
    csource_float(w, value);
    smt_file_printf(w->c, "%s\n", rest);
}

static void declare_decision(csource_writer *w)
{
    define(w, "CLASSES", w->decision->class_count, "");
    define(w, "VIEWS", w->decision->views, " /* of an image, each a run; their mean counts */\n");
    csource_fill(w,
                 "/* In UTF-8, in the order of the outputs. */\n"
                 "extern const char *const @n_class_names[@N_CLASSES];\n"
                 "\n"
                 "typedef struct @n_decision {\n"
                 "    int32_t class_index; /* 0 .. @N_CLASSES - 1 */\n"
                 "    int32_t review;      /* 1: not sure enough of that, a person should look; "
                 "else 0 */\n"
                 "    float confidence;    /* 0 .. 1 */\n"
                 "} @n_decision;\n"
                 "\n"
                 "/* Decides of an image as `semtinel predict` does with the .tflite. pixels: "
                 "@N_INPUT_HEIGHT rows of @N_INPUT_WIDTH grey\n"
                 " * bytes (0 black, 255 white), outside the arena, kept by the caller and only "
                 "read. arena: @N_ARENA_BYTES,\n"
                 " * overwritten. Takes @N_VIEWS runs of the network. In @n_decide.c. */\n"
                 "void @n_decide(uint8_t *arena, const uint8_t *pixels, @n_decision *decision);\n"
                 "\n");
}

smt_status csource_header(csource_writer *w, smt_error *error)
{
    const int32_t *s = w->in.shape;
    (void)error;
    csource_fill(w,
                 "/* Written by semtinel @v from @t. An int8 network: constants in flash, one "
                 "arena, no file and no\n"
                 " * interpreter. See README.md beside this file. */\n"
                 "#ifndef @N_H\n"
                 "#define @N_H\n"
                 "\n"
                 "#include <stdint.h>\n"
                 "\n"
                 "#ifdef __cplusplus\n"
                 "extern \"C\" {\n"
                 "#endif\n"
                 "\n");
    define(w,
           "ARENA_BYTES",
           w->plan.activation_bytes,
           "u /* aligned to 16; activations and scratch, nothing is kept between runs */");
    define(w, "OPERATORS", w->model.operator_count, "");
    define(w,
           "INPUT_AT",
           w->plan.places[w->in.index].offset,
           "u /* in the arena; written before every run */");
    define(w, "INPUT_BYTES", w->in.bytes, "u");
    define(w, "INPUT_HEIGHT", s[1], "");
    define(w, "INPUT_WIDTH", s[2], "");
    define(w, "INPUT_CHANNELS", s[3], "");
    define_real(w, "INPUT_SCALE", w->in.scales[0], " /* real = scale * (q - zero) */");
    define(w, "INPUT_ZERO", w->in.zero_point, "");
    define(w, "OUTPUT_AT", w->plan.places[w->out.index].offset, "u");
    define(w, "OUTPUT_BYTES", w->out.bytes, "u");
    define_real(w, "OUTPUT_SCALE", w->out.scales[0], "");
    define(w, "OUTPUT_ZERO", w->out.zero_point, "\n");
    csource_fill(w,
                 "/* Called after each operator with its output; the name and tensor are those of "
                 "the .tflite. */\n"
                 "typedef void (*@n_trace)(\n"
                 "    void *context, int32_t index, const char *name, int32_t tensor, const void "
                 "*data, uint32_t bytes);\n"
                 "\n"
                 "/* Runs the network once on the input in the arena; trace may be 0. */\n"
                 "void @n_run(uint8_t *arena, @n_trace trace, void *context);\n"
                 "\n"
                 "/* Runs a fixed input and compares every operator with the results on the desk: "
                 "-1 when all are equal, else the\n"
                 " * first operator that differs. In @n_check.c. */\n"
                 "int32_t @n_check(uint8_t *arena);\n"
                 "\n");
    if (!w->undecided)
        declare_decision(w);
    csource_fill(w,
                 "#ifdef __cplusplus\n"
                 "}\n"
                 "#endif\n"
                 "#endif\n");
    return SMT_OK;
}

smt_status csource_check(csource_writer *w, smt_error *error)
{
    (void)error;
    csource_fill(w,
                 "/* Written by semtinel @v. CRC-32 (IEEE) of every operator's output for the "
                 "input below. */\n"
                 "#include \"@n.h\"\n"
                 "\n"
                 "static const uint32_t golden[@N_OPERATORS] = {");
    for (int32_t i = 0; i < w->model.operator_count; i++)
        smt_file_printf(w->c, "%s0x%08xu", i % 6 ? ", " : i ? ",\n    " : "\n    ", w->crcs[i]);
    csource_fill(w,
                 "};\n"
                 "\n"
                 "static uint32_t crc32(const uint8_t *data, uint32_t bytes)\n"
                 "{\n"
                 "    uint32_t crc = 0xffffffffu;\n"
                 "    while (bytes--) {\n"
                 "        crc ^= *data++;\n"
                 "        for (int bit = 0; bit < 8; bit++)\n"
                 "            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1u)));\n"
                 "    }\n"
                 "    return ~crc;\n"
                 "}\n"
                 "\n"
                 "static void compare(\n"
                 "    void *context, int32_t index, const char *name, int32_t tensor, const void "
                 "*data, uint32_t bytes)\n"
                 "{\n"
                 "    int32_t *first = context;\n"
                 "    (void)name;\n"
                 "    (void)tensor;\n"
                 "    if (*first < 0 && crc32(data, bytes) != golden[index])\n"
                 "        *first = index;\n"
                 "}\n"
                 "\n"
                 "int32_t @n_check(uint8_t *arena)\n"
                 "{\n"
                 "    int32_t first = -1;\n"
                 "    for (uint32_t i = 0; i < @N_INPUT_BYTES; i++)\n"
                 "        arena[@N_INPUT_AT + i] = (uint8_t)((i * 2654435761u) >> 24);\n"
                 "    @n_run(arena, compare, &first);\n"
                 "    return first;\n"
                 "}\n");
    return SMT_OK;
}

static void tell_decision(csource_writer *w)
{
    const smt_csource_decision *d = w->decision;
    csource_fill(w,
                 "    @n_decision decision;\n"
                 "    @n_decide(arena, pixels, &decision);\n"
                 "\n"
                 "decides of an image as `semtinel predict` does with @t: `pixels` are "
                 "@N_INPUT_HEIGHT rows of @N_INPUT_WIDTH\n"
                 "grey bytes, kept by you; the result is a class (`@n_class_names`), its "
                 "confidence, and whether a person should look.\n"
                 "`@n_example.c` shows it, `@n.h` says it exactly. What the model carries for it:\n"
                 "\n");
    if (d->views == 1)
        smt_file_printf(w->c, "- one view: the network runs once an image;\n");
    else
        smt_file_printf(
            w->c,
            "- %d views: the network runs %d times, on the image as it is, mirrored and turned, "
            "and the mean counts;\n",
            d->views,
            d->views);
    if (d->powers)
        smt_file_printf(w->c,
                        "- temperature %.6g, as a table of %d bytes of flash;\n",
                        (double)d->temperature,
                        4 * (255 * d->views + 1));
    else
        smt_file_printf(w->c, "- temperature 1: confidence is the softmax's output;\n");
    if (d->preprocess.cut_percent > 0)
        smt_file_printf(w->c,
                        "- not here: of an image file, %g%% of the height are cut off at the "
                        "bottom, the info strip, before it is resized;\n",
                        (double)d->preprocess.cut_percent);
    smt_file_printf(w->c,
                    d->thresholds ? "- a threshold for each class: less confidence goes to review"
                                  : "- no thresholds: nothing goes to review");
    smt_file_printf(w->c,
                    d->watches ? ";\n- not here: which images are unfamiliar. Only the checkpoint "
                                 "knows that; confidence alone sends to review.\n"
                               : ".\n");
}

/* Without a decision. */
static void tell_use(csource_writer *w)
{
    csource_fill(w,
                 "Write the input at `arena + @N_INPUT_AT`, call `@n_run(arena, 0, 0)`, read the "
                 "output at `arena + @N_OUTPUT_AT`.\n"
                 "There is no `@n_decide.c`, which would take grey bytes and give a class: ");
    smt_file_printf(w->c, "%s.\n", w->undecided);
}

smt_status csource_readme(csource_writer *w, smt_error *error)
{
    (void)error;
    csource_fill(w,
                 "# @n\n"
                 "\n"
                 "An int8 network as C99 source, written by semtinel @v from @t.\n"
                 "\n"
                 "| | |\n"
                 "|---|---|\n");
    smt_file_printf(w->c,
                    "| input | int8, %d x %d x %d x %d (NHWC), real = %.9g * (q - %d) |\n"
                    "| output | int8, %u values, real = %.9g * (q - %d) |\n"
                    "| operators | %d |\n| arena | %u bytes of RAM, aligned to 16 |\n"
                    "| constants | %zu bytes of flash |\n\n",
                    w->in.shape[0],
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
    csource_fill(
        w,
        "Add to your project the sources of this folder and, from semtinel's edge/ folder "
        "(installed: share/semtinel/edge/),\n"
        "`kernels/ref/*.c` and `kernels/arm_dsp/*.c` (the linker drops what is not called), with "
        "edge/ and edge/include/ as include\n"
        "folders:\n"
        "\n"
        "    cc -std=c99 -O2 -ffreestanding -ffunction-sections -fdata-sections -I\"$EDGE\" "
        "-I\"$EDGE\"/include -c *.c \"$EDGE\"/kernels/ref/*.c \"$EDGE\"/kernels/arm_dsp/*.c\n"
        "\n"
        "On a Cortex-M with the DSP extension (M4, M7, M33) the fast kernels are chosen "
        "by the compiler's target, elsewhere\n"
        "the portable ones; results are the same bytes. No allocation, no globals, no "
        "stdio, no libm.\n"
        "\n"
        "`@n_check.c` is for the first day on a board: `@n_check(arena)` runs a fixed "
        "input and compares the CRC-32 of every\n"
        "operator's output with those computed when this was written; -1 means all are "
        "equal, otherwise it names the first\n"
        "operator that is not.\n"
        "\n"
        "## The decision\n"
        "\n");
    if (w->undecided)
        tell_use(w);
    else
        tell_decision(w);
    return SMT_OK;
}
