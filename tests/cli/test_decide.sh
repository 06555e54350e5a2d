#!/bin/bash
# NAME_decide of exported C says of an image what semtinel predict says with the .tflite: class, review, confidence.
. "$(dirname "$0")/checks.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)

# Images of three classes as 8-bit BMP, and their bare pixels in one file.
cat >"$work/images.c" <<'C'
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
static uint32_t state;
static int draw(int most) { return (int)(((state = state * 1664525u + 1013904223u) >> 8) % (uint32_t)most); }
static void put32(FILE *file, uint32_t v) { for (int i = 0; i < 4; i++) fputc((int)(v >> 8 * i & 255), file); }
/* SIDE SEED COUNT FILE.bmp... PIXELS: image i shows class i % 3 */
int main(int argc, char **argv)
{
    int side = atoi(argv[1]);
    state = (uint32_t)atoi(argv[2]);
    FILE *pixels = fopen(argv[argc - 1], "wb");
    uint8_t *p = malloc((size_t)(side * side));
    for (int i = 3; i < argc - 1; i++) {
        int kind = i % 3, light = 40 + draw(120), cx = draw(side), cy = draw(side), r = 2 + draw(side / 6);
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++) {
                int dx = x - cx, dy = y - cy, v = 90 + x + draw(70);
                v += kind == 0 && dx * dx + dy * dy <= r * r ? light : 0;
                v += kind == 1 && (r % 2 ? dx : dy) * 2 / r == 0 ? light : 0;
                p[y * side + x] = (uint8_t)(v > 255 ? 255 : v);
            }
        fwrite(p, 1, (size_t)(side * side), pixels);
        FILE *bmp = fopen(argv[i], "wb");
        fputs("BM", bmp);
        put32(bmp, (uint32_t)(1078 + side * side)), put32(bmp, 0), put32(bmp, 1078);
        put32(bmp, 40), put32(bmp, (uint32_t)side), put32(bmp, (uint32_t)-side), put32(bmp, 8 << 16 | 1);
        for (int k = 0; k < 6; k++)
            put32(bmp, 0);
        for (uint32_t k = 0; k < 256; k++)
            put32(bmp, k * 0x010101u);
        fwrite(p, 1, (size_t)(side * side), bmp);
        fclose(bmp);
    }
    return fclose(pixels);
}
C
cc -O1 "$work/images.c" -o "$work/images" || exit 1
# A name with all that C strings and bytes make hard: trigraph, backslash, two bytes a letter.
classes=(spot 'a li\né "??)' none)
make_images() { # FOLDER SIDE SEED COUNT
    local files=() i
    for ((i = 0; i < $4; i++)); do
        mkdir -p "$1/${classes[i % 3]}"
        files+=("$1/${classes[i % 3]}/$i.bmp")
    done
    "$work/images" "$2" "$3" "${files[@]}" "$work/pixels"
}
make_images "$work/data/train" 40 1 90
make_images "$work/data/val" 40 2 60
for i in {100..139}; do names[i - 100]=$work/shown/$i.bmp; done
mkdir "$work/shown" && "$work/images" 40 3 "${names[@]}" "$work/shown.pixels"

