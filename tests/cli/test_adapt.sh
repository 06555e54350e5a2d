# adapt from the command line: a run for images of another kind, its int8 file, and bad input.
. "$(dirname "$0")/checks.sh"

for part in train val; do
    run 0 "$semtinel" synth "$work/data/$part" --per-class 4 --size 48 --seed ${#part} --quiet
done
run 0 "$semtinel" synth "$work/foreign" --per-class 2 --size 64 --seed 9 --quiet
run 0 "$semtinel" train "$work/data" -o "$work/run" --init none --mix-synth 0 --epochs 2 --size 48 --width 0.25 --quiet
run 0 "$semtinel" calibrate "$work/run" "$work/data" --max-rejection 0.5 --unfamiliar 0.1

# The same images and seed give the same bytes at any number of threads; the weights stay.
run 0 "$semtinel" adapt "$work/run" "$work/foreign" -o "$work/one" --threads 1
says 'share of their statistics'
grep -q 'one: sends no unfamiliar images to review any more' "$work/err" || fail "silent about what --unfamiliar no longer does"
run 0 "$semtinel" adapt "$work/run/model.safetensors" "$work/foreign" -o "$work/two" --threads 3 --quiet
cmp -s "$work/one/model.safetensors" "$work/two/model.safetensors" || fail "the number of threads changed the result"
cmp -s "$work/one/model.safetensors" "$work/run/model.safetensors" && fail "nothing was adapted"
run 0 "$semtinel" info "$work/one" --json
says '"adapted"'
grep -q least_familiarity "$work/out" && fail "familiarity of other features is kept"
grep -q '"target": "rejection 0.5"' "$work/out" || fail "the model still claims to watch for unfamiliar images"
grep -q '"temperature"' "$work/out" || fail "the temperature is lost"
run 0 "$semtinel" evaluate "$work/one" "$work/foreign" -o "$work/evaluated"

# Two images are at most as varied as two classes; many of a few kinds may be all that there is.
run 0 "$semtinel" adapt "$work/run" "$work/foreign/crack" -o "$work/narrow"
says 'as varied as [12]\.0 of its 10 classes: if some kinds are not only rare but missing'

# An adapted run can be adapted, and quantised on the spot.
run 0 "$semtinel" adapt "$work/one" "$work/foreign/"* -o "$work/three" --quantize --calibrate "$work/data/train" --prior 5
grep -q 'earlier call' "$work/err" && fail "a new file is called old"
run 0 "$semtinel" evaluate "$work/three/model-int8.tflite" "$work/foreign" -o "$work/int8"
[ -s "$work/three/model.tflite" ] || fail "no float file"
# Without --quantize these files are of the run that was there before.
run 0 "$semtinel" adapt "$work/one" "$work/foreign" -o "$work/three"
for left in model.tflite model-int8.tflite; do says "three/$left is of an earlier call"; done
# What cannot be calibrated leaves the earlier run as it was; old files beside a new run that could not be written whole are named.
mkdir "$work/none" && cp -r "$work/three" "$work/left"
run 1 "$semtinel" adapt "$work/run" "$work/foreign" -o "$work/left" --quantize --calibrate "$work/none"; says 'none: no image'
cmp -s "$work/left/model.safetensors" "$work/three/model.safetensors" || fail "a run without its int8 file took an earlier one's place"
rm "$work/left/model.tflite" && mkdir "$work/left/model.tflite"
run 1 "$semtinel" adapt "$work/one" "$work/foreign" -o "$work/left" --quantize; says "left/model-int8.tflite is of an earlier call"

# Bad input: one line each.
one_line() { [ "$(grep -c '^semtinel: [^w]' "$work/err")" = 1 ] || { fail "not one line: $*"; cat "$work/err"; }; }
mkdir "$work/empty"
run 1 "$semtinel" adapt "$work/run" "$work/empty" -o "$work/bad"; one_line empty; says 'no image'
[ "$(wc -l <"$work/err")" = 1 ] || fail "an empty folder is told more than once: $(cat "$work/err")"
mkdir "$work/void"
run 1 "$semtinel" adapt "$work/run" "$work/empty" "$work/void" -o "$work/bad"; one_line void
says 'warning: .*/empty: no image'; says 'semtinel: .*/void: no image'
run 1 "$semtinel" adapt "$work/run" "$work/missing" -o "$work/bad"; one_line missing
run 1 "$semtinel" adapt "$work/three/model.tflite" "$work/foreign" -o "$work/bad"; one_line tflite; says 'checkpoint'
head -c 5000 "$work/run/model.safetensors" >"$work/cut.safetensors"
run 1 "$semtinel" adapt "$work/cut.safetensors" "$work/foreign" -o "$work/bad"; one_line cut; says 'it was cut'
run 1 bash -c 'ulimit -f 1; "$@"' - "$semtinel" adapt "$work/run" "$work/foreign" -o "$work/bad"; one_line full; says 'cannot write: File too large'
[ -e "$work/bad" ] && fail "a folder is left behind"
run 1 "$semtinel" adapt "$work/run" "$work/foreign" -o /proc/none; one_line unwritable
cp "$work/one/model.safetensors" "$work/kept"
run 1 "$semtinel" adapt "$work/one" "$work/foreign" -o "$work/run/../one"; says_one_line; says 'would overwrite'
run 1 "$semtinel" adapt "$work/one" "$work/foreign" -o "$work/run"; says_one_line; says "run: holds a trained run, .* name another folder"
cmp -s "$work/one/model.safetensors" "$work/kept" || fail "a refused run was overwritten"
run 2 "$semtinel" adapt "$work/run" "$work/foreign"
run 2 "$semtinel" adapt "$work/run" "$work/foreign" -o "$work/bad" --calibrate "$work/data"
echo junk >"$work/foreign/junk.png"
run 3 "$semtinel" adapt "$work/run" "$work/foreign" -o "$work/four"; says 'junk.png'

finish
