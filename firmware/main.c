/* Classifies raw int8 images on a bare Cortex-M7 with the network of a .tflite file, and tells what
 * it costs.
 *
 * Arguments: MODEL.tflite INPUTS RESULTS. INPUTS holds images one after the other, each of the
 * network's input size. RESULTS gets, for every image, a line per operator with the CRC-32 of its
 * output, then class and probabilities: the same bytes as `host` writes. The console gets memory,
 * stack and instructions.
 */
#include "edge.h"
#include "semihost.h"
#include "text.h"

enum {
    ARENA_BYTES = 3 * 1024 * 1024,
    PLACES_BYTES = 16 * 1024,
    MODEL_BYTES = 8 * 1024 * 1024,
    MAX_OPERATORS = SMT_EDGE_MAX_OPERATORS
};

static uint8_t arena[ARENA_BYTES] __attribute__((section(".arena"), aligned(64)));
static uint8_t places[PLACES_BYTES] __attribute__((section(".arena"), aligned(8)));
static uint8_t model_file[MODEL_BYTES] __attribute__((section(".psram"), aligned(64)));
static char lines[64 * 1024] __attribute__((section(".psram")));
extern uint32_t stack_bottom, stack_top;

/* Counts 40 executed instructions a tick under -icount shift=0: the board's FPGAIO counter runs at
 * 25 MHz, and each instruction takes a nanosecond. */
#define COUNTER (*(volatile uint32_t *)0x40028018u)

typedef struct tracer {
    text out;
    const smt_edge_place *places;
    uint32_t last, ticks[MAX_OPERATORS];
} tracer;

static void
trace(void *context, const smt_edge_operator *op, const smt_edge_tensor *output, const void *data)
{
    tracer *t = context;
    /* a factor is computed here for the trace only, and counts with its product */
    bool counts = t->places[output->index].first != SMT_EDGE_FACTOR;
    if (op->index < MAX_OPERATORS)
        t->ticks[op->index] = counts ? COUNTER - t->last : 0;
    text_operator(&t->out,
                  op->index,
                  smt_edge_code_name((int32_t)op->code),
                  output->index,
                  data,
                  output->bytes);
    t->last = COUNTER;
}

static void die(const char *what, const char *why)
{
    sh_print(what);
    sh_print(": ");
    sh_print(why);
    sh_print("\n");
    sh_exit(1);
}

static void report(const char *what, uint32_t value, const char *unit)
{
    sh_print(what);
    sh_print(" ");
    sh_print_number((int32_t)value);
    sh_print(unit);
    sh_print("\n");
}

/* The part of the stack that was ever used, by the pattern left in the rest. */
enum { STACK_PATTERN = 0x5afe5afe };

static void paint_stack(void)
{
    uintptr_t here;
    __asm volatile("mov %0, sp" : "=r"(here));
    for (uint32_t *p = &stack_bottom; (uintptr_t)p < here - 64; p++)
        *p = STACK_PATTERN;
}

static uint32_t stack_used(void)
{
    const uint32_t *p = &stack_bottom;
    while (*p == STACK_PATTERN)
        p++;
    return (uint32_t)((const uint8_t *)&stack_top - (const uint8_t *)p);
}

int main(void)
{
    char arguments[512] = "";
    sh_arguments(arguments, sizeof arguments);
    char *at = arguments;
    sh_next_word(&at);
    const char *model_path = sh_next_word(&at), *inputs_path = sh_next_word(&at),
               *results_path = sh_next_word(&at);
    bool by_operator = *at == 'o';
    int file = sh_open(model_path, SH_READ);
    if (file < 0)
        die(model_path, "cannot be opened");
    int32_t length = sh_length(file);
    if (length > MODEL_BYTES || sh_read(file, model_file, (uint32_t)length) != length)
        die(model_path, "cannot be read, or is larger than 8 MiB");
    sh_close(file);

    static smt_edge_model model;
    static smt_edge_plan plan;
    static smt_edge_runner runner;
    static smt_edge_error error;
    static tracer t;
    paint_stack();
    uint32_t begin = COUNTER;
    if (smt_edge_open(model_file, (size_t)length, &model, &error))
        die(model_path, error.message);
    uint32_t opened = COUNTER;
    if (smt_edge_make_plan(&model, smt_edge_kernels_dsp(), places, sizeof places, &plan, &error) ||
        smt_edge_start(&plan, arena, sizeof arena, &runner, &error))
        die(model_path, error.message);
    uint32_t planned = COUNTER;

    smt_edge_tensor in, out;
    smt_edge_get_tensor(&model, model.inputs[0], &in);
    smt_edge_get_tensor(&model, model.outputs[0], &out);
    int inputs = sh_open(inputs_path, SH_READ), results = sh_open(results_path, SH_WRITE);
    if (inputs < 0 || results < 0)
        die(inputs < 0 ? inputs_path : results_path, "cannot be opened");
    int32_t images = 0;
    uint32_t ticks = 0;
    t.places = plan.places;
    for (; sh_read(inputs, smt_edge_input(&runner, 0), in.bytes) == (int32_t)in.bytes; images++) {
        t.out = (text){lines, 0, sizeof lines};
        if (images == 0) { /* counted without the trace */
            uint32_t start = COUNTER;
            smt_edge_invoke(&runner, NULL, NULL);
            ticks = COUNTER - start;
            int again = sh_open(inputs_path, SH_READ);
            sh_read(again, smt_edge_input(&runner, 0), in.bytes);
            sh_close(again);
        }
        t.last = COUNTER;
        smt_edge_invoke(&runner, trace, &t);
        text_classes(&t.out, images, smt_edge_output(&runner, 0), out.bytes);
        sh_write(results, lines, t.out.used);
    }
    sh_close(inputs);
    sh_close(results);

    for (int32_t i = 0; by_operator && i < model.operator_count && i < MAX_OPERATORS; i++) {
        smt_edge_operator op;
        smt_edge_get_operator(&model, i, &op);
        sh_print_number(i);
        sh_print(" ");
        report(smt_edge_code_name((int32_t)op.code), t.ticks[i] * 40, "");
    }
    report("images", (uint32_t)images, "");
    report("arena_bytes", plan.arena_bytes + (uint32_t)smt_edge_places_bytes(&model), "");
    report("peak_operator", (uint32_t)plan.peak_operator, "");
    report("scratch_bytes", plan.scratch_bytes, "");
    report("stack_bytes", stack_used(), "");
    report("instructions_open", (opened - begin) * 40, "");
    report("instructions_plan", (planned - opened) * 40, "");
    report("instructions_per_inference", ticks * 40, "");
    return images > 0 ? 0 : 1;
}
