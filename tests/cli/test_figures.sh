#!/usr/bin/env bash
# The scripts behind the figures and those of tools/: usage where nothing is given; a training that fails, or that Ctrl-C stops, is not
# measured, nor a model that cannot be read.
. "$(dirname "$0")/checks.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$work" || exit 1

for script in "$root"/bench/figures/*.sh "$root"/models/pretrain.sh; do
    name=$(basename "$script")
    [ "$name" = weights.sh ] || expect 2 "$name .*(BUILD|RUN)" bash "$script"
done
for script in "$root"/tools/{check_symbols,demo,fuzz}.sh "$root"/tests/interop/run.sh; do
    expect 2 "Usage: $(basename "$script") [A-Z]+" bash "$script"
done
expect 2 "Usage: fuzz.sh SECONDS" bash "$root/tools/fuzz.sh" fuzz_edge
expect 1 "libsemtinel.so" bash "$root/tools/check_symbols.sh" .

# A command whose training ends as by Ctrl-C, and that says what it was asked for.
mkdir build data made
cat >build/semtinel <<'END'
#!/bin/sh
echo "$1" >>calls
echo "$*" >>lines
[ "$1" != "${FAILS:-train}" ] || exit 130
for word; do
    [ "$1 $last" != "evaluate -o" ] || { mkdir -p "$word" && printf ' "accuracy": 0.5,\n "macro_avg": {\n  "f1": 0.5\n' >"$word/metrics.json"; }
    last=$word
done
case "$1 $2" in
"predict good") printf '%s\n' ' {' '  "predicted_class": "crack",' ' }' ;;
"predict careful") printf '%s\n' ' {' '  "predicted_class": "review",' '  "suggested_class": "open",' ' }' ;;
"predict bold") printf '%s\n' ' {' '  "predicted_class": "open",' '  "suggested_class": "open",' ' }' ;;
"predict wary") printf '%s\n' ' {' '  "predicted_class": "review",' '  "suggested_class": "crack",' ' }' ;;
esac
END
chmod +x build/semtinel
for script in accuracy teacher; do
    rm -f calls
    SETS=sem-a FROM=backbone SEEDS=1 SEMTINEL_DATA=data run 123 bash "$root/bench/figures/$script.sh" build made
    [ "$(cat calls)" = train ] || fail "$script.sh went on after a training that was stopped: $(tr '\n' ' ' <calls)"
done
# Weights from PyTorch are padded in their own way; what training refuses is told before the images are made.
touch weights && rm -f lines
PADDING=symmetric INIT=weights WORK=made run 130 bash "$root/models/pretrain.sh" build
grep -q "^train .*--init $work/weights .*--padding symmetric" lines || fail "pretrain.sh does not pass the padding on: $(cat lines)"
[ "$(grep -c ^synth lines)" = 1 ] || fail "pretrain.sh simulates before training has refused: $(cat lines)"
# Nor does one that fails leave a figure of what was measured before it, or a mean without it.
mkdir -p data/sem-a data/sem-h
for fails in evaluate adapt label; do
    FAILS=$fails SEMTINEL=$work/build/semtinel SEMTINEL_DATA=data run 130 bash "$root/bench/figures/foreign.sh" run
    grep -q "^| run | sem-h" out && fail "foreign.sh has a row where $fails failed"
done
FAILS=calibrate SEMTINEL=$work/build/semtinel run 130 bash "$root/bench/figures/purity.sh" run 1
SETS=sem-a MEMBERS=a+b SEEDS=1 FAILS=evaluate SEMTINEL_DATA=data run 130 bash "$root/bench/figures/ensemble.sh" build made
grep -q float out && fail "ensemble.sh has a mean of what was not measured"
SEMTINEL=build/semtinel expect 0 "1 images, same class 100" bash "$root/bench/figures/agreement.sh" good good data
# Images that both models send to review are not of one class for that.
SEMTINEL=build/semtinel expect 0 "1 images, same class 0.00" bash "$root/bench/figures/agreement.sh" careful wary data
SEMTINEL=build/semtinel expect 0 "1 images, same class 100" bash "$root/bench/figures/agreement.sh" careful bold data
for models in "good missing" "missing good"; do
    # shellcheck disable=SC2086
    SEMTINEL=build/semtinel run 1 bash "$root/bench/figures/agreement.sh" $models data
done

# The demo deletes no folder of somebody else's, neither one that it is given nor one that has its name.
mkdir -p checkout/tools demo && touch demo/mine && cp "$root/tools/demo.sh" checkout/tools
expect 1 "demo.sh: demo: holds something else" bash checkout/tools/demo.sh build demo
run 130 bash checkout/tools/demo.sh build
[ -e demo/mine ] || fail "demo.sh deleted another folder called demo"
finish
