#!/usr/bin/env bash
# An ensemble from the command line: the mean of its members' logits, in every format; what goes along, and bad input.
. "$(dirname "$0")/checks.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$work" || exit 1

run 0 "$semtinel" synth data --per-class 8 --size 48 --splits --seed 3 --quiet
small="--init none --mix-synth 0 --epochs 4 --batch 16 --size 48 --quiet"
# shellcheck disable=SC2086
{
    run 0 "$semtinel" train data -o a $small --width 0.5
    run 0 "$semtinel" train data -o b $small --width 0.25 --seed 2
    run 0 "$semtinel" train data/train -o whole-a $small --width 0.25
    run 0 "$semtinel" train data/train -o whole-b $small --width 0.25 --rate 1e-3
    run 0 "$semtinel" train data/train -o whole-c $small --width 0.25 --seed 2
    run 0 "$semtinel" train data/train -o whole-d $small --width 0.25 --val-share 0.3
}
run 0 "$semtinel" calibrate a data --max-rejection 0.3
run 0 "$semtinel" ensemble a b -o ab
says '2 networks, .* parameters'
run 0 "$semtinel" info ab
says 'network  *mobilenetv3-small-ensemble of 2'; says '  member  *mobilenetv3-small, width 0.5'; says '  member  *mobilenetv3-small, width 0.25'
grep -q '"decision"\|rejection' out && fail "the threshold of one member is kept"
run 0 "$semtinel" ensemble a/ b/ -o same --quiet
cmp -s ab/model.safetensors same/model.safetensors || fail "a/ and b/ are others than a and b"
run 0 "$semtinel" ensemble a/model.safetensors b -o ab2 --quiet
[ -s out ] && fail "--quiet prints"
cmp -s ab/model.safetensors ab2/model.safetensors && fail "the members' names are not kept"

# The probabilities are the geometric mean of the members', before and after export.
for model in a b ab; do run 0 "$semtinel" evaluate $model data -o of-$model --quiet; done
run 3 "$semtinel" export ab --all formats; says "formats/model.h5: Keras's MobileNetV3Small is one network"
for format in model.tflite model.onnx model.pb saved_model.pb model.safetensors; do
    run 0 "$semtinel" evaluate formats/$format data -o of-$format --quiet
    paste -d, of-a/predictions.csv of-b/predictions.csv of-$format/predictions.csv | awk -F, -v format=$format '
        NR == 1 { n = 1; while ($(n + 1) != "file") n++; for (m = n + 1; $(m + 1) != "file"; m++); }
        NR > 1 { sum = 0
            for (i = 5; i <= n; i++) { p[i] = sqrt($i * $(n + i)); sum += p[i] }
            for (i = 5; i <= n; i++) { off = p[i] / sum - $(m + i); if (off < 0) off = -off; if (off > worst) worst = off } }
        END { if (NR < 10 || worst > 2e-4) { print format ": probabilities are off by " worst; exit 1 } }' ||
        fail "$format is not the mean of its members"
done

# Training images of both are known; two networks of one folder hold the same part out.
run 0 "$semtinel" evaluate ab data --split train -o seen; says 'trained'
run 0 "$semtinel" ensemble whole-a whole-b -o whole
run 0 "$semtinel" calibrate whole data/train; says 'held out'
for other in whole-c whole-d; do # which held out others
    run 0 "$semtinel" ensemble whole-a $other -o mixed
    run 1 "$semtinel" calibrate mixed data/train; says 'has no val images'
done

# It does what a run does, and its int8 file is one file; as C, it is the host's bit for bit.
run 0 "$semtinel" calibrate ab data --max-rejection 0.2 --unfamiliar 0.1
run 0 "$semtinel" adapt ab data/test -o adapted
run 0 "$semtinel" explain ab data/test/bridge -o why
cmp -s <(cut -d, -f4- why/explanations.csv) <("$semtinel" explain a data/test/bridge -o why-a >/dev/null; cut -d, -f4- why-a/explanations.csv) &&
    fail "one member explains for both"
run 0 "$semtinel" quantize ab --calibrate data --qat data --epochs 1 -o ab-int8.tflite
run 0 "$semtinel" evaluate ab-int8.tflite data -o of-int8
for file in formats/model.tflite ab-int8.tflite; do # the output's shape is that of one network, whose place it takes
    run 0 "$semtinel" info $file; says 'ADD  *1 x [0-9]*  '; says 'SOFTMAX  *1 x [0-9]*  '
done
run 0 "$semtinel" explain ab-int8.tflite data/test/bridge --source ab -o why-int8
run 0 "$semtinel" export ab-int8.tflite -o net/
cat >main.c <<'C'
#include "net.h"
#include <stdio.h>
static _Alignas(16) uint8_t arena[NET_ARENA_BYTES];
int main(void)
{
    printf("%d\n", (int)net_check(arena));
    return 0;
}
C
cc -O2 -std=c11 -I"$root/edge" -I"$root/edge/include" -Inet main.c net/*.c "$root"/edge/kernels/ref/*.c -o main ||
    fail "the C source does not compile"
[ "$(./main)" = -1 ] || fail "the C source computes something else"

# Bad input: one line, and nothing is left behind.
refused() { run 1 "$semtinel" ensemble "${@:2}" -o bad; says "$1"; says_one_line; [ -e bad ] && fail "a folder is left behind"; }
# shellcheck disable=SC2086
run 0 "$semtinel" train data -o large --init none --mix-synth 0 --epochs 1 --size 64 --width 0.25 --quiet
run 0 "$semtinel" synth other --preset phase3 --per-class 4 --size 48 --splits --quiet
# shellcheck disable=SC2086
run 0 "$semtinel" train other -o other-run $small --width 0.25 --epochs 1
head -c 9000 a/model.safetensors >cut.safetensors
refused 'network 2 takes 64 pixels' a large
refused 'network 2 has other classes' a other-run
refused 'network 1 is an ensemble itself' ab a
refused 'network 2 is exported, or of another program' a formats/model.tflite
refused 'cut.safetensors: .*cut' a cut.safetensors
refused 'missing' a missing
run 1 "$semtinel" ensemble a b -o b; says 'b/model.safetensors: is to be read, and would be overwritten'
run 1 "$semtinel" ensemble a b -o whole-a; says "whole-a: holds a trained run, .* name another folder"; says_one_line
echo left >same/model-int8.tflite
run 0 "$semtinel" ensemble b a -o same # an earlier ensemble is replaced
says 'same/model-int8.tflite is of an earlier call'
run 1 bash -c 'ulimit -f 1; "$@"' - "$semtinel" ensemble a b -o bad; says 'cannot write: File too large'; says_one_line
[ -e bad ] && fail "an empty folder is left behind"
run 1 "$semtinel" ensemble a b a/model.safetensors -o bad; says 'a/model.safetensors: is named twice'
run 1 "$semtinel" train data -o again $small --width 0.5 --init ab; says 'ab: is an ensemble'
run 2 "$semtinel" ensemble a -o bad
run 2 "$semtinel" ensemble a b; says '-o RUN is missing'
finish
