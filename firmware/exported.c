/* The same network from exported C: no file, no interpreter. First proves itself against its golden
 * CRCs, then classifies the images and writes the same lines as main.c; and decides of every tenth
 * of them.
 *
 * Arguments: INPUTS RESULTS DECISIONS. */
#include "net.h"
#include "semihost.h"
#include "text.h"

static uint8_t arena[NET_ARENA_BYTES] __attribute__((section(".arena"), aligned(64)));
static char lines[64 * 1024] __attribute__((section(".psram")));

#define COUNTER (*(volatile uint32_t *)0x40028018u) /* see main.c */

static text out;

static void trace(void *context,
                  int32_t index,
                  const char *name,
                  int32_t tensor,
                  const void *data,
                  uint32_t bytes)
{
    (void)context;
    text_operator(&out, index, name, tensor, data, bytes);
}

/* One line for each decision, class or "review", confidence in millionths, class. Returns the ticks
 * of the last. */
static uint32_t decide(const uint8_t *pixels, int file)
{
#ifdef NET_VIEWS
    net_decision decision;
    uint32_t begin = COUNTER;
    net_decide(arena, pixels, &decision);
    uint32_t ticks = COUNTER - begin;
    const char *name = net_class_names[decision.class_index];
    out = (text){lines, 0, sizeof lines};
    text_string(&out, decision.review ? "review" : name);
    text_char(&out, ',');
    text_number(&out, (int32_t)(decision.confidence * 1e6f + 0.5f));
    text_char(&out, ',');
    text_string(&out, name);
    text_char(&out, '\n');
    sh_write(file, lines, out.used);
    return ticks;
#else /* a network without a softmax decides nothing */
    (void)pixels, (void)file;
    return 0;
#endif
}

int main(void)
{
    char arguments[512] = "";
    sh_arguments(arguments, sizeof arguments);
    char *at = arguments;
    sh_next_word(&at);
    const char *inputs_path = sh_next_word(&at), *results_path = sh_next_word(&at),
               *decisions_path = sh_next_word(&at);
    int32_t wrong = net_check(arena);
    if (wrong >= 0) {
        sh_print("exported C: wrong operator ");
        sh_print_number(wrong);
        sh_print("\n");
        return 1;
    }
    int inputs = sh_open(inputs_path, SH_READ), results = sh_open(results_path, SH_WRITE),
        decisions = sh_open(decisions_path, SH_WRITE);
    if (inputs < 0 || results < 0 || decisions < 0)
        return 1;
    uint32_t ticks = 0, decision_ticks = 0;
    for (int32_t image = 0;
         sh_read(inputs, arena + NET_INPUT_AT, NET_INPUT_BYTES) == (int32_t)NET_INPUT_BYTES;
         image++) {
        static uint8_t pixels[NET_INPUT_HEIGHT * NET_INPUT_WIDTH]
            __attribute__((section(".psram")));
        for (uint32_t i = 0; i < sizeof pixels; i++)
            pixels[i] = (uint8_t)(arena[NET_INPUT_AT + i * NET_INPUT_CHANNELS] ^ 128);
        out = (text){lines, 0, sizeof lines};
        if (image == 0) { /* counted without the trace */
            uint32_t begin = COUNTER;
            net_run(arena, 0, 0);
            ticks = COUNTER - begin;
            int again = sh_open(inputs_path, SH_READ);
            sh_read(again, arena + NET_INPUT_AT, NET_INPUT_BYTES);
            sh_close(again);
        }
        net_run(arena, trace, 0);
        text_classes(&out, image, (const int8_t *)arena + NET_OUTPUT_AT, NET_OUTPUT_BYTES);
        sh_write(results, lines, out.used);
        if (image % 10 == 0)
            decision_ticks = decide(pixels, decisions);
    }
    sh_close(inputs);
    sh_close(results);
    sh_close(decisions);
    sh_print("exported_arena_bytes ");
    sh_print_number(NET_ARENA_BYTES);
    sh_print("\nexported_instructions_per_inference ");
    sh_print_number((int32_t)(ticks * 40));
    sh_print("\nexported_instructions_per_decision ");
    sh_print_number((int32_t)(decision_ticks * 40));
    sh_print("\n");
    return 0;
}
