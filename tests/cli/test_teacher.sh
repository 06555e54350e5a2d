#!/usr/bin/env bash
# train --teacher: the labels come from the teacher; what goes along; resuming; bad input.
. "$(dirname "$0")/checks.sh"
cd "$work" || exit 1

# A data set with right labels, and one in which each folder holds another class's images: who learns from a teacher of the second
# knows the second's classes, whatever its own folders are called.
run 0 "$semtinel" synth all --per-class 30 --size 48 --splits --seed 3 --quiet
for part in train val test; do
    mkdir -p right/$part wrong/$part
    cp -r all/$part/{clean,scratch,vias} right/$part
    classes=(right/"$part"/*)
    for i in "${!classes[@]}"; do cp -r "${classes[i]}" wrong/$part/"$(basename "${classes[(i + 1) % ${#classes[@]}]}")"; done
done
quick="--size 48 --mix-synth 0 --batch 16 --quiet"
# shellcheck disable=SC2086
{
    run 0 "$semtinel" train wrong -o teacher $quick --epochs 20 --threads 1
    run 0 "$semtinel" train right -o student $quick --epochs 20 --teacher teacher/ --threads 1
    run 0 "$semtinel" train right -o again $quick --epochs 20 --teacher teacher --threads 2
}
cmp student/model.safetensors again/model.safetensors || fail "another number of threads gives other bytes"
accuracy() { "$semtinel" evaluate student "$1" --split train -q -o "of-$1" >/dev/null 2>&1; awk -F'[:,]' '/"accuracy"/ { print $2; exit }' "of-$1/metrics.json"; }
right=$(accuracy right) wrong=$(accuracy wrong)
awk "BEGIN { exit !($wrong > 0.8 && $right < 0.2) }" || fail "a share of $wrong has the teacher's classes, $right the folders'"
run 0 "$semtinel" info student; says '"teacher": "teacher"'

# The teacher's training images are known as its student's.
run 0 "$semtinel" train right/val -o other $quick --epochs 1 --teacher teacher
run 0 "$semtinel" evaluate other wrong --split train -o seen; says 'trained'

# Nor does anyone validate with them unawares: another seed holds out other images, the same one does not.
silent_of_seen() { grep -q 'validation images trained' out err && fail "the same images are held out, and yet it warns"; }
run 0 "$semtinel" train right/train -o first $quick --epochs 1 --seed 1; silent_of_seen
run 0 "$semtinel" train right/train -o same $quick --epochs 1 --seed 1 --teacher first; silent_of_seen
run 0 "$semtinel" train right/train -o taught $quick --epochs 1 --seed 2 --teacher first
says '[0-9]* of [0-9]* validation images trained the initial weights or the teacher: .* One --seed'
run 0 "$semtinel" train right/train -o begun $quick --epochs 1 --seed 2 --init first; says 'validation images trained the initial weights'
run 0 "$semtinel" train right -o begun $quick --epochs 1 --init other; says 'Train these on the same train/ part first'
# Images of a class that nothing trains validate nothing: they count neither as images nor as seen.
mkdir -p partly/train && cp -r right/train/{clean,scratch} partly/train && cp -r right/val partly/
run 0 "$semtinel" train right/val -o knows $quick --epochs 1
run 0 "$semtinel" train partly -o begun $quick --epochs 1 --init knows; cp err some
rm -r partly/val/vias
run 0 "$semtinel" train partly -o begun $quick --epochs 1 --init knows; says 'validation images trained the initial weights'
grep -qxF "$(cat err)" some || fail "others are counted beside a class without training images: $(cat some)"

# Interrupted and resumed, with the same teacher only: the same bytes.
# shellcheck disable=SC2086
"$semtinel" train right -o stopped $quick --epochs 20 --teacher teacher >out 2>&1 &
process=$!
for _ in $(seq 1 200); do [ -s stopped/checkpoint.safetensors ] && break; sleep 0.02; done
kill -INT $process
wait $process
[ $? = 130 ] || fail "it could not be interrupted: $(tail -1 out)"
says 'train right -o stopped --teacher ... --resume'
run 1 "$semtinel" train right -o stopped --resume; says 'it was started with a teacher; give the same --teacher'
run 1 "$semtinel" train right -o stopped --resume --teacher other; says 'it was started with another teacher'
run 0 "$semtinel" train right -o stopped --resume --teacher teacher
cmp student/model.safetensors stopped/model.safetensors || fail "interrupted and resumed: other bytes"
run 1 "$semtinel" train wrong -o teacher --resume --teacher other; says 'it was started with no teacher; leave out --teacher'

# Bad input: one line, before any image is read.
refused() { run 1 "$semtinel" train right -o bad "${@:2}"; says "$1"; says_one_line; [ -e bad/model.safetensors ] && fail "a model is left behind"; }
refused 'nowhere: there is no such' --teacher nowhere
head -c 9000 teacher/model.safetensors >cut.safetensors
refused 'cut.safetensors: .*cut' --teacher cut.safetensors
run 0 "$semtinel" export teacher -o teacher.onnx
refused 'teacher.onnx: is no network that' --teacher teacher.onnx
run 1 "$semtinel" train right -o bad --size 64 --teacher teacher; says 'teacher: takes 48 pixels in 1 channel, and this network takes 64 in 1; train both with one --size$'
run 1 "$semtinel" train all -o bad --mix-synth 0 --teacher teacher; says 'teacher: has other classes'
run 1 "$semtinel" train right -o teacher --teacher teacher; says 'teacher/model.safetensors: is to be read, and would be overwritten'
finish
