#!/bin/bash
# semtinel export -o FOLDER/: the C source compiles freestanding under strict warnings, proves itself against its golden
# CRCs, and gives the bytes that semtinel run gives. With a compiler for Cortex-M, it and edge compile for two of them.
set -eu
semtinel=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

cat >"$work/main.c" <<'C'
#include "net.h"
#include <stdio.h>
static _Alignas(16) uint8_t memory[NET_ARENA_BYTES + 128];
int main(int argc, char **argv)
{
    uint8_t *arena = memory + 64;
    for (int i = 0; i < 64; i++)
        memory[i] = memory[64 + NET_ARENA_BYTES + i] = 0xc5;
    int32_t first = net_check(arena);
    if (first >= 0)
        return fprintf(stderr, "operator %d differs\n", (int)first), 1;
    FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
    if (argc != 3 || fread(arena + NET_INPUT_AT, 1, NET_INPUT_BYTES, in) != NET_INPUT_BYTES)
        return 2;
    net_run(arena, 0, 0);
    fwrite(arena + NET_OUTPUT_AT, 1, NET_OUTPUT_BYTES, out);
    for (int i = 0; i < 64; i++)
        if (memory[i] != 0xc5 || memory[64 + NET_ARENA_BYTES + i] != 0xc5)
            return fprintf(stderr, "wrote outside the arena\n"), 3;
    return fclose(out);
}
C