# As predict writes it, without the column of names.
cat >"$work/main.c" <<'C'
#include "net.h"
#include <stdio.h>
#include <string.h>
static _Alignas(16) uint8_t memory[NET_ARENA_BYTES + 128];
static uint8_t pixels[NET_INPUT_HEIGHT * NET_INPUT_WIDTH], before[sizeof pixels];
static void field(const char *text)
{
    int quoted = strpbrk(text, ",\"\r\n") != 0;
    for (printf(quoted ? "\"" : ""); *text; text++)
        printf(*text == '"' ? "\"\"" : "%c", *text);
    printf(quoted ? "\"," : ",");
}
int main(int argc, char **argv)
{
    FILE *in = fopen(argv[argc - 1], "rb");
    memset(memory, 0xc5, sizeof memory);
    while (fread(pixels, 1, sizeof pixels, in) == sizeof pixels) {
        net_decision d;
        memcpy(before, pixels, sizeof pixels);
        net_decide(memory + 64, pixels, &d);
        field(d.review ? "review" : net_class_names[d.class_index]);
        printf("%.6f,", (double)d.confidence);
        field(net_class_names[d.class_index]);
        printf("\n");
        if (memcmp(before, pixels, sizeof pixels) || (d.review != 0 && d.review != 1))
            return 1;
    }
    for (int i = 0; i < 64; i++)
        if (memory[i] != 0xc5 || memory[64 + NET_ARENA_BYTES + i] != 0xc5)
            return 2;
    return 0;
}
C
mkdir "$work/ref" && (cd "$work/ref" && cc -O2 -std=c11 -I"$root/edge" -I"$root/edge/include" -c "$root"/edge/kernels/ref/*.c) || exit 1
compare() { # MODEL PIXELS IMAGE...: the exported decision against predict, and what the board said in $work/board.csv
    local model=$1 pixels=$2
    shift 2
    rm -rf "$work/net"
    run 0 "$semtinel" export "$model" -o "$work/net/"
    flags="-std=c99 -O1 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Wundef -Werror"
    for file in "$work"/net/*.c; do
        cc $flags -I"$root/edge" -I"$root/edge/include" -ffreestanding -c "$file" -o "${file%.c}.o" || { fail "$file does not compile"; return; }
    done
    nm -u "$work/net/net_decide.o" | grep -vE ' (net_run|memset|__asan.*|__ubsan.*)$' && fail "net_decide.c needs more than the network"
    cc -O2 -std=c11 -I"$root/edge" -I"$root/edge/include" -I"$work/net" "$work/main.c" "$work"/net/*.o "$work"/ref/*.o \
        -o "$work/main" || { fail "$model does not link"; return; }
    "$work/main" "$pixels" >"$work/board.csv" || fail "$model: wrote where it must not ($?)"
    run 0 "$semtinel" predict "$model" "$@" -o "$work/desk.csv"
    # From the right, as a name may hold commas: [reason, suggested,] confidence, predicted; the board always suggests.
    review=$(head -n 1 "$work/desk.csv" | grep -c suggested_class)
    tail -n +2 "$work/desk.csv" | sed "s|^[^,]*,||" >"$work/desk.rows"
    [ "$review" = 1 ] || sed -i -E 's/^(.*),([0-9.]+)$/\1,\2,\1/' "$work/desk.rows"
    [ "$review" = 0 ] || sed -i -E 's/,(unsure)?$//' "$work/desk.rows"
    sed -i 's/$/,/' "$work/desk.rows"
    [ "$(wc -l <"$work/board.csv")" = $# ] || fail "$model: not $# decisions"
    paste "$work/desk.rows" "$work/board.csv" | awk -F '\t' '
        function cut(row, part) { match(row, /,[0-9.]+,/); part[1] = substr(row, 1, RSTART); part[3] = substr(row, RSTART + RLENGTH)
            part[2] = substr(row, RSTART + 1, RLENGTH - 2) }
        { cut($1, a); cut($2, b); off = a[2] - b[2] }
        a[1] != b[1] || a[3] != b[3] || off > 1e-5 || off < -1e-5 { print "desk " $1 "; board " $2; wrong = 1 }
        END { exit wrong }' ||
        fail "$model: the board decides otherwise"
}
reviewed() { grep -c '^review,' "$work/board.csv"; }

run 0 "$semtinel" train "$work/data" -o "$work/run" --init none --mix-synth 0 --epochs 20 --batch 8 --size 40 --width 0.25 --quiet
run 0 "$semtinel" quantize "$work/run" --calibrate "$work/data" -o "$work/plain.tflite"
says "int8: [0-9]* of [0-9]* calibration images keep their class, [0-9.]* dB"
says "under 20 dB, .* --qat DATASET helps" # some 7 dB, whatever processor rounded
! grep -e '--no-split' "$work/err" "$work/out" || fail "advice against an option that was not given"
run 0 "$semtinel" quantize "$work/run" --calibrate "$work/data" --no-split -o "$work/whole.tflite"
says "under 20 dB, .* without --no-split there is less noise; --qat DATASET helps"
run 0 "$semtinel" train "$work/data" -o "$work/begun" --init none --mix-synth 0 --epochs 1 --batch 8 --size 40 --width 0.25 --quiet
run 0 "$semtinel" quantize "$work/begun" --calibrate "$work/data" -o "$work/begun.tflite"
! grep 'under 20 dB' "$work/err" "$work/out" || fail "advice with 40 dB"
run 0 "$semtinel" calibrate "$work/run" "$work/data" --views 8 --max-rejection 0.4 --per-class -o "$work/careful.safetensors"
run 0 "$semtinel" quantize "$work/careful.safetensors" --calibrate "$work/data" -o "$work/8.tflite"
# The same with another temperature, and of one view: by texts of equal length in the metadata.
change() { # FROM TO KEY VALUE
    local old new
    old=$(LC_ALL=C grep -a -o "\"$3\": [0-9.]*" "$1" | head -n 1)
    new=$4
    while [ ${#new} -lt $((${#old} - ${#3} - 4)) ]; do case $new in *.*) new+=0 ;; *) new+=. ;; esac; done
    LC_ALL=C sed "s/$old/\"$3\": $new/" "$1" >"$2"
    [ "$(wc -c <"$1")" = "$(wc -c <"$2")" ] || fail "$3 could not be changed"
}
change "$work/8.tflite" "$work/8-hot.tflite" temperature 1.7
change "$work/8.tflite" "$work/8-cold.tflite" temperature 0.6
for temperature in '' -hot -cold; do
    for views in 1 2 4; do change "$work/8$temperature.tflite" "$work/$views$temperature.tflite" views $views; done
done

# The model decides at once, in one view, at temperature 1.
compare "$work/plain.tflite" "$work/shown.pixels" "${names[@]}"
[ "$(reviewed)" = 0 ] || fail "review without thresholds"
[ "$(cut -d, -f1 "$work/board.csv" | sort -u | wc -l)" -gt 1 ] || fail "all images are of one class: the comparison says little"
grep -q 'NET_VIEWS 1 ' "$work/net/net.h" || fail "not one view"
cp "$work/board.csv" "$work/plain.csv"
for views in 1 2 4 8; do
    for temperature in '' -hot -cold; do
        compare "$work/$views$temperature.tflite" "$work/shown.pixels" "${names[@]}"
        cp "$work/board.csv" "$work/$views$temperature.csv"
        [ -z "$temperature" ] || grep -q '^static const float power' "$work/net/net_decide.c" || fail "no temperature"
    done
    grep -q "NET_VIEWS $views " "$work/net/net.h" || fail "not $views views"
    decided=$(grep -vc '^review,' "$work/$views-cold.csv")
    [ "$decided" -gt 0 ] && [ "$decided" -lt 40 ] || fail "$views views: $decided of 40 decided; thresholds say nothing"
    cmp -s "$work/$views-hot.csv" "$work/$views-cold.csv" && fail "the temperature does nothing"
done
for views in 1 2 4; do cmp -s "$work/$views.csv" "$work/8.csv" && fail "eight views say what $views say"; done
sed -n '/threshold\[/,/};/p' "$work/net/net_decide.c" | grep -o '[0-9.]*[0-9]f' | sort -u | wc -l | grep -qv '^1$' ||
    fail "one threshold for all classes"
# Grey in three channels; a file from elsewhere, without names.
run 0 "$semtinel" train "$work/data" -o "$work/three" --init none --mix-synth 0 --epochs 1 --size 40 --width 0.25 --channels 3 --quiet
run 0 "$semtinel" quantize "$work/three" --calibrate "$work/data" -o "$work/three.tflite"
compare "$work/three.tflite" "$work/shown.pixels" "${names[@]}"
mkdir "$work/small" && for i in {10..29}; do small[i - 10]=$work/small/$i.bmp; done
"$work/images" 8 4 "${small[@]}" "$work/small.pixels"
compare "$root/fuzz/corpus/edge/small.tflite" "$work/small.pixels" "${small[@]}"
grep -q '"class2"' "$work/net/net_decide.c" || fail "unnamed classes are not called as predict calls them"

run 1 "$semtinel" quantize "$root/fuzz/corpus/edge/float.tflite" --calibrate "$work/data" -o "$work/float.tflite"
says 'float.tflite: its input is not square'
# A network of uint8 pixels is the same network.
run 0 "$semtinel" quantize "$work/run" --calibrate "$work/data" --raw-input -o "$work/raw.tflite"
for model in raw plain; do run 0 "$semtinel" predict "$work/$model.tflite" "${names[@]}" -o "$work/$model.rows"; done
cmp -s "$work/raw.rows" "$work/plain.rows" || fail "predictions of uint8 pixels: $(diff "$work/raw.rows" "$work/plain.rows" | head -n 3)"

# What is unfamiliar stays unknown to a board, which is said.
run 0 "$semtinel" calibrate "$work/run" "$work/data" --unfamiliar 0.1 -o "$work/watch.safetensors"
run 0 "$semtinel" quantize "$work/watch.safetensors" --calibrate "$work/data" -o "$work/watch.tflite"
run 0 "$semtinel" export "$work/watch.tflite" -o "$work/net/"
says 'watch.tflite: only the checkpoint knows which images are unfamiliar'
says_one_line
grep -q 'which images are unfamiliar' "$work/net/README.md" || fail "README.md does not say what is missing"
# What cannot be decided of grey bytes has no decision, and why is said; an earlier one goes.
[ -e "$work/net/net_decide.c" ] || fail "no decision to begin with"
change "$work/plain.tflite" "$work/shifted.tflite" mean 127
run 0 "$semtinel" export "$work/shifted.tflite" -o "$work/net/"
says "no net_decide.c: the input's bytes are not grey levels less 128"
says_one_line
for file in net_decide.c net_example.c; do [ ! -e "$work/net/$file" ] || fail "$file of an earlier network stays"; done
grep -q 'net_decide' "$work/net/net.h" && fail "net.h declares a decision that is not there"
grep -q 'grey levels less 128' "$work/net/README.md" || fail "README.md does not say why there is no decision"
run 0 "$semtinel" export "$root/fuzz/corpus/edge/product.tflite" -o "$work/net/"
says 'no net_decide.c: input int8 of rank 4 (1 x 9 x 8 x 1)'
run 0 "$semtinel" export "$work/plain.tflite" -o "$work/缺/"
[ -e "$work/缺/network_decide.c" ] || fail "a folder without a plain letter: $(ls "$work/缺")"

# The firmware's comparison reads names with commas, quotes and line ends, and still sees what differs.
{
    echo 'image_name,predicted_class,confidence,suggested_class,review_reason'
    for i in {0..10}; do printf '"a, %d.png",review,0.25,"a, ""li\nne""",unsure\n' $i; done
    for i in {11..20}; do printf '%d.png,"a, ""li\nne""",0.75,"a, ""li\nne""",\n' $i; done
} >"$work/desk.csv"
decisions() { printf 'review,250001,a, "li\nne"\nreview,249999,a, "li\nne"\na, "li\nne",%s,a, "li\nne%s"\n' "$1" "$2" >"$work/board.txt"; }
decisions 750000 ''
expect 0 '3 images decided as by semtinel predict, 2 of them' awk -f "$root/firmware/decisions.awk" "$work/desk.csv" "$work/board.txt"
for other in "750011 " "750000 x"; do
    decisions "${other% *}" "${other#* }"
    expect 1 'decisions are not those' awk -f "$root/firmware/decisions.awk" "$work/desk.csv" "$work/board.txt"
done
head -n 4 "$work/board.txt" >"$work/short.txt"
expect 1 'decisions are not those' awk -f "$root/firmware/decisions.awk" "$work/desk.csv" "$work/short.txt"
finish
