#!/bin/bash
# The AArch64 kernels, cross-built and run under QEMU, with and without the dot product: equal to the reference on random
# shapes, and a network's trace equal to this machine's. Skipped without the cross compiler or qemu-aarch64.
set -eu
semtinel=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
cross=aarch64-linux-gnu-gcc
qemu=$(command -v qemu-aarch64 || command -v qemu-aarch64-static || true)
if ! command -v $cross >/dev/null || [ -z "$qemu" ]; then
    echo "skipped: needs gcc-aarch64-linux-gnu and qemu-user"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

# No C library: five system calls and four functions that compilers take for granted. It proves that edge needs no more.
cat >"$work/console.c" <<'C'
#include "semihost.h"
#include <stddef.h>
static long call(long number, long a, long b, long c, long d)
{
    register long x8 __asm("x8") = number, x0 __asm("x0") = a, x1 __asm("x1") = b, x2 __asm("x2") = c, x3 __asm("x3") = d;
    __asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}
void *memcpy(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}
void *memset(void *to, int value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = (char)value;
    return to;
}
void sh_write(int file, const void *from, uint32_t bytes) { call(64, file, (long)from, bytes, 0); }
int32_t sh_read(int file, void *to, uint32_t bytes) { return (int32_t)call(63, file, (long)to, bytes, 0); }
int sh_open(const char *path, int mode) { (void)mode; return (int)call(56, -100, (long)path, 0, 0); }
void sh_exit(int code) { for (;;) call(93, code, 0, 0, 0); }
void sh_print(const char *text)
{
    uint32_t n = 0;
    while (text[n])
        n++;
    sh_write(1, text, n);
}
void sh_print_number(int32_t value)
{
    char c = (char)('0' + value % 10);
    if (value >= 10)
        sh_print_number(value / 10);
    sh_write(1, &c, 1);
}
char **arguments;
int main(void);
__attribute__((used)) void begin(long *stack)
{
    arguments = (char **)(stack + 1);
    sh_exit(main());
}
__asm(".global _start\n_start: mov x0, sp\n b begin\n");
C
cat >"$work/trace.c" <<'C'
#include "edge.h"
#include "semihost.h"
#include "text.h"
extern char **arguments;
static char room[1 << 20];
static text lines = {room, 0, sizeof room};
static void trace(void *context, const smt_edge_operator *op, const smt_edge_tensor *out, const void *data)
{
    (void)context;
    text_operator(&lines, op->index, smt_edge_code_name((int32_t)op->code), out->index, data, out->bytes);
}
int main(void)
{
    static char file[4 << 20] __attribute__((aligned(64))), places[1 << 16] __attribute__((aligned(64)));
    static char arena[8 << 20] __attribute__((aligned(64)));
    smt_edge_model model;
    smt_edge_plan plan;
    smt_edge_runner runner;
    smt_edge_error error;
    smt_edge_tensor t;
    int32_t size = sh_read(sh_open(arguments[1], SH_READ), file, sizeof file);
    if (size < 0 || smt_edge_open(file, (size_t)size, &model, &error) ||
        smt_edge_make_plan(&model, smt_edge_kernels_best(), places, sizeof places, &plan, &error) ||
        smt_edge_start(&plan, arena, sizeof arena, &runner, &error))
        return 1;
    smt_edge_get_tensor(&model, model.inputs[0], &t);
    if (sh_read(sh_open(arguments[2], SH_READ), smt_edge_input(&runner, 0), t.bytes) != (int32_t)t.bytes)
        return 2;
    smt_edge_invoke(&runner, trace, 0);
    sh_write(1, room, lines.used);
    return 0;
}
C
edge="$root/edge"
backbone="$root/models/semtinel-backbone.safetensors"
"$semtinel" quantize "$backbone" --scheme dynamic -o "$work/dynamic.tflite" --quiet || fail "a file of dynamic range"
"$semtinel" export "$backbone" -o "$work/floats.safetensors" --quiet # ends in some float32 values
for march in armv8-a armv8.2-a+dotprod; do
    flags=(-std=c99 -O2 -Wall -Wextra -Wconversion -Werror -ffreestanding -nostdlib -static -march=$march)
    flags+=(-I"$edge" -I"$edge/include" -I"$root/firmware")
    sources=("$edge"/src/*.c "$edge"/kernels/{ref,arm_neon,arm_dsp,x86}/*.c)
    $cross "${flags[@]}" "$root/firmware/check.c" "$work/console.c" "${sources[@]}" -o "$work/check" || fail "$march: build"
    "$qemu" -cpu max "$work/check" || fail "$march: kernels"
    $cross "${flags[@]}" "$work/trace.c" "$work/console.c" "${sources[@]}" -o "$work/trace" || fail "$march: build"
    for model in "$root/fuzz/corpus/edge/small.tflite" "$root/fuzz/corpus/edge/product.tflite" "$work/dynamic.tflite" \
        "${SEMTINEL_DATA:-$root/../shared/data}/../golden-tflm/mobilenetv3-small-128x128x1-int8.tflite"; do
        [ -e "$model" ] || { echo "skipped: no $(basename "$model")"; continue; }
        case $model in *small.tflite) bytes=64 ;; *product.tflite) bytes=72 ;; *) bytes=16384 ;; esac
        head -c $bytes "$semtinel" >"$work/in"
        case $model in *dynamic.tflite) tail -c 65536 "$work/floats.safetensors" >"$work/in" ;; esac
        "$semtinel" run "$model" --input "$work/in" --trace --kernels reference >"$work/here"
        "$qemu" -cpu max "$work/trace" "$model" "$work/in" >"$work/there"
        cmp "$work/here" "$work/there" || fail "$march: $(basename "$model"): the traces differ"
    done
done
echo ok