check() { # MODEL
    rm -rf "$work/net"
    "$semtinel" export "$1" -o "$work/net/" --quiet
    for file in net.c net.h net_check.c README.md; do
        test -s "$work/net/$file" || fail "$file was not written"
    done
    flags=(-std=c99 -O1 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I"$root/edge" -I"$root/edge/include" -I"$work/net")
    for file in "$work"/net/*.c; do
        cc "${flags[@]}" -ffreestanding -c "$file" -o "${file%.c}.o" || fail "$file does not compile"
    done
    nm -u "$work/net/net.o" | grep -E ' (malloc|free|printf|fopen|exp|expf)$' && fail "net.c calls the C library"
    cc -O2 -std=c11 -I"$root/edge" -I"$root/edge/include" -I"$work/net" "$work/main.c" "$work"/net/net.o "$work"/net/net_check.o \
        "$root"/edge/kernels/ref/*.c -o "$work/main"
    bytes=$(sed -n 's/#define NET_INPUT_BYTES \([0-9]*\)u/\1/p' "$work/net/net.h")
    head -c "$bytes" "$semtinel" >"$work/in"
    "$work/main" "$work/in" "$work/out.c" || fail "$1: the exported network"
    arena=$(sed -n 's/#define NET_ARENA_BYTES \([0-9]*\)u.*/\1/p' "$work/net/net.h")
    "$semtinel" info "$1" | grep -Eq "^arena +[0-9]+ bytes on a Cortex-M and [0-9]+ for the plan; $arena as exported C$" ||
        fail "$1: info does not tell the arena of the exported C"
    shape=$("$semtinel" info --brief "$1" | sed -n 's/^input *\([0-9 x]*\), .*/\1/p')
    grep -q "^| input | int8, $shape (NHWC)" "$work/net/README.md" || fail "$1: README.md does not tell the input $shape"
    "$semtinel" run "$1" --input "$work/in" --output "$work/out.tflite" --quiet
    cmp "$work/out.c" "$work/out.tflite" || fail "$1: exported C and .tflite differ"
    # The command of README.md, word for word: objects of one folder, none written over another.
    (cd "$work/net" && EDGE=$root/edge sh -c "$(sed -n 's/^    cc /cc /p' README.md)") || fail "$1: the command of README.md"
    cc -O1 -std=c11 -I"$work/net" "$work/main.c" "$work"/net/*.o -o "$work/main" || fail "$1: README.md's objects do not link"
}

check "$root/fuzz/corpus/edge/small.tflite"
check "$root/fuzz/corpus/edge/product.tflite" # two convolutions that run within their product
grep -q smt_product_s8 "$work/net/net.c" || fail "the product of two convolutions was exported as three operators"
golden=${SEMTINEL_DATA:-$root/../shared/data}/../golden-tflm/visual-wake-words-96x96x3-int8.tflite
if [ -e "$golden" ]; then check "$golden"; else echo "skipped: no golden-tflm"; fi

# Files of its own beside those of the runtime that the compiler reads or writes with it.
for name in edge stdint stddef stdbool smt_edge "$root"/edge/kernels/{ref,arm_dsp}/*.c; do
    name=$(basename "$name" .c)
    "$semtinel" export "$root/fuzz/corpus/edge/small.tflite" -o "$work/taken/$name/" --quiet
    [ ! -e "$work/taken/$name/$name.c" ] || fail "a network called $name, as the runtime or a file of it is"
done

# For cores with the DSP extension and without; a frame pointer takes a register, which the inner loops hardly have, and so
# does a stack protector.
"$semtinel" export "$root/fuzz/corpus/edge/product.tflite" -o "$work/net/" --quiet
for compiler in "arm-none-eabi-gcc -O2" "arm-none-eabi-gcc -O2 -fno-omit-frame-pointer" "arm-none-eabi-gcc -O0" \
    "arm-none-eabi-gcc -Og -fstack-protector-all" "clang --target=arm-none-eabi -O2" "clang --target=arm-none-eabi -O0"; do
    echo 'int x;' | $compiler -mcpu=cortex-m7 -mthumb -x c -c - -o "$work/x.o" 2>"$work/error" ||
        { echo "skipped: no $compiler"; continue; }
    for core in "cortex-m7 -mfloat-abi=hard -mfpu=fpv5-d16" "cortex-m55 -mfloat-abi=hard" "cortex-m0plus -mfloat-abi=soft"; do
        mkdir -p "$work/arm"
        (cd "$work/arm" && $compiler -mcpu=$core -mthumb -std=c99 -Wall -Wextra -Wconversion -Wshadow -Werror -I"$root/edge" \
            -I"$root/edge/include" -I"$work/net" -c "$work"/net/*.c "$root"/edge/src/*.c "$root"/edge/kernels/ref/*.c \
            "$root"/edge/kernels/arm_dsp/*.c) || fail "$compiler, $core"
        # the library's memcpy and memset, the compiler's arithmetic and stack protector
        nm -u "$work"/arm/*.o | grep ' U ' | grep -vE ' (smt_|edge_|dsp_|net_|memcpy$|memset$|__)' &&
            fail "$compiler, $core: needs more than memcpy and memset"
    done
done

# What would fault or compute something else on the board is refused when it is compiled.
if arm-none-eabi-gcc --version >"$work/error" 2>&1; then
    arm=(arm-none-eabi-gcc -mcpu=cortex-m7 -mthumb -std=c99 -I"$root/edge" -I"$root/edge/include" -c "$work/net/net.c" -o "$work/x.o")
    "${arm[@]}" || fail "net.c does not compile"
    "${arm[@]}" -fpack-struct 2>"$work/error" && fail "packed structs were compiled"
    grep -q smt_edge_structs_must_not_be_packed "$work/error" || fail "not said to be packed: $(cat "$work/error")"
    "${arm[@]}" -mbig-endian 2>"$work/error" && fail "a big-endian program was compiled"
    grep -q "little-endian" "$work/error" || fail "not said to be little-endian: $(cat "$work/error")"
fi

# README.md counts the constants as a board has them; at -O0 none is dropped or merged with an equal one.
for model in small product; do
    arm-none-eabi-gcc --version >"$work/error" 2>&1 || { echo "skipped: no arm-none-eabi-gcc"; break; }
    "$semtinel" export "$root/fuzz/corpus/edge/$model.tflite" -o "$work/net/" --quiet
    arm-none-eabi-gcc -O0 -mcpu=cortex-m7 -mthumb -std=c99 -I"$root/edge" -c "$work/net/net.c" -I"$root/edge/include" -o "$work/x.o"
    has=$(arm-none-eabi-nm -S -t d "$work/x.o" | awk '$3 == "r" {sum += $2} END {print sum}')
    grep -q "^| constants | $has bytes of flash |" "$work/net/README.md" ||
        fail "$model: $has bytes of constants, $(grep constants "$work/net/README.md")"
done

# What has no C form is refused with a reason, and info tells no arena for it.
corpus=$root/fuzz/corpus/edge
"$semtinel" export "$corpus/foreign.tflite" -o "$work/foreign/" 2>"$work/error" && fail "uint8 ends were exported"
grep -q "it has 1 uint8 input of rank 4 and 1 uint8 output (quantize with --scheme int8, without --raw-input)" "$work/error" ||
    fail "the message does not say what the ends are: $(cat "$work/error")"
"$semtinel" info --brief "$corpus/foreign.tflite" | grep -Eq "^arena +[0-9]+ bytes on a Cortex-M and [0-9]+ for the plan$" ||
    fail "info does not tell the arena, or that of exported C, which there is none of"
"$semtinel" export "$corpus/constant.tflite" -o "$work/constant/" 2>"$work/error" && fail "an operator on a constant was exported, which has no place in the arena"
grep -q "operator 0 (RELU of constant int8) has no C form" "$work/error" || fail "the message does not name the operator: $(cat "$work/error")"
head -c 1000 "$root/fuzz/corpus/edge/small.tflite" >"$work/cut.tflite"
"$semtinel" export "$work/cut.tflite" -o "$work/cut/" 2>"$work/error" && fail "a cut file was exported"
grep -q "cut.tflite: damaged file (1000 bytes; was it cut?)" "$work/error" || fail "the message does not name the file: $(cat "$work/error")"
test ! -e "$work/cut/cut.c" || fail "a file was left behind"
echo ok
