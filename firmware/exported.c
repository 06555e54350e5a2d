/* The same network from exported C: no file, no interpreter. First proves itself against its golden
 * CRCs, then classifies the images and writes the same lines as main.c.
 *
 * Arguments: INPUTS RESULTS. */
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

int main(void)
{
    char arguments[512] = "";
    sh_arguments(arguments, sizeof arguments);
    char *at = arguments;
    sh_next_word(&at);
    const char *inputs_path = sh_next_word(&at), *results_path = sh_next_word(&at);
    int32_t wrong = net_check(arena);
    if (wrong >= 0) {
        sh_print("exported C: wrong operator ");
        sh_print_number(wrong);
        sh_print("\n");
        return 1;
    }
    int inputs = sh_open(inputs_path, SH_READ), results = sh_open(results_path, SH_WRITE);
    if (inputs < 0 || results < 0)
        return 1;
    uint32_t ticks = 0;
    for (int32_t image = 0;
         sh_read(inputs, arena + NET_INPUT_AT, NET_INPUT_BYTES) == (int32_t)NET_INPUT_BYTES;
         image++) {
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
    }
    sh_close(inputs);
    sh_close(results);
    sh_print("exported_arena_bytes ");
    sh_print_number(NET_ARENA_BYTES);
    sh_print("\nexported_instructions_per_inference ");
    sh_print_number((int32_t)(ticks * 40));
    sh_print("\n");
    return 0;
}
